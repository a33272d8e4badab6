//! The types of DNS records by their names (IANA DNS parameters), and `TYPE65` for any other
//! (RFC 3597).

use crate::keys::did_you_mean;

const TYPES: &[(&str, u16)] = &[
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("HINFO", 13),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
    ("NAPTR", 35),
    ("CERT", 37),
    ("DNAME", 39),
    ("DS", 43),
    ("SSHFP", 44),
    ("RRSIG", 46),
    ("NSEC", 47),
    ("DNSKEY", 48),
    ("NSEC3", 50),
    ("NSEC3PARAM", 51),
    ("TLSA", 52),
    ("SMIMEA", 53),
    ("CDS", 59),
    ("CDNSKEY", 60),
    ("OPENPGPKEY", 61),
    ("SVCB", 64),
    ("HTTPS", 65),
    ("ANY", 255),
    ("CAA", 257),
];

/// The name of a type by its number.
pub(crate) fn record_type_name(number: u16) -> String {
    let known = TYPES.iter().find(|(_, known)| *known == number);
    known.map_or_else(|| format!("TYPE{number}"), |(name, _)| (*name).to_owned())
}

/// The number of a type.
///
/// # Errors
/// The type that may have been meant, if one is near, where it is none.
pub(super) fn record_type(text: &str) -> Result<u16, Option<&'static str>> {
    if let Some((_, number)) = TYPES.iter().find(|(name, _)| *name == text) {
        return Ok(*number);
    }
    let number = text
        .strip_prefix("TYPE")
        .filter(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()));
    if let Some(number) = number.and_then(|digits| digits.parse().ok())
        && number > 0
    {
        return Ok(number);
    }
    let upper = text.to_ascii_uppercase();
    Err(did_you_mean(&upper, TYPES.iter().map(|(name, _)| *name)))
}
