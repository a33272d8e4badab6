//! The component `cert-store`: signs credentials (RFC 7515, compact, with EdDSA of RFC 8037) and
//! checks them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::account::token;

/// `{"alg":"EdDSA","typ":"JWT"}`.
const HEADER: &str = r#"{"alg":"EdDSA","typ":"JWT"}"#;

/// What a credential states.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Claims {
    #[serde(rename = "sub")]
    pub(crate) subject: String,
    pub(crate) title: String,
    /// Makes each credential another one.
    jti: String,
}

/// A key pair that was made when the platform started.
#[derive(Debug)]
pub(crate) struct Signer(Ed25519KeyPair);

/// There was no randomness to make a key of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no key for credentials could be made: the system gives no random bytes")]
pub struct NoKey;

impl Signer {
    pub(crate) fn new() -> Result<Self, NoKey> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| NoKey)?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).map_err(|_| NoKey)?;
        Ok(Self(pair))
    }

    /// A credential of `subject`.
    pub(crate) fn sign(&self, subject: &str, title: &str) -> String {
        let claims = serde_json::json!({ "sub": subject, "title": title, "jti": token() });
        let (header, claims) = (
            URL_SAFE_NO_PAD.encode(HEADER),
            URL_SAFE_NO_PAD.encode(claims.to_string()),
        );
        let signed = format!("{header}.{claims}");
        let signature = self.0.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// What a credential states, if this key signed it.
    pub(crate) fn verify(&self, credential: &str) -> Option<Claims> {
        let (signed, signature) = credential.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let key = UnparsedPublicKey::new(&ED25519, self.0.public_key().as_ref());
        key.verify(signed.as_bytes(), &signature).ok()?;
        let (_, claims) = signed.split_once('.')?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_good_for_the_key_that_signed_it_and_unaltered() {
        let signer = Signer::new().unwrap();
        let credential = signer.sign("u-a", "student");
        let claims = signer.verify(&credential).unwrap();
        assert_eq!(
            (claims.subject.as_str(), claims.title.as_str()),
            ("u-a", "student")
        );
        assert_ne!(credential, signer.sign("u-a", "student"));
        assert_eq!(Signer::new().unwrap().verify(&credential), None);
        for wrong in [
            "",
            ".",
            "a.b.c",
            &format!("x{credential}"),
            &format!("{credential} (altered)"),
        ] {
            assert_eq!(signer.verify(wrong), None, "{wrong}");
        }
    }
}
