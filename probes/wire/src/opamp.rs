//! The control channel: the subset of OpAMP that agent and collector speak at [`OPAMP_PATH`].
//!
//! Messages have the field numbers and types of `opamp.proto` of the OpAMP specification 0.x
//! (package `opamp.proto`); fields of it that are not here are passed over when they come, as
//! protobuf has it. Over WebSocket a message stands behind a header ([`frame`]); over plain HTTP it
//! is the body. A burst request is a custom message ([`BurstOrder`]).

mod burst;
mod frame;
mod identity;
mod message;

pub use burst::{BURST_CAPABILITY, BurstOrder, BurstRefusal, BurstWord, read_burst};
pub use frame::{FrameError, MESSAGE_BYTES_MAX, decode, encode, frame, unframe};
pub use identity::{InstanceUid, describe, instance_uid, named_agent};
pub use message::{
    AgentConfigFile, AgentConfigMap, AgentDescription, AgentDisconnect, AgentIdentification,
    AgentRemoteConfig, AgentToServer, ComponentHealth, CustomCapabilities, CustomMessage,
    EffectiveConfig, RemoteConfigStatus, RemoteConfigStatuses, RetryInfo, ServerErrorResponse,
    ServerErrorResponseType, ServerToAgent, error_details,
};

/// Where the control channel is, on the collector's OTLP/HTTP address.
pub const OPAMP_PATH: &str = "/v1/opamp";

/// The media type of a message over plain HTTP.
pub const OPAMP_MEDIA_TYPE: &str = "application/x-protobuf";

/// The file of the effective configuration that names the plan.
pub const PLAN_FILE: &str = "plan";

/// The file of the effective configuration that is the agent's own.
pub const AGENT_FILE: &str = "agent.toml";

/// Bits of [`AgentToServer::capabilities`].
pub mod agent_capability {
    /// It reports its status. Every agent does.
    pub const REPORTS_STATUS: u64 = 0x0001;
    /// It takes on configuration from the server.
    pub const ACCEPTS_REMOTE_CONFIG: u64 = 0x0002;
    /// It reports its effective configuration.
    pub const REPORTS_EFFECTIVE_CONFIG: u64 = 0x0004;
    /// It reports its health.
    pub const REPORTS_HEALTH: u64 = 0x0800;
    /// It reports what became of configuration from the server.
    pub const REPORTS_REMOTE_CONFIG: u64 = 0x1000;
    /// It sends a sign of life at even intervals.
    pub const REPORTS_HEARTBEAT: u64 = 0x2000;
}

/// Bits of [`ServerToAgent::capabilities`].
pub mod server_capability {
    /// It accepts status. Every server does.
    pub const ACCEPTS_STATUS: u64 = 0x01;
    /// It offers configuration.
    pub const OFFERS_REMOTE_CONFIG: u64 = 0x02;
    /// It accepts the agent's effective configuration.
    pub const ACCEPTS_EFFECTIVE_CONFIG: u64 = 0x04;
}

/// Bit of [`AgentToServer::flags`]: the agent asks for another instance uid.
pub const REQUEST_INSTANCE_UID: u64 = 0x1;

/// Bit of [`ServerToAgent::flags`]: the server asks for everything anew.
pub const REPORT_FULL_STATE: u64 = 0x1;
