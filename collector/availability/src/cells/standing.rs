//! Whose runs count in a cell: quarantine, its end, and what both mean for the agent's history.

use bongsu_model::{CellKey, RunId, Timestamp};

use crate::cell::scores::AgentIx;
use crate::history::Fault;
use crate::{QuarantineStep, Release};

use super::{Cells, User};

/// An agent was quarantined in a cell, or is no longer.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) agent: AgentIx,
    pub(crate) cell: usize,
    pub(crate) step: QuarantineStep,
    pub(crate) run: Option<RunId>,
}

impl Cells {
    pub(super) fn hold(&mut self, standing: Standing, since: Timestamp, now: Timestamp) {
        let Standing { agent, cell, .. } = standing;
        self.cells[cell].hold(agent, since);
        self.stand_before(agent, cell);
        for user in self.users_on(agent, cell) {
            let fault = self.fault(user, cell);
            self.users[user].history.hold(fault, since, now);
        }
        self.standing.push(standing);
    }

    pub(super) fn release(&mut self, agent: AgentIx, cell: usize, why: Release, now: Timestamp) {
        let first = self.cells[cell].release(agent, now, &self.settings);
        self.stand_before(agent, cell);
        let from = match why {
            Release::Corroborated => first.unwrap_or(now),
            Release::Passes | Release::Left => now,
        };
        let target = &self.cells[cell].key.target;
        let mut others = self
            .cells
            .iter()
            .filter(|other| other.key.target == *target);
        let still_held = others.any(|other| other.sight.is_held(agent));
        for user in self.users_on(agent, cell) {
            match self.fault(user, cell) {
                Fault::Upstream if still_held => {}
                fault => self.users[user].history.release(fault, from, now),
            }
        }
        self.standing.push(Standing {
            agent,
            cell,
            step: QuarantineStep::Released { why },
            run: None,
        });
    }

    /// Tells the other cells of the same target and region whether the agent is quarantined in
    /// this one: where this one blocks it, it does not vote.
    fn stand_before(&mut self, agent: AgentIx, cell: usize) {
        let is_held = self.cells[cell].sight.is_held(agent);
        let key = self.cells[cell].key.clone();
        for (other, facts) in self.cells.iter_mut().enumerate() {
            let CellKey { target, region, .. } = &facts.key;
            if other == cell || *target != key.target || *region != key.region {
                continue;
            }
            let before = &mut facts.sight.voters.entry(agent).or_default().held_before;
            let changed = if is_held {
                before.insert(key.feature.clone())
            } else {
                before.remove(&key.feature)
            };
            if changed {
                self.unsettled.insert(other);
            }
        }
    }

    /// What a hold in `cell` means for one of the agent's users.
    fn fault(&self, user: usize, cell: usize) -> Fault {
        if self.users[user].cell == cell {
            Fault::Here
        } else {
            Fault::Upstream
        }
    }

    /// The agent's users on the target of `cell`.
    fn users_on(&self, agent: AgentIx, cell: usize) -> Vec<usize> {
        let target = &self.cells[cell].key.target;
        let is_its = |user: &usize| {
            let User {
                agent: of, cell, ..
            } = self.users[*user];
            of == agent && self.cells[cell].key.target == *target
        };
        (0..self.users.len()).filter(is_its).collect()
    }

    /// The agent has nothing to do with the cell any more.
    pub(super) fn leave(&mut self, agent: AgentIx, cell: usize, now: Timestamp) {
        self.cells[cell].leave(agent);
        if self.cells[cell].sight.is_held(agent) {
            self.release(agent, cell, Release::Left, now);
        }
    }
}
