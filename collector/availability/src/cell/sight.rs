//! Who sees a cell: the agents whose plan covers it, and what each of them saw last.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bongsu_model::{FeatureId, Timestamp};

use super::scores::AgentIx;
use super::{Evidence, Weight};

/// Runs kept of an agent that failed, to be counted again if it was quarantined wrongly: what it
/// runs while one is fresh.
const RECENT_MAX: usize = 32;

/// What a user's newest live run of the cell's own journey said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Pass, slow or fail.
    Valid,
    /// Another feature stood before it.
    Blocked(FeatureId),
    /// Blind or skipped.
    Nothing,
}

/// The newest live run of one user.
#[derive(Debug, Clone)]
pub(crate) struct Newest {
    pub(crate) user: usize,
    pub(crate) due: Timestamp,
    /// Until when it is evidence: due + 2T + D + L.
    pub(crate) fresh_until: Timestamp,
    pub(crate) seen: Seen,
}

/// An agent that fails alone.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// Its passes in a row since then.
    pub(crate) passes: u32,
}

/// Starts of the newest runs of an agent that were weighed.
#[derive(Debug, Clone, Copy, Default)]
struct Weighed {
    own: Option<Timestamp>,
    touch: Option<Timestamp>,
}

/// One agent's standing in one cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Voter {
    /// Whether its current plan covers the cell.
    covers: bool,
    newest: Vec<Newest>,
    pub(crate) held: Option<Held>,
    /// The features of the same target and region in which it is quarantined.
    pub(crate) held_before: BTreeSet<FeatureId>,
    weighed: Weighed,
    /// Its newest runs since it began to fail, in case that it is quarantined and was right.
    pub(crate) recent: VecDeque<Evidence>,
    /// Valid runs while the cell was not in an outage.
    pub(crate) quiet_runs: u64,
    /// How many of these failed without another agent agreeing.
    pub(crate) uncorroborated: u64,
}

impl Voter {
    /// A quarantined agent does not vote, nor does one that its own fault keeps from the cell: the
    /// feature that blocked its newest run is one in which it is quarantined.
    fn votes(&self) -> bool {
        self.covers && self.held.is_none() && !self.blocks_itself()
    }

    fn blocks_itself(&self) -> bool {
        let newest = self.newest.iter().max_by_key(|newest| newest.due);
        newest.is_some_and(|newest| match &newest.seen {
            Seen::Blocked(by) => self.held_before.contains(by),
            Seen::Valid | Seen::Nothing => false,
        })
    }

    /// Whether a run is news: it was not over before a run began that was weighed. What is older
    /// is backlog, and moves the ledger only. A run that merely overlaps the newest is news: one
    /// that hangs ends after later ones of another variant. A touch makes no own run old.
    pub(crate) fn is_news(&mut self, evidence: &Evidence, ended: Timestamp) -> bool {
        let Weighed { own, touch } = &mut self.weighed;
        let is_touch = evidence.weight == Weight::Touch;
        let newest = if is_touch { (*own).max(*touch) } else { *own };
        if newest.is_some_and(|newest| ended < newest) {
            return false;
        }
        let known = if is_touch { touch } else { own };
        *known = (*known).max(Some(evidence.started));
        true
    }

    /// Whether the newest run of one of its variants is valid and fresh.
    fn sees(&self, now: Timestamp) -> bool {
        let mut newest = self.newest.iter();
        newest.any(|newest| newest.seen == Seen::Valid && newest.fresh_until > now)
    }

    fn blocked_by(&self, now: Timestamp) -> Option<&FeatureId> {
        let newest = self.newest.iter().max_by_key(|newest| newest.due)?;
        match &newest.seen {
            Seen::Blocked(by) if newest.fresh_until > now => Some(by),
            Seen::Blocked(_) | Seen::Valid | Seen::Nothing => None,
        }
    }

    /// Keeps a run of an agent that fails, in case it will have to be counted again.
    pub(crate) fn keep(&mut self, evidence: &Evidence) {
        if evidence.mark.is_good() && self.recent.is_empty() {
            return;
        }
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(evidence.clone());
    }

    /// Counts a quarantined agent's passes in a row. Touches count only where the agent has no
    /// journey of its own: nothing else could absolve it.
    pub(crate) fn judge(&mut self, evidence: &Evidence) {
        let counts = evidence.weight != Weight::Touch || !self.covers;
        if let Some(held) = self.held.as_mut().filter(|_| counts) {
            held.passes = if evidence.mark.is_good() {
                held.passes + 1
            } else {
                0
            };
        }
    }
}

/// The agents of one cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sight {
    pub(crate) voters: BTreeMap<AgentIx, Voter>,
}

impl Sight {
    /// The users through which `agent`'s current plan covers the cell.
    pub(crate) fn cover(&mut self, agent: AgentIx, users: &[usize]) {
        let voter = self.voters.entry(agent).or_default();
        voter.covers = !users.is_empty();
        voter.newest.retain(|newest| users.contains(&newest.user));
    }

    /// Notes a live run of the cell's own journey, unless a newer one is known of that user.
    pub(crate) fn note(&mut self, agent: AgentIx, newest: Newest) {
        let voter = self.voters.entry(agent).or_default();
        match voter
            .newest
            .iter_mut()
            .find(|known| known.user == newest.user)
        {
            Some(known) if known.due <= newest.due => *known = newest,
            Some(_) => {}
            None => voter.newest.push(newest),
        }
    }

    /// Whether any agent's current plan covers the cell.
    pub(crate) fn is_covered(&self) -> bool {
        self.voters.values().any(|voter| voter.covers)
    }

    /// N: the agents whose plan covers the cell, alive or not, less the quarantined and those that
    /// are kept from it where they are quarantined.
    pub(crate) fn agents(&self) -> usize {
        self.voters.values().filter(|voter| voter.votes()).count()
    }

    pub(crate) fn seeing(&self, now: Timestamp) -> usize {
        self.seers(now).count()
    }

    /// Whether an agent other than this one sees the cell.
    pub(crate) fn another_sees(&self, agent: AgentIx, now: Timestamp) -> bool {
        self.seers(now).any(|seer| seer != agent)
    }

    /// When the first of those who see stops to, or the first of those who are blocked is stale.
    pub(crate) fn next_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        let newest = self.voters.values().flat_map(|voter| &voter.newest);
        let ends = newest.map(|newest| newest.fresh_until);
        ends.filter(|end| *end > now).min()
    }

    /// The feature that stands before the cell for more than half of the agents that do not see
    /// it.
    pub(crate) fn blocked_by(&self, now: Timestamp) -> Option<FeatureId> {
        let voters = self.voters.values().filter(|voter| voter.votes());
        let mut counts: BTreeMap<&FeatureId, usize> = BTreeMap::new();
        let mut remaining = 0;
        for voter in voters.filter(|voter| !voter.sees(now)) {
            remaining += 1;
            if let Some(by) = voter.blocked_by(now) {
                *counts.entry(by).or_default() += 1;
            }
        }
        let most = counts.into_iter().find(|(_, count)| 2 * count > remaining);
        most.map(|(by, _)| by.clone())
    }

    pub(crate) fn is_held(&self, agent: AgentIx) -> bool {
        let voter = self.voters.get(&agent);
        voter.is_some_and(|voter| voter.held.is_some())
    }

    pub(crate) fn held(&self) -> Vec<AgentIx> {
        let held = self.voters.iter().filter(|(_, voter)| voter.held.is_some());
        held.map(|(agent, _)| *agent).collect()
    }

    /// Whether the agent is one of N.
    pub(crate) fn counts(&self, agent: AgentIx) -> bool {
        self.voters.get(&agent).is_some_and(Voter::votes)
    }

    /// When the newest live run of one of the agent's users was due.
    pub(crate) fn newest_due(&self, agent: AgentIx, user: usize) -> Option<Timestamp> {
        let newest = &self.voters.get(&agent)?.newest;
        newest
            .iter()
            .find(|one| one.user == user)
            .map(|one| one.due)
    }

    pub(crate) fn covers(&self, agent: AgentIx) -> bool {
        self.voters.get(&agent).is_some_and(|voter| voter.covers)
    }

    fn seers(&self, now: Timestamp) -> impl Iterator<Item = AgentIx> + '_ {
        self.voters
            .iter()
            .filter(move |(_, voter)| voter.votes() && voter.sees(now))
            .map(|(agent, _)| *agent)
    }
}
