//! How fast a fleet lives, and what its files say of it.

use std::time::Duration;

/// How fast a fleet's time passes, which some of its files must know.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tempo {
    /// As the machine's.
    Usual,
    /// This many times as fast: nobody looks early, and what takes some of the machine's time is
    /// not late for it.
    Hurried(f64),
}

/// What a run's way to the journal takes of the machine's time, with room to spare.
const SHIPPING_REAL: Duration = Duration::from_millis(300);

/// The share of the cadence that an agent of a hurried fleet waits for its control responders:
/// less than the cleanup of its runs gets.
const SELF_CHECK_SHARE: f64 = 0.3;

impl Tempo {
    fn speed(self) -> f64 {
        match self {
            Self::Usual => 1.0,
            Self::Hurried(speed) => speed.max(1.0),
        }
    }

    /// L: how late a run may come, in the fleet's time.
    pub fn lateness(self) -> Duration {
        LATENESS.max(match self {
            Self::Usual => Duration::ZERO,
            Self::Hurried(speed) => SHIPPING_REAL.mul_f64(speed),
        })
    }

    /// How long control responders may take to answer, in the machine's time.
    pub(super) fn self_check(self, every: Duration) -> Duration {
        let usual = Duration::from_secs(2);
        match self {
            Self::Usual => usual,
            Self::Hurried(_) => usual.min(every.div_f64(self.speed()).mul_f64(SELF_CHECK_SHARE)),
        }
    }
}

/// How much an agent's spool may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spool {
    /// What gathers while the collector is within reach, and for some hours without it.
    Hours,
    /// What gathers in days without a collector, which go by in minutes: as much as that of an agent
    /// that is told nothing, which holds 127.5 hours.
    Days,
}

impl Spool {
    pub(super) const fn mib(self) -> u32 {
        match self {
            Self::Hours => 64,
            Self::Days => 512,
        }
    }
}

/// The collector's own default of L.
const LATENESS: Duration = Duration::from_secs(5);
