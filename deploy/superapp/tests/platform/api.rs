//! The services when nothing is broken: sessions, messages, streams, and wrong requests.

use bongsu_superapp::Count;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite;

use super::client::{Client, SEOUL, TOKYO, account, answer, frame, platform};

#[tokio::test]
async fn a_session_opens_reads_the_profile_and_ends() {
    let platform = platform().await;
    let client = Client::new(&platform, SEOUL);
    let user = client
        .sign_in(&account(&platform, "login-users", 0), "run-1")
        .await;
    assert_eq!(user.user_id, "u-login-users-001");
    let (status, me) = client.me(&user).await.unwrap();
    assert_eq!(status, 200);
    assert_eq!(me["id"], "u-login-users-001");
    assert_eq!(me["login"], "login-users-001");
    assert!(me["name"].is_string());
    assert_eq!(
        platform.audit().sessions_open[0].client_ref.as_deref(),
        Some("run-1")
    );

    let out = client.account("/v1/sessions/current");
    let out = || answer(client.http.delete(&out).bearer_auth(&user.token));
    assert_eq!(out().await.unwrap().0, 204);
    assert_eq!(out().await.unwrap().0, 401);
    assert_eq!(client.me(&user).await.unwrap().0, 401);
    assert!(platform.audit().sessions_open.is_empty());
    platform.shutdown().await;
}

#[tokio::test]
async fn one_reference_ends_all_its_sessions_and_no_other() {
    let platform = platform().await;
    let client = Client::new(&platform, SEOUL);
    let login = account(&platform, "login-users", 0);
    let first = client.sign_in(&login, "run-1").await;
    let second = client.sign_in(&login, "run-1").await;
    let other = client.sign_in(&login, "run-2").await;
    let out = client.account("/v1/sessions");
    let without = answer(client.http.delete(&out).bearer_auth(&first.token)).await;
    assert_eq!(without.unwrap().0, 400);
    let out = format!("{out}?client_ref=run-1");
    let ended = answer(client.http.delete(&out).bearer_auth(&first.token)).await;
    assert_eq!(ended.unwrap().0, 204);
    assert_eq!(client.me(&first).await.unwrap().0, 401);
    assert_eq!(client.me(&second).await.unwrap().0, 401);
    assert_eq!(client.me(&other).await.unwrap().0, 200);
}

#[tokio::test]
async fn wrong_sign_ins_are_refused_and_too_many_lock() {
    let platform = platform().await;
    let client = Client::new(&platform, SEOUL);
    let url = client.account("/v1/sessions");
    let post = |body: &'static str| {
        let request = client.http.post(&url).body(body);
        answer(request.header("content-type", "application/json"))
    };
    for body in ["", "{", "[]", "{\"login\":1}", "{\"login\":\"x\"}"] {
        let (status, error) = post(body).await.unwrap();
        assert_eq!(
            (status, &error["error"]["code"]),
            (400, &json!("malformed"))
        );
    }
    let (_, error) = post("{\"login\":\"x\",\"password\":4711}").await.unwrap();
    assert!(
        !error.to_string().contains("4711"),
        "a secret comes back: {error}"
    );
    let wrong = "{\"login\":\"login-users-001\",\"password\":\"guess\"}";
    for _ in 0..5 {
        assert_eq!(post(wrong).await.unwrap().0, 401);
    }
    assert_eq!(post(wrong).await.unwrap().0, 423);
    let locked = account(&platform, "login-users", 0);
    let right = client.try_sign_in(&locked, "r").await.unwrap();
    assert_eq!(right.0, 423);
    client
        .sign_in(&account(&platform, "login-users", 1), "r")
        .await;
    assert_eq!(platform.audit().count(Count::WrongPasswords), 5);

    let large = "x".repeat(100_000);
    let large = client.http.post(&url).json(&json!({ "login": large }));
    assert_eq!(answer(large).await.unwrap().0, 413);
}

#[tokio::test]
async fn a_message_reaches_who_listens_once_and_can_be_deleted() {
    let platform = platform().await;
    let client = Client::new(&platform, TOKYO);
    let alice = client
        .sign_in(&account(&platform, "chat-users", 0), "r")
        .await;
    let bob = client
        .sign_in(&account(&platform, "chat-users", 1), "r")
        .await;
    let mut inbox = client.listen(&bob).await;
    let (status, sent) = client.send(&alice, &bob.user_id, "hi", "k1").await.unwrap();
    assert_eq!(status, 201, "{sent}");
    let got = frame(&mut inbox).await.unwrap();
    assert_eq!(got["type"], "message");
    assert_eq!(got["message"]["id"], sent["id"]);
    assert_eq!(got["message"]["from"], Value::from(alice.user_id.as_str()));
    assert_eq!(got["message"]["text"], "hi");
    assert_eq!(got["message"]["client_ref"], "k1");

    // The same key again makes no second message; another request under it is a conflict.
    let again = client.send(&alice, &bob.user_id, "hi", "k1").await.unwrap();
    assert_eq!(again, (200, sent.clone()));
    let other = client.send(&alice, &bob.user_id, "ho", "k1").await.unwrap();
    assert_eq!(other.0, 409);
    client
        .send(&alice, &bob.user_id, "next", "k2")
        .await
        .unwrap();
    let next = frame(&mut inbox).await.unwrap();
    assert_eq!(next["message"]["text"], "next", "the repeat was delivered");

    let find = |user_token: String| {
        let url = client.talk("/v1/messages?client_ref=k1");
        answer(client.http.get(url).bearer_auth(user_token))
    };
    let (_, found) = find(alice.token.clone()).await.unwrap();
    assert_eq!(found["items"][0]["id"], sent["id"]);
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(find(bob.token.clone()).await.unwrap().1["items"], json!([]));
    let delete = |token: String| {
        let id = sent["id"].as_str().unwrap();
        let url = client.talk(&format!("/v1/messages/{id}"));
        answer(client.http.delete(url).bearer_auth(token))
    };
    assert_eq!(delete(bob.token.clone()).await.unwrap().0, 404);
    assert_eq!(delete(alice.token.clone()).await.unwrap().0, 204);
    assert_eq!(delete(alice.token.clone()).await.unwrap().0, 404);
    let audit = platform.audit();
    assert_eq!(audit.idempotency_conflicts, 1);
    assert_eq!(audit.messages_undeleted.len(), 1);
    assert_eq!(
        audit.messages_undeleted[0].client_ref.as_deref(),
        Some("k2")
    );
    assert_eq!(audit.streams_open, 1);
    platform.shutdown().await;
    assert_eq!(frame(&mut inbox).await, None);
}

#[tokio::test]
async fn wrong_talk_requests_say_what_is_wrong() {
    let platform = platform().await;
    let client = Client::new(&platform, SEOUL);
    let alice = client
        .sign_in(&account(&platform, "chat-users", 0), "r")
        .await;
    let unknown = client.send(&alice, "u-nobody", "hi", "k").await.unwrap();
    assert_eq!(unknown.0, 404);
    let keyless = client.http.post(client.talk("/v1/messages"));
    let body = json!({ "to": "u-chat-users-002", "text": "hi" });
    let keyless = answer(keyless.bearer_auth(&alice.token).json(&body));
    let (status, error) = keyless.await.unwrap();
    assert_eq!(
        (status, &error["error"]["code"]),
        (400, &json!("no_idempotency_key"))
    );
    let cases = [
        (client.http.get(client.talk("/v1/messages")), 401),
        (client.http.get(client.talk("/v1/stream")), 401),
        (client.http.put(client.talk("/v1/messages")), 405),
        (client.http.get(client.talk("/nowhere")), 404),
        (client.http.get(client.talk("/healthz")), 200),
        (client.http.get(client.account("/healthz")), 200),
        (client.http.get(client.account("/v1/me")), 401),
        (client.http.post(client.account("/v1/me")), 405),
        (
            client
                .http
                .get(client.talk("/v1/stream"))
                .bearer_auth(&alice.token),
            426,
        ),
    ];
    for (request, wanted) in cases {
        assert_eq!(answer(request).await.unwrap().0, wanted);
    }
    match client.try_listen("not-a-token").await {
        Err(tungstenite::Error::Http(answer)) => assert_eq!(answer.status(), 401),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let platform = platform().await;
    let client = Client::new(&platform, SEOUL);
    let bob = client
        .sign_in(&account(&platform, "chat-users", 0), "r")
        .await;
    let mut inbox = client.listen(&bob).await;
    let out = client.account("/v1/sessions/current");
    answer(client.http.delete(&out).bearer_auth(&bob.token))
        .await
        .unwrap();
    assert_eq!(frame(&mut inbox).await, None);
}
