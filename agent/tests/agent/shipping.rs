//! The way to the collector: away and back, refused, throttled, paused.

use std::sync::Arc;
use std::time::Duration;

use bongsu_agent::{Agent, Config, Link, SystemClock};
use bongsu_model::{BlindReason, Clock, Monotonic, Outcome, Timestamp};

use crate::collector::{Scripted, Taken};
use crate::stage::{LOGIN, Stage, until};

async fn start(stage: &Stage) -> Agent {
    stage.write_journey("login", LOGIN);
    let config = Config::load(&stage.write_agent("")).unwrap();
    Agent::start(config, Arc::new(SystemClock::new()))
        .await
        .unwrap()
}

/// Waits until so many records are owed to the collector.
async fn spooled(agent: &Agent, wanted: impl Fn(u64) -> bool) {
    for _ in 0..1_500 {
        if wanted(agent.stats().await.spooled) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never so many: {:?}", agent.stats().await);
}

#[tokio::test]
async fn runs_arrive_behind_their_plan_with_token_and_name() {
    let stage = Stage::new().await;
    let agent = start(&stage).await;
    until("two runs pass", || stage.collector.runs().len() >= 2).await;
    assert_eq!(stage.collector.taken()[0], Taken::Plan);
    let run = &stage.collector.runs()[0];
    assert_eq!(*run.outcomes.verdict(), Outcome::Pass, "{run:?}");
    assert!(bongsu_wire::facts_match_id(run));
    assert_eq!(run.seq, 0);
    let tokens = stage.collector.tokens();
    assert!(
        tokens
            .iter()
            .all(|token| token == "Bearer a-token-of-the-agent"),
        "{tokens:?}"
    );
    let names = stage.collector.user_agents();
    assert!(
        names.iter().all(|name| name.starts_with("bongsu-agent/")),
        "{names:?}"
    );
    let beat = &stage.collector.heartbeats()[0];
    assert_eq!(beat.boot, run.boot);
    assert_eq!(beat.plan_revision, Some(run.plan_revision.clone()));
    agent.shutdown().await;
    assert_eq!(stage.platform.audit().sessions_open, []);
}

#[tokio::test]
async fn a_collector_that_comes_back_gets_every_run_once() {
    let mut stage = Stage::new().await;
    let agent = start(&stage).await;
    until("a run passes", || !stage.collector.runs().is_empty()).await;
    stage.collector.go_away().await;
    spooled(&agent, |records| records >= 2).await;
    stage.collector.come_back().await;
    until("the backlog arrives", || stage.collector.runs().len() >= 4).await;
    agent.shutdown().await;
    let mut numbers: Vec<u64> = stage.collector.runs().iter().map(|run| run.seq).collect();
    numbers.sort_unstable();
    let expected: Vec<u64> = (0..numbers.len() as u64).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test]
async fn a_refused_token_pauses_the_queue_and_loses_nothing() {
    let stage = Stage::new().await;
    stage.collector.script(&[Scripted::Status(401)]);
    let agent = start(&stage).await;
    until("the token is refused", || stage.collector.scripted() == 1).await;
    spooled(&agent, |records| records >= 2).await;
    assert_eq!(
        stage.collector.taken(),
        [],
        "it went on although the token was refused"
    );
    assert_eq!(agent.stats().await.dropped, 0);
    agent.kill().await;
}

#[tokio::test]
async fn passing_troubles_are_waited_out_and_final_ones_are_kept_aside() {
    let stage = Stage::new().await;
    stage.collector.script(&[
        Scripted::RetryAfter(503, "1"),
        Scripted::Status(429),
        Scripted::Status(502),
    ]);
    let agent = start(&stage).await;
    until("a run arrives after all", || {
        !stage.collector.runs().is_empty()
    })
    .await;
    assert_eq!(stage.collector.scripted(), 3);
    assert_eq!(stage.collector.taken()[0], Taken::Plan);
    // A request of one run is refused for good, the next one in part.
    spooled(&agent, |records| records == 0).await;
    stage
        .collector
        .script(&[Scripted::Status(400), Scripted::Partial(3)]);
    let before = stage.collector.runs().len();
    until("a run is taken in part", || {
        stage.collector.scripted() == 5 && stage.collector.runs().len() >= before + 2
    })
    .await;
    let log = std::fs::read_to_string(stage.path("data/dead-letters/refused.log")).unwrap();
    assert!(log.contains("status 400: as scripted"), "{log}");
    assert!(log.contains("unknown journey"), "{log}");
    let numbers: Vec<u64> = stage.collector.runs().iter().map(|run| run.seq).collect();
    let refused = before as u64;
    assert!(
        !numbers.contains(&refused),
        "the refused run was sent again: {numbers:?}"
    );
    assert!(numbers.contains(&(refused + 1)), "{numbers:?}");
    agent.shutdown().await;
}

#[tokio::test]
async fn an_agent_cut_off_from_everything_is_blind_and_tells_later() {
    let stage = Stage::new().await;
    let agent = start(&stage).await;
    until("a run passes", || !stage.collector.runs().is_empty()).await;
    agent.set_link(Link::Cut);
    let mut blind = 0;
    for _ in 0..600 {
        let runs = agent.stats().await.runs;
        blind = runs
            .iter()
            .filter(|run| run.1 == "blind")
            .map(|run| run.2)
            .sum();
        assert!(!runs.iter().any(|run| run.1 == "fail"), "{runs:?}");
        if blind >= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(blind >= 2);
    agent.set_link(Link::Up);
    until("it tells that it was blind", || {
        stage
            .collector
            .runs()
            .iter()
            .any(|run| *run.outcomes.verdict() == Outcome::Blind(BlindReason::Egress))
    })
    .await;
    agent.shutdown().await;
}

/// Real time under a speed that makes a heartbeat due every 250 ms.
#[derive(Debug)]
struct Hurried(SystemClock);

impl Clock for Hurried {
    fn wall(&self) -> Timestamp {
        self.0.wall()
    }

    fn monotonic(&self) -> Monotonic {
        self.0.monotonic()
    }

    fn speed(&self) -> f64 {
        40.0
    }
}

#[tokio::test]
async fn a_collector_that_hangs_does_not_slow_the_heartbeat_to_another() {
    let stage = Stage::new().await;
    // At this speed its runs have seconds of the machine's time.
    stage.write_journey(
        "login",
        &LOGIN.replace("every = \"2s\"", "every = \"120s\""),
    );
    // It takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let more = format!(
        "[[collector]]\nname = \"silent\"\nurl = \"http://{}\"\ntoken = {{ file = \"token\" }}",
        silent.local_addr().unwrap()
    );
    let config = Config::load(&stage.write_agent(&more)).unwrap();
    let clock = Arc::new(Hurried(SystemClock::new()));
    let agent = Agent::start(config, clock).await.unwrap();
    let five = until("five heartbeats", || {
        stage.collector.heartbeats().len() >= 5
    });
    // Behind the silent one there would be one in 20 s.
    tokio::time::timeout(Duration::from_secs(20), five)
        .await
        .expect("the beat is kept");
    agent.kill().await;
}

/// A clock on which a minute takes two seconds.
#[derive(Debug)]
struct Fast {
    real: SystemClock,
    started: Timestamp,
}

impl Fast {
    const SPEED: f64 = 30.0;

    fn new() -> Self {
        let real = SystemClock::new();
        let started = real.wall();
        Self { real, started }
    }

    fn gone(&self) -> Duration {
        let origin = Monotonic::from_origin(Duration::ZERO);
        self.real.monotonic().since(origin).mul_f64(Self::SPEED)
    }
}

impl Clock for Fast {
    fn wall(&self) -> Timestamp {
        self.started + self.gone()
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_origin(self.gone())
    }

    fn speed(&self) -> f64 {
        Self::SPEED
    }
}

async fn start_fast(stage: &Stage) -> Agent {
    stage.write_journey("login", &LOGIN.replace("\"2s\"", "\"120s\""));
    let config = Config::load(&stage.write_agent("")).unwrap();
    Agent::start(config, Arc::new(Fast::new())).await.unwrap()
}

#[tokio::test]
async fn a_plan_that_a_collector_lost_is_told_again_and_once_a_minute_at_most() {
    let stage = Stage::new().await;
    let agent = start_fast(&stage).await;
    until("the plan is told", || !stage.collector.plans().is_empty()).await;
    let beats = stage.collector.heartbeats().len();
    until("it goes on", || {
        stage.collector.heartbeats().len() > beats + 2
    })
    .await;
    assert_eq!(stage.collector.plans().len(), 1, "nobody asked for more");
    stage.collector.lose_plan();
    until("the plan is told again", || {
        stage.collector.plans().len() >= 2
    })
    .await;
    let beats = stage.collector.heartbeats().len();
    until("it goes on", || {
        stage.collector.heartbeats().len() > beats + 2
    })
    .await;
    let plans = stage.collector.plans();
    let is_same = plans.iter().all(|plan| *plan == plans[0]);
    assert!(is_same, "valid from another instant: {plans:?}");
    agent.kill().await;
}

#[tokio::test]
async fn a_plan_that_a_collector_refused_is_told_again() {
    let stage = Stage::new().await;
    stage.collector.script(&[Scripted::Status(400)]);
    let agent = start_fast(&stage).await;
    until("the plan is told again", || {
        !stage.collector.plans().is_empty()
    })
    .await;
    let log = std::fs::read_to_string(stage.path("data/dead-letters/refused.log")).unwrap();
    assert!(log.contains("-logs.otlp status 400"), "{log}");
    agent.kill().await;
}

#[tokio::test]
async fn an_address_where_no_receiver_is_pauses_the_queue_and_loses_nothing() {
    let stage = Stage::new().await;
    let wrong = [301, 404, 405, 404, 404].map(Scripted::Status);
    stage.collector.script(&wrong);
    stage.write_journey("login", &LOGIN.replace("\"2s\"", "\"60s\""));
    let more = "[listen]\naddress = \"127.0.0.1:0\"";
    let config = Config::load(&stage.write_agent(more)).unwrap();
    let agent = Agent::start(config, Arc::new(Fast::new())).await.unwrap();
    let url = format!("http://{}/readyz", agent.listening().unwrap());
    let ready = async || {
        let answer = reqwest::get(&url).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    until("the address is found wrong", || {
        stage.collector.scripted() >= 1
    })
    .await;
    let (status, text) = ready().await;
    assert_eq!(status, 503, "{text}");
    let expected = "collector main: no OTLP receiver answers at its `url`; everything is kept";
    assert!(text.contains(expected), "{text}");
    until("runs arrive when it is right", || {
        !stage.collector.runs().is_empty()
    })
    .await;
    assert_eq!(stage.collector.scripted(), 5);
    assert_eq!(stage.collector.taken()[0], Taken::Plan);
    let first = stage.collector.runs()[0].seq;
    assert_eq!((first, agent.stats().await.dropped), (0, 0));
    assert!(!stage.path("data/dead-letters").exists());
    let (status, text) = ready().await;
    assert_eq!(status, 200, "{text}");
    agent.kill().await;
}
