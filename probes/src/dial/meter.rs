//! A stream that notes when the first byte of an answer arrived and how it broke.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bongsu_model::{Clock, Monotonic};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Stream;

/// What was noted of a stream. Shared with it, since hyper and tungstenite own the stream; the
/// socket is closed when both are gone.
#[derive(Clone)]
pub(crate) struct Meter(Arc<Mutex<Inner>>);

struct Inner {
    stream: Box<dyn Stream>,
    notes: Notes,
}

#[derive(Debug, Default)]
struct Notes {
    first_read: Option<Monotonic>,
    bytes_read: usize,
    broke: Option<io::ErrorKind>,
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Meter").field(&self.inner().notes).finish()
    }
}

impl Meter {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A stream that panics takes its run along; nobody reads notes of it that are half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was noted: another request begins.
    pub(crate) fn reset(&self) {
        self.inner().notes = Notes::default();
    }

    /// Whether nothing has come in at the socket that nobody has read, whatever the runtime knows of
    /// it; see [`Stream::is_quiet`].
    pub(crate) fn is_quiet(&self) -> bool {
        self.inner().stream.is_quiet()
    }

    /// When the first byte since the reset was read.
    pub(crate) fn first_read(&self) -> Option<Monotonic> {
        self.inner().notes.first_read
    }

    /// How many bytes were read since the reset, counting from its first.
    pub(crate) fn bytes_read(&self) -> usize {
        self.inner().notes.bytes_read
    }

    /// The first error of the stream since the reset.
    pub(crate) fn broke(&self) -> Option<io::ErrorKind> {
        self.inner().notes.broke
    }
}

/// A stream and its meter.
pub(crate) struct Metered {
    meter: Meter,
    clock: Arc<dyn Clock>,
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
        let inner = Inner {
            stream,
            notes: Notes::default(),
        };
        Self {
            meter: Meter(Arc::new(Mutex::new(inner))),
            clock: Arc::clone(clock),
        }
    }

    pub(crate) fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Lets the stream do something, and notes how that broke.
    fn using<T>(
        &self,
        act: impl FnOnce(Pin<&mut dyn Stream>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut inner = self.meter.inner();
        let result = act(Pin::new(&mut *inner.stream));
        inner.notes.note(&result);
        result
    }
}

impl Notes {
    fn note<T>(&mut self, result: &Poll<io::Result<T>>) {
        if let Poll::Ready(Err(error)) = result {
            self.broke.get_or_insert_with(|| error.kind());
        }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let mut inner = self.meter.inner();
        let result = Pin::new(&mut *inner.stream).poll_read(cx, buffer);
        let count = buffer.filled().len() - before;
        let notes = &mut inner.notes;
        if count > 0 {
            notes.bytes_read = notes.bytes_read.saturating_add(count);
            notes
                .first_read
                .get_or_insert_with(|| self.clock.monotonic());
        }
        notes.note(&result);
        result
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.using(|stream| stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.using(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.meter.inner().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.using(|stream| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.meter.inner().stream.is_write_vectored()
    }
}
