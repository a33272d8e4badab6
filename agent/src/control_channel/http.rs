//! The HTTP client of one collector's control channel: upgrades and single messages.

use std::time::Duration;

use bongsu_model::Secret;
use bongsu_wire::opamp::{
    AgentToServer, OPAMP_MEDIA_TYPE, OPAMP_PATH, ServerToAgent, decode, encode,
};
use reqwest::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, UPGRADE,
    USER_AGENT,
};
use reqwest::{Response, StatusCode, Upgraded};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::End;
use crate::config::{CollectorConfig, SecretError};
use crate::ship::{ClientError, client_builder, told};

const WS_KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const WS_VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");
const WS_ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");

/// Real time that an exchange may take.
const EXCHANGE_WITHIN: Duration = Duration::from_secs(10);

/// Longest answer to a single message that is read.
const ANSWER_BYTES_MAX: usize = 256 * 1_024;

/// A collector as the control channel reaches it, on connections of its own.
#[derive(Debug)]
pub(crate) struct ControlClient {
    config: CollectorConfig,
    http: reqwest::Client,
    token: Secret,
}

impl ControlClient {
    pub(crate) fn new(config: &CollectorConfig) -> Result<Self, ClientError> {
        let token = config
            .token
            .resolve()
            .map_err(|source| ClientError::Token {
                collector: config.name.clone(),
                source,
            })?;
        // An upgrade is a thing of HTTP/1.1.
        let built = client_builder(config)?.http1_only().build();
        let http = built.map_err(|error| ClientError::Client {
            collector: config.name.clone(),
            problem: error.to_string(),
        })?;
        Ok(Self {
            config: config.clone(),
            http,
            token,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Fetches the token anew: it may have been replaced since it was refused.
    pub(super) fn refresh_token(&mut self) -> Result<(), SecretError> {
        self.token = self.config.token.resolve()?;
        Ok(())
    }

    /// Asks for a WebSocket.
    pub(super) async fn upgrade(&self) -> Result<Upgraded, End> {
        let key = generate_key();
        let request = self
            .request(reqwest::Method::GET)
            .header(CONNECTION, "upgrade")
            .header(UPGRADE, "websocket")
            .header(WS_VERSION, "13")
            .header(WS_KEY, &key);
        let shaking = async {
            let response = request.send().await.map_err(broke)?;
            let status = response.status();
            if status != StatusCode::SWITCHING_PROTOCOLS {
                return Err(match refusal(response).await {
                    // Something between here and there may not pass it on; a message it may.
                    End::Refused(reason) => End::NoSocket(reason),
                    other => other,
                });
            }
            let accept = derive_accept_key(key.as_bytes());
            let given = response.headers().get(WS_ACCEPT);
            if given.map(HeaderValue::as_bytes) != Some(accept.as_bytes()) {
                return Err(End::NoSocket(
                    "whoever answered does not speak WebSocket".to_owned(),
                ));
            }
            response.upgrade().await.map_err(broke)
        };
        within(shaking).await
    }

    /// Posts one message.
    pub(super) async fn post(&self, message: &AgentToServer) -> Result<ServerToAgent, End> {
        let request = self
            .request(reqwest::Method::POST)
            .header(CONTENT_TYPE, OPAMP_MEDIA_TYPE)
            .body(encode(message));
        let asking = async {
            let response = request.send().await.map_err(broke)?;
            if !response.status().is_success() {
                return Err(refusal(response).await);
            }
            let bytes = body(response).await?;
            decode(&bytes).map_err(|error| End::Refused(format!("the answer: {error}")))
        };
        within(asking).await
    }

    fn request(&self, method: reqwest::Method) -> reqwest::RequestBuilder {
        let url = format!("{}{OPAMP_PATH}", self.config.url);
        let agent = concat!("bongsu-agent/", env!("CARGO_PKG_VERSION"));
        self.http
            .request(method, url)
            .header(USER_AGENT, agent)
            .header(AUTHORIZATION, format!("Bearer {}", self.token.expose()))
    }
}

async fn within<T>(exchange: impl Future<Output = Result<T, End>>) -> Result<T, End> {
    tokio::time::timeout(EXCHANGE_WITHIN, exchange)
        .await
        .unwrap_or_else(|_| {
            let seconds = EXCHANGE_WITHIN.as_secs();
            Err(End::Broke(format!("no answer within {seconds} s")))
        })
}

fn broke(error: reqwest::Error) -> End {
    End::Broke(told(error))
}

/// What an answer that is no success means.
async fn refusal(response: Response) -> End {
    let status = response.status();
    let after = response.headers().get(RETRY_AFTER);
    let after = after
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let said = body(response).await.ok();
    let said = said.and_then(|bytes| decode::<ServerToAgent>(&bytes).ok());
    let reason = match said.and_then(|answer| answer.error_response) {
        Some(error) => format!("{status}: {}", error.error_message),
        None => status.to_string(),
    };
    match status {
        StatusCode::UNAUTHORIZED => End::Unauthorised(reason),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => match after {
            Some(after) => End::Wait(reason, after),
            None => End::Broke(reason),
        },
        _ => End::Refused(reason),
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, End> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broke)? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(End::Refused("the answer is longer than 256 KiB".to_owned()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
