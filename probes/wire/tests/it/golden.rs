//! Golden files: each canonical message as OTLP/JSON. `BONGSU_REGENERATE=1` writes them anew.

use std::path::PathBuf;

use bongsu_wire::{
    AgentRecord, attach_evidence, decode_logs, decode_report, encode_evidence, encode_heartbeat,
    encode_plan, encode_run, heartbeat_to_json, plan_to_json,
};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use crate::canonical::{DUE, heartbeat, plan, resource, runs};

#[test]
fn every_canonical_run_is_its_golden_and_the_golden_is_the_run() {
    for (name, report) in runs() {
        let golden: ExportTraceServiceRequest =
            hold(&format!("run_{name}"), &encode_run(&report, &resource()));
        let mut expected = report;
        for step in &mut expected.steps {
            step.evidence = None;
        }
        let decoded = decode_report(&golden.encode_to_vec()).unwrap();
        assert_eq!(decoded, expected, "{name}");
    }
}

#[test]
fn evidence_is_its_golden_and_finds_its_step_again() {
    let (_, report) = runs()
        .into_iter()
        .find(|(name, _)| *name == "fail")
        .unwrap();
    let encoded = encode_evidence(&report, &resource()).unwrap();
    let golden: ExportLogsServiceRequest = hold("evidence", &encoded);
    let mut decoded = decode_report(&encode_run(&report, &resource())).unwrap();
    for record in decode_logs(&golden.encode_to_vec()).unwrap() {
        let AgentRecord::Evidence(evidence) = record.unwrap().record else {
            panic!("no evidence");
        };
        assert!(attach_evidence(&mut decoded, evidence));
    }
    assert_eq!(decoded, report);
}

#[test]
fn the_plan_is_its_golden_and_the_golden_is_the_plan() {
    let encoded = encode_plan(&plan(), &resource(), DUE);
    let golden: ExportLogsServiceRequest = hold("plan", &encoded);
    let decoded = decode_logs(&golden.encode_to_vec())
        .unwrap()
        .remove(0)
        .unwrap();
    assert_eq!(decoded.resource, resource());
    assert_eq!(decoded.record, AgentRecord::Plan(plan()));
    hold_text("plan_body.json", &pretty(&plan_to_json(&plan())));
}

#[test]
fn the_heartbeat_is_its_golden_and_the_golden_is_the_heartbeat() {
    let encoded = encode_heartbeat(&heartbeat(), &resource());
    let golden: ExportLogsServiceRequest = hold("heartbeat", &encoded);
    let decoded = decode_logs(&golden.encode_to_vec())
        .unwrap()
        .remove(0)
        .unwrap();
    assert_eq!(decoded.resource, resource());
    assert_eq!(decoded.record, AgentRecord::Heartbeat(heartbeat()));
    hold_text(
        "heartbeat_body.json",
        &pretty(&heartbeat_to_json(&heartbeat())),
    );
}

/// Holds the message against its golden and gives back what the golden says.
fn hold<M>(name: &str, encoded: &[u8]) -> M
where
    M: Message + Default + serde::Serialize + serde::de::DeserializeOwned,
{
    let message = M::decode(encoded).unwrap();
    let json = serde_json::to_string_pretty(&message).unwrap() + "\n";
    let golden = hold_text(&format!("{name}.json"), &json);
    serde_json::from_str(&golden).unwrap()
}

fn hold_text(file: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(file);
    if std::env::var_os("BONGSU_REGENERATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; BONGSU_REGENERATE=1 writes it", path.display())
    });
    assert!(
        golden == text,
        "{file} differs from what is encoded; if that is meant, regenerate with \
         BONGSU_REGENERATE=1\n{text}"
    );
    golden
}

fn pretty(json: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    serde_json::to_string_pretty(&value).unwrap() + "\n"
}
