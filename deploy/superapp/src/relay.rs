//! The component `relay`: keeps messages for a while and hands them to open streams. Knows no HTTP.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_model::{Monotonic, RegionId, Timestamp};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::audit::{Count, Counts, UndeletedMessage};

/// Most messages kept per sender: 128 runs' leftovers, twenty minutes at one run every 10 s.
pub(crate) const MESSAGES_PER_SENDER_MAX: usize = 128;
/// Most open streams of one user; the oldest is closed.
const STREAMS_PER_USER_MAX: usize = 8;
/// Frames waiting for one stream: a minute of one message a second; more are dropped.
const FRAMES_WAITING_MAX: usize = 64;

/// A message as it was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) text: String,
    pub(crate) client_ref: Option<String>,
    pub(crate) sent_at: Timestamp,
}

/// A message that someone wants to send.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) text: String,
    pub(crate) client_ref: Option<String>,
    pub(crate) idempotency_key: String,
}

/// What became of a draft.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// It is a new message.
    New(Message),
    /// It was accepted before under the same key.
    Before(Message),
    /// The key was used for something else.
    Conflict,
}

/// One message on its way to the streams of its receiver.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) message: Message,
    pub(crate) sender_region: RegionId,
}

/// A stream's end of its queue.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) id: u64,
    pub(crate) user_id: String,
    pub(crate) deliveries: mpsc::Receiver<Delivery>,
    /// Fires when a newer stream took this one's place.
    pub(crate) crowded_out: CancellationToken,
}

#[derive(Debug)]
struct Kept {
    message: Message,
    key: String,
    accepted: Monotonic,
    deleted: bool,
}

#[derive(Debug)]
struct Outlet {
    id: u64,
    deliveries: mpsc::Sender<Delivery>,
    crowded_out: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    by_sender: HashMap<String, VecDeque<Kept>>,
    outlets: HashMap<String, VecDeque<Outlet>>,
}

/// The relay of one platform.
#[derive(Debug)]
pub(crate) struct Relay {
    retention: Duration,
    state: Mutex<State>,
}

impl Relay {
    pub(crate) fn new(retention: Duration) -> Self {
        Self {
            retention,
            state: Mutex::new(State::default()),
        }
    }

    /// Keeps a draft as a message, once per sender and key.
    pub(crate) fn accept(
        &self,
        draft: Draft,
        (wall, now): (Timestamp, Monotonic),
        counts: &Counts,
    ) -> Accepted {
        let mut state = self.state();
        state.last_id += 1;
        let id = format!("m-{}", state.last_id);
        let kept = state.by_sender.entry(draft.from.clone()).or_default();
        while kept.front().is_some_and(|oldest| {
            kept.len() >= MESSAGES_PER_SENDER_MAX || now.since(oldest.accepted) >= self.retention
        }) {
            if kept.pop_front().is_some_and(|oldest| !oldest.deleted) {
                counts.add(Count::MessagesExpired);
            }
        }
        if let Some(before) = kept.iter().find(|k| k.key == draft.idempotency_key) {
            let same = before.message.to == draft.to
                && before.message.text == draft.text
                && before.message.client_ref == draft.client_ref;
            if same {
                return Accepted::Before(before.message.clone());
            }
            counts.add(Count::IdempotencyConflicts);
            return Accepted::Conflict;
        }
        let message = Message {
            id,
            from: draft.from,
            to: draft.to,
            text: draft.text,
            client_ref: draft.client_ref,
            sent_at: wall,
        };
        kept.push_back(Kept {
            message: message.clone(),
            key: draft.idempotency_key,
            accepted: now,
            deleted: false,
        });
        counts.add(Count::MessagesAccepted);
        Accepted::New(message)
    }

    /// Hands a message to every open stream of its receiver.
    pub(crate) fn deliver(&self, delivery: &Delivery, counts: &Counts) {
        let state = self.state();
        for outlet in state
            .outlets
            .get(&delivery.message.to)
            .into_iter()
            .flatten()
        {
            if outlet.deliveries.try_send(delivery.clone()).is_err() {
                counts.add(Count::MessagesOverflowed);
            }
        }
    }

    /// The messages of `from` that are not deleted, of one reference or all.
    pub(crate) fn sent(
        &self,
        from: &str,
        client_ref: Option<&str>,
        now: Monotonic,
    ) -> Vec<Message> {
        let state = self.state();
        let kept = state.by_sender.get(from).into_iter().flatten();
        kept.filter(|k| self.is_there(k, now))
            .filter(|k| client_ref.is_none() || k.message.client_ref.as_deref() == client_ref)
            .map(|k| k.message.clone())
            .collect()
    }

    /// Deletes a message of `from`; false if there is none of this id.
    pub(crate) fn delete(&self, from: &str, id: &str, now: Monotonic) -> bool {
        let mut state = self.state();
        let kept = state.by_sender.get_mut(from).into_iter().flatten();
        let found = kept
            .filter(|k| self.is_there(k, now))
            .find(|k| k.message.id == id);
        found.map(|k| k.deleted = true).is_some()
    }

    /// Opens a queue for a stream of `user_id`.
    pub(crate) fn open(&self, user_id: &str, counts: &Counts) -> Inbox {
        let (sender, deliveries) = mpsc::channel(FRAMES_WAITING_MAX);
        let crowded_out = CancellationToken::new();
        let mut state = self.state();
        state.last_id += 1;
        let id = state.last_id;
        let outlets = state.outlets.entry(user_id.to_owned()).or_default();
        if outlets.len() >= STREAMS_PER_USER_MAX
            && let Some(oldest) = outlets.pop_front()
        {
            counts.add(Count::StreamsCrowdedOut);
            oldest.crowded_out.cancel();
        }
        outlets.push_back(Outlet {
            id,
            deliveries: sender,
            crowded_out: crowded_out.clone(),
        });
        counts.add(Count::StreamsOpened);
        Inbox {
            id,
            user_id: user_id.to_owned(),
            deliveries,
            crowded_out,
        }
    }

    /// Forgets the queue of a stream that is over.
    pub(crate) fn close(&self, user_id: &str, id: u64) {
        let mut state = self.state();
        if let Some(outlets) = state.outlets.get_mut(user_id) {
            outlets.retain(|outlet| outlet.id != id);
            if outlets.is_empty() {
                state.outlets.remove(user_id);
            }
        }
    }

    pub(crate) fn streams_open(&self) -> usize {
        self.state().outlets.values().map(VecDeque::len).sum()
    }

    pub(crate) fn undeleted(&self, now: Monotonic) -> Vec<UndeletedMessage> {
        let state = self.state();
        let kept = state.by_sender.values().flatten();
        let mut left: Vec<_> = kept
            .filter(|k| self.is_there(k, now))
            .map(|k| UndeletedMessage {
                id: k.message.id.clone(),
                from: k.message.from.clone(),
                client_ref: k.message.client_ref.clone(),
                age_s: now.since(k.accepted).as_secs_f64(),
            })
            .collect();
        left.sort_by(|a, b| b.age_s.total_cmp(&a.age_s));
        left
    }

    fn is_there(&self, kept: &Kept, now: Monotonic) -> bool {
        !kept.deleted && now.since(kept.accepted) < self.retention
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(key: &str, text: &str) -> Draft {
        Draft {
            from: "u-a".to_owned(),
            to: "u-b".to_owned(),
            text: text.to_owned(),
            client_ref: Some("r".to_owned()),
            idempotency_key: key.to_owned(),
        }
    }

    fn at(seconds: u64) -> (Timestamp, Monotonic) {
        let origin = Monotonic::from_origin(Duration::from_secs(seconds));
        (Timestamp::from_unix_seconds(seconds), origin)
    }

    #[test]
    fn a_key_makes_one_message_even_after_its_deletion() {
        let (relay, counts) = (Relay::new(Duration::from_secs(600)), Counts::default());
        let Accepted::New(first) = relay.accept(draft("k", "hi"), at(1), &counts) else {
            panic!("new")
        };
        assert!(relay.delete("u-a", &first.id, at(2).1));
        assert!(!relay.delete("u-a", &first.id, at(2).1));
        let again = relay.accept(draft("k", "hi"), at(3), &counts);
        assert!(matches!(again, Accepted::Before(m) if m.id == first.id));
        let other = relay.accept(draft("k", "other"), at(4), &counts);
        assert!(matches!(other, Accepted::Conflict));
        assert_eq!(counts.get(Count::IdempotencyConflicts), 1);
        assert!(relay.undeleted(at(5).1).is_empty());
    }

    #[test]
    fn messages_are_bounded_by_number_and_age() {
        let (relay, counts) = (Relay::new(Duration::from_secs(600)), Counts::default());
        for n in 0..MESSAGES_PER_SENDER_MAX + 3 {
            relay.accept(draft(&n.to_string(), "hi"), at(1), &counts);
        }
        assert_eq!(
            relay.sent("u-a", Some("r"), at(2).1).len(),
            MESSAGES_PER_SENDER_MAX
        );
        assert_eq!(counts.get(Count::MessagesExpired), 3);
        assert!(relay.sent("u-a", None, at(601).1).is_empty());
        assert!(relay.sent("u-b", None, at(2).1).is_empty());
    }

    #[test]
    fn a_user_with_too_many_streams_loses_the_oldest() {
        let (relay, counts) = (Relay::new(Duration::from_secs(600)), Counts::default());
        let first = relay.open("u-b", &counts);
        let rest: Vec<_> = (0..STREAMS_PER_USER_MAX)
            .map(|_| relay.open("u-b", &counts))
            .collect();
        assert!(first.crowded_out.is_cancelled());
        assert_eq!(relay.streams_open(), STREAMS_PER_USER_MAX);
        for inbox in rest {
            relay.close(&inbox.user_id, inbox.id);
        }
        assert_eq!(relay.streams_open(), 0);
    }
}
