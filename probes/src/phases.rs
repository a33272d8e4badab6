//! The stopwatch of one attempt: disjoint phases from one chain of clock readings.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Clock, Monotonic, Phases};

/// What an attempt is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Dns,
    Connect,
    Tls,
    Wait,
    Receive,
}

/// Measures phases. Each ends where the next begins, so that their sum is the attempt's total.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    clock: Arc<dyn Clock>,
    started: Monotonic,
    last: Monotonic,
    phases: Phases,
}

impl Stopwatch {
    /// Starts now.
    pub(crate) fn start(clock: &Arc<dyn Clock>) -> Self {
        let now = clock.monotonic();
        Self {
            clock: Arc::clone(clock),
            started: now,
            last: now,
            phases: Phases::default(),
        }
    }

    /// Ends `phase` now; the next one begins.
    pub(crate) fn end(&mut self, phase: Phase) {
        self.end_at(phase, self.clock.monotonic());
    }

    /// Ends `phase` at `at`, which is not before the end of the phase before it.
    ///
    /// A phase that ends twice has both parts: a step may wait again after it has received.
    pub(crate) fn end_at(&mut self, phase: Phase, at: Monotonic) {
        let at = at.max(self.last);
        let lap = at.since(self.last);
        self.last = at;
        let slot = match phase {
            Phase::Dns => &mut self.phases.dns,
            Phase::Connect => &mut self.phases.connect,
            Phase::Tls => &mut self.phases.tls,
            Phase::Wait => &mut self.phases.wait,
            Phase::Receive => &mut self.phases.receive,
        };
        *slot = Some(slot.unwrap_or_default() + lap);
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(crate) fn started(&self) -> Monotonic {
        self.started
    }

    /// When the last phase ended.
    pub(crate) fn ended(&self) -> Monotonic {
        self.last
    }

    pub(crate) fn phases(&self) -> Phases {
        self.phases
    }
}

/// What of `after` came after `before`; a phase that got nothing was not gone through again.
pub(crate) fn between(before: Phases, after: Phases) -> Phases {
    let part = |before: Option<Duration>, after: Option<Duration>| match before {
        None => after,
        Some(before) => after
            .and_then(|after| after.checked_sub(before))
            .filter(|part| !part.is_zero()),
    };
    Phases {
        dns: part(before.dns, after.dns),
        connect: part(before.connect, after.connect),
        tls: part(before.tls, after.tls),
        wait: part(before.wait, after.wait),
        receive: part(before.receive, after.receive),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bongsu_model::Timestamp;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug)]
    struct Steps(Mutex<(u64, Vec<u64>)>);

    impl Clock for Steps {
        fn wall(&self) -> Timestamp {
            Timestamp::EPOCH
        }

        fn monotonic(&self) -> Monotonic {
            let mut state = self.0.lock().unwrap();
            let step = state.1.pop().unwrap_or(0);
            state.0 += step;
            Monotonic::from_origin(Duration::from_nanos(state.0))
        }
    }

    proptest! {
        #[test]
        fn phases_add_up_to_the_total_whatever_the_clock_does(
            steps in proptest::collection::vec(0_u64..5_000_000_000, 0..8),
            order in proptest::collection::vec(0_usize..5, 0..8),
        ) {
            let all = [Phase::Dns, Phase::Connect, Phase::Tls, Phase::Wait, Phase::Receive];
            let clock: Arc<dyn Clock> = Arc::new(Steps(Mutex::new((0, steps))));
            let mut watch = Stopwatch::start(&clock);
            for phase in order {
                watch.end(all[phase]);
            }
            prop_assert_eq!(watch.phases().total(), watch.ended().since(watch.started()));
        }
    }
}
