//! The shipped journeys against the stand-in platform, whole and with each of its faults.

use std::time::Duration;

use bongsu_model::{CleanupState, StepOutcome, Variant, Verb};
use bongsu_superapp::{
    CertificateFlaw, Component, Count, DnsFailure, FaultKind, FaultPoint, PlatformFeature,
};

use crate::support::{ending, other, verdict};
use scene::{SHIPPED, Scene};

mod crashes;
mod scene;
mod tables;

const ACCOUNT: FaultPoint = FaultPoint::Component(Component::Account);
const RELAY: FaultPoint = FaultPoint::Component(Component::Relay);
const LOGIN: FaultPoint = FaultPoint::Feature(PlatformFeature::AccountLogin);
const TALK: FaultPoint = FaultPoint::Feature(PlatformFeature::TalkMessageText);

#[tokio::test]
async fn the_shipped_journeys_pass_and_leave_nothing_behind() {
    let scene = Scene::start().await;
    for journey in SHIPPED.iter() {
        let report = scene.run(journey.name.as_str()).await;
        assert_eq!(verdict(&report), "pass", "{report:#?}");
        // Who only looks at the map leaves nothing to be undone.
        let cleaned = if journey.cleanup.is_empty() {
            CleanupState::None
        } else {
            CleanupState::Done
        };
        assert_eq!(report.facts.cleanup, cleaned, "{}", journey.name);
        assert!(!report.facts.flaky, "{}", journey.name);
        scene.assert_clean().await;
    }
    let report = scene.run("send-message").await;
    assert_eq!(other(&report, "account.login").unwrap().to_string(), "pass");
    let sign_in = &report.steps[0];
    assert!(
        sign_in.phases.dns.is_some() && sign_in.phases.tls.is_some(),
        "{sign_in:#?}"
    );
    assert!(sign_in.network.tls_not_after.is_some());
    for step in &report.steps {
        let version = match step.verb {
            Verb::Ws => Some("1.1"),
            Verb::Send | Verb::Receive | Verb::Close => None,
            _ => Some("2"),
        };
        assert_eq!(step.network.http_version.as_deref(), version, "{step:#?}");
    }
    let audit = scene.platform.audit();
    let (connections, requests) = (
        audit.count(Count::Connections),
        audit.count(Count::Requests),
    );
    assert!(connections < requests, "{connections} for {requests}");
}

/// Breaks `on`, runs both journeys, and compares the failing step's end and both verdicts.
async fn check(on: FaultPoint, kind: FaultKind, expected: [(&str, &str); 2]) {
    let scene = Scene::start().await;
    scene.inject(on, kind).await;
    let (login, message) = tokio::join!(scene.run("login"), scene.run("send-message"));
    for (report, (ended, outcome)) in [login, message].into_iter().zip(expected) {
        let name = &report.facts.journey;
        let failed = report.steps.iter().find(|step| {
            step.feature.is_some()
                && matches!(step.outcome, StepOutcome::Fail(_) | StepOutcome::Blind(_))
        });
        let shown = format!("{} with {kind:?}, {name}", on.as_str());
        assert_eq!(
            failed.map_or_else(|| "pass".to_owned(), ending),
            ended,
            "{shown}: {report:#?}"
        );
        assert_eq!(verdict(&report), outcome, "{shown}");
        if outcome == "blocked(account.login)" {
            let login = other(&report, "account.login").unwrap().to_string();
            assert!(login.starts_with("fail("), "{shown}: {login}");
        }
    }
    scene.mend().await;
    scene.pay_debts().await;
    scene.assert_clean().await;
}

#[tokio::test]
async fn a_broken_account_service_fails_login_and_blocks_messages() {
    let blocked = "blocked(account.login)";
    check(
        ACCOUNT,
        FaultKind::Refuse,
        [
            ("fail(connect): refused", "fail(connect)"),
            ("fail(connect): refused", blocked),
        ],
    )
    .await;
    check(
        ACCOUNT,
        FaultKind::Error(503),
        [
            ("fail(status): 503", "fail(status)"),
            ("fail(status): 503", blocked),
        ],
    )
    .await;
    for (failure, detail) in [
        (DnsFailure::Nxdomain, "nxdomain"),
        (DnsFailure::Servfail, "servfail"),
    ] {
        let ended = format!("fail(dns): {detail}");
        check(
            ACCOUNT,
            FaultKind::DnsFailure(failure),
            [(&ended, "fail(dns)"), (&ended, blocked)],
        )
        .await;
    }
    for (flaw, detail) in [
        (CertificateFlaw::Expired, "expired"),
        (CertificateFlaw::WrongName, "wrong_name"),
        (CertificateFlaw::Untrusted, "unknown_issuer"),
    ] {
        let ended = format!("fail(tls): {detail}");
        check(
            ACCOUNT,
            FaultKind::BadCertificate(flaw),
            [(&ended, "fail(tls)"), (&ended, blocked)],
        )
        .await;
    }
}

#[tokio::test]
async fn a_hanging_account_service_is_a_timeout_of_login() {
    check(
        ACCOUNT,
        FaultKind::Hang,
        [
            ("fail(timeout): journey", "fail(timeout)"),
            ("fail(timeout): journey", "blocked(account.login)"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_reset_account_service_fails_login_by_a_broken_connection() {
    let scene = Scene::start().await;
    scene.inject(ACCOUNT, FaultKind::Reset).await;
    let report = scene.run("send-message").await;
    assert_eq!(verdict(&report), "blocked(account.login)", "{report:#?}");
    let ended = ending(&report.steps[0]);
    let broken = [
        "fail(tls): reset",
        "fail(connect): reset",
        "fail(send): reset",
    ];
    assert!(broken.contains(&ended.as_str()), "{ended}");
}

#[tokio::test]
async fn a_slow_login_is_slow_and_not_failed() {
    let scene = Scene::start().await;
    scene
        .inject(LOGIN, FaultKind::Slow(Duration::from_millis(1_200)))
        .await;
    let report = scene.run("login").await;
    assert_eq!(verdict(&report), "slow", "{report:#?}");
    assert!(report.steps[0].phases.wait.unwrap() >= Duration::from_millis(1_200));
    scene.mend().await;
    scene
        .inject(RELAY, FaultKind::Slow(Duration::from_millis(1_200)))
        .await;
    let report = scene.run("send-message").await;
    assert_eq!(verdict(&report), "slow", "{report:#?}");
    assert_eq!(other(&report, "account.login").unwrap().to_string(), "pass");
    scene.assert_clean().await;
}

#[tokio::test]
async fn a_broken_relay_fails_messages_and_not_login() {
    let scene_of = |ended, outcome| [("pass", "pass"), (ended, outcome)];
    check(
        RELAY,
        FaultKind::Error(503),
        scene_of("fail(status): 503", "fail(status)"),
    )
    .await;
    check(
        RELAY,
        FaultKind::LostDelivery,
        scene_of("fail(timeout): within", "fail(timeout)"),
    )
    .await;
    // A relay fronts no host: the connection ends after the request's head.
    for (kind, ended) in [
        (FaultKind::Refuse, "fail(send): closed"),
        (FaultKind::Reset, "fail(send): reset"),
    ] {
        check(RELAY, kind, scene_of(ended, "fail(send)")).await;
    }
    // The host carries money in chats as well: it stays, and what belongs to messages is cut off.
    check(
        TALK,
        FaultKind::Refuse,
        scene_of("fail(send): closed", "fail(send)"),
    )
    .await;
    let nxdomain = FaultKind::DnsFailure(DnsFailure::Nxdomain);
    for kind in [
        nxdomain,
        FaultKind::BadCertificate(CertificateFlaw::Expired),
    ] {
        check(TALK, kind, scene_of("fail(status): 503", "fail(status)")).await;
    }
}

/// The shipped journeys that run warm as well.
const WARM: [&str; 4] = ["send-message", "transfer-in-chat", "transfer", "call-taxi"];

#[tokio::test]
async fn while_login_is_broken_warm_runs_pass_and_cold_ones_are_blocked() {
    let scene = Scene::start().await;
    for name in WARM {
        let report = scene.run_as(name, Variant::warm()).await;
        assert_eq!(verdict(&report), "pass", "{report:#?}");
    }
    scene.inject(LOGIN, FaultKind::Error(503)).await;
    for name in WARM {
        let cold = scene.run_as(name, Variant::cold()).await;
        assert_eq!(verdict(&cold), "blocked(account.login)", "{cold:#?}");
        let warm = scene.run_as(name, Variant::warm()).await;
        // A busy machine may be slow by itself.
        assert!(
            ["pass", "slow"].contains(&verdict(&warm).as_str()),
            "{warm:#?}"
        );
        assert_eq!(other(&warm, "account.login"), None);
    }
    // A component that both need takes both down, each charged to its own.
    scene.mend().await;
    scene.inject(RELAY, FaultKind::Error(503)).await;
    let warm = scene.run_as("send-message", Variant::warm()).await;
    assert_eq!(verdict(&warm), "fail(status)", "{warm:#?}");
    scene.mend().await;
    let audit = scene.platform.audit();
    assert!(audit.messages_undeleted.is_empty(), "{audit:?}");
    assert!(audit.rides_open.is_empty(), "{audit:?}");
    // Cold runs owe that they sign out, which they could not do: warm ones owe nothing.
    let debts = scene.log.debts();
    assert!(
        debts.iter().all(|debt| debt.variant == Variant::cold()),
        "{debts:?}"
    );
}

#[tokio::test]
async fn wrong_words_fail_expectations() {
    for (on, name) in [(LOGIN, "login"), (TALK, "send-message")] {
        let scene = Scene::start().await;
        scene.inject(on, FaultKind::WrongContent).await;
        let report = scene.run(name).await;
        assert_eq!(verdict(&report), "fail(expectation)", "{report:#?}");
    }
}

#[tokio::test]
async fn what_comes_twice_or_is_long_is_found_out_by_whoever_looks_for_it() {
    let scene = Scene::start().await;
    let kinds = [
        (FaultKind::Duplicate, "fail(expectation)"),
        (FaultKind::LargePayloads, "fail(timeout)"),
    ];
    for (kind, outcome) in kinds {
        scene.inject(RELAY, kind).await;
        let run = async |name| scene.run(name).await;
        let (short, long) = tokio::join!(run("send-message"), run("send-long-message"));
        let short = verdict(&short);
        assert!(short == "pass" || short == "slow", "{kind:?}: {short}");
        assert_eq!(verdict(&long), outcome, "{kind:?}: {long:#?}");
        scene.mend().await;
        scene.pay_debts().await;
        scene.assert_clean().await;
    }
}
