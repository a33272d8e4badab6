//! How each collector is reached, and what went over its channel.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

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
