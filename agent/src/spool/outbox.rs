//! Reports on their way to the disk thread, and how that thread rests.

use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use bongsu_model::RunId;
use tokio::sync::mpsc;

use super::record::Record;

/// Most reports that lie here: more go as commands, which wait for room.
const REPORTS_MAX: usize = 64;

/// All records of a run that ended.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) run: RunId,
    pub(super) records: Vec<Record>,
}

/// Where reports lie until the disk thread does something anyway.
#[derive(Debug, Clone, Default)]
pub(super) struct Outbox(Arc<Mutex<Vec<Report>>>);

impl Outbox {
    fn reports(&self) -> MutexGuard<'_, Vec<Report>> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Puts a report down. Gives it back if there is no room.
    pub(super) fn put(&self, report: Report) -> Option<Report> {
        let mut reports = self.reports();
        if reports.len() >= REPORTS_MAX {
            return Some(report);
        }
        reports.push(report);
        None
    }

    /// All that lie here, in their order.
    pub(super) fn take(&self) -> Vec<Report> {
        std::mem::take(&mut *self.reports())
    }
}

/// What ended a rest.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    Command(T),
    /// Nothing came.
    Rested,
    /// Nothing will come any more.
    Closed,
}

/// A thread that waits for a channel, or for as long as it may.
#[derive(Debug)]
pub(super) struct Rest(Waker);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

impl Rest {
    pub(super) fn of_this_thread() -> Self {
        Self(Arc::new(Unpark(std::thread::current())).into())
    }

    /// The next that comes through `queue`, or nothing after about `longest`.
    pub(super) fn until<T>(
        &mut self,
        queue: &mut mpsc::Receiver<T>,
        longest: Option<Duration>,
    ) -> Next<T> {
        let mut context = Context::from_waker(&self.0);
        let mut has_rested = false;
        loop {
            match queue.poll_recv(&mut context) {
                Poll::Ready(Some(command)) => return Next::Command(command),
                Poll::Ready(None) => return Next::Closed,
                Poll::Pending if has_rested => return Next::Rested,
                Poll::Pending => {}
            }
            match longest {
                Some(longest) => {
                    std::thread::park_timeout(longest);
                    has_rested = true;
                }
                // It may return for no reason: then nothing has come, and it rests again.
                None => std::thread::park(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(n: u8) -> Report {
        Report {
            run: RunId::from_bytes([n; 16]),
            records: Vec::new(),
        }
    }

    #[test]
    fn an_outbox_gives_back_what_it_has_no_room_for_and_keeps_the_order() {
        let outbox = Outbox::default();
        for _ in 0..REPORTS_MAX {
            assert!(outbox.put(report(1)).is_none());
        }
        assert_eq!(outbox.put(report(2)).unwrap().run.as_bytes()[0], 2);
        assert_eq!(outbox.take().len(), REPORTS_MAX);
        assert!(outbox.take().is_empty());
        assert!(outbox.put(report(3)).is_none());
        assert!(outbox.put(report(4)).is_none());
        let taken = outbox.take();
        let order: Vec<u8> = taken.iter().map(|one| one.run.as_bytes()[0]).collect();
        assert_eq!(order, [3, 4]);
    }

    #[test]
    fn a_rest_ends_with_a_command_with_its_time_or_with_the_channel() {
        let (sender, mut queue) = mpsc::channel(4);
        let mut rest = Rest::of_this_thread();
        let short = Some(Duration::from_millis(1));
        assert_eq!(rest.until(&mut queue, short), Next::Rested);
        sender.try_send(1).unwrap();
        assert_eq!(rest.until(&mut queue, short), Next::Command(1));
        let later = std::thread::spawn(move || {
            sender.blocking_send(2).unwrap();
            drop(sender);
        });
        assert_eq!(rest.until(&mut queue, None), Next::Command(2));
        assert_eq!(rest.until(&mut queue, None), Next::Closed);
        later.join().unwrap();
    }
}
