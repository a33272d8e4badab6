//! One HTTP/1.1 exchange with its phases: nothing is pooled or followed behind our back, and
//! nothing is resent but a safe request that crossed the end of a kept connection.

mod body;
mod connection;
mod cookies;

use bongsu_model::{FailClass, NetworkFacts};
use bytes::Bytes;

use crate::clock::Deadline;
use crate::dial::{Endpoint, Security, dial};
use crate::failure::Fault;
use crate::phases::{Phase, Stopwatch};
use crate::target::Target;
pub(crate) use connection::Connections;
pub(crate) use cookies::CookieJar;

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: http::Method,
    pub(crate) url: http::Uri,
    /// Beside `host` and `content-length`, which are always set here, and `accept-encoding`, which
    /// is set here where it is not among them.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Bytes>,
    /// Most bytes of the answer's body, after decompression.
    pub(crate) body_max: usize,
}

/// What came back, as far as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// Decompressed; what was read before a fault, if there was one.
    pub(crate) body: Vec<u8>,
}

/// An exchange: perhaps an answer, perhaps a fault, sometimes both (a body that broke off).
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) answer: Option<Answer>,
    pub(crate) fault: Option<Fault>,
    pub(crate) network: NetworkFacts,
}

/// What an exchange works with, lent by its owners.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) target: &'a Target,
    pub(crate) connections: &'a mut Connections,
    pub(crate) watch: &'a mut Stopwatch,
    pub(crate) deadline: Deadline,
}

/// Sends `request` over the actor's connection to its host, a new one if there is none, and
/// reads the answer until the deadline.
pub(crate) async fn exchange(request: &Request, line: Line<'_>) -> Exchange {
    let mut exchange = Exchange::default();
    exchange.network.url = Some(request.url.to_string());
    exchange.fault = perform(request, line, &mut exchange).await.err();
    exchange
}

async fn perform(
    request: &Request,
    mut line: Line<'_>,
    exchange: &mut Exchange,
) -> Result<(), Fault> {
    let endpoint = Endpoint::of(&request.url)?;
    let message = message(request, &endpoint)?;
    let kept = if line.target.is_cut() {
        None
    } else {
        line.connections
            .take(&endpoint, &mut exchange.network)
            .await
    };
    let (mut connection, head) = match kept {
        None => send_anew(message, &endpoint, &mut line, exchange).await?,
        Some(mut connection) => {
            let again = request.method.is_safe().then(|| message.clone());
            let head = send(message, &mut connection, &mut line).await;
            match again {
                Some(again) if is_crossed(&head, &connection) => {
                    send_anew(again, &endpoint, &mut line, exchange).await?
                }
                _ => (connection, head),
            }
        }
    };
    let Line {
        connections,
        watch,
        deadline,
        ..
    } = line;
    let head = head?;
    let (parts, incoming) = head.into_parts();
    exchange.network.http_status = Some(parts.status.as_u16());
    exchange.network.http_version = Some(version(parts.version).to_owned());
    let answer = exchange.answer.insert(Answer {
        status: parts.status.as_u16(),
        headers: header_lines(&parts.headers),
        body: Vec::new(),
    });
    let mut reader = body::Reader::new(&parts.headers, request.body_max)?;
    let read = deadline
        .bound(connection.read_body(incoming, &mut reader))
        .await;
    watch.end(Phase::Receive);
    exchange.network.body_bytes = Some(reader.len() as u64);
    answer.body = reader.into_bytes();
    read.map_err(|struck| Fault::struck(struck, Phase::Receive))??;
    if is_reusable(&parts.headers, parts.version) {
        connections.keep(endpoint, connection, &exchange.network, watch);
    }
    Ok(())
}

type Head = Result<http::Response<hyper::body::Incoming>, Fault>;

/// Whether a request on a kept connection met the server's closing it: not a byte came back. A
/// server may do so at any time, and one request may cross it on the way; then a safe request is
/// sent once more, over a new connection (RFC 9110, section 9.2.2), which tells a closed
/// connection from a broken platform. One with side effects is never sent again: it fails.
fn is_crossed(head: &Head, connection: &connection::Connection) -> bool {
    let has_broken = head
        .as_ref()
        .is_err_and(|fault| fault.class() == Some(FailClass::Send));
    has_broken && connection.meter().first_read().is_none()
}

/// Sends over a new connection.
async fn send_anew(
    message: http::Request<connection::Payload>,
    endpoint: &Endpoint,
    line: &mut Line<'_>,
    exchange: &mut Exchange,
) -> Result<(connection::Connection, Head), Fault> {
    let facts = &mut exchange.network;
    let stream = dial(endpoint, line.target, line.watch, facts, line.deadline).await?;
    let mut connection = connection::open(stream).await?;
    let head = send(message, &mut connection, line).await;
    Ok((connection, head))
}

/// Sends and waits for the head of the answer, ending the phase wait; where it broke off in the
/// middle of the head, receive as well.
async fn send(
    message: http::Request<connection::Payload>,
    connection: &mut connection::Connection,
    line: &mut Line<'_>,
) -> Head {
    let Line {
        watch, deadline, ..
    } = line;
    let sent = deadline.bound(connection.send(message)).await;
    let first_byte = connection.meter().first_read();
    watch.end_at(
        Phase::Wait,
        first_byte.unwrap_or_else(|| watch.clock().monotonic()),
    );
    // Where bytes came but no whole head, the time after the first of them was spent receiving.
    let phase = first_byte.map_or(Phase::Wait, |_| Phase::Receive);
    let head = sent.unwrap_or_else(|struck| Err(Fault::struck(struck, phase)));
    if head.is_err() && first_byte.is_some() {
        watch.end(Phase::Receive);
    }
    head
}

fn message(
    request: &Request,
    endpoint: &Endpoint,
) -> Result<http::Request<connection::Payload>, Fault> {
    let path = request
        .url
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let mut builder = http::Request::builder()
        .method(request.method.clone())
        .uri(if path.is_empty() { "/" } else { path })
        .header(http::header::HOST, host_header(endpoint));
    let is_encoding = |name: &str| name.eq_ignore_ascii_case("accept-encoding");
    if !request.headers.iter().any(|(name, _)| is_encoding(name)) {
        builder = builder.header(http::header::ACCEPT_ENCODING, "gzip, br");
    }
    for (name, value) in &request.headers {
        builder = builder.header(name.as_str(), value.as_str());
    }
    builder
        .body(connection::payload(request.body.clone()))
        .map_err(|error| Fault::internal(format!("the request cannot be written: {error}")))
}

/// The host, with its port unless it is the scheme's own.
pub(crate) fn host_header(endpoint: &Endpoint) -> String {
    let host = if endpoint.host.contains(':') {
        format!("[{}]", endpoint.host)
    } else {
        endpoint.host.clone()
    };
    match (endpoint.security, endpoint.port) {
        (Security::Tls, 443) | (Security::Plain, 80) => host,
        (_, port) => format!("{host}:{port}"),
    }
}

/// Header lines in order, values that are not UTF-8 made readable.
pub(crate) fn header_lines(headers: &http::HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect()
}

fn version(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_10 => "1.0",
        _ => "1.1",
    }
}

fn is_reusable(headers: &http::HeaderMap, version: http::Version) -> bool {
    let closes = headers
        .get_all(http::header::CONNECTION)
        .iter()
        .any(|value| {
            value
                .as_bytes()
                .to_ascii_lowercase()
                .windows(5)
                .any(|word| word == b"close")
        });
    version == http::Version::HTTP_11 && !closes
}

/// The failure that an answer which is not proper HTTP is.
fn malformed() -> Fault {
    Fault::platform(FailClass::Expectation, "malformed")
}
