//! The control channel against a flow that the published protobuf encoded (`opamp/flow.py`), and
//! against what no message is.

use std::collections::BTreeMap;

use bongsu_model::{AgentId, JourneyName, RegionId, TargetName, Timestamp, Variant};
use bongsu_wire::AgentResource;
use bongsu_wire::opamp::{
    AGENT_FILE, AgentConfigFile, AgentConfigMap, AgentDisconnect, AgentIdentification,
    AgentRemoteConfig, AgentToServer, BURST_CAPABILITY, BurstOrder, BurstRefusal, BurstWord,
    ComponentHealth, CustomCapabilities, CustomMessage, EffectiveConfig, FrameError,
    MESSAGE_BYTES_MAX, PLAN_FILE, REPORT_FULL_STATE, REQUEST_INSTANCE_UID, RemoteConfigStatus,
    RemoteConfigStatuses, RetryInfo, ServerErrorResponse, ServerErrorResponseType, ServerToAgent,
    agent_capability, decode, describe, encode, error_details, frame, instance_uid, named_agent,
    read_burst, server_capability, unframe,
};
use proptest::prelude::*;
use prost::Message;

const FLOW: &str = include_str!("../opamp/flow.txt");

fn published(who: &str, name: &str) -> Vec<u8> {
    let start = format!("{who} {name} ");
    let line = FLOW.lines().find_map(|line| line.strip_prefix(&start));
    let hex = line.unwrap_or_else(|| panic!("the flow has no {who} {name}"));
    (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

/// Holds a message against the published bytes, both ways.
fn hold<M: Message + Default + PartialEq + std::fmt::Debug>(who: &str, name: &str, message: &M) {
    let bytes = published(who, name);
    assert_eq!(decode::<M>(&bytes).as_ref(), Ok(message), "{who} {name}");
    assert_eq!(encode(message), bytes, "{who} {name}");
    assert_eq!(unframe::<M>(&frame(message)).as_ref(), Ok(message));
}

fn seoul() -> AgentId {
    AgentId::new("seoul-1").unwrap()
}

fn agent(sequence_num: u64) -> AgentToServer {
    AgentToServer {
        instance_uid: instance_uid(&seoul()).to_vec(),
        sequence_num,
        capabilities: agent_capability::REPORTS_STATUS
            | agent_capability::REPORTS_EFFECTIVE_CONFIG
            | agent_capability::REPORTS_HEALTH
            | agent_capability::REPORTS_HEARTBEAT,
        ..AgentToServer::default()
    }
}

fn full(sequence_num: u64) -> AgentToServer {
    let mut resource = AgentResource::new(seoul(), "0.1.0");
    resource.region = Some(RegionId::new("kr-seoul").unwrap());
    resource.os_type = Some("linux".to_owned());
    let health = |status: &str, parts: &[&str]| ComponentHealth {
        healthy: true,
        start_time_unix_nano: 1_700_000_000_000_000_000,
        status: status.to_owned(),
        status_time_unix_nano: 1_700_000_001_000_000_000,
        last_error: String::new(),
        component_health_map: parts
            .iter()
            .map(|part| ((*part).to_owned(), part_health()))
            .collect(),
    };
    let files = [
        (AGENT_FILE, file("format = 1\n", "application/toml")),
        (PLAN_FILE, file("4f0a", "text/plain")),
    ];
    AgentToServer {
        agent_description: Some(describe(&resource)),
        health: Some(health("working", &["plan", "spool"])),
        effective_config: Some(EffectiveConfig {
            config_map: Some(AgentConfigMap {
                config_map: BTreeMap::from(files.map(|(name, file)| (name.to_owned(), file))),
            }),
        }),
        custom_capabilities: Some(capabilities()),
        ..agent(sequence_num)
    }
}

fn part_health() -> ComponentHealth {
    ComponentHealth {
        healthy: true,
        start_time_unix_nano: 1_700_000_000_000_000_000,
        status: "good".to_owned(),
        status_time_unix_nano: 1_700_000_001_000_000_000,
        ..ComponentHealth::default()
    }
}

fn file(body: &str, content_type: &str) -> AgentConfigFile {
    AgentConfigFile {
        body: body.as_bytes().to_vec(),
        content_type: content_type.to_owned(),
    }
}

fn capabilities() -> CustomCapabilities {
    CustomCapabilities {
        capabilities: vec![BURST_CAPABILITY.to_owned()],
    }
}

fn order() -> BurstOrder {
    BurstOrder {
        target: TargetName::new("superapp").unwrap(),
        journey: JourneyName::new("login").unwrap(),
        variant: Variant::cold(),
        until: Timestamp::from_unix_seconds(1_700_000_005),
    }
}

fn server() -> ServerToAgent {
    ServerToAgent {
        instance_uid: instance_uid(&seoul()).to_vec(),
        ..ServerToAgent::default()
    }
}

#[test]
fn a_stock_flow_is_encoded_as_the_published_protobuf_encodes_it() {
    hold("agent", "connect", &full(0));
    let connected = ServerToAgent {
        capabilities: server_capability::ACCEPTS_STATUS
            | server_capability::ACCEPTS_EFFECTIVE_CONFIG,
        custom_capabilities: Some(capabilities()),
        ..server()
    };
    hold("server", "connect", &connected);
    hold("agent", "heartbeat", &agent(1));
    hold("agent", "gap", &agent(5));
    let gap = ServerToAgent {
        flags: REPORT_FULL_STATE,
        ..server()
    };
    hold("server", "gap", &gap);
    hold("agent", "full_state", &full(6));
    let burst = ServerToAgent {
        custom_message: Some(order().to_message()),
        ..server()
    };
    hold("server", "burst", &burst);
    let refused = AgentToServer {
        custom_message: Some(BurstRefusal::Running.to_message()),
        ..agent(7)
    };
    hold("agent", "refused", &refused);
    let disconnect = AgentToServer {
        agent_disconnect: Some(AgentDisconnect {}),
        ..agent(8)
    };
    hold("agent", "disconnect", &disconnect);
}

#[test]
fn the_rest_of_the_subset_is_encoded_as_the_published_protobuf_encodes_it() {
    let status = AgentToServer {
        flags: REQUEST_INSTANCE_UID,
        capabilities: 0,
        remote_config_status: Some(RemoteConfigStatus {
            last_remote_config_hash: vec![1, 2],
            status: RemoteConfigStatuses::Failed.into(),
            error_message: "unknown journey".to_owned(),
        }),
        ..agent(0)
    };
    hold("agent", "remote_config_status", &status);
    let error = ServerToAgent {
        error_response: Some(ServerErrorResponse {
            r#type: ServerErrorResponseType::Unavailable.into(),
            error_message: "busy".to_owned(),
            details: Some(error_details::Details::RetryInfo(RetryInfo {
                retry_after_nanoseconds: 5_000_000_000,
            })),
        }),
        ..ServerToAgent::default()
    };
    hold("server", "error", &error);
    let config = ServerToAgent {
        remote_config: Some(AgentRemoteConfig {
            config: Some(AgentConfigMap {
                config_map: BTreeMap::from([("plan".to_owned(), file("{}", "text/json"))]),
            }),
            config_hash: vec![3, 4],
        }),
        ..server()
    };
    hold("server", "remote_config", &config);
    let named = ServerToAgent {
        instance_uid: vec![0; 16],
        agent_identification: Some(AgentIdentification {
            new_instance_uid: instance_uid(&seoul()).to_vec(),
        }),
        ..ServerToAgent::default()
    };
    hold("server", "identification", &named);
}

#[test]
fn parts_that_are_not_of_the_subset_are_passed_over() {
    let mut bytes = encode(&agent(1));
    // package_statuses = 8, connection_settings_request = 11, available_components = 14, and a
    // field of some later version.
    for field in [8_u8, 11, 14, 15] {
        bytes.extend([field << 3 | 2, 2, 0x0a, 0]);
    }
    assert_eq!(decode(&bytes), Ok(agent(1)));
    let unknown_bits = AgentToServer {
        capabilities: u64::MAX,
        ..agent(1)
    };
    assert_eq!(decode(&encode(&unknown_bits)), Ok(unknown_bits));
}

#[test]
fn a_frame_is_a_header_of_zero_and_a_message() {
    let good = frame(&agent(1));
    assert_eq!(good[0], 0);
    // The same header in more bytes than it takes.
    let long = [&[0x80, 0x00], &good[1..]].concat();
    assert_eq!(unframe(&long), Ok(agent(1)));
    let bad = |bytes: &[u8]| unframe::<AgentToServer>(bytes).unwrap_err();
    assert_eq!(bad(&[]), FrameError::NoHeader);
    assert_eq!(bad(&[0x80]), FrameError::NoHeader);
    assert_eq!(bad(&[0xff; 11]), FrameError::NoHeader);
    assert_eq!(bad(&[1, 0x0a]), FrameError::Header(1));
    assert_eq!(bad(&[0x80, 0x01]), FrameError::Header(128));
    let message = bad(&[0, 0x0a, 0xff]);
    assert!(matches!(message, FrameError::Message(_)), "{message}");
    let huge = vec![0; MESSAGE_BYTES_MAX + 1];
    assert_eq!(bad(&huge), FrameError::TooLong(MESSAGE_BYTES_MAX + 1));
    assert!(decode::<AgentToServer>(&huge).is_err());
}

#[test]
fn every_agent_has_an_instance_uid_of_its_own_that_never_changes() {
    let uid = |id: &str| instance_uid(&AgentId::new(id).unwrap());
    assert_eq!(uid("seoul-1"), uid("seoul-1"));
    assert_ne!(uid("seoul-1"), uid("seoul-2"));
    // A UUID of version 8 and the usual variant.
    assert_eq!((uid("seoul-1")[6] >> 4, uid("seoul-1")[8] >> 6), (8, 2));
}

#[test]
fn a_description_names_its_agent() {
    let description = full(0).agent_description.unwrap();
    assert_eq!(named_agent(&description), Some("seoul-1"));
    let identifying = |key: &str| {
        let attributes = &description.identifying_attributes;
        attributes.iter().any(|attribute| attribute.key == key)
    };
    assert!(identifying("service.name") && !identifying("bongsu.region"));
    assert_eq!(named_agent(&Default::default()), None);
}

#[test]
fn a_burst_request_and_its_refusal_are_read_back() {
    assert_eq!(
        read_burst(&order().to_message()),
        Some(Ok(BurstWord::Request(order())))
    );
    for refusal in BurstRefusal::ALL {
        let message = refusal.to_message();
        assert_eq!(read_burst(&message), Some(Ok(BurstWord::Refused(refusal))));
        assert!(
            String::from_utf8(message.data)
                .unwrap()
                .contains(refusal.as_str())
        );
    }
}

#[test]
fn what_is_no_burst_request_is_passed_over_or_told() {
    let message = |capability: &str, kind: &str, data: &str| CustomMessage {
        capability: capability.to_owned(),
        r#type: kind.to_owned(),
        data: data.as_bytes().to_vec(),
    };
    assert_eq!(
        read_burst(&message("io.example.other", "request", "{}")),
        None
    );
    assert_eq!(read_burst(&message(BURST_CAPABILITY, "later", "{}")), None);
    let text = String::from_utf8(order().to_message().data).unwrap();
    for bad in [
        String::new(),
        "[]".to_owned(),
        text.replace("\"schema\":1", "\"schema\":9"),
        text.replace("login", "no name"),
        text.replace("1700000005000000000", "-1"),
        format!("{text}{}", " ".repeat(4_096)),
    ] {
        let read = read_burst(&message(BURST_CAPABILITY, "request", &bad));
        assert!(matches!(read, Some(Err(_))), "{bad}");
    }
    let mut no_text = order().to_message();
    no_text.data = vec![0xff];
    assert!(matches!(read_burst(&no_text), Some(Err(_))));
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = unframe::<AgentToServer>(&bytes);
        let _ = unframe::<ServerToAgent>(&bytes);
        let data = CustomMessage {
            capability: BURST_CAPABILITY.to_owned(),
            r#type: "request".to_owned(),
            data: bytes,
        };
        let _ = read_burst(&data);
    }
}
