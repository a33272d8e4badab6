//! The sessions that warm runs keep for one another: in memory alone, bounded, one to an account.
//!
//! A session is an actor's cookies and what the fragments with `session = true` gave it. Nothing of
//! it is ever written anywhere, and it is lent to one run at a time: who takes it out has it, and
//! puts it back at the end. A run that breaks off loses it, and the next one signs in.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bongsu_language::{Journey, Variable};
use bongsu_model::{AccountName, JourneyName, PoolName, Revision, TargetName};

use crate::http::CookieJar;

/// Most sessions that are kept: a hundred warm journeys with ten accounts each. The one that was
/// not used for longest makes room.
const SESSIONS_MAX: usize = 1_000;

/// Most bytes of one session, names and values together: a few tokens of 2 KiB, as identity
/// providers sign them, and the cookies beside them. A larger one is not kept. All of them
/// together have at most 16 MB.
const SESSION_BYTES_MAX: usize = 16 * 1024;

/// Whose session one is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionOwner {
    pub(crate) target: TargetName,
    pub(crate) journey: JourneyName,
    pub(crate) pool: PoolName,
    pub(crate) account: AccountName,
}

/// What an actor needs so as not to sign in again.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The journey's content hash: what another text of it made is of no use.
    pub(crate) revision: Revision,
    /// What each fragment gave, by its name.
    pub(crate) given: BTreeMap<String, Vec<(String, Variable)>>,
    pub(crate) cookies: CookieJar,
}

impl Session {
    fn bytes(&self) -> usize {
        let given = self.given.iter().map(|(fragment, variables)| {
            let variables = variables.iter();
            let bytes = variables.map(|(name, v)| name.len() + v.value.to_string().len());
            fragment.len() + bytes.sum::<usize>()
        });
        given.sum::<usize>() + self.cookies.bytes()
    }

    /// Whether it holds anything that a platform could know an actor by.
    pub(crate) fn is_empty(&self) -> bool {
        self.cookies.is_empty() && self.given.values().all(Vec::is_empty)
    }
}

/// What became of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionCounts {
    /// Kept now; those that runs have at the moment are not among them.
    pub kept: u64,
    /// That made room for others, since the start.
    pub crowded_out: u64,
    /// That were too large to be kept, since the start.
    pub too_large: u64,
    /// That the platform answered with 401, since the start.
    pub refused: u64,
}

/// The sessions of an agent's warm runs, or of one command's.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Each with the number of the last putting back.
    by_owner: BTreeMap<SessionOwner, (u64, Session)>,
    puts: u64,
    counts: SessionCounts,
}

impl Sessions {
    /// Forgets the sessions of journeys that `is_planned` does not know.
    pub fn retain(&self, is_planned: impl Fn(&TargetName, &JourneyName) -> bool) {
        let mut kept = self.kept();
        kept.by_owner
            .retain(|owner, _| is_planned(&owner.target, &owner.journey));
    }

    /// Whether a session of this account is kept that a run of `journey` against `target` could
    /// begin with.
    pub fn has(
        &self,
        target: &TargetName,
        journey: &Journey,
        pool: &PoolName,
        account: &AccountName,
    ) -> bool {
        let owner = SessionOwner {
            target: target.clone(),
            journey: journey.name.clone(),
            pool: pool.clone(),
            account: account.clone(),
        };
        let kept = self.kept();
        let found = kept.by_owner.get(&owner);
        found.is_some_and(|(_, session)| session.revision == journey.revision)
    }

    /// What became of sessions so far.
    pub fn counts(&self) -> SessionCounts {
        let kept = self.kept();
        SessionCounts {
            kept: kept.by_owner.len() as u64,
            ..kept.counts
        }
    }

    /// Takes a session out, if there is one that a journey of this revision can use.
    pub(crate) fn take(&self, owner: &SessionOwner, revision: &Revision) -> Option<Session> {
        let (_, session) = self.kept().by_owner.remove(owner)?;
        (session.revision == *revision).then_some(session)
    }

    /// Keeps a session for the next run.
    pub(crate) fn keep(&self, owner: SessionOwner, session: Session) {
        let mut kept = self.kept();
        if session.bytes() > SESSION_BYTES_MAX {
            kept.counts.too_large += 1;
            return;
        }
        if kept.by_owner.len() >= SESSIONS_MAX && !kept.by_owner.contains_key(&owner) {
            let oldest = kept.by_owner.iter().min_by_key(|(_, (put, _))| *put);
            if let Some(oldest) = oldest.map(|(owner, _)| owner.clone()) {
                kept.by_owner.remove(&oldest);
                kept.counts.crowded_out += 1;
            }
        }
        kept.puts += 1;
        let put = kept.puts;
        kept.by_owner.insert(owner, (put, session));
    }

    /// Counts a session that the platform no longer knows.
    pub(crate) fn note_refused(&self) {
        self.kept().counts.refused += 1;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bongsu_language::Secrecy;

    use super::*;

    fn owner(n: usize) -> SessionOwner {
        SessionOwner {
            target: TargetName::new("superapp").unwrap(),
            journey: JourneyName::new("send-message").unwrap(),
            pool: PoolName::new("users").unwrap(),
            account: AccountName::new(&format!("users-{n}")).unwrap(),
        }
    }

    fn session(token: &str) -> Session {
        let variable = Variable {
            value: token.into(),
            secrecy: Secrecy::Secret,
        };
        Session {
            revision: revision(),
            given: BTreeMap::from([("sign-in".to_owned(), vec![("token".to_owned(), variable)])]),
            cookies: CookieJar::default(),
        }
    }

    fn revision() -> Revision {
        Revision::of(b"journey")
    }

    #[test]
    fn a_session_is_lent_once_and_only_to_the_text_that_made_it() {
        let sessions = Sessions::default();
        sessions.keep(owner(1), session("t-1"));
        assert!(sessions.take(&owner(2), &revision()).is_none());
        assert!(sessions.take(&owner(1), &revision()).is_some());
        assert!(sessions.take(&owner(1), &revision()).is_none());
        sessions.keep(owner(1), session("t-2"));
        assert!(sessions.take(&owner(1), &Revision::of(b"other")).is_none());
        assert_eq!(sessions.counts(), SessionCounts::default());
    }

    #[test]
    fn where_there_is_no_room_the_session_that_rested_longest_goes() {
        let sessions = Sessions::default();
        for n in 0..SESSIONS_MAX {
            sessions.keep(owner(n), session("t"));
        }
        let first = sessions.take(&owner(0), &revision()).unwrap();
        sessions.keep(owner(0), first);
        sessions.keep(owner(SESSIONS_MAX), session("t"));
        let counts = sessions.counts();
        assert_eq!((counts.kept, counts.crowded_out), (SESSIONS_MAX as u64, 1));
        assert!(sessions.take(&owner(1), &revision()).is_none());
        assert!(sessions.take(&owner(0), &revision()).is_some());
        // One that is put in again takes nobody's room.
        sessions.keep(owner(0), session("t"));
        sessions.keep(owner(0), session("t"));
        assert_eq!(sessions.counts().crowded_out, 1);
    }

    #[test]
    fn one_that_is_too_large_is_not_kept_and_plans_take_theirs_along() {
        let sessions = Sessions::default();
        sessions.keep(owner(1), session(&"t".repeat(SESSION_BYTES_MAX)));
        assert_eq!(sessions.counts().too_large, 1);
        assert_eq!(sessions.counts().kept, 0);
        sessions.keep(owner(1), session("t"));
        sessions.retain(|_, journey| journey.as_str() == "send-message");
        assert_eq!(sessions.counts().kept, 1);
        sessions.retain(|_, _| false);
        assert_eq!(sessions.counts().kept, 0);
    }

    #[test]
    fn nothing_of_a_session_is_shown() {
        let sessions = Sessions::default();
        sessions.keep(owner(1), session("sentinel-token"));
        let shown = format!("{sessions:?}");
        assert!(
            shown.contains("users-1") && !shown.contains("sentinel"),
            "{shown}"
        );
    }
}
