//! Maps, streets, buses, webtoons, music, parking, bikes and the apps of drivers: good requests, bad
//! ones, and faults.

use bongsu_superapp::{Facilities, Platform};
use serde_json::{Value, json};

use super::client::{Client, SEOUL, User, account, answer, broken, frame, platform, until};

struct Scene {
    platform: Platform,
    client: Client,
    user: User,
}

impl Scene {
    async fn new() -> Self {
        let platform = platform().await;
        let client = Client::new(&platform, SEOUL);
        let user = client.sign_in(&account(&platform, "movers", 0), "r").await;
        Self {
            platform,
            client,
            user,
        }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.client.get(&self.user, path).await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.client
            .post(&self.user, path, None, &body)
            .await
            .unwrap()
    }

    async fn text(&self, path: &str) -> (u16, String) {
        let request = self.client.http.get(self.client.url(path));
        let answer = request.bearer_auth(&self.user.token).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    fn assert_clean(&self) {
        let audit = self.platform.audit();
        assert!(audit.money.is_clean(), "{audit:?}");
        assert!(audit.transfers_open.is_empty(), "{audit:?}");
        assert!(
            audit.cars_parked.is_empty() && audit.bikes_out.is_empty(),
            "{audit:?}"
        );
    }
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (
        answer.0,
        answer.1["error"]["code"].as_str().unwrap_or_default(),
    )
}

#[tokio::test]
async fn wrong_requests_are_refused_with_a_code() {
    let scene = Scene::new().await;
    for (path, status, wanted) in [
        ("map/v1/places", 400, "incomplete"),
        ("map/v1/tiles/14/99999/1", 404, "no_such_tile"),
        ("map/v1/tiles/20/1/1", 404, "no_such_tile"),
        ("map/v1/tiles/14/x/1", 404, "no_such_tile"),
        ("map/v1/routes?from=37.5,127", 400, "incomplete"),
        ("map/v1/routes?from=37.5,127&to=52.5,13.4", 400, "bad_place"),
        ("map/v1/routes?from=37.5,127&to=37.5,127", 422, "too_near"),
        (
            "map/v1/transit/itineraries?from=37.5,127&to=37.6,127&depart=25:00",
            400,
            "bad_time",
        ),
        ("map/v1/transit/stops/nowhere/arrivals", 404, "no_such_stop"),
        ("map/v1/roadview?at=0,0", 400, "bad_place"),
        ("map/v1/roadview/pv-x/0", 404, "no_such_picture"),
        ("map/v1/roadview/pv-37572-126977/2", 404, "no_such_picture"),
        ("ent/v1/webtoons/nothing/episodes/1", 404, "no_such_episode"),
        ("ent/v1/webtoons/night-bus/episodes/4", 402, "not_free"),
        ("ent/v1/melon/search", 400, "incomplete"),
        ("ent/v1/melon/tracks/track-999", 404, "no_such_track"),
        ("cdn/v1/webtoons/night-bus/1/4", 404, "no_such_path"),
        ("cdn/v1/hls/track-001/master.m3u8", 403, "no_token"),
        (
            "cdn/v1/hls/track-001/128/seg-0.ts?token=1.x",
            403,
            "no_token",
        ),
        ("mobility/v1/parking/stays/none", 404, "no_such_car"),
        ("mobility/v1/kiosks/nowhere", 404, "no_such_kiosk"),
        ("mobility/v1/bike-rides/b-9", 404, "no_such_ride"),
        (
            "mobility/v1/drivers/taxi/test-offers/to-9/contact",
            404,
            "no_such_offer",
        ),
        ("mobility/v1/navi/traffic", 400, "incomplete"),
    ] {
        assert_eq!(code(&scene.get(path).await), (status, wanted), "{path}");
    }
    for (path, body, status, wanted) in [
        (
            "mobility/v1/parking/stays",
            json!({ "plate": "" }),
            400,
            "bad_plate",
        ),
        (
            "mobility/v1/parking/stays/none/pay",
            json!({}),
            404,
            "no_such_car",
        ),
        (
            "mobility/v1/bikes/0/unlock",
            json!({ "client_ref": "r" }),
            404,
            "no_such_bike",
        ),
        (
            "mobility/v1/bikes/x/unlock",
            json!({ "client_ref": "r" }),
            404,
            "no_such_bike",
        ),
        (
            "mobility/v1/bikes/1/unlock",
            json!({ "client_ref": "" }),
            400,
            "bad_client_ref",
        ),
        (
            "mobility/v1/drivers/taxi/test-offers",
            json!({ "client_ref": "r" }),
            409,
            "not_online",
        ),
        (
            "ent/v1/melon/streams",
            json!({ "track": "x" }),
            404,
            "no_such_track",
        ),
        ("map/v1/places", json!({}), 405, "method_not_allowed"),
        (
            "cdn/v1/hls/track-001/master.m3u8",
            json!({}),
            405,
            "method_not_allowed",
        ),
    ] {
        assert_eq!(
            code(&scene.post(path, body).await),
            (status, wanted),
            "{path}"
        );
    }
    scene.assert_clean();
}

#[tokio::test]
async fn a_car_parks_pays_and_leaves_in_the_app_and_at_the_gate() {
    let scene = Scene::new().await;
    for (base, card) in [
        ("mobility/v1/parking", json!({})),
        (
            "mobility/v1/kiosks/gwacheon-1",
            json!({ "card": scene.user.user_id }),
        ),
    ] {
        let stays = format!("{base}/stays");
        let plate = base.rsplit('/').next().unwrap();
        let one = format!("{stays}/{plate}");
        let enter = async || scene.post(&stays, json!({ "plate": plate })).await;
        assert_eq!(enter().await.0, 201);
        assert_eq!(enter().await.0, 201);
        assert_eq!(scene.platform.audit().cars_parked.len(), 1);
        let leave = format!("{one}/leave");
        let shut = scene.post(&leave, json!({ "gate_token": "g" })).await;
        assert_eq!(code(&shut), (409, "gate_stays_shut"));
        let (status, paid) = scene.post(&format!("{one}/pay"), card).await;
        assert_eq!((status, &paid["state"]), (200, &json!("paid")), "{paid}");
        let opened = scene
            .post(&leave, json!({ "gate_token": paid["gate_token"] }))
            .await;
        assert_eq!(opened.0, 200);
        until(async || scene.get(&one).await.1["state"] == "left").await;
        until(async || scene.get(&one).await.1["payment"]["state"] == "paid").await;
        let void = scene.post(&format!("{one}/void"), json!({})).await;
        assert_eq!((void.0, &void.1["state"]), (200, &json!("voided")));
        until(async || scene.platform.audit().transfers_open.is_empty()).await;
    }
    let no_card = scene.post(
        "mobility/v1/kiosks/gwacheon-1/stays/gwacheon-1/pay",
        json!({}),
    );
    assert_eq!(code(&no_card.await), (422, "bad_card"));
    scene.assert_clean();
}

#[tokio::test]
async fn a_machine_that_is_not_heard_of_says_so_by_its_age() {
    let scene = Scene::new().await;
    let beat =
        async || scene.get("mobility/v1/kiosks/gwacheon-1").await.1["heartbeat_unix"].clone();
    let fresh = beat().await.as_u64().unwrap();
    broken(&scene.platform, "parking-edge:wrong-content").await;
    assert!(beat().await.as_u64().unwrap() + 3_000 < fresh);
}

#[tokio::test]
async fn a_bike_is_unlocked_locked_and_its_ride_ends_with_one_payment() {
    let scene = Scene::new().await;
    let unlock = || scene.post("mobility/v1/bikes/7/unlock", json!({ "client_ref": "r" }));
    let (status, ride) = unlock().await;
    assert_eq!(status, 201, "{ride}");
    assert_eq!(unlock().await.0, 200);
    let one = format!("mobility/v1/bike-rides/{}", ride["id"].as_str().unwrap());
    let act = async |act: &str| scene.post(&format!("{one}/{act}"), json!({})).await;
    assert_eq!(code(&act("end").await), (409, "not_locked"));
    // The lock works while the ride cannot be ended: the fee runs on.
    broken(&scene.platform, "dispatch:error").await;
    assert_eq!(act("lock").await.0, 200);
    assert_eq!(act("end").await.0, 503);
    scene.platform.mend_all();
    until(async || scene.get(&one).await.1["lock"] == "closed").await;
    assert_eq!(scene.platform.audit().bikes_out.len(), 1);
    let (status, ended) = act("end").await;
    assert_eq!((status, &ended["state"]), (200, &json!("ended")), "{ended}");
    assert_eq!(act("end").await.1["payment"]["id"], ended["payment"]["id"]);
    until(async || scene.get(&one).await.1["payment"]["state"] == "paid").await;
    assert_eq!(scene.platform.audit().transfers_open.len(), 1);
    assert_eq!(act("void").await.0, 200);
    until(async || scene.platform.audit().transfers_open.is_empty()).await;
    let found = scene.get("mobility/v1/bike-rides?client_ref=r").await.1;
    assert_eq!(found["items"][0]["state"], "voided");
    scene.assert_clean();
}

#[tokio::test]
async fn drivers_get_the_offer_that_they_order_and_decline_it() {
    let scene = Scene::new().await;
    for kind in ["taxi", "chauffeur"] {
        let base = format!("mobility/v1/drivers/{kind}");
        let mut offers = scene
            .client
            .listen_to(&scene.user, &format!("{base}/stream"))
            .await;
        let order = json!({ "client_ref": kind });
        let (status, made) = scene.post(&format!("{base}/test-offers"), order).await;
        assert_eq!(status, 201);
        let offer = frame(&mut offers).await.unwrap();
        assert_eq!(offer["offer"]["id"], made["id"]);
        let one = format!("{base}/test-offers/{}", made["id"].as_str().unwrap());
        let contact = scene.get(&format!("{one}/contact")).await.1;
        assert_eq!(contact["rings"], scene.user.user_id.as_str());
        let declined = scene.post(&format!("{one}/decline"), json!({})).await;
        assert_eq!(declined.1["state"], "declined");
    }
}

#[tokio::test]
async fn without_a_map_the_home_screen_comes_late_and_says_so() {
    let scene = Scene::new().await;
    let home = async || scene.get("mobility/v1/app/home").await;
    assert_eq!(home().await.1["map"], "shown");
    broken(&scene.platform, "map-core:error").await;
    let (status, shown) = home().await;
    assert_eq!((status, &shown["map"]), (200, &json!("unavailable")));
}

#[tokio::test]
async fn music_plays_with_a_token_and_picks_fall_back_when_nothing_is_computed() {
    let scene = Scene::new().await;
    let (status, stream) = scene
        .post("ent/v1/melon/streams", json!({ "track": "track-007" }))
        .await;
    assert_eq!(status, 201, "{stream}");
    let token = stream["token"].as_str().unwrap();
    let (_, master) = scene
        .text(&format!("cdn{}", stream["master"].as_str().unwrap()))
        .await;
    assert!(
        master.starts_with("#EXTM3U") && master.contains("320/index.m3u8"),
        "{master}"
    );
    let (_, list) = scene
        .text(&format!(
            "cdn/v1/hls/track-007/128/index.m3u8?token={token}"
        ))
        .await;
    assert!(list.ends_with("#EXT-X-ENDLIST\n"), "{list}");
    let (status, segment) = scene
        .text(&format!("cdn/v1/hls/track-007/128/seg-0.ts?token={token}"))
        .await;
    assert_eq!((status, segment.len()), (200, 32_148));
    let other = scene
        .text(&format!("cdn/v1/hls/track-008/128/seg-0.ts?token={token}"))
        .await;
    assert_eq!(other.0, 403);
    let picks = async || scene.get("ent/v1/melon/picks").await.1["source"].clone();
    assert_eq!(picks().await, "personal");
    for kind in ["error", "refuse", "wrong-content"] {
        broken(&scene.platform, &format!("big-data:{kind}")).await;
        assert_eq!(picks().await, "generic", "{kind}");
        scene.platform.mend_all();
    }
}

#[tokio::test]
async fn without_power_hosts_are_gone_and_a_component_that_is_failed_over_is_back() {
    let scene = Scene::new().await;
    let acts = async |acts: &[&str]| {
        for act in acts {
            scene.platform.facility(act.parse().unwrap()).unwrap();
        }
        scene.platform.settle().await;
    };
    let street = async |n: u32| {
        let path = format!("map/v1/roadview/pv-37{n:03}-127000/0");
        scene
            .client
            .get(&scene.user, &path)
            .await
            .map(|answer| answer.0)
            .ok()
    };
    acts(&["dc-a:power-off"]).await;
    assert_eq!(street(0).await, None);
    let health = scene.client.http.get(scene.client.url("bank/healthz"));
    assert_eq!(answer(health).await.unwrap().0, 200);
    let kiosk = scene.get("mobility/v1/kiosks/gwacheon-1").await;
    assert_eq!(kiosk.0, 200, "the machine stands elsewhere");
    let bike = scene
        .post("mobility/v1/bikes/7/unlock", json!({ "client_ref": "r" }))
        .await;
    assert_eq!(bike.0, 503, "the dispatch is behind");

    acts(&[
        "map-core:fail-over",
        "media-store:fail-over",
        "big-data:fail-over",
    ])
    .await;
    let mut found = 0;
    for n in 0..20 {
        match street(n).await {
            Some(200) => found += 1,
            other => assert_eq!(other, Some(404), "{n}"),
        }
    }
    assert!((1..20).contains(&found), "{found} of 20 streets are copied");
    let picks = scene.get("ent/v1/melon/picks").await.1;
    assert_eq!(picks["source"], "generic");
    let back = scene.platform.arrange(&Facilities::default());
    assert_eq!(back.len(), 4, "power, and three components: {back:?}");
    scene.platform.settle().await;
    for n in 0..20 {
        assert_eq!(street(n).await, Some(200));
    }
    scene.assert_clean();
}

#[tokio::test]
async fn the_admin_api_takes_and_gives_power() {
    let scene = Scene::new().await;
    let url = format!("http://{}/admin/facilities", scene.platform.admin());
    let http = reqwest::Client::new();
    let post = async |act: &str| {
        let request = http.post(&url).json(&json!({ "act": act }));
        answer(request).await.unwrap()
    };
    let (status, state) = post("dc-a:power-off").await;
    assert_eq!(status, 200);
    assert_eq!(
        state["facilities"][0],
        json!({ "name": "dc-a", "power": false })
    );
    let standing = |state: &Value, name: &str| {
        let all = state["components"].as_array().unwrap();
        let one = all.iter().find(|one| one["name"] == name).unwrap();
        one["standing"].clone()
    };
    assert_eq!(standing(&state, "relay"), "gone");
    assert_eq!(standing(&state, "bank-core"), "whole");
    let (_, state) = post("relay:fail-over").await;
    assert_eq!(standing(&state, "relay"), "standing-by");
    for (act, wanted) in [
        ("dc-a:burn", "is no act"),
        ("bank-core:fail-over", "no place in dc-b"),
    ] {
        let (status, told) = post(act).await;
        let message = told["error"]["message"].as_str().unwrap();
        assert!(
            status == 400 && message.contains(wanted),
            "{act}: {message}"
        );
    }
    let (_, state) = answer(http.get(&url)).await.unwrap();
    assert_eq!(standing(&state, "cache"), "gone");
}
