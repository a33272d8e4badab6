//! What may be reached: host patterns, and the addresses that are refused after resolving.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An entry of the allow-list: a host name, an address, or `*.` and a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    text: String,
}

/// Why a text is no host pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no host pattern: write `host.example`, `*.example` or an address, without a port"
)]
pub struct HostPatternError(String);

impl HostPattern {
    /// Reads `api.example`, `*.example`, `192.0.2.1` or `2001:db8::1`.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn new(text: &str) -> Result<Self, HostPatternError> {
        let wrong = || HostPatternError(text.chars().take(80).collect());
        let lower = text.to_ascii_lowercase();
        let plain = lower
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(&lower);
        if plain.parse::<IpAddr>().is_ok() {
            return Ok(Self {
                text: plain.to_owned(),
            });
        }
        let name = lower.strip_prefix("*.").unwrap_or(&lower);
        let is_label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err(wrong());
        }
        Ok(Self { text: lower })
    }

    /// Whether `host` (a name or an address without brackets) falls under the pattern.
    ///
    /// `*.example` has every host below `example`, and not `example` itself.
    pub fn matches(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        match self.text.strip_prefix('*') {
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            None => host == self.text,
        }
    }
}

/// Whether an address is none of the public Internet: loopback, private, link-local (where the
/// metadata services of clouds live), shared, multicast, documentation and reserved ranges, also
/// when mapped or translated into IPv6.
///
/// Ranges: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890).
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => embedded_v4(v6).map_or_else(|| is_private_v6(v6), is_private_v4),
    }
}

fn is_private_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    v4.is_loopback()
        || v4.is_private()
        || v4.is_link_local()
        || v4.is_multicast()
        || v4.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
}

fn is_private_v6(v6: Ipv6Addr) -> bool {
    let [a, b, ..] = v6.segments();
    v6.is_loopback()
        || v6.is_unspecified()
        || v6.is_multicast()
        || v6.is_unique_local()
        || v6.is_unicast_link_local()
        || (a & 0xffc0) == 0xfec0
        || (a == 0x2001 && b == 0xdb8)
        || (a == 0x2001 && b < 0x0200)
}

/// The IPv4 address inside `::a.b.c.d`, `::ffff:a.b.c.d`, `64:ff9b::a.b.c.d` and 6to4.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = v6.octets();
    let tail = || Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]);
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0x64, 0xff9b, 0 | 1, _, _, _, _, _] => Some(tail()),
        [0x2002, _, _, ..] => Some(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_hosts_below_a_domain_only() {
        let cases = [
            ("*.superapp.test", "talk.superapp.test", true),
            ("*.superapp.test", "a.b.superapp.test", true),
            ("*.superapp.test", "superapp.test", false),
            ("*.superapp.test", "evilsuperapp.test", false),
            ("*.superapp.test", "superapp.test.evil", false),
            ("api.example", "API.Example.", true),
            ("api.example", "xapi.example", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("[::1]", "::1", true),
        ];
        for (pattern, host, expected) in cases {
            let pattern = HostPattern::new(pattern).unwrap();
            assert_eq!(pattern.matches(host), expected, "{pattern:?} {host}");
        }
    }

    #[test]
    fn what_is_no_host_is_no_pattern() {
        for bad in [
            "",
            "*",
            "*.",
            "a..b",
            "https://a.b",
            "a.b:80",
            "a b",
            "*.*.a",
            "a*.b",
        ] {
            assert!(HostPattern::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn private_addresses_are_known_in_every_dress() {
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:0001::",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
        ];
        for text in private {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }
}
