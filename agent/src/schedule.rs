//! When slots are due, and whether they are run: pure, told the time from outside.

use std::collections::BTreeSet;
use std::time::Duration;

use bongsu_model::{Cadence, JourneyName, SkipReason, TargetName, Timestamp, Variant};
use sha2::Digest as _;

use crate::units::Slice;

/// What has slots of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Lineage {
    pub(crate) target: TargetName,
    pub(crate) journey: JourneyName,
    pub(crate) variant: Variant,
}

/// When the slots of `lineage` are due for the agent at `slice` of its region.
///
/// Phase = (i/n)·T plus a hash of the lineage: agents of a region are evenly spread over the
/// period, and journeys of one agent are not all due at once.
pub(crate) fn cadence(lineage: &Lineage, period: Duration, slice: Slice) -> Option<Cadence> {
    let mut digest = sha2::Sha256::new();
    for part in [
        lineage.journey.as_str(),
        lineage.target.as_str(),
        lineage.variant.as_str(),
    ] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    let digest: [u8; 32] = digest.finalize().into();
    let hash = u64::from_be_bytes(digest[..8].try_into().expect("8 of 32 bytes"));
    let (place, of) = slice.from_zero();
    let share = period / of * place;
    let period_ns = u64::try_from(period.as_nanos()).ok().filter(|ns| *ns > 0)?;
    Cadence::new(period, share + Duration::from_nanos(hash % period_ns))
}

/// Most skipped slots that are told one by one after a gap, per lineage; older ones are `missed`
/// in the ledger, which is as true and costs nothing.
const LATE_TOLD_MAX: u64 = 30;

/// How long a slot waits at most to be begun with those that are due soon after it: to be woken
/// once for a few of them costs a third of being woken for each.
const TOGETHER_WITHIN: Duration = Duration::from_millis(50);

/// Most slots that are begun together, so that their runs do not hold up each other's clocks.
const TOGETHER_MAX: usize = 6;

/// What to do with a slot that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Run,
    Skip(SkipReason),
}

/// A slot whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DueSlot {
    pub(crate) lineage: Lineage,
    pub(crate) slot: u64,
    pub(crate) due: Timestamp,
    pub(crate) decision: Decision,
}

#[derive(Debug)]
struct Row {
    lineage: Lineage,
    cadence: Cadence,
    /// The next slot that nothing was decided about.
    next: u64,
    /// Whether the run of a slot is going.
    is_running: bool,
}

/// The slots of a plan. A slot is decided about once, in order, and never begun twice.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    /// By lineage.
    rows: Box<[Row]>,
    /// When the next slot of each row is due: most looks touch a row or two of thousands.
    queue: BTreeSet<(Timestamp, usize)>,
}

impl Schedule {
    /// Takes these lineages on from `now`. Those it had before with the same cadence go on where
    /// they were, so that a reload neither repeats nor loses a slot.
    pub(crate) fn replace(&mut self, entries: &[(Lineage, Cadence)], now: Timestamp) {
        let old = std::mem::take(self);
        let mut rows: Box<[Row]> = entries
            .iter()
            .map(|(lineage, cadence)| {
                let before = old.row(lineage);
                Row {
                    lineage: lineage.clone(),
                    cadence: *cadence,
                    next: before
                        .filter(|row| row.cadence == *cadence)
                        .map_or_else(|| cadence.first_at_or_after(now), |row| row.next),
                    is_running: before.is_some_and(|row| row.is_running),
                }
            })
            .collect();
        rows.sort_unstable_by(|a, b| a.lineage.cmp(&b.lineage));
        let due = |(place, row): (usize, &Row)| (row.cadence.due(row.next), place);
        self.queue = rows.iter().enumerate().map(due).collect();
        self.rows = rows;
    }

    fn place(&self, lineage: &Lineage) -> Option<usize> {
        let place = self.rows.binary_search_by(|row| row.lineage.cmp(lineage));
        place.ok()
    }

    fn row(&self, lineage: &Lineage) -> Option<&Row> {
        self.place(lineage).map(|place| &self.rows[place])
    }

    /// When to look again: when something is due next, and where more follows closely, when the
    /// last of a few is.
    pub(crate) fn next_wakeup(&self) -> Option<Timestamp> {
        let mut next = self.queue.iter().map(|(due, _)| *due).take(TOGETHER_MAX);
        let first = next.next()?;
        let together = next.take_while(|due| due.since(first) <= TOGETHER_WITHIN);
        Some(together.last().unwrap_or(first))
    }

    /// When the next slot of `lineage` is due.
    pub(crate) fn next_due(&self, lineage: &Lineage) -> Option<Timestamp> {
        self.row(lineage).map(|row| row.cadence.due(row.next))
    }

    /// The shortest period of the plan.
    pub(crate) fn shortest_period(&self) -> Option<Duration> {
        self.rows.iter().map(|row| row.cadence.period()).min()
    }

    /// Decides about every slot that is due by `now`. At most one slot of a lineage is to be run.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<DueSlot> {
        let mut slots = Vec::new();
        let waited: Vec<_> = self.queue.range(..=(now, usize::MAX)).copied().collect();
        for entry in waited {
            self.queue.remove(&entry);
            let (_, place) = entry;
            let row = &mut self.rows[place];
            row.decide(now, &mut slots);
            self.queue.insert((row.cadence.due(row.next), place));
        }
        slots.sort_by_key(|slot| slot.due);
        slots
    }

    /// The run of a slot of `lineage` has ended, or was not begun after all.
    pub(crate) fn finished(&mut self, lineage: &Lineage) {
        if let Some(place) = self.place(lineage) {
            self.rows[place].is_running = false;
        }
    }
}

impl Row {
    /// Decides about every slot up to the newest that is due by `now`.
    fn decide(&mut self, now: Timestamp, slots: &mut Vec<DueSlot>) {
        let newest = self.cadence.last_at_or_before(now);
        let Some(newest) = newest.filter(|newest| *newest >= self.next) else {
            return;
        };
        let first = self.next.max((newest + 1).saturating_sub(LATE_TOLD_MAX));
        for slot in first..=newest {
            let due = self.cadence.due(slot);
            let decision = if now.since(due) > self.cadence.period() / 2 {
                Decision::Skip(SkipReason::Late)
            } else if self.is_running {
                Decision::Skip(SkipReason::Overlap)
            } else {
                self.is_running = true;
                Decision::Run
            };
            slots.push(DueSlot {
                lineage: self.lineage.clone(),
                slot,
                due,
                decision,
            });
        }
        self.next = newest + 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn lineage(journey: &str) -> Lineage {
        Lineage {
            target: TargetName::new("superapp").unwrap(),
            journey: JourneyName::new(journey).unwrap(),
            variant: Variant::cold(),
        }
    }

    fn at_ms(millis: u64) -> Timestamp {
        Timestamp::from_unix_nanos(millis * 1_000_000)
    }

    fn schedule(period_s: u64) -> Schedule {
        let cadence = Cadence::new(Duration::from_secs(period_s), Duration::ZERO).unwrap();
        let mut schedule = Schedule::default();
        schedule.replace(&[(lineage("login"), cadence)], at_ms(0));
        schedule
    }

    fn decisions(slots: &[DueSlot]) -> Vec<(u64, Decision)> {
        slots
            .iter()
            .map(|slot| (slot.slot, slot.decision))
            .collect()
    }

    #[test]
    fn agents_of_a_region_are_evenly_spread_over_the_period() {
        let period = Duration::from_secs(30);
        let phases: Vec<Duration> = (1..=3)
            .map(|place| {
                let slice = Slice::new(place, 3).unwrap();
                cadence(&lineage("login"), period, slice).unwrap().phase()
            })
            .collect();
        let gap = |a: Duration, b: Duration| (b + period - a).as_secs() % 30;
        assert_eq!(gap(phases[0], phases[1]), 10);
        assert_eq!(gap(phases[1], phases[2]), 10);
        let other = cadence(&lineage("send-message"), period, Slice::WHOLE).unwrap();
        assert_ne!(phases[0], other.phase());
    }

    #[test]
    fn slots_that_follow_closely_are_begun_together_and_one_alone_on_time() {
        let wakeup = |phases_ms: &[u64]| {
            let mut schedule = Schedule::default();
            let entries: Vec<_> = phases_ms
                .iter()
                .map(|phase| {
                    let phase = Duration::from_millis(*phase);
                    let cadence = Cadence::new(Duration::from_secs(10), phase).unwrap();
                    (lineage(&format!("at-{}", phase.as_millis())), cadence)
                })
                .collect();
            schedule.replace(&entries, at_ms(0));
            schedule.next_wakeup()
        };
        assert_eq!(wakeup(&[]), None);
        assert_eq!(wakeup(&[100, 151]), Some(at_ms(100)));
        assert_eq!(wakeup(&[100, 150, 151]), Some(at_ms(150)));
        assert_eq!(
            wakeup(&[100, 101, 102, 103, 104, 105, 106]),
            Some(at_ms(105))
        );
    }

    #[test]
    fn a_slot_behind_a_going_run_is_an_overlap() {
        let mut schedule = schedule(10);
        assert_eq!(decisions(&schedule.due(at_ms(0))), [(0, Decision::Run)]);
        assert_eq!(
            decisions(&schedule.due(at_ms(10_000))),
            [(1, Decision::Skip(SkipReason::Overlap))]
        );
        schedule.finished(&lineage("login"));
        assert_eq!(
            decisions(&schedule.due(at_ms(20_000))),
            [(2, Decision::Run)]
        );
    }

    #[test]
    fn after_a_sleep_no_slot_is_made_up_for() {
        let mut schedule = schedule(10);
        schedule.due(at_ms(0));
        schedule.finished(&lineage("login"));
        let slots = schedule.due(at_ms(3_600_000 + 4_000));
        assert_eq!(slots.len(), 30);
        let runs: Vec<u64> = slots
            .iter()
            .filter(|slot| slot.decision == Decision::Run)
            .map(|slot| slot.slot)
            .collect();
        assert_eq!(runs, [360]);
    }

    #[test]
    fn a_clock_set_back_repeats_no_slot() {
        let mut schedule = schedule(10);
        assert_eq!(schedule.due(at_ms(50_000)).last().unwrap().slot, 5);
        schedule.finished(&lineage("login"));
        assert_eq!(schedule.due(at_ms(20_000)), []);
        assert_eq!(schedule.due(at_ms(60_000)).len(), 1);
    }

    #[test]
    fn a_reload_keeps_the_place_and_the_going_run() {
        let mut schedule = schedule(10);
        schedule.due(at_ms(0));
        let cadence = Cadence::new(Duration::from_secs(10), Duration::ZERO).unwrap();
        schedule.replace(
            &[(lineage("login"), cadence), (lineage("new"), cadence)],
            at_ms(0),
        );
        assert_eq!(
            decisions(&schedule.due(at_ms(0))),
            [(0, Decision::Run)],
            "only the new one"
        );
        assert_eq!(
            schedule.due(at_ms(10_000))[0].decision,
            Decision::Skip(SkipReason::Overlap)
        );
    }

    proptest! {
        #[test]
        fn many_lineages_are_each_decided_about_as_if_alone(
            periods_ms in prop::collection::vec((100_u64..5_000, 0_u64..5_000), 1..12),
            steps in prop::collection::vec((0_u64..3_000, prop::option::of(0_usize..12)), 1..60),
        ) {
            let cadence_of = |(period_ms, phase_ms): &(u64, u64)| {
                let (period, phase) = (Duration::from_millis(*period_ms), Duration::from_millis(*phase_ms));
                Cadence::new(period, phase).unwrap()
            };
            let entries: Vec<_> = periods_ms
                .iter()
                .enumerate()
                .map(|(n, times)| (lineage(&format!("j{n}")), cadence_of(times)))
                .collect();
            let mut together = Schedule::default();
            together.replace(&entries, at_ms(0));
            let mut alone: Vec<Schedule> = entries
                .iter()
                .map(|entry| {
                    let mut one = Schedule::default();
                    one.replace(std::slice::from_ref(entry), at_ms(0));
                    one
                })
                .collect();
            let mut now = 0;
            for (step, ends) in steps {
                now += step;
                if let Some((lineage, _)) = ends.and_then(|n| entries.get(n)) {
                    together.finished(lineage);
                    alone.iter_mut().for_each(|one| one.finished(lineage));
                }
                let wakeups = alone.iter().filter_map(Schedule::next_wakeup);
                let first = wakeups.min();
                let wakeup = together.next_wakeup();
                prop_assert_eq!(wakeup.is_some(), first.is_some());
                if let (Some(wakeup), Some(first)) = (wakeup, first) {
                    prop_assert!(first <= wakeup && wakeup <= first + TOGETHER_WITHIN);
                }
                let decided = together.due(at_ms(now));
                prop_assert!(decided.is_sorted_by_key(|slot| slot.due));
                for ((lineage, _), one) in entries.iter().zip(&mut alone) {
                    let own: Vec<_> = decided.iter().filter(|slot| slot.lineage == *lineage).cloned().collect();
                    prop_assert_eq!(own, one.due(at_ms(now)));
                }
            }
        }

        #[test]
        fn each_slot_is_decided_once_in_order_and_never_begun_late(
            period_ms in 100_u64..5_000,
            phase_ms in 0_u64..5_000,
            steps in prop::collection::vec((0_u64..7_000, any::<bool>()), 1..80),
        ) {
            let cadence = Cadence::new(
                Duration::from_millis(period_ms), Duration::from_millis(phase_ms),
            ).unwrap();
            let mut schedule = Schedule::default();
            schedule.replace(&[(lineage("login"), cadence)], at_ms(0));
            let mut now = 0;
            let mut decided: BTreeMap<u64, Decision> = BTreeMap::new();
            let mut running = false;
            for (step, ends) in steps {
                now += step;
                if ends {
                    schedule.finished(&lineage("login"));
                    running = false;
                }
                for slot in schedule.due(at_ms(now)) {
                    prop_assert!(decided.last_key_value().is_none_or(|(last, _)| *last < slot.slot));
                    prop_assert!(slot.due <= at_ms(now));
                    prop_assert_eq!(slot.due, cadence.due(slot.slot));
                    if slot.decision == Decision::Run {
                        prop_assert!(!running);
                        running = true;
                        prop_assert!(at_ms(now).since(slot.due) <= Duration::from_millis(period_ms) / 2);
                    }
                    decided.insert(slot.slot, slot.decision);
                }
                prop_assert!(schedule.next_wakeup().unwrap() > at_ms(now));
            }
        }
    }
}
