//! The control channel: what agents say of themselves, and what they are asked.
//!
//! One channel for each agent of the roster, over WebSocket or polled. The bearer token decides
//! whose it is, as in ingest; of two that one agent opens the newer stays. Presence is decided by
//! heartbeats in the journal, never here. Nothing of it is kept on disk: an agent that is not
//! known is asked for everything.

mod counters;
mod registry;
mod serve;
mod session;
mod socket;
mod view;

pub use counters::{ControlCounters, Refusal};
pub(crate) use registry::Control;
pub(crate) use serve::router;
pub use view::{ChannelKind, ChannelView, ConfigView, HealthView};
