//! The three regions of the rehearsal and the networks that its agents sit in.

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
    /// A network for each agent: three providers, so that no carrier is a region's only eye.
    pub networks: [&'static str; 3],
}

/// Three regions, three agents each, every agent in a network of its own.
pub const REGIONS: [RehearsalRegion; 3] = [
    RehearsalRegion {
        id: "kr-seoul",
        ko: "서울",
        en: "Seoul",
        stem: "seoul",
        networks: ["as4766", "as9318", "as3786"],
    },
    RehearsalRegion {
        id: "kr-busan",
        ko: "부산",
        en: "Busan",
        stem: "busan",
        networks: ["as4766", "as9318", "as3786"],
    },
    RehearsalRegion {
        id: "jp-tokyo",
        ko: "도쿄",
        en: "Tokyo",
        stem: "tokyo",
        networks: ["as2516", "as4713", "as17676"],
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
    /// All agents, region by region.
    pub fn all() -> impl Iterator<Item = Self> {
        REGIONS
            .into_iter()
            .enumerate()
            .flat_map(|(region_number, region)| {
                (0..region.networks.len()).map(move |place| Self {
                    region,
                    place,
                    number: region_number * region.networks.len() + place,
                })
            })
    }

    /// How many there are.
    pub fn count() -> usize {
        REGIONS.iter().map(|region| region.networks.len()).sum()
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
    fn agents_have_ids_and_numbers_of_their_own() {
        let agents: Vec<_> = RehearsalAgent::all().collect();
        assert_eq!(agents.len(), RehearsalAgent::count());
        assert_eq!(
            agents
                .iter()
                .map(RehearsalAgent::id)
                .collect::<BTreeSet<_>>()
                .len(),
            9
        );
        assert_eq!(
            agents.iter().map(|a| a.number).collect::<Vec<_>>(),
            (0..9).collect::<Vec<_>>()
        );
    }
}
