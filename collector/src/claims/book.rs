//! All claims that are kept, in the order of what they speak of.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bongsu_model::{
    Claim, ClaimId, ClaimSubject, FeatureId, OperatorId, TargetName, Timestamp, Track,
};

/// Claims that are shown: ten times what a platform of 43 features states in two days of hourly
/// boards. Older ones stay in the journal until retention ends.
pub const CLAIMS_SHOWN_MAX: usize = 20_000;

/// Admissions that are remembered: of an outage that is longer than the journal they are those of
/// its first days that count. Of more the oldest leave.
const ADMISSIONS_MAX: usize = 20_000;

/// A claim as it was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// Its place in the journal.
    pub seq: u64,
    /// When it was handed in.
    pub received: Timestamp,
    /// The operator that handed it in.
    pub by: OperatorId,
    /// Its id.
    pub id: ClaimId,
    /// What was said.
    pub claim: Claim,
}

impl Stated {
    /// Later statements are about a later instant, or made later about the same one; of those
    /// made at once the one about a feature comes after the one about all.
    pub(super) fn order(&self) -> (Timestamp, Timestamp, bool, u64) {
        let claim = &self.claim;
        let about_one = claim.subject != ClaimSubject::All;
        (claim.as_of, claim.published, about_one, self.seq)
    }
}

type Key = (TargetName, Track, ClaimSubject);

/// Claims by what they speak of. Cheap to copy: the claims themselves are shared.
#[derive(Debug, Clone, Default)]
pub struct ClaimBook {
    /// Each line in the order of [`Stated::order`].
    lines: BTreeMap<Key, Vec<Arc<Stated>>>,
    /// All of them as they were received.
    received: VecDeque<Arc<Stated>>,
    /// Those by which the owner admits that something does not wholly work, as they were published.
    /// They outlive the rest: an incident that is remembered stays announced.
    admissions: Vec<Arc<Stated>>,
    /// The place of the newest that was added.
    newest: u64,
}

impl ClaimBook {
    /// Adds a claim that was received after all others. How many left because there are too many.
    pub fn add(&mut self, stated: Arc<Stated>) -> u64 {
        self.newest = stated.seq;
        let line = self.lines.entry(key(&stated)).or_default();
        let at = line.partition_point(|known| known.order() < stated.order());
        line.insert(at, Arc::clone(&stated));
        if admits(&stated) {
            let order = |known: &Arc<Stated>| (known.claim.published, known.seq);
            let at = self
                .admissions
                .partition_point(|known| order(known) < order(&stated));
            self.admissions.insert(at, Arc::clone(&stated));
            if self.admissions.len() > ADMISSIONS_MAX {
                self.admissions.remove(0);
            }
        }
        self.received.push_back(stated);
        let mut left = 0;
        while self.received.len() > CLAIMS_SHOWN_MAX {
            self.drop_oldest();
            left += 1;
        }
        left
    }

    /// Whether something was received before `at`.
    pub fn reaches_before(&self, at: Timestamp) -> bool {
        self.received
            .front()
            .is_some_and(|first| first.received < at)
    }

    /// Forgets what was received before `at`, as the journal does, but no admission.
    pub fn forget_before(&mut self, at: Timestamp) {
        while self.reaches_before(at) {
            self.drop_oldest();
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.received.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.received.is_empty()
    }

    /// The place of the newest claim in the journal, 0 if there never was one.
    pub const fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether the same claim is here.
    pub fn has(&self, claim: &Claim, id: ClaimId) -> bool {
        let key = (claim.target.clone(), claim.track, claim.subject.clone());
        let line = self.lines.get(&key);
        line.is_some_and(|line| line.iter().any(|known| known.id == id))
    }

    /// What was said last of a feature on a track, as far as it was public at `at`.
    pub fn in_force(
        &self,
        target: &TargetName,
        track: Track,
        feature: &FeatureId,
        at: Timestamp,
    ) -> Option<&Arc<Stated>> {
        let lines = self.lines_about(target, track, feature);
        let newest = lines.filter_map(|line| line.iter().rev().find(|s| s.claim.published <= at));
        newest.max_by_key(|stated| stated.order())
    }

    /// What was said of a feature next after `stated`, on its track.
    pub fn after(&self, stated: &Stated, feature: &FeatureId) -> Option<&Arc<Stated>> {
        let claim = &stated.claim;
        let lines = self.lines_about(&claim.target, claim.track, feature);
        let order = stated.order();
        let next =
            lines.filter_map(|line| line.get(line.partition_point(|other| other.order() <= order)));
        next.min_by_key(|other| other.order())
    }

    /// The claims of owners, of any target, that admit an outage and were published at `from` or
    /// later, the first first; also those that are otherwise forgotten.
    pub fn admissions_from(&self, from: Timestamp) -> impl Iterator<Item = &Arc<Stated>> {
        let first = self
            .admissions
            .partition_point(|known| known.claim.published < from);
        self.admissions[first..].iter()
    }

    /// All that was said of a target, in the order of what it speaks of.
    pub fn of_target(&self, target: &TargetName) -> Vec<&Arc<Stated>> {
        let received = self.received.iter();
        let mut all: Vec<_> = received.filter(|s| s.claim.target == *target).collect();
        all.sort_by_key(|stated| stated.order());
        all
    }

    fn lines_about(
        &self,
        target: &TargetName,
        track: Track,
        feature: &FeatureId,
    ) -> impl Iterator<Item = &Vec<Arc<Stated>>> {
        let subjects = [ClaimSubject::All, ClaimSubject::Feature(feature.clone())];
        let keys = subjects.map(|subject| (target.clone(), track, subject));
        keys.into_iter().filter_map(|key| self.lines.get(&key))
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.received.pop_front() else {
            return;
        };
        let key = key(&oldest);
        if let Some(line) = self.lines.get_mut(&key) {
            line.retain(|known| known.seq != oldest.seq);
            if line.is_empty() {
                self.lines.remove(&key);
            }
        }
    }
}

fn admits(stated: &Stated) -> bool {
    stated.claim.track == Track::Claim && stated.claim.state.admits_outage()
}

fn key(stated: &Stated) -> Key {
    let claim = &stated.claim;
    (claim.target.clone(), claim.track, claim.subject.clone())
}

#[cfg(test)]
pub(super) mod tests {
    use bongsu_model::{ClaimConfidence, ClaimText, ClaimedState};

    use super::*;

    pub(crate) fn target() -> TargetName {
        TargetName::new("superapp").unwrap()
    }

    pub(crate) fn feature(id: &str) -> FeatureId {
        FeatureId::new(id).unwrap()
    }

    pub(crate) fn minute(n: u64) -> Timestamp {
        Timestamp::from_unix_seconds(1_665_000_000 + n * 60)
    }

    /// A claim of the owner about the minute `as_of`, made public at the minute `published`.
    pub(crate) fn stated(
        seq: u64,
        subject: &str,
        state: ClaimedState,
        (as_of, published): (u64, u64),
    ) -> Arc<Stated> {
        let claim = Claim {
            target: target(),
            track: Track::Claim,
            subject: subject.parse().unwrap(),
            state,
            as_of: minute(as_of),
            published: minute(published),
            source: ClaimText::new("notice").unwrap(),
            note: None,
            confidence: ClaimConfidence::High,
        };
        Arc::new(Stated {
            seq,
            received: minute(published),
            by: OperatorId::new("desk").unwrap(),
            id: claim.id(),
            claim,
        })
    }

    fn book(claims: &[Arc<Stated>]) -> ClaimBook {
        let mut book = ClaimBook::default();
        for stated in claims {
            book.add(Arc::clone(stated));
        }
        book
    }

    fn said(book: &ClaimBook, id: &str, at: u64) -> Option<ClaimedState> {
        let found = book.in_force(&target(), Track::Claim, &feature(id), minute(at));
        found.map(|stated| stated.claim.state)
    }

    #[test]
    fn the_newest_statement_that_is_public_is_in_force() {
        let book = book(&[
            stated(1, "*", ClaimedState::Down, (0, 5)),
            stated(2, "map.core", ClaimedState::Recovering, (30, 31)),
            // Handed in later, about an earlier instant.
            stated(3, "map.core", ClaimedState::Degraded, (20, 40)),
            stated(4, "*", ClaimedState::Up, (60, 60)),
        ]);
        assert_eq!(said(&book, "map.core", 4), None);
        assert_eq!(said(&book, "map.core", 5), Some(ClaimedState::Down));
        assert_eq!(said(&book, "map.core", 31), Some(ClaimedState::Recovering));
        assert_eq!(said(&book, "map.core", 59), Some(ClaimedState::Recovering));
        assert_eq!(said(&book, "map.core", 60), Some(ClaimedState::Up));
        assert_eq!(said(&book, "talk.wallet", 59), Some(ClaimedState::Down));
    }

    #[test]
    fn at_one_instant_what_is_said_of_a_feature_stands_over_what_is_said_of_all() {
        for order in [[1, 2], [2, 1]] {
            let book = book(&[
                stated(order[0], "map.core", ClaimedState::Down, (0, 0)),
                stated(order[1], "*", ClaimedState::Up, (0, 0)),
            ]);
            assert_eq!(said(&book, "map.core", 0), Some(ClaimedState::Down));
        }
    }

    #[test]
    fn tracks_and_targets_never_speak_for_each_other() {
        let mut observed = Stated::clone(&stated(1, "map.core", ClaimedState::Down, (0, 0)));
        observed.claim.track = Track::Observed;
        let mut elsewhere = Stated::clone(&stated(2, "map.core", ClaimedState::Down, (0, 0)));
        elsewhere.claim.target = TargetName::new("staging").unwrap();
        let book = book(&[Arc::new(observed), Arc::new(elsewhere)]);
        assert_eq!(said(&book, "map.core", 9), None);
        let seen = book.in_force(&target(), Track::Observed, &feature("map.core"), minute(9));
        assert_eq!(seen.unwrap().claim.state, ClaimedState::Down);
    }

    #[test]
    fn too_many_push_out_what_was_received_first() {
        let mut book = ClaimBook::default();
        for n in 0..CLAIMS_SHOWN_MAX as u64 {
            assert_eq!(
                book.add(stated(n + 1, "map.core", ClaimedState::Up, (n, n))),
                0
            );
        }
        let next = CLAIMS_SHOWN_MAX as u64;
        let last = stated(next + 1, "map.core", ClaimedState::Down, (next, next));
        assert_eq!(book.add(last), 1);
        assert_eq!(book.len(), CLAIMS_SHOWN_MAX);
        assert_eq!(said(&book, "map.core", 0), None);
        assert_eq!(said(&book, "map.core", 1), Some(ClaimedState::Up));
    }

    #[test]
    fn of_too_many_admissions_the_oldest_leave() {
        let mut book = ClaimBook::default();
        for n in 0..=ADMISSIONS_MAX as u64 {
            book.add(stated(n + 1, "map.core", ClaimedState::Down, (n, n)));
        }
        let kept = book.admissions_from(minute(0));
        assert_eq!(kept.count(), ADMISSIONS_MAX);
        assert_eq!(book.admissions_from(minute(0)).next().unwrap().seq, 2);
    }

    #[test]
    fn what_retention_takes_is_forgotten() {
        let mut book = book(&[
            stated(1, "map.core", ClaimedState::Down, (0, 0)),
            stated(2, "map.core", ClaimedState::Up, (10, 10)),
        ]);
        assert!(book.reaches_before(minute(10)));
        book.forget_before(minute(10));
        assert_eq!((book.len(), book.newest()), (1, 2));
        assert_eq!(said(&book, "map.core", 9), None);
        assert_eq!(book.admissions_from(minute(0)).count(), 1);
        book.forget_before(minute(11));
        assert!(book.is_empty() && book.of_target(&target()).is_empty());
    }
}
