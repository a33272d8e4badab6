//! The platform over HTTP/2: chosen by ALPN, and each fault of a connection is the connection's.

use std::sync::Arc;
use std::time::Duration;

use bongsu_superapp::{Count, Platform};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::pem::PemObject as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::client::{Client, PATIENCE, SEOUL, broken, chain, platform};

/// A connection to a service, and the task that drives it.
struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<hyper::Result<()>>,
    authority: String,
}

impl Connection {
    async fn open(platform: &Platform) -> Self {
        Self::open_to(platform, "talk").await
    }

    async fn open_to(platform: &Platform, service: &str) -> Self {
        let client = Client::new(platform, SEOUL);
        let stream = TcpStream::connect(client.listener(service)).await.unwrap();
        let mut roots = rustls::RootCertStore::empty();
        let ca = rustls_pki_types::CertificateDer::from_pem_slice(platform.ca_pem().as_bytes());
        roots.add(ca.unwrap()).unwrap();
        let mut tls = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
        let name =
            rustls_pki_types::ServerName::try_from(format!("{service}.superapp.test")).unwrap();
        let stream = tokio_rustls::TlsConnector::from(Arc::new(tls))
            .connect(name, stream)
            .await
            .unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let io = TokioIo::new(stream);
        let (sender, driver) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        Self {
            sender,
            driver: tokio::spawn(driver),
            authority: client.endpoints.base[service].clone(),
        }
    }

    async fn get(&mut self, path: &str) -> hyper::Result<StatusCode> {
        let request = Request::get(format!("{}{path}", self.authority));
        let request = request.body(Empty::new()).unwrap();
        let answering = tokio::time::timeout(PATIENCE, self.sender.send_request(request));
        let answer = answering.await.expect("an answer in time")?;
        assert_eq!(answer.version(), Version::HTTP_2);
        assert_eq!(answer.headers().get("upgrade"), None);
        let status = answer.status();
        answer.into_body().collect().await?;
        Ok(status)
    }

    /// Waits until the connection is over, and says how.
    async fn ended(self) -> String {
        let ended = tokio::time::timeout(PATIENCE, self.driver);
        let ended = ended.await.expect("it ends in time").unwrap();
        ended.map_or_else(|error| chain(&error), |()| "closed".to_owned())
    }
}

#[tokio::test]
async fn many_requests_go_over_one_connection() {
    let platform = platform().await;
    let mut connection = Connection::open(&platform).await;
    for _ in 0..3 {
        assert_eq!(connection.get("/healthz").await.unwrap(), StatusCode::OK);
    }
    assert_eq!(
        connection.get("/v1/messages").await.unwrap(),
        StatusCode::UNAUTHORIZED
    );
    // A WebSocket is opened over HTTP/1.1 only.
    let stream = connection.get("/v1/stream").await.unwrap();
    assert_eq!(stream, StatusCode::UNAUTHORIZED);
    assert_eq!(platform.audit().count(Count::Connections), 1);
    assert_eq!(platform.audit().count(Count::Requests), 5);
    platform.shutdown().await;
}

#[tokio::test]
async fn faults_of_a_connection_end_all_of_it() {
    for fault in ["relay:refuse", "relay:reset"] {
        let platform = platform().await;
        let mut connection = Connection::open(&platform).await;
        assert_eq!(connection.get("/healthz").await.unwrap(), StatusCode::OK);
        broken(&platform, fault).await;
        let error = chain(&connection.get("/v1/messages").await.unwrap_err()).to_lowercase();
        assert!(!error.contains("stream error"), "{fault}: {error}");
        let is_reset = format!("{error} {}", connection.ended().await).contains("reset");
        assert_eq!(is_reset, fault == "relay:reset", "{error}");
        let mut another = Connection::open(&platform).await;
        assert_eq!(another.get("/healthz").await.unwrap(), StatusCode::OK);
        platform.mend_all();
        let answered = another.get("/v1/messages").await.unwrap();
        assert_eq!(answered, StatusCode::UNAUTHORIZED, "{fault}");
        platform.shutdown().await;
    }
}

#[tokio::test]
async fn a_host_that_goes_takes_its_connections_along() {
    for fault in ["account:refuse", "account:reset"] {
        let platform = platform().await;
        let mut connection = Connection::open_to(&platform, "account").await;
        assert_eq!(connection.get("/healthz").await.unwrap(), StatusCode::OK);
        broken(&platform, fault).await;
        connection.ended().await;
        platform.shutdown().await;
    }
}

#[tokio::test]
async fn other_faults_are_the_requests_alone() {
    let platform = platform().await;
    let mut connection = Connection::open(&platform).await;
    broken(&platform, "relay:error=502").await;
    let answered = connection.get("/v1/messages").await.unwrap();
    assert_eq!(answered, StatusCode::BAD_GATEWAY);
    platform.mend_all();

    broken(&platform, "relay:hang").await;
    let mut other = Connection {
        sender: connection.sender.clone(),
        driver: tokio::spawn(async { Ok(()) }),
        authority: connection.authority.clone(),
    };
    tokio::select! {
        hung = other.get("/v1/messages") => panic!("it answers: {hung:?}"),
        () = async {
            // The hanging request is there before this one is answered: they share a connection.
            while platform.audit().count(Count::Requests) < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(connection.get("/healthz").await.unwrap(), StatusCode::OK);
        } => (),
    }
    platform.shutdown().await;
}
