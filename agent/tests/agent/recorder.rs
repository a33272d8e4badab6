//! A client of the stand-in that keeps what it asks and is told as an HTTP Archive, as a browser
//! would.

use std::fmt::Write as _;

use bongsu_model::{PoolName, RegionId};
use bongsu_superapp::{Platform, TestAccount};
use serde_json::{Value, json};

/// The origin of the app whose pages make the requests.
const APP: &str = "https://www.superapp.test";

pub(crate) struct Recorder {
    http: reqwest::Client,
    base: Vec<(String, String)>,
    token: Option<String>,
    entries: Vec<Value>,
}

impl Recorder {
    pub(crate) fn new(platform: &Platform) -> Self {
        let region = RegionId::new("kr-seoul").unwrap();
        let endpoints = platform.endpoints(&region).unwrap().clone();
        let ca = reqwest::Certificate::from_pem(platform.ca_pem().as_bytes()).unwrap();
        let mut builder = reqwest::Client::builder().tls_certs_only([ca]).no_proxy();
        for (service, address) in &endpoints.listeners {
            builder = builder.resolve(&format!("{service}.superapp.test"), *address);
        }
        let base = endpoints.base.iter();
        Self {
            http: builder.build().unwrap(),
            base: base
                .map(|(name, url)| (name.to_string(), url.clone()))
                .collect(),
            token: None,
            entries: Vec::new(),
        }
    }

    /// Sends a request to `SERVICE/PATH` and writes it down; gives the answer's body.
    pub(crate) async fn send(&mut self, method: &str, path: &str, more: Sent<'_>) -> Value {
        let (service, rest) = path.split_once('/').unwrap();
        let base = &self
            .base
            .iter()
            .find(|(name, _)| name == service)
            .unwrap()
            .1;
        let url = format!("{base}/{rest}");
        let mut headers = vec![
            (
                "accept".to_owned(),
                "application/json, text/plain, */*".to_owned(),
            ),
            (
                "accept-encoding".to_owned(),
                "gzip, deflate, br, zstd".to_owned(),
            ),
            ("origin".to_owned(), APP.to_owned()),
            ("sec-fetch-mode".to_owned(), "cors".to_owned()),
            ("x-app-version".to_owned(), "25.11.3".to_owned()),
        ];
        if let Some(token) = &self.token {
            headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        }
        if let Some(key) = more.idempotency_key {
            headers.push(("idempotency-key".to_owned(), key.to_owned()));
        }
        let mut request = self.http.request(method.parse().unwrap(), &url);
        for (name, value) in headers.iter().filter(|(name, _)| name != "accept-encoding") {
            request = request.header(name, value);
        }
        let mut recorded = json!({ "method": method, "url": url, "httpVersion": "http/2.0" });
        if let Some(body) = &more.body {
            request = request.json(body);
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
            recorded["postData"] =
                json!({ "mimeType": "application/json", "text": body.to_string() });
        }
        recorded["headers"] = pairs(&headers);
        recorded["cookies"] = json!([]);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let answered: Vec<(String, String)> = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let text = answer.text().await.unwrap();
        assert!(status < 400, "{method} {path}: {status} {text}");
        let response = json!({
            "status": status,
            "headers": pairs(&answered),
            "cookies": [],
            "content": { "size": text.len(), "mimeType": "application/json", "text": text },
        });
        self.write("fetch", &recorded, &response);
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Writes down what a page loads beside.
    pub(crate) fn load(&mut self, kind: &str, path: &str, content_type: &str) {
        let request = json!({ "method": "GET", "url": format!("{APP}{path}"), "headers": [] });
        let content = json!({ "size": 4, "mimeType": content_type, "text": "AAAA" });
        let response = json!({ "status": 200, "headers": [], "content": content });
        self.write(kind, &request, &response);
    }

    fn write(&mut self, kind: &str, request: &Value, response: &Value) {
        let mut at = String::new();
        write!(at, "2026-03-02T09:15:{:02}.000Z", self.entries.len()).unwrap();
        self.entries.push(json!({
            "startedDateTime": at,
            "time": 12.5,
            "_resourceType": kind,
            "request": request,
            "response": response,
            "timings": { "send": 0.1, "wait": 12.0, "receive": 0.4 },
        }));
    }

    /// Writes down a socket as the stand-in opens one: its first frame says so.
    pub(crate) fn listen(&mut self, path: &str, user_id: &str) {
        let (service, rest) = path.split_once('/').unwrap();
        let base = &self
            .base
            .iter()
            .find(|(name, _)| name == service)
            .unwrap()
            .1;
        let url = format!("{}/{rest}", base.replace("https", "wss"));
        let authorization = (
            "authorization".to_owned(),
            format!("Bearer {}", self.token()),
        );
        let request = json!({ "method": "GET", "url": url, "headers": pairs(&[authorization]) });
        let response = json!({ "status": 101, "headers": [] });
        self.write("websocket", &request, &response);
        let ready = json!({ "type": "ready", "user_id": user_id }).to_string();
        let frame = json!({ "type": "receive", "time": 0, "opcode": 1, "data": ready });
        self.entries.last_mut().unwrap()["_webSocketMessages"] = json!([frame]);
    }

    pub(crate) async fn sign_in(&mut self, account: &TestAccount, client_ref: &str) {
        let body = json!({
            "login": account.login,
            "password": account.password.expose(),
            "client_ref": client_ref,
        });
        let session = self
            .send("POST", "account/v1/sessions", Sent::body(body))
            .await;
        self.token = Some(session["token"].as_str().unwrap().to_owned());
    }

    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().unwrap()
    }

    pub(crate) fn archive(&self) -> String {
        let log = json!({
            "version": "1.2",
            "creator": { "name": "WebInspector", "version": "537.36" },
            "pages": [],
            "entries": self.entries,
        });
        format!("{:#}\n", json!({ "log": log }))
    }
}

/// What a request has beside method and path.
#[derive(Default)]
pub(crate) struct Sent<'a> {
    body: Option<Value>,
    idempotency_key: Option<&'a str>,
}

impl<'a> Sent<'a> {
    pub(crate) fn body(body: Value) -> Self {
        Self {
            body: Some(body),
            idempotency_key: None,
        }
    }

    pub(crate) fn once(self, key: &'a str) -> Self {
        Self {
            idempotency_key: Some(key),
            ..self
        }
    }
}

fn pairs(headers: &[(String, String)]) -> Value {
    headers
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect()
}

/// Somebody signs in, orders a taxi, looks at it, cancels and signs out.
pub(crate) async fn record_an_order(platform: &Platform) -> Recorder {
    let account = platform.accounts(&PoolName::new("taxi-riders").unwrap())[0].clone();
    let mut recorder = Recorder::new(platform);
    recorder.load("script", "/assets/app.5c1e9f.js", "text/javascript");
    recorder.load("stylesheet", "/assets/app.77aa02.css", "text/css");
    recorder.load("image", "/assets/logo.svg", "image/svg+xml");
    recorder.sign_in(&account, "web-5d2b8c1e").await;
    recorder.load("font", "/assets/kr-400.woff2", "font/woff2");
    let _ = recorder.send("GET", "account/v1/me", Sent::default()).await;
    recorder.listen("mobility/v1/rides/stream", &account.user_id);
    let asked = json!({
        "from": { "lat": 37.5716, "lon": 126.9769 },
        "to": { "lat": 37.4979, "lon": 127.0276 },
    });
    let quote = recorder
        .send("POST", "mobility/v1/quotes", Sent::body(asked))
        .await;
    let called = json!({ "quote": quote["id"], "client_ref": "web-90f1e77a" });
    let called = Sent::body(called).once("7d0d2f4e-2f43-4f3f-9a55-0d6b4a6a3f10");
    let ride = recorder.send("POST", "mobility/v1/rides", called).await;
    let path = format!("mobility/v1/rides/{}", ride["id"].as_str().unwrap());
    let _ = recorder.send("GET", &path, Sent::default()).await;
    let cancel = format!("{path}/cancel");
    let _ = recorder.send("POST", &cancel, Sent::body(json!({}))).await;
    recorder.load("image", "/assets/empty.png", "image/png");
    let found = "mobility/v1/rides?client_ref=web-90f1e77a";
    let _ = recorder.send("GET", found, Sent::default()).await;
    let _ = recorder
        .send("DELETE", "account/v1/sessions/current", Sent::default())
        .await;
    recorder
}
