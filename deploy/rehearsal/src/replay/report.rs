//! A replay's outcome for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use bongsu_model::{FeatureState, Timestamp};
use serde_json::{Value, json};

use super::{JudgedRow, JudgedWindow, Outage, Outcome};
use crate::scenario::{AtLeast, Scenario, in_zone};

/// As text: a table of rows for each instant, the outages, what could not be played, what it took.
pub fn text(outcome: &Outcome, scenario: &Scenario) -> String {
    let zone = scenario.zone.as_str();
    let mut text = String::new();
    for board in &outcome.boards {
        let (at, as_of) = (in_zone(board.at, zone), in_zone(board.as_of, zone));
        let names = &scenario.names;
        let _ = writeln!(text, "{} at {at} (board as of {as_of})\n", names.en);
        text.push_str(&rows(&board.rows));
        text.push('\n');
    }
    text.push_str(&legend(outcome));
    text.push_str(&windows(outcome, zone));
    text.push_str(&never(outcome));
    for what in &outcome.unplayed {
        let _ = writeln!(text, "not played: {what}");
    }
    for why in &outcome.claims.refused {
        let _ = writeln!(text, "NOT TAKEN by the collector: {why}");
    }
    text.push('\n');
    text.push_str(&totals(outcome));
    text
}

fn rows(rows: &[JudgedRow]) -> String {
    let head = [
        "feature", "expected", "measured", "claimed", "claim is", "", "why",
    ];
    let mut table = vec![head.map(str::to_owned)];
    for row in rows {
        let words: Vec<_> = row.wanted.iter().map(ToString::to_string).collect();
        let mut expected = words.join("|");
        if expected.is_empty() {
            expected.push('–');
        }
        let measured = row.measured.map_or("–", |state| state.as_str());
        let is_well = row.measured == Some(FeatureState::Operational);
        let measured = match (&row.blocked_by, row.last_failure) {
            (Some(by), _) => format!("{measured}, blocked by {by}"),
            (None, Some(class)) if !is_well => format!("{measured} ({class})"),
            (None, _) => measured.to_owned(),
        };
        let measured = match row.at_least {
            Some(AtLeast::Seen(_)) => format!("{measured}, {:.0} % seen", row.coverage * 100.0),
            Some(AtLeast::Failed(_)) => format!("{measured}, {:.1} % failed", row.failed * 100.0),
            None => measured,
        };
        if let Some(at_least) = row.at_least {
            let _ = write!(expected, " {at_least}");
        }
        let mut labels = vec![row.verdict.as_str()];
        labels.extend(row.is_modelled.then_some("modelled"));
        labels.extend(row.is_synthetic.then_some("synthetic"));
        let claimed = row.claimed.map_or("–", |state| state.as_str());
        let claimed = match row.observed {
            Some(observed) => format!("{claimed} (observed {observed})"),
            None => claimed.to_owned(),
        };
        table.push([
            match &row.region {
                Some(region) => format!("{}@{region}", row.feature),
                None => row.feature.to_string(),
            },
            expected,
            measured,
            claimed,
            row.comparison
                .map_or("–", |comparison| comparison.as_str())
                .to_owned(),
            labels.join(", "),
            row.reason.clone(),
        ]);
    }
    aligned(&table)
}

fn aligned<const COLUMNS: usize>(table: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for row in table {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let padding = width - cell.chars().count();
            let _ = write!(line, "{cell}{:padding$}  ", "");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn legend(outcome: &Outcome) -> String {
    let mut text = String::new();
    if outcome.rows().any(|row| row.is_modelled) {
        text.push_str(
            "modelled: the scenario's author made the state up from what was claimed and observed; \
             it is not history\n",
        );
    }
    if outcome.rows().any(|row| row.is_synthetic) {
        text.push_str("synthetic: nobody knows the time; it was drawn from the seed\n");
    }
    text
}

fn windows(outcome: &Outcome, zone: &str) -> String {
    if outcome.windows.is_empty() {
        return String::new();
    }
    let head = ["feature", "injected", "measured", ""];
    let mut table = vec![head.map(str::to_owned)];
    for window in &outcome.windows {
        let mut labels = Vec::new();
        labels.extend(window.injected.is_modelled.then(|| "modelled".to_owned()));
        labels.extend(window.injected.is_synthetic.then(|| "synthetic".to_owned()));
        labels.extend(
            window
                .problems
                .iter()
                .map(|problem| format!("UNEXPLAINED: {problem}")),
        );
        table.push([
            window.feature.to_string(),
            injected(window, outcome.until, zone),
            window
                .measured
                .map_or_else(|| "–".to_owned(), |outage| measured(&outage, zone)),
            labels.join(", "),
        ]);
    }
    format!("\nOutages\n{}", aligned(&table))
}

fn never(outcome: &Outcome) -> String {
    if outcome.never.is_empty() {
        return String::new();
    }
    let mut table = vec![["feature".to_owned(), "must never be touched".to_owned()]];
    for judged in &outcome.never {
        let said = if judged.is_explained() {
            "as expected: never out, and no outage affected it".to_owned()
        } else {
            format!("UNEXPLAINED: {}", judged.problems.join("; "))
        };
        table.push([judged.feature.to_string(), said]);
    }
    format!("\nUntouched\n{}", aligned(&table))
}

fn injected(window: &JudgedWindow, until: Timestamp, zone: &str) -> String {
    let from = short(window.injected.from, zone);
    if window.injected.until >= until {
        return format!("{from} –");
    }
    format!("{from} – {}", short(window.injected.until, zone))
}

fn measured(outage: &Outage, zone: &str) -> String {
    let from = short(outage.onset.unwrap_or(outage.detected), zone);
    match outage.recovered {
        Some(at) => format!("{from} – {}", short(at, zone)),
        None => format!("{from} –"),
    }
}

/// Day and minute: `16 14:30`.
fn short(at: Timestamp, zone: &str) -> String {
    let whole = in_zone(at, zone);
    let (day, time) = (whole.get(8..10), whole.get(11..16));
    format!("{} {}", day.unwrap_or_default(), time.unwrap_or_default())
}

fn totals(outcome: &Outcome) -> String {
    let minutes = |duration: Duration| duration.as_secs().div_ceil(60);
    let (lag, usage) = (outcome.lag, outcome.usage);
    let runs: u64 = outcome.runs.iter().map(|(_, count)| count).sum();
    let by_outcome: Vec<_> = outcome
        .runs
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    let mut text = format!(
        "confirmation lag: down within {} min, up within {} min, {} min where it failed at times\n\
         runs: {runs} ({})\n",
        minutes(lag.down),
        minutes(lag.up),
        minutes(lag.up_partial),
        by_outcome.join(", "),
    );
    if let Some(share) = lost(outcome).filter(|share| *share > LOST_MAX) {
        let _ = writeln!(
            text,
            "{:.0} % of the slots were skipped or blind: where no agent was cut off, this machine \
             is too slow for the speed; give a lower --speed",
            share * 100.0
        );
    }
    let _ = writeln!(text, "claims: {} handed in", outcome.claims.taken);
    for (whose, money) in [("money", &outcome.money), ("at the bank", &outcome.bank)] {
        if money.is_clean() {
            let _ = writeln!(text, "{whose}: {} won issued, none missing", money.issued);
        }
        for problem in &money.problems {
            let _ = writeln!(text, "MONEY: {problem}");
        }
    }
    text.push_str(&owed(outcome));
    if outcome.transitions_lost > 0 {
        let _ = writeln!(
            text,
            "{} changes were lost: the outages are not whole",
            outcome.transitions_lost
        );
    }
    if outcome.speed < outcome.asked_speed * SPEED_KEPT {
        let _ = writeln!(
            text,
            "this machine could not follow {:.0} times the speed: it was played at {:.0} times on \
             average",
            outcome.asked_speed, outcome.speed
        );
    }
    let _ = write!(text, "wall {:.1} s", usage.wall.as_secs_f64());
    if let Some(cpu) = usage.cpu {
        let _ = write!(text, ", CPU {:.1} s", cpu.as_secs_f64());
    }
    if let Some(bytes) = usage.peak_bytes {
        let _ = write!(text, ", peak memory {} MiB", bytes >> 20);
    }
    text.push('\n');
    let rows = outcome
        .rows()
        .filter(|row| !row.verdict.is_explained())
        .count();
    let outages = outcome
        .windows
        .iter()
        .filter(|window| !window.is_explained())
        .count();
    if outcome.is_explained() {
        text.push_str("no unexplained difference\n");
    } else {
        let never = outcome.never.iter();
        let touched = never.filter(|judged| !judged.is_explained()).count();
        let _ = writeln!(
            text,
            "UNEXPLAINED: {rows} rows, {outages} outages, {touched} touched that must not be"
        );
    }
    text
}

/// What is owed still, agent by agent.
fn owed(outcome: &Outcome) -> String {
    let mut text = format!(
        "cleanups: {} owed at the end, {} {:.1} s after everything was healed\n",
        outcome.owed_at_end,
        outcome.owed.len(),
        outcome.paying.as_secs_f64()
    );
    for owed in outcome.owed.chunk_by(|one, other| one.agent == other.agent) {
        let (shown, more) = owed.split_at(owed.len().min(OWED_SHOWN));
        let shown = shown.iter().map(|one| match &one.of {
            Some((journey, _)) => format!("{} of {journey} ({})", one.run, one.why),
            None => format!("{} ({})", one.run, one.why),
        });
        let more = (!more.is_empty()).then(|| format!(" and {} more", more.len()));
        let _ = writeln!(
            text,
            "owed still by {}: cleanup of {}{}",
            owed[0].agent,
            shown.collect::<Vec<_>>().join(", "),
            more.unwrap_or_default()
        );
    }
    text
}

/// So many runs of an agent are named whose cleanup is owed.
const OWED_SHOWN: usize = 5;

/// Below this share of the speed that was asked for a person is told.
const SPEED_KEPT: f64 = 0.95;

/// Above this share of slots that show nothing a person is told.
const LOST_MAX: f64 = 0.05;

/// The share of the runs that show nothing through no fault of the platform's.
#[expect(clippy::cast_precision_loss, reason = "a share of some thousands")]
fn lost(outcome: &Outcome) -> Option<f64> {
    let all: u64 = outcome.runs.iter().map(|(_, count)| count).sum();
    let lost = outcome.runs.iter();
    let lost = lost.filter(|(word, _)| matches!(*word, "skipped" | "blind"));
    let lost: u64 = lost.map(|(_, count)| count).sum();
    (all > 0).then(|| lost as f64 / all as f64)
}

/// As JSON; times as people of the scenario's zone write them.
pub fn json(outcome: &Outcome, scenario: &Scenario) -> Value {
    let time = |at| in_zone(at, &scenario.zone);
    let boards = outcome.boards.iter().map(|board| {
        json!({
            "at": time(board.at),
            "as_of": time(board.as_of),
            "rows": board.rows.iter().map(row).collect::<Vec<_>>(),
        })
    });
    let windows = outcome.windows.iter().map(|window| {
        json!({
            "feature": window.feature,
            "injected": { "from": time(window.injected.from), "until": time(window.injected.until) },
            "modelled": window.injected.is_modelled,
            "synthetic": window.injected.is_synthetic,
            "measured": window.measured.map(|outage| json!({
                "onset": outage.onset.map(time),
                "detected": time(outage.detected),
                "recovered": outage.recovered.map(time),
            })),
            "problems": window.problems,
        })
    });
    let owed = outcome.owed.iter().map(|one| {
        let of = one.of.as_ref();
        json!({
            "agent": one.agent,
            "run": one.run,
            "journey": of.map(|(journey, _)| journey),
            "since": of.map(|(_, since)| time(*since)),
            "why": one.why.to_string(),
        })
    });
    let never = outcome
        .never
        .iter()
        .map(|judged| json!({ "feature": judged.feature, "problems": judged.problems }));
    json!({
        "scenario": scenario.name,
        "until": time(outcome.until),
        "explained": outcome.is_explained(),
        "boards": boards.collect::<Vec<_>>(),
        "outages": windows.collect::<Vec<_>>(),
        "never": never.collect::<Vec<_>>(),
        "not_played": outcome.unplayed,
        "claims": { "taken": outcome.claims.taken, "refused": outcome.claims.refused },
        "runs": outcome.runs.iter().copied().collect::<std::collections::BTreeMap<_, _>>(),
        "owed": owed.collect::<Vec<_>>(),
        "owed_at_end": outcome.owed_at_end,
        "paying_s": outcome.paying.as_secs_f64(),
        "speed": outcome.speed,
        "wall_s": outcome.usage.wall.as_secs_f64(),
        "cpu_s": outcome.usage.cpu.map(|cpu| cpu.as_secs_f64()),
        "peak_bytes": outcome.usage.peak_bytes,
    })
}

fn row(row: &JudgedRow) -> Value {
    json!({
        "feature": row.feature,
        "region": row.region,
        "expected": row.wanted.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "expected_at_least": row.at_least.map(|at_least| at_least.to_string()),
        "measured": row.measured,
        "blocked_by": row.blocked_by,
        "last_failure": row.last_failure,
        "coverage_24h": row.coverage,
        "failed_1h": row.failed,
        "claimed": row.claimed,
        "observed": row.observed,
        "comparison": row.comparison,
        "verdict": row.verdict.as_str(),
        "modelled": row.is_modelled,
        "synthetic": row.is_synthetic,
        "reason": row.reason,
    })
}
