//! The faults that are active, with the data centres and their power, and what both do to a host, a
//! request or a delivery.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_model::{RegionId, Timestamp};
use tokio::sync::watch;

use crate::component::{Component, FaultPoint, Service};
use crate::facility::{Facilities, FacilityAct, FacilityError, Standing};
use crate::fault::{CertificateFlaw, DnsFailure, Fault, FaultError, FaultKind, Reach, Share};

/// Most faults at once: every kind on every point (11 × 70 = 770), rounded up.
pub const FAULTS_MAX: usize = 1024;

/// Names one active fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultId(pub(crate) u64);

impl std::fmt::Display for FaultId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Why a fault was not injected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InjectError {
    /// It makes no sense.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// Nobody calls from there.
    #[error("the platform is not called from region `{region}`; it is called from {known}")]
    Region {
        /// The region named.
        region: RegionId,
        /// The regions there are.
        known: String,
    },
    /// The bound is reached.
    #[error("{FAULTS_MAX} faults are active already: mend some first")]
    TooMany,
}

/// What a caller meets at a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Open,
    Refusing,
    Resetting,
}

/// What happens to a request before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Effect {
    pub(crate) delay: Duration,
    pub(crate) then: Then,
    /// What is longer than [`LARGE_BYTES`] does not get through, either way.
    pub(crate) loses_large: bool,
}

/// Longest that gets through where large payloads are lost: what fits a packet of an Ethernet with
/// its headers.
pub(crate) const LARGE_BYTES: usize = 1_400;

/// Who asks, and for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) service: Service,
    pub(crate) region: &'a RegionId,
    /// Who it is, where that is known.
    pub(crate) user: Option<&'a str>,
    pub(crate) asks: Asks,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// A request: it counts where a share of them is hit.
    Request,
    /// The same request as before.
    Again,
    /// Whether a stream may stay open: no share of requests hits it.
    Stream,
}

/// What becomes of something on its way to its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Passing {
    pub(crate) is_lost: bool,
    pub(crate) is_altered: bool,
    is_doubled: bool,
    loses_large: bool,
}

impl Passing {
    /// How often it arrives.
    pub(crate) const fn times(self) -> usize {
        if self.is_doubled { 2 } else { 1 }
    }

    /// Whether so many bytes do not get through.
    pub(crate) const fn is_too_large(self, bytes: usize) -> bool {
        self.loses_large && bytes > LARGE_BYTES
    }
}

/// What comes after the delay. Later variants win over earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Then {
    #[default]
    Answer,
    AnswerWrongly,
    Fail(u16),
    Close,
    Reset,
    Hang,
}

/// A fault that is active.
#[derive(Debug)]
struct Active {
    fault: Fault,
    /// Requests and deliveries that a share of them was taken of.
    seen: Cell<u64>,
}

impl Active {
    /// Whether the next request is hit.
    fn hits_next(&self) -> bool {
        let number = self.seen.get().saturating_add(1);
        self.seen.set(number);
        self.fault.share.has_request(number)
    }
}

/// The active faults of one platform.
#[derive(Debug)]
pub(crate) struct Faults {
    regions: Vec<RegionId>,
    active: Mutex<(u64, BTreeMap<FaultId, Active>)>,
    facilities: Mutex<Facilities>,
    /// Requests that were asked about, so that a share of them can be turned away evenly.
    asked: AtomicU64,
    version: watch::Sender<u64>,
}

impl Faults {
    pub(crate) fn new(regions: Vec<RegionId>) -> Self {
        Self {
            regions,
            active: Mutex::new((0, BTreeMap::new())),
            facilities: Mutex::default(),
            asked: AtomicU64::new(0),
            version: watch::Sender::new(0),
        }
    }

    pub(crate) fn inject(&self, fault: Fault) -> Result<FaultId, InjectError> {
        let fault = fault.applicable()?;
        if let Reach::Only(region) = &fault.reach
            && !self.regions.contains(region)
        {
            let names: Vec<_> = self.regions.iter().map(RegionId::as_str).collect();
            return Err(InjectError::Region {
                region: region.clone(),
                known: names.join(", "),
            });
        }
        self.change(|last, active| {
            if active.len() >= FAULTS_MAX {
                return Err(InjectError::TooMany);
            }
            *last += 1;
            let seen = Cell::new(0);
            active.insert(FaultId(*last), Active { fault, seen });
            Ok(FaultId(*last))
        })
    }

    /// Does something to a data centre, at `now` of the platform's clock.
    pub(crate) fn facility(&self, act: FacilityAct, now: Timestamp) -> Result<(), FacilityError> {
        self.facilities().act(act, now)?;
        self.version.send_modify(|version| *version += 1);
        Ok(())
    }

    /// Does what brings the data centres to where `wanted` has them; says what that was.
    pub(crate) fn arrange(&self, wanted: &Facilities, now: Timestamp) -> Vec<FacilityAct> {
        let mut facilities = self.facilities();
        let mut acts = facilities.acts_towards(wanted);
        acts.retain(|act| facilities.act(*act, now).is_ok());
        drop(facilities);
        if !acts.is_empty() {
            self.version.send_modify(|version| *version += 1);
        }
        acts
    }

    /// The data centres as they are.
    pub(crate) fn facilities(&self) -> MutexGuard<'_, Facilities> {
        self.facilities
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the faults for which `which` holds; says how many there were.
    pub(crate) fn mend(&self, which: impl Fn(FaultId, &Fault) -> bool) -> usize {
        self.change(|_, active| {
            let before = active.len();
            active.retain(|id, active| !which(*id, &active.fault));
            before - active.len()
        })
    }

    pub(crate) fn list(&self) -> Vec<(FaultId, Fault)> {
        self.read(|(id, active)| Some((*id, active.fault.clone())))
    }

    /// Counts the changes; who waits on it looks again after each.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(crate) fn door(&self, service: Service, region: &RegionId) -> Door {
        let hit_by = |kind| {
            let hits = self.read(|(_, Active { fault, .. })| {
                (fault.kind == kind && fault.hits_host(service, region)).then_some(())
            });
            !hits.is_empty()
        };
        if hit_by(FaultKind::Refuse) || self.is_dark(service) {
            Door::Refusing
        } else if hit_by(FaultKind::Reset) {
            Door::Resetting
        } else {
            Door::Open
        }
    }

    /// Whether the component that is the service's host has no power.
    fn is_dark(&self, service: Service) -> bool {
        let host = Component::ALL.iter().copied();
        let mut host = host.filter(|component| component.fronts() == Some(service));
        host.any(|component| self.facilities().standing(component) == Standing::Gone)
    }

    pub(crate) fn certificate(
        &self,
        service: Service,
        region: &RegionId,
    ) -> Option<CertificateFlaw> {
        let flaws = self.read(|(_, Active { fault, .. })| {
            if let FaultKind::BadCertificate(flaw) = fault.kind {
                fault.hits_host(service, region).then_some(flaw)
            } else {
                None
            }
        });
        flaws.last().copied()
    }

    pub(crate) fn dns(&self, service: Service, region: &RegionId) -> Option<DnsFailure> {
        let failures = self.read(|(_, Active { fault, .. })| {
            if let FaultKind::DnsFailure(failure) = fault.kind {
                fault.hits_host(service, region).then_some(failure)
            } else {
                None
            }
        });
        failures.last().copied()
    }

    /// What happens to a request that needs `needs`.
    pub(crate) fn effect(&self, needs: &[FaultPoint], asker: &Asker<'_>) -> Effect {
        let mut effects = self.read(|(_, active)| {
            let fault = &active.fault;
            let is_hit = needs.contains(&fault.on)
                && fault.reach.covers(asker.region)
                && fault.share.has_account(asker.user)
                && match asker.asks {
                    Asks::Request => active.hits_next(),
                    Asks::Again => true,
                    Asks::Stream => !matches!(fault.share, Share::Requests(_)),
                };
            is_hit.then(|| fault.effect_at(asker.service))
        });
        effects.extend(self.standing(needs));
        effects
            .into_iter()
            .fold(Effect::default(), |sum, one| Effect {
                delay: sum.delay.saturating_add(one.delay),
                then: sum.then.max(one.then),
                loses_large: sum.loses_large || one.loses_large,
            })
    }

    /// What the centres do to a request that needs `needs`.
    fn standing(&self, needs: &[FaultPoint]) -> Option<Effect> {
        let n = self.asked.fetch_add(1, Ordering::Relaxed);
        let facilities = self.facilities();
        let components = needs.iter().filter_map(|point| match point {
            FaultPoint::Component(component) => Some(*component),
            FaultPoint::Feature(_) => None,
        });
        let served = components.map(|component| facilities.serves(component, n));
        // The slowest of them decides; one that is missing decides more.
        let delay = served.reduce(|one, other| Some(one?.max(other?)))?;
        Some(Effect {
            delay: delay.unwrap_or_default(),
            then: delay.map_or(Then::Fail(503), |_| Then::Answer),
            loses_large: false,
        })
    }

    /// What becomes of something that `user` is to get and that goes between callers from these
    /// regions through `points`.
    pub(crate) fn passing(
        &self,
        points: &[FaultPoint],
        regions: [&RegionId; 2],
        user: &str,
    ) -> Passing {
        let strikes = |kind| self.strikes((points, regions, Some(user)), kind);
        Passing {
            is_lost: strikes(FaultKind::LostDelivery),
            is_altered: strikes(FaultKind::WrongContent),
            is_doubled: strikes(FaultKind::Duplicate),
            loses_large: strikes(FaultKind::LargePayloads),
        }
    }

    /// Whether what goes between callers from these regions gets lost in `points`, whoever it is
    /// for.
    pub(crate) fn loses(&self, points: &[FaultPoint], regions: [&RegionId; 2]) -> bool {
        self.strikes((points, regions, None), FaultKind::LostDelivery)
    }

    fn strikes(
        &self,
        (points, regions, user): (&[FaultPoint], [&RegionId; 2], Option<&str>),
        kind: FaultKind,
    ) -> bool {
        let hits = self.read(|(_, active)| {
            let fault = &active.fault;
            let hit = fault.kind == kind
                && points.contains(&fault.on)
                && regions.iter().any(|region| fault.reach.covers(region))
                && fault.share.has_account(user)
                && active.hits_next();
            hit.then_some(())
        });
        !hits.is_empty()
    }

    fn read<T>(&self, pick: impl Fn((&FaultId, &Active)) -> Option<T>) -> Vec<T> {
        let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        active.1.iter().filter_map(pick).collect()
    }

    fn change<T>(&self, act: impl FnOnce(&mut u64, &mut BTreeMap<FaultId, Active>) -> T) -> T {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, faults) = &mut *active;
        let result = act(last, faults);
        drop(active);
        self.version.send_modify(|version| *version += 1);
        result
    }
}

impl Fault {
    /// Whether it acts on the host itself, where all are hit and nobody is known yet.
    fn hits_host(&self, service: Service, region: &RegionId) -> bool {
        self.on.fronts() == Some(service) && self.reach.covers(region) && self.share == Share::All
    }

    /// What this fault does to a request at `service` that needs its point. A point that fronts
    /// another service is asked for behind this one, which then answers 5xx by itself.
    fn effect_at(&self, service: Service) -> Effect {
        let behind = self.on.fronts().is_some_and(|fronted| fronted != service);
        let own_host = self.on.fronts() == Some(service);
        let then = match self.kind {
            FaultKind::Slow(delay) => {
                return Effect {
                    delay,
                    ..Effect::default()
                };
            }
            FaultKind::LargePayloads => {
                return Effect {
                    loses_large: true,
                    ..Effect::default()
                };
            }
            FaultKind::Hang => Then::Hang,
            FaultKind::LostDelivery | FaultKind::Duplicate => Then::Answer,
            FaultKind::Refuse | FaultKind::Reset if behind => Then::Fail(503),
            FaultKind::Refuse => Then::Close,
            FaultKind::Reset => Then::Reset,
            FaultKind::Error(_) if behind => Then::Fail(503),
            FaultKind::Error(status) => Then::Fail(status),
            FaultKind::WrongContent if behind => Then::Fail(502),
            FaultKind::WrongContent => Then::AnswerWrongly,
            // Who has passed the host's own DNS and TLS is served; behind, nothing is reached.
            FaultKind::DnsFailure(_) | FaultKind::BadCertificate(_) if own_host => Then::Answer,
            FaultKind::DnsFailure(_) | FaultKind::BadCertificate(_) => Then::Fail(503),
        };
        Effect {
            then,
            ..Effect::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::{Component, PlatformFeature};

    /// Something behind which the host of `account` is asked.
    const TALK: &[FaultPoint] = &[
        FaultPoint::Component(Component::Account),
        FaultPoint::Component(Component::Relay),
        FaultPoint::Feature(PlatformFeature::TalkMessageText),
    ];

    fn region(name: &str) -> RegionId {
        RegionId::new(name).unwrap()
    }

    fn asked(faults: &Faults, region: &RegionId) -> Effect {
        let asker = Asker {
            service: Service::Talk,
            region,
            user: Some("u-a"),
            asks: Asks::Request,
        };
        faults.effect(TALK, &asker)
    }

    fn faults(texts: &[&str]) -> Faults {
        let faults = Faults::new(vec![region("kr-seoul"), region("jp-tokyo")]);
        for text in texts {
            faults.inject(text.parse().unwrap()).unwrap();
        }
        faults
    }

    #[test]
    fn a_broken_account_shows_at_its_own_host_and_as_503_behind_talk() {
        let seoul = region("kr-seoul");
        for kind in [
            "refuse",
            "reset",
            "error=500",
            "dns-failure",
            "bad-certificate",
        ] {
            let faults = faults(&[&format!("account:{kind}")]);
            let effect = asked(&faults, &seoul);
            assert_eq!(effect.then, Then::Fail(503), "{kind}");
            assert_eq!(faults.door(Service::Talk, &seoul), Door::Open, "{kind}");
        }
        let refused = faults(&["account:refuse"]);
        assert_eq!(refused.door(Service::Account, &seoul), Door::Refusing);
        let hung = faults(&["account:hang"]);
        assert_eq!(asked(&hung, &seoul).then, Then::Hang);
    }

    #[test]
    fn a_broken_login_leaves_existing_sessions_alone() {
        let faults = faults(&["account.login:refuse"]);
        let seoul = region("kr-seoul");
        assert_eq!(faults.door(Service::Account, &seoul), Door::Refusing);
        assert_eq!(asked(&faults, &seoul), Effect::default());
    }

    #[test]
    fn faults_stack_and_stay_in_their_region() {
        let faults = faults(&[
            "relay:slow=1s@kr-seoul",
            "account:slow=2s",
            "relay:error=500@kr-seoul",
            "relay:refuse@jp-tokyo",
        ]);
        let at = |name| asked(&faults, &region(name));
        assert_eq!(at("kr-seoul").delay, Duration::from_secs(3));
        assert_eq!(at("kr-seoul").then, Then::Fail(500));
        assert_eq!(at("jp-tokyo").delay, Duration::from_secs(2));
        assert_eq!(at("jp-tokyo").then, Then::Close);
        assert_eq!(faults.door(Service::Talk, &region("jp-tokyo")), Door::Open);
    }

    #[test]
    fn unknown_regions_and_too_many_faults_are_refused() {
        let faults = faults(&[]);
        let elsewhere: Fault = "account:refuse@us-oregon".parse().unwrap();
        let error = faults.inject(elsewhere).unwrap_err().to_string();
        assert!(error.contains("kr-seoul, jp-tokyo"), "{error}");
        for _ in 0..FAULTS_MAX {
            faults.inject("relay:slow".parse().unwrap()).unwrap();
        }
        let one_more = faults.inject("relay:slow".parse().unwrap());
        assert_eq!(one_more, Err(InjectError::TooMany));
        assert_eq!(faults.mend(|_, _| true), FAULTS_MAX);
    }

    #[test]
    fn a_share_of_requests_or_accounts_is_hit_and_never_the_host() {
        let seoul = region("kr-seoul");
        let faults = faults(&["account:refuse@requests=50%", "relay:error@accounts=100%"]);
        assert_eq!(faults.door(Service::Account, &seoul), Door::Open);
        assert_eq!(asked(&faults, &seoul).then, Then::Fail(503));
        let nobody = Asker {
            service: Service::Account,
            region: &seoul,
            user: None,
            asks: Asks::Request,
        };
        let ends = [(); 4].map(|()| faults.effect(TALK, &nobody).then);
        assert_eq!(ends, [Then::Close, Then::Answer, Then::Close, Then::Answer]);
        let stream = Asker {
            asks: Asks::Stream,
            ..nobody
        };
        assert_eq!(faults.effect(TALK, &stream).then, Then::Answer);
    }

    #[test]
    fn what_passes_may_be_lost_altered_doubled_or_too_large() {
        let seoul = region("kr-seoul");
        let faults = faults(&["relay:duplicate", "relay:large-payloads@jp-tokyo"]);
        let passing = faults.passing(TALK, [&seoul, &seoul], "u-a");
        assert_eq!((passing.times(), passing.is_too_large(9_000)), (2, false));
        let tokyo = region("jp-tokyo");
        let passing = faults.passing(TALK, [&seoul, &tokyo], "u-a");
        assert!(passing.is_too_large(LARGE_BYTES + 1) && !passing.is_too_large(LARGE_BYTES));
        assert!(!passing.is_lost && !passing.is_altered);
    }
}
