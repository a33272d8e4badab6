//! `kill -9` at the worst moment, and stops in good order.

use bongsu_model::{BlindReason, Outcome};
use bongsu_superapp::{Component, Fault, FaultKind, FaultPoint};

use crate::stage::{LOGIN, Stage, until};

/// Signs in, and then asks a relay that may hang.
pub(crate) const SEND: &str = r#"
format = 1
journey = "send"
feature = "talk.message.text"
every = "4s"
timeout = "3s"
cleanup_timeout = "900ms"
base = "{{ target.base.talk }}"
actor.alice.account = "pool:chat-users"
defaults.headers.authorization = "Bearer {{ token }}"

[[step]]
name = "sign in"
use = "sign-in"

[[step]]
name = "alice sends"
post = "/v1/messages"
headers.idempotency-key = "{{ run.id }}-send"
json = { to = "{{ user_id }}", text = "bongsu {{ run.id }}", client_ref = "{{ run.id }}" }
expect.status = 201

[[cleanup]]
name = "find what was sent"
get = "/v1/messages"
query = { client_ref = "{{ run.id }}" }
capture.sent = { json = "$.items[*].id", take = "first", optional = true }

[[cleanup]]
name = "delete it"
delete = "/v1/messages/{{ sent }}"
expect.status = [204, 404]
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_mid_journey_nothing_is_lost_the_slot_says_so_and_cleanup_is_paid() {
    let mut stage = Stage::new().await;
    stage.write_journey("login", LOGIN);
    stage.write_journey("send", SEND);
    let config = stage.write_agent("");
    stage.collector.go_away().await;
    let relay = FaultPoint::Component(Component::Relay);
    stage
        .platform
        .inject(Fault::everywhere(relay, FaultKind::Hang))
        .unwrap();

    let agent = stage.spawn_agent(&config);
    let spooled = || {
        let folder = std::fs::read_dir(stage.path("data/spool"));
        folder.map_or(0, |entries| {
            let segments = entries.filter_map(|entry| entry.unwrap().metadata().ok());
            segments.map(|segment| segment.len()).sum::<u64>()
        })
    };
    let in_flight = |journey: &str| ids_in_flight(&stage.path("data/in-flight.notes"), journey);
    let has_signed_in = |runs: &[String]| {
        let open = stage.platform.audit().sessions_open;
        let mut references = open.into_iter().filter_map(|session| session.client_ref);
        references.any(|reference| runs.contains(&reference))
    };
    // Runs are spooled, and one that has signed in hangs at the relay: for seconds.
    until("a run hangs with cleanup owed", || {
        spooled() > 2_000 && stage.debts() > 0 && has_signed_in(&in_flight("send"))
    })
    .await;
    let mut going = in_flight("send");
    going.extend(in_flight("login"));
    agent.kill();
    assert!(
        !stage.platform.audit().sessions_open.is_empty(),
        "nothing was left behind"
    );

    stage.platform.mend_all();
    stage.collector.come_back().await;
    let agent = stage.spawn_agent(&config);
    until("the interrupted runs are told", || {
        let told = stage.collector.runs();
        going
            .iter()
            .all(|id| told.iter().any(|run| run.id.to_string() == *id))
    })
    .await;
    let runs = stage.collector.runs();
    let first = runs.iter().min_by_key(|run| run.boot.as_str().to_owned());
    let boot = &first.unwrap().boot;
    for id in &going {
        let told: Vec<_> = runs
            .iter()
            .filter(|run| run.id.to_string() == *id)
            .collect();
        assert_eq!(told.len(), 1, "{id} was told more than once");
        assert_eq!(told[0].boot, *boot);
        let interrupted = Outcome::Blind(BlindReason::Interrupted);
        // A run that ended between the look and the kill has told its own end.
        if *told[0].outcomes.verdict() != interrupted {
            assert_ne!(told[0].journey.as_str(), "send", "{:?}", told[0]);
        }
    }
    let numbers = || {
        let runs = stage.collector.runs();
        let first = runs.iter().filter(|run| run.boot == *boot);
        let mut numbers: Vec<u64> = first.map(|run| run.seq).collect();
        numbers.sort_unstable();
        numbers
    };
    let last = *numbers().last().unwrap();
    until("every run of the first boot arrives", || {
        numbers() == (0..=last).collect::<Vec<u64>>()
    })
    .await;

    until("the cleanup is paid", || {
        let old = |reference: &Option<String>| {
            reference.as_ref().is_some_and(|text| going.contains(text))
        };
        let audit = stage.platform.audit();
        !audit
            .sessions_open
            .iter()
            .any(|session| old(&session.client_ref))
            && !audit
                .messages_undeleted
                .iter()
                .any(|message| old(&message.client_ref))
    })
    .await;
    assert_eq!(agent.terminate().await, Some(0), "{}", stage.log());
    until("no debt is left", || stage.debts() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_finishes_cleanup_and_tells_the_run() {
    let stage = Stage::new().await;
    stage.write_journey("send", SEND);
    let config = stage.write_agent("");
    let relay = FaultPoint::Component(Component::Relay);
    stage
        .platform
        .inject(Fault::everywhere(relay, FaultKind::Hang))
        .unwrap();
    let agent = stage.spawn_agent(&config);
    until("a run is going", || {
        !stage.platform.audit().sessions_open.is_empty()
    })
    .await;
    // The step that hangs is given up; the cleanup finds a platform that works again.
    stage.platform.mend_all();
    assert_eq!(agent.terminate().await, Some(0), "{}", stage.log());
    assert_eq!(stage.collector.runs().len(), 1);
    assert_eq!(stage.platform.audit().sessions_open, []);
}

/// The ids in the file of runs in flight: places of 2 KiB, each a length, a checksum and a note.
/// The runs of `journey` that the notes say are in flight.
fn ids_in_flight(path: &std::path::Path, journey: &str) -> Vec<String> {
    let notes = std::fs::read(path).unwrap_or_default();
    notes
        .chunks(2048)
        .filter_map(|place| {
            let length = u32::from_le_bytes(place[..4].try_into().unwrap());
            let note = place.get(8..8 + usize::try_from(length).unwrap())?;
            let note: serde_json::Value = serde_json::from_slice(note).ok()?;
            let id = note["id"].as_str().filter(|_| note["journey"] == journey);
            id.map(str::to_owned)
        })
        .collect()
}
