//! The JSON API: what it answers, and what it says to those who ask wrongly.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use bongsu_collector::claims::Stated;
use bongsu_collector::web::router_of;
use bongsu_collector::web::source::Source;
use bongsu_model::TargetName;
use http_body_util::BodyExt as _;
use hyper_util::service::TowerToHyperService;

use super::claims;
use super::fixture::{CHANGES_KEPT, Fixture};
use super::visit::{ask, get, router};

#[tokio::test]
async fn the_board_has_state_since_regions_and_availability() {
    let board = get("/api/v1/board").await.json();
    assert_eq!(board["target"], "superapp");
    assert_eq!(board["as_of"], "2022-10-16T05:29:59.200Z");
    let blocked = &board["features"][1];
    assert_eq!(blocked["id"], "talk.message.text");
    assert_eq!(blocked["names"]["ko"], "문자 메시지 송수신");
    assert_eq!(blocked["service"], "talk");
    assert_eq!(blocked["state"], "unknown");
    assert_eq!(blocked["blocked_by"], "account.login");
    assert_eq!(blocked["since"], "2022-10-16T05:17:55.000Z");
    assert_eq!(
        blocked["availability"]["5m"],
        serde_json::json!({ "own": null, "perceived": 0.0, "coverage": 0.0 })
    );
    assert_eq!(blocked["availability"]["24h"]["coverage"], 0.985);
    assert_eq!(blocked["regions"][0]["state"], "unknown");
    assert_eq!(blocked["regions"][0]["samples"]["blocked"], 20);
    assert_eq!(board["fleet"]["present"], 3);
}

#[tokio::test]
async fn a_feature_tells_its_changes_newest_first() {
    let detail = get("/api/v1/features/account.login").await.json();
    let changes: Vec<_> = detail["transitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            (
                change["kind"].as_str().unwrap(),
                change["to"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        changes,
        [
            ("feature", "major_outage"),
            ("quarantine", "held"),
            ("cell", "suspect")
        ]
    );
    let other = get("/api/v1/features/map.core").await.json();
    assert_eq!(other["transitions"], serde_json::json!([]));
}

#[tokio::test]
async fn runs_are_asked_for_by_feature_outcome_agent_and_limit() {
    for (query, ids) in [
        ("", &["fa", "0a"][..]),
        ("?limit=1", &["fa"]),
        ("?outcome=pass", &["0a"]),
        ("?feature=account.login&outcome=fail", &["fa"]),
        ("?feature=account.login&outcome=pass", &[]),
        ("?agent=busan-2", &[]),
        ("?target=staging", &[]),
    ] {
        let runs = get(&format!("/api/v1/runs{query}")).await.json();
        let found: Vec<_> = runs["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| &run["id"].as_str().unwrap()[..2])
            .collect();
        assert_eq!(found, ids, "{query}");
    }
}

#[tokio::test]
async fn a_run_has_steps_with_phases_in_seconds_and_evidence() {
    let run = get("/api/v1/runs/fafafafafafafafafafafafafafafafa")
        .await
        .json();
    assert_eq!(run["verdict"]["outcome"], "fail");
    assert_eq!(run["verdict"]["class"], "status");
    assert_eq!(run["late_s"], 0.9);
    let step = &run["steps"][0];
    assert_eq!(step["phases"]["tls"], 0.019);
    assert_eq!(step["earlier_attempts"][0]["detail"], "refused");
    let hop = &step["redirects"][0];
    assert_eq!(
        (&hop["status"], &hop["duration_s"]),
        (&307.into(), &0.12.into())
    );
    assert_eq!(hop["phases"]["wait"], 0.119);
    assert_eq!(
        step["evidence"]["headers"][0],
        serde_json::json!(["retry-after", "30"])
    );
}

#[tokio::test]
async fn wrong_questions_are_refused_with_what_to_do() {
    for (address, status, code, word) in [
        (
            "/board?target=moon",
            404,
            "unknown_target",
            "one of `superapp`, `staging`",
        ),
        (
            "/board?traget=superapp",
            400,
            "unknown_parameter",
            "use one of `target`",
        ),
        (
            "/features/talk",
            404,
            "unknown_feature",
            "`talk.message.text`",
        ),
        (
            "/runs?feature=talk",
            404,
            "unknown_feature",
            "`account.login`",
        ),
        ("/runs?outcome=missed", 400, "unknown_outcome", "`blocked`"),
        ("/runs?agent=nobody", 404, "unknown_agent", "`seoul-1`"),
        ("/runs?limit=0", 400, "bad_limit", "from 1 to 500"),
        ("/runs?limit=501", 400, "bad_limit", "from 1 to 500"),
        ("/runs/nonsense", 400, "bad_run_id", "32 hex digits"),
        (
            "/runs/00000000000000000000000000000000",
            404,
            "unknown_run",
            "journal",
        ),
        (
            "/runs/fafafafafafafafafafafafafafafafa?target=staging",
            404,
            "unknown_run",
            "another target",
        ),
        ("/nothing", 404, "unknown_endpoint", "/api/v1/openapi.json"),
    ] {
        let answer = get(&format!("/api/v1{address}")).await;
        assert_eq!(answer.status.as_u16(), status, "{address}");
        let error = &answer.json()["error"];
        assert_eq!(error["code"], code, "{address}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(word), "{address}: {message}");
    }
    let posted = ask(Method::POST, "/api/v1/board", &[]).await;
    assert_eq!(posted.json()["error"]["code"], "method_not_allowed");
}

#[tokio::test]
async fn a_reader_who_has_the_answer_is_not_sent_it_again() {
    let first = get("/api/v1/board").await;
    let tag = first.header("etag").to_owned();
    assert_eq!(first.header("cache-control"), "no-cache");
    let again = ask(Method::GET, "/api/v1/board", &[("if-none-match", &tag)]).await;
    assert_eq!(
        (again.status, again.text.as_str()),
        (StatusCode::NOT_MODIFIED, "")
    );
    let other = ask(Method::GET, "/api/v1/agents", &[("if-none-match", &tag)]).await;
    assert_eq!(other.status, StatusCode::OK);
}

/// A reader of events.
struct Reader(Body);

impl Reader {
    async fn of(fixture: &Arc<Fixture>) -> Self {
        let source: Arc<dyn Source> = Arc::clone(fixture) as _;
        let service = TowerToHyperService::new(router_of(source));
        let request = Request::get("/api/v1/events").body(Body::empty()).unwrap();
        let response = hyper::service::Service::call(&service, request)
            .await
            .unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self(response.into_body())
    }

    /// The next event; none at the end of the stream.
    async fn next(&mut self) -> Option<String> {
        let frame = tokio::time::timeout(Duration::from_secs(10), self.0.frame()).await;
        let data = frame
            .expect("an event or the end")?
            .unwrap()
            .into_data()
            .unwrap();
        Some(String::from_utf8(data.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn events_tell_of_the_board_and_of_each_change_of_the_target() {
    let fixture = Arc::new(Fixture::new());
    let mut reader = Reader::of(&fixture).await;
    assert_eq!(
        reader.next().await.unwrap(),
        "event: board\ndata: {\"target\":\"superapp\",\"as_of\":\"2022-10-16T05:29:59.200Z\"}\n\n"
    );
    fixture.announce();
    let event = reader.next().await.unwrap();
    let data = event.strip_prefix("event: transition\ndata: ").unwrap();
    let change: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(change["feature"], "account.login");
    assert_eq!(change["to"], "suspect");
}

#[tokio::test]
async fn events_tell_of_each_claim_of_the_target() {
    let fixture = Arc::new(Fixture::new());
    let mut reader = Reader::of(&fixture).await;
    assert!(reader.next().await.unwrap().starts_with("event: board\n"));
    let mut stated = Stated::clone(&claims::stated()[1]);
    stated.claim.target = TargetName::new("staging").unwrap();
    fixture.announce_claim(stated.clone());
    stated.claim.target = TargetName::new("superapp").unwrap();
    fixture.announce_claim(stated);
    let event = reader.next().await.unwrap();
    let data = event.strip_prefix("event: claim\ndata: ").unwrap();
    let claim: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(claim["feature"], "talk.call.voice");
    assert_eq!(claim["state"], "down");
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_dropped() {
    let fixture = Arc::new(Fixture::new());
    let mut reader = Reader::of(&fixture).await;
    for _ in 0..=CHANGES_KEPT {
        fixture.announce();
    }
    assert_eq!(reader.next().await, None);
}

#[tokio::test]
async fn a_stopping_collector_ends_the_events() {
    let fixture = Arc::new(Fixture::new());
    let mut reader = Reader::of(&fixture).await;
    assert!(reader.next().await.is_some());
    fixture.stopping().cancel();
    assert_eq!(reader.next().await, None);
}

#[tokio::test]
async fn listeners_beyond_the_bound_are_refused_until_one_leaves() {
    let service = TowerToHyperService::new(router());
    let listen = || {
        let request = Request::get("/api/v1/events").body(Body::empty()).unwrap();
        hyper::service::Service::call(&service, request)
    };
    let mut seated = Vec::new();
    for _ in 0..256 {
        let response = listen().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        seated.push(response);
    }
    let refused = listen().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "5");
    seated.pop();
    assert_eq!(listen().await.unwrap().status(), StatusCode::OK);
}
