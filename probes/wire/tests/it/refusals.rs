//! What is wrong with a run is refused, alone, and named.

use bongsu_wire::{decode_report, decode_traces, encode_run, limits};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::canonical::{pass, resource, runs};

type Request = ExportTraceServiceRequest;
type Change = fn(&mut Request);

#[test]
fn a_wrong_root_attribute_is_named() {
    let outcome = |value: &str, class: &str, by: &str, reason: &str| {
        let (value, class) = (texts(&[value]), texts(&[class]));
        let (by, reason) = (texts(&[by]), texts(&[reason]));
        move |root: &mut Span| {
            set(root, "bongsu.outcome.value", value.clone());
            set(root, "bongsu.outcome.class", class.clone());
            set(root, "bongsu.outcome.by", by.clone());
            set(root, "bongsu.outcome.reason", reason.clone());
        }
    };
    let put =
        |name: &'static str, value: Value| move |root: &mut Span| set(root, name, value.clone());
    type RootChange = Box<dyn Fn(&mut Span)>;
    let cases: Vec<(RootChange, &str)> = vec![
        (
            Box::new(put("bongsu.schema", int(2))),
            "root span: `bongsu.schema` is wrong: schema 2 is newer than 1",
        ),
        (
            Box::new(put("bongsu.schema", int(0))),
            "root span: `bongsu.schema` is wrong: 0 is not a schema version",
        ),
        (
            Box::new(put("bongsu.schema", text("1"))),
            "root span: `bongsu.schema` is not of type int",
        ),
        (
            Box::new(put("bongsu.region", text("Seoul"))),
            "root span: `bongsu.region` is wrong: `Seoul` is not a region id",
        ),
        (
            Box::new(put("bongsu.region", text("a\nb"))),
            "root span: `bongsu.region` is wrong: `a\u{fffd}b` is not a region id",
        ),
        (
            Box::new(put("bongsu.region", int(1))),
            "root span: `bongsu.region` is not of type string",
        ),
        (
            Box::new(put("bongsu.journey", text(&"a".repeat(9_999)))),
            "root span: `bongsu.journey` is longer than 512 bytes",
        ),
        (
            Box::new(put("bongsu.due", int(-1))),
            "root span: `bongsu.due` is out of range: -1",
        ),
        (
            Box::new(put("bongsu.seq", int(-1))),
            "root span: `bongsu.seq` is out of range: -1",
        ),
        (
            Box::new(put("bongsu.seq", Value::DoubleValue(1.0))),
            "root span: `bongsu.seq` is not of type int",
        ),
        (
            Box::new(put("bongsu.clock.offset", Value::DoubleValue(f64::NAN))),
            "root span: `bongsu.clock.offset` is out of range: NaN",
        ),
        (
            Box::new(put(
                "bongsu.clock.offset",
                Value::DoubleValue(f64::INFINITY),
            )),
            "root span: `bongsu.clock.offset` is out of range: inf",
        ),
        (
            Box::new(put("bongsu.clock.offset", int(0))),
            "root span: `bongsu.clock.offset` is not of type double",
        ),
        (
            Box::new(put("bongsu.trigger", text("cron"))),
            "root span: `bongsu.trigger` is wrong: `cron` is not a trigger",
        ),
        (
            Box::new(put("bongsu.trigger", text("burst"))),
            "root span: `bongsu.slot` does not apply to its trigger",
        ),
        (
            Box::new(put("bongsu.cleanup", text("maybe"))),
            "root span: `bongsu.cleanup` is wrong: `maybe` is not a cleanup state",
        ),
        (
            Box::new(put("bongsu.flags", texts(&["slow"]))),
            "root span: `bongsu.flags` is wrong: only `flaky` is a flag",
        ),
        (
            Box::new(put("bongsu.flags", texts(&["flaky", "flaky"]))),
            "root span: `bongsu.flags` has more than 1 entries",
        ),
        (
            Box::new(put("bongsu.flags", text("flaky"))),
            "root span: `bongsu.flags` is not of type array",
        ),
        (
            Box::new(put("bongsu.verdict", text("fail"))),
            "root span: `bongsu.verdict` contradicts the own outcome",
        ),
        (
            Box::new(put("bongsu.outcome.class", texts(&[]))),
            "root span: `bongsu.outcome.class` has 0 entries where the lists beside it have 1",
        ),
        (
            Box::new(put("bongsu.outcome.own", bools(&[true, false]))),
            "root span: `bongsu.outcome.own` has 2 entries where the lists beside it have 1",
        ),
        (
            Box::new(put("bongsu.outcome.own", bools(&[false]))),
            "root span: `bongsu.outcome.own` is wrong: no outcome is the own one",
        ),
        (
            Box::new(put("bongsu.outcome.own", texts(&["true"]))),
            "root span: `bongsu.outcome.own` is not of type bool[]",
        ),
        (
            Box::new(put("bongsu.outcome.feature", texts(&["A"]))),
            "root span: `bongsu.outcome.feature` is wrong: `A` is not a feature id",
        ),
        (
            Box::new(put("bongsu.outcome.value", bools(&[true]))),
            "root span: `bongsu.outcome.value` is not of type string[]",
        ),
        (
            Box::new(put("bongsu.outcome.feature", texts(&["a"; 65]))),
            "root span: `bongsu.outcome.feature` has more than 64 entries",
        ),
        (
            Box::new(outcome("missed", "", "", "")),
            "root span: `bongsu.outcome.value` says `missed`, which only the collector may judge",
        ),
        (
            Box::new(outcome("blind", "", "", "outlier")),
            "root span: `bongsu.outcome.reason` says `outlier`, which only the collector may judge",
        ),
        (
            Box::new(outcome("blind", "", "", "script")),
            "root span: `bongsu.outcome.reason` says `script`, which only the collector may judge",
        ),
        (
            Box::new(outcome("degraded", "", "", "")),
            "root span: `bongsu.outcome.value` is wrong: `degraded` is not an outcome",
        ),
        (
            Box::new(outcome("fail", "dsn", "", "")),
            "root span: `bongsu.outcome.class` is wrong: `dsn` is not a failure class",
        ),
        (
            Box::new(outcome("fail", "", "", "")),
            "root span: `bongsu.outcome.class` is wrong: `` is not a failure class",
        ),
        (
            Box::new(outcome("skipped", "", "", "egress")),
            "root span: `bongsu.outcome.reason` is wrong: `egress` is not a skip reason",
        ),
        (
            Box::new(outcome("blocked", "", "", "")),
            "root span: `bongsu.outcome.by` is wrong: `` is not a feature id",
        ),
        (
            Box::new(outcome("pass", "dns", "", "")),
            "root span: `bongsu.outcome.class` does not apply to its outcome",
        ),
        (
            Box::new(outcome("fail", "dns", "", "late")),
            "root span: `bongsu.outcome.reason` does not apply to its outcome",
        ),
    ];
    for (change, expected) in cases {
        assert_starts(
            &refused(&changed(|request| change(root(request)))),
            expected,
        );
    }
}

#[test]
fn every_required_attribute_of_the_root_is_missed() {
    let required: Vec<String> = root(&mut request())
        .attributes
        .iter()
        .map(|pair| pair.key.clone())
        .filter(|key| key != "bongsu.schema")
        .collect();
    assert!(required.len() >= 21, "{required:?}");
    for name in required {
        let without = changed(|request| root(request).attributes.retain(|pair| pair.key != name));
        assert_eq!(refused(&without), format!("root span: `{name}` is missing"));
    }
}

#[test]
fn every_required_attribute_of_a_step_is_missed() {
    for name in [
        "bongsu.step.name",
        "bongsu.step.index",
        "bongsu.step.kind",
        "bongsu.step.verb",
        "bongsu.step.actor",
        "bongsu.step.actor_index",
        "bongsu.step.outcome",
        "bongsu.attempts",
        "bongsu.polls",
    ] {
        let without = changed(|request| step(request).attributes.retain(|pair| pair.key != name));
        let expected = format!("span \"POST sign in\": `{name}` is missing");
        assert_eq!(refused(&without), expected);
    }
}

#[test]
fn a_wrong_step_attribute_is_named() {
    let cases: Vec<(&'static str, Value, &str)> = vec![
        (
            "bongsu.step.kind",
            text("setup"),
            "`bongsu.step.kind` is wrong: `setup` is not a step kind",
        ),
        (
            "bongsu.step.verb",
            text("GET"),
            "`bongsu.step.verb` is wrong: `GET` is not a verb",
        ),
        (
            "bongsu.step.index",
            int(1 << 32),
            "`bongsu.step.index` is out of range: 4294967296",
        ),
        (
            "bongsu.step.index",
            int(7),
            "`span_id` contradicts trace id, step index and actor index",
        ),
        (
            "bongsu.step.actor_index",
            int(7),
            "`span_id` contradicts trace id, step index and actor index",
        ),
        (
            "bongsu.step.outcome",
            text("skipped"),
            "`bongsu.step.outcome` is wrong: one of pass",
        ),
        (
            "bongsu.step.reason",
            text("egress"),
            "`bongsu.step.reason` does not apply to its outcome",
        ),
        (
            "error.type",
            text("dns"),
            "`error.type` does not apply to its outcome",
        ),
        (
            "bongsu.attempts",
            int(0),
            "`bongsu.attempts` is out of range: 0",
        ),
        (
            "bongsu.phase.dns.duration",
            Value::DoubleValue(-1.0),
            "`bongsu.phase.dns.duration` is out of range: -1",
        ),
        (
            "bongsu.phase.tls.duration",
            Value::DoubleValue(1e18),
            "`bongsu.phase.tls.duration` is out of range: 1000000000000000000",
        ),
        (
            "bongsu.expect.failed",
            texts(&["a"; 6]),
            "`bongsu.expect.failed` has more than 5 entries",
        ),
        (
            "bongsu.earlier.class",
            texts(&["dns"]),
            "`bongsu.earlier.detail` is missing",
        ),
        (
            "bongsu.earlier.detail",
            texts(&["dns"]),
            "`bongsu.earlier.detail` does not apply without the classes",
        ),
        (
            "http.response.status_code",
            int(70_000),
            "`http.response.status_code` is out of range: 70000",
        ),
        (
            "network.peer.address",
            text("localhost"),
            "`network.peer.address` is wrong: invalid IP address syntax",
        ),
        (
            "dns.answers",
            texts(&["127.0.0.1", "x"]),
            "`dns.answers` is wrong: invalid IP address syntax",
        ),
        (
            "tls.server.not_after",
            text("tomorrow"),
            "`tls.server.not_after` is wrong: not an RFC 3339 time in UTC",
        ),
        (
            "url.full",
            text(&"u".repeat(3_000)),
            "`url.full` is longer than 2048 bytes",
        ),
    ];
    for (name, value, expected) in cases {
        let wrong = changed(|request| set(step(request), name, value.clone()));
        assert_starts(
            &refused(&wrong),
            &format!("span \"POST sign in\": {expected}"),
        );
    }
}

#[test]
fn wrong_ids_times_and_shapes_are_named() {
    let cases: Vec<(Change, &str)> = vec![
        (
            |r| spans(r).iter_mut().for_each(|span| span.trace_id.push(0)),
            "the trace id has 17 bytes, not 16",
        ),
        (|r| step(r).span_id.clear(), "a span id has 0 bytes, not 8"),
        (
            |r| root(r).span_id[0] ^= 1,
            "the root span's id is not the one",
        ),
        (
            |r| step(r).parent_span_id[0] ^= 1,
            "span \"POST sign in\": `parent_span_id` contradicts the trace id",
        ),
        (
            |r| root(r).start_time_unix_nano = 0,
            "root span: `start_time_unix_nano` is missing",
        ),
        (
            |r| root(r).end_time_unix_nano = 1,
            "root span: `end_time_unix_nano` is out of range: the span ends before it starts",
        ),
        (
            |r| step(r).end_time_unix_nano = 1,
            "span \"POST sign in\": `end_time_unix_nano` is out of range",
        ),
        (
            |r| drop(spans(r).remove(0)),
            "no root span: all spans of a run travel in one request",
        ),
        (
            |r| step(r).parent_span_id.clear(),
            "more than one root span",
        ),
        (
            |r| r.resource_spans[0].resource = None,
            "resource: `service.instance.id` is missing",
        ),
        (
            |r| set_resource(r, "service.instance.id", text("Seoul 1")),
            "resource: `service.instance.id` is wrong",
        ),
        (
            |r| set_resource(r, "service.instance.id", text("seoul-2")),
            "the trace id is not the one that its agent",
        ),
        (
            |r| set(root(r), "bongsu.slot", int(5)),
            "the trace id is not the one that its agent",
        ),
        (
            |r| set(root(r), "bongsu.due", int(5)),
            "the trace id is not the one that its agent",
        ),
        (
            |r| {
                root(r)
                    .attributes
                    .retain(|pair| pair.key != "bongsu.schema")
            },
            "not a run of Bongsu",
        ),
        (add_twice, "root span: `bongsu.region` is there twice"),
        (
            same_id_other_span,
            "two different spans have the id of span \"POST sign in\"",
        ),
        (too_many_spans, "more than 256 spans"),
        (
            too_many_attributes,
            "span \"POST sign in\": `attributes` has more than 128 entries",
        ),
        (
            |request| {
                for i in 0..limits::ATTRIBUTES_MAX {
                    set(root(request), &format!("x.{i}"), int(0));
                }
            },
            "root span: `attributes` has more than 128 entries",
        ),
        (two_resources, "its spans stand under different resources"),
        (too_large, "more than 8388608 bytes"),
    ];
    for (change, expected) in cases {
        assert_starts(&refused(&changed(change)), expected);
    }
}

#[test]
fn one_feature_twice_or_two_own_outcomes_are_refused() {
    let (_, two_actors) = runs()
        .into_iter()
        .find(|(name, _)| *name == "two_actors")
        .unwrap();
    let of = |name: &'static str, value: Value| {
        let mut request = Request::decode(&*encode_run(&two_actors, &resource())).unwrap();
        set(root(&mut request), name, value);
        refused(&request)
    };
    assert_eq!(
        of("bongsu.outcome.own", bools(&[true, true])),
        "root span: `bongsu.outcome.own` is wrong: two outcomes are the own one"
    );
    assert_eq!(
        of("bongsu.outcome.feature", texts(&["a", "a"])),
        "root span: `bongsu.outcome.feature` is wrong: a feature is named twice"
    );
}

#[test]
fn unknown_attributes_are_ignored() {
    let known = changed(|request| {
        set(root(request), "bongsu.later", text("x"));
        set(root(request), "deployment.environment.name", text("x"));
        set(
            step(request),
            "bongsu.phase.send.duration",
            Value::DoubleValue(-1.0),
        );
        set_resource(request, "host.id", int(1));
    });
    let run = decode_traces(&known.encode_to_vec())
        .unwrap()
        .remove(0)
        .unwrap();
    assert_eq!(decode_report(&run.spans), Ok(pass()));
}

fn request() -> Request {
    Request::decode(&*encode_run(&pass(), &resource())).unwrap()
}

fn changed(change: impl Fn(&mut Request)) -> Request {
    let mut request = request();
    change(&mut request);
    request
}

/// Why the one run of a request is refused. All spans that were sent are counted as refused.
fn refused(request: &Request) -> String {
    let bytes = request.encode_to_vec();
    let rejected = decode_traces(&bytes).unwrap().remove(0).unwrap_err();
    let spans: usize = request
        .resource_spans
        .iter()
        .flat_map(|resource| &resource.scope_spans)
        .map(|scope| scope.spans.len())
        .sum();
    assert_eq!(rejected.span_count, spans);
    rejected.reason.to_string()
}

#[track_caller]
fn assert_starts(message: &str, expected: &str) {
    assert!(
        message.starts_with(expected),
        "`{message}` does not start with `{expected}`"
    );
}

fn spans(request: &mut Request) -> &mut Vec<Span> {
    &mut request.resource_spans[0].scope_spans[0].spans
}

fn root(request: &mut Request) -> &mut Span {
    &mut spans(request)[0]
}

fn step(request: &mut Request) -> &mut Span {
    &mut spans(request)[1]
}

fn pair(name: &str, value: Value) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn set(span: &mut Span, name: &str, value: Value) {
    span.attributes.retain(|pair| pair.key != name);
    span.attributes.push(pair(name, value));
}

fn set_resource(request: &mut Request, name: &str, value: Value) {
    let attributes = &mut request.resource_spans[0]
        .resource
        .as_mut()
        .unwrap()
        .attributes;
    attributes.retain(|pair| pair.key != name);
    attributes.push(pair(name, value));
}

fn add_twice(request: &mut Request) {
    root(request)
        .attributes
        .push(pair("bongsu.region", text("kr-busan")));
}

fn same_id_other_span(request: &mut Request) {
    let mut other = step(request).clone();
    other.end_time_unix_nano += 1;
    spans(request).push(other);
}

fn too_many_spans(request: &mut Request) {
    for id in 0..limits::SPANS_PER_RUN_MAX as u64 {
        let mut other = step(request).clone();
        other.span_id = id.to_be_bytes().to_vec();
        spans(request).push(other);
    }
}

fn too_many_attributes(request: &mut Request) {
    for i in 0..limits::ATTRIBUTES_MAX {
        set(step(request), &format!("x.{i}"), int(0));
    }
}

fn two_resources(request: &mut Request) {
    let mut other = request.resource_spans[0].clone();
    let step = spans(request).remove(1);
    other.scope_spans[0].spans = vec![step];
    other
        .resource
        .as_mut()
        .unwrap()
        .attributes
        .push(pair("host.id", int(1)));
    request.resource_spans.push(other);
}

fn too_large(request: &mut Request) {
    set(step(request), "x", text(&"x".repeat(limits::RUN_BYTES_MAX)));
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

fn int(int: i64) -> Value {
    Value::IntValue(int)
}

fn texts(texts: &[&str]) -> Value {
    array(texts.iter().map(|entry| text(entry)))
}

fn bools(bools: &[bool]) -> Value {
    array(bools.iter().map(|bool| Value::BoolValue(*bool)))
}

fn array(values: impl Iterator<Item = Value>) -> Value {
    Value::ArrayValue(ArrayValue {
        values: values
            .map(|value| AnyValue { value: Some(value) })
            .collect(),
    })
}
