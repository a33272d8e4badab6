//! Every feature of every target, with its cells and its state over them.

use std::collections::BTreeMap;

use bongsu_model::{CellState, FeatureId, FeatureState, RegionId, TargetName, Timestamp};

use crate::cell::Cell;
use crate::cells::Cells;
use crate::feature::{RegionFacts, decide};
use crate::maintenance::Maintenance;
use crate::{Change, Roster};

/// One feature of one target.
#[derive(Debug, Clone)]
pub(crate) struct Feature {
    pub(crate) cells: Vec<usize>,
    pub(crate) state: FeatureState,
    pub(crate) since: Option<Timestamp>,
    pub(crate) blocked_by: Option<FeatureId>,
}

/// What the state of a feature is computed from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) cells: &'a Cells,
    pub(crate) roster: &'a Roster,
    pub(crate) maintenance: &'a Maintenance,
}

#[derive(Debug, Default)]
pub(crate) struct Features {
    features: BTreeMap<(TargetName, FeatureId), Feature>,
    /// How many cells are registered: all before this one.
    registered: usize,
}

impl Features {
    /// Registers the cells that were made since the last time.
    pub(crate) fn register(&mut self, cells: &Cells) {
        for (i, cell) in cells.cells.iter().enumerate().skip(self.registered) {
            let key = (cell.key.target.clone(), cell.key.feature.clone());
            let feature = self.features.entry(key).or_insert_with(|| Feature {
                cells: Vec::new(),
                state: FeatureState::Unmeasured,
                since: None,
                blocked_by: None,
            });
            feature.cells.push(i);
        }
        self.registered = cells.cells.len();
    }

    pub(crate) fn get(&self, target: &TargetName, feature: &FeatureId) -> Option<&Feature> {
        self.features.get(&(target.clone(), feature.clone()))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &(TargetName, FeatureId)> {
        self.features.keys()
    }

    /// Moves a feature to the state that its cells call for.
    pub(crate) fn settle(
        &mut self,
        key: &(TargetName, FeatureId),
        known: Known<'_>,
        at: Timestamp,
    ) -> Option<Change> {
        let feature = self.features.get_mut(key)?;
        let cells = || feature.cells.iter().map(|i| &known.cells.cells[*i]);
        let facts: Vec<RegionFacts> = cells().map(|cell| known.facts(cell, at)).collect();
        let from = feature.state;
        let to = decide(from, &facts);
        let blocked_by = match to {
            FeatureState::Unknown => blocked_by(cells(), &facts),
            FeatureState::Operational
            | FeatureState::Degraded
            | FeatureState::Recovering
            | FeatureState::PartialOutage
            | FeatureState::MajorOutage
            | FeatureState::Maintenance
            | FeatureState::Unmeasured => None,
        };
        if from == to && blocked_by == feature.blocked_by {
            return None;
        }
        let down = cells().filter(|cell| cell.state == CellState::Down);
        let onset = down.filter_map(Cell::onset).min();
        if from != to {
            feature.since = Some(at);
        }
        feature.state = to;
        feature.blocked_by.clone_from(&blocked_by);
        Some(Change::Feature {
            target: key.0.clone(),
            feature: key.1.clone(),
            from,
            to,
            blocked_by,
            onset,
        })
    }
}

impl Known<'_> {
    /// Users of a region as a weight; a region that is not listed weighs as one.
    pub(crate) fn weight(&self, region: &RegionId) -> f64 {
        let listed = self
            .roster
            .regions
            .iter()
            .find(|listed| listed.id == *region);
        listed
            .map(|listed| listed.weight)
            .filter(|weight| weight.is_finite() && *weight > 0.0)
            .unwrap_or(1.0)
    }

    fn facts(&self, cell: &Cell, at: Timestamp) -> RegionFacts {
        RegionFacts {
            weight: self.weight(&cell.key.region),
            state: cell.state,
            confidence: cell.confidence(),
            degraded: cell.is_degraded(),
            maintenance: self.maintenance.is_excluded(&cell.key, at),
        }
    }
}

/// The feature that stands before most of the weight that is asked for.
fn blocked_by<'a>(
    cells: impl Iterator<Item = &'a Cell>,
    facts: &[RegionFacts],
) -> Option<FeatureId> {
    let mut weights: BTreeMap<&FeatureId, f64> = BTreeMap::new();
    let mut asked = 0.0;
    for (cell, facts) in cells.zip(facts) {
        if facts.state == CellState::Unmeasured || facts.maintenance {
            continue;
        }
        asked += facts.weight;
        if let Some(by) = &cell.blocked_by {
            *weights.entry(by).or_default() += facts.weight;
        }
    }
    let most = weights.into_iter().find(|(_, weight)| 2.0 * weight > asked);
    most.map(|(by, _)| by.clone())
}
