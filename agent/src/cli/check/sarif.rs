//! What `check` found as SARIF 2.1.0 (OASIS Standard), for code scanning and editors.

use std::fmt::Write as _;

use bongsu_language::{Diagnostic, Position, Rule, SourceFile};
use serde_json::{Value, json};

use super::Checked;
use super::place::Place;

pub(super) fn sarif(checked: &Checked) -> Value {
    let rules: Vec<Value> = Rule::ALL
        .iter()
        .map(|rule| {
            // GitHub asks for all three; what to do about it stands in each result.
            let about = json!({ "text": rule.about() });
            json!({
                "id": rule.as_str(),
                "shortDescription": about,
                "fullDescription": about,
                "help": about,
            })
        })
        .collect();
    let results: Vec<Value> = checked
        .diagnostics
        .iter()
        .map(|diagnostic| result(diagnostic, &checked.files))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "bongsu",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(diagnostic: &Diagnostic, files: &[SourceFile]) -> Value {
    let index = Rule::ALL.iter().position(|rule| *rule == diagnostic.rule);
    let related: Vec<Value> = diagnostic
        .related
        .iter()
        .map(|related| {
            let mut location = location(&related.position, files);
            location["message"] = json!({ "text": related.label });
            location
        })
        .collect();
    let mut result = json!({
        "ruleId": diagnostic.rule.as_str(),
        "level": diagnostic.severity.as_str(),
        "message": { "text": message(diagnostic) },
        "locations": [location(&diagnostic.position, files)],
    });
    if let Some(index) = index {
        result["ruleIndex"] = json!(index);
    }
    if !related.is_empty() {
        result["relatedLocations"] = json!(related);
    }
    result
}

/// What is wrong, what is said at the place, and the remedy: viewers show one text.
fn message(diagnostic: &Diagnostic) -> String {
    let mut text = diagnostic.message.clone();
    if !diagnostic.label.is_empty() {
        text.push_str(": ");
        text.push_str(&diagnostic.label);
    }
    for help in &diagnostic.help {
        text.push_str("\nhelp: ");
        text.push_str(help);
    }
    text
}

fn location(position: &Position, files: &[SourceFile]) -> Value {
    let place = Place::of(position, files);
    json!({ "physicalLocation": {
        "artifactLocation": artifact(place.path),
        "region": {
            "startLine": place.line,
            "startColumn": place.column,
            "endLine": place.end_line,
            "endColumn": place.end_column,
        },
    } })
}

/// A relative path is one below the root of what is checked out.
fn artifact(path: &str) -> Value {
    let encoded = encode(path.strip_prefix("./").unwrap_or(path));
    if path.starts_with('/') {
        json!({ "uri": format!("file://{encoded}") })
    } else {
        json!({ "uri": encoded, "uriBaseId": "%SRCROOT%" })
    }
}

/// RFC 3986: everything but the unreserved characters and the slash is escaped.
fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        for (path, expected) in [
            (
                "journeys/a.toml",
                json!({ "uri": "journeys/a.toml", "uriBaseId": "%SRCROOT%" }),
            ),
            (
                "./a b#1.toml",
                json!({ "uri": "a%20b%231.toml", "uriBaseId": "%SRCROOT%" }),
            ),
            (
                "/srv/봉수.toml",
                json!({ "uri": "file:///srv/%EB%B4%89%EC%88%98.toml" }),
            ),
        ] {
            assert_eq!(artifact(path), expected);
        }
    }
}
