//! Protobuf of a run's trace, written in one pass.
//!
//! The generated code asks every message for its length before it writes it, and each of those for
//! the lengths of all inside it: at six levels an attribute is measured six times. Here a message
//! is written first, and its length put before it. The bytes are the same.
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

/// Wire types.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;

/// A span whose attributes are written already, as those of field [`SPAN_ATTRIBUTES`].
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) span: Span,
    pub(crate) attributes: Vec<u8>,
}

/// The field of a `Resource` that its attributes are.
pub(crate) const RESOURCE_ATTRIBUTES: u32 = 1;

/// The field of a `Span` that its attributes are.
pub(crate) const SPAN_ATTRIBUTES: u32 = 9;

/// The `ExportTraceServiceRequest` of one resource, given by its attributes, and one scope.
pub(crate) fn request(
    resource: &[u8],
    scope: &InstrumentationScope,
    spans: &[Written],
    schema_url: &str,
) -> Vec<u8> {
    let mut frame = Frame(Vec::with_capacity(1024 * (spans.len() + 1)));
    frame.message(1, |resource_spans| {
        resource_spans.any_bytes(1, resource);
        resource_spans.message(2, |scope_spans| {
            scope_spans.message(1, |frame| {
                frame.text(1, &scope.name);
                frame.text(2, &scope.version);
            });
            for span in spans {
                scope_spans.message(2, |frame| frame.span(span));
            }
            scope_spans.text(3, schema_url);
        });
        resource_spans.text(3, schema_url);
    });
    frame.0
}

/// What is written so far.
#[derive(Debug)]
pub(crate) struct Frame(Vec<u8>);

impl Frame {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                self.0.push(low & 0x7f);
                return;
            }
            self.0.push(low | 0x80);
        }
    }

    fn key(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    /// A message in a message: its length is put before it when it is known. For most, one byte
    /// holds it; longer ones are moved up by what is missing.
    fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        self.key(field, BYTES);
        let start = self.0.len();
        self.0.push(0);
        write(self);
        let end = self.0.len();
        self.varint((end - start - 1) as u64);
        let (length, more) = (self.0.len() - end, self.0.len() - end - 1);
        let mut bytes = [0; 10];
        bytes[..length].copy_from_slice(&self.0[end..]);
        self.0.truncate(end + more);
        if more > 0 {
            self.0.copy_within(start + 1..end, start + length);
        }
        self.0[start..start + length].copy_from_slice(&bytes[..length]);
    }

    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.any_bytes(field, bytes);
        }
    }

    fn text(&mut self, field: u32, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    /// Also if there are none: which of several fields is there says what a value is.
    fn any_bytes(&mut self, field: u32, bytes: &[u8]) {
        self.key(field, BYTES);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn fixed64(&mut self, field: u32, value: u64) {
        self.key(field, FIXED64);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A whole number; negative ones as their two's complement in 64 bits.
    fn number(&mut self, field: u32, value: i64) {
        self.key(field, VARINT);
        self.varint(u64::from_le_bytes(value.to_le_bytes()));
    }

    fn span(&mut self, Written { span, attributes }: &Written) {
        self.bytes(1, &span.trace_id);
        self.bytes(2, &span.span_id);
        self.bytes(4, &span.parent_span_id);
        self.text(5, &span.name);
        if span.kind != 0 {
            self.number(6, span.kind.into());
        }
        for (field, time) in [(7, span.start_time_unix_nano), (8, span.end_time_unix_nano)] {
            if time != 0 {
                self.fixed64(field, time);
            }
        }
        self.0.extend_from_slice(attributes);
        if let Some(Status { message, code }) = &span.status {
            self.message(15, |frame| {
                frame.text(2, message);
                if *code != 0 {
                    frame.number(3, (*code).into());
                }
            });
        }
    }

    /// A `KeyValue` as `field`.
    pub(crate) fn attribute(&mut self, field: u32, name: &str, write: impl FnOnce(&mut Self)) {
        self.message(field, |frame| {
            frame.text(1, name);
            frame.message(2, write);
        });
    }

    /// What an `AnyValue` holds.
    pub(crate) fn value(&mut self, value: Item<'_>) {
        match value {
            Item::Text(text) => self.any_bytes(1, text.as_bytes()),
            Item::Flag(flag) => self.number(2, i64::from(flag)),
            Item::Number(number) => self.number(3, number),
            Item::Double(double) => self.fixed64(4, double.to_bits()),
        }
    }

    pub(crate) fn array<'a>(&mut self, values: impl Iterator<Item = Item<'a>>) {
        self.message(5, |frame| {
            for value in values {
                frame.message(1, |frame| frame.value(value));
            }
        });
    }
}

/// A value that is no array.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Item<'a> {
    Text(&'a str),
    Flag(bool),
    Number(i64),
    Double(f64),
}
