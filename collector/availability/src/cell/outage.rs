//! What is remembered of failures: the streak that may become an outage, the outage, and the
//! passes that may end it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bongsu_model::{RunId, Timestamp};

use crate::{Confidence, EVIDENCE_MAX};

use super::onset::Onset;
use super::scores::AgentIx;
use super::{Evidence, Weight};

/// Passes that were followed by a failure, from which on an outage is said to be partial. One may
/// be a run that began just before the fault.
pub(crate) const MIXED_MIN: u32 = 2;

/// The failures since the pooled score was last zero.
#[derive(Debug, Clone)]
pub(crate) struct Streak {
    pub(crate) onset: Onset,
    pub(crate) agents: BTreeMap<AgentIx, Failing>,
    pub(crate) evidence: VecDeque<RunId>,
    passes_since_failure: u32,
    mixed: u32,
}

/// What one agent said in a streak.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failing {
    /// Start of its first failed run.
    pub(crate) since: Timestamp,
    /// End of the first of its failed runs to end.
    by: Timestamp,
    /// Failed runs of the cell's own journey.
    pub(crate) own: u64,
}

impl Streak {
    /// Begins with a failed run, which is yet to be added; the last good one began at `after`.
    pub(crate) fn begin(first: &Evidence, after: Option<Timestamp>) -> Self {
        Self {
            onset: Onset::new(after, (first.started, first.ended)),
            agents: BTreeMap::new(),
            evidence: VecDeque::new(),
            passes_since_failure: 0,
            mixed: 0,
        }
    }

    pub(crate) fn fail(&mut self, evidence: &Evidence) {
        self.onset = self.onset.with((evidence.started, evidence.ended));
        let agent = self.agents.entry(evidence.agent).or_insert(Failing {
            since: evidence.started,
            by: evidence.ended,
            own: 0,
        });
        agent.since = agent.since.min(evidence.started);
        agent.by = agent.by.min(evidence.ended);
        agent.own += u64::from(evidence.weight != Weight::Touch);
        if self.evidence.len() >= EVIDENCE_MAX {
            self.evidence.pop_front();
        }
        self.evidence.push_back(evidence.run);
        if evidence.weight == Weight::Own {
            self.mixed += std::mem::take(&mut self.passes_since_failure);
        }
    }

    pub(crate) fn pass(&mut self, evidence: &Evidence) {
        if evidence.weight == Weight::Own && evidence.started > self.onset.first {
            self.passes_since_failure += 1;
        }
    }

    /// The agent left: its failures are no sign of the cell. Before an outage the onset is what
    /// the others say.
    pub(crate) fn forget(&mut self, agent: AgentIx) {
        if self.agents.remove(&agent).is_some()
            && let Some(first) = self.agents.values().map(|failing| failing.since).min()
            && let Some(by) = self.agents.values().map(|failing| failing.by).min()
        {
            let ours = (self.onset.first.max(first), self.onset.by.max(by));
            self.onset = Onset::new(self.onset.after, ours);
        }
    }

    /// Whether passes and failures were mixed.
    pub(crate) fn is_partial(&self) -> bool {
        self.mixed >= MIXED_MIN
    }
}

/// A cell that was decided to be down, until it is up again.
#[derive(Debug, Clone)]
pub(crate) struct Outage {
    pub(crate) onset: Onset,
    /// When it began to fail by which it went down last: the same unless it had begun to recover.
    pub(crate) last: Onset,
    pub(crate) confidence: Confidence,
    /// Whether it had begun to recover when last seen.
    pub(crate) recovering: bool,
    /// How often it went down again while it recovered.
    pub(crate) relapses: u32,
}

/// The own runs since the last failure, and the newest runs since recovery began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Passes {
    pub(crate) in_a_row: u32,
    pub(crate) agents: BTreeSet<AgentIx>,
    /// Start of the first of them.
    pub(crate) first: Option<Timestamp>,
    /// Start and end of a failure, none of a pass; the newest last.
    trailing: VecDeque<Option<(Timestamp, Timestamp)>>,
}

impl Passes {
    pub(crate) fn pass(&mut self, evidence: &Evidence, trailing_max: usize) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.agents.insert(evidence.agent);
        let first = self.first.get_or_insert(evidence.started);
        *first = evidence.started.min(*first);
        self.push(None, trailing_max);
    }

    pub(crate) fn fail(&mut self, evidence: &Evidence, trailing_max: usize) {
        self.in_a_row = 0;
        self.agents.clear();
        self.first = None;
        self.push(Some((evidence.started, evidence.ended)), trailing_max);
    }

    /// Failures among the newest runs since recovery began.
    pub(crate) fn trailing_failures(&self) -> usize {
        self.trailing.iter().flatten().count()
    }

    /// When these began; none if none failed. Of the good runs that began at `goods`, the last one
    /// before them counts.
    pub(crate) fn failing_since(&self, goods: &VecDeque<Timestamp>) -> Option<Onset> {
        let mut failed = self.trailing.iter().flatten().copied();
        let onset = failed.next().map(|first| Onset::new(None, first))?;
        let onset = failed.fold(onset, Onset::with);
        Some(Onset {
            after: last_before(onset.first, goods),
            ..onset
        })
    }

    /// Passes among the same runs.
    pub(crate) fn trailing_passes(&self) -> usize {
        self.trailing.len() - self.trailing_failures()
    }

    /// Recovery begins: what failed before does not make it a relapse.
    pub(crate) fn forget_trailing(&mut self) {
        self.trailing.clear();
    }

    fn push(&mut self, failed: Option<(Timestamp, Timestamp)>, trailing_max: usize) {
        if self.trailing.len() >= trailing_max {
            self.trailing.pop_front();
        }
        self.trailing.push_back(failed);
    }
}

/// The last of `goods` before `first`.
pub(crate) fn last_before(first: Timestamp, goods: &VecDeque<Timestamp>) -> Option<Timestamp> {
    goods.iter().copied().filter(|good| *good < first).max()
}

#[cfg(test)]
mod tests {
    use crate::cell::Mark;

    use super::*;

    fn failed(agent: u32, weight: Weight, (started, ended): (u64, u64)) -> Evidence {
        let at = Timestamp::from_unix_seconds;
        Evidence {
            run: RunId::from_bytes([0; 16]),
            agent: AgentIx(agent),
            started: at(started),
            ended: at(ended),
            fresh_until: at(ended + 60),
            mark: Mark::Fail(bongsu_model::FailClass::Status),
            weight,
        }
    }

    #[test]
    fn the_first_failed_run_to_end_says_by_when_it_failed_as_long_as_its_agent_counts() {
        let at = Timestamp::from_unix_seconds;
        // A slow journey only met the feature on its way, and another run ended before.
        let slow = failed(0, Weight::Touch, (100, 400));
        let quick = failed(1, Weight::Own, (110, 130));
        let late = failed(2, Weight::Own, (150, 160));
        let mut streak = Streak::begin(&slow, None);
        assert_eq!(streak.onset.by, at(400));
        for evidence in [&slow, &late, &quick] {
            streak.fail(evidence);
        }
        let onset = |streak: &Streak| (streak.onset.first, streak.onset.by);
        assert_eq!(onset(&streak), (at(100), at(130)));
        streak.forget(AgentIx(1));
        assert_eq!(onset(&streak), (at(100), at(160)));
        streak.forget(AgentIx(2));
        assert_eq!(onset(&streak), (at(100), at(400)));
        let own: Vec<u64> = streak.agents.values().map(|failing| failing.own).collect();
        assert_eq!(own, [0], "a touch is no run of its own");
    }
}
