//! When a certificate ends, which every handshake reports, and its serial number: read straight
//! from its DER.

use bongsu_model::Timestamp;

/// DER tags (ITU-T X.690): what the walk to the validity meets.
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;

/// The `notAfter` of a certificate, None where it cannot be read or is not in Timestamp's range.
///
/// RFC 5280 section 4.1: Certificate → tbsCertificate → [version] serialNumber signature issuer
/// validity { notBefore, notAfter }.
pub(crate) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (whole, _) = element(certificate, SEQUENCE)?;
    let (mut rest, _) = element(whole, SEQUENCE)?;
    if rest.first() == Some(&EXPLICIT_VERSION) {
        rest = skip(rest)?;
    }
    for _before_validity in ["serialNumber", "signature", "issuer"] {
        rest = skip(rest)?;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let after = skip(validity)?;
    let tag = *after.first()?;
    let (text, _) = element(after, tag)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// The content of a certificate's serial number.
pub(super) fn serial(certificate: &[u8]) -> Option<&[u8]> {
    const INTEGER: u8 = 0x02;
    let (whole, _) = element(certificate, SEQUENCE)?;
    let (mut rest, _) = element(whole, SEQUENCE)?;
    if rest.first() == Some(&EXPLICIT_VERSION) {
        rest = skip(rest)?;
    }
    element(rest, INTEGER).map(|(serial, _)| serial)
}

pub(super) fn skip(der: &[u8]) -> Option<&[u8]> {
    element(der, *der.first()?).map(|(_, rest)| rest)
}

/// The content of the element with `tag` at the start of `der`, and what follows it.
pub(super) fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let digits = usize::from(first & 0x7f);
        if !(1..=4).contains(&digits) || rest.len() < digits {
            return None;
        }
        let (digits, rest) = rest.split_at(digits);
        let length = digits
            .iter()
            .fold(0_usize, |length, digit| (length << 8) | usize::from(*digit));
        (length, rest)
    };
    (rest.len() >= length).then(|| rest.split_at(length))
}

/// `YYMMDDHHMMSSZ` (UTCTime, 1950 to 2049) or `YYYYMMDDHHMMSSZ` (GeneralizedTime).
pub(super) fn time(tag: u8, text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z')?;
    if !digits.is_ascii() {
        return None;
    }
    let (year, rest) = match tag {
        UTC_TIME if digits.len() == 12 => {
            let year = number(&digits[..2])?;
            (year + if year < 50 { 2000 } else { 1900 }, &digits[2..])
        }
        GENERALIZED_TIME if digits.len() == 14 => (number(&digits[..4])?, &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2).and_then(number);
    let civil = crate::civil::Civil {
        year,
        month: part(0)?,
        day: part(2)?,
        hour: part(4)?,
        minute: part(6)?,
        second: part(8)?,
    };
    civil.timestamp()
}

fn number(digits: &str) -> Option<u64> {
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_real_certificate_is_read() {
        let mut params = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2031, 2, 28);
        let key = rcgen::KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        assert_eq!(
            not_after(&der),
            Some(Timestamp::from_unix_seconds(1_930_003_200))
        );
        params = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2060, 1, 1);
        let der = params.self_signed(&key).unwrap().der().to_vec();
        assert_eq!(
            not_after(&der),
            Some(Timestamp::from_unix_seconds(2_840_140_800))
        );
    }

    #[test]
    fn a_date_of_other_characters_is_none() {
        // Twelve and fourteen bytes whose second or fourth ends inside a character.
        assert_eq!(time(UTC_TIME, "3€31235959Z"), None);
        assert_eq!(time(GENERALIZED_TIME, "203€31235959Z"), None);
        assert!(time(UTC_TIME, "301231235959Z").is_some());
    }

    #[test]
    fn garbage_and_cut_certificates_have_no_end_and_do_no_harm() {
        let params = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        for cut in 0..der.len() {
            assert_eq!(not_after(&der[..cut]), None);
        }
        for noise in [
            &[][..],
            &[0x30],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0xff; 64],
        ] {
            assert_eq!(not_after(noise), None);
        }
    }
}
