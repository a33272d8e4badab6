//! The same files through `bongsu run`, as a CI job has it, and in an agent: the same verdicts, for
//! the same reasons, whatever is broken.

use std::sync::Arc;

use bongsu_agent::{Agent, Config, SystemClock};
use bongsu_model::{Clock as _, RunReport, StepKind, StepOutcome, StepReport, Timestamp};
use bongsu_superapp::{Component, Fault, FaultKind, FaultPoint};
use serde_json::Value;

use crate::cli::bongsu_with;
use crate::cli_run::run_all;
use crate::stage::{LOGIN, Stage, until};

const SEND_MESSAGE: &str = include_str!("../../../probes/journeys/talk/send-message.toml");

/// What a run came to: all that a reader of it acts upon.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    journey: String,
    verdict: String,
    outcomes: Vec<(String, String, bool)>,
    /// Of the steps that measure.
    steps: Vec<SeenStep>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SeenStep {
    name: String,
    actor: String,
    ended: String,
    status: Option<u64>,
    failed_expectations: Vec<String>,
}

/// A busy machine may be slow by itself.
fn word(outcome: &str) -> String {
    outcome.replace("slow", "pass")
}

impl Seen {
    fn told(run: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let outcomes = list(&run["outcomes"]);
        let steps = list(&run["steps"]);
        let mut seen = Self {
            journey: text(&run["journey"]),
            verdict: word(&text(&run["verdict"])),
            outcomes: outcomes
                .iter()
                .map(|one| {
                    let outcome = word(&text(&one["outcome"]));
                    (text(&one["feature"]), outcome, one["own"] == true)
                })
                .collect(),
            steps: steps
                .iter()
                .filter(|step| step["kind"] == "step")
                .map(|step| {
                    let failed = list(&step["failed_expectations"]);
                    SeenStep {
                        name: text(&step["name"]),
                        actor: text(&step["actor"]),
                        ended: word(&text(&step["outcome"])),
                        status: step["status"].as_u64(),
                        failed_expectations: failed.iter().map(text).collect(),
                    }
                })
                .collect(),
        };
        seen.steps.sort();
        seen
    }

    fn shipped(report: &RunReport) -> Self {
        let facts = &report.facts;
        let ended = |step: &StepReport| {
            let detail = step.detail.as_deref().unwrap_or_default();
            match step.outcome {
                StepOutcome::Pass | StepOutcome::Slow => "pass".to_owned(),
                StepOutcome::Fail(class) => format!("fail({class}) {detail}"),
                StepOutcome::Blind(reason) => format!("blind({reason}) {detail}"),
            }
        };
        let steps = report.steps.iter();
        let mut seen = Self {
            journey: facts.journey.to_string(),
            verdict: word(&facts.outcomes.verdict().to_string()),
            outcomes: facts
                .outcomes
                .iter()
                .map(|(one, own)| (one.feature.to_string(), word(&one.outcome.to_string()), own))
                .collect(),
            steps: steps
                .filter(|step| step.kind == StepKind::Step)
                .map(|step| SeenStep {
                    name: step.name.clone(),
                    actor: step.actor.to_string(),
                    ended: ended(step),
                    status: step.network.http_status.map(u64::from),
                    failed_expectations: step.failed_expectations.clone(),
                })
                .collect(),
        };
        seen.steps.sort();
        seen
    }
}

/// A quick journey of its own name: signs in, then does this.
fn quick(name: &str, more: &str) -> (String, String) {
    let text = LOGIN
        .replace("journey = \"login\"", &format!("journey = \"{name}\""))
        .replace("\"2s\"", "\"5s\"")
        .replace("\"1500ms\"", "\"3s\"")
        .replace("\"400ms\"", "\"1s\"");
    (name.to_owned(), text + more)
}

fn journeys() -> Vec<(String, String)> {
    let send = SEND_MESSAGE
        .replace("every = \"10s\"", "every = \"5s\"")
        .replace("timeout = \"6s\"", "timeout = \"3500ms\"")
        .replace("cleanup_timeout = \"3s\"", "cleanup_timeout = \"1s\"")
        .replace("within = \"2500ms\"", "within = \"1500ms\"")
        .replace("warm = true", "warm = false");
    vec![
        quick("good", ""),
        quick(
            "wrong-status",
            "[[step]]\nname = \"teapot\"\nget = \"/v1/me\"\nexpect.status = 418\n",
        ),
        quick(
            "wrong-content",
            "[[step]]\nname = \"nobody\"\nget = \"/v1/me\"\n\
             expect.json.\"$.user_id\" = \"nobody\"\nexpect.json.\"$.age\" = { min = 1 }\n",
        ),
        quick(
            "nothing-to-capture",
            "[[step]]\nname = \"no age\"\nget = \"/v1/me\"\ncapture.age = { json = \"$.age\" }\n",
        ),
        quick(
            "certificate",
            "[[step]]\nname = \"it lasts\"\ntls = \"{{ target.base.account }}\"\n\
             expect.days_left = { min = 1000000 }\n",
        ),
        ("send-message".to_owned(), send),
    ]
}

/// What an agent ships of every journey's runs that were begun after now.
async fn of_the_agent(stage: &Stage, since: Timestamp) -> Vec<Seen> {
    let newest = |name: &str| {
        let reports = stage.collector.reports();
        let mut of_name = reports.into_iter().rev();
        of_name.find(|report| report.facts.journey.as_str() == name && report.facts.started > since)
    };
    let names: Vec<String> = journeys().into_iter().map(|(name, _)| name).collect();
    until("each journey has run", || {
        names.iter().all(|name| newest(name).is_some())
    })
    .await;
    let seen = names.iter().filter_map(|name| newest(name));
    let mut seen: Vec<Seen> = seen.map(|report| Seen::shipped(&report)).collect();
    seen.sort();
    seen
}

async fn of_the_command(stage: &Stage) -> Vec<Seen> {
    let (_, text) = bongsu_with(run_all(stage, &["--json", "--ci"])).await;
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let mut seen: Vec<Seen> = lines
        .map(|line| Seen::told(&serde_json::from_str(line).unwrap()))
        .collect();
    assert_eq!(seen.len(), journeys().len(), "{text}");
    seen.sort();
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_has_one_verdict_in_a_ci_job_and_in_an_agent() {
    let stage = Stage::new().await;
    for (name, text) in journeys() {
        stage.write_journey(&name, &text);
    }
    let config = Config::load(&stage.write_agent("")).unwrap();
    let clock = Arc::new(SystemClock::new());
    let agent = Agent::start(config, clock.clone()).await.unwrap();
    let (account, relay) = (Component::Account, Component::Relay);
    let faults = [
        None,
        Some((account, FaultKind::Error(503))),
        Some((relay, FaultKind::Error(503))),
        Some((relay, FaultKind::LostDelivery)),
    ];
    let mut verdicts = std::collections::BTreeSet::new();
    for fault in faults {
        if let Some((component, kind)) = fault {
            let point = FaultPoint::Component(component);
            stage
                .platform
                .inject(Fault::everywhere(point, kind))
                .unwrap();
            stage.platform.settle().await;
        }
        let since = clock.wall();
        let told = of_the_command(&stage).await;
        let shipped = of_the_agent(&stage, since).await;
        for (told, shipped) in told.into_iter().zip(shipped) {
            verdicts.insert(told.verdict.clone());
            assert_eq!(told, shipped, "{fault:?}");
        }
        stage.platform.mend_all();
        stage.platform.settle().await;
    }
    let verdicts: Vec<&str> = verdicts.iter().map(String::as_str).collect();
    assert_eq!(
        verdicts,
        [
            "blocked(account.login)",
            "fail(expectation)",
            "fail(status)",
            "fail(timeout)",
            "pass"
        ],
        "the journeys and faults here must show every one of these"
    );
    agent.shutdown().await;
}
