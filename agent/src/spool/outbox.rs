//! What nobody waits for on its way to the disk thread, and how that thread rests.

use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use bongsu_model::RunId;
use tokio::sync::mpsc;

use super::record::Record;
use crate::inflight::RunInFlight;

/// Most bytes of payload that lie here: what is more goes as commands, which wait for room.
const BYTES_MAX: usize = 512 << 10;

/// Most items that lie here: at 100 runs a second, with two items each, a rest of the disk thread
/// brings 40; at 4,000 it is woken some 15 times a second.
const ITEMS_MAX: usize = 1024;

/// All records of a run that ended.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) run: RunId,
    pub(super) records: Vec<Record>,
}

impl Report {
    fn bytes(&self) -> usize {
        self.records.iter().map(|one| one.payload.len()).sum()
    }
}

/// Something that the disk thread takes in with whatever it does next.
#[derive(Debug)]
pub(super) enum Item {
    /// A run that only asks has begun.
    Begun(Box<RunInFlight>),
    /// A run has ended.
    Ended(Report),
}

impl Item {
    /// The run that ended, if one did.
    pub(super) fn ended(&self) -> Option<RunId> {
        match self {
            Self::Begun(_) => None,
            Self::Ended(report) => Some(report.run),
        }
    }
}

/// Where items lie until the disk thread does something anyway, or its rest is over.
#[derive(Debug, Clone, Default)]
pub(super) struct Outbox(Arc<Mutex<Lying>>);

#[derive(Debug, Default)]
struct Lying {
    items: Vec<Item>,
    bytes: usize,
    /// The disk thread while it rests, and what is to wake it.
    resting: Option<(Thread, Filled)>,
}

/// How far an outbox is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// With one item or more.
    AtAll,
    /// With half of what it has room for, or more.
    Half,
}

impl Lying {
    fn is(&self, filled: Filled) -> bool {
        match filled {
            Filled::AtAll => !self.items.is_empty(),
            Filled::Half => self.items.len() >= ITEMS_MAX / 2 || self.bytes >= BYTES_MAX / 2,
        }
    }

    /// Wakes the disk thread if it rests until the outbox is as full as it is now.
    fn wake(&mut self) {
        let is_woken = self.resting.as_ref().is_some_and(|(_, at)| self.is(*at));
        if is_woken && let Some((thread, _)) = self.resting.take() {
            thread.unpark();
        }
    }
}

impl Outbox {
    fn lying(&self) -> MutexGuard<'_, Lying> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Puts down that a run has begun. There is always room: by another way it could come behind
    /// the run's own report, and the run would count as in flight for ever.
    ///
    /// The bound is elsewhere: a run has one such note, and ends by a report that lies here, waits
    /// among the commands or waits for room there. So there are at most as many notes as reports
    /// have room here (`ITEMS_MAX`) and there (`COMMANDS_MAX`), and runs go at a time
    /// (`concurrency`).
    pub(super) fn note(&self, run: Box<RunInFlight>) {
        let mut lying = self.lying();
        lying.items.push(Item::Begun(run));
        lying.wake();
    }

    /// Puts a report down. Gives it back if there is no room.
    pub(super) fn put(&self, report: Report) -> Option<Report> {
        let mut lying = self.lying();
        let bytes = lying.bytes + report.bytes();
        // One that is larger than the bound alone finds room in an empty outbox.
        if lying.items.len() >= ITEMS_MAX || (bytes > BYTES_MAX && !lying.items.is_empty()) {
            return Some(report);
        }
        lying.items.push(Item::Ended(report));
        lying.bytes = bytes;
        lying.wake();
        None
    }

    /// All that lie here, in their order.
    pub(super) fn take(&self) -> Vec<Item> {
        let mut lying = self.lying();
        lying.bytes = 0;
        lying.resting = None;
        std::mem::take(&mut lying.items)
    }

    /// Lets the item that fills the outbox so far wake the calling thread. False if it is filled
    /// so far already.
    pub(super) fn wakes_at(&self, filled: Filled) -> bool {
        let mut lying = self.lying();
        let is_awaited = !lying.is(filled);
        if is_awaited {
            lying.resting = Some((std::thread::current(), filled));
        }
        is_awaited
    }
}

/// What ended a rest.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    Command(T),
    /// No command came.
    Nothing,
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

    /// The next that comes through `queue`; nothing if the thread was woken for something else,
    /// or after about `longest`, if that is given.
    pub(super) fn until<T>(
        &mut self,
        queue: &mut mpsc::Receiver<T>,
        longest: Option<Duration>,
    ) -> Next<T> {
        if let Some(next) = self.look(queue) {
            return next;
        }
        match longest {
            Some(longest) => std::thread::park_timeout(longest),
            None => std::thread::park(),
        }
        self.look(queue).unwrap_or(Next::Nothing)
    }

    fn look<T>(&self, queue: &mut mpsc::Receiver<T>) -> Option<Next<T>> {
        match queue.poll_recv(&mut Context::from_waker(&self.0)) {
            Poll::Ready(Some(command)) => Some(Next::Command(command)),
            Poll::Ready(None) => Some(Next::Closed),
            Poll::Pending => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::record::RecordKind;

    fn report(n: u8, bytes: usize) -> Report {
        let record = Record {
            kind: RecordKind::Run,
            time: bongsu_model::Timestamp::from_unix_seconds(1),
            run: None,
            items: 1,
            payload: vec![0; bytes].into(),
        };
        Report {
            run: RunId::from_bytes([n; 16]),
            records: vec![record],
        }
    }

    fn number(item: &Item) -> u8 {
        match item {
            Item::Begun(run) => run.id.as_bytes()[0],
            Item::Ended(report) => report.run.as_bytes()[0],
        }
    }

    #[test]
    fn an_outbox_gives_back_what_it_has_no_room_for_and_keeps_the_order() {
        let outbox = Outbox::default();
        for _ in 0..ITEMS_MAX {
            assert!(outbox.put(report(1, 1)).is_none());
        }
        assert_eq!(outbox.put(report(2, 1)).unwrap().run.as_bytes()[0], 2);
        assert_eq!(outbox.take().len(), ITEMS_MAX);
        assert!(outbox.take().is_empty());
        assert!(outbox.put(report(3, BYTES_MAX + 1)).is_none());
        assert_eq!(outbox.put(report(4, 1)).unwrap().run.as_bytes()[0], 4);
        assert_eq!(outbox.take().len(), 1);
        assert!(outbox.put(report(5, BYTES_MAX)).is_none());
        assert!(outbox.put(report(6, 0)).is_none());
        let order: Vec<u8> = outbox.take().iter().map(number).collect();
        assert_eq!(order, [5, 6]);
    }

    #[test]
    fn that_a_run_begins_finds_room_in_a_full_outbox_before_its_report() {
        let begun = |n: u8| Box::new(crate::inflight::tests::run(n, "seoul"));
        let outbox = Outbox::default();
        for _ in 0..ITEMS_MAX {
            assert!(outbox.put(report(1, 1)).is_none());
        }
        outbox.note(begun(2));
        // It waits as a command: whoever takes that takes first what lies here.
        assert!(outbox.put(report(2, 1)).is_some());
        assert_eq!(number(outbox.take().last().unwrap()), 2);
        assert!(outbox.put(report(3, BYTES_MAX)).is_none());
        outbox.note(begun(4));
        assert!(outbox.put(report(4, 1)).is_some());
        assert_eq!(number(outbox.take().last().unwrap()), 4);
    }

    #[test]
    fn a_thread_sleeps_only_while_nothing_lies_there_and_the_next_item_wakes_it() {
        let outbox = Outbox::default();
        outbox.put(report(1, 1));
        assert!(!outbox.wakes_at(Filled::AtAll));
        outbox.take();
        let there = outbox.clone();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let sleeper = std::thread::spawn(move || {
            let (_sender, mut queue) = mpsc::channel::<()>(1);
            let mut rest = Rest::of_this_thread();
            assert!(there.wakes_at(Filled::AtAll));
            ready.send(()).unwrap();
            let mut taken = Vec::new();
            while taken.is_empty() {
                assert_eq!(rest.until(&mut queue, None), Next::Nothing);
                taken = there.take();
            }
            taken.len()
        });
        is_ready.recv().unwrap();
        assert!(outbox.put(report(2, 1)).is_none());
        assert_eq!(sleeper.join().unwrap(), 1);
    }

    #[test]
    fn a_thread_that_rests_a_while_is_woken_by_the_item_that_fills_half() {
        let outbox = Outbox::default();
        let is_resting = || outbox.lying().resting.is_some();
        outbox.put(report(1, 1));
        assert!(outbox.wakes_at(Filled::Half));
        for _ in 2..ITEMS_MAX / 2 {
            outbox.put(report(2, 1));
            assert!(is_resting());
        }
        outbox.put(report(3, 1));
        assert!(!is_resting(), "half of the items wake it");
        assert!(!outbox.wakes_at(Filled::Half));
        outbox.take();
        assert!(outbox.wakes_at(Filled::Half));
        outbox.put(report(4, BYTES_MAX / 2));
        assert!(!is_resting(), "half of the bytes wake it");
    }

    #[test]
    fn a_rest_ends_with_a_command_with_its_time_or_with_the_channel() {
        let (sender, mut queue) = mpsc::channel(4);
        let mut rest = Rest::of_this_thread();
        let short = Some(Duration::from_millis(1));
        assert_eq!(rest.until(&mut queue, short), Next::Nothing);
        sender.try_send(1).unwrap();
        assert_eq!(rest.until(&mut queue, short), Next::Command(1));
        let later = std::thread::spawn(move || {
            sender.blocking_send(2).unwrap();
            drop(sender);
        });
        // A thread may be woken for nothing.
        let mut next = || loop {
            let next = rest.until(&mut queue, None);
            if next != Next::Nothing {
                return next;
            }
        };
        assert_eq!(next(), Next::Command(2));
        assert_eq!(next(), Next::Closed);
        later.join().unwrap();
    }
}
