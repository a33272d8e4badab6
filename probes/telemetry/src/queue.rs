//! The bounded queue between the SDK's thread and the task that sends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::sync::mpsc;

use crate::Counts;

/// Requests that wait to be sent: a quarter of an hour at one a minute. Those that find it full
/// are dropped and counted.
const QUEUE_MAX: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct Counters {
    sent: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Counters {
    pub(crate) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        Counts {
            sent: self.sent.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}

/// The end that the exporter takes for an HTTP client: it answers at once.
#[derive(Debug)]
pub(crate) struct Queue {
    requests: mpsc::Sender<Request<Bytes>>,
    counters: Arc<Counters>,
}

pub(crate) fn bounded(counters: Arc<Counters>) -> (Queue, mpsc::Receiver<Request<Bytes>>) {
    let (requests, receiver) = mpsc::channel(QUEUE_MAX);
    (Queue { requests, counters }, receiver)
}

impl Queue {
    fn take(&self, request: Request<Bytes>) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        if self.requests.try_send(request).is_err() {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response
    }
}

impl HttpClient for Queue {
    fn send_bytes<'a, 'f>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        Box::pin(std::future::ready(Ok(self.take(request))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_and_counts() {
        let counters = Arc::<Counters>::default();
        let (queue, receiver) = bounded(counters.clone());
        for _ in 0..QUEUE_MAX {
            let answer = queue.take(Request::new(Bytes::new()));
            assert_eq!(answer.status(), StatusCode::OK);
        }
        let answer = queue.take(Request::new(Bytes::new()));
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(counters.read().dropped, 1);
        drop(receiver);
    }
}
