//! The state machine of a cell.

use bongsu_model::{CellState, FeatureId, RunId, Timestamp};

use crate::{Confidence, Settings};

use super::onset::Onset;
use super::outage::{Outage, Passes, Streak};
use super::{Cell, DOWNS_MAX, Soft};

/// States a cell may pass through at one instant: unknown, suspect, down.
const STEPS_MAX: usize = 4;

/// A cell's state changed, or what blocks it did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CellChange {
    pub(crate) from: CellState,
    pub(crate) to: CellState,
    pub(crate) blocked_by: Option<FeatureId>,
    /// While suspect or in an outage.
    pub(crate) onset: Option<Onset>,
    /// When it began to fail by which it went down last, while in an outage.
    pub(crate) last: Option<Onset>,
    /// Start of the streak of passes, when it recovers or is up.
    pub(crate) first_pass: Option<Timestamp>,
    pub(crate) confidence: Confidence,
    pub(crate) evidence: Vec<RunId>,
}

impl Cell {
    /// Moves to the state that what is known at `now` calls for.
    pub(crate) fn settle(&mut self, now: Timestamp, settings: &Settings) -> Vec<CellChange> {
        self.settle_soft(now, settings);
        let mut changes = Vec::new();
        for _ in 0..STEPS_MAX {
            let to = self.decide(now, settings);
            let blocked_by = match to {
                CellState::Unknown => self.sight.blocked_by(now),
                CellState::Unmeasured
                | CellState::Up
                | CellState::Suspect
                | CellState::Down
                | CellState::Recovering => None,
            };
            if to == self.state && blocked_by == self.blocked_by {
                break;
            }
            changes.push(self.enter(to, blocked_by, now));
        }
        changes
    }

    /// A cell that is down as if it had only now become so.
    pub(crate) fn still_down(&self) -> CellChange {
        let outage = self.outage.as_ref();
        let evidence = self
            .streak
            .as_ref()
            .map(|s| s.evidence.iter().copied().collect());
        CellChange {
            from: self.state,
            to: self.state,
            blocked_by: None,
            onset: self.failing_since(),
            last: outage.map(|outage| outage.last),
            first_pass: None,
            confidence: self.confidence(),
            evidence: evidence.unwrap_or_default(),
        }
    }

    fn decide(&self, now: Timestamp, settings: &Settings) -> CellState {
        if !self.sight.is_covered() {
            return CellState::Unmeasured;
        }
        if self.sight.seeing(now) < self.sight.agents().clamp(1, 2) {
            return CellState::Unknown;
        }
        match self.state {
            CellState::Unmeasured | CellState::Unknown => self.after_unknown(settings),
            CellState::Up if self.hard.pooled() > 0.0 => CellState::Suspect,
            CellState::Up => CellState::Up,
            CellState::Suspect if self.deciding_score() >= settings.h => CellState::Down,
            CellState::Suspect if self.hard.is_zero() => CellState::Up,
            CellState::Suspect => CellState::Suspect,
            CellState::Down if self.begins_to_recover(settings) => CellState::Recovering,
            CellState::Down => CellState::Down,
            CellState::Recovering if self.relapses(settings) => CellState::Down,
            CellState::Recovering if self.has_recovered(now, settings) => CellState::Up,
            CellState::Recovering => CellState::Recovering,
        }
    }

    /// Where a cell goes that is in sight again. With an outage open it is down still, however
    /// alarming its score, unless it had begun to recover or has passed since it was last seen;
    /// that is no relapse. Without one the score decides.
    fn after_unknown(&self, settings: &Settings) -> CellState {
        match &self.outage {
            Some(outage) if outage.recovering || self.passes.in_a_row > 0 => CellState::Recovering,
            Some(_) => CellState::Down,
            None if self.deciding_score() >= settings.h => CellState::Down,
            None if self.hard.is_zero() => CellState::Up,
            None => CellState::Suspect,
        }
    }

    /// Three passes in a row, twice as many after each relapse in the same outage, at most as many
    /// as it takes to be up: see [`Settings::passes_to_recovering`].
    fn begins_to_recover(&self, settings: &Settings) -> bool {
        let relapses = self.outage.as_ref().map_or(0, |outage| outage.relapses);
        let needed = settings
            .passes_to_recovering
            .saturating_mul(1 << relapses.min(16));
        let needed = needed.min(settings.passes_to_up);
        self.passes.in_a_row >= needed && self.enough_agents_passed()
    }

    fn relapses(&self, settings: &Settings) -> bool {
        self.passes.trailing_failures() >= settings.failures_to_relapse as usize
    }

    fn has_recovered(&self, now: Timestamp, settings: &Settings) -> bool {
        let partial = self.streak.as_ref().is_some_and(Streak::is_partial);
        let needed = if partial {
            settings.passes_to_up_partial
        } else {
            settings.passes_to_up
        };
        self.passes.in_a_row >= needed
            && self.enough_agents_passed()
            && long_enough(&self.passes, now, settings)
    }

    fn enough_agents_passed(&self) -> bool {
        self.passes.agents.len() >= self.sight.agents().min(2)
    }

    /// The soft alarm begins as the hard one does, and ends with as many clean passes as an
    /// outage does: its own score would take a hundred.
    fn settle_soft(&mut self, now: Timestamp, settings: &Settings) {
        let score = if self.sight.agents() < 2 {
            self.soft.scores.pooled()
        } else {
            self.soft.scores.least()
        };
        let clean = &self.soft.clean;
        if self.soft.alarmed
            && clean.in_a_row >= settings.passes_to_up
            && clean.agents.len() >= self.sight.agents().min(2)
            && long_enough(clean, now, settings)
        {
            self.soft = Soft::default();
        } else if score >= settings.h {
            self.soft.alarmed = true;
        }
    }

    /// Enters a state, with what it begins and ends.
    fn enter(
        &mut self,
        to: CellState,
        blocked_by: Option<FeatureId>,
        now: Timestamp,
    ) -> CellChange {
        let from = self.state;
        let first_pass = self.passes.first;
        let evidence = self
            .streak
            .as_ref()
            .map(|s| s.evidence.iter().copied().collect());
        self.state = to;
        self.blocked_by = blocked_by;
        if from != to {
            self.since = Some(now);
        }
        match to {
            CellState::Down => self.begin_outage(from, now),
            CellState::Recovering => self.begin_recovery(),
            CellState::Up | CellState::Suspect | CellState::Unknown | CellState::Unmeasured => {}
        }
        let outage = self.outage.as_ref();
        let change = CellChange {
            from,
            to,
            blocked_by: self.blocked_by.clone(),
            onset: self.failing_since(),
            last: outage.map(|outage| outage.last),
            first_pass,
            confidence: self.confidence(),
            evidence: evidence.unwrap_or_default(),
        };
        match to {
            CellState::Up if outage.is_some() => self.end_outage(),
            CellState::Up => self.end_streak(),
            CellState::Unmeasured => {
                self.end_outage();
                self.passes = Passes::default();
            }
            CellState::Unknown if from != to => self.lose_sight(),
            CellState::Unknown | CellState::Suspect | CellState::Down | CellState::Recovering => {}
        }
        change
    }

    /// What was seen before the gap neither ends an outage nor begins one after it.
    fn lose_sight(&mut self) {
        self.passes = Passes::default();
        if self.outage.is_none() {
            self.hard.reset();
            self.soft = Soft::default();
            self.end_streak();
        }
    }

    fn begin_outage(&mut self, from: CellState, now: Timestamp) {
        let confidence = if self.sight.agents() < 2 {
            Confidence::Low
        } else {
            Confidence::Full
        };
        let streak = self.streak.as_ref();
        let goes_down = self.outage.is_none() || from == CellState::Recovering;
        match &mut self.outage {
            Some(outage) => {
                if from == CellState::Recovering {
                    outage.relapses += 1;
                    let again = self.passes.failing_since(&self.goods);
                    outage.last = again.unwrap_or(outage.last);
                }
                outage.recovering = false;
                outage.confidence = confidence;
            }
            None => {
                let onset = streak.map(|streak| streak.onset);
                let onset = onset.unwrap_or_else(|| Onset::new(None, (now, now)));
                self.outage = Some(Outage {
                    onset,
                    last: onset,
                    confidence,
                    recovering: false,
                    relapses: 0,
                });
            }
        }
        // What passed before it went down says nothing of how the outage ends: scores also rise by
        // manual runs and touches, which leave the row of passes as it is.
        self.passes = Passes::default();
        if goes_down {
            if self.downs.len() >= DOWNS_MAX {
                self.downs.pop_front();
            }
            self.downs.push_back(now);
        }
    }

    fn begin_recovery(&mut self) {
        if let Some(outage) = &mut self.outage
            && !outage.recovering
        {
            outage.recovering = true;
            self.passes.forget_trailing();
        }
    }

    fn end_outage(&mut self) {
        self.outage = None;
        self.streak = None;
        self.forget_recent();
        self.hard.reset();
        self.soft = Soft::default();
    }
}

fn long_enough(passes: &Passes, now: Timestamp, settings: &Settings) -> bool {
    passes
        .first
        .is_some_and(|first| now.since(first) >= settings.recovery)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bongsu_model::{CellKey, FailClass, RegionId, TargetName};

    use crate::cell::scores::AgentIx;
    use crate::cell::sight::{Newest, Seen};
    use crate::cell::{Evidence, Mark, Weight};

    use super::*;

    #[test]
    fn a_cell_that_goes_down_says_when_its_first_failed_runs_began_and_ended() {
        let settings = Settings::default();
        let mut cell = Cell::new(CellKey {
            target: TargetName::new("superapp").unwrap(),
            feature: FeatureId::new("account.login").unwrap(),
            region: RegionId::new("r0").unwrap(),
        });
        for agent in 0..2 {
            cell.sight.cover(AgentIx(agent), &[agent as usize]);
        }
        let mut changes = Vec::new();
        // Each agent passes once. Then all fail, of which the first to begin hangs.
        for run in 0..20_u32 {
            let agent = AgentIx(run % 2);
            let started = Timestamp::from_unix_seconds(998 + u64::from(run));
            let ended = started + Duration::from_secs(if run == 2 { 9 } else { 3 });
            let mark = if run < 2 {
                Mark::Pass
            } else {
                Mark::Fail(FailClass::Timeout)
            };
            let fresh_until = started + Duration::from_secs(60);
            let newest = Newest {
                user: agent.0 as usize,
                due: started,
                fresh_until,
                seen: Seen::Valid,
            };
            cell.note(agent, newest);
            let evidence = Evidence {
                run: RunId::from_bytes(u128::from(run).to_be_bytes()),
                agent,
                started,
                ended,
                fresh_until,
                mark,
                weight: Weight::Own,
            };
            cell.weigh(&evidence, &settings);
            changes.extend(cell.settle(started + Duration::from_secs(9), &settings));
        }
        let at = Timestamp::from_unix_seconds;
        let down = changes.iter().find(|change| change.to == CellState::Down);
        let down = down.expect("nothing passes any more");
        let onset = Onset::new(Some(at(999)), (at(1_000), at(1_004)));
        assert_eq!((down.onset, down.last), (Some(onset), Some(onset)));
        let still = cell.still_down();
        assert_eq!((still.onset, still.last), (down.onset, down.last));
    }
}
