//! Log records: a bad one is refused alone, and why is told.

use bongsu_wire::{
    AgentRecord, decode_logs, encode_evidence, encode_heartbeat, encode_plan, heartbeat_from_json,
    heartbeat_to_json, limits, merge_logs, plan_from_json, plan_to_json,
};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message;
use serde_json::{Value as Json, json};

use crate::canonical::{DUE, heartbeat, pass, plan, resource, runs};

type RecordChange = fn(&mut LogRecord);

#[test]
fn joined_records_come_apart_again_and_a_bad_one_is_refused_alone() {
    let good = encode_heartbeat(&heartbeat(), &resource());
    let bad = changed(|record| record.event_name = "k8s.pod.killed".to_owned());
    let plan_part = encode_plan(&plan(), &resource(), DUE);
    let records = decode_logs(&merge_logs([good.as_slice(), &bad, &plan_part])).unwrap();
    assert_eq!(records.len(), 3);
    assert!(matches!(
        records[0].as_ref().unwrap().record,
        AgentRecord::Heartbeat(_)
    ));
    assert!(matches!(
        records[2].as_ref().unwrap().record,
        AgentRecord::Plan(_)
    ));
    let rejected = records[1].as_ref().unwrap_err();
    assert_eq!(rejected.event, "k8s.pod.killed");
    assert!(
        rejected
            .reason
            .to_string()
            .starts_with("not a record of Bongsu")
    );
}

#[test]
fn a_record_without_an_agent_or_a_text_body_is_refused() {
    let mut request =
        ExportLogsServiceRequest::decode(&*encode_heartbeat(&heartbeat(), &resource())).unwrap();
    request.resource_logs[0].resource = None;
    assert_eq!(
        refused(&request.encode_to_vec()),
        "resource: `service.instance.id` is missing"
    );
    let none = changed(|record| record.body = None);
    assert_eq!(refused(&none), "bongsu.heartbeat: `body` is missing");
    let int = changed(|record| {
        record.body = Some(AnyValue {
            value: Some(Value::IntValue(1)),
        });
    });
    assert_eq!(
        refused(&int),
        "bongsu.heartbeat: `body` is not of type string"
    );
}

#[test]
fn a_wrong_plan_is_told_what_is_wrong() {
    let entry =
        |key: &'static str, value: Json| move |plan: &mut Json| plan["entries"][1][key] = value;
    type Change = Box<dyn FnOnce(&mut Json)>;
    let cases: Vec<(Change, &str)> = vec![
        (
            Box::new(|plan| plan["schema"] = json!(2)),
            "`schema` is wrong: schema 2 is newer than 1",
        ),
        (
            Box::new(|plan| plan["schema"] = json!(0)),
            "`schema` is wrong: 0 is not a schema version",
        ),
        (
            Box::new(|plan| plan["schema"] = json!("1")),
            "the body is wrong: invalid type: string",
        ),
        (
            Box::new(|plan| drop(plan.as_object_mut().unwrap().remove("schema"))),
            "the body is wrong: missing field `schema`",
        ),
        (
            Box::new(|plan| plan["valid_from_ns"] = json!(-1)),
            "the body is wrong: invalid value: integer `-1`",
        ),
        (
            Box::new(entry("period_s", json!(0.0))),
            "`period_s` is out of range",
        ),
        (
            Box::new(entry("period_s", json!(-1.0))),
            "`period_s` is out of range",
        ),
        (
            Box::new(entry("period_s", json!(1e12))),
            "`period_s` is out of range",
        ),
        (
            Box::new(entry("phase_s", json!(10.0))),
            "`phase_s` is out of range",
        ),
        (
            Box::new(entry("deadline_s", json!(-0.5))),
            "`deadline_s` is out of range",
        ),
        (
            Box::new(entry("journey", json!("Login"))),
            "the body is wrong: `Login` is not a journey name",
        ),
        (
            Box::new(entry("journey", json!("login"))),
            "`login` is planned twice for one target and variant",
        ),
        (
            Box::new(entry("features", json!([]))),
            "the features of `send-message` do not have exactly one own one",
        ),
        (
            Box::new(entry(
                "features",
                json!([{"feature": "a", "own": true}, {"feature": "b", "own": true}]),
            )),
            "the features of `send-message` do not",
        ),
        (
            Box::new(entry(
                "features",
                json!([{"feature": "a", "own": true}, {"feature": "a", "own": false}]),
            )),
            "the features of `send-message` do not",
        ),
        (
            Box::new(entry(
                "features",
                json!(vec![json!({"feature": "a", "own": true}); 65]),
            )),
            "`features` has more than 64 entries",
        ),
    ];
    for (change, expected) in cases {
        let mut plan: Json = serde_json::from_str(&plan_to_json(&plan())).unwrap();
        change(&mut plan);
        let message = plan_from_json(&plan.to_string()).unwrap_err().to_string();
        assert!(
            message.starts_with(expected),
            "`{message}` does not start with `{expected}`"
        );
    }
    assert!(
        plan_from_json("{")
            .unwrap_err()
            .to_string()
            .starts_with("the body is wrong: EOF")
    );
    let long = " ".repeat(limits::PLAN_BYTES_MAX + 1);
    assert_eq!(
        plan_from_json(&long).unwrap_err().to_string(),
        "the body is longer than 12582912 bytes"
    );
}

#[test]
fn a_plan_of_the_most_entries_fits_and_one_more_does_not() {
    let mut plan = plan();
    let entry = plan.entries[1].clone();
    let name = |i: usize| format!("{i:0>100}").parse().unwrap();
    plan.entries = (0..=limits::PLAN_ENTRIES_MAX)
        .map(|i| bongsu_model::PlanEntry {
            journey: name(i),
            ..entry.clone()
        })
        .collect();
    assert_eq!(
        plan_from_json(&plan_to_json(&plan))
            .unwrap_err()
            .to_string(),
        "`entries` has more than 20000 entries"
    );
    plan.entries.pop();
    assert_eq!(plan_from_json(&plan_to_json(&plan)), Ok(plan));
}

#[test]
fn unknown_keys_are_ignored_and_absent_options_are_none() {
    let mut body: Json = serde_json::from_str(&heartbeat_to_json(&heartbeat())).unwrap();
    body["later"] = json!({"x": 1});
    assert_eq!(heartbeat_from_json(&body.to_string()), Ok(heartbeat()));
    let mut bare = heartbeat();
    (bare.plan_revision, bare.plan_refused, bare.spool.oldest) = (None, None, None);
    let json = heartbeat_to_json(&bare);
    assert!(!json.contains("null"), "{json}");
    assert_eq!(heartbeat_from_json(&json), Ok(bare));
}

#[test]
fn a_wrong_heartbeat_is_told_what_is_wrong() {
    let mut unknown_offset = heartbeat();
    unknown_offset.clock_offset_s = f64::NAN;
    let message = heartbeat_from_json(&heartbeat_to_json(&unknown_offset))
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("the body is wrong: invalid type: null"),
        "{message}"
    );
    let long = format!(
        "{{\"schema\":1,\"x\":\"{}\"}}",
        "x".repeat(limits::HEARTBEAT_BYTES_MAX)
    );
    let message = heartbeat_from_json(&long).unwrap_err().to_string();
    assert_eq!(message, "the body is longer than 262144 bytes");
}

#[test]
fn a_heartbeat_at_every_bound_is_cut_and_kept() {
    let mut full = heartbeat();
    // A control character takes six bytes in JSON.
    let long = "\u{1}".repeat(9_999);
    full.controls[0].control = long.clone();
    full.controls = vec![full.controls[0].clone(); 99];
    full.plan_refused = Some(long.clone());
    full.version = long;
    let kept = heartbeat_from_json(&heartbeat_to_json(&full)).unwrap();
    assert_eq!(kept.controls.len(), limits::CONTROLS_MAX);
}

#[test]
fn evidence_travels_only_where_there_is_some() {
    assert_eq!(encode_evidence(&pass(), &resource()), None);
    let (_, fail) = runs()
        .into_iter()
        .find(|(name, _)| *name == "fail")
        .unwrap();
    let encoded = encode_evidence(&fail, &resource()).unwrap();
    let AgentRecord::Evidence(evidence) = decode_logs(&encoded).unwrap().remove(0).unwrap().record
    else {
        panic!("no evidence");
    };
    assert_eq!(evidence.run, fail.facts.id);
    assert_eq!(Some(&evidence.evidence), fail.steps[0].evidence.as_ref());
    // It belongs to no step of another run.
    let mut other = runs()
        .into_iter()
        .find(|(name, _)| *name == "two_actors")
        .unwrap()
        .1;
    let before = other.clone();
    assert!(!bongsu_wire::attach_evidence(&mut other, evidence));
    assert_eq!(other, before);
}

#[test]
fn wrong_evidence_is_told_what_is_wrong() {
    let (_, fail) = runs()
        .into_iter()
        .find(|(name, _)| *name == "fail")
        .unwrap();
    let encoded = encode_evidence(&fail, &resource()).unwrap();
    let cases: Vec<(RecordChange, &str)> = vec![
        (
            |record| record.trace_id.clear(),
            "bongsu.evidence: `trace_id` is out of range: 0 bytes, not 16",
        ),
        (
            |record| record.span_id.push(0),
            "bongsu.evidence: `span_id` is out of range: 9 bytes, not 8",
        ),
        (
            |record| record.body = None,
            "bongsu.evidence: `body` is missing",
        ),
        (
            |record| drop(record.attributes.remove(0)),
            "bongsu.evidence: `bongsu.schema` is missing",
        ),
        (
            |record| drop(record.attributes.remove(2)),
            "bongsu.evidence: `bongsu.evidence.header.values` is missing",
        ),
    ];
    for (change, expected) in cases {
        let mut request = ExportLogsServiceRequest::decode(&*encoded).unwrap();
        change(&mut request.resource_logs[0].scope_logs[0].log_records[0]);
        assert_eq!(refused(&request.encode_to_vec()), expected);
    }
}

#[test]
fn garbage_is_no_request() {
    assert_eq!(decode_logs(&[]), Ok(Vec::new()));
    let error = decode_logs(b"<html>").unwrap_err();
    assert_eq!(error.to_string(), "not a valid ExportLogsServiceRequest");
}

fn changed(change: fn(&mut LogRecord)) -> Vec<u8> {
    let encoded = encode_heartbeat(&heartbeat(), &resource());
    let mut request = ExportLogsServiceRequest::decode(&*encoded).unwrap();
    change(&mut request.resource_logs[0].scope_logs[0].log_records[0]);
    request.encode_to_vec()
}

fn refused(bytes: &[u8]) -> String {
    decode_logs(bytes)
        .unwrap()
        .remove(0)
        .unwrap_err()
        .reason
        .to_string()
}
