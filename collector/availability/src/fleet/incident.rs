//! Incidents: what went down together, from the first failed run to the end of the quiet.

mod merge;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Catalogue, CellKey, CellState, FeatureId, RunId, TargetName, Timestamp};

use crate::cell::decide::CellChange;
use crate::cell::onset::Onset;
use crate::fleet::root;
use crate::{IncidentEvent, IncidentId, IncidentPhase, IncidentStep, IncidentView, Settings};

/// Incidents kept: some years of a platform that has three a week. The oldest closed ones leave.
const INCIDENTS_MAX: usize = 1_000;

/// Steps of one incident that are kept: its opening and the newest.
const TIMELINE_MAX: usize = 200;

/// A cell went into, moves in, or leaves an incident.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved<'a> {
    pub(crate) cell: &'a CellKey,
    pub(crate) change: &'a CellChange,
    /// T of the feature's own journey.
    pub(crate) period: Duration,
    pub(crate) at: Timestamp,
}

/// One step of one incident, with the runs that speak for it.
pub(crate) type Step = (IncidentId, IncidentStep, Vec<RunId>);

/// What a change of a cell did to incidents.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    pub(crate) steps: Vec<Step>,
    /// The incident whose deadline moved.
    pub(crate) number: Option<u32>,
    /// Those that went into it: they are closed.
    pub(crate) merged: Vec<u32>,
}

#[derive(Debug)]
struct Incident {
    view: IncidentView,
    cells: BTreeMap<CellKey, Member>,
    first_passes: BTreeMap<CellKey, Timestamp>,
    /// When it closes unless something of it goes down again.
    closes: Option<Timestamp>,
}

/// A cell of an incident.
#[derive(Debug, Clone, Copy)]
struct Member {
    state: CellState,
    /// Its state when it was last in sight.
    seen: CellState,
    /// When it began to fail for the first time in the incident.
    first: Onset,
    /// When it began to fail by which it went down last: the same unless it had begun to recover
    /// since.
    last: Onset,
    /// T of the feature's journey.
    period: Duration,
}

impl Member {
    fn new(moved: Moved<'_>) -> Self {
        let onset = moved.change.onset;
        let first = onset.unwrap_or_else(|| Onset::new(None, (moved.at, moved.at)));
        Self {
            state: CellState::Down,
            seen: CellState::Down,
            first,
            last: moved.change.last.unwrap_or(first),
            period: moved.period,
        }
    }

    /// Whether both may have gone down by one fault: they began to fail within two periods of the
    /// one that is looked at less often, or within `least` if that is more.
    fn is_near(&self, other: &Self, least: Duration) -> bool {
        let within = least.max(self.period.max(other.period) * 2);
        [self.first, self.last].iter().any(|ours| {
            let mut theirs = [other.first, other.last].into_iter();
            theirs.any(|theirs| ours.first.distance(theirs.first) <= within)
        })
    }
}

/// All incidents, by their number in the order of detection.
#[derive(Debug, Default)]
pub(crate) struct Incidents {
    incidents: BTreeMap<u32, Incident>,
    next: u32,
}

impl Incidents {
    /// A cell changed its state.
    pub(crate) fn observe(
        &mut self,
        moved: Moved<'_>,
        catalogue: &Catalogue,
        settings: &Settings,
    ) -> Effect {
        let mut effect = Effect::default();
        let number = if moved.change.to == CellState::Down {
            Some(self.cover(moved, catalogue, settings, &mut effect))
        } else {
            self.open_with(moved.cell)
        };
        if let Some(number) = number {
            self.progress(number, moved, settings, &mut effect.steps);
            for number in effect.merged.iter().chain([&number]) {
                let incident = self.incidents.get_mut(number);
                incident
                    .expect("found or made before")
                    .note(moved.at, &effect.steps);
            }
        }
        effect.number = number;
        effect
    }

    /// `feature` is unknown because `by` stands before it. If an incident has `by`, the feature
    /// belongs to its scope, though nothing is charged to it. Returns that incident.
    pub(crate) fn note_blocked(
        &mut self,
        target: &TargetName,
        by: &FeatureId,
        feature: &FeatureId,
    ) -> Option<u32> {
        let (number, incident) = self.incidents.iter_mut().rev().find(|(_, incident)| {
            incident.view.phase != IncidentPhase::Closed
                && incident.view.target == *target
                && incident.has(by)
        })?;
        if !incident.has(feature)
            && let Err(place) = incident.view.blocked.binary_search(feature)
        {
            incident.view.blocked.insert(place, feature.clone());
        }
        Some(*number)
    }

    /// The name of incident `number`, and when it was detected.
    pub(crate) fn named(&self, number: u32) -> Option<(&IncidentId, Timestamp)> {
        let view = &self.incidents.get(&number)?.view;
        Some((&view.id, view.detected))
    }

    /// The environment of incident `number`.
    pub(crate) fn target(&self, number: u32) -> Option<&TargetName> {
        Some(&self.incidents.get(&number)?.view.target)
    }

    /// Whether incident `number` is not closed.
    pub(crate) fn is_open(&self, number: u32) -> bool {
        let incident = self.incidents.get(&number);
        incident.is_some_and(|incident| incident.view.phase != IncidentPhase::Closed)
    }

    /// When incident `number` closes by itself.
    pub(crate) fn deadline(&self, number: u32) -> Option<Timestamp> {
        self.incidents.get(&number)?.closes
    }

    /// The quiet of incident `number` is over.
    pub(crate) fn close(&mut self, number: u32, at: Timestamp) -> Vec<Step> {
        let Some(incident) = self.incidents.get_mut(&number) else {
            return Vec::new();
        };
        incident.closes = None;
        incident.view.closed = Some(at);
        incident.view.phase = IncidentPhase::Closed;
        let step = IncidentStep::Phase {
            phase: IncidentPhase::Closed,
        };
        let steps = vec![(incident.view.id.clone(), step, Vec::new())];
        incident.note(at, &steps);
        self.trim();
        steps
    }

    /// The incident that covers a feature, until it is closed.
    pub(crate) fn covering(&self, target: &TargetName, feature: &FeatureId) -> Option<IncidentId> {
        let covers = |incident: &&Incident| {
            incident.view.phase != IncidentPhase::Closed
                && incident.view.target == *target
                && (incident.has(feature) || incident.view.blocked.contains(feature))
        };
        let newest = self.incidents.values().rev().find(covers)?;
        Some(newest.view.id.clone())
    }

    /// Whether an incident that is not closed has this cell.
    pub(crate) fn covers_cell(&self, cell: &CellKey) -> bool {
        self.open_with(cell).is_some()
    }

    /// The incidents of a target, newest first.
    pub(crate) fn views(&self, target: &TargetName) -> Vec<IncidentView> {
        let incidents = self.incidents.values().rev();
        let ours = incidents.filter(|incident| incident.view.target == *target);
        ours.map(|incident| incident.view.clone()).collect()
    }

    /// Joins the cell to the incidents that it belongs to, which are one by that, or opens one.
    ///
    /// A feature is of one open incident at most: whatever fails of it is of that one.
    fn cover(
        &mut self,
        moved: Moved<'_>,
        catalogue: &Catalogue,
        settings: &Settings,
        effect: &mut Effect,
    ) -> u32 {
        let (cell, member) = (moved.cell, Member::new(moved));
        let covering = self.incidents.iter().filter(|(_, incident)| {
            incident.view.phase != IncidentPhase::Closed
                && incident.view.target == cell.target
                && (incident.has(&cell.feature)
                    || incident.is_near(&member, settings.grouping)
                        && incident.is_related(&cell.feature, catalogue))
        });
        let covering: Vec<u32> = covering.map(|(number, _)| *number).collect();
        if let Some((oldest, others)) = covering.split_first() {
            self.merge(others, *oldest, moved, effect);
            let incident = self.incidents.get_mut(oldest).expect("just found");
            if let Some(step) = incident.take(cell, member, catalogue) {
                let id = incident.view.id.clone();
                effect.steps.push((id, step, moved.change.evidence.clone()));
            }
            return *oldest;
        }
        let incident = Incident::open(moved, member);
        let id = incident.view.id.clone();
        let evidence = moved.change.evidence.clone();
        effect.steps.push((id, IncidentStep::Opened, evidence));
        let number = self.next;
        self.next += 1;
        self.incidents.insert(number, incident);
        self.trim();
        number
    }

    fn progress(
        &mut self,
        number: u32,
        moved: Moved<'_>,
        settings: &Settings,
        steps: &mut Vec<Step>,
    ) {
        let incident = self
            .incidents
            .get_mut(&number)
            .expect("found or made before");
        let id = incident.view.id.clone();
        let lost_before = incident.view.lost_sight;
        incident.enter(moved);
        if incident.view.lost_sight != lost_before {
            let step = if lost_before {
                IncidentStep::RegainedSight
            } else {
                IncidentStep::LostSight
            };
            steps.push((id.clone(), step, Vec::new()));
        }
        let phase = incident.phase();
        if phase == incident.view.phase {
            return;
        }
        incident.view.phase = phase;
        if phase == IncidentPhase::Resolved {
            incident.view.resolved = incident.first_passes.values().copied().max();
            incident.closes = Some(moved.at + settings.quiet);
        } else {
            incident.view.resolved = None;
            incident.closes = None;
        }
        steps.push((id, IncidentStep::Phase { phase }, Vec::new()));
    }

    fn open_with(&self, cell: &CellKey) -> Option<u32> {
        let has = |(_, incident): &(&u32, &Incident)| {
            incident.view.phase != IncidentPhase::Closed && incident.cells.contains_key(cell)
        };
        self.incidents
            .iter()
            .rev()
            .find(has)
            .map(|(number, _)| *number)
    }

    /// Those that were merged leave with the one that they went into.
    fn trim(&mut self) {
        while self.incidents.len() > INCIDENTS_MAX {
            let mut own = self.incidents.values().filter_map(|incident| {
                let view = &incident.view;
                view.merged_into.is_none().then_some(view)
            });
            let oldest = own.clone().find(|view| view.closed.is_some());
            let Some(leaves) = oldest.or_else(|| own.next()).map(|view| view.id.clone()) else {
                return;
            };
            self.incidents.retain(|_, incident| {
                incident.view.id != leaves && incident.view.merged_into.as_ref() != Some(&leaves)
            });
        }
    }
}

impl Incident {
    fn open(moved: Moved<'_>, member: Member) -> Self {
        let CellKey {
            target, feature, ..
        } = moved.cell;
        let view = IncidentView {
            id: IncidentId::new(moved.at, target, feature),
            target: target.clone(),
            phase: IncidentPhase::Open,
            root: feature.clone(),
            cells: vec![moved.cell.clone()],
            blocked: Vec::new(),
            onset_low: member.first.after,
            onset: member.first.first,
            detected: moved.at,
            recover_first: None,
            first_pass: None,
            resolved: None,
            closed: None,
            merged_into: None,
            relapses: 0,
            lost_sight: false,
            evidence: moved.change.evidence.clone(),
            timeline: Arc::default(),
            timeline_dropped: 0,
        };
        Self {
            view,
            cells: BTreeMap::from([(moved.cell.clone(), member)]),
            first_passes: BTreeMap::new(),
            closes: None,
        }
    }

    /// Notes those of `steps` that are its own.
    fn note(&mut self, at: Timestamp, steps: &[Step]) {
        let own = steps.iter().filter(|(id, ..)| *id == self.view.id);
        let mut own = own.peekable();
        if own.peek().is_none() {
            return;
        }
        let timeline = Arc::make_mut(&mut self.view.timeline);
        for (_, step, evidence) in own {
            if timeline.len() >= TIMELINE_MAX {
                timeline.remove(1);
                self.view.timeline_dropped += 1;
            }
            timeline.push(IncidentEvent {
                at,
                step: step.clone(),
                evidence: evidence.clone(),
            });
        }
    }

    /// Takes in that a cell went down. Returns what that is for it; nothing for one that had not
    /// been restored.
    fn take(
        &mut self,
        cell: &CellKey,
        down: Member,
        catalogue: &Catalogue,
    ) -> Option<IncidentStep> {
        let step = match self.cells.get_mut(cell) {
            None => {
                self.cells.insert(cell.clone(), down);
                Some(IncidentStep::Widened { cell: cell.clone() })
            }
            Some(member) => {
                member.last = down.last;
                member.period = down.period;
                // Suspect comes after up: the cell had been restored.
                let again = matches!(
                    member.seen,
                    CellState::Up | CellState::Suspect | CellState::Recovering
                );
                self.view.relapses += u32::from(again);
                again.then(|| IncidentStep::Relapsed { cell: cell.clone() })
            }
        };
        self.view.cells = self.cells.keys().cloned().collect();
        if down.first.first < self.view.onset {
            self.view.onset = down.first.first;
            self.view.onset_low = down.first.after;
        }
        self.view.blocked.retain(|blocked| *blocked != cell.feature);
        let cells = self.cells.iter().map(|(cell, member)| (cell, member.first));
        if let Some(root) = root::of(cells, catalogue) {
            self.view.root = root;
        }
        step
    }

    fn enter(&mut self, moved: Moved<'_>) {
        let Some(member) = self.cells.get_mut(moved.cell) else {
            return;
        };
        member.state = moved.change.to;
        if member.state != CellState::Unknown {
            member.seen = member.state;
        }
        // Once it is up, later streaks have nothing to do with this incident: out of sight it goes
        // back to up only if it was up before.
        let ends = match moved.change.to {
            CellState::Recovering => true,
            CellState::Up => moved.change.from == CellState::Recovering,
            CellState::Unmeasured | CellState::Unknown | CellState::Suspect | CellState::Down => {
                false
            }
        };
        match moved.change.first_pass {
            _ if moved.change.to == CellState::Down => {
                self.first_passes.remove(moved.cell);
            }
            Some(first) if ends => {
                self.first_passes.insert(moved.cell.clone(), first);
            }
            Some(_) | None => {}
        }
        self.view.first_pass = self.first_passes.values().copied().min();
        self.view.recover_first = self.view.recover_first.or(self.view.first_pass);
        let lost = |member: &Member| member.state == CellState::Unknown;
        self.view.lost_sight = self.cells.values().any(lost);
    }

    /// A suspect cell counts as up until it is decided. A cell that is out of sight counts as what
    /// it was when it was last seen, but for one that began to recover: whether it went on to is
    /// not known. A cell that nobody is to measure any more keeps nothing open.
    fn phase(&self) -> IncidentPhase {
        let is_out = |member: &Member| match member.state {
            CellState::Down => true,
            CellState::Unknown => matches!(member.seen, CellState::Down | CellState::Recovering),
            CellState::Unmeasured | CellState::Up | CellState::Suspect | CellState::Recovering => {
                false
            }
        };
        let recovers = |member: &Member| member.state == CellState::Recovering;
        if self.cells.values().any(is_out) {
            IncidentPhase::Open
        } else if self.cells.values().any(recovers) {
            IncidentPhase::Recovering
        } else {
            IncidentPhase::Resolved
        }
    }

    fn has(&self, feature: &FeatureId) -> bool {
        self.cells.keys().any(|cell| cell.feature == *feature)
    }

    /// Whether any of its cells went down near `down`: the incident is, not each of them.
    fn is_near(&self, down: &Member, least: Duration) -> bool {
        let mut members = self.cells.values();
        members.any(|member| member.is_near(down, least))
    }

    /// Whether any of its features is related to `feature`, though that one is not near.
    fn is_related(&self, feature: &FeatureId, catalogue: &Catalogue) -> bool {
        let mut cells = self.cells.keys();
        cells.any(|cell| catalogue.is_related(&cell.feature, feature))
    }
}
