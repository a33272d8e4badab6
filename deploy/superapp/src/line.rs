//! One accepted connection: it holds its place among the bounded many, and can be cut off hard.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

/// Says that a connection ends with a reset instead of an orderly close.
#[derive(Debug, Clone, Default)]
pub(crate) struct HardCut(Arc<AtomicBool>);

impl HardCut {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A TCP stream with its place in the listener's bound.
#[derive(Debug)]
pub(crate) struct Line {
    stream: TcpStream,
    hard: HardCut,
    _place: OwnedSemaphorePermit,
}

impl Line {
    pub(crate) fn new(stream: TcpStream, hard: HardCut, place: OwnedSemaphorePermit) -> Self {
        Self {
            stream,
            hard,
            _place: place,
        }
    }
}

/// Makes closing `stream` send a reset: no time to linger drops what is unsent (RFC 9293, 3.10.4).
pub(crate) fn reset_on_close(stream: &TcpStream) {
    if let Err(error) = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "a connection could not be set to reset");
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.hard.0.load(Ordering::Relaxed) {
            reset_on_close(&self.stream);
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
