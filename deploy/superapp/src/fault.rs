//! What can be wrong with the platform, and how it is written: `account:slow=3s@kr-seoul`,
//! `relay:error=503@requests=20%`, `talk.message.text:hang@jp-tokyo@accounts=8%`.

use std::time::Duration;

use bongsu_model::RegionId;

use crate::component::{FaultPoint, UnknownPoint, did_you_mean};

/// How long `slow` holds an answer back when nothing else is said: above every `slow` limit of
/// the shipped journeys, below their time-outs.
const SLOW_DEFAULT: Duration = Duration::from_secs(2);
/// Longest delay that can be asked for.
const SLOW_MAX: Duration = Duration::from_secs(600);

/// One thing that is wrong, where, and seen from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is broken.
    pub on: FaultPoint,
    /// How.
    pub kind: FaultKind,
    /// For callers from where.
    pub reach: Reach,
    /// For how many of them.
    pub share: Share,
}

impl Fault {
    /// A fault that callers from every region see.
    pub const fn everywhere(on: FaultPoint, kind: FaultKind) -> Self {
        Self {
            on,
            kind,
            reach: Reach::Everywhere,
            share: Share::All,
        }
    }

    /// A fault that only callers from `region` see.
    pub const fn only_in(on: FaultPoint, kind: FaultKind, region: RegionId) -> Self {
        Self {
            on,
            kind,
            reach: Reach::Only(region),
            share: Share::All,
        }
    }

    /// The same fault for a share of the callers or of their requests.
    #[must_use]
    pub fn with_share(self, share: Share) -> Self {
        Self { share, ..self }
    }

    /// Whether the kind can act on this point, and on a share, at all.
    ///
    /// # Errors
    /// When deliveries shall get lost or come twice where nothing is delivered, and when a share
    /// is to meet what all meet who look up a name or shake hands.
    pub(crate) fn applicable(self) -> Result<Self, FaultError> {
        if !self.kind.acts_on(self.on) {
            return Err(FaultError::NothingDelivered {
                kind: self.kind.as_str(),
                on: self.on,
            });
        }
        if !self.kind.takes_share() && self.share != Share::All {
            return Err(FaultError::NoShare(self.kind.as_str()));
        }
        Ok(self)
    }
}

/// From where a fault is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// From every region.
    Everywhere,
    /// From one region.
    Only(RegionId),
}

impl Reach {
    /// Whether callers from `region` are hit.
    pub fn covers(&self, region: &RegionId) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Only(only) => only == region,
        }
    }
}

/// A share in per cent: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(u8);

impl Percent {
    /// A share of so many hundredths; None below 1 and above 100.
    pub const fn new(hundredths: u8) -> Option<Self> {
        if hundredths >= 1 && hundredths <= 100 {
            Some(Self(hundredths))
        } else {
            None
        }
    }
}

/// How many are hit of those whom a fault reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// All.
    All,
    /// A share of the accounts, always the same ones: those whose user id falls into it.
    Accounts(Percent),
    /// A share of the requests and deliveries, evenly spread in their order.
    Requests(Percent),
}

impl Share {
    /// Whether an account is hit. Who is not known yet is not.
    pub(crate) fn has_account(self, user_id: Option<&str>) -> bool {
        match self {
            Self::All | Self::Requests(_) => true,
            Self::Accounts(Percent(share)) => {
                user_id.is_some_and(|user_id| shard(user_id) < u64::from(share))
            }
        }
    }

    /// Whether the request of this number, counted from 1, is hit.
    pub(crate) fn has_request(self, number: u64) -> bool {
        match self {
            Self::All | Self::Accounts(_) => true,
            Self::Requests(Percent(share)) => {
                let hit_until = |number: u64| number.saturating_mul(u64::from(share)) / 100;
                hit_until(number) > hit_until(number.saturating_sub(1))
            }
        }
    }
}

/// The hundredth of all users that a user id falls into, 0 to 99: FNV-1a of its bytes
/// (`draft-eastlake-fnv`), mixed so that ids that differ in their last digit lie apart.
fn shard(user_id: &str) -> u64 {
    let hash = user_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    (hash ^ (hash >> 32)) % 100
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Accounts(Percent(share)) => write!(f, "accounts={share}%"),
            Self::Requests(Percent(share)) => write!(f, "requests={share}%"),
        }
    }
}

impl std::str::FromStr for Share {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (of, share) = text.split_once('=').unwrap_or((text, ""));
        let share = share.strip_suffix('%').and_then(|share| share.parse().ok());
        match (of, share.and_then(Percent::new)) {
            ("all", None) if text == "all" => Ok(Self::All),
            ("accounts", Some(share)) => Ok(Self::Accounts(share)),
            ("requests", Some(share)) => Ok(Self::Requests(share)),
            _ => Err(FaultError::Share(text.chars().take(80).collect())),
        }
    }
}

/// How something is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Connections are refused.
    Refuse,
    /// Connections are reset.
    Reset,
    /// Requests are read and never answered.
    Hang,
    /// Answers come this much later, in time of the platform's clock.
    Slow(Duration),
    /// Answers are errors with this status, 500 to 599.
    Error(u16),
    /// Answers look well and say something wrong.
    WrongContent,
    /// What is accepted is never delivered: a message never arrives, money never settles.
    LostDelivery,
    /// What is delivered comes twice.
    Duplicate,
    /// What is longer than 1,400 bytes does not get through, and what is shorter does.
    LargePayloads,
    /// The host's name does not resolve.
    DnsFailure(DnsFailure),
    /// The host shows a certificate that must not be trusted.
    BadCertificate(CertificateFlaw),
}

/// What the DNS server answers instead of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsFailure {
    /// The server failed.
    Servfail,
    /// There is no such name.
    Nxdomain,
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateFlaw {
    /// It ended in the past.
    Expired,
    /// It names another host.
    WrongName,
    /// A stranger signed it.
    Untrusted,
}

/// The kinds by name, with the values that they take, for messages and `--help`.
pub(crate) const KINDS: &[(&str, &str)] = &[
    ("refuse", ""),
    ("reset", ""),
    ("hang", ""),
    ("slow", "a delay: 500ms, 3s (default 2s)"),
    ("error", "a status from 500 to 599 (default 503)"),
    ("wrong-content", ""),
    ("lost-delivery", ""),
    ("duplicate", ""),
    ("large-payloads", ""),
    ("dns-failure", "servfail (default) or nxdomain"),
    (
        "bad-certificate",
        "expired (default), wrong-name or untrusted",
    ),
];

impl FaultKind {
    /// The name of every kind.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|(name, _)| *name)
    }

    /// Whether it can act on this point at all: only what is delivered gets lost or comes twice.
    pub fn acts_on(self, on: FaultPoint) -> bool {
        !matches!(self, Self::LostDelivery | Self::Duplicate) || on.delivers()
    }

    /// Whether it can strike a share of the callers: nobody is known yet where a name is looked up
    /// or hands are shaken.
    pub const fn takes_share(self) -> bool {
        !matches!(self, Self::DnsFailure(_) | Self::BadCertificate(_))
    }

    /// The kind's name, without its value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Reset => "reset",
            Self::Hang => "hang",
            Self::Slow(_) => "slow",
            Self::Error(_) => "error",
            Self::WrongContent => "wrong-content",
            Self::LostDelivery => "lost-delivery",
            Self::Duplicate => "duplicate",
            Self::LargePayloads => "large-payloads",
            Self::DnsFailure(_) => "dns-failure",
            Self::BadCertificate(_) => "bad-certificate",
        }
    }

    /// The kind's value as it is written, where it has one.
    pub fn value(self) -> Option<String> {
        match self {
            Self::Slow(delay) => Some(format!("{}ms", delay.as_millis())),
            Self::Error(status) => Some(status.to_string()),
            Self::DnsFailure(DnsFailure::Servfail) => Some("servfail".to_owned()),
            Self::DnsFailure(DnsFailure::Nxdomain) => Some("nxdomain".to_owned()),
            Self::BadCertificate(CertificateFlaw::Expired) => Some("expired".to_owned()),
            Self::BadCertificate(CertificateFlaw::WrongName) => Some("wrong-name".to_owned()),
            Self::BadCertificate(CertificateFlaw::Untrusted) => Some("untrusted".to_owned()),
            Self::Refuse
            | Self::Reset
            | Self::Hang
            | Self::WrongContent
            | Self::LostDelivery
            | Self::Duplicate
            | Self::LargePayloads => None,
        }
    }

    /// From a kind's name and its value.
    ///
    /// # Errors
    /// When there is no such kind, or it does not take this value.
    pub fn parse(kind: &str, value: Option<&str>) -> Result<Self, FaultError> {
        let plain = |this: Self| match value {
            None => Ok(this),
            Some(value) => Err(FaultError::value(kind, value)),
        };
        let parsed = match (kind, value) {
            ("refuse", _) => return plain(Self::Refuse),
            ("reset", _) => return plain(Self::Reset),
            ("hang", _) => return plain(Self::Hang),
            ("wrong-content", _) => return plain(Self::WrongContent),
            ("lost-delivery", _) => return plain(Self::LostDelivery),
            ("duplicate", _) => return plain(Self::Duplicate),
            ("large-payloads", _) => return plain(Self::LargePayloads),
            ("slow", None) => Some(Self::Slow(SLOW_DEFAULT)),
            ("slow", Some(delay)) => parse_delay(delay).map(Self::Slow),
            ("error", None) => Some(Self::Error(503)),
            ("error", Some(status)) => status
                .parse()
                .ok()
                .filter(|status| (500..=599).contains(status))
                .map(Self::Error),
            ("dns-failure", None | Some("servfail")) => {
                Some(Self::DnsFailure(DnsFailure::Servfail))
            }
            ("dns-failure", Some("nxdomain")) => Some(Self::DnsFailure(DnsFailure::Nxdomain)),
            ("bad-certificate", None | Some("expired")) => {
                Some(Self::BadCertificate(CertificateFlaw::Expired))
            }
            ("bad-certificate", Some("wrong-name")) => {
                Some(Self::BadCertificate(CertificateFlaw::WrongName))
            }
            ("bad-certificate", Some("untrusted")) => {
                Some(Self::BadCertificate(CertificateFlaw::Untrusted))
            }
            ("dns-failure" | "bad-certificate", Some(_)) => None,
            _ => return Err(FaultError::kind(kind)),
        };
        parsed.ok_or_else(|| FaultError::value(kind, value.unwrap_or_default()))
    }
}

fn parse_delay(text: &str) -> Option<Duration> {
    let delay = if let Some(millis) = text.strip_suffix("ms") {
        Duration::from_millis(millis.parse().ok()?)
    } else {
        Duration::from_secs(text.strip_suffix('s')?.parse().ok()?)
    };
    (delay <= SLOW_MAX).then_some(delay)
}

/// Why a text or a request is not a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// It is not of the form `on:kind`.
    #[error(
        "`{0}` is not a fault: write NAME:KIND[=VALUE][@REGION][@SHARE], as in \
         account:slow=3s@kr-seoul or relay:error@accounts=8%"
    )]
    Shape(String),
    /// What shall be broken is not there.
    #[error(transparent)]
    Point(#[from] UnknownPoint),
    /// There is no such kind.
    #[error("`{kind}` is no kind of fault{hint}; known: {known}")]
    Kind {
        /// The text given.
        kind: String,
        /// A guess at what was meant.
        hint: String,
        /// The kinds there are.
        known: String,
    },
    /// The kind does not take this value.
    #[error("`{kind}` does not take `{value}`: it takes {takes}")]
    Value {
        /// The kind.
        kind: String,
        /// The value given.
        value: String,
        /// What it takes.
        takes: &'static str,
    },
    /// The region's name is not a name.
    #[error(transparent)]
    RegionName(#[from] bongsu_model::NameError),
    /// Nothing is delivered there.
    #[error("nothing is delivered by `{on}`: {kind} acts on {deliver}", deliver = deliver())]
    NothingDelivered {
        /// The kind of fault.
        kind: &'static str,
        /// What it was to act on.
        on: FaultPoint,
    },
    /// It is no share.
    #[error("`{0}` is no share: write accounts=8% or requests=20%, from 1% to 100%")]
    Share(String),
    /// Nobody is known yet where the fault acts.
    #[error("`{0}` acts before anybody is known: it takes a region and no share")]
    NoShare(&'static str),
}

/// What delivers, as words.
fn deliver() -> String {
    let names = FaultPoint::all().filter(|point| point.delivers());
    names.map(FaultPoint::as_str).collect::<Vec<_>>().join(", ")
}

impl FaultError {
    fn kind(kind: &str) -> Self {
        Self::Kind {
            kind: kind.chars().take(80).collect(),
            hint: did_you_mean(kind, FaultKind::names()),
            known: FaultKind::names().collect::<Vec<_>>().join(", "),
        }
    }

    fn value(kind: &str, value: &str) -> Self {
        let takes = KINDS.iter().find(|(name, _)| *name == kind);
        Self::Value {
            kind: kind.to_owned(),
            value: value.chars().take(80).collect(),
            takes: takes
                .map(|(_, takes)| *takes)
                .filter(|takes| !takes.is_empty())
                .unwrap_or("no value"),
        }
    }
}

impl std::str::FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let mut parts = text.split('@');
        let what = parts.next().unwrap_or_default();
        let (mut reach, mut share) = (Reach::Everywhere, Share::All);
        for part in parts {
            match part {
                "all" => (),
                part if part.contains('=') => share = part.parse()?,
                region => reach = Reach::Only(RegionId::new(region)?),
            }
        }
        let (on, kind) = what
            .split_once(':')
            .ok_or_else(|| FaultError::Shape(text.chars().take(80).collect()))?;
        let (kind, value) = match kind.split_once('=') {
            Some((kind, value)) => (kind, Some(value)),
            None => (kind, None),
        };
        Self {
            on: on.parse()?,
            kind: FaultKind::parse(kind, value)?,
            reach,
            share,
        }
        .applicable()
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.on, self.kind.as_str())?;
        if let Some(value) = self.kind.value() {
            write!(f, "={value}")?;
        }
        if let Reach::Only(region) = &self.reach {
            write!(f, "@{region}")?;
        }
        match self.share {
            Share::All => Ok(()),
            share => write!(f, "@{share}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_back_as_it_is_written() {
        for text in [
            "account:refuse",
            "relay:reset@kr-seoul",
            "account:slow=1500ms",
            "talk.message.text:lost-delivery@jp-tokyo",
            "account.login:error=502",
            "account:dns-failure=nxdomain",
            "account:bad-certificate=wrong-name",
            "relay:duplicate@accounts=8%",
            "relay:large-payloads@kr-seoul",
            "media-store:error=503@kr-seoul@requests=20%",
        ] {
            let fault: Fault = text.parse().unwrap();
            assert_eq!(fault.to_string(), text);
        }
        let defaults: Fault = "account:slow@all".parse().unwrap();
        assert_eq!(defaults.kind, FaultKind::Slow(Duration::from_secs(2)));
        assert_eq!(defaults.reach, Reach::Everywhere);
    }

    #[test]
    fn what_is_no_fault_says_what_would_be() {
        for (text, wanted) in [
            ("account", "NAME:KIND"),
            ("acount:refuse", "did you mean `account`?"),
            ("zzz:refuse", "known: account, cache, relay"),
            ("account:refused", "did you mean `refuse`?"),
            ("account:slow=fast", "it takes a delay"),
            ("account:slow=99999999s", "it takes a delay"),
            ("account:error=404", "500 to 599"),
            ("account:refuse=now", "it takes no value"),
            ("account:dns-failure=maybe", "servfail"),
            ("account:bad-certificate=ugly", "untrusted"),
            ("account:refuse@Seoul", "not a region id"),
            ("account:slow@accounts=0%", "from 1% to 100%"),
            ("account:slow@users=8%", "write accounts=8%"),
            ("account:dns-failure@accounts=8%", "no share"),
            ("account:duplicate", "duplicate acts on relay"),
            ("account:lost-delivery", "acts on relay, push, push-gateway"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn every_kind_is_named_and_acts_on_what_it_says() {
        let account = FaultPoint::Component(crate::Component::Account);
        for name in FaultKind::names() {
            let kind = FaultKind::parse(name, None).unwrap();
            assert_eq!(kind.as_str(), name);
            let everybody = Fault::everywhere(account, kind);
            assert_eq!(
                everybody.clone().applicable().is_ok(),
                kind.acts_on(account)
            );
            let share = Share::Accounts(Percent::new(8).unwrap());
            let may = kind.acts_on(account) && kind.takes_share();
            assert_eq!(everybody.with_share(share).applicable().is_ok(), may);
        }
    }

    #[test]
    fn a_share_of_accounts_is_stable_and_about_as_large_as_it_says() {
        let share: Share = "accounts=8%".parse().unwrap();
        let is_hit = |n: &u32| share.has_account(Some(&format!("u-chat-users-{n:03}")));
        let hit: Vec<_> = (1..=1_000).filter(is_hit).collect();
        assert!((40..=120).contains(&hit.len()), "{}", hit.len());
        assert!(hit.iter().all(is_hit));
        assert!(!share.has_account(None));
    }

    #[test]
    fn a_share_of_requests_is_evenly_spread_and_exact() {
        let share: Share = "requests=20%".parse().unwrap();
        let hit: Vec<_> = (1..=20).filter(|n| share.has_request(*n)).collect();
        assert_eq!(hit, [5, 10, 15, 20]);
        assert!((1..=9).all(|n| Share::All.has_request(n)));
    }
}
