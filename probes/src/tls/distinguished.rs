//! Whom a certificate is for and who issued it: distinguished names and alternative names, read
//! from its DER (RFC 5280, section 4.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::certificate::{EXPLICIT_VERSION, SEQUENCE, element, skip};

const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const BMP_STRING: u8 = 0x1e;
/// Context tags: the extensions of a certificate, a DNS name, an address.
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const ADDRESS: u8 = 0x87;

/// `subjectAltName`, 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// The attributes of names as OpenSSL and RFC 4514 abbreviate them.
const ATTRIBUTES: &[(&[u8], &str)] = &[
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 5], "serialNumber"),
    (
        &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25],
        "DC",
    ),
];

/// Most alternative names that are looked at.
const NAMES_MAX: usize = 512;

/// What a certificate says of whom.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parties {
    /// As in `C=KR, O=Superapp, CN=Superapp CA`; empty names are empty.
    pub(super) issuer: String,
    pub(super) subject: String,
    /// Names in lower case and addresses.
    pub(super) names: Vec<String>,
}

/// None where the certificate cannot be read.
pub(super) fn parties(certificate: &[u8]) -> Option<Parties> {
    let (whole, _) = element(certificate, SEQUENCE)?;
    let (mut rest, _) = element(whole, SEQUENCE)?;
    if rest.first() == Some(&EXPLICIT_VERSION) {
        rest = skip(rest)?;
    }
    // The serial number and the algorithm of the signature.
    let (issuer, rest) = element(skip(skip(rest)?)?, SEQUENCE)?;
    let (subject, rest) = element(skip(rest)?, SEQUENCE)?;
    // The key; then unique ids, which nobody has, and the extensions.
    let mut rest = skip(rest)?;
    while rest.first().is_some_and(|tag| *tag != EXTENSIONS) {
        rest = skip(rest)?;
    }
    let names = match element(rest, EXTENSIONS) {
        Some((extensions, _)) => alternative_names(extensions)?,
        None => Vec::new(),
    };
    Some(Parties {
        issuer: name(issuer)?,
        subject: name(subject)?,
        names,
    })
}

/// `RDNSequence`: sets of pairs of a type and a value.
fn name(mut sets: &[u8]) -> Option<String> {
    let mut written = Vec::new();
    while !sets.is_empty() {
        let (mut pairs, after_set) = element(sets, SET)?;
        while !pairs.is_empty() {
            let (pair, after_pair) = element(pairs, SEQUENCE)?;
            let (id, value) = element(pair, OBJECT_ID)?;
            let tag = *value.first()?;
            let (value, _) = element(value, tag)?;
            written.push(format!("{}={}", attribute(id), text(tag, value)));
            pairs = after_pair;
        }
        sets = after_set;
    }
    Some(written.join(", "))
}

fn attribute(id: &[u8]) -> String {
    let known = ATTRIBUTES.iter().find(|(known, _)| *known == id);
    known.map_or_else(|| dotted(id), |(_, word)| (*word).to_owned())
}

/// An object identifier in its dotted form (ITU-T X.690, section 8.19).
fn dotted(id: &[u8]) -> String {
    let mut numbers: Vec<u64> = Vec::new();
    let mut number = 0_u64;
    for byte in id {
        number = (number << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if numbers.is_empty() {
            let first = (number / 40).min(2);
            numbers.extend([first, number - first * 40]);
        } else {
            numbers.push(number);
        }
        number = 0;
    }
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    numbers.join(".")
}

fn text(tag: u8, value: &[u8]) -> String {
    if tag != BMP_STRING {
        return String::from_utf8_lossy(value).into_owned();
    }
    let units: Vec<u16> = value
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16_lossy(&units)
}

fn alternative_names(extensions: &[u8]) -> Option<Vec<String>> {
    let (mut rest, _) = element(extensions, SEQUENCE)?;
    while !rest.is_empty() {
        let (extension, after) = element(rest, SEQUENCE)?;
        let (id, mut value) = element(extension, OBJECT_ID)?;
        rest = after;
        if id != SUBJECT_ALT_NAME {
            continue;
        }
        if value.first() != Some(&OCTET_STRING) {
            // Whether it is critical.
            value = skip(value)?;
        }
        let (value, _) = element(value, OCTET_STRING)?;
        let (mut names, _) = element(value, SEQUENCE)?;
        let mut found = Vec::new();
        while let Some(tag) = names.first()
            && found.len() < NAMES_MAX
        {
            let (name, after) = element(names, *tag)?;
            found.extend(match *tag {
                DNS_NAME => Some(String::from_utf8_lossy(name).to_ascii_lowercase()),
                ADDRESS => address(name).map(|address| address.to_string()),
                _ => None,
            });
            names = after;
        }
        return Some(found);
    }
    Some(Vec::new())
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(v4).into());
    }
    let v6 = <[u8; 16]>::try_from(octets).ok()?;
    Some(Ipv6Addr::from(v6).into())
}

#[cfg(test)]
mod tests {
    use rcgen::{DnType, DnValue};

    use super::*;

    fn certificate() -> Vec<u8> {
        let names = ["A.test", "*.a.test", "192.0.2.1", "2001:db8::1"];
        let mut params = rcgen::CertificateParams::new(names.map(str::to_owned).to_vec()).unwrap();
        let mut name = rcgen::DistinguishedName::new();
        name.push(DnType::CountryName, "KR");
        name.push(DnType::OrganizationName, "Superapp, Inc.");
        let bmp = rcgen::string::BmpString::try_from("봉수").unwrap();
        name.push(DnType::CommonName, DnValue::BmpString(bmp));
        name.push(DnType::CustomDnType(vec![1, 3, 6, 1, 311, 5]), "other");
        params.distinguished_name = name;
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_says_whom_it_is_for_and_who_issued_it() {
        let found = parties(&certificate()).unwrap();
        let name = "C=KR, O=Superapp, Inc., CN=봉수, 1.3.6.1.311.5=other";
        assert_eq!(found.subject, name);
        assert_eq!(found.issuer, name);
        assert_eq!(
            found.names,
            ["a.test", "*.a.test", "192.0.2.1", "2001:db8::1"]
        );
    }

    #[test]
    fn cut_certificates_say_nothing_and_noise_does_no_harm() {
        let whole = certificate();
        for cut in 0..whole.len() {
            assert_eq!(parties(&whole[..cut]), None, "{cut}");
        }
        for at in 0..whole.len() {
            let mut noisy = whole.clone();
            noisy[at] ^= 0xff;
            let _ = parties(&noisy);
        }
    }
}
