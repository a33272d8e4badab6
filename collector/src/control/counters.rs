//! What the control channel counts of itself.

use bongsu_wire::opamp::BurstRefusal;

use crate::counters::{Counter, Gauge, Metric, MetricKind};

/// Why a message, or whoever brought it, was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is no message.
    Malformed,
    /// It is larger than any message.
    TooLarge,
    /// It speaks for another agent than its token allows.
    Foreign,
    /// No agent has its token.
    Unauthorised,
    /// It came too soon after the one before.
    TooOften,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::Malformed,
        Self::TooLarge,
        Self::Foreign,
        Self::Unauthorised,
        Self::TooOften,
    ];

    /// The reason as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Foreign => "foreign",
            Self::Unauthorised => "unauthorised",
            Self::TooOften => "too_often",
        }
    }
}

/// Counters and levels of the control channel.
#[derive(Debug, Default)]
pub struct ControlCounters {
    /// WebSockets that are open.
    pub sockets: Gauge,
    /// Messages taken in.
    pub messages: Counter,
    /// Messages and senders refused, in the order of [`Refusal::ALL`].
    pub refused: [Counter; Refusal::ALL.len()],
    /// Channels that a newer one of the same agent took over.
    pub replaced: Counter,
    /// Times that an agent was asked for everything anew.
    pub full_states_asked: Counter,
    /// Burst requests handed to a channel.
    pub bursts_asked: Counter,
    /// Burst requests dropped, because the channel was full or gone meanwhile, or stale when polled.
    pub bursts_dropped: Counter,
    /// Burst requests that agents did not follow, in the order of [`BurstRefusal::ALL`].
    pub bursts_refused: [Counter; BurstRefusal::ALL.len()],
}

impl ControlCounters {
    /// Counts one refusal.
    pub fn refuse(&self, refusal: Refusal) {
        let at = Refusal::ALL.iter().position(|known| *known == refusal);
        self.refused[at.expect("all are listed")].add(1);
    }

    /// Counts one burst request that was not followed.
    pub fn burst_refused(&self, refusal: BurstRefusal) {
        let at = BurstRefusal::ALL.iter().position(|known| *known == refusal);
        self.bursts_refused[at.expect("all are listed")].add(1);
    }

    /// All numbers as metrics, families together.
    #[expect(clippy::cast_precision_loss, reason = "metrics are floats")]
    pub fn metrics(&self) -> Vec<Metric> {
        let metric = |name, help, kind, label, value: u64| Metric {
            name,
            help,
            kind,
            label,
            value: value as f64,
        };
        let counter = |name, help, count: &Counter| {
            metric(name, help, MetricKind::Counter, None, count.get())
        };
        let mut metrics = vec![
            metric(
                "bongsu_collector_control_sockets",
                "WebSockets of the control channel that are open.",
                MetricKind::Gauge,
                None,
                self.sockets.get(),
            ),
            counter(
                "bongsu_collector_control_messages",
                "Messages of the control channel taken in.",
                &self.messages,
            ),
            counter(
                "bongsu_collector_control_replaced",
                "Control channels that a newer one of the same agent took over.",
                &self.replaced,
            ),
            counter(
                "bongsu_collector_control_full_states_asked",
                "Times that an agent was asked for its full state.",
                &self.full_states_asked,
            ),
            counter(
                "bongsu_collector_bursts_asked",
                "Burst requests handed to a control channel.",
                &self.bursts_asked,
            ),
            counter(
                "bongsu_collector_bursts_dropped",
                "Burst requests dropped: the channel was full or gone, or they were stale.",
                &self.bursts_dropped,
            ),
        ];
        let refused = Refusal::ALL.iter().zip(&self.refused);
        metrics.extend(refused.map(|(refusal, count)| {
            metric(
                "bongsu_collector_control_refused",
                "Messages and senders of the control channel refused, by reason.",
                MetricKind::Counter,
                Some(("reason", refusal.as_str().to_owned())),
                count.get(),
            )
        }));
        let refused = BurstRefusal::ALL.iter().zip(&self.bursts_refused);
        metrics.extend(refused.map(|(refusal, count)| {
            metric(
                "bongsu_collector_bursts_refused",
                "Burst requests that agents did not follow, by reason.",
                MetricKind::Counter,
                Some(("reason", refusal.as_str().to_owned())),
                count.get(),
            )
        }));
        metrics
    }
}
