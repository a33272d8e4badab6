//! One pair of files for each input: what comes in, and the journey with its notes.

use std::path::{Path, PathBuf};

use bongsu_import::{HarOptions, Imported, curl, har, hurl, openapi};

use crate::sound::{journey, unnamed};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

/// Imports every file of a folder with this ending and compares it with what stands beside it.
fn compare(name: &str, ending: &str, import: impl Fn(&str, &str) -> Imported) {
    let regenerate = std::env::var_os("BONGSU_REGENERATE").is_some();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder(name)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|found| found != ending) {
            continue;
        }
        seen += 1;
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let imported = import(stem, &std::fs::read_to_string(&path).unwrap());
        let _ = journey(&imported);
        let mut told = imported.text.clone();
        for note in &imported.notes {
            told.push_str(&format!("# note: {note}\n"));
        }
        let golden = path.with_extension("toml");
        if regenerate {
            std::fs::write(&golden, &told).unwrap();
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != told {
            wrong.push(format!("{}:\n{told}", path.display()));
        }
    }
    assert!(seen > 0, "no file ends in .{ending}");
    assert!(
        wrong.is_empty(),
        "set BONGSU_REGENERATE=1 if these are right:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn recordings_become_the_journeys_beside_them() {
    compare("har", "har", |_, text| {
        har(text, &HarOptions::default(), &unnamed()).unwrap()
    });
}

#[test]
fn commands_become_the_journeys_beside_them() {
    compare("curl", "sh", |_, text| curl(text, &unnamed()).unwrap());
}

#[test]
fn files_of_hurl_become_the_journeys_beside_them() {
    compare("hurl", "hurl", |_, text| hurl(text, &unnamed()).unwrap());
}

#[test]
fn operations_of_descriptions_become_the_journeys_beside_them() {
    let wanted = [
        "createSession",
        "listOrders",
        "createOrder",
        "GET /orders/{orderId}",
        "setPhoto",
        "addPapers",
        "redeem",
        "dropOrder",
    ]
    .map(str::to_owned);
    compare("openapi", "yaml", |_, text| {
        openapi(text, &wanted, &unnamed()).unwrap()
    });
}
