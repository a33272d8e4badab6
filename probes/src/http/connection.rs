//! Open HTTP/1.1 connections: driven by whoever uses them, kept between the steps of a run.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bongsu_model::{FailClass, Monotonic, NetworkFacts};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::dial::{Endpoint, Meter, Metered};
use crate::failure::{Fault, broken};
use crate::phases::Stopwatch;

use super::body::Reader;
use super::malformed;

/// The body of a request.
pub(super) type Payload = Full<Bytes>;

pub(super) fn payload(bytes: Option<Bytes>) -> Payload {
    Full::new(bytes.unwrap_or_default())
}

/// Most header lines of an answer.
const HEADERS_MAX: usize = 128;

/// Most bytes of an answer's head: 128 lines of 512 bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Longest idle time after which a connection is used again. Servers close idle connections
/// after 5 s and more; a request that crosses such a close on the way would fail for no reason
/// of the platform's.
const IDLE_MAX: Duration = Duration::from_secs(2);

/// Most connections that an actor keeps: journeys name a handful of hosts.
const KEPT_MAX: usize = 8;

type Driver = Pin<Box<http1::Connection<TokioIo<Metered>, Payload>>>;

/// One connection. It makes progress only inside its own methods, so no task runs beside it.
pub(super) struct Connection {
    sender: http1::SendRequest<Payload>,
    driver: Option<Driver>,
    meter: Meter,
}

/// Prepares HTTP/1.1 on `stream`; nothing is sent yet.
pub(super) async fn open(stream: Metered) -> Result<Connection, Fault> {
    let meter = stream.meter();
    let (sender, driver) = http1::Builder::new()
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Fault::internal(format!("no HTTP on a new connection: {error}")))?;
    Ok(Connection {
        sender,
        driver: Some(Box::pin(driver)),
        meter,
    })
}

impl Connection {
    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Sends the request and waits for the head of the answer.
    pub(super) async fn send(
        &mut self,
        request: http::Request<Payload>,
    ) -> Result<http::Response<Incoming>, Fault> {
        self.meter.reset();
        let answering = self.sender.send_request(request);
        let answered = driven(&mut self.driver, answering).await;
        answered.map_err(|error| self.fault(&error))
    }

    /// Reads the body to its end or its cap.
    pub(super) async fn read_body(
        &mut self,
        mut incoming: Incoming,
        reader: &mut Reader,
    ) -> Result<(), Fault> {
        while let Some(frame) = driven(&mut self.driver, incoming.frame()).await {
            let frame = frame.map_err(|error| self.fault(&error))?;
            if let Ok(bytes) = frame.into_data() {
                reader.take(&bytes).await?;
            }
        }
        reader.finish().await
    }

    /// Whether another request can be sent: what arrived meanwhile is looked at first.
    async fn is_ready(&mut self) -> bool {
        // The runtime looks at its sockets first: an end that came meanwhile is to be seen below.
        tokio::task::yield_now().await;
        let driver = &mut self.driver;
        // One poll, not a wait: a close that has arrived is seen, nothing else is waited for.
        poll_fn(|cx| {
            if driver
                .as_mut()
                .is_some_and(|d| d.as_mut().poll(cx).is_ready())
            {
                *driver = None;
            }
            Poll::Ready(())
        })
        .await;
        self.driver.is_some() && self.sender.is_ready()
    }

    fn fault(&self, error: &hyper::Error) -> Fault {
        if error.is_parse_too_large() {
            return Fault::platform(FailClass::BodyTooLarge, "headers");
        }
        if error.is_parse() {
            return malformed();
        }
        // The stream knows best how it broke; hyper calls an early end an incomplete message.
        let detail = self
            .meter
            .broke()
            .map_or_else(|| "closed".to_owned(), broken);
        Fault::platform(FailClass::Send, detail)
    }
}

/// Polls `future` and, beside it, the connection that it depends on.
async fn driven<T>(driver: &mut Option<Driver>, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| {
        if let Some(running) = driver
            && running.as_mut().poll(cx).is_ready()
        {
            // Its error, if any, reaches the future through their common channel.
            *driver = None;
        }
        future.as_mut().poll(cx)
    })
    .await
}

struct Kept {
    endpoint: Endpoint,
    connection: Connection,
    facts: NetworkFacts,
    since: Monotonic,
    clock: std::sync::Arc<dyn bongsu_model::Clock>,
}

/// The connections that an actor keeps open between steps. They end with the run.
#[derive(Default)]
pub(crate) struct Connections(Vec<Kept>);

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connections({})", self.0.len())
    }
}

impl Connections {
    /// A usable connection to `endpoint`, if one is kept; `facts` gets what is known of it.
    pub(super) async fn take(
        &mut self,
        endpoint: &Endpoint,
        facts: &mut NetworkFacts,
    ) -> Option<Connection> {
        let at = self.0.iter().position(|kept| kept.endpoint == *endpoint)?;
        let mut kept = self.0.swap_remove(at);
        let idle = kept.clock.monotonic().since(kept.since);
        if idle > IDLE_MAX || !kept.connection.is_ready().await {
            return None;
        }
        facts.server_address = kept.facts.server_address;
        facts.server_port = kept.facts.server_port;
        facts.peer_address = kept.facts.peer_address;
        facts.tls_version = kept.facts.tls_version;
        facts.tls_cipher = kept.facts.tls_cipher;
        facts.tls_not_after = kept.facts.tls_not_after;
        Some(kept.connection)
    }

    /// Keeps a connection whose exchange is over; where the room is full it is closed instead.
    pub(super) fn keep(
        &mut self,
        endpoint: Endpoint,
        connection: Connection,
        facts: &NetworkFacts,
        watch: &Stopwatch,
    ) {
        if self.0.len() < KEPT_MAX && connection.driver.is_some() {
            self.0.push(Kept {
                endpoint,
                connection,
                facts: facts.clone(),
                since: watch.ended(),
                clock: watch.clock().clone(),
            });
        }
    }
}
