//! The faults that are active, and what they do to a host, a request or a delivery.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bongsu_model::RegionId;
use tokio::sync::watch;

use crate::component::{FaultPoint, Service};
use crate::fault::{CertificateFlaw, DnsFailure, Fault, FaultError, FaultKind, Reach};

/// Most faults at once: every kind on every point (9 × 70 = 630), rounded up.
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

/// The active faults of one platform.
#[derive(Debug)]
pub(crate) struct Faults {
    regions: Vec<RegionId>,
    active: Mutex<(u64, BTreeMap<FaultId, Fault>)>,
    version: watch::Sender<u64>,
}

impl Faults {
    pub(crate) fn new(regions: Vec<RegionId>) -> Self {
        Self {
            regions,
            active: Mutex::new((0, BTreeMap::new())),
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
            active.insert(FaultId(*last), fault);
            Ok(FaultId(*last))
        })
    }

    /// Ends the faults for which `which` holds; says how many there were.
    pub(crate) fn mend(&self, which: impl Fn(FaultId, &Fault) -> bool) -> usize {
        self.change(|_, active| {
            let before = active.len();
            active.retain(|id, fault| !which(*id, fault));
            before - active.len()
        })
    }

    pub(crate) fn list(&self) -> Vec<(FaultId, Fault)> {
        self.read(|(id, fault)| Some((*id, fault.clone())))
    }

    /// Counts the changes; who waits on it looks again after each.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(crate) fn door(&self, service: Service, region: &RegionId) -> Door {
        let hit_by = |kind| {
            let hits = self.read(|(_, fault)| {
                (fault.kind == kind && fault.hits_host(service, region)).then_some(())
            });
            !hits.is_empty()
        };
        if hit_by(FaultKind::Refuse) {
            Door::Refusing
        } else if hit_by(FaultKind::Reset) {
            Door::Resetting
        } else {
            Door::Open
        }
    }

    pub(crate) fn certificate(
        &self,
        service: Service,
        region: &RegionId,
    ) -> Option<CertificateFlaw> {
        let flaws = self.read(|(_, fault)| {
            if let FaultKind::BadCertificate(flaw) = fault.kind {
                fault.hits_host(service, region).then_some(flaw)
            } else {
                None
            }
        });
        flaws.last().copied()
    }

    pub(crate) fn dns(&self, service: Service, region: &RegionId) -> Option<DnsFailure> {
        let failures = self.read(|(_, fault)| {
            if let FaultKind::DnsFailure(failure) = fault.kind {
                fault.hits_host(service, region).then_some(failure)
            } else {
                None
            }
        });
        failures.last().copied()
    }

    /// What happens to a request at `service` from `region` that needs `needs`.
    pub(crate) fn effect(
        &self,
        needs: &[FaultPoint],
        service: Service,
        region: &RegionId,
    ) -> Effect {
        self.read(|(_, fault)| {
            let hit = needs.contains(&fault.on) && fault.reach.covers(region);
            hit.then(|| fault.effect_at(service))
        })
        .into_iter()
        .fold(Effect::default(), |sum, one| Effect {
            delay: sum.delay.saturating_add(one.delay),
            then: sum.then.max(one.then),
        })
    }

    /// Whether what goes between callers from these regions gets lost in `points`.
    pub(crate) fn loses(&self, points: &[FaultPoint], regions: [&RegionId; 2]) -> bool {
        self.strikes(points, regions, FaultKind::LostDelivery)
    }

    /// Whether a message between callers from these regions is altered in `points`.
    pub(crate) fn alters(&self, points: &[FaultPoint], regions: [&RegionId; 2]) -> bool {
        self.strikes(points, regions, FaultKind::WrongContent)
    }

    fn strikes(&self, points: &[FaultPoint], regions: [&RegionId; 2], kind: FaultKind) -> bool {
        let hits = self.read(|(_, fault)| {
            let hit = fault.kind == kind
                && points.contains(&fault.on)
                && regions.iter().any(|region| fault.reach.covers(region));
            hit.then_some(())
        });
        !hits.is_empty()
    }

    fn read<T>(&self, pick: impl Fn((&FaultId, &Fault)) -> Option<T>) -> Vec<T> {
        let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        active.1.iter().filter_map(pick).collect()
    }

    fn change<T>(&self, act: impl FnOnce(&mut u64, &mut BTreeMap<FaultId, Fault>) -> T) -> T {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, faults) = &mut *active;
        let result = act(last, faults);
        drop(active);
        self.version.send_modify(|version| *version += 1);
        result
    }
}

impl Fault {
    fn hits_host(&self, service: Service, region: &RegionId) -> bool {
        self.on.fronts() == Some(service) && self.reach.covers(region)
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
                    then: Then::Answer,
                };
            }
            FaultKind::Hang => Then::Hang,
            FaultKind::LostDelivery => Then::Answer,
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
            delay: Duration::ZERO,
            then,
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
            let effect = faults.effect(TALK, Service::Talk, &seoul);
            assert_eq!(effect.then, Then::Fail(503), "{kind}");
            assert_eq!(faults.door(Service::Talk, &seoul), Door::Open, "{kind}");
        }
        let refused = faults(&["account:refuse"]);
        assert_eq!(refused.door(Service::Account, &seoul), Door::Refusing);
        let hung = faults(&["account:hang"]);
        assert_eq!(hung.effect(TALK, Service::Talk, &seoul).then, Then::Hang);
    }

    #[test]
    fn a_broken_login_leaves_existing_sessions_alone() {
        let faults = faults(&["account.login:refuse"]);
        let seoul = region("kr-seoul");
        assert_eq!(faults.door(Service::Account, &seoul), Door::Refusing);
        assert_eq!(
            faults.effect(TALK, Service::Talk, &seoul),
            Effect::default()
        );
    }

    #[test]
    fn faults_stack_and_stay_in_their_region() {
        let faults = faults(&[
            "relay:slow=1s@kr-seoul",
            "account:slow=2s",
            "relay:error=500@kr-seoul",
            "relay:refuse@jp-tokyo",
        ]);
        let at = |name| faults.effect(TALK, Service::Talk, &region(name));
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
}
