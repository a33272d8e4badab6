//! The futures that make up one HTTP/2 connection, owned and polled by it instead of being spawned.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};

type Work = BoxFuture<'static, ()>;

/// All that works for one connection. Dropping it ends all of it.
#[derive(Default)]
pub(super) struct Crew {
    /// Behind a lock that is never waited for: runs are lent to many, and futures cannot be.
    working: Mutex<FuturesUnordered<Work>>,
    foreman: Foreman,
}

/// Takes work on for a crew: hyper's executor.
#[derive(Clone, Default)]
pub(super) struct Foreman(Arc<Mutex<Vec<Work>>>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Foreman {
    fn execute(&self, work: F) {
        self.waiting().push(Box::pin(work));
    }
}

impl Foreman {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Work>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Crew {
    pub(super) fn foreman(&self) -> Foreman {
        self.foreman.clone()
    }

    /// Takes work on.
    pub(super) fn hire(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.foreman.waiting().push(Box::pin(work));
    }

    /// How many pieces of work are not done yet.
    pub(super) fn len(&self) -> usize {
        let working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        working.len() + self.foreman.waiting().len()
    }

    /// Lets everybody do what they can do now.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        let working = self
            .working
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            working.extend(self.foreman.waiting().drain(..));
            match working.poll_next_unpin(cx) {
                // One is done, which may have given others something to do.
                Poll::Ready(Some(())) => (),
                Poll::Ready(None) | Poll::Pending => {
                    if self.foreman.waiting().is_empty() {
                        return;
                    }
                }
            }
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // Work that waits may hold the foreman that holds it.
        let waiting = std::mem::take(&mut *self.foreman.waiting());
        drop(waiting);
    }
}
