//! What must hold of money whatever is asked for, in whatever order; and that the proof sees when
//! it does not.

use proptest::prelude::*;

use super::books::RECORDS_PER_WALLET_MAX;
use super::*;

fn at(millis: u64) -> Now {
    let since = Duration::from_millis(millis);
    (Timestamp::EPOCH + since, Monotonic::from_origin(since))
}

fn core(wallets: usize) -> PayCore {
    PayCore::new("1015", (0..wallets).map(|n| format!("u-{n}")))
}

fn seoul() -> RegionId {
    RegionId::new("kr-seoul").unwrap()
}

fn order(from: usize, wish: Wish, channel: Channel, key: &str) -> Order {
    Order {
        from,
        wish,
        channel,
        reference: Some("r".to_owned()),
        idempotency_key: key.to_owned(),
        region: seoul(),
    }
}

fn pay(to: usize, amount: i64) -> Wish {
    Wish::Pay {
        to: Payee::User(format!("u-{to}")),
        amount,
    }
}

fn settle(core: &PayCore, millis: u64) {
    core.settle_due(at(millis), |_, _| false, &Counts::default());
}

fn sent(core: &PayCore, order: Order, millis: u64) -> Transfer {
    match core.send(order, at(millis), &Counts::default()) {
        Sent::New(transfer) => transfer,
        other => panic!("{other:?}"),
    }
}

fn refused(core: &PayCore, order: Order) -> Refused {
    match core.send(order, at(0), &Counts::default()) {
        Sent::Refused(refused) => refused,
        other => panic!("{other:?}"),
    }
}

fn available(core: &PayCore, who: usize) -> u64 {
    core.wallet(who).unwrap().available
}

#[test]
fn a_transfer_is_held_then_settles_then_goes_back_once() {
    let core = core(2);
    let order_of = |wish, from, key| order(from, wish, Channel::Account, key);
    let made = sent(&core, order_of(pay(1, 700), 0, "k"), 0);
    assert_eq!(made.state, TransferState::Accepted);
    let alice = core.wallet(0).unwrap();
    assert_eq!((alice.available, alice.held), (OPENING_WON - 700, 700));
    let bob = core.wallet(1).unwrap();
    assert_eq!((bob.available, bob.incoming), (OPENING_WON, 700));
    settle(&core, 299);
    assert_eq!(
        core.get(1, &made.id).unwrap().state,
        TransferState::Accepted
    );
    settle(&core, 300);
    assert_eq!(core.get(0, &made.id).unwrap().state, TransferState::Settled);
    assert_eq!(available(&core, 1), OPENING_WON + 700);
    assert_eq!(core.open(at(300).1).len(), 1, "its money is not back");

    let back = || Wish::GiveBack {
        transfer: made.id.clone(),
    };
    let not_hers = refused(&core, order_of(back(), 0, "mine"));
    assert_eq!(not_hers, Refused::NotReversible);
    let returned = sent(&core, order_of(back(), 1, "back"), 400);
    assert_eq!(returned.reverses, Some(made.id.clone()));
    let twice = refused(&core, order_of(back(), 1, "back again"));
    assert_eq!(twice, Refused::NotReversible);
    settle(&core, 700);
    assert_eq!(
        core.get(0, &made.id).unwrap().state,
        TransferState::Reversed
    );
    assert_eq!(
        (available(&core, 0), available(&core, 1)),
        (OPENING_WON, OPENING_WON)
    );
    assert!(core.open(at(700).1).is_empty());
    assert!(core.proof().is_clean(), "{:?}", core.proof());
}

#[test]
fn a_transfer_in_a_chat_waits_until_it_is_received_taken_back_or_too_old() {
    let core = core(2);
    let chat = |key| order(0, pay(1, 5), Channel::Chat, key);
    let received = sent(&core, chat("a"), 0);
    settle(&core, 10_000);
    assert_eq!(
        core.get(1, &received.id).unwrap().state,
        TransferState::Waiting
    );
    assert_eq!(
        core.receive(0, &received.id, at(10_000).1),
        Err(Refused::NotReceivable)
    );
    for _ in 0..2 {
        assert!(core.receive(1, &received.id, at(10_000).1).is_ok());
    }
    assert_eq!(core.cancel(0, &received.id), Err(Refused::NotCancellable));
    settle(&core, 10_300);
    assert_eq!(available(&core, 1), OPENING_WON + 5);

    let taken = sent(&core, chat("b"), 0);
    assert_eq!(core.cancel(1, &taken.id), Err(Refused::NotCancellable));
    for _ in 0..2 {
        let state = core.cancel(0, &taken.id).unwrap().state;
        assert_eq!(state, TransferState::Cancelled);
    }
    assert_eq!(
        core.receive(1, &taken.id, at(0).1),
        Err(Refused::NotReceivable)
    );

    let old = sent(&core, chat("c"), 0);
    let too_old = (Timestamp::EPOCH + WAITS_FOR, at(10_000).1);
    core.settle_due(too_old, |_, _| false, &Counts::default());
    assert_eq!(core.get(0, &old.id).unwrap().state, TransferState::Expired);
    assert_eq!(available(&core, 0), OPENING_WON - 5);
    assert!(core.proof().is_clean(), "{:?}", core.proof());
}

#[test]
fn what_settles_does_so_after_its_time_whatever_the_clock_on_the_wall_says() {
    let core = core(2);
    let one = sent(&core, order(0, pay(1, 5), Channel::Account, "a"), 0);
    let tomorrow = Timestamp::EPOCH + Duration::from_secs(86_400);
    core.settle_due((tomorrow, at(0).1), |_, _| false, &Counts::default());
    assert_eq!(core.get(0, &one.id).unwrap().state, TransferState::Accepted);
    core.settle_due((tomorrow, at(300).1), |_, _| false, &Counts::default());
    assert_eq!(core.get(0, &one.id).unwrap().state, TransferState::Settled);
}

#[test]
fn what_makes_no_sense_is_refused_and_moves_nothing() {
    let core = core(2);
    let max = i64::try_from(TRANSFER_MAX_WON).unwrap();
    let nobody = Wish::Pay {
        to: Payee::Number("1015-000003".to_owned()),
        amount: 1,
    };
    let oddly_written = Wish::Pay {
        to: Payee::Number("1015-2".to_owned()),
        amount: 1,
    };
    let unknown = Wish::GiveBack {
        transfer: "t-99".to_owned(),
    };
    for (n, (wish, wanted)) in [
        (pay(1, 0), Refused::BadAmount),
        (pay(1, -1), Refused::BadAmount),
        (pay(1, i64::MIN), Refused::BadAmount),
        (pay(1, max + 1), Refused::AmountTooLarge),
        (pay(1, i64::MAX), Refused::AmountTooLarge),
        (pay(0, 1), Refused::OwnAccount),
        (pay(2, 1), Refused::NoSuchPayee),
        (nobody, Refused::NoSuchPayee),
        (oddly_written, Refused::NoSuchPayee),
        (unknown, Refused::NoSuchTransfer),
    ]
    .into_iter()
    .enumerate()
    {
        let order = order(0, wish.clone(), Channel::Account, &n.to_string());
        assert_eq!(refused(&core, order.clone()), wanted, "{wish:?}");
        assert_eq!(refused(&core, order), wanted, "{wish:?} again");
    }
    assert_eq!(available(&core, 0), OPENING_WON);
    for n in 0..2 {
        sent(
            &core,
            order(0, pay(1, max), Channel::Account, &format!("max{n}")),
            0,
        );
    }
    let poor = order(0, pay(1, 1), Channel::Account, "poor");
    assert_eq!(refused(&core, poor.clone()), Refused::InsufficientFunds);
    settle(&core, 300);
    // Bob is as rich as one may be: what comes beyond it is rejected, and the sender has it again.
    assert_eq!(available(&core, 1), WALLET_MAX_WON);
    assert_eq!(
        refused(&core, poor),
        Refused::InsufficientFunds,
        "remembered"
    );
    assert!(core.proof().is_clean(), "{:?}", core.proof());
}

#[test]
fn a_wallet_that_would_hold_too_much_rejects_and_a_day_has_its_limit() {
    let core = core(3);
    let max = i64::try_from(TRANSFER_MAX_WON).unwrap();
    let order_of = |from, to, key: String| order(from, pay(to, max), Channel::Account, &key);
    for n in 0..2 {
        sent(&core, order_of(0, 1, format!("a{n}")), 0);
    }
    settle(&core, 300);
    let beyond = sent(&core, order_of(2, 1, "beyond".to_owned()), 300);
    settle(&core, 600);
    assert_eq!(
        core.get(2, &beyond.id).unwrap().state,
        TransferState::Rejected
    );
    assert_eq!(available(&core, 2), OPENING_WON);

    // Two others pass the same money to and fro until the day's limit is reached.
    let mut time = 1_000;
    let mut sent_won = 2 * TRANSFER_MAX_WON;
    loop {
        time += 1_000;
        let back = order_of(1, 0, format!("b{time}"));
        sent(&core, back, time);
        time += 1_000;
        settle(&core, time);
        let order = order_of(0, 1, format!("f{time}"));
        match core.send(order, at(time), &Counts::default()) {
            Sent::New(_) => sent_won += TRANSFER_MAX_WON,
            Sent::Refused(refused) => {
                assert_eq!(refused, Refused::OverDailyLimit);
                break;
            }
            other => panic!("{other:?}"),
        }
        time += 1_000;
        settle(&core, time);
    }
    assert_eq!(sent_won, DAY_MAX_WON);
    let next_day = 86_400_000;
    sent(&core, order_of(0, 1, "next day".to_owned()), next_day);
    assert!(core.proof().is_clean(), "{:?}", core.proof());
}

#[test]
fn a_key_means_one_transfer_and_another_body_is_a_conflict() {
    let core = core(2);
    let counts = Counts::default();
    let first = sent(&core, order(0, pay(1, 1), Channel::Account, "k"), 0);
    let again = core.send(
        order(0, pay(1, 1), Channel::Account, "k"),
        at(1_000),
        &counts,
    );
    assert_eq!(again, Sent::Before(first));
    let other = core.send(order(0, pay(1, 2), Channel::Account, "k"), at(0), &counts);
    assert_eq!(other, Sent::Conflict);
    sent(&core, order(1, pay(0, 2), Channel::Account, "k"), 0);
    assert_eq!(counts.get(Count::IdempotencyConflicts), 1);
}

#[test]
fn what_is_stuck_stays_held_until_it_is_not() {
    let core = core(2);
    let counts = Counts::default();
    let made = sent(&core, order(0, pay(1, 1), Channel::Account, "k"), 0);
    core.settle_due(at(9_000), |_, region| *region == seoul(), &counts);
    assert_eq!(
        core.get(0, &made.id).unwrap().state,
        TransferState::Accepted
    );
    assert_eq!(core.open(at(9_000).1)[0].age_s, 9.0);
    settle(&core, 9_000);
    assert_eq!(core.get(0, &made.id).unwrap().state, TransferState::Settled);
}

#[test]
fn a_full_wallet_forgets_what_is_finished_and_refuses_when_all_is_held() {
    let core = core(2);
    let counts = Counts::default();
    let chat = |n: usize| order(0, pay(1, 1), Channel::Chat, &format!("chat {n}"));
    let first = sent(&core, chat(0), 0);
    core.cancel(0, &first.id).unwrap();
    for n in 1..=RECORDS_PER_WALLET_MAX {
        assert!(matches!(core.send(chat(n), at(0), &counts), Sent::New(_)));
    }
    assert_eq!(counts.get(Count::PayKeysForgotten), 1);
    assert_eq!(core.get(0, &first.id), None, "it was finished");
    let full = core.send(chat(9_999), at(0), &counts);
    assert_eq!(full, Sent::Refused(Refused::TooManyOpen));
    assert!(core.proof().is_clean(), "{:?}", core.proof());

    // Money that was received and never given back goes last, and is counted.
    let one = core.sent(0, None, None).remove(0);
    core.receive(1, &one.id, at(0).1).unwrap();
    settle(&core, 300);
    assert!(matches!(
        core.send(chat(9_999), at(300), &counts),
        Sent::New(_)
    ));
    assert_eq!(counts.get(Count::TransfersExpired), 1);
    assert!(core.proof().is_clean(), "{:?}", core.proof());
}

#[test]
fn the_proof_finds_planted_corruption() {
    type Plant = fn(&mut Books);
    let plants: [(&str, Plant, &str); 7] = [
        ("made", |b| b.wallets[1].has[0] += 1, "are not the"),
        ("lost", |b| b.wallets[0].has[1] -= 1, "are not the"),
        (
            "moved",
            |b| {
                b.wallets[0].has[0] -= 1;
                b.wallets[1].has[0] += 1;
            },
            "its entries say",
        ),
        (
            "half an entry",
            |b| first(b).entries[0][1].won += 1,
            "has the entries",
        ),
        (
            "settled by hand",
            |b| first(b).state = TransferState::Settled,
            "has the entries",
        ),
        (
            "executed twice",
            |b| {
                let record = &b.wallets[0].records[0];
                let (key, request) = (record.key.clone(), record.request.clone());
                b.remember(0, key, request, (record.outcome, at(0).1));
            },
            "used a key twice",
        ),
        (
            "a transfer out of nowhere",
            |b| b.wallets[0].records.clear(),
            "no key made",
        ),
    ];
    for (what, plant, wanted) in plants {
        let core = core(2);
        sent(&core, order(0, pay(1, 7), Channel::Account, "k"), 0);
        assert!(core.proof().is_clean());
        plant(&mut core.books());
        let proof = core.proof();
        assert!(!proof.is_clean(), "{what}");
        assert!(
            proof.problems.iter().any(|p| p.contains(wanted)),
            "{what}: {proof:?}"
        );
    }
}

fn first(books: &mut Books) -> &mut books::Kept {
    books.transfers.values_mut().next().unwrap()
}

/// Something that a user, the clock or a fault does.
#[derive(Debug, Clone)]
enum Act {
    Send {
        from: usize,
        to: usize,
        amount: i64,
        channel: Channel,
        key: u8,
    },
    GiveBack {
        who: usize,
        transfer: u64,
        key: u8,
    },
    Pocket {
        who: usize,
        amount: i64,
        is_out: bool,
        key: u8,
    },
    Receive {
        who: usize,
        transfer: u64,
    },
    Cancel {
        who: usize,
        transfer: u64,
    },
    Wait {
        millis: u64,
    },
    Stick {
        is_stuck: bool,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let who = 0..3_usize;
    let transfer = 1..40_u64;
    let channel = prop_oneof![
        Just(Channel::Account),
        Just(Channel::Chat),
        Just(Channel::Payment(PaymentKind::Offline))
    ];
    let amount = prop_oneof![
        1..2_000_i64,
        -5..5_i64,
        Just(500_000),
        Just(500_001),
        Just(i64::MAX)
    ];
    let millis = prop_oneof![4 => 0..1_000_u64, 1 => Just(90_000_000)];
    prop_oneof![
        6 => (who.clone(), 0..4_usize, amount, channel, any::<u8>()).prop_map(
            |(from, to, amount, channel, key)| Act::Send { from, to, amount, channel, key }
        ),
        3 => (who.clone(), transfer.clone(), any::<u8>())
            .prop_map(|(who, transfer, key)| Act::GiveBack { who, transfer, key }),
        2 => (who.clone(), -1..2_000_i64, any::<bool>(), any::<u8>())
            .prop_map(|(who, amount, is_out, key)| Act::Pocket { who, amount, is_out, key }),
        2 => (who.clone(), transfer.clone())
            .prop_map(|(who, transfer)| Act::Receive { who, transfer }),
        1 => (who, transfer).prop_map(|(who, transfer)| Act::Cancel { who, transfer }),
        3 => millis.prop_map(|millis| Act::Wait { millis }),
        1 => any::<bool>().prop_map(|is_stuck| Act::Stick { is_stuck }),
    ]
}

proptest! {
    /// Transfers, duplicates, cancellations and faults in any order make and lose no won.
    #[test]
    fn no_won_is_made_or_lost(acts in prop::collection::vec(act(), 1..200)) {
        let core = core(3);
        let counts = Counts::default();
        let (mut time, mut is_stuck) = (0, false);
        let mut answers = std::collections::HashMap::new();
        for one in acts {
            let order = match one {
                Act::Send { from, to, amount, channel, key } => {
                    order(from, pay(to, amount), channel, &key.to_string())
                }
                Act::GiveBack { who, transfer, key } => {
                    let wish = Wish::GiveBack { transfer: format!("t-{transfer}") };
                    order(who, wish, Channel::Account, &key.to_string())
                }
                Act::Pocket { who, amount, is_out, key } => {
                    let channel = if is_out { Channel::OutOfPocket } else { Channel::IntoPocket };
                    order(who, Wish::Pocket { amount }, channel, &key.to_string())
                }
                Act::Receive { who, transfer } => {
                    let _ = core.receive(who, &format!("t-{transfer}"), at(time).1);
                    continue;
                }
                Act::Cancel { who, transfer } => {
                    let _ = core.cancel(who, &format!("t-{transfer}"));
                    continue;
                }
                Act::Wait { millis } => {
                    time += millis;
                    core.settle_due(at(time), |_, _| is_stuck, &counts);
                    prop_assert!(core.proof().is_clean(), "{:?}", core.proof());
                    continue;
                }
                Act::Stick { is_stuck: now } => {
                    is_stuck = now;
                    continue;
                }
            };
            let asked = (order.from, order.idempotency_key.clone());
            let request = Request::of(&order);
            let outcome = match core.send(order, at(time), &counts) {
                Sent::New(t) | Sent::Before(t) => Ok(t.id),
                Sent::Refused(refused) => Err(refused),
                Sent::Conflict => {
                    let first: &(Request, _) = &answers[&asked];
                    prop_assert!(first.0 != request, "the same request conflicts with itself");
                    continue;
                }
            };
            // Keys are forgotten after a day only: until then the same request has one answer.
            if time < 80_000_000 {
                let answer = answers.entry(asked).or_insert_with(|| (request, outcome.clone()));
                prop_assert_eq!(&answer.1, &outcome);
            } else {
                answers.insert(asked, (request, outcome));
            }
            prop_assert!(core.proof().is_clean(), "{:?}", core.proof());
        }
        core.settle_due(at(time + 1_000), |_, _| false, &counts);
        let proof = core.proof();
        prop_assert!(proof.is_clean(), "{:?}", proof);
        let waiting = core.open(at(time).1).into_iter().filter(|t| t.state == "waiting");
        prop_assert_eq!(proof.held, waiting.map(|t| t.amount).sum::<u64>());
    }
}
