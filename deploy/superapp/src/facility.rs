//! The data centres, what runs in which, and what becomes of components whose centre loses power.
//!
//! `dc-a` has nearly everything. `dc-b` stands by with less capacity, and with copies that are not
//! complete; nothing moves there by itself: a person fails a component over. The bank has a centre
//! of its own. What belongs to others, and what stands at the edge, is in none of them.
//!
//! Pure: the state is here, and what it does to requests is asked of it.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_model::Timestamp;

use crate::component::{Component, did_you_mean};
use crate::picture::bytes_of;

/// How many components `dc-b` carries whole. With more of them each gets its part, and the other
/// requests are turned away. A figure of the stand-in: "too little spare capacity" is all that is
/// known of the real one.
const STANDBY_CARRIES: usize = 6;
/// How much later everything is answered from `dc-b`: its caches are cold.
const STANDBY_LATER: Duration = Duration::from_millis(150);
/// Of a hundred older objects, how many an incomplete copy lacks.
const MISSING_OF_100: u8 = 40;

/// A data centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Facility {
    /// The main centre.
    DcA,
    /// The one that stands by.
    DcB,
    /// The bank's own.
    BankDc,
}

impl Facility {
    /// Every centre.
    pub const ALL: &'static [Self] = &[Self::DcA, Self::DcB, Self::BankDc];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DcA => "dc-a",
            Self::DcB => "dc-b",
            Self::BankDc => "bank-dc",
        }
    }
}

impl std::str::FromStr for Facility {
    type Err = FacilityError;

    fn from_str(name: &str) -> Result<Self, FacilityError> {
        let found = Self::ALL.iter().find(|one| one.as_str() == name);
        found
            .copied()
            .ok_or_else(|| FacilityError::Facility(name.chars().take(80).collect()))
    }
}

impl std::fmt::Display for Facility {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much of a component's data stands by in `dc-b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandbyCopy {
    /// All of it.
    Complete,
    /// What is stored from the failover on, and part of what is older.
    Incomplete,
    /// What was computed before the failover, for everybody; nothing is computed anew.
    Weak,
}

impl Component {
    /// The centre that it runs in; None for what is somebody else's or stands at the edge.
    pub const fn home(self) -> Option<Facility> {
        match self {
            Self::Account
            | Self::Cache
            | Self::Relay
            | Self::MediaStore
            | Self::Push
            | Self::BizMessage
            | Self::BoardDb
            | Self::CallSignal
            | Self::Turn
            | Self::CalendarDb
            | Self::CertStore
            | Self::Search
            | Self::BigData
            | Self::PayCore
            | Self::MapCore
            | Self::Dispatch
            | Self::Cdn => Some(Facility::DcA),
            Self::BankCore => Some(Facility::BankDc),
            Self::PushGateway
            | Self::BankNetwork
            | Self::TransitFeed
            | Self::LockIot
            | Self::ParkingEdge => None,
        }
    }

    /// How much of its data stands by.
    pub const fn standby_copy(self) -> StandbyCopy {
        match self {
            Self::Cache | Self::MediaStore => StandbyCopy::Incomplete,
            Self::Search | Self::BigData => StandbyCopy::Weak,
            _ => StandbyCopy::Complete,
        }
    }
}

/// What is done to a centre, or to a component that runs in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FacilityAct {
    /// Its power goes: every component that runs in it is gone.
    PowerOff(Facility),
    /// Its power comes back, and with it every component that runs in it.
    PowerOn(Facility),
    /// A component of `dc-a` is taken into service in `dc-b`, by hand.
    FailOver(Component),
    /// It is taken back to `dc-a`.
    FailBack(Component),
}

impl FacilityAct {
    /// Itself, if it can be done at all, however the centres stand.
    ///
    /// # Errors
    /// When its component has no place in the standby centre.
    pub fn possible(self) -> Result<Self, FacilityError> {
        match self {
            Self::FailOver(component) | Self::FailBack(component)
                if component.home() != Some(Facility::DcA) =>
            {
                Err(FacilityError::NoStandby(component.as_str()))
            }
            _ => Ok(self),
        }
    }
}

impl std::fmt::Display for FacilityAct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PowerOff(facility) => write!(f, "{facility}:power-off"),
            Self::PowerOn(facility) => write!(f, "{facility}:power-on"),
            Self::FailOver(component) => write!(f, "{}:fail-over", component.as_str()),
            Self::FailBack(component) => write!(f, "{}:fail-back", component.as_str()),
        }
    }
}

/// Why nothing is done to a centre.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FacilityError {
    /// It is not of the form `on:act`.
    #[error(
        "`{0}` is no act: write dc-a:power-off, dc-a:power-on, NAME:fail-over or NAME:fail-back"
    )]
    Shape(String),
    /// There is no such centre.
    #[error("there is no data centre `{0}`; there are dc-a, dc-b and bank-dc")]
    Facility(String),
    /// There is no such component.
    #[error("there is no component `{name}`{hint}")]
    Component {
        /// The name that was written.
        name: String,
        /// What may have been meant.
        hint: String,
    },
    /// Only what runs in `dc-a` has a place in `dc-b`.
    #[error("`{0}` does not run in dc-a, so that it has no place in dc-b")]
    NoStandby(&'static str),
    /// It runs there already.
    #[error("`{0}` is where it shall be taken already")]
    AlreadyThere(&'static str),
}

impl std::str::FromStr for FacilityAct {
    type Err = FacilityError;

    fn from_str(text: &str) -> Result<Self, FacilityError> {
        let shape = || FacilityError::Shape(text.chars().take(80).collect());
        let (name, act) = text.split_once(':').ok_or_else(shape)?;
        let facility = || name.parse::<Facility>();
        let component = || {
            let found = Component::ALL.iter().find(|one| one.as_str() == name);
            found.copied().ok_or_else(|| FacilityError::Component {
                name: name.chars().take(80).collect(),
                hint: did_you_mean(name, Component::ALL.iter().map(|one| one.as_str())),
            })
        };
        match act {
            "power-off" => facility().map(Self::PowerOff),
            "power-on" => facility().map(Self::PowerOn),
            "fail-over" => component().map(Self::FailOver),
            "fail-back" => component().map(Self::FailBack),
            _ => Err(shape()),
        }
    }
}

/// How a component stands, as far as its centre is concerned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standing {
    /// It runs where it belongs, or belongs to nobody's centre here.
    Whole,
    /// Its centre has no power.
    Gone,
    /// It runs in `dc-b`: this share of requests, 0 to 1, is turned away, the others come later.
    StandingBy {
        /// The share that is turned away.
        turned_away: f64,
    },
}

/// The centres of one platform. By default all have power and everything is at home.
#[derive(Debug, Clone, Default)]
pub struct Facilities {
    without_power: Vec<Facility>,
    /// Components in `dc-b`, and since when.
    failed_over: BTreeMap<Component, Timestamp>,
}

impl Facilities {
    /// Does it, at `now` of the platform's clock.
    ///
    /// # Errors
    /// When a component has no place in the standby centre, or is there already; then nothing is
    /// done.
    pub fn act(&mut self, act: FacilityAct, now: Timestamp) -> Result<(), FacilityError> {
        match act.possible()? {
            FacilityAct::PowerOff(facility) => {
                if !self.without_power.contains(&facility) {
                    self.without_power.push(facility);
                }
            }
            FacilityAct::PowerOn(facility) => self.without_power.retain(|one| *one != facility),
            FacilityAct::FailOver(component) => {
                let name = component.as_str();
                if self.failed_over.contains_key(&component) {
                    return Err(FacilityError::AlreadyThere(name));
                }
                self.failed_over.insert(component, now);
            }
            FacilityAct::FailBack(component) => {
                let back = self.failed_over.remove(&component);
                back.ok_or(FacilityError::AlreadyThere(component.as_str()))?;
            }
        }
        Ok(())
    }

    /// What is to be done so that they stand as `wanted`: power first. The moments of failovers are
    /// not compared.
    pub fn acts_towards(&self, wanted: &Self) -> Vec<FacilityAct> {
        let power = Facility::ALL.iter().filter_map(|one| {
            let is_wanted = wanted.has_power(*one);
            let act = if is_wanted {
                FacilityAct::PowerOn(*one)
            } else {
                FacilityAct::PowerOff(*one)
            };
            (self.has_power(*one) != is_wanted).then_some(act)
        });
        let places = Component::ALL.iter().filter_map(|one| {
            let is_wanted = wanted.failed_over.contains_key(one);
            let act = if is_wanted {
                FacilityAct::FailOver(*one)
            } else {
                FacilityAct::FailBack(*one)
            };
            (self.failed_over.contains_key(one) != is_wanted).then_some(act)
        });
        power.chain(places).collect()
    }

    /// Whether a centre has power.
    pub fn has_power(&self, facility: Facility) -> bool {
        !self.without_power.contains(&facility)
    }

    /// The centre that a component runs in now, with power or without.
    pub fn runs_in(&self, component: Component) -> Option<Facility> {
        if self.failed_over.contains_key(&component) {
            Some(Facility::DcB)
        } else {
            component.home()
        }
    }

    /// How a component stands.
    pub fn standing(&self, component: Component) -> Standing {
        match self.runs_in(component) {
            Some(facility) if !self.has_power(facility) => Standing::Gone,
            Some(Facility::DcB) => Standing::StandingBy {
                turned_away: self.turned_away(),
            },
            Some(Facility::DcA | Facility::BankDc) | None => Standing::Whole,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a number of components")]
    fn turned_away(&self) -> f64 {
        let carried = STANDBY_CARRIES as f64 / self.failed_over.len().max(1) as f64;
        (1.0 - carried).max(0.0)
    }

    /// What its standing does to the `n`th request that needs a component: how much later it is
    /// answered, or None if it is not. The share that is turned away is spread evenly.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a counter that never gets so far"
    )]
    pub(crate) fn serves(&self, component: Component, n: u64) -> Option<Duration> {
        /// The golden ratio's fraction: its multiples spread evenly over 0 to 1.
        const STEP: f64 = 0.618_033_988_749_895;
        match self.standing(component) {
            Standing::Whole => Some(Duration::ZERO),
            Standing::Gone => None,
            Standing::StandingBy { turned_away } => {
                let is_carried = (n as f64 * STEP).fract() >= turned_away;
                is_carried.then_some(STANDBY_LATER)
            }
        }
    }

    /// Whether a component has an object that was stored then: an incomplete copy lacks part of what
    /// is older than the failover.
    pub(crate) fn has(&self, component: Component, object: &str, stored: Timestamp) -> bool {
        let since = self.failed_over.get(&component);
        match (component.standby_copy(), since) {
            (StandbyCopy::Incomplete, Some(since)) if stored < *since => {
                bytes_of(object)[0] % 100 >= MISSING_OF_100
            }
            _ => true,
        }
    }

    /// The latest moment of which a component knows anything computed: its failover where the copy
    /// is weak and nothing is computed anew, else `now`.
    pub(crate) fn computed_until(&self, component: Component, now: Timestamp) -> Timestamp {
        let since = self.failed_over.get(&component).copied();
        match component.standby_copy() {
            StandbyCopy::Weak => since.unwrap_or(now).min(now),
            StandbyCopy::Complete | StandbyCopy::Incomplete => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn after(acts: &[&str]) -> Facilities {
        let mut facilities = Facilities::default();
        for act in acts {
            facilities.act(act.parse().unwrap(), at(100)).unwrap();
        }
        facilities
    }

    #[test]
    fn without_power_exactly_what_runs_there_is_gone() {
        for facility in Facility::ALL {
            let dark = after(&[&format!("{facility}:power-off")]);
            for component in Component::ALL {
                let is_gone = dark.standing(*component) == Standing::Gone;
                let is_there = component.home() == Some(*facility);
                assert_eq!(is_gone, is_there, "{facility}: {component:?}");
            }
            let lit = after(&[
                &format!("{facility}:power-off"),
                &format!("{facility}:power-on"),
            ]);
            let mut all = Component::ALL.iter();
            assert!(all.all(|one| lit.standing(*one) == Standing::Whole));
        }
    }

    #[test]
    fn failed_over_a_component_is_back_and_with_too_many_only_in_part() {
        let few = after(&["dc-a:power-off", "relay:fail-over", "account:fail-over"]);
        let served = (0..1_000).filter(|n| few.serves(Component::Relay, *n).is_some());
        assert_eq!(served.count(), 1_000);
        assert_eq!(few.serves(Component::Relay, 1), Some(STANDBY_LATER));
        assert_eq!(few.serves(Component::Cache, 1), None);

        let names = Component::ALL
            .iter()
            .filter(|one| one.home() == Some(Facility::DcA));
        let acts: Vec<String> = names
            .map(|one| format!("{}:fail-over", one.as_str()))
            .collect();
        let acts: Vec<&str> = acts.iter().map(String::as_str).collect();
        let many = after(&acts);
        let served = (0..1_000).filter(|n| many.serves(Component::Relay, *n).is_some());
        let served = served.count();
        let expected = 1_000 * STANDBY_CARRIES / acts.len();
        assert!(served.abs_diff(expected) < 20, "{served} of {expected}");
        let dark = after(&["relay:fail-over", "dc-b:power-off"]);
        assert_eq!(dark.standing(Component::Relay), Standing::Gone);
        let back = after(&["relay:fail-over", "relay:fail-back"]);
        assert_eq!(back.standing(Component::Relay), Standing::Whole);
    }

    #[test]
    fn copies_that_are_not_complete_lack_older_objects_and_computed_ones_grow_old() {
        let over = after(&[
            "media-store:fail-over",
            "big-data:fail-over",
            "relay:fail-over",
        ]);
        let has = |component, stored| {
            let object = |n: &u32| over.has(component, &format!("object-{n}"), at(stored));
            (0..1_000).filter(object).count()
        };
        let older = has(Component::MediaStore, 99);
        assert!((500..700).contains(&older), "{older}");
        assert_eq!(has(Component::MediaStore, 100), 1_000);
        assert_eq!(has(Component::Relay, 0), 1_000);
        assert_eq!(over.computed_until(Component::BigData, at(500)), at(100));
        assert_eq!(over.computed_until(Component::Search, at(500)), at(500));
        assert_eq!(over.computed_until(Component::MediaStore, at(500)), at(500));
    }

    #[test]
    fn acts_are_written_as_they_are_read_and_wrong_ones_are_told() {
        for text in [
            "dc-a:power-off",
            "dc-b:power-on",
            "cache:fail-over",
            "cache:fail-back",
        ] {
            assert_eq!(text.parse::<FacilityAct>().unwrap().to_string(), text);
        }
        for (text, wanted) in [
            ("dc-a", "is no act"),
            ("dc-a:burn", "is no act"),
            ("dc-c:power-off", "there are dc-a, dc-b and bank-dc"),
            ("cahce:fail-over", "did you mean `cache`?"),
        ] {
            let error = text.parse::<FacilityAct>().unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
        let mut facilities = after(&["cache:fail-over"]);
        for (text, wanted) in [
            ("bank-core:fail-over", "does not run in dc-a"),
            ("bank-core:fail-back", "does not run in dc-a"),
            ("transit-feed:fail-over", "does not run in dc-a"),
            ("cache:fail-over", "already"),
            ("relay:fail-back", "already"),
        ] {
            let error = facilities.act(text.parse().unwrap(), at(1)).unwrap_err();
            assert!(error.to_string().contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn from_any_state_the_acts_towards_another_lead_there_and_then_there_are_none() {
        let states = [
            after(&[]),
            after(&["dc-a:power-off", "bank-dc:power-off"]),
            after(&["dc-a:power-off", "relay:fail-over", "cache:fail-over"]),
            after(&["dc-b:power-off", "relay:fail-over"]),
        ];
        for (from, to) in states
            .iter()
            .flat_map(|from| states.iter().map(move |to| (from, to)))
        {
            let mut state = from.clone();
            for act in from.acts_towards(to) {
                state.act(act, at(200)).unwrap();
            }
            assert_eq!(state.acts_towards(to), []);
            for component in Component::ALL {
                assert_eq!(state.standing(*component), to.standing(*component));
            }
        }
        let acts = states[2].acts_towards(&states[0]);
        let told: Vec<_> = acts.iter().map(FacilityAct::to_string).collect();
        assert_eq!(
            told,
            ["dc-a:power-on", "cache:fail-back", "relay:fail-back"]
        );
    }
}
