//! TLS: always verified, never resumed, its facts recorded; ALPN says which HTTP is spoken.

mod certificate;
mod distinguished;
mod ocsp;
mod session;
mod signed;
mod trust;

use std::io;
use std::sync::Arc;

use bongsu_model::{FailClass, NetworkFacts, Timestamp};
use rustls::client::Resumption;
use rustls::{CertificateError, ClientConfig};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::dial::Protocol;
use crate::failure::{Fault, broken};
pub(crate) use certificate::not_after;
#[cfg(any(test, fuzzing))]
pub(crate) use ocsp::{signed_content, status as stapled_status};
pub(crate) use session::{Listener, Session};
pub(crate) use trust::Trust;

/// The names of HTTP/2 and HTTP/1.1 in ALPN (RFC 9113, section 3.2; RFC 7301, section 6).
const ALPN_HTTP2: &[u8] = b"h2";
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// How the handshakes with a target are made, by what they offer.
#[derive(Debug)]
pub(crate) struct Configs {
    http2: Arc<ClientConfig>,
    http1: Arc<ClientConfig>,
    http2_only: Arc<ClientConfig>,
    trust: Arc<Trust>,
}

impl Configs {
    /// Verifies by `trust`; ring, no resumption.
    pub(crate) fn new(trust: Trust) -> Result<Self, String> {
        let trust = Arc::new(trust);
        let mut http1 = client_config(&trust)?;
        http1.alpn_protocols = vec![ALPN_HTTP1.to_vec()];
        let mut http2 = http1.clone();
        http2.alpn_protocols.insert(0, ALPN_HTTP2.to_vec());
        let mut http2_only = http1.clone();
        http2_only.alpn_protocols = vec![ALPN_HTTP2.to_vec()];
        Ok(Self {
            http2: Arc::new(http2),
            http1: Arc::new(http1),
            http2_only: Arc::new(http2_only),
            trust,
        })
    }

    /// Offers `newest` and what is older than it, unless nothing else is wanted.
    pub(crate) fn offering(&self, newest: Protocol) -> Arc<ClientConfig> {
        Arc::clone(match newest {
            Protocol::Http1 => &self.http1,
            Protocol::Http2 => &self.http2,
            Protocol::Http2Only => &self.http2_only,
        })
    }
}

impl Configs {
    /// Whether there is any root to verify by: without one each handshake would fail, and none of
    /// them would be the platform's fault.
    pub(crate) fn check_trust(&self) -> Result<(), Fault> {
        if self.trust.is_empty() {
            return Err(Fault::internal(
                "there is no certificate to trust: install the system's CA certificates, or set \
                 `ca` in the target",
            ));
        }
        Ok(())
    }

    /// Offers these names by ALPN, the first first, and nothing of ALPN where there is none; the
    /// listener keeps what is stapled.
    pub(crate) fn listening(&self, names: &[String]) -> (Arc<ClientConfig>, Arc<Listener>) {
        let listener = Arc::new(Listener::new(Arc::clone(&self.trust)));
        let mut config = ClientConfig::clone(&self.http1);
        // It verifies all that `trust` does: it only listens.
        let verifier = Arc::clone(&listener);
        config.dangerous().set_certificate_verifier(verifier);
        config.alpn_protocols = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        (Arc::new(config), listener)
    }
}

fn client_config(trust: &Arc<Trust>) -> Result<ClientConfig, String> {
    let mut config = ClientConfig::builder_with_provider(trust.provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous() // Trust verifies all that the library's own verifier does: it asks two of them.
        .with_custom_certificate_verifier(trust.clone())
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The handshake with `host` over `stream`.
pub(crate) async fn shake_hands(
    config: Arc<ClientConfig>,
    host: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Fault> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Fault::internal(format!("`{host}` is no name for a certificate")))?;
    tokio_rustls::TlsConnector::from(config)
        .connect(name, stream)
        .await
        .map_err(|error| Fault::platform(FailClass::Tls, detail(&error)))
}

/// What the handshake agreed on, written into `facts`.
pub(crate) fn record(stream: &TlsStream<TcpStream>, facts: &mut NetworkFacts) {
    let (_, session) = stream.get_ref();
    facts.tls_version = session.protocol_version().map(|version| {
        match version {
            rustls::ProtocolVersion::TLSv1_2 => "1.2",
            rustls::ProtocolVersion::TLSv1_3 => "1.3",
            _ => "unknown",
        }
        .to_owned()
    });
    facts.tls_cipher = session
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str().map(iana_name));
    facts.tls_next_protocol = session
        .alpn_protocol()
        .map(|name| String::from_utf8_lossy(name).into_owned());
    facts.tls_not_after = session
        .peer_certificates()
        .and_then(|chain| chain.first())
        .and_then(|leaf| not_after(leaf));
}

/// What the server showed of itself.
pub(crate) fn session(stream: &TlsStream<TcpStream>) -> Session {
    let (_, session) = stream.get_ref();
    Session::of(session.peer_certificates().unwrap_or_default())
}

/// What the server stapled, and what it says of the server's certificate.
pub(crate) fn stapled(
    stream: &TlsStream<TcpStream>,
    listener: &Listener,
    now: Timestamp,
) -> &'static str {
    let (_, session) = stream.get_ref();
    let chain = session.peer_certificates().unwrap_or_default();
    ocsp::status(&listener.stapled(), chain, listener.trust(), now)
}

/// What is spoken from here on: HTTP/1.1 where the server agreed on nothing.
pub(crate) fn agreed(stream: &TlsStream<TcpStream>) -> Protocol {
    match stream.get_ref().1.alpn_protocol() {
        Some(ALPN_HTTP2) => Protocol::Http2,
        Some(_) | None => Protocol::Http1,
    }
}

/// Names a TLS 1.3 suite as IANA does: rustls writes `TLS13_…` to tell it from older suites.
fn iana_name(name: &str) -> String {
    name.replacen("TLS13_", "TLS_", 1)
}

fn detail(error: &io::Error) -> String {
    let cause = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(error)) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "not_yet_valid"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "wrong_name"
            }
            CertificateError::UnknownIssuer => "unknown_issuer",
            CertificateError::Revoked => "revoked",
            CertificateError::BadSignature => "bad_signature",
            _ => "bad_certificate",
        }
        .to_owned(),
        Some(
            rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol)
            | rustls::Error::PeerMisbehaved(
                rustls::PeerMisbehaved::SelectedUnofferedApplicationProtocol,
            ),
        ) => "alpn".to_owned(),
        Some(rustls::Error::AlertReceived(_)) => "alert".to_owned(),
        Some(rustls::Error::InvalidMessage(_)) => "malformed".to_owned(),
        Some(_) => "handshake".to_owned(),
        None => broken(error.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_root_no_handshake_is_charged_to_the_platform() {
        let trust = Trust::beside(None, rustls::RootCertStore::empty).unwrap();
        let fault = Configs::new(trust).unwrap().check_trust().unwrap_err();
        assert_eq!(fault.class(), None);
    }
}
