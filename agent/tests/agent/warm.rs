//! Warm runs of an agent: whose sessions they begin with.

use std::sync::Arc;

use bongsu_agent::{Agent, Config, SystemClock};
use bongsu_model::Variant;

use crate::stage::{LOGIN, Stage, until};

#[tokio::test]
async fn warm_runs_are_made_with_accounts_that_have_a_session() {
    let stage = Stage::new().await;
    let warm = LOGIN.replace("every = ", "warm = true\nevery = ");
    stage.write_journey("login", &warm);
    let config = Config::load(&stage.write_agent("")).unwrap();
    let agent = Agent::start(config, Arc::new(SystemClock::new()))
        .await
        .unwrap();
    let warm = || {
        let runs = stage.collector.runs().into_iter();
        runs.filter(|run| run.variant == Variant::warm()).count()
    };
    until("warm runs", || warm() >= 6).await;
    agent.shutdown().await;
    // Cold runs sign out. A warm one signs in by another account where the first is in a cold run.
    let open = stage.platform.audit().sessions_open;
    assert!(!open.is_empty() && open.len() <= 3, "{open:?}");
}
