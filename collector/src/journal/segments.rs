//! The spans of runs: files beside `journal.db`, each written once from front to back.
//!
//! A segment holds the OTLP bytes of runs one after the other, so that a whole file is itself an
//! `ExportTraceServiceRequest`; `journal.db` knows where in which file a run stands. In the
//! database the same bytes would be written twice (log, then pages) and moved by every thinning.
//!
//! Bytes are on disk before the transaction that names them commits. What stands in a file
//! without being named is of a commit that failed and is never read. A file is written by one
//! process and never after a failure: then a new one is begun.

use std::fs::File;
use std::io::{self, IoSlice, Read as _, Seek as _, SeekFrom, Write as _};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, params};
use rustix::fs::{Advice, fadvise};

use super::storage::StorageError;

/// The folder of the segments beside `journal.db`.
const FOLDER: &str = "spans";

/// A segment that has reached this is closed: the step in which retention drops spans, and 300
/// files in the 20 GiB of the example configuration.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Slices that are handed to the system at a time: its own limit is 1,024.
const SLICES_MAX: usize = 256;

/// Which spans are dropped first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Runs that passed, slowly or not.
    Pass,
    /// All others: what people look at.
    Other,
}

impl Class {
    /// The class of runs with this outcome word.
    pub(super) fn of(outcome: &str) -> Self {
        match outcome {
            "pass" | "slow" => Self::Pass,
            _ => Self::Other,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Other => "other",
        }
    }
}

/// Where the spans of a run stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: i64,
    pub(super) offset: i64,
    pub(super) bytes: i64,
}

/// The segments that are being written.
#[derive(Debug)]
pub(super) struct Segments {
    folder: PathBuf,
    open: [Option<Open>; 2],
}

#[derive(Debug)]
struct Open {
    number: i64,
    file: File,
    bytes: u64,
}

/// The spans of one group, before they are written.
#[derive(Debug)]
pub(super) struct Batch<'s, 'g> {
    segments: &'s mut Segments,
    waiting: [Waiting<'g>; 2],
}

#[derive(Debug, Default)]
struct Waiting<'g> {
    spans: Vec<&'g [u8]>,
    bytes: u64,
}

impl Segments {
    /// The segments beside the database file of `connection`; removes files that it does not know.
    pub(super) fn open(data: &Path, connection: &Connection) -> Result<Self, StorageError> {
        let folder = data.join(FOLDER);
        std::fs::create_dir_all(&folder)?;
        let mut known = connection.prepare("SELECT 1 FROM segment WHERE number = ?1")?;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let number = number(&entry.file_name().to_string_lossy());
            let Some(number) = number else { continue };
            if !known.exists([number])? {
                std::fs::remove_file(entry.path())?;
            }
        }
        drop(known);
        Ok(Self {
            folder,
            open: [None, None],
        })
    }

    /// Begins no file anew, but ends those that are open: after a failure nobody knows what is in
    /// them behind the last commit.
    pub(super) fn close(&mut self) {
        self.open = [None, None];
    }

    pub(super) fn batch<'s, 'g>(&'s mut self) -> Batch<'s, 'g> {
        Batch {
            segments: self,
            waiting: Default::default(),
        }
    }

    /// Bytes of all segments.
    pub(super) fn bytes(connection: &Connection) -> Result<u64, StorageError> {
        let sql = "SELECT coalesce(sum(bytes), 0) FROM segment";
        let bytes = connection.query_row(sql, [], |row| row.get::<_, i64>(0))?;
        Ok(bytes.cast_unsigned())
    }

    /// Drops the oldest segment of a class, and says how many runs lost their spans; None if
    /// there is none.
    pub(super) fn drop_oldest(
        &mut self,
        connection: &Connection,
        class: Class,
    ) -> Result<Option<u64>, StorageError> {
        let oldest = connection
            .query_row(
                "SELECT number, runs FROM segment WHERE class = ?1 ORDER BY number LIMIT 1",
                [class.as_str()],
                |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)),
            )
            .optional()?;
        let Some((number, runs)) = oldest else {
            return Ok(None);
        };
        self.remove(connection, number)?;
        Ok(Some(runs.cast_unsigned()))
    }

    /// Drops the segments whose every run stood before `seq` and has left the journal.
    pub(super) fn drop_before(
        &mut self,
        connection: &Connection,
        seq: i64,
    ) -> Result<(), StorageError> {
        let aged: Vec<i64> = connection
            .prepare_cached("SELECT number FROM segment WHERE last < ?1")?
            .query_map([seq], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        aged.into_iter()
            .try_for_each(|number| self.remove(connection, number))
    }

    /// The database forgets the file before it goes: one that is left over goes at the next start.
    fn remove(&mut self, connection: &Connection, number: i64) -> Result<(), StorageError> {
        connection.execute("DELETE FROM segment WHERE number = ?1", [number])?;
        for open in &mut self.open {
            if open.as_ref().is_some_and(|open| open.number == number) {
                *open = None;
            }
        }
        match std::fs::remove_file(file_of(&self.folder, number)) {
            // Somebody made room by hand.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => Ok(removed?),
        }
    }

    fn begin(&self, connection: &Connection, class: Class) -> Result<Open, StorageError> {
        connection.execute(
            "INSERT INTO segment (class, bytes, runs, last) VALUES (?1, 0, 0, 0)",
            [class.as_str()],
        )?;
        let number = connection.last_insert_rowid();
        let file = File::create(file_of(&self.folder, number))?;
        // The name has to be durable as well.
        File::open(&self.folder)?.sync_all()?;
        Ok(Open {
            number,
            file,
            bytes: 0,
        })
    }
}

impl<'g> Batch<'_, 'g> {
    /// Where spans of this class would come to stand.
    pub(super) fn place(
        &mut self,
        connection: &Connection,
        class: Class,
        spans: &[u8],
    ) -> Result<Place, StorageError> {
        let waiting = &self.waiting[class as usize];
        let is_full = |open: &Open| open.bytes >= BYTES_MAX && waiting.spans.is_empty();
        if self.segments.open[class as usize]
            .as_ref()
            .is_none_or(is_full)
        {
            let begun = self.segments.begin(connection, class)?;
            self.segments.open[class as usize] = Some(begun);
        }
        let open = self.segments.open[class as usize].as_ref();
        let open = open.expect("begun above if there was none");
        Ok(Place {
            segment: open.number,
            offset: signed(open.bytes + waiting.bytes),
            bytes: signed(spans.len() as u64),
        })
    }

    /// Takes spans in at the place that they were told.
    pub(super) fn put(&mut self, class: Class, spans: &'g [u8]) {
        let waiting = &mut self.waiting[class as usize];
        waiting.bytes += spans.len() as u64;
        waiting.spans.push(spans);
    }

    /// The spans at a place, also those that were only just put; None if they were dropped.
    pub(super) fn read(&self, place: Place) -> Result<Option<Vec<u8>>, StorageError> {
        let segments = &self.segments;
        for (open, waiting) in segments.open.iter().zip(&self.waiting) {
            let Some(open) = open.as_ref().filter(|open| open.number == place.segment) else {
                continue;
            };
            let mut offset = signed(open.bytes);
            for spans in &waiting.spans {
                let bytes = signed(spans.len() as u64);
                if (offset, bytes) == (place.offset, place.bytes) {
                    return Ok(Some(spans.to_vec()));
                }
                offset += bytes;
            }
        }
        Ok(read(&segments.folder, place)?)
    }

    /// Writes and syncs all that was put. `last` is the place of the group's last event.
    pub(super) fn write(self, connection: &Connection, last: i64) -> Result<(), StorageError> {
        for (open, waiting) in self.segments.open.iter_mut().zip(self.waiting) {
            let Some(open) = open.as_mut().filter(|_| !waiting.spans.is_empty()) else {
                continue;
            };
            write_all(&open.file, &waiting.spans)?;
            open.file.sync_data()?;
            forget(&open.file, open.bytes, waiting.bytes);
            open.bytes += waiting.bytes;
            connection
                .prepare_cached(
                    "UPDATE segment SET bytes = ?2, runs = runs + ?3, last = ?4 WHERE number = ?1",
                )?
                .execute(params![
                    open.number,
                    signed(open.bytes),
                    signed(waiting.spans.len() as u64),
                    last
                ])?;
        }
        Ok(())
    }
}

/// The spans at a place beside the database in `data`; None if they were dropped.
pub(super) fn read_beside(data: &Path, place: Place) -> io::Result<Option<Vec<u8>>> {
    read(&data.join(FOLDER), place)
}

fn read(folder: &Path, place: Place) -> io::Result<Option<Vec<u8>>> {
    let mut file = match File::open(file_of(folder, place.segment)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(place.offset.cast_unsigned()))?;
    let mut spans = Vec::new();
    let bytes = place.bytes.cast_unsigned();
    file.take(bytes).read_to_end(&mut spans)?;
    if spans.len() as u64 == bytes {
        Ok(Some(spans))
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn write_all(mut file: &File, spans: &[&[u8]]) -> io::Result<()> {
    for some in spans.chunks(SLICES_MAX) {
        let mut slices: Vec<IoSlice<'_>> = some.iter().map(|spans| IoSlice::new(spans)).collect();
        let mut left = slices.as_mut_slice();
        // Empty ones first, or a write of nothing would look like a full disk.
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match file.write_vectored(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Gives up the memory of pages that are on disk: of spans hardly any are read again, and the next
/// ones are written into pages that are warm instead of ever new ones, at half the cost.
fn forget(file: &File, offset: u64, bytes: u64) {
    // Only an advice: nothing depends on it.
    let _ = fadvise(file, offset, NonZeroU64::new(bytes), Advice::DontNeed);
}

fn file_of(folder: &Path, number: i64) -> PathBuf {
    folder.join(format!("{number:08}.otlp"))
}

fn number(name: &str) -> Option<i64> {
    name.strip_suffix(".otlp")?.parse().ok()
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).expect("far below 2^63 bytes")
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Access(error.to_string())
            }
            _ => Self::Io(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
