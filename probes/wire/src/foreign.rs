//! Spans that are no runs of Bongsu, taken out of a request byte for byte.

use std::collections::HashSet;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use crate::protobuf;
use crate::refusal::DecodeError;
use crate::weight::{Field, Message, is_too_dense};

/// What the attributes of our own spans begin with.
const OURS: &[u8] = b"bongsu.";

/// Numbers of fields on the way to an attribute's key
/// (<https://github.com/open-telemetry/opentelemetry-proto>, v1.11.0).
const SPAN_TRACE_ID: u64 = 1;
const SPAN_ATTRIBUTES: u64 = 9;
const ATTRIBUTE_KEY: u64 = 1;

/// The fields that hold the next message on the way from a request to its spans.
const WAY: [u64; 3] = [1, 2, 2];

/// Spans that are no run of Bongsu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignSpans {
    /// They alone as an `ExportTraceServiceRequest`, with their resources and scopes.
    pub request: Vec<u8>,
    /// How many.
    pub count: u64,
}

/// A request, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sorted {
    /// What is left of it for [`decode_traces`](crate::decode_traces).
    pub ours: Vec<u8>,
    /// Spans in `ours`.
    pub ours_count: u64,
    /// What is foreign, if anything is.
    pub foreign: Option<ForeignSpans>,
}

/// Takes the foreign spans out of a request: those of traces of which no span has an attribute of
/// Bongsu. What a span holds, unknown fields included, stays as it came.
///
/// # Errors
/// When there are foreign spans and the bytes are no `ExportTraceServiceRequest`. A request
/// without them is returned as it came: whoever decodes it tells what is wrong.
pub fn take_foreign(request: Vec<u8>) -> Result<Sorted, DecodeError> {
    const MESSAGE: &str = "ExportTraceServiceRequest";
    let mut ours = HashSet::new();
    let mut count = 0;
    each_span(&request, &WAY, &mut |span| {
        count += 1;
        if is_ours(span) {
            ours.insert(trace_id(span));
        }
    });
    let mut foreign_count = 0;
    each_span(&request, &WAY, &mut |span| {
        foreign_count += u64::from(!ours.contains(trace_id(span)));
    });
    if foreign_count == 0 {
        return Ok(Sorted {
            ours_count: count,
            ours: request,
            foreign: None,
        });
    }
    if is_too_dense(&request, Message::Traces) {
        return Err(DecodeError::TooDense { message: MESSAGE });
    }
    ExportTraceServiceRequest::decode(request.as_slice())
        .map_err(DecodeError::protobuf(MESSAGE))?;
    let part = |is_kept: &dyn Fn(&[u8]) -> bool| {
        let mut out = Vec::new();
        copy(&request, &WAY, is_kept, &mut out);
        out
    };
    let foreign = part(&|span| !ours.contains(trace_id(span)));
    Ok(Sorted {
        ours: part(&|span| ours.contains(trace_id(span))),
        ours_count: count - foreign_count,
        foreign: Some(ForeignSpans {
            request: foreign,
            count: foreign_count,
        }),
    })
}

fn fields(mut bytes: &[u8]) -> impl Iterator<Item = Field<'_>> {
    std::iter::from_fn(move || {
        let field = Field::first(bytes)?;
        bytes = field.rest;
        Some(field)
    })
}

fn each_span<'b>(bytes: &'b [u8], way: &[u64], seen: &mut impl FnMut(&'b [u8])) {
    let Some((next, way)) = way.split_first() else {
        seen(bytes);
        return;
    };
    for field in fields(bytes).filter(|field| field.number == *next) {
        each_span(field.content, way, seen);
    }
}

fn trace_id(span: &[u8]) -> &[u8] {
    // Of a field that is there twice the last one counts.
    fields(span)
        .filter(|field| field.number == SPAN_TRACE_ID)
        .last()
        .map_or(&[], |field| field.content)
}

fn is_ours(span: &[u8]) -> bool {
    fields(span)
        .filter(|field| field.number == SPAN_ATTRIBUTES)
        .flat_map(|attribute| fields(attribute.content))
        .any(|field| field.number == ATTRIBUTE_KEY && field.content.starts_with(OURS))
}

/// Copies a message with those of its spans that are kept; whether there were any. What holds no
/// kept span is left out.
fn copy(mut bytes: &[u8], way: &[u64], is_kept: &dyn Fn(&[u8]) -> bool, out: &mut Vec<u8>) -> bool {
    let Some((next, way)) = way.split_first() else {
        out.extend_from_slice(bytes);
        return is_kept(bytes);
    };
    let mut any = false;
    while let Some(field) = Field::first(bytes) {
        let (whole, rest) = bytes.split_at(bytes.len() - field.rest.len());
        if field.number == *next {
            let before = out.len();
            let number = u32::try_from(*next).expect("a small constant");
            let from = protobuf::begin(out, number);
            if copy(field.content, way, is_kept, out) {
                protobuf::end(out, from);
                any = true;
            } else {
                out.truncate(before);
            }
        } else {
            out.extend_from_slice(whole);
        }
        bytes = rest;
    }
    any
}
