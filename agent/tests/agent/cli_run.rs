//! `bongsu run` with several runs: order, repetition, and where it stops.

use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use bongsu_superapp::{Component, Count, Fault, FaultKind, FaultPoint};
use serde_json::Value;

use crate::cli::{bongsu_with, patient};
use crate::stage::{AgentProcess, Stage, bongsu, until};

/// `bongsu run` of everything that the stage has written.
pub(crate) fn run_all(stage: &Stage, more: &[&str]) -> Vec<String> {
    let journeys = stage.path("journeys").display().to_string();
    let target = stage.target().display().to_string();
    let mut arguments = vec!["run".to_owned(), journeys, "--target".to_owned(), target];
    arguments.extend(more.iter().map(|&one| one.to_owned()));
    arguments
}

/// The journey under another name.
fn named(name: &str) -> String {
    patient().replace("journey = \"login\"", &format!("journey = \"{name}\""))
}

fn runs(text: &str) -> Vec<Value> {
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_go_on_at_the_same_time_and_are_told_in_order() {
    let stage = Stage::new().await;
    for name in ["a", "b", "c"] {
        stage.write_journey(name, &named(name));
    }
    let arguments = run_all(&stage, &["--json", "--repeat", "3", "--jobs", "4"]);
    let (code, text) = bongsu_with(arguments).await;
    assert_eq!(code, Some(0), "{text}");
    let journeys: Vec<String> = runs(&text)
        .iter()
        .map(|run| run["journey"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(journeys, ["a", "b", "c"].repeat(3));
    let mut ids: Vec<String> = runs(&text)
        .iter()
        .map(|run| run["run"].to_string())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 9, "each run has an id of its own");
    assert_eq!(stage.platform.audit().sessions_open, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_runs_are_summed_up_and_failures_drawn_again() {
    let stage = Stage::new().await;
    stage.write_journey("good", &named("good"));
    let bad = named("bad").replace("expect.status = 200", "expect.status = 418");
    stage.write_journey("bad", &bad);
    let (code, text) = bongsu_with(run_all(&stage, &["--repeat", "2"])).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("4 runs in "), "{text}");
    assert!(text.contains(": 2 passed, 2 failed"), "{text}");
    // What passed takes a line, what failed is told whole and drawn once more at the end.
    let passed: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("passed"))
        .collect();
    assert_eq!(passed.len(), 2, "{text}");
    let summary = text.rsplit("failed (status): bad in ").next().unwrap();
    assert!(
        summary.contains("the session works [user]: fail(status) 200"),
        "{text}"
    );
    assert!(summary.contains("d dns, c connect"), "{text}");
    let (_, text) = bongsu_with(run_all(&stage, &["--verbose"])).await;
    let all_steps = text.matches("sign in: sign in [user]: pass").count();
    assert_eq!(
        all_steps, 3,
        "two runs, and one of them drawn again: {text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_started_after_a_failure_if_told_so() {
    let stage = Stage::new().await;
    for name in ["a", "b"] {
        stage.write_journey(name, &named(name));
    }
    let account = FaultPoint::Component(Component::Account);
    let refuse = Fault::everywhere(account, FaultKind::Refuse);
    stage.platform.inject(refuse).unwrap();
    let more = ["--fail-fast", "--repeat", "1000000000000"];
    let (code, text) = bongsu_with(run_all(&stage, &more)).await;
    assert_eq!(code, Some(1), "{text}");
    let summary = "1 failed, 1999999999999 not run";
    assert!(text.contains(summary), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_that_make_no_sense_are_refused() {
    let stage = Stage::new().await;
    stage.write_journey("login", &patient());
    for (flag, value) in [
        ("--repeat", "0"),
        ("--repeat", "many"),
        ("--jobs", "0"),
        ("--jobs", "257"),
    ] {
        let (code, text) = bongsu_with(run_all(&stage, &[flag, value])).await;
        assert_eq!(code, Some(2), "{flag} {value}: {text}");
        assert!(text.contains(flag), "{text}");
    }
}

/// The journey with a case that holds and one that does not.
fn with_cases() -> String {
    let cases = "vars.status = 200\ntags = [\"smoke\"]\n\
                 case = [{ name = \"right\", vars = { status = 200 } }, \
                 { name = \"wrong\", vars = { status = 418 } }]\nbase =";
    let journey = patient().replace("base =", cases);
    journey.replace(
        "expect.status = 200",
        "expect.status = 200\nwhen = \"{{ status == 200 }}\"",
    ) + "\n[[step]]\nname = \"only where it is wrong\"\nget = \"/v1/nowhere\"\n\
         when = \"{{ status == 418 }}\"\nexpect.status = 200\n"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_case_is_run_and_known_by_its_name() {
    let stage = Stage::new().await;
    stage.write_journey("login", &with_cases());
    stage.write_journey("other", &named("other"));
    let (code, text) = bongsu_with(run_all(&stage, &["--json"])).await;
    assert_eq!(code, Some(1), "{text}");
    let told: Vec<String> = runs(&text)
        .iter()
        .map(|run| format!("{} {} {}", run["journey"], run["variant"], run["verdict"]))
        .collect();
    let expected = [
        r#""login" "right" "pass""#,
        r#""login" "wrong" "fail(status)""#,
        r#""other" "cold" "pass""#,
    ];
    assert_eq!(told, expected);

    let (code, text) = bongsu_with(run_all(&stage, &["--case", "right"])).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("passed: login [right] · account.login"),
        "{text}"
    );
    let more = ["--tags", "smoke", "--case", "wrong"];
    let (code, text) = bongsu_with(run_all(&stage, &more)).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.starts_with("failed (status): login [wrong]"), "{text}");
    assert!(!text.contains("other"), "{text}");
    for (more, expected) in [
        (
            ["--case", "wrnog"],
            "--case wrnog: the cases are right, wrong",
        ),
        (["--tags", "smok"], "the journeys' tags are smoke"),
    ] {
        let (code, text) = bongsu_with(run_all(&stage, &more)).await;
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_refuses_a_journey_with_cases() {
    let stage = Stage::new().await;
    stage.write_journey("login", &with_cases().replace("\"2s\"", "\"20s\""));
    let config = stage.write_agent("").display().to_string();
    let arguments = ["agent", "--check-config", "--config", &config].map(str::to_owned);
    let (code, text) = bongsu_with(arguments.to_vec()).await;
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("login.toml: agents run no `[[case]]`"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_found_by_patterns_too() {
    let stage = Stage::new().await;
    for name in ["a1", "a2", "b1"] {
        stage.write_journey(name, &named(name));
    }
    let mut arguments = run_all(&stage, &["--json"]);
    arguments[1] = stage.path("journeys/a*.toml").display().to_string();
    let (code, text) = bongsu_with(arguments.clone()).await;
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(runs(&text).len(), 2, "{text}");
    arguments[1] = stage.path("journeys/c*.toml").display().to_string();
    let (code, text) = bongsu_with(arguments).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("no file matches"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warm_runs_sign_in_once_and_begin_with_that_session() {
    let stage = Stage::new().await;
    stage.write_journey("login", &patient());
    let (code, text) = bongsu_with(run_all(&stage, &["--warm"])).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("no journey says `warm = true`"), "{text}");

    let warm = patient().replace("every = ", "warm = true\nevery = ");
    stage.write_journey("login", &warm);
    let before = stage.platform.audit().count(Count::SessionsOpened);
    let (code, text) = bongsu_with(run_all(&stage, &["--json", "--warm", "--repeat", "3"])).await;
    assert_eq!(code, Some(0), "{text}");
    let told = runs(&text);
    let steps: Vec<usize> = told
        .iter()
        .map(|run| run["steps"].as_array().unwrap().len())
        .collect();
    assert_eq!(steps, [2, 1, 1], "{text}");
    assert!(told.iter().all(|run| run["variant"] == "warm"), "{text}");
    let opened = stage.platform.audit().count(Count::SessionsOpened);
    assert_eq!(opened, before + 1);

    // Without being told so it is run cold, and signs out.
    let (code, text) = bongsu_with(run_all(&stage, &["--json", "--repeat", "2"])).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(
        runs(&text).iter().all(|run| run["variant"] == "cold"),
        "{text}"
    );
    let audit = stage.platform.audit();
    assert_eq!(audit.count(Count::SessionsOpened), opened + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_is_used_when_told_and_never_because_of_the_environment() {
    let stage = Stage::new().await;
    stage.write_journey("login", &patient());
    // Nobody is there any more.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let (arguments, url) = (run_all(&stage, &["--json"]), proxy.clone());
    let output = tokio::task::spawn_blocking(move || {
        let mut command = bongsu();
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, &url).env(name.to_lowercase(), &url);
        }
        command.args(arguments).output().unwrap()
    });
    let output = output.await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(runs(&text)[0]["verdict"], "pass", "{text}");

    let (code, text) = bongsu_with(run_all(&stage, &["--json", "--proxy", &proxy])).await;
    assert_eq!(code, Some(4), "{text}");
    let first = &runs(&text)[0]["steps"][0]["outcome"];
    let told = "blind(egress) the target's `proxy` cannot be reached: refused";
    assert_eq!(first, told, "{text}");

    let with_login = "http://me:sentinel-word@127.0.0.1:1";
    let (code, text) = bongsu_with(run_all(&stage, &["--proxy", with_login])).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("write http://host:port"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_takes_no_time_of_a_run_that_is_alone() {
    const STALL: Duration = Duration::from_secs(4);

    let stage = Stage::new().await;
    stage.write_journey("login", &patient());
    // More than a pipe holds.
    let arguments = run_all(&stage, &["--json", "--repeat", "200"]);
    let mut child = bongsu()
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut printed = child.stdout.take().unwrap();
    tokio::time::sleep(STALL).await;
    let text = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        printed.read_to_string(&mut text).unwrap();
        text
    });
    let text = text.await.unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{text}");
    assert!(text.len() > 2 * 64 * 1024, "a pipe holds it");
    let runs = runs(&text);
    assert_eq!(runs.len(), 200);
    for run in runs {
        let took = Duration::from_secs_f64(run["duration_s"].as_f64().unwrap());
        assert!(took < STALL / 2, "{run}");
    }
}

/// Its only step cannot be sent.
const NOTHING: &str = r#"
format = 1
journey = "nothing"
feature = "account.login"
timeout = "5s"
base = "{{ target.base.account }}"
vars.word = "word"
actor.user.account = "pool:login-users"

[[step]]
name = "twice a word"
get = "/{{ word * 2 }}"
"#;

/// Starts a million runs that wait for nothing, and ends them once some are told.
async fn interrupted(stage: &Stage) -> String {
    let printed = stage.path("printed");
    let out = std::fs::File::create(&printed).unwrap();
    let child = bongsu()
        .args(run_all(stage, &["--repeat", "1000000"]))
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .spawn()
        .unwrap();
    let going = AgentProcess::of(child);
    until("it tells of runs", || {
        std::fs::metadata(&printed).unwrap().len() > 0
    })
    .await;
    assert_eq!(going.terminate().await, Some(130));
    let text = std::fs::read_to_string(&printed).unwrap();
    let told = "interrupted: cleaning up, once more ends at once";
    assert!(text.contains(told), "{text}");
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_is_heard_also_where_no_run_waits_for_anything() {
    let stage = Stage::new().await;
    stage.write_journey("nothing", NOTHING);
    let text = interrupted(&stage).await;
    assert!(text.contains("blind (internal)"), "{text}");
    let profile = std::fs::read_to_string(stage.target()).unwrap();
    let stopped = format!("kill_switch = \"everything\"\n{profile}");
    std::fs::write(stage.target(), stopped).unwrap();
    let text = interrupted(&stage).await;
    assert!(text.contains("skipped: nothing"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_are_held_back_are_all_told() {
    let stage = Stage::new().await;
    stage.write_journey("login", &patient());
    let profile = std::fs::read_to_string(stage.target()).unwrap();
    let stopped = format!("kill_switch = \"everything\"\n{profile}");
    std::fs::write(stage.target(), stopped).unwrap();
    let (code, text) = bongsu_with(run_all(&stage, &["--repeat", "700"])).await;
    assert_eq!(code, Some(4), "{text}");
    assert_eq!(text.matches("skipped: login").count(), 700);
}
