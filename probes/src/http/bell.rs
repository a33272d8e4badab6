//! Who is woken for a connection: the task that waits for it, unless it is at it already.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// How often one poll goes on at once with what woke it meanwhile. Then others have their turn.
const AT_ONCE_MAX: usize = 8;

/// Rung by whatever a connection waits for. A connection wakes itself with most that it does; the
/// task that is polling it just then would be polled for that once more, from its top.
pub(super) struct Bell {
    rung: Arc<Rung>,
    waker: Waker,
}

#[derive(Default)]
struct Rung {
    is_rung: AtomicBool,
    /// Who waits; nobody while it is being polled.
    waiting: AtomicWaker,
}

impl Wake for Rung {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_rung.store(true, Ordering::Release);
        self.waiting.wake();
    }
}

impl Bell {
    pub(super) fn new() -> Self {
        let rung = Arc::new(Rung::default());
        let waker = Waker::from(rung.clone());
        Self { rung, waker }
    }

    /// Polls until nothing has rung since the last poll began; `cx` is woken by what rings later.
    pub(super) fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        for _ in 0..AT_ONCE_MAX {
            let _ = self.rung.waiting.take();
            // What rang before is seen by the poll that follows, with what it had written.
            let _ = self.rung.is_rung.swap(false, Ordering::Acquire);
            if let Poll::Ready(done) = poll(&mut Context::from_waker(&self.waker)) {
                return Poll::Ready(done);
            }
            // In this order: what rings between the two is seen here, what rings later wakes.
            self.rung.waiting.register(cx.waker());
            if !self.rung.is_rung.load(Ordering::Acquire) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            let _ = self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Task {
        woken: Arc<Count>,
        waker: Waker,
    }

    impl Task {
        fn new() -> Self {
            let woken = Arc::new(Count::default());
            let waker = Waker::from(woken.clone());
            Self { woken, waker }
        }

        fn woken(&self) -> usize {
            self.woken.0.load(Ordering::Relaxed)
        }

        /// Polls what rings `rings` times while it is polled; gives back how often it was.
        fn poll(&self, bell: &Bell, rings: usize) -> usize {
            let mut polls = 0;
            let polled = bell.poll(&mut Context::from_waker(&self.waker), |cx| {
                polls += 1;
                if polls <= rings {
                    cx.waker().wake_by_ref();
                }
                Poll::<()>::Pending
            });
            assert!(polled.is_pending());
            polls
        }
    }

    #[test]
    fn what_rings_while_it_is_polled_is_polled_again_and_wakes_nobody() {
        let (bell, task) = (Bell::new(), Task::new());
        assert_eq!(task.poll(&bell, 0), 1);
        assert_eq!(task.poll(&bell, 3), 4);
        assert_eq!(task.woken(), 0);
    }

    #[test]
    fn what_rings_later_wakes_whoever_polled_last() {
        let bell = Bell::new();
        let (first, last) = (Task::new(), Task::new());
        let _ = first.poll(&bell, 0);
        let _ = last.poll(&bell, 1);
        bell.waker.wake_by_ref();
        assert_eq!((first.woken(), last.woken()), (0, 1));
        // A waker that is kept from before does not hold the next poll back.
        bell.waker.wake_by_ref();
        assert_eq!(last.poll(&bell, 0), 1);
    }

    #[test]
    fn what_rings_without_end_lets_others_have_their_turn() {
        let (bell, task) = (Bell::new(), Task::new());
        assert_eq!(task.poll(&bell, usize::MAX), AT_ONCE_MAX);
        assert!(task.woken() >= 1, "it goes on");
    }

    #[test]
    fn what_is_done_wakes_nobody() {
        let (bell, task) = (Bell::new(), Task::new());
        let polled = bell.poll(&mut Context::from_waker(&task.waker), |cx| {
            cx.waker().wake_by_ref();
            Poll::Ready(7)
        });
        assert_eq!((polled, task.woken()), (Poll::Ready(7), 0));
    }
}
