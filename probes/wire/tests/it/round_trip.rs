//! What is encoded comes back, whatever it is.

use bongsu_model::{RunReport, StepReport};
use bongsu_wire::{
    AgentRecord, AgentResource, attach_evidence, decode_logs, decode_report, decode_traces,
    encode_evidence, encode_run, facts_match_id, heartbeat_from_json, heartbeat_to_json, limits,
    plan_from_json, plan_to_json,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message as _;

use crate::canonical::{pass, resource};
use crate::strategies;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_report_comes_back_from_the_wire(report in strategies::report()) {
        let resource = AgentResource::new(report.facts.vantage.agent.clone(), "0.1.0");
        let encoded = encode_run(&report, &resource);
        let request = ExportTraceServiceRequest::decode(encoded.as_slice()).unwrap();
        prop_assert_eq!(request.encode_to_vec(), encoded.clone(), "as generated code writes it");
        let mut kept = decode_traces(&encoded).unwrap();
        prop_assert_eq!(kept.len(), 1);
        let kept = kept.remove(0).unwrap();
        prop_assert_eq!(&kept.facts, &report.facts);
        prop_assert!(facts_match_id(&kept.facts));
        prop_assert_eq!(&*kept.resource, &resource);
        prop_assert_eq!(kept.span_count, 1 + report.steps.len());

        let mut whole = decode_report(&kept.spans).unwrap();
        if let Some(logs) = encode_evidence(&report, &resource) {
            for record in decode_logs(&logs).unwrap() {
                let AgentRecord::Evidence(evidence) = record.unwrap().record else {
                    panic!("only evidence was sent");
                };
                prop_assert!(attach_evidence(&mut whole, evidence));
            }
        }
        prop_assert_eq!(whole, report);
    }

    #[test]
    fn every_plan_comes_back_from_its_json(plan in strategies::plan()) {
        prop_assert_eq!(plan_from_json(&plan_to_json(&plan)), Ok(plan));
    }

    #[test]
    fn every_heartbeat_comes_back_from_its_json(heartbeat in strategies::heartbeat()) {
        let json = heartbeat_to_json(&heartbeat);
        prop_assert_eq!(heartbeat_from_json(&json), Ok(heartbeat));
    }

    #[test]
    fn no_bytes_at_all_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_traces(&bytes);
        let _ = decode_logs(&bytes);
        let _ = decode_report(&bytes);
    }

    #[test]
    fn a_damaged_run_is_refused_or_read_but_never_a_panic(
        at in any::<proptest::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = encode_run(&pass(), &resource());
        let at = at.index(bytes.len());
        bytes[at] = byte;
        for run in decode_traces(&bytes).into_iter().flatten().flatten() {
            prop_assert!(decode_report(&run.spans).is_ok());
        }
    }
}

#[test]
fn a_report_at_every_bound_is_cut_and_kept() {
    let mut report = pass();
    let long = "봉".repeat(limits::URL_BYTES_MAX);
    let step = StepReport {
        name: long.clone(),
        detail: Some(long.clone()),
        failed_expectations: vec![long.clone(); 9],
        redirects: Vec::new(),
        earlier_attempts: vec![
            bongsu_model::EarlierAttempt {
                class: bongsu_model::FailClass::Dns,
                detail: long.clone(),
                duration: std::time::Duration::MAX,
            };
            40
        ],
        ..report.steps[0].clone()
    };
    report.steps = (0..300)
        .map(|index| {
            let mut step = step.clone();
            step.index = index;
            step.network.url = Some(long.clone());
            step.network.server_address = Some(long.clone());
            step.network.tls_cipher = Some(long.clone());
            step.network.dns_answers = vec!["::1".parse().unwrap(); 99];
            step.evidence = Some(bongsu_model::Evidence {
                headers: vec![(long.clone(), long.clone()); 99],
                body_head: "봉".repeat(limits::EVIDENCE_BODY_BYTES_MAX),
            });
            step
        })
        .collect();
    let whole = sent(&report);
    assert_eq!(whole.facts, report.facts);
    assert_eq!(whole.steps.len(), limits::SPANS_PER_RUN_MAX - 1);
    assert_eq!(
        whole.steps[0].failed_expectations.len(),
        limits::EXPECTATIONS_MAX
    );
    assert_eq!(
        whole.steps[0].earlier_attempts[0].duration,
        limits::DURATION_MAX
    );
    let logs = encode_evidence(&report, &resource()).unwrap();
    assert!(
        decode_logs(&logs)
            .unwrap()
            .into_iter()
            .all(|record| record.is_ok())
    );
}

#[test]
fn a_step_that_ends_before_it_starts_is_sent_as_taking_no_time() {
    let mut report = pass();
    report.steps[0].ended = bongsu_model::Timestamp::from_unix_seconds(1);
    assert_eq!(sent(&report).steps[0].ended, report.steps[0].started);
}

fn sent(report: &RunReport) -> RunReport {
    let run = decode_traces(&encode_run(report, &resource()))
        .unwrap()
        .remove(0)
        .unwrap();
    decode_report(&run.spans).unwrap()
}
