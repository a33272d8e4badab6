//! What must hold of payments: who pays what once, and how it goes back.

use std::time::Duration;

use bongsu_model::Timestamp;

use super::super::OPENING_WON;
use super::means::CARDS_PER_USER_MAX;
use super::*;

/// Alice, a shop, and their payments.
struct Scene {
    core: PayCore,
    payments: Payments,
    counts: Counts,
}

const ALICE: usize = 0;
const SHOP: usize = 1;

fn at(millis: u64) -> Now {
    let since = Duration::from_millis(millis);
    (Timestamp::EPOCH + since, Monotonic::from_origin(since))
}

fn asked(kind: PaymentKind, won: i64, reference: &str) -> Asked {
    Asked {
        kind,
        merchant: SHOP,
        won,
        foreign: None,
        reference: reference.to_owned(),
        region: RegionId::new("kr-seoul").unwrap(),
    }
}

impl Scene {
    fn new() -> Self {
        Self {
            core: PayCore::new("1015", ["u-a", "u-s"].map(str::to_owned).into_iter()),
            payments: Payments::default(),
            counts: Counts::default(),
        }
    }

    fn books(&self, millis: u64) -> (&PayCore, Now, &Counts) {
        let now = at(millis);
        self.core.settle_due(now, |_, _| false, &self.counts);
        (&self.core, now, &self.counts)
    }

    fn barcode(&self, millis: u64) -> String {
        let kind = PaymentKind::Offline;
        self.payments.barcode(ALICE, kind, at(millis).1).code
    }

    fn show(&self, code: &str, reference: &str, millis: u64) -> Result<Payment, PaymentRefused> {
        let asked = asked(PaymentKind::Offline, 7, reference);
        let paid = self
            .payments
            .charge_barcode(asked, code, self.books(millis));
        paid.map(|paid| match paid {
            Paid::New(payment) | Paid::Before(payment) => payment,
        })
    }

    fn state(&self, id: &str, millis: u64) -> PaymentState {
        let (core, ..) = self.books(millis);
        self.payments.get((id, SHOP), core).unwrap().state
    }

    fn available(&self, who: usize) -> u64 {
        self.core.wallet(who).unwrap().available
    }

    fn assert_clean(&self) {
        assert!(self.core.proof().is_clean(), "{:?}", self.core.proof());
        assert_eq!(self.payments.problems(&self.core), Vec::<String>::new());
    }
}

#[test]
fn an_order_is_approved_confirmed_paid_and_refunded_once() {
    let scene = Scene::new();
    let order = || asked(PaymentKind::Online, 7, "r");
    let Paid::New(made) = scene.payments.ask(order(), &scene.core).unwrap() else {
        panic!("it is new");
    };
    assert_eq!(
        scene.payments.ask(order(), &scene.core),
        Ok(Paid::Before(made.clone()))
    );
    let other = scene
        .payments
        .ask(asked(PaymentKind::Online, 8, "r"), &scene.core);
    assert_eq!(other, Err(PaymentRefused::Conflict));

    let id = made.id.as_str();
    let confirm = |approval: &str, millis| {
        let (core, now, _) = scene.books(millis);
        scene.payments.confirm((id, SHOP), approval, (core, now))
    };
    assert_eq!(confirm("", 0), Err(PaymentRefused::NotNow));
    let (approved, approval) = scene.payments.approve(id, ALICE, scene.books(0)).unwrap();
    assert_eq!(approved.state, PaymentState::Approved);
    let again = scene.payments.approve(id, ALICE, scene.books(1)).unwrap();
    assert_eq!(again.1, approval);
    let stranger = scene.payments.approve(id, SHOP, scene.books(1));
    assert_eq!(stranger, Err(PaymentRefused::NotNow));
    assert_eq!(confirm("another", 1), Err(PaymentRefused::NotNow));
    assert_eq!(scene.available(ALICE), OPENING_WON - 7);
    confirm(&approval, 1).unwrap();
    confirm(&approval, 2).unwrap();
    // What is on its way does not go back yet, and does later.
    let early = scene.payments.refund((id, SHOP), scene.books(3));
    let early = early.map(|payment| payment.state);
    assert_eq!(early, Err(PaymentRefused::Money(Refused::NotReversible)));
    assert_eq!(scene.state(id, 400), PaymentState::Paid);
    assert_eq!(scene.available(SHOP), OPENING_WON + 7);
    scene.assert_clean();

    for millis in [400, 401, 900] {
        scene
            .payments
            .refund((id, SHOP), scene.books(millis))
            .unwrap();
    }
    assert_eq!(scene.state(id, 900), PaymentState::Refunded);
    assert_eq!(scene.available(ALICE), OPENING_WON);
    scene.assert_clean();
    assert!(scene.core.open(at(900).1).is_empty());
}

#[test]
fn what_was_not_taken_is_let_go_and_expires_by_itself() {
    let scene = Scene::new();
    for (reference, waits) in [("a", 0), ("b", 30 * 60 * 1_000)] {
        let order = asked(PaymentKind::Online, 7, reference);
        let Paid::New(made) = scene.payments.ask(order, &scene.core).unwrap() else {
            panic!("it is new");
        };
        scene
            .payments
            .approve(&made.id, ALICE, scene.books(0))
            .unwrap();
        if waits == 0 {
            scene
                .payments
                .refund((&made.id, SHOP), scene.books(1))
                .unwrap();
        }
        assert_eq!(scene.state(&made.id, waits), PaymentState::Cancelled);
        assert_eq!(scene.available(ALICE), OPENING_WON);
    }
    scene.assert_clean();
}

#[test]
fn a_bar_code_pays_once_in_time_and_at_its_kind_of_till() {
    let scene = Scene::new();
    let code = scene.barcode(0);
    let paid = scene.show(&code, "a", 1).unwrap();
    assert_eq!(scene.show(&code, "a", 2).unwrap().id, paid.id);
    let bad = Err(PaymentRefused::BadBarcode);
    assert_eq!(scene.show(&code, "b", 2), bad);
    assert_eq!(scene.show("", "b", 2), bad);
    let late = scene.barcode(0);
    assert_eq!(scene.show(&late, "b", 180_000), bad);
    let abroad = asked(PaymentKind::Overseas, 7, "c");
    let code = scene.barcode(0);
    let abroad = scene.payments.charge_barcode(abroad, &code, scene.books(1));
    assert_eq!(abroad, Err(PaymentRefused::BadBarcode));
    assert_eq!(scene.state(&paid.id, 400), PaymentState::Paid);
    scene.assert_clean();
}

#[test]
fn who_cannot_pay_leaves_no_payment_behind() {
    let scene = Scene::new();
    for (won, refused) in [
        (0, Refused::BadAmount),
        (-1, Refused::BadAmount),
        (500_001, Refused::AmountTooLarge),
    ] {
        let asked = asked(PaymentKind::Parking, won, "r");
        let paid = scene.payments.charge(asked, ALICE, scene.books(0));
        assert_eq!(paid, Err(PaymentRefused::Money(refused)), "{won}");
    }
    let own = asked(PaymentKind::Parking, 1, "r");
    let own = scene.payments.charge(own, SHOP, scene.books(0));
    assert_eq!(own, Err(PaymentRefused::Money(Refused::OwnAccount)));
    let found = scene
        .payments
        .find((PaymentKind::Parking, SHOP), None, &scene.core);
    assert!(found.is_empty());
    scene.assert_clean();
}

#[test]
fn a_stored_card_pays_until_it_is_forgotten() {
    let scene = Scene::new();
    let card = scene.payments.store_card(ALICE, "r").unwrap();
    assert_eq!(scene.payments.store_card(ALICE, "r"), Ok(card.clone()));
    let charge = |reference: &str| {
        let asked = asked(PaymentKind::KakaoT, 1, reference);
        scene.payments.charge_card(asked, &card, scene.books(0))
    };
    assert!(charge("a").is_ok());
    for n in 1..CARDS_PER_USER_MAX {
        scene.payments.store_card(ALICE, &n.to_string()).unwrap();
    }
    let more = scene.payments.store_card(ALICE, "more");
    assert_eq!(more, Err(PaymentRefused::TooManyCards));
    scene.payments.forget_card(ALICE, "r");
    assert_eq!(charge("b"), Err(PaymentRefused::NoSuchCard));
    assert_eq!(scene.payments.cards_stored().len(), CARDS_PER_USER_MAX - 1);
}

#[test]
fn payments_of_one_merchant_are_bounded_and_the_proof_finds_a_wrong_one() {
    let scene = Scene::new();
    for n in 0..=PAYMENTS_PER_MERCHANT_MAX {
        let order = asked(PaymentKind::Online, 1, &n.to_string());
        scene.payments.ask(order, &scene.core).unwrap();
    }
    let kept = scene
        .payments
        .find((PaymentKind::Online, SHOP), None, &scene.core);
    assert_eq!(kept.len(), PAYMENTS_PER_MERCHANT_MAX);
    let busy = Scene::new();
    let charge = |n: usize| {
        let asked = asked(PaymentKind::Bike, 1, &n.to_string());
        busy.payments.charge(asked, ALICE, busy.books(0))
    };
    for n in 0..PAYMENTS_PER_MERCHANT_MAX {
        charge(n).unwrap();
    }
    // Money that is owed back is not forgotten for more of it.
    let full = Err(PaymentRefused::Money(Refused::TooManyOpen));
    assert_eq!(charge(PAYMENTS_PER_MERCHANT_MAX), full);

    let id = &kept[9].id;
    scene.payments.approve(id, ALICE, scene.books(0)).unwrap();
    scene.assert_clean();
    let mut state = scene.payments.state();
    let number = state.number(id).unwrap();
    state.kept.get_mut(&number).unwrap().won = 2;
    drop(state);
    assert_eq!(scene.payments.problems(&scene.core).len(), 1);
}
