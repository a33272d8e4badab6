//! What a step below HTTP does: where it goes, what it asks, what it sends.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bongsu_model::Verb;

use super::record_type::record_type;
use crate::document::{Node, NodeValue, Table};
use crate::host_port::{NotAPlace, PortRule, host_port};
use crate::journey::{BytesAct, DnsAct, DnsServer, NetAct, Over, Payload, Peer, TlsAct};
use crate::keys;
use crate::parser::{Parser, shown};

/// The port of HTTPS, which a `tls` step means if it writes none.
const HTTPS_PORT: u16 = 443;

/// The type of record that a `dns` step asks for if it says nothing: A.
const RECORD_TYPE_A: u16 = 1;

/// Most bytes that a step sends as they are: what fits a datagram (RFC 768, over IPv4).
const SEND_BYTES_MAX: usize = 65_507;

/// Most names that ALPN offers, and the longest (RFC 7301, section 3.1).
const ALPN_NAMES_MAX: usize = 8;
const ALPN_NAME_BYTES_MAX: usize = 255;

impl Parser<'_> {
    pub(super) fn net(&mut self, table: &Table, node: &Node, verb: Verb) -> Option<NetAct> {
        match verb {
            Verb::Dns => self.dns(table, node).map(NetAct::Dns),
            Verb::Tls => self.tls(table, node).map(NetAct::Tls),
            Verb::Tcp | Verb::Udp => {
                let peer = self.peer(node, PortRule::Required);
                let send = self.payload(table)?;
                let peer = peer?;
                if verb == Verb::Tcp {
                    return Some(NetAct::Tcp(BytesAct { peer, send }));
                }
                if send.is_none() {
                    let _ = self
                        .error(&node.span, "there is nothing to send")
                        .label("nobody answers a datagram that was not sent")
                        .help("add `send = \"…\"`, or send = { hex = \"…\" }");
                }
                Some(NetAct::Udp(BytesAct { peer, send }))
            }
            Verb::Ping => self.peer(node, PortRule::Refused).map(NetAct::Ping),
            _ => None,
        }
    }

    fn dns(&mut self, table: &Table, node: &Node) -> Option<DnsAct> {
        let name = self.peer(node, PortRule::Refused);
        let record_type = match table.get("type") {
            None => Some(RECORD_TYPE_A),
            Some(node) => self.record_type(node),
        };
        let over = match table.get("over") {
            None => Some(Over::Usual),
            Some(node) => self.word(node, "a way to ask", Over::WORDS),
        };
        let server = match (table.get("server"), over) {
            (Some(node), Some(Over::Doh)) => Some(self.dns_url(node)?),
            (Some(node), Some(_)) if node.as_text().is_some_and(|text| text.contains("://")) => {
                let _ = self
                    .error(&node.span, "a server is asked at a URL over HTTPS only")
                    .help("add over = \"doh\", or write HOST or HOST:PORT");
                return None;
            }
            (Some(node), Some(over)) => {
                let peer = self.peer(node, PortRule::Default(over.port()))?;
                Some(DnsServer::Peer(peer))
            }
            (Some(_), None) => return None,
            (None, Some(Over::Dot | Over::Doh)) => {
                let over = table.get("over").map_or(0..0, |node| node.span.clone());
                let _ = self
                    .error(&over, "nobody is asked")
                    .label("the target's resolver speaks plain DNS")
                    .help("add `server`: \"HOST:853\" for dot, \"https://HOST/dns-query\" for doh");
                return None;
            }
            (None, _) => None,
        };
        Some(DnsAct {
            name: name?,
            record_type: record_type?,
            server,
            over: over?,
        })
    }

    fn record_type(&mut self, node: &Node) -> Option<u16> {
        let text = node.as_text()?;
        match record_type(text) {
            Ok(number) => Some(number),
            Err(similar) => {
                let told = self.error(
                    &node.span,
                    format!("`{}` is not a type of record", shown(text)),
                );
                let _ = match similar {
                    Some(similar) => told.help(format!("did you mean `{similar}`?")),
                    None => told.help("write it as in \"A\", \"MX\" or \"TYPE65\""),
                };
                None
            }
        }
    }

    fn dns_url(&mut self, node: &Node) -> Option<DnsServer> {
        let text = node.as_text()?;
        let template = self.template(node)?;
        if template.literal_start().is_some() && !text.starts_with("https://") {
            let _ = self
                .error(&node.span, "DNS over HTTPS is asked at a URL")
                .help("write it as in \"https://dns.example.test/dns-query\"");
            return None;
        }
        Some(DnsServer::Url {
            text: template,
            position: self.position(&node.span),
        })
    }

    fn tls(&mut self, table: &Table, node: &Node) -> Option<TlsAct> {
        let peer = self.peer(node, PortRule::Default(HTTPS_PORT));
        let server_name = match table.get("server_name") {
            None => None,
            Some(node) => Some(self.peer(node, PortRule::Refused)?),
        };
        let offered = table.get("alpn").and_then(Node::items).unwrap_or_default();
        let alpn: Vec<String> = offered
            .iter()
            .filter_map(|name| name.as_text().map(str::to_owned))
            .collect();
        let fits = |name: &String| (1..=ALPN_NAME_BYTES_MAX).contains(&name.len());
        if alpn.len() > ALPN_NAMES_MAX || !alpn.iter().all(fits) {
            let span = table.get("alpn").map_or(0..0, |node| node.span.clone());
            let _ = self.error(&span, "ALPN cannot offer this").help(format!(
                "list up to {ALPN_NAMES_MAX} names of 1 to 255 bytes"
            ));
            return None;
        }
        Some(TlsAct {
            peer: peer?,
            server_name,
            alpn,
        })
    }

    /// A host with or without a port; what is written out is checked at once.
    fn peer(&mut self, node: &Node, rule: PortRule) -> Option<Peer> {
        let template = self.template(node)?;
        if let Some(text) = template.literal()
            && let Err(problem) = host_port(text, rule)
        {
            let message = match problem {
                NotAPlace::Host => format!("`{}` is not a host", shown(text)),
                NotAPlace::PortMissing => format!("`{}` has no port", shown(text)),
                NotAPlace::PortBad => format!("the port of `{}` cannot be used", shown(text)),
                NotAPlace::PortRefused => "there is no port here".to_owned(),
            };
            let _ = self
                .error(&node.span, message)
                .help(format!("write {}", problem.expected()));
            return None;
        }
        Some(Peer {
            text: template,
            rule,
            position: self.position(&node.span),
        })
    }

    /// What is sent. Outer none: it could not be read.
    #[expect(
        clippy::option_option,
        reason = "the outer one is an error, the inner one an absence"
    )]
    fn payload(&mut self, table: &Table) -> Option<Option<Payload>> {
        let Some(entry) = table.entry("send") else {
            return Some(None);
        };
        let payload = match &entry.node.value {
            NodeValue::Text(_) => Payload::Text(self.template(&entry.node)?),
            NodeValue::Table(bytes) => {
                self.check_keys(bytes, &entry.key_span, &keys::PAYLOAD);
                Payload::Bytes(self.bytes(bytes, &entry.key_span)?)
            }
            _ => {
                let _ = self
                    .error(&entry.node.span, "`send` must be text in quotes, or bytes")
                    .label(format!("this is {}", entry.node.kind()))
                    .help("write send = \"PING\\r\\n\" or send = { hex = \"0d0a\" }");
                return None;
            }
        };
        Some(Some(payload))
    }

    fn bytes(&mut self, table: &Table, owner: &std::ops::Range<usize>) -> Option<Vec<u8>> {
        let (text, node, decoded) = match (table.text("hex"), table.text("base64")) {
            (Some((text, node)), None) => (text, node, from_hex(text)),
            (None, Some((text, node))) => (text, node, STANDARD.decode(text).ok()),
            _ => {
                let _ = self
                    .error(owner, "the bytes are written in one way")
                    .help("write { hex = \"…\" } or { base64 = \"…\" }");
                return None;
            }
        };
        match decoded {
            Some(bytes) if (1..=SEND_BYTES_MAX).contains(&bytes.len()) => Some(bytes),
            Some(_) => {
                let _ = self
                    .error(&node.span, "too few or too many bytes")
                    .help(format!("send 1 to {SEND_BYTES_MAX} bytes"));
                None
            }
            None => {
                let (what, rule) = if table.get("hex").is_some() {
                    ("hexadecimal", "use pairs of 0-9 and a-f, as in \"0d 0a\"")
                } else {
                    (
                        "base64",
                        "use A-Z, a-z, 0-9, + and /, padded with = to fours",
                    )
                };
                let _ = self
                    .error(&node.span, format!("`{}` is not {what}", shown(text)))
                    .help(rule);
                None
            }
        }
    }
}

/// Bytes from pairs of hexadecimal digits; blanks between pairs do not matter.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let value = |digit: u8| char::from(digit).to_digit(16);
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(value(*high)? * 16 + value(*low)?).ok(),
            _ => None,
        })
        .collect()
}
