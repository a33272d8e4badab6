//! The agents that may speak, and what is known of each.

use std::collections::{BTreeMap, VecDeque};

use bongsu_model::{AgentId, RunFacts, Timestamp, Vantage};

use crate::Roster;
use crate::cell::scores::AgentIx;
use crate::cells::Heard;
use crate::fleet::blindness::Eyes;
use crate::fleet::presence::Pulse;
use crate::plan::Plans;

/// Runs of one agent that wait for their plan to become evidence: two minutes of a hundred
/// journeys a minute, and longer ago nothing is evidence anyway. The oldest leave; their slots
/// are kept by the history.
const WAITING_MAX: usize = 256;

/// A run that no plan covers yet, with its time of receipt.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) run: Box<RunFacts>,
    pub(crate) received: Timestamp,
}

impl Waiting {
    pub(crate) fn heard(&self) -> Heard<'_> {
        Heard::new(&self.run, self.received)
    }
}

/// One agent in one region.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) vantage: Vantage,
    pub(crate) listed: bool,
    pub(crate) plans: Plans,
    pub(crate) pulse: Pulse,
    pub(crate) eyes: Eyes,
    pub(crate) blind: bool,
    pub(crate) last_run: Option<Timestamp>,
    waiting: VecDeque<Waiting>,
}

impl Agent {
    fn new(vantage: Vantage) -> Self {
        Self {
            vantage,
            listed: true,
            plans: Plans::default(),
            pulse: Pulse::unseen(),
            eyes: Eyes::default(),
            blind: false,
            last_run: None,
            waiting: VecDeque::new(),
        }
    }

    /// Keeps a run until a plan covers it.
    pub(crate) fn wait(&mut self, waiting: Waiting) {
        let is_same = |known: &Waiting| known.run.id == waiting.run.id;
        if self.waiting.iter().any(is_same) {
            return;
        }
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(waiting);
    }

    /// All runs that wait, to be offered again.
    pub(crate) fn take_waiting(&mut self) -> VecDeque<Waiting> {
        std::mem::take(&mut self.waiting)
    }
}

/// Every agent that was ever listed.
#[derive(Debug, Default)]
pub(crate) struct Agents {
    agents: Vec<Agent>,
    /// By id and region, so that an agent that moved speaks for its new region only.
    by_vantage: BTreeMap<(AgentId, bongsu_model::RegionId), AgentIx>,
    listed: BTreeMap<AgentId, AgentIx>,
}

impl Agents {
    /// Takes the list in place of the one before. Returns the agents that came or left.
    pub(crate) fn list(&mut self, roster: &Roster, at: Timestamp) -> Vec<AgentIx> {
        let mut listed = BTreeMap::new();
        for vantage in &roster.agents {
            listed.insert(vantage.agent.clone(), self.ix(vantage));
        }
        let mut changed = Vec::new();
        for (i, agent) in (0_u32..).zip(&mut self.agents) {
            let is_listed = listed.get(&agent.vantage.agent) == Some(&AgentIx(i));
            if is_listed != agent.listed {
                changed.push(AgentIx(i));
            }
            if is_listed {
                agent.plans.come_back(at);
            } else {
                agent.plans.leave(at);
            }
            agent.listed = is_listed;
        }
        self.listed = listed;
        changed
    }

    /// The listed agent of this id.
    pub(crate) fn find(&self, id: &AgentId) -> Option<AgentIx> {
        self.listed.get(id).copied()
    }

    pub(crate) fn id(&self, ix: AgentIx) -> AgentId {
        self[ix].vantage.agent.clone()
    }

    /// The listed agents, by id.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (AgentIx, &Agent)> {
        self.listed.values().map(|ix| (*ix, &self[*ix]))
    }

    /// The agents that were blind when last looked at.
    pub(crate) fn blind(&self) -> Vec<AgentIx> {
        let agents = (0_u32..).zip(&self.agents);
        agents
            .filter(|(_, agent)| agent.blind)
            .map(|(i, _)| AgentIx(i))
            .collect()
    }

    /// How many of the listed agents were blind when last looked at.
    pub(crate) fn listed_blind(&self) -> usize {
        self.listed().filter(|(_, agent)| agent.blind).count()
    }

    pub(crate) fn listed_len(&self) -> usize {
        self.listed.len()
    }

    fn ix(&mut self, vantage: &Vantage) -> AgentIx {
        let key = (vantage.agent.clone(), vantage.region.clone());
        let next = u32::try_from(self.agents.len()).expect("fewer agents than 2^32");
        let ix = *self.by_vantage.entry(key).or_insert(AgentIx(next));
        if ix.0 == next {
            self.agents.push(Agent::new(vantage.clone()));
        } else {
            self.agents[ix.0 as usize].vantage = vantage.clone();
        }
        ix
    }
}

impl std::ops::Index<AgentIx> for Agents {
    type Output = Agent;

    fn index(&self, ix: AgentIx) -> &Agent {
        &self.agents[ix.0 as usize]
    }
}

impl std::ops::IndexMut<AgentIx> for Agents {
    fn index_mut(&mut self, ix: AgentIx) -> &mut Agent {
        &mut self.agents[ix.0 as usize]
    }
}
