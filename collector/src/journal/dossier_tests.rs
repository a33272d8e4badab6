//! What reports read of the journal: runs page by page, and words that are never lost or mixed up.

use std::collections::BTreeSet;
use std::path::Path;

use bongsu_availability::{IncidentId, IncidentPhase, IncidentView};
use bongsu_model::{
    CellKey, FeatureId, OperatorId, Outcome, Outcomes, RegionId, RunFacts, TargetName, Timestamp,
};

use super::tests::{KEEP, at, facts, sweep_all};
use super::*;
use crate::report::Lineage;
use crate::report::evidence::{PAGE_MAX, Wanted};
use crate::report::folds::{self, Folds};
use crate::report::words::{Author, WORDS_MAX, read};

fn run(n: u64, feature: &str, target: &str) -> Record {
    let known = facts(n, Outcome::Pass);
    let facts = RunFacts {
        target: TargetName::new(target).unwrap(),
        outcomes: Outcomes::only(FeatureId::new(feature).unwrap(), Outcome::Pass),
        ..known
    };
    Record::run(facts, vec![7; 10])
}

fn wanted(features: &[&str], from: Timestamp, until: Timestamp) -> Wanted {
    let features = features.iter().map(|id| FeatureId::new(id).unwrap());
    Wanted {
        target: TargetName::new("superapp").unwrap(),
        features: features.collect::<BTreeSet<_>>(),
        from,
        until,
        received_until: Timestamp::MAX,
    }
}

/// The places of all pages that are wanted, up to a place.
fn places(reader: &Reader, wanted: &Wanted, until: u64) -> Vec<u64> {
    let (mut after, mut places) = (Some(0), Vec::new());
    while let Some(from) = after {
        let page = reader.evidence(wanted, from, until).unwrap();
        assert!(page.records.len() <= PAGE_MAX);
        assert!(page.next.is_none_or(|next| next > from), "it goes on");
        places.extend(page.records.iter().map(|record| record.seq));
        after = page.next;
    }
    places
}

#[test]
fn the_runs_of_an_incident_come_in_order_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    for (received, n, feature, target) in [
        (11, 10, "account.login", "superapp"),
        (12, 11, "map.core", "superapp"),
        (13, 12, "account.login", "staging"),
        (14, 13, "account.login", "superapp"),
        (15, 14, "pay.core", "superapp"),
        // Of a backlog: due before, received later.
        (16, 9, "account.login", "superapp"),
    ] {
        storage
            .append(at(received), &[run(n, feature, target)])
            .unwrap();
    }
    let reader = Reader::new(folder.path());
    let ends = (at(0), Timestamp::MAX);
    for (wanted, until, expected) in [
        (
            wanted(&["account.login"], ends.0, ends.1),
            u64::MAX,
            &[1, 4, 6][..],
        ),
        (
            wanted(&["account.login", "pay.core"], ends.0, ends.1),
            u64::MAX,
            &[1, 4, 5, 6],
        ),
        (wanted(&["account.login"], at(10), at(13)), u64::MAX, &[1]),
        (wanted(&["account.login"], at(9), at(13)), u64::MAX, &[1, 6]),
        (wanted(&["account.login"], ends.0, ends.1), 5, &[1, 4]),
        (wanted(&["talk.wallet"], ends.0, ends.1), u64::MAX, &[]),
    ] {
        assert_eq!(places(&reader, &wanted, until), expected, "{wanted:?}");
    }
    let early = Wanted {
        received_until: at(16),
        ..wanted(&["account.login"], ends.0, ends.1)
    };
    assert_eq!(places(&reader, &early, u64::MAX), [1, 4]);
    assert_eq!(reader.oldest_run().unwrap(), Some((1, at(11))));
    let page = reader.evidence(&early, 0, u64::MAX).unwrap();
    let read: RunFacts = serde_json::from_str(&page.records[0].facts).unwrap();
    assert_eq!(
        (read.due, page.records[0].received_ns),
        (at(10), at(11).as_unix_nanos())
    );
}

#[test]
fn many_runs_come_page_by_page_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    let count = PAGE_MAX as u64 + 7;
    let runs: Vec<_> = (0..count)
        .map(|n| run(n, "account.login", "superapp"))
        .collect();
    storage.append(at(count), &runs).unwrap();
    let reader = Reader::new(folder.path());
    let wanted = wanted(&["account.login"], at(0), Timestamp::MAX);
    let all: Vec<u64> = (1..=count).collect();
    assert_eq!(places(&reader, &wanted, u64::MAX), all);
}

#[test]
fn a_fold_that_is_looked_at_again_goes_on_as_if_it_were_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    let reader = Reader::new(folder.path());
    let incident = incident();
    let (kept, mut heads) = (Folds::default(), Vec::new());
    for n in 0..5 {
        let runs = [
            run(2 * n, LOGIN, "superapp"),
            run(2 * n + 1, LOGIN, "superapp"),
        ];
        storage.append(at(10 + n), &runs).unwrap();
        let fold = |folds: &Folds| {
            let (wanted, empty) = folds::of(&incident, None);
            folds.read(&reader, wanted, empty).unwrap().summary(None)
        };
        let (again, anew) = (fold(&kept), fold(&Folds::default()));
        assert_eq!(again, anew);
        assert_eq!(again.records, 2 * n + 2);
        heads.push(again.head);
    }
    heads.dedup();
    assert_eq!(heads.len(), 5);
    // Over another window the same runs are counted anew.
    let over = IncidentView {
        resolved: Some(at(4)),
        ..incident
    };
    let (wanted, empty) = folds::of(&over, None);
    let fold = kept.read(&reader, wanted, empty).unwrap();
    let cell = (
        FeatureId::new(LOGIN).unwrap(),
        RegionId::new("kr-seoul").unwrap(),
    );
    assert_eq!(fold.counted(&cell).tally.pass, 4);
    assert_eq!(fold.summary(None).records, 10);
    // What has left the journal is counted no more.
    assert_eq!(sweep_all(&mut storage, at(12) + KEEP.age, KEEP).events, 4);
    let (wanted, empty) = folds::of(&over, None);
    let fold = kept.read(&reader, wanted, empty).unwrap();
    assert_eq!(fold.summary(None).records, 6);
}

const LOGIN: &str = "account.login";

/// An open incident of logging in, from the first instant on.
fn incident() -> IncidentView {
    let target = TargetName::new("superapp").unwrap();
    let root = FeatureId::new(LOGIN).unwrap();
    IncidentView {
        id: IncidentId::new(at(1), &target, &root),
        cells: vec![CellKey {
            target: target.clone(),
            feature: root.clone(),
            region: RegionId::new("kr-seoul").unwrap(),
        }],
        target,
        phase: IncidentPhase::Open,
        root,
        blocked: Vec::new(),
        onset_low: None,
        onset: at(0),
        detected: at(1),
        recover_first: None,
        first_pass: None,
        resolved: None,
        closed: None,
        merged_into: None,
        relapses: 0,
        lost_sight: false,
        evidence: Vec::new(),
        timeline: Arc::default(),
        timeline_dropped: 0,
    }
}

/// The name of an incident that began in this feature.
fn name(incident: &str) -> IncidentId {
    let target = TargetName::new("superapp").unwrap();
    IncidentId::new(at(0), &target, &FeatureId::new(incident).unwrap())
}

fn lineage(incident: &str, absorbed: &[&str]) -> Lineage {
    Lineage {
        target: TargetName::new("superapp").unwrap(),
        incident: name(incident),
        absorbed: absorbed.iter().map(|incident| name(incident)).collect(),
    }
}

fn words(incident: &str, target: &str, cause: &str) -> Record {
    let text = format!("cause = {{ ko = \"{cause}\", en = \"{cause}\" }}");
    let author = Author::Known("desk", at(5));
    Record::words(&WordsFacts {
        by: OperatorId::new("desk").unwrap(),
        target: TargetName::new(target).unwrap(),
        incident: name(incident).to_string(),
        words: read(&text, Path::new("words.toml"), author).unwrap(),
    })
}

#[test]
fn words_are_kept_by_incident_in_order_and_leave_with_their_age() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    storage
        .append(
            at(1),
            &[
                words("one", "superapp", "first"),
                words("two", "superapp", "of another"),
                words("one", "staging", "of elsewhere"),
            ],
        )
        .unwrap();
    storage
        .append(
            at(90),
            &[
                words("one", "superapp", "first"),
                words("one", "superapp", "last"),
            ],
        )
        .unwrap();
    let reader = Reader::new(folder.path());
    let causes_of = |about: &Lineage| {
        let found = reader.words(about).unwrap().into_iter();
        let texts = found.flat_map(|facts| facts.words.texts.into_values());
        texts.map(|text| text.en).collect::<Vec<_>>()
    };
    let causes = |incident: &str| causes_of(&lineage(incident, &[]));
    // The same text again is written again: who wrote when matters.
    assert_eq!(causes("one"), ["first", "first", "last"]);
    assert_eq!(causes("two"), ["of another"]);
    assert_eq!(causes("three"), [""; 0]);
    // What was written of one that was merged is in its place among the others.
    let all = ["first", "of another", "first", "last"];
    assert_eq!(causes_of(&lineage("one", &["two", "three"])), all);
    assert_eq!(causes_of(&lineage("three", &["two", "one"])), all);
    let counts = [0, 2, 91].map(|from| reader.count_words(at(from)).unwrap());
    assert_eq!(counts, [5, 2, 0]);
    // Deriving does not see them.
    assert_eq!(reader.events_after(0, 10).unwrap(), []);
    let swept = sweep_all(&mut storage, at(50) + KEEP.age, KEEP);
    assert_eq!(swept.events, 3);
    assert_eq!(causes("one"), ["first", "last"]);
}

#[test]
fn texts_are_counted_by_incident_however_many_were_merged() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    let many = WORDS_MAX + 2;
    let texts = |incident: &'static str| {
        let texts = (0..many).map(move |nth| words(incident, "superapp", &format!("{nth}")));
        texts.collect::<Vec<_>>()
    };
    storage.append(at(1), &texts("one")).unwrap();
    storage.append(at(2), &texts("two")).unwrap();
    let reader = Reader::new(folder.path());
    let found = reader.words(&lineage("one", &["two"])).unwrap();
    for incident in ["one", "two"] {
        let id = name(incident).to_string();
        let own = found.iter().filter(|facts| facts.incident == id);
        let texts = own.flat_map(|facts| facts.words.texts.values());
        let texts: Vec<&str> = texts.map(|text| text.en.as_str()).collect();
        // The two oldest have gone.
        assert_eq!(texts.len(), WORDS_MAX, "{incident}");
        assert_eq!((texts[0], texts[WORDS_MAX - 1]), ("2", "257"));
    }
    assert_eq!(found[0].incident, name("one").to_string());
}
