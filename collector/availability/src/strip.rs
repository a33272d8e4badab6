//! A feature's strip: its regions over time, bucket by bucket, and the hours that are sealed.
//!
//! The last day is computed from history whenever it is asked for, so that late data restates it.
//! An hour that has become [`SEALED_AFTER`] old is added up once more and kept as it is then.

use std::collections::VecDeque;
use std::time::Duration;

use bongsu_model::{FeatureId, RegionId, TargetName, Timestamp};

use crate::span::Span;
use crate::{Availability, Ledger};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// How old the end of an hour is when it is sealed: history still holds the whole hour then, and
/// the run before it.
pub(crate) const SEALED_AFTER: Duration = Duration::from_secs(23 * 3600);

/// Hours kept of a cell: a week.
const SEALED_MAX: usize = 7 * 24;

/// How far back a strip reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StripWindow {
    /// An hour, by minutes.
    Hour,
    /// A day, by quarters of an hour.
    Day,
    /// A week, by hours.
    Week,
}

impl StripWindow {
    /// All windows, the shortest first.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Week];

    /// Its name: `1h`, `24h`, `7d`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    /// The window of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.as_str() == name)
    }

    /// The length of a bucket.
    pub const fn step(self) -> Duration {
        match self {
            Self::Hour => Duration::from_secs(60),
            Self::Day => Duration::from_secs(900),
            Self::Week => HOUR,
        }
    }

    /// How many buckets it has, the unfinished one included.
    pub const fn buckets(self) -> u64 {
        match self {
            Self::Hour => 60,
            Self::Day => 96,
            Self::Week => 168,
        }
    }

    /// Its buckets as of `now`, oldest first. They begin at multiples of the step since the
    /// epoch; the last one ends at `now`.
    pub(crate) fn spans(self, now: Timestamp) -> impl Iterator<Item = Span> {
        let step = self.step();
        let newest = floor(now - Duration::from_nanos(1), step);
        (0..self.buckets()).rev().filter_map(move |back| {
            let back = u32::try_from(back).expect("at most 168");
            let from = newest - step * back;
            let span = Span::new(from, (from + step).min(now));
            (span.nanos() > 0).then_some(span)
        })
    }
}

/// The last multiple of `step` since the epoch at or before `at`.
pub(crate) fn floor(at: Timestamp, step: Duration) -> Timestamp {
    let step = u64::try_from(step.as_nanos()).expect("a bucket is short");
    Timestamp::from_unix_nanos(at.as_unix_nanos() / step * step)
}

/// What is known of a cell in a bucket, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// Own availability is a number.
    Known,
    /// Nothing is known of its own doing: another feature stood before it.
    Blocked,
    /// A plan called for runs, and none is evidence.
    Unknown,
    /// Nothing is known, and work was announced.
    Maintenance,
    /// No plan called for runs.
    Unmeasured,
}

impl Sight {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Blocked => "blocked",
            Self::Unknown => "unknown",
            Self::Maintenance => "maintenance",
            Self::Unmeasured => "unmeasured",
        }
    }
}

/// A cell in a stretch of time.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct StripBucket {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
    /// The slots due in it by outcome.
    pub samples: Ledger,
    /// Its availability.
    pub availability: Availability,
    /// Whether a plan called for runs in any of it.
    pub planned: bool,
    /// The share of it in which work went on, announced in time or not. 0 to 1.
    pub maintenance: f64,
    /// Whether a run came after its slot had been told as missed.
    pub revised: bool,
    /// Whether it is kept as it was added up a day later: what came since left no trace.
    pub sealed: bool,
}

impl StripBucket {
    /// What is known in it.
    pub const fn sight(&self) -> Sight {
        if self.availability.own.is_some() {
            Sight::Known
        } else if self.maintenance > 0.0 {
            Sight::Maintenance
        } else if self.samples.blocked > 0 || self.availability.perceived.is_some() {
            Sight::Blocked
        } else if self.planned {
            Sight::Unknown
        } else {
            Sight::Unmeasured
        }
    }
}

/// One region of a strip.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RegionStrip {
    /// The region.
    pub region: RegionId,
    /// Its buckets, oldest first; the same stretches in every region.
    pub buckets: Vec<StripBucket>,
}

/// A feature over time, region by region.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Strip {
    /// In which environment.
    pub target: TargetName,
    /// Which.
    pub feature: FeatureId,
    /// As of when: the end of the last bucket.
    pub as_of: Timestamp,
    /// The first instant of the first bucket.
    pub from: Timestamp,
    /// The regions, in the roster's order.
    pub regions: Vec<RegionStrip>,
}

/// The sealed hours of every cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sealed {
    of_cell: Vec<VecDeque<SealedHour>>,
    /// The end of the newest sealed hour.
    until: Option<Timestamp>,
}

impl Sealed {
    /// The hour to seal at the deadline `at`.
    pub(crate) fn hour_due(at: Timestamp) -> Span {
        let until = floor(at, HOUR) - SEALED_AFTER;
        Span::new(until - HOUR, until)
    }

    /// Keeps an hour of a cell; the oldest makes room.
    pub(crate) fn push(&mut self, cell: usize, bucket: &StripBucket) {
        self.until = self.until.max(Some(bucket.until));
        if self.of_cell.len() <= cell {
            self.of_cell.resize_with(cell + 1, VecDeque::new);
        }
        let hours = &mut self.of_cell[cell];
        if hours.len() == SEALED_MAX {
            hours.pop_front();
        }
        // An hour that is not there reads the same as one that nobody planned.
        if bucket.planned || bucket.maintenance > 0.0 {
            hours.push_back(SealedHour::new(bucket));
        }
    }

    /// Whether what happened at `at` lies in sealed time.
    pub(crate) fn covers(&self, at: Timestamp) -> bool {
        self.until.is_some_and(|until| at < until)
    }

    /// The hour of a cell that begins at `from`.
    pub(crate) fn hour(&self, cell: usize, from: Timestamp) -> StripBucket {
        let hours = self.of_cell.get(cell).into_iter().flatten();
        let mut found = hours.rev().filter(|hour| hour.from == from);
        found
            .next()
            .map_or_else(|| SealedHour::unmeasured(from).bucket(), SealedHour::bucket)
    }
}

/// A bucket of an hour in about a hundred bytes: a cell's week is 16 KiB.
#[derive(Debug, Clone)]
struct SealedHour {
    from: Timestamp,
    samples: [u32; 7],
    availability: Availability,
    maintenance: f32,
    planned: bool,
    revised: bool,
}

impl SealedHour {
    fn new(bucket: &StripBucket) -> Self {
        let count = |slots: u64| u32::try_from(slots).unwrap_or(u32::MAX);
        let Ledger {
            pass,
            slow,
            fail,
            blocked,
            blind,
            skipped,
            missed,
        } = bucket.samples;
        #[expect(clippy::cast_possible_truncation, reason = "a share for a mark")]
        let maintenance = bucket.maintenance as f32;
        Self {
            from: bucket.from,
            samples: [pass, slow, fail, blocked, blind, skipped, missed].map(count),
            availability: bucket.availability,
            maintenance,
            planned: bucket.planned,
            revised: bucket.revised,
        }
    }

    fn unmeasured(from: Timestamp) -> Self {
        Self {
            from,
            samples: [0; 7],
            availability: Availability::default(),
            maintenance: 0.0,
            planned: false,
            revised: false,
        }
    }

    fn bucket(&self) -> StripBucket {
        let [pass, slow, fail, blocked, blind, skipped, missed] = self.samples.map(u64::from);
        StripBucket {
            from: self.from,
            until: self.from + HOUR,
            samples: Ledger {
                pass,
                slow,
                fail,
                blocked,
                blind,
                skipped,
                missed,
            },
            availability: self.availability,
            planned: self.planned,
            maintenance: f64::from(self.maintenance),
            revised: self.revised,
            sealed: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn buckets_follow_each_other_on_the_clock_and_end_now(
            now in 1_600_000_000_000_000_000_u64..1_900_000_000_000_000_000,
            whole in any::<bool>(),
        ) {
            let now = if whole { now / 3_600_000_000_000 * 3_600_000_000_000 } else { now };
            let now = Timestamp::from_unix_nanos(now);
            for window in StripWindow::ALL {
                let spans: Vec<Span> = window.spans(now).collect();
                prop_assert_eq!(spans.len() as u64, window.buckets());
                prop_assert_eq!(spans[spans.len() - 1].until, now);
                for pair in spans.windows(2) {
                    prop_assert_eq!(pair[0].until, pair[1].from);
                    prop_assert_eq!(floor(pair[0].from, window.step()), pair[0].from);
                }
            }
        }
    }

    #[test]
    fn a_week_of_hours_is_kept_and_an_hour_that_is_not_there_is_unmeasured() {
        let mut sealed = Sealed::default();
        let start = floor(Timestamp::from_unix_seconds(1_700_000_000), HOUR);
        let hour = |n: u32| SealedHour {
            samples: [n, 0, 0, 0, 0, 0, 0],
            planned: true,
            ..SealedHour::unmeasured(start + HOUR * n)
        };
        for n in 0..200 {
            sealed.push(3, &hour(n).bucket());
        }
        assert_eq!(sealed.of_cell[3].len(), SEALED_MAX);
        assert_eq!(sealed.hour(3, start + HOUR * 199).samples.pass, 199);
        assert_eq!(sealed.hour(3, start).sight(), Sight::Unmeasured);
        assert_eq!(
            sealed.hour(9, start + HOUR * 199).sight(),
            Sight::Unmeasured
        );
        assert!(sealed.covers(start + HOUR * 199) && !sealed.covers(start + HOUR * 200));
    }
}
