//! Requests that are read in place against the full decode.

use bongsu_wire::{
    AgentResource, decode_traces, decode_traces_whole, encode_run, is_read_in_place, merge_traces,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message as _;

use crate::agreement::agree;
use crate::canonical::{resource, runs};
use crate::strategies;

/// The canonical runs as one request.
fn canonical() -> Vec<u8> {
    let parts: Vec<_> = runs()
        .iter()
        .map(|(_, report)| encode_run(report, &resource()))
        .collect();
    // They are runs of one slot with different ends: the first of each journey is kept.
    merge_traces(
        parts
            .iter()
            .take(1)
            .chain(parts.iter().skip(5))
            .map(Vec::as_slice),
    )
}

fn spans(request: &mut ExportTraceServiceRequest) -> &mut Vec<Span> {
    &mut request.resource_spans[0].scope_spans[0].spans
}

#[test]
fn what_agents_write_is_read_in_place_and_kept_byte_for_byte() {
    for (name, report) in runs() {
        let bytes = encode_run(&report, &resource());
        assert!(is_read_in_place(&bytes), "{name}");
        let (read, decoded) = (decode_traces(&bytes), decode_traces_whole(&bytes));
        assert_eq!(read, decoded, "{name}");
        assert_eq!(read.unwrap()[0].as_ref().unwrap().spans, bytes, "{name}");
    }
}

#[test]
fn runs_whose_spans_alternate_come_apart() {
    let mut request = ExportTraceServiceRequest::decode(canonical().as_slice()).unwrap();
    let mut others = request.resource_spans.split_off(1);
    let more = std::mem::take(&mut others[0].scope_spans[0].spans);
    let own = std::mem::take(spans(&mut request));
    let (mut own, mut more) = (own.into_iter(), more.into_iter());
    while own.len() + more.len() > 0 {
        spans(&mut request).extend(own.next());
        spans(&mut request).extend(more.next());
    }
    let bytes = request.encode_to_vec();
    assert!(is_read_in_place(&bytes));
    assert_eq!(decode_traces(&bytes).unwrap().len(), 2);
    agree(&bytes);
}

#[test]
fn what_protobuf_allows_besides_is_left_to_the_decode() {
    type Change = fn(&mut Span);
    let changes: [(&str, Change); 8] = [
        ("events", |span| span.events.push(Event::default())),
        ("links", |span| span.links.push(Link::default())),
        ("a trace state", |span| span.trace_state = "a=b".to_owned()),
        ("flags", |span| span.flags = 1),
        ("dropped", |span| span.dropped_attributes_count = 1),
        ("a status text", |span| {
            span.status.get_or_insert_default().message = "no".to_owned();
        }),
        ("bytes", |span| {
            span.attributes.push(pair(Some(Value::BytesValue(vec![1]))));
        }),
        ("maps", |span| {
            let map = KeyValueList::default();
            span.attributes.push(pair(Some(Value::KvlistValue(map))));
        }),
    ];
    for (name, change) in changes {
        let mut request = ExportTraceServiceRequest::decode(canonical().as_slice()).unwrap();
        spans(&mut request).iter_mut().for_each(change);
        let bytes = request.encode_to_vec();
        assert!(!is_read_in_place(&bytes), "{name}");
        assert!(decode_traces(&bytes).unwrap()[0].is_ok(), "{name}");
        agree(&bytes);
    }
}

#[test]
fn a_message_in_two_parts_is_one() {
    // A second `resource` in the same message is merged into the first.
    let one = ExportTraceServiceRequest::decode(canonical().as_slice()).unwrap();
    let whole = one.resource_spans[0].encode_to_vec();
    let mut more = one.resource_spans[0].clone();
    more.scope_spans.clear();
    more.schema_url.clear();
    more.resource.as_mut().unwrap().attributes = vec![pair(None)];
    let merged = [whole, more.encode_to_vec()].concat();
    let mut request = vec![0x0a];
    prost::encode_length_delimiter(merged.len(), &mut request).unwrap();
    request.extend(merged);
    assert!(!is_read_in_place(&request));
    assert!(decode_traces(&request).unwrap()[0].is_ok());
    agree(&request);
}

fn pair(value: Option<Value>) -> KeyValue {
    KeyValue {
        key: "of.somebody.else".to_owned(),
        value: Some(AnyValue { value }),
        ..KeyValue::default()
    }
}

/// Changes that keep the protobuf whole.
#[derive(Debug, Clone)]
enum Change {
    RepeatSpan(Index, Index),
    RemoveSpan(Index),
    MoveSpan(Index, Index),
    RepeatAttribute(Index, Index),
    RemoveAttribute(Index, Index),
    SwapAttributes(Index, Index, Index),
    Replace(Index, Index, AnyValue),
    SwapValues(Index, Index, Index),
    Ids(Index, Vec<u8>),
    Times(Index, u64, u64),
    Foreign(Index),
    Resource(Index, AnyValue),
}

fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        "\\PC{0,8}".prop_map(|text| Some(Value::StringValue(text))),
        "[a-z]{1,8}".prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|bool| Some(Value::BoolValue(bool))),
        any::<i64>().prop_map(|int| Some(Value::IntValue(int))),
        any::<f64>().prop_map(|double| Some(Value::DoubleValue(double))),
        Just(Some(Value::DoubleValue(f64::NAN))),
        Just(Some(Value::BytesValue(vec![0xff]))),
    ];
    let leaf = leaf.prop_map(|value| AnyValue { value });
    leaf.prop_recursive(2, 8, 4, |inner| {
        proptest::collection::vec(inner, 0..4).prop_map(|values| AnyValue {
            value: Some(Value::ArrayValue(
                opentelemetry_proto::tonic::common::v1::ArrayValue { values },
            )),
        })
    })
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), at()).prop_map(|(a, b)| Change::RepeatSpan(a, b)),
        at().prop_map(Change::RemoveSpan),
        (at(), at()).prop_map(|(a, b)| Change::MoveSpan(a, b)),
        (at(), at()).prop_map(|(a, b)| Change::RepeatAttribute(a, b)),
        (at(), at()).prop_map(|(a, b)| Change::RemoveAttribute(a, b)),
        (at(), at(), at()).prop_map(|(a, b, c)| Change::SwapAttributes(a, b, c)),
        (at(), at(), value()).prop_map(|(a, b, c)| Change::Replace(a, b, c)),
        (at(), at(), at()).prop_map(|(a, b, c)| Change::SwapValues(a, b, c)),
        (at(), proptest::collection::vec(any::<u8>(), 0..17)).prop_map(|(a, b)| Change::Ids(a, b)),
        (at(), any::<u64>(), any::<u64>()).prop_map(|(a, b, c)| Change::Times(a, b, c)),
        at().prop_map(Change::Foreign),
        (at(), value()).prop_map(|(a, b)| Change::Resource(a, b)),
    ]
}

impl Change {
    fn make(&self, request: &mut ExportTraceServiceRequest) {
        if let Self::Resource(at, value) = self {
            let of = &mut at.get_mut(&mut request.resource_spans).resource;
            let attributes = &mut of.get_or_insert_default().attributes;
            if !attributes.is_empty() {
                at.get_mut(attributes).value = Some(value.clone());
            }
            return;
        }
        let all = spans(request);
        if all.is_empty() {
            return;
        }
        match self {
            Self::RepeatSpan(from, to) => {
                let span = from.get(all).clone();
                all.insert(to.index(all.len() + 1), span);
            }
            Self::RemoveSpan(at) => drop(all.remove(at.index(all.len()))),
            Self::MoveSpan(from, to) => {
                let span = all.remove(from.index(all.len()));
                all.insert(to.index(all.len() + 1), span);
            }
            Self::Ids(at, id) => {
                let span = at.get_mut(all);
                match id.len() % 3 {
                    0 => span.trace_id.clone_from(id),
                    1 => span.span_id.clone_from(id),
                    _ => span.parent_span_id.clone_from(id),
                }
            }
            Self::Times(at, start, end) => {
                let span = at.get_mut(all);
                (span.start_time_unix_nano, span.end_time_unix_nano) = (*start, *end);
            }
            Self::Foreign(at) => at.get_mut(all).attributes.clear(),
            Self::RepeatAttribute(at, _)
            | Self::RemoveAttribute(at, _)
            | Self::SwapAttributes(at, _, _)
            | Self::Replace(at, _, _)
            | Self::SwapValues(at, _, _) => self.attribute(&mut at.get_mut(all).attributes),
            Self::Resource(..) => {}
        }
    }

    fn attribute(&self, all: &mut Vec<KeyValue>) {
        if all.is_empty() {
            return;
        }
        let len = all.len();
        match self {
            Self::RepeatAttribute(_, at) => all.push(at.get(all).clone()),
            Self::RemoveAttribute(_, at) => drop(all.remove(at.index(len))),
            Self::SwapAttributes(_, a, b) => all.swap(a.index(len), b.index(len)),
            Self::Replace(_, at, value) => at.get_mut(all).value = Some(value.clone()),
            Self::SwapValues(_, a, b) => {
                let value = a.get(all).value.clone();
                b.get_mut(all).value = value;
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_runs_are_read_in_place_as_they_are_decoded(
        reports in proptest::collection::vec(strategies::report(), 0..4),
    ) {
        let parts: Vec<_> = reports
            .iter()
            .map(|report| {
                let agent = report.facts.vantage.agent.clone();
                encode_run(report, &AgentResource::new(agent, "0.1.0"))
            })
            .collect();
        let request = merge_traces(parts.iter().map(Vec::as_slice));
        prop_assert!(is_read_in_place(&request));
        prop_assert_eq!(decode_traces(&request), decode_traces_whole(&request));
    }

    #[test]
    fn a_changed_request_is_read_as_it_is_decoded(
        report in strategies::report(),
        arbitrary in any::<bool>(),
        changes in proptest::collection::vec(change(), 1..4),
    ) {
        let bytes = if arbitrary {
            let agent = report.facts.vantage.agent.clone();
            encode_run(&report, &AgentResource::new(agent, "0.1.0"))
        } else {
            canonical()
        };
        let mut request = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        for change in &changes {
            change.make(&mut request);
        }
        agree(&request.encode_to_vec());
    }

    #[test]
    fn a_damaged_request_is_read_as_it_is_decoded(
        damages in proptest::collection::vec((any::<Index>(), any::<u8>(), 0..5_u8), 1..4),
    ) {
        let mut bytes = canonical();
        for (at, byte, how) in damages {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                2 => bytes.insert(at, byte),
                3 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        agree(&bytes);
    }

    /// A field that is put into a span keeps every length around it right.
    #[test]
    fn a_field_more_is_read_as_it_is_decoded(
        at in any::<Index>(), tag in any::<u8>(), content in proptest::collection::vec(any::<u8>(), 0..12),
        first in any::<bool>(),
    ) {
        let mut request = ExportTraceServiceRequest::decode(canonical().as_slice()).unwrap();
        let span = at.get(spans(&mut request)).encode_to_vec();
        let mut field = vec![tag];
        match tag & 7 {
            2 => {
                prost::encode_length_delimiter(content.len(), &mut field).unwrap();
                field.extend(&content);
            }
            1 => field.extend([7; 8]),
            5 => field.extend([7; 4]),
            _ => field.extend(&content),
        }
        let span = if first { [field, span].concat() } else { [span, field].concat() };
        let place = at.index(spans(&mut request).len());
        let mut scope_spans = Vec::new();
        for (i, other) in spans(&mut request).iter().enumerate() {
            let bytes = if i == place { span.clone() } else { other.encode_to_vec() };
            framed(&mut scope_spans, 0x12, &bytes);
        }
        let scope = request.resource_spans[0].scope_spans[0].scope.as_ref().unwrap();
        let mut of_scope = Vec::new();
        framed(&mut of_scope, 0x0a, &scope.encode_to_vec());
        of_scope.extend(scope_spans);
        let mut resource_spans = Vec::new();
        let resource = request.resource_spans[0].resource.as_ref().unwrap();
        framed(&mut resource_spans, 0x0a, &resource.encode_to_vec());
        framed(&mut resource_spans, 0x12, &of_scope);
        let mut bytes = Vec::new();
        framed(&mut bytes, 0x0a, &resource_spans);
        agree(&bytes);
    }
}

fn framed(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    prost::encode_length_delimiter(content.len(), out).unwrap();
    out.extend(content);
}
