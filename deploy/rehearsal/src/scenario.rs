//! Outages as files: what happened to a platform, what its owner claimed, what others observed.
//!
//! A scenario is a TOML file whose rows stand in it or in CSV files that it names, or one CSV file
//! alone. Reading is pure: text in, a [`Scenario`] or every mistake out, each with line, column and
//! remedy. A scenario that exists can be played; [`Timeline`] says what holds in it at any instant.

mod centre;
mod change;
mod csv;
mod document;
mod expected;
mod moment;
mod never;
mod read;
mod row;
mod shipped;
mod text;
mod timeline;
mod wanted;
mod whole;

use std::time::Duration;

use bongsu_language::Position;
use bongsu_model::{
    ClaimConfidence, ClaimSubject, ClaimedState, FeatureId, Names, RegionId, Timestamp,
};
use bongsu_superapp::{FacilityAct, Fault, FaultPoint};

pub use change::{CONDITIONS, DEGRADED_SHARE};
pub use expected::{ExpectedRow, Whose, load_expected};
pub use moment::{in_zone, instant, rfc3339};
pub use read::{ROWS_MAX, load, named_files};
pub use shipped::{SHIPPED, Shipped, shipped};
pub use timeline::{Happening, Lie, Span, Timeline, WINDOW};
pub use wanted::{AtLeast, Sight, Wanted};

/// An outage that can be played.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name: `pangyo-2022`.
    pub name: String,
    /// What people call it.
    pub names: Names,
    /// What it is, in a paragraph.
    pub about: String,
    /// The zone that its times are shown in: `Asia/Seoul`.
    pub zone: String,
    /// Played from here on; the platform works until the first row.
    pub from: Timestamp,
    /// Played until here.
    pub until: Timestamp,
    /// The cadence of every journey, [`EVERY_MIN`] to [`EVERY_MAX`]: [`EVERY`] unless it takes
    /// more to see what it is about.
    pub every: Duration,
    /// Agents of each region, 2 to [`AGENTS_MAX`](crate::region::AGENTS_MAX): 2, which the rule
    /// asks for, unless it takes more.
    pub agents: usize,
    /// Regions that agents stand in, 1 to as many as [`REGIONS`](crate::region::REGIONS) has: 2
    /// unless no network has a part in it, or all have.
    pub regions: usize,
    /// Features that lie elsewhere: they must be up throughout, whatever is played.
    pub never: Vec<FeatureId>,
    /// In file order.
    pub rows: Vec<Row>,
}

/// The cadence of every journey where a scenario says no other.
pub const EVERY: Duration = Duration::from_secs(5 * 60);

/// The shortest cadence: most journeys may take as long.
pub const EVERY_MIN: Duration = Duration::from_secs(30);

/// The longest cadence.
pub const EVERY_MAX: Duration = Duration::from_secs(60 * 60);

/// The fewest agents of a region: what one alone sees is never sure.
pub const AGENTS_MIN: usize = 2;

/// The regions of a scenario that says nothing of them: one alone may be wrong about all.
pub const REGIONS_USUAL: usize = 2;

/// Whose a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Track {
    /// What happened, by those who had to know: the facility's owner, an authority.
    Fact,
    /// What the platform's owner said.
    Claim,
    /// What others saw.
    Observed,
    /// A state that the scenario's author made up, so that features fail and recover as is claimed
    /// or observed: never history.
    Modelled,
}

impl Track {
    /// Every track.
    pub const ALL: &'static [Self] = &[Self::Fact, Self::Claim, Self::Observed, Self::Modelled];

    /// Its word in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fact => "fact",
            Self::Claim => "claim",
            Self::Observed => "observed",
            Self::Modelled => "modelled",
        }
    }
}

/// When a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Then.
    At(Timestamp),
    /// Nobody knows: drawn between the two, and synthetic wherever it shows.
    Between(Timestamp, Timestamp),
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// When it is.
    pub when: When,
    /// When a statement was made public, if not then.
    pub published: Option<Timestamp>,
    /// What it says.
    pub event: Event,
    /// Where it is known from.
    pub source: String,
    /// How sure it is.
    pub confidence: ClaimConfidence,
    /// What else is to be known.
    pub note: String,
    /// Where it stands.
    pub position: Position,
}

/// What a row says.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A part of the platform is in another condition from then on.
    Condition {
        /// Which part.
        on: FaultPoint,
        /// In which condition.
        condition: Condition,
        /// Whether it is known or made up.
        basis: Basis,
    },
    /// A data centre loses or gets power, or a component is moved between two.
    Facility {
        /// What is done.
        act: FacilityAct,
        /// Whether it is known or made up.
        basis: Basis,
    },
    /// A part of the measuring fleet is cut off, or in reach again.
    Sight {
        /// Which part.
        part: FleetPart,
        /// Whether it is cut off.
        is_cut: bool,
        /// Whether it is known or made up.
        basis: Basis,
    },
    /// Somebody said something of a feature.
    Statement {
        /// Whose it is.
        track: bongsu_model::Track,
        /// Of which feature, or of all.
        subject: ClaimSubject,
        /// What.
        state: ClaimedState,
    },
    /// Something that is told and moves nothing.
    Annotation {
        /// Whose it is.
        track: Track,
        /// Of what.
        subject: String,
        /// What.
        text: String,
    },
}

impl Event {
    /// Whether the scenario's author made it up.
    pub fn is_modelled(&self) -> bool {
        match self {
            Self::Condition { basis, .. }
            | Self::Facility { basis, .. }
            | Self::Sight { basis, .. } => *basis == Basis::Modelled,
            Self::Statement { .. } => false,
            Self::Annotation { track, .. } => *track == Track::Modelled,
        }
    }
}

/// A part of the measuring fleet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FleetPart {
    /// One agent, cut off from everything: `agent:seoul-1`.
    Agent(String),
    /// Every agent of a region: `region:kr-busan`.
    Region(RegionId),
    /// The collector, out of the agents' reach: `collector`.
    Collector,
}

impl FleetPart {
    /// From its name; none if it is not the name of such a part.
    fn named(name: &str) -> Option<Self> {
        if name == "collector" {
            return Some(Self::Collector);
        }
        if let Some(region) = name.strip_prefix("region:") {
            return RegionId::new(region).ok().map(Self::Region);
        }
        let agent = name
            .strip_prefix("agent:")
            .filter(|agent| !agent.is_empty());
        agent.map(|agent| Self::Agent(agent.to_owned()))
    }
}

impl std::fmt::Display for FleetPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Agent(agent) => write!(f, "agent:{agent}"),
            Self::Region(region) => write!(f, "region:{region}"),
            Self::Collector => f.write_str("collector"),
        }
    }
}

/// Whether a condition is history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// It is known.
    Fact,
    /// The scenario's author made it up.
    Modelled,
}

impl Basis {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fact => "fact",
            Self::Modelled => "modelled",
        }
    }
}

/// How a part of the platform is.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// It works.
    Up,
    /// It does not, in these ways at once; at least one.
    Broken(Vec<Injection>),
}

/// One way in which something is broken.
#[derive(Debug, Clone, PartialEq)]
pub struct Injection {
    /// What is injected.
    pub fault: Fault,
    /// For which share of the time: above 0, at most 1. Which part of it is drawn from the seed.
    pub share: f64,
}

impl Injection {
    /// Whether it is there all the time.
    pub fn is_constant(&self) -> bool {
        self.share >= 1.0
    }
}
