//! Spans in files beside the database: found again, dropped in order, never mistaken.

use std::path::Path;
use std::time::Duration;

use bongsu_model::{FailClass, Outcome};

use super::*;
use crate::journal::tests::{KEEP, at, facts, sweep_all};
use crate::journal::{Reader, Record, Sqlite, Storage as _, Stored};

fn run(n: u64, outcome: Outcome, spans: Vec<u8>) -> Record {
    Record::run(facts(n, outcome), spans)
}

fn pass(n: u64, spans: &[u8]) -> Record {
    run(n, Outcome::Pass, spans.to_vec())
}

fn fail(n: u64, spans: &[u8]) -> Record {
    run(n, Outcome::Fail(FailClass::Dns), spans.to_vec())
}

fn spans_of(folder: &Path, n: u64, outcome: Outcome) -> Option<Vec<u8>> {
    let detail = Reader::new(folder).run(&facts(n, outcome).id);
    detail.unwrap().unwrap().spans
}

fn files(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder.join(FOLDER)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn spans_of_every_class_are_found_again_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    let group = [
        pass(1, b"one"),
        fail(2, b"two"),
        pass(3, b""),
        pass(4, b"four"),
    ];
    storage.append(at(0), &group).unwrap();
    drop(storage);
    let mut storage = Sqlite::open(folder.path()).unwrap();
    storage.append(at(1), &[pass(5, b"five")]).unwrap();
    let found = |n, outcome| spans_of(folder.path(), n, outcome).unwrap();
    assert_eq!(found(1, Outcome::Pass), b"one");
    assert_eq!(found(2, Outcome::Fail(FailClass::Dns)), b"two");
    assert_eq!(found(3, Outcome::Pass), b"");
    assert_eq!(found(4, Outcome::Pass), b"four");
    assert_eq!(found(5, Outcome::Pass), b"five");
    // A file that another process wrote is never written to again.
    assert_eq!(files(folder.path()).len(), 3);
}

#[test]
fn a_run_again_is_told_from_another_content_by_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    let stored = storage.append(at(0), &[pass(1, b"abc"), pass(1, b"abc"), pass(1, b"abd")]);
    assert_eq!(
        stored.unwrap(),
        [Stored::New(1), Stored::Duplicate, Stored::Conflict]
    );
    let again = [
        pass(1, b"abc"),
        pass(1, b"xyz"),
        pass(1, b"ab"),
        fail(1, b"abc"),
    ];
    assert_eq!(
        storage.append(at(1), &again).unwrap(),
        [
            Stored::Duplicate,
            Stored::Conflict,
            Stored::Conflict,
            Stored::Conflict
        ]
    );
    assert_eq!(spans_of(folder.path(), 1, Outcome::Pass).unwrap(), b"abc");
    // What was known takes no room.
    let bytes = std::fs::read(folder.path().join(FOLDER).join(&files(folder.path())[0]));
    assert_eq!(bytes.unwrap(), b"abc");
}

#[test]
fn a_file_that_no_commit_names_goes_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    storage.append(at(0), &[pass(1, b"one")]).unwrap();
    drop(storage);
    let spans = folder.path().join(FOLDER);
    std::fs::write(spans.join("00000099.otlp"), b"of a commit that failed").unwrap();
    std::fs::write(spans.join("README"), b"somebody's").unwrap();
    drop(Sqlite::open(folder.path()).unwrap());
    assert_eq!(files(folder.path()), ["00000001.otlp", "README"]);
    assert_eq!(spans_of(folder.path(), 1, Outcome::Pass).unwrap(), b"one");
}

#[test]
fn after_a_failure_a_new_file_is_begun_and_all_that_was_durable_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    storage.append(at(0), &[pass(1, b"one")]).unwrap();
    storage.recover().unwrap();
    storage.append(at(1), &[pass(2, b"two")]).unwrap();
    assert_eq!(files(folder.path()).len(), 2);
    assert_eq!(spans_of(folder.path(), 1, Outcome::Pass).unwrap(), b"one");
    assert_eq!(spans_of(folder.path(), 2, Outcome::Pass).unwrap(), b"two");
}

#[test]
fn spans_leave_with_the_last_run_of_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    storage.append(at(0), &[pass(1, b"one")]).unwrap();
    drop(storage);
    let mut storage = Sqlite::open(folder.path()).unwrap();
    storage.append(at(100), &[pass(2, b"two")]).unwrap();
    let swept = sweep_all(&mut storage, at(50) + KEEP.age, KEEP);
    assert_eq!(swept.events, 1);
    assert_eq!(files(folder.path()), ["00000002.otlp"]);
    assert_eq!(spans_of(folder.path(), 2, Outcome::Pass).unwrap(), b"two");
    sweep_all(&mut storage, at(200) + KEEP.age, KEEP);
    assert!(files(folder.path()).is_empty());
    // The file that was open is gone: the next run begins another.
    let later = KEEP.age + Duration::from_secs(300);
    storage.append(at(0) + later, &[pass(3, b"three")]).unwrap();
    assert_eq!(spans_of(folder.path(), 3, Outcome::Pass).unwrap(), b"three");
}

#[test]
fn a_file_that_somebody_removed_keeps_retention_from_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    let group = [pass(1, b"one"), fail(2, b"two")];
    storage.append(at(0), &group).unwrap();
    let spans = folder.path().join(FOLDER);
    std::fs::remove_file(spans.join(&files(folder.path())[0])).unwrap();
    let swept = sweep_all(&mut storage, at(100) + KEEP.age, KEEP);
    assert_eq!(swept.events, 2);
    assert!(files(folder.path()).is_empty());
}

#[test]
fn spans_whose_file_is_gone_are_dropped_spans_and_a_short_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    let group = [pass(1, b"one"), fail(2, b"two")];
    storage.append(at(0), &group).unwrap();
    drop(storage);
    let names = files(folder.path());
    let spans = folder.path().join(FOLDER);
    std::fs::remove_file(spans.join(&names[0])).unwrap();
    assert_eq!(spans_of(folder.path(), 1, Outcome::Pass), None);
    std::fs::write(spans.join(&names[1]), b"t").unwrap();
    let failed = facts(2, Outcome::Fail(FailClass::Dns)).id;
    let error = Reader::new(folder.path()).run(&failed).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot read the spans of a run"),
        "{error}"
    );
}
