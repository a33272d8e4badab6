//! What is shown of a channel.

use bongsu_model::{AgentId, Timestamp};

/// How an agent is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// A WebSocket is open: it is asked at once.
    Websocket,
    /// It asks every few seconds whether there is something for it.
    Polling,
    /// Not at all.
    None,
}

impl ChannelKind {
    /// The kind as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Polling => "polling",
            Self::None => "none",
        }
    }
}

/// The channel of one agent, and the newest that it said over it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelView {
    /// Whose.
    pub agent: AgentId,
    /// How it is reached.
    pub kind: ChannelKind,
    /// Since when; None if it never was.
    pub since: Option<Timestamp>,
    /// How it is, if it said.
    pub health: Option<HealthView>,
    /// What it is configured with, if it said.
    pub config: Option<ConfigView>,
}

/// How an agent says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthView {
    /// Whether it does its work.
    pub healthy: bool,
    /// Its state in a word.
    pub status: String,
    /// What is wrong; empty if nothing is.
    pub last_error: String,
    /// When it said so.
    pub received: Timestamp,
}

/// What an agent says it is configured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigView {
    /// SHA-256 over its files, in hex: equal configurations, equal hashes.
    pub hash: String,
    /// The plan that it works on, as it names it.
    pub plan_revision: Option<String>,
    /// When it said so.
    pub received: Timestamp,
}
