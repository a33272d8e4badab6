//! The scope of the damage: feature by region with its window, failures and tier, as a table.

use bongsu_model::{FeatureId, Names, Paid, RegionId, RunId, ServiceId};

use super::subject::Subject;
use super::tally::Tally;
use crate::web::answer::Time;

/// A row: a feature in a region.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct Row<'a> {
    pub(super) feature: &'a FeatureId,
    pub(super) names: &'a Names,
    pub(super) service: Option<&'a ServiceId>,
    pub(super) paid: Option<Paid>,
    pub(super) tier: u8,
    pub(super) blocked: bool,
    pub(super) region: &'a RegionId,
    pub(super) region_names: &'a Names,
    pub(super) state: &'a str,
    pub(super) from: Time,
    pub(super) until: Option<Time>,
    pub(super) minutes: u64,
    pub(super) relapses: u32,
    pub(super) runs: Tally,
    pub(super) failure_ratio: Option<f64>,
    pub(super) failure_ratio_low: Option<f64>,
    pub(super) failure_ratio_high: Option<f64>,
    pub(super) evidence: &'a [RunId],
}

/// The rows, the heaviest feature first.
pub(super) fn rows(subject: &Subject) -> Vec<Row<'_>> {
    let now = subject.as_of.0;
    let of_feature = |feature: &'_ super::subject::Affected| feature.regions.len();
    let mut rows = Vec::with_capacity(subject.features.iter().map(of_feature).sum());
    for feature in &subject.features {
        for scope in &feature.regions {
            let end = scope.until.map_or(now, |until| until.0);
            let interval = scope.runs.interval();
            rows.push(Row {
                feature: &feature.id,
                names: &feature.names,
                service: feature.service.as_ref(),
                paid: feature.paid,
                tier: feature.tier,
                blocked: feature.is_blocked,
                region: &scope.region,
                region_names: &scope.names,
                state: &scope.state,
                from: scope.from,
                until: scope.until,
                minutes: end.since(scope.from.0).as_secs() / 60,
                relapses: scope.relapses,
                runs: scope.runs,
                failure_ratio: scope.runs.failure_ratio(),
                failure_ratio_low: interval.map(|(low, _)| low),
                failure_ratio_high: interval.map(|(_, high)| high),
                evidence: &scope.evidence,
            });
        }
    }
    rows
}

/// The table as JSON.
pub(super) fn json(subject: &Subject) -> String {
    let table = serde_json::json!({
        "target": subject.target,
        "incident": subject.incident.id,
        "as_of": subject.as_of,
        "is_simulated": subject.is_simulated,
        "rows": rows(subject),
    });
    let mut text = serde_json::to_string_pretty(&table).expect("rows have text keys only");
    text.push('\n');
    text
}

/// The columns of the CSV.
const COLUMNS: [&str; 24] = [
    "feature",
    "name_ko",
    "name_en",
    "service",
    "paid",
    "tier",
    "blocked",
    "region",
    "region_ko",
    "region_en",
    "state",
    "from",
    "until",
    "minutes",
    "relapses",
    "pass",
    "slow",
    "fail",
    "blocked_runs",
    "other_runs",
    "failure_ratio",
    "failure_ratio_low",
    "failure_ratio_high",
    "evidence",
];

/// The table as CSV (RFC 4180) in UTF-8; an empty cell is what is not known or goes on.
pub(super) fn csv(subject: &Subject) -> String {
    let mut out = String::new();
    let mut columns: Vec<String> = COLUMNS.map(str::to_owned).to_vec();
    if subject.is_simulated {
        columns.push("simulated".to_owned());
    }
    line(&mut out, &columns);
    for row in rows(subject) {
        let ratio = |ratio: Option<f64>| ratio.map_or(String::new(), |ratio| format!("{ratio:.4}"));
        let evidence: Vec<_> = row.evidence.iter().map(ToString::to_string).collect();
        let mut cells = vec![
            row.feature.to_string(),
            row.names.ko.clone(),
            row.names.en.clone(),
            row.service.map_or(String::new(), ToString::to_string),
            row.paid.map_or("", Paid::as_str).to_owned(),
            row.tier.to_string(),
            row.blocked.to_string(),
            row.region.to_string(),
            row.region_names.ko.clone(),
            row.region_names.en.clone(),
            row.state.to_owned(),
            row.from.to_string(),
            row.until.map_or(String::new(), |until| until.to_string()),
            row.minutes.to_string(),
            row.relapses.to_string(),
            row.runs.pass.to_string(),
            row.runs.slow.to_string(),
            row.runs.fail.to_string(),
            row.runs.blocked.to_string(),
            row.runs.other.to_string(),
            ratio(row.failure_ratio),
            ratio(row.failure_ratio_low),
            ratio(row.failure_ratio_high),
            evidence.join(" "),
        ];
        if subject.is_simulated {
            cells.push("true".to_owned());
        }
        line(&mut out, &cells);
    }
    out
}

/// A line of CSV.
pub(super) fn line(out: &mut String, cells: &[String]) {
    let cells: Vec<_> = cells.iter().map(|cell| quoted(cell)).collect();
    out.push_str(&cells.join(","));
    out.push_str("\r\n");
}

/// A cell: quoted where CSV asks for it, and no formula where a spreadsheet opens it.
fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if is_formula {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_cell_and_no_formula() {
        for (cell, written) in [
            ("a", "a"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "'=1+1"),
            ("@cmd, x", "\"'@cmd, x\""),
            ("", ""),
        ] {
            assert_eq!(quoted(cell), written);
        }
    }
}
