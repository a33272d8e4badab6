//! Which run is started next, and which result is told next: in order as far as accounts allow.
//! Pure.

use std::collections::BTreeMap;

/// Runs that may be started ahead of the oldest that is not told yet: so many reports, of some
/// 10 KiB each, are held at most.
const AHEAD_MAX: u64 = 256;

/// Runs waiting to be started, and results waiting for those before them.
#[derive(Debug)]
pub(super) struct Line<R> {
    total: u64,
    /// The first that was never looked at.
    fresh: u64,
    /// Those that could not be started when they were looked at, in order.
    passed_over: Vec<u64>,
    /// The next to be told.
    told: u64,
    ended: BTreeMap<u64, R>,
}

impl<R> Line<R> {
    /// `total` runs, numbered from 0.
    pub(super) fn new(total: u64) -> Self {
        Self {
            total,
            fresh: 0,
            passed_over: Vec::new(),
            told: 0,
            ended: BTreeMap::new(),
        }
    }

    /// The first waiting run that `start` can start.
    pub(super) fn start<T>(&mut self, mut start: impl FnMut(u64) -> Option<T>) -> Option<T> {
        for at in 0..self.passed_over.len() {
            if let Some(started) = start(self.passed_over[at]) {
                let _ = self.passed_over.remove(at);
                return Some(started);
            }
        }
        while self.fresh < self.total.min(self.told.saturating_add(AHEAD_MAX)) {
            let nth = self.fresh;
            self.fresh += 1;
            match start(nth) {
                Some(started) => return Some(started),
                None => self.passed_over.push(nth),
            }
        }
        None
    }

    /// Takes in a result.
    pub(super) fn end(&mut self, nth: u64, result: R) {
        let _ = self.ended.insert(nth, result);
    }

    /// The next result in order, if it has come.
    pub(super) fn tell(&mut self) -> Option<R> {
        let result = self.ended.remove(&self.told)?;
        self.told += 1;
        Some(result)
    }

    /// When nothing more will be started: the next result in order, past those that never came.
    pub(super) fn tell_rest(&mut self) -> Option<R> {
        self.ended.pop_first().map(|(_, result)| result)
    }

    /// Runs that were not started.
    pub(super) fn waiting(&self) -> u64 {
        let passed_over = self.passed_over.len() as u64;
        self.total - self.fresh + passed_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_told_in_order_whatever_order_they_come_in() {
        let mut line = Line::new(3);
        for nth in 0..3 {
            assert_eq!(line.start(Some), Some(nth));
        }
        assert_eq!(line.start(Some), None);
        line.end(2, "c");
        assert_eq!(line.tell(), None);
        line.end(0, "a");
        assert_eq!(line.tell(), Some("a"));
        assert_eq!(line.tell(), None);
        line.end(1, "b");
        assert_eq!((line.tell(), line.tell()), (Some("b"), Some("c")));
    }

    #[test]
    fn a_run_that_must_wait_goes_first_as_soon_as_it_can() {
        let mut line: Line<()> = Line::new(4);
        let odd = |nth: u64| (nth % 2 == 1).then_some(nth);
        assert_eq!(line.start(odd), Some(1));
        assert_eq!(line.start(odd), Some(3));
        assert_eq!((line.start(odd), line.waiting()), (None, 2));
        assert_eq!((line.start(Some), line.start(Some)), (Some(0), Some(2)));
        assert_eq!(line.waiting(), 0);
    }

    #[test]
    fn no_more_are_held_than_the_bound_however_long_the_first_takes() {
        let mut line = Line::new(1_000_000);
        assert_eq!(line.start(Some), Some(0));
        let mut started = 1;
        while let Some(nth) = line.start(Some) {
            line.end(nth, nth);
            started += 1;
        }
        assert_eq!(started, AHEAD_MAX);
        line.end(0, 0);
        for nth in 0..AHEAD_MAX {
            assert_eq!(line.tell(), Some(nth));
        }
        assert_eq!(line.start(Some), Some(AHEAD_MAX));
    }

    #[test]
    fn what_was_never_started_holds_nothing_back_at_the_end() {
        let mut line = Line::new(5);
        let even = |nth: u64| nth.is_multiple_of(2).then_some(nth);
        while let Some(nth) = line.start(even) {
            line.end(nth, nth);
        }
        assert_eq!(line.waiting(), 2);
        assert_eq!(line.tell(), Some(0));
        assert_eq!(line.tell(), None);
        assert_eq!((line.tell_rest(), line.tell_rest()), (Some(2), Some(4)));
        assert_eq!(line.tell_rest(), None);
    }
}
