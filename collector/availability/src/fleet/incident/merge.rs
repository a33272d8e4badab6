//! Incidents that turn out to be one: a cell goes down that belongs to several.

use bongsu_model::Timestamp;

use super::{Effect, Incident, Incidents, Moved};
use crate::{IncidentId, IncidentPhase, IncidentStep};

impl Incidents {
    /// Merges `others` into the older incident `into`, for the runs by which `moved` was decided.
    /// They are closed, and say into which they went; what they had is that one's.
    pub(super) fn merge(
        &mut self,
        others: &[u32],
        into: u32,
        moved: Moved<'_>,
        effect: &mut Effect,
    ) {
        let id = self.incidents[&into].view.id.clone();
        let evidence = &moved.change.evidence;
        for number in others {
            let other = self.incidents.get_mut(number).expect("it is open");
            let theirs = other.go_into(&id, moved.at);
            let from = theirs.view.id.clone();
            // Those that had gone into it are now here.
            for earlier in self.incidents.values_mut() {
                if earlier.view.merged_into.as_ref() == Some(&from) {
                    earlier.view.merged_into = Some(id.clone());
                }
            }
            let survivor = self.incidents.get_mut(&into).expect("it is named above");
            survivor.absorb(theirs);
            let step = IncidentStep::Merged { into: id.clone() };
            effect.steps.push((from.clone(), step, evidence.clone()));
            let step = IncidentStep::Absorbed { incident: from };
            effect.steps.push((id.clone(), step, evidence.clone()));
            effect.merged.push(*number);
        }
    }
}

impl Incident {
    /// Closes it. Returns what it was.
    fn go_into(&mut self, into: &IncidentId, at: Timestamp) -> Self {
        let mut closed = self.view.clone();
        closed.phase = IncidentPhase::Closed;
        closed.closed = Some(at);
        closed.merged_into = Some(into.clone());
        // Its cells are looked at for the other one now.
        closed.lost_sight = false;
        Self {
            view: std::mem::replace(&mut self.view, closed),
            cells: std::mem::take(&mut self.cells),
            first_passes: std::mem::take(&mut self.first_passes),
            closes: self.closes.take(),
        }
    }

    /// Takes in all of a younger one. Its phase, root and sight follow from its cells; that is done
    /// as the cell is taken in that made them one.
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

#[cfg(test)]
mod tests;
