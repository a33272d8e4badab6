//! What `check` found as one JSON object.

use bongsu_language::{Diagnostic, SourceFile};
use serde_json::{Value, json};

use super::Checked;
use super::place::Place;

/// The version of this form: it is raised when a field changes its meaning.
const VERSION: u32 = 1;

pub(super) fn json(checked: &Checked) -> Value {
    let diagnostics: Vec<Value> = checked
        .diagnostics
        .iter()
        .map(|diagnostic| one(diagnostic, &checked.files))
        .collect();
    json!({
        "version": VERSION,
        "files": checked.file_count,
        "journeys": checked.journeys,
        "errors": checked.errors(),
        "warnings": checked.warnings(),
        "diagnostics": diagnostics,
    })
}

fn one(diagnostic: &Diagnostic, files: &[SourceFile]) -> Value {
    let place = Place::of(&diagnostic.position, files);
    let related: Vec<Value> = diagnostic
        .related
        .iter()
        .map(|related| {
            let place = Place::of(&related.position, files);
            json!({
                "path": place.path,
                "line": place.line,
                "column": place.column,
                "label": related.label,
            })
        })
        .collect();
    json!({
        "rule": diagnostic.rule.as_str(),
        "severity": diagnostic.severity.as_str(),
        "message": diagnostic.message,
        "label": diagnostic.label,
        "help": diagnostic.help,
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "related": related,
    })
}
