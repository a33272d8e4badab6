//! The three regions of the rehearsal, the networks that its agents sit in, and how many there are.

use std::time::Duration;

/// How many regions there are, how many agents each has, and how they work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Regions, 1 to as many as [`REGIONS`] has: the first of them.
    pub regions: usize,
    /// Agents of each region, 1 to [`AGENTS_MAX`].
    pub agents: usize,
    /// The cadence of every journey whose runs fit into it; the others keep their own. At least
    /// 10 s, which the quickest of the shipped ones need.
    pub every: Duration,
    /// Whether agents keep a control channel to the collector.
    pub channel: Channel,
}

impl Default for Shape {
    /// The demo's.
    fn default() -> Self {
        Self {
            regions: REGIONS.len(),
            agents: 3,
            every: Duration::from_secs(10),
            channel: Channel::Open,
        }
    }
}

impl Shape {
    /// The regions.
    pub fn regions(&self) -> &'static [RehearsalRegion] {
        &REGIONS[..self.regions.min(REGIONS.len())]
    }

    /// Every agent, region by region.
    pub fn agents(&self) -> impl Iterator<Item = RehearsalAgent> + use<> {
        let regions = self.regions();
        RehearsalAgent::all(self.agents).take(regions.len() * self.agents)
    }

    /// How many agents there are.
    pub fn count(&self) -> usize {
        self.agents().count()
    }
}

/// Whether agents keep a control channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// They are asked to run early.
    Open,
    /// They look again by themselves.
    Off,
}

/// Most agents of a region: as many networks are named.
pub const AGENTS_MAX: usize = 5;

/// A region with the networks of its agents, one agent each.
#[derive(Debug, Clone, Copy)]
pub struct RehearsalRegion {
    /// The region's id.
    pub id: &'static str,
    /// Its Korean name.
    pub ko: &'static str,
    /// Its English name.
    pub en: &'static str,
    /// The start of its agents' ids: `seoul` for `seoul-1`.
    pub stem: &'static str,
    /// A network for each agent: several providers, so that no carrier is a region's only eye.
    pub networks: [&'static str; AGENTS_MAX],
}

/// Three regions, every agent in a network of its own.
pub const REGIONS: [RehearsalRegion; 3] = [
    RehearsalRegion {
        id: "kr-seoul",
        ko: "서울",
        en: "Seoul",
        stem: "seoul",
        networks: ["as4766", "as9318", "as3786", "as17858", "as9644"],
    },
    RehearsalRegion {
        id: "kr-busan",
        ko: "부산",
        en: "Busan",
        stem: "busan",
        networks: ["as4766", "as9318", "as3786", "as17858", "as9644"],
    },
    RehearsalRegion {
        id: "jp-tokyo",
        ko: "도쿄",
        en: "Tokyo",
        stem: "tokyo",
        networks: ["as2516", "as4713", "as17676", "as2497", "as9824"],
    },
];

/// An agent of the rehearsal.
#[derive(Debug, Clone, Copy)]
pub struct RehearsalAgent {
    /// Where it stands.
    pub region: RehearsalRegion,
    /// Its place in its region, from 0.
    pub place: usize,
    /// Its place in the fleet, from 0: decides which accounts are its own.
    pub number: usize,
}

impl RehearsalAgent {
    /// All agents of a fleet with so many in a region, region by region.
    pub fn all(agents: usize) -> impl Iterator<Item = Self> {
        REGIONS
            .into_iter()
            .enumerate()
            .flat_map(move |(region_number, region)| {
                (0..agents.min(AGENTS_MAX)).map(move |place| Self {
                    region,
                    place,
                    number: region_number * agents + place,
                })
            })
    }

    /// How many there are with so many in a region.
    pub fn count(agents: usize) -> usize {
        REGIONS.len() * agents
    }

    /// Its id: `seoul-1`.
    pub fn id(&self) -> String {
        format!("{}-{}", self.region.stem, self.place + 1)
    }

    /// The network that it sits in.
    pub fn network(&self) -> &'static str {
        self.region.networks[self.place]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_shape_may_have_fewer_regions() {
        let shape = Shape {
            regions: 2,
            agents: 2,
            ..Shape::default()
        };
        let ids: Vec<_> = shape.agents().map(|agent| agent.id()).collect();
        assert_eq!(ids, ["seoul-1", "seoul-2", "busan-1", "busan-2"]);
        assert_eq!(shape.count(), 4);
        assert_eq!(Shape::default().count(), 9);
    }

    #[test]
    fn agents_have_ids_and_numbers_of_their_own() {
        for each in [3, AGENTS_MAX] {
            let agents: Vec<_> = RehearsalAgent::all(each).collect();
            let count = RehearsalAgent::count(each);
            assert_eq!(agents.len(), count);
            let ids: BTreeSet<_> = agents.iter().map(RehearsalAgent::id).collect();
            assert_eq!(ids.len(), count);
            assert_eq!(
                agents.iter().map(|a| a.number).collect::<Vec<_>>(),
                (0..count).collect::<Vec<_>>()
            );
        }
    }
}
