//! Warm runs: sessions are kept, passed over, refused, doubted and never shown.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bongsu_language::Journey;
use bongsu_model::{CleanupState, Clock, Monotonic, RunReport, Timestamp, Variant};
use bongsu_probes::{Context, Sessions, SystemClock, run};

use crate::support::server::{Behaviour, Server, json, with_headers};
use crate::support::{check_sane, context, ending, journey_with, other, step, target, verdict};

const SIGN_IN: &str = r#"
format = 1
fragment = "sign-in"
feature = "account.login"
needs = ["login", "password"]
gives = ["token"]
session = true
[[step]]
name = "sign in"
post = "/sessions"
json = { login = "{{ login }}", password = "{{ password }}" }
expect.status = 201
capture.token = { json = "$.token", secret = true }
[[cleanup]]
name = "sign out"
delete = "/sessions"
headers.authorization = "Bearer {{ token }}"
expect.status = 204
"#;

const JOURNEY: &str = r#"
format = 1
journey = "look"
feature = "talk.message.text"
warm = true
timeout = "3s"
cleanup_timeout = "2s"
base = "{{ target.base.api }}"
actor.alice.account = "pool:users"
actor.bob.account = "pool:users"
defaults.headers.authorization = "Bearer {{ token }}"
[[step]]
name = "both sign in"
as = ["alice", "bob"]
use = "sign-in"
[[step]]
name = "both look"
as = ["alice", "bob"]
get = "/messages"
poll = { every = "200ms", for = "1s" }
expect.json."$.ready" = true
"#;

/// What the platform does; tests change it between runs.
#[derive(Debug)]
struct Mood {
    /// The answer to who signs in; a new session if there is none.
    sign_in: Mutex<Option<Vec<u8>>>,
    /// The answer to who looks with a session that is known; what is ready if there is none.
    look: Mutex<Option<Vec<u8>>>,
    /// The sessions with a lower number have ended.
    oldest: AtomicU32,
    opened: AtomicU32,
    /// What `oldest` becomes by a message.
    oldest_after_message: AtomicU32,
    hours: Arc<Hours>,
}

/// A clock that each signing in takes an hour of.
#[derive(Debug)]
struct Hours(SystemClock, AtomicU64);

impl Hours {
    fn passed(&self) -> Duration {
        Duration::from_secs(60 * 60 * self.1.load(Ordering::SeqCst))
    }
}

impl Clock for Hours {
    fn wall(&self) -> Timestamp {
        self.0.wall() + self.passed()
    }

    fn monotonic(&self) -> Monotonic {
        self.0.monotonic() + self.passed()
    }
}

struct Stage {
    server: Server,
    mood: Arc<Mood>,
    sessions: Arc<Sessions>,
    journey: Journey,
}

impl Stage {
    async fn start(journey: &str) -> Self {
        let mood = Arc::new(Mood {
            sign_in: Mutex::new(None),
            look: Mutex::new(None),
            oldest: AtomicU32::new(0),
            opened: AtomicU32::new(0),
            oldest_after_message: AtomicU32::new(0),
            hours: Arc::new(Hours(SystemClock::new(), AtomicU64::new(0))),
        });
        let theirs = mood.clone();
        let server = Server::start(move |request| Behaviour::Answer(theirs.answer(request))).await;
        Self {
            server,
            mood,
            sessions: Arc::default(),
            journey: journey_with(journey, &[SIGN_IN]),
        }
    }

    fn context(&self, variant: Variant) -> Context {
        let mut context = context(target(&self.server.base()));
        context.order.variant = variant;
        context.sessions = self.sessions.clone();
        context
    }

    async fn run(&self, variant: Variant) -> RunReport {
        let report = run(&self.journey, &self.context(variant)).await;
        check_sane(&report);
        let shown = format!("{report:?} {:?}", self.sessions);
        assert!(!shown.contains("the-session-"), "{shown}");
        report
    }

    async fn warm(&self) -> RunReport {
        self.run(Variant::warm()).await
    }

    /// How often what was asked since this was called before.
    fn asked(&self, line: &str) -> usize {
        let seen = self.server.seen();
        seen.iter().filter(|one| one.starts_with(line)).count()
    }

    fn end_all_sessions(&self) {
        let opened = self.mood.opened.load(Ordering::SeqCst);
        self.mood.oldest.store(opened, Ordering::SeqCst);
    }
}

impl Mood {
    fn answer(&self, request: &str) -> Vec<u8> {
        if request.starts_with("POST /sessions") {
            if let Some(answer) = &*self.sign_in.lock().unwrap() {
                return answer.clone();
            }
            self.hours.1.fetch_add(1, Ordering::SeqCst);
            let n = self.opened.fetch_add(1, Ordering::SeqCst);
            let body = format!(r#"{{"token":"the-session-{n}"}}"#);
            let cookie = format!("set-cookie: s=the-session-{n}-cookie; Path=/\r\n");
            return with_headers(201, &cookie, body.as_bytes());
        }
        if request.starts_with("DELETE /sessions") {
            return with_headers(204, "", b"");
        }
        if request.starts_with("POST /messages") {
            let oldest = self.oldest_after_message.load(Ordering::SeqCst);
            self.oldest.fetch_max(oldest, Ordering::SeqCst);
            return json(201, "{}");
        }
        let token = request.split("authorization: Bearer the-session-").nth(1);
        let number = token.and_then(|rest| rest.lines().next()?.parse().ok());
        let is_known = number.is_some_and(|n: u32| n >= self.oldest.load(Ordering::SeqCst));
        let has_cookie = number
            .is_some_and(|n| request.contains(&format!("cookie: s=the-session-{n}-cookie\r\n")));
        if !(is_known && has_cookie) {
            return json(401, "{}");
        }
        let look = self.look.lock().unwrap().clone();
        look.unwrap_or_else(|| json(200, r#"{"ready":true}"#))
    }
}

fn login(report: &RunReport) -> Option<String> {
    other(report, "account.login").map(|outcome| outcome.to_string())
}

#[tokio::test]
async fn a_warm_run_leaves_its_session_to_the_next_and_signs_nobody_out() {
    let stage = Stage::start(JOURNEY).await;
    let first = stage.warm().await;
    assert_eq!(verdict(&first), "pass", "{first:#?}");
    assert_eq!(login(&first).as_deref(), Some("pass"));
    assert_eq!(first.facts.cleanup, CleanupState::None);
    assert_eq!(stage.sessions.counts().kept, 2);
    let second = stage.warm().await;
    assert_eq!(verdict(&second), "pass", "{second:#?}");
    assert_eq!(login(&second), None, "it does not speak for login");
    assert_eq!(second.steps.len(), 2, "{second:#?}");
    assert_eq!(stage.asked("POST /sessions"), 2, "one for each actor");
    assert_eq!(stage.asked("DELETE /sessions"), 0);
    for look in &second.steps {
        let connect = look.phases.connect;
        assert!(connect.is_some(), "connections are not kept: {look:#?}");
        assert!(look.earlier_attempts.is_empty());
    }
    assert_eq!(second.facts.variant, Variant::warm());
}

#[tokio::test]
async fn a_cold_run_neither_takes_nor_leaves_a_session() {
    let stage = Stage::start(JOURNEY).await;
    let cold = stage.run(Variant::cold()).await;
    assert_eq!(verdict(&cold), "pass", "{cold:#?}");
    assert_eq!(cold.facts.cleanup, CleanupState::Done);
    assert_eq!(stage.sessions.counts().kept, 0);
    stage.warm().await;
    stage.run(Variant::cold()).await;
    assert_eq!(stage.asked("POST /sessions"), 6);
    assert_eq!(
        stage.asked("DELETE /sessions"),
        4,
        "only those of cold runs"
    );
    assert_eq!(stage.sessions.counts().kept, 2);
}

#[tokio::test]
async fn while_nobody_can_sign_in_warm_runs_go_on_seeing_their_feature() {
    let stage = Stage::start(JOURNEY).await;
    stage.warm().await;
    *stage.mood.sign_in.lock().unwrap() = Some(json(503, "{}"));
    assert_eq!(
        verdict(&stage.run(Variant::cold()).await),
        "blocked(account.login)"
    );
    for _ in 0..3 {
        assert_eq!(verdict(&stage.warm().await), "pass");
    }
    // That the platform cannot puts no session in doubt.
    *stage.mood.look.lock().unwrap() = Some(json(500, "{}"));
    assert_eq!(verdict(&stage.warm().await), "fail(status)");
    *stage.mood.look.lock().unwrap() = None;
    assert_eq!(verdict(&stage.warm().await), "pass");
    // Without a session a warm run has to sign in like any other.
    stage.sessions.retain(|_, _| false);
    assert_eq!(verdict(&stage.warm().await), "blocked(account.login)");
}

#[tokio::test]
async fn an_ended_session_is_opened_anew_within_the_run_and_is_no_failure() {
    let stage = Stage::start(JOURNEY).await;
    stage.warm().await;
    stage.end_all_sessions();
    let report = stage.warm().await;
    assert_eq!(verdict(&report), "pass", "{report:#?}");
    assert_eq!(
        login(&report).as_deref(),
        Some("pass"),
        "signing in is measured"
    );
    assert!(!report.facts.flaky, "an ended session is no flaw");
    assert_eq!(report.steps.len(), 4, "{report:#?}");
    let look = step(&report, "both look");
    assert_eq!(look.attempts, 1);
    let told: Vec<_> = look.earlier_attempts.iter().map(|a| &a.detail).collect();
    assert_eq!(told, ["401: the session of an earlier run has ended"]);
    // Asked once with the old session, however long it may be polled for.
    assert_eq!(stage.asked("GET /messages"), 2 + 2 + 2);
    assert_eq!(stage.sessions.counts().refused, 2);
    assert_eq!(stage.sessions.counts().kept, 2);
    assert_eq!(stage.warm().await.steps.len(), 2);
}

#[tokio::test]
async fn no_clock_of_a_step_runs_while_a_session_is_opened_anew() {
    // Whether the sessions of both have ended or only one's.
    for ended in [2, 1] {
        let both_send = r#"
[[step]]
name = "both send"
as = ["alice", "bob"]
post = "/messages"
[[step]]
name = "both look""#;
        let timed = JOURNEY.replacen("[[step]]\nname = \"both look\"", both_send.trim(), 1)
            + r#"
since = "both send"
within = "20s"
[[step]]
name = "both see it"
as = ["alice", "bob"]
get = "/messages"
since = "both look"
slow = "20s"
"#;
        let stage = Stage::start(&timed).await;
        stage.warm().await;
        let message = &stage.mood.oldest_after_message;
        message.store(ended, Ordering::SeqCst);
        let mut context = stage.context(Variant::warm());
        context.clock = stage.mood.hours.clone();
        let report = run(&stage.journey, &context).await;
        check_sane(&report);
        assert_eq!(stage.sessions.counts().refused, u64::from(ended));
        assert_eq!(verdict(&report), "pass", "{ended}: {report:#?}");
        let took = report.facts.ended.since(report.facts.started);
        let hours = Duration::from_secs(60 * 60 * u64::from(ended));
        assert!(took >= hours, "{took:?}");
    }
}

#[tokio::test]
async fn where_an_ended_session_cannot_be_opened_anew_login_is_charged() {
    let stage = Stage::start(JOURNEY).await;
    stage.warm().await;
    stage.end_all_sessions();
    *stage.mood.sign_in.lock().unwrap() = Some(json(503, "{}"));
    let report = stage.warm().await;
    assert_eq!(verdict(&report), "blocked(account.login)", "{report:#?}");
    assert_eq!(login(&report).as_deref(), Some("fail(status)"));
    assert_eq!(
        stage.sessions.counts().kept,
        0,
        "the one not asked for is as old"
    );
}

#[tokio::test]
async fn a_platform_that_refuses_the_new_session_too_has_failed() {
    let stage = Stage::start(JOURNEY).await;
    stage.warm().await;
    *stage.mood.look.lock().unwrap() = Some(json(401, "{}"));
    let report = stage.warm().await;
    assert_eq!(verdict(&report), "fail(status)", "{report:#?}");
    assert_eq!(login(&report).as_deref(), Some("pass"));
    assert_eq!(ending(step(&report, "both look")), "fail(status): 401");
    assert_eq!(stage.sessions.counts().kept, 0);
    assert_eq!(
        report.facts.cleanup,
        CleanupState::Done,
        "what it opened is ended"
    );
}

#[tokio::test]
async fn a_session_in_doubt_is_not_kept_and_ends_with_the_run_that_opened_it() {
    let stage = Stage::start(JOURNEY).await;
    for doubtful in [
        json(404, "{}"),
        with_headers(302, "location: /login\r\n", b""),
        json(200, r#"{"ready":false}"#),
    ] {
        stage.warm().await;
        assert_eq!(stage.sessions.counts().kept, 2);
        let signed_in = stage.asked("POST /sessions");
        *stage.mood.look.lock().unwrap() = Some(doubtful.clone());
        assert!(verdict(&stage.warm().await).starts_with("fail("));
        assert_eq!(stage.sessions.counts().kept, 0);
        assert_eq!(stage.asked("POST /sessions"), signed_in);
        let signed_out = stage.asked("DELETE /sessions");
        assert!(verdict(&stage.warm().await).starts_with("fail("));
        assert_eq!(stage.asked("POST /sessions"), signed_in + 2);
        assert_eq!(stage.asked("DELETE /sessions"), signed_out + 2);
        *stage.mood.look.lock().unwrap() = None;
    }
}

#[tokio::test]
async fn what_a_kept_session_holds_is_in_no_report() {
    let stage = Stage::start(JOURNEY).await;
    stage.warm().await;
    // The platform repeats what it was sent: `run` looks for it in all that is told.
    let body = r#"{"ready":false,"you":"the-session-0 the-session-1 the-session-0-cookie"}"#;
    *stage.mood.look.lock().unwrap() = Some(json(200, body));
    let report = stage.warm().await;
    let evidence = step(&report, "both look").evidence.as_ref().unwrap();
    assert!(evidence.body_head.contains("***"), "{evidence:?}");
}

#[tokio::test]
async fn an_agent_that_stops_and_a_journey_with_another_text_keep_nothing() {
    let stage = Stage::start(JOURNEY).await;
    stage.warm().await;
    let context = stage.context(Variant::warm());
    let edited = journey_with(&JOURNEY.replace("200ms", "250ms"), &[SIGN_IN]);
    assert_eq!(verdict(&run(&edited, &context).await), "pass");
    assert_eq!(stage.asked("POST /sessions"), 4);
    let context = stage.context(Variant::warm());
    context.cancel.cancel();
    run(&edited, &context).await;
    assert_eq!(stage.sessions.counts().kept, 0);
}
