//! A segment file: records one behind the other, and where each of them lies.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bongsu_model::{RunId, Timestamp};
use bytes::Bytes;

use super::record::{self, HEAD_BYTES, RecordKind};

/// What every segment begins with.
pub(super) const MAGIC: &[u8; 8] = b"BONGSU1\n";

/// Where a record lies in its segment, and what decides about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) sequence: u64,
    pub(super) time: Timestamp,
    /// Where its head begins in the file.
    offset: u32,
    pub(super) payload_bytes: u32,
    pub(super) items: u16,
    pub(super) kind: RecordKind,
}

impl Entry {
    pub(super) const fn disk_bytes(&self) -> u64 {
        HEAD_BYTES as u64 + self.payload_bytes as u64
    }
}

/// A segment file and the places of its records, in order of sequence.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) entries: Vec<Entry>,
    /// Bytes of the file.
    pub(super) bytes: u64,
}

/// What was found when a segment file was read at the start.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) segment: Segment,
    /// The runs whose records were found.
    pub(super) runs: Vec<RunId>,
    /// Bytes at the end that are no whole record.
    pub(super) damaged_bytes: u64,
}

impl Segment {
    pub(super) fn path_in(folder: &Path, base: u64) -> PathBuf {
        folder.join(format!("{base:020}.seg"))
    }

    pub(super) const fn empty(path: PathBuf) -> Self {
        Self {
            path,
            entries: Vec::new(),
            bytes: MAGIC.len() as u64,
        }
    }

    /// Reads a segment file up to the first record that is not whole.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn scan(path: PathBuf) -> std::io::Result<Scanned> {
        let bytes = std::fs::read(&path)?;
        let mut segment = Self::empty(path);
        let mut runs = Vec::new();
        let mut at = MAGIC.len();
        if bytes.starts_with(MAGIC) {
            while let Some((head, payload)) = bytes.get(at..).and_then(record::decode) {
                if segment
                    .last_sequence()
                    .is_none_or(|last| head.sequence > last)
                {
                    segment.note(&head);
                    runs.extend(head.run);
                }
                at += HEAD_BYTES + payload.len();
                segment.bytes = at as u64;
            }
        } else {
            at = 0;
            segment.bytes = 0;
        }
        Ok(Scanned {
            segment,
            runs,
            damaged_bytes: (bytes.len() - at.min(bytes.len())) as u64,
        })
    }

    /// Takes note of a record that was written at the end.
    pub(super) fn appended(&mut self, head: &record::Head) {
        self.note(head);
        self.bytes += HEAD_BYTES as u64 + u64::from(head.payload_bytes);
    }

    fn note(&mut self, head: &record::Head) {
        self.entries.push(Entry {
            sequence: head.sequence,
            time: head.time,
            offset: u32::try_from(self.bytes).expect("segments are far smaller than 4 GiB"),
            payload_bytes: head.payload_bytes,
            items: head.items,
            kind: head.kind,
        });
    }

    pub(super) fn last_sequence(&self) -> Option<u64> {
        self.entries.last().map(|entry| entry.sequence)
    }

    /// The sequences that the segment spans, whether or not records are missing in between.
    pub(super) fn span(&self) -> Range<u64> {
        match (self.entries.first(), self.entries.last()) {
            (Some(first), Some(last)) => first.sequence..last.sequence + 1,
            _ => 0..0,
        }
    }

    /// The whole record, checksum included, as it stands on disk. None if it is damaged.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn read_encoded(
        &self,
        file: &File,
        entry: &Entry,
    ) -> std::io::Result<Option<Vec<u8>>> {
        let length = usize::try_from(entry.disk_bytes()).expect("a record fits into memory");
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, u64::from(entry.offset))?;
        let is_whole =
            record::decode(&bytes).is_some_and(|(head, _)| head.sequence == entry.sequence);
        Ok(is_whole.then_some(bytes))
    }

    /// The payloads of records of this segment, in their order. None for one that is damaged, or
    /// whose file is gone or cut short: one such record must not hold up all that stands behind it.
    ///
    /// # Errors
    /// When the file cannot be read now, and another try may help.
    pub(super) fn read_payloads(&self, entries: &[Entry]) -> std::io::Result<Vec<Option<Bytes>>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if is_lasting(&error) => {
                self.tell_lost(&error);
                return Ok(vec![None; entries.len()]);
            }
            Err(error) => return Err(error),
        };
        if let Some(payloads) = read_together(&file, entries) {
            return Ok(payloads);
        }
        let alone = |entry| match self.read_encoded(&file, entry) {
            Ok(encoded) => Ok(encoded.map(|bytes| Bytes::from(bytes).slice(HEAD_BYTES..))),
            Err(error) if is_lasting(&error) => {
                self.tell_lost(&error);
                Ok(None)
            }
            Err(error) => Err(error),
        };
        entries.iter().map(alone).collect()
    }

    fn tell_lost(&self, error: &std::io::Error) {
        tracing::error!(path = %self.path.display(), %error, "a spooled record is lost");
    }
}

/// The payloads of records that stand one behind the other, by one read and as parts of one
/// buffer. None if they do not stand so, or if not all of them can be read whole.
fn read_together(file: &File, entries: &[Entry]) -> Option<Vec<Option<Bytes>>> {
    let start = u64::from(entries.first()?.offset);
    let mut end = start;
    for entry in entries {
        if u64::from(entry.offset) != end {
            return None;
        }
        end += entry.disk_bytes();
    }
    let mut bytes = vec![0; usize::try_from(end - start).ok()?];
    file.read_exact_at(&mut bytes, start).ok()?;
    let bytes = Bytes::from(bytes);
    let mut at = 0;
    let mut payloads = Vec::with_capacity(entries.len());
    for entry in entries {
        let (head, payload) = record::decode(&bytes[at..])?;
        if head.sequence != entry.sequence {
            return None;
        }
        let begins = at + HEAD_BYTES;
        at = begins + payload.len();
        payloads.push(Some(bytes.slice(begins..at)));
    }
    Some(payloads)
}

/// Whether trying again can never help: the file was removed or cut, or its sector is bad.
fn is_lasting(error: &std::io::Error) -> bool {
    /// `EIO`, for which the standard library has no kind.
    const BAD_SECTOR: i32 = 5;
    matches!(
        error.kind(),
        std::io::ErrorKind::NotFound | std::io::ErrorKind::UnexpectedEof
    ) || error.raw_os_error() == Some(BAD_SECTOR)
}
