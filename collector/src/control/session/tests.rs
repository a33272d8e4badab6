//! The flow of the published protobuf, and what an agent may not say.

use std::collections::BTreeMap;

use bongsu_wire::opamp::{BurstOrder, CustomMessage, decode, encode, instance_uid};

use super::*;

/// Messages as the published protobuf encodes them, and what is answered to each.
const FLOW: &str = include_str!("../../../../probes/wire/tests/opamp/flow.txt");

fn published(who: &str, name: &str) -> Vec<u8> {
    let start = format!("{who} {name} ");
    let line = FLOW.lines().find_map(|line| line.strip_prefix(&start));
    let hex = line.unwrap();
    (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

fn said(name: &str) -> AgentToServer {
    decode(&published("agent", name)).unwrap()
}

fn id(text: &str) -> AgentId {
    AgentId::new(text).unwrap()
}

struct Pair(BTreeMap<InstanceUid, AgentId>);

impl Pair {
    fn new() -> Self {
        let agents = ["seoul-1", "seoul-2"].map(id);
        Self(agents.map(|agent| (instance_uid(&agent), agent)).into())
    }
}

impl Roster for Pair {
    fn by_uid(&self, uid: &[u8]) -> Option<&AgentId> {
        self.0.get(uid)
    }

    fn is_listed(&self, wanted: &str) -> Option<&AgentId> {
        self.0.values().find(|agent| agent.as_str() == wanted)
    }
}

fn session() -> Session {
    Session::new(id("seoul-1"), instance_uid(&id("seoul-1")))
}

const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_002);

fn take(session: &mut Session, message: &AgentToServer, is_first: bool) -> Taken {
    session.take(message, is_first, &Pair::new(), NOW).unwrap()
}

#[test]
fn a_stock_flow_is_answered_as_the_published_protobuf_has_it() {
    let mut session = session();
    let first = take(&mut session, &said("connect"), true);
    assert_eq!(encode(&first.answer), published("server", "connect"));
    assert!(first.is_due && !first.asks_for_all);
    let health = session.health().unwrap();
    assert!(health.healthy && health.status == "working" && health.received == NOW);
    let config = session.config().unwrap().clone();
    assert_eq!(config.plan_revision.as_deref(), Some("4f0a"));
    assert_eq!(config.hash.len(), 64);

    let beat = take(&mut session, &said("heartbeat"), false);
    assert!(!beat.is_due, "a sign of life is not answered");
    assert_eq!(
        session.config(),
        Some(&config),
        "what is left out has not changed"
    );

    let gap = take(&mut session, &said("gap"), false);
    assert_eq!(encode(&gap.answer), published("server", "gap"));
    assert!(gap.is_due && gap.asks_for_all);
    assert_eq!(
        session.config(),
        None,
        "what was missed may have changed it"
    );

    let full = take(&mut session, &said("full_state"), false);
    assert!(!full.is_due);
    assert_eq!(session.config(), Some(&config));

    let refused = take(&mut session, &said("refused"), false);
    assert_eq!(refused.refusal, Some(BurstRefusal::Running));

    let last = take(&mut session, &said("disconnect"), false);
    assert!(last.is_last && !last.asks_for_all);
}

#[test]
fn an_agent_that_says_less_than_it_can_is_asked_for_the_rest_until_it_says_it() {
    let mut session = session();
    let beat = take(&mut session, &said("heartbeat"), true);
    assert_eq!(beat.answer.flags, REPORT_FULL_STATE);
    let mut partly = said("connect");
    partly.sequence_num = 2;
    partly.effective_config = None;
    assert!(take(&mut session, &partly, false).asks_for_all);
    partly.sequence_num = 3;
    partly.capabilities &= !agent_capability::REPORTS_EFFECTIVE_CONFIG;
    let taken = take(&mut session, &partly, false);
    assert!(!taken.asks_for_all, "it cannot report what is missing");
}

#[test]
fn a_repeated_a_lost_and_the_last_number_are_gaps_unless_everything_is_said() {
    let mut session = session();
    for (message, sequence, asks) in [
        ("connect", 7, false),
        ("heartbeat", 7, true),
        ("full_state", 6, false),
        ("heartbeat", 8, true),
        ("full_state", u64::MAX, false),
        ("heartbeat", 0, true),
    ] {
        let mut message = said(message);
        message.sequence_num = sequence;
        let taken = take(&mut session, &message, false);
        assert_eq!(taken.asks_for_all, asks, "{sequence}");
    }
}

#[test]
fn who_speaks_for_another_agent_is_refused_and_nothing_of_it_is_kept() {
    let mut session = session();
    let mut foreign = said("connect");
    foreign.instance_uid = instance_uid(&id("seoul-2")).to_vec();
    let refused = session.take(&foreign, true, &Pair::new(), NOW).unwrap_err();
    let words = "the token is seoul-1's, and the message speaks for seoul-2";
    assert_eq!(refused.to_string(), words);

    let mut described = encode(&said("connect"));
    let at = described.windows(7).position(|w| w == b"seoul-1").unwrap();
    described[at + 6] = b'2';
    let described: AgentToServer = decode(&described).unwrap();
    let refused = session.take(&described, true, &Pair::new(), NOW);
    assert!(matches!(refused, Err(Refused::Foreign { .. })));

    let mut short = said("connect");
    short.instance_uid.pop();
    let refused = session.take(&short, true, &Pair::new(), NOW);
    assert_eq!(refused, Err(Refused::Uid(15)));
    assert_eq!((session.health(), session.config()), (None, None));
}

#[test]
fn an_instance_uid_that_is_nobodys_is_given_the_agents_own() {
    let mut session = session();
    let mut stock = said("connect");
    stock.instance_uid = vec![7; 16];
    let taken = take(&mut session, &stock, false);
    assert_eq!(taken.answer.instance_uid, vec![7; 16]);
    let named = taken.answer.agent_identification.unwrap();
    assert_eq!(named.new_instance_uid, instance_uid(&id("seoul-1")));
    assert!(taken.is_due);
    let mut asking = said("heartbeat");
    asking.flags = REQUEST_INSTANCE_UID;
    assert!(
        take(&mut session, &asking, false)
            .answer
            .agent_identification
            .is_some()
    );
}

#[test]
fn unknown_bits_and_custom_messages_change_nothing() {
    let mut session = session();
    let mut odd = said("connect");
    odd.capabilities |= 1 << 40;
    odd.flags = 1 << 30;
    odd.custom_message = Some(CustomMessage {
        capability: "io.example.other".to_owned(),
        ..CustomMessage::default()
    });
    let taken = take(&mut session, &odd, false);
    assert!(!taken.is_due && taken.refusal.is_none());
    let mut asking = said("heartbeat");
    asking.custom_message = Some(
        BurstOrder {
            target: bongsu_model::TargetName::new("superapp").unwrap(),
            journey: bongsu_model::JourneyName::new("login").unwrap(),
            variant: bongsu_model::Variant::cold(),
            until: NOW,
        }
        .to_message(),
    );
    let taken = take(&mut session, &asking, false);
    assert!(taken.refusal.is_none(), "an agent asks for nothing");
}

#[test]
fn equal_configurations_have_equal_hashes_and_moved_bytes_do_not() {
    let hash = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(name, body)| {
            let file = bongsu_wire::opamp::AgentConfigFile {
                body: body.as_bytes().to_vec(),
                content_type: String::new(),
            };
            ((*name).to_owned(), file)
        });
        let config = EffectiveConfig {
            config_map: Some(bongsu_wire::opamp::AgentConfigMap {
                config_map: files.collect(),
            }),
        };
        config_view(&config, NOW).hash
    };
    assert_eq!(
        hash(&[("a", "1"), ("b", "2")]),
        hash(&[("b", "2"), ("a", "1")])
    );
    assert_ne!(
        hash(&[("a", "1b"), ("c", "2")]),
        hash(&[("a", "1"), ("bc", "2")])
    );
    assert_ne!(hash(&[("ab", "c")]), hash(&[("a", "bc")]));
}
