//! The runs of an incident as they are journaled, chained so that a later change shows.
//!
//! A record's digest is SHA-256 over its place and time of receipt (each 8 bytes, big-endian) and
//! its facts as the journal has them. A link is SHA-256 over the link before it and the digest;
//! the first link is that of the incident's name. Whoever keeps the last link, the head, can tell
//! whether any record was changed, left out, added or moved.

use std::collections::BTreeSet;
use std::time::Duration;

use bongsu_availability::IncidentView;
use bongsu_model::{FeatureId, TargetName, Timestamp};
use sha2::{Digest as _, Sha256};

/// What every chain of evidence begins with.
const BEGINNING: &[u8] = b"bongsu evidence 1\n";

/// Runs that are looked at for one incident: a day of 43 features each minute from three regions,
/// or five days of the rehearsal's cadence. Of more the first are taken, and the report says so.
pub const RECORDS_MAX: u64 = 250_000;

/// Records of one page.
pub const PAGE_MAX: usize = 1_000;

/// Pages that are read for one incident: those of [`RECORDS_MAX`], and some that hold little
/// because the incident's features are few among many.
pub const PAGES_MAX: usize = 300;

/// How long after its close an incident's runs may still come in and be evidence: what comes later
/// restates history, and no report.
const LATE_MAX: Duration = Duration::from_secs(3_600);

/// A SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sha(pub [u8; 32]);

impl Sha {
    /// That of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// That of this one and another, in this order.
    pub fn then(self, next: Self) -> Self {
        let digest = Sha256::new().chain_update(self.0).chain_update(next.0);
        Self(digest.finalize().into())
    }
}

impl std::fmt::Display for Sha {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Which runs are evidence of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Against this environment.
    pub target: TargetName,
    /// Of journeys of these features.
    pub features: BTreeSet<FeatureId>,
    /// Due then or later: from the last good run on.
    pub from: Timestamp,
    /// Due before this.
    pub until: Timestamp,
    /// Received before this.
    pub received_until: Timestamp,
}

impl Wanted {
    /// The runs of its features, from the last good one before it to its close.
    pub fn of(incident: &IncidentView) -> Self {
        let cells = incident.cells.iter().map(|cell| &cell.feature);
        Self {
            target: incident.target.clone(),
            features: cells.chain(&incident.blocked).cloned().collect(),
            from: incident.onset_low.unwrap_or(incident.onset),
            until: incident.closed.unwrap_or(Timestamp::MAX),
            received_until: incident
                .closed
                .map_or(Timestamp::MAX, |closed| closed + LATE_MAX),
        }
    }
}

/// A run as it is journaled.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Record {
    /// Its place in the journal.
    pub seq: u64,
    /// When it was received, Unix nanoseconds.
    pub received_ns: u64,
    /// Its facts, byte for byte.
    pub facts: String,
}

impl Record {
    /// Its digest.
    pub fn digest(&self) -> Sha {
        let digest = Sha256::new()
            .chain_update(self.seq.to_be_bytes())
            .chain_update(self.received_ns.to_be_bytes())
            .chain_update(self.facts.as_bytes());
        Sha(digest.finalize().into())
    }
}

/// A chain that grows record by record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    head: Sha,
    records: u64,
}

impl Chain {
    /// The chain of an incident of `target`, without a record.
    pub fn of(target: &str, incident: &str) -> Self {
        let name = format!("{target}\n{incident}\n");
        Self {
            head: Sha::of(&[BEGINNING, name.as_bytes()].concat()),
            records: 0,
        }
    }

    /// Adds a record.
    pub fn add(&mut self, record: &Record) {
        self.head = self.head.then(record.digest());
        self.records += 1;
    }

    /// Its last link.
    pub const fn head(&self) -> Sha {
        self.head
    }

    /// How many records it has.
    pub const fn records(&self) -> u64 {
        self.records
    }
}

/// A line of the file of evidence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its place in the journal.
    pub seq: u64,
    /// When it was received, Unix nanoseconds.
    pub received_ns: u64,
    /// Its digest.
    pub sha256: String,
    /// The link up to it.
    pub link: String,
    /// Its facts, byte for byte.
    pub facts: String,
}

impl Line {
    /// The line of `record` at the head of `chain`.
    pub fn of(record: &Record, chain: &Chain) -> Self {
        Self {
            seq: record.seq,
            received_ns: record.received_ns,
            sha256: record.digest().to_string(),
            link: chain.head().to_string(),
            facts: record.facts.clone(),
        }
    }

    /// As it is written, with its end.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string(self).expect("a line has text keys only");
        text.push('\n');
        text
    }

    /// The record in it.
    pub fn record(&self) -> Record {
        Record {
            seq: self.seq,
            received_ns: self.received_ns,
            facts: self.facts.clone(),
        }
    }
}

/// What a report says of its evidence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Summary {
    /// Runs in the chain.
    pub records: u64,
    /// The place of the last run that was looked at; later ones came after the snapshot.
    pub last_seq: u64,
    /// The last link, hexadecimal.
    pub head: String,
    /// Whether there were more runs than [`RECORDS_MAX`], of which the first were taken.
    pub is_cut: bool,
    /// Runs that speak for the incident and are not kept any more.
    pub missing: u64,
    /// When the oldest run that the journal still has was received.
    pub kept_from: Option<crate::web::answer::Time>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seq: u64, facts: &str) -> Record {
        Record {
            seq,
            received_ns: 7,
            facts: facts.to_owned(),
        }
    }

    fn head(records: &[Record]) -> Sha {
        let mut chain = Chain::of("superapp", "an incident");
        records.iter().for_each(|record| chain.add(record));
        assert_eq!(chain.records(), records.len() as u64);
        chain.head()
    }

    #[test]
    fn every_change_of_a_record_moves_the_head() {
        let (a, b, c) = (record(1, "{}"), record(2, "[]"), record(3, "{}"));
        let whole = head(&[a.clone(), b.clone(), c.clone()]);
        let later = Record {
            received_ns: 8,
            ..b.clone()
        };
        for other in [
            vec![a.clone(), c.clone()],
            vec![b.clone(), a.clone(), c.clone()],
            vec![a.clone(), record(2, "[ ]"), c.clone()],
            vec![a.clone(), record(4, "[]"), c.clone()],
            vec![a.clone(), later, c.clone()],
            vec![a.clone(), b.clone(), c.clone(), c.clone()],
            vec![],
        ] {
            assert_ne!(head(&other), whole, "{other:?}");
        }
        assert_ne!(
            Chain::of("superapp", "other").head(),
            Chain::of("superapp", "an incident").head()
        );
        assert_eq!(
            Sha::of(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
