//! The report of an incident, its evidence, and what was written.

use super::Time;
use crate::journal::EvidencePage;
use crate::report::evidence::Record;
use crate::report::words::{Topic, Words};
use crate::report::{Assessment, Subject};

/// `GET /api/v1/incidents/{id}/report`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ReportAnswer {
    /// The snapshot that every file of the report is a function of.
    pub subject: Subject,
    /// How each duty stands.
    pub duties: Vec<Assessment>,
}

/// `GET /api/v1/incidents/{id}/evidence`.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct EvidencePageAnswer {
    /// Runs as they are journaled, in order.
    pub records: Vec<Record>,
    /// Where the next page begins: `after`; null after the last.
    pub next: Option<u64>,
}

impl EvidencePageAnswer {
    /// The answer of a page.
    pub fn of(page: EvidencePage) -> Self {
        Self {
            records: page.records,
            next: page.next,
        }
    }
}

/// What `POST /api/v1/incidents/{id}/words` answers.
#[derive(Debug, Clone, serde::Serialize)]
pub struct WrittenAnswer {
    /// Who wrote.
    pub by: String,
    /// When.
    pub at: Time,
    /// The topics that have a new text.
    pub topics: Vec<Topic>,
}

impl WrittenAnswer {
    /// The answer to `words`.
    pub fn of(words: &Words) -> Self {
        Self {
            by: words.by.clone(),
            at: words.at,
            topics: words.texts.keys().copied().collect(),
        }
    }
}
