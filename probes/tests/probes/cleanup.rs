//! Cleanup: owed before a side effect is sent, performed always, paid after a crash.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bongsu_model::{CleanupState, RunId};
use bongsu_probes::{CompensationError, CompensationLog, Context, Debt, pay, run};
use futures_util::future::BoxFuture;

use crate::support::server::{Behaviour, Server, json, refusing};
use crate::support::{
    Entry, RecordingLog, check_sane, context, ending, journey_with, step, target, verdict,
};

const SIGN_IN: &str = r#"
format = 1
fragment = "sign-in"
feature = "account.login"
needs = ["login", "password"]
gives = ["token"]
[[step]]
name = "sign in"
post = "{{ target.base.api }}/sessions"
headers.idempotency-key = "{{ run.id }}-{{ login }}"
json = { login = "{{ login }}", password = "{{ password }}" }
expect.status = 201
capture.token = { json = "$.token", secret = true }
[[cleanup]]
name = "sign out"
delete = "{{ target.base.api }}/sessions"
headers.authorization = "Bearer {{ token }}"
expect.status = 204
"#;

const JOURNEY: &str = r#"
format = 1
journey = "send"
feature = "talk.message.text"
timeout = "700ms"
cleanup_timeout = "600ms"
base = "{{ target.base.api }}"
actor.user.account = "pool:users"
defaults.headers.authorization = "Bearer {{ token }}"
[[step]]
name = "sign in"
use = "sign-in"
[[step]]
name = "send"
post = "/messages"
headers.idempotency-key = "{{ run.id }}-send"
json = { client_ref = "{{ run.id }}" }
expect.status = 201
capture.id = { json = "$.id" }
[[cleanup]]
name = "find"
get = "/messages"
query = { client_ref = "{{ run.id }}" }
capture.sent = { json = "$.items[*]", take = "first", optional = true }
[[cleanup]]
name = "delete"
delete = "/messages/{{ sent }}"
expect.status = [204, 404]
"#;

/// The platform as it should be, but for what `broken` answers instead.
async fn platform(broken: impl Fn(&str) -> Option<Behaviour> + Send + Sync + 'static) -> Server {
    Server::start(move |request| {
        broken(request).unwrap_or_else(|| {
            let line = request.lines().next().unwrap_or_default();
            Behaviour::Answer(
                match line.split(['?', ' ']).take(2).collect::<Vec<_>>()[..] {
                    ["POST", "/sessions"] => json(201, r#"{"token":"the-session-token"}"#),
                    ["DELETE", _] => b"HTTP/1.1 204 No\r\n\r\n".to_vec(),
                    ["POST", "/messages"] => json(201, r#"{"id":"m-1"}"#),
                    ["GET", "/messages"] => json(200, r#"{"items":["m-1"]}"#),
                    _ => json(404, "{}"),
                },
            )
        })
    })
    .await
}

fn lines(server: &Server) -> Vec<String> {
    let first_words = |request: &String| {
        let line = request.lines().next().unwrap_or_default();
        line.split(['?', ' ']).take(2).collect::<Vec<_>>().join(" ")
    };
    server.seen().iter().map(first_words).collect()
}

fn with_log(server: &Server, log: RecordingLog) -> (Context, Arc<RecordingLog>) {
    let log = Arc::new(RecordingLog {
        seen: Some(server.seen.clone()),
        ..log
    });
    let mut context = context(target(&server.base()));
    context.compensation = log.clone();
    (context, log)
}

#[tokio::test]
async fn debts_are_written_before_the_side_effect_and_struck_out_after_cleanup() {
    let server = platform(|_| None).await;
    let (context, log) = with_log(&server, RecordingLog::default());
    let report = run(&journey_with(JOURNEY, &[SIGN_IN]), &context).await;
    check_sane(&report);
    assert_eq!(verdict(&report), "pass", "{report:#?}");
    assert_eq!(report.facts.cleanup, CleanupState::Done);
    assert_eq!(
        lines(&server),
        [
            "POST /sessions",
            "POST /messages",
            "GET /messages",
            "DELETE /messages/m-1",
            "DELETE /sessions"
        ]
    );
    let entries = log.entries();
    let Entry::Owed(first, 0) = &entries[0] else {
        panic!("owed before anything is sent: {entries:?}");
    };
    assert_eq!(first.scopes, [1]);
    let Entry::Owed(second, 1) = &entries[1] else {
        panic!("owed before the message is sent: {entries:?}");
    };
    assert_eq!(second.scopes, [0, 1]);
    assert!(
        matches!(entries.last(), Some(Entry::Paid(_))),
        "{entries:?}"
    );
    let cleanup = step(&report, "delete");
    assert_eq!(
        (cleanup.kind.as_str(), &cleanup.feature),
        ("cleanup", &None)
    );
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_sent() {
    let server = platform(|_| None).await;
    let log = RecordingLog {
        refuses: true,
        ..RecordingLog::default()
    };
    let (context, _) = with_log(&server, log);
    let report = run(&journey_with(JOURNEY, &[SIGN_IN]), &context).await;
    assert_eq!(verdict(&report), "blind(internal)");
    assert_eq!(report.facts.cleanup, CleanupState::None);
    assert!(server.seen().is_empty(), "{:?}", server.seen());
    let ended = ending(&report.steps[0]);
    assert!(ended.contains("the disk is full"), "{ended}");
}

#[tokio::test]
async fn cleanup_runs_after_a_failure_and_finds_what_got_no_answer() {
    let server = platform(|request| {
        request
            .starts_with("POST /messages")
            .then_some(Behaviour::Hang)
    })
    .await;
    let (context, log) = with_log(&server, RecordingLog::default());
    let report = run(&journey_with(JOURNEY, &[SIGN_IN]), &context).await;
    check_sane(&report);
    assert_eq!(verdict(&report), "fail(timeout)");
    assert_eq!(report.facts.cleanup, CleanupState::Done, "{report:#?}");
    assert_eq!(
        lines(&server)[2..],
        ["GET /messages", "DELETE /messages/m-1", "DELETE /sessions"]
    );
    assert!(log.debts().is_empty());
}

#[tokio::test]
async fn a_step_that_found_nothing_to_undo_settles_its_part() {
    let server = platform(|request| {
        let is_find = request.starts_with("GET /messages");
        is_find.then(|| Behaviour::Answer(json(200, r#"{"items":[]}"#)))
    })
    .await;
    let (context, log) = with_log(&server, RecordingLog::default());
    let report = run(&journey_with(JOURNEY, &[SIGN_IN]), &context).await;
    assert_eq!(report.facts.cleanup, CleanupState::Done);
    assert!(report.steps.iter().all(|step| step.name != "delete"));
    assert!(log.debts().is_empty());
}

#[tokio::test]
async fn cleanup_goes_on_past_failures_and_stays_owed_or_leaks() {
    let broken = |request: &str| {
        let is_find = request.starts_with("GET /messages");
        is_find.then(|| Behaviour::Answer(json(500, "{}")))
    };
    for forgets in [false, true] {
        let server = platform(broken).await;
        let log = RecordingLog {
            forgets,
            ..RecordingLog::default()
        };
        let (context, log) = with_log(&server, log);
        let report = run(&journey_with(JOURNEY, &[SIGN_IN]), &context).await;
        check_sane(&report);
        assert_eq!(verdict(&report), "pass", "cleanup never changes a verdict");
        let expected = if forgets {
            CleanupState::Leaked
        } else {
            CleanupState::Owed
        };
        assert_eq!(report.facts.cleanup, expected);
        assert_eq!(lines(&server).last().unwrap(), "DELETE /sessions");
        assert_eq!(log.debts().len(), 1);
    }
}

#[tokio::test]
async fn nothing_is_owed_for_what_never_left_or_was_refused() {
    let (context, log) = {
        let server = platform(|_| None).await;
        let (mut context, log) = with_log(&server, RecordingLog::default());
        context.target = Arc::new(target(&format!("http://{}", refusing().await)));
        (context, log)
    };
    let report = run(&journey_with(JOURNEY, &[SIGN_IN]), &context).await;
    assert_eq!(verdict(&report), "blocked(account.login)");
    assert_eq!(report.facts.cleanup, CleanupState::None);
    assert!(log.debts().is_empty());

    let server = platform(|request| {
        let is_sign_in = request.starts_with("POST /sessions");
        is_sign_in.then(|| Behaviour::Answer(json(401, "{}")))
    })
    .await;
    let (context, log) = with_log(&server, RecordingLog::default());
    let report = run(&journey_with(JOURNEY, &[SIGN_IN]), &context).await;
    assert_eq!(report.facts.cleanup, CleanupState::None);
    assert_eq!(lines(&server), ["POST /sessions"]);
    assert!(log.debts().is_empty());
}

#[tokio::test]
async fn a_sign_in_without_an_answer_stays_owed_and_is_paid_later() {
    let server = platform(|request| {
        request
            .starts_with("POST /sessions")
            .then_some(Behaviour::Hang)
    })
    .await;
    let (context, log) = with_log(&server, RecordingLog::default());
    let journey = journey_with(JOURNEY, &[SIGN_IN]);
    let report = run(&journey, &context).await;
    assert_eq!(verdict(&report), "blocked(account.login)");
    assert_eq!(report.facts.cleanup, CleanupState::Owed, "{report:#?}");
    let debt = log.debts().remove(0);

    let (down, log) = with_log(&server, RecordingLog::default());
    assert_eq!(pay(&journey, &debt, &down).await, CleanupState::Owed);
    assert_eq!(log.debts()[0].attempts, 1);

    let mended = platform(|_| None).await;
    let (mut context, log) = with_log(&mended, RecordingLog::default());
    context.order.id = RunId::from_bytes([9; 16]);
    assert_eq!(pay(&journey, &debt, &context).await, CleanupState::Done);
    assert_eq!(lines(&mended), ["POST /sessions", "DELETE /sessions"]);
    let key = format!("idempotency-key: {}-users-1", debt.run);
    assert!(
        mended.seen()[0].contains(&key),
        "under the id of the run that owes"
    );
    assert_eq!(log.entries().last(), Some(&Entry::Paid(debt.run)));
}

#[tokio::test]
async fn a_crash_in_the_middle_is_paid_by_signing_in_again() {
    let server = platform(|request| {
        request
            .starts_with("POST /messages")
            .then_some(Behaviour::Hang)
    })
    .await;
    let (context, log) = with_log(&server, RecordingLog::default());
    let journey = journey_with(JOURNEY, &[SIGN_IN]);
    // The crash: the run's future is dropped while the message is on its way.
    {
        let running = run(&journey, &context);
        let arrived = async {
            while server.seen().len() < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = running => panic!("it hangs"),
            () = arrived => {}
        }
    }
    let debt = log.debts().remove(0);
    assert_eq!(debt.scopes, [0, 1]);
    let mended = platform(|_| None).await;
    let (context, log) = with_log(&mended, RecordingLog::default());
    assert_eq!(pay(&journey, &debt, &context).await, CleanupState::Done);
    assert_eq!(
        lines(&mended),
        [
            "POST /sessions",
            "GET /messages",
            "DELETE /messages/m-1",
            "DELETE /sessions"
        ]
    );
    assert!(log.debts().is_empty());
}

#[tokio::test]
async fn a_debt_of_other_accounts_is_left_alone() {
    let server = platform(|_| None).await;
    let (mut context, log) = with_log(&server, RecordingLog::default());
    let journey = journey_with(JOURNEY, &[SIGN_IN]);
    run(&journey, &context).await;
    let Entry::Owed(debt, _) = log.entries().remove(0) else {
        panic!("owed first");
    };
    let seen = server.seen().len();
    context.accounts.swap(0, 1);
    assert_eq!(pay(&journey, &debt, &context).await, CleanupState::Owed);
    assert_eq!(server.seen().len(), seen, "nothing is sent as someone else");

    // Nor can cleanup be performed that the journey no longer has: nobody may call it paid.
    context.accounts.swap(0, 1);
    let lost = Debt {
        scopes: vec![9],
        ..debt
    };
    assert_eq!(pay(&journey, &lost, &context).await, CleanupState::Owed);
    assert_eq!(server.seen().len(), seen);
}

#[tokio::test]
async fn a_stopping_agent_still_cleans_up() {
    let server = platform(|request| {
        let is_send = request.starts_with("POST /messages");
        let wait = Duration::from_millis(200);
        is_send.then(|| Behaviour::After(wait, json(201, r#"{"id":"m-1"}"#)))
    })
    .await;
    let (context, log) = with_log(&server, RecordingLog::default());
    let more = format!("{JOURNEY}\n").replace(
        "[[cleanup]]\nname = \"find\"",
        "[[step]]\nname = \"look\"\nget = \"/messages\"\n[[cleanup]]\nname = \"find\"",
    );
    let journey = journey_with(&more, &[SIGN_IN]);
    let cancel = context.cancel.clone();
    let stopping = async {
        while server.seen().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let (report, ()) = tokio::join!(run(&journey, &context), stopping);
    assert_eq!(verdict(&report), "blind(interrupted)");
    assert_eq!(report.facts.cleanup, CleanupState::Done);
    assert_eq!(
        ending(step(&report, "send")),
        "pass",
        "what was begun is ended"
    );
    assert!(lines(&server).contains(&"DELETE /messages/m-1".to_owned()));
    assert!(log.debts().is_empty());
}

#[tokio::test]
async fn cleanup_keeps_to_its_own_budget() {
    let server =
        platform(|request| (!request.starts_with("POST")).then_some(Behaviour::Hang)).await;
    let (context, _) = with_log(&server, RecordingLog::default());
    let report = run(&journey_with(JOURNEY, &[SIGN_IN]), &context).await;
    check_sane(&report);
    assert_eq!(report.facts.cleanup, CleanupState::Owed);
    let took = report.facts.ended.since(report.facts.started);
    assert!(took < Duration::from_millis(700 + 600 + 200), "{took:?}");
}

const BY_ID: &str = r#"
format = 1
journey = "send"
feature = "talk.message.text"
timeout = "700ms"
cleanup_timeout = "600ms"
base = "{{ target.base.api }}"
actor.user.account = "pool:users"
[[step]]
name = "send"
post = "/messages"
headers.idempotency-key = "{{ run.id }}-send"
json = { client_ref = "{{ run.id }}" }
expect.status = 202
capture.id = { json = "$.id" }
capture.other = { json = "$.nothing" }
[[cleanup]]
name = "delete"
delete = "/messages/{{ id }}"
expect.status = 204
"#;

#[tokio::test]
async fn a_wrong_status_still_gives_cleanup_its_id() {
    let server = platform(|_| None).await;
    let (context, log) = with_log(&server, RecordingLog::default());
    let report = run(&journey_with(BY_ID, &[]), &context).await;
    check_sane(&report);
    assert_eq!(ending(step(&report, "send")), "fail(status): 201");
    assert_eq!(lines(&server), ["POST /messages", "DELETE /messages/m-1"]);
    assert_eq!(report.facts.cleanup, CleanupState::Done);
    let Entry::Owed(updated, 1) = &log.entries()[1] else {
        panic!("written again with what was captured: {:?}", log.entries());
    };
    assert_eq!(
        (
            updated.variables[0].name.as_str(),
            &updated.variables[0].value
        ),
        ("id", &serde_json::json!("m-1"))
    );
}

#[tokio::test]
async fn a_captured_id_in_the_debt_is_enough_to_pay_it() {
    let broken = platform(|request| {
        request
            .starts_with("DELETE")
            .then(|| Behaviour::Answer(json(500, "{}")))
    })
    .await;
    let (context, log) = with_log(&broken, RecordingLog::default());
    let journey = journey_with(BY_ID, &[]);
    let report = run(&journey, &context).await;
    assert_eq!(report.facts.cleanup, CleanupState::Owed);
    let debt = log.debts().remove(0);
    let mended = platform(|_| None).await;
    let (context, log) = with_log(&mended, RecordingLog::default());
    assert_eq!(pay(&journey, &debt, &context).await, CleanupState::Done);
    assert_eq!(lines(&mended), ["DELETE /messages/m-1"]);
    assert!(log.debts().is_empty());
}

/// A disk that never answers.
#[derive(Debug)]
struct Stuck;

impl CompensationLog for Stuck {
    fn owe<'a>(&'a self, _: &'a Debt) -> BoxFuture<'a, Result<(), CompensationError>> {
        Box::pin(std::future::pending())
    }

    fn paid(&self, _: RunId) -> BoxFuture<'_, Result<(), CompensationError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_disk_that_hangs_holds_nothing_up() {
    let server = platform(|_| None).await;
    let mut context = context(target(&server.base()));
    context.compensation = Arc::new(Stuck);
    let report = run(&journey_with(BY_ID, &[]), &context).await;
    assert_eq!(verdict(&report), "blind(internal)");
    assert!(server.seen().is_empty());
    let took = report.facts.ended.since(report.facts.started);
    assert!(took < Duration::from_millis(900), "{took:?}");
}

#[tokio::test]
async fn a_stop_does_not_cut_a_cleanup_that_polls() {
    let asked = Arc::new(AtomicU32::new(0));
    let server = platform(move |request| {
        request.starts_with("GET /state").then(|| {
            let is_gone = asked.fetch_add(1, Ordering::Relaxed) >= 2;
            let state = if is_gone { "gone" } else { "going" };
            Behaviour::Answer(json(200, &format!("{{\"state\":\"{state}\"}}")))
        })
    })
    .await;
    let (context, log) = with_log(&server, RecordingLog::default());
    let polls = "[[cleanup]]\nname = \"it goes\"\nget = \"/state\"\n\
        poll = { every = \"100ms\", for = \"400ms\" }\nexpect.json.\"$.state\" = \"gone\"\n";
    let journey = journey_with(&format!("{BY_ID}{polls}"), &[]);
    let cancel = context.cancel.clone();
    let stopping = async {
        while !lines(&server).contains(&"GET /state".to_owned()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let (report, ()) = tokio::join!(run(&journey, &context), stopping);
    assert_eq!(ending(step(&report, "it goes")), "pass");
    assert_eq!(report.facts.cleanup, CleanupState::Done);
    assert!(log.debts().is_empty());
}

/// A step that makes something by an idempotent POST, repeated as `keys` say.
fn making(keys: &str) -> bongsu_language::Journey {
    crate::support::short(&format!(
        "[[step]]\nname = \"make\"\npost = \"/x\"\n\
         headers.idempotency-key = \"{{{{ run.id }}}}\"\n{keys}\n\
         [[cleanup]]\nname = \"undo\"\ndelete = \"/x\"\n"
    ))
}

async fn making_in_turn(answers: &'static [u16]) -> Server {
    let asked = AtomicU32::new(0);
    Server::start(move |request| {
        if request.starts_with("DELETE") {
            return Behaviour::Answer(json(200, "{}"));
        }
        let at = asked.fetch_add(1, Ordering::Relaxed) as usize;
        Behaviour::Answer(json(answers[at.min(answers.len() - 1)], "{}"))
    })
    .await
}

#[tokio::test]
async fn an_earlier_attempt_that_may_have_worked_is_undone_though_the_last_was_refused() {
    let cases: [(&str, &'static [u16]); 2] = [
        ("retry = { times = 1, on = [\"503\"] }", &[503, 409]),
        (
            "poll = { every = \"100ms\", for = \"150ms\", idempotent = true }\n\
             expect.json.\"$.state\" = \"done\"",
            &[200, 404],
        ),
    ];
    for (keys, answers) in cases {
        let server = making_in_turn(answers).await;
        let (context, log) = with_log(&server, RecordingLog::default());
        let report = run(&making(keys), &context).await;
        assert_eq!(
            lines(&server),
            ["POST /x", "POST /x", "DELETE /x"],
            "{keys}"
        );
        assert_eq!(report.facts.cleanup, CleanupState::Done, "{keys}");
        assert!(log.debts().is_empty(), "{keys}");
    }
}

#[tokio::test]
async fn a_stop_between_two_polls_forgets_nothing_that_was_made() {
    let server = making_in_turn(&[200]).await;
    let (context, _log) = with_log(&server, RecordingLog::default());
    let journey = making(
        "poll = { every = \"1s\", for = \"2s\", idempotent = true }\n\
         expect.json.\"$.state\" = \"done\"",
    );
    let cancel = context.cancel.clone();
    let stopping = async {
        while server.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let (report, ()) = tokio::join!(run(&journey, &context), stopping);
    assert_eq!(verdict(&report), "blind(interrupted)");
    assert_eq!(report.facts.cleanup, CleanupState::Done);
    assert_eq!(lines(&server), ["POST /x", "DELETE /x"]);
}

#[tokio::test]
async fn a_starved_agent_still_undoes_what_it_sent() {
    let server =
        platform(|request| request.starts_with("POST /x").then_some(Behaviour::Hang)).await;
    let (context, _log) = with_log(&server, RecordingLog::default());
    let hogging = async {
        while server.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        crate::steps::hog(Duration::from_millis(1_500));
    };
    let journey = making("timeout = \"300ms\"");
    let (report, ()) = tokio::join!(run(&journey, &context), hogging);
    assert_eq!(verdict(&report), "blind(starved)");
    assert_eq!(lines(&server).last().unwrap(), "DELETE /x");
}
