//! The task that sends what the SDK encoded.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::{HeaderName, HeaderValue};
use tokio::sync::mpsc;

use crate::Settings;
use crate::queue::Counters;

/// Real time that a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Real time that a request may take, its answer included: OTLP's default.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a process cannot tell of itself.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A header's name or value has characters that no header may have.
    #[error(
        "header `{0}` cannot be sent: its name or value has characters that no header may have"
    )]
    Header(String),
    /// The root certificates cannot be used.
    #[error("`ca` cannot be used: {0}")]
    Roots(String),
    /// The exporter refused the address.
    #[error("metrics cannot be exported: {0}")]
    Exporter(String),
    /// The HTTP client could not be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

#[derive(Debug)]
pub(crate) struct Sender {
    http: reqwest::Client,
    headers: Vec<(HeaderName, HeaderValue)>,
    requests: mpsc::Receiver<Request<Bytes>>,
    counters: Arc<Counters>,
}

impl Sender {
    pub(crate) fn new(
        settings: &Settings,
        requests: mpsc::Receiver<Request<Bytes>>,
        counters: Arc<Counters>,
    ) -> Result<Self, StartError> {
        let mut headers = Vec::new();
        for (name, value) in &settings.headers {
            let refused = || StartError::Header(name.clone());
            let key = HeaderName::try_from(name.as_str()).map_err(|_| refused())?;
            let mut value = HeaderValue::try_from(value.expose()).map_err(|_| refused())?;
            value.set_sensitive(true);
            headers.push((key, value));
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some(pem) = &settings.ca {
            let roots = reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|error| StartError::Roots(error.to_string()))?;
            if roots.is_empty() {
                return Err(StartError::Roots("it holds no certificate".to_owned()));
            }
            builder = builder.tls_certs_merge(roots);
        }
        Ok(Self {
            http: builder
                .build()
                .map_err(|error| StartError::Client(error.to_string()))?,
            headers,
            requests,
            counters,
        })
    }

    /// Sends until the queue is closed and empty.
    pub(crate) async fn work(mut self) {
        let mut was_refused = false;
        while let Some(request) = self.requests.recv().await {
            let problem = self.send(request).await.err();
            match &problem {
                None => self.counters.sent(),
                Some(_) => self.counters.failed(),
            }
            match problem {
                Some(problem) if !was_refused => {
                    tracing::warn!(%problem, "own metrics are not taken; said once until they are");
                    was_refused = true;
                }
                Some(_) => {}
                None => was_refused = false,
            }
        }
    }

    async fn send(&self, request: Request<Bytes>) -> Result<(), String> {
        let (head, body) = request.into_parts();
        let mut headers = head.headers;
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        let sent = self
            .http
            .post(head.uri.to_string())
            .headers(headers)
            .body(body);
        let answer = sent
            .send()
            .await
            .map_err(|error| chain(&error.without_url()))?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(format!("answered {}", answer.status()))
        }
    }
}

/// The whole chain of causes, outermost first.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
