//! The platform's certificate authority, and a certificate per host: good, and flawed in each way.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::component::Service;
use crate::fault::CertificateFlaw;

/// HTTP/2 as ALPN names it: what is spoken where the client offers it, as with real platforms.
pub(crate) const ALPN_HTTP2: &[u8] = b"h2";

/// Why no certificates could be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A certificate could not be signed.
    #[error("cannot make a certificate")]
    Sign(#[from] rcgen::Error),
    /// The TLS library refused it.
    #[error("cannot serve a certificate")]
    Serve(#[from] rustls::Error),
}

/// What a host shows, by whether it is flawed.
#[derive(Debug, Clone)]
pub(crate) struct HostCertificates {
    good: Arc<ServerConfig>,
    expired: Arc<ServerConfig>,
    wrong_name: Arc<ServerConfig>,
    untrusted: Arc<ServerConfig>,
}

impl HostCertificates {
    pub(crate) fn shown(&self, flaw: Option<CertificateFlaw>) -> Arc<ServerConfig> {
        Arc::clone(match flaw {
            None => &self.good,
            Some(CertificateFlaw::Expired) => &self.expired,
            Some(CertificateFlaw::WrongName) => &self.wrong_name,
            Some(CertificateFlaw::Untrusted) => &self.untrusted,
        })
    }
}

/// Signs for the platform's hosts; lives for one start.
#[derive(Debug)]
pub(crate) struct Authority {
    trusted: CertifiedIssuer<'static, KeyPair>,
    stranger: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Result<Self, CertificateError> {
        Ok(Self {
            trusted: root("Bongsu stand-in platform")?,
            stranger: root("Stranger")?,
        })
    }

    /// The root certificate that clients are to trust.
    pub(crate) fn ca_pem(&self) -> String {
        self.trusted.pem()
    }

    pub(crate) fn certify(&self, service: Service) -> Result<HostCertificates, CertificateError> {
        let host = service.host();
        let never_ends = (4096, 1, 1);
        Ok(HostCertificates {
            good: leaf(&self.trusted, host, never_ends)?,
            expired: leaf(&self.trusted, host, (2022, 10, 15))?,
            wrong_name: leaf(&self.trusted, "elsewhere.superapp.test", never_ends)?,
            untrusted: leaf(&self.stranger, host, never_ends)?,
        })
    }
}

fn root(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, CertificateError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn leaf(
    issuer: &CertifiedIssuer<'static, KeyPair>,
    host: &str,
    (year, month, day): (i32, u8, u8),
) -> Result<Arc<ServerConfig>, CertificateError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![host.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, host);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year, month, day);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.signed_by(&key, issuer)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), b"http/1.1".to_vec()];
    // A resumed session shows no certificate, which would hide a flaw that came in between.
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}
