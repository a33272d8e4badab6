//! What a scenario says is never touched, held against what was measured from its beginning to the
//! end of the replay.

use bongsu_availability::{Board, RecoveryView};
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

/// What the collector shows at the end: its board, and every outage with what it affected.
pub(super) type Shown<'a> = (&'a Board, &'a [RecoveryView]);

/// Judges each of `never`; times are told in `zone`.
pub(super) fn judge(
    never: &[FeatureId],
    (board, recoveries): Shown<'_>,
    measured: &Measured,
    zone: &str,
) -> Vec<JudgedNever> {
    let judged = never.iter().map(|feature| {
        let mut problems = Vec::new();
        let mut views = board.features.iter();
        let view = views.find(|view| view.feature == *feature);
        if view.is_none_or(|view| view.state == FeatureState::Unmeasured) {
            problems.push("it was not measured".to_owned());
        }
        for outage in measured.of(feature) {
            let since = in_zone(outage.onset.unwrap_or(outage.detected), zone);
            problems.push(match outage.recovered {
                Some(at) => format!("it was out from {since} until {}", in_zone(at, zone)),
                None => format!("it is out since {since}"),
            });
        }
        let affecting = recoveries
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

    fn problems(state: FeatureState, recoveries: &[RecoveryView], measured: &Measured) -> String {
        let board = board(&[(BANK, state)]);
        let judged = judge(&[bank()], (&board, recoveries), measured, "UTC");
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
