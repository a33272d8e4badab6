//! What a rehearsal says of itself: one line per feature, and what changed while it ran.

use std::fmt::Write as _;
use std::time::Duration;

use bongsu_availability::{Board, Change, Transition};

/// The board as lines: feature, state, regions.
pub fn board_lines(board: &Board) -> String {
    let mut text = String::new();
    for feature in &board.features {
        let _ = write!(
            text,
            "  {:<22} {:<15}",
            feature.feature.as_str(),
            feature.state.as_str()
        );
        for region in &feature.regions {
            let _ = write!(text, " {}={}", region.region, region.state);
        }
        if let Some(by) = &feature.blocked_by {
            let _ = write!(text, "  blocked by {by}");
        }
        text.push('\n');
    }
    text
}

/// A transition as a line for people; none for changes that only the fleet's owners read.
pub fn transition_line(transition: &Transition, default_target: &str) -> Option<String> {
    let named = |target: &str, rest: String| {
        if target == default_target {
            rest
        } else {
            format!("[{target}] {rest}")
        }
    };
    Some(match &transition.change {
        Change::Feature {
            target,
            feature,
            from,
            to,
            blocked_by,
            ..
        } => {
            let by = blocked_by
                .as_ref()
                .map(|by| format!(", blocked by {by}"))
                .unwrap_or_default();
            named(target.as_str(), format!("{feature}: {from} → {to}{by}"))
        }
        Change::Cell { cell, from, to, .. } => named(
            cell.target.as_str(),
            format!("  {} in {}: {from} → {to}", cell.feature, cell.region),
        ),
        Change::Quarantine { agent, cell, step } => format!(
            "  {agent} in {}: {}",
            cell.feature,
            match step {
                bongsu_availability::QuarantineStep::Held { .. } =>
                    "fails alone, its runs no longer count",
                bongsu_availability::QuarantineStep::Released { .. } => "its runs count again",
            }
        ),
        Change::Fleet { from, to, .. } => format!("fleet: {from:?} → {to:?}"),
        Change::Rto {
            target,
            feature,
            alarm,
            ..
        } => named(target.as_str(), format!("{feature}: {}", alarm.as_str())),
        Change::Incident { .. } | Change::Recovery { .. } | Change::Presence { .. } => return None,
    })
}

/// A duration as seconds with one digit: `13.2 s`.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
