//! Steps in time: polls, retries, deadlines, conditions, actors, the agent's stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bongsu_model::{FailClass, Outcome};
use bongsu_probes::run;

use crate::support::server::{Behaviour, Server, json};
use crate::support::{
    Guilty, account, check_sane, context, ending, journey, journey_with, other, short, step,
    target, verdict,
};

/// A server that gives these answers in turn, the last one for ever.
async fn in_turn(answers: Vec<Behaviour>) -> Server {
    let at = Arc::new(AtomicU32::new(0));
    Server::start(move |_| {
        let n = usize::try_from(at.fetch_add(1, Ordering::Relaxed)).unwrap();
        answers[n.min(answers.len() - 1)].clone()
    })
    .await
}

fn state(state: &str) -> Behaviour {
    Behaviour::Answer(json(200, &format!("{{\"state\":\"{state}\"}}")))
}

const POLL: &str = r#"
[[step]]
name = "wait"
get = "/x"
poll = { every = "100ms", for = "900ms" }
expect.json."$.state" = "settled"
fail_if.json."$.state" = { in = ["rejected"] }
"#;

#[tokio::test]
async fn a_poll_waits_for_a_state_through_errors() {
    let answers = vec![
        state("pending"),
        Behaviour::Answer(json(503, "{}")),
        Behaviour::AnswerAndClose(b"HTTP/1.1 2".to_vec()),
        state("settled"),
    ];
    let server = in_turn(answers).await;
    let report = run(&short(POLL), &context(target(&server.base()))).await;
    check_sane(&report);
    let wait = step(&report, "wait");
    assert_eq!(
        (ending(wait).as_str(), wait.polls, wait.attempts),
        ("pass", 4, 1)
    );
    let earlier: Vec<FailClass> = wait.earlier_attempts.iter().map(|e| e.class).collect();
    assert_eq!(earlier, [FailClass::Status, FailClass::Send]);
    assert!(!report.facts.flaky, "asking again is not failing");
    assert!(wait.phases.total() < wait.ended.since(wait.started));
}

#[tokio::test]
async fn a_poll_ends_when_it_is_no_use_or_time_is_up() {
    let server = in_turn(vec![state("pending"), state("rejected"), state("settled")]).await;
    let report = run(&short(POLL), &context(target(&server.base()))).await;
    let wait = step(&report, "wait");
    assert_eq!(
        (ending(wait).as_str(), wait.polls),
        ("fail(expectation): fail_if", 2)
    );

    let server = in_turn(vec![state("pending")]).await;
    let report = run(&short(POLL), &context(target(&server.base()))).await;
    let wait = step(&report, "wait");
    assert_eq!(ending(wait), "fail(expectation): json $.state");
    assert!(wait.polls > 5, "{wait:#?}");
    assert!(wait.ended.since(wait.started) <= Duration::from_millis(1_000));
}

/// Who asks itself whether it is at fault must know how long the platform has failed: a poll that is
/// refused again and again has failed since it was refused first, not since it last asked.
#[tokio::test]
async fn a_poll_has_failed_since_the_first_of_its_failures_in_a_row() {
    let refused = || Behaviour::AnswerAndClose(b"HTTP/1.1 2".to_vec());
    let server = in_turn(vec![refused(), state("pending"), refused()]).await;
    let mut context = context(target(&server.base()));
    let guilty = Arc::new(Guilty::default());
    context.self_check = guilty.clone();
    let before = context.clock.monotonic();
    let report = run(&short(POLL), &context).await;
    let after = context.clock.monotonic();
    let wait = step(&report, "wait");
    assert!(wait.polls >= 4, "{wait:#?}");
    let asked = std::mem::take(&mut *guilty.0.lock().unwrap());
    let [since] = asked[..] else {
        panic!("{asked:?}")
    };
    // Polls start 100 ms apart: the third is the first of those, and there are more behind it.
    let (every, polls) = (Duration::from_millis(100), wait.polls);
    assert!(since.since(before) >= every * 2);
    assert!(after.since(since) >= every * (polls - 3));
}

const RETRY: &str = r#"
[[step]]
name = "book"
post = "/x"
headers.idempotency-key = "{{ run.id }}-book"
retry = { times = 1, on = ["timeout", "503"] }
timeout = "300ms"
"#;

#[tokio::test]
async fn a_poll_that_is_cut_while_it_asks_tells_what_did_not_hold() {
    // Asked at 0 and 300 ms; the second has 200 ms, which is less than `every`.
    let cut = POLL.replace(
        "every = \"100ms\", for = \"900ms\"",
        "every = \"300ms\", for = \"500ms\"",
    );
    // Asked at 0 and 100 ms; the second has 800 ms: that is a silence.
    for (text, expected) in [
        (cut.as_str(), "fail(expectation): json $.state"),
        (POLL, "fail(timeout): first_byte"),
    ] {
        let server = in_turn(vec![state("pending"), Behaviour::Hang]).await;
        let report = run(&short(text), &context(target(&server.base()))).await;
        check_sane(&report);
        let wait = step(&report, "wait");
        assert_eq!((ending(wait).as_str(), wait.polls), (expected, 2));
    }
}

#[tokio::test]
async fn a_retry_makes_the_run_flaky_and_keeps_the_first_attempt() {
    let answers = vec![
        Behaviour::Answer(json(503, "{}")),
        Behaviour::Answer(json(200, "{}")),
    ];
    let server = in_turn(answers).await;
    let report = run(&short(RETRY), &context(target(&server.base()))).await;
    check_sane(&report);
    let book = step(&report, "book");
    assert_eq!(
        (ending(book).as_str(), book.attempts, book.polls),
        ("pass", 2, 0)
    );
    assert_eq!(book.earlier_attempts[0].detail, "503");
    assert!(report.facts.flaky);
    assert_eq!(
        server.seen()[0],
        server.seen()[1],
        "the same key both times"
    );
    // Not for what it is not meant for, and not more often than said.
    for (answer, seen) in [(500, 1), (503, 2)] {
        let server = in_turn(vec![Behaviour::Answer(json(answer, "{}"))]).await;
        let report = run(&short(RETRY), &context(target(&server.base()))).await;
        assert_eq!(
            ending(step(&report, "book")),
            format!("fail(status): {answer}")
        );
        assert_eq!(server.seen().len(), seen);
        assert!(!report.facts.flaky);
    }
}

#[tokio::test]
async fn the_journeys_deadline_cuts_a_step_and_charges_who_was_slow() {
    let text = |slow: &str| {
        journey(&format!(
            r#"
format = 1
journey = "two"
feature = "talk.message.text"
timeout = "500ms"
base = "{{{{ target.base.api }}}}"
actor.user.account = "pool:users"
[[step]]
name = "sign in"
feature = "account.login"
get = "/in"
{slow}
[[step]]
name = "talk"
get = "/talk"
"#
        ))
    };
    let server = Server::start(|request| {
        let wait = if request.starts_with("GET /in") {
            300
        } else {
            1_000
        };
        Behaviour::After(Duration::from_millis(wait), json(200, "{}"))
    })
    .await;
    let context = context(target(&server.base()));
    let report = run(&text("slow = \"100ms\""), &context).await;
    check_sane(&report);
    assert_eq!(ending(step(&report, "talk")), "fail(timeout): journey");
    assert_eq!(verdict(&report), "blocked(account.login)");
    assert_eq!(
        other(&report, "account.login"),
        Some(Outcome::Fail(FailClass::Timeout))
    );

    let report = run(&text(""), &context).await;
    assert_eq!(verdict(&report), "fail(timeout)");
    assert_eq!(other(&report, "account.login"), Some(Outcome::Pass));
    let took = report.facts.ended.since(report.facts.started);
    assert!(took < Duration::from_millis(900), "{took:?}");
}

#[tokio::test]
async fn slow_is_not_failed() {
    let wait = Duration::from_millis(100);
    let server = Server::start(move |_| Behaviour::After(wait, json(200, "{}"))).await;
    let journey = short("[[step]]\nname = \"ask\"\nget = \"/x\"\nslow = \"20ms\"");
    let report = run(&journey, &context(target(&server.base()))).await;
    assert_eq!(verdict(&report), "slow");
    let journey = short("[[step]]\nname = \"ask\"\nget = \"/x\"\nwithin = \"20ms\"");
    let report = run(&journey, &context(target(&server.base()))).await;
    assert_eq!(ending(step(&report, "ask")), "fail(timeout): within");
}

const SIGN_IN: &str = r#"
format = 1
fragment = "sign-in"
feature = "account.login"
needs = ["login"]
gives = ["token"]
[[step]]
name = "sign in"
post = "{{ target.base.api }}/sessions/{{ login }}"
headers.idempotency-key = "{{ run.id }}"
capture.token = { json = "$.token", secret = true }
"#;

#[tokio::test]
async fn two_actors_act_at_the_same_time_each_for_itself() {
    let wait = Duration::from_millis(200);
    let server = Server::start(move |request| {
        if request.starts_with("POST /sessions/users-1 ") {
            return Behaviour::After(wait, json(201, r#"{"token":"token-of-alice"}"#));
        }
        if request.starts_with("POST") {
            return Behaviour::After(wait, json(201, r#"{"token":"token-of-bob"}"#));
        }
        Behaviour::Answer(json(200, "{}"))
    })
    .await;
    let journey = journey_with(
        r#"
format = 1
journey = "pair"
feature = "talk.message.text"
timeout = "3s"
base = "{{ target.base.api }}"
actor.alice.account = "pool:users"
actor.bob.account = "pool:users"
defaults.headers.authorization = "Bearer {{ token }}"
[[step]]
name = "both sign in"
as = ["alice", "bob"]
use = "sign-in"
[[step]]
name = "bob asks"
as = "bob"
get = "/{{ alice.user_id }}"
"#,
        &[SIGN_IN],
    );
    let mut context = context(target(&server.base()));
    context.accounts = vec![account("users-1"), account("users-2")];
    let report = run(&journey, &context).await;
    check_sane(&report);
    assert_eq!(verdict(&report), "pass", "{report:#?}");
    let signs: Vec<_> = report
        .steps
        .iter()
        .filter(|s| s.name.ends_with("sign in"))
        .collect();
    assert_eq!(signs.len(), 2);
    let apart = signs[0].started.distance(signs[1].started);
    assert!(apart < wait, "{apart:?}");
    let asked = server.seen().last().unwrap().clone();
    assert!(asked.starts_with("GET /u-users-1 "), "{asked}");
    assert!(asked.contains("Bearer token-of-bob"), "{asked}");
    assert_eq!(other(&report, "account.login"), Some(Outcome::Pass));
}

#[tokio::test]
async fn one_actors_failure_stops_both_and_is_charged() {
    let server = Server::start(|request| {
        let is_bob = request.starts_with("POST /sessions/users-2 ");
        let status = if is_bob { 500 } else { 201 };
        Behaviour::Answer(json(status, r#"{"token":"some-token"}"#))
    })
    .await;
    let journey = journey_with(
        r#"
format = 1
journey = "pair"
feature = "talk.message.text"
timeout = "3s"
base = "{{ target.base.api }}"
actor.alice.account = "pool:users"
actor.bob.account = "pool:users"
[[step]]
name = "both sign in"
as = ["alice", "bob"]
use = "sign-in"
[[step]]
name = "bob asks"
as = "bob"
get = "/x"
"#,
        &[SIGN_IN],
    );
    let report = run(&journey, &context(target(&server.base()))).await;
    assert_eq!(verdict(&report), "blocked(account.login)");
    assert_eq!(
        other(&report, "account.login"),
        Some(Outcome::Fail(FailClass::Status))
    );
    assert_eq!(report.steps.len(), 2, "the rest is not run");
}

#[tokio::test]
async fn a_step_is_left_out_unless_its_condition_holds() {
    let server = Server::start(|_| Behaviour::Answer(json(200, "{}"))).await;
    let journey = short(
        r#"
vars.wanted = false
[[step]]
name = "first"
get = "/1"
[[step]]
name = "second"
get = "/2"
feature = "account.login"
when = "wanted"
"#,
    );
    let report = run(&journey, &context(target(&server.base()))).await;
    assert_eq!(verdict(&report), "pass");
    assert_eq!(server.seen().len(), 1);
    assert_eq!(
        other(&report, "account.login"),
        None,
        "nothing is said of what was not asked"
    );
}

#[tokio::test]
async fn an_agent_that_stops_ends_the_run_early_and_calls_it_interrupted() {
    let server = in_turn(vec![state("pending")]).await;
    let context = context(target(&server.base()));
    let journey = short(&POLL.replace("900ms", "2500ms"));
    let cancel = context.cancel.clone();
    let stopping = async {
        while server.seen().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let (report, ()) = tokio::join!(run(&journey, &context), stopping);
    assert_eq!(verdict(&report), "blind(interrupted)");
    let took = report.facts.ended.since(report.facts.started);
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn an_agent_without_time_to_run_is_starved_and_blames_nobody() {
    let server = Server::start(|_| Behaviour::Hang).await;
    let context = context(target(&server.base()));
    let journey = short("[[step]]\nname = \"ask\"\nget = \"/x\"\ntimeout = \"300ms\"");
    let hogging = async {
        while server.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        hog(Duration::from_millis(1_500));
    };
    let (report, ()) = tokio::join!(run(&journey, &context), hogging);
    assert_eq!(verdict(&report), "blind(starved)");
    let ended = ending(step(&report, "ask"));
    assert!(
        ended.starts_with("blind(starved): a timer of this agent was 1."),
        "{ended}"
    );
}

#[tokio::test]
async fn a_failure_of_its_own_is_told_though_no_time_is_left_to_try_again() {
    let refusing = crate::support::server::refusing().await;
    let text = |timeout: &str| {
        format!(
            "format = 1\njourney = \"short\"\nfeature = \"talk.message.text\"\n\
             timeout = \"{timeout}\"\ncleanup_timeout = \"1s\"\n\
             base = \"{{{{ target.base.api }}}}\"\nactor.user.account = \"pool:users\"\n\
             [[step]]\nname = \"ask\"\nget = \"/x\"\n\
             retry = {{ times = 5, on = [\"connect\"] }}\n"
        )
    };
    let context = context(target(&format!("http://{refusing}")));
    let report = run(&journey(&text("150ms")), &context).await;
    assert_eq!(ending(step(&report, "ask")), "fail(connect): refused");
}

/// Keeps the only thread of the runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "the runtime must not get to run meanwhile"
)]
pub(crate) fn hog(time: Duration) {
    std::thread::sleep(time);
}

/// Remembers which steps began.
#[derive(Debug, Default)]
struct Watcher(std::sync::Mutex<Vec<u32>>);

impl bongsu_probes::StepWatch for Watcher {
    fn begins(&self, step: &bongsu_language::Step) {
        self.0.lock().unwrap().push(step.index);
    }
}

#[tokio::test]
async fn who_watches_is_told_every_step_that_begins_and_no_other() {
    let server = Server::start(|request| {
        let is_gone = request.starts_with("GET /gone");
        Behaviour::Answer(json(if is_gone { 404 } else { 200 }, "{}"))
    })
    .await;
    let journey = short(
        r#"
[[step]]
name = "make"
post = "/x"
[[step]]
name = "never"
when = "1 > 2"
get = "/x"
[[step]]
name = "look"
get = "/gone"
[[step]]
name = "not reached"
get = "/x"
[[cleanup]]
name = "undo"
delete = "/x"
"#,
    );
    let watcher = Watcher::default();
    let context = context(target(&server.base()));
    let report = bongsu_probes::run_watched(&journey, &context, &watcher).await;
    check_sane(&report);
    assert_eq!(*watcher.0.lock().unwrap(), [0, 2, 4]);
}
