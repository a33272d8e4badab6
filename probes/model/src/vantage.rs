//! Where a run is made from.

use crate::{AgentId, NetworkId, RegionId};

/// Where runs are made from: region, network and agent. The collector binds it to a token.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Vantage {
    /// The region that the agent speaks for.
    pub region: RegionId,
    /// The provider or ASN that it sits in.
    pub network: NetworkId,
    /// The agent itself.
    pub agent: AgentId,
}
