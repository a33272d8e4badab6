//! Changes of state, and a feature with its recent ones.

use bongsu_availability::{Change, FleetState, IncidentId, IncidentStep, Presence, QuarantineStep};
use bongsu_availability::{IncidentPhase, Transition};
use bongsu_model::{AgentId, CellKey, FeatureId, RegionId, RunId, TargetName};

use super::{FeatureAnswer, Time};

/// `GET /api/v1/features/{id}`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct FeatureDetailAnswer {
    /// The environment.
    pub target: TargetName,
    /// As of when.
    pub as_of: Time,
    /// The feature as the board has it.
    pub feature: FeatureAnswer,
    /// Its newest changes of state, newest first.
    pub transitions: Vec<TransitionAnswer>,
}

/// Something that changed. Fields that do not apply are null.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TransitionAnswer {
    /// When, in engine time.
    pub at: Time,
    /// What: `cell`, `feature`, `incident`, `recovery`, `rto`, `quarantine`, `presence` or `fleet`.
    pub kind: &'static str,
    /// The environment.
    pub target: Option<TargetName>,
    /// The feature.
    pub feature: Option<FeatureId>,
    /// The region.
    pub region: Option<RegionId>,
    /// The agent.
    pub agent: Option<AgentId>,
    /// The incident.
    pub incident: Option<IncidentId>,
    /// The word before.
    pub from: Option<&'static str>,
    /// The word from then on.
    pub to: &'static str,
    /// The feature that blocks it, beside `unknown`.
    pub blocked_by: Option<FeatureId>,
    /// The incident that it turned out to be one with, beside `absorbed` and `merged`.
    pub other: Option<IncidentId>,
    /// Runs that speak for it, the newest last.
    pub evidence: Vec<RunId>,
}

impl TransitionAnswer {
    /// The answer for one change.
    pub fn new(transition: &Transition) -> Self {
        let blank = Self {
            at: Time(transition.at),
            kind: "",
            target: None,
            feature: None,
            region: None,
            agent: None,
            incident: None,
            from: None,
            to: "",
            blocked_by: None,
            other: None,
            evidence: transition.evidence.clone(),
        };
        match &transition.change {
            Change::Cell {
                cell,
                from,
                to,
                blocked_by,
                ..
            } => Self {
                kind: "cell",
                from: Some(from.as_str()),
                to: to.as_str(),
                blocked_by: blocked_by.clone(),
                ..blank.of_cell(cell)
            },
            Change::Feature {
                target,
                feature,
                from,
                to,
                blocked_by,
                ..
            } => Self {
                kind: "feature",
                target: Some(target.clone()),
                feature: Some(feature.clone()),
                from: Some(from.as_str()),
                to: to.as_str(),
                blocked_by: blocked_by.clone(),
                ..blank
            },
            Change::Incident {
                target,
                incident,
                step,
            } => Self {
                kind: "incident",
                target: Some(target.clone()),
                incident: Some(incident.clone()),
                to: incident_word(step),
                other: other_incident(step).cloned(),
                ..match step {
                    IncidentStep::Widened { cell } | IncidentStep::Relapsed { cell } => {
                        blank.of_cell(cell)
                    }
                    IncidentStep::Opened
                    | IncidentStep::Absorbed { .. }
                    | IncidentStep::Merged { .. }
                    | IncidentStep::Phase { .. }
                    | IncidentStep::LostSight
                    | IncidentStep::RegainedSight => blank,
                }
            },
            Change::Recovery {
                target,
                feature,
                incident,
                from,
                to,
            } => Self {
                kind: "recovery",
                target: Some(target.clone()),
                feature: Some(feature.clone()),
                incident: Some(incident.clone()),
                from: from.map(|from| from.as_str()),
                to: to.as_str(),
                ..blank
            },
            Change::Rto {
                target,
                feature,
                incident,
                alarm,
            } => Self {
                kind: "rto",
                target: Some(target.clone()),
                feature: Some(feature.clone()),
                incident: Some(incident.clone()),
                to: alarm.as_str(),
                ..blank
            },
            Change::Quarantine { agent, cell, step } => Self {
                kind: "quarantine",
                agent: Some(agent.clone()),
                to: match step {
                    QuarantineStep::Held { .. } => "held",
                    QuarantineStep::Released { .. } => "released",
                },
                ..blank.of_cell(cell)
            },
            Change::Presence { agent, from, to } => Self {
                kind: "presence",
                agent: Some(agent.clone()),
                from: Some(presence_word(*from)),
                to: presence_word(*to),
                ..blank
            },
            Change::Fleet { from, to, .. } => Self {
                kind: "fleet",
                from: Some(fleet_word(*from)),
                to: fleet_word(*to),
                ..blank
            },
        }
    }

    /// Whether it speaks of this feature of this target.
    pub fn concerns(&self, target: &TargetName, feature: &FeatureId) -> bool {
        self.target.as_ref() == Some(target) && self.feature.as_ref() == Some(feature)
    }

    fn of_cell(self, cell: &CellKey) -> Self {
        Self {
            target: Some(cell.target.clone()),
            feature: Some(cell.feature.clone()),
            region: Some(cell.region.clone()),
            ..self
        }
    }
}

/// The word for an agent's presence.
const fn presence_word(presence: Presence) -> &'static str {
    match presence {
        Presence::Unseen => "unseen",
        Presence::Present => "present",
        Presence::Lost => "lost",
    }
}

const fn fleet_word(state: FleetState) -> &'static str {
    match state {
        FleetState::Sighted => "sighted",
        FleetState::Blind => "blind",
    }
}

/// The incident that one turned out to be one with.
pub(super) const fn other_incident(step: &IncidentStep) -> Option<&IncidentId> {
    match step {
        IncidentStep::Absorbed { incident } => Some(incident),
        IncidentStep::Merged { into } => Some(into),
        IncidentStep::Opened
        | IncidentStep::Widened { .. }
        | IncidentStep::Relapsed { .. }
        | IncidentStep::Phase { .. }
        | IncidentStep::LostSight
        | IncidentStep::RegainedSight => None,
    }
}

pub(super) const fn incident_word(step: &IncidentStep) -> &'static str {
    match step {
        IncidentStep::Opened => "opened",
        IncidentStep::Widened { .. } => "widened",
        IncidentStep::Absorbed { .. } => "absorbed",
        IncidentStep::Merged { .. } => "merged",
        IncidentStep::Relapsed { .. } => "relapsed",
        IncidentStep::Phase { phase } => match phase {
            IncidentPhase::Open => "open",
            IncidentPhase::Recovering => "recovering",
            IncidentPhase::Resolved => "resolved",
            IncidentPhase::Closed => "closed",
        },
        IncidentStep::LostSight => "lost_sight",
        IncidentStep::RegainedSight => "regained_sight",
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::Timestamp;

    use super::*;

    #[test]
    fn what_happens_to_an_incident_is_of_its_target_whether_or_not_it_has_a_cell() {
        let target = TargetName::new("staging").unwrap();
        let feature = FeatureId::new("account.login").unwrap();
        let cell = CellKey {
            target: target.clone(),
            feature: feature.clone(),
            region: RegionId::new("kr-seoul").unwrap(),
        };
        let widened = IncidentStep::Widened { cell };
        let older = IncidentId::new(Timestamp::from_unix_seconds(1), &target, &feature);
        let merged = IncidentStep::Merged {
            into: older.clone(),
        };
        let absorbed = IncidentStep::Absorbed {
            incident: older.clone(),
        };
        let steps = [
            (IncidentStep::Opened, None, None),
            (widened, Some(&feature), None),
            (merged, None, Some(&older)),
            (absorbed, None, Some(&older)),
        ];
        for (step, of, other) in steps {
            let answer = TransitionAnswer::new(&Transition {
                at: Timestamp::EPOCH,
                change: Change::Incident {
                    target: target.clone(),
                    incident: IncidentId::new(Timestamp::EPOCH, &target, &feature),
                    step,
                },
                evidence: Vec::new(),
            });
            assert_eq!(answer.target, Some(target.clone()));
            assert_eq!(answer.feature.as_ref(), of);
            assert_eq!(answer.other.as_ref(), other);
        }
    }
}
