//! What a soak breaks: a part of the platform in some way, or a data centre with what runs in it.
//! Whatever it breaks it can heal again.

use bongsu_model::RegionId;
use bongsu_superapp::{
    Component, Facility, FacilityAct, Fault, FaultId, FaultKind, FaultPoint, Percent, Platform,
    Reach, Share, Standing,
};

use crate::region::REGIONS;

/// Most components that are taken into the standby centre at once: more than it carries whole, so
/// that it also turns requests away.
const FAILED_OVER_MAX: usize = 8;
/// How much later slow answers come, in milliseconds.
const SLOW_MS: std::ops::Range<u64> = 500..4_000;
/// The share of the accounts or requests that is struck, in per cent.
const SHARE: std::ops::RangeInclusive<u8> = 5..=60;

/// A kind of trouble: each is drawn as often as any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TroubleKind {
    /// A kind of fault, by its name.
    Fault(&'static str),
    /// A data centre loses its power.
    CentreLost,
    /// Components are served from the standby centre.
    FailedOver,
    /// The main centre loses its power, and some of its components are taken into the other.
    LostAndFailedOver,
}

impl TroubleKind {
    /// Every kind.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let faults = FaultKind::names().map(Self::Fault);
        faults.chain([Self::CentreLost, Self::FailedOver, Self::LostAndFailedOver])
    }

    /// Its name.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Fault(name) => name,
            Self::CentreLost => "centre-lost",
            Self::FailedOver => "failed-over",
            Self::LostAndFailedOver => "centre-lost-and-failed-over",
        }
    }
}

/// Something that is wrong and can be healed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A part of the platform is broken.
    Fault(Fault),
    /// Something is wrong with the data centres; at least one of the two.
    Centre {
        /// The one without power.
        lost: Option<Facility>,
        /// What is served from the standby centre.
        failed_over: Vec<Component>,
    },
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fault(fault) => write!(f, "{fault}"),
            Self::Centre { .. } => {
                let acts: Vec<_> = self.acts().iter().map(FacilityAct::to_string).collect();
                f.write_str(&acts.join(", "))
            }
        }
    }
}

impl Trouble {
    /// Draws a trouble beside those that there are; none where they leave nothing for this kind.
    pub(super) fn draw(
        kind: TroubleKind,
        random: &mut fastrand::Rng,
        beside: &[&Self],
    ) -> Option<Self> {
        let name = match kind {
            TroubleKind::Fault(name) => name,
            TroubleKind::CentreLost => {
                let lost = random.choice(powered(beside))?;
                return Some(Self::Centre {
                    lost: Some(lost),
                    failed_over: Vec::new(),
                });
            }
            TroubleKind::FailedOver => {
                return Some(Self::Centre {
                    lost: None,
                    failed_over: drawn_to_standby(random, beside)?,
                });
            }
            TroubleKind::LostAndFailedOver => {
                let mut powered = powered(beside).into_iter();
                return Some(Self::Centre {
                    lost: Some(powered.find(|one| *one == Facility::DcA)?),
                    failed_over: drawn_to_standby(random, beside)?,
                });
            }
        };
        let value = match name {
            "slow" => Some(format!("{}ms", random.u64(SLOW_MS))),
            "error" => Some(random.u16(500..=504).to_string()),
            "dns-failure" => random.choice(["servfail", "nxdomain"]).map(str::to_owned),
            "bad-certificate" => random
                .choice(["expired", "wrong-name", "untrusted"])
                .map(str::to_owned),
            _ => None,
        };
        let kind = FaultKind::parse(name, value.as_deref()).ok()?;
        let points = FaultPoint::all().filter(|point| kind.acts_on(*point));
        let on = random.choice(points.collect::<Vec<_>>())?;
        // One in three is everywhere.
        let reach = match REGIONS.get(random.usize(0..REGIONS.len() * 3 / 2 + 1)) {
            Some(region) => Reach::Only(RegionId::new(region.id).ok()?),
            None => Reach::Everywhere,
        };
        let share = if kind.takes_share() {
            let percent = Percent::new(random.u8(SHARE))?;
            let shares = [
                Share::All,
                Share::Accounts(percent),
                Share::Requests(percent),
            ];
            random.choice(shares)?
        } else {
            Share::All
        };
        Some(Self::Fault(Fault {
            on,
            kind,
            reach,
            share,
        }))
    }

    /// The name of its kind.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.kind.as_str(),
            Self::Centre { lost: None, .. } => TroubleKind::FailedOver.as_str(),
            Self::Centre { failed_over, .. } if failed_over.is_empty() => {
                TroubleKind::CentreLost.as_str()
            }
            Self::Centre { .. } => TroubleKind::LostAndFailedOver.as_str(),
        }
    }

    /// What is done to the centres.
    fn acts(&self) -> Vec<FacilityAct> {
        let Self::Centre { lost, failed_over } = self else {
            return Vec::new();
        };
        let lost = lost.iter().copied().map(FacilityAct::PowerOff);
        let failed_over = failed_over.iter().copied().map(FacilityAct::FailOver);
        lost.chain(failed_over).collect()
    }

    /// Breaks it on `platform`. What the platform does not take is told in `refused`.
    pub(super) fn strike(&self, platform: &Platform, refused: &mut Vec<String>) -> Struck {
        let mut told = |error: String| refused.push(format!("{self} was refused: {error}"));
        if let Self::Fault(fault) = self {
            let struck = platform.inject(fault.clone());
            let struck = struck.map_err(|error| told(error.to_string()));
            return Struck {
                fault: struck.ok(),
                acts: Vec::new(),
            };
        }
        let mut acts = self.acts();
        acts.retain(|act| {
            let done = platform.facility(*act);
            done.map_err(|error| told(error.to_string())).is_ok()
        });
        Struck { fault: None, acts }
    }
}

/// The centres that have power.
fn powered(beside: &[&Trouble]) -> Vec<Facility> {
    let is_lost = |facility: &Facility| {
        let mut beside = beside.iter();
        beside.any(|one| matches!(one, Trouble::Centre { lost, .. } if *lost == Some(*facility)))
    };
    let all = Facility::ALL.iter().copied();
    all.filter(|facility| !is_lost(facility)).collect()
}

/// Components of the main centre that are to be served from the other; none where all are.
fn drawn_to_standby(random: &mut fastrand::Rng, beside: &[&Trouble]) -> Option<Vec<Component>> {
    let is_over = |component: &Component| {
        let mut beside = beside.iter();
        beside.any(|one| {
            matches!(one, Trouble::Centre { failed_over, .. } if failed_over.contains(component))
        })
    };
    let all = Component::ALL.iter().copied();
    let mut at_home: Vec<Component> = all
        .filter(|one| one.home() == Some(Facility::DcA) && !is_over(one))
        .collect();
    random.shuffle(&mut at_home);
    at_home.truncate(random.usize(1..=FAILED_OVER_MAX));
    (!at_home.is_empty()).then_some(at_home)
}

/// A trouble that is there, with what heals it.
#[derive(Debug)]
pub(super) struct Struck {
    fault: Option<FaultId>,
    acts: Vec<FacilityAct>,
}

impl Struck {
    /// Heals it: power first, then everything goes back to where it belongs.
    pub(super) fn heal(self, platform: &Platform, refused: &mut Vec<String>) {
        if let Some(fault) = self.fault {
            platform.mend(fault);
        }
        for act in self.acts {
            let undo = match act {
                FacilityAct::PowerOff(facility) => FacilityAct::PowerOn(facility),
                FacilityAct::FailOver(component) => FacilityAct::FailBack(component),
                FacilityAct::PowerOn(_) | FacilityAct::FailBack(_) => continue,
            };
            if let Err(error) = platform.facility(undo) {
                refused.push(format!("{undo} was refused: {error}"));
            }
        }
    }
}

/// What is still broken, each as words.
pub(super) fn still_broken(platform: &Platform) -> Vec<String> {
    let faults = platform.faults().into_iter();
    let faults = faults.map(|(_, fault)| format!("{fault} is still there"));
    let dark = Facility::ALL
        .iter()
        .filter(|one| !platform.has_power(**one));
    let dark = dark.map(|one| format!("{one} has no power still"));
    let away = Component::ALL
        .iter()
        .filter(|one| platform.standing(**one) != Standing::Whole);
    let away = away.map(|one| format!("{} does not run where it belongs still", one.as_str()));
    faults.chain(dark).chain(away).collect()
}
