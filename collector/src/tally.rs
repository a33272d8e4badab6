//! How many runs ended how, per cell, since the collector started: for `/metrics`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bongsu_model::{CellKey, RunFacts};

/// Cells and outcomes that are counted: 1,000 features in 10 regions with all six outcomes. Runs
/// of further ones are in the journal, but not in the tally.
const COUNTED_MAX: usize = 60_000;

/// A cell, the outcome's word, and how many runs ended so.
pub type RunCount = (CellKey, &'static str, u64);

/// Counts of runs by the outcome of the journey's own feature.
#[derive(Debug, Default)]
pub struct RunTally(Mutex<BTreeMap<(CellKey, &'static str), u64>>);

impl RunTally {
    /// Counts one run.
    pub fn count(&self, run: &RunFacts) {
        let own = run.outcomes.own();
        let cell = CellKey {
            target: run.target.clone(),
            feature: own.feature.clone(),
            region: run.vantage.region.clone(),
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = counts.len() >= COUNTED_MAX;
        let key = (cell, own.outcome.word());
        match counts.get_mut(&key) {
            Some(count) => *count += 1,
            None if full => {}
            None => {
                counts.insert(key, 1);
            }
        }
    }

    /// The counts, in order of cell and outcome.
    pub fn counts(&self) -> Vec<RunCount> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .iter()
            .map(|((cell, outcome), count)| (cell.clone(), *outcome, *count))
            .collect()
    }
}
