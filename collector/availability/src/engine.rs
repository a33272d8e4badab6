//! The front of both machines: events in, transitions and views out.

use std::collections::{BTreeSet, VecDeque};

use bongsu_model::{Catalogue, FeatureState, TargetName, Timestamp};

use crate::{
    AgentView, Board, Event, FeatureView, FleetState, FleetView, IncidentView, Roster, Settings,
    Transition, Windows,
};

/// Decides what works, from events in the order of the journal.
#[derive(Debug)]
pub struct Engine {
    #[expect(dead_code, reason = "the machines behind this front take it")]
    settings: Settings,
    roster: Roster,
    catalogue: Catalogue,
    targets: BTreeSet<TargetName>,
    transitions: VecDeque<Transition>,
}

impl Engine {
    /// An engine that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            roster: Roster::default(),
            catalogue: Catalogue::default(),
            targets: BTreeSet::new(),
            transitions: VecDeque::new(),
        }
    }

    /// Takes one event in. Timers due at or before `received` fire first, each at its own
    /// deadline.
    pub fn handle(&mut self, received: Timestamp, event: Event) {
        self.advance(received);
        match event {
            Event::Catalogue(catalogue) => self.catalogue = catalogue,
            Event::Roster(roster) => self.roster = roster,
            Event::Plan { record, .. } => self
                .targets
                .extend(record.entries.into_iter().map(|entry| entry.target)),
            Event::Run(_) | Event::Heartbeat { .. } | Event::Maintenance(_) => {}
        }
    }

    /// Fires the timers that are due at or before `now`.
    pub fn advance(&mut self, _now: Timestamp) {}

    /// When the next timer is due.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        None
    }

    /// The oldest transition that was not taken yet.
    pub fn poll_transition(&mut self) -> Option<Transition> {
        self.transitions.pop_front()
    }

    /// The environments that any plan names.
    pub fn targets(&self) -> Vec<TargetName> {
        self.targets.iter().cloned().collect()
    }

    /// All features of `target` as of `now`.
    pub fn board(&self, target: &TargetName, now: Timestamp) -> Board {
        let features = self.catalogue.features().iter().map(|feature| FeatureView {
            feature: feature.id.clone(),
            state: FeatureState::Unmeasured,
            since: None,
            blocked_by: None,
            overlays: Vec::new(),
            availability: Windows::default(),
            regions: Vec::new(),
            last_failure: None,
            incident: None,
        });
        Board {
            target: target.clone(),
            as_of: now,
            features: features.collect(),
        }
    }

    /// The listed agents as of `now`.
    pub fn agents(&self, _now: Timestamp) -> Vec<AgentView> {
        Vec::new()
    }

    /// The fleet as of `now`.
    pub fn fleet(&self, _now: Timestamp) -> FleetView {
        FleetView {
            state: FleetState::Sighted,
            agents: u32::try_from(self.roster.agents.len()).unwrap_or(u32::MAX),
            present: 0,
            blind: Vec::new(),
            outliers: Vec::new(),
        }
    }

    /// The incidents of `target`, newest first.
    pub fn incidents(&self, _target: &TargetName) -> Vec<IncidentView> {
        Vec::new()
    }
}
