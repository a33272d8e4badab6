//! The component `relay`: keeps messages for a while. Knows no HTTP; streams are `outlet`'s.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_model::{Monotonic, Timestamp};

use crate::audit::{Count, Counts, UndeletedMessage};

/// Most messages kept per sender: 128 runs' leftovers, twenty minutes at one run every 10 s.
pub(crate) const MESSAGES_PER_SENDER_MAX: usize = 128;

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

#[derive(Debug)]
struct Kept {
    message: Message,
    key: String,
    accepted: Monotonic,
    deleted: bool,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    by_sender: HashMap<String, VecDeque<Kept>>,
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

    /// How many messages to `user_id` are not deleted.
    pub(crate) fn received(&self, user_id: &str, now: Monotonic) -> usize {
        let state = self.state();
        let kept = state.by_sender.values().flatten();
        let to = kept.filter(|k| k.message.to == user_id);
        to.filter(|k| self.is_there(k, now)).count()
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
}
