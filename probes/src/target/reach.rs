//! The addresses that are refused after resolving, unless a target allows private ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

/// Whether an address is where clouds tell their machines who they are, credentials included:
/// link-local ones (AWS, Azure, Google and most others), and those that some have elsewhere
/// (AWS over IPv6, Alibaba, Azure's wire server).
pub(crate) fn is_metadata(address: IpAddr) -> bool {
    const ELSEWHERE: [Ipv4Addr; 2] = [
        Ipv4Addr::new(100, 100, 100, 200),
        Ipv4Addr::new(168, 63, 129, 16),
    ];
    const AWS_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    let is_v4 = |v4: Ipv4Addr| v4.is_link_local() || ELSEWHERE.contains(&v4);
    match address {
        IpAddr::V4(v4) => is_v4(v4),
        IpAddr::V6(v6) => embedded_v4(v6).map_or(v6 == AWS_V6, is_v4),
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
        || v4 == AZURE_HOST
}

/// Where every virtual machine of Azure reaches its host, which hands out its credentials: one of the
/// Internet's addresses, but not on the Internet.
const AZURE_HOST: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

fn is_private_v6(v6: Ipv6Addr) -> bool {
    let [a, b, ..] = v6.segments();
    // Public addresses are handed out of 2000::/3 alone (RFC 4291 section 2.4): this leaves out
    // loopback, multicast, unique and link local, discard, translated and everything unassigned.
    (a & 0xe000) != 0x2000
        || (a == 0x2001 && b == 0xdb8)
        || (a == 0x2001 && b < 0x0200)
        || (a == 0x3fff && b < 0x1000)
}

/// The IPv4 address inside `::a.b.c.d`, `::ffff:a.b.c.d`, `64:ff9b::a.b.c.d` (NAT64), 6to4 and, where
/// it is a private one, ISATAP.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = v6.octets();
    let tail = || Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]);
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(tail()),
        [0x2002, _, _, ..] => Some(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5])),
        // RFC 5214 section 6.1: any prefix, then these words.
        [_, _, _, _, 0 | 0x200, 0x5efe, _, _] => Some(tail()).filter(|v4| is_private_v4(*v4)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_addresses_are_known_in_every_dress() {
        for (text, expected) in [
            ("169.254.169.254", true),
            ("169.254.170.2", true),
            ("::ffff:169.254.169.254", true),
            ("64:ff9b::169.254.169.254", true),
            ("fd00:ec2::254", true),
            ("100.100.100.200", true),
            ("168.63.129.16", true),
            ("127.0.0.1", false),
            ("10.0.0.1", false),
            ("::1", false),
            ("fd00::1", false),
        ] {
            assert_eq!(is_metadata(text.parse().unwrap()), expected, "{text}");
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
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "::ffff:a83f:8110",
            "2002:7f00:0001::",
            "2002:a9fe:a9fe::1",
            "2606:4700::5efe:10.0.0.1",
            "2606:4700::200:5efe:169.254.169.254",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
            "2001::1",
            "100::1",
            "5f00::1",
            "64:ff9b:1::808:808",
            "::ffff:0:8.8.8.8",
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
            "64:ff9b::8.8.8.8",
            "2001:4860:4860::8888",
            "2002:808:808::1",
            "2606:4700::5efe:8.8.8.8",
            "168.63.129.17",
        ] {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }
}
