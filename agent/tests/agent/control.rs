//! The control channel: what an agent says over it, and what it does when it is asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bongsu_agent::{Agent, Config, SystemClock};
use bongsu_model::{AgentId, Clock as _, JourneyName, Outcome, TargetName, TriggerKind, Variant};
use bongsu_wire::opamp::{
    AgentToServer, BURST_CAPABILITY, BurstOrder, BurstRefusal, BurstWord, CustomCapabilities,
    PLAN_FILE, REPORT_FULL_STATE, ServerToAgent, frame, instance_uid, named_agent, read_burst,
    unframe,
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::stage::{LOGIN, Stage, until};

/// Far more than anything takes on a busy machine.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Stands before a collector: gives WebSockets to the test, everything else to the collector.
struct Front {
    address: SocketAddr,
    sockets: mpsc::Receiver<WebSocketStream<TcpStream>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Front {
    async fn before(collector: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (give, sockets) = mpsc::channel(4);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let give = give.clone();
                tokio::spawn(async move {
                    let mut start = [0; 4];
                    let _ = stream.peek(&mut start).await;
                    if &start == b"GET " {
                        let socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                        let _ = give.send(socket).await;
                    } else {
                        let (mut from, mut to) =
                            (stream, TcpStream::connect(collector).await.unwrap());
                        let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                    }
                });
            }
        });
        Self {
            address,
            sockets,
            serving,
        }
    }

    async fn socket(&mut self) -> WebSocketStream<TcpStream> {
        let socket = tokio::time::timeout(PATIENCE, self.sockets.recv());
        socket.await.unwrap().unwrap()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn hear(socket: &mut WebSocketStream<TcpStream>) -> AgentToServer {
    loop {
        let next = tokio::time::timeout(PATIENCE, socket.next()).await;
        match next.unwrap().unwrap().unwrap() {
            Frame::Binary(bytes) => return unframe(&bytes).unwrap(),
            Frame::Ping(_) | Frame::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn say(socket: &mut WebSocketStream<TcpStream>, message: ServerToAgent) {
    let sent = socket.send(Frame::Binary(frame(&message).into()));
    sent.await.unwrap();
}

fn order(journey: &str) -> ServerToAgent {
    let order = BurstOrder {
        target: TargetName::new("superapp").unwrap(),
        journey: JourneyName::new(journey).unwrap(),
        variant: Variant::cold(),
        until: SystemClock::new().wall() + std::time::Duration::from_secs(5),
    };
    ServerToAgent {
        custom_message: Some(order.to_message()),
        ..ServerToAgent::default()
    }
}

fn refusal(message: &AgentToServer) -> Option<BurstRefusal> {
    match read_burst(message.custom_message.as_ref()?) {
        Some(Ok(BurstWord::Refused(refusal))) => Some(refusal),
        _ => None,
    }
}

/// An agent whose slots are four seconds apart, so that there is room between them.
async fn agent(stage: &Stage, collector: SocketAddr, more: &str) -> Agent {
    agent_every("4s", stage, collector, more).await
}

async fn agent_every(every: &str, stage: &Stage, collector: SocketAddr, more: &str) -> Agent {
    let slow = LOGIN.replace("every = \"2s\"", &format!("every = \"{every}\""));
    stage.write_journey("login", &slow);
    let file = stage.write_agent(more);
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace(&stage.collector.address.to_string(), &collector.to_string());
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&file).unwrap();
    Agent::start(config, Arc::new(SystemClock::new()))
        .await
        .unwrap()
}

fn is_full(message: &AgentToServer) -> bool {
    let files = message.effective_config.as_ref();
    let files = files.and_then(|config| config.config_map.as_ref());
    message.agent_description.as_ref().and_then(named_agent) == Some("seoul-1")
        && message.health.as_ref().is_some_and(|health| health.healthy)
        && files.is_some_and(|files| files.config_map.contains_key(PLAN_FILE))
}

#[tokio::test]
async fn an_agent_says_what_it_is_and_runs_early_when_it_is_asked() {
    let stage = Stage::new().await;
    let mut front = Front::before(stage.collector.address).await;
    let agent = agent(&stage, front.address, "").await;
    let mut socket = front.socket().await;
    let first = hear(&mut socket).await;
    assert!(is_full(&first), "{first:?}");
    let id = AgentId::new("seoul-1").unwrap();
    assert_eq!(first.instance_uid, instance_uid(&id));
    assert_eq!(
        first.custom_capabilities.unwrap().capabilities,
        [BURST_CAPABILITY]
    );
    let files = first
        .effective_config
        .unwrap()
        .config_map
        .unwrap()
        .config_map;
    let own = String::from_utf8(files["agent.toml"].body.clone()).unwrap();
    assert!(
        own.contains("id = \"seoul-1\"") && own.contains("token = { file ="),
        "{own}"
    );
    assert!(
        !own.contains("a-token-of-the-agent"),
        "the token is named, never told"
    );

    say(&mut socket, order("no-such-journey")).await;
    let second = hear(&mut socket).await;
    assert_eq!(refusal(&second), Some(BurstRefusal::Unknown));
    assert_eq!(second.sequence_num, first.sequence_num + 1);
    assert!(second.agent_description.is_none(), "it has not changed");

    let full = ServerToAgent {
        flags: REPORT_FULL_STATE,
        ..ServerToAgent::default()
    };
    say(&mut socket, full).await;
    assert!(is_full(&hear(&mut socket).await));

    let bursts = || {
        let runs = stage.collector.runs();
        let bursts = runs
            .iter()
            .filter(|run| run.trigger.kind() == TriggerKind::Burst);
        bursts.count()
    };
    // A request that falls beside a slot is refused, and made again.
    let mut asked = 0;
    while bursts() == 0 {
        asked += 1;
        assert!(asked < 60, "it never ran early");
        say(&mut socket, order("login")).await;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    agent.shutdown().await;
    let mut last = hear(&mut socket).await;
    while last.agent_disconnect.is_none() {
        last = hear(&mut socket).await;
    }
}

#[tokio::test]
async fn an_agent_without_bursts_refuses_and_one_without_a_channel_opens_none() {
    let stage = Stage::new().await;
    let mut front = Front::before(stage.collector.address).await;
    let quiet = agent(&stage, front.address, "[limits]\nbursts = false\n").await;
    let mut socket = front.socket().await;
    hear(&mut socket).await;
    say(&mut socket, order("login")).await;
    assert_eq!(refusal(&hear(&mut socket).await), Some(BurstRefusal::Off));
    quiet.kill().await;

    let file = stage.path("agent.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("[[collector]]", "[[collector]]\ncontrol = false");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&file).unwrap();
    let agent = Agent::start(config, Arc::new(SystemClock::new()))
        .await
        .unwrap();
    let before = stage.collector.heartbeats().len();
    until("it ships", || stage.collector.heartbeats().len() > before).await;
    assert!(
        front.sockets.try_recv().is_err(),
        "nobody asked for a WebSocket"
    );
    agent.kill().await;
}

#[tokio::test]
async fn where_there_is_no_websocket_the_agent_polls() {
    let stage = Stage::new().await;
    let heard: Arc<Mutex<Vec<AgentToServer>>> = Arc::default();
    stage.collector.answer_polls({
        let heard = heard.clone();
        move |message| {
            let mut heard = heard.lock().unwrap();
            heard.push(message);
            match heard.len() {
                1 => order("no-such-journey"),
                4 => ServerToAgent {
                    flags: REPORT_FULL_STATE,
                    ..ServerToAgent::default()
                },
                _ => ServerToAgent::default(),
            }
        }
    });
    let agent = agent(&stage, stage.collector.address, "").await;
    until("five polls", || heard.lock().unwrap().len() >= 5).await;
    let heard = heard.lock().unwrap().clone();
    assert!(is_full(&heard[0]));
    let refused = heard[1..4].iter().filter_map(refusal).collect::<Vec<_>>();
    assert_eq!(refused, [BurstRefusal::Unknown]);
    assert!(heard[2].agent_description.is_none() && heard[2].health.is_none());
    assert!(is_full(&heard[4]), "it was asked for everything");
    let numbers: Vec<u64> = heard.iter().map(|message| message.sequence_num).collect();
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
    agent.kill().await;
}

#[tokio::test]
async fn who_can_be_asked_does_not_look_again_by_itself() {
    let stage = Stage::new().await;
    let mut front = Front::before(stage.collector.address).await;
    // A look would come five seconds after a failure, before the next slot.
    let agent = agent_every("8s", &stage, front.address, "").await;
    let mut socket = front.socket().await;
    hear(&mut socket).await;
    let asks = ServerToAgent {
        custom_capabilities: Some(CustomCapabilities {
            capabilities: vec![BURST_CAPABILITY.to_owned()],
        }),
        flags: REPORT_FULL_STATE,
        ..ServerToAgent::default()
    };
    say(&mut socket, asks).await;
    assert!(is_full(&hear(&mut socket).await), "it has heard");
    stage
        .platform
        .inject("account:refuse".parse().unwrap())
        .unwrap();
    let failed = |trigger| {
        let runs = stage.collector.runs();
        let failed = runs.iter().filter(|run| {
            run.trigger.kind() == trigger && matches!(run.outcomes.verdict(), Outcome::Fail(_))
        });
        failed.count()
    };
    until("two slots", || failed(TriggerKind::Scheduled) >= 2).await;
    assert_eq!(failed(TriggerKind::Burst), 0);
    // Without the channel it looks for itself.
    drop(socket);
    front.serving.abort();
    until("a look", || failed(TriggerKind::Burst) > 0).await;
    agent.kill().await;
}
