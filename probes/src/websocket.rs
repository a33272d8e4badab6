//! WebSockets of an actor: opened over our own stream, read by a task that keeps every frame.

mod inbox;

use std::sync::Arc;

use bongsu_language::HeaderLines;
use bongsu_model::{Clock, FailClass, Monotonic};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError, UrlError};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::clock::Deadline;
use crate::dial::{Endpoint, Metered, Protocol, dial};
use crate::failure::{Fault, broken};
use crate::http::{Answer, Exchange, Line, USER_AGENT, header_lines, host_header};
use crate::phases::{Phase, Stopwatch};
pub(crate) use inbox::Frame;
use inbox::Inbox;

/// Largest frame and message that is taken in: a chat event is a few KiB.
const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Most acts that wait for the task: an actor does one thing at a time.
const ACTS_MAX: usize = 1;

/// An open socket. Dropping it ends its task; `close` ends it politely.
#[derive(Debug)]
pub(crate) struct Socket {
    inbox: Arc<Inbox>,
    acts: mpsc::Sender<Act>,
    task: JoinHandle<()>,
}

/// What the task is asked to do; the answer comes when it is done.
enum Act {
    Send(String, oneshot::Sender<Result<(), Fault>>),
    Close(oneshot::Sender<Result<(), Fault>>),
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Opens a WebSocket at `url`. The exchange has the answer to the upgrade; a socket comes with it
/// exactly where there was no fault.
pub(crate) async fn open(
    url: &http::Uri,
    headers: &[(String, String)],
    line: Line<'_>,
) -> (Exchange, Option<Socket>) {
    let mut exchange = Exchange::default();
    exchange.network.url = Some(url.to_string());
    match upgrade(url, headers, line, &mut exchange).await {
        Ok(socket) => (exchange, Some(socket)),
        Err(fault) => {
            exchange.fault = Some(fault);
            (exchange, None)
        }
    }
}

async fn upgrade(
    url: &http::Uri,
    headers: &[(String, String)],
    line: Line<'_>,
    exchange: &mut Exchange,
) -> Result<Socket, Fault> {
    let Line {
        target,
        ip,
        watch,
        deadline,
        ..
    } = line;
    // An upgrade is a thing of HTTP/1.1, so nothing else is offered.
    let endpoint = Endpoint::of(url, Protocol::Http1)?.over(ip);
    let request = upgrade_request(url, headers, &endpoint)?;
    let dialled = dial(&endpoint, target, watch, &mut exchange.network, deadline).await?;
    let stream = dialled.stream;
    let meter = stream.meter();
    let shaking = tokio_tungstenite::client_async_with_config(request, stream, Some(config()));
    let shaken = deadline.bound(shaking).await;
    let now = watch.clock().monotonic();
    watch.end_at(Phase::Wait, meter.first_read().unwrap_or(now));
    if meter.first_read().is_some() {
        watch.end_at(Phase::Receive, now);
    }
    match shaken.map_err(|struck| Fault::struck(struck, Phase::Wait))? {
        Ok((stream, response)) => {
            record(&response, Vec::new(), exchange);
            Ok(Socket::start(stream, watch.clock()))
        }
        Err(WsError::Http(response)) => {
            let (head, body) = response.into_parts();
            let status = head.status.as_u16();
            record(
                &http::Response::from_parts(head, ()),
                body.unwrap_or_default(),
                exchange,
            );
            Err(Fault::platform(FailClass::Status, status.to_string()))
        }
        Err(error) => Err(match fault(&error) {
            Fault::Platform {
                class: FailClass::WsClosed,
                ..
            } => {
                let detail = meter.broke().map_or_else(|| "closed".to_owned(), broken);
                Fault::platform(FailClass::Send, detail)
            }
            other => other,
        }),
    }
}

fn upgrade_request(
    url: &http::Uri,
    headers: &[(String, String)],
    endpoint: &Endpoint,
) -> Result<http::Request<()>, Fault> {
    let key = tokio_tungstenite::tungstenite::handshake::client::generate_key();
    let mut builder = http::Request::get(url.clone())
        .header(http::header::HOST, host_header(endpoint))
        .header(http::header::CONNECTION, "Upgrade")
        .header(http::header::UPGRADE, "websocket")
        .header(http::header::SEC_WEBSOCKET_VERSION, "13")
        .header(http::header::SEC_WEBSOCKET_KEY, key);
    let is_agent = |name: &str| name.eq_ignore_ascii_case("user-agent");
    if !headers.iter().any(|(name, _)| is_agent(name)) {
        builder = builder.header(http::header::USER_AGENT, USER_AGENT);
    }
    for (name, value) in headers {
        builder = builder.header(name.as_str(), value.as_str());
    }
    builder
        .body(())
        .map_err(|error| Fault::internal(format!("the upgrade cannot be written: {error}")))
}

fn record<T>(response: &http::Response<T>, body: Vec<u8>, exchange: &mut Exchange) {
    exchange.network.http_status = Some(response.status().as_u16());
    exchange.network.http_version = Some("1.1".to_owned());
    exchange.answer = Some(Answer {
        status: response.status().as_u16(),
        headers: header_lines(response.headers()),
        body,
        trailers: HeaderLines::new(),
    });
}

impl Socket {
    fn start(stream: WebSocketStream<Metered>, clock: &Arc<dyn Clock>) -> Self {
        let inbox = Arc::new(Inbox::default());
        let (acts, asked) = mpsc::channel(ACTS_MAX);
        let task = tokio::spawn(attend(stream, asked, Arc::clone(&inbox), Arc::clone(clock)));
        Self { inbox, acts, task }
    }

    /// The next frame in order of arrival, taken out of the inbox.
    pub(crate) async fn next(&self, deadline: Deadline) -> Result<Frame, Fault> {
        deadline
            .bound(self.inbox.next())
            .await
            .map_err(|struck| Fault::struck(struck, Phase::Wait))?
    }

    /// Sends a text frame; returns when it has left.
    pub(crate) async fn send(
        &self,
        text: String,
        watch: &mut Stopwatch,
        deadline: Deadline,
    ) -> Result<(), Fault> {
        let (answer, answered) = oneshot::channel();
        self.ask(Act::Send(text, answer), answered, watch, deadline)
            .await
    }

    /// Says goodbye and waits until the task has ended.
    pub(crate) async fn close(
        mut self,
        watch: &mut Stopwatch,
        deadline: Deadline,
    ) -> Result<(), Fault> {
        let (answer, answered) = oneshot::channel();
        let closed = self
            .ask(Act::Close(answer), answered, watch, deadline)
            .await;
        if closed.is_ok() && deadline.bound(&mut self.task).await.is_err() {
            return Err(Fault::platform(FailClass::Timeout, "body"));
        }
        closed
    }

    async fn ask(
        &self,
        act: Act,
        answered: oneshot::Receiver<Result<(), Fault>>,
        watch: &mut Stopwatch,
        deadline: Deadline,
    ) -> Result<(), Fault> {
        let asking = async {
            if self.acts.send(act).await.is_err() {
                return Err(self.inbox.end());
            }
            answered.await.unwrap_or_else(|_| Err(self.inbox.end()))
        };
        let done = deadline.bound(asking).await;
        watch.end(Phase::Wait);
        done.map_err(|struck| Fault::struck(struck, Phase::Wait))?
    }
}

fn config() -> WebSocketConfig {
    let mut config = WebSocketConfig::default();
    config.max_frame_size = Some(FRAME_BYTES_MAX);
    config.max_message_size = Some(FRAME_BYTES_MAX);
    config.read_buffer_size = 8 * 1024;
    config.write_buffer_size = 0;
    config
}

/// The texts of all frames of a socket that was opened over `stream`, and its end.
#[cfg(any(test, fuzzing))]
pub(crate) async fn read_all(stream: Metered, clock: &Arc<dyn Clock>) -> (Vec<String>, Fault) {
    let role = tokio_tungstenite::tungstenite::protocol::Role::Client;
    let stream = WebSocketStream::from_raw_socket(stream, role, Some(config())).await;
    let inbox = Arc::new(Inbox::default());
    // Kept until the end, as an actor's half is: without it the task has nobody to read for.
    let (_acts, asked) = mpsc::channel(ACTS_MAX);
    attend(stream, asked, Arc::clone(&inbox), Arc::clone(clock)).await;
    let mut texts = Vec::new();
    loop {
        match inbox.next().await {
            Ok(frame) => texts.push(frame.text),
            Err(end) => return (texts, end),
        }
    }
}

/// The socket's task: reads every frame, does what it is asked, ends with the socket.
async fn attend(
    mut stream: WebSocketStream<Metered>,
    mut asked: mpsc::Receiver<Act>,
    inbox: Arc<Inbox>,
    clock: Arc<dyn Clock>,
) {
    loop {
        tokio::select! {
            message = stream.next() => {
                if let Some(end) = take(message, &inbox, clock.monotonic()) {
                    inbox.finish(end);
                    return;
                }
            }
            act = asked.recv() => match act {
                Some(Act::Send(text, answer)) => {
                    let message = Message::Text(Utf8Bytes::from(text));
                    let sent = stream.send(message).await.map_err(|error| fault(&error));
                    // The asker may have given up at its deadline.
                    let _ = answer.send(sent);
                }
                Some(Act::Close(answer)) => {
                    let closed = stream.close(None).await.map_err(|error| fault(&error));
                    inbox.finish(closed_by_us());
                    let _ = answer.send(closed);
                    return;
                }
                None => return,
            }
        }
    }
}

/// Puts what was read into the inbox; Some when the socket is at its end.
fn take(message: Option<Result<Message, WsError>>, inbox: &Inbox, at: Monotonic) -> Option<Fault> {
    let text = match message {
        Some(Ok(Message::Text(text))) => text.as_str().to_owned(),
        Some(Ok(Message::Binary(bytes))) => String::from_utf8_lossy(&bytes).into_owned(),
        // Tungstenite answers pings by itself.
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return None,
        Some(Ok(Message::Close(frame))) => {
            let detail = frame.map_or_else(
                || "closed".to_owned(),
                |frame| format!("closed {}", u16::from(frame.code)),
            );
            return Some(Fault::platform(FailClass::WsClosed, detail));
        }
        Some(Err(error)) => return Some(fault(&error)),
        None => return Some(Fault::platform(FailClass::WsClosed, "closed")),
    };
    inbox.put(Frame { text, at }).err()
}

fn closed_by_us() -> Fault {
    Fault::internal("the journey has closed this socket")
}

fn fault(error: &WsError) -> Fault {
    match error {
        WsError::ConnectionClosed | WsError::AlreadyClosed => {
            Fault::platform(FailClass::WsClosed, "closed")
        }
        WsError::Io(error) => Fault::platform(FailClass::WsClosed, broken(error.kind())),
        WsError::Capacity(CapacityError::TooManyHeaders) => {
            Fault::platform(FailClass::BodyTooLarge, "headers")
        }
        WsError::Capacity(CapacityError::MessageTooLong { .. }) => {
            Fault::platform(FailClass::BodyTooLarge, "frame")
        }
        WsError::AttackAttempt => Fault::platform(FailClass::BodyTooLarge, "headers"),
        WsError::Url(UrlError::UnsupportedUrlScheme) => {
            Fault::internal("no WebSocket over this scheme")
        }
        WsError::Protocol(
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake
            | tokio_tungstenite::tungstenite::error::ProtocolError::HandshakeIncomplete,
        ) => Fault::platform(FailClass::WsClosed, "closed"),
        _ => Fault::platform(FailClass::Expectation, "malformed"),
    }
}
