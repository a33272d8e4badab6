//! What the collector counts of itself, each with its name on `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::control::ControlCounters;

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count since the start.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A level that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Sets the level.
    pub fn set(&self, level: u64) {
        self.0.store(level, Ordering::Relaxed);
    }

    /// Raises the level by `n`.
    pub fn raise(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Lowers the level by `n`, which was raised before.
    pub fn lower(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    /// The level now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Status codes that ingest answers with.
pub const CODES: [u16; 10] = [200, 400, 401, 403, 404, 405, 413, 415, 429, 503];

/// Requests to ingest by status code.
#[derive(Debug, Default)]
pub struct Requests([Counter; CODES.len()], Counter);

impl Requests {
    /// Counts one answer.
    pub fn count(&self, code: u16) {
        let at = CODES.iter().position(|known| *known == code);
        at.map_or(&self.1, |at| &self.0[at]).add(1);
    }

    /// Answers with `code` since the start.
    pub fn get(&self, code: u16) -> u64 {
        CODES
            .iter()
            .position(|known| *known == code)
            .map_or(0, |at| self.0[at].get())
    }
}

/// Why a single record was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It does not follow the schema.
    Malformed,
    /// It claims another agent, region or network than its token allows.
    Foreign,
    /// It is too far in the future.
    Future,
    /// It is older than duplicates are recognised.
    Old,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Malformed, Self::Foreign, Self::Future, Self::Old];

    /// The reason as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Foreign => "foreign",
            Self::Future => "future",
            Self::Old => "old",
        }
    }
}

type ForwardFamily = (
    &'static str,
    &'static str,
    MetricKind,
    fn(&ForwardCounts) -> u64,
);

/// The families of what is counted of each destination.
const FORWARD_FAMILIES: [ForwardFamily; 10] = [
    (
        "bongsu_collector_forward_runs_sent",
        "Runs passed on, by destination.",
        MetricKind::Counter,
        |counts| counts.runs_sent.get(),
    ),
    (
        "bongsu_collector_forward_runs_refused",
        "Runs that a destination refused for good.",
        MetricKind::Counter,
        |counts| counts.runs_refused.get(),
    ),
    (
        "bongsu_collector_forward_runs_dropped",
        "Runs of which retention took the spans before a destination had them.",
        MetricKind::Counter,
        |counts| counts.runs_dropped.get(),
    ),
    (
        "bongsu_collector_forward_runs_waiting",
        "Runs that wait for a destination.",
        MetricKind::Gauge,
        |counts| counts.runs_waiting.get(),
    ),
    (
        "bongsu_collector_forward_foreign_sent",
        "Foreign spans passed on, by destination.",
        MetricKind::Counter,
        |counts| counts.foreign_sent.get(),
    ),
    (
        "bongsu_collector_forward_foreign_refused",
        "Foreign spans that a destination refused for good.",
        MetricKind::Counter,
        |counts| counts.foreign_refused.get(),
    ),
    (
        "bongsu_collector_forward_foreign_dropped",
        "Foreign spans that went from the full queue before a destination had them.",
        MetricKind::Counter,
        |counts| counts.foreign_dropped.get(),
    ),
    (
        "bongsu_collector_forward_foreign_waiting",
        "Foreign spans that wait for a destination.",
        MetricKind::Gauge,
        |counts| counts.foreign_waiting.get(),
    ),
    (
        "bongsu_collector_forward_spans_rejected",
        "Spans that a destination refused in requests that it acknowledged.",
        MetricKind::Counter,
        |counts| counts.spans_rejected.get(),
    ),
    (
        "bongsu_collector_forward_retries",
        "Requests to a destination that are sent again.",
        MetricKind::Counter,
        |counts| counts.retries.get(),
    ),
];

/// Whether a metric only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// One number as it is shown on `/metrics`.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its family's name, for counters without `_total`.
    pub name: &'static str,
    /// What it tells.
    pub help: &'static str,
    /// Whether it only grows.
    pub kind: MetricKind,
    /// Its one label, if it has one.
    pub label: Option<(&'static str, String)>,
    /// Its value.
    pub value: f64,
}

/// What became of passing spans on to one destination.
#[derive(Debug, Default)]
pub struct ForwardCounts {
    /// Runs that it acknowledged.
    pub runs_sent: Counter,
    /// Runs that it refused for good.
    pub runs_refused: Counter,
    /// Runs of which retention took the spans before it had them.
    pub runs_dropped: Counter,
    /// Runs that wait for it.
    pub runs_waiting: Gauge,
    /// Foreign spans that it acknowledged.
    pub foreign_sent: Counter,
    /// Foreign spans that it refused for good.
    pub foreign_refused: Counter,
    /// Foreign spans that went from the full queue before it had them.
    pub foreign_dropped: Counter,
    /// Foreign spans that wait for it.
    pub foreign_waiting: Gauge,
    /// Spans that it refused in requests that it acknowledged.
    pub spans_rejected: Counter,
    /// Requests that are sent again.
    pub retries: Counter,
}

/// All counters and levels. Public, so that each is raised where the thing happens.
#[derive(Debug, Default)]
pub struct Counters {
    /// Answers to OTLP requests, by status code.
    pub requests: Requests,
    /// Bytes of OTLP requests on the wire.
    pub wire_bytes: Counter,
    /// Bytes of OTLP requests after decompression.
    pub body_bytes: Counter,
    /// Connections refused because too many were open.
    pub connections_refused: Counter,
    /// Open connections, OTLP and web.
    pub connections: Gauge,
    /// OTLP requests being worked on.
    pub in_flight: Gauge,
    /// Bytes of request bodies held.
    pub in_flight_bytes: Gauge,
    /// Runs new to the journal.
    pub runs_accepted: Counter,
    /// Runs that came again.
    pub runs_duplicate: Counter,
    /// Runs that came again with another content.
    pub runs_conflicting: Counter,
    /// Runs and records refused alone, in the order of [`Refusal::ALL`].
    pub refused: [Counter; Refusal::ALL.len()],
    /// Plans, heartbeats, evidence and claims taken in.
    pub records_accepted: Counter,
    /// Evidence and claims that came again.
    pub records_duplicate: Counter,
    /// Claims that are not shown any more because there are too many.
    pub claims_pushed_out: Counter,
    /// Requests that wait for the journal.
    pub queue_depth: Gauge,
    /// Commits of the journal.
    pub commits: Counter,
    /// Commits that the disk refused.
    pub commit_failures: Counter,
    /// Bytes appended to the journal, before SQLite's own overhead.
    pub journal_bytes_appended: Counter,
    /// Size of the journal's file in bytes.
    pub journal_bytes: Gauge,
    /// Events that retention deleted.
    pub events_expired: Counter,
    /// Runs whose spans retention dropped.
    pub spans_dropped: Counter,
    /// Reports to the deriving thread that found its queue full; it reads the journal then.
    pub derive_lagged: Counter,
    /// Events that the engine has seen, replay included.
    pub events_derived: Counter,
    /// Events of the journal that could not be understood and were passed over.
    pub events_unreadable: Counter,
    /// Transitions since the start, replay not included.
    pub transitions: Counter,
    /// How far the wall clock is behind engine time, in milliseconds: above 0 engine time stands
    /// still until the clock has caught up.
    pub clock_behind_ms: Gauge,
    /// What the engine counts of itself, replay included.
    pub engine: Mutex<bongsu_availability::Counters>,
    /// How long the replay at the start took, in milliseconds.
    pub replay_ms: Gauge,
    /// Foreign spans taken in to be passed on.
    pub foreign_spans_accepted: Counter,
    /// What became of passing spans on, by the destination's name.
    pub forwards: Vec<(String, Arc<ForwardCounts>)>,
    /// The control channel.
    pub control: ControlCounters,
}

impl Counters {
    /// All at zero, with these destinations.
    pub fn with_forwards(names: impl IntoIterator<Item = String>) -> Self {
        Self {
            forwards: names
                .into_iter()
                .map(|name| (name, Arc::default()))
                .collect(),
            ..Self::default()
        }
    }

    /// Counts one refused record.
    pub fn refuse(&self, refusal: Refusal) {
        let at = Refusal::ALL.iter().position(|known| *known == refusal);
        self.refused[at.expect("all are listed")].add(1);
    }

    /// All numbers as metrics, families together.
    #[expect(clippy::cast_precision_loss, reason = "metrics are floats")]
    pub fn metrics(&self) -> Vec<Metric> {
        let mut metrics = Vec::new();
        let mut put = |name, help, kind, label, value: u64| {
            metrics.push(Metric {
                name,
                help,
                kind,
                label,
                value: value as f64,
            });
        };
        for (code, count) in CODES.iter().zip(&self.requests.0) {
            let label = Some(("code", code.to_string()));
            put(
                "bongsu_collector_requests",
                "Answers to OTLP requests by status code.",
                MetricKind::Counter,
                label,
                count.get(),
            );
        }
        for (refusal, count) in Refusal::ALL.iter().zip(&self.refused) {
            let label = Some(("reason", refusal.as_str().to_owned()));
            put(
                "bongsu_collector_records_refused",
                "Runs and records refused alone, by reason.",
                MetricKind::Counter,
                label,
                count.get(),
            );
        }
        for (what, count) in self.engine_counts() {
            put(
                "bongsu_collector_engine_events",
                "Events that changed nothing, or not what they seem to, replay included.",
                MetricKind::Counter,
                Some(("what", what.to_owned())),
                count,
            );
        }
        for (name, help, count) in self.plain_counters() {
            put(name, help, MetricKind::Counter, None, count.get());
        }
        for (name, help, gauge) in self.gauges() {
            put(name, help, MetricKind::Gauge, None, gauge.get());
        }
        for (name, help, kind, value) in FORWARD_FAMILIES {
            for (to, counts) in &self.forwards {
                put(name, help, kind, Some(("to", to.clone())), value(counts));
            }
        }
        metrics.extend(self.control.metrics());
        metrics
    }

    fn engine_counts(&self) -> [(&'static str, u64); 10] {
        let engine = *self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        [
            ("stranger", engine.strangers),
            ("ci", engine.ci),
            ("duplicate", engine.duplicates),
            ("waiting", engine.waiting),
            ("late", engine.late),
            ("revised", engine.revised),
            ("dropped", engine.dropped),
            ("future", engine.future),
            ("refused", engine.refused),
            ("transition_dropped", engine.transitions_dropped),
        ]
    }

    fn plain_counters(&self) -> [(&'static str, &'static str, &Counter); 19] {
        [
            (
                "bongsu_collector_foreign_spans_accepted",
                "Foreign spans taken in to be passed on.",
                &self.foreign_spans_accepted,
            ),
            (
                "bongsu_collector_wire_bytes",
                "Bytes of OTLP requests on the wire.",
                &self.wire_bytes,
            ),
            (
                "bongsu_collector_body_bytes",
                "Bytes of OTLP requests after decompression.",
                &self.body_bytes,
            ),
            (
                "bongsu_collector_connections_refused",
                "Connections refused because too many were open.",
                &self.connections_refused,
            ),
            (
                "bongsu_collector_runs_accepted",
                "Runs new to the journal.",
                &self.runs_accepted,
            ),
            (
                "bongsu_collector_runs_duplicate",
                "Runs that came again.",
                &self.runs_duplicate,
            ),
            (
                "bongsu_collector_runs_conflicting",
                "Runs that came again with another content; the first stays.",
                &self.runs_conflicting,
            ),
            (
                "bongsu_collector_records_accepted",
                "Plans, heartbeats, evidence and claims taken in.",
                &self.records_accepted,
            ),
            (
                "bongsu_collector_records_duplicate",
                "Evidence and claims that came again.",
                &self.records_duplicate,
            ),
            (
                "bongsu_collector_claims_pushed_out",
                "Claims that are not shown any more because there are too many.",
                &self.claims_pushed_out,
            ),
            (
                "bongsu_collector_commits",
                "Commits of the journal.",
                &self.commits,
            ),
            (
                "bongsu_collector_commit_failures",
                "Commits that the disk refused.",
                &self.commit_failures,
            ),
            (
                "bongsu_collector_journal_appended_bytes",
                "Bytes appended to the journal.",
                &self.journal_bytes_appended,
            ),
            (
                "bongsu_collector_events_expired",
                "Events that retention deleted.",
                &self.events_expired,
            ),
            (
                "bongsu_collector_spans_dropped",
                "Runs whose spans retention dropped.",
                &self.spans_dropped,
            ),
            (
                "bongsu_collector_derive_lagged",
                "Times that deriving was behind and read the journal.",
                &self.derive_lagged,
            ),
            (
                "bongsu_collector_events_derived",
                "Events that the engine has seen, replay included.",
                &self.events_derived,
            ),
            (
                "bongsu_collector_events_unreadable",
                "Events of the journal that were passed over.",
                &self.events_unreadable,
            ),
            (
                "bongsu_collector_transitions",
                "Transitions since the start.",
                &self.transitions,
            ),
        ]
    }

    fn gauges(&self) -> [(&'static str, &'static str, &Gauge); 7] {
        [
            (
                "bongsu_collector_connections",
                "Open connections.",
                &self.connections,
            ),
            (
                "bongsu_collector_in_flight",
                "OTLP requests being worked on.",
                &self.in_flight,
            ),
            (
                "bongsu_collector_in_flight_bytes",
                "Bytes of request bodies held.",
                &self.in_flight_bytes,
            ),
            (
                "bongsu_collector_queue_depth",
                "Requests that wait for the journal.",
                &self.queue_depth,
            ),
            (
                "bongsu_collector_journal_bytes",
                "Size of the journal's file.",
                &self.journal_bytes,
            ),
            (
                "bongsu_collector_clock_behind_milliseconds",
                "How far the wall clock is behind engine time, which stands still meanwhile.",
                &self.clock_behind_ms,
            ),
            (
                "bongsu_collector_replay_milliseconds",
                "How long the replay at the start took.",
                &self.replay_ms,
            ),
        ]
    }
}
