//! Where the time of one fault goes: the runs between its injection and `down`, from the journal.

use bongsu_collector::journal::{ReadError, RunFilter};
use bongsu_model::Timestamp;

use super::Found;
use crate::fleet::Fleet;

/// Newest runs of a target that are looked through: a trial's last minutes.
const RUNS_MAX: u32 = 1_000;

/// A run between injection and `down`, by any agent of the region.
#[derive(Debug, Clone)]
pub struct Line {
    /// When it began.
    pub started: Timestamp,
    /// When the collector had it.
    pub received: Timestamp,
    /// Who ran.
    pub agent: String,
    /// `scheduled` or `burst`.
    pub trigger: &'static str,
    /// Which journey.
    pub journey: String,
    /// How it ended, in a word.
    pub verdict: &'static str,
}

/// The runs of a fault that the journal still shows, by their receipt.
///
/// # Errors
/// When the journal cannot be read.
pub async fn timeline(fleet: &Fleet, found: &Found) -> Result<Vec<Line>, ReadError> {
    let mut lines = Vec::new();
    let mut before = None;
    loop {
        let filter = RunFilter {
            target: Some(found.cell.target.clone()),
            before,
            limit: RUNS_MAX,
            ..RunFilter::default()
        };
        let shared = fleet.collector.shared();
        let page = shared.read(move |reader| reader.runs(&filter)).await?;
        for run in &page {
            let facts = &run.facts;
            let is_within = facts.ended >= found.injected && run.received <= found.down;
            if is_within && facts.vantage.region == found.cell.region {
                lines.push(Line {
                    started: facts.started,
                    received: run.received,
                    agent: facts.vantage.agent.to_string(),
                    trigger: facts.trigger.kind().as_str(),
                    journey: facts.journey.to_string(),
                    verdict: facts.outcomes.verdict().word(),
                });
            }
        }
        match page.last() {
            Some(last) if last.received > found.injected => before = Some(last.seq),
            Some(_) | None => break,
        }
    }
    lines.sort_by_key(|line| line.received);
    Ok(lines)
}
