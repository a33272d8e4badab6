//! Which agents call themselves blind, and whether so many do that the fleet is.

use std::collections::BTreeMap;

use bongsu_model::{Outcome, Timestamp};

use crate::cells::Heard;

/// The newest run in time of each of an agent's users: blind or not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Eyes {
    newest: BTreeMap<usize, Newest>,
    /// The start of the newest of all.
    started: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    due: Timestamp,
    fresh_until: Timestamp,
    is_blind: bool,
}

impl Eyes {
    /// Notes a run of `user` that came in time, unless it was over before one began that is known:
    /// a backlog comes behind fresh runs, and what the agent met before them is past.
    pub(crate) fn note(&mut self, user: usize, heard: Heard<'_>, fresh_until: Timestamp) {
        if heard.run.ended < self.started {
            return;
        }
        self.started = self.started.max(heard.started());
        let newest = Newest {
            due: heard.due(),
            fresh_until,
            is_blind: matches!(heard.run.outcomes.verdict(), Outcome::Blind(_)),
        };
        let known = self.newest.entry(user).or_insert(newest);
        if known.due <= newest.due {
            *known = newest;
        }
    }

    /// Whether more than half of the agent's users are blind, of those that still say anything.
    pub(crate) fn is_blind(&self, now: Timestamp) -> bool {
        let fresh = || {
            self.newest
                .values()
                .filter(|newest| newest.fresh_until > now)
        };
        let blind = fresh().filter(|newest| newest.is_blind).count();
        2 * blind > fresh().count()
    }
}
