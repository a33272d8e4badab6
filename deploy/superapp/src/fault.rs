//! What can be wrong with the platform, and how it is written: `account:slow=3s@kr-seoul`.

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
}

impl Fault {
    /// A fault that callers from every region see.
    pub const fn everywhere(on: FaultPoint, kind: FaultKind) -> Self {
        Self {
            on,
            kind,
            reach: Reach::Everywhere,
        }
    }

    /// A fault that only callers from `region` see.
    pub const fn only_in(on: FaultPoint, kind: FaultKind, region: RegionId) -> Self {
        Self {
            on,
            kind,
            reach: Reach::Only(region),
        }
    }

    /// Whether the kind can act on this point at all.
    ///
    /// # Errors
    /// When deliveries shall get lost where nothing is delivered.
    pub(crate) fn applicable(self) -> Result<Self, FaultError> {
        if self.kind == FaultKind::LostDelivery && !self.on.delivers() {
            return Err(FaultError::NothingDelivered(self.on));
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
    ("dns-failure", "servfail (default) or nxdomain"),
    (
        "bad-certificate",
        "expired (default), wrong-name or untrusted",
    ),
];

impl FaultKind {
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
            Self::Refuse | Self::Reset | Self::Hang | Self::WrongContent | Self::LostDelivery => {
                None
            }
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
        "`{0}` is not a fault: write NAME:KIND[=VALUE][@REGION], as in account:slow=3s@kr-seoul"
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
    #[error("nothing is delivered by `{0}`: lost-delivery acts on {deliver}", deliver = deliver())]
    NothingDelivered(FaultPoint),
}

/// What delivers, as words.
fn deliver() -> String {
    let names = FaultPoint::all().filter(|point| point.delivers());
    names.map(FaultPoint::as_str).collect::<Vec<_>>().join(", ")
}

impl FaultError {
    fn kind(kind: &str) -> Self {
        let names = || KINDS.iter().map(|(name, _)| *name);
        Self::Kind {
            kind: kind.chars().take(80).collect(),
            hint: did_you_mean(kind, names()),
            known: names().collect::<Vec<_>>().join(", "),
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
        let (what, region) = match text.split_once('@') {
            Some((what, region)) => (what, Some(region)),
            None => (text, None),
        };
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
            reach: match region {
                None | Some("all") => Reach::Everywhere,
                Some(region) => Reach::Only(RegionId::new(region)?),
            },
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
        match &self.reach {
            Reach::Everywhere => Ok(()),
            Reach::Only(region) => write!(f, "@{region}"),
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
            ("account:lost-delivery", "acts on relay, push, push-gateway"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
