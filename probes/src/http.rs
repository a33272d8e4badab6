//! One HTTP/1.1 exchange with its phases: nothing is pooled, resent or followed behind our back.

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
    /// Beside `host`, `content-length` and `accept-encoding`, which are always set here.
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

async fn perform(request: &Request, line: Line<'_>, exchange: &mut Exchange) -> Result<(), Fault> {
    let Line {
        target,
        connections,
        watch,
        deadline,
    } = line;
    let endpoint = Endpoint::of(&request.url)?;
    let message = message(request, &endpoint)?;
    let kept = if target.is_cut() {
        None
    } else {
        connections.take(&endpoint, &mut exchange.network).await
    };
    let mut connection = match kept {
        Some(connection) => connection,
        None => {
            let stream = dial(&endpoint, target, watch, &mut exchange.network, deadline).await?;
            connection::open(stream).await?
        }
    };
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
        .header(http::header::HOST, host_header(endpoint))
        .header(http::header::ACCEPT_ENCODING, "gzip, br");
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
