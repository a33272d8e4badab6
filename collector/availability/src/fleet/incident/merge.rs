//! Incidents that turn out to be one: a cell goes down that belongs to several.

use bongsu_model::Timestamp;

use super::{Incident, Incidents, Observed};
use crate::{IncidentPhase, IncidentStep};

impl Incidents {
    /// Merges `others` into the older incident `into`. They are closed, and say into which they
    /// went; what they had is that one's.
    pub(super) fn merge(&mut self, others: &[u32], into: u32, at: Timestamp, seen: &mut Observed) {
        let id = self.incidents[&into].view.id.clone();
        for number in others {
            let Some(other) = self.incidents.get_mut(number) else {
                continue;
            };
            let theirs = other.go_into(&id, at);
            let step = IncidentStep::Merged { into: id.clone() };
            seen.steps.push((other.view.id.clone(), step, Vec::new()));
            let step = IncidentStep::Absorbed {
                incident: other.view.id.clone(),
            };
            let survivor = self.incidents.get_mut(&into).expect("it is named above");
            survivor.absorb(theirs);
            seen.steps.push((id.clone(), step, Vec::new()));
            seen.merged.push(*number);
        }
    }
}

impl Incident {
    /// Closes it. Returns what it was.
    fn go_into(&mut self, into: &crate::IncidentId, at: Timestamp) -> Self {
        let mut closed = self.view.clone();
        closed.phase = IncidentPhase::Closed;
        closed.closed = Some(at);
        closed.merged_into = Some(into.clone());
        Self {
            view: std::mem::replace(&mut self.view, closed),
            cells: std::mem::take(&mut self.cells),
            first_passes: std::mem::take(&mut self.first_passes),
            closes: self.closes.take(),
        }
    }

    /// Takes in all of a younger one. Its phase, root and sight follow from its cells; that is done
    /// as the cell joins that made them one.
    fn absorb(&mut self, other: Self) {
        self.cells.extend(other.cells);
        self.first_passes.extend(other.first_passes);
        let (ours, theirs) = (&mut self.view, other.view);
        if theirs.onset < ours.onset {
            ours.onset = theirs.onset;
            ours.onset_low = theirs.onset_low;
        }
        ours.recover_first = [ours.recover_first, theirs.recover_first]
            .into_iter()
            .flatten()
            .min();
        ours.relapses += theirs.relapses;
        ours.blocked.extend(theirs.blocked);
        ours.blocked.sort();
        ours.blocked.dedup();
        let cells = &self.cells;
        ours.blocked
            .retain(|blocked| !cells.keys().any(|cell| cell.feature == *blocked));
    }
}
