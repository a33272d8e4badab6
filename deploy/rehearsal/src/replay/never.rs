//! What a scenario says is never touched, held against what was measured from its beginning to the
//! end of the replay.

use std::time::Duration;

use bongsu_availability::{Board, FeatureView, RecoveryView};
use bongsu_model::{FeatureId, FeatureState};

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

/// What must at least be known of the time that was played, of its last day if it was longer: what
/// nobody saw may have been out.
const KNOWN: f64 = 0.5;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What the collector shows at the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) board: &'a Board,
    /// Every outage with what it affected.
    pub(super) recoveries: &'a [RecoveryView],
    /// How much was played until then.
    pub(super) played: Duration,
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
        let mut problems: Vec<_> = unseen(view, shown.played).into_iter().collect();
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
fn unseen(view: Option<&FeatureView>, played: Duration) -> Option<String> {
    use FeatureState::{Degraded, Operational, Unmeasured};
    let Some(view) = view.filter(|view| view.state != Unmeasured) else {
        return Some("it was not measured".to_owned());
    };
    if !matches!(view.state, Operational | Degraded) {
        return Some(format!("it is {} at the end", view.state));
    }
    let known = view.availability.hours_24.coverage * DAY.as_secs_f64();
    let share = known / played.min(DAY).as_secs_f64().max(f64::MIN_POSITIVE);
    (share < KNOWN).then(|| {
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

    /// After six hours, of all of which it is known how it was.
    fn problems(state: FeatureState, recoveries: &[RecoveryView], measured: &Measured) -> String {
        problems_of(&[(state, 0.25)], recoveries, measured)
    }

    /// The same of a board with these states and coverages of the day.
    fn problems_of(
        states: &[(FeatureState, f64)],
        recoveries: &[RecoveryView],
        measured: &Measured,
    ) -> String {
        let shown: Vec<_> = states.iter().map(|(state, _)| (BANK, *state)).collect();
        let mut board = board(&shown);
        for (view, (_, coverage)) in board.features.iter_mut().zip(states) {
            view.availability.hours_24.coverage = *coverage;
        }
        let shown = Shown {
            board: &board,
            recoveries,
            played: Duration::from_secs(6 * 3600),
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
        let mut measured = Measured::default();
        went(&mut measured, "10:00", FeatureState::Degraded);
        let others = [outage_of(&FeatureId::new("talk.message.text").unwrap())];
        let told = problems(FeatureState::Operational, &others, &measured);
        assert_eq!(told, "", "slow is not out");
    }

    #[test]
    fn what_nobody_saw_cannot_be_said_to_be_untouched() {
        let measured = Measured::default();
        let told = |state, coverage| problems_of(&[(state, coverage)], &[], &measured);
        let unknown = told(FeatureState::Unknown, 0.0);
        assert_eq!(unknown, "it is unknown at the end");
        let late = told(FeatureState::Operational, 0.05);
        assert_eq!(late, "for 80 % of the time nobody saw it");
        assert_eq!(told(FeatureState::Operational, 0.13), "");
        assert_eq!(problems_of(&[], &[], &measured), "it was not measured");
    }

    #[test]
    fn what_was_out_or_affected_or_not_measured_is_told() {
        let mut measured = Measured::default();
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
