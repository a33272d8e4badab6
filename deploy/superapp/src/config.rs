//! What a platform is started with, and how its ports are chosen.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Clock, PoolName, RegionId, TargetName};

use crate::component::Service;
use crate::tls::CertificateError;

/// Ports set aside for one region: its DNS server, then its services, with room for more.
const PORTS_PER_REGION: u16 = 100;
/// The port of mail is so far behind that of DNS, behind all services.
const MAIL_BEHIND_DNS: u16 = 50;
/// Most accounts of one platform: each costs a few hundred bytes and a line in a profile.
pub const ACCOUNTS_MAX: usize = 10_000;
/// Most regions of one platform.
pub const REGIONS_MAX: usize = 64;

/// The pools that the shipped journeys use, and how many actors all journeys have in each, once for
/// each variant.
const ACTORS: [(&str, usize); 14] = [
    ("login-users", 1),
    ("chat-users", 4),
    ("wallet-users", 4),
    ("chat-wallet-users", 4),
    ("taxi-riders", 2),
    ("taxi-drivers", 2),
    ("pay-users", 7),
    ("merchants", 4),
    ("bank-users", 1),
    ("visitors", 4),
    ("movers", 11),
    ("fans", 5),
    ("talk-users", 59),
    ("care-visitors", 3),
];

/// The pools that so many agents need for the shipped journeys, and how many accounts each has:
/// two for an actor of an agent's and for each variant, so that a burst may run beside a slot.
pub fn pools_of(agents: usize) -> Vec<(PoolName, usize)> {
    let pool = |name| PoolName::new(name).expect("a literal pool name");
    let pools = ACTORS.iter();
    pools
        .map(|(name, actors)| (pool(name), 2 * actors * agents))
        .collect()
}

/// Which ports a platform listens on, always on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// Free ports, chosen by the system.
    Free,
    /// From this port on: the admin API one below it; for region i the DNS server at
    /// base + 100·i, its services, in their order, behind it, and SMTP at base + 100·i + 50.
    From(u16),
}

impl Ports {
    pub(crate) fn admin(self) -> u16 {
        match self {
            Self::Free => 0,
            Self::From(base) => base.saturating_sub(1),
        }
    }

    pub(crate) fn dns(self, region: usize) -> u16 {
        match self {
            Self::Free => 0,
            Self::From(base) => {
                let region = u16::try_from(region).unwrap_or(u16::MAX);
                base.saturating_add(region.saturating_mul(PORTS_PER_REGION))
            }
        }
    }

    pub(crate) fn mail(self, region: usize) -> u16 {
        match self {
            Self::Free => 0,
            Self::From(_) => self.dns(region).saturating_add(MAIL_BEHIND_DNS),
        }
    }

    pub(crate) fn service(self, region: usize, service: Service) -> u16 {
        let place = Service::ALL.iter().position(|one| *one == service);
        match self {
            Self::Free => 0,
            Self::From(_) => {
                let place = place.and_then(|place| u16::try_from(place).ok());
                let behind = place.map_or(u16::MAX, |place| place + 1);
                self.dns(region).saturating_add(behind)
            }
        }
    }
}

/// What a platform is started with.
#[derive(Debug, Clone)]
pub struct PlatformConfig {
    /// The name that target profiles give it.
    pub name: TargetName,
    /// From where it is called: one set of listeners each.
    pub regions: Vec<RegionId>,
    /// Its test accounts: pools and how many accounts each has.
    pub pools: Vec<(PoolName, usize)>,
    /// Passwords follow from it.
    pub seed: u64,
    /// Where it listens.
    pub ports: Ports,
    /// Its time.
    pub clock: Arc<dyn Clock>,
    /// How long a session lasts, in the clock's time.
    pub session_lifetime: Duration,
    /// How long a message is kept, in the clock's time.
    pub message_retention: Duration,
}

impl PlatformConfig {
    /// A platform on free ports with sessions of 10 minutes, messages kept for an hour, and the
    /// accounts that nine agents need for the shipped journeys.
    pub fn new(name: TargetName, regions: Vec<RegionId>, clock: Arc<dyn Clock>) -> Self {
        Self {
            name,
            regions,
            pools: pools_of(9),
            seed: 1,
            ports: Ports::Free,
            clock,
            session_lifetime: Duration::from_secs(10 * 60),
            message_retention: Duration::from_secs(60 * 60),
        }
    }

    pub(crate) fn check(&self) -> Result<(), StartError> {
        let regions: BTreeSet<_> = self.regions.iter().collect();
        let pools: BTreeSet<_> = self.pools.iter().map(|(pool, _)| pool).collect();
        let accounts = self.pools.iter().map(|(_, count)| *count);
        let accounts = accounts.fold(0, usize::saturating_add);
        if self.regions.is_empty() {
            return Err(StartError::NoRegion);
        }
        if regions.len() < self.regions.len() || self.regions.len() > REGIONS_MAX {
            return Err(StartError::Regions);
        }
        if pools.len() < self.pools.len() || self.pools.iter().any(|(_, count)| *count == 0) {
            return Err(StartError::Pools);
        }
        if accounts > ACCOUNTS_MAX {
            return Err(StartError::TooManyAccounts(accounts));
        }
        if let Ports::From(base) = self.ports {
            let span = PORTS_PER_REGION.saturating_mul(self.regions.len().try_into().unwrap_or(99));
            if base < 1025 || base.checked_add(span).is_none() {
                return Err(StartError::PortRange(base));
            }
        }
        Ok(())
    }
}

/// Why a platform did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nobody could call it.
    #[error("a platform needs at least one region that it is called from")]
    NoRegion,
    /// A region twice, or too many.
    #[error("name each region once, and at most {REGIONS_MAX}")]
    Regions,
    /// A pool twice, or an empty one.
    #[error("name each pool once, with at least one account")]
    Pools,
    /// The bound on accounts.
    #[error("{0} accounts are too many: a platform has at most {ACCOUNTS_MAX}")]
    TooManyAccounts(usize),
    /// Some port would fall outside the unprivileged range.
    #[error(
        "ports from {0} on do not fit: choose a base above 1024 with 100 ports for each region"
    )]
    PortRange(u16),
    /// Something else listens there, or listening is not allowed.
    #[error("cannot listen on {address} for {what}: {source}; choose other ports with --port")]
    Listen {
        /// What would have listened.
        what: String,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// No certificates.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// No key for credentials.
    #[error(transparent)]
    Key(#[from] crate::credential::NoKey),
    /// A fault to start with makes no sense.
    #[error(transparent)]
    Fault(#[from] crate::faults::InjectError),
}
