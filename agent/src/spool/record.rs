//! A record: the bytes of one OTLP message as they will be sent, and what the spool must know of it.

use bongsu_model::{RunId, Timestamp};
use bytes::Bytes;

use crate::crc::crc32c;

/// What a record is, which decides where it is sent and when it may be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// A plan record (OTLP logs): sent before any run, dropped last.
    Plan,
    /// A run that passed (OTLP traces): the first to go when the spool is full.
    PassedRun,
    /// Any other run (OTLP traces).
    Run,
    /// What a failed run saw (OTLP logs).
    Evidence,
}

impl RecordKind {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Plan => 1,
            Self::PassedRun => 2,
            Self::Run => 3,
            Self::Evidence => 4,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Plan),
            2 => Some(Self::PassedRun),
            3 => Some(Self::Run),
            4 => Some(Self::Evidence),
            _ => None,
        }
    }

    /// The path that the record's bytes are posted to.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::PassedRun | Self::Run => "/v1/traces",
            Self::Plan | Self::Evidence => "/v1/logs",
        }
    }
}

/// What is put into the spool.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// What it is.
    pub(crate) kind: RecordKind,
    /// When it was made.
    pub(crate) time: Timestamp,
    /// The run it belongs to, if it belongs to one.
    pub(crate) run: Option<RunId>,
    /// How many spans or log records it holds.
    pub(crate) items: u16,
    /// The encoded OTLP request, sent as it is.
    pub(crate) payload: Bytes,
}

/// Bytes of the head of a record on disk.
///
/// Layout, little-endian: payload length u32, CRC-32C u32 over all that follows, sequence u64,
/// time in ns u64, run id 16 bytes (zeroes for none), items u16, kind u8, zero u8; then the payload.
pub(super) const HEAD_BYTES: usize = 4 + 4 + 8 + 8 + 16 + 2 + 1 + 1;

/// Largest payload: a longer length on disk is damage. A plan may have 12 MiB, a run 8 MiB.
pub(super) const PAYLOAD_BYTES_MAX: usize = 16 << 20;

/// A record's head as read from disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) sequence: u64,
    pub(super) time: Timestamp,
    pub(super) run: Option<RunId>,
    pub(super) items: u16,
    pub(super) kind: RecordKind,
    pub(super) payload_bytes: u32,
}

/// The record as it stands on disk, and its head.
pub(super) fn encode(sequence: u64, record: &Record) -> (Head, Vec<u8>) {
    let payload_bytes = u32::try_from(record.payload.len()).expect("checked against the maximum");
    let mut bytes = Vec::with_capacity(HEAD_BYTES + record.payload.len());
    bytes.extend(payload_bytes.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(sequence.to_le_bytes());
    bytes.extend(record.time.as_unix_nanos().to_le_bytes());
    bytes.extend(record.run.map_or([0; 16], |run| *run.as_bytes()));
    bytes.extend(record.items.to_le_bytes());
    bytes.extend([record.kind.to_byte(), 0]);
    bytes.extend_from_slice(&record.payload);
    let crc = crc32c(&[&bytes[..4], &bytes[8..]]);
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    let head = Head {
        sequence,
        time: record.time,
        run: record.run,
        items: record.items,
        kind: record.kind,
        payload_bytes,
    };
    (head, bytes)
}

/// The first record of `bytes` and its payload. None if it is cut short or damaged.
pub(super) fn decode(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let head = bytes.get(..HEAD_BYTES)?;
    let payload_bytes = u32_at(head, 0);
    let length = usize::try_from(payload_bytes).ok()?;
    if length > PAYLOAD_BYTES_MAX {
        return None;
    }
    let payload = bytes.get(HEAD_BYTES..HEAD_BYTES + length)?;
    if crc32c(&[&head[..4], &head[8..], payload]) != u32_at(head, 4) {
        return None;
    }
    let run: [u8; 16] = head[24..40].try_into().expect("16 bytes");
    let head = Head {
        sequence: u64_at(head, 8),
        time: Timestamp::from_unix_nanos(u64_at(head, 16)),
        run: (run != [0; 16]).then(|| RunId::from_bytes(run)),
        items: u16::from_le_bytes(head[40..42].try_into().expect("2 bytes")),
        kind: RecordKind::from_byte(head[42])?,
        payload_bytes,
    };
    Some((head, payload))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}
