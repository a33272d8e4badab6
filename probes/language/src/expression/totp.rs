//! One-time codes by time (RFC 6238), as authenticator apps make them.

use data_encoding::BASE32_NOPAD;
use percent_encoding::percent_decode_str;
use ring::hmac;

/// What a code is made of.
struct Parameters {
    key: Vec<u8>,
    algorithm: hmac::Algorithm,
    digits: u32,
    /// In seconds.
    period: u64,
}

/// The code at `unix_seconds` for a secret as it is handed out: base32 (then SHA-1, 6 digits and
/// 30 seconds, as every app takes for granted), or an `otpauth://totp/` URI that says more.
pub(super) fn code(secret: &str, unix_seconds: u64) -> Option<String> {
    let parameters = match secret.trim().strip_prefix("otpauth://totp/") {
        Some(rest) => of_uri(rest)?,
        None => of_base32(secret)?,
    };
    Some(at(&parameters, unix_seconds))
}

fn of_base32(secret: &str) -> Option<Parameters> {
    let letters: String = secret
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '='))
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let key = BASE32_NOPAD.decode(letters.as_bytes()).ok()?;
    (!key.is_empty()).then_some(Parameters {
        key,
        algorithm: hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        digits: 6,
        period: 30,
    })
}

/// `LABEL?secret=…&algorithm=SHA256&digits=8&period=60`.
fn of_uri(rest: &str) -> Option<Parameters> {
    let (_, query) = rest.split_once('?')?;
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    };
    let mut parameters = of_base32(&value("secret")?)?;
    if let Some(algorithm) = value("algorithm") {
        parameters.algorithm = match algorithm.to_ascii_uppercase().as_str() {
            "SHA1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            "SHA256" => hmac::HMAC_SHA256,
            "SHA512" => hmac::HMAC_SHA512,
            _ => return None,
        };
    }
    if let Some(digits) = value("digits") {
        parameters.digits = digits.parse().ok().filter(|n| (6..=8).contains(n))?;
    }
    if let Some(period) = value("period") {
        parameters.period = period.parse().ok().filter(|n| (1..=3_600).contains(n))?;
    }
    Some(parameters)
}

/// RFC 4226, section 5.3, with the number of periods since 1970 for a counter.
fn at(parameters: &Parameters, unix_seconds: u64) -> String {
    let counter = unix_seconds / parameters.period;
    let key = hmac::Key::new(parameters.algorithm, &parameters.key);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let hash = tag.as_ref();
    let offset = usize::from(hash.last().copied().unwrap_or_default() & 0x0f);
    let truncated = hash[offset..]
        .iter()
        .take(4)
        .fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
    let code = (truncated & 0x7fff_ffff) % 10_u32.pow(parameters.digits);
    format!("{code:0width$}", width = parameters.digits as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: time, and the codes of SHA-1, SHA-256 and SHA-512.
    const VECTORS: [(u64, [&str; 3]); 6] = [
        (59, ["94287082", "46119246", "90693936"]),
        (1_111_111_109, ["07081804", "68084774", "25091201"]),
        (1_111_111_111, ["14050471", "67062674", "99943326"]),
        (1_234_567_890, ["89005924", "91819424", "93441116"]),
        (2_000_000_000, ["69279037", "90698825", "38618901"]),
        (20_000_000_000, ["65353130", "77737706", "47863826"]),
    ];

    #[test]
    fn codes_are_those_of_rfc_6238() {
        let seed = |length: usize| {
            let digits = b"1234567890".iter().copied().cycle();
            BASE32_NOPAD.encode(&digits.take(length).collect::<Vec<u8>>())
        };
        let algorithms = [("SHA1", 20), ("SHA256", 32), ("SHA512", 64)];
        for (time, codes) in VECTORS {
            for ((algorithm, length), expected) in algorithms.into_iter().zip(codes) {
                let uri = format!(
                    "otpauth://totp/Bongsu%20test?digits=8&algorithm={algorithm}&secret={}",
                    seed(length)
                );
                assert_eq!(code(&uri, time).as_deref(), Some(expected), "{uri} {time}");
            }
            let short = code(&seed(20), time);
            assert_eq!(short.as_deref(), Some(&codes[0][2..]), "{time}");
        }
    }

    #[test]
    fn secrets_are_read_as_people_copy_them() {
        let expected = code("GEZDGNBVGY3TQOJQ", 59);
        assert!(expected.is_some());
        for secret in [
            "gezd gnbv gy3t qojq",
            "GEZD-GNBV-GY3T-QOJQ",
            "GEZDGNBVGY3TQOJQ===",
        ] {
            assert_eq!(code(secret, 59), expected, "{secret}");
        }
        let slow = "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&period=60";
        assert_eq!(code(slow, 119), code(slow, 60));
        assert_eq!(code(slow, 59), code("GEZDGNBVGY3TQOJQ", 0));
    }

    #[test]
    fn what_is_no_secret_gives_no_code() {
        for secret in [
            "",
            "   ",
            "0189",
            "otpauth://totp/x",
            "otpauth://totp/x?secret=",
            "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&digits=9",
            "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&period=0",
            "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&algorithm=MD5",
            "otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQ",
        ] {
            assert_eq!(code(secret, 59), None, "{secret}");
        }
    }
}
