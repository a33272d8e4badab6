//! The metrics SDK over the families: one observable instrument a family, read periodically.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter, MeterProvider as _};
use opentelemetry_otlp::{MetricExporter, Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};

use crate::family::{FamilyKind, Source};
use crate::queue::Queue;
use crate::{Settings, StartError};

/// The instrumentation scope.
const SCOPE: &str = "bongsu.telemetry";

/// The provider that encodes the families of `source` every so often and hands them to `queue`.
pub(crate) fn provider(
    settings: &Settings,
    queue: Queue,
    source: &Arc<dyn Source>,
) -> Result<SdkMeterProvider, StartError> {
    let exporter = MetricExporter::builder()
        .with_http()
        .with_http_client(queue)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/metrics", settings.url))
        .build()
        .map_err(|error| StartError::Exporter(error.to_string()))?;
    let reader = PeriodicReader::builder(exporter)
        .with_interval(settings.every)
        .build();
    let attributes = settings.resource.iter();
    let resource = Resource::builder_empty()
        .with_attributes(attributes.map(|(key, value)| KeyValue::new(*key, value.clone())))
        .build();
    let provider = SdkMeterProvider::builder()
        .with_reader(reader)
        .with_resource(resource)
        .build();
    let meter = provider.meter(SCOPE);
    for (at, family) in source.families().iter().enumerate() {
        register(
            &meter,
            (family.name, family.kind, family.help),
            source.clone(),
            at,
        );
    }
    Ok(provider)
}

/// Families keep their order, so that an instrument finds its own by its place.
fn register(
    meter: &Meter,
    (name, kind, help): (&'static str, FamilyKind, &'static str),
    source: Arc<dyn Source>,
    at: usize,
) {
    let observe = move |observer: &dyn AsyncInstrument<f64>| {
        let families = source.families();
        let Some(family) = families.get(at).filter(|family| family.name == name) else {
            return;
        };
        for sample in family
            .samples
            .iter()
            .filter(|sample| sample.value.is_finite())
        {
            let labels = sample.labels.iter();
            let attributes: Vec<KeyValue> = labels
                .map(|(key, value)| KeyValue::new(*key, value.clone()))
                .collect();
            observer.observe(sample.value, &attributes);
        }
    };
    match kind {
        FamilyKind::Counter => {
            let _ = meter
                .f64_observable_counter(name)
                .with_description(help)
                .with_callback(observe)
                .build();
        }
        FamilyKind::Gauge => {
            let _ = meter
                .f64_observable_gauge(name)
                .with_description(help)
                .with_callback(observe)
                .build();
        }
    }
}
