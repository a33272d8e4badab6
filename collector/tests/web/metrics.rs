//! `/metrics` as Prometheus reads it.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::Method;

use super::fixture::Fixture;
use super::visit::{ask, get, get_of, golden};

#[tokio::test]
async fn the_text_is_as_its_golden() {
    let answer = get("/metrics").await;
    assert_eq!(
        answer.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    golden("metrics.txt", &answer.text);
}

#[tokio::test]
async fn every_family_is_introduced_once_and_its_samples_follow() {
    let text = get("/metrics").await.text;
    let mut families = BTreeSet::new();
    let mut family = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().unwrap().to_owned();
            assert!(family.starts_with("bongsu_"), "{family}");
            assert!(families.insert(family.clone()), "{family} comes twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(rest.starts_with(&format!("{family} ")), "{line}");
        } else {
            let name = line.split(['{', ' ']).next().unwrap();
            assert_eq!(name, family, "{line}");
            let value = line.rsplit(' ').next().unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert_eq!(
                line.contains("agent=\""),
                name.starts_with("bongsu_agent_"),
                "{line}"
            );
        }
    }
    assert!(families.len() > 30, "{families:?}");
}

#[tokio::test]
async fn every_state_of_every_feature_has_its_series() {
    let text = get("/metrics").await.text;
    let states = |feature: &str| -> Vec<&str> {
        let prefix = format!("bongsu_feature_state{{target=\"superapp\",feature=\"{feature}\",");
        text.lines()
            .filter(|line| line.starts_with(&prefix))
            .collect()
    };
    for feature in ["account.login", "pay.core"] {
        let states = states(feature);
        assert_eq!(states.len(), 8, "{feature}");
        assert_eq!(
            states.iter().filter(|line| line.ends_with(" 1")).count(),
            1,
            "{feature}"
        );
    }
}

#[tokio::test]
async fn an_outage_is_measured_weighted_counted_and_against_the_clock() {
    let of = |text: &str, name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let text = get("/metrics").await.text;
    let ratio = of(&text, "bongsu_outage_recovered_ratio{target=\"superapp\"");
    assert!((0.44..0.45).contains(&ratio), "{ratio}");
    assert!(of(&text, "bongsu_outage_recovered_ratio{target=\"staging\"").is_nan());
    let counted = |name: &str| of(&text, &format!("bongsu_outage_{name}{{target=\"superapp\""));
    assert_eq!(counted("affected_features"), 6.0);
    assert_eq!(counted("restored_features"), 2.0);
    let clock = |feature: &str| {
        let labels = format!("{{target=\"superapp\",feature=\"{feature}\"");
        of(
            &text,
            &format!("bongsu_feature_recovery_clock_seconds{labels}"),
        )
    };
    assert_eq!(clock("account.login"), 1_399.2);
    assert_eq!(clock("talk.call.voice"), 0.0, "it has stopped");
    assert_eq!(clock("map.core"), 0.0, "it was not affected");
    let stale = get_of(
        Fixture::with_picture(Some(Duration::from_secs(900))),
        "/metrics",
    )
    .await;
    assert!(
        of(
            &stale.text,
            "bongsu_outage_recovered_ratio{target=\"superapp\""
        )
        .is_nan()
    );
}

#[tokio::test]
async fn openmetrics_is_given_to_those_who_ask() {
    let accept = [("accept", "application/openmetrics-text; version=1.0.0")];
    let answer = ask(Method::GET, "/metrics", &accept).await;
    assert!(
        answer
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    assert!(
        answer
            .text
            .contains("# TYPE bongsu_runs counter\nbongsu_runs_total{")
    );
    assert!(answer.text.ends_with("# EOF\n"));
}

/// Lines of a state set that are 1, by the state.
fn states_that_hold(text: &str, family: &str) -> BTreeSet<String> {
    let prefix = format!("{family}{{");
    text.lines()
        .filter(|line| line.starts_with(&prefix) && line.ends_with(" 1"))
        .map(|line| line.split("state=\"").nth(1).unwrap())
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn what_is_not_of_now_is_unknown_and_keeps_its_series() {
    let current = get("/metrics").await.text;
    let only = BTreeSet::from(["unknown".to_owned()]);
    for family in ["bongsu_feature_state", "bongsu_cell_state"] {
        assert!(states_that_hold(&current, family).len() > 1);
    }
    assert!(current.contains("\nbongsu_collector_ready 1\n"));
    for fixture in [
        Fixture::with_picture(Some(Duration::from_secs(60))),
        Fixture::stalled(),
    ] {
        let text = get_of(fixture, "/metrics").await.text;
        for family in ["bongsu_feature_state", "bongsu_cell_state"] {
            assert_eq!(states_that_hold(&text, family), only, "{family}");
        }
        let count = |text: &str| {
            text.lines()
                .filter(|l| l.starts_with("bongsu_cell_state{"))
                .count()
        };
        assert_eq!(count(&text), count(&current));
        assert!(text.contains("\nbongsu_collector_ready 0\n"));
    }
    let replaying = get_of(Fixture::with_picture(None), "/metrics").await.text;
    assert_eq!(states_that_hold(&replaying, "bongsu_feature_state"), only);
}
