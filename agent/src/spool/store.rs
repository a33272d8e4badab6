//! The spool on disk: append, look up, drop when full, forget when acknowledged.

mod room;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

use bongsu_model::{RunId, SpoolDepth, Timestamp};
use bytes::Bytes;

use super::cursor::Cursor;
use super::disk::{Disk, DiskFile, replace_durably, sync_folder};
use super::record::{self, PAYLOAD_BYTES_MAX, Record};
use super::segment::{Entry, MAGIC, Segment};

/// Fresh windows before one of the backlog: at a rate at which the fresh lane is never empty, the
/// backlog still gets a fifth of the requests, and a fresh run waits for one request at most.
const FRESH_IN_A_ROW_MAX: u32 = 4;

/// Why the spool could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SpoolOpenError {
    /// A folder or file of it could not be used.
    #[error("cannot use the spool {}: {source}", path.display())]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Why a record was not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolAppendError {
    /// It is larger than any run can be.
    #[error("a record of {0} bytes is larger than the spool takes ({PAYLOAD_BYTES_MAX})")]
    TooLarge(usize),
    /// The disk took it neither at once nor after passes were dropped.
    #[error("the record could not be written: {0}")]
    Write(#[from] std::io::Error),
}

/// What the spool has lost or met since the start; each number only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SpoolCounts {
    /// Records written.
    pub(crate) appended: u64,
    /// Passed runs dropped because the spool was full.
    pub(crate) dropped_passes: u64,
    /// Other records dropped because the spool was full.
    pub(crate) dropped_others: u64,
    /// Records that the disk did not take.
    pub(crate) write_failures: u64,
    /// Runs of which not every record was taken.
    pub(crate) runs_lost: u64,
    /// Bytes that were no whole record when the spool was opened.
    pub(crate) damaged_bytes: u64,
    /// Records that were damaged when they were to be sent.
    pub(crate) damaged_records: u64,
    /// Cursors that could not be read: their collectors get everything again.
    pub(crate) cursors_lost: u64,
}

/// The spool: segment files with an index in memory, and a cursor per collector.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    disk: Box<dyn Disk>,
    bytes_max: u64,
    /// Sealed segments, oldest first; their sequences do not overlap.
    pub(super) sealed: VecDeque<Segment>,
    active: Option<(Segment, Box<dyn DiskFile>)>,
    next: u64,
    pub(super) cursors: BTreeMap<String, Cursor>,
    /// Acknowledgements of fresh records in a row, by collector.
    fresh_in_a_row: BTreeMap<String, u32>,
    cursors_changed: bool,
    unsynced: bool,
    /// Whether a segment file was made since the folder was synced.
    names_changed: bool,
    pub(super) counts: SpoolCounts,
}

/// What the opening found.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) store: Store,
    /// The runs whose records are in the spool.
    pub(super) runs: HashSet<RunId>,
}

impl Store {
    /// Opens the spool in `folder` for these collectors, reading what a former process left.
    pub(super) fn open(
        folder: &Path,
        bytes_max: u64,
        collectors: &[String],
        disk: Box<dyn Disk>,
    ) -> Result<Opened, SpoolOpenError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| SpoolOpenError::Unusable { path, source }
        };
        std::fs::create_dir_all(folder).map_err(unusable(folder))?;
        let mut counts = SpoolCounts::default();
        let mut runs = HashSet::new();
        let mut sealed: VecDeque<Segment> = VecDeque::new();
        for path in segment_paths(folder).map_err(unusable(folder))? {
            let mut scanned = Segment::scan(path.clone()).map_err(unusable(&path))?;
            counts.damaged_bytes += scanned.damaged_bytes;
            runs.extend(scanned.runs);
            // Sequences only grow from file to file; a copy of a segment must not count twice.
            let before = sealed.back().and_then(Segment::last_sequence);
            scanned
                .segment
                .entries
                .retain(|e| before.is_none_or(|last| e.sequence > last));
            if scanned.segment.entries.is_empty() {
                std::fs::remove_file(&path).map_err(unusable(&path))?;
            } else {
                sealed.push_back(scanned.segment);
            }
        }
        let mut next = sealed.back().map_or(1, |segment| segment.span().end);
        let mut cursors = BTreeMap::new();
        for name in collectors {
            let path = cursor_path(folder, name);
            let cursor = match std::fs::read(&path) {
                // Damage may be no text at all.
                Ok(bytes) => {
                    Cursor::from_text(&String::from_utf8_lossy(&bytes)).unwrap_or_else(|| {
                        counts.cursors_lost += 1;
                        Cursor::unseen(next)
                    })
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Cursor::unseen(next),
                Err(error) => return Err(unusable(&path)(error)),
            };
            next = next.max(cursor.fresh());
            cursors.insert(name.clone(), cursor);
        }
        let mut store = Self {
            folder: folder.to_owned(),
            disk,
            bytes_max,
            sealed,
            active: None,
            next,
            cursors,
            fresh_in_a_row: BTreeMap::new(),
            cursors_changed: true,
            unsynced: false,
            names_changed: false,
            counts,
        };
        // What a former process wrote is the backlog now, and a folder that cannot be written to
        // must show itself at the start.
        for cursor in store.cursors.values_mut() {
            cursor.age_to(next);
        }
        store.forget_acknowledged();
        store.sync().map_err(unusable(folder))?;
        Ok(Opened { store, runs })
    }

    /// Appends a record; it is with the system when this returns, and on the disk after `sync`.
    pub(super) fn append(&mut self, record: &Record) -> Result<(), SpoolAppendError> {
        if record.payload.len() > PAYLOAD_BYTES_MAX {
            return Err(SpoolAppendError::TooLarge(record.payload.len()));
        }
        let (head, encoded) = record::encode(self.next, record);
        self.make_room(encoded.len() as u64);
        if let Err(first) = self.write(&head, &encoded) {
            // The disk may be full for everybody: give passes back to it, and try once more.
            self.seal();
            if !self.drop_oldest_passes() && !self.drop_oldest_segment() {
                self.counts.write_failures += 1;
                return Err(first.into());
            }
            self.write(&head, &encoded)
                .inspect_err(|_| self.counts.write_failures += 1)?;
        }
        self.next += 1;
        self.counts.appended += 1;
        self.unsynced = true;
        Ok(())
    }

    fn write(&mut self, head: &record::Head, encoded: &[u8]) -> std::io::Result<()> {
        if self
            .active
            .as_ref()
            .is_some_and(|(segment, _)| segment.bytes >= self.segment_bytes())
        {
            self.seal();
        }
        if self.active.is_none() {
            let path = Segment::path_in(&self.folder, self.next);
            let mut file = self.disk.create(&path)?;
            if let Err(error) = file.append(MAGIC) {
                drop(file);
                // Without its head the file would count as damage at the next start.
                let _ = std::fs::remove_file(&path);
                return Err(error);
            }
            self.active = Some((Segment::empty(path), file));
            self.names_changed = true;
        }
        let (segment, file) = self.active.as_mut().expect("just made");
        if let Err(error) = file.append(encoded) {
            // Part of the record may stand there: without the cut what follows would be unreadable.
            if file.cut(segment.bytes).is_err() {
                self.seal();
            }
            return Err(error);
        }
        segment.appended(head);
        Ok(())
    }

    /// Segments are a 64th of the spool, so that dropping one is a small step, and no larger than
    /// 4 MiB, so that rewriting one is quick.
    fn segment_bytes(&self) -> u64 {
        (self.bytes_max / 64).clamp(4 << 10, 4 << 20)
    }

    fn seal(&mut self) {
        let Some((segment, mut file)) = self.active.take() else {
            return;
        };
        if let Err(error) = file.sync() {
            tracing::warn!(path = %segment.path.display(), %error, "a spool segment could not be synced");
        }
        if segment.entries.is_empty() {
            let _ = std::fs::remove_file(&segment.path);
        } else {
            self.sealed.push_back(segment);
        }
    }

    /// Bytes of all segment files.
    fn disk_bytes(&self) -> u64 {
        self.segments().map(|segment| segment.bytes).sum()
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.sealed
            .iter()
            .chain(self.active.as_ref().map(|(segment, _)| segment))
    }

    fn remove_segment(&mut self, at: usize) {
        let Some(segment) = self.sealed.remove(at) else {
            return;
        };
        if let Err(error) = std::fs::remove_file(&segment.path) {
            tracing::warn!(path = %segment.path.display(), %error, "a spool segment could not be removed");
        }
        // Beside its own records those that were thinned out around it: a gap without records
        // would stay for ever.
        let hole_start = at
            .checked_sub(1)
            .map_or(0, |before| self.sealed[before].span().end);
        let hole_end = self
            .segments()
            .map(|segment| segment.span().start)
            .find(|start| *start > hole_start)
            .unwrap_or_else(|| segment.span().end);
        for cursor in self.cursors.values_mut() {
            cursor.forget(&(hole_start..hole_end));
        }
        self.cursors_changed = true;
    }

    fn is_owed(&self, sequence: u64) -> bool {
        self.cursors.values().any(|cursor| cursor.owes(sequence))
    }

    /// Takes records as acknowledged by a collector, and removes segments that nobody needs.
    pub(super) fn acknowledge(&mut self, collector: &str, sequences: &[u64]) {
        let backlog_waits = self.has_backlog(collector);
        if let Some(cursor) = self.cursors.get_mut(collector) {
            if let Some(first) = sequences.first() {
                let row = self.fresh_in_a_row.entry(collector.to_owned()).or_default();
                let overtakes = backlog_waits && *first >= cursor.fresh();
                *row = if overtakes { *row + 1 } else { 0 };
            }
            for sequence in sequences {
                cursor.acknowledge(*sequence);
            }
            self.cursors_changed = true;
        }
        self.forget_acknowledged();
    }

    /// Whether the fresh lane overtook the backlog so often in a row that it has its turn.
    pub(super) fn is_backlogs_turn(&self, collector: &str) -> bool {
        let row = self.fresh_in_a_row.get(collector);
        row.is_some_and(|row| *row >= FRESH_IN_A_ROW_MAX)
    }

    fn forget_acknowledged(&mut self) {
        while self.sealed.front().is_some_and(|segment| {
            segment
                .entries
                .iter()
                .all(|entry| !self.is_owed(entry.sequence))
        }) {
            self.remove_segment(0);
        }
    }

    /// As [`Self::forget_acknowledged`], also behind segments that are still needed.
    fn forget_every_acknowledged(&mut self) {
        let mut at = 0;
        while let Some(segment) = self.sealed.get(at) {
            if segment
                .entries
                .iter()
                .any(|entry| self.is_owed(entry.sequence))
            {
                at += 1;
            } else {
                self.remove_segment(at);
            }
        }
    }

    /// The payloads of entries in order of sequence. None for one that is damaged, which is counted.
    pub(super) fn read(&mut self, entries: &[Entry]) -> std::io::Result<Vec<Option<Bytes>>> {
        let mut payloads = Vec::with_capacity(entries.len());
        for segment in self.segments() {
            let span = segment.span();
            let from = entries.partition_point(|entry| entry.sequence < span.start);
            let to = entries.partition_point(|entry| entry.sequence < span.end);
            if from < to {
                payloads.extend(segment.read_payloads(&entries[from..to])?);
            }
        }
        let damaged = payloads.iter().filter(|payload| payload.is_none()).count();
        self.counts.damaged_records += damaged as u64;
        Ok(payloads)
    }

    /// Makes all that was appended durable, and the cursors with it.
    pub(super) fn sync(&mut self) -> std::io::Result<()> {
        if self.unsynced {
            if let Some((_, file)) = &mut self.active {
                file.sync()?;
            }
            self.unsynced = false;
        }
        if self.names_changed {
            sync_folder(&self.folder)?;
            self.names_changed = false;
        }
        if self.cursors_changed {
            for (name, cursor) in &self.cursors {
                let path = cursor_path(&self.folder, name);
                replace_durably(&path, cursor.to_text().as_bytes())?;
            }
            self.cursors_changed = false;
        }
        Ok(())
    }

    /// What is owed to at least one collector.
    pub(super) fn depth(&self) -> SpoolDepth {
        let mut depth = SpoolDepth {
            dropped: self.counts.dropped_passes
                + self.counts.dropped_others
                + self.counts.write_failures
                + self.counts.damaged_records,
            ..SpoolDepth::default()
        };
        let owed_from = self
            .cursors
            .values()
            .map(|cursor| {
                cursor
                    .gaps()
                    .first()
                    .map_or_else(|| cursor.fresh(), |gap| gap.start)
            })
            .min()
            .unwrap_or(self.next);
        for segment in self
            .segments()
            .filter(|segment| segment.span().end > owed_from)
        {
            let from = segment.entries.partition_point(|e| e.sequence < owed_from);
            for entry in segment.entries[from..]
                .iter()
                .filter(|e| self.is_owed(e.sequence))
            {
                depth.records += 1;
                depth.bytes += entry.disk_bytes();
                let oldest: Timestamp = depth.oldest.map_or(entry.time, |o| o.min(entry.time));
                depth.oldest = Some(oldest);
            }
        }
        depth
    }
}

fn cursor_path(folder: &Path, collector: &str) -> PathBuf {
    folder.join(format!("{collector}.cursor"))
}

fn segment_paths(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "seg") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests;
