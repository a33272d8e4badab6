//! The scenarios that come with the binary, embedded so that it needs no checkout beside it.

use bongsu_language::SourceFile;

/// A scenario's files.
#[derive(Debug, Clone, Copy)]
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// The scenario, then the files that it names: each with its path and its text.
    files: &'static [(&'static str, &'static str)],
    /// The rows that its boards are held against.
    expected: (&'static str, &'static str),
}

macro_rules! file {
    ($name:literal) => {
        (
            concat!("scenarios/", $name),
            include_str!(concat!("../../scenarios/", $name)),
        )
    };
}

/// Every shipped scenario, the outage of 2022 first.
pub const SHIPPED: &[Shipped] = &[
    Shipped {
        name: "pangyo-2022",
        files: &[
            file!("pangyo-2022.toml"),
            file!("pangyo-2022.csv"),
            file!("pangyo-2022.modelled.csv"),
        ],
        expected: file!("pangyo-2022.expected.csv"),
    },
    Shipped {
        name: "small-outage",
        files: &[file!("small-outage.toml")],
        expected: file!("small-outage.expected.csv"),
    },
    Shipped {
        name: "large-payloads",
        files: &[file!("large-payloads.toml")],
        expected: file!("large-payloads.expected.csv"),
    },
    Shipped {
        name: "dns-only",
        files: &[file!("dns-only.toml")],
        expected: file!("dns-only.expected.csv"),
    },
    Shipped {
        name: "wrong-content",
        files: &[file!("wrong-content.toml")],
        expected: file!("wrong-content.expected.csv"),
    },
    Shipped {
        name: "claim-contradicted",
        files: &[file!("claim-contradicted.toml")],
        expected: file!("claim-contradicted.expected.csv"),
    },
    Shipped {
        name: "auth-down",
        files: &[file!("auth-down.toml")],
        expected: file!("auth-down.expected.csv"),
    },
    Shipped {
        name: "media-store-down",
        files: &[file!("media-store-down.toml")],
        expected: file!("media-store-down.expected.csv"),
    },
    Shipped {
        name: "cleanup-down",
        files: &[file!("cleanup-down.toml")],
        expected: file!("cleanup-down.expected.csv"),
    },
    Shipped {
        name: "power-lost",
        files: &[file!("power-lost.toml")],
        expected: file!("power-lost.expected.csv"),
    },
    Shipped {
        name: "region-lost",
        files: &[file!("region-lost.toml")],
        expected: file!("region-lost.expected.csv"),
    },
    Shipped {
        name: "collector-lost",
        files: &[file!("collector-lost.toml")],
        expected: file!("collector-lost.expected.csv"),
    },
];

/// The shipped scenario of this name.
pub fn shipped(name: &str) -> Option<&'static Shipped> {
    SHIPPED.iter().find(|shipped| shipped.name == name)
}

impl Shipped {
    /// Its files, the scenario first.
    pub fn files(&self) -> Vec<SourceFile> {
        let files = self.files.iter();
        files
            .map(|(path, text)| SourceFile::new(*path, *text))
            .collect()
    }

    /// The rows that its boards are held against.
    pub fn expected(&self) -> SourceFile {
        let (path, text) = self.expected;
        SourceFile::new(path, text)
    }
}
