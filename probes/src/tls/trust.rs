//! Which certificates a target's servers are verified by: its own `ca`, and the platform's roots,
//! which are more than a hundred and read only when one of them is wanted.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// Verifies as the TLS library does, by the roots of the target first.
#[derive(Debug)]
pub(crate) struct Trust {
    provider: Arc<CryptoProvider>,
    own: Option<Roots>,
    read_platform: fn() -> RootCertStore,
    /// None: it has no root.
    platform: OnceLock<Option<Roots>>,
}

/// Roots, and who verifies by them.
#[derive(Debug)]
struct Roots {
    store: Arc<RootCertStore>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl Trust {
    /// Trusts the roots in `ca_pem`, and the platform's.
    pub(crate) fn new(ca_pem: Option<&[u8]>) -> Result<Self, String> {
        Self::beside(ca_pem, platform_roots)
    }

    /// As [`new`](Self::new), with what `read_platform` gives as the platform's.
    pub(crate) fn beside(
        ca_pem: Option<&[u8]>,
        read_platform: fn() -> RootCertStore,
    ) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let own = match ca_pem {
            None => None,
            Some(pem) => {
                let own = Roots::of(own_roots(pem)?, &provider);
                Some(own.ok_or("it holds no certificate")?)
            }
        };
        Ok(Self {
            provider,
            own,
            read_platform,
            platform: OnceLock::new(),
        })
    }

    /// Whether there is no root at all. Reads the platform's if the target has none of its own.
    pub(crate) fn is_empty(&self) -> bool {
        self.own.is_none() && self.platform().is_none()
    }

    pub(super) fn provider(&self) -> Arc<CryptoProvider> {
        self.provider.clone()
    }

    /// The public keys (the contents of their `SubjectPublicKeyInfo`) of the roots with this
    /// subject (its content): the target's own, and the platform's where it has none.
    pub(super) fn keys_of(&self, subject: &[u8]) -> Vec<Vec<u8>> {
        let keys = |roots: &Roots| {
            let named = roots.store.roots.iter();
            let named = named.filter(|root| root.subject.as_ref() == subject);
            let keys = named.map(|root| root.subject_public_key_info.to_vec());
            keys.collect::<Vec<_>>()
        };
        let own = self.own.as_ref().map(keys).unwrap_or_default();
        if own.is_empty() {
            self.platform().map(keys).unwrap_or_default()
        } else {
            own
        }
    }

    fn platform(&self) -> Option<&Roots> {
        let read = || Roots::of((self.read_platform)(), &self.provider);
        self.platform.get_or_init(read).as_ref()
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let by = |roots: &Roots| {
            let verifier = &roots.verifier;
            verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now)
        };
        let unknown = || Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        let refusal = match self.own.as_ref().map_or_else(unknown, by) {
            Ok(verified) => return Ok(verified),
            Err(refusal) => refusal,
        };
        match self.platform().map_or_else(unknown, by) {
            // None of the platform's has to do with it: what the first said tells more.
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => Err(refusal),
            verified_or_not => verified_or_not,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.provider.signature_verification_algorithms;
        known.supported_schemes()
    }
}

impl Roots {
    /// None if there is no root.
    fn of(store: RootCertStore, provider: &Arc<CryptoProvider>) -> Option<Self> {
        let store = Arc::new(store);
        // Nothing else is wrong with a verifier that asks no revocation lists.
        let verifier =
            WebPkiServerVerifier::builder_with_provider(store.clone(), provider.clone()).build();
        let verifier = verifier.ok()?;
        Some(Self { store, verifier })
    }
}

fn own_roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    Ok(roots)
}

fn platform_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // Unreadable or odd roots of the platform are no reason to stop: a server that needs one
    // fails by name, and targets with a `ca` of their own need none of them.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    use super::*;

    /// A root, and a leaf of it for `name`, valid until `until`.
    fn issued(name: &str, until: i32) -> (String, CertificateDer<'static>) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
        leaf.not_after = rcgen::date_time_ymd(until, 1, 1);
        let leaf = leaf
            .signed_by(&KeyPair::generate().unwrap(), &root)
            .unwrap();
        (root.pem(), leaf.der().clone())
    }

    fn verified(trust: &Trust, leaf: &CertificateDer<'_>, name: &str) -> Result<(), Error> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_800_000_000));
        let verified = trust.verify_server_cert(leaf, &[], &name, &[], now);
        verified.map(|_| ())
    }

    #[test]
    fn the_platforms_roots_are_read_only_when_the_own_do_not_do() {
        let (pem, leaf) = issued("a.test", 2090);
        let never = || panic!("they are not wanted");
        let trust = Trust::beside(Some(pem.as_bytes()), never).unwrap();
        assert!(!trust.is_empty());
        assert_eq!(verified(&trust, &leaf, "a.test"), Ok(()));
        assert!(
            Trust::beside(None, RootCertStore::empty)
                .unwrap()
                .is_empty()
        );
        assert!(Trust::beside(Some(b"no certificate"), never).is_err());
    }

    #[test]
    fn a_certificate_that_neither_knows_is_of_an_unknown_issuer() {
        let unknown = Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        let (pem, _) = issued("a.test", 2090);
        let (_, foreign) = issued("b.test", 2090);
        for own in [None, Some(pem.as_bytes())] {
            let trust = Trust::beside(own, RootCertStore::empty).unwrap();
            assert_eq!(verified(&trust, &foreign, "b.test"), unknown);
        }
    }

    #[test]
    fn what_the_own_roots_find_wrong_is_told_when_the_platform_knows_nothing_of_it() {
        let (pem, leaf) = issued("a.test", 2001);
        let trust = Trust::beside(Some(pem.as_bytes()), RootCertStore::empty).unwrap();
        let refusal = verified(&trust, &leaf, "a.test").unwrap_err();
        assert!(format!("{refusal:?}").contains("Expired"), "{refusal:?}");
    }
}
