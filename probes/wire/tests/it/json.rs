//! OTLP/JSON: held against the serde feature of the published messages, and the cases that it or
//! other senders get wrong.

use bongsu_wire::{decode_traces, encode_run, logs_from_json, traces_from_json};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::prelude::*;
use prost::Message as _;

use crate::canonical::{resource, runs};
use crate::strategies::report;

fn traces(json: &str) -> Result<ExportTraceServiceRequest, String> {
    let bytes = traces_from_json(json.as_bytes()).map_err(|error| error.to_string())?;
    Ok(ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap())
}

fn span(fields: &str) -> Result<Span, String> {
    let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#);
    let mut request = traces(&json)?;
    Ok(request.resource_spans[0].scope_spans[0].spans.remove(0))
}

fn value(json: &str) -> Result<Option<Value>, String> {
    let mut span = span(&format!(r#""attributes":[{{"key":"k","value":{json}}}]"#))?;
    Ok(span.attributes.remove(0).value.unwrap().value)
}

fn attributes() -> Vec<KeyValue> {
    let any = |value| AnyValue { value: Some(value) };
    let pair = |key: &str, value| KeyValue {
        key: key.to_owned(),
        value: Some(any(value)),
        ..KeyValue::default()
    };
    let list = KeyValueList {
        values: vec![pair("inner", Value::BytesValue(vec![0xfb, 0xff, 0]))],
    };
    let array = ArrayValue {
        values: vec![any(Value::IntValue(0)), any(Value::KvlistValue(list))],
    };
    vec![
        pair("text", Value::StringValue("봉수".to_owned())),
        pair("empty", Value::StringValue(String::new())),
        pair("false", Value::BoolValue(false)),
        pair("low", Value::IntValue(i64::MIN)),
        pair("high", Value::IntValue(i64::MAX)),
        pair("double", Value::DoubleValue(-0.1)),
        pair("zero", Value::DoubleValue(0.0)),
        pair("array", Value::ArrayValue(array)),
    ]
}

fn everything() -> (Resource, InstrumentationScope) {
    let entity = EntityRef {
        schema_url: "https://e".to_owned(),
        r#type: "service".to_owned(),
        id_keys: vec!["a".to_owned(), "b".to_owned()],
        description_keys: vec!["c".to_owned()],
    };
    let resource = Resource {
        attributes: attributes(),
        dropped_attributes_count: 1,
        entity_refs: vec![entity],
    };
    let scope = InstrumentationScope {
        name: "scope".to_owned(),
        version: "1".to_owned(),
        attributes: attributes(),
        dropped_attributes_count: 2,
    };
    (resource, scope)
}

#[test]
fn every_field_of_a_traces_request_comes_over() {
    let (resource, scope) = everything();
    let link = Link {
        trace_id: vec![3; 16],
        span_id: vec![4; 8],
        trace_state: "a=b".to_owned(),
        attributes: attributes(),
        dropped_attributes_count: 3,
        flags: 0x301,
    };
    let event = Event {
        time_unix_nano: u64::MAX,
        name: "event".to_owned(),
        attributes: attributes(),
        dropped_attributes_count: 4,
    };
    let span = Span {
        trace_id: vec![0xab; 16],
        span_id: vec![0xcd; 8],
        trace_state: "c=d".to_owned(),
        parent_span_id: vec![0xef; 8],
        flags: 0x101,
        name: "span".to_owned(),
        kind: 3,
        start_time_unix_nano: 1_700_000_000_000_000_001,
        end_time_unix_nano: 1_700_000_000_000_000_002,
        attributes: attributes(),
        dropped_attributes_count: 5,
        events: vec![event],
        dropped_events_count: 6,
        links: vec![link],
        dropped_links_count: u32::MAX,
        status: Some(Status {
            message: "no".to_owned(),
            code: 2,
        }),
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope),
                spans: vec![span.clone(), Span::default(), span],
                schema_url: "https://s".to_owned(),
            }],
            schema_url: "https://r".to_owned(),
        }],
    };
    let json = serde_json::to_string(&request).unwrap();
    assert_eq!(traces(&json), Ok(request));
}

#[test]
fn every_field_of_a_logs_request_comes_over() {
    let (resource, scope) = everything();
    let record = LogRecord {
        time_unix_nano: 1,
        observed_time_unix_nano: 2,
        severity_number: 9,
        severity_text: "INFO".to_owned(),
        body: Some(AnyValue {
            value: Some(Value::StringValue("body".to_owned())),
        }),
        attributes: attributes(),
        dropped_attributes_count: 3,
        flags: 1,
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        event_name: "bongsu.plan".to_owned(),
    };
    let request = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource),
            scope_logs: vec![ScopeLogs {
                scope: Some(scope),
                log_records: vec![record],
                schema_url: "https://s".to_owned(),
            }],
            schema_url: "https://r".to_owned(),
        }],
    };
    let bytes = logs_from_json(serde_json::to_string(&request).unwrap().as_bytes()).unwrap();
    assert_eq!(
        ExportLogsServiceRequest::decode(bytes.as_slice()),
        Ok(request)
    );
}

#[test]
fn what_the_specification_lets_senders_write_is_read() {
    let read = span(
        r#""traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174",
           "kind":1,"startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661e9,
           "flags":1.0,"later":{"any":[1,{"x":null}]},"trace_id":"ignored","status":null,
           "attributes":null,"droppedEventsCount":"7""#,
    )
    .unwrap();
    assert_eq!(read.trace_id[..2], [0x5b, 0x8e]);
    assert_eq!(read.span_id[..2], [0xee, 0xe1]);
    assert_eq!(
        (read.kind, read.flags, read.dropped_events_count),
        (1, 1, 7)
    );
    assert_eq!(read.start_time_unix_nano, 1_544_712_660_000_000_000);
    assert_eq!(read.status, None);
    assert!(read.attributes.is_empty());
    for (json, expected) in [
        ("{}", None),
        (r#"{"laterValue":{}}"#, None),
        (r#"{"intValue":null}"#, None),
        (r#"{"intValue":"-5"}"#, Some(Value::IntValue(-5))),
        (r#"{"intValue":5}"#, Some(Value::IntValue(5))),
        (
            r#"{"boolValue":false,"later":1}"#,
            Some(Value::BoolValue(false)),
        ),
        (r#"{"doubleValue":"1.5"}"#, Some(Value::DoubleValue(1.5))),
        (r#"{"doubleValue":2}"#, Some(Value::DoubleValue(2.0))),
        (
            r#"{"doubleValue":"-Infinity"}"#,
            Some(Value::DoubleValue(f64::NEG_INFINITY)),
        ),
        (
            r#"{"bytesValue":"-_8"}"#,
            Some(Value::BytesValue(vec![0xfb, 0xff])),
        ),
        (
            r#"{"bytesValue":"+/8="}"#,
            Some(Value::BytesValue(vec![0xfb, 0xff])),
        ),
    ] {
        assert_eq!(value(json).unwrap(), expected, "{json}");
    }
    let Some(Value::DoubleValue(nan)) = value(r#"{"doubleValue":"NaN"}"#).unwrap() else {
        panic!("no double");
    };
    assert!(nan.is_nan());
    for empty in [
        "{}",
        r#"{"resourceSpans":[]}"#,
        r#"{"resourceSpans":null,"x":1}"#,
    ] {
        assert_eq!(
            traces_from_json(empty.as_bytes()).unwrap(),
            Vec::<u8>::new()
        );
    }
}

#[test]
fn what_is_wrong_is_refused_with_its_key_and_place() {
    for (fields, says) in [
        (
            r#""traceId":"xyz""#,
            "`traceId` is \"xyz\", expected hex digits",
        ),
        (r#""traceId":"abc""#, "expected hex digits in pairs"),
        (r#""traceId":"봉수""#, "expected hex digits"),
        (r#""traceId":5"#, "`traceId`"),
        (
            r#""kind":"SPAN_KIND_CLIENT""#,
            "`kind` is \"SPAN_KIND_CLIENT\", expected the number of the enum's value",
        ),
        (r#""kind":99999999999"#, "`kind` is \"99999999999\""),
        (
            r#""startTimeUnixNano":-1"#,
            "whole number of 64 bits from 0",
        ),
        (
            r#""startTimeUnixNano":18446744073709551616"#,
            "`startTimeUnixNano`",
        ),
        (
            r#""startTimeUnixNano":"99999999999999999999999999999999999999999999""#,
            "whole number of 64 bits from 0",
        ),
        (r#""startTimeUnixNano":1e400"#, "number out of range"),
        (r#""startTimeUnixNano":0.5"#, "`startTimeUnixNano`"),
        (r#""flags":4294967296"#, "whole number of 32 bits from 0"),
        (r#""name":[]"#, "a text for `name`"),
        (r#""attributes":{}"#, "a list of objects for `attributes`"),
        (r#""attributes":[null]"#, "an object"),
        (r#""attributes":[5]"#, "an object"),
        (r#""status":"ok""#, "expected an object"),
        (
            r#""attributes":[{"key":"k","value":{"intValue":9223372036854775808}}]"#,
            "`intValue`",
        ),
        (
            r#""attributes":[{"key":"k","value":{"bytesValue":"*"}}]"#,
            "expected base64",
        ),
        (
            r#""attributes":[{"key":"k","value":{"boolValue":1}}]"#,
            "`boolValue`",
        ),
        (r#""name":"x""#.trim_end_matches('"'), "at line 1 column"),
    ] {
        let error = span(fields).unwrap_err();
        assert!(error.contains(says), "{fields}: {error}");
        assert!(
            error.starts_with("not a valid ExportTraceServiceRequest in JSON: "),
            "{error}"
        );
        assert!(error.contains("at line 1 column"), "{error}");
    }
    for json in [
        "",
        "[]",
        "null",
        "{} {}",
        "\u{0}",
        "{\"resourceSpans\":[{}]",
    ] {
        assert!(traces(json).is_err(), "{json:?}");
    }
    assert!(traces_from_json(b"{\"resourceSpans\":[{\"schemaUrl\":\"\xff\"}]}").is_err());
    assert!(logs_from_json(b"<html>").is_err());
}

#[test]
fn an_error_quotes_little_of_a_large_value() {
    let error = span(&format!(r#""traceId":"{}""#, "g".repeat(100_000))).unwrap_err();
    assert!(error.len() < 300, "{} bytes", error.len());
}

#[test]
fn a_bomb_of_depth_or_of_empty_parts_is_refused() {
    let deep = (0..50_000).fold(String::new(), |open, _| {
        open + r#"{"arrayValue":{"values":["#
    });
    let error = value(&deep).unwrap_err();
    assert!(error.contains("recursion limit"), "{error}");
    // Where nobody looks depth does not matter, and must not harm.
    let skipped = format!(r#""later":{}1{}"#, "[".repeat(50_000), "]".repeat(50_000));
    assert!(span(&skipped).is_ok_and(|span| span == Span::default()) || span(&skipped).is_err());
    let spans = vec!["{}"; 100_000].join(",");
    let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let bytes = traces_from_json(json.as_bytes()).unwrap();
    assert!(bytes.len() < json.len());
    let error = decode_traces(&bytes).unwrap_err().to_string();
    assert!(error.contains("too many empty parts"), "{error}");
}

#[test]
fn canonical_runs_in_json_are_the_same_runs() {
    for (name, report) in runs() {
        let bytes = encode_run(&report, &resource());
        let request = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        let json = serde_json::to_vec(&request).unwrap();
        let again = traces_from_json(&json).unwrap();
        assert_eq!(decode_traces(&again), decode_traces(&bytes), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_run_in_json_is_the_same_run(report in report()) {
        let bytes = encode_run(&report, &resource());
        let request = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        let json = serde_json::to_vec(&request).unwrap();
        let again = traces_from_json(&json).unwrap();
        prop_assert_eq!(ExportTraceServiceRequest::decode(again.as_slice()), Ok(request));
    }

    #[test]
    fn any_damage_is_refused_or_read_and_never_panics(
        report in report(), at in any::<prop::sample::Index>(), to in any::<u8>(),
    ) {
        let bytes = encode_run(&report, &resource());
        let request = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        let mut json = serde_json::to_vec(&request).unwrap();
        let at = at.index(json.len());
        json[at] = to;
        if let Ok(read) = traces_from_json(&json) {
            prop_assert!(ExportTraceServiceRequest::decode(read.as_slice()).is_ok());
        }
    }
}
