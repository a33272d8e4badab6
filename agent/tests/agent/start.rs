//! Starting with something wrong, and a plan that changes while it is worked on.

use std::sync::Arc;
use std::time::Duration;

use bongsu_agent::{Agent, Config, SystemClock};

use crate::stage::{LOGIN, Stage, bongsu, until};

/// What the real binary says, and how it ends, when started so.
fn refused(stage: &Stage, change: impl Fn(String) -> String) -> (Option<i32>, String) {
    let path = stage.write_agent("");
    let text = change(std::fs::read_to_string(&path).unwrap());
    std::fs::write(&path, text).unwrap();
    let output = bongsu()
        .args(["agent", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_used_is_said_with_its_place() {
    let stage = Stage::new().await;
    stage.write_journey("login", LOGIN);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    std::fs::write(stage.path("a-file"), "").unwrap();
    let cases: [(&str, String, i32, &str); 8] = [
        (
            "region =",
            "regin =".to_owned(),
            3,
            "did you mean `region`?",
        ),
        ("format = 1", "format = ".to_owned(), 3, "agent.toml:2:"),
        (
            "file = \"token\"",
            "file = \"no-token\"".to_owned(),
            3,
            "no-token",
        ),
        (
            "file = \"token\"",
            "env = \"BONGSU_NEVER_SET\"".to_owned(),
            3,
            "BONGSU_NEVER_SET is not set",
        ),
        (
            "[controls]",
            format!("[listen]\naddress = \"{port}\"\n[controls]"),
            1,
            "set another `listen.address`",
        ),
        (
            "data = \"data\"",
            "data = \"a-file/data\"".to_owned(),
            1,
            "cannot use the data folder",
        ),
        (
            "catalogue = \"catalogue.toml\"",
            "catalogue = \"no.toml\"".to_owned(),
            3,
            "no.toml",
        ),
        (
            "targets = [",
            "targets = [\"superapp/target-kr-seoul.toml\", ".to_owned(),
            3,
            "two target profiles are named `superapp`",
        ),
    ];
    for (from, to, code, expected) in cases {
        let (exit, message) = refused(&stage, |text| text.replacen(from, &to, 1));
        assert!(
            message.contains(expected),
            "{expected} is not in:\n{message}"
        );
        assert_eq!(exit, Some(code), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_passes_the_check_is_one_that_starts() {
    let stage = Stage::new().await;
    stage.write_journey("login", LOGIN);
    std::fs::write(stage.path("no-ca.pem"), "nothing").unwrap();
    let good = std::fs::read_to_string(stage.write_agent("")).unwrap();
    let token = "file = \"token\"";
    let cases = [
        (token.to_owned(), Some(0), "1 journey against superapp"),
        ("file = \"no-token\"".to_owned(), Some(3), "no-token"),
        (
            format!("{token} }}\nca = \"no-ca.pem\"\n#"),
            Some(3),
            "no-ca.pem cannot be used",
        ),
    ];
    for (to, code, expected) in cases {
        let path = stage.path("agent.toml");
        std::fs::write(&path, good.replacen(token, &to, 1)).unwrap();
        let output = bongsu()
            .args(["agent", "--check-config", "--config"])
            .arg(&path)
            .output()
            .unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
        assert_eq!(output.status.code(), code, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cadence_that_cannot_hold_the_deadline_refuses_the_plan() {
    let stage = Stage::new().await;
    stage.write_journey(
        "login",
        &LOGIN.replace("every = \"2s\"", "every = \"1900ms\""),
    );
    let (exit, message) = refused(&stage, |text| text);
    assert_eq!(exit, Some(3));
    assert!(message.contains("login.toml"), "{message}");
    assert!(message.contains("every"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cleanup_that_ends_before_the_self_check_refuses_the_plan() {
    let stage = Stage::new().await;
    stage.write_journey("login", LOGIN);
    let (exit, message) = refused(&stage, |text| text.replace("\"300ms\"", "\"400ms\""));
    assert_eq!(exit, Some(3));
    let expected = "login.toml: `cleanup_timeout` is 400ms and `controls.timeout` of this agent \
                    400ms: ";
    assert!(message.contains(expected), "{message}");
    let remedy = "raise `cleanup_timeout` above 400ms, or lower `controls.timeout`";
    assert!(message.contains(remedy), "{message}");
}

#[tokio::test]
async fn two_agents_do_not_share_a_folder() {
    let stage = Stage::new().await;
    stage.write_journey("login", LOGIN);
    let config = Config::load(&stage.write_agent("")).unwrap();
    let agent = Agent::start(config.clone(), Arc::new(SystemClock::new()))
        .await
        .unwrap();
    let second = Agent::start(config, Arc::new(SystemClock::new())).await;
    let message = second.unwrap_err().to_string();
    assert!(
        message.starts_with("another agent works in the data folder"),
        "{message}"
    );
    agent.shutdown().await;
}

#[tokio::test]
async fn after_a_kill_the_next_agent_goes_on_in_the_same_folder() {
    let stage = Stage::new().await;
    stage.write_journey("login", LOGIN);
    let config = Config::load(&stage.write_agent("")).unwrap();
    let clock = Arc::new(SystemClock::new());
    let agent = Agent::start(config.clone(), clock.clone()).await.unwrap();
    until("a run passes", || !stage.collector.runs().is_empty()).await;
    agent.kill().await;
    let agent = Agent::start(config, clock).await.unwrap();
    until("the next one measures", || {
        let boots = stage.collector.runs().into_iter().map(|run| run.boot);
        boots.collect::<std::collections::BTreeSet<_>>().len() == 2
    })
    .await;
    agent.shutdown().await;
}

#[tokio::test]
async fn a_bad_journey_keeps_the_old_plan_and_a_good_one_is_taken_on() {
    let stage = Stage::new().await;
    stage.write_journey("login", LOGIN);
    let more = "[listen]\naddress = \"127.0.0.1:0\"";
    let config = Config::load(&stage.write_agent(more)).unwrap();
    let agent = Agent::start(config, Arc::new(SystemClock::new()))
        .await
        .unwrap();
    until("a run passes", || !stage.collector.runs().is_empty()).await;
    let old = stage.collector.runs()[0].plan_revision.clone();

    stage.write_journey(
        "login",
        &LOGIN.replace("timeout = \"1500ms\"", "timeot = \"1500ms\""),
    );
    let page = |name: &str| {
        let url = format!("http://{}{name}", agent.listening().unwrap());
        async move { reqwest::get(url).await.unwrap().text().await.unwrap() }
    };
    let mut ready = String::new();
    for _ in 0..500 {
        ready = page("/readyz").await;
        if ready.contains("plan_refused") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(ready.contains("timeot"), "{ready}");
    assert!(
        page("/metrics")
            .await
            .contains("bongsu_agent_plan_refused 1\n")
    );
    assert_eq!(page("/livez").await, "alive\n");
    let before = stage.collector.runs().len();
    until("runs go on with the old plan", || {
        stage.collector.runs().len() > before
    })
    .await;
    assert!(
        stage
            .collector
            .runs()
            .iter()
            .all(|run| run.plan_revision == old)
    );

    stage.write_journey(
        "login",
        &LOGIN.replace("timeout = \"1500ms\"", "timeout = \"1400ms\""),
    );
    until("the new plan is worked on", || {
        stage
            .collector
            .runs()
            .iter()
            .any(|run| run.plan_revision != old)
    })
    .await;
    assert_eq!(agent.stats().await.plan_refused, None);
    agent.shutdown().await;
}

#[tokio::test]
async fn a_secret_that_comes_back_mends_a_refused_plan() {
    let stage = Stage::new().await;
    stage.write_journey("login", LOGIN);
    let config = Config::load(&stage.write_agent("")).unwrap();
    let agent = Agent::start(config, Arc::new(SystemClock::new()))
        .await
        .unwrap();
    until("a run passes", || !stage.collector.runs().is_empty()).await;
    let path = stage.path("superapp/login-users-001.password");
    let password = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    for is_refused in [true, false] {
        let mut refusal = None;
        for _ in 0..500 {
            refusal = agent.stats().await.plan_refused;
            if refusal.is_some() == is_refused {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(refusal.is_some(), is_refused, "{refusal:?}");
        std::fs::write(&path, &password).unwrap();
    }
    agent.shutdown().await;
}

#[tokio::test]
async fn a_silent_visitor_does_not_keep_the_agent_from_ending() {
    use tokio::io::AsyncWriteExt as _;
    let stage = Stage::new().await;
    stage.write_journey("login", LOGIN);
    let more = "[listen]\naddress = \"127.0.0.1:0\"";
    let config = Config::load(&stage.write_agent(more)).unwrap();
    let agent = Agent::start(config, Arc::new(SystemClock::new()))
        .await
        .unwrap();
    let mut visitor = tokio::net::TcpStream::connect(agent.listening().unwrap())
        .await
        .unwrap();
    visitor.write_all(b"GET /livez HT").await.unwrap();
    until("a run passes", || !stage.collector.runs().is_empty()).await;
    tokio::time::timeout(Duration::from_secs(20), agent.shutdown())
        .await
        .expect("it ends");
}
