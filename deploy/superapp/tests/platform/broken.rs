//! Each fault as a client meets it: in one region and not in the other, and gone when mended.

use std::io::ErrorKind;
use std::time::Duration;

use bongsu_model::Clock as _;
use bongsu_superapp::{Count, Platform, SystemClock};
use tokio::net::TcpStream;

use super::client::{
    Client, PATIENCE, SEOUL, Socket, TOKYO, User, account, broken, chain, frame, platform,
};

/// Alice and Bob of one region, and Bob's open stream.
struct Chat {
    client: Client,
    alice: User,
    bob: User,
    inbox: Socket,
}

impl Chat {
    async fn new(platform: &Platform, region: &str, first: usize) -> Self {
        let client = Client::new(platform, region);
        let alice = client
            .sign_in(&account(platform, "chat-users", first), "r")
            .await;
        let bob = client
            .sign_in(&account(platform, "chat-users", first + 1), "r")
            .await;
        let inbox = client.listen(&bob).await;
        Self {
            client,
            alice,
            bob,
            inbox,
        }
    }

    async fn send(&self, key: &str) -> reqwest::Result<u16> {
        let sent = self.client.send(&self.alice, &self.bob.user_id, key, key);
        Ok(sent.await?.0)
    }

    async fn received(&mut self) -> Option<String> {
        let frame = frame(&mut self.inbox).await?;
        Some(frame["message"]["text"].as_str()?.to_owned())
    }
}

async fn sign_in(platform: &Platform, region: &str) -> reqwest::Result<u16> {
    let client = Client::new(platform, region);
    let login = account(platform, "login-users", 0);
    Ok(client.try_sign_in(&login, "r").await?.0)
}

async fn mended(platform: &Platform) {
    platform.mend_all();
    platform.settle().await;
    assert_eq!(sign_in(platform, SEOUL).await.unwrap(), 201);
}

#[tokio::test]
async fn refuse_is_a_refused_connection_in_its_region_until_mended() {
    let platform = platform().await;
    for round in 0..5 {
        broken(&platform, "account:refuse@kr-seoul").await;
        let seoul = Client::new(&platform, SEOUL).listener("account");
        let refused = TcpStream::connect(seoul).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{round}");
        let taken = std::net::TcpListener::bind(seoul).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse, "the port is kept");
        assert!(sign_in(&platform, SEOUL).await.unwrap_err().is_connect());
        assert_eq!(sign_in(&platform, TOKYO).await.unwrap(), 201);
        mended(&platform).await;
    }
    platform.shutdown().await;
}

#[tokio::test]
async fn reset_is_a_reset_connection() {
    let platform = platform().await;
    broken(&platform, "account:reset@kr-seoul").await;
    let error = chain(&sign_in(&platform, SEOUL).await.unwrap_err());
    assert!(error.to_lowercase().contains("reset"), "{error}");
    assert_eq!(sign_in(&platform, TOKYO).await.unwrap(), 201);
    mended(&platform).await;
}

#[tokio::test]
async fn errors_have_the_status_asked_for() {
    let platform = platform().await;
    broken(&platform, "account.login:error=502@kr-seoul").await;
    assert_eq!(sign_in(&platform, SEOUL).await.unwrap(), 502);
    assert_eq!(sign_in(&platform, TOKYO).await.unwrap(), 201);
    broken(&platform, "account:error").await;
    assert_eq!(sign_in(&platform, TOKYO).await.unwrap(), 503);
    mended(&platform).await;
}

#[tokio::test]
async fn hang_answers_nothing_until_the_client_gives_up() {
    let platform = platform().await;
    let client = Client::new(&platform, SEOUL);
    broken(&platform, "account:hang@kr-seoul").await;
    let request = client
        .http
        .get(client.account("/v1/me"))
        .timeout(Duration::from_millis(300));
    assert!(request.send().await.unwrap_err().is_timeout());
    assert_eq!(sign_in(&platform, TOKYO).await.unwrap(), 201);
    mended(&platform).await;
}

#[tokio::test]
async fn slow_answers_come_late_and_right() {
    let platform = platform().await;
    let client = Client::new(&platform, SEOUL);
    broken(&platform, "account:slow=400ms@kr-seoul").await;
    let me = || client.http.get(client.account("/v1/me"));
    let hasty = me().timeout(Duration::from_millis(200)).send().await;
    assert!(hasty.unwrap_err().is_timeout());
    assert_eq!(me().send().await.unwrap().status(), 401);
    mended(&platform).await;
}

#[tokio::test]
async fn wrong_content_looks_well() {
    let platform = platform().await;
    let mut chat = Chat::new(&platform, SEOUL, 0).await;
    broken(&platform, "account:wrong-content@kr-seoul").await;
    let login = account(&platform, "login-users", 0);
    let (status, body) = chat.client.try_sign_in(&login, "r").await.unwrap();
    assert_eq!((status, body.get("token")), (201, None));
    let (status, me) = chat.client.me(&chat.alice).await.unwrap();
    assert_eq!((status, me["id"].as_str()), (200, Some("u-someone-else")));
    assert_eq!(chat.send("behind").await.unwrap(), 201);
    assert!(frame(&mut chat.inbox).await.is_some());
    mended(&platform).await;

    broken(&platform, "relay:wrong-content@kr-seoul").await;
    assert_eq!(chat.send("k").await.unwrap(), 201);
    let got = frame(&mut chat.inbox).await.unwrap();
    assert_eq!(got["message"]["from"], "u-someone-else");
    assert_ne!(got["message"]["text"], "k");
}

#[tokio::test]
async fn a_lost_message_was_accepted_and_never_comes() {
    let platform = platform().await;
    let mut seoul = Chat::new(&platform, SEOUL, 0).await;
    let mut tokyo = Chat::new(&platform, TOKYO, 2).await;
    broken(&platform, "talk.message.text:lost-delivery@kr-seoul").await;
    assert_eq!(seoul.send("lost").await.unwrap(), 201);
    assert_eq!(tokyo.send("kept").await.unwrap(), 201);
    assert_eq!(tokyo.received().await.as_deref(), Some("kept"));
    wait_until(|| platform.audit().count(Count::MessagesLost) == 1).await;
    platform.mend_all();
    assert_eq!(seoul.send("after").await.unwrap(), 201);
    assert_eq!(seoul.received().await.as_deref(), Some("after"));
}

#[tokio::test]
async fn sessions_and_streams_outlive_the_account_component() {
    let platform = platform().await;
    let mut chat = Chat::new(&platform, SEOUL, 0).await;
    for kind in ["refuse", "reset", "error", "dns-failure", "bad-certificate"] {
        broken(&platform, &format!("account:{kind}")).await;
        assert_eq!(chat.send(kind).await.unwrap(), 201, "{kind}");
        assert_eq!(chat.received().await.as_deref(), Some(kind));
        platform.mend_all();
        platform.settle().await;
    }
}

#[tokio::test]
async fn a_broken_cache_makes_signing_in_slow_and_nothing_else() {
    let platform = platform().await;
    let clock = SystemClock::new();
    let chat = Chat::new(&platform, SEOUL, 0).await;
    for kind in ["refuse", "error", "hang", "slow=60s", "wrong-content"] {
        broken(&platform, &format!("cache:{kind}@kr-seoul")).await;
        let begun = clock.monotonic();
        assert_eq!(sign_in(&platform, SEOUL).await.unwrap(), 201, "{kind}");
        let took = clock.monotonic().since(begun);
        assert!(took >= Duration::from_secs(1), "{kind}");
        assert_eq!(chat.send(kind).await.unwrap(), 201, "{kind}");
        platform.mend_all();
    }
}

#[tokio::test]
async fn a_relay_that_fronts_no_host_closes_after_the_request() {
    let platform = platform().await;
    let chat = Chat::new(&platform, SEOUL, 0).await;
    for (kind, word) in [("refuse", "closed"), ("reset", "reset")] {
        broken(&platform, &format!("relay:{kind}@kr-seoul")).await;
        assert!(
            TcpStream::connect(chat.client.listener("talk"))
                .await
                .is_ok()
        );
        let error = chain(&chat.send(kind).await.unwrap_err()).to_lowercase();
        assert!(error.contains(word), "{kind}: {error}");
        let health = chat.client.http.get(chat.client.talk("/healthz"));
        assert_eq!(health.send().await.unwrap().status(), 200, "{kind}");
        assert_eq!(sign_in(&platform, SEOUL).await.unwrap(), 201, "{kind}");
        platform.mend_all();
    }
    broken(&platform, "relay:error=500").await;
    assert_eq!(chat.send("error").await.unwrap(), 500);
}

#[tokio::test]
async fn open_streams_of_a_refusing_or_reset_feature_are_cut() {
    for fault in [
        "talk.message.text:refuse",
        "talk.message.text:reset",
        "relay:reset",
    ] {
        let platform = platform().await;
        let mut seoul = Chat::new(&platform, SEOUL, 0).await;
        let mut tokyo = Chat::new(&platform, TOKYO, 2).await;
        broken(&platform, &format!("{fault}@kr-seoul")).await;
        assert_eq!(frame(&mut seoul.inbox).await, None, "{fault}");
        assert_eq!(tokyo.send("k").await.unwrap(), 201, "{fault}");
        assert_eq!(tokyo.received().await.as_deref(), Some("k"), "{fault}");
        platform.mend_all();
        platform.settle().await;
        seoul.inbox = seoul.client.listen(&seoul.bob).await;
        assert_eq!(seoul.send("again").await.unwrap(), 201, "{fault}");
        assert_eq!(seoul.received().await.as_deref(), Some("again"), "{fault}");
        platform.shutdown().await;
    }
}

#[tokio::test]
async fn bad_certificates_are_refused_by_a_client_that_checks() {
    let platform = platform().await;
    for (flaw, word) in [
        ("expired", "expired"),
        ("wrong-name", "not valid for name"),
        ("untrusted", "UnknownIssuer"),
    ] {
        broken(
            &platform,
            &format!("account:bad-certificate={flaw}@kr-seoul"),
        )
        .await;
        let error = chain(&sign_in(&platform, SEOUL).await.unwrap_err());
        assert!(error.contains(word), "{flaw}: {error}");
        assert_eq!(sign_in(&platform, TOKYO).await.unwrap(), 201);
        mended(&platform).await;
    }
    wait_until(|| platform.audit().count(Count::HandshakesFailed) == 3).await;
}

async fn wait_until(condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, met).await.unwrap();
}
