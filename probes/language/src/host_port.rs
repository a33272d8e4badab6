//! Where a step goes that is no HTTP: `HOST:PORT`, or a URL of which host and port are meant.

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// A lower-case name or an address, without brackets and without a dot at the end.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Whether a port must be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PortRule {
    /// It must be there; that of a URL may be its scheme's.
    Required,
    /// This one where none is written.
    Default(u16),
    /// There is no such thing; that of a URL is passed over.
    Refused,
}

/// Why a text is no place to go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAPlace {
    /// It is no host.
    Host,
    /// The port is missing.
    PortMissing,
    /// The port is no number from 1 to 65535.
    PortBad,
    /// There is a port where none can be.
    PortRefused,
}

impl NotAPlace {
    /// What it should have been.
    pub(crate) const fn expected(self) -> &'static str {
        match self {
            Self::Host => "a host, as in api.example.test or [2001:db8::1], or a URL",
            Self::PortMissing => "a port behind the host, as in api.example.test:443",
            Self::PortBad => "a port from 1 to 65535",
            Self::PortRefused => "a host without a port",
        }
    }
}

/// The place that `text` names.
pub(crate) fn host_port(text: &str, rule: PortRule) -> Result<HostPort, NotAPlace> {
    let (authority, rule) = match text.split_once("://") {
        None => (text, rule),
        Some((scheme, rest)) => {
            let port = match scheme {
                "https" | "wss" => 443,
                "http" | "ws" => 80,
                _ => return Err(NotAPlace::Host),
            };
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            (&rest[..end], PortRule::Default(port))
        }
    };
    let (host, port) = split(authority)?;
    let port = match (port, rule) {
        (Some(_), PortRule::Refused) => return Err(NotAPlace::PortRefused),
        (Some(port), _) => port
            .parse::<u16>()
            .ok()
            .filter(|number| *number > 0 && port.bytes().all(|b| b.is_ascii_digit()))
            .ok_or(NotAPlace::PortBad)?,
        (None, PortRule::Default(port)) => port,
        (None, PortRule::Refused) => 0,
        (None, PortRule::Required) => return Err(NotAPlace::PortMissing),
    };
    Ok(HostPort {
        host: host.to_ascii_lowercase(),
        port,
    })
}

fn split(authority: &str) -> Result<(&str, Option<&str>), NotAPlace> {
    let is_v6 = |host: &str| host.parse::<std::net::Ipv6Addr>().is_ok();
    if let Some(inside) = authority.strip_prefix('[') {
        let (host, rest) = inside.split_once(']').ok_or(NotAPlace::Host)?;
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(port),
            None if rest.is_empty() => None,
            None => return Err(NotAPlace::Host),
        };
        return is_v6(host).then_some((host, port)).ok_or(NotAPlace::Host);
    }
    if is_v6(authority) {
        return Ok((authority, None));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if is_host(host) {
        Ok((host, port))
    } else {
        Err(NotAPlace::Host)
    }
}

/// A name of labels, or an IPv4 address; underscores as in `_dmarc` and `_sip._tcp`.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(host: &str, port: u16) -> Result<HostPort, NotAPlace> {
        let host = host.to_owned();
        Ok(HostPort { host, port })
    }

    #[test]
    fn places_are_hosts_with_ports_and_urls() {
        use PortRule::{Default, Refused, Required};
        let cases = [
            ("A.test:25", Required, place("a.test", 25)),
            ("a.test.:25", Required, place("a.test", 25)),
            ("127.0.0.1:1", Required, place("127.0.0.1", 1)),
            ("[::1]:53", Required, place("::1", 53)),
            ("::1", Default(53), place("::1", 53)),
            ("[::1]", Refused, place("::1", 0)),
            ("_sip._tcp.a.test", Refused, place("_sip._tcp.a.test", 0)),
            ("https://a.test/x:9", Required, place("a.test", 443)),
            ("ws://a.test:8?x", Required, place("a.test", 8)),
            ("http://[::1]", Refused, place("::1", 80)),
        ];
        for (text, rule, expected) in cases {
            assert_eq!(host_port(text, rule), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_place_says_why() {
        use PortRule::{Refused, Required};
        let cases = [
            ("", Required, NotAPlace::Host),
            ("a.test", Required, NotAPlace::PortMissing),
            ("a.test:", Required, NotAPlace::PortBad),
            ("a.test:+5", Required, NotAPlace::PortBad),
            ("a.test:0", Required, NotAPlace::PortBad),
            ("a.test:65536", Required, NotAPlace::PortBad),
            ("a.test:1:2", Required, NotAPlace::PortBad),
            ("a.test:25", Refused, NotAPlace::PortRefused),
            ("ftp://a.test", Required, NotAPlace::Host),
            ("https://user@a.test", Required, NotAPlace::Host),
            ("[a.test]:5", Required, NotAPlace::Host),
            ("[::1]5", Required, NotAPlace::Host),
            ("a b:5", Required, NotAPlace::Host),
            ("a..b:5", Required, NotAPlace::Host),
            ("a\r\nb:5", Required, NotAPlace::Host),
        ];
        for (text, rule, expected) in cases {
            assert_eq!(host_port(text, rule), Err(expected), "{text:?}");
        }
    }
}
