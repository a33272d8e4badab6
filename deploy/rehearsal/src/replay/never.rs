//! What a scenario says is never touched, held against what was measured from its beginning to the
//! end of the replay.

use bongsu_availability::{Board, FeatureView, RecoveryView};
use bongsu_model::{FeatureId, FeatureState, Timestamp};

use super::Measured;
use crate::scenario::in_zone;

/// A feature that must be up throughout, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedNever {
    /// Which.
    pub feature: FeatureId,
    /// What is not as it must be; empty if all is.
    pub problems: Vec<String>,
}

impl JudgedNever {
    /// Whether there is nothing to look into.
    pub fn is_explained(&self) -> bool {
        self.problems.is_empty()
    }
}

/// For which share of the time that was played it must have been in sight: what nobody saw may have
/// been out. The rest is for the first runs, and for an agent that comes late now and then.
const SEEN: f64 = 0.9;

/// What the collector shows at the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) board: &'a Board,
    /// Every outage with what it affected.
    pub(super) recoveries: &'a [RecoveryView],
    /// From when until when it was played.
    pub(super) played: (Timestamp, Timestamp),
}

/// Judges each of `never`; times are told in `zone`.
pub(super) fn judge(
    never: &[FeatureId],
    shown: Shown<'_>,
    measured: &Measured,
    zone: &str,
) -> Vec<JudgedNever> {
    let judged = never.iter().map(|feature| {
        let mut views = shown.board.features.iter();
        let view = views.find(|view| view.feature == *feature);
        let mut problems: Vec<_> = unseen(view, measured, shown.played).into_iter().collect();
        for outage in measured.of(feature) {
            let since = in_zone(outage.onset.unwrap_or(outage.detected), zone);
            problems.push(match outage.recovered {
                Some(at) => format!("it was out from {since} until {}", in_zone(at, zone)),
                None => format!("it is out since {since}"),
            });
        }
        let affecting = shown
            .recoveries
            .iter()
            .filter(|outage| outage.rows.iter().any(|row| row.feature == *feature));
        problems.extend(affecting.map(|outage| {
            let onset = in_zone(outage.onset, zone);
            format!("the outage of {onset} has it among what it affected")
        }));
        JudgedNever {
            feature: feature.clone(),
            problems,
        }
    });
    judged.collect()
}

/// Why it cannot be said that it was up throughout, whatever outages were measured.
fn unseen(
    view: Option<&FeatureView>,
    measured: &Measured,
    (from, until): (Timestamp, Timestamp),
) -> Option<String> {
    use FeatureState::{Degraded, Operational, Unmeasured};
    let Some(view) = view.filter(|view| view.state != Unmeasured) else {
        return Some("it was not measured".to_owned());
    };
    if !matches!(view.state, Operational | Degraded) {
        return Some(format!("it is {} at the end", view.state));
    }
    let seen = measured.seen(&view.feature, until).as_secs_f64();
    let share = seen / until.since(from).as_secs_f64().max(f64::MIN_POSITIVE);
    (share < SEEN).then(|| {
        format!(
            "for {:.0} % of the time nobody saw it",
            (1.0 - share) * 100.0
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bongsu_availability::{
        Change, FeatureWeight, IncidentId, RecoveredShare, RecoveryRow, RecoveryState, Transition,
    };

    use super::*;
    use crate::replay::verdict::tests::{at, board};

    const BANK: &str = "bank.app";

    fn bank() -> FeatureId {
        FeatureId::new(BANK).unwrap()
    }

    fn went(measured: &mut Measured, time: &str, to: FeatureState) {
        measured.take(&Transition {
            at: at(time),
            evidence: Vec::new(),
            change: Change::Feature {
                target: crate::fleet::superapp(),
                feature: bank(),
                from: FeatureState::Operational,
                to,
                blocked_by: None,
                onset: Some(at(time)),
            },
        });
    }

    /// What was first seen at `time`.
    fn seen_from(time: &str) -> Measured {
        let mut measured = Measured::default();
        went(&mut measured, time, FeatureState::Operational);
        measured
    }

    /// Of what was played from 06:00 to 12:00, with this state at its end.
    fn problems(state: FeatureState, recoveries: &[RecoveryView], measured: &Measured) -> String {
        problems_of(&[(BANK, state)], recoveries, measured)
    }

    /// The same, with all that the board shows.
    fn problems_of(
        states: &[(&str, FeatureState)],
        recoveries: &[RecoveryView],
        measured: &Measured,
    ) -> String {
        let board = board(states);
        let shown = Shown {
            board: &board,
            recoveries,
            played: (at("06:00"), at("12:00")),
        };
        let judged = judge(&[bank()], shown, measured, "UTC");
        assert_eq!(judged.len(), 1);
        assert_eq!(judged[0].is_explained(), judged[0].problems.is_empty());
        judged[0].problems.join("; ")
    }

    /// An outage that affected this feature.
    fn outage_of(feature: &FeatureId) -> RecoveryView {
        let incident = IncidentId::new(at("10:00"), &crate::fleet::superapp(), feature);
        let rows = vec![RecoveryRow {
            feature: feature.clone(),
            incident: incident.clone(),
            state: RecoveryState::Recovered,
            since: at("11:00"),
            blocked_by: None,
            weight: FeatureWeight {
                by_use: 1,
                by_harm: 0,
                tier: 0,
            },
            regions: Vec::new(),
            passes: 14,
            last_failure: None,
            relapses: 0,
            clock: None,
        }];
        RecoveryView {
            id: incident.clone(),
            target: crate::fleet::superapp(),
            incidents: vec![incident],
            onset: at("10:00"),
            detected: at("10:00"),
            ended: None,
            as_of: at("12:00"),
            share: RecoveredShare::of(&rows),
            rows,
            relapses: 0,
            log: Arc::default(),
            log_dropped: 0,
        }
    }

    #[test]
    fn what_is_never_out_and_in_no_outage_is_as_expected() {
        let mut measured = seen_from("06:10");
        went(&mut measured, "10:00", FeatureState::Degraded);
        let others = [outage_of(&FeatureId::new("talk.message.text").unwrap())];
        let told = problems(FeatureState::Operational, &others, &measured);
        assert_eq!(told, "", "slow is not out");
    }

    #[test]
    fn what_nobody_saw_cannot_be_said_to_be_untouched() {
        let up = FeatureState::Operational;
        let mut measured = seen_from("06:10");
        assert_eq!(
            problems(up, &[], &measured),
            "",
            "the first runs take a while"
        );
        let unknown = problems(FeatureState::Unknown, &[], &measured);
        assert_eq!(unknown, "it is unknown at the end");
        assert_eq!(problems_of(&[], &[], &measured), "it was not measured");
        went(&mut measured, "07:00", FeatureState::Unknown);
        went(&mut measured, "08:00", FeatureState::Unknown);
        went(&mut measured, "10:00", up);
        let between = problems(up, &[], &measured);
        assert_eq!(between, "for 53 % of the time nobody saw it");
        let late = problems(up, &[], &seen_from("07:12"));
        assert_eq!(late, "for 20 % of the time nobody saw it");
    }

    #[test]
    fn what_was_out_or_affected_or_not_measured_is_told() {
        let mut measured = seen_from("06:10");
        let unseen = problems(FeatureState::Unmeasured, &[], &measured);
        assert_eq!(unseen, "it was not measured");
        let up = FeatureState::Operational;
        let affected = problems(up, &[outage_of(&bank())], &measured);
        assert!(
            affected.contains("the outage of 2022-10-15T10:00"),
            "{affected}"
        );
        went(&mut measured, "10:00", FeatureState::PartialOutage);
        went(&mut measured, "10:30", FeatureState::Operational);
        went(&mut measured, "11:00", FeatureState::MajorOutage);
        let out = problems(FeatureState::MajorOutage, &[], &measured);
        assert!(out.contains("it was out from 2022-10-15T10:00"), "{out}");
        assert!(out.contains("it is out since 2022-10-15T11:00"), "{out}");
    }
}
