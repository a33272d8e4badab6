//! One HTTP exchange with its phases: nothing is pooled, followed or resent behind our back.
//!
//! Over TLS the server chooses by ALPN between HTTP/2 and HTTP/1.1; without TLS it is HTTP/1.1.
//! An actor's next request to the same endpoint goes over the same connection. Where the server
//! had closed that one before the request, so that it cannot have been acted upon, it goes over a
//! new connection, which its phases dns, connect and tls tell; a request that may have been seen is
//! never sent again, whatever its method: it fails.

mod bell;
mod body;
mod connection;
mod cookies;
mod crew;
mod kept;
mod multiplexed;

#[cfg(any(test, fuzzing))]
pub(crate) use body::read_body;

use std::fmt::Write as _;

use bongsu_language::{HeaderLines, IpVersion};
use bongsu_model::{FailClass, NetworkFacts};
use bytes::Bytes;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderName, HeaderValue, Method};

use crate::clock::Deadline;
use crate::dial::{Endpoint, Protocol, Proxy, Security, dial, dial_proxy, login_refused};
use crate::failure::Fault;
use crate::phases::{Phase, Stopwatch};
use crate::target::Target;
use connection::{Connection, Message, Taken, Unanswered};
pub(crate) use cookies::CookieJar;
pub(crate) use kept::Connections;

/// How requests introduce themselves: a platform can tell them from those of people.
pub(crate) const USER_AGENT: &str = concat!("bongsu/", env!("CARGO_PKG_VERSION"), " (+synthetic)");

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: http::Uri,
    /// Beside `host` and `content-length`, which are always set here, and `accept-encoding` and
    /// `user-agent`, which are set here where they are not among them.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Bytes>,
    /// Most bytes of the answer's body, after decompression.
    pub(crate) body_max: usize,
    /// The newest version of HTTP that it may go over.
    pub(crate) newest: Protocol,
}

/// What came back, as far as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderLines,
    /// Decompressed; what was read before a fault, if there was one.
    pub(crate) body: Vec<u8>,
    /// The lines after the body.
    pub(crate) trailers: HeaderLines,
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
    /// The only IP version that is wanted, if one is.
    pub(crate) ip: Option<IpVersion>,
    pub(crate) connections: &'a mut Connections,
    pub(crate) watch: &'a mut Stopwatch,
    pub(crate) deadline: Deadline,
}

/// Sends `request` over the actor's connection to its host, a new one if there is none, and
/// reads the answer until the deadline.
pub(crate) async fn exchange(request: &Request, line: Line<'_>) -> Exchange {
    let mut exchange = Exchange::default();
    exchange.network.url = Some(url_text(&request.url));
    exchange.fault = perform(request, line, &mut exchange).await.err();
    exchange
}

async fn perform(
    request: &Request,
    mut line: Line<'_>,
    exchange: &mut Exchange,
) -> Result<(), Fault> {
    let endpoint = Endpoint::of(&request.url, request.newest)?.over(line.ip);
    let forwarder = endpoint.forwarder(line.target);
    let message = message(request, &endpoint, forwarder)?;
    let kept = if line.target.is_cut() {
        None
    } else {
        line.connections
            .take(&endpoint, &mut exchange.network)
            .await
    };
    // What dials is on the heap: most requests do not, and would carry the room for it about.
    let (mut connection, head) = match kept {
        None => Box::pin(send_anew(message, &endpoint, &mut line, exchange)).await?,
        Some(mut connection) => match send(message, &mut connection, &mut line).await {
            Err(unanswered) if unanswered.taken == Taken::Never => {
                drop(connection);
                let message = self::message(request, &endpoint, forwarder)?;
                Box::pin(send_anew(message, &endpoint, &mut line, exchange)).await?
            }
            head => (connection, head),
        },
    };
    let Line {
        connections,
        watch,
        deadline,
        ..
    } = line;
    let head = head.map_err(|unanswered| unanswered.fault)?;
    let (parts, incoming) = head.into_parts();
    if forwarder.is_some() && parts.status == http::StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return Err(login_refused());
    }
    exchange.network.http_status = Some(parts.status.as_u16());
    exchange.network.http_version = Some(version(parts.version).to_owned());
    let answer = exchange.answer.insert(Answer {
        status: parts.status.as_u16(),
        headers: header_lines(&parts.headers),
        body: Vec::new(),
        trailers: HeaderLines::new(),
    });
    let mut reader = body::Reader::new(&parts.headers, request.body_max)?;
    let read = deadline
        .bound(connection.read_body(incoming, &mut reader))
        .await;
    watch.end(Phase::Receive);
    exchange.network.body_bytes = Some(reader.len() as u64);
    answer.body = reader.into_bytes();
    let trailers = read.map_err(|struck| Fault::struck(struck, Phase::Receive))??;
    answer.trailers = trailers.as_ref().map(header_lines).unwrap_or_default();
    if is_reusable(&parts.headers, parts.version) {
        connections.keep(endpoint, connection, &exchange.network, watch);
    }
    Ok(())
}

type Head = Result<http::Response<hyper::body::Incoming>, Unanswered>;

/// Sends over a new connection.
async fn send_anew(
    message: Message,
    endpoint: &Endpoint,
    line: &mut Line<'_>,
    exchange: &mut Exchange,
) -> Result<(Connection, Head), Fault> {
    let facts = &mut exchange.network;
    let dialled = match endpoint.forwarder(line.target) {
        Some(proxy) => {
            let seen = (&mut *line.watch, facts);
            dial_proxy(proxy, endpoint, line.target, seen, line.deadline).await?
        }
        None => dial(endpoint, line.target, line.watch, facts, line.deadline).await?,
    };
    let opened = line.deadline.bound(connection::open(dialled)).await;
    let mut connection = opened.map_err(|struck| Fault::struck(struck, Phase::Wait))??;
    let head = send(message, &mut connection, line).await;
    Ok((connection, head))
}

/// Sends and waits for the head of the answer, ending the phase wait; where it broke off in the
/// middle of the head, receive as well.
async fn send(message: Message, connection: &mut Connection, line: &mut Line<'_>) -> Head {
    let Line {
        watch, deadline, ..
    } = line;
    let sent = deadline.bound(connection.send(message)).await;
    let first_byte = connection.first_byte();
    watch.end_at(
        Phase::Wait,
        first_byte.unwrap_or_else(|| watch.clock().monotonic()),
    );
    // Where bytes came but no whole head, the time after the first of them was spent receiving.
    let phase = first_byte.map_or(Phase::Wait, |_| Phase::Receive);
    let head = sent.unwrap_or_else(|struck| {
        Err(Unanswered {
            fault: Fault::struck(struck, phase),
            taken: Taken::Perhaps,
        })
    });
    if head.is_err() && first_byte.is_some() {
        watch.end(Phase::Receive);
    }
    head
}

/// The request as it is written: with a path, or for a proxy that passes it on with its whole URL.
fn message(
    request: &Request,
    endpoint: &Endpoint,
    forwarder: Option<&Proxy>,
) -> Result<Message, Fault> {
    let mut message = Message::new(connection::payload(request.body.clone()));
    write_head(&mut message, request, endpoint, forwarder)
        .map_err(|error| Fault::internal(format!("the request cannot be written: {error}")))?;
    Ok(message)
}

/// Most header lines that are written beside the request's own.
const OURS_MAX: usize = 5;

fn write_head(
    message: &mut Message,
    request: &Request,
    endpoint: &Endpoint,
    forwarder: Option<&Proxy>,
) -> http::Result<()> {
    let host = host_header(endpoint);
    *message.method_mut() = request.method.clone();
    let path = request.url.path_and_query();
    let target = path.map_or("/", PathAndQuery::as_str);
    // RFC 9112, section 3.2.1: a path that is empty is sent as a slash.
    let slash = if target.starts_with('/') { "" } else { "/" };
    *message.uri_mut() = match (forwarder, path) {
        (Some(_), _) => format!("http://{host}{slash}{target}").parse()?,
        (None, Some(path)) if slash.is_empty() => path.clone().into(),
        (None, _) => format!("{slash}{target}").parse()?,
    };
    let headers = message.headers_mut();
    // What a map of headers cannot hold is an error here, where the other forms panic.
    headers.try_reserve(request.headers.len() + OURS_MAX)?;
    headers.try_append(http::header::HOST, HeaderValue::try_from(host)?)?;
    if let Some(login) = forwarder.and_then(Proxy::authorization) {
        headers.try_append(
            http::header::PROXY_AUTHORIZATION,
            HeaderValue::from_str(login)?,
        )?;
    }
    let is_given = |name: &str| {
        let mut given = request.headers.iter();
        given.any(|(given, _)| given.eq_ignore_ascii_case(name))
    };
    if !is_given("accept-encoding") {
        let encodings = HeaderValue::from_static("gzip, br");
        headers.try_append(http::header::ACCEPT_ENCODING, encodings)?;
    }
    for (name, value) in &request.headers {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        headers.try_append(name, HeaderValue::from_str(value)?)?;
    }
    if !is_given("user-agent") {
        let agent = HeaderValue::from_static(USER_AGENT);
        headers.try_append(http::header::USER_AGENT, agent)?;
    }
    // RFC 9110, section 8.6: a method that means to send something says so also of nothing, which
    // some servers insist on. Of any other body the library writes the length.
    let is_empty = request.body.as_ref().is_none_or(Bytes::is_empty);
    if is_empty && [Method::POST, Method::PUT, Method::PATCH].contains(&request.method) {
        headers.try_append(http::header::CONTENT_LENGTH, HeaderValue::from_static("0"))?;
    }
    Ok(())
}

/// The host, with its port unless it is the scheme's own.
pub(crate) fn host_header(endpoint: &Endpoint) -> String {
    let host = &endpoint.host;
    let mut text = String::with_capacity(host.len() + "[]:65535".len());
    if host.contains(':') {
        text.extend(["[", host, "]"]);
    } else {
        text.push_str(host);
    }
    if !matches!(
        (endpoint.security, endpoint.port),
        (Security::Tls, 443) | (Security::Plain, 80)
    ) {
        // Writing to a text cannot fail.
        let _ = write!(text, ":{}", endpoint.port);
    }
    text
}

/// A URL as it is reported: as its own text, made in one piece.
fn url_text(url: &http::Uri) -> String {
    let scheme = url.scheme_str().map_or(["", ""], |scheme| [scheme, "://"]);
    let authority = url.authority().map_or("", Authority::as_str);
    let query = url.query().map_or(["", ""], |query| ["?", query]);
    let [[scheme, colon], [mark, query]] = [scheme, query];
    [scheme, colon, authority, url.path(), mark, query].concat()
}

/// How many bytes a header line has, roughly: there is room for so many from the start.
const LINE_BYTES: usize = 40;

/// Header lines in order, values that are not UTF-8 made readable.
pub(crate) fn header_lines(headers: &http::HeaderMap) -> HeaderLines {
    let mut lines = HeaderLines::with_capacity(headers.len(), headers.len() * LINE_BYTES);
    for (name, value) in headers {
        match std::str::from_utf8(value.as_bytes()) {
            Ok(value) => lines.push(name.as_str(), value),
            Err(_) => lines.push(name.as_str(), &String::from_utf8_lossy(value.as_bytes())),
        }
    }
    lines
}

fn version(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_10 => "1.0",
        http::Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

fn is_reusable(headers: &http::HeaderMap, version: http::Version) -> bool {
    let closes = headers
        .get_all(http::header::CONNECTION)
        .iter()
        .any(|value| {
            let mut words = value.as_bytes().windows(5);
            words.any(|word| word.eq_ignore_ascii_case(b"close"))
        });
    match version {
        // Over HTTP/2 there is no such line: GOAWAY says it.
        http::Version::HTTP_2 => true,
        http::Version::HTTP_11 => !closes,
        _ => false,
    }
}

/// The failure that an answer which is not proper HTTP is.
fn malformed() -> Fault {
    Fault::platform(FailClass::Expectation, "malformed")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(url: &str, headers: Vec<(String, String)>) -> Result<Message, Fault> {
        let request = Request {
            method: Method::GET,
            headers,
            body: None,
            body_max: 0,
            newest: Protocol::Http1,
            url: url.parse().unwrap(),
        };
        let endpoint = Endpoint::of(&request.url, request.newest)?;
        message(&request, &endpoint, None)
    }

    #[test]
    fn more_headers_than_a_map_holds_are_a_fault_of_our_own() {
        // `host`, `user-agent` and `accept-encoding` are written beside them. A map has 32,768
        // places, of which it fills three quarters.
        let most = 32_768 / 4 * 3 - OURS_MAX;
        let of = |lines| (0..lines).map(|n| (format!("x-{n}"), "1".to_owned()));
        let whole = written("http://a.test/x", of(most).collect()).unwrap();
        assert_eq!(whole.headers().len(), most + 3);
        for lines in [most + 1, 40_000] {
            let fault = written("http://a.test/x", of(lines).collect()).unwrap_err();
            assert!(matches!(fault, Fault::Own { .. }), "{fault:?}");
        }
    }

    #[test]
    fn a_method_that_sends_something_says_that_it_sends_nothing() {
        for (method, length) in [
            ("POST", true),
            ("PUT", true),
            ("PATCH", true),
            ("GET", false),
        ] {
            for body in [None, Some(Bytes::new()), Some(Bytes::from_static(b"x"))] {
                let is_empty = body.as_ref().is_none_or(Bytes::is_empty);
                let request = Request {
                    method: method.parse().unwrap(),
                    headers: Vec::new(),
                    body,
                    body_max: 0,
                    newest: Protocol::Http1,
                    url: "http://a.test/".parse().unwrap(),
                };
                let endpoint = Endpoint::of(&request.url, request.newest).unwrap();
                let message = message(&request, &endpoint, None).unwrap();
                let said = message.headers().get("content-length");
                assert_eq!(said.is_some(), length && is_empty, "{method}");
            }
        }
    }

    #[test]
    fn a_request_says_where_it_goes_to_and_who_asks_unless_the_step_does() {
        for (url, target, host) in [
            ("http://a.test", "/", "a.test"),
            ("http://A.test:80/x?y=%20#z", "/x?y=%20", "a.test"),
            ("https://a.test:443/", "/", "a.test"),
            ("http://a.test:443/%2F", "/%2F", "a.test:443"),
            ("http://[::1]:8080?y", "/?y", "[::1]:8080"),
            ("https://[::1]/", "/", "[::1]"),
        ] {
            let message = written(url, Vec::new()).unwrap();
            assert_eq!(message.uri().to_string(), target, "{url}");
            assert_eq!(message.headers()["host"], host, "{url}");
            assert_eq!(message.headers()["user-agent"], USER_AGENT);
        }
        let own = vec![("User-Agent".to_owned(), "mine".to_owned())];
        let message = written("http://a.test/", own).unwrap();
        let agents = message.headers().get_all("user-agent");
        assert_eq!(agents.iter().collect::<Vec<_>>(), ["mine"]);
    }

    #[test]
    fn a_value_that_is_no_text_is_made_readable() {
        let mut headers = http::HeaderMap::new();
        for value in [&b"caf\xe9"[..], "비".as_bytes()] {
            headers.append("x", HeaderValue::from_bytes(value).unwrap());
        }
        let lines = header_lines(&headers);
        assert_eq!(lines.values("x").collect::<Vec<_>>(), ["caf\u{fffd}", "비"]);
    }

    proptest! {
        #[test]
        fn a_url_is_reported_as_it_is(
            url in "(https?://[a-zA-Z0-9.-]{1,9}(:[0-9]{1,5})?)?(/[a-z/%2]{0,9})?(\\?[a-z=&]{0,9})?(#[a-z]{0,3})?",
        ) {
            if let Ok(url) = url.parse::<http::Uri>() {
                prop_assert_eq!(url_text(&url), url.to_string());
            }
        }
    }
}
