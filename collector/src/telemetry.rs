//! What the collector tells of itself over OTLP: the counters of `/metrics`, not the board, which
//! is derived for readers.

use std::sync::Arc;

use bongsu_telemetry::{Family, FamilyKind, Sample, Settings, Source, Telemetry};

use crate::config::TelemetryConfig;
use crate::counters::{Counters, Metric, MetricKind};

/// Why the collector cannot tell of itself.
#[derive(Debug, thiserror::Error)]
#[error("`[telemetry]`: {0}")]
pub struct TelemetryError(String);

#[derive(Debug)]
struct Own(Arc<Counters>);

impl Source for Own {
    fn families(&self) -> Vec<Family> {
        families(self.0.metrics())
    }
}

/// Begins to tell.
pub(crate) fn start(
    config: &TelemetryConfig,
    counters: Arc<Counters>,
) -> Result<Telemetry, TelemetryError> {
    let told = |problem: &dyn std::fmt::Display| TelemetryError(problem.to_string());
    let mut headers = Vec::new();
    for (name, source) in &config.headers {
        let secret = source.resolve().map_err(|error| told(&error))?;
        headers.push((name.as_str().to_owned(), secret));
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
            ("service.name", "bongsu-collector".to_owned()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ],
    };
    let source: Arc<dyn Source> = Arc::new(Own(counters));
    Telemetry::start(&settings, &source).map_err(|error| told(&error))
}

/// Metrics of one name stand together.
fn families(metrics: Vec<Metric>) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for metric in metrics {
        let sample = Sample {
            labels: metric.label.into_iter().collect(),
            value: metric.value,
        };
        match families.last_mut() {
            Some(family) if family.name == metric.name => family.samples.push(sample),
            Some(_) | None => families.push(Family {
                name: metric.name,
                kind: match metric.kind {
                    MetricKind::Counter => FamilyKind::Counter,
                    MetricKind::Gauge => FamilyKind::Gauge,
                },
                help: metric.help,
                samples: vec![sample],
            }),
        }
    }
    families
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_counter_is_told_and_each_family_once() {
        let counters = Counters::with_forwards(["tempo".to_owned()]);
        let families = families(counters.metrics());
        let names: BTreeSet<_> = families.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), families.len(), "a family comes twice");
        let samples: usize = families.iter().map(|family| family.samples.len()).sum();
        assert_eq!(samples, counters.metrics().len());
    }
}
