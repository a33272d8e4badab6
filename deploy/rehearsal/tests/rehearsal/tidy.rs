//! What every file of the repository keeps to: size, names, purity, an opening line.

use std::path::{Path, PathBuf};

/// Longest source file, tests apart.
const LINES_MAX: usize = 600;

/// What the root holds; dotfiles aside.
const ROOT: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "agent",
    "collector",
    "deploy",
    "probes",
    "target",
];

/// Words that name no idea, unwanted in file names.
const EMPTY_WORDS: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "misc", "manager",
];

/// What the sources of pure packages must not mention.
const IMPURE_CALLS: &[&str] = &[
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "SystemTime::now",
    "Instant::now",
    "std::env::var",
];

const PURE_SOURCES: &[&str] = &[
    "probes/model/src",
    "probes/language/src",
    "probes/import/src",
    "probes/wire/src",
    "collector/availability/src",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the root")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["agent", "collector", "deploy", "probes"] {
        sources(&root().join(folder), &mut found);
    }
    assert!(found.len() > 20, "only {} sources found", found.len());
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        (path, text)
    };
    found.into_iter().map(read).collect()
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_name().is_some_and(|name| name == "tests.rs")
}

#[test]
fn the_root_holds_only_what_the_design_names() {
    let extra: Vec<_> = std::fs::read_dir(root())
        .expect("the root")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !ROOT.contains(&name.as_str()))
        .collect();
    assert!(extra.is_empty(), "{extra:?} in the root");
}

#[test]
fn sources_are_short_named_for_an_idea_and_say_what_they_own() {
    let mut wrong = Vec::new();
    for (path, text) in all_sources() {
        let shown = path
            .strip_prefix(root())
            .expect("below the root")
            .display()
            .to_string();
        let code = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or(&text);
        if !is_test(&path) && code.lines().count() > LINES_MAX {
            wrong.push(format!("{shown}: {} lines", code.lines().count()));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{shown}: no opening `//!`"));
        }
        let stem = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if stem == "mod" || EMPTY_WORDS.contains(&stem.as_str()) {
            wrong.push(format!("{shown}: its name says nothing"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pure_packages_mention_no_io_and_no_clock() {
    let mut wrong = Vec::new();
    for (path, text) in all_sources() {
        if !PURE_SOURCES
            .iter()
            .any(|pure| path.starts_with(root().join(pure)))
        {
            continue;
        }
        for call in IMPURE_CALLS {
            if text.contains(call) {
                wrong.push(format!("{}: {call}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn names_of_the_wire_are_written_in_the_wire_package_only() {
    let wire = root().join("probes/wire");
    let wrong: Vec<_> = all_sources()
        .into_iter()
        .filter(|(path, _)| !path.starts_with(&wire) && !is_test(path))
        .filter(|(_, text)| {
            [
                "\"bongsu.outcome",
                "\"bongsu.phase",
                "\"bongsu.step",
                "\"bongsu.run",
            ]
            .iter()
            .any(|name| text.contains(name))
        })
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
