//! Where the collector tells of itself: `[telemetry]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::HeaderName;

use super::document::Section;
use super::forward::{base_url, headers};
use super::quantity::parse_duration;
use super::secret::SecretSource;

/// The shortest interval: metrics are no stream.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// An OTLP/HTTP server that the collector's own metrics go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// Its address; `/v1/metrics` is added.
    pub url: String,
    /// Headers of each request, by name.
    pub headers: Vec<(HeaderName, SecretSource)>,
    /// A private root certificate, for https.
    pub ca: Option<PathBuf>,
    /// How often.
    pub every: Duration,
}

/// Reads the section. Outer None only after a problem was reported.
#[expect(
    clippy::option_option,
    reason = "the outer one is a mistake, the inner one an absence"
)]
pub(super) fn read(root: &Section<'_>, folder: &Path) -> Option<Option<TelemetryConfig>> {
    let section = root.section("telemetry");
    let url = section.or("url", None, |value| {
        base_url(value.text()?, "/v1/metrics").map(Some)
    });
    let headers = section.or("headers", Vec::new(), |value| headers(&value, folder));
    let ca = section.or("ca", None, |value| Ok(Some(folder.join(value.text()?))));
    let every = section.or("every", Duration::from_secs(60), |value| {
        let every = parse_duration(value.text()?)?;
        if every < EVERY_MIN {
            return Err("use 1s or more".to_owned());
        }
        Ok(every)
    });
    section.finish();
    let (url, headers, ca, every) = (url?, headers?, ca?, every?);
    Some(url.map(|url| TelemetryConfig {
        url,
        headers,
        ca,
        every,
    }))
}
