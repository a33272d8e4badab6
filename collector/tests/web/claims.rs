//! What was said beside what was measured: board, log, incidents, events.

use std::sync::Arc;

use axum::http::StatusCode;
use bongsu_availability::{Change, Transition};
use bongsu_collector::claims::{ClaimBook, MeasuredLog, Stated};
use bongsu_model::{
    Claim, ClaimConfidence, ClaimText, ClaimedState, FeatureState, OperatorId, TargetName, Track,
};
use serde_json::{Value, json};

use super::fixture::{Fixture, ago, feature};
use super::visit::{get, get_of};

/// Seconds before the fixture's present: what it speaks of, and when it was made public.
type When = (u64, u64);

fn said(n: u64, (track, subject): (Track, &str), state: ClaimedState, when: When) -> Stated {
    let claim = Claim {
        target: TargetName::new("superapp").unwrap(),
        track,
        subject: subject.parse().unwrap(),
        state,
        as_of: ago(when.0),
        published: ago(when.1),
        source: ClaimText::new("https://notice.example/2022-10-16?a=1&b=2").unwrap(),
        note: None,
        confidence: ClaimConfidence::High,
    };
    Stated {
        seq: n,
        received: ago(when.1),
        by: OperatorId::new("desk").unwrap(),
        id: claim.id(),
        claim,
    }
}

/// All that was said, in the order of receipt.
pub(super) fn stated() -> Vec<Arc<Stated>> {
    use ClaimedState::{Degraded, Down, Recovering, Unmeasured, Up};
    use Track::{Claim as Owner, Observed};
    let mut said = vec![
        said(1, (Owner, "*"), Up, (100_000, 100_000)),
        said(2, (Owner, "talk.call.voice"), Down, (3_000, 3_000)),
        said(3, (Owner, "map.core"), Degraded, (2_000, 1_990)),
        said(4, (Owner, "account.login"), Up, (735, 735)),
        said(5, (Owner, "account.login"), Down, (743, 600)),
        said(6, (Owner, "account.login"), Down, (700, 590)),
        said(7, (Owner, "talk.message.image"), Up, (300, 290)),
        said(8, (Owner, "map.roadview"), Recovering, (280, 280)),
        said(9, (Owner, "pay.core"), Unmeasured, (280, 280)),
        said(10, (Observed, "map.core"), Down, (120, 60)),
    ];
    said[2].claim.note = Some(ClaimText::new("일부 지역에서 <느림>").unwrap());
    said[9].claim.source = ClaimText::new("신문 기사").unwrap();
    said[9].claim.confidence = ClaimConfidence::Medium;
    for stated in &mut said {
        stated.id = stated.claim.id();
    }
    said.into_iter().map(Arc::new).collect()
}

pub(super) fn book() -> ClaimBook {
    let mut book = ClaimBook::default();
    for stated in stated() {
        book.add(stated);
    }
    book
}

/// How the features of the fixture came into their states.
pub(super) fn measured() -> MeasuredLog {
    use FeatureState::{Degraded, MajorOutage, Operational, Recovering, Unknown, Unmeasured};
    let mut log = MeasuredLog::default();
    for (id, seconds, from, to) in [
        ("account.login", 90_000, Unmeasured, Operational),
        ("account.login", 732, Operational, MajorOutage),
        ("talk.call.voice", 90_000, Unmeasured, Operational),
        ("talk.message.image", 90_000, Unmeasured, Operational),
        ("talk.message.image", 488, Operational, MajorOutage),
        ("talk.message.image", 95, MajorOutage, Recovering),
        ("map.core", 90_000, Unmeasured, Degraded),
        ("map.roadview", 90_000, Unmeasured, Operational),
        ("map.roadview", 400, Operational, Unknown),
    ] {
        log.note(&Transition {
            at: ago(seconds),
            change: Change::Feature {
                target: TargetName::new("superapp").unwrap(),
                feature: feature(id),
                from,
                to,
                blocked_by: None,
                onset: (to == MajorOutage).then(|| ago(seconds + 11)),
            },
            evidence: Vec::new(),
        });
    }
    log
}

fn of<'a>(board: &'a Value, id: &str) -> &'a Value {
    let mut features = board["features"].as_array().unwrap().iter();
    features.find(|feature| feature["id"] == id).unwrap()
}

#[tokio::test]
async fn the_board_shows_what_is_said_beside_what_is_measured() {
    let board = get("/api/v1/board").await.json();
    for (id, state, comparison) in [
        ("account.login", "down", "same"),
        ("talk.message.text", "up", "not_measured"),
        ("talk.message.image", "up", "measured_worse"),
        ("talk.call.voice", "down", "measured_better"),
        ("map.core", "degraded", "same"),
        ("map.roadview", "recovering", "not_measured"),
        ("pay.core", "unmeasured", "not_comparable"),
    ] {
        let claim = &of(&board, id)["claim"];
        let found = (&claim["state"], &claim["comparison"]);
        assert_eq!(found, (&json!(state), &json!(comparison)), "{id}");
    }
    // What others saw stands beside it, and for nobody else.
    let observed = &of(&board, "map.core")["observed"];
    assert_eq!(observed["state"], "down");
    assert_eq!(observed["comparison"], "measured_better");
    assert_eq!(observed["confidence"], "medium");
    assert_eq!(of(&board, "map.roadview")["observed"], Value::Null);
    let silent = get_of(Fixture::without_claims(), "/api/v1/board")
        .await
        .json();
    assert_eq!(of(&silent, "account.login")["claim"], Value::Null);
}

#[tokio::test]
async fn no_claim_changes_a_state_or_a_number() {
    let strip = |mut board: Value| {
        for feature in board["features"].as_array_mut().unwrap() {
            let feature = feature.as_object_mut().unwrap();
            feature.remove("claim").unwrap();
            feature.remove("observed").unwrap();
        }
        board
    };
    let with = get("/api/v1/board").await.json();
    let without = get_of(Fixture::without_claims(), "/api/v1/board")
        .await
        .json();
    assert_ne!(with, without);
    assert_eq!(strip(with), strip(without));
}

#[tokio::test]
async fn the_log_holds_each_statement_against_the_measurement_of_its_minute() {
    let log = get("/api/v1/claims?feature=talk.message.image")
        .await
        .json();
    let found: Vec<_> = log["claims"].as_array().unwrap().iter().collect();
    assert_eq!(found.len(), 2, "its own, and the one about all");
    assert_eq!(
        found[0]["source"],
        "https://notice.example/2022-10-16?a=1&b=2"
    );
    assert_eq!(found[0]["as_of"], "2022-10-16T05:25:00.000Z");
    assert_eq!(
        found[0]["compared"],
        json!([{
            "feature": "talk.message.image",
            "measured": "major_outage",
            "comparison": "measured_worse",
            "agrees_from": null,
            "followed": null,
        }])
    );
    // Of a statement about all only the feature that was asked for is compared.
    assert_eq!(found[1]["feature"], "*");
    assert_eq!(found[1]["compared"][0]["comparison"], "not_measured");
    assert_eq!(
        found[1]["compared"][0]["agrees_from"],
        "2022-10-15T04:30:00.000Z"
    );
    assert_eq!(
        found[1]["compared"][0]["followed"],
        "2022-10-16T05:25:00.000Z"
    );
    let all = get("/api/v1/claims").await.json();
    let about_all = all["claims"].as_array().unwrap().last().unwrap();
    assert_eq!(about_all["compared"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn the_log_is_asked_for_by_feature_track_time_incident_and_length() {
    for (query, states, more) in [
        ("?limit=2", &["down", "unmeasured"][..], true),
        ("?track=observed", &["down"], false),
        (
            "?since=2022-10-16T05:25:20Z",
            &["down", "unmeasured", "recovering"],
            false,
        ),
        ("?until=2022-10-15T05:00:00Z", &["up"], false),
        (
            "?feature=account.login&track=claim",
            &["down", "up", "down", "up"],
            false,
        ),
        (
            "?feature=account.login&until=2022-10-16T05:17:40Z&since=2022-10-16T05:00:00Z",
            &["down"],
            false,
        ),
        ("?target=staging", &[], false),
    ] {
        let log = get(&format!("/api/v1/claims{query}")).await.json();
        let found: Vec<_> = log["claims"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["state"].clone())
            .collect();
        assert_eq!(found, states, "{query}");
        assert_eq!(log["more"], more, "{query}");
    }
}

#[tokio::test]
async fn an_incident_has_its_own_log_and_the_announcement_beside_its_onset() {
    let incidents = get("/api/v1/incidents").await.json();
    let login = &incidents["incidents"][0];
    assert_eq!(login["features"], json!(["account.login"]));
    assert_eq!(login["onset"], "2022-10-16T05:17:37.000Z");
    let announcement = &login["announcement"];
    assert_eq!(announcement["published"], "2022-10-16T05:20:00.000Z");
    assert_eq!(announcement["as_of"], "2022-10-16T05:17:37.000Z");
    assert_eq!(announcement["lag_s"], 143.0);
    assert_eq!(incidents["incidents"][1]["announcement"], Value::Null);
    let id = login["id"].as_str().unwrap();
    let log = get(&format!("/api/v1/claims?incident={id}")).await.json();
    assert_eq!(log["incident"], *login);
    let features: Vec<_> = log["claims"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["feature"].clone())
        .collect();
    assert_eq!(features, ["account.login"; 3]);
    // The strip of the feature has the same beside its incident.
    let strip = get("/api/v1/features/account.login/strip").await.json();
    assert_eq!(strip["incidents"][0]["announcement"], *announcement);
}

#[tokio::test]
async fn who_asks_wrongly_is_told_how_to_ask() {
    for (query, status, code) in [
        ("?feature=talk", StatusCode::NOT_FOUND, "unknown_feature"),
        ("?track=rumour", StatusCode::BAD_REQUEST, "unknown_track"),
        ("?since=noon", StatusCode::BAD_REQUEST, "bad_time"),
        ("?incident=1", StatusCode::NOT_FOUND, "unknown_incident"),
        ("?limit=0", StatusCode::BAD_REQUEST, "bad_limit"),
        (
            "?from=2022-10-16T05:25:00Z",
            StatusCode::BAD_REQUEST,
            "unknown_parameter",
        ),
    ] {
        let answer = get(&format!("/api/v1/claims{query}")).await;
        assert_eq!(answer.status, status, "{query}");
        assert_eq!(answer.json()["error"]["code"], code, "{query}");
    }
}
