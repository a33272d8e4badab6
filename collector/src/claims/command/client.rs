//! Asks a collector's API, and says plainly why there is no answer.

use std::time::Duration;

use bongsu_model::Secret;
use serde_json::Value;

use super::Whom;

/// Wall time that an answer may take: the journal's own, doubled.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// An answer that is JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// Why it is a refusal, in the collector's words.
    pub(crate) fn message(&self) -> String {
        let message = self.body["error"]["message"].as_str();
        let message = message.unwrap_or("no reason was given");
        format!("the collector refused ({}): {message}", self.status)
    }
}

/// A client of one collector.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: reqwest::Url,
}

impl Client {
    pub(crate) fn new(whom: &Whom) -> Result<Self, String> {
        // Whoever was first installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let given = &whom.collector;
        let base = reqwest::Url::parse(given)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                format!("`{given}` is not an address: write it as http://127.0.0.1:8300")
            })?;
        let mut builder = reqwest::Client::builder()
            .timeout(ANSWER_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some(path) = &whom.ca {
            let wrong = |why: String| format!("cannot use --ca {}: {why}", path.display());
            let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            let roots = reqwest::Certificate::from_pem_bundle(&pem);
            builder = builder.tls_certs_merge(roots.map_err(|error| wrong(error.to_string()))?);
        }
        let http = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { http, base })
    }

    /// Asks an address of the API; parameters without a value are left out.
    pub(crate) async fn get(
        &self,
        path: &str,
        parameters: &[(&str, Option<&str>)],
    ) -> Result<Answer, String> {
        let mut url = self.url(path);
        for (name, value) in parameters {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        self.exchange(self.http.get(url)).await
    }

    /// Posts JSON with a token.
    pub(crate) async fn post(
        &self,
        path: &str,
        token: &Secret,
        body: &Value,
    ) -> Result<Answer, String> {
        let request = self
            .http
            .post(self.url(path))
            .bearer_auth(token.expose())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body.to_string());
        self.exchange(request).await
    }

    fn url(&self, path: &str) -> reqwest::Url {
        let mut url = self.base.clone();
        url.set_path(&format!(
            "{}/api/v1{path}",
            self.base.path().trim_end_matches('/')
        ));
        url
    }

    async fn exchange(&self, request: reqwest::RequestBuilder) -> Result<Answer, String> {
        let away = |error: reqwest::Error| {
            let error = error.without_url();
            let mut why = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(inner) = cause {
                why.push_str(&format!(": {inner}"));
                cause = inner.source();
            }
            format!(
                "the collector at {} does not answer: {why}; set --collector",
                self.base
            )
        };
        let mut response = request.send().await.map_err(away)?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(away)? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(format!("the answer of {} is too long", self.base));
            }
            bytes.extend_from_slice(&chunk);
        }
        let body = serde_json::from_slice(&bytes).map_err(|_| {
            format!(
                "{} answered {status} and no JSON: is it the address of a collector's board?",
                self.base
            )
        })?;
        Ok(Answer { status, body })
    }
}
