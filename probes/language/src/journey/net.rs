//! The acts below HTTP: a DNS question, a TLS handshake, an exchange of bytes, an echo.

use bongsu_model::Verb;

use crate::expression::Name;
use crate::host_port::{PortRule, host_port};
use crate::source::Position;
use crate::template::Template;

/// The port of plain DNS, and of DNS over TLS (RFC 7858).
const DNS_PORT: u16 = 53;
const DNS_OVER_TLS_PORT: u16 = 853;

/// An act below HTTP.
#[derive(Debug, Clone, PartialEq)]
pub enum NetAct {
    /// Asks a DNS server.
    Dns(DnsAct),
    /// Shakes hands.
    Tls(TlsAct),
    /// Connects, and may send and read.
    Tcp(BytesAct),
    /// Sends a datagram and waits for one.
    Udp(BytesAct),
    /// Asks for an ICMP echo.
    Ping(Peer),
}

/// Where an act goes: a host, a port where there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Peer {
    /// `HOST:PORT` or a URL.
    pub text: Template,
    pub(crate) rule: PortRule,
    /// Where it stands.
    pub position: Position,
}

/// A DNS question.
#[derive(Debug, Clone, PartialEq)]
pub struct DnsAct {
    /// The name that is asked for.
    pub name: Peer,
    /// The type of record by its number (IANA DNS parameters).
    pub record_type: u16,
    /// Who is asked; none for the target's resolver.
    pub server: Option<DnsServer>,
    /// How it is asked.
    pub over: Over,
}

/// A DNS server that the journey names.
#[derive(Debug, Clone, PartialEq)]
pub enum DnsServer {
    /// A host and a port.
    Peer(Peer),
    /// The URL of DNS over HTTPS.
    Url {
        /// An `https://` URL.
        text: Template,
        /// Where it stands.
        position: Position,
    },
}

/// How a DNS server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Over UDP, and over TCP where the answer is cut: as resolvers do.
    Usual,
    /// Over UDP only.
    Udp,
    /// Over TCP.
    Tcp,
    /// Over TLS (RFC 7858).
    Dot,
    /// Over HTTPS (RFC 8484).
    Doh,
}

impl Over {
    /// The words that `over` takes.
    pub(crate) const WORDS: &'static [(&'static str, Self)] = &[
        ("udp", Self::Udp),
        ("tcp", Self::Tcp),
        ("dot", Self::Dot),
        ("doh", Self::Doh),
    ];

    pub(crate) const fn port(self) -> u16 {
        match self {
            Self::Usual | Self::Udp | Self::Tcp | Self::Doh => DNS_PORT,
            Self::Dot => DNS_OVER_TLS_PORT,
        }
    }
}

/// A TLS handshake; the certificate is always verified.
#[derive(Debug, Clone, PartialEq)]
pub struct TlsAct {
    /// Where it connects to.
    pub peer: Peer,
    /// The name that is asked for and verified, if not the host's.
    pub server_name: Option<Peer>,
    /// What ALPN offers, first choice first; nothing if it is empty.
    pub alpn: Vec<String>,
}

/// An exchange of bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct BytesAct {
    /// Where it goes.
    pub peer: Peer,
    /// What is sent.
    pub send: Option<Payload>,
}

/// What is sent as it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// Text.
    Text(Template),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl NetAct {
    pub(crate) const fn verb(&self) -> Verb {
        match self {
            Self::Dns(_) => Verb::Dns,
            Self::Tls(_) => Verb::Tls,
            Self::Tcp(_) => Verb::Tcp,
            Self::Udp(_) => Verb::Udp,
            Self::Ping(_) => Verb::Ping,
        }
    }

    /// The hosts that are written out, with their places.
    pub(crate) fn literal_hosts(&self) -> Vec<(String, &Position)> {
        let mut hosts = Vec::new();
        for peer in self.peers() {
            let literal = peer.text.literal();
            let place = literal.and_then(|text| host_port(text, peer.rule).ok());
            hosts.extend(place.map(|place| (place.host, &peer.position)));
        }
        if let Self::Dns(DnsAct {
            server: Some(DnsServer::Url { text, position }),
            ..
        }) = self
        {
            let place = text
                .literal()
                .and_then(|text| host_port(text, PortRule::Required).ok());
            hosts.extend(place.map(|place| (place.host, position)));
        }
        hosts
    }

    /// Calls `visit` with every name that must be set.
    pub(crate) fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a Name)) {
        for peer in self.peers() {
            peer.text.names().for_each(&mut *visit);
        }
        match self {
            Self::Dns(DnsAct {
                server: Some(DnsServer::Url { text, .. }),
                ..
            }) => text.names().for_each(visit),
            Self::Tcp(act) | Self::Udp(act) => {
                if let Some(Payload::Text(text)) = &act.send {
                    text.names().for_each(visit);
                }
            }
            Self::Dns(_) | Self::Tls(_) | Self::Ping(_) => {}
        }
    }

    fn peers(&self) -> Vec<&Peer> {
        match self {
            Self::Dns(act) => {
                let server = match &act.server {
                    Some(DnsServer::Peer(peer)) => Some(peer),
                    Some(DnsServer::Url { .. }) | None => None,
                };
                std::iter::once(&act.name).chain(server).collect()
            }
            Self::Tls(act) => std::iter::once(&act.peer).chain(&act.server_name).collect(),
            Self::Tcp(act) | Self::Udp(act) => vec![&act.peer],
            Self::Ping(peer) => vec![peer],
        }
    }
}
