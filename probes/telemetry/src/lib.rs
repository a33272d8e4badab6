//! What an agent or collector tells of itself over OTLP: the metrics that its `/metrics` page
//! shows, pushed for those who cannot scrape it.
//!
//! The metrics SDK reads the families and encodes them on a thread of its own; the encoded request
//! leaves it through a bounded queue, and a task of this process's runtime sends it. So the SDK
//! never waits for the network, and nothing else waits for the SDK. All of it is best effort: the
//! families are cumulative, so that a request that is lost costs one point, and is counted.

mod export;
mod family;
mod queue;
mod send;

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Secret;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use tokio::task::JoinHandle;

pub use family::{Family, FamilyKind, Sample, Source};
pub use send::StartError;

/// Where a process tells of itself, and who it is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The OTLP/HTTP address, without `/v1/metrics` and without a slash at the end.
    pub url: String,
    /// Headers of each request, such as `authorization`.
    pub headers: Vec<(String, Secret)>,
    /// A PEM bundle of roots to trust beside the platform's.
    pub ca: Option<Vec<u8>>,
    /// How often.
    pub every: Duration,
    /// The resource: `service.name`, `service.instance.id`, …
    pub resource: Vec<(&'static str, String)>,
}

/// What became of the requests since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Answered with success.
    pub sent: u64,
    /// Refused, or never answered.
    pub failed: u64,
    /// Not queued, since the queue was full.
    pub dropped: u64,
}

/// A process that tells of itself until it is shut down.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkMeterProvider,
    counters: Arc<queue::Counters>,
    sender: JoinHandle<()>,
}

impl Telemetry {
    /// Begins on the running runtime. The families of `source` are those that it has now; samples
    /// of theirs may come and go.
    ///
    /// # Errors
    /// When the address, a header or a root certificate cannot be used.
    pub fn start(settings: &Settings, source: &Arc<dyn Source>) -> Result<Self, StartError> {
        let counters = Arc::<queue::Counters>::default();
        let (queue, requests) = queue::bounded(counters.clone());
        let sender = send::Sender::new(settings, requests, counters.clone())?;
        let provider = export::provider(settings, queue, source)?;
        let sender = tokio::spawn(sender.work());
        Ok(Self {
            provider,
            counters,
            sender,
        })
    }

    /// What became of the requests.
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// Tells once more, waits no longer than `within` for the answer, and ends.
    pub async fn shutdown(self, within: Duration) {
        let Self {
            provider,
            mut sender,
            ..
        } = self;
        // The provider waits for its thread, which must not hold up this one. It drops the queue's
        // other end, at which the sender finishes.
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(within));
        let told = async {
            if let Ok(Err(error)) = ended.await {
                tracing::debug!(%error, "the last metrics were not encoded");
            }
            (&mut sender).await
        };
        if tokio::time::timeout(within, told).await.is_err() {
            tracing::debug!("the last metrics were not sent in time");
            sender.abort();
        }
    }
}
