//! The SLA sheet: minutes out in each calendar month and the longest row, against contracts.

use std::time::Duration;

use bongsu_model::{FeatureId, Names, Paid};

use super::contract::Contract;
use super::scope::line;
use super::shelf::Shelf;
use super::span::{by_month, longest};
use super::subject::Subject;

/// A feature in a month.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct Row<'a> {
    pub(crate) feature: &'a FeatureId,
    pub(crate) names: &'a Names,
    pub(crate) paid: Option<Paid>,
    pub(crate) month: String,
    /// Out in the month, whole minutes.
    pub(crate) minutes: u64,
    /// The longest interruption, whole minutes.
    pub(crate) longest_minutes: u64,
    pub(crate) terms: Vec<Term>,
}

/// A row against a contract.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Term {
    pub(crate) contract: String,
    /// Whether an interruption was as long as it names, or longer.
    pub(crate) in_a_row: bool,
    /// Whether the month was.
    pub(crate) in_a_month: bool,
}

/// The rows, the heaviest feature first, its months in order.
pub(crate) fn rows<'a>(subject: &'a Subject, shelf: &Shelf) -> Vec<Row<'a>> {
    let (now, zone) = (subject.as_of.0, subject.time_zone());
    let minutes = |length: Duration| length.as_secs() / 60;
    let mut rows = Vec::new();
    for feature in &subject.features {
        let row = longest(&feature.outages, now);
        for ((year, month), length) in by_month(&feature.outages, now, &zone) {
            let term = |contract: &Contract| Term {
                contract: contract.id.to_string(),
                in_a_row: row >= contract.in_a_row,
                in_a_month: length >= contract.in_a_month,
            };
            rows.push(Row {
                feature: &feature.id,
                names: &feature.names,
                paid: feature.paid,
                month: format!("{year}-{month:02}"),
                minutes: minutes(length),
                longest_minutes: minutes(row),
                terms: shelf.contracts().map(term).collect(),
            });
        }
    }
    rows
}

/// The sheet as JSON, with the thresholds of its contracts.
pub(super) fn json(subject: &Subject, shelf: &Shelf) -> String {
    let contracts: Vec<_> = shelf
        .contracts()
        .map(|contract| {
            serde_json::json!({
                "id": contract.id,
                "names": contract.names,
                "in_a_row_minutes": contract.in_a_row.as_secs() / 60,
                "in_a_month_minutes": contract.in_a_month.as_secs() / 60,
                "credit": contract.credit,
                "sources": contract.sources,
                "verify": contract.verify,
            })
        })
        .collect();
    let sheet = serde_json::json!({
        "target": subject.target,
        "incident": subject.incident.id,
        "as_of": subject.as_of,
        "is_simulated": subject.is_simulated,
        "zone": subject.zone,
        "known_from": subject.evidence.kept_from,
        "contracts": contracts,
        "rows": rows(subject, shelf),
    });
    let mut text = serde_json::to_string_pretty(&sheet).expect("rows have text keys only");
    text.push('\n');
    text
}

/// The sheet as CSV, a line for each feature, month and contract.
pub(super) fn csv(subject: &Subject, shelf: &Shelf) -> String {
    let mut out = String::new();
    let mut columns = vec![
        "feature",
        "name_ko",
        "name_en",
        "paid",
        "month",
        "minutes",
        "longest_minutes",
        "contract",
        "reached_in_a_row",
        "reached_in_a_month",
    ];
    if subject.is_simulated {
        columns.push("simulated");
    }
    let columns: Vec<_> = columns.into_iter().map(str::to_owned).collect();
    line(&mut out, &columns);
    for row in rows(subject, shelf) {
        for term in &row.terms {
            let mut cells = vec![
                row.feature.to_string(),
                row.names.ko.clone(),
                row.names.en.clone(),
                row.paid.map_or("", Paid::as_str).to_owned(),
                row.month.clone(),
                row.minutes.to_string(),
                row.longest_minutes.to_string(),
                term.contract.clone(),
                term.in_a_row.to_string(),
                term.in_a_month.to_string(),
            ];
            if subject.is_simulated {
                cells.push("true".to_owned());
            }
            line(&mut out, &cells);
        }
    }
    out
}
