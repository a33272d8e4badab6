//! The spool under restarts, full disks, cuts and flipped bits.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::spool::RecordKind;
use crate::spool::disk::SystemDisk;
use crate::spool::window::{FRESH_FOR, Lane};

const NAMES: [&str; 2] = ["main", "second"];

fn open(folder: &Path, bytes_max: u64) -> Opened {
    let names = NAMES.map(str::to_owned);
    Store::open(folder, bytes_max, &names, Box::new(SystemDisk)).unwrap()
}

fn record(kind: RecordKind, n: u64, bytes: usize) -> Record {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(n + 1).to_be_bytes());
    Record {
        kind,
        time: at(n),
        run: Some(RunId::from_bytes(id)),
        items: 3,
        payload: Bytes::from(vec![n.to_le_bytes()[0]; bytes]),
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(1_000 + seconds)
}

/// Everything that `collector` gets, in order, each acknowledged.
fn drain(store: &mut Store, collector: &str, now: Timestamp) -> Vec<(Lane, u64)> {
    let mut got = Vec::new();
    while let Some(window) = store.next_window(collector, now, FRESH_FOR).unwrap() {
        let sequences: Vec<u64> = window.records.iter().map(|record| record.0).collect();
        got.extend(sequences.iter().map(|sequence| (window.lane, *sequence)));
        store.acknowledge(collector, &sequences);
    }
    got
}

#[test]
fn what_was_written_comes_back_after_a_restart_as_backlog() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 1 << 20).store;
    for n in 0..5 {
        store.append(&record(RecordKind::Run, n, 100)).unwrap();
    }
    assert_eq!(drain(&mut store, "main", at(5)).len(), 5);
    drop(store);
    let mut opened = open(folder.path(), 1 << 20);
    assert_eq!(opened.runs.len(), 5);
    // The cursor was not synced: sent again rather than lost.
    assert_eq!(drain(&mut opened.store, "main", at(5)).len(), 5);
    opened.store.sync().unwrap();
    drop(opened);
    let mut store = open(folder.path(), 1 << 20).store;
    assert_eq!(drain(&mut store, "main", at(5)), []);
    let second = drain(&mut store, "second", at(5));
    assert_eq!(second.len(), 5);
    assert!(second.iter().all(|(lane, _)| *lane == Lane::Backlog));
    store.append(&record(RecordKind::Run, 6, 100)).unwrap();
    assert_eq!(drain(&mut store, "main", at(6)), [(Lane::Fresh, 6)]);
}

#[test]
fn plans_go_first_then_what_is_fresh_then_the_backlog_each_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 1 << 20).store;
    store.append(&record(RecordKind::Run, 0, 10)).unwrap();
    store.append(&record(RecordKind::Plan, 1, 10)).unwrap();
    store.append(&record(RecordKind::Run, 2, 10)).unwrap();
    for n in 100..103 {
        store.append(&record(RecordKind::Run, n, 10)).unwrap();
    }
    assert_eq!(
        drain(&mut store, "main", at(103)),
        [
            (Lane::Plan, 2),
            (Lane::Fresh, 4),
            (Lane::Fresh, 5),
            (Lane::Fresh, 6),
            (Lane::Backlog, 1),
            (Lane::Backlog, 3),
        ]
    );
}

#[test]
fn a_plan_never_shares_a_window_with_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 1 << 20).store;
    for kind in [
        RecordKind::Run,
        RecordKind::Plan,
        RecordKind::Run,
        RecordKind::Evidence,
    ] {
        store.append(&record(kind, 0, 10)).unwrap();
    }
    let mut windows = Vec::new();
    while let Some(window) = store.next_window("main", at(0), FRESH_FOR).unwrap() {
        let sequences: Vec<u64> = window.records.iter().map(|record| record.0).collect();
        store.acknowledge("main", &sequences);
        windows.push(sequences);
    }
    assert_eq!(windows, [vec![1], vec![2], vec![3, 4]]);
}

#[test]
fn a_segment_goes_when_every_collector_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 64 << 10).store;
    for n in 0..20 {
        store.append(&record(RecordKind::Run, n, 1_000)).unwrap();
    }
    let files = || segment_paths(folder.path()).unwrap().len();
    let before = files();
    assert!(before > 3, "{before}");
    drain(&mut store, "main", at(20));
    assert_eq!(files(), before);
    assert_eq!(store.depth().records, 20);
    drain(&mut store, "second", at(20));
    assert!(files() <= 1);
    assert_eq!(store.depth(), SpoolDepth::default());
}

#[test]
fn when_full_the_oldest_passes_go_first_then_anything_and_plans_last() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 64 << 10).store;
    store.append(&record(RecordKind::Plan, 0, 1_000)).unwrap();
    for n in 1..40 {
        let kind = if n % 4 == 0 {
            RecordKind::Run
        } else {
            RecordKind::PassedRun
        };
        store.append(&record(kind, n, 1_000)).unwrap();
    }
    assert_eq!(store.counts.dropped_passes, 0);
    for n in 40..80 {
        store.append(&record(RecordKind::Run, n, 1_000)).unwrap();
    }
    assert!(store.counts.dropped_passes > 10, "{:?}", store.counts);
    let left: Vec<u64> = drain(&mut store, "main", at(80))
        .into_iter()
        .map(|r| r.1)
        .collect();
    assert!(left.contains(&1), "the plan is gone: {left:?}");
    assert!(store.disk_bytes() <= 64 << 10);
    let lost = 80 - left.len() as u64;
    assert_eq!(
        lost,
        store.counts.dropped_passes + store.counts.dropped_others
    );
    assert_eq!(store.depth().dropped, lost);
}

#[test]
fn a_fresh_lane_that_is_never_empty_does_not_starve_the_backlog() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 1 << 20).store;
    store.append(&record(RecordKind::Run, 0, 10)).unwrap();
    let mut lanes = Vec::new();
    for n in 100..106 {
        store.append(&record(RecordKind::Run, n, 10)).unwrap();
        let window = store
            .next_window("main", at(n), FRESH_FOR)
            .unwrap()
            .unwrap();
        let sequences: Vec<u64> = window.records.iter().map(|record| record.0).collect();
        store.acknowledge("main", &sequences);
        lanes.push(window.lane);
    }
    let backlog = lanes.iter().filter(|lane| **lane == Lane::Backlog).count();
    assert_eq!((lanes[0], backlog), (Lane::Fresh, 1), "{lanes:?}");
}

#[test]
fn after_a_long_good_time_an_outage_is_told_of_fresh_runs_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 1 << 20).store;
    let send = |store: &mut Store, now: u64| {
        let window = store.next_window("main", at(now), FRESH_FOR).unwrap();
        let window = window.unwrap();
        let sequences: Vec<u64> = window.records.iter().map(|record| record.0).collect();
        store.acknowledge("main", &sequences);
        window.lane
    };
    for n in 0..10 {
        store.append(&record(RecordKind::Run, n, 10)).unwrap();
        assert_eq!(send(&mut store, n), Lane::Fresh);
    }
    // The collector is away, and comes back.
    for n in 10..300 {
        store.append(&record(RecordKind::Run, n, 10)).unwrap();
    }
    assert_eq!(send(&mut store, 300), Lane::Fresh);
    assert_eq!(send(&mut store, 300), Lane::Backlog);
}

#[test]
fn plans_of_many_starts_go_out_in_requests_of_a_bounded_size() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 64 << 20).store;
    for n in 0..6 {
        store
            .append(&record(RecordKind::Plan, n, 300 << 10))
            .unwrap();
    }
    let window = store
        .next_window("main", at(999), FRESH_FOR)
        .unwrap()
        .unwrap();
    assert_eq!((window.lane, window.records.len()), (Lane::Plan, 1));
    assert_eq!(drain(&mut store, "main", at(999)).len(), 6);
}

#[test]
fn a_segment_that_was_removed_or_cut_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 64 << 10).store;
    for n in 0..20 {
        store.append(&record(RecordKind::Run, n, 1_000)).unwrap();
    }
    let paths = segment_paths(folder.path()).unwrap();
    std::fs::remove_file(&paths[0]).unwrap();
    let cut = std::fs::OpenOptions::new().write(true).open(&paths[1]);
    cut.unwrap().set_len(8).unwrap();
    let got = drain(&mut store, "main", at(20));
    let lost = store.counts.damaged_records;
    assert!(lost >= 2 && !got.is_empty(), "{lost} lost, {got:?}");
    assert_eq!(got.len() as u64 + lost, 20);
    assert_eq!(store.depth().dropped, lost, "the heartbeat tells of it");
}

#[test]
fn thinning_leaves_no_gaps_without_records() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 64 << 10).store;
    for n in 0..2_000 {
        let kind = if n % 3 == 1 {
            RecordKind::Run
        } else {
            RecordKind::PassedRun
        };
        store.append(&record(kind, n, 500)).unwrap();
        // What is old is backlog, as for a collector that is away.
        store.next_window("main", at(n + 100), FRESH_FOR).unwrap();
    }
    let gaps = store.cursors["main"].gaps().len();
    let segments = store.segments().count();
    assert!(gaps <= segments, "{gaps} gaps for {segments} segments");
}

/// A disk that takes only so many bytes, as a full one does: part of a write may succeed.
#[derive(Debug, Clone)]
struct SmallDisk {
    left: Arc<AtomicU64>,
}

impl Disk for SmallDisk {
    fn create(&self, path: &Path) -> std::io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(SmallFile {
            inner: SystemDisk.create(path)?,
            disk: self.clone(),
        }))
    }
}

#[derive(Debug)]
struct SmallFile {
    inner: Box<dyn DiskFile>,
    disk: SmallDisk,
}

impl DiskFile for SmallFile {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let left = usize::try_from(self.disk.left.load(Ordering::SeqCst)).unwrap();
        let taken = bytes.len().min(left);
        self.inner.append(&bytes[..taken])?;
        self.disk.left.fetch_sub(taken as u64, Ordering::SeqCst);
        if taken < bytes.len() {
            return Err(std::io::Error::from(std::io::ErrorKind::StorageFull));
        }
        Ok(())
    }

    fn cut(&mut self, length: u64) -> std::io::Result<()> {
        self.inner.cut(length)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.inner.sync()
    }
}

#[test]
fn a_full_disk_is_counted_and_what_was_written_stays_readable() {
    let folder = tempfile::tempdir().unwrap();
    let left = Arc::new(AtomicU64::new(5_000));
    let disk = Box::new(SmallDisk { left: left.clone() });
    let names = NAMES.map(str::to_owned);
    let mut store = Store::open(folder.path(), 1 << 20, &names, disk)
        .unwrap()
        .store;
    for n in 0..4 {
        store.append(&record(RecordKind::Run, n, 1_000)).unwrap();
    }
    // The fifth finds no room: what is older is given up for it, and even that does not help,
    // since this disk takes nothing more.
    let error = store
        .append(&record(RecordKind::Run, 4, 1_000))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the record could not be written"),
        "{error}"
    );
    assert!(store.depth().dropped >= 1);
    left.store(1 << 20, Ordering::SeqCst);
    for n in 5..8 {
        store.append(&record(RecordKind::Run, n, 1_000)).unwrap();
    }
    assert_eq!(store.counts.write_failures, 1);
    let got = drain(&mut store, "main", at(8));
    assert!(got.len() >= 3, "{got:?}");
    drop(store);
    let again = open(folder.path(), 1 << 20);
    assert_eq!(again.store.counts.damaged_bytes, 0);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("spool"), 1 << 20, &[], Box::new(SystemDisk)).unwrap_err();
    assert!(error.to_string().contains("file/spool"), "{error}");
}

#[test]
fn a_damaged_cursor_sends_everything_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 1 << 20).store;
    store.append(&record(RecordKind::Run, 0, 10)).unwrap();
    drain(&mut store, "main", at(0));
    store.sync().unwrap();
    drop(store);
    for damage in [&b"bongsu-cursor 1\n9"[..], b"\xff\xfe\x00no text"] {
        std::fs::write(folder.path().join("main.cursor"), damage).unwrap();
        let mut store = open(folder.path(), 1 << 20).store;
        assert_eq!(store.counts.cursors_lost, 1);
        assert_eq!(drain(&mut store, "main", at(0)).len(), 1);
    }
}

#[test]
fn a_segment_cut_at_any_byte_keeps_every_whole_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 1 << 20).store;
    let mut ends = Vec::new();
    for n in 0..4 {
        store.append(&record(RecordKind::Run, n, 40)).unwrap();
        ends.push(store.disk_bytes());
    }
    store.sync().unwrap();
    drop(store);
    let path = segment_paths(folder.path()).unwrap().remove(0);
    let whole = std::fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(copy.path().join(path.file_name().unwrap()), &whole[..cut]).unwrap();
        let mut opened = open(copy.path(), 1 << 20);
        let expected = ends.iter().filter(|end| **end <= cut as u64).count();
        assert_eq!(opened.runs.len(), expected, "cut at {cut}");
        // It goes on: the next record is written and read.
        opened
            .store
            .append(&record(RecordKind::Run, 9, 40))
            .unwrap();
        assert_eq!(drain(&mut opened.store, "main", at(9)).len(), expected + 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_flipped_bit_loses_no_record_before_it(at_byte in 8_usize..400, bit in 0_u32..8) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path(), 1 << 20).store;
        for n in 0..4 {
            store.append(&record(RecordKind::Run, n, 60)).unwrap();
        }
        drop(store);
        let path = segment_paths(folder.path()).unwrap().remove(0);
        let mut bytes = std::fs::read(&path).unwrap();
        prop_assume!(at_byte < bytes.len());
        bytes[at_byte] ^= 1 << bit;
        std::fs::write(&path, &bytes).unwrap();
        let record_bytes = (bytes.len() - 8) / 4;
        let opened = open(folder.path(), 1 << 20);
        prop_assert_eq!(opened.runs.len(), (at_byte - 8) / record_bytes);
        prop_assert!(opened.store.counts.damaged_bytes > 0);
    }

    #[test]
    fn each_record_is_sent_exactly_once_or_counted_as_dropped(
        acts in prop::collection::vec((0_u8..4, 0_usize..3_000), 1..120),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path(), 64 << 10).store;
        let clock = Rc::new(Cell::new(0));
        let mut got = [Vec::new(), Vec::new()];
        let mut appended = 0_u64;
        for (act, bytes) in acts {
            clock.set(clock.get() + 7);
            match act {
                0 => { store.append(&record(RecordKind::Run, clock.get(), bytes)).unwrap(); appended += 1; }
                1 => { store.append(&record(RecordKind::PassedRun, clock.get(), bytes)).unwrap(); appended += 1; }
                2 | 3 => {
                    let which = usize::from(act - 2);
                    if let Some(window) = store.next_window(NAMES[which], at(clock.get()), Duration::from_secs(30)).unwrap() {
                        let sequences: Vec<u64> = window.records.iter().map(|r| r.0).collect();
                        store.acknowledge(NAMES[which], &sequences);
                        got[which].extend(sequences);
                    }
                }
                _ => unreachable!(),
            }
        }
        for which in 0..2 {
            got[which].extend(drain(&mut store, NAMES[which], at(clock.get())).into_iter().map(|r| r.1));
            let unique: std::collections::BTreeSet<u64> = got[which].iter().copied().collect();
            prop_assert_eq!(unique.len(), got[which].len(), "sent twice");
            let dropped = store.counts.dropped_passes + store.counts.dropped_others;
            prop_assert!(appended - unique.len() as u64 <= dropped, "lost without being counted");
        }
        prop_assert!(store.disk_bytes() <= 64 << 10);
    }
}
