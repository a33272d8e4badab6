//! Journeys that are wrong in several ways at once, written from the language's description alone.
//! A line's mistakes stand behind `#~`, by the rules that they break.

use bongsu_language::{CheckOptions, Severity, SourceFile, load, load_catalogue};

use crate::shipped::{drawn, file, files_below};

/// Line and rule of every mistake that a file says it has.
fn expected(file: &SourceFile) -> Vec<(u32, String)> {
    let lines = file.text.lines().zip(1..);
    let mut expected: Vec<(u32, String)> = lines
        .filter_map(|(line, number)| Some((number, line.split_once("#~")?.1)))
        .flat_map(|(number, rules)| {
            rules
                .split_whitespace()
                .map(move |rule| (number, rule.to_owned()))
        })
        .collect();
    expected.sort();
    expected
}

#[test]
fn each_mistake_is_named_at_its_place_with_a_remedy_and_no_other() {
    let catalogue = load_catalogue(&file("probes/journeys/catalogue.toml")).unwrap();
    let options = CheckOptions {
        catalogue: Some(&catalogue),
        ..CheckOptions::default()
    };
    let mistaken = files_below("probes/language/tests/journeys/mistaken");
    assert!(mistaken.len() >= 20, "only {}", mistaken.len());
    // All of them in one pass.
    let mut files = mistaken.clone();
    files.extend(files_below("probes/journeys/fragments"));
    let loaded = load(&files, options);
    for file in &mistaken {
        let told = loaded
            .diagnostics
            .iter()
            .filter(|d| *d.position.path == *file.path);
        let mut found: Vec<(u32, String)> = told
            .clone()
            .map(|d| (d.position.line, d.rule.as_str().to_owned()))
            .collect();
        found.sort();
        let told: Vec<_> = told.cloned().collect();
        assert_eq!(found, expected(file), "{}", drawn(&told, &files));
        for diagnostic in told {
            let has_remedy =
                !diagnostic.help.is_empty() || diagnostic.message.contains(" must be ");
            assert!(has_remedy, "{diagnostic}");
        }
        // Whatever else is wrong: a file with an error gives nothing that could run.
        let is_error = |d: &&bongsu_language::Diagnostic| d.severity == Severity::Error;
        let has_error = loaded
            .diagnostics
            .iter()
            .filter(|d| *d.position.path == *file.path)
            .any(|d| is_error(&d));
        let can_run = loaded
            .journeys
            .iter()
            .any(|journey| *journey.path == *file.path);
        assert!(has_error != can_run, "{}", file.path);
    }
}
