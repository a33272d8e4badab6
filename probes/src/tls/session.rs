//! What a `tls` step asks of a handshake that every other one passes over: who issued the
//! certificate, whom it is for, what came with it.

use std::sync::{Arc, Mutex};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::distinguished::parties;
use super::trust::Trust;

/// Most certificates that are looked at: more than any chain of the public web has.
const CHAIN_MAX: usize = 16;

/// What a server showed.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// Who issued its certificate, as a distinguished name.
    pub(crate) issuer: Option<String>,
    /// The names and addresses that its certificate is good for.
    pub(crate) names: Vec<String>,
    /// The subjects of the certificates that it sent, its own first.
    pub(crate) chain: Vec<String>,
}

impl Session {
    pub(super) fn of(chain: &[CertificateDer<'_>]) -> Self {
        let mut session = Self::default();
        for (place, der) in chain.iter().take(CHAIN_MAX).enumerate() {
            // Verified already: what cannot be read here is in the chain and says nothing.
            let parties = parties(der);
            let subject = parties.as_ref().map(|parties| parties.subject.clone());
            session.chain.push(subject.unwrap_or_default());
            if place == 0
                && let Some(own) = parties
            {
                session.issuer = Some(own.issuer);
                session.names = own.names;
            }
        }
        session
    }
}

/// Verifies as every handshake is verified, and keeps what the server stapled.
#[derive(Debug)]
pub(crate) struct Listener {
    trust: Arc<Trust>,
    stapled: Mutex<Vec<u8>>,
}

impl Listener {
    pub(super) fn new(trust: Arc<Trust>) -> Self {
        Self {
            trust,
            stapled: Mutex::default(),
        }
    }

    /// What is trusted.
    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// What was stapled; empty if nothing was.
    pub(crate) fn stapled(&self) -> Vec<u8> {
        self.stapled
            .lock()
            .expect("nothing panics while holding it")
            .clone()
    }
}

impl ServerCertVerifier for Listener {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        ocsp_response.clone_into(
            &mut self
                .stapled
                .lock()
                .expect("nothing panics while holding it"),
        );
        self.trust
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.trust.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.trust.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.supported_verify_schemes()
    }
}
