//! Claims handed in over real HTTP: who may, what is refused, what is kept.

use std::sync::Arc;
use std::time::Duration;

use bongsu_collector::claims::{CLAIMS_PER_DAY_MAX, CLAIMS_PER_REQUEST_MAX};
use bongsu_collector::process::Collector;
use bongsu_model::Timestamp;
use serde_json::{Value, json};

use crate::fleet::OPERATOR_TOKEN;
use crate::harness::{Answer, Client, SetClock, collector_with};
use crate::restart::{START, at, live, picture};

/// One claim of the login, about the instant `as_of`.
fn claim(state: &str, as_of: Timestamp) -> Value {
    json!({
        "feature": "account.login", "state": state, "as_of": text(as_of), "source": "notice",
    })
}

fn text(at: Timestamp) -> String {
    let at = i128::from(at.as_unix_nanos());
    jiff::Timestamp::from_nanosecond(at).unwrap().to_string()
}

struct Desk {
    collector: Collector,
    client: Client,
}

impl Desk {
    async fn open(folder: &std::path::Path, clock: &Arc<SetClock>) -> Self {
        Self {
            collector: collector_with(folder, clock.clone()).await,
            client: Client::new(),
        }
    }

    async fn hand_in(&self, body: &Value) -> (u16, Value) {
        read(
            self.send(&self.headers(), body.to_string().into_bytes())
                .await,
        )
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        vec![
            ("authorization", format!("Bearer {OPERATOR_TOKEN}")),
            ("content-type", "application/json".to_owned()),
        ]
    }

    async fn send(&self, headers: &[(&str, String)], body: Vec<u8>) -> Answer {
        let to = self.collector.web_addr();
        let answer = self.client.post(to, "/api/v1/claims", headers, body).await;
        answer.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self
            .client
            .get(self.collector.web_addr(), path)
            .await
            .unwrap();
        assert_eq!(answer.code, 200, "{path}");
        serde_json::from_slice(&answer.body).unwrap()
    }

    async fn kept(&self) -> usize {
        let log = self.get("/api/v1/claims?limit=500").await;
        log["claims"].as_array().unwrap().len()
    }
}

fn read(answer: Answer) -> (u16, Value) {
    let body = String::from_utf8(answer.body).unwrap();
    let json = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"));
    (answer.code, json)
}

#[tokio::test]
async fn a_claim_is_shown_when_it_is_acknowledged_and_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at(START);
    let desk = Desk::open(folder.path(), &clock).await;
    let (code, answer) = desk.hand_in(&claim("down", START)).await;
    assert_eq!(
        (code, &answer["new"], &answer["known"]),
        (201, &json!(1), &json!(0))
    );
    let board = desk.get("/api/v1/board").await;
    let shown = board["features"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["id"] == "account.login");
    assert_eq!(shown.unwrap()["claim"]["id"], answer["claims"][0]["id"]);
    assert_eq!(answer["claims"][0]["new"], true);
    assert_eq!(shown.unwrap()["state"], "unmeasured");
    // The same once more, alone, and among others, twice.
    let (code, again) = desk.hand_in(&claim("down", START)).await;
    assert_eq!(
        (code, &again["known"], &again["claims"][0]["id"]),
        (200, &json!(1), &answer["claims"][0]["id"])
    );
    let up = claim("up", START);
    let (code, both) = desk
        .hand_in(&json!({ "claims": [claim("down", START), up, up] }))
        .await;
    assert_eq!(
        (code, &both["new"], &both["known"]),
        (201, &json!(1), &json!(2))
    );
    assert_eq!(desk.kept().await, 2);
    desk.collector.shutdown().await;
}

#[tokio::test]
async fn only_an_operator_s_token_hands_in() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path(), &SetClock::at(START)).await;
    let body = claim("down", START).to_string().into_bytes();
    for value in [
        "",
        "Bearer wrong",
        "Bearer token of a-1",
        &format!("Basic {OPERATOR_TOKEN}"),
        &format!("Bearer {OPERATOR_TOKEN}x"),
    ] {
        let headers = [
            ("authorization", value.to_owned()),
            ("content-type", "application/json".to_owned()),
        ];
        let (code, answer) = read(desk.send(&headers, body.clone()).await);
        assert_eq!(
            (code, &answer["error"]["code"]),
            (401, &json!("unauthorized")),
            "{value}"
        );
        assert!(!answer.to_string().contains("wrong"), "{answer}");
    }
    assert_eq!(desk.kept().await, 0);
    let agent = &crate::fleet::agents()[0];
    let operator = crate::fleet::TestAgent {
        token: OPERATOR_TOKEN.to_owned(),
        ..agent.clone()
    };
    let answer = desk
        .client
        .records(desk.collector.otlp_addr(), &operator, agent.plan(START))
        .await;
    assert_eq!(answer.code, 401, "an operator is no agent");
    desk.collector.shutdown().await;
}

#[tokio::test]
async fn every_mistake_is_told_with_its_place_and_remedy_and_nothing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path(), &SetClock::at(START)).await;
    let good = claim("down", START);
    let with = |field: &str, value: Value| {
        let mut wrong = good.clone();
        wrong[field] = value;
        wrong
    };
    let cases = [
        (
            with("feature", json!("account.logn")),
            "feature",
            "did you mean `account.login`?",
        ),
        (with("feature", json!("*.login")), "feature", "* for all"),
        (
            with("state", json!("operational")),
            "state",
            "up, degraded, recovering, down",
        ),
        (with("state", json!(1)), "state", "in quotes"),
        (
            with("as_of", json!("2022-10-16 14:30")),
            "as_of",
            "2022-10-16T14:30:00+09:00",
        ),
        (
            with("as_of", json!(text(START + Duration::from_secs(301)))),
            "as_of",
            "its time has come",
        ),
        (
            with("published", json!(text(START - Duration::from_secs(1)))),
            "published",
            "forecast",
        ),
        (
            with("source", json!("x".repeat(501))),
            "source",
            "at most 500 bytes",
        ),
        (
            with("source", json!(" ")),
            "source",
            "the address of the statement",
        ),
        (with("note", json!("a\nb")), "note", "one line"),
        (
            with("note", json!("톡".repeat(667))),
            "note",
            "at most 2000 bytes",
        ),
        (with("track", json!("fact")), "track", "claim, observed"),
        (
            with("confidence", json!("sure")),
            "confidence",
            "high, medium, low",
        ),
        (with("target", json!("moon")), "target", "superapp"),
        (with("sate", json!("up")), "", "did you mean `state`?"),
        (json!("down"), "", "feature, state, as_of"),
    ];
    let claims: Vec<_> = [good.clone()]
        .into_iter()
        .chain(cases.iter().map(|c| c.0.clone()))
        .collect();
    let (code, answer) = desk.hand_in(&json!({ "claims": claims })).await;
    assert_eq!(code, 422, "{answer}");
    let mistakes = answer["error"]["mistakes"].as_array().unwrap();
    assert_eq!(mistakes.len(), 16, "{mistakes:#?}");
    for (i, ((_, field, remedy), mistake)) in cases.iter().zip(mistakes).enumerate() {
        let dot = if field.is_empty() { "" } else { "." };
        assert_eq!(mistake["place"], format!("claims[{}]{dot}{field}", i + 1));
        let told = mistake["remedy"].as_str().unwrap();
        assert!(told.contains(remedy), "{mistake}");
    }
    // What is missing is told for each field.
    let (_, answer) = desk.hand_in(&json!({})).await;
    let places: Vec<_> = answer["error"]["mistakes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["place"].clone())
        .collect();
    assert_eq!(
        places,
        [
            "claims[0].feature",
            "claims[0].state",
            "claims[0].as_of",
            "claims[0].source"
        ]
    );
    assert_eq!(desk.kept().await, 0);
    desk.collector.shutdown().await;
}

#[tokio::test]
async fn bodies_that_are_no_claims_or_too_large_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path(), &SetClock::at(START)).await;
    let many = vec![claim("up", START); CLAIMS_PER_REQUEST_MAX + 1];
    let huge = format!(
        "{{\"note\":\"{}\"}}",
        "x".repeat(CLAIMS_PER_REQUEST_MAX * 4 * 1024)
    );
    for (body, code) in [
        ("{".to_owned(), 400),
        ("[]".to_owned(), 400),
        ("{\"claims\":[]}".to_owned(), 400),
        ("{\"claims\":{}}".to_owned(), 400),
        ("{\"claims\":[],\"target\":\"superapp\"}".to_owned(), 400),
        (json!({ "claims": many }).to_string(), 413),
        (huge, 413),
    ] {
        let answer = desk.send(&desk.headers(), body.into_bytes()).await;
        assert_eq!(
            answer.code,
            code,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
    }
    let to = desk.collector.web_addr();
    let address = "/api/v1/claims?target=superapp";
    let with = desk
        .client
        .post(to, address, &desk.headers(), b"{}".to_vec())
        .await;
    assert_eq!(with.unwrap().code, 400);
    let mut headers = desk.headers();
    headers[1].1 = "text/csv".to_owned();
    assert_eq!(desk.send(&headers, b"{}".to_vec()).await.code, 415);
    let elsewhere = desk
        .client
        .post(to, "/api/v1/board", &desk.headers(), b"{}".to_vec())
        .await;
    assert_eq!(elsewhere.unwrap().code, 405);
    let metrics = desk.client.get(to, "/metrics").await.unwrap();
    let metrics = String::from_utf8(metrics.body).unwrap();
    assert!(
        metrics.contains("bongsu_collector_claim_requests_refused_total 9\n"),
        "{metrics}"
    );
    desk.collector.shutdown().await;
}

#[tokio::test]
async fn a_file_is_handed_in_and_listed_by_the_command() {
    let folder = tempfile::tempdir().unwrap();
    // 15:10 in Seoul, forty minutes after the board of the file.
    let clock = SetClock::at(Timestamp::from_unix_seconds(1_665_900_600));
    let desk = Desk::open(&folder.path().join("data"), &clock).await;
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/claims.csv");
    std::fs::copy(shipped, folder.path().join("claims.csv")).unwrap();
    std::fs::write(folder.path().join("token"), format!("{OPERATOR_TOKEN}\n")).unwrap();
    let url = format!("http://{}", desk.collector.web_addr());
    let command = async |arguments: &[&str], token: Option<&str>| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bongsu-collector"));
        command
            .current_dir(folder.path())
            .arg("claim")
            .args(arguments);
        command
            .args(["--collector", &url])
            .env_remove("BONGSU_TOKEN");
        if let Some(token) = token {
            command.env("BONGSU_TOKEN", token);
        }
        let ran = tokio::task::spawn_blocking(move || command.output());
        let output = ran.await.unwrap().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&url, "URL");
        let code = output.status.code().unwrap();
        format!(
            "exit {code}\n{}{}",
            text(output.stdout),
            text(output.stderr)
        )
    };
    let mut told = String::new();
    for (arguments, token) in [
        // The catalogue lacks some of its features, and its last rows are wrong.
        (&["import", "claims.csv", "--token-file", "token"][..], None),
        (
            &[
                "import",
                "good.csv",
                "--token-file",
                "token",
                "--skip-unknown",
            ],
            None,
        ),
        // The same again, by the variable.
        (
            &["import", "good.csv", "--skip-unknown"],
            Some(OPERATOR_TOKEN),
        ),
        (&["list", "--feature", "account.login"], None),
        (
            &["list", "--feature", "account.login", "--limit", "1"],
            None,
        ),
        (&["import", "good.csv", "--skip-unknown"], None),
        (&["import", "good.csv", "--skip-unknown"], Some("wrong")),
        (&["import", "absent.csv"], Some(OPERATOR_TOKEN)),
        (&["import", "future.json"], Some(OPERATOR_TOKEN)),
        (&["import", "token"], Some(OPERATOR_TOKEN)),
        (&["list", "--track", "rumour"], None),
        (&["--help"], None),
        (&["import", "--help"], None),
        (&["list", "--help"], None),
    ] {
        if told.is_empty() {
            let text = std::fs::read_to_string(folder.path().join("claims.csv")).unwrap();
            let good: Vec<_> = text
                .lines()
                .filter(|line| !line.contains("WRONG"))
                .collect();
            std::fs::write(folder.path().join("good.csv"), good.join("\n")).unwrap();
            let future = claim("up", Timestamp::from_unix_seconds(1_665_901_000));
            std::fs::write(folder.path().join("future.json"), future.to_string()).unwrap();
        }
        told += &format!("$ bongsu-collector claim {}\n", arguments.join(" "));
        told += &command(arguments, token).await;
        told.push('\n');
    }
    assert!(!told.contains(OPERATOR_TOKEN), "{told}");
    crate::web::golden("claim-command.txt", &told);
    desk.collector.shutdown().await;
}

#[tokio::test]
async fn so_many_claims_a_day_are_taken_in_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at(START);
    let desk = Desk::open(folder.path(), &clock).await;
    let batch = |from: u64, count: u64| {
        let claims = (from..from + count).map(|n| claim("up", START - Duration::from_secs(n)));
        json!({ "claims": claims.collect::<Vec<_>>() })
    };
    let most = CLAIMS_PER_REQUEST_MAX as u64;
    for from in (0..CLAIMS_PER_DAY_MAX).step_by(CLAIMS_PER_REQUEST_MAX) {
        assert_eq!(desk.hand_in(&batch(from, most)).await.0, 201);
    }
    let (code, answer) = desk.hand_in(&batch(CLAIMS_PER_DAY_MAX, 1)).await;
    assert_eq!(
        (code, &answer["error"]["code"]),
        (429, &json!("too_many_today"))
    );
    // What is there already may come again.
    assert_eq!(desk.hand_in(&batch(0, most)).await.0, 200);
    // A day later there is room again.
    clock.set(START + Duration::from_secs(24 * 3600 + 1));
    picture(&desk.collector, START + Duration::from_secs(24 * 3600 + 1)).await;
    assert_eq!(desk.hand_in(&batch(CLAIMS_PER_DAY_MAX, 1)).await.0, 201);
    desk.collector.shutdown().await;
}

/// What is derived, without what was said.
fn measured(picture: &bongsu_collector::published::Published) -> String {
    let boards: Vec<_> = picture.boards.values().collect();
    let incidents: Vec<_> = picture.incidents.values().collect();
    serde_json::to_string(&(boards, &picture.fleet, incidents)).unwrap()
        + &format!("{:?}", picture.agents)
}

#[tokio::test]
async fn claims_move_nothing_that_is_measured_and_a_restart_tells_the_same_of_them() {
    let end = at(1_210);
    let plain = {
        let folder = tempfile::tempdir().unwrap();
        let clock = SetClock::at(START);
        let collector = collector_with(folder.path(), clock.clone()).await;
        live(&collector, &clock).await;
        clock.set(end);
        let shown = measured(&*picture(&collector, end).await);
        collector.shutdown().await;
        shown
    };
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at(START);
    let desk = Desk::open(folder.path(), &clock).await;
    // Before anything is measured, and about all of it.
    let early = json!({ "claims": [
        { "feature": "*", "state": "down", "as_of": text(START), "source": "notice" },
        { "feature": "account.login", "state": "up", "as_of": text(START), "source": "notice" },
    ] });
    assert_eq!(desk.hand_in(&early).await.0, 201);
    live(&desk.collector, &clock).await;
    for (seconds, state) in [(420, "down"), (500, "up"), (700, "up")] {
        let (code, answer) = desk.hand_in(&claim(state, at(seconds))).await;
        assert_eq!(code, 201, "{answer}");
    }
    clock.set(end);
    let before = picture(&desk.collector, end).await;
    assert_eq!(measured(&before), plain);
    let paths = ["/api/v1/claims", "/api/v1/incidents", "/api/v1/board"];
    let mut told = Vec::new();
    for path in paths {
        told.push(desk.get(path).await);
    }
    // The outage of region a began at 300 s: down was claimed 120 s later, up in its middle.
    let announcement = &told[1]["incidents"][0]["announcement"];
    assert_eq!(announcement["lag_s"], 120.0, "{}", told[1]);
    let compared: Vec<_> = told[0]["claims"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|c| c["feature"] == "account.login")
        .map(|c| c["compared"][0]["comparison"].clone())
        .collect();
    assert_eq!(compared, ["same", "measured_worse", "same", "not_measured"]);
    desk.collector.shutdown().await;
    let desk = Desk::open(folder.path(), &clock).await;
    picture(&desk.collector, end).await;
    for (path, told) in paths.into_iter().zip(told) {
        assert_eq!(desk.get(path).await, told, "{path}");
    }
    desk.collector.shutdown().await;
}
