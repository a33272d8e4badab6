//! The component `account`: test accounts in pools, and their sessions. Knows no HTTP.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_model::{AccountName, Monotonic, PoolName, Revision, Secret};
use tokio_util::sync::CancellationToken;

use crate::audit::{Count, Counts, OpenSession};

/// Most sessions of one account: an agent runs an account once at a time, so 16 leave room for
/// 15 forgotten sign-outs; the oldest is ended.
const SESSIONS_PER_ACCOUNT_MAX: usize = 16;
/// Wrong passwords in a row that lock an account, and for how long.
pub(crate) const WRONG_TRIES_MAX: u32 = 5;
const LOCKED_FOR: Duration = Duration::from_secs(60);

/// An account that journeys may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestAccount {
    /// Its name in its pool: `login-users-001`.
    pub name: AccountName,
    /// The pool that it belongs to.
    pub pool: PoolName,
    /// What it signs in with.
    pub login: String,
    /// The id that others know it by.
    pub user_id: String,
    /// Its password.
    pub password: Secret,
}

/// Why a sign-in was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignInError {
    /// No such account, or not its password: which of them is not told.
    Wrong,
    /// Too many wrong passwords a short while ago.
    Locked,
}

/// A session that was just opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) token: String,
    pub(crate) user_id: String,
}

/// Who a token stands for.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    pub(crate) account: usize,
    pub(crate) login: String,
    pub(crate) user_id: String,
    /// Fires when the session ends.
    pub(crate) ended: CancellationToken,
    /// When it ends by itself.
    pub(crate) expires: Monotonic,
}

#[derive(Debug)]
struct Session {
    client_ref: Option<String>,
    opened: Monotonic,
    expires: Monotonic,
    ended: CancellationToken,
    account: usize,
}

#[derive(Debug, Default)]
struct Standing {
    /// Tokens, oldest first.
    tokens: VecDeque<String>,
    wrong_tries: u32,
    locked_until: Option<Monotonic>,
}

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<String, Session>,
    standing: Vec<Standing>,
}

/// The accounts of one platform and their sessions.
#[derive(Debug)]
pub(crate) struct Accounts {
    accounts: Vec<TestAccount>,
    by_login: HashMap<String, usize>,
    lifetime: Duration,
    state: Mutex<State>,
}

impl Accounts {
    pub(crate) fn new(accounts: Vec<TestAccount>, lifetime: Duration) -> Self {
        let logins = accounts.iter().enumerate();
        Self {
            by_login: logins.map(|(i, a)| (a.login.clone(), i)).collect(),
            state: Mutex::new(State {
                sessions: HashMap::new(),
                standing: accounts.iter().map(|_| Standing::default()).collect(),
            }),
            accounts,
            lifetime,
        }
    }

    pub(crate) fn all(&self) -> &[TestAccount] {
        &self.accounts
    }

    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub(crate) fn sign_in(
        &self,
        login: &str,
        password: &str,
        client_ref: Option<String>,
        (now, counts): (Monotonic, &Counts),
    ) -> Result<Opened, SignInError> {
        let Some(&index) = self.by_login.get(login) else {
            counts.add(Count::WrongPasswords);
            return Err(SignInError::Wrong);
        };
        let account = &self.accounts[index];
        let mut state = self.state();
        let standing = &mut state.standing[index];
        if standing.locked_until.is_some_and(|until| until > now) {
            counts.add(Count::LockedSignIns);
            return Err(SignInError::Locked);
        }
        if account.password.expose() != password {
            counts.add(Count::WrongPasswords);
            standing.wrong_tries += 1;
            if standing.wrong_tries >= WRONG_TRIES_MAX {
                standing.wrong_tries = 0;
                standing.locked_until = Some(now + LOCKED_FOR);
            }
            return Err(SignInError::Wrong);
        }
        standing.wrong_tries = 0;
        standing.locked_until = None;
        state.drop_expired(index, now);
        if state.standing[index].tokens.len() >= SESSIONS_PER_ACCOUNT_MAX
            && let Some(oldest) = state.standing[index].tokens.front().cloned()
        {
            counts.add(Count::SessionsCrowdedOut);
            state.end(&oldest);
        }
        let token = token();
        let session = Session {
            client_ref,
            opened: now,
            expires: now + self.lifetime,
            ended: CancellationToken::new(),
            account: index,
        };
        state.sessions.insert(token.clone(), session);
        state.standing[index].tokens.push_back(token.clone());
        counts.add(Count::SessionsOpened);
        Ok(Opened {
            token,
            user_id: account.user_id.clone(),
        })
    }

    /// Who `token` stands for, if its session is open.
    pub(crate) fn check(&self, token: &str, now: Monotonic) -> Option<SignedIn> {
        let mut state = self.state();
        let session = state.sessions.get(token)?;
        if session.expires <= now {
            state.end(token);
            return None;
        }
        let account = &self.accounts[session.account];
        Some(SignedIn {
            account: session.account,
            login: account.login.clone(),
            user_id: account.user_id.clone(),
            ended: session.ended.clone(),
            expires: session.expires,
        })
    }

    /// Ends the session of `token`.
    pub(crate) fn sign_out(&self, token: &str) {
        self.state().end(token);
    }

    /// Ends every session of an account that was opened with `client_ref`.
    pub(crate) fn sign_out_ref(&self, account: usize, client_ref: &str) {
        let mut state = self.state();
        let tokens: Vec<String> = state.standing[account].tokens.iter().cloned().collect();
        for token in tokens {
            let session = state.sessions.get(&token);
            if session.is_some_and(|s| s.client_ref.as_deref() == Some(client_ref)) {
                state.end(&token);
            }
        }
    }

    /// The place of the account that others know by `user_id`.
    pub(crate) fn by_user_id(&self, user_id: &str) -> Option<usize> {
        self.by_login.get(user_id.strip_prefix("u-")?).copied()
    }

    /// The place of the account with this login and password: how machines prove who they are, at
    /// every request and without a session.
    pub(crate) fn by_key(&self, login: &str, password: &str) -> Option<usize> {
        let index = *self.by_login.get(login)?;
        (self.accounts[index].password.expose() == password).then_some(index)
    }

    /// Whether there is an account that others know by `user_id`.
    pub(crate) fn knows_user(&self, user_id: &str) -> bool {
        self.by_user_id(user_id).is_some()
    }

    pub(crate) fn open_sessions(&self, now: Monotonic) -> Vec<OpenSession> {
        let state = self.state();
        let open = state.sessions.values().filter(|s| s.expires > now);
        let mut open: Vec<_> = open
            .map(|session| OpenSession {
                user_id: self.accounts[session.account].user_id.clone(),
                client_ref: session.client_ref.clone(),
                age_s: now.since(session.opened).as_secs_f64(),
            })
            .collect();
        open.sort_by(|a, b| b.age_s.total_cmp(&a.age_s));
        open
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end(&mut self, token: &str) {
        if let Some(session) = self.sessions.remove(token) {
            session.ended.cancel();
            self.standing[session.account].tokens.retain(|t| t != token);
        }
    }

    fn drop_expired(&mut self, account: usize, now: Monotonic) {
        while let Some(oldest) = self.standing[account].tokens.front().cloned() {
            if self.sessions.get(&oldest).is_some_and(|s| s.expires > now) {
                return;
            }
            self.standing[account].tokens.retain(|t| *t != oldest);
            self.end(&oldest);
        }
    }
}

/// The accounts of `pools`, with passwords that depend on `seed` alone.
pub(crate) fn make_accounts(pools: &[(PoolName, usize)], seed: u64) -> Vec<TestAccount> {
    let numbered = |(pool, count): &(PoolName, usize)| {
        let pool = pool.clone();
        (1..=*count).filter_map(move |n| {
            let name = AccountName::new(&format!("{pool}-{n:03}")).ok()?;
            let password = Revision::of(format!("{seed}/{name}").as_bytes());
            Some(TestAccount {
                pool: pool.clone(),
                login: name.as_str().to_owned(),
                user_id: format!("u-{name}"),
                password: Secret::new(format!("pw-{password}")),
                name,
            })
        })
    };
    pools.iter().flat_map(numbered).collect()
}

/// A text that nobody guesses.
pub(crate) fn token() -> String {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).expect("the system's random source works once it is up");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        let pools = [(PoolName::new("chat-users").unwrap(), 2)];
        Accounts::new(make_accounts(&pools, 7), Duration::from_secs(600))
    }

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_origin(Duration::from_secs(seconds))
    }

    fn open(accounts: &Accounts, seconds: u64, client_ref: &str) -> Opened {
        let account = accounts.all()[0].clone();
        let counts = Counts::default();
        let client_ref = Some(client_ref.to_owned());
        accounts
            .sign_in(
                &account.login,
                account.password.expose(),
                client_ref,
                (at(seconds), &counts),
            )
            .unwrap()
    }

    #[test]
    fn a_session_ends_by_itself_by_hand_and_by_reference() {
        let accounts = accounts();
        let token = open(&accounts, 0, "a").token;
        assert!(accounts.check(&token, at(599)).is_some());
        assert!(accounts.check(&token, at(600)).is_none());

        let (one, two, other) = (
            open(&accounts, 700, "b"),
            open(&accounts, 700, "b"),
            open(&accounts, 700, "c"),
        );
        accounts.sign_out_ref(0, "b");
        assert!(accounts.check(&one.token, at(701)).is_none());
        assert!(accounts.check(&two.token, at(701)).is_none());
        let signed_in = accounts.check(&other.token, at(701)).unwrap();
        accounts.sign_out(&other.token);
        assert!(signed_in.ended.is_cancelled());
        assert!(accounts.open_sessions(at(701)).is_empty());
    }

    #[test]
    fn an_account_with_too_many_sessions_loses_the_oldest() {
        let accounts = accounts();
        let first = open(&accounts, 0, "first").token;
        for _ in 0..SESSIONS_PER_ACCOUNT_MAX {
            open(&accounts, 1, "more");
        }
        assert!(accounts.check(&first, at(2)).is_none());
        assert_eq!(
            accounts.open_sessions(at(2)).len(),
            SESSIONS_PER_ACCOUNT_MAX
        );
    }

    #[test]
    fn wrong_passwords_lock_one_account_for_a_while() {
        let accounts = accounts();
        let counts = Counts::default();
        let try_in = |login: &str, password: &str, seconds| {
            let context = (at(seconds), &counts);
            accounts
                .sign_in(login, password, None, context)
                .map(|opened| opened.user_id)
        };
        let [one, two] = accounts.all() else {
            panic!("two accounts")
        };
        for _ in 0..WRONG_TRIES_MAX {
            assert_eq!(try_in(&one.login, "no", 0), Err(SignInError::Wrong));
        }
        let right = one.password.expose();
        assert_eq!(try_in(&one.login, right, 59), Err(SignInError::Locked));
        assert!(try_in(&two.login, two.password.expose(), 59).is_ok());
        assert!(try_in(&one.login, right, 60).is_ok());
        assert_eq!(try_in("nobody", right, 60), Err(SignInError::Wrong));
    }

    #[test]
    fn passwords_follow_from_the_seed_and_are_not_the_login() {
        let pools = [(PoolName::new("chat-users").unwrap(), 1)];
        let of = |seed| make_accounts(&pools, seed)[0].password.clone();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert_ne!(of(1).expose(), "chat-users-001");
    }
}
