//! What became of one slot, in four bytes.

use std::time::Duration;

use bongsu_model::{Outcome, Timestamp};

/// Outcome, start and whether it came late; a day of a ten-second cadence is 35 KB.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

/// What a slot says, without class, cause or reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SlotOutcome {
    Pass,
    Slow,
    Fail,
    Blocked,
    Blind,
    Skipped,
}

const OUTCOME_BITS: u32 = 0b0111;
const LATE_BIT: u32 = 0b1000;
/// The rest holds the start after due in milliseconds: 28 bits are three days.
const OFFSET_SHIFT: u32 = 4;
const OFFSET_MAX: u32 = u32::MAX >> OFFSET_SHIFT;

/// The earliest start that a slot may show for a run that began at `started`: starts are kept in
/// whole milliseconds after due, rounded down, while the cells know them to the nanosecond.
pub(crate) fn shown_from(started: Timestamp) -> Timestamp {
    started - (Duration::from_millis(1) - Duration::from_nanos(1))
}

impl Slot {
    /// Nothing was heard.
    pub(crate) const EMPTY: Self = Self(0);

    /// A slot that ended so, begun `offset` after it was due; `late` if it came after its slot
    /// had already counted as missed.
    pub(crate) fn new(outcome: SlotOutcome, offset: Duration, arrival: Arrival) -> Self {
        let code: u32 = match outcome {
            SlotOutcome::Pass => 1,
            SlotOutcome::Slow => 2,
            SlotOutcome::Fail => 3,
            SlotOutcome::Blocked => 4,
            SlotOutcome::Blind => 5,
            SlotOutcome::Skipped => 6,
        };
        let late = match arrival {
            Arrival::InTime => 0,
            Arrival::Late => LATE_BIT,
        };
        let offset = u32::try_from(offset.as_millis())
            .unwrap_or(u32::MAX)
            .min(OFFSET_MAX);
        Self(offset << OFFSET_SHIFT | late | code)
    }

    /// What it says, if anything was heard.
    pub(crate) fn outcome(self) -> Option<SlotOutcome> {
        match self.0 & OUTCOME_BITS {
            1 => Some(SlotOutcome::Pass),
            2 => Some(SlotOutcome::Slow),
            3 => Some(SlotOutcome::Fail),
            4 => Some(SlotOutcome::Blocked),
            5 => Some(SlotOutcome::Blind),
            6 => Some(SlotOutcome::Skipped),
            _ => None,
        }
    }

    /// How long after due it began.
    pub(crate) fn offset(self) -> Duration {
        Duration::from_millis(u64::from(self.0 >> OFFSET_SHIFT))
    }

    /// Whether it restated history that had been told as missed.
    pub(crate) fn is_late(self) -> bool {
        self.0 & LATE_BIT != 0
    }
}

/// Whether a run came before its slot counted as missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    InTime,
    Late,
}

impl From<&Outcome> for SlotOutcome {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Pass => Self::Pass,
            Outcome::Slow => Self::Slow,
            Outcome::Fail(_) => Self::Fail,
            Outcome::Blocked(_) => Self::Blocked,
            Outcome::Blind(_) => Self::Blind,
            Outcome::Skipped(_) => Self::Skipped,
        }
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}+{:?}", self.outcome(), self.offset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_keeps_what_was_put_in() {
        let outcomes = [
            SlotOutcome::Pass,
            SlotOutcome::Slow,
            SlotOutcome::Fail,
            SlotOutcome::Blocked,
            SlotOutcome::Blind,
            SlotOutcome::Skipped,
        ];
        for outcome in outcomes {
            for arrival in [Arrival::InTime, Arrival::Late] {
                let slot = Slot::new(outcome, Duration::from_millis(4_321), arrival);
                assert_eq!(slot.outcome(), Some(outcome));
                assert_eq!(slot.offset(), Duration::from_millis(4_321));
                assert_eq!(slot.is_late(), arrival == Arrival::Late);
            }
        }
        assert_eq!(Slot::EMPTY.outcome(), None);
        let far = Slot::new(
            SlotOutcome::Pass,
            Duration::from_secs(1 << 40),
            Arrival::InTime,
        );
        assert_eq!(far.offset(), Duration::from_millis(u64::from(OFFSET_MAX)));
    }
}
