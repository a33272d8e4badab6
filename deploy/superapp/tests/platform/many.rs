//! Many platforms in one process, as the detection trial runs them.

use bongsu_superapp::Platform;
use futures_util::future::join_all;

use super::client::{Client, SEOUL, account, broken, config, frame};

#[tokio::test]
async fn ten_platforms_run_side_by_side_and_break_apart() {
    let started = join_all((0..10).map(|n| Platform::start(config(&format!("target-{n}"))))).await;
    let platforms: Vec<_> = started.into_iter().map(Result::unwrap).collect();
    broken(&platforms[3], "account:refuse").await;
    let chats = platforms.iter().map(async |platform| {
        let client = Client::new(platform, SEOUL);
        let alice = account(platform, "chat-users", 0);
        let Ok((201, body)) = client.try_sign_in(&alice, "r").await else {
            return None;
        };
        let token = body["token"].as_str()?.to_owned();
        let user_id = body["user_id"].as_str()?.to_owned();
        let alice = super::client::User { user_id, token };
        let bob = client
            .sign_in(&account(platform, "chat-users", 1), "r")
            .await;
        let mut inbox = client.listen(&bob).await;
        client.send(&alice, &bob.user_id, "hi", "k").await.ok()?;
        frame(&mut inbox).await
    });
    for (n, got) in join_all(chats).await.into_iter().enumerate() {
        assert_eq!(got.is_some(), n != 3, "target-{n}");
    }
    join_all(platforms.into_iter().map(Platform::shutdown)).await;
}
