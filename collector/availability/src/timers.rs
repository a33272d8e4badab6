//! Deadlines that are waiting, the earliest first.

use std::collections::{BTreeMap, BTreeSet};

use bongsu_model::Timestamp;

/// At most one deadline for each key.
#[derive(Debug, Clone)]
pub(crate) struct Timers<K> {
    waiting: BTreeSet<(Timestamp, K)>,
    armed: BTreeMap<K, Timestamp>,
}

impl<K: Ord + Copy> Timers<K> {
    pub(crate) fn new() -> Self {
        Self {
            waiting: BTreeSet::new(),
            armed: BTreeMap::new(),
        }
    }

    /// Sets, moves or clears the deadline of `key`.
    pub(crate) fn set(&mut self, key: K, at: Option<Timestamp>) {
        let before = match at {
            Some(at) => self.armed.insert(key, at),
            None => self.armed.remove(&key),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.waiting.remove(&(before, key));
        }
        if let Some(at) = at {
            self.waiting.insert((at, key));
        }
    }

    /// Whether `key` has a deadline.
    pub(crate) fn is_set(&self, key: K) -> bool {
        self.armed.contains_key(&key)
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// Takes the earliest deadline at or before `now`.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, K)> {
        let (at, key) = *self.waiting.first().filter(|(at, _)| *at <= now)?;
        self.waiting.pop_first();
        self.armed.remove(&key);
        Some((at, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_deadline_and_the_earliest_fires_first() {
        let at = Timestamp::from_unix_seconds;
        let mut timers = Timers::new();
        timers.set('a', Some(at(5)));
        timers.set('b', Some(at(3)));
        timers.set('a', Some(at(2)));
        timers.set('c', Some(at(1)));
        timers.set('c', None);
        assert_eq!(timers.next(), Some(at(2)));
        assert_eq!(timers.pop_due(at(1)), None);
        assert_eq!(timers.pop_due(at(9)), Some((at(2), 'a')));
        assert_eq!(timers.pop_due(at(9)), Some((at(3), 'b')));
        assert_eq!(timers.pop_due(at(9)), None);
    }
}
