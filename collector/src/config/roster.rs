//! Regions, and the agents that may speak for them: each token is bound to one vantage.

use std::collections::BTreeMap;

use bongsu_availability::Region;
use bongsu_model::{AgentId, Names, NetworkId, RegionId, Vantage};
use sha2::Digest as _;

use super::document::{Section, Value};

/// The SHA-256 of an agent's token. The token itself is never kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &[u8]) -> Self {
        Self(sha2::Sha256::digest(token).into())
    }

    /// From 64 hex digits, as `sha256sum` prints them. None if it is anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// As 64 hex digits.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl std::fmt::Debug for TokenHash {
    /// Shows enough to tell two apart, too little to search for the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenHash({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// An agent that may speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Who it is and where it stands.
    pub vantage: Vantage,
    /// What its token hashes to.
    pub token: TokenHash,
}

/// Why regions and agents do not make a roster.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RosterError {
    /// Two regions share an id.
    #[error("region `{0}` is listed twice")]
    RegionTwice(RegionId),
    /// A weight is zero, negative or not a number.
    #[error("the weight of region `{0}` must be a number above 0")]
    Weight(RegionId),
    /// Two agents share an id.
    #[error("agent `{0}` is listed twice")]
    AgentTwice(AgentId),
    /// An agent stands in a region that is not listed.
    #[error("agent `{agent}` is in `{region}`, which is not a listed region")]
    RegionUnknown {
        /// The agent.
        agent: AgentId,
        /// The region it names.
        region: RegionId,
    },
    /// Two agents share a token, so that one could speak as the other.
    #[error("agents `{0}` and `{1}` have the same token")]
    TokenTwice(AgentId, AgentId),
}

/// Regions and agents that fit together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Roster {
    regions: Vec<Region>,
    agents: Vec<Agent>,
    by_token: BTreeMap<TokenHash, usize>,
}

impl Roster {
    /// Checks that ids and tokens are unique, weights make sense and regions exist.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn new(regions: Vec<Region>, agents: Vec<Agent>) -> Result<Self, RosterError> {
        let mut roster = Self::default();
        for region in regions {
            roster.add_region(region)?;
        }
        for agent in agents {
            roster.add_agent(agent)?;
        }
        Ok(roster)
    }

    /// The regions, in the order of the file.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The agents, in the order of the file.
    pub fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// The agent whose token hashes to `token`.
    pub fn agent_by_token(&self, token: &TokenHash) -> Option<&Agent> {
        self.by_token.get(token).and_then(|at| self.agents.get(*at))
    }

    fn add_region(&mut self, region: Region) -> Result<(), RosterError> {
        if self.regions.iter().any(|known| known.id == region.id) {
            return Err(RosterError::RegionTwice(region.id));
        }
        if !(region.weight.is_finite() && region.weight > 0.0) {
            return Err(RosterError::Weight(region.id));
        }
        self.regions.push(region);
        Ok(())
    }

    fn add_agent(&mut self, agent: Agent) -> Result<(), RosterError> {
        let Vantage {
            agent: id, region, ..
        } = &agent.vantage;
        if self.agents.iter().any(|known| known.vantage.agent == *id) {
            return Err(RosterError::AgentTwice(id.clone()));
        }
        if !self.regions.iter().any(|known| known.id == *region) {
            return Err(RosterError::RegionUnknown {
                agent: id.clone(),
                region: region.clone(),
            });
        }
        if let Some(other) = self.agent_by_token(&agent.token) {
            return Err(RosterError::TokenTwice(
                other.vantage.agent.clone(),
                id.clone(),
            ));
        }
        self.by_token.insert(agent.token, self.agents.len());
        self.agents.push(agent);
        Ok(())
    }
}

/// Reads `[[region]]` and `[[agent]]`. None only after a problem was reported.
pub(super) fn read(root: &Section<'_>) -> Option<Roster> {
    let mut roster = Roster::default();
    let mut whole = true;
    for section in root.sections("region") {
        let added = region(&section).map(|region| roster.add_region(region));
        whole &= matches!(added, Some(Ok(())));
        if let Some(Err(error)) = added {
            let key = if matches!(error, RosterError::Weight(_)) {
                "weight"
            } else {
                "id"
            };
            section.refuse(key, error.to_string());
        }
    }
    for section in root.sections("agent") {
        let added = agent(&section).map(|agent| roster.add_agent(agent));
        whole &= matches!(added, Some(Ok(())));
        if let Some(Err(error)) = added {
            let key = match error {
                RosterError::RegionUnknown { .. } => "region",
                RosterError::TokenTwice(..) => "token_sha256",
                RosterError::RegionTwice(_)
                | RosterError::Weight(_)
                | RosterError::AgentTwice(_) => "id",
            };
            section.refuse(key, error.to_string());
        }
    }
    whole.then_some(roster)
}

fn region(section: &Section<'_>) -> Option<Region> {
    let id = section.required("id", |value| value.name(RegionId::new));
    let names = section.required("names", names);
    let weight = section.or("weight", 1.0, |value| value.number());
    section.finish();
    Some(Region {
        id: id?,
        names: names?,
        weight: weight?,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of a parser")]
fn names(value: Value<'_>) -> Result<Names, String> {
    if let Some(other) = value.keys().find(|key| !matches!(*key, "ko" | "en")) {
        return Err(format!(
            "unknown key `{other}`; names are given as {{ ko = …, en = … }}"
        ));
    }
    let (ko, en) = (
        value.text_of("ko")?.to_owned(),
        value.text_of("en")?.to_owned(),
    );
    Ok(Names { ko, en })
}

fn agent(section: &Section<'_>) -> Option<Agent> {
    let agent = section.required("id", |value| value.name(AgentId::new));
    let region = section.required("region", |value| value.name(RegionId::new));
    let network = section.required("network", |value| value.name(NetworkId::new));
    let token = section.required("token_sha256", token_hash);
    section.finish();
    Some(Agent {
        vantage: Vantage {
            agent: agent?,
            region: region?,
            network: network?,
        },
        token: token?,
    })
}

/// The hash of a token, as the file gives it.
#[expect(clippy::needless_pass_by_value, reason = "the shape of a parser")]
pub(super) fn token_hash(value: Value<'_>) -> Result<TokenHash, String> {
    TokenHash::from_hex(value.text()?).ok_or_else(|| {
        "expected 64 hex digits: the token's SHA-256, from `printf %s TOKEN | sha256sum`".to_owned()
    })
}
