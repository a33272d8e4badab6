//! How each collector is reached, and what went over its channel.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// How a collector is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChannelKind {
    None,
    Polling,
    Websocket,
}

impl ChannelKind {
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Polling, Self::Websocket];

    /// The kind as a metric label.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Polling => "polling",
            Self::Websocket => "websocket",
        }
    }
}

/// One channel, for the dispatcher and `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct ChannelCounts {
    /// Place in [`ChannelKind::ALL`].
    kind: AtomicU8,
    /// Whether whoever is at the other end says that it asks for early runs.
    asks: AtomicBool,
    /// Messages sent.
    pub(crate) sent: AtomicU64,
    /// Times that the channel broke or could not be opened.
    pub(crate) failures: AtomicU64,
    /// Requests to run early that came.
    pub(crate) asked: AtomicU64,
}

impl ChannelCounts {
    pub(super) fn is(&self, kind: ChannelKind) {
        let place = ChannelKind::ALL.iter().position(|known| *known == kind);
        let place = u8::try_from(place.expect("all are listed")).expect("three kinds");
        self.kind.store(place, Ordering::Relaxed);
        if kind == ChannelKind::None {
            self.asks.store(false, Ordering::Relaxed);
        }
    }

    pub(super) fn asks(&self, asks: bool) {
        self.asks.store(asks, Ordering::Relaxed);
    }

    /// Whether the collector can ask for early runs now. One that knows nothing of them never
    /// would.
    pub(crate) fn can_ask(&self) -> bool {
        self.kind() != ChannelKind::None && self.asks.load(Ordering::Relaxed)
    }

    /// How the collector is reached now.
    pub(crate) fn kind(&self) -> ChannelKind {
        ChannelKind::ALL[usize::from(self.kind.load(Ordering::Relaxed))]
    }

    pub(super) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn asked(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }
}
