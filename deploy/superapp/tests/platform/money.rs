//! Wallets and transfers over the services `pay` and `talk`: good requests, bad ones, and faults.

use bongsu_superapp::{Count, Platform};
use serde_json::{Value, json};

use super::client::{Client, SEOUL, TOKYO, User, account, answer, broken, frame, platform, until};

/// Alice and Bob of one region, each with a wallet.
struct Purse {
    client: Client,
    alice: User,
    bob: User,
}

impl Purse {
    async fn new(platform: &Platform, region: &str, first: usize) -> Self {
        let client = Client::new(platform, region);
        let alice = account(platform, "wallet-users", first);
        let bob = account(platform, "wallet-users", first + 1);
        Self {
            alice: client.sign_in(&alice, "r").await,
            bob: client.sign_in(&bob, "r").await,
            client,
        }
    }

    async fn get(&self, user: &User, path: &str) -> (u16, Value) {
        self.client.get(user, path).await.unwrap()
    }

    async fn available(&self, user: &User) -> u64 {
        let (_, wallet) = self.get(user, "pay/v1/wallet").await;
        wallet["available"].as_u64().unwrap()
    }

    async fn send(&self, key: &str, body: Value) -> (u16, Value) {
        let sent = self
            .client
            .post(&self.alice, "pay/v1/transfers", Some(key), &body);
        sent.await.unwrap()
    }

    async fn number(&self, user: &User) -> Value {
        self.get(user, "pay/v1/wallet").await.1["account_number"].clone()
    }

    /// Waits until a transfer that `user` knows has the state.
    async fn reaches(&self, user: &User, path: &str, state: &str) {
        until(async || self.get(user, path).await.1["state"] == state).await;
    }
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    let code = answer.1["error"]["code"].as_str();
    (answer.0, code.unwrap_or_default())
}

#[tokio::test]
async fn money_goes_to_an_account_once_and_comes_back() {
    let platform = platform().await;
    let purse = Purse::new(&platform, SEOUL, 0).await;
    let number = purse.number(&purse.bob).await;
    let whose = format!("pay/v1/payees?account={}", number.as_str().unwrap());
    let (_, payee) = purse.get(&purse.alice, &whose).await;
    assert_eq!(payee["user_id"], purse.bob.user_id.as_str());

    let before = (
        purse.available(&purse.alice).await,
        purse.available(&purse.bob).await,
    );
    let body = json!({ "to_account": number, "amount": 1200, "note": "for lunch" });
    let (status, made) = purse.send("k", body.clone()).await;
    assert_eq!((status, &made["state"]), (201, &json!("accepted")));
    let one = format!("pay/v1/transfers/{}", made["id"].as_str().unwrap());
    purse.reaches(&purse.bob, &one, "settled").await;
    let (status, again) = purse.send("k", body).await;
    assert_eq!((status, &again["id"]), (200, &made["id"]));
    let other = purse
        .send("k", json!({ "to_account": number, "amount": 1 }))
        .await;
    assert_eq!(code(&other), (409, "idempotency_conflicts"));
    assert_eq!(purse.available(&purse.alice).await, before.0 - 1200);
    assert_eq!(purse.available(&purse.bob).await, before.1 + 1200);

    let found = purse.get(
        &purse.alice,
        "pay/v1/transfers?note=for%20lunch&state=settled",
    );
    assert_eq!(found.await.1["items"][0]["id"], made["id"]);
    let none = purse.get(
        &purse.alice,
        "pay/v1/transfers?note=for%20lunch&state=rejected",
    );
    assert_eq!(none.await.1["items"], json!([]));
    assert_eq!(platform.audit().transfers_open.len(), 1);

    let back = json!({ "reverses": made["id"] });
    let back = purse
        .client
        .post(&purse.bob, "pay/v1/transfers", Some("back"), &back);
    assert_eq!(back.await.unwrap().0, 201);
    purse.reaches(&purse.alice, &one, "reversed").await;
    assert_eq!(purse.available(&purse.alice).await, before.0);
    let audit = platform.audit();
    assert!(
        audit.money.is_clean() && audit.transfers_open.is_empty(),
        "{audit:?}"
    );
    assert_eq!(audit.count(Count::TransfersSettled), 2);
}

#[tokio::test]
async fn wrong_transfers_are_refused_with_a_code_and_move_nothing() {
    let platform = platform().await;
    let purse = Purse::new(&platform, SEOUL, 0).await;
    let (own, bobs) = (
        purse.number(&purse.alice).await,
        purse.number(&purse.bob).await,
    );
    let cases = [
        (
            json!({ "to_account": bobs, "amount": 0 }),
            422,
            "bad_amount",
        ),
        (
            json!({ "to_account": bobs, "amount": -5 }),
            422,
            "bad_amount",
        ),
        (
            json!({ "to_account": bobs, "amount": 1.5 }),
            400,
            "malformed",
        ),
        (
            json!({ "to_account": bobs, "amount": "5" }),
            400,
            "malformed",
        ),
        (
            json!({ "to_account": bobs, "amount": 1e30 }),
            400,
            "malformed",
        ),
        (
            json!({ "to_account": bobs, "amount": 500_001 }),
            422,
            "amount_too_large",
        ),
        (
            json!({ "to_account": own, "amount": 1 }),
            422,
            "own_account",
        ),
        (
            json!({ "to_account": "1015-999999", "amount": 1 }),
            404,
            "no_such_payee",
        ),
        (json!({ "to_account": bobs }), 400, "malformed"),
        (json!({ "amount": 1 }), 400, "malformed"),
        (
            json!({ "to_account": bobs, "amount": 1, "reverses": "t-1" }),
            400,
            "malformed",
        ),
        (
            json!({ "to_account": bobs, "amount": 1, "notes": "x" }),
            400,
            "malformed",
        ),
        (
            json!({ "to_account": bobs, "amount": 1, "note": "x".repeat(201) }),
            400,
            "too_long",
        ),
        (json!({ "reverses": "t-77" }), 404, "no_such_transfer"),
        (json!({ "reverses": "nonsense" }), 404, "no_such_transfer"),
    ];
    for (n, (body, status, wanted)) in cases.into_iter().enumerate() {
        let refused = purse.send(&n.to_string(), body.clone()).await;
        assert_eq!(code(&refused), (status, wanted), "{body}");
    }
    for n in 0..2 {
        let max = json!({ "to_account": bobs, "amount": 500_000 });
        assert_eq!(purse.send(&format!("max{n}"), max).await.0, 201);
    }
    let poor = purse
        .send("poor", json!({ "to_account": bobs, "amount": 1 }))
        .await;
    assert_eq!(code(&poor), (422, "insufficient_funds"));

    let keyless = json!({ "to_account": bobs, "amount": 1 });
    let keyless = purse
        .client
        .post(&purse.alice, "pay/v1/transfers", None, &keyless);
    assert_eq!(code(&keyless.await.unwrap()), (400, "no_idempotency_key"));
    let nobody = User {
        user_id: String::new(),
        token: "x".to_owned(),
    };
    for (user, path, wanted) in [
        (&nobody, "pay/v1/wallet", 401),
        (&nobody, "pay/v1/transfers", 401),
        (&purse.alice, "pay/v1/payees", 400),
        (&purse.alice, "pay/v1/payees?account=1", 404),
        (&purse.alice, "pay/v1/transfers/t-99", 404),
        (&purse.alice, "pay/v1/nowhere", 404),
        (&purse.alice, "pay/healthz", 200),
    ] {
        assert_eq!(purse.get(user, path).await.0, wanted, "{path}");
    }
    let put = purse.client.http.put(purse.client.url("pay/v1/wallet"));
    assert_eq!(answer(put).await.unwrap().0, 405);
    assert!(platform.audit().money.is_clean());
}

#[tokio::test]
async fn money_in_a_chat_shows_a_card_and_is_taken_or_taken_back() {
    let platform = platform().await;
    let purse = Purse::new(&platform, TOKYO, 0).await;
    let Purse { client, alice, bob } = &purse;
    let mut inbox = client.listen_to(bob, "talk/v1/stream?kind=transfer").await;
    let body = json!({ "to": bob.user_id, "amount": 300, "client_ref": "c1" });
    let sent = client.post(alice, "talk/v1/transfers", Some("k1"), &body);
    let (status, sent) = sent.await.unwrap();
    assert_eq!((status, &sent["state"]), (201, &json!("waiting")));
    let card = frame(&mut inbox).await.unwrap();
    assert_eq!(card["type"], "transfer");
    assert_eq!(card["transfer"]["amount"], 300);
    assert_eq!(card["transfer"]["client_ref"], "c1");
    let again = client.post(alice, "talk/v1/transfers", Some("k1"), &body);
    assert_eq!(again.await.unwrap(), (200, sent.clone()));
    let one = format!("talk/v1/transfers/{}", sent["id"].as_str().unwrap());
    let act = async |user: &User, act: &str, key: Option<&str>| {
        let path = format!("{one}/{act}");
        client.post(user, &path, key, &json!({})).await.unwrap()
    };
    assert_eq!(
        code(&act(alice, "receive", None).await),
        (409, "not_receivable")
    );
    assert_eq!(
        code(&act(bob, "cancel", None).await),
        (409, "not_cancellable")
    );
    assert_eq!(
        code(&act(bob, "return", Some("b")).await),
        (409, "not_reversible")
    );
    assert_eq!(act(bob, "receive", None).await.0, 200);
    assert_eq!(act(bob, "receive", None).await.0, 200);
    assert_eq!(
        code(&act(alice, "cancel", None).await),
        (409, "not_cancellable")
    );
    purse.reaches(alice, &one, "settled").await;
    assert_eq!(purse.available(bob).await, 1_000_300);
    assert_eq!(
        code(&act(bob, "return", None).await),
        (400, "no_idempotency_key")
    );
    assert_eq!(act(bob, "return", Some("back")).await.0, 201);
    assert_eq!(act(bob, "return", Some("back")).await.0, 200);
    purse.reaches(alice, &one, "reversed").await;

    let body = json!({ "to": bob.user_id, "amount": 300, "client_ref": "c2" });
    let second = client.post(alice, "talk/v1/transfers", Some("k2"), &body);
    let second = second.await.unwrap().1;
    let card = frame(&mut inbox).await.unwrap();
    assert_eq!(card["transfer"]["client_ref"], "c2", "the repeat was shown");
    let cancel = format!(
        "talk/v1/transfers/{}/cancel",
        second["id"].as_str().unwrap()
    );
    for _ in 0..2 {
        let cancelled = client.post(alice, &cancel, None, &json!({})).await;
        assert_eq!(cancelled.unwrap().1["state"], "cancelled");
    }
    assert_eq!(purse.available(alice).await, 1_000_000);
    let audit = platform.audit();
    assert!(
        audit.money.is_clean() && audit.transfers_open.is_empty(),
        "{audit:?}"
    );
    // What is of another service is not listed here.
    let listed = purse.get(alice, "pay/v1/transfers").await.1;
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn wrong_requests_for_money_in_chats_are_refused() {
    let platform = platform().await;
    let purse = Purse::new(&platform, SEOUL, 0).await;
    let Purse { client, alice, bob } = &purse;
    let send = async |key: Option<&str>, body: Value| {
        client
            .post(alice, "talk/v1/transfers", key, &body)
            .await
            .unwrap()
    };
    let to = &bob.user_id;
    for (n, (body, status, wanted)) in [
        (
            json!({ "to": "u-nobody", "amount": 1 }),
            404,
            "no_such_payee",
        ),
        (
            json!({ "to": alice.user_id, "amount": 1 }),
            422,
            "own_account",
        ),
        (json!({ "to": to, "amount": 0 }), 422, "bad_amount"),
        (json!({ "to": to }), 400, "malformed"),
        (
            json!({ "to": to, "amount": 1, "client_ref": "x".repeat(201) }),
            400,
            "too_long",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let refused = send(Some(&n.to_string()), body.clone()).await;
        assert_eq!(code(&refused), (status, wanted), "{body}");
    }
    let keyless = send(None, json!({ "to": to, "amount": 1 })).await;
    assert_eq!(code(&keyless), (400, "no_idempotency_key"));
    for (path, wanted) in [
        ("talk/v1/transfers/t-9", 404),
        ("talk/v1/transfers/t-9/steal", 404),
        ("talk/v1/transfers/t-9/cancel", 405),
        ("talk/v1/stream?kind=gossip", 400),
        ("talk/v1/wallet", 200),
    ] {
        assert_eq!(purse.get(alice, path).await.0, wanted, "{path}");
    }
    let path = "talk/v1/transfers/t-9/cancel";
    let missing = client.post(alice, path, None, &json!({})).await.unwrap();
    assert_eq!(code(&missing), (404, "no_such_transfer"));
    assert!(platform.audit().money.is_clean());
}

#[tokio::test]
async fn money_that_is_lost_on_its_way_is_held_and_settles_when_mended() {
    let platform = platform().await;
    let seoul = Purse::new(&platform, SEOUL, 0).await;
    let tokyo = Purse::new(&platform, TOKYO, 2).await;
    broken(&platform, "pay-core:lost-delivery@kr-seoul").await;
    let mut paths = Vec::new();
    for purse in [&seoul, &tokyo] {
        let number = purse.number(&purse.bob).await;
        let (_, made) = purse
            .send("k", json!({ "to_account": number, "amount": 1 }))
            .await;
        paths.push(format!("pay/v1/transfers/{}", made["id"].as_str().unwrap()));
    }
    tokyo.reaches(&tokyo.alice, &paths[1], "settled").await;
    let (_, stuck) = seoul.get(&seoul.alice, &paths[0]).await;
    assert_eq!(stuck["state"], "accepted");
    assert_eq!(platform.audit().money.held, 1);
    platform.mend_all();
    seoul.reaches(&seoul.alice, &paths[0], "settled").await;
    assert!(platform.audit().money.is_clean());
}

#[tokio::test]
async fn wrong_words_about_money_leave_the_books_alone() {
    let platform = platform().await;
    let purse = Purse::new(&platform, SEOUL, 0).await;
    let Purse { client, alice, bob } = &purse;
    let number = purse.number(bob).await;
    let mut inbox = client.listen_to(bob, "talk/v1/stream?kind=transfer").await;
    broken(&platform, "pay-core:wrong-content").await;
    let (_, wallet) = purse.get(alice, "pay/v1/wallet").await;
    assert_eq!(wallet["available"], 500_000);
    let (_, sent) = purse
        .send("k", json!({ "to_account": number, "amount": 1 }))
        .await;
    assert_eq!(sent["amount"], 1000);
    let behind = purse.get(alice, "talk/v1/wallet").await;
    assert_eq!(behind.0, 502);
    platform.mend_all();
    broken(&platform, "talk.transfer.in-chat:wrong-content").await;
    let body = json!({ "to": bob.user_id, "amount": 1 });
    let (status, _) = client
        .post(alice, "talk/v1/transfers", Some("c"), &body)
        .await
        .unwrap();
    assert_eq!(status, 201);
    assert_eq!(frame(&mut inbox).await.unwrap()["transfer"]["amount"], 1000);
    platform.mend_all();
    let (_, wallet) = purse.get(alice, "pay/v1/wallet").await;
    assert_eq!(wallet["available"], 999_998);
    assert!(platform.audit().money.is_clean());
}
