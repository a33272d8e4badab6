//! What users make and end: wrong inputs, uploads, mail, phone and packets.

use bongsu_superapp::{Count, Platform};
use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio_tungstenite::tungstenite::Message;

use super::client::{Client, PATIENCE, SEOUL, User, account, answer, frame, platform};

/// Three users of one client.
struct Scene {
    client: Client,
    users: [User; 3],
}

impl Scene {
    async fn new(platform: &Platform) -> Self {
        let client = Client::new(platform, SEOUL);
        let sign_in = async |n| {
            client
                .sign_in(&account(platform, "talk-users", n), "r")
                .await
        };
        let users = [sign_in(0).await, sign_in(1).await, sign_in(2).await];
        Self { client, users }
    }

    async fn post(&self, who: usize, path: &str, key: Option<&str>, body: Value) -> (u16, Value) {
        self.client
            .post(&self.users[who], path, key, &body)
            .await
            .unwrap()
    }

    async fn made(&self, path: &str, body: Value) -> Value {
        let (status, made) = self.post(0, path, Some("made"), body).await;
        assert_eq!(status, 201, "{path}: {made}");
        made
    }

    async fn put(&self, path: &str, body: Vec<u8>) -> (u16, Value) {
        let request = self.client.http.put(self.client.url(path));
        answer(request.bearer_auth(&self.users[0].token).body(body))
            .await
            .unwrap()
    }

    async fn delete(&self, who: usize, path: &str) -> u16 {
        let request = self.client.http.delete(self.client.url(path));
        answer(request.bearer_auth(&self.users[who].token))
            .await
            .unwrap()
            .0
    }
}

#[tokio::test]
async fn wrong_inputs_are_refused_with_a_reason() {
    let platform = platform().await;
    let scene = Scene::new(&platform).await;
    let bob = scene.users[1].user_id.as_str();
    let long = "x".repeat(20_000);
    let cases = [
        ("talk/v1/rooms", json!({}), 400, "missing field"),
        (
            "talk/v1/rooms",
            json!({ "title": "t", "x": 1 }),
            400,
            "unknown field",
        ),
        (
            "talk/v1/rooms",
            json!({ "title": "" }),
            400,
            "1 to 200 bytes",
        ),
        (
            "talk/v1/rooms",
            json!({ "title": "t", "client_ref": 5 }),
            400,
            "client_ref",
        ),
        (
            "talk/v1/rooms",
            json!({ "title": "t", "members": ["u-x"] }),
            404,
            "user ids",
        ),
        (
            "talk/v1/rooms",
            json!({ "title": "t", "members": [bob, bob] }),
            400,
            "once",
        ),
        (
            "talk/v1/invitations",
            json!({ "with": bob, "invite": [bob] }),
            400,
            "once",
        ),
        (
            "talk/v1/notices",
            json!({ "to": [bob], "text": long }),
            400,
            "bytes",
        ),
        (
            "talk/v1/emoticon-messages",
            json!({ "to": bob, "emoticon": "x" }),
            404,
            "emoticon",
        ),
        (
            "talk/v1/image-messages",
            json!({ "to": bob, "object": "images-9" }),
            404,
            "no such",
        ),
        ("media/v1/images", json!({ "bytes": 0 }), 400, "bytes"),
        (
            "media/v1/images",
            json!({ "bytes": 99_999_999 }),
            400,
            "bytes",
        ),
        (
            "talk/v1/events",
            json!({ "title": "t", "starts_at": "soon" }),
            400,
            "a time",
        ),
        (
            "talk/v1/followings",
            json!({ "channel": "c", "operator": "x" }),
            404,
            "user ids",
        ),
        (
            "bank/v1/alimtalks",
            json!({ "to": bob, "template": "x", "amount": 1 }),
            404,
            "templates",
        ),
        (
            "bank/v1/alimtalks",
            json!({ "to": bob, "template": "deposit", "amount": 0 }),
            400,
            "won",
        ),
        (
            "pay/v1/securities-orders",
            json!({ "stock": "s", "quantity": 0, "limit": 1 }),
            400,
            "pieces",
        ),
        (
            "pay/v1/asset-statements",
            json!({ "holdings": vec![json!({ "bank": "b", "amount": 1 }); 101] }),
            400,
            "at most 100 holdings",
        ),
        (
            "style/v1/orders",
            json!({ "title": "t", "amount": -1 }),
            400,
            "won",
        ),
        (
            "daum/v1/mails",
            json!({ "to": ["x"], "text": "t" }),
            404,
            "user ids",
        ),
        (
            "care/v1/web-cases",
            json!({ "contact": "c", "text": "" }),
            400,
            "bytes",
        ),
    ];
    for (path, body, wanted, word) in cases {
        let (status, told) = scene.post(0, path, Some("k"), body.clone()).await;
        assert_eq!(status, wanted, "{path} {body}: {told}");
        let message = told["error"]["message"].as_str().unwrap();
        assert!(message.contains(word), "{path} {body}: {message}");
    }
    assert_eq!(
        scene
            .post(0, "talk/v1/rooms", None, json!({ "title": "t" }))
            .await
            .0,
        400
    );
    let (status, told) = scene
        .client
        .get(&scene.users[0], "talk/v1/stream?kind=images")
        .await
        .unwrap();
    assert_eq!(status, 400, "{told}");
    assert!(platform.audit().records_open.is_empty());
}

#[tokio::test]
async fn only_who_has_a_part_in_a_thing_sees_it_and_only_its_maker_ends_it() {
    let platform = platform().await;
    let scene = Scene::new(&platform).await;
    let [_, bob, carol] = &scene.users;
    let room = json!({ "title": "t", "members": [bob.user_id], "client_ref": "r" });
    let made = scene.made("talk/v1/rooms", room.clone()).await;
    let path = format!("talk/v1/rooms/{}", made["id"].as_str().unwrap());
    let (again, same) = scene.post(0, "talk/v1/rooms", Some("made"), room).await;
    assert_eq!((again, &same["id"]), (200, &made["id"]));
    let other = json!({ "title": "other" });
    assert_eq!(
        scene.post(0, "talk/v1/rooms", Some("made"), other).await.0,
        409
    );
    assert_eq!(platform.audit().idempotency_conflicts, 1);
    assert_eq!(scene.client.get(bob, &path).await.unwrap().0, 200);
    assert_eq!(scene.client.get(carol, &path).await.unwrap().0, 404);
    assert_eq!(scene.delete(2, &path).await, 404);
    assert_eq!(scene.delete(1, &path).await, 403);
    for (act, who, status) in [
        ("leave", 2, 404),
        ("dance", 1, 404),
        ("leave", 1, 200),
        ("leave", 1, 404),
    ] {
        let done = scene
            .post(who, &format!("{path}/{act}"), None, json!({}))
            .await;
        assert_eq!(done.0, status, "{act}: {}", done.1);
    }
    assert_eq!(platform.audit().records_open.len(), 1);
    assert_eq!(
        (scene.delete(0, &path).await, scene.delete(0, &path).await),
        (204, 404)
    );
    assert!(platform.audit().records_open.is_empty());
}

#[tokio::test]
async fn codes_links_and_credentials_are_checked() {
    let platform = platform().await;
    let scene = Scene::new(&platform).await;
    let place = |made: &Value, path: &str| format!("{path}/{}", made["id"].as_str().unwrap());
    let device = scene
        .made("talk/v1/devices", json!({ "title": "pc" }))
        .await;
    let confirm = format!("{}/confirm", place(&device, "talk/v1/devices"));
    let wrong = scene
        .post(0, &confirm, None, json!({ "code": "000000x" }))
        .await;
    assert_eq!(wrong.1["error"]["code"], "wrong_code");
    let chat = scene
        .made("talk/v1/openchats", json!({ "title": "open" }))
        .await;
    let join = format!("{}/join", place(&chat, "talk/v1/openchats"));
    assert_eq!(
        scene.post(1, &join, None, json!({ "link": "x" })).await.0,
        404
    );
    assert_eq!(
        scene
            .post(1, &join, None, json!({ "link": chat["link"] }))
            .await
            .0,
        200
    );
    let card = scene
        .made("talk/v1/credentials", json!({ "title": "student" }))
        .await;
    let verify = format!("{}/verify", place(&card, "talk/v1/credentials"));
    let check = async |credential: Value| {
        let body = json!({ "credential": credential });
        scene.post(1, &verify, None, body).await.1
    };
    let good = check(card["credential"].clone()).await;
    assert_eq!(
        (&good["valid"], &good["subject"]),
        (&json!(true), &json!(scene.users[0].user_id))
    );
    assert_eq!(
        check(json!("a.b.c")).await["reason"],
        "the signature is not ours"
    );
    let (_, second) = scene
        .post(0, "talk/v1/credentials", Some("2"), json!({ "title": "x" }))
        .await;
    assert_eq!(
        check(second["credential"].clone()).await["reason"],
        "it is another one"
    );
    scene.delete(0, &place(&card, "talk/v1/credentials")).await;
    assert_eq!(
        check(card["credential"].clone()).await["reason"],
        "it is over"
    );
}

#[tokio::test]
async fn an_upload_goes_on_where_it_broke_off_and_is_whole_or_not_there() {
    let platform = platform().await;
    let scene = Scene::new(&platform).await;
    let mib = 1024 * 1024;
    let slot = scene
        .made("media/v1/images", json!({ "bytes": mib + 3 }))
        .await;
    assert_eq!(
        (&slot["parts"], &slot["part_bytes"]),
        (&json!(2), &json!(mib))
    );
    let path = format!("media/v1/images/{}", slot["id"].as_str().unwrap());
    let part = |n: usize| format!("{path}/parts/{n}");
    let complete = format!("{path}/complete");
    assert_eq!(
        scene.put(&part(1), b"ab".to_vec()).await.1["error"]["code"],
        "wrong_size"
    );
    assert_eq!(scene.put(&part(2), b"abc".to_vec()).await.0, 404);
    assert_eq!(
        scene
            .put(&format!("{path}/parts/x"), b"abc".to_vec())
            .await
            .0,
        404
    );
    assert_eq!(scene.put(&part(1), b"abc".to_vec()).await.0, 200);
    assert_eq!(scene.post(0, &complete, None, json!({})).await.0, 409);
    let (_, seen) = scene.client.get(&scene.users[0], &path).await.unwrap();
    assert_eq!(
        (&seen["received"], &seen["state"]),
        (&json!([1]), &json!("uploading"))
    );
    assert_eq!(
        scene
            .client
            .get(&scene.users[0], &format!("{path}/content"))
            .await
            .unwrap()
            .0,
        404
    );
    assert_eq!(scene.put(&part(0), vec![7; mib]).await.0, 200);
    let (status, whole) = scene.post(0, &complete, None, json!({})).await;
    assert_eq!((status, &whole["state"]), (200, &json!("stored")));
    assert_eq!(scene.put(&part(0), vec![8; mib]).await.0, 409);
    let request = scene
        .client
        .http
        .get(scene.client.url(&format!("{path}/content")));
    let got = request
        .bearer_auth(&scene.users[1].token)
        .send()
        .await
        .unwrap();
    let tag = got.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(tag.trim_matches('"'), whole["sha256"]);
    assert_eq!(got.bytes().await.unwrap().len(), mib + 3);
    assert_eq!(platform.audit().records_open.len(), 1);
    assert_eq!(scene.delete(0, &path).await, 204);
    assert_eq!(
        scene
            .client
            .get(&scene.users[0], &format!("{path}/content"))
            .await
            .unwrap()
            .0,
        404
    );
}

/// Says all of `text` to the mail server and gives back all of its answers.
async fn mailed(platform: &Platform, text: &str) -> String {
    let client = Client::new(platform, SEOUL);
    let port = client
        .endpoints
        .mail
        .rsplit_once(':')
        .unwrap()
        .1
        .parse::<u16>()
        .unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut told = String::new();
    let reading = stream.read_to_string(&mut told);
    tokio::time::timeout(PATIENCE, reading)
        .await
        .unwrap()
        .unwrap();
    told
}

#[tokio::test]
async fn mail_makes_one_case_with_a_reply_and_wrong_mail_none() {
    let platform = platform().await;
    let wrong = "HELO x\r\nDATA\r\nMAIL FROM:nobody\r\nMAIL FROM:<a@b.test>\r\n\
                 RCPT TO:<me@care.superapp.test>\r\nDANCE\r\nRCPT TO:<help@care.superapp.test>\r\n\
                 DATA\r\nSubject: s\r\n\r\nno id\r\n.\r\nQUIT\r\n";
    let told = mailed(&platform, wrong).await;
    let codes: Vec<_> = told.lines().map(|line| &line[..3]).collect();
    let wanted = [
        "220", "250", "503", "501", "250", "550", "500", "250", "354", "554", "221",
    ];
    assert_eq!(codes, wanted, "{told}");
    let right = "EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<help@care.superapp.test>\r\nDATA\r\n\
                 Message-ID: <1@b.test>\r\nSubject: s\r\n\r\n..dot\r\n.\r\nQUIT\r\n";
    for _ in 0..2 {
        let told = mailed(&platform, right).await;
        assert!(told.contains("250 2.0.0 it is case mail-cases-"), "{told}");
    }
    assert_eq!(platform.audit().records_open.len(), 1);
    let client = Client::new(&platform, SEOUL);
    let found = client
        .http
        .get(client.url("care/v1/mail-cases?client_ref=s"));
    let (_, found) = answer(found).await.unwrap();
    assert_eq!(found["items"][0]["text"], ".dot");
    assert_eq!(found["items"][0]["autoreply"]["to"], "a@b.test");
}

/// What comes back for a datagram to a service, if something does.
async fn sent(platform: &Platform, service: &str, text: &str) -> Option<String> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(platform, SEOUL);
    socket.connect(client.listener(service)).await.unwrap();
    socket.send(text.as_bytes()).await.unwrap();
    let mut room = vec![0; 9_000];
    let waiting = socket.recv(&mut room);
    let got = tokio::time::timeout(std::time::Duration::from_millis(500), waiting).await;
    let length = got.ok()?.unwrap();
    Some(String::from_utf8(room[..length].to_vec()).unwrap())
}

#[tokio::test]
async fn the_switchboard_answers_options_and_nothing_that_is_no_sip() {
    let platform = platform().await;
    let request = |method: &str| {
        format!(
            "{method} sip:help@x SIP/2.0\r\nVia: v\r\nFrom: f\r\nTo: t\r\nCall-ID: 7\r\nCSeq: 1\r\n\r\n"
        )
    };
    let told = sent(&platform, "care", &request("OPTIONS")).await.unwrap();
    assert!(told.starts_with("SIP/2.0 200 OK\r\nVia: v\r\n"), "{told}");
    assert!(
        told.contains("\r\nTo: t;tag=switchboard\r\nCall-ID: 7\r\n"),
        "{told}"
    );
    let told = sent(&platform, "care", &request("INVITE")).await.unwrap();
    assert!(told.starts_with("SIP/2.0 405 "), "{told}");
    assert_eq!(sent(&platform, "care", "hello").await, None);
}

#[tokio::test]
async fn packets_go_between_the_two_of_a_connected_call_and_to_no_one_else() {
    let platform = platform().await;
    let scene = Scene::new(&platform).await;
    let [alice, bob, carol] = &scene.users;
    let stream = "talk/v1/stream?kind=voice-calls";
    let mut phone = scene.client.listen_to(alice, stream).await;
    let mut other = scene.client.listen_to(bob, stream).await;
    let say = |signal: Value| Message::text(signal.to_string());
    for (signal, code) in [
        (json!({ "type": "dance" }), "malformed"),
        (
            json!({ "type": "accept", "call": "voice-calls-9" }),
            "no_such_thing",
        ),
        (
            json!({ "type": "invite", "to": "u-x", "client_ref": "c" }),
            "no_such_user",
        ),
    ] {
        phone.send(say(signal)).await.unwrap();
        assert_eq!(frame(&mut phone).await.unwrap()["error"]["code"], code);
    }
    let invite = json!({ "type": "invite", "to": bob.user_id, "client_ref": "c" });
    phone.send(say(invite)).await.unwrap();
    let call = frame(&mut other).await.unwrap()["record"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let packet = |from: &User| {
        json!({ "call": call, "from": from.user_id, "seq": 1, "data": "d" }).to_string()
    };
    assert_eq!(sent(&platform, "talk", &packet(alice)).await, None);
    other
        .send(say(json!({ "type": "accept", "call": call })))
        .await
        .unwrap();
    assert_eq!(frame(&mut other).await.unwrap()["event"], "connected");
    assert_eq!(sent(&platform, "talk", &packet(carol)).await, None);
    let first = sent(&platform, "talk", &packet(alice)).await.unwrap();
    assert!(first.contains("\"heard\":null"), "{first}");
    let second = sent(&platform, "talk", &packet(bob)).await.unwrap();
    let second: Value = serde_json::from_str(&second).unwrap();
    assert_eq!(
        (&second["heard"]["from"], &second["heard"]["data"]),
        (&json!(alice.user_id), &json!("d"))
    );
    assert_eq!(platform.audit().records_open[0].kind, "voice-calls");
    other
        .send(say(json!({ "type": "hang-up", "call": call })))
        .await
        .unwrap();
    assert_eq!(frame(&mut other).await.unwrap()["event"], "ended");
    assert!(platform.audit().records_open.is_empty());
    assert!(platform.audit().count(Count::Datagrams) >= 4);
}
