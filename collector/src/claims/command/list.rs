//! `claim list`: what was said, a line each, beside what was measured at that time.

use std::fmt::Write as _;

use bongsu_model::Comparison;
use serde_json::Value;

use super::client::Client;
use super::{ListArguments, Told, failed};

pub(super) async fn run(arguments: &ListArguments) -> Told {
    let client = match Client::new(&arguments.whom) {
        Ok(client) => client,
        Err(why) => return failed(2, &why),
    };
    let limit = arguments.limit.to_string();
    let asked = [
        ("target", arguments.whom.target.as_deref()),
        ("feature", arguments.feature.as_deref()),
        ("track", arguments.track.as_deref()),
        ("since", arguments.since.as_deref()),
        ("limit", Some(limit.as_str())),
    ];
    match client.get("/claims", &asked).await {
        Ok(answer) if answer.status == 200 => Told {
            out: told(&answer.body),
            err: String::new(),
            code: 0,
        },
        Ok(answer) if matches!(answer.status, 400 | 404) => failed(2, &answer.message()),
        Ok(answer) => failed(1, &answer.message()),
        Err(why) => failed(1, &why),
    }
}

fn told(log: &Value) -> String {
    let claims = log["claims"].as_array().map_or(&[][..], Vec::as_slice);
    if claims.is_empty() {
        return "nothing was said\n".to_owned();
    }
    let heads = [
        "AS OF",
        "TRACK",
        "FEATURE",
        "SAID",
        "MEASURED THEN",
        "COMPARED",
        "SOURCE",
    ];
    let mut rows = vec![heads.map(str::to_owned)];
    for claim in claims.iter().rev() {
        let text = |key: &str| claim[key].as_str().unwrap_or_default().to_owned();
        let (measured, compared) = compared(&claim["compared"]);
        rows.push([
            text("as_of"),
            text("track"),
            text("feature"),
            text("state"),
            measured,
            compared,
            text("source"),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..heads.len()).filter_map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths);
        let line: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        let _ = writeln!(out, "{}", line.join("  ").trim_end());
    }
    if log["more"] == true {
        let _ = writeln!(
            out,
            "only the latest {} are listed: use --limit or --since",
            claims.len()
        );
    }
    out
}

/// What was measured then and how it compares; of many features how many compare how.
fn compared(list: &Value) -> (String, String) {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or("–").to_owned();
    if let [one] = list {
        return (text(one, "measured"), text(one, "comparison"));
    }
    let counts = Comparison::ALL.iter().filter_map(|comparison| {
        let count = list
            .iter()
            .filter(|one| one["comparison"] == comparison.as_str())
            .count();
        (count > 0).then(|| format!("{count} {comparison}"))
    });
    (
        format!("{} features", list.len()),
        counts.collect::<Vec<_>>().join(", "),
    )
}
