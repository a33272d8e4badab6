//! Run pages of odd runs: nothing breaks them, and no bar leaves the axis.

use std::time::Duration;

use axum::http::StatusCode;
use bongsu_model::{
    ActorName, BlindReason, CleanupState, EarlierAttempt, Evidence, FailClass, FeatureOutcome,
    Outcome, Outcomes, Phases, RunReport, SkipReason, StepKind, StepOutcome, StepReport,
};
use proptest::prelude::*;

use super::fixture::{Fixture, feature};
use super::runs;
use super::visit::{Answer, get, get_of};

const PASSED: &str = "/runs/0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a?lang=en";
const FAILED: &str = "/runs/fafafafafafafafafafafafafafafafa?lang=en";

async fn page_of(report: RunReport) -> String {
    let id = report.facts.id;
    let answer: Answer = get_of(Fixture::with_run(report), &format!("/runs/{id}?lang=en")).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.text
}

/// Every `x` and `width` of the bars, in percent, as pairs.
fn rects(page: &str) -> Vec<(f64, f64)> {
    let percent = |rect: &str, name: &str| -> Option<f64> {
        let value = rect
            .split(&format!(" {name}=\""))
            .nth(1)?
            .split('"')
            .next()?;
        value.strip_suffix('%')?.parse().ok()
    };
    page.split("<rect ")
        .skip(1)
        .map(|rect| rect.split('>').next().unwrap())
        .filter_map(|rect| Some((percent(rect, "x")?, percent(rect, "width")?)))
        .collect()
}

fn bars(page: &str) -> usize {
    page.matches("<svg class=\"bars\"").count()
}

#[tokio::test]
async fn actors_have_lanes_on_one_axis_and_cleanup_lies_apart() {
    let page = get(PASSED).await.text;
    let lanes: Vec<_> = page
        .split("<tr class=\"lane\">")
        .skip(1)
        .map(|lane| lane.split("</th>").next().unwrap())
        .collect();
    assert_eq!(lanes.len(), 3);
    assert!(lanes[0].contains("alice") && lanes[1].contains("bob"));
    assert!(lanes[2].contains("alice") && lanes[2].contains("Cleanup"));
    assert_eq!(page.matches("<tbody class=\"cleanup\">").count(), 1);
    assert_eq!(bars(&page), 5);
    // Of 4.1 s the receiving ended after 2.1 s: what follows is shaded.
    assert!(page.contains("<rect class=\"after\" x=\"51.22%\" y=\"0\" width=\"48.78%\""));
    assert!(page.contains("<td class=\"figures\">+1.95 s</td><td class=\"figures\">150 ms</td>"));
}

#[tokio::test]
async fn a_failure_says_what_was_expected_what_came_and_who_is_charged() {
    let page = get(FAILED).await.text;
    for part in [
        "Charged: <a href=\"/features/account.login?lang=en\">account.login</a>",
        "failed step: <a href=\"#step-0\">sign in</a> (alice)",
        "<th scope=\"row\"><code>status</code></th><td><code>200</code></td><td><code class=\"wrong\">503</code></td>",
        "<code class=\"wrong\">&lt;nothing&gt;</code>",
        "<li>connect, refused <small>900 ms</small></li>",
        "2× tried",
        "/runs?feature=account.login&amp;outcome=fail&amp;from=2022-10-16T05%3A14%3A54.988Z",
        "<a rel=\"prev\" href=\"/runs/11111111111111111111111111111111?lang=en\">",
        "Next →: none",
        "64879f7d6b960a01",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("This run’s trace"));
}

#[tokio::test]
async fn a_configured_trace_link_is_on_the_page_and_in_the_api() {
    let link = "https://grafana.example/explore?panes={\"t\":\"{trace_id}\"}";
    let url = "https://grafana.example/explore?panes=%7B%22t%22:%22fafafafafafafafafafafafafafafafa%22%7D";
    let page = get_of(Fixture::with_trace_link(link), FAILED).await.text;
    assert!(page.contains(&format!(
        "<a href=\"{url}\" rel=\"external noopener noreferrer\">"
    )));
    let api = FAILED
        .replace("/runs", "/api/v1/runs")
        .replace("?lang=en", "");
    let run = get_of(Fixture::with_trace_link(link), &api).await.json();
    assert_eq!(run["trace_url"], url);
    let run = get(&api).await.json();
    assert_eq!(run["trace_url"], serde_json::Value::Null);
    assert_eq!(run["previous"]["run"], "11".repeat(16));
    assert_eq!(run["next"], serde_json::Value::Null);
}

#[tokio::test]
async fn runs_without_steps_say_so_and_why() {
    let base = runs::passed();
    for (outcome, says) in [
        (
            Outcome::Skipped(SkipReason::Overlap),
            "Not run, on purpose.",
        ),
        (
            Outcome::Blind(BlindReason::Interrupted),
            "The agent could not see: neither up nor down.",
        ),
    ] {
        let mut report = base.clone();
        report.steps.clear();
        report.facts.ended = report.facts.started;
        report.facts.outcomes = Outcomes::only(feature("account.login"), outcome);
        let page = page_of(report).await;
        assert!(page.contains(says) && page.contains("No step was performed."));
        assert!(!page.contains("id=\"h-figures\""));
    }
}

#[tokio::test]
async fn a_blind_step_charges_nobody_and_a_failed_cleanup_neither() {
    let mut report = runs::passed();
    report.facts.cleanup = CleanupState::Leaked;
    report.steps[1].outcome = StepOutcome::Blind(BlindReason::Egress);
    report.steps[4].outcome = StepOutcome::Fail(FailClass::Timeout);
    let page = page_of(report).await;
    assert!(page.contains("The agent’s own trouble: no feature is charged."));
    assert!(page.contains("A cleanup step that fails charges no feature."));
    assert!(page.contains("failed: something is left behind"));
    assert!(!page.contains("Charged: "));
}

#[tokio::test]
async fn a_second_failure_is_not_charged() {
    let mut report = runs::passed();
    let own = FeatureOutcome {
        feature: feature("talk.message.text"),
        outcome: Outcome::Blocked(feature("account.login")),
    };
    let login = FeatureOutcome {
        feature: feature("account.login"),
        outcome: Outcome::Fail(FailClass::Status),
    };
    report.facts.outcomes = Outcomes::new(own, vec![login]).unwrap();
    report.steps[0].outcome = StepOutcome::Fail(FailClass::Status);
    report.steps[3].outcome = StepOutcome::Fail(FailClass::Timeout);
    let page = page_of(report).await;
    assert!(page.contains("Another step failed first: its feature is charged."));
    assert!(page.contains("Charged: <a href=\"/features/account.login?lang=en\">"));
}

#[tokio::test]
async fn two_hundred_steps_with_retries_have_a_bar_each() {
    let mut report = runs::passed();
    let model = report.steps[1].clone();
    report.steps = (0..200)
        .map(|i| StepReport {
            name: format!("step {i}"),
            index: i,
            actor: ActorName::new(if i % 2 == 0 { "alice" } else { "bob" }).unwrap(),
            actor_index: i % 2,
            attempts: 3,
            redirects: Vec::new(),
            earlier_attempts: vec![
                EarlierAttempt {
                    class: FailClass::Timeout,
                    detail: "first_byte".to_owned(),
                    duration: Duration::from_millis(5),
                };
                2
            ],
            started: report.facts.started + Duration::from_millis(20 * u64::from(i)),
            ended: report.facts.started + Duration::from_millis(20 * u64::from(i) + 18),
            ..model.clone()
        })
        .collect();
    let page = page_of(report).await;
    assert_eq!(bars(&page), 200);
    assert_eq!(page.matches("<tr class=\"lane\">").count(), 2);
    assert_eq!(page.matches("<details class=\"step").count(), 200);
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
}

#[tokio::test]
async fn a_step_outside_of_its_run_stretches_the_axis() {
    let mut report = runs::failed();
    report.facts.clock_offset_s = -3.25;
    report.facts.due = report.facts.started + Duration::from_millis(40);
    report.facts.ended = report.facts.started;
    report.steps[0].started = report.facts.started - Duration::from_millis(500);
    let page = page_of(report).await;
    assert!(page.contains("-3.250 s"));
    assert!(page.contains("−40 ms"), "it started before it was due");
    assert!(page.contains("<td class=\"figures\">−500 ms</td>"));
    assert!(page.contains("<rect class=\"p-rest\" x=\"0%\" y=\"4\" height=\"12\" width=\"100%\""));
}

#[tokio::test]
async fn names_and_evidence_of_any_length_are_text() {
    let mut report = runs::failed();
    let evil = "\"><img src=x onerror=alert(1)>".repeat(40);
    let step = &mut report.steps[0];
    step.name = evil.clone();
    step.detail = Some(evil.clone());
    step.failed_expectations = vec![evil.clone(), format!("json: expected {evil}, got {evil}")];
    step.network.url = Some(evil.clone());
    step.evidence = Some(Evidence {
        headers: vec![(evil.clone(), evil.clone()); 20],
        body_head: evil,
    });
    let page = page_of(report).await;
    assert!(!page.contains("<img"));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
}

fn odd_step() -> impl Strategy<Value = StepReport> {
    let duration = || prop_oneof![Just(0), 0..5_000_u64, 0..200_000_u64].prop_map(ms);
    let phase = || proptest::option::of(duration());
    let phases = (phase(), phase(), phase(), phase(), phase());
    let earlier = proptest::collection::vec(duration(), 0..4);
    (
        0..3_u32,
        duration(),
        duration(),
        any::<bool>(),
        phases,
        earlier,
    )
        .prop_map(
            |(actor, from, took, cleanup, (dns, connect, tls, wait, receive), earlier)| {
                let model = runs::passed().steps[0].clone();
                let origin = runs::passed().facts.started - ms(20_000);
                StepReport {
                    actor: ActorName::new(["alice", "bob", "carol"][actor as usize]).unwrap(),
                    actor_index: actor,
                    kind: if cleanup {
                        StepKind::Cleanup
                    } else {
                        StepKind::Step
                    },
                    started: origin + from,
                    ended: origin + from + took,
                    attempts: u32::try_from(earlier.len()).unwrap() + 1,
                    phases: Phases {
                        dns,
                        connect,
                        tls,
                        wait,
                        receive,
                    },
                    redirects: Vec::new(),
                    earlier_attempts: earlier
                        .into_iter()
                        .map(|duration| EarlierAttempt {
                            class: FailClass::Connect,
                            detail: "refused".to_owned(),
                            duration,
                        })
                        .collect(),
                    ..model
                }
            },
        )
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bar_leaves_the_axis(
        steps in proptest::collection::vec(odd_step(), 1..8),
        took in prop_oneof![Just(0), 0..10_000_u64],
    ) {
        let mut report = runs::passed();
        report.facts.ended = report.facts.started + ms(took);
        let count = steps.len();
        report.steps = steps;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let page = runtime.block_on(page_of(report));
        prop_assert_eq!(bars(&page), count);
        let rects = rects(&page);
        prop_assert!(rects.len() > count, "the shade and a bar for each step");
        for (x, width) in rects {
            prop_assert!(x >= 0.0 && width >= 0.0 && x + width <= 100.01, "{x}% {width}%");
        }
    }
}
