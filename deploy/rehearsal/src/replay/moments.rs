//! The boards of instants that are passed while a scenario is played: time goes slowly past each,
//! so that what is shown of it is as of then.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bongsu_collector::published::Published;
use bongsu_model::{Clock as _, Timestamp};

use super::pacing;
use crate::clock::ReplayClock;
use crate::scenario::ExpectedRow;

/// So long after an instant time goes slowly at most: whoever shows nothing until then is behind,
/// and what it shows later says as of when it is.
pub(super) const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// A picture of an instant.
pub(super) type Picture = (Timestamp, Arc<Published>);

/// The instants that are still to come, and the pictures of those that are past.
#[derive(Debug)]
pub(super) struct Moments {
    ahead: VecDeque<Timestamp>,
    taken: Vec<Picture>,
    /// How fast time passed before it was slowed down for the first of those ahead.
    before: Option<f64>,
}

impl Moments {
    /// Every instant of `expected` before `until`, whose own picture is taken at the end.
    pub(super) fn of(expected: &[ExpectedRow], until: Timestamp) -> Self {
        let mut ahead: Vec<_> = expected.iter().map(|row| row.at).collect();
        ahead.retain(|at| *at < until);
        ahead.sort();
        ahead.dedup();
        Self {
            ahead: ahead.into(),
            taken: Vec::new(),
            before: None,
        }
    }

    /// The next instant, at which [`Moments::look`] wants to look.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.ahead.front().copied()
    }

    /// Takes the picture of the next instant once it is shown. Until then time goes slowly.
    pub(super) fn look(&mut self, clock: &ReplayClock, shown: &Arc<Published>) {
        let Some(at) = self.next().filter(|at| clock.wall() >= *at) else {
            return;
        };
        let is_shown = shown.as_of >= at;
        if is_shown {
            self.ahead.pop_front();
            self.taken.push((at, Arc::clone(shown)));
        }
        if !is_shown && clock.wall().since(at) < PATIENCE {
            let before = *self.before.get_or_insert_with(|| clock.speed());
            pacing::linger(clock, before);
        } else if let Some(before) = self.before.take() {
            clock.play_at(before);
        }
    }

    /// The pictures, oldest first. An instant that was never shown has the `last` one, which says
    /// as of when it is.
    pub(super) fn taken(self, last: &Arc<Published>) -> Vec<Picture> {
        let late = self.ahead.into_iter().map(|at| (at, Arc::clone(last)));
        self.taken.into_iter().chain(late).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bongsu_availability::{FleetState, FleetView};

    use super::*;
    use crate::clock::tests::Machine;
    use crate::replay::verdict::tests::at;
    use crate::scenario::Whose;

    fn expected(time: &str) -> ExpectedRow {
        ExpectedRow {
            at: at(time),
            of: Whose::Rest,
            region: None,
            measured: Vec::new(),
            at_least: None,
            claimed: None,
            comparison: None,
            reason: String::new(),
        }
    }

    fn picture(as_of: Timestamp) -> Arc<Published> {
        Arc::new(Published {
            ready: true,
            as_of,
            version: 1,
            boards: BTreeMap::new(),
            incidents: BTreeMap::new(),
            recoveries: BTreeMap::new(),
            agents: Vec::new(),
            fleet: FleetView {
                state: FleetState::Sighted,
                agents: 0,
                present: 0,
                blind: Vec::new(),
                outliers: Vec::new(),
            },
            claims: Arc::default(),
            measured: Arc::default(),
        })
    }

    /// Ten minutes of the scenario are a second of the machine's.
    fn begun() -> (Arc<Machine>, ReplayClock) {
        let machine = Arc::new(Machine::default());
        let clock = ReplayClock::held(machine.clone(), at("10:00"), 600.0);
        clock.release();
        (machine, clock)
    }

    #[test]
    fn time_goes_slowly_past_an_instant_until_it_is_shown() {
        let (machine, clock) = begun();
        let rows = ["10:20", "10:10", "10:10", "10:30"].map(expected);
        let mut moments = Moments::of(&rows, at("10:30"));
        assert_eq!(moments.next(), Some(at("10:10")));
        moments.look(&clock, &picture(at("10:00")));
        assert_eq!(clock.speed(), 600.0, "it is still to come");
        machine.set(1_000);
        moments.look(&clock, &picture(at("10:09")));
        assert_eq!(clock.speed(), 30.0);
        moments.look(&clock, &picture(at("10:10")));
        assert_eq!((clock.speed(), moments.next()), (600.0, Some(at("10:20"))));
        machine.set(3_000);
        moments.look(&clock, &picture(at("10:21")));
        let taken = moments.taken(&picture(at("10:30")));
        let taken: Vec<_> = taken.iter().map(|(at, shown)| (*at, shown.as_of)).collect();
        let both = [(at("10:10"), at("10:10")), (at("10:20"), at("10:21"))];
        assert_eq!(taken, both, "the end has its own");
    }

    #[test]
    fn who_shows_nothing_is_not_waited_for_for_ever() {
        let (machine, clock) = begun();
        let mut moments = Moments::of(&[expected("10:10")], at("12:00"));
        machine.set(1_000);
        moments.look(&clock, &picture(at("10:05")));
        assert_eq!(clock.speed(), 30.0);
        machine.set(1_000 + 21_000);
        moments.look(&clock, &picture(at("10:05")));
        assert_eq!(clock.speed(), 600.0);
        moments.look(&clock, &picture(at("10:21")));
        assert_eq!(moments.next(), None, "what is shown later is taken");
    }

    #[test]
    fn an_instant_that_is_never_shown_is_judged_by_the_last_picture() {
        let (_, clock) = begun();
        let mut moments = Moments::of(&["10:10", "10:20"].map(expected), at("10:30"));
        moments.look(&clock, &picture(at("10:05")));
        let taken = moments.taken(&picture(at("10:31")));
        let taken: Vec<_> = taken.iter().map(|(at, shown)| (*at, shown.as_of)).collect();
        let last = at("10:31");
        assert_eq!(taken, [(at("10:10"), last), (at("10:20"), last)]);
    }

    #[test]
    fn time_never_goes_faster_past_an_instant_than_it_went() {
        let (machine, clock) = begun();
        let mut moments = Moments::of(&[expected("10:10")], at("12:00"));
        machine.set(1_000);
        clock.play_at(20.0);
        moments.look(&clock, &picture(at("10:05")));
        assert_eq!(clock.speed(), 20.0);
        moments.look(&clock, &picture(at("10:10")));
        assert_eq!(clock.speed(), 20.0);
    }
}
