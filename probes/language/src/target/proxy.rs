//! The proxy of a target: only what a profile or a command names is ever used.

use super::FieldSource;
use crate::document::{Node, Table};
use crate::keys;
use crate::parser::{Parser, shown};
use crate::rule::Rule;

/// An HTTP proxy.
///
/// Requests to `https://`, gRPC calls and WebSockets go through a tunnel (CONNECT, RFC 9110 section
/// 9.3.6), requests to `http://` are handed to it whole. Steps below HTTP (`dns`, `tls`, `tcp`,
/// `udp`, `ping`) go straight to their hosts: they measure the network itself. Names are resolved by
/// the proxy, so that of the rules for addresses only those for `hosts`, and for addresses that are
/// written out, hold; what the names lead to is the proxy's to guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxySpec {
    /// Its lower-case name or its address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What it wants to know of who uses it.
    pub login: Option<ProxyLogin>,
}

/// Who uses a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyLogin {
    /// The user.
    pub user: FieldSource,
    /// The password: never plain text.
    pub password: FieldSource,
}

impl ProxySpec {
    /// Reads `http://host:port`; none if it is anything else, or names a user. Without a port it
    /// is 80, as in every such URL.
    pub fn parse(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("http://")?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                let _: std::net::Ipv6Addr = host.parse().ok()?;
                let port = rest.strip_prefix(':');
                (host, port.or_else(|| rest.is_empty().then_some("80"))?)
            }
            None => authority.split_once(':').unwrap_or((authority, "80")),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if host.is_empty() || !(host.contains(':') || host.bytes().all(is_name)) {
            return None;
        }
        let port = port.parse().ok().filter(|port| *port > 0)?;
        Some(Self {
            host: host.to_ascii_lowercase(),
            port,
            login: None,
        })
    }
}

impl Parser<'_> {
    pub(super) fn proxy(&mut self, table: &Table) -> Option<ProxySpec> {
        let entry = table.entry("proxy")?;
        if entry.node.as_text().is_some() {
            return self.proxy_url(&entry.node);
        }
        let Some(proxy) = entry.node.as_table() else {
            let _ = self
                .error(&entry.node.span, "`proxy` must be a URL in quotes")
                .rule(Rule::WrongType)
                .label(format!("this is {}", entry.node.kind()))
                .help("or, where it wants a login, a table with url, user and password");
            return None;
        };
        self.check_keys(proxy, &entry.key_span, &keys::PROXY);
        let spec = proxy.get("url").and_then(|node| self.proxy_url(node))?;
        let user = proxy.entry("user");
        let password = proxy.entry("password");
        let login = match (user, password) {
            (None, None) => None,
            (Some(user), Some(password)) => Some(ProxyLogin {
                user: self.field(user)?,
                password: self.field(password)?,
            }),
            (Some(one), None) | (None, Some(one)) => {
                let _ = self
                    .error(&one.key_span, "half a login is none")
                    .rule(Rule::MissingKey)
                    .label("`user` and `password` belong together")
                    .help("add the other one");
                return None;
            }
        };
        Some(ProxySpec { login, ..spec })
    }

    fn proxy_url(&mut self, node: &Node) -> Option<ProxySpec> {
        let url = node.as_text()?;
        let spec = ProxySpec::parse(url);
        if spec.is_none() {
            // What stands before the host may be a password.
            let host = url.rsplit_once('@').map_or(url, |(_, host)| host);
            let _ = self
                .error(&node.span, format!("`{}` is no proxy", shown(host)))
                .help(
                    "write it as in \"http://proxy.example:3128\"; a login stands beside it: \
                     proxy = { url = \"…\", user = \"…\", password = { env = \"…\" } }",
                );
        }
        spec
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_and_a_port_and_nothing_else() {
        let cases = [
            ("http://Proxy.Example:3128", Some(("proxy.example", 3128))),
            ("http://proxy.example:3128/", Some(("proxy.example", 3128))),
            ("http://10.0.0.1", Some(("10.0.0.1", 80))),
            ("http://[::1]:8080", Some(("::1", 8080))),
            ("http://[::1]", Some(("::1", 80))),
            ("https://proxy.example:3128", None),
            ("socks5://proxy.example:1080", None),
            ("proxy.example:3128", None),
            ("http://me:pw@proxy.example:3128", None),
            ("http://proxy.example:0", None),
            ("http://proxy.example:70000", None),
            ("http://proxy.example:3128/path", None),
            ("http://[proxy]:1", None),
            ("http://[::1]x", None),
            ("http://:3128", None),
            ("http://", None),
        ];
        for (url, expected) in cases {
            let spec = ProxySpec::parse(url);
            let found = spec.as_ref().map(|spec| (spec.host.as_str(), spec.port));
            assert_eq!(found, expected, "{url}");
        }
    }
}
