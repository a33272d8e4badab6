//! What is sent stands in the table of names, and the table holds nothing that is never sent.

use std::collections::BTreeSet;

use bongsu_model::Verb;
use bongsu_wire::names::{self, Place};
use bongsu_wire::{encode_evidence, encode_heartbeat, encode_plan, encode_run, limits};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;

use crate::canonical::{DUE, heartbeat, plan, resource, runs};

#[test]
fn every_name_that_is_sent_is_defined_and_every_defined_one_is_sent() {
    let mut sent = BTreeSet::new();
    let mut reports: Vec<_> = runs().into_iter().map(|(_, report)| report).collect();
    let mut many_steps = reports[0].clone();
    many_steps.steps[0].verb = Verb::Dns;
    many_steps.steps = vec![many_steps.steps[0].clone(); limits::SPANS_PER_RUN_MAX];
    reports.push(many_steps);
    let mut logs = vec![
        encode_plan(&plan(), &resource(), DUE),
        encode_heartbeat(&heartbeat(), &resource()),
    ];
    for report in &reports {
        logs.extend(encode_evidence(report, &resource()));
        let bytes = encode_run(report, &resource());
        let request = ExportTraceServiceRequest::decode(&*bytes).unwrap();
        let run = &request.resource_spans[0];
        hold(
            &run.resource.as_ref().unwrap().attributes,
            Place::Resource,
            &mut sent,
        );
        for span in &run.scope_spans[0].spans {
            let is_root = span.parent_span_id.is_empty();
            let place = if is_root { Place::Run } else { Place::Step };
            hold(&span.attributes, place, &mut sent);
        }
    }
    for bytes in logs {
        let request = ExportLogsServiceRequest::decode(&*bytes).unwrap();
        for record in &request.resource_logs[0].scope_logs[0].log_records {
            sent.insert(record.event_name.clone());
            hold(&record.attributes, Place::Log, &mut sent);
        }
    }
    let defined = names::ALL
        .iter()
        .map(|definition| definition.name.to_owned())
        .collect();
    assert_eq!(sent, defined);
}

/// Each attribute is defined for its place and has the type that is told. The schema's version
/// stands on records too, region and network on the resource.
fn hold(attributes: &[KeyValue], place: Place, sent: &mut BTreeSet<String>) {
    for pair in attributes {
        let definition = names::ALL
            .iter()
            .find(|definition| definition.name == pair.key)
            .unwrap_or_else(|| panic!("`{}` is not defined", pair.key));
        let elsewhere_too = [names::SCHEMA, names::REGION, names::NETWORK];
        if !elsewhere_too.contains(&definition.name) {
            assert_eq!(definition.place, place, "{}", pair.key);
        }
        let value = pair.value.as_ref().and_then(|value| value.value.as_ref());
        let found = match value.unwrap() {
            Value::ArrayValue(array) => match array.values.first() {
                Some(first) => format!("{}[]", scalar(first.value.as_ref().unwrap())),
                None => definition.value.to_owned(),
            },
            value => scalar(value).to_owned(),
        };
        assert_eq!(definition.value, found, "{}", pair.key);
        sent.insert(pair.key.clone());
    }
}

fn scalar(value: &Value) -> &'static str {
    match value {
        Value::StringValue(_) => "string",
        Value::BoolValue(_) => "bool",
        Value::IntValue(_) => "int",
        Value::DoubleValue(_) => "double",
        other => panic!("{other:?} is no scalar of the schema"),
    }
}
