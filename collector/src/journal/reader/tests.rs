//! Runs by when they were due, where from, and beside which others.

use bongsu_model::{FailClass, FeatureId, JourneyName, Outcome, RegionId, TargetName};

use super::*;
use crate::journal::record::Record;
use crate::journal::sqlite::Sqlite;
use crate::journal::storage::Storage as _;
use crate::journal::tests::facts;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000 + seconds)
}

/// A run that was due, and started, at `due` seconds.
fn run(due: u64) -> RunFacts {
    let facts = facts(due, Outcome::Pass);
    assert_eq!(
        facts.due,
        at(due),
        "the slots of the tests are a second apart"
    );
    facts
}

/// A journal with these runs, each with the second of its receipt.
fn journal(runs: &[(u64, RunFacts)]) -> (tempfile::TempDir, Reader) {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    for (received, facts) in runs {
        let record = Record::run(facts.clone(), Vec::new());
        storage.append(at(*received), &[record]).unwrap();
    }
    let reader = Reader::new(folder.path());
    (folder, reader)
}

fn dues(runs: &[StoredRun]) -> Vec<u64> {
    runs.iter()
        .map(|run| run.facts.due.since(at(0)).as_secs())
        .collect()
}

#[test]
fn runs_are_found_by_when_they_were_due_however_late_they_came() {
    let mut runs: Vec<_> = (0..2_000).map(|n| (n + 1, run(n))).collect();
    // One of the first came last.
    let late = runs.remove(100).1;
    runs.push((100_000, late));
    let (_folder, reader) = journal(&runs);
    let found = |from: u64, until: u64, feature: bool| {
        let filter = RunFilter {
            target: Some(TargetName::new("superapp").unwrap()),
            feature: feature.then(|| FeatureId::new("account.login").unwrap()),
            due: Some(at(from)..at(until)),
            limit: 10,
            ..RunFilter::default()
        };
        dues(&reader.runs(&filter).unwrap())
    };
    for feature in [true, false] {
        assert_eq!(found(98, 102, feature), [100, 101, 99, 98]);
        assert_eq!(found(1_500, 1_502, feature), [1_501, 1_500]);
        assert_eq!(found(1_999, 9_999, feature), [1_999]);
        assert!(found(2_000, 9_999, feature).is_empty());
    }
}

#[test]
fn runs_are_found_by_the_region_that_they_came_from() {
    let mut elsewhere = run(5);
    elsewhere.vantage.region = RegionId::new("kr-busan").unwrap();
    let (_folder, reader) = journal(&[(1, run(0)), (6, elsewhere), (7, run(6))]);
    let found = |region: &str| {
        let filter = RunFilter {
            region: Some(RegionId::new(region).unwrap()),
            limit: 10,
            ..RunFilter::default()
        };
        dues(&reader.runs(&filter).unwrap())
    };
    assert_eq!(found("kr-busan"), [5]);
    assert_eq!(found("kr-seoul"), [6, 0]);
    assert!(found("jp-tokyo").is_empty());
}

#[test]
fn neighbours_are_the_nearest_by_start_of_the_same_agent_journey_and_variant() {
    let mut other_agent = run(11);
    other_agent.vantage.agent = AgentId::new("seoul-2").unwrap();
    let mut other_journey = run(12);
    other_journey.journey = JourneyName::new("login-twice").unwrap();
    let mut failed = run(15);
    failed.outcomes = bongsu_model::Outcomes::only(
        FeatureId::new("account.login").unwrap(),
        Outcome::Fail(FailClass::Status),
    );
    // 14 came with a backlog, after 15 and 20.
    let (_folder, reader) = journal(&[
        (1, run(0)),
        (11, run(10)),
        (12, other_agent),
        (13, other_journey),
        (16, failed),
        (21, run(20)),
        (22, run(14)),
    ]);
    let filter = RunFilter {
        outcome: Some("fail".to_owned()),
        limit: 1,
        ..RunFilter::default()
    };
    let middle = reader.runs(&filter).unwrap().remove(0);
    let neighbours = reader.neighbours(&middle).unwrap();
    assert_eq!(dues(neighbours.previous.as_slice()), [14]);
    assert_eq!(dues(neighbours.next.as_slice()), [20]);
    let first = reader.run(&run(0).id).unwrap().unwrap().run;
    let neighbours = reader.neighbours(&first).unwrap();
    assert_eq!(neighbours.previous, None);
    assert_eq!(dues(neighbours.next.as_slice()), [10]);
}

#[test]
fn the_place_of_a_time_is_found_by_halving() {
    let (_folder, reader) = journal(&[(10, run(0)), (20, run(1)), (20, run(2)), (30, run(3))]);
    for (seconds, place) in [(0, 1), (10, 1), (11, 2), (20, 2), (21, 4), (30, 4), (31, 5)] {
        let found = reader
            .with(|connection| Ok(first_received(connection, at(seconds))?))
            .unwrap();
        assert_eq!(found.max(1), place, "{seconds}");
    }
    let (_folder, empty) = journal(&[]);
    assert_eq!(empty.with(|c| Ok(first_received(c, at(5))?)).unwrap(), 0);
}
