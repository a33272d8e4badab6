//! The target profile: a named environment of the platform, as one region reaches it.

use std::net::SocketAddr;

use bongsu_model::{AccountName, PoolName, TargetName};

use crate::journey::Journey;

mod parse;
mod proxy;

pub use parse::load_target;
pub(crate) use parse::{KILL_SWITCH, parse_target};
pub use proxy::{ProxyLogin, ProxySpec};

/// A named environment of the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetProfile {
    /// Its name.
    pub target: TargetName,
    /// `target.base.NAME`: where a service answers HTTP.
    pub base: Vec<(String, String)>,
    /// `target.ws.NAME`: where a service answers WebSocket.
    pub ws: Vec<(String, String)>,
    /// The DNS server to ask; none for the system's.
    pub resolver: Option<SocketAddr>,
    /// A file with a root to be trusted beside the platform's own, relative to the profile.
    pub ca: Option<String>,
    /// The hosts that a journey may reach; no other.
    pub hosts: Vec<HostPattern>,
    /// Which addresses the hosts may have.
    pub reach: Reach,
    /// What is between the agent and the hosts; none unless the file says so.
    pub proxy: Option<ProxySpec>,
    /// The test accounts.
    pub pools: Vec<Pool>,
    /// What is held back.
    pub kill_switch: KillSwitch,
}

impl TargetProfile {
    /// Whether a journey may reach `host`.
    pub fn allows(&self, host: &str) -> bool {
        self.hosts.iter().any(|pattern| pattern.matches(host))
    }

    /// The pool of this name.
    pub fn pool(&self, name: &PoolName) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.name == *name)
    }
}

/// Which addresses may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses only.
    Public,
    /// Loopback and private addresses as well: `allow_private = true`.
    Private,
}

/// What the kill switch of a target holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillSwitch {
    /// Nothing.
    Off,
    /// Journeys that change something; cleanup that is owed is still paid.
    SideEffects,
    /// Everything that would be sent to the target.
    Everything,
}

impl KillSwitch {
    /// Whether it holds the runs of this journey back.
    pub fn holds_back(self, journey: &Journey) -> bool {
        match self {
            Self::Off => false,
            Self::SideEffects => journey.has_side_effects(),
            Self::Everything => true,
        }
    }
}

/// Hosts by name: `talk.superapp.test`, or all below a name: `*.superapp.test`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// This host.
    Exact(String),
    /// Every host below this one, not itself.
    Below(String),
}

impl HostPattern {
    /// Reads `talk.superapp.test` or `*.superapp.test`; an IP address is an exact host. None if
    /// it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let (name, below) = match lower.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (lower.as_str(), false),
        };
        if name.parse::<std::net::IpAddr>().is_ok() {
            return (!below).then(|| Self::Exact(name.to_owned()));
        }
        let is_label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if name.len() > 253 || !name.split('.').all(is_label) {
            return None;
        }
        Some(if below {
            Self::Below(name.to_owned())
        } else {
            Self::Exact(name.to_owned())
        })
    }

    /// Whether `host` is meant; case and a dot at the end do not matter.
    pub fn matches(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        match self {
            Self::Exact(name) => host == *name,
            Self::Below(name) => host
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        }
    }
}

/// A set of test accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: PoolName,
    /// Its accounts, at least one.
    pub accounts: Vec<AccountSpec>,
    /// What each of them may be used for.
    pub budget: Budget,
}

/// What one account may be used for; none is without bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// Runs in any 24 hours.
    pub runs: Option<u64>,
    /// Money that leaves the account in any 24 hours, in whole minor units.
    pub money: Option<u64>,
    /// Cleanups that runs of the account may owe at a time.
    pub uncleaned: Option<u64>,
}

/// A test account as the profile states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSpec {
    /// Its name, unique in the pool.
    pub name: AccountName,
    /// Its fields, in file order.
    pub fields: Vec<(String, FieldSource)>,
}

/// Where an account's field comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldSource {
    /// It stands in the profile and is public.
    Plain(String),
    /// A secret in this environment variable.
    Env(String),
    /// A secret in this file, relative to the profile.
    File(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_matched_exactly_or_below_a_name() {
        let below = HostPattern::parse("*.superapp.test").unwrap();
        for host in [
            "talk.superapp.test",
            "A.B.superapp.TEST",
            "talk.superapp.test.",
        ] {
            assert!(below.matches(host), "{host}");
        }
        for host in [
            "superapp.test",
            ".superapp.test",
            "evilsuperapp.test",
            "superapp.test.evil",
        ] {
            assert!(!below.matches(host), "{host}");
        }
        let exact = HostPattern::parse("Talk.superapp.test").unwrap();
        assert!(exact.matches("talk.superapp.test"));
        assert!(!exact.matches("a.talk.superapp.test"));
        assert!(
            HostPattern::parse("127.0.0.1")
                .unwrap()
                .matches("127.0.0.1")
        );
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "*",
            "*.",
            "a..b",
            "https://a.test",
            "a.test:443",
            "a/b",
            "*.127.0.0.1",
        ] {
            assert_eq!(HostPattern::parse(text), None, "{text:?}");
        }
    }
}
