//! What a stapled OCSP response says of the server's certificate (RFC 6960, section 4.2.1), if it is
//! the certification authority that says so.
//!
//! A response is signed by whoever issued the certificate, or by a responder to whom that issuer
//! gave a certificate for this purpose, which comes with the response (section 4.2.2.2). Whose
//! name is the issuer's is not enough: the certificate itself must have been signed with that key.

use bongsu_model::Timestamp;
use rustls_pki_types::CertificateDer;

use super::certificate::{GENERALIZED_TIME, SEQUENCE, element, serial, skip, time};
use super::signed::{Algorithms, Certificate, Key, Signed};
use super::trust::Trust;

const ENUMERATED: u8 = 0x0a;
const OCTET_STRING: u8 = 0x04;
const INTEGER: u8 = 0x02;
/// Context tags: the bytes of a response, a version, a next update, the certificates behind a
/// signature.
const EXPLICIT_0: u8 = 0xa0;
/// `certStatus`: good and unknown are implicit NULLs, revoked has a time.
const GOOD: u8 = 0x80;
const REVOKED: u8 = 0xa1;
const UNKNOWN: u8 = 0x82;

/// `id-kp-OCSPSigning`, 1.3.6.1.5.5.7.3.9.
const OCSP_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 9];

/// Most certificates of a response that are looked at: responders send one.
const CERTIFICATES_MAX: usize = 8;

/// `good`, `revoked`, `unknown`, `stale` (not of now), `unverified` (not signed by the certificate's
/// issuer or for it), `unreadable`, or `none` where nothing was stapled. `chain` is what the server
/// sent and the handshake verified, its own certificate first.
pub(crate) fn status(
    stapled: &[u8],
    chain: &[CertificateDer<'_>],
    trust: &Trust,
    now: Timestamp,
) -> &'static str {
    if stapled.is_empty() {
        return "none";
    }
    let read = || {
        let own: &[u8] = chain.first()?;
        let response = basic(stapled)?;
        let word = judge(single_response(response.content, serial(own)?)?, now)?;
        Some((response, Certificate::read(own)?, word))
    };
    match read() {
        None => "unreadable",
        Some((response, own, word)) => {
            let others = chain.get(1..).unwrap_or_default();
            if is_vouched_for(&response, &own, others, trust, now) {
                word
            } else {
                "unverified"
            }
        }
    }
}

/// Whether the issuer of `own` signed the response, or somebody who may for it.
fn is_vouched_for(
    response: &Signed<'_>,
    own: &Certificate<'_>,
    others: &[CertificateDer<'_>],
    trust: &Trust,
    now: Timestamp,
) -> bool {
    let provider = trust.provider();
    let known = provider.signature_verification_algorithms.all;
    let sent = others.iter().filter_map(|der| Certificate::read(der));
    let sent = sent.filter(|other| other.subject == own.issuer);
    let mut keys: Vec<Key<'_>> = sent.map(|issuer| issuer.key).collect();
    let roots = trust.keys_of(own.issuer);
    keys.extend(roots.iter().filter_map(|info| Key::read(info)));
    keys.iter()
        .filter(|key| own.signed.is_by(key, known))
        .any(|issuer| {
            response.is_by(issuer, known) || is_delegated(response, own, issuer, known, now)
        })
}

/// Whether the response brings a certificate by which the issuer lets its key sign such responses.
fn is_delegated(
    response: &Signed<'_>,
    own: &Certificate<'_>,
    issuer: &Key<'_>,
    known: Algorithms<'_>,
    now: Timestamp,
) -> bool {
    let Some((explicit, _)) = element(response.rest, EXPLICIT_0) else {
        return false;
    };
    let Some((mut list, _)) = element(explicit, SEQUENCE) else {
        return false;
    };
    for _ in 0..CERTIFICATES_MAX {
        let Some(rest) = skip(list) else {
            return false;
        };
        let responder = Certificate::read(&list[..list.len() - rest.len()]);
        list = rest;
        let may = responder.is_some_and(|responder| {
            responder.issuer == own.issuer
                && responder.is_for(OCSP_SIGNING)
                && responder.is_valid_at(now)
                && responder.signed.is_by(issuer, known)
                && response.is_by(&responder.key, known)
        });
        if may {
            return true;
        }
    }
    false
}

/// The `BasicOCSPResponse`.
fn basic(stapled: &[u8]) -> Option<Signed<'_>> {
    let (whole, _) = element(stapled, SEQUENCE)?;
    let (status, rest) = element(whole, ENUMERATED)?;
    if status != [0] {
        return None;
    }
    let (explicit, _) = element(rest, EXPLICIT_0)?;
    let (bytes, _) = element(explicit, SEQUENCE)?;
    let (basic, _) = element(skip(bytes)?, OCTET_STRING)?;
    let (basic, _) = element(basic, SEQUENCE)?;
    Signed::read(basic)
}

/// The content of the `SingleResponse` about the certificate with this serial number.
fn single_response<'a>(mut data: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    if data.first() == Some(&EXPLICIT_0) {
        data = skip(data)?;
    }
    // The responder and when it produced this.
    let (mut responses, _) = element(skip(skip(data)?)?, SEQUENCE)?;
    while !responses.is_empty() {
        let (response, rest) = element(responses, SEQUENCE)?;
        let (id, _) = element(response, SEQUENCE)?;
        // The algorithm of the hashes, and those of the issuer's name and key: who signs for an
        // issuer speaks of no other one's certificates.
        let (serial, _) = element(skip(skip(skip(id)?)?)?, INTEGER)?;
        if serial == wanted {
            return Some(response);
        }
        responses = rest;
    }
    None
}

fn judge(response: &[u8], now: Timestamp) -> Option<&'static str> {
    let after_id = skip(response)?;
    let word = match *after_id.first()? {
        GOOD => "good",
        REVOKED => "revoked",
        UNKNOWN => "unknown",
        _ => return None,
    };
    let read = |text: &[u8]| time(GENERALIZED_TIME, std::str::from_utf8(text).ok()?);
    let (this_update, rest) = element(skip(after_id)?, GENERALIZED_TIME)?;
    let is_early = now < read(this_update)?;
    let is_late = match element(rest, EXPLICIT_0) {
        Some((next, _)) => now > read(element(next, GENERALIZED_TIME)?.0)?,
        None => false,
    };
    Some(if is_early || is_late { "stale" } else { word })
}

/// What the signature of a response covers, for the fuzzer: nobody may change it.
#[cfg(any(test, fuzzing))]
pub(crate) fn signed_content(stapled: &[u8]) -> Option<&[u8]> {
    basic(stapled).map(|response| response.content)
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
        SigningKey as _,
    };
    use rustls::RootCertStore;

    use super::*;

    const SERIAL: &[u8] = &[0x12, 0x34];
    const LATER: &str = "20300101000000Z";
    /// 2025-06-15.
    const NOW_S: u64 = 1_750_000_000;

    fn now() -> Timestamp {
        Timestamp::from_unix_seconds(NOW_S)
    }

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let mut bytes = vec![tag];
        match length {
            [0, short] if short < 0x80 => bytes.push(short),
            long => bytes.extend([&[0x82], long.as_slice()].concat()),
        }
        bytes.extend(content);
        bytes
    }

    fn good() -> Vec<u8> {
        der(GOOD, &[])
    }

    /// What a responder says, not signed yet.
    fn data(serial: &[u8], status: &[u8], next_update: &str) -> Vec<u8> {
        let time = |text: &str| der(GENERALIZED_TIME, text.as_bytes());
        let hash = der(OCTET_STRING, &[7; 20]);
        let id = [
            der(SEQUENCE, &[5, 0]),
            hash.clone(),
            hash,
            der(INTEGER, serial),
        ]
        .concat();
        let single = [
            der(SEQUENCE, &id),
            status.to_vec(),
            time("20200101000000Z"),
            der(EXPLICIT_0, &time(next_update)),
        ]
        .concat();
        let responses = der(SEQUENCE, &der(SEQUENCE, &single));
        let responder = der(0xa2, &der(OCTET_STRING, &[9; 20]));
        der(
            SEQUENCE,
            &[responder, time("20200101000000Z"), responses].concat(),
        )
    }

    /// `data` signed by `key`, with these certificates behind the signature.
    fn signed(data: &[u8], key: &KeyPair, certificates: &[&[u8]]) -> Vec<u8> {
        /// `ecdsa-with-SHA256`, 1.2.840.10045.4.3.2.
        const ECDSA: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
        let signature = [&[0], key.sign(data).unwrap().as_slice()].concat();
        let mut basic = [data, &der(SEQUENCE, ECDSA), &der(3, &signature)].concat();
        if !certificates.is_empty() {
            basic.extend(der(EXPLICIT_0, &der(SEQUENCE, &certificates.concat())));
        }
        let bytes = [der(6, &[1]), der(OCTET_STRING, &der(SEQUENCE, &basic))].concat();
        let bytes = der(EXPLICIT_0, &der(SEQUENCE, &bytes));
        der(SEQUENCE, &[der(ENUMERATED, &[0]), bytes].concat())
    }

    /// Who issues certificates.
    struct Authority {
        key: KeyPair,
        params: CertificateParams,
    }

    impl Authority {
        fn new(name: &str) -> Self {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params
                .distinguished_name
                .push(rcgen::DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            Self { key, params }
        }

        fn trust(&self) -> Trust {
            let pem = self.params.self_signed(&self.key).unwrap().pem();
            Trust::beside(Some(pem.as_bytes()), RootCertStore::empty).unwrap()
        }

        fn issue(&self, params: &CertificateParams, key: &KeyPair) -> CertificateDer<'static> {
            let issuer = Issuer::from_params(&self.params, &self.key);
            params.signed_by(key, &issuer).unwrap().der().clone()
        }

        fn leaf(&self) -> CertificateDer<'static> {
            let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
            params.serial_number = Some(SERIAL.to_vec().into());
            self.issue(&params, &KeyPair::generate().unwrap())
        }

        /// A certificate by which the holder of `key` may sign responses until `last_year`.
        fn responder(&self, key: &KeyPair, last_year: i32) -> CertificateDer<'static> {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.extended_key_usages = vec![
                ExtendedKeyUsagePurpose::ClientAuth,
                ExtendedKeyUsagePurpose::OcspSigning,
            ];
            params.not_after = rcgen::date_time_ymd(last_year, 1, 1);
            self.issue(&params, key)
        }
    }

    #[test]
    fn a_stapled_status_is_of_this_certificate_and_of_now() {
        let issuer = Authority::new("issuer");
        let (chain, trust) = ([issuer.leaf()], issuer.trust());
        let revoked = der(REVOKED, &der(GENERALIZED_TIME, b"20210101000000Z"));
        let by_issuer = |data: Vec<u8>| signed(&data, &issuer.key, &[]);
        let cases = [
            (by_issuer(data(SERIAL, &good(), LATER)), "good"),
            (by_issuer(data(SERIAL, &revoked, LATER)), "revoked"),
            (
                by_issuer(data(SERIAL, &der(UNKNOWN, &[]), LATER)),
                "unknown",
            ),
            (by_issuer(data(SERIAL, &good(), "20200102000000Z")), "stale"),
            (by_issuer(data(&[1], &good(), LATER)), "unreadable"),
            (der(SEQUENCE, &der(ENUMERATED, &[3])), "unreadable"),
            (Vec::new(), "none"),
        ];
        for (stapled, expected) in cases {
            assert_eq!(status(&stapled, &chain, &trust, now()), expected);
        }
    }

    #[test]
    fn the_issuer_speaks_or_whom_it_lets_speak_and_nobody_else() {
        let (issuer, other) = (Authority::new("issuer"), Authority::new("other"));
        // Of the same name, and another key.
        let double = Authority::new("issuer");
        let (leaf, trust) = (issuer.leaf(), issuer.trust());
        let said = data(SERIAL, &good(), LATER);
        let key = KeyPair::generate().unwrap();
        let chain = [leaf.clone()];
        let check = |stapled: &[u8], expected: &str, what: &str| {
            assert_eq!(status(stapled, &chain, &trust, now()), expected, "{what}");
        };
        check(&signed(&said, &issuer.key, &[]), "good", "the issuer");
        check(&signed(&said, &key, &[]), "unverified", "anybody");
        check(
            &signed(&said, &other.key, &[]),
            "unverified",
            "another issuer",
        );
        check(&signed(&said, &double.key, &[]), "unverified", "a double");
        let responder = issuer.responder(&key, 2090);
        check(&signed(&said, &key, &[&responder]), "good", "a responder");
        let behind: &[&[u8]] = &[&leaf, &responder];
        check(
            &signed(&said, &key, behind),
            "good",
            "a responder behind others",
        );
        let ended = issuer.responder(&key, 2020);
        check(
            &signed(&said, &key, &[&ended]),
            "unverified",
            "one that has ended",
        );
        let foreign = other.responder(&key, 2090);
        check(
            &signed(&said, &key, &[&foreign]),
            "unverified",
            "another's responder",
        );
        let doubles = double.responder(&key, 2090);
        check(
            &signed(&said, &key, &[&doubles]),
            "unverified",
            "a double's responder",
        );
        let plain = CertificateParams::new(Vec::new()).unwrap();
        let plain = issuer.issue(&plain, &key);
        check(
            &signed(&said, &key, &[&plain]),
            "unverified",
            "any certificate",
        );
        let stranger = KeyPair::generate().unwrap();
        check(
            &signed(&said, &stranger, &[&responder]),
            "unverified",
            "who shows a responder's certificate without its key",
        );
    }

    #[test]
    fn an_intermediate_that_the_server_sends_is_the_issuer_only_if_it_signed() {
        let (root, middle) = (Authority::new("root"), Authority::new("middle"));
        let double = Authority::new("middle");
        let trust = root.trust();
        let issued = root.issue(&middle.params, &middle.key);
        let bogus = double
            .params
            .self_signed(&double.key)
            .unwrap()
            .der()
            .clone();
        let said = data(SERIAL, &good(), LATER);
        let leaf = middle.leaf();
        for (chain, key, expected) in [
            ([leaf.clone(), issued.clone()], &middle.key, "good"),
            ([leaf.clone(), bogus.clone()], &double.key, "unverified"),
            ([leaf, issued], &double.key, "unverified"),
        ] {
            let stapled = signed(&said, key, &[]);
            assert_eq!(status(&stapled, &chain, &trust, now()), expected);
        }
    }

    #[test]
    fn a_changed_or_cut_response_says_nothing_and_does_no_harm() {
        let issuer = Authority::new("issuer");
        let (chain, trust) = ([issuer.leaf()], issuer.trust());
        let said = data(SERIAL, &good(), LATER);
        let key = KeyPair::generate().unwrap();
        let responder = issuer.responder(&key, 2090);
        let whole = signed(&said, &key, &[&responder]);
        assert_eq!(status(&whole, &chain, &trust, now()), "good");
        for cut in 1..whole.len() {
            let word = status(&whole[..cut], &chain, &trust, now());
            assert_eq!(word, "unreadable", "{cut}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            let word = status(&changed, &chain, &trust, now());
            // Around the response, and in what its certificate says of others, nothing is signed.
            let says = ["good", "unverified", "unreadable"];
            assert!(says.contains(&word), "{at}: {word}");
        }
        let revoked = data(
            SERIAL,
            &der(REVOKED, &der(GENERALIZED_TIME, b"20210101000000Z")),
            LATER,
        );
        let mut forged = signed(&revoked, &issuer.key, &[]);
        assert_eq!(status(&forged, &chain, &trust, now()), "revoked");
        let at = forged
            .windows(14)
            .position(|text| text == b"20210101000000")
            .unwrap();
        forged[at + 3] = b'2';
        assert_eq!(status(&forged, &chain, &trust, now()), "unverified");
    }
}
