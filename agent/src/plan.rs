//! What the agent is to run: journeys, catalogue and targets, taken as a whole or refused as one.

mod accounts;
mod budget;
mod digests;
mod doubts;
mod files;
mod fingerprint;
mod fit;
mod load;
mod refusal;
mod reload;
mod stamps;
mod targets;

use std::sync::Arc;
use std::time::Duration;

use bongsu_language::{Budget, Journey, KillSwitch};
use bongsu_model::{Cadence, PlanEntry, PlanRecord, Revision, Timestamp};
use bongsu_probes::{Account, Target};

pub(crate) use doubts::{Doubt, PlanDoubts};
pub use files::{FilesError, read_every, read_sources, source_of};
pub(crate) use fingerprint::{Fingerprint, fingerprint};
pub(crate) use load::load;
pub use refusal::{PlanProblem, PlanRefusal};
pub(crate) use reload::{PlanState, Reloader};
pub use targets::{LoadedTarget, load_target_file};

use crate::accounts::PoolKey;
use crate::schedule::Lineage;
use crate::units::count;

/// A journey with slots of its own.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) lineage: Lineage,
    pub(crate) journey: Arc<Journey>,
    pub(crate) target: Arc<Target>,
    pub(crate) cadence: Cadence,
    /// D: the longest that a run can take, cleanup included, in the time of the agent's clock.
    pub(crate) deadline: Duration,
}

/// A plan that can be worked on.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) revision: Revision,
    /// By lineage.
    pub(crate) planned: Box<[Planned]>,
    pub(crate) journeys: Vec<Arc<Journey>>,
    pub(crate) targets: Vec<Arc<Target>>,
    /// This agent's share of each pool.
    pub(crate) accounts: Vec<PlannedPool>,
}

/// This agent's share of a pool.
#[derive(Debug)]
pub(crate) struct PlannedPool {
    pub(crate) key: PoolKey,
    pub(crate) budget: Budget,
    pub(crate) accounts: Vec<Account>,
}

impl Plan {
    /// The record that the ledger is made from.
    pub(crate) fn record(&self, valid_from: Timestamp) -> PlanRecord {
        PlanRecord {
            revision: self.revision.clone(),
            valid_from,
            entries: self.planned.iter().map(entry).collect(),
        }
    }

    /// The shortest cadence; none without slots.
    pub(crate) fn shortest_period(&self) -> Option<Duration> {
        let planned = self.planned.iter();
        planned.map(|planned| planned.cadence.period()).min()
    }

    /// Targets whose kill switch is on.
    pub(crate) fn held_back(&self) -> usize {
        let targets = self.targets.iter();
        targets
            .filter(|target| target.profile().kill_switch != KillSwitch::Off)
            .count()
    }

    pub(crate) fn find(&self, lineage: &Lineage) -> Option<&Planned> {
        let place = self
            .planned
            .binary_search_by(|planned| planned.lineage.cmp(lineage));
        place.ok().map(|place| &self.planned[place])
    }
}

fn entry(planned: &Planned) -> PlanEntry {
    let own = &planned.journey.feature;
    let mut touches = Vec::new();
    for step in &planned.journey.steps {
        if step.feature != *own && !touches.contains(&step.feature) {
            touches.push(step.feature.clone());
        }
    }
    PlanEntry {
        journey: planned.lineage.journey.clone(),
        target: planned.lineage.target.clone(),
        variant: planned.lineage.variant.clone(),
        feature: own.clone(),
        touches,
        cadence: planned.cadence,
        deadline: planned.deadline,
    }
}

/// Loads the plan that the configuration names and says what it is.
///
/// # Errors
/// Every problem of its files.
pub fn check(config: &crate::Config) -> Result<String, PlanRefusal> {
    let plan = load(&config.plan, config.controls.timeout, 1.0)?;
    let targets: Vec<String> = plan.targets.iter().map(|t| t.name().to_string()).collect();
    Ok(format!(
        "{} against {}, plan {}",
        count(plan.journeys.len(), "journey"),
        targets.join(", "),
        plan.revision
    ))
}
