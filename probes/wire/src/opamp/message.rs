//! The messages, as `opamp.proto` numbers them.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;

/// What an agent says. Parts that have not changed since the message before are left out.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AgentToServer {
    /// Which instance speaks: 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub instance_uid: Vec<u8>,
    /// One more than in the message before.
    #[prost(uint64, tag = "2")]
    pub sequence_num: u64,
    /// What it is and where it runs.
    #[prost(message, optional, tag = "3")]
    pub agent_description: Option<AgentDescription>,
    /// Bits of [`agent_capability`](super::agent_capability); always set.
    #[prost(uint64, tag = "4")]
    pub capabilities: u64,
    /// How it is.
    #[prost(message, optional, tag = "5")]
    pub health: Option<ComponentHealth>,
    /// What it is configured with.
    #[prost(message, optional, tag = "6")]
    pub effective_config: Option<EffectiveConfig>,
    /// What became of the configuration that it was offered.
    #[prost(message, optional, tag = "7")]
    pub remote_config_status: Option<RemoteConfigStatus>,
    /// Set in its last message.
    #[prost(message, optional, tag = "9")]
    pub agent_disconnect: Option<AgentDisconnect>,
    /// [`REQUEST_INSTANCE_UID`](super::REQUEST_INSTANCE_UID).
    #[prost(uint64, tag = "10")]
    pub flags: u64,
    /// Custom messages that it understands.
    #[prost(message, optional, tag = "12")]
    pub custom_capabilities: Option<CustomCapabilities>,
    /// A custom message.
    #[prost(message, optional, tag = "13")]
    pub custom_message: Option<CustomMessage>,
}

/// What a server says.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ServerToAgent {
    /// The instance that is spoken to.
    #[prost(bytes = "vec", tag = "1")]
    pub instance_uid: Vec<u8>,
    /// What was wrong; nothing else is set then.
    #[prost(message, optional, tag = "2")]
    pub error_response: Option<ServerErrorResponse>,
    /// Configuration on offer.
    #[prost(message, optional, tag = "3")]
    pub remote_config: Option<AgentRemoteConfig>,
    /// [`REPORT_FULL_STATE`](super::REPORT_FULL_STATE).
    #[prost(uint64, tag = "6")]
    pub flags: u64,
    /// Bits of [`server_capability`](super::server_capability); set in the first message.
    #[prost(uint64, tag = "7")]
    pub capabilities: u64,
    /// Another instance uid for the agent.
    #[prost(message, optional, tag = "8")]
    pub agent_identification: Option<AgentIdentification>,
    /// Custom messages that it understands.
    #[prost(message, optional, tag = "10")]
    pub custom_capabilities: Option<CustomCapabilities>,
    /// A custom message.
    #[prost(message, optional, tag = "11")]
    pub custom_message: Option<CustomMessage>,
}

/// What an agent is, in attributes of the semantic conventions.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AgentDescription {
    /// Which agent it is.
    #[prost(message, repeated, tag = "1")]
    pub identifying_attributes: Vec<KeyValue>,
    /// Where it runs.
    #[prost(message, repeated, tag = "2")]
    pub non_identifying_attributes: Vec<KeyValue>,
}

/// How an agent or a part of it is.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ComponentHealth {
    /// Whether it does its work.
    #[prost(bool, tag = "1")]
    pub healthy: bool,
    /// Since when it is up, unix ns; 0 if it is not.
    #[prost(fixed64, tag = "2")]
    pub start_time_unix_nano: u64,
    /// What is wrong, for people.
    #[prost(string, tag = "3")]
    pub last_error: String,
    /// Its state in a word.
    #[prost(string, tag = "4")]
    pub status: String,
    /// When that was seen, unix ns.
    #[prost(fixed64, tag = "5")]
    pub status_time_unix_nano: u64,
    /// Its parts.
    #[prost(btree_map = "string, message", tag = "6")]
    pub component_health_map: BTreeMap<String, ComponentHealth>,
}

/// What an agent is configured with.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EffectiveConfig {
    /// By file.
    #[prost(message, optional, tag = "1")]
    pub config_map: Option<AgentConfigMap>,
}

/// Files by name.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AgentConfigMap {
    /// The files.
    #[prost(btree_map = "string, message", tag = "1")]
    pub config_map: BTreeMap<String, AgentConfigFile>,
}

/// One file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AgentConfigFile {
    /// What it holds.
    #[prost(bytes = "vec", tag = "1")]
    pub body: Vec<u8>,
    /// Its media type.
    #[prost(string, tag = "2")]
    pub content_type: String,
}

/// What became of an offered configuration.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RemoteConfigStatus {
    /// The hash that it was offered with.
    #[prost(bytes = "vec", tag = "1")]
    pub last_remote_config_hash: Vec<u8>,
    /// How far it is.
    #[prost(enumeration = "RemoteConfigStatuses", tag = "2")]
    pub status: i32,
    /// Why it failed.
    #[prost(string, tag = "3")]
    pub error_message: String,
}

/// How far an offered configuration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum RemoteConfigStatuses {
    /// Nothing is said.
    Unset = 0,
    /// It is in force.
    Applied = 1,
    /// It is being taken on.
    Applying = 2,
    /// It was refused.
    Failed = 3,
}

/// The agent says goodbye.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct AgentDisconnect {}

/// Custom messages that somebody understands.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CustomCapabilities {
    /// Their names.
    #[prost(string, repeated, tag = "1")]
    pub capabilities: Vec<String>,
}

/// A custom message.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CustomMessage {
    /// What it belongs to.
    #[prost(string, tag = "1")]
    pub capability: String,
    /// Its kind within that.
    #[prost(string, tag = "2")]
    pub r#type: String,
    /// What it says.
    #[prost(bytes = "vec", tag = "3")]
    pub data: Vec<u8>,
}

/// A message could not be worked on.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ServerErrorResponse {
    /// Whether it may be sent again.
    #[prost(enumeration = "ServerErrorResponseType", tag = "1")]
    pub r#type: i32,
    /// Why, for people.
    #[prost(string, tag = "2")]
    pub error_message: String,
    /// More about it.
    #[prost(oneof = "error_details::Details", tags = "3")]
    pub details: Option<error_details::Details>,
}

/// What a [`ServerErrorResponse`] says besides.
pub mod error_details {
    /// What a [`ServerErrorResponse`](super::ServerErrorResponse) says besides.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum Details {
        /// With [`Unavailable`](super::ServerErrorResponseType::Unavailable): when to come again.
        #[prost(message, tag = "3")]
        RetryInfo(super::RetryInfo),
    }
}

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ServerErrorResponseType {
    /// It is not known what.
    Unknown = 0,
    /// The message is wrong and must not be sent again.
    BadRequest = 1,
    /// The server cannot now.
    Unavailable = 2,
}

/// When to come again.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct RetryInfo {
    /// After so many nanoseconds.
    #[prost(uint64, tag = "1")]
    pub retry_after_nanoseconds: u64,
}

/// Configuration on offer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AgentRemoteConfig {
    /// The files.
    #[prost(message, optional, tag = "1")]
    pub config: Option<AgentConfigMap>,
    /// What they hash to.
    #[prost(bytes = "vec", tag = "2")]
    pub config_hash: Vec<u8>,
}

/// Another identity for an agent.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AgentIdentification {
    /// The instance uid to use from now on: 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub new_instance_uid: Vec<u8>,
}
