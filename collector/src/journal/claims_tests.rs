//! Claims in the journal: kept once, counted by the day, gone with the runs of their age.

use std::time::Duration;

use bongsu_model::{
    Claim, ClaimConfidence, ClaimText, ClaimedState, OperatorId, TargetName, Track,
};

use super::tests::{KEEP, at, sweep_all};
use super::*;

fn claim(by: &str, state: ClaimedState) -> Record {
    let claim = Claim {
        target: TargetName::new("superapp").unwrap(),
        track: Track::Claim,
        subject: "account.login".parse().unwrap(),
        state,
        as_of: at(0),
        published: at(0),
        source: ClaimText::new("notice").unwrap(),
        note: None,
        confidence: ClaimConfidence::High,
    };
    let by = OperatorId::new(by).unwrap();
    Record::claim(&ClaimFacts { by, claim })
}

#[test]
fn a_claim_is_kept_once_whoever_hands_it_in_and_says_who_was_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    let (up, down) = (ClaimedState::Up, ClaimedState::Down);
    let stored = storage
        .append(at(1), &[claim("desk", up), claim("night", up)])
        .unwrap();
    assert_eq!(stored, [Stored::New(1), Stored::Duplicate]);
    let stored = storage
        .append(at(2), &[claim("night", up), claim("night", down)])
        .unwrap();
    assert!(
        matches!(stored[..], [Stored::Duplicate, Stored::New(_)]),
        "{stored:?}"
    );
    let events = Reader::new(folder.path()).events_after(0, 10).unwrap();
    let by = |event: &Event| {
        let facts: ClaimFacts = serde_json::from_str(event.facts.json().unwrap()).unwrap();
        (event.kind, facts.by.as_str().to_owned(), facts.claim.state)
    };
    let found: Vec<_> = events.iter().map(by).collect();
    let expected = [("desk", up), ("night", down)];
    assert_eq!(
        found,
        expected.map(|(by, state)| (Kind::Claim, by.to_owned(), state))
    );
}

#[test]
fn claims_are_counted_from_an_instant_on_and_leave_with_their_age() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    storage
        .append(at(1), &[claim("desk", ClaimedState::Up)])
        .unwrap();
    storage
        .append(at(90), &[claim("desk", ClaimedState::Down)])
        .unwrap();
    let reader = Reader::new(folder.path());
    let counts = [0, 1, 2, 90, 91].map(|from| reader.count_claims(at(from)).unwrap());
    assert_eq!(counts, [2, 2, 1, 1, 0]);
    let swept = sweep_all(&mut storage, at(50) + KEEP.age, KEEP);
    assert_eq!(swept.events, 1);
    assert_eq!(reader.count_claims(at(0)).unwrap(), 1);
    // What has left may be handed in anew.
    let again = storage
        .append(at(0) + KEEP.age, &[claim("desk", ClaimedState::Up)])
        .unwrap();
    assert!(matches!(again[..], [Stored::New(_)]), "{again:?}");
    let swept = sweep_all(
        &mut storage,
        at(1) + KEEP.age + KEEP.age + Duration::from_secs(1),
        KEEP,
    );
    assert_eq!(swept.events, 2);
}
