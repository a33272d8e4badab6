//! What an act below HTTP would do, in words, before a run: places stay as they are written where
//! only a run knows them.

use super::{Escape, RenderError, Renderer, bounded};
use crate::environment::Environment;
use crate::host_port::{PortRule, host_port};
use crate::journey::{BytesAct, DnsAct, DnsServer, NetAct, Over, Payload, Peer};
use crate::parse::record_type_name;
use crate::sketch::placeholder;

/// An act below HTTP, told.
#[derive(Debug)]
pub(crate) struct ToldNet {
    /// Where it goes and what is asked.
    pub(crate) line: String,
    /// What is sent.
    pub(crate) sent: Option<Vec<u8>>,
}

/// Tells what `actor` would do.
///
/// # Errors
/// As [`crate::Step::prepare`].
pub(crate) fn tell_net(
    act: &NetAct,
    environment: &Environment,
    actor: usize,
) -> Result<ToldNet, RenderError> {
    let mut renderer = Renderer::new(environment, actor);
    let mut sent = None;
    let line = match act {
        NetAct::Dns(act) => renderer.tell_dns(act)?,
        NetAct::Tls(act) => {
            let place = renderer.place(&act.peer)?;
            let asked = match &act.server_name {
                Some(name) => format!(" as {}", renderer.place(name)?),
                None => String::new(),
            };
            let offered = if act.alpn.is_empty() {
                String::new()
            } else {
                format!(", offering {}", act.alpn.join(", "))
            };
            format!("{place}{asked}{offered}")
        }
        NetAct::Tcp(BytesAct { peer, send }) | NetAct::Udp(BytesAct { peer, send }) => {
            sent = match send {
                None => None,
                Some(Payload::Bytes(bytes)) => Some(bytes.clone()),
                Some(Payload::Text(text)) => {
                    Some(bounded(renderer.text(text, Escape::Nothing)?)?.into_bytes())
                }
            };
            renderer.place(peer)?
        }
        NetAct::Ping(peer) => renderer.place(peer)?,
    };
    Ok(ToldNet { line, sent })
}

impl Renderer<'_> {
    fn tell_dns(&mut self, act: &DnsAct) -> Result<String, RenderError> {
        let name = self.place(&act.name)?;
        let server = match &act.server {
            None => "the target's resolver".to_owned(),
            Some(DnsServer::Peer(peer)) => self.place(peer)?,
            Some(DnsServer::Url { text, .. }) => self.text(text, Escape::Url)?,
        };
        let over = match act.over {
            Over::Usual => "",
            Over::Udp => " over UDP only",
            Over::Tcp => " over TCP",
            Over::Dot => " over TLS",
            Over::Doh => " over HTTPS",
        };
        let kind = record_type_name(act.record_type);
        Ok(format!("{name} {kind}, asked of {server}{over}"))
    }

    /// The place, with the port that a run would take.
    fn place(&mut self, peer: &Peer) -> Result<String, RenderError> {
        let text = self.text(&peer.text, Escape::Nothing)?;
        if placeholder::is_in(&text) {
            return Ok(text);
        }
        let place = host_port(&text, peer.rule).map_err(|problem| RenderError::Place {
            expected: problem.expected(),
        })?;
        Ok(match peer.rule {
            PortRule::Refused => place.host,
            _ if place.host.contains(':') => format!("[{}]:{}", place.host, place.port),
            _ => format!("{}:{}", place.host, place.port),
        })
    }
}
