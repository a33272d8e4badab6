//! A short outage over real sockets, many times as fast as it was: what is measured lies where it
//! was injected.

use std::sync::Arc;
use std::time::Duration;

use bongsu_language::SourceFile;
use bongsu_model::{ClaimedState, Clock, Comparison, FeatureId, FeatureState};
use bongsu_rehearsal::layout::Journeys;
use bongsu_rehearsal::replay::{self, Outcome, Play, Progress, Verdict};
use bongsu_rehearsal::scenario::{self, ExpectedRow, Scenario, instant};

/// Money cannot be moved for three quarters of an hour; the owner says that it can after half.
const OUTAGE: &str = "format = 1\nscenario = \"money\"\nzone = \"Asia/Seoul\"\n\
    from = \"2022-10-15T15:00\"\nuntil = \"2022-10-15T16:45\"\nrows = [\"money.csv\"]\n\
    never = [\"account.login\"]\n";
const ROWS: &str = "time,track,on,change,source,confidence\n\
    2022-10-15T15:10,modelled,pay-core,down,,\n\
    2022-10-15T15:40,claim,pay.transfer.account,up,notice,high\n\
    2022-10-15T15:55,modelled,pay-core,up,,\n";
/// Money is sent and never arrives, so that it cannot be sent back.
const LEFT_BEHIND: &str = "format = 1\nscenario = \"left-behind\"\nzone = \"Asia/Seoul\"\n\
    from = \"2022-10-15T15:00\"\nuntil = \"2022-10-15T16:00\"\n\
    [[row]]\ntime = \"2022-10-15T15:10\"\ntrack = \"modelled\"\non = \"pay-core\"\n\
    change = \"down by lost-delivery\"\n";
/// Before the end of it and long after it. What the fleet has no journey of is not there.
const EXPECTED: &str = "at,feature,measured,claimed,comparison,reason\n\
    2022-10-15T15:52,pay.transfer.account,down by status,up,measured_worse,no money moves\n\
    2022-10-15T15:52,*,up,,,neighbours\n\
    2022-10-15T15:52,*@kr-seoul,up|down,,,the only region\n\
    2022-10-15T16:45,*,up,,,money moves again\n";
/// At the first a slot is more than a second of the machine's. One that is busy with something else
/// delivers too late for that, and is given the time that it needs.
const SPEEDS: [f64; 3] = [240.0, 120.0, 60.0];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_outage_is_measured_where_it_was_injected() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let files = [
        SourceFile::new("money.toml", OUTAGE),
        SourceFile::new("money.csv", ROWS),
    ];
    let scenario = scenario::load(&files).unwrap();
    let expected = SourceFile::new("money.expected.csv", EXPECTED);
    let expected = scenario::load_expected(&expected, &scenario).unwrap();
    let mut outcome = played(&scenario, &expected, SPEEDS[0], None).await;
    for slower in &SPEEDS[1..] {
        if !outcome.is_explained() {
            outcome = played(&scenario, &expected, *slower, None).await;
        }
    }
    let text = replay::text(&outcome, &scenario);
    assert!(outcome.money.is_clean(), "{text}");

    let transfer = FeatureId::new("pay.transfer.account").unwrap();
    let mut windows = outcome.windows.iter();
    let window = windows
        .find(|window| window.feature == transfer)
        .expect(&text);
    let outage = window.measured.expect(&text);
    assert!(window.injected.is_modelled && !window.injected.is_synthetic);
    // It begins within one cadence, and is told and over within the confirmation rule.
    let (onset, lag) = (outage.onset.expect(&text), outcome.lag);
    let (from, until) = (window.injected.from, window.injected.until);
    assert!(onset >= from && onset <= from + lag.run, "{text}");
    assert!(outage.detected <= from + lag.down, "{text}");
    let recovered = outage.recovered.expect(&text);
    assert!(recovered >= until && recovered <= until + lag.up, "{text}");

    let row = |id: &str| {
        let mut rows = outcome.boards[1].rows.iter();
        rows.find(|row| row.feature.as_str() == id).expect(&text)
    };
    assert_eq!(row("pay.transfer.account").verdict, Verdict::Met, "{text}");
    assert_eq!(row("pay.transfer.account").claimed, Some(ClaimedState::Up));
    assert_eq!(
        row("account.login").measured,
        Some(FeatureState::Operational)
    );
    assert_eq!(
        row("talk.message.text").verdict,
        Verdict::NotThere,
        "no journey of it runs"
    );
    let never = &outcome.never[..];
    assert!(never.len() == 1 && never[0].is_explained(), "{text}");
    assert!(text.contains("as expected: never out"), "{text}");
    let (during, after) = (&outcome.boards[0], &outcome.boards[1]);
    assert!(during.at < after.at && during.as_of >= during.at, "{text}");
    let broken = &during.rows[0];
    assert_eq!(broken.comparison, Some(Comparison::MeasuredWorse), "{text}");
    assert_eq!(broken.verdict, Verdict::Met, "{text}");
    let regional = during.rows.iter().filter(|row| row.region.is_some());
    let seen = regional.filter(|row| row.verdict == Verdict::Met).count();
    assert_eq!(seen, 2, "{text}");
    assert!(outcome.is_explained(), "{text}");
    assert_eq!(replay::json(&outcome, &scenario)["explained"], true);
}

/// Nobody can undo anything when the replay ends: what runs left behind is owed, and is paid once
/// everything is healed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_owed_when_a_replay_ends_in_the_outage_is_paid_afterwards() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let files = [SourceFile::new("money.toml", LEFT_BEHIND)];
    let scenario = scenario::load(&files).unwrap();
    let outcome = played(&scenario, &[], SPEEDS[0], Some("2022-10-15T15:30")).await;
    let text = replay::text(&outcome, &scenario);
    assert!(outcome.owed_at_end > 0, "{text}");
    assert_eq!(outcome.owed, [], "{text}");
    assert!(
        outcome.money.is_clean() && outcome.bank.is_clean(),
        "{text}"
    );
    assert!(text.contains(" owed at the end, 0 "), "{text}");
    let owed = replay::json(&outcome, &scenario)["owed"].clone();
    assert_eq!(owed, serde_json::json!([]));
}

async fn played(
    scenario: &Scenario,
    expected: &[ExpectedRow],
    speed: f64,
    until: Option<&str>,
) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let play = Play {
        speed: Some(speed),
        until: until.map(|until| instant(until, &scenario.zone).unwrap()),
        seed: 1,
        regions: Some(1),
        agents: Some(2),
        web: "127.0.0.1:0".parse().unwrap(),
        folder: folder.path().join("fleet"),
        memory: Some(folder.path().join("memory")),
        journeys: Journeys::Only(&["account/login.toml", "pay/transfer.toml"]),
    };
    let machine: Arc<dyn Clock> = Arc::new(bongsu_probes::SystemClock::new());
    let mut happened = 0;
    let played = replay::run(&play, scenario, expected, machine, |progress| {
        happened += usize::from(matches!(progress, Progress::Happened(_)));
    });
    let played = tokio::time::timeout(Duration::from_secs(240), played).await;
    let outcome = played.unwrap().unwrap();
    assert_eq!(happened, scenario.rows.len(), "every row's time came");
    outcome
}
