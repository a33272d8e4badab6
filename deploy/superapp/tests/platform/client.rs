//! A client of the platform as one region reaches it, and a platform to call.

use std::net::SocketAddr;
use std::sync::{Arc, Once};
use std::time::Duration;

use bongsu_model::{PoolName, RegionId, TargetName};
use bongsu_superapp::{Fault, Platform, PlatformConfig, RegionEndpoints, SystemClock, TestAccount};
use futures_util::StreamExt as _;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

pub(crate) const SEOUL: &str = "kr-seoul";
pub(crate) const TOKYO: &str = "jp-tokyo";

/// Longest wait for anything in these tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Socket = WebSocketStream<tokio_rustls::client::TlsStream<TcpStream>>;

pub(crate) fn region(name: &str) -> RegionId {
    RegionId::new(name).unwrap()
}

pub(crate) fn config(name: &str) -> PlatformConfig {
    let regions = vec![region(SEOUL), region(TOKYO)];
    let name = TargetName::new(name).unwrap();
    PlatformConfig::new(name, regions, Arc::new(SystemClock::new()))
}

pub(crate) async fn platform() -> Platform {
    Platform::start(config("superapp")).await.unwrap()
}

pub(crate) async fn broken(platform: &Platform, fault: &str) {
    platform.inject(fault.parse::<Fault>().unwrap()).unwrap();
    platform.settle().await;
}

pub(crate) fn account(platform: &Platform, pool: &str, index: usize) -> TestAccount {
    platform.accounts(&PoolName::new(pool).unwrap())[index].clone()
}

/// An account that has signed in.
pub(crate) struct User {
    pub(crate) user_id: String,
    pub(crate) token: String,
}

pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) endpoints: RegionEndpoints,
    ca_pem: String,
    /// The run that its requests say they belong to.
    tag: Option<String>,
}

impl Client {
    /// A client whose requests belong to the run `tag`.
    pub(crate) fn tagged(platform: &Platform, name: &str, tag: &str) -> Self {
        Self {
            tag: Some(tag.to_owned()),
            ..Self::new(platform, name)
        }
    }

    /// A client without connections that trusts the platform's root and knows its addresses.
    pub(crate) fn new(platform: &Platform, name: &str) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let provider = rustls::crypto::ring::default_provider();
            provider.install_default().unwrap();
        });
        let endpoints = platform.endpoints(&region(name)).unwrap().clone();
        let ca = reqwest::Certificate::from_pem(platform.ca_pem().as_bytes()).unwrap();
        let mut builder = reqwest::Client::builder()
            .tls_certs_only([ca])
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(10));
        for (service, address) in &endpoints.listeners {
            builder = builder.resolve(&format!("{service}.superapp.test"), *address);
        }
        Self {
            http: builder.build().unwrap(),
            endpoints,
            ca_pem: platform.ca_pem().to_owned(),
            tag: None,
        }
    }

    pub(crate) fn account(&self, path: &str) -> String {
        format!("{}{path}", self.endpoints.base["account"])
    }

    pub(crate) fn talk(&self, path: &str) -> String {
        format!("{}{path}", self.endpoints.base["talk"])
    }

    /// The URL of `SERVICE/PATH`.
    pub(crate) fn url(&self, path: &str) -> String {
        let (service, rest) = path.split_once('/').unwrap();
        format!("{}/{rest}", self.endpoints.base[service])
    }

    pub(crate) async fn get(&self, user: &User, path: &str) -> reqwest::Result<(u16, Value)> {
        let request = self.http.get(self.url(path)).bearer_auth(&user.token);
        answer(request).await
    }

    pub(crate) async fn post(
        &self,
        user: &User,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> reqwest::Result<(u16, Value)> {
        let request = self.http.post(self.url(path)).bearer_auth(&user.token);
        let mut request = request.json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(tag) = &self.tag {
            request = request.header("x-synthetic", tag);
        }
        answer(request).await
    }

    pub(crate) fn listener(&self, service: &str) -> SocketAddr {
        self.endpoints.listeners[service]
    }

    pub(crate) async fn try_sign_in(
        &self,
        account: &TestAccount,
        client_ref: &str,
    ) -> reqwest::Result<(u16, Value)> {
        let body = json!({
            "login": account.login,
            "password": account.password.expose(),
            "client_ref": client_ref,
        });
        let request = self.http.post(self.account("/v1/sessions")).json(&body);
        answer(request).await
    }

    pub(crate) async fn sign_in(&self, account: &TestAccount, client_ref: &str) -> User {
        let (status, body) = self.try_sign_in(account, client_ref).await.unwrap();
        assert_eq!(status, 201, "{body}");
        User {
            user_id: body["user_id"].as_str().unwrap().to_owned(),
            token: body["token"].as_str().unwrap().to_owned(),
        }
    }

    pub(crate) async fn me(&self, user: &User) -> reqwest::Result<(u16, Value)> {
        answer(
            self.http
                .get(self.account("/v1/me"))
                .bearer_auth(&user.token),
        )
        .await
    }

    pub(crate) async fn send(
        &self,
        from: &User,
        to: &str,
        text: &str,
        key: &str,
    ) -> reqwest::Result<(u16, Value)> {
        let request = self
            .http
            .post(self.talk("/v1/messages"))
            .bearer_auth(&from.token)
            .header("idempotency-key", key)
            .json(&json!({ "to": to, "text": text, "client_ref": key }));
        answer(request).await
    }

    /// Opens the stream and reads its first frame.
    pub(crate) async fn listen(&self, user: &User) -> Socket {
        self.listen_to(user, "talk/v1/stream").await
    }

    /// Opens the stream at `SERVICE/PATH` and reads its first frame.
    pub(crate) async fn listen_to(&self, user: &User, path: &str) -> Socket {
        let mut socket = self.try_listen_to(&user.token, path).await.unwrap();
        let ready = frame(&mut socket).await.unwrap();
        assert_eq!(ready, json!({ "type": "ready", "user_id": user.user_id }));
        socket
    }

    pub(crate) async fn try_listen(
        &self,
        token: &str,
    ) -> Result<Socket, tokio_tungstenite::tungstenite::Error> {
        self.try_listen_to(token, "talk/v1/stream").await
    }

    async fn try_listen_to(
        &self,
        token: &str,
        path: &str,
    ) -> Result<Socket, tokio_tungstenite::tungstenite::Error> {
        let (service, path) = path.split_once('/').unwrap();
        let stream = TcpStream::connect(self.listener(service)).await?;
        let mut roots = rustls::RootCertStore::empty();
        let ca = rustls_pki_types::CertificateDer::from_pem_slice(self.ca_pem.as_bytes());
        roots.add(ca.unwrap()).unwrap();
        let tls = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = format!("{service}.superapp.test");
        let name = rustls_pki_types::ServerName::try_from(name).unwrap();
        let stream = tokio_rustls::TlsConnector::from(Arc::new(tls))
            .connect(name, stream)
            .await?;
        let url = format!("{}/{path}", self.endpoints.ws[service]);
        let mut request = url.into_client_request()?;
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        if let Some(tag) = &self.tag {
            let tag = tag.parse().unwrap();
            request.headers_mut().insert("x-synthetic", tag);
        }
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        Ok(socket)
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let met = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, met).await.expect("in time");
}

/// The next JSON frame; None when the stream is over.
pub(crate) async fn frame(socket: &mut Socket) -> Option<Value> {
    let next = tokio::time::timeout(PATIENCE, socket.next());
    let frame = next.await.expect("a frame in time")?.ok()?;
    let text = frame.into_text().ok()?;
    serde_json::from_str(&text).ok()
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> reqwest::Result<(u16, Value)> {
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    let text = answer.text().await?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

/// Every error text down to the cause.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
