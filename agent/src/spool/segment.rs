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
    pub(super) fn appended(&mut self, encoded: &[u8]) {
        let (head, _) = record::decode(encoded).expect("just encoded");
        self.note(&head);
        self.bytes += encoded.len() as u64;
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

    /// The record's payload. None if it is damaged, or its file gone or cut short: one such record
    /// must not hold up all that stands behind it.
    ///
    /// # Errors
    /// When the file cannot be read now, and another try may help.
    pub(super) fn read_payload(&self, entry: &Entry) -> std::io::Result<Option<Bytes>> {
        let read = File::open(&self.path).and_then(|file| self.read_encoded(&file, entry));
        match read {
            Ok(encoded) => Ok(encoded.map(|bytes| Bytes::from(bytes).slice(HEAD_BYTES..))),
            Err(error) if is_lasting(&error) => {
                tracing::error!(path = %self.path.display(), %error, "a spooled record is lost");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
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
