//! `bongsu run --report otlp=…`: runs reach a collector as those of a CI job, or it is said why not.

use bongsu_model::Trigger;

use crate::cli::patient;
use crate::cli_run::run_all;
use crate::collector::{Scripted, Taken};
use crate::stage::{Stage, bongsu};

const TOKEN: &str = "sentinel-of-the-token";

async fn shipped(stage: &Stage, more: &[&str], token: Option<&str>) -> (Option<i32>, String) {
    let spec = format!("otlp=http://{}", stage.collector.address);
    let mut all = vec!["--report", &spec, "--agent", "ci-1", "--region", "kr-seoul"];
    all.extend(more);
    let arguments = run_all(stage, &all);
    let token = token.map(str::to_owned);
    let run = move || {
        let mut command = bongsu();
        command.args(arguments).env_remove("BONGSU_OTLP_TOKEN");
        if let Some(token) = token {
            command.env("BONGSU_OTLP_TOKEN", token);
        }
        command.output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_reach_the_collector_marked_as_ci() {
    let stage = Stage::new().await;
    stage.write_journey("login", &patient());
    stage.collector.script(&[Scripted::Status(503)]);
    let (code, text) = shipped(&stage, &["--repeat", "5", "--jobs", "2"], Some(TOKEN)).await;
    assert_eq!(code, Some(0), "{text}");
    let runs = stage.collector.runs();
    let mut seqs: Vec<u64> = runs.iter().map(|facts| facts.seq).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, [0, 1, 2, 3, 4]);
    for facts in &runs {
        assert_eq!(facts.trigger, Trigger::Ci);
        assert_eq!(facts.vantage.agent.as_str(), "ci-1");
        assert_eq!(facts.vantage.region.as_str(), "kr-seoul");
    }
    let expected = format!("Bearer {TOKEN}");
    assert!(
        stage
            .collector
            .tokens()
            .iter()
            .all(|token| *token == expected)
    );
    assert!(!text.contains(TOKEN), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_run_takes_its_evidence_along() {
    let stage = Stage::new().await;
    let wrong = patient().replace("expect.status = 200", "expect.status = 418");
    stage.write_journey("login", &wrong);
    let (code, text) = shipped(&stage, &[], Some(TOKEN)).await;
    assert_eq!(code, Some(1), "{text}");
    let taken = stage.collector.taken();
    assert!(
        matches!(taken.as_slice(), [Taken::Run(_), Taken::Evidence]),
        "{taken:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_collector_does_not_take_is_told_and_ends_with_2() {
    let stage = Stage::new().await;
    stage.write_journey("login", &patient());
    stage.collector.script(&[Scripted::Status(401)]);
    let (code, text) = shipped(&stage, &["--repeat", "3"], Some(TOKEN)).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("3 passed"), "{text}");
    assert!(text.contains("runs are not at http://"), "{text}");
    assert!(
        text.contains("the token is not accepted: status 401"),
        "{text}"
    );
    assert!(!text.contains(TOKEN), "{text}");

    stage.collector.script(&[Scripted::Partial(3)]);
    let (code, text) = shipped(&stage, &[], Some(TOKEN)).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("1 of 1 runs are not at"), "{text}");
    assert!(text.contains("unknown journey"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_or_an_address_nothing_is_run() {
    let stage = Stage::new().await;
    stage.write_journey("login", &patient());
    let (code, text) = shipped(&stage, &[], None).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("BONGSU_OTLP_TOKEN is not set"), "{text}");
    let (code, text) = shipped(&stage, &["--report", "otlp=collector"], Some(TOKEN)).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("is not a URL"), "{text}");
    let (code, text) = shipped(&stage, &["--network", "A B"], Some(TOKEN)).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("`A B` is not a network id"), "{text}");
    assert_eq!(stage.collector.taken(), []);
}
