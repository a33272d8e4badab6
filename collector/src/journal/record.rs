//! What is written into the journal: one typed record per event.

use bongsu_model::{AgentId, Claim, OperatorId, RunFacts, RunId, TargetName, Timestamp};
use bongsu_wire::StepEvidence;
use sha2::Digest as _;

use super::evidence;
use crate::report::Words;

/// What kind of event a row holds. The words are in the file: never change one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A run.
    Run,
    /// What a failed step of a run saw, for people to read; no part of deciding.
    Evidence,
    /// An agent's plan.
    Plan,
    /// An agent's sign of life.
    Heartbeat,
    /// The features, when the collector started with others than before.
    Catalogue,
    /// Regions and agents, when the collector started with others than before.
    Roster,
    /// What somebody says of features; no part of deciding.
    Claim,
    /// What an operator wrote of an incident; no part of deciding.
    Words,
}

impl Kind {
    /// The word in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Evidence => "evidence",
            Self::Plan => "plan",
            Self::Heartbeat => "heartbeat",
            Self::Catalogue => "catalogue",
            Self::Roster => "roster",
            Self::Claim => "claim",
            Self::Words => "words",
        }
    }

    /// The kind of a word in the file; None for one of a later version.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Run,
            Self::Evidence,
            Self::Plan,
            Self::Heartbeat,
            Self::Catalogue,
            Self::Roster,
            Self::Claim,
            Self::Words,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == word)
    }
}

/// Bytes that the facts of nearly every run fit into.
const FACTS_BYTES: usize = 1_024;

/// One event before it has a place in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub(super) kind: Kind,
    pub(super) agent: Option<AgentId>,
    pub(super) run: Option<RunColumns>,
    pub(super) about: Option<RunId>,
    pub(super) digest: Option<[u8; 16]>,
    pub(super) facts: String,
    /// The facts of a run once more, so that deriving need not read them again.
    pub(super) read: Option<Box<RunFacts>>,
    pub(super) spans: Option<Vec<u8>>,
}

/// What runs are looked up by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RunColumns {
    pub(super) id: RunId,
    pub(super) target: String,
    pub(super) feature: String,
    pub(super) outcome: &'static str,
    pub(super) due: Timestamp,
}

impl Record {
    /// A run: its facts, and the OTLP bytes of its spans as evidence.
    pub fn run(facts: RunFacts, spans: Vec<u8>) -> Self {
        let json = json(&facts);
        let own = facts.outcomes.own();
        Self {
            kind: Kind::Run,
            agent: Some(facts.vantage.agent.clone()),
            run: Some(RunColumns {
                id: facts.id,
                target: facts.target.as_str().to_owned(),
                feature: own.feature.as_str().to_owned(),
                outcome: own.outcome.word(),
                due: facts.due,
            }),
            about: None,
            digest: None,
            facts: json,
            read: Some(Box::new(facts)),
            spans: Some(spans),
        }
    }

    /// What a failed step of a run saw.
    pub fn evidence(agent: AgentId, found: &StepEvidence) -> Self {
        let json = evidence::to_json(found);
        Self {
            kind: Kind::Evidence,
            agent: Some(agent),
            run: None,
            about: Some(found.run),
            digest: Some(digest(&json)),
            facts: "{}".to_owned(),
            read: None,
            spans: Some(json),
        }
    }

    /// What an agent says of itself, as the JSON text that came over the wire.
    pub fn of_agent(kind: Kind, agent: AgentId, json: String) -> Self {
        Self {
            kind,
            agent: Some(agent),
            run: None,
            about: None,
            digest: None,
            facts: json,
            read: None,
            spans: None,
        }
    }

    /// What the collector's own configuration says, as JSON.
    pub fn of_collector(kind: Kind, json: String) -> Self {
        Self {
            kind,
            agent: None,
            run: None,
            about: None,
            digest: None,
            facts: json,
            read: None,
            spans: None,
        }
    }

    /// What somebody says of features, handed in by an operator. The same claim is kept once,
    /// whoever hands it in again.
    pub fn claim(facts: &ClaimFacts) -> Self {
        let json = serde_json::to_string(facts).expect("a claim has text keys only");
        Self {
            digest: Some(*facts.claim.id().as_bytes()),
            ..Self::of_collector(Kind::Claim, json)
        }
    }

    /// What an operator wrote of an incident.
    pub fn words(facts: &WordsFacts) -> Self {
        let json = serde_json::to_string(facts).expect("words have text keys only");
        Self::of_collector(Kind::Words, json)
    }

    /// Its facts as JSON.
    pub fn facts(&self) -> &str {
        &self.facts
    }

    /// Its size in bytes, roughly: what a group commit is bounded by.
    pub fn bytes(&self) -> usize {
        self.facts.len() + self.spans.as_ref().map_or(0, Vec::len)
    }
}

/// A claim as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ClaimFacts {
    /// The operator whose token came with it.
    pub by: OperatorId,
    /// What was handed in.
    pub claim: Claim,
}

/// What an operator wrote of an incident, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WordsFacts {
    /// The operator whose token came with it.
    pub by: OperatorId,
    /// The environment.
    pub target: TargetName,
    /// The incident.
    pub incident: String,
    /// What was written, with who and when.
    pub words: Words,
}

/// The facts as JSON, as [`serde_json::to_string`] would write them, in memory that need not grow.
fn json(facts: &RunFacts) -> String {
    let mut json = Vec::with_capacity(FACTS_BYTES);
    serde_json::to_writer(&mut json, facts).expect("facts have text keys only");
    String::from_utf8(json).expect("JSON is UTF-8")
}

/// Tells evidence of one run apart.
fn digest(evidence: &[u8]) -> [u8; 16] {
    let digest: [u8; 32] = sha2::Sha256::digest(evidence).into();
    digest[..16].try_into().expect("16 of 32 bytes")
}

/// An event in the journal, without the spans of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its place: later events have larger numbers, none is used twice, some are skipped.
    pub seq: u64,
    /// When it was received: never earlier than the event before it.
    pub received: Timestamp,
    /// Its kind.
    pub kind: Kind,
    /// The agent that said it, if an agent did.
    pub agent: Option<AgentId>,
    /// What it says.
    pub facts: Facts,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq)]
pub enum Facts {
    /// As it is in the file: [`RunFacts`] of a run, the wire's body of a plan or heartbeat.
    Json(String),
    /// The facts of a run that was only just written.
    Run(Box<RunFacts>),
}

impl Facts {
    /// The JSON, where it was read from the file.
    pub fn json(&self) -> Option<&str> {
        match self {
            Self::Json(json) => Some(json),
            Self::Run(_) => None,
        }
    }
}

/// What became of a record that was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is new, and durable at this place.
    New(u64),
    /// The same run, evidence or claim is already there.
    Duplicate,
    /// Another run with the same id is already there, and stays.
    Conflict,
}
