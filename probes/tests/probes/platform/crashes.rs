//! Runs that end before their time: what they have made is undone, by themselves or later.

use std::future::{Future as _, poll_fn};
use std::task::Poll;
use std::time::Duration;

use bongsu_model::CleanupState;
use bongsu_probes::{pay, run};
use bongsu_superapp::{Audit, Fault, FaultKind};

use super::RELAY;
use super::scene::{Scene, shipped};
use crate::support::verdict;

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
