//! The files that pages load: embedded, named by their content, so that browsers may keep them.

use sha2::Digest as _;

/// An embedded file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asset {
    /// Its name under `/assets/`.
    pub(crate) name: &'static str,
    /// Its media type.
    pub(crate) media_type: &'static str,
    /// Its content.
    pub(crate) content: &'static str,
}

/// The style sheet.
pub(crate) const STYLE: Asset = Asset {
    name: "board.css",
    media_type: "text/css; charset=utf-8",
    content: include_str!("page/board.css"),
};

/// The script that keeps a page fresh.
pub(crate) const SCRIPT: Asset = Asset {
    name: "board.js",
    media_type: "text/javascript; charset=utf-8",
    content: include_str!("page/board.js"),
};

/// The mark in a browser's tab.
pub(crate) const MARK: Asset = Asset {
    name: "mark.svg",
    media_type: "image/svg+xml",
    content: include_str!("page/mark.svg"),
};

impl Asset {
    /// The file of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [STYLE, SCRIPT, MARK]
            .into_iter()
            .find(|asset| asset.name == name)
    }

    /// Its address, which changes with its content.
    pub(crate) fn address(self) -> String {
        format!("/assets/{}?v={}", self.name, self.tag())
    }

    /// The first 16 hex digits of its SHA-256.
    pub(crate) fn tag(self) -> String {
        let digest = sha2::Sha256::digest(self.content);
        digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
    }
}
