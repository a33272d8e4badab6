//! Between the rows of the journal and the events of the engine.

use bongsu_availability::{Event, Region, Roster};
use bongsu_model::{Catalogue, Names, RegionId, Vantage};

use crate::claims::Stated;
use crate::config;
use crate::journal::{ClaimFacts, Event as Row, Facts, Kind, Record};

/// Why a row is no event.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    /// Its facts are not what its kind says.
    #[error("its facts cannot be read: {0}")]
    Facts(#[from] serde_json::Error),
    /// As `Facts`, in the words of the wire.
    #[error("its body cannot be read: {0}")]
    Body(#[from] bongsu_wire::BodyError),
    /// It does not say whose it is.
    #[error("it names no agent")]
    Agent,
    /// It is for people to read, and nothing is decided by it.
    #[error("nothing is decided by a row of the kind {0:?}")]
    NotDecisive(Kind),
}

/// A roster as the journal keeps it.
#[derive(serde::Serialize, serde::Deserialize)]
struct RosterFacts {
    regions: Vec<RegionFacts>,
    agents: Vec<Vantage>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct RegionFacts {
    id: RegionId,
    names: Names,
    weight: f64,
}

/// The features as a record. Equal catalogues make equal records.
pub(crate) fn catalogue_record(catalogue: &Catalogue) -> Record {
    let json = serde_json::to_string(catalogue).expect("a catalogue has text keys only");
    Record::of_collector(Kind::Catalogue, json)
}

/// Regions and agents as a record, without tokens. Equal rosters make equal records.
pub(crate) fn roster_record(roster: &config::Roster) -> Record {
    let regions = roster.regions().iter().map(|region| RegionFacts {
        id: region.id.clone(),
        names: region.names.clone(),
        weight: region.weight,
    });
    let agents = roster.agents().iter().map(|agent| agent.vantage.clone());
    let facts = RosterFacts {
        regions: regions.collect(),
        agents: agents.collect(),
    };
    let json = serde_json::to_string(&facts).expect("a roster has text keys only");
    Record::of_collector(Kind::Roster, json)
}

/// What somebody said, by a row of the kind claim.
pub(super) fn claim(row: &Row) -> Result<Stated, serde_json::Error> {
    let facts: ClaimFacts = serde_json::from_str(row.facts.json().unwrap_or_default())?;
    Ok(Stated {
        seq: row.seq,
        received: row.received,
        by: facts.by,
        id: facts.claim.id(),
        claim: facts.claim,
    })
}

/// What a row of the journal tells the engine.
pub(super) fn decode(row: Row) -> Result<Event, DecodeError> {
    let json = match row.facts {
        Facts::Run(facts) => return Ok(Event::Run(facts)),
        Facts::Json(json) => json,
    };
    match row.kind {
        Kind::Run => Ok(Event::Run(serde_json::from_str(&json)?)),
        Kind::Catalogue => Ok(Event::Catalogue(serde_json::from_str(&json)?)),
        Kind::Roster => {
            let facts: RosterFacts = serde_json::from_str(&json)?;
            let regions = facts.regions.into_iter().map(|region| Region {
                id: region.id,
                names: region.names,
                weight: region.weight,
            });
            Ok(Event::Roster(Roster {
                regions: regions.collect(),
                agents: facts.agents,
            }))
        }
        Kind::Plan => Ok(Event::Plan {
            agent: row.agent.ok_or(DecodeError::Agent)?,
            record: bongsu_wire::plan_from_json(&json)?,
        }),
        Kind::Heartbeat => Ok(Event::Heartbeat {
            agent: row.agent.ok_or(DecodeError::Agent)?,
            heartbeat: bongsu_wire::heartbeat_from_json(&json)?,
        }),
        Kind::Evidence | Kind::Claim | Kind::Words => Err(DecodeError::NotDecisive(row.kind)),
    }
}
