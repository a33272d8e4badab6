//! One cell by itself, to measure how often the rule errs.

use std::time::Duration;

use bongsu_model::{CellState, FeatureId, Outcome, RegionId, RunId, TargetName, Timestamp};

use crate::cell::scores::AgentIx;
use crate::cell::sight::Newest;
use crate::cell::{Evidence, Weight};
use crate::cells::{Cells, Own, mark, seen};
use crate::{QuarantineStep, Settings};

/// Which agents measure the cell of a [`Trial`], and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrialFleet {
    /// N.
    pub agents: u32,
    /// T.
    pub period: Duration,
    /// D.
    pub deadline: Duration,
}

/// A scheduled or burst run of the cell's own journey, received at its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrialRun<'a> {
    /// Whose, from 0 on.
    pub agent: u32,
    /// When it was due and began.
    pub due: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What it says of the feature.
    pub outcome: &'a Outcome,
}

/// The machine of one cell without ledger, features and incidents: what an
/// [`Engine`](crate::Engine) would decide from the same runs, at a cost that allows for billions.
#[derive(Debug)]
pub struct Trial {
    cells: Cells,
    cell: usize,
    fleet: TrialFleet,
    fresh: Duration,
    now: Timestamp,
    runs: u64,
    quarantines: u64,
}

impl Trial {
    /// A cell of which nothing was heard yet.
    pub fn new(settings: Settings, fleet: TrialFleet) -> Self {
        let fresh = fleet.period * 2 + fleet.deadline + settings.lateness;
        let mut cells = Cells::new(settings);
        let target = TargetName::new("trial").expect("a name");
        let feature = FeatureId::new("trial.cell").expect("an id");
        let region = RegionId::new("trial").expect("an id");
        let cell = cells
            .cell(&target, &feature, &region)
            .expect("there is room for the first");
        cells.cells[cell].period = Some(fleet.period);
        for agent in 0..fleet.agents {
            let sight = &mut cells.cells[cell].sight;
            sight.cover(AgentIx(agent), &[agent as usize]);
        }
        // It is planned before anything is heard of it.
        cells.settle(cell, Timestamp::EPOCH);
        Self {
            cells,
            cell,
            fleet,
            fresh,
            now: Timestamp::EPOCH,
            runs: 0,
            quarantines: 0,
        }
    }

    /// Takes a run in. Returns the state that it leads to.
    pub fn run(&mut self, run: TrialRun<'_>) -> CellState {
        self.advance(run.ended);
        self.runs += 1;
        let fresh_until = run.due + self.fresh;
        let agent = AgentIx(run.agent);
        let evidence = mark(run.outcome, false).map(|mark| Evidence {
            run: RunId::from_bytes(u128::from(self.runs).to_be_bytes()),
            agent,
            started: run.due,
            ended: run.ended,
            fresh_until,
            mark,
            weight: Weight::Own,
        });
        let newest = Newest {
            user: run.agent as usize,
            due: run.due,
            fresh_until,
            seen: seen(run.outcome),
        };
        let own = Own {
            agent,
            newest,
            evidence,
            ended: run.ended,
        };
        self.cells.weigh_own(self.cell, own, run.ended);
        self.cells.settle(self.cell, run.ended);
        for standing in self.cells.standing.drain(..) {
            self.quarantines += u64::from(matches!(standing.step, QuarantineStep::Held { .. }));
        }
        self.state()
    }

    /// Loses sight where runs grow stale before `until`.
    fn advance(&mut self, until: Timestamp) {
        let expiry = |trial: &Self| trial.cells.cells[trial.cell].sight.next_expiry(trial.now);
        while let Some(at) = expiry(self).filter(|at| *at <= until) {
            self.now = at;
            self.cells.settle(self.cell, at);
        }
        self.now = self.now.max(until);
    }

    /// Where it is.
    pub fn state(&self) -> CellState {
        self.cells.cells[self.cell].state
    }

    /// How often an agent was quarantined.
    pub fn quarantines(&self) -> u64 {
        self.quarantines
    }

    /// Whether a pass would change nothing but when the cell was last seen. The soft test, which
    /// turns nothing down, is left out of this.
    pub fn is_quiet(&self) -> bool {
        self.cells.cells[self.cell].is_quiet()
    }

    /// Takes it that every agent passed in time up to `at`, which changes nothing else as long as
    /// [`Trial::is_quiet`].
    pub fn all_passed(&mut self, at: Timestamp) {
        for agent in 0..self.fleet.agents {
            let newest = Newest {
                user: agent as usize,
                due: at,
                fresh_until: at + self.fresh,
                seen: seen(&Outcome::Pass),
            };
            self.cells.cells[self.cell].note(AgentIx(agent), newest);
        }
    }
}
