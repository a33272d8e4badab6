//! The thread on a journal that it is handed piece by piece, in order or with gaps.

use std::path::Path;

use bongsu_model::{AgentId, Clock, Timestamp};

use super::*;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::counters::Counters;
use crate::journal::{Record, Sqlite, Storage as _, Stored};

const EXAMPLE: &str = include_str!("../../../deploy/config/collector.toml");

pub(super) fn derive(folder: &Path) -> (Derive, watch::Receiver<Arc<Published>>) {
    let mut config = Config::parse(EXAMPLE, Path::new("collector.toml")).unwrap();
    config.data = folder.to_owned();
    let (publish, published) = watch::channel(Arc::new(Published::unready()));
    let stop = CancellationToken::new();
    let shared = Shared::new(
        config,
        bongsu_model::Catalogue::default(),
        Arc::new(SystemClock::new()),
        Arc::new(Counters::default()),
        published.clone(),
        stop.clone(),
    );
    (Derive::new(Arc::new(shared), publish, stop), published)
}

fn plan(n: u32) -> Record {
    let body = format!("{{\"schema\":1,\"revision\":\"r{n}\",\"valid_from_ns\":0,\"entries\":[]}}");
    Record::of_agent(Kind::Plan, AgentId::new("seoul-1").unwrap(), body)
}

fn append(storage: &mut Sqlite, at: Timestamp, count: u32) -> u64 {
    let group: Vec<_> = (0..count).map(plan).collect();
    match storage.append(at, &group).unwrap().last() {
        Some(Stored::New(seq)) => *seq,
        other => panic!("{other:?}"),
    }
}

fn derived(derive: &Derive) -> u64 {
    derive.shared.counters.events_derived.get()
}

#[test]
fn a_report_that_was_missed_is_made_up_for_from_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    let now = SystemClock::new().wall();
    let (mut derive, published) = derive(folder.path());
    let before = append(&mut storage, now, 3);
    let told = |after, seq, events| Progress {
        as_of: now,
        after,
        seq,
        events,
    };
    derive.take(told(before, before, Vec::new())).unwrap();
    assert_eq!(derived(&derive), 3);
    assert!(published.borrow().ready);

    let missed = append(&mut storage, now, 2);
    let last = append(&mut storage, now, 1);
    let events = derive.shared.reader().events_after(missed, 10).unwrap();
    derive.take(told(missed, last, events.clone())).unwrap();
    assert_eq!((derived(&derive), derive.seq), (6, last));
    // The same report again changes nothing.
    derive.take(told(missed, last, events)).unwrap();
    assert_eq!(derived(&derive), 6);
}

#[test]
fn an_event_that_cannot_be_read_is_passed_over_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Sqlite::open(folder.path()).unwrap();
    let now = SystemClock::new().wall();
    let agent = AgentId::new("seoul-1").unwrap();
    let bad = Record::of_agent(Kind::Plan, agent, "{}".to_owned());
    storage.append(now, &[bad, plan(1)]).unwrap();
    let (mut derive, _published) = derive(folder.path());
    derive
        .take(Progress {
            as_of: now,
            after: 2,
            seq: 2,
            events: Vec::new(),
        })
        .unwrap();
    assert_eq!(derived(&derive), 1);
    assert_eq!(derive.shared.counters.events_unreadable.get(), 1);
}

#[test]
fn a_panic_leaves_the_last_picture_but_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let (mut derive, published) = derive(folder.path());
    let mut storage = Sqlite::open(folder.path()).unwrap();
    let now = SystemClock::new().wall();
    let seq = append(&mut storage, now, 1);
    derive
        .take(Progress {
            as_of: now,
            after: seq,
            seq,
            events: Vec::new(),
        })
        .unwrap();
    let as_of = published.borrow().as_of;
    let guard = Unready {
        published: derive.published.clone(),
        stop: derive.stop.clone(),
    };
    let panicked = std::thread::spawn(move || {
        let _guard = guard;
        panic!("as an engine might");
    });
    assert!(panicked.join().is_err());
    assert!(!published.borrow().ready);
    assert_eq!(published.borrow().as_of, as_of);
}

#[test]
fn a_writer_that_ends_unasked_is_not_ready_either() {
    let folder = tempfile::tempdir().unwrap();
    for asked in [false, true] {
        let (mut derive, published) = derive(folder.path());
        let stop = derive.stop.clone();
        derive.publish(SystemClock::new().wall());
        let (writer, progress) = std::sync::mpsc::sync_channel(1);
        if asked {
            stop.cancel();
        }
        drop(writer);
        derive.run(&progress);
        assert_eq!(published.borrow().ready, asked);
    }
}
