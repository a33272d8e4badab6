//! What holds runs back: the kill switch of a target, and the budgets of its accounts.

use bongsu_model::{Outcome, SkipReason};

use crate::crash::SEND;
use crate::stage::{LOGIN, Stage, bongsu, until};

impl Stage {
    /// Writes the target profile anew, with `top` among its first keys and `pool` in chat-users.
    fn change_target(&self, original: &str, top: &str, pool: &str) {
        let text = original.replacen("format = 1", &format!("format = 1\n{top}"), 1);
        let text = text.replacen(
            "[pool.chat-users]",
            &format!("[pool.chat-users]\n{pool}"),
            1,
        );
        assert!(text.contains(pool) && text.contains(top));
        std::fs::write(self.target(), text).unwrap();
    }

    fn told(&self, journey: &str, outcome: &Outcome) -> usize {
        let runs = self.collector.runs();
        runs.iter()
            .filter(|run| run.journey.as_str() == journey && run.outcomes.verdict() == outcome)
            .count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kill_switch_holds_back_side_effects_or_everything_and_says_so() {
    let stage = Stage::new().await;
    stage.write_journey("login", LOGIN);
    stage.write_journey("send", SEND);
    let original = std::fs::read_to_string(stage.target()).unwrap();
    let held_back = Outcome::Skipped(SkipReason::KillSwitch);
    let config = stage.write_agent("");
    let agent = stage.spawn_agent(&config);
    until("both journeys pass", || {
        stage.told("login", &Outcome::Pass) > 0 && stage.told("send", &Outcome::Pass) > 0
    })
    .await;

    stage.change_target(&original, "kill_switch = \"side-effects\"", "");
    until("sending is held back", || {
        stage.told("send", &held_back) > 0
    })
    .await;
    let logins = stage.told("login", &Outcome::Pass);
    until("logging in goes on", || {
        stage.told("login", &Outcome::Pass) > logins
    })
    .await;

    stage.change_target(&original, "kill_switch = \"everything\"", "");
    until("logging in is held back too", || {
        stage.told("login", &held_back) > 0
    })
    .await;
    let requests = stage.platform.audit();
    assert_eq!(requests.sessions_open, []);

    std::fs::write(stage.target(), &original).unwrap();
    let sent = stage.told("send", &Outcome::Pass);
    until("sending goes on", || {
        stage.told("send", &Outcome::Pass) > sent
    })
    .await;
    assert_eq!(agent.terminate().await, Some(0), "{}", stage.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_that_are_used_up_are_not_used_and_others_are() {
    let stage = Stage::new().await;
    stage.write_journey("send", SEND);
    let original = std::fs::read_to_string(stage.target()).unwrap();
    stage.change_target(&original, "", "budget.runs = 30_000");
    let pool = stage.path("data/budgets/superapp/chat-users");
    let accounts: Vec<&str> = original
        .lines()
        .filter(|line| line.contains("name = \"chat-users-"))
        .map(|line| line.split('"').nth(1).unwrap())
        .collect();
    assert!(accounts.len() >= 2, "{original}");
    std::fs::create_dir_all(&pool).unwrap();
    // Used up at the end of time: so it counts whatever the hour.
    let used_up = "{\"hours\":{\"5000000\":{\"runs\":30000,\"money\":0}}}";
    for account in &accounts {
        std::fs::write(pool.join(format!("{account}.json")), used_up).unwrap();
    }
    let config = stage.write_agent("");
    let agent = stage.spawn_agent(&config);
    let over = Outcome::Skipped(SkipReason::Budget);
    until("the slot is skipped", || stage.told("send", &over) > 0).await;
    assert_eq!(stage.told("send", &Outcome::Pass), 0);
    assert_eq!(agent.terminate().await, Some(0), "{}", stage.log());

    std::fs::remove_file(pool.join(format!("{}.json", accounts[0]))).unwrap();
    let agent = stage.spawn_agent(&config);
    until("the one that is not used up is used", || {
        stage.told("send", &Outcome::Pass) > 0
    })
    .await;
    let noted = std::fs::read_to_string(pool.join(format!("{}.json", accounts[0]))).unwrap();
    assert!(noted.contains("\"runs\":"), "{noted}");
    assert_eq!(agent.terminate().await, Some(0), "{}", stage.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_its_budgets_cannot_hold_is_refused_with_the_figures() {
    let stage = Stage::new().await;
    stage.write_journey("send", SEND);
    let original = std::fs::read_to_string(stage.target()).unwrap();
    stage.change_target(&original, "", "budget.runs = 100");
    let config = stage.write_agent("");
    let output = bongsu()
        .args(["agent", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{message}");
    let expected =
        "runs of each account of pool `chat-users` in 24 hours, and its budget allows 80";
    assert!(message.contains(expected), "{message}");
}
