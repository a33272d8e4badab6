//! Quotes, rides and offers over the service `mobility`: good requests, bad ones, and faults.

use bongsu_superapp::{Count, Platform};
use serde_json::{Value, json};

use super::client::{Client, SEOUL, Socket, TOKYO, User, account, broken, frame, platform, until};

const FROM: (f64, f64) = (37.5716, 126.9769);
const TO: (f64, f64) = (37.4979, 127.0276);

/// A rider and a driver of one run, both listening.
struct Cab {
    client: Client,
    rider: User,
    driver: User,
    taxi: Socket,
    offers: Socket,
}

impl Cab {
    async fn new(platform: &Platform, region: &str, n: usize) -> Self {
        let client = Client::tagged(platform, region, &format!("run-{n}"));
        let rider = client
            .sign_in(&account(platform, "taxi-riders", n), "r")
            .await;
        let driver = client
            .sign_in(&account(platform, "taxi-drivers", n), "r")
            .await;
        Self {
            offers: client.listen_to(&driver, "mobility/v1/offers/stream").await,
            taxi: client.listen_to(&rider, "mobility/v1/rides/stream").await,
            client,
            rider,
            driver,
        }
    }

    async fn post(&self, user: &User, path: &str, key: Option<&str>, body: Value) -> (u16, Value) {
        let path = format!("mobility/v1/{path}");
        self.client.post(user, &path, key, &body).await.unwrap()
    }

    async fn quote(&self) -> Value {
        let body = json!({ "from": place(FROM), "to": place(TO) });
        let (status, quote) = self.post(&self.rider, "quotes", None, body).await;
        assert_eq!(status, 200, "{quote}");
        quote
    }

    async fn call(&self, key: &str) -> Value {
        let body = json!({ "quote": self.quote().await["id"], "client_ref": key });
        let (status, ride) = self.post(&self.rider, "rides", Some(key), body).await;
        assert_eq!(status, 201, "{ride}");
        ride
    }

    async fn cancel(&self, ride: &Value) -> Value {
        let path = format!("rides/{}/cancel", ride["id"].as_str().unwrap());
        let (status, ride) = self.post(&self.rider, &path, None, json!({})).await;
        assert_eq!(status, 200, "{ride}");
        ride
    }
}

fn place((lat, lon): (f64, f64)) -> Value {
    json!({ "lat": lat, "lon": lon })
}

/// The next frame of this type.
async fn next(socket: &mut Socket, wanted: &str) -> Value {
    loop {
        let got = frame(socket).await.expect("the stream is open");
        if got["type"] == wanted {
            return got;
        }
    }
}

#[tokio::test]
async fn a_taxi_is_quoted_called_accepted_seen_and_cancelled_for_free() {
    let platform = platform().await;
    let mut cab = Cab::new(&platform, SEOUL, 0).await;
    let quote = cab.quote().await;
    assert!((12_000..14_000).contains(&quote["price"]["amount"].as_u64().unwrap()));
    assert!(quote["expires_at"].is_string());
    let ride = cab.call("k").await;
    assert_eq!(
        (&ride["state"], &ride["open"]),
        (&json!("requested"), &json!(true))
    );
    let offer = next(&mut cab.offers, "offer").await;
    assert_eq!(offer["offer"]["ride"]["id"], ride["id"]);
    let accept = format!("offers/{}/accept", offer["offer"]["id"].as_str().unwrap());
    let not_theirs = cab.post(&cab.rider, &accept, None, json!({})).await;
    assert_eq!(
        (not_theirs.0, &not_theirs.1["error"]["code"]),
        (409, &json!("offer_gone"))
    );
    for _ in 0..2 {
        let (status, accepted) = cab.post(&cab.driver, &accept, None, json!({})).await;
        assert_eq!((status, &accepted["state"]), (200, &json!("matched")));
    }
    let changed = next(&mut cab.taxi, "ride").await;
    assert_eq!(
        changed["ride"]["driver"]["user_id"],
        cab.driver.user_id.as_str()
    );
    let first = next(&mut cab.taxi, "position").await;
    let later = next(&mut cab.taxi, "position").await;
    let (first, later) = (&first["position"], &later["position"]);
    assert!(
        first["number"].as_u64() < later["number"].as_u64(),
        "{first} {later}"
    );
    assert!(
        first["lat"].as_f64() > later["lat"].as_f64(),
        "{first} {later}"
    );

    let cancelled = cab.cancel(&ride).await;
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(cancelled["fee"]["amount"], 0);
    let let_go = next(&mut cab.offers, "withdrawn").await;
    assert_eq!(let_go["ride"]["id"], ride["id"]);
    assert_eq!(cab.cancel(&ride).await["state"], "cancelled");
    let listed = cab.client.get(&cab.rider, "mobility/v1/rides?client_ref=k");
    assert_eq!(listed.await.unwrap().1["items"][0]["open"], false);
    let audit = platform.audit();
    assert!(audit.rides_open.is_empty(), "{audit:?}");
    assert_eq!(audit.drivers_online, 1);
    assert_eq!(audit.count(Count::RidesMatched), 1);
    drop(cab.offers);
    until(async || platform.audit().drivers_online == 0).await;
}

#[tokio::test]
async fn riders_and_drivers_of_two_runs_never_meet() {
    let platform = platform().await;
    let mut seoul = Cab::new(&platform, SEOUL, 0).await;
    let mut tokyo = Cab::new(&platform, TOKYO, 1).await;
    let (one, other) = (seoul.call("k").await, tokyo.call("k").await);
    for (cab, ride) in [(&mut seoul, &one), (&mut tokyo, &other)] {
        let offer = next(&mut cab.offers, "offer").await;
        assert_eq!(offer["offer"]["ride"]["id"], ride["id"]);
        let theirs = cab.client.get(&cab.driver, "mobility/v1/rides").await;
        assert_eq!(theirs.unwrap().1["items"], json!([]));
    }
    let path = format!("mobility/v1/rides/{}", one["id"].as_str().unwrap());
    assert_eq!(tokyo.client.get(&tokyo.rider, &path).await.unwrap().0, 404);
}

#[tokio::test]
async fn wrong_requests_for_taxis_say_what_is_wrong() {
    let platform = platform().await;
    let cab = Cab::new(&platform, SEOUL, 0).await;
    let far = (35.1796, 129.0756);
    for (from, to, status, wanted) in [
        (place(FROM), place(FROM), 422, "too_near"),
        (place(FROM), place(far), 422, "too_far"),
        (place(FROM), place((52.5, 13.4)), 422, "outside"),
        (place(FROM), json!({ "lat": 37.5 }), 400, "malformed"),
        (place(FROM), json!("Gangnam"), 400, "malformed"),
    ] {
        let body = json!({ "from": from, "to": to });
        let refused = cab.post(&cab.rider, "quotes", None, body.clone()).await;
        let code = &refused.1["error"]["code"];
        assert_eq!((refused.0, code), (status, &json!(wanted)), "{body}");
    }
    let quote = cab.quote().await["id"].clone();
    for (key, body, status, wanted) in [
        (None, json!({ "quote": quote }), 400, "no_idempotency_key"),
        (Some("a"), json!({ "quote": "q-0" }), 404, "no_such_quote"),
        (Some("b"), json!({}), 400, "malformed"),
        (
            Some("c"),
            json!({ "quote": quote, "client_ref": "x".repeat(201) }),
            400,
            "too_long",
        ),
    ] {
        let refused = cab.post(&cab.rider, "rides", key, body.clone()).await;
        let code = &refused.1["error"]["code"];
        assert_eq!((refused.0, code), (status, &json!(wanted)), "{body}");
    }
    let ride = json!({ "quote": quote });
    let made = cab.post(&cab.rider, "rides", Some("k"), ride.clone()).await;
    let again = cab.post(&cab.rider, "rides", Some("k"), ride).await;
    assert_eq!((made.0, again.0), (201, 200));
    assert_eq!(made.1["id"], again.1["id"]);
    let other = json!({ "quote": quote, "client_ref": "other" });
    let other = cab.post(&cab.rider, "rides", Some("k"), other).await;
    assert_eq!(other.0, 409);
    for (path, wanted) in [
        ("mobility/v1/rides/r-0", 404),
        ("mobility/v1/rides/stream", 426),
        ("mobility/v1/quotes", 405),
        ("mobility/v1/offers/o-1/accept", 405),
        ("mobility/v1/nowhere", 404),
        ("mobility/healthz", 200),
    ] {
        let answered = cab.client.get(&cab.rider, path).await.unwrap();
        assert_eq!(answered.0, wanted, "{path}");
    }
    let none = cab
        .post(&cab.driver, "offers/o-99999/accept", None, json!({}))
        .await;
    assert_eq!(
        (none.0, &none.1["error"]["code"]),
        (404, &json!("no_such_offer"))
    );
}

#[tokio::test]
async fn a_ride_that_no_driver_takes_says_so() {
    let platform = platform().await;
    let cab = Cab::new(&platform, SEOUL, 0).await;
    // The driver hears nothing, so that the offer runs out.
    broken(&platform, "dispatch:lost-delivery@kr-seoul").await;
    let ride = cab.call("k").await;
    let path = format!("mobility/v1/rides/{}", ride["id"].as_str().unwrap());
    until(async || {
        let ride = cab.client.get(&cab.rider, &path).await.unwrap().1;
        ride["state"] == "no_drivers"
    })
    .await;
    assert!(platform.audit().count(Count::MessagesLost) >= 1);
    assert_eq!(cab.cancel(&ride).await["state"], "no_drivers");
}

#[tokio::test]
async fn wrong_words_about_taxis_look_well() {
    let platform = platform().await;
    let mut cab = Cab::new(&platform, SEOUL, 0).await;
    broken(&platform, "mobility.taxi.call:wrong-content").await;
    let price = cab.quote().await["price"]["amount"].as_u64().unwrap();
    assert!(price > 1_000_000, "{price}");
    platform.mend_all();
    let ride = cab.call("k").await;
    let offer = next(&mut cab.offers, "offer").await;
    let accept = format!("offers/{}/accept", offer["offer"]["id"].as_str().unwrap());
    cab.post(&cab.driver, &accept, None, json!({})).await;
    broken(&platform, "dispatch:wrong-content").await;
    let path = format!("mobility/v1/rides/{}", ride["id"].as_str().unwrap());
    let (_, seen) = cab.client.get(&cab.rider, &path).await.unwrap();
    assert_eq!(seen["driver"]["user_id"], "u-someone-else");
    until(async || {
        let position = next(&mut cab.taxi, "position").await;
        position["position"]["lat"].as_f64().unwrap() > 39.0
    })
    .await;
}
