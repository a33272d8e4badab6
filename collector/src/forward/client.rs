//! The HTTP client of one destination: one POST, its answer, nothing resent behind our back.

use std::io::Write as _;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use bongsu_model::Timestamp;
use bongsu_wire::{Answer, RawAnswer, decode_trace_response, read_answer};
use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};

use crate::config::{Compression, Forward, SecretError};

/// Wall time that a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Wall time that a request may take, its answer included.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Longest answer that is read, as OTLP recommends for clients.
const ANSWER_BYTES_MAX: usize = 4 << 20;

const PATH: &str = "/v1/traces";

/// Why a destination cannot be forwarded to.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The value of a header is not to be had.
    #[error("[[forward]] `{name}`, header `{header}`: {source}")]
    Secret {
        /// The destination.
        name: String,
        /// The header.
        header: String,
        /// Why.
        source: SecretError,
    },
    /// The value of a header holds what no header may hold.
    #[error(
        "[[forward]] `{name}`, header `{header}`: the secret has line breaks or other controls"
    )]
    Header {
        /// The destination.
        name: String,
        /// The header.
        header: String,
    },
    /// The client cannot be set up.
    #[error("[[forward]] `{name}`: {problem}")]
    Client {
        /// The destination.
        name: String,
        /// What is wrong, and with what.
        problem: String,
    },
}

#[derive(Debug)]
pub(super) struct Client {
    config: Forward,
    http: reqwest::Client,
    headers: HeaderMap,
    compression: Compression,
}

impl Client {
    pub(super) fn new(config: &Forward) -> Result<Self, ClientError> {
        // Whoever was first installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let problem = |problem: String| ClientError::Client {
            name: config.name.to_string(),
            problem,
        };
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy();
        if let Some(path) = &config.ca {
            let wrong = |why: String| problem(format!("`ca` {}: {why}", path.display()));
            let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            let roots = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|error| wrong(error.to_string()))?;
            if roots.is_empty() {
                return Err(wrong("it holds no certificate".to_owned()));
            }
            builder = builder.tls_certs_merge(roots);
        }
        let http = builder
            .build()
            .map_err(|error| problem(error.to_string()))?;
        Ok(Self {
            headers: headers(config)?,
            config: config.clone(),
            http,
            compression: config.compression,
        })
    }

    /// Fetches the headers anew: they may have been replaced since they were refused.
    pub(super) fn refresh(&mut self) -> Result<(), ClientError> {
        self.headers = headers(&self.config)?;
        Ok(())
    }

    /// From now on sends bodies as they are.
    pub(super) fn send_plain(&mut self) {
        self.compression = Compression::None;
    }

    pub(super) fn is_plain(&self) -> bool {
        self.compression == Compression::None
    }

    /// Posts an `ExportTraceServiceRequest`. No answer at all is a retry.
    pub(super) async fn post(&self, body: Bytes, now: impl Fn() -> Timestamp) -> Answer {
        match self.exchange(body).await {
            Ok((status, retry_after, body)) => {
                let raw = RawAnswer {
                    path: PATH,
                    status,
                    retry_after: retry_after.as_deref(),
                    body: &body,
                };
                read(&raw, now())
            }
            Err(reason) => Answer::Retry {
                reason,
                after: None,
            },
        }
    }

    async fn exchange(&self, body: Bytes) -> Result<(u16, Option<String>, Vec<u8>), String> {
        let mut request = self
            .http
            .post(format!("{}{PATH}", self.config.url))
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(
                USER_AGENT,
                concat!("bongsu-collector/", env!("CARGO_PKG_VERSION")),
            );
        request = match self.compression {
            Compression::Gzip => {
                // A full batch takes some milliseconds, in which others would wait.
                let packed = tokio::task::spawn_blocking(move || gzip(&body)).await;
                let packed = packed
                    .map_err(|error| error.to_string())
                    .and_then(|packed| packed.map_err(|error| error.to_string()))
                    .map_err(|error| format!("the body could not be compressed: {error}"))?;
                request.header(CONTENT_ENCODING, "gzip").body(packed)
            }
            Compression::None => request.body(body),
        };
        let mut response = request.send().await.map_err(told)?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let mut received = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            if received.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err("the answer is longer than 4 MiB".to_owned());
            }
            received.extend_from_slice(&chunk);
        }
        Ok((status, retry_after, received))
    }
}

/// As for an agent's collector, but for what is no OTLP: servers of others answer 200 with JSON or
/// a word. Only a page is somebody else's, a login's for instance, and no acknowledgement.
fn read(raw: &RawAnswer<'_>, now: Timestamp) -> Answer {
    let is_success = (200..300).contains(&raw.status);
    let is_page = raw.body.trim_ascii_start().starts_with(b"<");
    if is_success && !is_page && decode_trace_response(raw.body).is_err() {
        return Answer::Accepted {
            rejected: 0,
            message: format!("status {} without an OTLP answer", raw.status),
        };
    }
    read_answer(raw, now)
}

fn headers(config: &Forward) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::new();
    for (header, source) in &config.headers {
        let secret = source.resolve().map_err(|source| ClientError::Secret {
            name: config.name.to_string(),
            header: header.to_string(),
            source,
        })?;
        let value = HeaderValue::from_str(secret.expose());
        let mut value = value.map_err(|_| ClientError::Header {
            name: config.name.to_string(),
            header: header.to_string(),
        })?;
        value.set_sensitive(true);
        headers.insert(header.clone(), value);
    }
    Ok(headers)
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// The whole chain of causes, without the URL.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &[u8]) -> Answer {
        let raw = RawAnswer {
            path: PATH,
            status,
            retry_after: None,
            body,
        };
        read(&raw, Timestamp::EPOCH)
    }

    #[test]
    fn a_success_in_other_words_is_one_but_a_page_is_not() {
        for body in [&b""[..], b"{}", br#"{"partialSuccess":{}}"#, b"OK"] {
            let Answer::Accepted { rejected: 0, .. } = answer(200, body) else {
                panic!("{body:?}");
            };
        }
        let page = answer(200, b"\n <!doctype html>");
        assert!(matches!(page, Answer::Retry { .. }), "{page:?}");
        assert!(matches!(answer(500, b"{}"), Answer::Refused { .. }));
    }
}
