//! Debts over crashes, failures and long outages.

use bongsu_model::{ActorName, FailClass, JourneyName, Revision, Variant};
use bongsu_probes::SystemClock;

use super::*;

fn debt(n: u8, target: &str) -> Debt {
    Debt {
        run: RunId::from_bytes([n; 16]),
        target: TargetName::new(target).unwrap(),
        journey: JourneyName::new("send-message").unwrap(),
        journey_revision: Revision::of(b""),
        variant: Variant::cold(),
        accounts: vec![(
            ActorName::new("alice").unwrap(),
            AccountName::new("users-001").unwrap(),
        )],
        scopes: vec![0],
        variables: Vec::new(),
        since: Timestamp::from_unix_seconds(u64::from(n)),
        attempts: 0,
    }
}

fn debts(data: &Path) -> Debts {
    Debts::open(data, Arc::new(SystemClock::new())).unwrap()
}

#[tokio::test]
async fn a_debt_outlives_the_process_and_is_then_to_be_paid_oldest_first() {
    let data = tempfile::tempdir().unwrap();
    let before = debts(data.path());
    before.owe(&debt(2, "superapp")).await.unwrap();
    before.owe(&debt(1, "superapp")).await.unwrap();
    before.owe(&debt(3, "superapp")).await.unwrap();
    assert_eq!(
        before.begin_payment(|_| Some(())),
        None,
        "their runs are still going"
    );
    before.paid(debt(3, "superapp").run).await.unwrap();
    drop(before);
    let after = debts(data.path());
    assert_eq!(after.counts().open, 2);
    let superapp = TargetName::new("superapp").unwrap();
    assert_eq!(
        after.begin_payment(|debt| (debt.target != superapp).then_some(())),
        None
    );
    assert_eq!(after.begin_payment(|_| Some(())), Some(debt(1, "superapp")));
    after.paid(debt(1, "superapp").run).await.unwrap();
    after.settled(debt(1, "superapp").run);
    assert_eq!(after.begin_payment(|_| Some(())), Some(debt(2, "superapp")));
    assert_eq!((after.counts().open, after.counts().paid), (1, 1));
}

#[tokio::test]
async fn a_payment_that_failed_is_tried_again_later_and_given_up_in_the_end() {
    let data = tempfile::tempdir().unwrap();
    let log = debts(data.path());
    let one = debt(1, "superapp");
    log.owe(&one).await.unwrap();
    log.run_ended(one.run);
    log.failed(one.run, one.since).await.unwrap();
    assert_eq!(log.begin_payment(|_| Some(())), None, "not at once");
    let late = one.since + GIVEN_UP_AFTER + Duration::from_secs(1);
    log.failed(one.run, late).await.unwrap();
    assert_eq!((log.counts().open, log.counts().given_up), (0, 1));
    assert_eq!(debts(data.path()).counts().open, 0);
}

#[tokio::test]
async fn a_debt_that_failed_lets_others_go_first() {
    let data = tempfile::tempdir().unwrap();
    let before = debts(data.path());
    before.owe(&debt(1, "superapp")).await.unwrap();
    before.owe(&debt(2, "superapp")).await.unwrap();
    drop(before);
    let log = debts(data.path());
    log.failed(debt(1, "superapp").run, debt(1, "superapp").since)
        .await
        .unwrap();
    let at_once = Standing::Payable(Monotonic::from_origin(Duration::ZERO));
    log.lock().set(debt(1, "superapp").run, at_once);
    assert_eq!(log.begin_payment(|_| Some(())), Some(debt(2, "superapp")));
}

#[tokio::test]
async fn what_a_journey_owes_is_payable_once_it_recovers() {
    let data = tempfile::tempdir().unwrap();
    let log = debts(data.path());
    let (one, going) = (debt(1, "superapp"), debt(2, "superapp"));
    let lineage = Lineage {
        target: one.target.clone(),
        journey: one.journey.clone(),
        variant: Variant::cold(),
    };
    for owed in [&one, &going] {
        log.owe(owed).await.unwrap();
        log.run_ended(owed.run);
        log.failed(owed.run, owed.since).await.unwrap();
    }
    log.lock().set(going.run, Standing::BeingPaid);
    log.learn(&lineage, &Outcome::Fail(FailClass::Timeout));
    assert_eq!(log.begin_payment(|_| Some(())), None, "it is out");
    log.learn(&lineage, &Outcome::Pass);
    assert_eq!(log.take_recovered().len(), 1);
    assert_eq!(log.begin_payment(|_| Some(())), Some(one.clone()));
    for run in [one.run, going.run] {
        assert_eq!(log.lock().count_try(run), Some(0), "its wait begins anew");
    }
}

#[tokio::test]
async fn a_payment_that_succeeds_after_others_failed_makes_the_rest_payable() {
    let data = tempfile::tempdir().unwrap();
    let log = debts(data.path());
    let one = debt(1, "superapp");
    log.owe(&one).await.unwrap();
    log.run_ended(one.run);
    log.failed(one.run, one.since).await.unwrap();
    log.learn_from_payment(&debt(2, "other"));
    assert_eq!(log.begin_payment(|_| Some(())), None, "of another target");
    log.learn_from_payment(&debt(2, "superapp"));
    assert_eq!(log.begin_payment(|_| Some(())), Some(one));
}

#[tokio::test]
async fn whose_turn_it_is_decides_then_what_is_payable_for_longest() {
    let data = tempfile::tempdir().unwrap();
    let log = debts(data.path());
    for (n, from) in [(1, 2), (2, 1), (3, 0)] {
        let one = debt(n, "superapp");
        log.owe(&one).await.unwrap();
        let from = Monotonic::from_origin(Duration::from_nanos(from));
        log.lock().set(one.run, Standing::Payable(from));
    }
    let turn = |one: &Debt| (one.since.as_unix_nanos() < 3_000_000_000).then_some(());
    assert_eq!(log.begin_payment(turn), Some(debt(2, "superapp")));
    let turn = |one: &Debt| Some(one.since);
    assert_eq!(log.begin_payment(turn), Some(debt(1, "superapp")));
    assert_eq!(log.begin_payment(turn), Some(debt(3, "superapp")));
}

#[tokio::test]
async fn many_that_can_never_be_paid_do_not_hold_up_a_new_one_of_their_journey() {
    let data = tempfile::tempdir().unwrap();
    let log = debts(data.path());
    for n in 1..=6 {
        let one = debt(n, "superapp");
        log.owe(&one).await.unwrap();
        if n < 6 {
            for _ in 0..n {
                log.failed(one.run, one.since).await.unwrap();
            }
        }
        let from = Monotonic::from_origin(Duration::from_nanos(u64::from(n)));
        log.lock().set(one.run, Standing::Payable(from));
    }
    let order: Vec<_> = std::iter::from_fn(|| log.begin_payment(|_| Some(()))).collect();
    // From three failures on they take turns by how long they are payable.
    assert_eq!(order, [6, 1, 2, 3, 4, 5].map(|n| debt(n, "superapp")));
}

#[tokio::test]
async fn a_debt_whose_file_a_person_removed_is_struck_out() {
    let data = tempfile::tempdir().unwrap();
    let log = debts(data.path());
    let one = debt(1, "superapp");
    log.owe(&one).await.unwrap();
    std::fs::remove_file(log.path(one.run)).unwrap();
    log.paid(one.run).await.unwrap();
    assert!(!log.has(one.run));
}

fn small(data: &Path) -> Debts {
    let bounds = Bounds {
        open: 3,
        given_up: 2,
    };
    Debts::open_within(data, Arc::new(SystemClock::new()), bounds).unwrap()
}

fn records(data: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(data.join("debts/given-up"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn an_outage_that_fills_the_log_ends_no_probing_the_oldest_debt_gives_way() {
    let data = tempfile::tempdir().unwrap();
    let log = small(data.path());
    for n in 1..=9 {
        let one = debt(n, "superapp");
        log.owe(&one).await.unwrap();
        assert!(log.has(one.run));
        log.run_ended(one.run);
    }
    let counts = log.counts();
    assert_eq!((counts.open, counts.given_up, counts.forgotten), (3, 6, 4));
    let account = &debt(1, "superapp").accounts[0].1;
    let target = TargetName::new("superapp").unwrap();
    assert_eq!(log.owed_by(&target, account), 3);
    let name = |n| format!("{}.json", debt(n, "superapp").run);
    assert_eq!(
        records(data.path()),
        [name(5), name(6)],
        "the newest of them"
    );
    let after = small(data.path());
    assert!((7..=9).all(|n| after.has(debt(n, "superapp").run)));
    after.owe(&debt(10, "superapp")).await.unwrap();
    assert_eq!(
        records(data.path()),
        [name(6), name(7)],
        "bounded over a restart"
    );
}

#[tokio::test]
async fn only_when_all_debts_are_of_going_runs_no_more_is_owed() {
    let data = tempfile::tempdir().unwrap();
    let log = small(data.path());
    for n in 1..=3 {
        log.owe(&debt(n, "superapp")).await.unwrap();
    }
    let error = log.owe(&debt(4, "superapp")).await.unwrap_err().to_string();
    assert!(
        error.contains("3 cleanups are owed by runs that are going"),
        "{error}"
    );
    log.owe(&debt(3, "superapp")).await.expect("its own place");
    log.run_ended(debt(2, "superapp").run);
    log.owe(&debt(4, "superapp")).await.unwrap();
    assert!(!log.has(debt(2, "superapp").run));
}

#[tokio::test]
async fn a_debt_that_is_being_paid_is_not_given_up_for_another() {
    let data = tempfile::tempdir().unwrap();
    let before = small(data.path());
    for n in 1..=3 {
        before.owe(&debt(n, "superapp")).await.unwrap();
    }
    drop(before);
    let log = small(data.path());
    assert_eq!(log.begin_payment(|_| Some(())), Some(debt(1, "superapp")));
    log.owe(&debt(4, "superapp")).await.unwrap();
    assert!(log.has(debt(1, "superapp").run) && !log.has(debt(2, "superapp").run));
    // A payment that leaves something owed writes its debt anew, and then says that it failed.
    log.owe(&debt(1, "superapp")).await.unwrap();
    assert_eq!(log.counts().open, 2);
    log.failed(debt(1, "superapp").run, debt(1, "superapp").since)
        .await
        .unwrap();
    assert_eq!(log.begin_payment(|_| Some(())), Some(debt(3, "superapp")));
}

#[tokio::test]
async fn what_a_crash_left_half_written_is_removed_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    debts(data.path()).owe(&debt(1, "superapp")).await.unwrap();
    let half = data.path().join("debts/00.tmp");
    std::fs::write(&half, "{").unwrap();
    assert_eq!(debts(data.path()).counts().open, 1);
    assert!(!half.exists());
}

#[tokio::test]
async fn what_cannot_be_written_is_not_owed() {
    let data = tempfile::tempdir().unwrap();
    let log = debts(data.path());
    std::fs::remove_dir_all(data.path().join("debts")).unwrap();
    let error = log.owe(&debt(1, "superapp")).await.unwrap_err();
    assert!(error.to_string().contains("cannot be written"), "{error}");
    assert!(!log.has(debt(1, "superapp").run));
}
