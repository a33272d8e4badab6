//! Balance, pocket, payments to merchants, money in a chat at `pay`, and the bank: good requests,
//! bad ones, and faults.

use bongsu_superapp::{Platform, TestAccount};
use serde_json::{Value, json};

use super::client::{Client, SEOUL, User, account, answer, broken, frame, platform, until};

/// Alice, and a shop that shows its key.
struct Shop {
    client: Client,
    alice: User,
    key: String,
}

fn key(shop: &TestAccount) -> String {
    format!("SECRET_KEY {}:{}", shop.login, shop.password.expose())
}

impl Shop {
    async fn new(platform: &Platform) -> Self {
        let client = Client::new(platform, SEOUL);
        Self {
            alice: client
                .sign_in(&account(platform, "pay-users", 0), "r")
                .await,
            key: key(&account(platform, "merchants", 0)),
            client,
        }
    }

    /// What the shop asks, with a body or, without one, by GET.
    async fn asks(&self, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = self.client.url(path);
        let http = &self.client.http;
        let request = match body {
            Some(body) => http.post(url).json(&body),
            None => http.get(url),
        };
        answer(request.header("authorization", &self.key))
            .await
            .unwrap()
    }

    async fn alice_posts(&self, path: &str, body: Value) -> (u16, Value) {
        let posted = self.client.post(&self.alice, path, Some(path), &body);
        posted.await.unwrap()
    }

    async fn reaches(&self, path: &str, state: &str) {
        until(async || self.asks(path, None).await.1["state"] == state).await;
    }

    async fn barcode(&self, area: &str) -> Value {
        let path = format!("pay/v1/{area}/barcodes");
        let (status, made) = self.alice_posts(&path, json!({})).await;
        assert_eq!(status, 201, "{made}");
        made["code"].clone()
    }
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (
        answer.0,
        answer.1["error"]["code"].as_str().unwrap_or_default(),
    )
}

fn assert_clean(platform: &Platform) {
    let audit = platform.audit();
    assert!(audit.money.is_clean(), "{audit:?}");
    assert!(audit.bank_money.is_clean(), "{audit:?}");
}

#[tokio::test]
async fn a_pocket_keeps_money_apart_and_the_entries_say_so() {
    let platform = platform().await;
    let shop = Shop::new(&platform).await;
    let summary = async || {
        shop.client
            .get(&shop.alice, "pay/v1/summary")
            .await
            .unwrap()
            .1
    };
    let before = summary().await;
    let pocket = async |key: &str, amount: i64| {
        let body = json!({ "amount": amount, "note": key });
        let moved = shop
            .client
            .post(&shop.alice, "pay/v1/pocket", Some(key), &body);
        moved.await.unwrap()
    };
    assert_eq!(pocket("in", 5).await.0, 201);
    assert_eq!(pocket("in", 5).await.0, 200);
    assert_eq!(code(&pocket("in", 6).await), (409, "idempotency_conflicts"));
    until(async || summary().await["pocket"] == 5).await;
    assert_eq!(platform.audit().transfers_open[0].state, "pocketed");
    let now = summary().await;
    let available = before["available"].as_i64().unwrap();
    assert_eq!(now["available"], available - 5);
    assert_eq!(now["entries"][0]["amount"], -5);
    assert_eq!(now["entries"][0]["balance"], available - 5);
    assert_eq!(now["entries"][0]["note"], "in");
    for (key, amount, refused) in [
        ("a", -6, "pocket_empty"),
        ("b", 0, "bad_amount"),
        ("c", 500_001, "amount_too_large"),
        ("d", i64::MIN, "amount_too_large"),
    ] {
        assert_eq!(code(&pocket(key, amount).await), (422, refused), "{amount}");
    }
    assert_eq!(pocket("out", -5).await.0, 201);
    until(async || summary().await["available"] == available).await;
    assert!(platform.audit().transfers_open.is_empty());
    assert_clean(&platform);
}

#[tokio::test]
async fn an_order_is_approved_confirmed_told_and_refunded() {
    let platform = platform().await;
    let shop = Shop::new(&platform).await;
    let order = json!({ "amount": 7, "client_ref": "r" });
    let (status, made) = shop.asks("pay/v1/online/payments", Some(order)).await;
    assert_eq!((status, &made["state"]), (201, &json!("ready")));
    let one = format!("pay/v1/online/payments/{}", made["id"].as_str().unwrap());
    let early = shop
        .asks(
            &format!("{one}/confirm"),
            Some(json!({ "approval": "a-x" })),
        )
        .await;
    assert_eq!(code(&early), (409, "not_now"));
    let (status, approved) = shop.alice_posts(&format!("{one}/approve"), json!({})).await;
    assert_eq!((status, &approved["state"]), (200, &json!("approved")));
    assert_eq!(platform.audit().transfers_open[0].state, "waiting");
    let approval = json!({ "approval": approved["approval"] });
    assert_eq!(
        shop.asks(&format!("{one}/confirm"), Some(approval)).await.0,
        200
    );
    shop.reaches(&one, "paid").await;
    let told = shop.asks(&format!("{one}/webhooks"), None).await.1;
    assert_eq!(told["items"][0]["event"], "payment.paid");
    shop.asks(&format!("{one}/refund"), Some(json!({}))).await;
    shop.reaches(&one, "refunded").await;
    let told = shop.asks(&format!("{one}/webhooks"), None).await.1;
    assert_eq!(told["items"][1]["event"], "payment.refunded");
    let found = shop
        .asks("pay/v1/online/payments?client_ref=r", None)
        .await
        .1;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert!(platform.audit().transfers_open.is_empty());
    assert_clean(&platform);
}

#[tokio::test]
async fn tills_at_home_and_abroad_take_money_by_bar_code_and_rides_by_card() {
    let platform = platform().await;
    let shop = Shop::new(&platform).await;
    let stored = shop
        .alice_posts("pay/v1/rides/cards", json!({ "client_ref": "c" }))
        .await;
    assert_eq!(platform.audit().cards_stored, ["c"]);
    let payments = [
        (
            "pos",
            json!({ "amount": 3, "barcode": shop.barcode("pos").await }),
            3,
        ),
        (
            "overseas",
            json!({ "amount": 2, "currency": "USD", "barcode": shop.barcode("overseas").await }),
            2_860,
        ),
        ("rides", json!({ "amount": 4, "card": stored.1["card"] }), 4),
    ];
    for (area, mut body, won) in payments {
        body["client_ref"] = area.into();
        let path = format!("pay/v1/{area}/payments");
        let (status, made) = shop.asks(&path, Some(body)).await;
        assert_eq!(
            (status, &made["amount"]),
            (201, &json!(won)),
            "{area}: {made}"
        );
        let one = format!("{path}/{}", made["id"].as_str().unwrap());
        shop.reaches(&one, "paid").await;
        shop.asks(&format!("{one}/refund"), Some(json!({}))).await;
        shop.reaches(&one, "refunded").await;
    }
    let url = shop.client.url("pay/v1/rides/cards?client_ref=c");
    let forget = shop.client.http.delete(url).bearer_auth(&shop.alice.token);
    assert_eq!(answer(forget).await.unwrap().0, 204);
    let audit = platform.audit();
    assert!(
        audit.transfers_open.is_empty() && audit.cards_stored.is_empty(),
        "{audit:?}"
    );
    assert_clean(&platform);
}

#[tokio::test]
async fn wrong_payments_are_refused_with_a_code_and_move_nothing() {
    let platform = platform().await;
    let shop = Shop::new(&platform).await;
    let code_ = shop.barcode("pos").await;
    let cases = [
        (
            "online",
            json!({ "amount": 0, "client_ref": "a" }),
            422,
            "bad_amount",
        ),
        (
            "online",
            json!({ "amount": 1, "client_ref": "" }),
            400,
            "bad_client_ref",
        ),
        ("online", json!({ "amount": 1 }), 400, "malformed"),
        (
            "online",
            json!({ "amount": 1, "client_ref": "a", "barcode": "1" }),
            400,
            "malformed",
        ),
        (
            "pos",
            json!({ "amount": 1, "client_ref": "a" }),
            400,
            "malformed",
        ),
        (
            "pos",
            json!({ "amount": 1, "client_ref": "a", "barcode": "1" }),
            422,
            "bad_barcode",
        ),
        (
            "pos",
            json!({ "amount": 1, "client_ref": "a", "barcode": code_, "currency": "JPY" }),
            422,
            "bad_currency",
        ),
        (
            "overseas",
            json!({ "amount": 1, "client_ref": "a", "barcode": "1" }),
            422,
            "bad_currency",
        ),
        (
            "overseas",
            json!({ "amount": 1, "client_ref": "a", "barcode": "1", "currency": "XXX" }),
            422,
            "bad_currency",
        ),
        (
            "overseas",
            json!({ "amount": -1, "client_ref": "a", "barcode": "1", "currency": "JPY" }),
            422,
            "bad_amount",
        ),
        (
            "rides",
            json!({ "amount": 1, "client_ref": "a", "card": "x" }),
            404,
            "no_such_card",
        ),
    ];
    for (area, body, status, wanted) in cases {
        let path = format!("pay/v1/{area}/payments");
        let told = shop.asks(&path, Some(body.clone())).await;
        assert_eq!(code(&told), (status, wanted), "{area} {body}");
    }
    for (path, status) in [
        ("pay/v1/online/payments/p-9", 404),
        ("pay/v1/online/payments/x/approve", 405),
        ("pay/v1/online/barcodes", 405),
        ("pay/v1/elsewhere/payments", 404),
    ] {
        assert_eq!(shop.asks(path, None).await.0, status, "{path}");
    }
    let stranger = Shop {
        key: "SECRET_KEY merchants-001:guess".to_owned(),
        ..Shop::new(&platform).await
    };
    let told = stranger.asks("pay/v1/online/payments", None).await;
    assert_eq!(code(&told), (401, "no_merchant"));
    assert!(platform.audit().transfers_open.is_empty());
    assert_clean(&platform);
}

#[tokio::test]
async fn the_banks_of_others_hold_up_payments_and_nothing_at_home() {
    let platform = platform().await;
    let shop = Shop::new(&platform).await;
    let barcode = shop.barcode("pos").await;
    broken(&platform, "bank-network:lost-delivery").await;
    let body = json!({ "amount": 3, "client_ref": "r", "barcode": barcode });
    let made = shop.asks("pay/v1/pos/payments", Some(body)).await.1;
    let one = format!("pay/v1/pos/payments/{}", made["id"].as_str().unwrap());
    let body = json!({ "amount": 1, "note": "n" });
    shop.client
        .post(&shop.alice, "pay/v1/pocket", Some("k"), &body)
        .await
        .unwrap();
    until(async || {
        let summary = shop
            .client
            .get(&shop.alice, "pay/v1/summary")
            .await
            .unwrap();
        summary.1["pocket"] == 1
    })
    .await;
    assert_eq!(shop.asks(&one, None).await.1["state"], "confirming");
    let refund = shop.asks(&format!("{one}/refund"), Some(json!({}))).await;
    assert_eq!(code(&refund), (409, "not_reversible"));
    platform.mend_all();
    shop.reaches(&one, "paid").await;
    assert_clean(&platform);
}

#[tokio::test]
async fn money_of_a_chat_is_sent_and_taken_in_the_app_of_pay() {
    let platform = platform().await;
    let shop = Shop::new(&platform).await;
    let client = &shop.client;
    let bob = client
        .sign_in(&account(&platform, "pay-users", 1), "r")
        .await;
    let mut inbox = client.listen_to(&bob, "pay/v1/talk/stream").await;
    let send = async |key: &str| {
        let body = json!({ "to": bob.user_id, "amount": 3, "client_ref": key });
        let sent = client.post(&shop.alice, "pay/v1/talk/transfers", Some(key), &body);
        sent.await.unwrap()
    };
    let (status, sent) = send("a").await;
    assert_eq!((status, &sent["state"]), (201, &json!("waiting")));
    let card = frame(&mut inbox).await.unwrap();
    assert_eq!(card["transfer"]["id"], sent["id"]);
    let one = format!("pay/v1/talk/transfers/{}", sent["id"].as_str().unwrap());
    let (take, nothing) = (format!("{one}/receive"), json!({}));
    let taken = client.post(&bob, &take, None, &nothing).await.unwrap();
    assert_eq!(taken.0, 200);
    // What breaks the chat's own feature does not reach the app of pay, and the other way round.
    broken(&platform, "talk.transfer.in-chat:error").await;
    assert_eq!(send("b").await.0, 201);
    broken(&platform, "pay.transfer.in-talk:error").await;
    assert_eq!(send("c").await.0, 503);
    assert_clean(&platform);
}

#[tokio::test]
async fn the_bank_knows_its_customers_by_itself_and_moves_their_money() {
    let platform = platform().await;
    let client = Client::new(&platform, SEOUL);
    let customer = account(&platform, "bank-users", 0);
    // Nothing of the platform is needed: its accounts and wallets may be gone.
    broken(&platform, "account:refuse").await;
    broken(&platform, "pay-core:refuse").await;
    let sign_in = async |login: &str, password: &str| {
        let body = json!({ "login": login, "password": password, "client_ref": "r" });
        let request = client.http.post(client.url("bank/v1/sessions")).json(&body);
        answer(request).await.unwrap()
    };
    assert_eq!(sign_in(&customer.login, "guess").await.0, 401);
    assert_eq!(sign_in("login-users-001", "guess").await.0, 401);
    let (status, session) = sign_in(&customer.login, customer.password.expose()).await;
    assert_eq!(status, 201);
    let user = User {
        user_id: customer.user_id.clone(),
        token: session["token"].as_str().unwrap().to_owned(),
    };
    let accounts = async || client.get(&user, "bank/v1/accounts").await.unwrap().1;
    let before = accounts().await;
    let savings = before["accounts"][1]["balance"].as_u64().unwrap();
    let transfer = async |key: &str, body: Value| {
        let sent = client.post(&user, "bank/v1/transfers", Some(key), &body);
        sent.await.unwrap()
    };
    let cases = [
        (
            json!({ "from": "main", "to": "main", "amount": 1 }),
            422,
            "own_account",
        ),
        (
            json!({ "from": "main", "to": "x", "amount": 1 }),
            404,
            "no_such_payee",
        ),
        (json!({ "from": "main", "to": "savings" }), 400, "malformed"),
        (
            json!({ "from": "main", "to": "savings", "amount": -1 }),
            422,
            "bad_amount",
        ),
        (json!({ "reverses": "t-9" }), 404, "no_such_transfer"),
    ];
    for (n, (body, status, wanted)) in cases.into_iter().enumerate() {
        let told = transfer(&n.to_string(), body.clone()).await;
        assert_eq!(code(&told), (status, wanted), "{body}");
    }
    let (status, sent) =
        transfer("k", json!({ "from": "main", "to": "savings", "amount": 5 })).await;
    assert_eq!(status, 201, "{sent}");
    until(async || accounts().await["accounts"][1]["balance"] == savings + 5).await;
    assert_eq!(platform.audit().bank_transfers_open.len(), 1);
    assert_eq!(
        transfer("back", json!({ "reverses": sent["id"] })).await.0,
        201
    );
    until(async || platform.audit().bank_transfers_open.is_empty()).await;
    assert_eq!(accounts().await["accounts"][1]["balance"], savings);
    assert_eq!(platform.audit().sessions_open.len(), 1);
    // A session of the bank is none of the platform's.
    platform.mend_all();
    platform.settle().await;
    assert_eq!(client.get(&user, "pay/v1/summary").await.unwrap().0, 401);
    assert_clean(&platform);
}
