//! Signs of life: an agent is lost after three heartbeats that did not come.

use bongsu_model::{Heartbeat, Timestamp};

use crate::{Presence, Settings};

/// What is known of one agent's heartbeats.
#[derive(Debug, Clone)]
pub(crate) struct Pulse {
    pub(crate) presence: Presence,
    pub(crate) received: Option<Timestamp>,
    pub(crate) heartbeat: Option<Heartbeat>,
}

impl Pulse {
    pub(crate) fn unseen() -> Self {
        Self {
            presence: Presence::Unseen,
            received: None,
            heartbeat: None,
        }
    }

    /// Takes a heartbeat in. Returns the presence before, if it changed.
    pub(crate) fn beat(&mut self, heartbeat: Heartbeat, at: Timestamp) -> Option<Presence> {
        self.received = Some(at);
        self.heartbeat = Some(heartbeat);
        self.change(Presence::Present)
    }

    /// When the agent is lost unless it is heard of.
    pub(crate) fn deadline(&self, settings: &Settings) -> Option<Timestamp> {
        match self.presence {
            Presence::Present => {
                Some(self.received? + settings.heartbeat * settings.heartbeats_lost)
            }
            Presence::Unseen | Presence::Lost => None,
        }
    }

    /// The deadline passed. Returns the presence before, if it changed.
    pub(crate) fn lose(&mut self) -> Option<Presence> {
        self.change(Presence::Lost)
    }

    fn change(&mut self, to: Presence) -> Option<Presence> {
        let from = std::mem::replace(&mut self.presence, to);
        (from != to).then_some(from)
    }
}
