//! Requests of several runs: joined, split, and a bad one refused alone.

use bongsu_model::{AgentId, RunId, RunIdentity, RunReport, Trigger};
use bongsu_wire::{
    AgentResource, RunRefusal, decode_report, decode_traces, encode_run, facts_match_id,
    merge_traces,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::canonical::{pass, resource, runs};

#[test]
fn joined_runs_come_apart_again_and_a_bad_one_is_refused_alone() {
    let (good, other) = (pass(), of_another_agent(pass()));
    let mut bad = pass();
    bad.facts.clock_offset_s = f64::NAN;
    let bad = of_another_slot(bad);
    let parts = [&good, &bad, &other].map(|report| encode_run(report, &resource()));
    let joined = merge_traces(parts.iter().map(Vec::as_slice));

    let runs = decode_traces(&joined).unwrap();
    assert_eq!(runs.len(), 3);
    let kept: Vec<RunReport> = runs
        .iter()
        .flatten()
        .map(|run| decode_report(&run.spans).unwrap())
        .collect();
    assert_eq!(kept, [good, other]);
    let rejected = runs[1].as_ref().unwrap_err();
    assert_eq!(rejected.id, Some(bad.facts.id));
    assert_eq!(rejected.span_count, 2);
}

#[test]
fn a_run_that_is_twice_in_a_request_is_one() {
    let part = encode_run(&pass(), &resource());
    let runs = decode_traces(&merge_traces([part.as_slice(), part.as_slice()])).unwrap();
    assert_eq!(runs.len(), 1);
    let run = runs[0].as_ref().unwrap();
    assert_eq!(run.span_count, 4);
    assert_eq!(decode_report(&run.spans), Ok(pass()));
}

#[test]
fn stored_spans_of_two_runs_or_none_are_no_report() {
    let parts = [pass(), of_another_slot(pass())].map(|report| encode_run(&report, &resource()));
    let both = merge_traces(parts.iter().map(Vec::as_slice));
    let error = decode_report(&both).unwrap_err();
    assert_eq!(error.to_string(), "the bytes hold 2 runs, not one");
    assert_eq!(
        decode_report(&[]).unwrap_err().to_string(),
        "the bytes hold 0 runs, not one"
    );
}

#[test]
fn traces_of_others_are_told_that_they_are_foreign() {
    let mut request =
        ExportTraceServiceRequest::decode(&*encode_run(&pass(), &resource())).unwrap();
    for span in &mut request.resource_spans[0].scope_spans[0].spans {
        span.attributes
            .retain(|pair| !pair.key.starts_with("bongsu."));
    }
    let refused = |request: &ExportTraceServiceRequest| {
        let runs = decode_traces(&request.encode_to_vec()).unwrap();
        runs.into_iter().next().unwrap().unwrap_err().reason
    };
    assert_eq!(refused(&request), RunRefusal::Foreign);
    // A part of a trace, without its root.
    request.resource_spans[0].scope_spans[0].spans.remove(0);
    assert_eq!(refused(&request), RunRefusal::Foreign);
}

#[test]
fn an_empty_request_holds_no_run_and_garbage_is_no_request() {
    assert_eq!(decode_traces(&[]), Ok(Vec::new()));
    for garbage in [
        &b"<html>"[..],
        br#"{"resourceSpans":[]}"#,
        b"\xff\xff\xff\xff",
        b"\x0a\xff\x01",
    ] {
        let error = decode_traces(garbage).unwrap_err();
        assert_eq!(error.to_string(), "not a valid ExportTraceServiceRequest");
    }
    let whole = encode_run(&pass(), &resource());
    for end in [1, whole.len() / 2, whole.len() - 1] {
        assert!(decode_traces(&whole[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_small_body_that_would_fill_the_memory_is_refused_whole() {
    let mut request =
        ExportTraceServiceRequest::decode(&*encode_run(&pass(), &resource())).unwrap();
    request.resource_spans[0].scope_spans[0].spans = vec![Span::default(); 10_000];
    let request = request.encode_to_vec();
    assert!(request.len() < 21_000);
    assert_eq!(
        decode_traces(&request).unwrap_err().to_string(),
        "an ExportTraceServiceRequest of too many empty parts for its size"
    );
}

#[test]
fn the_id_of_a_scheduled_run_follows_from_its_facts() {
    for (name, mut report) in runs() {
        assert!(facts_match_id(&report.facts), "{name}");
        report.facts.trigger = Trigger::Scheduled { slot: 1 };
        assert!(!facts_match_id(&report.facts), "{name}");
        // Of an unscheduled run only time and layout can be held.
        report.facts.trigger = Trigger::Manual;
        assert!(facts_match_id(&report.facts), "{name}");
        report.facts.id = RunId::from_bytes([0x22; 16]);
        assert!(!facts_match_id(&report.facts), "{name}");
    }
}

fn of_another_agent(mut report: RunReport) -> RunReport {
    report.facts.vantage.agent = AgentId::new("seoul-2").unwrap();
    derive(report)
}

fn of_another_slot(mut report: RunReport) -> RunReport {
    report.facts.trigger = Trigger::Scheduled { slot: 7 };
    derive(report)
}

fn derive(mut report: RunReport) -> RunReport {
    let facts = &report.facts;
    let identity = RunIdentity {
        agent: &facts.vantage.agent,
        target: &facts.target,
        journey: &facts.journey,
        variant: &facts.variant,
        trigger: facts.trigger.kind(),
        n: facts.trigger.slot().unwrap(),
    };
    report.facts.id = RunId::derive(identity, facts.due);
    report
}

#[test]
fn the_agent_of_a_run_is_the_one_that_ran_it() {
    let stranger = AgentResource::new(AgentId::new("busan-1").unwrap(), "0.1.0");
    let run = decode_traces(&encode_run(&pass(), &stranger))
        .unwrap()
        .remove(0)
        .unwrap();
    assert_eq!(run.facts.vantage.agent, pass().facts.vantage.agent);
    assert_eq!(run.resource.agent, pass().facts.vantage.agent);
}
