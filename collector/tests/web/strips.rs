//! Strips in which every kind of bucket occurs, and the incident beside them.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use bongsu_availability::{
    Availability, IncidentId, IncidentPhase, IncidentView, Ledger, RegionStrip, Strip, StripBucket,
    StripWindow,
};
use bongsu_collector::strips::StripWanted;
use bongsu_collector::web::source::StripError;
use bongsu_model::{CellKey, TargetName, Timestamp};

use super::fixture::{Fixture, NOW, REGIONS, ago, feature, region};
use super::recovery;
use super::visit::{get, get_of};

/// The strip of a feature: none of its regions for `pay.core`, which was never measured.
pub(super) fn strip(wanted: &StripWanted) -> Strip {
    let as_of = NOW - Duration::from_millis(800);
    let spans = spans(wanted.window, as_of);
    let measured = wanted.feature != feature("pay.core");
    let regions = REGIONS.iter().enumerate().filter(|_| measured);
    Strip {
        target: wanted.target.clone(),
        feature: wanted.feature.clone(),
        as_of,
        from: spans[0].0,
        regions: regions
            .map(|(row, (id, _, _))| RegionStrip {
                region: region(id),
                buckets: spans
                    .iter()
                    .enumerate()
                    .map(|(place, span)| bucket(row, place, spans.len(), *span))
                    .collect(),
            })
            .collect(),
    }
}

fn spans(window: StripWindow, as_of: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let step = window.step();
    let nanos = u64::try_from(step.as_nanos()).unwrap();
    let newest = Timestamp::from_unix_nanos(as_of.as_unix_nanos() / nanos * nanos);
    let buckets = u32::try_from(window.buckets()).unwrap();
    let begins = (0..buckets).rev().map(|back| newest - step * back);
    begins
        .map(|from| (from, (from + step).min(as_of)))
        .collect()
}

/// Well, but for a bucket of each other kind, and an outage at the end.
fn bucket(row: usize, place: usize, count: usize, span: (Timestamp, Timestamp)) -> StripBucket {
    let (from, until) = span;
    let well = StripBucket {
        from,
        until,
        samples: Ledger {
            pass: 90,
            ..Ledger::default()
        },
        availability: Availability {
            own: Some(1.0),
            perceived: Some(1.0),
            coverage: 1.0,
        },
        planned: true,
        maintenance: 0.0,
        revised: false,
        sealed: count == 168 && place < 144,
    };
    let nothing = StripBucket {
        availability: Availability::default(),
        samples: Ledger::default(),
        ..well.clone()
    };
    let partly = |own: f64| StripBucket {
        availability: Availability {
            own: Some(own),
            perceived: Some(own / 2.0),
            coverage: 0.95,
        },
        samples: Ledger {
            pass: 60,
            fail: 10,
            blocked: 15,
            missed: 5,
            ..Ledger::default()
        },
        ..well.clone()
    };
    match (row, count - 1 - place) {
        (_, 50..) => StripBucket {
            planned: false,
            ..nothing
        },
        (0, 30..=33) => StripBucket {
            maintenance: 1.0,
            ..nothing
        },
        (0, 29) => StripBucket {
            maintenance: 0.25,
            ..well
        },
        (1, 20..=24) => StripBucket {
            samples: Ledger {
                missed: 90,
                ..Ledger::default()
            },
            ..nothing
        },
        (1, 18 | 19) => StripBucket {
            revised: true,
            ..partly(0.999_94)
        },
        (2, 10..=13) => StripBucket {
            samples: Ledger {
                blocked: 90,
                ..Ledger::default()
            },
            availability: Availability {
                own: None,
                perceived: Some(0.0),
                coverage: 0.0,
            },
            ..nothing
        },
        (_, 2) => partly(0.62),
        (_, 0 | 1) => partly(0.0),
        _ => well,
    }
}

/// One that goes on over the feature, one that is over, one of another feature.
pub(super) fn incidents() -> Vec<IncidentView> {
    vec![
        incident("account.login", "talk.message.text", 743, None),
        incident("account.login", "map.core", 20_000, Some(15_000)),
        incident("talk.message.image", "map.core", 500, None),
    ]
}

fn incident(root: &str, blocked: &str, onset: u64, resolved: Option<u64>) -> IncidentView {
    let target = TargetName::new("superapp").unwrap();
    let root = feature(root);
    let detected = ago(onset - 12);
    let cell = CellKey {
        target: target.clone(),
        feature: root.clone(),
        region: region("kr-seoul"),
    };
    IncidentView {
        id: IncidentId::new(detected, &target, &root),
        target,
        phase: resolved.map_or(IncidentPhase::Open, |_| IncidentPhase::Closed),
        timeline: Arc::new(recovery::timeline(detected, &cell)),
        timeline_dropped: 0,
        cells: vec![cell],
        recover_first: resolved.map(|resolved| ago(resolved + 60)),
        root,
        blocked: vec![feature(blocked)],
        onset_low: None,
        onset: ago(onset),
        detected,
        first_pass: resolved.map(ago),
        resolved: resolved.map(ago),
        closed: resolved.map(|resolved| ago(resolved - 600)),
        merged_into: None,
        relapses: 0,
        lost_sight: false,
        evidence: Vec::new(),
    }
}

#[tokio::test]
async fn the_strip_of_a_feature_has_regions_buckets_incidents_and_changes() {
    let strip = get("/api/v1/features/account.login/strip").await.json();
    assert_eq!(strip["window"], "24h");
    assert_eq!(strip["step_s"], 900);
    assert_eq!(strip["as_of"], "2022-10-16T05:29:59.200Z");
    assert_eq!(strip["from"], "2022-10-15T05:30:00.000Z");
    assert_eq!(strip["regions"][0]["names"]["ko"], "서울");
    let buckets = strip["regions"][2]["buckets"].as_array().unwrap();
    assert_eq!(buckets.len(), 96);
    assert_eq!(buckets[0]["sight"], "unmeasured");
    assert_eq!(buckets[0]["own"], serde_json::Value::Null);
    assert_eq!(buckets[83]["sight"], "blocked");
    assert_eq!(buckets[83]["perceived"], 0.0);
    assert_eq!(buckets[95]["own"], 0.0);
    assert_eq!(buckets[95]["until"], strip["as_of"]);
    let roots: Vec<_> = strip["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|incident| (incident["phase"].as_str(), incident["down"].as_bool()))
        .collect();
    assert_eq!(
        roots,
        [(Some("open"), Some(true)), (Some("closed"), Some(true))]
    );
    assert_eq!(strip["transitions"].as_array().unwrap().len(), 3);
    let blocked = get("/api/v1/features/talk.message.text/strip?window=1h").await;
    let blocked = blocked.json();
    assert_eq!(blocked["incidents"].as_array().unwrap().len(), 1);
    assert_eq!(blocked["incidents"][0]["down"], false);
    let week = get("/api/v1/features/map.core/strip?window=7d")
        .await
        .json();
    assert_eq!(week["regions"][0]["buckets"][100]["sealed"], true);
    assert_eq!(week["regions"][0]["buckets"][160]["sealed"], false);
}

#[tokio::test]
async fn a_wrong_window_and_strips_that_cannot_be_had_are_said() {
    let wrong = get("/api/v1/features/account.login/strip?window=2h").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let message = wrong.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(message.contains("one of `1h`, `24h`, `7d`"), "{message}");
    let page = get("/features/account.login?window=2h&lang=en").await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    for (why, code) in [
        (StripError::Busy, "busy"),
        (StripError::Ended, "not_deriving"),
    ] {
        let address = "/api/v1/features/account.login/strip";
        let refused = get_of(Fixture::without_strips(why), address).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.json()["error"]["code"], code);
        let page = get_of(
            Fixture::without_strips(why),
            "/features/account.login?lang=en",
        );
        let page = page.await;
        assert_eq!(page.status, StatusCode::OK, "the rest is still shown");
        assert!(page.text.contains("It cannot be shown now."));
    }
}

/// The row of a region, or another row of the strip, as its heading and its cells.
fn row<'a>(page: &'a str, heading: &str) -> Vec<&'a str> {
    let from = page
        .find(&format!("<th scope=\"row\">{heading}</th>"))
        .unwrap();
    let row = &page[from..from + page[from..].find("</tr>").unwrap()];
    row.split("<td").skip(1).collect()
}

#[tokio::test]
async fn every_bucket_reads_as_text_and_leads_to_its_runs() {
    let page = get("/features/account.login?lang=en").await.text;
    let seoul = row(&page, "Seoul");
    assert_eq!(seoul.len(), 96);
    let texts = |row: &[&str]| -> Vec<String> {
        row.iter()
            .map(|cell| {
                let rest = &cell[cell.find("\">").unwrap_or(0)..];
                let rest = rest.rsplit("\">").next().unwrap();
                rest.split('<').next().unwrap().to_owned()
            })
            .collect()
    };
    let seoul_texts = texts(&seoul);
    assert_eq!(seoul_texts[0], "not measured");
    assert_eq!(seoul_texts[63], "maintenance");
    assert_eq!(seoul_texts[60], "100%");
    assert_eq!(seoul_texts[93], "62%");
    assert_eq!(texts(&row(&page, "Busan"))[73], "unknown");
    assert_eq!(texts(&row(&page, "Busan"))[77], "99.99%");
    assert_eq!(texts(&row(&page, "Tokyo"))[84], "blocked");
    let last = seoul[95];
    for part in [
        "14:15–14:29 · Seoul · own 0% · perceived 0% · coverage 95%",
        "samples 70/90",
        "as of 14:29:59",
        "/runs?feature=account.login&amp;region=kr-seoul&amp;from=2022-10-16T05%3A15%3A00Z",
    ] {
        assert!(last.contains(part), "{part} in {last}");
    }
    let runs = page[page.find("from=2022-10-16T05%3A15%3A00Z").unwrap()..]
        .split('"')
        .next()
        .unwrap()
        .replace("&amp;", "&");
    let listed = get(&format!(
        "/runs?feature=account.login&region=kr-seoul&{runs}"
    ))
    .await;
    assert_eq!(listed.status, StatusCode::OK);
    assert!(
        listed
            .text
            .contains("/runs/fafafafafafafafafafafafafafafafa")
    );
    assert!(listed.text.contains("due 2022-10-16 14:15:00"));
    let changes = row(&page, "Changes");
    assert!(changes[95].contains("14:17:48 The feature Operational → Major outage"));
}

#[tokio::test]
async fn the_window_stays_when_the_language_changes() {
    let page = get("/features/account.login?lang=ko&window=7d").await.text;
    assert!(page.contains("href=\"/features/account.login?lang=en&amp;window=7d\""));
    assert!(page.contains("<input type=\"hidden\" name=\"window\" value=\"7d\">"));
    assert_eq!(page.matches("class=\"strip s-7d\"").count(), 1);
    assert!(page.contains("하루 뒤 확정"));
}
