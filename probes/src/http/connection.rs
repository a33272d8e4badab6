//! One open connection, HTTP/1.1 or HTTP/2: driven by whoever uses it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bongsu_model::{FailClass, Monotonic};
use bytes::Bytes;
use futures_util::future::Either;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::TokioIo;
use tokio::task::coop::unconstrained;

use crate::dial::{Dialled, Meter, Metered, Protocol, Security};
use crate::failure::{Fault, broken};

use super::bell::Bell;
use super::body::Reader;
use super::crew::Crew;
use super::malformed;
use super::multiplexed::{self, Stage};

/// The body of a request.
pub(super) type Payload = Full<Bytes>;

/// A request as HTTP/1.1 says it.
pub(super) type Message = http::Request<Payload>;

pub(super) fn payload(bytes: Option<Bytes>) -> Payload {
    Full::new(bytes.unwrap_or_default())
}

/// Most header lines of an answer, in both versions.
const ANSWER_HEADERS_MAX: usize = 128;

/// Most bytes of an answer's head: 128 lines of 512 bytes. HTTP/2 counts its lines decoded, and
/// 32 bytes more for each.
pub(super) const HEAD_BYTES_MAX: usize = 64 * 1024;

/// One connection. It makes progress only inside its own methods, so no task runs beside it, and
/// all of it ends where it is dropped. Meanwhile nobody answers a server's pings, which is why a
/// connection is used again only after a short pause.
pub(super) struct Connection {
    halves: Halves,
    meter: Meter,
    bell: Bell,
}

type Driver = Pin<Box<http1::Connection<TokioIo<Metered>, Payload>>>;

/// The half that takes requests, and the half that does the work.
enum Halves {
    Http1 {
        sender: http1::SendRequest<Payload>,
        /// None when it has ended.
        driver: Option<Driver>,
    },
    Http2 {
        sender: http2::SendRequest<Payload>,
        crew: Crew,
        security: Security,
    },
}

/// Why there is no head of an answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) fault: Fault,
    pub(super) taken: Taken,
}

/// Whether the server may have seen a request that was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Nothing of it was sent, because the connection had been closed; or the server says by a
    /// GOAWAY without an error that it closed the connection before this request and will not act
    /// upon it (RFC 9113, sections 6.8 and 8.7).
    Never,
    /// Some of it was sent.
    Perhaps,
}

/// Prepares what was agreed on over a new stream. Of a request nothing is sent yet.
pub(super) async fn open(dialled: Dialled) -> Result<Connection, Fault> {
    let Dialled {
        stream,
        protocol,
        security,
    } = dialled;
    let meter = stream.meter();
    let io = TokioIo::new(stream);
    let halves = match protocol {
        Protocol::Http1 => {
            let (sender, driver) = http1::Builder::new()
                .max_headers(ANSWER_HEADERS_MAX)
                .max_header_size(HEAD_BYTES_MAX)
                .handshake(io)
                .await
                .map_err(|error| {
                    Fault::internal(format!("no HTTP on a new connection: {error}"))
                })?;
            Halves::Http1 {
                sender,
                driver: Some(Box::pin(driver)),
            }
        }
        Protocol::Http2 | Protocol::Http2Only => {
            let crew = Crew::default();
            let (sender, connection) = multiplexed::builder(crew.foreman())
                .handshake(io)
                .await
                .map_err(|_| cut_off(&meter))?;
            crew.hire(async move {
                // Its error, if any, reaches the request through their common channel.
                let _ = connection.await;
            });
            Halves::Http2 {
                sender,
                crew,
                security,
            }
        }
    };
    Ok(Connection {
        halves,
        meter,
        bell: Bell::new(),
    })
}

impl Connection {
    /// Sends the request and waits for the head of the answer.
    pub(super) async fn send(
        &mut self,
        message: Message,
    ) -> Result<http::Response<Incoming>, Unanswered> {
        self.meter.reset();
        let answering = match &mut self.halves {
            Halves::Http1 { sender, .. } => Either::Left(sender.try_send_request(message)),
            Halves::Http2 {
                sender, security, ..
            } => {
                let message =
                    multiplexed::translate(message, *security).map_err(|fault| Unanswered {
                        fault,
                        taken: Taken::Never,
                    })?;
                Either::Right(sender.try_send_request(message))
            }
        };
        let answered = driven(&self.bell, &mut self.halves, answering).await;
        let head = answered.map_err(|error| self.unanswered(&error))?;
        if head.headers().len() > ANSWER_HEADERS_MAX {
            return Err(Unanswered {
                fault: Fault::platform(FailClass::BodyTooLarge, "headers"),
                taken: Taken::Perhaps,
            });
        }
        Ok(head)
    }

    /// When the first byte of the answer came, as far as that can be told: over HTTP/2 other
    /// frames come before an answer's, so there it is not known before the whole head is.
    pub(super) fn first_byte(&self) -> Option<Monotonic> {
        match self.halves {
            Halves::Http1 { .. } => self.meter.first_read(),
            Halves::Http2 { .. } => None,
        }
    }

    /// Reads the body to its end or its cap, and the trailers after it.
    pub(super) async fn read_body(
        &mut self,
        mut incoming: Incoming,
        reader: &mut Reader,
    ) -> Result<Option<http::HeaderMap>, Fault> {
        let mut trailers = None;
        let is_multiplexed = matches!(self.halves, Halves::Http2 { .. });
        // Over HTTP/1.1 it is known to be whole once the last of its bytes is there.
        while (is_multiplexed || !incoming.is_end_stream())
            && let Some(frame) = driven(&self.bell, &mut self.halves, incoming.frame()).await
        {
            let frame = frame.map_err(|error| self.fault(&error, Stage::Body))?;
            match frame.into_data() {
                Ok(bytes) => reader.take(&bytes).await?,
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        if is_multiplexed && is_cut_short(&incoming) {
            return Err(Fault::platform(FailClass::Send, "rst_stream no_error"));
        }
        reader.finish().await?;
        if trailers
            .as_ref()
            .is_some_and(|t| t.len() > ANSWER_HEADERS_MAX)
        {
            return Err(Fault::platform(FailClass::BodyTooLarge, "headers"));
        }
        Ok(trailers)
    }

    /// Whether another request can be sent: what arrived meanwhile is looked at first.
    pub(super) async fn is_ready(&mut self) -> bool {
        if !self.is_free() {
            self.poll_once().await;
        }
        if !self.meter.is_quiet() {
            // Something came in. It is for the connection to see, which the runtime must tell it
            // of. The runtime looks at its sockets once nobody has anything to do, and for what
            // this task was woken meanwhile it would go on at once: hence twice.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            self.poll_once().await;
        }
        self.is_free()
    }

    /// Whether it would take another request, as far as it has looked.
    fn is_free(&self) -> bool {
        match &self.halves {
            Halves::Http1 { sender, driver } => driver.is_some() && sender.is_ready(),
            Halves::Http2 { sender, .. } => sender.is_ready(),
        }
    }

    /// One poll, not a wait: a close that has arrived is seen, nothing else is waited for. What
    /// others have done before in the same turn must not keep it from reading.
    async fn poll_once(&mut self) {
        let poll = poll_fn(|_| {
            self.halves.poll(&mut Context::from_waker(Waker::noop()));
            Poll::Ready(())
        });
        unconstrained(poll).await;
    }

    /// Whether its exchange has left nothing behind that would run into the next one.
    pub(super) fn is_worth_keeping(&self) -> bool {
        match &self.halves {
            Halves::Http1 { driver, .. } => driver.is_some(),
            Halves::Http2 { crew, .. } => multiplexed::is_idle(crew),
        }
    }

    fn unanswered(&self, error: &TrySendError<Message>) -> Unanswered {
        let is_untouched = error.message().is_some() || multiplexed::is_turned_away(error.error());
        Unanswered {
            fault: self.fault(error.error(), Stage::Head),
            taken: if is_untouched {
                Taken::Never
            } else {
                Taken::Perhaps
            },
        }
    }

    fn fault(&self, error: &hyper::Error, stage: Stage) -> Fault {
        if error.is_parse_too_large() {
            return Fault::platform(FailClass::BodyTooLarge, "headers");
        }
        if error.is_parse() {
            return malformed();
        }
        // Where the stream itself broke, as one does whose encryption breaks, the platform's words
        // are not to blame: the errors look the same.
        if self.meter.broke().is_none()
            && let Some(fault) = misframed(error)
        {
            return fault;
        }
        multiplexed::fault(error, stage, self.meter.bytes_read())
            .unwrap_or_else(|| cut_off(&self.meter))
    }
}

/// Chunks that are none, or more lines behind them than are read: the library tells these as errors
/// of input, with no kind of their own for the latter.
fn misframed(error: &hyper::Error) -> Option<Fault> {
    let cause = std::error::Error::source(error)?.downcast_ref::<std::io::Error>()?;
    match cause.kind() {
        std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => {}
        _ => return None,
    }
    Some(if cause.to_string().contains("trailers") {
        Fault::platform(FailClass::BodyTooLarge, "headers")
    } else {
        malformed()
    })
}

/// The connection ended. The stream knows best how; hyper calls an early end an incomplete message.
fn cut_off(meter: &Meter) -> Fault {
    let detail = meter.broke().map_or_else(|| "closed".to_owned(), broken);
    Fault::platform(FailClass::Send, detail)
}

/// Whether the server reset a stream without an error before its body was whole, which hyper takes
/// for the body's end (RFC 9113, section 8.1, allows that reset after a complete answer only).
fn is_cut_short(incoming: &Incoming) -> bool {
    !incoming.is_end_stream() && incoming.size_hint().exact() != Some(0)
}

impl Halves {
    /// Lets the connection do what it can do now.
    fn poll(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::Http1 { driver, .. } => {
                if let Some(running) = driver
                    && running.as_mut().poll(cx).is_ready()
                {
                    // Its error, if any, reaches the request through their common channel.
                    *driver = None;
                }
            }
            Self::Http2 { crew, .. } => crew.poll(cx),
        }
    }
}

/// Polls `future` and, beside it, the connection that it depends on.
///
/// Only the connection brings the future on, and only while it is polled here; so the future need
/// not wake anybody. It must not be held back by the runtime either, whose word that it may go on
/// would be lost.
async fn driven<T>(bell: &Bell, halves: &mut Halves, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(unconstrained(future));
    poll_fn(|cx| {
        bell.poll(cx, |cx| {
            halves.poll(cx);
            future
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        })
    })
    .await
}
