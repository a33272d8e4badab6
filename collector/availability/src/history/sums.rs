//! What a stretch of history adds up to.

use crate::Ledger;

use super::slot::SlotOutcome;

/// Slots by outcome, and known time by what was known, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub(crate) struct Sums {
    pub(crate) ledger: Ledger,
    pub(crate) up: u64,
    pub(crate) down: u64,
    pub(crate) blocked: u64,
}

impl Sums {
    pub(crate) fn count(&mut self, outcome: Option<SlotOutcome>) {
        let ledger = &mut self.ledger;
        let count = match outcome {
            Some(SlotOutcome::Pass) => &mut ledger.pass,
            Some(SlotOutcome::Slow) => &mut ledger.slow,
            Some(SlotOutcome::Fail) => &mut ledger.fail,
            Some(SlotOutcome::Blocked) => &mut ledger.blocked,
            Some(SlotOutcome::Blind) => &mut ledger.blind,
            Some(SlotOutcome::Skipped) => &mut ledger.skipped,
            None => &mut ledger.missed,
        };
        *count += 1;
    }

    /// Adds `nanos` of a user's time as `outcome` says; blind, skipped and missed carve it out.
    pub(crate) fn spend(&mut self, outcome: SlotOutcome, nanos: u64) {
        match outcome {
            SlotOutcome::Pass | SlotOutcome::Slow => self.up += nanos,
            SlotOutcome::Fail => self.down += nanos,
            SlotOutcome::Blocked => self.blocked += nanos,
            SlotOutcome::Blind | SlotOutcome::Skipped => {}
        }
    }

    /// Own's known time.
    pub(crate) fn known(&self) -> u64 {
        self.up + self.down
    }
}

impl std::ops::AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.ledger += other.ledger;
        self.up += other.up;
        self.down += other.down;
        self.blocked += other.blocked;
    }
}
