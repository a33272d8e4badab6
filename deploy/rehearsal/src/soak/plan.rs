//! What a soak does and when, from a seed: bounded, repeatable, and always undone again. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use bongsu_model::{AgentId, RegionId};
use bongsu_superapp::{Fault, FaultKind, FaultPoint};

use crate::region::REGIONS;

/// Between two acts, in milliseconds: a run every ten seconds meets a few.
const GAP_MS: std::ops::Range<u64> = 2_000..8_000;
/// Most faults at once: more hide each other.
const FAULTS_MAX: usize = 3;
/// Most agents down at once, so that every region keeps one.
const DOWN_MAX: usize = 2;
/// After so many acts the oldest fault is mended, and the agent that was down longest started.
const ACTS_BROKEN_MAX: u64 = 10;
const ACTS_DOWN_MAX: u64 = 6;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Break something.
    Break(Fault),
    /// Mend what has been broken longest.
    Mend,
    /// End an agent as a crash does.
    Kill(AgentId),
    /// Start it again.
    Start(AgentId),
}

impl std::fmt::Display for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Break(fault) => write!(f, "break {fault}"),
            Self::Mend => f.write_str("mend the oldest fault"),
            Self::Kill(agent) => write!(f, "kill {agent}"),
            Self::Start(agent) => write!(f, "start {agent}"),
        }
    }
}

/// Plans act after act.
#[derive(Debug)]
pub(super) struct Planner {
    random: fastrand::Rng,
    agents: Vec<AgentId>,
    /// The act at which each active fault began, oldest first.
    broken: VecDeque<u64>,
    /// Agents that are down, the one that is down longest first, and since which act.
    down: Vec<AgentId>,
    down_since: VecDeque<u64>,
    acts: u64,
}

impl Planner {
    pub(super) fn new(seed: u64, agents: Vec<AgentId>) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            agents,
            broken: VecDeque::new(),
            down: Vec::new(),
            down_since: VecDeque::new(),
            acts: 0,
        }
    }

    /// The agents that are down.
    pub(super) fn down(&self) -> &[AgentId] {
        &self.down
    }

    /// The next act, and how long to wait before it.
    pub(super) fn next(&mut self) -> (Duration, Act) {
        self.acts += 1;
        let wait = Duration::from_millis(self.random.u64(GAP_MS));
        let is_over = |since: Option<&u64>, most| since.is_some_and(|s| self.acts - s >= most);
        let act = if is_over(self.broken.front(), ACTS_BROKEN_MAX) {
            self.mend()
        } else if is_over(self.down_since.front(), ACTS_DOWN_MAX) {
            self.start()
        } else {
            match self.random.u32(0..100) {
                0..40 if self.broken.len() < FAULTS_MAX => self.break_something(),
                60..85 if self.down.len() < DOWN_MAX => self.kill(),
                85.. if !self.down.is_empty() => self.start(),
                _ if !self.broken.is_empty() => self.mend(),
                _ => self.break_something(),
            }
        };
        (wait, act)
    }

    fn mend(&mut self) -> Act {
        self.broken.pop_front();
        Act::Mend
    }

    fn start(&mut self) -> Act {
        self.down_since.pop_front();
        Act::Start(self.down.remove(0))
    }

    fn kill(&mut self) -> Act {
        let up: Vec<&AgentId> = self
            .agents
            .iter()
            .filter(|a| !self.down.contains(a))
            .collect();
        let agent = up[self.random.usize(0..up.len())].clone();
        self.down.push(agent.clone());
        self.down_since.push_back(self.acts);
        Act::Kill(agent)
    }

    fn break_something(&mut self) -> Act {
        self.broken.push_back(self.acts);
        let points: Vec<FaultPoint> = FaultPoint::all().collect();
        let on = points[self.random.usize(0..points.len())];
        let kind = loop {
            let kind = self.kind();
            if kind != FaultKind::LostDelivery || on.delivers() {
                break kind;
            }
        };
        // One in three is everywhere.
        let place = self.random.usize(0..REGIONS.len() * 3 / 2 + 1);
        Act::Break(match REGIONS.get(place) {
            Some(region) => {
                let region = RegionId::new(region.id).expect("ids of the rehearsal are names");
                Fault::only_in(on, kind, region)
            }
            None => Fault::everywhere(on, kind),
        })
    }

    fn kind(&mut self) -> FaultKind {
        use bongsu_superapp::{CertificateFlaw, DnsFailure};
        match self.random.u32(0..9) {
            0 => FaultKind::Refuse,
            1 => FaultKind::Reset,
            2 => FaultKind::Hang,
            3 => FaultKind::Slow(Duration::from_millis(self.random.u64(500..4_000))),
            4 => FaultKind::Error(self.random.u16(500..=504)),
            5 => FaultKind::WrongContent,
            6 => FaultKind::LostDelivery,
            7 => FaultKind::DnsFailure(DnsFailure::Servfail),
            _ => FaultKind::BadCertificate(CertificateFlaw::Expired),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::RehearsalAgent;

    fn planner(seed: u64) -> Planner {
        let ids = RehearsalAgent::all(3).map(|agent| AgentId::new(&agent.id()).unwrap());
        Planner::new(seed, ids.collect())
    }

    #[test]
    fn the_same_seed_gives_the_same_acts_and_another_seed_others() {
        let acts = |seed| {
            let mut planner = planner(seed);
            (0..200).map(|_| planner.next()).collect::<Vec<_>>()
        };
        assert_eq!(acts(7), acts(7));
        assert_ne!(acts(7), acts(8));
    }

    #[test]
    fn acts_keep_their_bounds_and_everything_is_undone_in_time() {
        for seed in 0..50 {
            let mut planner = planner(seed);
            let (mut broken, mut down) = (VecDeque::new(), VecDeque::new());
            for n in 0..2_000_u64 {
                let (wait, act) = planner.next();
                assert!(GAP_MS.contains(&u64::try_from(wait.as_millis()).unwrap()));
                match act {
                    Act::Break(fault) => {
                        // What a fault cannot act on is refused when it is read.
                        assert_eq!(fault.to_string().parse::<Fault>().unwrap().on, fault.on);
                        broken.push_back(n);
                    }
                    Act::Mend => {
                        let since = broken.pop_front().expect("something is broken");
                        assert!(n - since <= ACTS_BROKEN_MAX + FAULTS_MAX as u64);
                    }
                    Act::Kill(agent) => {
                        assert!(down.iter().all(|(one, _)| *one != agent), "killed twice");
                        down.push_back((agent, n));
                    }
                    Act::Start(agent) => {
                        let (first, since) = down.pop_front().expect("one is down");
                        assert_eq!(first, agent);
                        assert!(n - since <= ACTS_DOWN_MAX + FAULTS_MAX as u64 + 2);
                    }
                }
                assert!(broken.len() <= FAULTS_MAX && down.len() <= DOWN_MAX);
                assert_eq!(planner.down().len(), down.len());
            }
        }
    }

    #[test]
    fn every_part_and_every_kind_is_broken_sooner_or_later() {
        let mut planner = planner(1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..5_000 {
            if let (_, Act::Break(fault)) = planner.next() {
                seen.insert(fault.on.as_str().to_owned());
                seen.insert(fault.kind.as_str().to_owned());
            }
        }
        assert_eq!(seen.len(), FaultPoint::all().count() + 9, "{seen:?}");
    }
}
