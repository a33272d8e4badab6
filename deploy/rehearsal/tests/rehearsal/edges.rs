//! Who may depend on whom, and which packages are pure. The table is the design; a dependency
//! that is not in it fails here before it can spread.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// Edges that any package may draw upon in production code.
const ALLOWED: &[(&str, &[&str])] = &[
    ("bongsu-model", &[]),
    ("bongsu-language", &["bongsu-model"]),
    ("bongsu-import", &["bongsu-language", "bongsu-model"]),
    ("bongsu-wire", &["bongsu-model"]),
    ("bongsu-telemetry", &["bongsu-model"]),
    ("bongsu-probes", &["bongsu-model", "bongsu-language"]),
    (
        "bongsu-agent",
        &[
            "bongsu-import",
            "bongsu-probes",
            "bongsu-language",
            "bongsu-telemetry",
            "bongsu-wire",
            "bongsu-model",
        ],
    ),
    ("bongsu-availability", &["bongsu-model"]),
    (
        "bongsu-collector",
        &[
            "bongsu-availability",
            "bongsu-wire",
            "bongsu-language",
            "bongsu-telemetry",
            "bongsu-model",
        ],
    ),
    ("bongsu-superapp", &["bongsu-model"]),
    (
        "bongsu-rehearsal",
        &[
            "bongsu-agent",
            "bongsu-availability",
            "bongsu-collector",
            "bongsu-language",
            "bongsu-model",
            "bongsu-probes",
            "bongsu-superapp",
            "bongsu-wire",
        ],
    ),
];

/// Edges that tests may draw upon besides.
const ALLOWED_IN_TESTS: &[(&str, &str)] = &[
    ("bongsu-probes", "bongsu-superapp"),
    ("bongsu-agent", "bongsu-superapp"),
];

/// The packages that never do input or output.
const PURE: &[&str] = &[
    "bongsu-model",
    "bongsu-language",
    "bongsu-import",
    "bongsu-wire",
    "bongsu-availability",
];

/// What a pure package must not link, not even through others.
const IMPURE: &[&str] = &[
    "tokio", "mio", "socket2", "hyper", "reqwest", "rustls", "rusqlite",
];

fn metadata() -> &'static Metadata {
    static METADATA: OnceLock<Metadata> = OnceLock::new();
    METADATA.get_or_init(|| {
        MetadataCommand::new()
            .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
            .other_options([
                "--locked".to_owned(),
                // One platform: the others' packages need not be downloaded.
                "--filter-platform=x86_64-unknown-linux-gnu".to_owned(),
            ])
            .exec()
            .expect("cargo metadata of the workspace")
    })
}

#[test]
fn packages_depend_on_each_other_only_as_designed() {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for package in metadata().workspace_packages() {
        let name = package.name.as_str();
        seen.insert(name);
        let Some(allowed) = allowed.get(name) else {
            wrong.push(format!("{name} is not in the table of allowed edges"));
            continue;
        };
        for dependency in package
            .dependencies
            .iter()
            .filter(|d| d.name.starts_with("bongsu-"))
        {
            let to = dependency.name.as_str();
            let permitted = match dependency.kind {
                DependencyKind::Normal => allowed.contains(&to),
                _ => allowed.contains(&to) || ALLOWED_IN_TESTS.contains(&(name, to)),
            };
            if !permitted {
                wrong.push(format!("{name} → {to} ({:?})", dependency.kind));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "edges that the design does not have: {wrong:#?}"
    );
    assert_eq!(
        seen,
        allowed.keys().copied().collect(),
        "packages and table differ"
    );
}

#[test]
fn pure_packages_link_nothing_that_does_io() {
    let resolve = metadata().resolve.as_ref().expect("a resolved graph");
    let names: BTreeMap<&PackageId, &str> = metadata()
        .packages
        .iter()
        .map(|p| (&p.id, p.name.as_str()))
        .collect();
    for pure in PURE {
        let root = metadata()
            .packages
            .iter()
            .find(|p| p.name.as_str() == *pure)
            .expect(pure);
        let mut reached = BTreeSet::new();
        let mut open = vec![&root.id];
        while let Some(id) = open.pop() {
            let node = resolve
                .nodes
                .iter()
                .find(|node| node.id == *id)
                .expect("a node");
            for dependency in &node.deps {
                let normal = dependency
                    .dep_kinds
                    .iter()
                    .any(|k| k.kind == DependencyKind::Normal);
                if normal && reached.insert(&dependency.pkg) {
                    open.push(&dependency.pkg);
                }
            }
        }
        let impure: Vec<_> = reached
            .iter()
            .map(|id| names[id])
            .filter(|n| IMPURE.contains(n))
            .collect();
        assert!(impure.is_empty(), "{pure} links {impure:?}");
    }
}

#[test]
fn the_collector_never_links_the_probing_stack() {
    let collector = metadata()
        .packages
        .iter()
        .find(|p| p.name.as_str() == "bongsu-collector")
        .expect("it");
    // Its control channel is a WebSocket server of its own; names and journeys are the probes'.
    for probing in ["hickory-resolver", "bongsu-probes"] {
        assert!(
            collector.dependencies.iter().all(|d| d.name != probing),
            "bongsu-collector depends on {probing}"
        );
    }
}
