//! The acts below HTTP, rendered: where they go and what they send.

use super::{Escape, RenderError, Renderer, bounded};
use crate::host_port::{HostPort, host_port};
use crate::journey::{DnsAct, DnsServer, NetAct, Over, Payload, Peer};

/// A rendered act below HTTP.
#[derive(Clone, PartialEq, Eq)]
pub enum PreparedNet {
    /// A DNS question.
    Dns(PreparedDns),
    /// A TLS handshake.
    Tls {
        /// Where it connects to.
        peer: HostPort,
        /// The name that is asked for and verified.
        server_name: String,
        /// What ALPN offers.
        alpn: Vec<String>,
    },
    /// A connection.
    Tcp {
        /// Where it goes.
        peer: HostPort,
        /// What is sent.
        send: Option<Vec<u8>>,
    },
    /// A datagram.
    Udp {
        /// Where it goes.
        peer: HostPort,
        /// What is sent.
        send: Vec<u8>,
    },
    /// An echo.
    Ping {
        /// Whose.
        host: String,
    },
}

impl std::fmt::Debug for PreparedNet {
    /// Shows no content: there may be secrets in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dns(_) => "Dns(..)",
            Self::Tls { .. } => "Tls(..)",
            Self::Tcp { .. } => "Tcp(..)",
            Self::Udp { .. } => "Udp(..)",
            Self::Ping { .. } => "Ping(..)",
        })
    }
}

/// A rendered DNS question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedDns {
    /// The name that is asked for, without a dot at the end.
    pub name: String,
    /// The type of record by its number.
    pub record_type: u16,
    /// Who is asked.
    pub server: PreparedServer,
    /// How.
    pub over: Over,
}

/// A DNS server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreparedServer {
    /// The target's resolver.
    Resolver,
    /// This one.
    At(HostPort),
    /// This `https://` URL.
    Url(String),
}

impl Renderer<'_> {
    pub(super) fn net(&mut self, act: &NetAct) -> Result<PreparedNet, RenderError> {
        Ok(match act {
            NetAct::Dns(act) => PreparedNet::Dns(self.dns(act)?),
            NetAct::Tls(act) => {
                let peer = self.peer(&act.peer)?;
                let server_name = match &act.server_name {
                    Some(name) => self.peer(name)?.host,
                    None => peer.host.clone(),
                };
                PreparedNet::Tls {
                    peer,
                    server_name,
                    alpn: act.alpn.clone(),
                }
            }
            NetAct::Tcp(act) => PreparedNet::Tcp {
                peer: self.peer(&act.peer)?,
                send: self.payload(act.send.as_ref())?,
            },
            NetAct::Udp(act) => PreparedNet::Udp {
                peer: self.peer(&act.peer)?,
                send: self.payload(act.send.as_ref())?.unwrap_or_default(),
            },
            NetAct::Ping(peer) => PreparedNet::Ping {
                host: self.peer(peer)?.host,
            },
        })
    }

    fn dns(&mut self, act: &DnsAct) -> Result<PreparedDns, RenderError> {
        let server = match &act.server {
            None => PreparedServer::Resolver,
            Some(DnsServer::Peer(peer)) => PreparedServer::At(self.peer(peer)?),
            Some(DnsServer::Url { text, .. }) => {
                let url = self.text(text, Escape::Url)?;
                if !url.starts_with("https://") || url.bytes().any(|b| b <= b' ' || b == 0x7f) {
                    let expected = "https:// and have no blanks";
                    return Err(RenderError::Url { expected });
                }
                PreparedServer::Url(url)
            }
        };
        Ok(PreparedDns {
            name: self.peer(&act.name)?.host,
            record_type: act.record_type,
            server,
            over: act.over,
        })
    }

    fn peer(&mut self, peer: &Peer) -> Result<HostPort, RenderError> {
        let text = self.text(&peer.text, Escape::Nothing)?;
        host_port(&text, peer.rule).map_err(|problem| RenderError::Place {
            expected: problem.expected(),
        })
    }

    fn payload(&mut self, payload: Option<&Payload>) -> Result<Option<Vec<u8>>, RenderError> {
        Ok(match payload {
            None => None,
            Some(Payload::Bytes(bytes)) => Some(bytes.clone()),
            Some(Payload::Text(text)) => {
                Some(bounded(self.text(text, Escape::Nothing)?)?.into_bytes())
            }
        })
    }
}
