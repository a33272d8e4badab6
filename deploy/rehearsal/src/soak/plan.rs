//! What a soak does and when, from a seed: bounded, repeatable, and always undone again. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use bongsu_model::AgentId;

use super::trouble::{Trouble, TroubleKind};

/// Between two acts, in milliseconds: a run every ten seconds meets a few.
const GAP_MS: std::ops::Range<u64> = 2_000..8_000;
/// Most troubles at once: more hide each other.
const BROKEN_MAX: usize = 3;
/// Most agents down at once, so that every region keeps one.
const DOWN_MAX: usize = 2;
/// After so many acts the oldest trouble is healed, and the agent that was down longest started.
const ACTS_BROKEN_MAX: u64 = 10;
const ACTS_DOWN_MAX: u64 = 6;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Break something.
    Break(Trouble),
    /// Heal what has been broken longest.
    Mend,
    /// End an agent as a crash does.
    Kill(AgentId),
    /// Start it again.
    Start(AgentId),
}

impl std::fmt::Display for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Break(trouble) => write!(f, "break {trouble}"),
            Self::Mend => f.write_str("heal the oldest trouble"),
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
    /// What is broken, and since which act, oldest first.
    broken: VecDeque<(u64, Trouble)>,
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

    /// The acts that undo what is not undone yet.
    pub(super) fn end(mut self) -> Vec<Act> {
        let mut acts = Vec::new();
        while !self.broken.is_empty() {
            acts.push(self.mend());
        }
        while !self.down.is_empty() {
            acts.push(self.start());
        }
        acts
    }

    /// The next act, and how long to wait before it; none where that is longer than `left`.
    pub(super) fn next(&mut self, left: Duration) -> Option<(Duration, Act)> {
        let wait = Duration::from_millis(self.random.u64(GAP_MS));
        if wait > left {
            return None;
        }
        self.acts += 1;
        let is_over = |since: Option<&u64>, most| since.is_some_and(|s| self.acts - s >= most);
        let oldest = self.broken.front().map(|(since, _)| since);
        let act = if is_over(oldest, ACTS_BROKEN_MAX) {
            self.mend()
        } else if is_over(self.down_since.front(), ACTS_DOWN_MAX) {
            self.start()
        } else {
            match self.random.u32(0..100) {
                0..40 if self.broken.len() < BROKEN_MAX => self.break_something(),
                60..85 if self.down.len() < DOWN_MAX => self.kill(),
                85.. if !self.down.is_empty() => self.start(),
                _ if !self.broken.is_empty() => self.mend(),
                _ => self.break_something(),
            }
        };
        Some((wait, act))
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
        let kinds: Vec<TroubleKind> = TroubleKind::all().collect();
        let trouble = loop {
            let kind = kinds[self.random.usize(0..kinds.len())];
            let beside: Vec<_> = self.broken.iter().map(|(_, trouble)| trouble).collect();
            // Faults can always be drawn.
            if let Some(drawn) = Trouble::draw(kind, &mut self.random, &beside) {
                break drawn;
            }
        };
        self.broken.push_back((self.acts, trouble.clone()));
        Act::Break(trouble)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use bongsu_model::{RegionId, TargetName};
    use bongsu_superapp::{Component, Facility, Fault, FaultPoint, Platform, PlatformConfig};

    use super::*;
    use crate::region::{REGIONS, RehearsalAgent};
    use crate::soak::trouble;

    fn planner(seed: u64) -> Planner {
        let ids = RehearsalAgent::all(3).map(|agent| AgentId::new(&agent.id()).unwrap());
        Planner::new(seed, ids.collect())
    }

    /// The next act where there is time enough.
    fn next(planner: &mut Planner) -> (Duration, Act) {
        planner.next(Duration::MAX).unwrap()
    }

    #[test]
    fn what_there_is_no_time_for_is_not_planned() {
        let shortest = Duration::from_millis(GAP_MS.start);
        for seed in 0..50 {
            let mut planner = planner(seed);
            let mut left = Duration::from_secs(30);
            let (mut broken, mut down) = (0, 0);
            while let Some((wait, act)) = planner.next(left) {
                left -= wait;
                match act {
                    Act::Break(_) => broken += 1,
                    Act::Mend => broken -= 1,
                    Act::Kill(_) => down += 1,
                    Act::Start(_) => down -= 1,
                }
            }
            assert_eq!(planner.next(shortest / 2), None);
            assert_eq!(planner.end().len(), broken + down, "seed {seed}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_acts_and_another_seed_others() {
        let acts = |seed| {
            let mut planner = planner(seed);
            (0..200).map(|_| next(&mut planner)).collect::<Vec<_>>()
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
                let (wait, act) = next(&mut planner);
                assert!(GAP_MS.contains(&u64::try_from(wait.as_millis()).unwrap()));
                match act {
                    Act::Break(trouble) => {
                        if let Trouble::Fault(fault) = trouble {
                            // What a fault cannot act on is refused when it is read.
                            assert_eq!(fault.to_string().parse::<Fault>().unwrap(), fault);
                        }
                        broken.push_back(n);
                    }
                    Act::Mend => {
                        let since = broken.pop_front().expect("something is broken");
                        assert!(n - since <= ACTS_BROKEN_MAX + BROKEN_MAX as u64);
                    }
                    Act::Kill(agent) => {
                        assert!(down.iter().all(|(one, _)| *one != agent), "killed twice");
                        down.push_back((agent, n));
                    }
                    Act::Start(agent) => {
                        let (first, since) = down.pop_front().expect("one is down");
                        assert_eq!(first, agent);
                        assert!(n - since <= ACTS_DOWN_MAX + BROKEN_MAX as u64 + 2);
                    }
                }
                assert!(broken.len() <= BROKEN_MAX && down.len() <= DOWN_MAX);
            }
            let end = planner.end();
            let mends = end.iter().filter(|act| **act == Act::Mend).count();
            let started = end.iter().filter_map(|act| match act {
                Act::Start(agent) => Some(agent),
                Act::Break(_) | Act::Mend | Act::Kill(_) => None,
            });
            assert_eq!(mends, broken.len());
            assert!(started.eq(down.iter().map(|(agent, _)| agent)));
            assert_eq!(end.len(), broken.len() + down.len(), "and nothing else");
        }
    }

    /// Everything that is broken in so many acts.
    fn broken_in(acts: usize, seed: u64) -> Vec<Trouble> {
        let mut planner = planner(seed);
        let acts = (0..acts).map(|_| next(&mut planner).1);
        acts.filter_map(|act| match act {
            Act::Break(trouble) => Some(trouble),
            Act::Mend | Act::Kill(_) | Act::Start(_) => None,
        })
        .collect()
    }

    #[test]
    fn every_kind_is_drawn_as_often_as_any_other() {
        let broken = broken_in(30_000, 1);
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for trouble in &broken {
            *counts.entry(trouble.kind()).or_default() += 1;
        }
        let known: BTreeSet<&str> = TroubleKind::all().map(TroubleKind::as_str).collect();
        assert_eq!(counts.keys().copied().collect::<BTreeSet<_>>(), known);
        let even = broken.len() / known.len();
        for (kind, count) in counts {
            assert!(count.abs_diff(even) < even / 5, "{kind}: {count} of {even}");
        }
    }

    #[test]
    fn every_part_every_share_and_every_centre_is_broken_sooner_or_later() {
        let (mut on, mut regions, mut shares) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let (mut dark, mut moved) = (BTreeSet::new(), BTreeSet::new());
        for trouble in broken_in(30_000, 2) {
            match trouble {
                Trouble::Fault(fault) => {
                    on.insert(fault.on);
                    regions.insert(format!("{:?}", fault.reach));
                    let share = fault.share.to_string();
                    shares.insert(share.split('=').next().unwrap().to_owned());
                }
                Trouble::Centre { lost, failed_over } => {
                    dark.extend(lost);
                    moved.extend(failed_over);
                }
            }
        }
        assert!(
            on.into_iter()
                .eq(FaultPoint::all().collect::<BTreeSet<_>>())
        );
        assert_eq!(regions.len(), REGIONS.len() + 1, "{regions:?}");
        let known = ["accounts", "all", "requests"].map(str::to_owned);
        assert_eq!(shares, BTreeSet::from(known));
        assert!(dark.iter().eq(Facility::ALL));
        let at_home = Component::ALL.iter().copied();
        let at_home = at_home.filter(|one| one.home() == Some(Facility::DcA));
        assert_eq!(moved, at_home.collect());
    }

    #[tokio::test]
    async fn a_platform_takes_whatever_is_drawn_and_is_whole_again_at_the_end() {
        let regions = REGIONS.iter();
        let regions = regions.map(|region| RegionId::new(region.id).unwrap());
        let config = PlatformConfig::new(
            TargetName::new("superapp").unwrap(),
            regions.collect(),
            Arc::new(bongsu_superapp::SystemClock::new()),
        );
        let platform = Platform::start(config).await.unwrap();
        for seed in 0..20 {
            let mut planner = planner(seed);
            let mut struck = VecDeque::new();
            let mut refused = Vec::new();
            let mut acts: Vec<Act> = (0..500).map(|_| next(&mut planner).1).collect();
            acts.extend(planner.end());
            for act in acts {
                match act {
                    Act::Break(trouble) => {
                        struck.push_back(trouble.strike(&platform, &mut refused));
                        assert!(!trouble::still_broken(&platform).is_empty(), "{trouble}");
                    }
                    Act::Mend => {
                        let oldest: trouble::Struck = struck.pop_front().unwrap();
                        oldest.heal(&platform, &mut refused);
                    }
                    Act::Kill(_) | Act::Start(_) => {}
                }
            }
            assert_eq!(refused, Vec::<String>::new(), "seed {seed}");
            assert_eq!(trouble::still_broken(&platform), Vec::<String>::new());
        }
        platform.shutdown().await;
    }
}
