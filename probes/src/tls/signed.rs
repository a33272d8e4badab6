//! What of X.509 is signed, with which key, and whether a key made a signature (RFC 5280, section
//! 4.1; RFC 6960, section 4.2.1 signs its responses alike).

use bongsu_model::Timestamp;
use rustls_pki_types::SignatureVerificationAlgorithm;

use super::certificate::{EXPLICIT_VERSION, SEQUENCE, element, skip, time};

const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
/// Context tag of a certificate's extensions.
const EXTENSIONS: u8 = 0xa3;

/// `extKeyUsage`, 2.5.29.37.
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];

/// The algorithms that signatures are verified by.
pub(super) type Algorithms<'a> = &'a [&'a dyn SignatureVerificationAlgorithm];

/// The start of every signed structure: what is signed, by what, and the signature.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    /// The content of what is signed.
    pub(super) content: &'a [u8],
    /// The same with its header, which is signed as well.
    bytes: &'a [u8],
    /// The content of the `AlgorithmIdentifier`.
    algorithm: &'a [u8],
    signature: &'a [u8],
    /// What follows the signature.
    pub(super) rest: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Of the content of a structure.
    pub(super) fn read(whole: &'a [u8]) -> Option<Self> {
        let (content, after) = element(whole, SEQUENCE)?;
        let bytes = &whole[..whole.len() - after.len()];
        let (algorithm, rest) = element(after, SEQUENCE)?;
        let (bits, rest) = element(rest, BIT_STRING)?;
        Some(Self {
            content,
            bytes,
            algorithm,
            signature: bits.strip_prefix(&[0])?,
            rest,
        })
    }

    /// Whether it was signed with the other half of `key`.
    pub(super) fn is_by(&self, key: &Key<'_>, known: Algorithms<'_>) -> bool {
        known.iter().any(|algorithm| {
            algorithm.public_key_alg_id().as_ref() == key.algorithm
                && algorithm.signature_alg_id().as_ref() == self.algorithm
                && algorithm
                    .verify_signature(key.bits, self.bytes, self.signature)
                    .is_ok()
        })
    }
}

/// A public key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    /// The content of the `AlgorithmIdentifier`.
    algorithm: &'a [u8],
    bits: &'a [u8],
}

impl<'a> Key<'a> {
    /// Of the content of a `SubjectPublicKeyInfo`.
    pub(super) fn read(info: &'a [u8]) -> Option<Self> {
        let (algorithm, rest) = element(info, SEQUENCE)?;
        let (bits, _) = element(rest, BIT_STRING)?;
        Some(Self {
            algorithm,
            bits: bits.strip_prefix(&[0])?,
        })
    }
}

/// A certificate as far as it vouches for anything.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    pub(super) signed: Signed<'a>,
    /// The contents of the names.
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) key: Key<'a>,
    not_before: Timestamp,
    not_after: Timestamp,
    /// What follows the key.
    rest: &'a [u8],
}

impl<'a> Certificate<'a> {
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let (whole, _) = element(der, SEQUENCE)?;
        let signed = Signed::read(whole)?;
        let mut rest = signed.content;
        if rest.first() == Some(&EXPLICIT_VERSION) {
            rest = skip(rest)?;
        }
        // The serial number and the algorithm of the signature.
        let (issuer, rest) = element(skip(skip(rest)?)?, SEQUENCE)?;
        let (validity, rest) = element(rest, SEQUENCE)?;
        let (subject, rest) = element(rest, SEQUENCE)?;
        let (key, rest) = element(rest, SEQUENCE)?;
        let (not_before, not_after) = (date(validity)?, date(skip(validity)?)?);
        Some(Self {
            issuer,
            subject,
            key: Key::read(key)?,
            not_before,
            not_after,
            rest,
            signed,
        })
    }

    pub(super) fn is_valid_at(&self, now: Timestamp) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// Whether its extended key usage names this purpose.
    pub(super) fn is_for(&self, purpose: &[u8]) -> bool {
        self.purposes().is_some_and(|mut purposes| {
            while let Some((found, rest)) = element(purposes, OBJECT_ID) {
                if found == purpose {
                    return true;
                }
                purposes = rest;
            }
            false
        })
    }

    /// The content of the extended key usage.
    fn purposes(&self) -> Option<&'a [u8]> {
        let mut rest = self.rest;
        while *rest.first()? != EXTENSIONS {
            rest = skip(rest)?;
        }
        let (explicit, _) = element(rest, EXTENSIONS)?;
        let (mut extensions, _) = element(explicit, SEQUENCE)?;
        loop {
            let (extension, others) = element(extensions, SEQUENCE)?;
            let (id, mut value) = element(extension, OBJECT_ID)?;
            if id == EXTENDED_KEY_USAGE {
                if value.first() != Some(&OCTET_STRING) {
                    // Whether it is critical.
                    value = skip(value)?;
                }
                let (value, _) = element(value, OCTET_STRING)?;
                return element(value, SEQUENCE).map(|(purposes, _)| purposes);
            }
            extensions = others;
        }
    }
}

fn date(der: &[u8]) -> Option<Timestamp> {
    let tag = *der.first()?;
    let (text, _) = element(der, tag)?;
    time(tag, std::str::from_utf8(text).ok()?)
}
