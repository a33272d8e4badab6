//! A stream that notes when the first byte of an answer arrived and how it broke.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bongsu_model::{Clock, Monotonic};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Stream;

/// What was noted of a stream. Shared with it, since hyper and tungstenite own the stream.
#[derive(Debug, Clone)]
pub(crate) struct Meter(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
struct Notes {
    first_read: Option<Monotonic>,
    bytes_read: usize,
    broke: Option<io::ErrorKind>,
    look: Look,
}

/// Whether the next read is to look at the socket itself, and whether it found it quiet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Look {
    #[default]
    Unwanted,
    Wanted,
    Quiet,
}

impl Meter {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().expect("nothing panics while holding it")
    }

    /// Forgets what was noted: another request begins.
    pub(crate) fn reset(&self) {
        *self.notes() = Notes::default();
    }

    /// Lets the next read look at the socket itself first, whatever the runtime knows of it.
    pub(crate) fn look(&self) {
        self.notes().look = Look::Wanted;
    }

    /// Whether a read has looked since, and nothing had come in.
    pub(crate) fn was_quiet(&self) -> bool {
        self.notes().look == Look::Quiet
    }

    /// When the first byte since the reset was read.
    pub(crate) fn first_read(&self) -> Option<Monotonic> {
        self.notes().first_read
    }

    /// How many bytes were read since the reset, counting from its first.
    pub(crate) fn bytes_read(&self) -> usize {
        self.notes().bytes_read
    }

    /// The first error of the stream since the reset.
    pub(crate) fn broke(&self) -> Option<io::ErrorKind> {
        self.notes().broke
    }
}

/// A stream and its meter.
pub(crate) struct Metered {
    stream: Box<dyn Stream>,
    clock: Arc<dyn Clock>,
    meter: Meter,
}

impl std::fmt::Debug for Metered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metered")
            .field("meter", &self.meter)
            .finish()
    }
}

impl Metered {
    pub(crate) fn new(stream: Box<dyn Stream>, clock: &Arc<dyn Clock>) -> Self {
        Self {
            stream,
            clock: Arc::clone(clock),
            meter: Meter(Arc::default()),
        }
    }

    pub(crate) fn meter(&self) -> Meter {
        self.meter.clone()
    }

    fn note<T>(&self, result: &Poll<io::Result<T>>) {
        if let Poll::Ready(Err(error)) = result {
            self.meter.notes().broke.get_or_insert_with(|| error.kind());
        }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.meter.notes().look == Look::Wanted {
            let is_quiet = self.stream.is_quiet();
            self.meter.notes().look = if is_quiet {
                Look::Quiet
            } else {
                Look::Unwanted
            };
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let count = buffer.filled().len() - before;
        if count > 0 {
            let mut notes = self.meter.notes();
            notes.bytes_read = notes.bytes_read.saturating_add(count);
            notes
                .first_read
                .get_or_insert_with(|| self.clock.monotonic());
        }
        self.note(&result);
        result
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(&result);
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.note(&result);
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.note(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
