//! How much memory a request takes once decoded, told before it is decoded.
//!
//! Two bytes of protobuf can stand for an empty span, which takes some 300 bytes of memory: a
//! body of 16 MiB, itself compressed to a few KiB, could take gigabytes. So the nesting is walked
//! first and what it would take is held against its size.

use opentelemetry_proto::tonic::common::v1::{AnyValue, EntityRef, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

/// Bytes of structures that one byte of a request may decode to. Our own runs take 2 to 3: an
/// attribute is 64 bytes or so and at least 20 on the wire.
const STRUCTURES_PER_BYTE_MAX: usize = 8;

/// What small requests may take in any case.
const STRUCTURES_BYTES_MIN: usize = 4_096;

/// Deeper nesting is refused by the decoder itself, which stops at 100 levels.
const DEPTH_MAX: usize = 100;

/// Whether `request`, an `Export…ServiceRequest` of this kind, decodes to far more than its size.
/// What is malformed is left to the decoder to tell.
pub(crate) fn is_too_dense(request: &[u8], kind: Message) -> bool {
    weigh(request, kind, structures_max(request.len()), DEPTH_MAX).is_none()
}

/// Bytes of structures that a request of so many `bytes` may decode to.
pub(crate) const fn structures_max(bytes: usize) -> usize {
    let max = bytes.saturating_mul(STRUCTURES_PER_BYTE_MAX);
    if max > STRUCTURES_BYTES_MIN {
        max
    } else {
        STRUCTURES_BYTES_MIN
    }
}

/// The messages that hold others, and the one text of which a message may hold many.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Message {
    Traces,
    ResourceSpans,
    ScopeSpans,
    Span,
    Event,
    Link,
    Logs,
    ResourceLogs,
    ScopeLogs,
    LogRecord,
    Resource,
    EntityRef,
    Text,
    Scope,
    KeyValue,
    AnyValue,
    ArrayValue,
    KeyValueList,
}

impl Message {
    /// The message in field `number`, if it is one
    /// (<https://github.com/open-telemetry/opentelemetry-proto>, v1.11.0).
    const fn field(self, number: u64) -> Option<Self> {
        match (self, number) {
            (Self::Traces, 1) => Some(Self::ResourceSpans),
            (Self::Logs, 1) => Some(Self::ResourceLogs),
            (Self::ResourceSpans | Self::ResourceLogs, 1) => Some(Self::Resource),
            (Self::ScopeSpans | Self::ScopeLogs, 1) => Some(Self::Scope),
            (Self::ResourceSpans, 2) => Some(Self::ScopeSpans),
            (Self::ScopeSpans, 2) => Some(Self::Span),
            (Self::ResourceLogs, 2) => Some(Self::ScopeLogs),
            (Self::ScopeLogs, 2) => Some(Self::LogRecord),
            (Self::Span, 11) => Some(Self::Event),
            (Self::Span, 13) => Some(Self::Link),
            (Self::Resource, 3) => Some(Self::EntityRef),
            (Self::EntityRef, 3 | 4) => Some(Self::Text),
            (Self::Resource, 1)
            | (Self::Scope | Self::Event, 3)
            | (Self::Span, 9)
            | (Self::Link, 4)
            | (Self::LogRecord, 6)
            | (Self::KeyValueList, 1) => Some(Self::KeyValue),
            (Self::KeyValue, 2) | (Self::LogRecord, 5) | (Self::ArrayValue, 1) => {
                Some(Self::AnyValue)
            }
            (Self::AnyValue, 5) => Some(Self::ArrayValue),
            (Self::AnyValue, 6) => Some(Self::KeyValueList),
            _ => None,
        }
    }

    /// What one takes, without what it points to.
    const fn bytes(self) -> usize {
        match self {
            Self::Traces | Self::Logs | Self::ArrayValue | Self::KeyValueList => 0,
            Self::ResourceSpans => size_of::<ResourceSpans>(),
            Self::ScopeSpans => size_of::<ScopeSpans>(),
            Self::Span => size_of::<Span>(),
            Self::Event => size_of::<Event>(),
            Self::Link => size_of::<Link>(),
            Self::ResourceLogs => size_of::<ResourceLogs>(),
            Self::ScopeLogs => size_of::<ScopeLogs>(),
            Self::LogRecord => size_of::<LogRecord>(),
            Self::Resource => size_of::<Resource>(),
            Self::EntityRef => size_of::<EntityRef>(),
            Self::Text => size_of::<String>(),
            Self::Scope => size_of::<InstrumentationScope>(),
            Self::KeyValue => size_of::<KeyValue>(),
            Self::AnyValue => size_of::<AnyValue>(),
        }
    }
}

/// What is left of `budget` after everything in `bytes`; none if it does not suffice.
fn weigh(mut bytes: &[u8], message: Message, budget: usize, depth: usize) -> Option<usize> {
    let mut left = budget.checked_sub(message.bytes())?;
    while let Some(field) = Field::first(bytes) {
        bytes = field.rest;
        if let (Some(inner), 1..) = (message.field(field.number), depth) {
            left = weigh(field.content, inner, left, depth - 1)?;
        }
    }
    Some(left)
}

/// One field of a message.
pub(crate) struct Field<'a> {
    pub(crate) number: u64,
    /// Its bytes; empty for a varint.
    pub(crate) content: &'a [u8],
    /// What follows the field.
    pub(crate) rest: &'a [u8],
}

impl<'a> Field<'a> {
    /// None at the end, or where the bytes are malformed.
    pub(crate) fn first(bytes: &'a [u8]) -> Option<Self> {
        let (key, rest) = varint(bytes)?;
        let (content, rest) = match key & 7 {
            0 => (&[][..], varint(rest)?.1),
            1 => rest.split_at_checked(8)?,
            2 => {
                let (length, rest) = varint(rest)?;
                rest.split_at_checked(usize::try_from(length).ok()?)?
            }
            // The deprecated groups: what is in one is walked as if it stood beside it.
            3 | 4 => (&[][..], rest),
            5 => rest.split_at_checked(4)?,
            _ => return None,
        };
        Some(Self {
            number: key >> 3,
            content,
            rest,
        })
    }
}

/// The varint at the front and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (i, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `inner`, `count` times as field `number`.
    fn repeated(number: u8, inner: &[u8], count: usize) -> Vec<u8> {
        let mut length = Vec::new();
        let mut left = inner.len();
        while left >= 0x80 {
            length.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
            left >>= 7;
        }
        length.push(u8::try_from(left).unwrap());
        [&[number << 3 | 2], length.as_slice(), inner]
            .concat()
            .repeat(count)
    }

    #[test]
    fn empty_messages_at_every_level_are_too_dense() {
        const MANY: usize = 10_000;
        let spans = |inside: &[u8]| repeated(1, &repeated(2, inside, 1), 1);
        let span = |inside: &[u8]| spans(&repeated(2, inside, 1));
        for (name, request) in [
            ("resource spans", repeated(1, &[], MANY)),
            ("scope spans", repeated(1, &repeated(2, &[], MANY), 1)),
            ("spans", spans(&repeated(2, &[], MANY))),
            ("attributes", span(&repeated(9, &[], MANY))),
            (
                "entity keys",
                repeated(
                    1,
                    &repeated(1, &repeated(3, &repeated(3, &[], MANY), 1), 1),
                    1,
                ),
            ),
            ("events", span(&repeated(11, &[], MANY))),
            ("links", span(&repeated(13, &[], MANY))),
            (
                "array entries",
                span(&repeated(
                    9,
                    &repeated(2, &repeated(5, &repeated(1, &[], MANY), 1), 1),
                    1,
                )),
            ),
        ] {
            assert!(is_too_dense(&request, Message::Traces), "{name}");
        }
        let records = repeated(1, &repeated(2, &repeated(2, &[], MANY), 1), 1);
        assert!(is_too_dense(&records, Message::Logs));
    }

    #[test]
    fn small_or_malformed_requests_are_left_to_the_decoder() {
        assert!(!is_too_dense(&[], Message::Traces));
        assert!(!is_too_dense(&repeated(1, &[], 9), Message::Traces));
        assert!(!is_too_dense(&[0x0a; 9], Message::Traces));
        assert!(!is_too_dense(&[0xff; 9_999], Message::Logs));
        let deep = (0..500).fold(Vec::new(), |inner, _| {
            repeated(5, &repeated(1, &inner, 1), 1)
        });
        let span = repeated(2, &repeated(9, &repeated(2, &deep, 1), 1), 1);
        assert!(!is_too_dense(
            &repeated(1, &repeated(2, &span, 1), 1),
            Message::Traces
        ));
    }
}
