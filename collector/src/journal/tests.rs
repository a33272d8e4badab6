//! The journal on a real file, on a disk that fails, and on one that is full.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use bongsu_model::{
    AgentId, BootId, CleanupState, FailClass, FeatureId, JourneyName, Monotonic, NetworkId,
    Outcome, Outcomes, RegionId, Revision, RunFacts, RunId, RunIdentity, TargetName, Timestamp,
    Trigger, TriggerKind, Vantage, Variant,
};

use super::*;

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
pub(super) const KEEP: Retention = Retention {
    age: WEEK,
    bytes_max: 1 << 30,
};

/// A clock that stands still until it is set.
#[derive(Debug)]
struct SetClock(Mutex<Timestamp>);

impl Clock for SetClock {
    fn wall(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_origin(self.wall().since(Timestamp::EPOCH))
    }
}

pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000 + seconds)
}

pub(super) fn facts(n: u64, outcome: Outcome) -> RunFacts {
    let vantage = Vantage {
        region: RegionId::new("kr-seoul").unwrap(),
        network: NetworkId::new("as4766").unwrap(),
        agent: AgentId::new("seoul-1").unwrap(),
    };
    let target = TargetName::new("superapp").unwrap();
    let journey = JourneyName::new("login").unwrap();
    let due = at(n);
    let identity = RunIdentity {
        agent: &vantage.agent,
        target: &target,
        journey: &journey,
        variant: &Variant::cold(),
        trigger: TriggerKind::Scheduled,
        n,
    };
    RunFacts {
        id: RunId::derive(identity, due),
        vantage: vantage.clone(),
        target: target.clone(),
        journey: journey.clone(),
        journey_revision: Revision::of(b"journey"),
        plan_revision: Revision::of(b"plan"),
        variant: Variant::cold(),
        trigger: Trigger::Scheduled { slot: n },
        due,
        started: due,
        ended: due + Duration::from_secs(1),
        outcomes: Outcomes::only(FeatureId::new("account.login").unwrap(), outcome),
        flaky: false,
        cleanup: CleanupState::None,
        boot: BootId::new("b1").unwrap(),
        seq: n,
        clock_offset_s: 0.0,
    }
}

fn run(n: u64) -> Record {
    Record::run(facts(n, Outcome::Pass), vec![7; 1000])
}

fn plan(json: &str) -> Record {
    Record::of_agent(
        Kind::Plan,
        AgentId::new("seoul-1").unwrap(),
        json.to_owned(),
    )
}

struct Running {
    journal: Journal,
    thread: WriterThread,
    progress: Receiver<Progress>,
    counters: Arc<Counters>,
    clock: Arc<SetClock>,
}

impl Running {
    fn on(storage: Box<dyn Storage>) -> Self {
        let clock = Arc::new(SetClock(Mutex::new(at(0))));
        let counters = Arc::new(Counters::default());
        let (journal, thread, progress) =
            Journal::start(storage, KEEP, clock.clone(), counters.clone()).unwrap();
        Self {
            journal,
            thread,
            progress,
            counters,
            clock,
        }
    }

    fn append(&self, records: Vec<Record>) -> Result<Vec<Stored>, AppendError> {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(self.journal.append(records))
    }

    fn close(self) {
        self.journal.stop();
        self.thread.join();
    }
}

/// How the disk behind [`Faulty`] fails.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Nothing is written.
    Before,
    /// All is written, but its sync fails: it may or may not survive.
    Sync,
    /// The code behind it has a mistake.
    Panic,
}

#[derive(Debug)]
struct Faulty {
    disk: Sqlite,
    fault: Arc<Mutex<Fault>>,
}

impl Storage for Faulty {
    fn append(
        &mut self,
        received: Timestamp,
        group: &[Record],
    ) -> Result<Vec<Stored>, StorageError> {
        let fault = *self.fault.lock().unwrap();
        if fault == Fault::Before {
            return Err(StorageError::Full);
        }
        assert!(fault != Fault::Panic, "as a mistake might");
        let stored = self.disk.append(received, group)?;
        match fault {
            Fault::Sync => Err(StorageError::Io("fsync: Input/output error".to_owned())),
            Fault::None | Fault::Before | Fault::Panic => Ok(stored),
        }
    }

    fn recover(&mut self) -> Result<End, StorageError> {
        if *self.fault.lock().unwrap() == Fault::None {
            self.disk.recover()
        } else {
            Err(StorageError::Io("still failing".to_owned()))
        }
    }

    fn end(&mut self) -> Result<End, StorageError> {
        self.disk.end()
    }

    fn sweep(&mut self, now: Timestamp, retention: Retention) -> Result<Swept, StorageError> {
        self.disk.sweep(now, retention)
    }
}

fn faulty(folder: &Path) -> (Running, Arc<Mutex<Fault>>) {
    let fault = Arc::new(Mutex::new(Fault::None));
    let disk = Sqlite::open(folder).unwrap();
    (
        Running::on(Box::new(Faulty {
            disk,
            fault: fault.clone(),
        })),
        fault,
    )
}

#[test]
fn a_run_that_comes_twice_counts_once_and_the_first_stays() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::on(Box::new(Sqlite::open(folder.path()).unwrap()));
    assert_eq!(
        running.append(vec![run(1), run(2)]),
        Ok(vec![Stored::New(1), Stored::New(2)])
    );
    assert_eq!(running.append(vec![run(2)]), Ok(vec![Stored::Duplicate]));
    let other = Record::run(facts(1, Outcome::Fail(FailClass::Tls)), Vec::new());
    assert_eq!(
        running.append(vec![other, run(3), run(3)]),
        // Numbers that a known run would have taken are skipped.
        Ok(vec![Stored::Conflict, Stored::New(5), Stored::Duplicate])
    );
    assert_eq!(running.counters.runs_accepted.get(), 3);
    assert_eq!(running.counters.runs_duplicate.get(), 2);
    assert_eq!(running.counters.runs_conflicting.get(), 1);
    let reader = Reader::new(folder.path());
    let first = reader.run(&facts(1, Outcome::Pass).id).unwrap().unwrap();
    assert_eq!(first.run.facts, facts(1, Outcome::Pass));
    assert_eq!(first.spans.unwrap().len(), 1000);
    assert_eq!(reader.count_runs().unwrap(), 3);
    running.close();
}

#[test]
fn a_commit_that_fails_is_a_refused_acknowledgement_and_work_goes_on_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let (running, fault) = faulty(folder.path());
    running.append(vec![run(1)]).unwrap();
    *fault.lock().unwrap() = Fault::Before;
    let refused = running.append(vec![run(2)]).unwrap_err();
    assert!(
        refused.to_string().contains("the disk is full"),
        "{refused}"
    );
    // The disk works again for writes, but recovery is what decides.
    assert!(running.append(vec![run(2)]).is_err());
    *fault.lock().unwrap() = Fault::None;
    assert_eq!(running.append(vec![run(2)]), Ok(vec![Stored::New(2)]));
    assert_eq!(running.counters.commit_failures.get(), 2);
    running.close();
}

#[test]
fn a_failed_sync_acknowledges_nothing_and_what_survived_it_is_still_derived() {
    let folder = tempfile::tempdir().unwrap();
    let (running, fault) = faulty(folder.path());
    running.append(vec![run(1)]).unwrap();
    *fault.lock().unwrap() = Fault::Sync;
    let refused = running.append(vec![run(2)]).unwrap_err();
    assert!(refused.to_string().contains("fsync"), "{refused}");
    *fault.lock().unwrap() = Fault::None;
    // The sender keeps it and sends it again: it is known by now, and durable by the recovery.
    assert_eq!(
        running.append(vec![run(2), run(3)]),
        Ok(vec![Stored::Duplicate, Stored::New(4)])
    );
    let deadline = Duration::from_secs(10);
    let told = loop {
        let progress = running.progress.recv_timeout(deadline).unwrap();
        if progress.seq == 4 {
            break progress;
        }
    };
    // Nobody was told of event 2: who has come up to 1 only reads it from the journal.
    assert_eq!(
        told.events
            .iter()
            .map(|event| event.seq)
            .collect::<Vec<_>>(),
        [4]
    );
    assert_eq!(told.after, 2);
    assert_eq!(
        Reader::new(folder.path())
            .events_after(1, 10)
            .unwrap()
            .len(),
        2
    );
    running.close();
}

#[test]
fn a_full_disk_refuses_with_a_clear_message_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let pages = Some(40);
    let running = Running::on(Box::new(
        Sqlite::open_limited(folder.path(), pages).unwrap(),
    ));
    let mut kept = 0;
    let refused = (0..1000).find_map(|n| match running.append(vec![run(n)]) {
        Ok(_) => {
            kept += 1;
            None
        }
        Err(error) => Some(error.to_string()),
    });
    assert!(refused.unwrap().contains("the disk is full; free space"));
    assert!(kept > 10, "{kept}");
    running.close();
    assert_eq!(Reader::new(folder.path()).count_runs().unwrap(), kept);
    let running = Running::on(Box::new(Sqlite::open(folder.path()).unwrap()));
    assert!(matches!(
        running.append(vec![run(5000)]).unwrap()[..],
        [Stored::New(_)]
    ));
    running.close();
}

#[test]
fn times_of_receipt_never_go_back_even_if_the_clock_does() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::on(Box::new(Sqlite::open(folder.path()).unwrap()));
    *running.clock.0.lock().unwrap() = at(100);
    running.append(vec![run(1)]).unwrap();
    *running.clock.0.lock().unwrap() = at(40);
    running.append(vec![run(2)]).unwrap();
    running.close();
    let running = Running::on(Box::new(Sqlite::open(folder.path()).unwrap()));
    running.append(vec![run(3)]).unwrap();
    running.close();
    let events = Reader::new(folder.path()).events_after(0, 10).unwrap();
    assert_eq!(
        events
            .iter()
            .map(|event| event.received)
            .collect::<Vec<_>>(),
        [at(100); 3]
    );
}

#[test]
fn one_folder_has_one_collector_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let first = Sqlite::open(folder.path()).unwrap();
    let error = Sqlite::open(folder.path()).unwrap_err();
    assert!(
        error.to_string().contains("in use by another collector"),
        "{error}"
    );
    drop(first);
    Sqlite::open(folder.path()).unwrap();
}

#[test]
fn a_file_that_is_no_journal_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = "this is not a database, it is a diary".repeat(200);
    std::fs::write(folder.path().join(FILE), &garbage).unwrap();
    let error = Sqlite::open(folder.path()).unwrap_err();
    assert!(
        error.to_string().contains("journal.db is damaged"),
        "{error}"
    );
    assert_eq!(
        std::fs::read_to_string(folder.path().join(FILE)).unwrap(),
        garbage
    );
}

#[test]
fn a_file_that_cannot_be_opened_says_what_to_check() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(FILE)).unwrap();
    let error = Sqlite::open(folder.path()).unwrap_err();
    assert!(matches!(error, StorageError::Access(_)), "{error}");
    assert!(error.to_string().contains("check owner and mode"));
}

#[test]
fn a_file_of_version_1_opens_with_all_that_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let old = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    old.execute_batch(include_str!("../../tests/collector/journal-v1.sql"))
        .unwrap();
    drop(old);
    let mut storage = Sqlite::open(folder.path()).unwrap();
    assert_eq!(
        storage.end().unwrap(),
        End {
            seq: 3,
            received: at(3)
        }
    );
    let reader = Reader::new(folder.path());
    let runs = reader
        .runs(&RunFilter {
            limit: 10,
            ..RunFilter::default()
        })
        .unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].facts, facts(1, Outcome::Pass));
    let again = storage.append(at(4), &[run(1)]).unwrap();
    assert_eq!(again, [Stored::Duplicate]);
}

#[test]
fn runs_are_found_by_what_they_are_about() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    for n in 0..20 {
        let outcome = if n % 5 == 0 {
            Outcome::Fail(FailClass::Status)
        } else {
            Outcome::Pass
        };
        let record = Record::run(facts(n, outcome), Vec::new());
        storage.append(at(n), &[record]).unwrap();
    }
    let reader = Reader::new(folder.path());
    let found = |filter| {
        let runs = reader.runs(&filter).unwrap();
        runs.iter().map(|run| run.seq).collect::<Vec<_>>()
    };
    let all = RunFilter {
        limit: 100,
        ..RunFilter::default()
    };
    assert_eq!(found(all.clone()).len(), 20);
    let failed = RunFilter {
        outcome: Some("fail".to_owned()),
        ..all.clone()
    };
    assert_eq!(found(failed.clone()), [16, 11, 6, 1]);
    let page = RunFilter {
        before: Some(11),
        limit: 1,
        ..failed.clone()
    };
    assert_eq!(found(page), [6]);
    let feature = FeatureId::new("account.login").unwrap();
    assert_eq!(
        found(RunFilter {
            feature: Some(feature),
            ..failed
        }),
        [16, 11, 6, 1]
    );
    let other = FeatureId::new("talk.call").unwrap();
    assert!(
        found(RunFilter {
            feature: Some(other),
            ..all
        })
        .is_empty()
    );
}

pub(super) fn sweep_all(storage: &mut Sqlite, now: Timestamp, retention: Retention) -> Swept {
    let mut total = Swept::default();
    for _ in 0..100 {
        let swept = storage.sweep(now, retention).unwrap();
        total = Swept {
            events: total.events + swept.events,
            spans: total.spans + swept.spans,
            ..swept
        };
        if !swept.unfinished {
            return total;
        }
    }
    panic!("retention does not come to an end");
}

#[test]
fn what_is_too_old_goes_but_the_plan_in_force_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    storage.append(at(0), &[plan("old")]).unwrap();
    storage.append(at(1), &[plan("in force"), run(1)]).unwrap();
    storage.append(at(100), &[run(2), plan("new")]).unwrap();
    let swept = sweep_all(&mut storage, at(50) + WEEK, KEEP);
    assert_eq!(swept.events, 2);
    let events = Reader::new(folder.path()).events_after(0, 10).unwrap();
    let left = events
        .iter()
        .map(|event| (event.seq, event.kind))
        .collect::<Vec<_>>();
    assert_eq!(left, [(2, Kind::Plan), (4, Kind::Run), (5, Kind::Plan)]);
}

#[test]
fn a_journal_that_is_too_large_loses_spans_of_passes_first_and_no_facts() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    for n in 0..200 {
        let outcome = if n % 2 == 0 {
            Outcome::Fail(FailClass::Dns)
        } else {
            Outcome::Pass
        };
        let record = Record::run(facts(n, outcome), vec![1; 20_000]);
        storage.append(at(n), &[record]).unwrap();
    }
    let reader = Reader::new(folder.path());
    let spans_of = |n, outcome| reader.run(&facts(n, outcome).id).unwrap().unwrap().spans;
    let half = Retention {
        bytes_max: 3_000_000,
        ..KEEP
    };
    let swept = sweep_all(&mut storage, at(300), half);
    assert_eq!((swept.events, swept.spans, swept.over), (0, 100, false));
    assert_eq!(spans_of(1, Outcome::Pass), None);
    assert!(spans_of(2, Outcome::Fail(FailClass::Dns)).is_some());
    assert!(
        swept.bytes < 3_500_000,
        "{} bytes are still in the file",
        swept.bytes
    );
    let least = Retention {
        bytes_max: 10_000,
        ..KEEP
    };
    let swept = sweep_all(&mut storage, at(300), least);
    assert_eq!((swept.events, swept.spans, swept.over), (0, 100, true));
    assert_eq!(reader.count_runs().unwrap(), 200);
    assert_eq!(
        storage.append(at(400), &[run(1)]).unwrap(),
        [Stored::Conflict]
    );
}

#[test]
fn evidence_is_kept_once_beside_its_run_and_is_no_event_to_decide_from() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    let id = facts(1, Outcome::Pass).id;
    let agent = AgentId::new("seoul-1").unwrap();
    let found = |body: &str| bongsu_wire::StepEvidence {
        run: id,
        step_span: id.step_span(0, 0),
        seen: at(1),
        evidence: bongsu_model::Evidence {
            headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
            body_head: body.to_owned(),
        },
    };
    let evidence = |body: &str| Record::evidence(agent.clone(), &found(body));
    let stored = storage.append(
        at(0),
        &[evidence("a"), run(1), evidence("b"), evidence("a")],
    );
    assert_eq!(stored.unwrap()[3], Stored::Duplicate);
    let reader = Reader::new(folder.path());
    let detail = reader.run(&id).unwrap().unwrap();
    assert_eq!(detail.evidence, [found("a"), found("b")]);
    assert_eq!(reader.events_after(0, 10).unwrap().len(), 1);
}

#[test]
fn an_empty_journal_is_swept_without_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    let swept = sweep_all(&mut storage, at(0), KEEP);
    assert_eq!((swept.events, swept.spans), (0, 0));
}

#[test]
fn a_page_full_of_a_later_version_s_kinds_is_not_taken_for_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    storage
        .append(at(0), &[plan("{}"), plan("{}"), plan("{}"), run(1)])
        .unwrap();
    let file = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    file.execute("UPDATE event SET kind = 'omen' WHERE kind = 'plan'", [])
        .unwrap();
    let events = Reader::new(folder.path()).events_after(0, 2).unwrap();
    let seen: Vec<_> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seen, [4]);
}

#[test]
fn after_a_stop_the_log_is_in_the_file_even_if_readers_had_it_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    storage.append(at(0), &[run(1), run(2)]).unwrap();
    let reader = Reader::new(folder.path());
    assert_eq!(reader.count_runs().unwrap(), 2);
    drop(storage);
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(folder.path().join(FILE), copy.path().join(FILE)).unwrap();
    let mut copied = Sqlite::open(copy.path()).unwrap();
    assert_eq!(
        copied.append(at(1), &[run(1)]).unwrap(),
        [Stored::Duplicate]
    );
    assert_eq!(copied.end().unwrap().seq, 2);
    drop(reader);
}

#[tokio::test]
async fn a_writer_that_fails_is_told_of_and_what_it_acknowledged_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (running, fault) = faulty(folder.path());
    let journal = running.journal.clone();
    assert_eq!(journal.append(vec![run(1)]).await, Ok(vec![Stored::New(1)]));
    *fault.lock().unwrap() = Fault::Panic;
    let refused = journal.append(vec![run(2)]).await;
    assert_eq!(refused, Err(AppendError::Stopping));
    tokio::time::timeout(Duration::from_secs(30), journal.ended())
        .await
        .unwrap();
    running.close();
    assert_eq!(Reader::new(folder.path()).count_runs().unwrap(), 1);
}
