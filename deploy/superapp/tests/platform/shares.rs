//! Faults that hit some: deliveries twice, long payloads alone, a share of accounts or requests.

use std::time::Duration;

use bongsu_superapp::Count;

use super::client::{Client, SEOUL, TOKYO, account, broken, frame, platform};

#[tokio::test]
async fn a_doubled_message_comes_twice_and_is_counted() {
    let platform = platform().await;
    let client = Client::new(&platform, SEOUL);
    let alice = client
        .sign_in(&account(&platform, "chat-users", 0), "r")
        .await;
    let bob = client
        .sign_in(&account(&platform, "chat-users", 1), "r")
        .await;
    let mut inbox = client.listen(&bob).await;
    broken(&platform, "relay:duplicate").await;
    client.send(&alice, &bob.user_id, "hi", "k").await.unwrap();
    let first = frame(&mut inbox).await.unwrap();
    assert_eq!(frame(&mut inbox).await.unwrap(), first);
    platform.mend_all();
    client
        .send(&alice, &bob.user_id, "once", "k2")
        .await
        .unwrap();
    assert_eq!(frame(&mut inbox).await.unwrap()["message"]["text"], "once");
    assert_eq!(platform.audit().count(Count::MessagesDoubled), 1);
}

#[tokio::test]
async fn long_payloads_are_lost_both_ways_while_short_ones_pass() {
    let platform = platform().await;
    let client = Client::new(&platform, SEOUL);
    let alice = client
        .sign_in(&account(&platform, "chat-users", 0), "r")
        .await;
    let bob = client
        .sign_in(&account(&platform, "chat-users", 1), "r")
        .await;
    let mut inbox = client.listen(&bob).await;
    let long = "x".repeat(2_000);
    broken(&platform, "relay:large-payloads@kr-seoul").await;
    let hasty = client.send(&alice, &bob.user_id, &long, "long");
    assert!(
        tokio::time::timeout(Duration::from_millis(300), hasty)
            .await
            .is_err()
    );
    assert_eq!(
        client
            .send(&alice, &bob.user_id, "short", "s")
            .await
            .unwrap()
            .0,
        201
    );
    assert_eq!(frame(&mut inbox).await.unwrap()["message"]["text"], "short");
    // From elsewhere it is accepted, and does not get through to Seoul.
    let tokyo = Client::new(&platform, TOKYO);
    assert_eq!(
        tokyo
            .send(&alice, &bob.user_id, &long, "t")
            .await
            .unwrap()
            .0,
        201
    );
    client
        .send(&alice, &bob.user_id, "after", "a")
        .await
        .unwrap();
    assert_eq!(frame(&mut inbox).await.unwrap()["message"]["text"], "after");
    let listing = client.get(&alice, "talk/v1/messages");
    assert!(
        tokio::time::timeout(Duration::from_millis(300), listing)
            .await
            .is_err()
    );
    platform.mend_all();
    assert_eq!(client.get(&alice, "talk/v1/messages").await.unwrap().0, 200);
}

#[tokio::test]
async fn a_share_of_the_accounts_is_always_the_same_and_the_others_notice_nothing() {
    let platform = platform().await;
    let client = Client::new(&platform, SEOUL);
    broken(&platform, "account:error@accounts=50%").await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut statuses = Vec::new();
        for n in 0..12 {
            let account = account(&platform, "login-users", n);
            statuses.push(client.try_sign_in(&account, "r").await.unwrap().0);
        }
        seen.push(statuses);
    }
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0].contains(&503) && seen[0].contains(&201), "{seen:?}");
}

#[tokio::test]
async fn a_share_of_the_requests_fails_evenly() {
    let platform = platform().await;
    let client = Client::new(&platform, SEOUL);
    let alice = client
        .sign_in(&account(&platform, "chat-users", 0), "r")
        .await;
    broken(&platform, "relay:error=502@requests=25%").await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(client.get(&alice, "talk/v1/messages").await.unwrap().0);
    }
    assert_eq!(statuses, [200, 200, 200, 502, 200, 200, 200, 502]);
}
