//! What was seen of the network, by the names of the semantic conventions.

use std::net::IpAddr;
use std::time::Duration;

use bongsu_model::{NetworkFacts, Timestamp, Verb};

use crate::attribute::{AttributeError, AttributeFault, Attributes, Writer, parse};
use crate::date::{from_rfc3339, rfc3339};
use crate::limits::{DNS_ANSWERS_MAX, TEXT_BYTES_MAX, URL_BYTES_MAX};
use crate::names::{self, key};
use crate::seconds::seconds;
use crate::step::duration;

/// Writes what was seen, and what other tools expect to be said beside it.
pub(crate) fn encode(network: &NetworkFacts, verb: Verb, writer: &mut Writer) {
    if let Some(method) = verb.http_method() {
        writer.word(names::HTTP_METHOD, method);
    }
    writer.optional_text(names::URL_FULL, network.url.as_deref(), URL_BYTES_MAX);
    if let Some(status) = network.http_status {
        writer.int(names::HTTP_STATUS, status.into());
    }
    if let Some(bytes) = network.body_bytes {
        writer.int(names::RESPONSE_BODY_SIZE, bytes);
    }
    let address = network.server_address.as_deref();
    writer.optional_text(names::SERVER_ADDRESS, address, TEXT_BYTES_MAX);
    if let Some(port) = network.server_port {
        writer.int(names::SERVER_PORT, port.into());
    }
    if let Some(peer) = network.peer_address {
        writer.word(names::PEER_ADDRESS, &peer.to_string());
        let family = if peer.is_ipv4() { "ipv4" } else { "ipv6" };
        writer.word(names::NETWORK_TYPE, family);
    }
    if let Some(tunnel) = network.tunnel {
        writer.double(names::TUNNEL_DURATION, seconds(tunnel));
    }
    if let Some(transport) = transport(verb) {
        writer.word(names::NETWORK_TRANSPORT, transport);
    }
    if let Some(version) = &network.http_version {
        writer.word(names::PROTOCOL_NAME, "http");
        writer.text(names::PROTOCOL_VERSION, version, TEXT_BYTES_MAX);
    }
    if verb == Verb::Dns {
        writer.optional_text(names::DNS_QUESTION, address, TEXT_BYTES_MAX);
    }
    if !network.dns_answers.is_empty() {
        let answers: Vec<String> = network
            .dns_answers
            .iter()
            .take(DNS_ANSWERS_MAX)
            .map(IpAddr::to_string)
            .collect();
        let answers = answers.iter().map(String::as_str);
        writer.texts(names::DNS_ANSWERS, answers, TEXT_BYTES_MAX);
    }
    encode_tls(network, writer);
}

fn encode_tls(network: &NetworkFacts, writer: &mut Writer) {
    if let Some(version) = &network.tls_version {
        writer.word(names::TLS_PROTOCOL_NAME, "tls");
        writer.text(names::TLS_PROTOCOL_VERSION, version, TEXT_BYTES_MAX);
    }
    let cipher = network.tls_cipher.as_deref();
    writer.optional_text(names::TLS_CIPHER, cipher, TEXT_BYTES_MAX);
    let next = network.tls_next_protocol.as_deref();
    writer.optional_text(names::TLS_NEXT_PROTOCOL, next, TEXT_BYTES_MAX);
    if let Some(not_after) = network.tls_not_after {
        writer.word(names::TLS_NOT_AFTER, &rfc3339(not_after));
    }
}

/// What was seen, borrowed from the attributes.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    server_address: Option<&'a str>,
    server_port: Option<u16>,
    peer_address: Option<IpAddr>,
    tunnel: Option<Duration>,
    url: Option<&'a str>,
    http_status: Option<u16>,
    http_version: Option<&'a str>,
    body_bytes: Option<u64>,
    dns_answers: Vec<IpAddr>,
    tls_version: Option<&'a str>,
    tls_cipher: Option<&'a str>,
    tls_next_protocol: Option<&'a str>,
    tls_not_after: Option<Timestamp>,
}

/// Reads what was seen.
pub(crate) fn read<'a>(attributes: &Attributes<'a>) -> Result<Seen<'a>, AttributeError> {
    let dns_answers = match attributes.array(key::DNS_ANSWERS, DNS_ANSWERS_MAX)? {
        None => Vec::new(),
        Some(list) => list
            .texts(TEXT_BYTES_MAX)?
            .into_iter()
            .map(|answer| parse(key::DNS_ANSWERS, answer))
            .collect::<Result<_, _>>()?,
    };
    let tls_not_after = match attributes.optional_text(key::TLS_NOT_AFTER, TEXT_BYTES_MAX)? {
        None => None,
        Some(date) => Some(from_rfc3339(date).ok_or_else(|| {
            AttributeFault::Text("not an RFC 3339 time in UTC".to_owned()).of(key::TLS_NOT_AFTER)
        })?),
    };
    let tunnel = attributes.optional_double(key::TUNNEL_DURATION)?;
    let tunnel = tunnel.map(|seconds| duration(key::TUNNEL_DURATION, seconds));
    Ok(Seen {
        server_address: attributes.optional_text(key::SERVER_ADDRESS, TEXT_BYTES_MAX)?,
        server_port: attributes.optional_int(key::SERVER_PORT)?,
        peer_address: attributes.optional_word(key::PEER_ADDRESS)?,
        tunnel: tunnel.transpose()?,
        url: attributes.optional_text(key::URL_FULL, URL_BYTES_MAX)?,
        http_status: attributes.optional_int(key::HTTP_STATUS)?,
        http_version: attributes.optional_text(key::PROTOCOL_VERSION, TEXT_BYTES_MAX)?,
        body_bytes: attributes.optional_int(key::RESPONSE_BODY_SIZE)?,
        dns_answers,
        tls_version: attributes.optional_text(key::TLS_PROTOCOL_VERSION, TEXT_BYTES_MAX)?,
        tls_cipher: attributes.optional_text(key::TLS_CIPHER, TEXT_BYTES_MAX)?,
        tls_next_protocol: attributes.optional_text(key::TLS_NEXT_PROTOCOL, TEXT_BYTES_MAX)?,
        tls_not_after,
    })
}

impl From<Seen<'_>> for NetworkFacts {
    fn from(seen: Seen<'_>) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            server_address: owned(seen.server_address),
            server_port: seen.server_port,
            peer_address: seen.peer_address,
            tunnel: seen.tunnel,
            url: owned(seen.url),
            http_status: seen.http_status,
            http_version: owned(seen.http_version),
            body_bytes: seen.body_bytes,
            dns_answers: seen.dns_answers,
            tls_version: owned(seen.tls_version),
            tls_cipher: owned(seen.tls_cipher),
            tls_next_protocol: owned(seen.tls_next_protocol),
            tls_not_after: seen.tls_not_after,
        }
    }
}

/// DNS may go over either, ICMP over neither.
const fn transport(verb: Verb) -> Option<&'static str> {
    match verb {
        Verb::Get
        | Verb::Post
        | Verb::Put
        | Verb::Patch
        | Verb::Delete
        | Verb::Head
        | Verb::Tls
        | Verb::Tcp
        | Verb::Ws
        | Verb::Send
        | Verb::Receive
        | Verb::Close
        | Verb::Grpc => Some("tcp"),
        Verb::Udp => Some("udp"),
        Verb::Dns | Verb::Ping => None,
    }
}
