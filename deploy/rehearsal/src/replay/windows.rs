//! Outages as they were measured, held against the stretches in which something was injected.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_availability::{Board, Change, Transition};
use bongsu_model::{FeatureId, FeatureState, Timestamp};

use super::verdict::Judge;
use crate::scenario::{Lie, Span};

/// A measured outage of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// When it was first known to be down, or out of sight behind something that was.
    pub detected: Timestamp,
    /// The start of the first failed run; None where it was out of sight before that.
    pub onset: Option<Timestamp>,
    /// When it was operational again.
    pub recovered: Option<Timestamp>,
}

/// For how long a feature was in sight.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct InSight {
    /// Since when it is; None if it is not.
    since: Option<Timestamp>,
    before: Duration,
}

/// What the collector's transitions say of features.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    outages: BTreeMap<FeatureId, Vec<Outage>>,
    in_sight: BTreeMap<FeatureId, InSight>,
}

impl Measured {
    /// Takes in a transition.
    pub fn take(&mut self, transition: &Transition) {
        let Change::Feature {
            feature,
            to,
            blocked_by,
            onset,
            ..
        } = &transition.change
        else {
            return;
        };
        let is_seen = !matches!(to, FeatureState::Unknown | FeatureState::Unmeasured);
        let sight = self.in_sight.entry(feature.clone()).or_default();
        match (sight.since, is_seen) {
            (None, true) => sight.since = Some(transition.at),
            (Some(since), false) => {
                sight.before += transition.at.since(since);
                sight.since = None;
            }
            (None, false) | (Some(_), true) => {}
        }
        let outages = self.outages.entry(feature.clone()).or_default();
        let open = outages
            .last_mut()
            .filter(|outage| outage.recovered.is_none());
        let is_out = match to {
            FeatureState::PartialOutage | FeatureState::MajorOutage => true,
            FeatureState::Unknown => blocked_by.is_some(),
            FeatureState::Operational
            | FeatureState::Degraded
            | FeatureState::Recovering
            | FeatureState::Maintenance
            | FeatureState::Unmeasured => false,
        };
        match (open, to) {
            (Some(open), FeatureState::Operational | FeatureState::Degraded) => {
                open.recovered = Some(transition.at);
            }
            // Behind something else it was out before it was seen to fail by itself.
            (Some(open), _) if open.onset.is_none() => {
                open.onset = onset.filter(|onset| *onset <= open.detected);
            }
            (Some(_), _) => {}
            (None, _) if is_out => outages.push(Outage {
                detected: transition.at,
                onset: *onset,
                recovered: None,
            }),
            (None, _) => {}
        }
    }

    /// For how long the feature was in sight until `end`.
    pub(super) fn seen(&self, feature: &FeatureId, end: Timestamp) -> Duration {
        let sight = self.in_sight.get(feature).copied().unwrap_or_default();
        sight.before + sight.since.map_or(Duration::ZERO, |since| end.since(since))
    }

    /// The outages of a feature, the oldest first.
    pub fn of(&self, feature: &FeatureId) -> &[Outage] {
        self.outages.get(feature).map_or(&[], Vec::as_slice)
    }
}

/// A stretch in which a feature was broken throughout or not at all, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedWindow {
    /// Which feature.
    pub feature: FeatureId,
    /// What was injected.
    pub injected: Span,
    /// What was measured of it.
    pub measured: Option<Outage>,
    /// What is not as it must be; empty if all is.
    pub problems: Vec<String>,
}

impl JudgedWindow {
    /// Whether there is nothing to look into.
    pub fn is_explained(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Judges every broken stretch of every feature that is measured, and every outage that nothing
/// explains.
pub(super) fn judge(judge: &Judge<'_>, board: &Board, measured: &Measured) -> Vec<JudgedWindow> {
    let mut windows = Vec::new();
    for feature in board
        .features
        .iter()
        .filter(|view| view.state != FeatureState::Unmeasured)
    {
        let spans = judge.spans(&feature.feature);
        let outages = &joined(measured.of(&feature.feature), &spans, judge.lag.down);
        for (at, span) in spans.iter().enumerate() {
            let before = &spans[..at];
            let window = match span.lie {
                Lie::Broken => broken(judge, outages, &spans, at),
                Lie::Works => works(judge, outages, span, before),
                Lie::Impaired => None,
            };
            windows.extend(window.map(|(measured, problems)| JudgedWindow {
                feature: feature.feature.clone(),
                injected: *span,
                measured,
                problems,
            }));
        }
    }
    windows
}

/// Outages with no more than `gap` between them, in none of which it worked, are one: a feature that
/// is in sight again, and fails, counts as working until the rule is sure.
fn joined(outages: &[Outage], spans: &[Span], gap: Duration) -> Vec<Outage> {
    let works = |from: Timestamp, until: Timestamp| {
        let mut working = spans.iter().filter(|span| span.lie == Lie::Works);
        working.any(|span| span.from < until && span.until > from)
    };
    let mut joined: Vec<Outage> = Vec::new();
    for outage in outages {
        let before = joined.last_mut().filter(|before| {
            before
                .recovered
                .is_none_or(|at| outage.detected.since(at) <= gap && !works(at, outage.detected))
        });
        match before {
            Some(before) => before.recovered = outage.recovered,
            None => joined.push(*outage),
        }
    }
    joined
}

type Found = Option<(Option<Outage>, Vec<String>)>;

/// Broken throughout: there must be an outage that begins and ends with it.
fn broken(judge: &Judge<'_>, outages: &[Outage], spans: &[Span], at: usize) -> Found {
    let (span, lag) = (&spans[at], judge.lag);
    let end = span.until.min(judge.at);
    let lasted = end.since(span.from);
    let after = &spans[at + 1..];
    // What it failed at times before and after belongs to the same outage.
    let begins = spans[..at]
        .iter()
        .rev()
        .take_while(|span| span.lie == Lie::Impaired)
        .last();
    let begins = begins.map_or(span.from, |span| span.from);
    let works_from = after
        .iter()
        .find(|span| span.lie == Lie::Works)
        .map(|span| span.from);
    let works_from = works_from.filter(|from| *from < judge.at);
    let outage = outages.iter().find(|outage| {
        let is_begun = outage.detected >= begins && outage.detected <= end + lag.run;
        is_begun || (outage.detected < begins && outage.recovered.is_none_or(|at| at > span.from))
    });
    let mut problems = Vec::new();
    let Some(outage) = outage.copied() else {
        if lasted > lag.down {
            problems.push("it was never measured".to_owned());
        }
        return Some((None, problems));
    };
    if begins == span.from && outage.detected > span.from + lag.down {
        problems.push(late("detected", outage.detected, span.from, lag.down));
    }
    if let Some(onset) = outage.onset
        && begins == span.from
        && outage.detected >= begins
        && (onset + lag.under_way < span.from || onset > span.from + lag.run)
    {
        problems.push(late("begun", onset, span.from, lag.run));
    }
    // In sight again it counts as working until the rule is sure that it does not.
    let works_for = outage.recovered.map(|at| end.since(at));
    if works_for.is_some_and(|counted| counted > lag.down) {
        problems.push("it counted as recovered while it was broken".to_owned());
    }
    if let Some(works) = works_from {
        let stays = spans.iter().position(|span| span.from == works);
        let (stays, before) = stays.map_or((span, &spans[..at]), |at| (&spans[at], &spans[..at]));
        let lasts = stays.until.min(judge.at).since(works);
        let limit = judge.confirmed_after(stays, before);
        // Also one that began again while it failed at times must be over by then.
        let sure = works + limit;
        let is_open =
            |one: &&Outage| one.detected <= sure && one.recovered.is_none_or(|at| at > sure);
        let open = outages.iter().find(is_open);
        if let Some(open) = open.filter(|_| lasts > limit) {
            problems.push(match open.recovered {
                Some(at) => late("recovered", at, works, limit),
                None => "it never counted as recovered".to_owned(),
            });
        }
    }
    Some((Some(outage), problems))
}

/// Works throughout: no outage begins in it.
fn works(judge: &Judge<'_>, outages: &[Outage], span: &Span, before: &[Span]) -> Found {
    // What went wrong before is still being confirmed for a while.
    let settled = if before.is_empty() {
        span.from
    } else {
        span.from + judge.lag.down
    };
    let end = span.until.min(judge.at);
    let false_one = outages
        .iter()
        .find(|outage| outage.detected > settled && outage.detected < end);
    false_one.map(|outage| {
        (
            Some(*outage),
            vec!["it was measured as down while nothing was injected".to_owned()],
        )
    })
}

fn late(what: &str, at: Timestamp, injected: Timestamp, limit: Duration) -> String {
    let minutes = |duration: Duration| duration.as_secs_f64() / 60.0;
    if at < injected {
        return format!("{what} {:.1} min too early", minutes(injected.since(at)));
    }
    format!(
        "{what} after {:.1} min, {:.1} are allowed",
        minutes(at.since(injected)),
        minutes(limit)
    )
}

#[cfg(test)]
mod tests;
