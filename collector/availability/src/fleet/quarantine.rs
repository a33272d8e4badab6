//! Agents that fail alone: when their runs stop counting in a cell, and when they count again.

use bongsu_model::Timestamp;

use crate::Settings;
use crate::cell::Cell;
use crate::cell::scores::AgentIx;

/// The agent that fails alone in this cell, with the first failure of its streak.
///
/// The pooled score reached the threshold while the score without the agent is zero. Somebody
/// else must see the cell, or nothing would contradict it.
pub(crate) fn outlier(
    cell: &Cell,
    now: Timestamp,
    settings: &Settings,
) -> Option<(AgentIx, Timestamp)> {
    cell.fails_alone(now, settings.h)
}

/// Whether a quarantined agent passed as often in a row as a recovery takes.
pub(crate) fn is_absolved(cell: &Cell, agent: AgentIx, settings: &Settings) -> bool {
    let voter = cell.sight.voters.get(&agent);
    let held = voter.and_then(|voter| voter.held.as_ref());
    held.is_some_and(|held| held.passes >= settings.passes_to_up)
}
