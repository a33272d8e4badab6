//! What the agent tells of itself over OTLP: the families of `/metrics`, read anew every so often.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bongsu_telemetry::{Family, Settings, Source, Telemetry};
use tokio_util::sync::CancellationToken;

use crate::config::TelemetryConfig;
use crate::state::{Shared, VERSION};

/// Longest time between two readings: what is pushed is at most so old.
const READ_EVERY_MAX: Duration = Duration::from_secs(5);

/// Why the agent cannot tell of itself.
#[derive(Debug, thiserror::Error)]
#[error("`[telemetry]`: {0}")]
pub struct TelemetryError(String);

/// The newest reading. The metrics SDK asks on a thread of its own and must not wait.
#[derive(Debug)]
pub(crate) struct Newest(Mutex<Vec<Family>>);

impl Source for Newest {
    fn families(&self) -> Vec<Family> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }
}

impl Newest {
    /// Reads anew until `end`.
    pub(crate) async fn follow(
        self: Arc<Self>,
        shared: Arc<Shared>,
        every: Duration,
        end: CancellationToken,
    ) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(every.min(READ_EVERY_MAX)) => {}
                () = end.cancelled() => return,
            }
            let Ok(families) = shared.families().await else {
                return;
            };
            *self
                .0
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()) = families;
        }
    }
}

/// Begins to tell.
pub(crate) async fn start(
    config: &TelemetryConfig,
    shared: &Shared,
) -> Result<(Telemetry, Arc<Newest>), TelemetryError> {
    let told = |problem: &dyn std::fmt::Display| TelemetryError(problem.to_string());
    let mut headers = Vec::new();
    for (name, source) in &config.headers {
        let secret = source.resolve().map_err(|error| told(&error))?;
        headers.push((name.clone(), secret));
    }
    let ca = match &config.ca {
        Some(path) => Some(std::fs::read(path).map_err(|error| {
            TelemetryError(format!("`ca` {} cannot be read: {error}", path.display()))
        })?),
        None => None,
    };
    let settings = Settings {
        url: config.url.clone(),
        headers,
        ca,
        every: config.every,
        resource: vec![
            ("service.name", "bongsu-agent".to_owned()),
            ("service.version", VERSION.to_owned()),
            ("service.instance.id", shared.vantage.agent.to_string()),
        ],
    };
    let first = shared.families().await.map_err(|error| told(&error))?;
    let newest = Arc::new(Newest(Mutex::new(first)));
    let source: Arc<dyn Source> = newest.clone();
    let telemetry = Telemetry::start(&settings, &source).map_err(|error| told(&error))?;
    Ok((telemetry, newest))
}
