//! What people read when a file is wrong: one pair of files per rule.

use std::path::{Path, PathBuf};

use bongsu_language::{CheckOptions, SourceFile, load, load_catalogue, load_target};

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

#[test]
fn every_mistake_is_told_as_its_golden_file_says() {
    let catalogue = load_catalogue(&file("probes/journeys/catalogue.toml")).unwrap();
    let target = [load_target(&file("deploy/config/target-superapp.toml")).unwrap()];
    let regenerate = std::env::var_os("BONGSU_REGENERATE").is_some();
    let bad = files_in("bad");
    assert!(
        bad.len() >= 35,
        "only {} rules have a golden file",
        bad.len()
    );
    let mut wrong = Vec::new();
    for case in bad {
        let name = case.path.clone();
        let options = CheckOptions {
            catalogue: Some(&catalogue),
            targets: if name.starts_with("against-target") {
                &target
            } else {
                &[]
            },
        };
        let mut files = vec![case];
        files.extend(files_in("fragments"));
        let loaded = load(&files, options);
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
        }
    }
    assert!(
        wrong.is_empty(),
        "set BONGSU_REGENERATE=1 if these are right:\n{}",
        wrong.join("\n")
    );
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
