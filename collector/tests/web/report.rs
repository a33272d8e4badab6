//! The report of an incident: its files, pages and addresses.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use bongsu_availability::{IncidentView, RecoveryView};
use bongsu_collector::config::Duties;
use bongsu_collector::journal::EvidencePage;
use bongsu_collector::report::evidence::{Record, Wanted};
use bongsu_collector::report::sms::Limit;
use bongsu_collector::report::tally::Fold;
use bongsu_collector::report::words::{Author, read};
use bongsu_collector::report::{Shelf, Words};
use bongsu_collector::web::source::Folded;
use bongsu_model::{
    FailClass, FeatureId, Outcome, Outcomes, Paid, RunFacts, RunId, Timestamp, Trigger,
};

use super::fixture::{Fixture, REGIONS, ago, feature, region};
use super::pages::readable;
use super::runs;
use super::visit::{get, get_of, golden, write};

pub(super) const OPEN: &str = "1665897469000.superapp.account.login";
pub(super) const CLOSED: &str = "1665878212000.superapp.account.login";

/// What operators wrote of the closed incident.
const WORDS: &str = r#"by = "desk"
at = "2022-10-16T14:00:00+09:00"
next_update = "2022-10-16T16:00:00+09:00"
cause = { ko = "전원 차단", en = "Power was cut" }
response = { ko = "대체 전원으로 전환함", en = "Switched to the other power supply" }
contact = { ko = "1577-3754", en = "1577-3754" }
plan = { ko = "이중화 점검", en = "Redundancy is reviewed" }
claimant = { ko = "유료 이용자", en = "Users who pay" }

[circumstances]
disaster = true
"#;

pub(super) fn duties() -> Duties {
    Duties {
        shelf: Shelf::shipped().unwrap(),
        ..Duties::default()
    }
}

pub(super) fn paid(id: &str) -> Paid {
    match id {
        "talk.message.text" => Paid::Subscription,
        "map.core" | "pay.payment.offline" => Paid::PerUse,
        _ => Paid::Free,
    }
}

pub(super) fn words(incident: &str) -> Vec<Words> {
    let words = || read(WORDS, Path::new("words.toml"), Author::Said).unwrap();
    if incident == CLOSED {
        vec![words()]
    } else {
        Vec::new()
    }
}

/// The runs of an incident, made once.
fn records(wanted: &Wanted) -> Arc<[Record]> {
    static KNOWN: Mutex<Vec<(Wanted, Arc<[Record]>)>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap();
    if let Some((_, records)) = known.iter().find(|(asked, _)| asked == wanted) {
        return Arc::clone(records);
    }
    let records: Arc<[Record]> = made(wanted).into();
    known.push((wanted.clone(), Arc::clone(&records)));
    records
}

/// A run each minute of one feature from each region: of text messages blocked, of the others
/// failed for as long as the incident lasted, with every tenth passing.
fn made(wanted: &Wanted) -> Vec<Record> {
    let template = runs::failed().facts;
    let mut records = Vec::new();
    let minutes = (0..20_400_u32).step_by(60).rev().map(u64::from);
    for (minute, seconds) in minutes.enumerate() {
        let at = ago(seconds + 5);
        if !(wanted.from..wanted.until).contains(&at) {
            continue;
        }
        for id in &wanted.features {
            for (n, (name, _, _)) in REGIONS.iter().enumerate() {
                let seq = (records.len() + 1) as u64;
                let is_out = (15_000..20_000).contains(&seconds) || seconds < 743;
                let outcome = match (is_out, id.as_str()) {
                    (true, "talk.message.text") => Outcome::Blocked(feature("account.login")),
                    (true, _) if minute % 10 != 3 => Outcome::Fail(FailClass::Timeout),
                    (true | false, _) => Outcome::Pass,
                };
                let mut bytes = [u8::try_from(n).unwrap(); 16];
                bytes[..8].copy_from_slice(&seq.to_be_bytes());
                let facts = RunFacts {
                    id: RunId::from_bytes(bytes),
                    vantage: bongsu_model::Vantage {
                        region: region(name),
                        ..template.vantage.clone()
                    },
                    trigger: Trigger::Scheduled { slot: seq },
                    due: at,
                    started: at,
                    ended: at + Duration::from_secs(3),
                    outcomes: Outcomes::only(id.clone(), outcome),
                    ..template.clone()
                };
                records.push(Record {
                    seq,
                    received_ns: (at + Duration::from_secs(4)).as_unix_nanos(),
                    facts: serde_json::to_string(&facts).unwrap(),
                });
            }
        }
    }
    records
}

pub(super) fn folded(incident: &IncidentView, outage: Option<&RecoveryView>) -> Folded {
    let mut fold = Fold::new(incident, outage);
    assert!(records(&Wanted::of(incident)).iter().all(|r| fold.add(r)));
    Folded {
        fold,
        kept_from: Some(ago(90_000)),
    }
}

/// Small pages, so that there are some.
pub(super) fn page(wanted: &Wanted, after: u64, until: u64) -> EvidencePage {
    let mut records = records(wanted).to_vec();
    records.retain(|record| record.seq > after && record.seq <= until);
    let more = records.len() > 30;
    records.truncate(30);
    EvidencePage {
        looked: records.last().map_or(after, |record| record.seq),
        next: records.last().filter(|_| more).map(|record| record.seq),
        records,
    }
}

/// The names of all files, as the refusal of a wrong one lists them.
async fn names() -> Vec<String> {
    let refused = get(&format!("/api/v1/incidents/{OPEN}/files/moon")).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    let message = refused.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    let names = message.split("one of ").nth(1).unwrap().split(", ");
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_file_is_as_its_golden_in_both_languages() {
    let names = names().await;
    assert_eq!(names.len(), 24, "{names:?}");
    for (which, incident) in [("open", OPEN), ("closed", CLOSED)] {
        for name in &names {
            let answer = get(&format!("/api/v1/incidents/{incident}/files/{name}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{name}");
            let text = if name.ends_with(".html") {
                readable(&without_style(&answer.text))
            } else {
                answer.text.replace("\r\n", "\n")
            };
            golden(&format!("report.{which}.{name}"), &text);
        }
    }
}

fn without_style(page: &str) -> String {
    let (before, rest) = page.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    format!("{before}<style>…</style>{after}")
}

#[tokio::test]
async fn the_page_is_as_its_golden_and_the_incident_links_to_it() {
    for lang in ["ko", "en"] {
        let page = get(&format!("/incidents/{OPEN}/report?lang={lang}")).await;
        assert_eq!(page.status, StatusCode::OK);
        golden(&format!("report.{lang}.html"), &readable(&page.text));
    }
    let page = get(&format!("/incidents/{OPEN}?lang=en")).await.text;
    assert!(page.contains(&format!("href=\"/incidents/{OPEN}/report?lang=en\"")));
}

#[tokio::test]
async fn nothing_is_made_up_until_people_write_it() {
    let text = async |incident: &str, name: &str| {
        get(&format!("/api/v1/incidents/{incident}/files/{name}"))
            .await
            .text
    };
    for name in [
        "notice-mail",
        "notice-site",
        "notice-sms",
        "notice-press",
        "regulator-dc",
        "regulator-vas",
    ] {
        let open = (
            text(OPEN, &format!("{name}.ko.txt")).await,
            text(OPEN, &format!("{name}.en.txt")).await,
        );
        assert!(open.0.contains("원인 조사 중"), "{name}: {}", open.0);
        assert!(open.1.contains("under investigation"), "{name}: {}", open.1);
        let told = text(CLOSED, &format!("{name}.en.txt")).await;
        assert!(told.contains("Power was cut"), "{name}: {told}");
    }
    let signed = text(CLOSED, "regulator-dc.en.txt").await;
    let who = "Power was cut (written by desk, 2022-10-16 14:00:00 KST)";
    assert!(signed.contains(who), "{signed}");
}

#[tokio::test]
async fn short_texts_keep_their_limits() {
    for incident in [OPEN, CLOSED] {
        for lang in ["ko", "en"] {
            for (name, limit) in [("sms", Limit::SMS), ("disaster", Limit::DISASTER)] {
                let path = format!("/api/v1/incidents/{incident}/files/notice-{name}.{lang}.txt");
                let text = get(&path).await.text;
                assert!(limit.length(text.trim_end()) <= 90, "{text}");
            }
        }
    }
}

#[tokio::test]
async fn the_figures_are_those_of_the_runs() {
    let report = get(&format!("/api/v1/incidents/{CLOSED}/report"))
        .await
        .json();
    let subject = &report["subject"];
    let login = &subject["features"][0];
    assert_eq!(login["id"], "account.login");
    let seoul = &login["regions"][0];
    // From 20,000 s ago for 640 s a run a minute, every tenth passed.
    assert_eq!(seoul["runs"]["fail"], 10);
    assert_eq!(seoul["runs"]["pass"], 1);
    assert_eq!(seoul["from"], "2022-10-15T23:56:40.000Z");
    let evidence = seoul["evidence"].as_array().unwrap();
    assert!((2..=20).contains(&evidence.len()), "{evidence:?}");
    // What was only blocked, and has no row of its own, is out where the incident was.
    let map = &subject["features"][1];
    assert_eq!(
        (&map["id"], &map["is_blocked"]),
        (&"map.core".into(), &true.into())
    );
    assert_eq!(map["regions"].as_array().unwrap().len(), 1);
    assert_eq!(subject["words"][0]["by"], "desk");
    let duty = |id: &str| {
        let mut duties = report["duties"].as_array().unwrap().iter();
        duties.find(|duty| duty["profile"] == id).cloned()
    };
    assert_eq!(
        duty("kr-notice-2019").unwrap()["standing"],
        "exempt",
        "nothing in it has a periodic fee"
    );
    assert_eq!(duty("kr-notice-2025"), None, "not in force then");
    assert_eq!(duty("kr-regulator-vas"), None);
    assert_eq!(duty("kr-efin").unwrap()["standing"], "not_ours");
}

#[tokio::test]
async fn evidence_comes_in_pages_that_follow_each_other() {
    let mut after = 0;
    let mut seen = BTreeSet::new();
    loop {
        let path = format!("/api/v1/incidents/{OPEN}/evidence?after={after}");
        let page = get(&path).await.json();
        for record in page["records"].as_array().unwrap() {
            assert!(seen.insert(record["seq"].as_u64().unwrap()));
        }
        let Some(next) = page["next"].as_u64() else {
            break;
        };
        after = next;
    }
    let report = get(&format!("/api/v1/incidents/{OPEN}/report"))
        .await
        .json();
    assert_eq!(report["subject"]["evidence"]["records"], seen.len());
    let refused = get(&format!("/api/v1/incidents/{OPEN}/evidence?after=first")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text.contains("not a place in the journal"));
}

#[tokio::test]
async fn what_a_simulated_clock_timed_says_so_everywhere() {
    for name in names().await {
        let path = format!("/api/v1/incidents/{OPEN}/files/{name}");
        let text = get_of(Fixture::with_speed(600.0), &path).await.text;
        let mark = ["[모의]", "[SIM", "simulated"];
        if name != "duties.json" {
            assert!(
                mark.iter().any(|mark| text.contains(mark)),
                "{name}: {text}"
            );
        }
        let real = get(&path).await.text;
        let marks = ["[모의]", "[SIM]", "[SIMULATED]", "\"is_simulated\": true"];
        assert!(marks.iter().all(|mark| !real.contains(mark)), "{name}");
    }
}

#[tokio::test]
async fn words_are_written_by_operators_and_refused_with_their_place() {
    let path = format!("/api/v1/incidents/{OPEN}/words");
    let good = "cause = { ko = \"화재\", en = \"A fire\" }\n";
    let answer = write(&path, "Bearer desk", "application/toml", good).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let said = answer.json();
    assert_eq!(
        (&said["by"], &said["topics"][0]),
        (&"desk".into(), &"cause".into())
    );
    assert_eq!(said["at"], "2022-10-16T05:30:00.000Z");
    for (who, kind, text, status, says) in [
        (
            "Bearer moon",
            "application/toml",
            good,
            401,
            "no operator has this token",
        ),
        (
            "Bearer desk",
            "application/json",
            good,
            415,
            "application/toml",
        ),
        (
            "Bearer desk",
            "application/toml",
            "cause = 1",
            422,
            "body:1:9",
        ),
        (
            "Bearer desk",
            "application/toml",
            "by = \"x\"",
            422,
            "unknown key `by`",
        ),
        (
            "Bearer desk",
            "application/toml",
            "",
            422,
            "nothing is said",
        ),
    ] {
        let answer = write(&path, who, kind, text).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
        let message = answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(message.contains(says), "{message} does not say {says}");
    }
    let two = format!("{good}plan = {{ ko = \"가\", en = \"b\" }}");
    let full = write(&path, "Bearer desk", "application/toml", &two).await;
    assert_eq!(full.status, StatusCode::SERVICE_UNAVAILABLE);
    let long = "#".repeat(70_000);
    let long = write(&path, "Bearer desk", "application/toml", &long).await;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
    let missing = write(
        "/api/v1/incidents/moon/words",
        "Bearer desk",
        "application/toml",
        good,
    );
    assert_eq!(missing.await.status, StatusCode::NOT_FOUND);
    let read = get(&path).await;
    assert_eq!(read.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(read.header("allow"), "POST");
    for path in ["report", "evidence", "files/scope.csv"] {
        let missing = get(&format!("/api/v1/incidents/moon/{path}")).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[test]
fn the_incidents_are_those_of_the_fixture() {
    let incidents = super::strips::incidents();
    assert_eq!(incidents[0].id.as_str(), OPEN);
    assert_eq!(incidents[1].id.as_str(), CLOSED);
    let features: BTreeSet<FeatureId> = Wanted::of(&incidents[0]).features;
    assert_eq!(features.len(), 2);
    assert_eq!(Wanted::of(&incidents[0]).until, Timestamp::MAX);
}
