//! Who may speak, and from where: the collector's list of regions and agents.

use bongsu_model::{Names, RegionId, Vantage};

/// A region that agents measure from.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// Its id.
    pub id: RegionId,
    /// Its names.
    pub names: Names,
    /// Its share of users, in any unit; only the proportion between regions counts.
    pub weight: f64,
}

/// The regions and agents of the collector's configuration. An agent that is not listed is not
/// heard; the region that is listed for an agent is the one it speaks for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Roster {
    /// The regions, in the order in which they are shown.
    pub regions: Vec<Region>,
    /// The agents.
    pub agents: Vec<Vantage>,
}
