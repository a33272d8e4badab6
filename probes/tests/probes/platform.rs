//! The shipped journeys against the stand-in platform, whole and with each of its faults.

use std::future::{Future as _, poll_fn};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::time::Duration;

use bongsu_language::{Journey, SourceFile, load_journeys, load_target};
use bongsu_model::{
    CleanupState, Clock as _, PoolName, RegionId, RunReport, StepOutcome, TargetName, Variant, Verb,
};
use bongsu_probes::{Account, Context, NoSelfCheck, Sessions, SystemClock, Target, pay, run};
use bongsu_superapp::{
    Audit, CertificateFlaw, Component, Count, DnsFailure, Fault, FaultKind, FaultPoint, Platform,
    PlatformConfig, PlatformFeature, TestAccount,
};
use tokio_util::sync::CancellationToken;

use crate::support::{RecordingLog, check_sane, ending, order, other, verdict};

mod tables;

const REGION: &str = "kr-seoul";

/// Most actors of a shipped journey.
const ACTORS_MAX: usize = 4;

/// Every `.toml` below a folder of the shipped journeys.
fn files_below(folder: &Path, found: &mut Vec<SourceFile>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push(SourceFile::new(path.display().to_string(), text));
        }
    }
}

/// The shipped journeys, in order of their names.
static SHIPPED: LazyLock<Vec<Journey>> = LazyLock::new(|| {
    let mut files = Vec::new();
    files_below(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("journeys"),
        &mut files,
    );
    files.retain(|file| !file.path.ends_with("catalogue.toml"));
    let mut journeys = load_journeys(&files).unwrap();
    journeys.sort_by(|a, b| a.name.cmp(&b.name));
    journeys
});

/// A shipped journey's place among them.
fn place(name: &str) -> usize {
    let found = SHIPPED
        .iter()
        .position(|journey| journey.name.as_str() == name);
    found.unwrap()
}

fn shipped(name: &str) -> &'static Journey {
    &SHIPPED[place(name)]
}

struct Scene {
    platform: Platform,
    target: Arc<Target>,
    log: Arc<RecordingLog>,
    sessions: Arc<Sessions>,
    orders: AtomicU8,
}

impl Scene {
    async fn start() -> Self {
        let region = RegionId::new(REGION).unwrap();
        let clock = Arc::new(bongsu_superapp::SystemClock::new());
        let name = TargetName::new("superapp").unwrap();
        let mut config = PlatformConfig::new(name, vec![region.clone()], clock);
        // Journeys that run at the same time lease different accounts of a pool.
        for (_, count) in &mut config.pools {
            *count = ACTORS_MAX * SHIPPED.len();
        }
        let platform = Platform::start(config).await.unwrap();
        let endpoints = platform.endpoints(&region).unwrap();
        let mut profile = "format = 1\ntarget = \"superapp\"\n".to_owned();
        for (key, urls) in [("base", &endpoints.base), ("ws", &endpoints.ws)] {
            for (service, url) in urls {
                profile += &format!("{key}.{service} = \"{url}\"\n");
            }
        }
        profile += &format!(
            "resolver = \"{}\"\nca = \"ca.pem\"\nhosts = [\"*.superapp.test\"]\n\
             allow_private = true\n[pool.login-users]\naccounts = [{{ name = \"x\" }}]\n",
            endpoints.dns
        );
        let profile = load_target(&SourceFile::new("target.toml", profile)).unwrap();
        let target = Target::new(profile, Some(platform.ca_pem().as_bytes())).unwrap();
        Self {
            platform,
            target: Arc::new(target),
            log: Arc::new(RecordingLog::default()),
            sessions: Arc::default(),
            orders: AtomicU8::new(1),
        }
    }

    fn context(&self, journey: &Journey) -> Context {
        let clock = SystemClock::new();
        let due = clock.wall();
        let number = place(journey.name.as_str());
        let accounts = journey
            .actors
            .iter()
            .enumerate()
            .map(|(n, actor)| self.account(&actor.pool, ACTORS_MAX * number + n))
            .collect();
        Context {
            // No two runs share an id.
            order: order(self.orders.fetch_add(1, Ordering::Relaxed), due),
            clock: Arc::new(clock),
            target: self.target.clone(),
            accounts,
            sessions: self.sessions.clone(),
            compensation: self.log.clone(),
            cancel: CancellationToken::new(),
            self_check: Arc::new(NoSelfCheck),
        }
    }

    fn account(&self, pool: &PoolName, n: usize) -> Account {
        let TestAccount {
            name,
            login,
            user_id,
            password,
            ..
        } = self.platform.accounts(pool).remove(n);
        Account {
            name,
            fields: vec![
                ("login".to_owned(), login.into()),
                ("user_id".to_owned(), user_id.into()),
            ],
            secrets: vec![("password".to_owned(), password)],
        }
    }

    async fn run(&self, name: &str) -> RunReport {
        self.run_as(name, Variant::cold()).await
    }

    async fn run_as(&self, name: &str, variant: Variant) -> RunReport {
        let journey = shipped(name);
        assert!(journey.variants.contains(&variant), "{name}");
        let mut context = self.context(journey);
        context.order.variant = variant;
        let report = run(journey, &context).await;
        check_sane(&report);
        self.check_no_password(&context, &report);
        report
    }

    fn check_no_password(&self, context: &Context, report: &RunReport) {
        let shown = format!("{report:?}");
        for account in &context.accounts {
            for (_, secret) in &account.secrets {
                assert!(!shown.contains(secret.expose()), "{shown}");
            }
        }
    }

    async fn inject(&self, on: FaultPoint, kind: FaultKind) {
        self.platform.inject(Fault::everywhere(on, kind)).unwrap();
        self.platform.settle().await;
    }

    async fn mend(&self) {
        self.platform.mend_all();
        self.platform.settle().await;
    }

    /// Pays what could not be undone while something was broken.
    async fn pay_debts(&self) {
        for debt in self.log.debts() {
            let journey = shipped(debt.journey.as_str());
            let paid = pay(journey, &debt, &self.context(journey)).await;
            assert_eq!(paid, CleanupState::Done, "{debt:?}");
        }
    }

    /// Nothing is left behind, once the money that goes back has settled.
    async fn assert_clean(&self) {
        let settled = async {
            while !self.platform.audit().transfers_open.is_empty()
                || !self.platform.audit().bank_transfers_open.is_empty()
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), settled).await;
        let audit = self.platform.audit();
        assert!(in_time.is_ok(), "{audit:?}");
        assert!(audit.sessions_open.is_empty(), "{audit:?}");
        assert!(audit.messages_undeleted.is_empty(), "{audit:?}");
        assert_eq!(audit.idempotency_conflicts, 0, "{audit:?}");
        assert!(audit.money.is_clean(), "{audit:?}");
        assert!(audit.bank_money.is_clean(), "{audit:?}");
        assert!(audit.rides_open.is_empty(), "{audit:?}");
        assert!(audit.records_open.is_empty(), "{audit:?}");
        assert!(audit.cards_stored.is_empty(), "{audit:?}");
        assert!(audit.cars_parked.is_empty(), "{audit:?}");
        assert!(audit.bikes_out.is_empty(), "{audit:?}");
        assert!(audit.errands_open.is_empty(), "{audit:?}");
        assert!(self.log.debts().is_empty(), "{:?}", self.log.debts());
    }
}

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
async fn a_crash_in_the_middle_leaves_a_debt_and_paying_it_empties_the_audit() {
    let scene = Scene::start().await;
    scene.inject(RELAY, FaultKind::LostDelivery).await;
    let journey = shipped("send-message");
    let context = scene.context(journey);
    {
        let running = run(journey, &context);
        let accepted = async {
            while scene.platform.audit().messages_undeleted.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = running => panic!("it waits for a message that never comes"),
            () = accepted => {}
        }
    }
    let audit = scene.platform.audit();
    assert_eq!(audit.sessions_open.len(), 2, "{audit:?}");
    let debt = scene.log.debts().remove(0);
    scene.mend().await;
    let state = pay(journey, &debt, &scene.context(journey)).await;
    assert_eq!(state, CleanupState::Done);
    scene.assert_clean().await;
}

#[tokio::test]
async fn a_stopping_agent_leaves_a_clean_platform() {
    let scene = Scene::start().await;
    scene.inject(RELAY, FaultKind::LostDelivery).await;
    let journey = shipped("send-message");
    let context = scene.context(journey);
    let stopping = async {
        while scene.platform.audit().messages_undeleted.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        context.cancel.cancel();
    };
    let (report, ()) = tokio::join!(run(journey, &context), stopping);
    assert_eq!(verdict(&report), "blind(interrupted)", "{report:#?}");
    assert_eq!(report.facts.cleanup, CleanupState::Done);
    scene.assert_clean().await;
}

/// Ends the agent in the middle of a run, as a crash does, once `is_left` sees something that the
/// run has made; then pays what is owed.
async fn crash(name: &str, fault: Option<Fault>, is_left: fn(&Audit) -> bool) {
    let scene = Scene::start().await;
    if let Some(fault) = fault {
        scene.platform.inject(fault).unwrap();
    }
    let journey = shipped(name);
    let context = scene.context(journey);
    {
        let mut running = std::pin::pin!(run(journey, &context));
        // Looked at before the run goes on each time: no state that it waits in is missed.
        let ended = poll_fn(|cx| {
            if is_left(&scene.platform.audit()) {
                return Poll::Ready(None);
            }
            running.as_mut().poll(cx).map(Some)
        });
        if let Some(report) = ended.await {
            panic!("{name} ended first: {report:#?}");
        }
    }
    scene.mend().await;
    let debt = scene.log.debts().remove(0);
    let state = pay(journey, &debt, &scene.context(journey)).await;
    assert_eq!(state, CleanupState::Done, "{name}");
    scene.assert_clean().await;
}

#[tokio::test]
async fn money_and_taxis_of_a_run_that_crashed_are_given_back_at_any_stage() {
    for is_left in [
        |audit: &Audit| in_state(audit, "accepted"),
        |audit: &Audit| in_state(audit, "settled"),
    ] {
        crash("transfer", None, is_left).await;
        crash("transfer-in-chat", None, is_left).await;
    }
    let lost = "talk.transfer.in-chat:lost-delivery".parse().unwrap();
    crash("transfer-in-chat", Some(lost), |a| in_state(a, "waiting")).await;
    let unheard = "dispatch:lost-delivery".parse().unwrap();
    crash("call-taxi", Some(unheard), |audit| {
        audit
            .rides_open
            .iter()
            .any(|ride| ride.state == "requested")
    })
    .await;
    crash("call-taxi", None, |audit| {
        audit.rides_open.iter().any(|ride| ride.state == "matched")
    })
    .await;
}

#[tokio::test]
async fn payments_parking_bikes_and_errands_of_a_run_that_crashed_are_undone() {
    type IsLeft = fn(&Audit) -> bool;
    let stages: [(&str, IsLeft); 10] = [
        ("balance", |audit| in_state(audit, "pocketed")),
        ("pay-online", |audit| in_state(audit, "waiting")),
        ("pay-offline", |audit| in_state(audit, "accepted")),
        ("pay-overseas", |audit| in_state(audit, "settled")),
        ("pay-ride", |audit| !audit.cards_stored.is_empty()),
        ("own-accounts", |audit| {
            !audit.bank_transfers_open.is_empty()
        }),
        ("park", |audit| !audit.cars_parked.is_empty()),
        ("pay-at-gate", |audit| in_state(audit, "settled")),
        ("end-bike-ride", |audit| !audit.bikes_out.is_empty()),
        ("send-parcel", |audit| !audit.errands_open.is_empty()),
    ];
    for (name, is_left) in stages {
        crash(name, None, is_left).await;
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

#[tokio::test]
async fn what_a_run_that_crashed_has_made_is_ended() {
    for name in [
        "room-create",
        "board-notice",
        "send-video",
        "call-voice",
        "push",
        "channel",
        "consult",
        "intake-mail",
    ] {
        crash(name, None, |audit| !audit.records_open.is_empty()).await;
    }
}

fn in_state(audit: &Audit, state: &str) -> bool {
    audit.transfers_open.iter().any(|open| open.state == state)
}
