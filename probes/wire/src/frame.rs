//! Protobuf of a run's trace, written in one pass.
//!
//! The generated code asks every message for its length before it writes it, and each of those for
//! the lengths of all inside it: at six levels an attribute is measured six times. Here a message
//! is written first, and its length put before it. The bytes are the same.
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message as _;

/// Wire types.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;

/// The `ExportTraceServiceRequest` of one resource and one scope.
pub(crate) fn request(
    resource: &Resource,
    scope: &InstrumentationScope,
    spans: &[Span],
    schema_url: &str,
) -> Vec<u8> {
    let mut frame = Frame(Vec::with_capacity(1024 * (spans.len() + 1)));
    frame.message(1, |resource_spans| {
        resource_spans.message(1, |frame| {
            frame.attributes(1, &resource.attributes);
        });
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
struct Frame(Vec<u8>);

impl Frame {
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

    fn span(&mut self, span: &Span) {
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
        self.attributes(9, &span.attributes);
        if let Some(Status { message, code }) = &span.status {
            self.message(15, |frame| {
                frame.text(2, message);
                if *code != 0 {
                    frame.number(3, (*code).into());
                }
            });
        }
    }

    fn attributes(&mut self, field: u32, attributes: &[KeyValue]) {
        for pair in attributes {
            self.message(field, |frame| {
                frame.text(1, &pair.key);
                if let Some(value) = &pair.value {
                    frame.message(2, |frame| frame.value(value));
                }
            });
        }
    }

    fn value(&mut self, value: &AnyValue) {
        match &value.value {
            None => {}
            Some(Value::StringValue(text)) => self.any_bytes(1, text.as_bytes()),
            Some(Value::BoolValue(flag)) => self.number(2, i64::from(*flag)),
            Some(Value::IntValue(number)) => self.number(3, *number),
            Some(Value::DoubleValue(double)) => self.fixed64(4, double.to_bits()),
            Some(Value::ArrayValue(array)) => self.message(5, |frame| {
                for value in &array.values {
                    frame.message(1, |frame| frame.value(value));
                }
            }),
            // Nothing of ours has one of these.
            Some(_) => self.0.extend(value.encode_to_vec()),
        }
    }
}
