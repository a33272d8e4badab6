//! An incident with those that turned out to be one with it.

use bongsu_availability::{IncidentId, IncidentView};
use bongsu_model::TargetName;

/// What is written of an incident, and the reports of it, are also those of the incidents that were
/// merged into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The environment.
    pub target: TargetName,
    /// The incident.
    pub incident: IncidentId,
    /// Those that were merged into it and are remembered, the oldest first.
    pub absorbed: Vec<IncidentId>,
}

impl Lineage {
    /// That of `incident`, which is one of `all` incidents of its target, the newest first.
    pub fn of(incident: &IncidentView, all: &[IncidentView]) -> Self {
        let into = Some(&incident.id);
        let absorbed = all.iter().rev();
        let absorbed = absorbed.filter(|other| other.merged_into.as_ref() == into);
        Self {
            target: incident.target.clone(),
            incident: incident.id.clone(),
            absorbed: absorbed.map(|other| other.id.clone()).collect(),
        }
    }

    /// The incident and those that were merged into it.
    pub fn names(&self) -> Vec<&str> {
        let all = std::iter::once(&self.incident).chain(&self.absorbed);
        all.map(IncidentId::as_str).collect()
    }
}
