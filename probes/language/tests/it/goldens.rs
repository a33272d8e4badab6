//! What people read when a file is wrong: one pair of files per rule.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bongsu_language::{CheckOptions, Loaded, Rule, SourceFile, load, load_catalogue, load_target};

use crate::shipped::{drawn, file};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/journeys")
        .join(name)
}

/// The `.toml` files of a folder, by name.
fn files_in(name: &str) -> Vec<SourceFile> {
    let mut files: Vec<SourceFile> = std::fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            SourceFile::new(path.file_name().unwrap().to_str().unwrap(), text)
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// What is told of a file of `bad`, held against the shipped catalogue; `against-…` also against
/// a target.
fn told_of(case: SourceFile) -> (Vec<SourceFile>, Loaded) {
    let catalogue = load_catalogue(&file("probes/journeys/catalogue.toml")).unwrap();
    let target = match &case.path {
        path if path.starts_with("against-target") => Some("deploy/config/target-superapp.toml"),
        path if path.starts_with("against-") => Some("probes/language/tests/journeys/target.toml"),
        _ => None,
    };
    let target = target.map(|path| load_target(&file(path)).unwrap());
    let options = CheckOptions {
        catalogue: Some(&catalogue),
        targets: target.as_slice(),
    };
    let mut files = files_in("fragments");
    files.push(case);
    let loaded = load(&files, options);
    (files, loaded)
}

#[test]
fn every_mistake_is_told_as_its_golden_file_says() {
    let regenerate = std::env::var_os("BONGSU_REGENERATE").is_some();
    let mut wrong = Vec::new();
    for case in files_in("bad") {
        let name = case.path.clone();
        let (files, loaded) = told_of(case);
        assert!(!loaded.diagnostics.is_empty(), "{name} is told nothing");
        let told = drawn(&loaded.diagnostics, &files);
        let golden = folder("bad").join(&name).with_extension("err");
        if regenerate {
            std::fs::write(&golden, &told).unwrap();
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != told {
            wrong.push(format!("{name}:\n{told}"));
        }
        for diagnostic in &loaded.diagnostics {
            assert_eq!(*diagnostic.position.path, *name, "{diagnostic}");
            assert!(diagnostic.position.line > 0 && diagnostic.position.column > 0);
            // "must be text in quotes" is the remedy itself.
            let has_remedy =
                !diagnostic.help.is_empty() || diagnostic.message.contains(" must be ");
            assert!(has_remedy, "no remedy: {diagnostic}");
        }
    }
    assert!(
        wrong.is_empty(),
        "set BONGSU_REGENERATE=1 if these are right:\n{}",
        wrong.join("\n")
    );
}

/// The places of the crate's sources that make a diagnostic, as `load/resolve.rs:57`.
fn makers() -> BTreeSet<String> {
    // What a run showed is no mistake of a file, and what the parser passes on is its caller's.
    // The layout speaks of its own fault, which its tests look for and do not find.
    const NOT_MAKERS: &[&str] = &["extract.rs", "diagnostic.rs", "format.rs"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeSet::new();
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            if NOT_MAKERS.contains(&name) || name.ends_with("tests.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            let makes = |line: &str| {
                [
                    ".error(",
                    ".warning(",
                    "Diagnostic::error(",
                    "Diagnostic::warning(",
                ]
                .iter()
                .any(|maker| line.contains(maker))
                    && !line.contains("self.source.position(span), message")
            };
            let lines = text.lines().zip(1..).filter(|(line, _)| makes(line));
            found.extend(lines.map(|(_, number)| format!("{name}:{number}")));
        }
    }
    found
}

#[test]
fn every_place_that_makes_a_diagnostic_is_reached_by_a_pair_of_files() {
    let mut left = makers();
    assert!(left.len() > 100, "the sources are read wrongly: {left:?}");
    let mut cases = files_in("bad");
    // The files that no reader would thank us for.
    cases.push(SourceFile::new("large.toml", "# x\n".repeat(100_000)));
    let call = "[[step]]\nname = \"c\"\ngrpc = \"/a.B/C\"\ndescriptor = \"b.binpb\"\n";
    let call = SourceFile::new("no-descriptors.toml", format!("journey = \"j\"\n{call}"));
    cases.push(call.with_descriptor("b.binpb", b"none".to_vec()));
    let many = "[[case]]\nname = \"x\"\n".repeat(1_001);
    cases.push(SourceFile::new(
        "many-cases.toml",
        format!("journey = \"j\"\n{many}"),
    ));
    for case in cases {
        let (_, loaded) = told_of(case);
        for diagnostic in loaded.diagnostics {
            let origin = diagnostic.origin;
            let (_, file) = origin.file().rsplit_once("language/src/").unwrap();
            let place = format!("{file}:{}", origin.line());
            let _ = left.remove(&place);
        }
    }
    assert!(
        left.is_empty(),
        "add files to tests/journeys/bad that make these speak: {left:#?}"
    );
}

#[test]
fn every_rule_has_a_pair_of_files_and_a_name_of_its_own() {
    let told: BTreeSet<Rule> = files_in("bad")
        .into_iter()
        .flat_map(|case| told_of(case).1.diagnostics)
        .map(|diagnostic| diagnostic.rule)
        .collect();
    let mut names = BTreeSet::new();
    for rule in Rule::ALL {
        assert!(names.insert(rule.as_str()), "two rules are named {rule}");
        assert!(rule.about().ends_with('.'), "{rule}");
        // Files are read outside of this crate: `bongsu check` has the test.
        assert!(
            told.contains(rule) || *rule == Rule::UnreadableFile,
            "no file breaks {rule}"
        );
    }
    assert!(told.iter().all(|rule| Rule::ALL.contains(rule)));
}

#[test]
fn a_file_with_an_error_gives_no_journey() {
    for case in files_in("bad") {
        let mut files = vec![case];
        files.extend(files_in("fragments"));
        let loaded = load(&files, CheckOptions::default());
        if loaded.has_errors() {
            assert!(loaded.journeys.is_empty(), "{}", files[0].path);
        }
    }
}

#[test]
fn good_files_load_without_a_word() {
    for case in files_in("good") {
        let mut files = vec![case];
        files.extend(files_in("fragments"));
        let loaded = load(&files, CheckOptions::default());
        assert!(
            loaded.diagnostics.is_empty(),
            "{}",
            drawn(&loaded.diagnostics, &files)
        );
        assert_eq!(loaded.journeys.len(), 1, "{}", files[0].path);
    }
}
