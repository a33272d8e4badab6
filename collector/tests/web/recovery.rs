//! The recovery board, incidents, and the copy of both.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use bongsu_availability::{
    Failure, FeatureWeight, IncidentEvent, IncidentId, IncidentStep, IncidentView, RecoveredShare,
    RecoveryClock, RecoveryEvent, RecoveryRow, RecoveryState, RecoveryStep, RecoveryView,
    RegionRecovery, RtoAlarm,
};
use bongsu_model::{CellKey, FailClass, TargetName};

use super::fixture::{Fixture, NOW, REGIONS, agent, ago, feature, region};
use super::pages::readable;
use super::visit::{get, get_of, golden};
use super::{runs, strips};

pub(super) const OUTAGE: &str = "1665897469000.superapp.account.login";

/// One that goes on, with a feature in every state, and one that is over.
pub(super) fn recoveries() -> Vec<RecoveryView> {
    let incidents = strips::incidents();
    let (now, then) = (&incidents[0], &incidents[1]);
    let rows = vec![
        row(now, "account.login", (3, 2), RecoveryState::Down, 1_400),
        RecoveryRow {
            blocked_by: Some(feature("account.login")),
            clock: None,
            last_failure: None,
            ..row(
                now,
                "talk.message.text",
                (3, 2),
                RecoveryState::Blocked,
                725,
            )
        },
        RecoveryRow {
            relapses: 2,
            ..row(
                now,
                "talk.message.image",
                (3, 1),
                RecoveryState::Recovering,
                743,
            )
        },
        row(now, "map.roadview", (1, 0), RecoveryState::NoSight, 700),
        row(
            now,
            "talk.call.voice",
            (2, 0),
            RecoveryState::Recovered,
            743,
        ),
        row(
            now,
            "pay.payment.offline",
            (0, 3),
            RecoveryState::Verified,
            743,
        ),
    ];
    let log = vec![
        state(731, "account.login", None, RecoveryState::Down),
        state(
            400,
            "talk.message.image",
            Some(RecoveryState::Down),
            RecoveryState::Recovering,
        ),
        RecoveryEvent {
            at: ago(143),
            feature: feature("account.login"),
            step: RecoveryStep::Alarm(RtoAlarm::Warn),
        },
    ];
    vec![
        RecoveryView {
            log: Arc::new(log),
            relapses: 2,
            ..view(now, rows)
        },
        RecoveryView {
            ended: Some(ago(14_400)),
            ..view(
                then,
                vec![row(
                    then,
                    "account.login",
                    (3, 2),
                    RecoveryState::Verified,
                    20_000,
                )],
            )
        },
    ]
}

fn view(incident: &IncidentView, rows: Vec<RecoveryRow>) -> RecoveryView {
    RecoveryView {
        id: incident.id.clone(),
        target: incident.target.clone(),
        incidents: vec![incident.id.clone()],
        onset: incident.onset,
        detected: incident.detected,
        ended: None,
        as_of: NOW - Duration::from_millis(800),
        share: RecoveredShare::of(&rows),
        rows,
        relapses: 0,
        log: Arc::default(),
        log_dropped: 0,
    }
}

/// A feature of a weight by its impact and harm, which began to fail then.
fn row(
    incident: &IncidentView,
    id: &str,
    (impact, harm): (u8, u8),
    state: RecoveryState,
    onset: u64,
) -> RecoveryRow {
    let is_back = state.is_restored();
    let regions = REGIONS.iter().enumerate().map(|(at, (name, _, _))| {
        // In a recovery the first region lags behind.
        let state = match state {
            RecoveryState::Recovering if at > 0 => RecoveryState::Recovered,
            other => other,
        };
        RegionRecovery {
            region: region(name),
            weight: 1.0,
            state,
            since: ago(90),
            blocked_by: (state == RecoveryState::Blocked).then(|| feature("account.login")),
            onset: (state != RecoveryState::Blocked).then(|| ago(onset)),
            first_pass: state.is_restored().then(|| ago(onset - 640)),
            passes: if state.is_restored() { 33 } else { 0 },
            relapses: 0,
        }
    });
    RecoveryRow {
        feature: feature(id),
        incident: incident.id.clone(),
        state,
        since: ago(90),
        blocked_by: None,
        weight: FeatureWeight {
            by_use: u32::from(1 + impact) * 7,
            by_harm: u32::from(harm) * 8,
            tier: impact.max(harm),
        },
        regions: regions.collect(),
        passes: if is_back { 33 } else { 0 },
        last_failure: Some(Failure {
            run: runs::failed().facts.id,
            agent: agent("seoul-1"),
            region: region("kr-seoul"),
            at: ago(5),
            class: FailClass::Timeout,
        }),
        relapses: 0,
        clock: Some(RecoveryClock {
            started: ago(onset),
            stopped: is_back.then(|| ago(onset - 640)),
            passing: is_back.then(|| ago(onset - 640)),
            warn_at: ago(onset) + Duration::from_secs(600),
            breach_at: ago(onset) + Duration::from_secs(1_200),
        }),
    }
}

fn state(at: u64, id: &str, from: Option<RecoveryState>, to: RecoveryState) -> RecoveryEvent {
    RecoveryEvent {
        at: ago(at),
        feature: feature(id),
        step: RecoveryStep::State { from, to },
    }
}

/// How an incident began and what befell it.
pub(super) fn timeline(detected: bongsu_model::Timestamp, cell: &CellKey) -> Vec<IncidentEvent> {
    let event = |after: u64, step| IncidentEvent {
        at: detected + Duration::from_secs(after),
        step,
        evidence: vec![runs::failed().facts.id],
    };
    vec![
        event(0, IncidentStep::Opened),
        event(20, IncidentStep::Widened { cell: cell.clone() }),
        event(300, IncidentStep::Relapsed { cell: cell.clone() }),
    ]
}

#[tokio::test]
async fn every_page_and_text_is_as_its_golden_in_both_languages() {
    for (name, path) in [
        ("recovery", "/recovery".to_owned()),
        ("incidents", "/incidents".to_owned()),
        ("incident", format!("/incidents/{OUTAGE}")),
    ] {
        for lang in ["ko", "en"] {
            let answer = get(&format!("{path}?lang={lang}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            golden(&format!("{name}.{lang}.html"), &readable(&answer.text));
        }
    }
    for lang in ["ko", "en"] {
        let answer = get(&format!("/recovery.txt?lang={lang}")).await;
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        golden(&format!("recovery.{lang}.txt"), &answer.text);
    }
    for (name, path) in [
        ("recovery", "/recovery".to_owned()),
        ("incidents", "/incidents".to_owned()),
        ("incident", format!("/incidents/{OUTAGE}")),
    ] {
        let answer = get(&format!("/api/v1{path}")).await;
        let text = serde_json::to_string_pretty(&answer.json()).unwrap() + "\n";
        golden(&format!("{name}.json"), &text);
    }
}

#[tokio::test]
async fn the_recovery_board_counts_what_is_back_and_hides_nothing() {
    let recovery = get("/api/v1/recovery").await.json();
    let outage = &recovery["outage"];
    assert_eq!(outage["id"], OUTAGE);
    let recovered = &outage["recovered"];
    assert_eq!(
        (&recovered["restored"], &recovered["affected"]),
        (&2.into(), &6.into())
    );
    let tiers = recovered["tiers"].as_array().unwrap();
    let of: u64 = tiers
        .iter()
        .map(|tier| tier["affected"].as_u64().unwrap())
        .sum();
    assert_eq!(of, 6);
    // The harm of its absence makes a feature that few use as heavy as it is.
    let offline = &outage["features"][5];
    assert_eq!(
        (&offline["weight"], &offline["weight_by_use"]),
        (&24.into(), &7.into())
    );
    let login = &outage["features"][0]["clock"];
    assert_eq!(login["reached"], "rto.breach");
    assert_eq!(login["elapsed_s"], 1_399);
    let voice = &outage["features"][4]["clock"];
    assert_eq!(
        (&voice["reached"], &voice["elapsed_s"]),
        (&"rto.warn".into(), &640.into())
    );
    let image = &outage["features"][2];
    assert_eq!(
        (&image["regions_up"], &image["regions_affected"]),
        (&2.into(), &3.into())
    );
    assert_eq!(outage["announced"], "2022-10-16T05:20:00.000Z");
    assert_eq!(outage["announcement_lag_s"], 143);
    assert_eq!(outage["since_announced_s"], 599);
    assert_eq!(recovery["outages"][1]["weighted"], 1.0);
    assert_eq!(recovery["outages"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_earlier_outage_can_be_asked_for_and_an_unknown_one_is_refused_by_name() {
    let outages = get("/api/v1/recovery").await.json()["outages"].clone();
    let earlier = outages[1]["id"].as_str().unwrap();
    let recovery = get(&format!("/api/v1/recovery?outage={earlier}"))
        .await
        .json();
    let outage = &recovery["outage"];
    assert_eq!(outage["id"], earlier);
    assert_eq!(outage["recovered"]["weighted"], 1.0);
    // Its clocks stand still since its end.
    assert_eq!(outage["elapsed_s"], 5_600);
    let page = get(&format!("/recovery?lang=en&outage={earlier}")).await;
    assert!(page.text.contains("Outage over since"));
    let link = format!("href=\"/recovery?lang=ko&amp;outage={earlier}\"");
    assert!(
        page.text.contains(&link),
        "the other language shows the same outage"
    );
    for path in ["/recovery", "/recovery.txt", "/api/v1/recovery"] {
        let refused = get(&format!("{path}?outage=moon")).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{path}");
        assert!(refused.text.contains(OUTAGE), "{path} says which there are");
    }
    for path in ["/incidents/moon", "/api/v1/incidents/moon"] {
        let refused = get(path).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{path}");
        assert!(refused.text.contains("/api/v1/incidents"), "{path}");
    }
}

#[tokio::test]
async fn an_incident_has_its_clocks_and_the_events_of_its_own_features() {
    let detail = get(&format!("/api/v1/incidents/{OUTAGE}")).await.json();
    let clocks = detail["clocks"].as_array().unwrap();
    let standing = |name: &str| {
        let clock = clocks.iter().find(|clock| clock["name"] == name).unwrap();
        clock["standing"].as_str().unwrap().to_owned()
    };
    assert_eq!(clocks.len(), 10);
    assert_eq!(standing("t_fail_first"), "happened");
    assert_eq!(standing("t_announce"), "happened");
    assert_eq!(standing("t_20m"), "running");
    assert_eq!(standing("t_30d"), "open");
    let kinds: Vec<_> = detail["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            (
                event["kind"].as_str().unwrap(),
                event["to"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("incident", "opened"),
            ("recovery", "down"),
            ("incident", "widened"),
            ("incident", "relapsed"),
            ("rto", "rto.warn"),
        ],
        "images were in another incident"
    );
    let features = detail["features"].as_array().unwrap();
    assert_eq!(features.len(), 2);

    let closed = get("/api/v1/incidents").await.json()["incidents"][1]["id"].clone();
    let closed = closed.as_str().unwrap();
    let detail = get(&format!("/api/v1/incidents/{closed}")).await.json();
    let clocks = detail["clocks"].as_array().unwrap();
    let of = |name: &str| clocks.iter().find(|clock| clock["name"] == name).unwrap();
    assert_eq!(of("t_20m")["standing"], "passed");
    assert_eq!(of("t_2h")["standing"], "met");
    assert_eq!(of("t_30d")["standing"], "running");
}

#[tokio::test]
async fn an_incident_that_was_closed_unmeasured_goes_on_no_longer_and_kept_no_limit() {
    let closed = || {
        Fixture::altered(|picture| {
            let incidents = picture.incidents.values_mut().flatten();
            for incident in incidents.filter(|incident| incident.closed.is_some()) {
                incident.resolved = None;
            }
        })
    };
    let incidents = get("/api/v1/incidents").await.json();
    let id = incidents["incidents"][1]["id"].as_str().unwrap();
    let address = format!("/api/v1/incidents/{id}");
    let detail = get_of(closed(), &address).await.json();
    let clocks = detail["clocks"].as_array().unwrap();
    let of = |name: &str| clocks.iter().find(|clock| clock["name"] == name).unwrap();
    assert_eq!(of("t_20m")["standing"], "passed");
    // It was closed before: whether it was over before as well nobody knows.
    assert_eq!(of("t_2h")["standing"], "open");
    let page = get_of(closed(), &format!("/incidents/{id}?lang=en")).await;
    let lasted = "1 h 33 min";
    assert!(page.text.contains(lasted), "from 20,000 s to 14,400 s ago");
    let log = get_of(closed(), &format!("/claims?lang=en&incident={id}")).await;
    assert!(log.text.contains("recovery not measured"));
    assert!(!log.text.contains("going on"));
    let strip = get_of(closed(), "/features/account.login?lang=en").await;
    assert!(strip.text.contains("recovery not measured"));
}

#[tokio::test]
async fn what_nobody_announced_while_it_lasted_is_not_waited_for() {
    let outages = get("/api/v1/recovery").await.json()["outages"].clone();
    let ended: Vec<bool> = outages
        .as_array()
        .unwrap()
        .iter()
        .map(|o| !o["ended"].is_null())
        .collect();
    assert_eq!(ended, [false, true]);
    for (lang, waits, over) in [("en", "Not yet", "Never"), ("ko", "아직 없음", "없었음")] {
        let page = async |outage: usize| {
            let id = outages[outage]["id"].as_str().unwrap();
            let address = format!("/recovery?lang={lang}&outage={id}");
            get_of(Fixture::without_claims(), &address).await.text
        };
        let (going_on, ended) = (page(0).await, page(1).await);
        assert!(going_on.contains(waits) && !going_on.contains(over));
        assert!(ended.contains(over) && !ended.contains(waits));
    }
}

#[tokio::test]
async fn where_there_was_no_outage_the_pages_say_so() {
    let page = get("/recovery?lang=en&target=staging").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("No outage is remembered"));
    let recovery = get("/api/v1/recovery?target=staging").await.json();
    assert_eq!(recovery["outage"], serde_json::Value::Null);
    let page = get("/incidents?lang=en&target=staging").await;
    assert!(page.text.contains("No incident is remembered"));
}

/// The files of a copy by name.
async fn copy_of(fixture: Fixture) -> Vec<(String, String)> {
    let copy = get_of(fixture, "/api/v1/copy").await.json();
    let files = copy["files"].as_array().unwrap().iter();
    files
        .map(|file| {
            let text = |key: &str| file[key].as_str().unwrap().to_owned();
            (text("name"), text("content"))
        })
        .collect()
}

#[tokio::test]
async fn a_copy_is_as_its_golden_and_needs_nothing_else() {
    let files = copy_of(Fixture::new()).await;
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "board.json",
            "recovery.json",
            "board.txt",
            "index.html",
            "board.en.txt",
            "index.en.html",
        ]
    );
    let style = bongsu_style(&files[3].1);
    for (name, content) in &files {
        if name.ends_with(".html") {
            // Everything but the style sheet, which other tests hold.
            golden(
                &format!("copy.{name}"),
                &readable(&content.replace(&style, "…")),
            );
            for foreign in [
                "src=", "<link", "http://", "https://", "@import", "url(", "/runs/",
            ] {
                assert!(!content.contains(foreign), "{name} has {foreign}");
            }
            let mut links = content.split("href=\"").skip(1);
            assert!(links.all(|link| {
                let to = link.split('"').next().unwrap();
                to.starts_with('#') || names.contains(&to)
            }));
            assert!(
                content.contains("2022-10-16 14:29:59 KST"),
                "it says as of when"
            );
        }
    }
    let recovery: serde_json::Value = serde_json::from_str(&files[1].1).unwrap();
    assert_eq!(recovery, get("/api/v1/recovery").await.json());
    assert_eq!(files[4].1, get("/recovery.txt?lang=en").await.text);
}

/// What stands in the style element of a page.
fn bongsu_style(page: &str) -> String {
    let from = page.find("<style>").unwrap() + "<style>".len();
    let to = page.find("</style>").unwrap();
    page[from..to].to_owned()
}

#[tokio::test]
async fn times_of_a_simulated_clock_have_no_age() {
    let real = copy_of(Fixture::new()).await;
    assert!(real[5].1.contains("id=\"age\""));
    let simulated = copy_of(Fixture::with_speed(600.0)).await;
    assert!(!simulated[5].1.contains("id=\"age\""));
    for (name, content) in &simulated[2..] {
        let says = if name.contains(".en.") {
            "simulated clock"
        } else {
            "모의 시계"
        };
        assert!(content.contains(says), "{name}");
    }
}

#[test]
fn the_name_of_the_outage_is_that_of_its_first_incident() {
    let target = TargetName::new("superapp").unwrap();
    let id = IncidentId::new(ago(731), &target, &feature("account.login"));
    assert_eq!(id.as_str(), OUTAGE);
}
