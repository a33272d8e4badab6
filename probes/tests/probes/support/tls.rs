//! Certificates for test servers, and what their servers agree to speak.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

/// Signs certificates; `pem` is its root.
pub(crate) struct Authority {
    pub(crate) pem: String,
    key: rcgen::KeyPair,
    params: rcgen::CertificateParams,
}

pub(crate) fn authority(name: &str) -> Authority {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { pem, key, params }
}

impl Authority {
    /// Shows a certificate for `name` that ends with `last_year`; speaks what `alpn` names, the
    /// first first, and nothing of ALPN where it names nothing.
    pub(crate) fn acceptor(&self, name: &str, last_year: i32, alpn: &[&str]) -> TlsAcceptor {
        self.stapling(name, last_year, alpn, Vec::new())
    }

    /// The same, which staples `ocsp` unless it is empty.
    pub(crate) fn stapling(
        &self,
        name: &str,
        last_year: i32,
        alpn: &[&str],
        ocsp: Vec<u8>,
    ) -> TlsAcceptor {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(last_year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let issuer = rcgen::Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let key = rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert_with_ocsp(vec![certificate.der().clone()], key, ocsp)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}
