//! Who is asked to look early: at suspect cells, roots first, nobody whose run is going or near.

use std::collections::BTreeSet;

use bongsu_model::{
    AgentId, CellState, DependencyStrength, FeatureId, RegionId, TargetName, Timestamp,
};

use crate::burst::{BEFORE_SLOT, BurstRequest, Pace, WORTH};
use crate::cell::scores::AgentIx;

use super::Engine;

/// A user that may be asked, with what decides between several.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    user: usize,
    /// When it last looked or was asked to.
    looked: Timestamp,
    until: Timestamp,
}

impl Engine {
    /// Whom to ask at `now` to run early, among the agents that `reachable` says can be asked. Each
    /// request is paid from its cell's bucket.
    ///
    /// A cell is asked about while it is suspect: at once, then once in each gap, of the agent
    /// that looked longest ago. Roots come before what rests on them. Nobody is asked about a
    /// cell behind a feature that does not work, in announced maintenance, or where another cell
    /// of the same target and region recovers. Quarantined agents are not asked.
    ///
    /// Not part of what a replay gives: it depends on who can be reached, and changes no state,
    /// history or transition.
    pub fn ask(
        &mut self,
        now: Timestamp,
        reachable: &dyn Fn(&AgentId) -> bool,
    ) -> Vec<BurstRequest> {
        if self.bursts.next().is_none_or(|next| next > now) {
            return Vec::new();
        }
        self.bursts.begin(now);
        let recovering = self.recovering_places();
        let mut order: Vec<(usize, usize)> = Vec::new();
        for cell in &self.bursts.suspect {
            let key = &self.cells.cells[*cell].key;
            let upstream = self.hard_upstream(&key.feature);
            let is_quiet = recovering.contains(&(key.target.clone(), key.region.clone()))
                || self.maintenance.is_excluded(key, now)
                || self.stands_behind(*cell, &upstream);
            if !is_quiet {
                order.push((upstream.len(), *cell));
            }
        }
        order.sort_unstable();
        let mut requests = Vec::new();
        for (_, cell) in order {
            let pace = self.pace(cell, now);
            if pace.agents == 0 || !self.bursts.is_ready(cell, pace, now) {
                continue;
            }
            match self.candidate(cell, now, reachable) {
                Some(candidate) => {
                    self.bursts.take(cell, candidate.user, pace, now);
                    requests.push(self.request(cell, candidate));
                }
                None => self.bursts.nobody(now),
            }
        }
        if self.bursts.next().is_none() {
            // Every cell is behind another or without agents: that may change with any event.
            self.bursts.nobody(now);
        }
        requests
    }

    /// When [`Engine::ask`] may have something to say next.
    pub fn next_ask(&self) -> Option<Timestamp> {
        self.bursts.next()
    }

    fn request(&self, cell: usize, candidate: Candidate) -> BurstRequest {
        let user = &self.cells.users[candidate.user];
        let key = &self.cells.cells[cell].key;
        BurstRequest {
            agent: self.agents.id(user.agent),
            cell: key.clone(),
            target: key.target.clone(),
            journey: user.journey.clone(),
            variant: user.variant.clone(),
            until: candidate.until,
        }
    }

    /// The places in which something recovers: there load falls, and does not rise.
    fn recovering_places(&self) -> BTreeSet<(TargetName, RegionId)> {
        let cells = self.bursts.recovering.iter();
        cells
            .map(|cell| {
                let key = &self.cells.cells[*cell].key;
                (key.target.clone(), key.region.clone())
            })
            .collect()
    }

    /// The features without which this one does not work, directly or through others.
    fn hard_upstream(&self, feature: &FeatureId) -> BTreeSet<FeatureId> {
        let mut found = BTreeSet::new();
        let mut open = vec![feature.clone()];
        while let Some(next) = open.pop() {
            let Some(feature) = self.catalogue.feature(&next) else {
                continue;
            };
            for dependency in &feature.depends_on {
                if dependency.strength == DependencyStrength::Hard
                    && found.insert(dependency.on.clone())
                {
                    open.push(dependency.on.clone());
                }
            }
        }
        found
    }

    /// Whether a feature that the cell rests on is suspect or down where the cell is.
    fn stands_behind(&self, cell: usize, upstream: &BTreeSet<FeatureId>) -> bool {
        let key = &self.cells.cells[cell].key;
        upstream.iter().any(|feature| {
            let mut before = key.clone();
            before.feature = feature.clone();
            let found = self.cells.find(&before);
            found.is_some_and(|cell| match self.cells.cells[cell].state {
                CellState::Suspect | CellState::Down => true,
                CellState::Unmeasured
                | CellState::Unknown
                | CellState::Up
                | CellState::Recovering => false,
            })
        })
    }

    /// N and the planned rate of a cell, over the agents that count.
    fn pace(&self, cell: usize, now: Timestamp) -> Pace {
        let sight = &self.cells.cells[cell].sight;
        let users = self.cells.users_of[cell].iter();
        let rates = users.filter_map(|user| {
            let user = &self.cells.users[*user];
            let timing = user.history.timing(now)?;
            let counts = sight.counts(user.agent);
            (counts && !timing.period.is_zero()).then(|| 1.0 / timing.period.as_secs_f64())
        });
        Pace {
            agents: sight.agents(),
            rate: rates.sum(),
        }
    }

    /// The user that looked longest ago, of those that may be asked.
    fn candidate(
        &self,
        cell: usize,
        now: Timestamp,
        reachable: &dyn Fn(&AgentId) -> bool,
    ) -> Option<Candidate> {
        let counts = |agent: AgentIx| {
            self.cells.cells[cell].sight.counts(agent)
                && reachable(&self.agents[agent].vantage.agent)
        };
        let users = self.cells.users_of[cell].iter();
        let free = users
            .filter(|user| counts(self.cells.users[**user].agent))
            .filter_map(|user| self.if_free(cell, *user, now));
        // Of one agent's users that looked when the other did the first is taken: they are few.
        free.min_by_key(|candidate| (candidate.looked, candidate.user))
    }

    /// The user, unless a run of it is going, asked for, or due soon.
    fn if_free(&self, cell: usize, user: usize, now: Timestamp) -> Option<Candidate> {
        let facts = &self.cells.users[user];
        let slots = facts.history.slots_around(now)?;
        let newest = self.cells.cells[cell].sight.newest_due(facts.agent, user);
        let heard_of = |due: Timestamp| newest.is_some_and(|newest| newest >= due);
        let is_going = slots
            .last
            .is_some_and(|due| !heard_of(due) && now < due + slots.deadline);
        let asked = self.bursts.asked(user);
        let is_asked = asked.is_some_and(|at| !heard_of(at) && now < at + WORTH);
        let latest = slots.next - BEFORE_SLOT;
        if is_going || is_asked || latest <= now {
            return None;
        }
        Some(Candidate {
            user,
            looked: newest.max(asked).unwrap_or(Timestamp::EPOCH),
            until: latest.min(now + WORTH),
        })
    }
}
