//! What users make and end: rooms, notices, calls, events …, each with who has a part in it.
//! Bounded by number and age; done once per maker and key. Knows no HTTP.

mod kind;

pub(crate) use kind::Kind;

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_model::{Monotonic, Timestamp};
use serde_json::{Map, Value, json};

use crate::audit::{Count, Counts};

/// Most things of one kind that are remembered of one maker: 64 runs' leftovers.
const KEPT_PER_MAKER_MAX: usize = 64;
/// Most who have a part in one thing.
pub(crate) const MEMBERS_MAX: usize = 100;

/// Who has a part in a thing beside its maker, and which.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) user_id: String,
    pub(crate) state: &'static str,
}

/// A thing that somebody made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// The user id of its maker.
    pub(crate) owner: String,
    pub(crate) client_ref: Option<String>,
    pub(crate) members: Vec<Member>,
    pub(crate) state: &'static str,
    /// What it says, by field.
    pub(crate) detail: Map<String, Value>,
    pub(crate) made_at: Timestamp,
}

impl Record {
    /// Whether `user_id` made it or has a part in it.
    pub(crate) fn is_of(&self, user_id: &str) -> bool {
        self.owner == user_id || self.members.iter().any(|member| member.user_id == user_id)
    }

    /// Everybody in it but `user_id`.
    pub(crate) fn others(&self, user_id: &str) -> Vec<String> {
        let members = self.members.iter().map(|member| &member.user_id);
        let all = std::iter::once(&self.owner).chain(members);
        all.filter(|one| *one != user_id).cloned().collect()
    }

    /// The part of `user_id`.
    pub(crate) fn member(&mut self, user_id: &str) -> Option<&mut Member> {
        self.members
            .iter_mut()
            .find(|member| member.user_id == user_id)
    }

    /// As its users see it.
    pub(crate) fn shown(&self) -> Value {
        let members: Vec<Value> = self
            .members
            .iter()
            .map(|member| json!({ "user_id": member.user_id, "state": member.state }))
            .collect();
        let mut shown = self.detail.clone();
        shown.insert("id".to_owned(), Value::from(self.id.as_str()));
        shown.insert("owner".to_owned(), Value::from(self.owner.as_str()));
        shown.insert("client_ref".to_owned(), json!(self.client_ref));
        shown.insert("members".to_owned(), Value::from(members));
        shown.insert("state".to_owned(), Value::from(self.state));
        let made_at = crate::http::rfc3339(self.made_at);
        shown.insert("made_at".to_owned(), Value::from(made_at));
        Value::from(shown)
    }

    /// As it looks while something says wrong things: well, and not true.
    pub(crate) fn altered(&self) -> Value {
        let mut wrong = self.clone();
        "u-someone-else".clone_into(&mut wrong.owner);
        for value in wrong.detail.values_mut() {
            if let Value::String(text) = value {
                text.push_str(" (altered)");
            }
        }
        wrong.shown()
    }
}

/// A thing that somebody wants to make.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) members: Vec<Member>,
    pub(crate) state: &'static str,
    pub(crate) detail: Map<String, Value>,
    /// Whether it is there until it is ended; what is sent and done with is not.
    pub(crate) stays: bool,
}

/// Who makes something, and by which request.
#[derive(Debug)]
pub(crate) struct Making {
    pub(crate) kind: Kind,
    pub(crate) owner: String,
    pub(crate) client_ref: Option<String>,
    pub(crate) key: String,
    /// The request: the same key with another one is a conflict.
    pub(crate) body: Value,
}

/// What became of a wish to make something.
#[derive(Debug)]
pub(crate) enum Made {
    /// It is new.
    New(Record),
    /// It was made before under the same key.
    Before(Record),
    /// The key was used for something else.
    Conflict,
}

#[derive(Debug)]
struct Kept {
    record: Record,
    key: String,
    body: Value,
    made: Monotonic,
    is_open: bool,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    kept: HashMap<(Kind, String), VecDeque<Kept>>,
    owners: HashMap<String, (Kind, String)>,
}

/// The things of one platform.
#[derive(Debug)]
pub(crate) struct Records {
    retention: Duration,
    state: Mutex<State>,
}

impl Records {
    pub(crate) fn new(retention: Duration) -> Self {
        Self {
            retention,
            state: Mutex::new(State::default()),
        }
    }

    /// What was made before by the same request, or that its key is taken.
    pub(crate) fn before(&self, making: &Making, counts: &Counts) -> Option<Made> {
        let state = self.state();
        let kept = state.kept.get(&(making.kind, making.owner.clone()))?;
        let before = kept.iter().find(|one| one.key == making.key)?;
        if before.body == making.body {
            return Some(Made::Before(before.record.clone()));
        }
        counts.add(Count::IdempotencyConflicts);
        Some(Made::Conflict)
    }

    /// Makes something, once per maker and key.
    pub(crate) fn make(
        &self,
        (making, draft): (Making, Draft),
        (wall, now): (Timestamp, Monotonic),
        counts: &Counts,
    ) -> Made {
        if let Some(before) = self.before(&making, counts) {
            return before;
        }
        let mut state = self.state();
        let state = &mut *state;
        state.last_id += 1;
        let id = format!("{}-{}", making.kind.collection(), state.last_id);
        let place = (making.kind, making.owner.clone());
        let kept = state.kept.entry(place.clone()).or_default();
        while kept.front().is_some_and(|oldest| {
            kept.len() >= KEPT_PER_MAKER_MAX || now.since(oldest.made) >= self.retention
        }) {
            if let Some(oldest) = kept.pop_front() {
                state.owners.remove(&oldest.record.id);
                if oldest.is_open {
                    counts.add(Count::RecordsExpired);
                }
            }
        }
        let record = Record {
            id: id.clone(),
            kind: making.kind,
            owner: making.owner,
            client_ref: making.client_ref,
            members: draft.members,
            state: draft.state,
            detail: draft.detail,
            made_at: wall,
        };
        kept.push_back(Kept {
            record: record.clone(),
            key: making.key,
            body: making.body,
            made: now,
            is_open: draft.stays,
        });
        state.owners.insert(id, place);
        counts.add(Count::RecordsMade);
        Made::New(record)
    }

    /// The thing of this id, if it is there.
    pub(crate) fn get(&self, kind: Kind, id: &str, now: Monotonic) -> Option<Record> {
        self.with(kind, id, now, |kept| kept.record.clone())
    }

    /// What `user_id` made or has a part in, newest first, of one reference or all.
    pub(crate) fn find(
        &self,
        (kind, user_id): (Kind, &str),
        client_ref: Option<&str>,
        now: Monotonic,
    ) -> Vec<Record> {
        let state = self.state();
        let of_kind = state.kept.iter().filter(|((of, _), _)| *of == kind);
        let mut found: Vec<_> = of_kind
            .flat_map(|(_, kept)| kept)
            .filter(|kept| self.is_there(kept, now))
            .filter(|kept| client_ref.is_none() || kept.record.client_ref.as_deref() == client_ref)
            .filter(|kept| kept.record.is_of(user_id))
            .map(|kept| (kept.made, kept.record.clone()))
            .collect();
        found.sort_by_key(|(made, _)| std::cmp::Reverse(*made));
        found.into_iter().map(|(_, record)| record).collect()
    }

    /// Changes a thing that is there, and gives back how it is then.
    pub(crate) fn change<E>(
        &self,
        (kind, id): (Kind, &str),
        now: Monotonic,
        change: impl FnOnce(&mut Record) -> Result<(), E>,
    ) -> Option<Result<Record, E>> {
        self.with(kind, id, now, |kept| {
            let mut changed = kept.record.clone();
            change(&mut changed)?;
            kept.record = changed.clone();
            Ok(changed)
        })
    }

    /// Ends a thing, and gives back how it was.
    pub(crate) fn end(&self, kind: Kind, id: &str, now: Monotonic) -> Option<Record> {
        self.with(kind, id, now, |kept| {
            kept.is_open = false;
            kept.record.clone()
        })
    }

    /// What nobody ended, oldest first.
    pub(crate) fn open(&self, now: Monotonic) -> Vec<OpenRecord> {
        let state = self.state();
        let kept = state.kept.values().flatten();
        let mut open: Vec<_> = kept
            .filter(|kept| self.is_there(kept, now))
            .map(|kept| OpenRecord {
                kind: kept.record.kind.collection(),
                id: kept.record.id.clone(),
                owner: kept.record.owner.clone(),
                client_ref: kept.record.client_ref.clone(),
                state: kept.record.state,
                age_s: now.since(kept.made).as_secs_f64(),
            })
            .collect();
        open.sort_by(|a, b| b.age_s.total_cmp(&a.age_s));
        open
    }

    fn with<T>(
        &self,
        kind: Kind,
        id: &str,
        now: Monotonic,
        act: impl FnOnce(&mut Kept) -> T,
    ) -> Option<T> {
        let mut state = self.state();
        let place = state.owners.get(id).filter(|(of, _)| *of == kind)?.clone();
        let mut kept = state.kept.get_mut(&place)?.iter_mut();
        let one = kept.find(|one| one.record.id == id)?;
        self.is_there(one, now).then(|| act(one))
    }

    fn is_there(&self, kept: &Kept, now: Monotonic) -> bool {
        kept.is_open && now.since(kept.made) < self.retention
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thing that nobody ended.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct OpenRecord {
    /// Its kind: `rooms`, `voice-calls` …
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// The user id of its maker.
    pub owner: String,
    /// What its maker called it.
    pub client_ref: Option<String>,
    /// How far it got.
    pub state: &'static str,
    /// Seconds since it was made.
    pub age_s: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> (Timestamp, Monotonic) {
        let origin = Monotonic::from_origin(Duration::from_secs(seconds));
        (Timestamp::from_unix_seconds(seconds), origin)
    }

    fn wish(key: &str, title: &str) -> (Making, Draft) {
        let making = Making {
            kind: Kind::Room,
            owner: "u-a".to_owned(),
            client_ref: Some("r".to_owned()),
            key: key.to_owned(),
            body: json!({ "title": title }),
        };
        let member = Member {
            user_id: "u-b".to_owned(),
            state: "invited",
        };
        let draft = Draft {
            members: vec![member],
            state: "open",
            detail: Map::from_iter([("title".to_owned(), Value::from(title))]),
            stays: true,
        };
        (making, draft)
    }

    #[test]
    fn a_key_makes_one_thing_even_after_its_end() {
        let (records, counts) = (Records::new(Duration::from_secs(600)), Counts::default());
        let Made::New(room) = records.make(wish("k", "t"), at(1), &counts) else {
            panic!("new")
        };
        let found = records.find((Kind::Room, "u-b"), Some("r"), at(1).1);
        assert_eq!(found, std::slice::from_ref(&room));
        assert!(records.find((Kind::Room, "u-c"), None, at(1).1).is_empty());
        assert!(records.get(Kind::Notice, &room.id, at(1).1).is_none());
        assert_eq!(records.open(at(2).1).len(), 1);
        assert!(records.end(Kind::Room, &room.id, at(2).1).is_some());
        assert!(records.end(Kind::Room, &room.id, at(2).1).is_none());
        let again = records.make(wish("k", "t"), at(3), &counts);
        assert!(matches!(again, Made::Before(before) if before.id == room.id));
        let other = records.make(wish("k", "other"), at(3), &counts);
        assert!(matches!(other, Made::Conflict));
        assert!(records.open(at(3).1).is_empty());
    }

    #[test]
    fn things_are_bounded_by_number_and_age() {
        let (records, counts) = (Records::new(Duration::from_secs(600)), Counts::default());
        for n in 0..KEPT_PER_MAKER_MAX + 3 {
            records.make(wish(&n.to_string(), "t"), at(1), &counts);
        }
        assert_eq!(records.open(at(2).1).len(), KEPT_PER_MAKER_MAX);
        assert_eq!(counts.get(Count::RecordsExpired), 3);
        assert!(records.open(at(601).1).is_empty());
        assert!(
            records
                .find((Kind::Room, "u-a"), None, at(601).1)
                .is_empty()
        );
    }

    #[test]
    fn a_refused_change_changes_nothing() {
        let (records, counts) = (Records::new(Duration::from_secs(600)), Counts::default());
        let Made::New(room) = records.make(wish("k", "t"), at(1), &counts) else {
            panic!("new")
        };
        let place = (Kind::Room, room.id.as_str());
        let refused = records.change(place, at(1).1, |room| {
            room.members.clear();
            Err("no")
        });
        assert_eq!(refused, Some(Err("no")));
        assert_eq!(
            records.get(Kind::Room, &room.id, at(1).1),
            Some(room.clone())
        );
        let altered = room.altered();
        assert_ne!(altered["owner"], room.shown()["owner"]);
        assert_ne!(altered["title"], room.shown()["title"]);
    }
}
