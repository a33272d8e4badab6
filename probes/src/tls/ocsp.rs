//! What a stapled OCSP response says of the server's certificate (RFC 6960, section 4.2.1).
//!
//! It is read, held against the certificate's serial number and the clock, and not verified: the
//! signature of its responder would be the certification authority's word, this is the server's,
//! which the handshake has proved.

use bongsu_model::Timestamp;

use super::certificate::{GENERALIZED_TIME, SEQUENCE, element, serial, skip, time};

const ENUMERATED: u8 = 0x0a;
const OCTET_STRING: u8 = 0x04;
const INTEGER: u8 = 0x02;
/// Context tags: the bytes of a response, a version, a next update.
const EXPLICIT_0: u8 = 0xa0;
/// `certStatus`: good and unknown are implicit NULLs, revoked has a time.
const GOOD: u8 = 0x80;
const REVOKED: u8 = 0xa1;
const UNKNOWN: u8 = 0x82;

/// `good`, `revoked`, `unknown`, `stale` (not of now), `unreadable`, or `none` where nothing was
/// stapled.
pub(crate) fn status(stapled: &[u8], certificate: &[u8], now: Timestamp) -> &'static str {
    if stapled.is_empty() {
        return "none";
    }
    serial(certificate)
        .and_then(|serial| single_response(stapled, serial))
        .and_then(|response| judge(response, now))
        .unwrap_or("unreadable")
}

/// The content of the `SingleResponse` about the certificate with this serial number.
fn single_response<'a>(stapled: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let (whole, _) = element(stapled, SEQUENCE)?;
    let (status, rest) = element(whole, ENUMERATED)?;
    if status != [0] {
        return None;
    }
    let (explicit, _) = element(rest, EXPLICIT_0)?;
    let (bytes, _) = element(explicit, SEQUENCE)?;
    let (basic, _) = element(skip(bytes)?, OCTET_STRING)?;
    let (basic, _) = element(basic, SEQUENCE)?;
    let (mut data, _) = element(basic, SEQUENCE)?;
    if data.first() == Some(&EXPLICIT_0) {
        data = skip(data)?;
    }
    // The responder and when it produced this.
    let (mut responses, _) = element(skip(skip(data)?)?, SEQUENCE)?;
    while !responses.is_empty() {
        let (response, rest) = element(responses, SEQUENCE)?;
        let (id, _) = element(response, SEQUENCE)?;
        // The algorithm of the hashes, and those of the issuer's name and key.
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

#[cfg(test)]
mod tests {
    use super::*;

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

    fn response(serial: &[u8], status: Vec<u8>, next_update: &str) -> Vec<u8> {
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
            status,
            time("20200101000000Z"),
            der(EXPLICIT_0, &time(next_update)),
        ]
        .concat();
        let responses = der(SEQUENCE, &der(SEQUENCE, &single));
        let responder = der(0xa2, &der(OCTET_STRING, &[9; 20]));
        let data = [responder, time("20200101000000Z"), responses].concat();
        let basic = der(SEQUENCE, &der(SEQUENCE, &data));
        let bytes = [der(6, &[1]), der(OCTET_STRING, &basic)].concat();
        let bytes = der(EXPLICIT_0, &der(SEQUENCE, &bytes));
        der(SEQUENCE, &[der(ENUMERATED, &[0]), bytes].concat())
    }

    fn certificate() -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.serial_number = Some(vec![0x12, 0x34].into());
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn a_stapled_status_is_of_this_certificate_and_of_now() {
        let certificate = certificate();
        let now = Timestamp::from_unix_seconds(1_750_000_000);
        let good = || der(GOOD, &[]);
        let revoked = der(REVOKED, &der(GENERALIZED_TIME, b"20210101000000Z"));
        let own: &[u8] = &[0x12, 0x34];
        let cases = [
            (response(own, good(), "20300101000000Z"), "good"),
            (response(own, revoked, "20300101000000Z"), "revoked"),
            (
                response(own, der(UNKNOWN, &[]), "20300101000000Z"),
                "unknown",
            ),
            (response(own, good(), "20200102000000Z"), "stale"),
            (response(&[1], good(), "20300101000000Z"), "unreadable"),
            (der(SEQUENCE, &der(ENUMERATED, &[3])), "unreadable"),
            (Vec::new(), "none"),
        ];
        for (stapled, expected) in cases {
            assert_eq!(status(&stapled, &certificate, now), expected);
        }
    }

    #[test]
    fn a_cut_response_says_nothing_and_does_no_harm() {
        let certificate = certificate();
        let now = Timestamp::from_unix_seconds(1_750_000_000);
        let whole = response(&[0x12, 0x34], der(GOOD, &[]), "20300101000000Z");
        for cut in 1..whole.len() {
            assert_eq!(
                status(&whole[..cut], &certificate, now),
                "unreadable",
                "{cut}"
            );
        }
    }
}
