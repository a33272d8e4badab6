//! Which plan an agent worked on when: the spans in which slots were expected of it.

use std::time::Duration;

use bongsu_model::{PlanEntry, PlanRecord, Revision, Timestamp};

use crate::cells::USERS_OF_AGENT_MAX;
use crate::history::KEPT;
use crate::span::{Span, union, without};

/// Plans kept of one agent: a plan is changed by people, and the oldest leave after a day. Beyond
/// that what only a restart told again leaves first, then the oldest.
const PLANS_MAX: usize = 256;

/// The shortest T that is believed: no agent starts a journey more than once a second, and a
/// history of shorter periods would not be bounded.
const PERIOD_MIN: Duration = Duration::from_secs(1);

/// Entries of one plan: a hundred journeys, cold and warm, five times over.
const ENTRIES_MAX: usize = USERS_OF_AGENT_MAX;

/// The plans of one agent, and when it was not listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plans {
    /// In the order of validity; equal instants are ordered by revision, so that the order of
    /// arrival does not matter.
    records: Vec<PlanRecord>,
    /// Closed stretches in which the agent was not listed. A union.
    absences: Vec<Span>,
    /// Since when it is not listed.
    left: Option<Timestamp>,
}

impl Plans {
    /// Whether the plan was taken in before.
    pub(crate) fn knows(&self, record: &PlanRecord) -> bool {
        self.place(record).is_ok()
    }

    /// Whether a plan of this revision was taken in.
    pub(crate) fn knows_revision(&self, revision: &Revision) -> bool {
        self.records.iter().any(|known| known.revision == *revision)
    }

    /// Takes a plan in. False if it is known already.
    pub(crate) fn insert(&mut self, record: PlanRecord, now: Timestamp) -> bool {
        let Err(place) = self.place(&record) else {
            return false;
        };
        self.records.insert(place, record);
        let oldest = now - KEPT;
        let is_over = |next: &PlanRecord| next.valid_from < oldest;
        while self.records.get(1).is_some_and(is_over) {
            self.records.remove(0);
        }
        while self.records.len() > PLANS_MAX {
            let mut neighbours = self.records.windows(2);
            let again = neighbours.position(|pair| pair[0].entries == pair[1].entries);
            self.records.remove(again.map_or(0, |first| first + 1));
        }
        true
    }

    fn place(&self, record: &PlanRecord) -> Result<usize, usize> {
        self.records.binary_search_by(|known| {
            (known.valid_from, &known.revision).cmp(&(record.valid_from, &record.revision))
        })
    }

    /// The agent is no longer listed.
    pub(crate) fn leave(&mut self, at: Timestamp) {
        self.left.get_or_insert(at);
    }

    /// The agent is listed again.
    pub(crate) fn come_back(&mut self, at: Timestamp) {
        if let Some(left) = self.left.take() {
            self.absences.push(Span::new(left, at));
            self.absences = union(std::mem::take(&mut self.absences));
        }
    }

    /// The first instant after `now` from which another plan holds.
    pub(crate) fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.records
            .iter()
            .map(|record| record.valid_from)
            .find(|from| *from > now)
    }

    /// Every entry of every plan with the spans in which it holds. Entries that stay the same
    /// from plan to plan make one span.
    pub(crate) fn spans(&self) -> Vec<(Span, PlanEntry)> {
        let mut spans: Vec<(Span, PlanEntry)> = Vec::new();
        let mut plans = self
            .records
            .chunk_by(|record, next| record.entries == next.entries)
            .peekable();
        while let Some(same) = plans.next() {
            let until = plans
                .peek()
                .map_or(Timestamp::MAX, |next| next[0].valid_from);
            let until = self.left.map_or(until, |left| until.min(left));
            for part in without(Span::new(same[0].valid_from, until), &self.absences) {
                for entry in &same[0].entries {
                    extend(&mut spans, part, entry);
                }
            }
        }
        spans
    }
}

/// Takes out of a plan what no agent would run, and what is beyond the bound. Returns how many
/// entries that were.
pub(crate) fn refuse(record: &mut PlanRecord) -> u64 {
    let told = record.entries.len();
    record.entries.retain(is_sane);
    record.entries.truncate(ENTRIES_MAX);
    (told - record.entries.len()) as u64
}

/// Whether an agent would run the entry: it refuses a deadline that its cadence does not hold.
fn is_sane(entry: &PlanEntry) -> bool {
    let period = entry.cadence.period();
    period >= PERIOD_MIN && entry.deadline < period
}

fn extend(spans: &mut Vec<(Span, PlanEntry)>, part: Span, entry: &PlanEntry) {
    let before = spans
        .iter_mut()
        .rev()
        .find(|(span, known)| span.until == part.from && known == entry);
    match before {
        Some((span, _)) => span.until = part.until,
        None => spans.push((part, entry.clone())),
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::{Cadence, FeatureId, JourneyName, Revision, TargetName, Variant};

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(1_000_000 + seconds)
    }

    fn plan(from: u64, period: u64) -> PlanRecord {
        let entry = PlanEntry {
            journey: JourneyName::new("login").unwrap(),
            target: TargetName::new("superapp").unwrap(),
            variant: Variant::cold(),
            feature: FeatureId::new("account.login").unwrap(),
            touches: Vec::new(),
            cadence: Cadence::new(Duration::from_secs(period), Duration::ZERO).unwrap(),
            deadline: Duration::from_secs(9),
        };
        PlanRecord {
            revision: Revision::of(&period.to_be_bytes()),
            valid_from: at(from),
            entries: vec![entry],
        }
    }

    fn spans(plans: &Plans) -> Vec<(Timestamp, Timestamp, u64)> {
        let spans = plans.spans().into_iter();
        spans
            .map(|(span, entry)| (span.from, span.until, entry.cadence.period().as_secs()))
            .collect()
    }

    #[test]
    fn a_plan_holds_until_a_newer_one_is_valid_in_whatever_order_they_come() {
        let mut plans = Plans::default();
        assert!(plans.insert(plan(200, 30), at(0)));
        assert!(plans.insert(plan(0, 10), at(0)));
        assert!(!plans.insert(plan(0, 10), at(0)));
        let expected = [(at(0), at(200), 10), (at(200), Timestamp::MAX, 30)];
        assert_eq!(spans(&plans), expected);
        assert_eq!(plans.next_change(at(100)), Some(at(200)));
        assert_eq!(plans.next_change(at(200)), None);
    }

    #[test]
    fn a_restart_with_the_same_entries_makes_one_span() {
        let mut plans = Plans::default();
        plans.insert(plan(0, 10), at(0));
        plans.insert(plan(100, 10), at(100));
        assert_eq!(spans(&plans), [(at(0), Timestamp::MAX, 10)]);
    }

    #[test]
    fn while_the_agent_is_not_listed_nothing_is_expected_of_it() {
        let mut plans = Plans::default();
        plans.insert(plan(0, 10), at(0));
        plans.leave(at(50));
        assert_eq!(spans(&plans), [(at(0), at(50), 10)]);
        plans.come_back(at(80));
        assert_eq!(
            spans(&plans),
            [(at(0), at(50), 10), (at(80), Timestamp::MAX, 10)]
        );
    }

    #[test]
    fn restarts_with_the_same_entries_push_nothing_out() {
        let mut plans = Plans::default();
        for second in 0..1_000 {
            plans.insert(plan(10 * second, 10), at(10 * second));
        }
        assert_eq!(spans(&plans), [(at(0), Timestamp::MAX, 10)]);
        assert_eq!(plans.records.len(), PLANS_MAX);
        // A change between restarts that comes late still finds its place.
        plans.insert(plan(9_985, 30), at(10_000));
        let expected = [
            (at(0), at(9_985), 10),
            (at(9_985), at(9_990), 30),
            (at(9_990), Timestamp::MAX, 10),
        ];
        assert_eq!(spans(&plans), expected);
    }

    #[test]
    fn plans_that_ended_before_all_that_is_kept_leave() {
        let mut plans = Plans::default();
        plans.insert(plan(0, 10), at(0));
        let now = at(10) + KEPT + Duration::from_secs(2);
        plans.insert(plan(11, 30), now);
        assert_eq!(plans.spans().len(), 1);
        for second in 0..300 {
            plans.insert(plan(200_000 + second, second + 1), now);
        }
        assert_eq!(plans.records.len(), PLANS_MAX);
    }
}
