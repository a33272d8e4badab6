//! Which collectors lack the record of the plan: they say so, or they refused it.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};

/// Why a collector lacks the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Doubt {
    /// It answered a heartbeat that it does not know the plan.
    Unknown,
    /// It refused the record.
    Refused,
}

/// The doubts of all collectors: two for each at most.
#[derive(Debug, Default)]
pub(crate) struct PlanDoubts(Mutex<BTreeSet<(String, Doubt)>>);

impl PlanDoubts {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<(String, Doubt)>> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Notes a doubt. Gives whether it is new.
    pub(crate) fn raise(&self, collector: &str, doubt: Doubt) -> bool {
        self.lock().insert((collector.to_owned(), doubt))
    }

    /// The collector knows the plan: at most the record was still on its way.
    pub(crate) fn settle(&self, collector: &str) {
        self.lock().remove(&(collector.to_owned(), Doubt::Unknown));
    }

    /// Whether any collector lacks the record.
    pub(crate) fn is_any(&self) -> bool {
        !self.lock().is_empty()
    }

    /// The record is on its way to all.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_collector_knows_settles_that_it_did_not_but_not_that_it_refused() {
        let doubts = PlanDoubts::default();
        assert!(doubts.raise("main", Doubt::Unknown));
        assert!(!doubts.raise("main", Doubt::Unknown), "told once");
        doubts.settle("other");
        assert!(doubts.is_any());
        doubts.settle("main");
        assert!(!doubts.is_any());
        doubts.raise("main", Doubt::Refused);
        doubts.settle("main");
        assert!(doubts.is_any());
        doubts.clear();
        assert!(!doubts.is_any());
    }
}
