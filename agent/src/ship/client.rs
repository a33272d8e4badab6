//! The HTTP client of one collector: one POST, its answer, nothing resent behind our back.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Clock, Secret, Timestamp};
use bongsu_wire::{
    Answer, PLAN_HEADER, PLAN_UNKNOWN, RECEIVED_HEADER, RawAnswer, http_date, read_answer,
};
use bytes::Bytes;
use reqwest::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER, USER_AGENT,
};

use super::offset::{ClockOffset, Received};
use super::packer::Packer;
use crate::config::{CollectorConfig, SecretError};
use crate::gate::NetworkGate;

/// Real time that a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Real time that a request may take, its answer included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest answer that is read, as OTLP recommends for clients.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Why a collector's client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Its token is not to be had.
    #[error("collector `{collector}`: {source}")]
    Token {
        /// The collector.
        collector: String,
        /// Why.
        source: SecretError,
    },
    /// Its root certificate cannot be used.
    #[error("collector `{collector}`: `ca` {path} cannot be used: {problem}")]
    Roots {
        /// The collector.
        collector: String,
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// The HTTP client could not be set up.
    #[error("collector `{collector}`: {problem}")]
    Client {
        /// The collector.
        collector: String,
        /// What is wrong.
        problem: String,
    },
}

/// Whether bodies are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    Zstd,
    Plain,
}

/// Whether a collector has the record of the plan that a heartbeat names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlanThere {
    /// It says that it has not.
    Unknown,
    /// It says nothing of it.
    Undisputed,
}

/// A collector as the shipper and the heartbeat reach it.
#[derive(Debug)]
pub(crate) struct Client {
    config: CollectorConfig,
    http: reqwest::Client,
    token: Secret,
    compression: Compression,
    packer: Packer,
    clock: Arc<dyn Clock>,
    gate: NetworkGate,
    offset: Arc<ClockOffset>,
}

/// What every client of an agent shares.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) gate: NetworkGate,
    pub(crate) offset: Arc<ClockOffset>,
}

/// Every collector that cannot be reached as configured: its token or its root certificate is not
/// to be had. Asks no collector. Needs a default `rustls` provider to be installed.
pub fn check_collectors(collectors: &[CollectorConfig]) -> Vec<ClientError> {
    let checked = collectors.iter().map(outfit);
    checked.filter_map(Result::err).collect()
}

/// What a client is made of: its token, and HTTP with the roots that it trusts.
fn outfit(config: &CollectorConfig) -> Result<(Secret, reqwest::Client), ClientError> {
    let collector = || config.name.clone();
    let token = config
        .token
        .resolve()
        .map_err(|source| ClientError::Token {
            collector: collector(),
            source,
        })?;
    let built = client_builder(config)?.timeout(REQUEST_TIMEOUT).build();
    let http = built.map_err(|error| ClientError::Client {
        collector: collector(),
        problem: error.to_string(),
    })?;
    Ok((token, http))
}

impl Client {
    pub(crate) fn new(
        config: &CollectorConfig,
        surroundings: &Surroundings,
    ) -> Result<Self, ClientError> {
        let (token, http) = outfit(config)?;
        let packer = Packer::new().map_err(|error| ClientError::Client {
            collector: config.name.clone(),
            problem: error.to_string(),
        })?;
        Ok(Self {
            config: config.clone(),
            http,
            token,
            compression: Compression::Zstd,
            packer,
            clock: surroundings.clock.clone(),
            gate: surroundings.gate.clone(),
            offset: surroundings.offset.clone(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Fetches the token anew: it may have been replaced since it was refused.
    pub(crate) fn refresh_token(&mut self) -> Result<(), SecretError> {
        self.token = self.config.token.resolve()?;
        Ok(())
    }

    /// From now on sends bodies as they are.
    pub(crate) fn send_plain(&mut self) {
        self.compression = Compression::Plain;
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.compression == Compression::Plain
    }

    /// Posts an OTLP request. No answer at all is a retry.
    pub(crate) async fn post(&self, path: &str, body: &[u8]) -> Answer {
        self.ask(path, body).await.0
    }

    /// Posts a heartbeat; says beside the answer what the collector makes of the plan in it.
    pub(crate) async fn post_heartbeat(&self, body: &[u8]) -> (Answer, PlanThere) {
        let (answer, headers) = self.ask("/v1/logs", body).await;
        let is_unknown = headers
            .get(PLAN_HEADER)
            .is_some_and(|value| value == PLAN_UNKNOWN);
        let plan = if is_unknown {
            PlanThere::Unknown
        } else {
            PlanThere::Undisputed
        };
        (answer, plan)
    }

    async fn ask(&self, path: &str, body: &[u8]) -> (Answer, HeaderMap) {
        let sent = self.clock.wall();
        match self.gate.pass(self.exchange(path, body)).await {
            Ok(Ok((status, headers, body))) => {
                let answered = self.clock.wall();
                if (200..300).contains(&status) {
                    self.learn_offset(sent, answered, &headers);
                }
                let raw = RawAnswer {
                    path,
                    status,
                    retry_after: headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()),
                    body: &body,
                };
                (read_answer(&raw, answered), headers)
            }
            Ok(Err(reason)) => (unanswered(reason), HeaderMap::new()),
            Err(cut_off) => (unanswered(cut_off.to_string()), HeaderMap::new()),
        }
    }

    async fn exchange(&self, path: &str, body: &[u8]) -> Result<(u16, HeaderMap, Bytes), String> {
        let url = format!("{}{path}", self.config.url);
        let mut request = self
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(USER_AGENT, user_agent())
            .header(AUTHORIZATION, format!("Bearer {}", self.token.expose()));
        request = match self.compression {
            Compression::Zstd => {
                let packed = self
                    .packer
                    .pack(body)
                    .map_err(|error| format!("the body could not be compressed: {error}"))?;
                request.header(CONTENT_ENCODING, "zstd").body(packed)
            }
            Compression::Plain => request.body(body.to_vec()),
        };
        let mut response = request.send().await.map_err(told)?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut received = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            if received.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err("the answer is longer than 4 MiB".to_owned());
            }
            received.extend_from_slice(&chunk);
        }
        Ok((status, headers, received.into()))
    }

    fn learn_offset(&self, sent: Timestamp, answered: Timestamp, headers: &HeaderMap) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let exact = text(RECEIVED_HEADER)
            .and_then(|ns| ns.parse().ok())
            .map(|ns| Received::Exact(Timestamp::from_unix_nanos(ns)));
        // `Date` is real time: it says nothing about a clock that is simulated.
        let received = exact.or_else(|| {
            (self.clock.speed() == 1.0)
                .then(|| text(DATE.as_str()).and_then(http_date))
                .flatten()
                .map(Received::Second)
        });
        if let Some(received) = received {
            self.offset.sample(sent, answered, received);
        }
    }
}

/// How a collector is reached: its roots, nothing followed, nothing resent.
pub(crate) fn client_builder(
    config: &CollectorConfig,
) -> Result<reqwest::ClientBuilder, ClientError> {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy();
    if let Some(path) = &config.ca {
        let roots = |problem: String| ClientError::Roots {
            collector: config.name.clone(),
            path: path.display().to_string(),
            problem,
        };
        let pem = std::fs::read(path).map_err(|error| roots(error.to_string()))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|error| roots(error.to_string()))?;
        if certificates.is_empty() {
            return Err(roots("it holds no certificate".to_owned()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    Ok(builder)
}

fn unanswered(reason: String) -> Answer {
    Answer::Retry {
        reason,
        after: None,
    }
}

/// The whole chain of causes, without the URL.
pub(crate) fn told(error: reqwest::Error) -> String {
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

/// Our name first, then the exporter's, as OTLP wants it.
fn user_agent() -> String {
    format!(
        "bongsu-agent/{} OTel-OTLP-Exporter-Rust/0.33",
        env!("CARGO_PKG_VERSION")
    )
}
