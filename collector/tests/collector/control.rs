//! The control channel over real sockets: WebSocket, polling, and who may not speak.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bongsu_collector::control::{ChannelKind, ChannelView};
use bongsu_collector::process::Collector;
use bongsu_model::{Outcome, Timestamp};
use bongsu_wire::opamp::{
    AgentDisconnect, AgentToServer, BURST_CAPABILITY, BurstOrder, BurstRefusal, BurstWord,
    ComponentHealth, CustomCapabilities, EffectiveConfig, MESSAGE_BYTES_MAX, REPORT_FULL_STATE,
    ServerToAgent, agent_capability, decode, describe, encode, frame, instance_uid, read_burst,
    unframe,
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::fleet::{PERIOD, TestAgent, agents, fail};
use crate::harness::{Client, PATIENCE, SetClock, collector, collector_with, wait};

/// A stock client of one agent.
struct Peer {
    agent: TestAgent,
    socket: WebSocketStream<TcpStream>,
    sequence: u64,
}

fn a1() -> TestAgent {
    agents().remove(0)
}

fn b1() -> TestAgent {
    agents().remove(2)
}

fn message(agent: &TestAgent, sequence_num: u64) -> AgentToServer {
    AgentToServer {
        instance_uid: instance_uid(&agent.vantage.agent).to_vec(),
        sequence_num,
        capabilities: agent_capability::REPORTS_STATUS
            | agent_capability::REPORTS_HEALTH
            | agent_capability::REPORTS_EFFECTIVE_CONFIG,
        ..AgentToServer::default()
    }
}

fn full(agent: &TestAgent, sequence_num: u64, status: &str) -> AgentToServer {
    let health = ComponentHealth {
        healthy: true,
        start_time_unix_nano: 1,
        last_error: String::new(),
        status: status.to_owned(),
        status_time_unix_nano: 2,
        component_health_map: BTreeMap::new(),
    };
    AgentToServer {
        agent_description: Some(describe(&agent.resource())),
        health: Some(health),
        effective_config: Some(EffectiveConfig::default()),
        custom_capabilities: Some(CustomCapabilities {
            capabilities: vec![BURST_CAPABILITY.to_owned()],
        }),
        ..message(agent, sequence_num)
    }
}

impl Peer {
    async fn open(otlp: SocketAddr, agent: TestAgent) -> Self {
        let socket = open(otlp, Some(agent.token.clone())).await.unwrap();
        Self {
            agent,
            socket,
            sequence: 0,
        }
    }

    async fn send(&mut self, frame: Frame) {
        self.socket.send(frame).await.unwrap();
    }

    async fn say(&mut self, message: &AgentToServer) {
        self.send(Frame::Binary(frame(message).into())).await;
        self.sequence += 1;
    }

    /// The next message, or the close, whichever comes.
    async fn hear(&mut self) -> Result<ServerToAgent, (CloseCode, String)> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next());
            match next.await.unwrap().unwrap().unwrap() {
                Frame::Binary(bytes) => return Ok(unframe(&bytes).unwrap()),
                Frame::Close(close) => {
                    let close = close.unwrap();
                    return Err((close.code, close.reason.to_string()));
                }
                Frame::Ping(_) | Frame::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The error that is said before the close, and the close.
    async fn turned_away(&mut self) -> (String, CloseCode) {
        let error = self.hear().await.unwrap().error_response.unwrap();
        (error.error_message, self.hear().await.unwrap_err().0)
    }
}

async fn open(
    otlp: SocketAddr,
    token: Option<String>,
) -> Result<WebSocketStream<TcpStream>, WsError> {
    let mut request = format!("ws://{otlp}/v1/opamp")
        .into_client_request()
        .unwrap();
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", value);
    }
    let stream = TcpStream::connect(otlp).await.unwrap();
    let opened = tokio_tungstenite::client_async(request, stream).await?;
    Ok(opened.0)
}

fn view(collector: &Collector, agent: &TestAgent) -> ChannelView {
    let views = collector.shared().channels();
    views
        .into_iter()
        .find(|view| view.agent == agent.vantage.agent)
        .unwrap()
}

async fn until_kind(collector: &Collector, agent: &TestAgent, kind: ChannelKind) {
    wait(|| view(collector, agent).kind == kind).await;
}

struct Polled {
    code: u16,
    answer: ServerToAgent,
}

async fn poll(otlp: SocketAddr, token: &str, body: Vec<u8>, coding: Option<&str>) -> Polled {
    let mut headers = vec![("authorization", format!("Bearer {token}"))];
    headers.extend(coding.map(|coding| ("content-encoding", coding.to_owned())));
    let answer = Client::new().post(otlp, "/v1/opamp", &headers, body).await;
    let answer = answer.unwrap();
    Polled {
        code: answer.code,
        answer: decode(&answer.body).unwrap(),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_websocket_is_the_agents_channel_until_it_says_goodbye() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    assert_eq!(view(&collector, &a1()).kind, ChannelKind::None);
    let mut client = Peer::open(collector.otlp_addr(), a1()).await;
    client.say(&full(&client.agent, 0, "working")).await;
    let first = client.hear().await.unwrap();
    assert_eq!(first.instance_uid, instance_uid(&a1().vantage.agent));
    assert_eq!((first.flags, first.capabilities), (0, 5));
    let seen = view(&collector, &a1());
    assert_eq!(seen.kind, ChannelKind::Websocket);
    assert_eq!(seen.health.unwrap().status, "working");
    assert!(seen.config.is_some());
    assert_eq!(collector.shared().counters.control.sockets.get(), 1);

    client.say(&message(&client.agent, 5)).await;
    assert_eq!(client.hear().await.unwrap().flags, REPORT_FULL_STATE);

    let goodbye = AgentToServer {
        agent_disconnect: Some(AgentDisconnect {}),
        ..full(&client.agent, 6, "stopping")
    };
    client.say(&goodbye).await;
    assert_eq!(client.hear().await.unwrap_err().0, CloseCode::Normal);
    until_kind(&collector, &a1(), ChannelKind::None).await;
    let left = view(&collector, &a1());
    assert!(left.since.is_some(), "it is told since when");
    collector.shutdown().await;
}

#[tokio::test]
async fn the_newer_of_two_channels_stays_and_the_older_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let otlp = collector.otlp_addr();
    let mut older = Peer::open(otlp, a1()).await;
    older.say(&full(&older.agent, 0, "older")).await;
    older.hear().await.unwrap();
    let mut newer = Peer::open(otlp, a1()).await;
    newer.say(&full(&newer.agent, 0, "newer")).await;
    newer.hear().await.unwrap();
    let (error, code) = older.turned_away().await;
    assert!(
        error.contains("a newer control channel of a-1 took over"),
        "{error}"
    );
    assert_eq!(code, CloseCode::Policy);
    let seen = view(&collector, &a1());
    assert_eq!(seen.kind, ChannelKind::Websocket);
    assert_eq!(seen.health.unwrap().status, "newer");
    assert_eq!(collector.shared().counters.control.replaced.get(), 1);
    collector.shutdown().await;
}

#[tokio::test]
async fn frames_that_are_no_message_end_the_channel_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let mut header = frame(&message(&a1(), 0));
    header[0] = 1;
    let mut foreign = full(&a1(), 0, "working");
    foreign.instance_uid = instance_uid(&b1().vantage.agent).to_vec();
    for (bad, words, code) in [
        (
            Frame::Text("{}".into()),
            "binary frames",
            CloseCode::Unsupported,
        ),
        (
            Frame::Binary(vec![0, 0x0a, 0xff].into()),
            "cannot be read",
            CloseCode::Protocol,
        ),
        (
            Frame::Binary(vec![0xff; 3].into()),
            "not a varint",
            CloseCode::Protocol,
        ),
        (
            Frame::Binary(header.into()),
            "header is 1",
            CloseCode::Protocol,
        ),
        (
            Frame::Binary(vec![0; MESSAGE_BYTES_MAX + 1].into()),
            "at most",
            CloseCode::Size,
        ),
        (
            Frame::Binary(frame(&foreign).into()),
            "speaks for b-1",
            CloseCode::Policy,
        ),
    ] {
        let mut client = Peer::open(collector.otlp_addr(), a1()).await;
        client.send(bad).await;
        let (error, closed) = client.turned_away().await;
        assert!(error.contains(words), "{error}");
        assert_eq!(closed, code, "{error}");
        until_kind(&collector, &a1(), ChannelKind::None).await;
    }
    let seen = view(&collector, &b1());
    assert_eq!((seen.kind, seen.health), (ChannelKind::None, None));
    collector.shutdown().await;
}

#[tokio::test]
async fn who_has_no_token_gets_no_channel() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let otlp = collector.otlp_addr();
    for token in [None, Some("of-nobody".to_owned())] {
        match open(otlp, token).await {
            Err(WsError::Http(response)) => assert_eq!(response.status(), 401),
            other => panic!("{other:?}"),
        }
    }
    let polled = poll(otlp, "of-nobody", encode(&message(&a1(), 0)), None).await;
    assert_eq!(polled.code, 401);
    let error = polled.answer.error_response.unwrap().error_message;
    assert!(error.contains("nobody has this token"), "{error}");
    collector.shutdown().await;
}

#[tokio::test]
async fn a_posted_message_is_answered_and_makes_the_channel_polled() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (otlp, token) = (collector.otlp_addr(), a1().token);
    let beat = encode(&message(&a1(), 4));
    let first = poll(otlp, &token, beat, None).await;
    assert_eq!((first.code, first.answer.flags), (200, REPORT_FULL_STATE));
    let all = gzip(&encode(&full(&a1(), 5, "working")));
    let second = poll(otlp, &token, all, Some("gzip")).await;
    assert_eq!((second.code, second.answer.flags), (200, 0));
    assert_eq!(
        second.answer.capabilities, 5,
        "every answer says it: polls have no first"
    );
    let seen = view(&collector, &a1());
    assert_eq!(seen.kind, ChannelKind::Polling);
    assert_eq!(seen.health.unwrap().status, "working");

    let goodbye = AgentToServer {
        agent_disconnect: Some(AgentDisconnect {}),
        ..message(&a1(), 6)
    };
    assert_eq!(poll(otlp, &token, encode(&goodbye), None).await.code, 200);
    assert_eq!(view(&collector, &a1()).kind, ChannelKind::None);
    collector.shutdown().await;
}

#[tokio::test]
async fn posts_that_are_no_message_are_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (otlp, token) = (collector.otlp_addr(), a1().token);
    let mut foreign = full(&a1(), 0, "working");
    foreign.instance_uid = instance_uid(&b1().vantage.agent).to_vec();
    let huge = vec![0; MESSAGE_BYTES_MAX + 1];
    for (body, coding, code, words) in [
        (vec![0x0a, 0xff], None, 400, "cannot be read"),
        (vec![1, 2, 3], Some("gzip"), 400, "not whole gzip"),
        (vec![], Some("br"), 415, "gzip"),
        (huge.clone(), None, 413, "more than"),
        (gzip(&huge), Some("gzip"), 413, "more than"),
        (encode(&AgentToServer::default()), None, 403, "16 bytes"),
        (encode(&foreign), None, 403, "speaks for b-1"),
    ] {
        let polled = poll(otlp, &token, body, coding).await;
        let error = polled.answer.error_response.unwrap().error_message;
        assert_eq!(polled.code, code, "{error}");
        assert!(error.contains(words), "{error}");
    }
    let json = [
        ("authorization", format!("Bearer {token}")),
        ("content-type", "application/json".to_owned()),
    ];
    let other = Client::new()
        .post(otlp, "/v1/opamp", &json, Vec::new())
        .await;
    assert_eq!(other.unwrap().code, 415);
    let bearer = [("authorization", format!("Bearer {token}"))];
    let plain = Client::new().get_with(otlp, "/v1/opamp", &bearer).await;
    assert_eq!(plain.unwrap().code, 426, "a GET without an upgrade");
    assert_eq!(view(&collector, &a1()).kind, ChannelKind::None);
    collector.shutdown().await;
}

#[tokio::test]
async fn an_agent_that_sends_without_end_is_told_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let mut client = Peer::open(collector.otlp_addr(), a1()).await;
    for sequence in 0..200 {
        let sent = client.socket.send(Frame::Binary(
            frame(&full(&a1(), sequence, "working")).into(),
        ));
        if sent.await.is_err() {
            break;
        }
    }
    let error = loop {
        let heard = client.hear().await.unwrap();
        if let Some(error) = heard.error_response {
            break error;
        }
    };
    assert!(
        error.error_message.contains("too many messages"),
        "{error:?}"
    );
    assert!(error.details.is_some(), "it is told when to come again");
    let busan = Peer::open(collector.otlp_addr(), b1()).await;
    until_kind(&collector, &b1(), ChannelKind::Websocket).await;
    drop(busan);
    until_kind(&collector, &b1(), ChannelKind::None).await;
    collector.shutdown().await;
}

#[tokio::test]
async fn a_collector_that_stops_closes_its_channels() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let mut client = Peer::open(collector.otlp_addr(), a1()).await;
    client.say(&full(&client.agent, 0, "working")).await;
    client.hear().await.unwrap();
    let ((), heard) = tokio::join!(collector.shutdown(), client.hear());
    assert_eq!(heard.unwrap_err().0, CloseCode::Away);
}

/// Lets the login cell of region `a` become suspect: both agents ran their newest slot two seconds
/// ago, and the second one's failed. Returns the present.
async fn make_suspect(collector: &Collector) -> Timestamp {
    let (client, otlp) = (Client::new(), collector.otlp_addr());
    let now = collector.shared().clock.wall();
    let slot = now.as_unix_nanos() / u64::try_from(PERIOD.as_nanos()).unwrap();
    for (agent, outcome) in agents().iter().zip([Outcome::Pass, fail()]) {
        let plan = agent.plan(now - PERIOD * 6);
        assert_eq!(client.records(otlp, agent, plan).await.code, 200);
        for n in slot - 3..slot {
            let run = agent.encode(&[agent.run(n, Outcome::Pass)]);
            assert_eq!(client.runs(otlp, agent, run).await.code, 200);
        }
        let run = agent.encode(&[agent.run(slot, outcome)]);
        assert_eq!(client.runs(otlp, agent, run).await.code, 200);
    }
    now
}

fn two_seconds_after_a_slot() -> std::sync::Arc<SetClock> {
    SetClock::at(Timestamp::from_unix_seconds(1_700_000_002))
}

fn order(answer: &ServerToAgent) -> BurstOrder {
    match read_burst(answer.custom_message.as_ref().unwrap()) {
        Some(Ok(BurstWord::Request(order))) => order,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_agent_of_a_suspect_cell_is_asked_over_its_websocket() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector_with(folder.path(), two_seconds_after_a_slot()).await;
    let mut peer = Peer::open(collector.otlp_addr(), a1()).await;
    peer.say(&full(&a1(), 0, "working")).await;
    peer.hear().await.unwrap();
    let now = make_suspect(&collector).await;
    let asked = order(&peer.hear().await.unwrap());
    assert_eq!(
        (asked.target.as_str(), asked.journey.as_str()),
        ("superapp", "login")
    );
    assert_eq!(asked.variant.as_str(), "cold");
    assert_eq!(asked.until.since(now).as_secs(), 5);
    let counters = &collector.shared().counters.control;
    // The clock stands still: there is no second.
    wait(|| counters.bursts_asked.get() == 1).await;
    let refusal = AgentToServer {
        custom_message: Some(BurstRefusal::Running.to_message()),
        ..message(&a1(), 1)
    };
    peer.say(&refusal).await;
    let refused = || {
        counters
            .bursts_refused
            .iter()
            .map(|count| count.get())
            .sum::<u64>()
    };
    wait(|| refused() == 1).await;
    collector.shutdown().await;
}

#[tokio::test]
async fn an_agent_that_polls_is_asked_in_an_answer_and_a_stale_request_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let clock = two_seconds_after_a_slot();
    let collector = collector_with(folder.path(), clock.clone()).await;
    let (otlp, token) = (collector.otlp_addr(), a1().token);
    let counters = &collector.shared().counters.control;
    poll(otlp, &token, encode(&full(&a1(), 0, "working")), None).await;
    let now = make_suspect(&collector).await;
    wait(|| counters.bursts_asked.get() == 1).await;
    let asked = poll(otlp, &token, encode(&message(&a1(), 1)), None).await;
    assert_eq!(order(&asked.answer).journey.as_str(), "login");

    // Two agents: the second request is due 2.5 s after the first; the one that is asked has not
    // answered, so that it is asked again when that is not waited for any more.
    clock.set(now + std::time::Duration::from_secs(5));
    wait(|| counters.bursts_asked.get() == 2).await;
    clock.set(now + std::time::Duration::from_secs(11));
    let late = poll(otlp, &token, encode(&message(&a1(), 2)), None).await;
    assert_eq!(late.answer.custom_message, None);
    assert_eq!(counters.bursts_dropped.get(), 1);
    collector.shutdown().await;
}

#[tokio::test]
async fn an_agent_that_does_not_understand_requests_is_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let clock = two_seconds_after_a_slot();
    let collector = collector_with(folder.path(), clock.clone()).await;
    let (otlp, a2) = (collector.otlp_addr(), agents().remove(1));
    let stock = AgentToServer {
        custom_capabilities: None,
        ..full(&a1(), 0, "working")
    };
    poll(otlp, &a1().token, encode(&stock), None).await;
    let mut peer = Peer::open(otlp, a2.clone()).await;
    peer.say(&full(&a2, 0, "working")).await;
    peer.hear().await.unwrap();
    make_suspect(&collector).await;
    order(&peer.hear().await.unwrap());
    let asked = || collector.shared().counters.control.bursts_asked.get();
    wait(|| asked() == 1).await;
    let nothing = poll(otlp, &a1().token, encode(&message(&a1(), 1)), None).await;
    assert_eq!(nothing.answer.custom_message, None);
    collector.shutdown().await;
}
