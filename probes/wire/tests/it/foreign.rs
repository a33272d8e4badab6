//! Foreign spans taken out of requests.

use bongsu_wire::{decode_traces, encode_run, merge_traces, take_foreign};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message as _;

use crate::canonical::{pass, resource, runs};

fn span(trace: u8, id: u8, key: &str) -> Span {
    Span {
        trace_id: vec![trace; 16],
        span_id: vec![id; 8],
        name: "GET /".to_owned(),
        attributes: vec![KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue {
                value: Some(Value::IntValue(1)),
            }),
            ..KeyValue::default()
        }],
        ..Span::default()
    }
}

fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource::default()),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: "other".to_owned(),
                    ..InstrumentationScope::default()
                }),
                spans,
                schema_url: "https://s".to_owned(),
            }],
            schema_url: "https://r".to_owned(),
        }],
    }
}

#[test]
fn requests_of_runs_are_left_as_they_came() {
    for (name, report) in runs() {
        let bytes = encode_run(&report, &resource());
        let sorted = take_foreign(bytes.clone()).unwrap();
        assert_eq!(sorted.ours, bytes, "{name}");
        assert_eq!(sorted.ours_count, report.steps.len() as u64 + 1);
        assert_eq!(sorted.foreign, None);
    }
    assert_eq!(take_foreign(Vec::new()).unwrap().foreign, None);
}

#[test]
fn foreign_spans_come_out_with_resource_and_scope_and_the_runs_stay() {
    let run = encode_run(&pass(), &resource());
    let other = request(vec![span(1, 1, "http.route"), span(2, 2, "x")]);
    let mixed = merge_traces([run.as_slice(), &other.encode_to_vec()]);
    let sorted = take_foreign(mixed).unwrap();
    assert_eq!(sorted.ours, run);
    assert_eq!(sorted.ours_count, pass().steps.len() as u64 + 1);
    let foreign = sorted.foreign.unwrap();
    assert_eq!(foreign.count, 2);
    assert_eq!(foreign.request, other.encode_to_vec());
}

#[test]
fn within_one_scope_each_trace_goes_its_way_whole() {
    // The second span of trace 1 makes it ours: a broken run is told to be broken, not passed on.
    let spans = vec![
        span(1, 1, "x"),
        span(2, 2, "x"),
        span(1, 3, "bongsu.schema"),
    ];
    let sorted = take_foreign(request(spans.clone()).encode_to_vec()).unwrap();
    let [a, b, c] = <[Span; 3]>::try_from(spans).unwrap();
    assert_eq!(sorted.ours, request(vec![a, c]).encode_to_vec());
    let foreign = sorted.foreign.unwrap();
    assert_eq!(foreign.request, request(vec![b]).encode_to_vec());
    assert!(decode_traces(&sorted.ours).unwrap()[0].is_err());
}

#[test]
fn unknown_fields_of_a_later_version_pass_untouched() {
    let mut bytes = span(1, 1, "x").encode_to_vec();
    // Field 900 with the text `new`.
    bytes.extend_from_slice(&[0xa2, 0x38, 3, b'n', b'e', b'w']);
    let nest = |number: u8, inner: &[u8]| {
        let length = u8::try_from(inner.len()).unwrap();
        [&[number << 3 | 2, length], inner].concat()
    };
    let whole = nest(1, &nest(2, &nest(2, &bytes)));
    let sorted = take_foreign(whole.clone()).unwrap();
    assert_eq!(sorted.foreign.unwrap().request, whole);
    assert!(sorted.ours.is_empty());
}

#[test]
fn malformed_and_too_dense_foreign_requests_are_refused() {
    let mut cut = request(vec![span(1, 1, "x"), span(2, 2, "y")]).encode_to_vec();
    cut.extend_from_slice(&[0x0a, 0x7f, 1]);
    let error = take_foreign(cut).unwrap_err().to_string();
    assert_eq!(error, "not a valid ExportTraceServiceRequest");
    let empty = request(vec![Span::default(); 50_000]).encode_to_vec();
    let error = take_foreign(empty).unwrap_err().to_string();
    assert!(error.contains("too many empty parts"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_span_is_lost_or_doubled(
        spans in prop::collection::vec((0_u8..4, any::<u8>(), any::<bool>()), 0..12),
        at in any::<prop::sample::Index>(),
    ) {
        let spans: Vec<Span> = spans
            .iter()
            .map(|(trace, id, ours)| span(*trace, *id, if *ours { "bongsu.x" } else { "x" }))
            .collect();
        let (left, right) = spans.split_at(at.index(spans.len() + 1));
        let mut whole = request(left.to_vec());
        whole.resource_spans.extend(request(right.to_vec()).resource_spans);
        let sorted = take_foreign(whole.encode_to_vec()).unwrap();
        let read = |bytes: &[u8]| -> Vec<Span> {
            let request = ExportTraceServiceRequest::decode(bytes).unwrap();
            let resources = request.resource_spans.into_iter();
            let scopes = resources.flat_map(|resource| resource.scope_spans);
            scopes.flat_map(|scope| scope.spans).collect()
        };
        let is_ours = |span: &Span| spans.iter().any(|other| {
            other.trace_id == span.trace_id && other.attributes[0].key == "bongsu.x"
        });
        let (ours, foreign): (Vec<Span>, Vec<Span>) = spans.iter().cloned().partition(is_ours);
        prop_assert_eq!(read(&sorted.ours), ours.clone());
        prop_assert_eq!(sorted.ours_count, ours.len() as u64);
        match sorted.foreign {
            Some(found) => {
                prop_assert_eq!(found.count, foreign.len() as u64);
                prop_assert_eq!(read(&found.request), foreign);
            }
            None => prop_assert!(foreign.is_empty()),
        }
    }

    #[test]
    fn any_bytes_are_sorted_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = take_foreign(bytes);
    }
}
