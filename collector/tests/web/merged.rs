//! Incidents that turned out to be one: told once, and what was written and reported goes on.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use axum::http::StatusCode;
use bongsu_availability::{IncidentEvent, IncidentStep, IncidentView, RecoveryState};
use bongsu_collector::published::Published;
use bongsu_collector::report::verify::verify;
use bongsu_collector::web::router_of;
use bongsu_model::{FeatureId, RunId};
use tokio::net::TcpListener;

use super::fixture::{Fixture, ago};
use super::report::{CLOSED, OPEN};
use super::visit::{get, get_of, write_to};

/// The collector after the incident that is over went into the one that goes on, before it was
/// restored.
fn merged() -> Fixture {
    merged_with(|_| {})
}

/// The same with something else in its picture.
fn merged_with(alter: impl FnOnce(&mut Published)) -> Fixture {
    Fixture::altered(|picture| {
        let incidents = picture.incidents.values_mut().flatten();
        let mut incidents: Vec<&mut IncidentView> = incidents.collect();
        let ids = [0, 1].map(|place: usize| incidents[place].id.clone());
        let mut tell = |place: usize, step| {
            Arc::make_mut(&mut incidents[place].timeline).push(IncidentEvent {
                at: ago(14_400),
                step,
                evidence: vec![RunId::from_bytes([7; 16])],
            });
        };
        let [into, incident] = ids.clone();
        tell(0, IncidentStep::Absorbed { incident });
        tell(1, IncidentStep::Merged { into });
        let gone = &mut incidents[1];
        gone.resolved = None;
        gone.first_pass = None;
        gone.merged_into = Some(ids[0].clone());
        let outages = picture.recoveries.values_mut().flatten();
        let newest = outages.into_iter().next().unwrap();
        newest.incidents.insert(0, ids[1].clone());
        // Signing in is back by now.
        let login = &mut newest.rows[0];
        login.state = RecoveryState::Recovered;
        for region in &mut login.regions {
            region.state = RecoveryState::Recovered;
            region.first_pass = Some(ago(100));
        }
        alter(picture);
    })
}

/// The same after it had been restored for the time being.
fn merged_while_resolved() -> Fixture {
    merged_with(|picture| {
        let gone = &mut picture.incidents.values_mut().flatten().nth(1).unwrap();
        assert!(gone.merged_into.is_some());
        gone.resolved = Some(ago(15_000));
        gone.first_pass = gone.resolved;
    })
}

async fn report_of(incident: &str) -> serde_json::Value {
    let path = format!("/api/v1/incidents/{incident}/report");
    get_of(merged(), &path).await.json()
}

async fn file_of(incident: &str, name: &str) -> String {
    let path = format!("/api/v1/incidents/{incident}/files/{name}");
    get_of(merged(), &path).await.text
}

#[tokio::test]
async fn it_leads_to_the_other_one_and_is_told_once() {
    let incidents = get_of(merged(), "/api/v1/incidents").await.json();
    let merged_into = |place: usize| incidents["incidents"][place]["merged_into"].clone();
    assert_eq!(merged_into(1), OPEN);
    assert_eq!(merged_into(0), serde_json::Value::Null);
    for (lang, says, phase) in [
        ("en", "Merged into an earlier incident", "Merged"),
        ("ko", "앞선 사고에 합쳐짐", "합쳐짐"),
    ] {
        for page in ["/incidents".to_owned(), format!("/incidents/{CLOSED}")] {
            let page = get_of(merged(), &format!("{page}?lang={lang}")).await.text;
            assert!(page.contains(says) && page.contains(&format!("/incidents/{OPEN}")));
            assert!(page.contains(&format!("<strong>{phase}</strong>")));
            assert!(page.contains("t-unmeasured") && !page.contains("t-verified"));
        }
    }
    let strip = "/api/v1/features/account.login/strip";
    let told = |strip: serde_json::Value| strip["incidents"].as_array().unwrap().len();
    let (all, but_merged) = (get(strip).await, get_of(merged(), strip).await);
    assert_eq!(told(all.json()), told(but_merged.json()) + 1);
    let links = format!("incident={CLOSED}");
    assert!(get("/claims").await.text.contains(&links));
    assert!(!get_of(merged(), "/claims").await.text.contains(&links));
    let recovery = get_of(merged(), "/api/v1/recovery").await.json();
    assert_eq!(recovery["outage"]["incidents"], serde_json::json!([OPEN]));
    let recovery = get_of(merged(), "/recovery").await.text;
    assert!(!recovery.contains(&format!("/incidents/{CLOSED}")));
}

#[tokio::test]
async fn both_timelines_name_the_other_one_and_the_runs_behind_it() {
    for (of, word, other) in [(OPEN, "absorbed", CLOSED), (CLOSED, "merged", OPEN)] {
        let path = format!("/incidents/{of}");
        let detail = get_of(merged(), &format!("/api/v1{path}")).await.json();
        let timeline = detail["timeline"].as_array().unwrap();
        let step = timeline.iter().find(|event| event["to"] == word).unwrap();
        assert_eq!(step["other"], other);
        assert_eq!(step["evidence"].as_array().unwrap().len(), 1);
        let opened = timeline.iter().find(|event| event["to"] == "opened");
        assert_eq!(opened.unwrap()["other"], serde_json::Value::Null);
        let page = get_of(merged(), &path).await.text;
        let (_, told) = page.split_once("data-part=\"timeline\"").unwrap();
        assert!(told.contains(&format!("/incidents/{other}")), "{told}");
    }
}

#[tokio::test]
async fn the_report_of_one_that_was_merged_ends_there_and_raises_no_duty() {
    let report = report_of(CLOSED).await;
    let subject = &report["subject"];
    assert_eq!(subject["incident"]["merged_into"], OPEN);
    for duty in report["duties"].as_array().unwrap() {
        assert_eq!(duty["standing"], "merged");
        assert_eq!(duty["due_at"], serde_json::Value::Null);
    }
    // It was closed 14,400 s before half past five, and nothing was back then.
    let features = subject["features"].as_array().unwrap();
    for (feature, state) in features.iter().zip(["down", "blocked"]) {
        for out in [feature, &feature["regions"][0]] {
            assert_eq!(out["until"], "2022-10-16T01:30:00.000Z");
            assert_eq!(out["state"], state, "{feature}");
        }
    }
    for page in ["ko", "en"].map(|lang| format!("/incidents/{CLOSED}/report?lang={lang}")) {
        let page = get_of(merged(), &page).await.text;
        assert!(page.contains("data-part=\"merged\""));
        assert!(page.contains(&format!("/incidents/{OPEN}/report")));
    }
    let page = format!("/incidents/{CLOSED}/report");
    let korean = get_of(merged(), &format!("{page}?lang=ko")).await.text;
    let leads = format!("앞선 사고({OPEN})와 하나로 밝혀져");
    assert!(korean.contains(&leads), "{korean}");
    // As it was before.
    let path = format!("/api/v1/incidents/{CLOSED}/report");
    let before = get(&path).await.json();
    assert_eq!(before["subject"]["features"][0]["state"], "verified");
    let duties = before["duties"].as_array().unwrap();
    assert!(duties.iter().all(|duty| duty["standing"] != "merged"));
}

#[tokio::test]
async fn nothing_is_drafted_or_counted_of_one_that_was_merged_whether_it_was_restored_or_not() {
    for fixture in [merged, merged_while_resolved] {
        let path = format!("/api/v1/incidents/{CLOSED}");
        let report = get_of(fixture(), &format!("{path}/report")).await.json();
        let detail = get_of(fixture(), &path).await.json();
        for clocks in [&report["subject"]["clocks"], &detail["clocks"]] {
            let clocks = clocks.as_array().unwrap();
            assert_eq!(clocks.len(), 10);
            for clock in clocks {
                let standing = clock["standing"].as_str().unwrap();
                assert!(["open", "happened"].contains(&standing), "{clock}");
                assert_eq!(clock["at"].is_null(), standing == "open", "{clock}");
            }
            for limit in ["t_20m", "t_30m_dc", "t_2h", "t_4h", "t_30d"] {
                let clock = clocks.iter().find(|clock| clock["name"] == limit);
                assert_eq!(clock.unwrap()["standing"], "open", "{limit}");
            }
        }
        let file = async |name: &str| {
            let path = format!("{path}/files/{name}");
            get_of(fixture(), &path).await
        };
        for name in ["notice-mail", "notice-sms", "regulator-dc", "damages"] {
            let answer = file(&format!("{name}.en.txt")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{name}");
        }
        assert_eq!(file("sla.json").await.json()["rows"], serde_json::json!([]));
        let page = format!("/incidents/{CLOSED}/report?lang=en");
        let page = get_of(fixture(), &page).await.text;
        let copy = file("report.en.html").await.text;
        for page in [page, copy] {
            assert!(page.contains("data-part=\"merged\"") && page.contains("data-part=\"scope\""));
            for part in ["sla", "drafts"] {
                assert!(!page.contains(&format!("data-part=\"{part}\"")));
            }
            assert!(!page.contains("features back"), "{page}");
        }
    }
    // The one that goes on has all of it.
    let path = format!("/api/v1/incidents/{OPEN}/files");
    let mail = get_of(merged(), &format!("{path}/notice-mail.en.txt")).await;
    assert_eq!(mail.status, StatusCode::OK);
    let sheet = get_of(merged(), &format!("{path}/sla.json")).await.json();
    assert_ne!(sheet["rows"], serde_json::json!([]));
}

#[tokio::test]
async fn how_far_one_was_that_was_merged_stands_still_whatever_the_other_one_goes_through() {
    use RecoveryState::{Blocked, Down, NoSight, Recovered, Recovering, Verified};
    let cut = "2022-10-16T01:30:00.000Z";
    // 19,000 and 15,000 s before half past five.
    let (from, back) = ("2022-10-16T00:13:20.000Z", "2022-10-16T01:20:00.000Z");
    for (state, first_pass, login, core) in [
        (Down, None, ("down", cut), ("blocked", cut)),
        (Blocked, None, ("down", cut), ("blocked", cut)),
        (NoSight, None, ("down", cut), ("blocked", cut)),
        (Recovering, Some(100), ("down", cut), ("blocked", cut)),
        (Recovered, Some(100), ("down", cut), ("blocked", cut)),
        (Verified, Some(100), ("down", cut), ("blocked", cut)),
        // It had been back before.
        (
            Verified,
            Some(15_000),
            ("recovered", back),
            ("recovered", back),
        ),
    ] {
        let fixture = merged_with(|picture| {
            let outages = picture.recoveries.values_mut().flatten();
            let rows = &mut outages.into_iter().next().unwrap().rows;
            rows[1].feature = FeatureId::new("map.core").unwrap();
            for row in &mut rows[..2] {
                row.state = state;
                for region in &mut row.regions {
                    region.state = state;
                    region.onset = region.onset.map(|_| ago(19_000));
                    region.first_pass = first_pass.map(ago);
                }
            }
        });
        let path = format!("/api/v1/incidents/{CLOSED}/report");
        let report = get_of(fixture, &path).await.json();
        let features = &report["subject"]["features"];
        for (place, id, (word, until)) in [(0, "account.login", login), (1, "map.core", core)] {
            let feature = &features[place];
            assert_eq!(feature["id"], id);
            for out in [feature, &feature["regions"][0]] {
                assert_eq!(
                    (&out["state"], &out["until"]),
                    (&word.into(), &until.into()),
                    "{out}"
                );
            }
        }
        // The other one's row has three regions.
        assert_eq!(features[0]["regions"].as_array().unwrap().len(), 1);
        assert_eq!(features[0]["from"], from);
    }
}

#[tokio::test]
async fn the_report_of_the_other_one_has_what_was_written_of_both() {
    let report = report_of(OPEN).await;
    let incident = &report["subject"]["incident"];
    assert_eq!(incident["absorbed"], serde_json::json!([CLOSED]));
    assert_eq!(incident["merged_into"], serde_json::Value::Null);
    assert_eq!(report["subject"]["words"][0]["by"], "desk");
    let dc = file_of(OPEN, "regulator-dc.ko.txt").await;
    let says = format!("이 사고로 밝혀진 사고 포함: {CLOSED}");
    assert!(dc.contains(&says) && dc.contains("전원 차단"), "{dc}");
    let path = format!("/api/v1/incidents/{OPEN}/report");
    let alone = get(&path).await.json();
    assert_eq!(alone["subject"]["words"], serde_json::json!([]));
}

#[tokio::test]
async fn nothing_more_is_written_of_one_that_was_merged() {
    let text = "cause = { ko = \"화재\", en = \"A fire\" }\n";
    let write = async |incident: &str, who: &str| {
        let path = format!("/api/v1/incidents/{incident}/words");
        let router = router_of(Arc::new(merged()));
        write_to(router, &path, who, ("application/toml", text)).await
    };
    let refused = write(CLOSED, "Bearer desk").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let error = &refused.json()["error"];
    assert_eq!(error["code"], "merged");
    let message = error["message"].as_str().unwrap();
    let path = format!("/api/v1/incidents/{OPEN}/words");
    assert!(message.contains(&path), "{message}");
    let stranger = write(CLOSED, "Bearer moon").await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    let kept = write(OPEN, "Bearer desk").await;
    assert_eq!(kept.status, StatusCode::CREATED, "{}", kept.text);
}

/// Runs `export report` for an incident.
async fn export(url: &str, incident: &str, out: &Path, after: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu-collector"));
    command.args([
        "export",
        "report",
        "--collector",
        url,
        "--incident",
        incident,
    ]);
    command.arg("--out").arg(out);
    if let Some(after) = after {
        command.arg("--after").arg(after);
    }
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_report_counts_on_from_those_of_what_was_merged_and_of_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = router_of(Arc::new(merged()));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = tempfile::tempdir().unwrap();
    let [first, second, third] = ["1", "2", "3"].map(|name| folder.path().join(name));
    let says = |output: &Output| {
        let all = [&output.stdout[..], &output.stderr[..]].concat();
        String::from_utf8(all).unwrap()
    };

    let written = export(&url, CLOSED, &first, None).await;
    assert!(written.status.success(), "{}", says(&written));
    let goes_on = format!("go on with --incident {OPEN} --after {}", first.display());
    assert!(says(&written).contains(&goes_on), "{}", says(&written));
    let written = export(&url, OPEN, &second, Some(&first)).await;
    assert!(written.status.success(), "{}", says(&written));
    assert!(!says(&written).contains("go on with"));
    let head = verify(&first, None).unwrap().manifest.head;
    let report = verify(&second, None).unwrap().manifest.report;
    assert_eq!((report.number, report.previous), (2, Some(head)));
    assert_eq!(report.incident, OPEN);

    // Not the other way round.
    let refused = export(&url, CLOSED, &third, Some(&second)).await;
    assert_eq!(refused.status.code(), Some(2));
    let why = format!("--after is a report of another incident, {OPEN}");
    assert!(says(&refused).contains(&why), "{}", says(&refused));
    assert!(!third.exists());
    serving.abort();
}
