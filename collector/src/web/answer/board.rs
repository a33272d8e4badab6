//! The board: every feature of a target with its state, evidence and availability.

use bongsu_availability::{
    Availability, Board, CellView, Confidence, Failure, FeatureView, IncidentId, Ledger, RunRef,
    Windows,
};
use bongsu_model::{
    AgentId, Catalogue, CellState, FailClass, FeatureId, FeatureState, Names, Overlay, RegionId,
    RunFacts, RunId, ServiceId, TargetName, Timestamp, Track,
};

use super::{ClaimInForceAnswer, FleetAnswer, Time};
use crate::claims::ClaimBook;

/// `GET /api/v1/board`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct BoardAnswer {
    /// The environment.
    pub target: TargetName,
    /// Up to when the engine has decided: everything below is as of this instant.
    pub as_of: Time,
    /// The services that features belong to, in the catalogue's order.
    pub services: Vec<ServiceAnswer>,
    /// The features, in the catalogue's order.
    pub features: Vec<FeatureAnswer>,
    /// The fleet that measures them.
    pub fleet: FleetAnswer,
}

/// The names that the engine does not know: it decides about ids.
#[derive(Debug, Clone, Copy)]
pub struct Naming<'a> {
    /// Features and services.
    pub catalogue: &'a Catalogue,
    /// Regions.
    pub regions: &'a [(RegionId, Names)],
}

impl Naming<'_> {
    /// The names of a region; its id where the configuration lists none.
    pub fn region(&self, id: &RegionId) -> NamesAnswer {
        match self.regions.iter().find(|(listed, _)| listed == id) {
            Some((_, names)) => NamesAnswer::from(names),
            None => NamesAnswer::same(id.as_str()),
        }
    }
}

impl BoardAnswer {
    /// The answer for what the engine shows of a target.
    pub fn new(board: &Board, fleet: FleetAnswer, naming: Naming<'_>) -> Self {
        Self {
            target: board.target.clone(),
            as_of: Time(board.as_of),
            services: naming
                .catalogue
                .services()
                .iter()
                .map(|service| ServiceAnswer {
                    id: service.id.clone(),
                    names: NamesAnswer::from(&service.names),
                })
                .collect(),
            features: board
                .features
                .iter()
                .filter_map(|view| FeatureAnswer::new(view, naming))
                .collect(),
            fleet,
        }
    }

    /// The same with what was public of each feature's claims at an instant.
    #[must_use]
    pub fn with_claims(mut self, (book, at): (&ClaimBook, Timestamp)) -> Self {
        for feature in &mut self.features {
            let in_force = |track| {
                let stated = book.in_force(&self.target, track, &feature.id, at)?;
                Some(ClaimInForceAnswer::new(stated, feature.state))
            };
            (feature.claim, feature.observed) = (in_force(Track::Claim), in_force(Track::Observed));
        }
        self
    }
}

/// A name in both languages.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct NamesAnswer {
    /// Korean.
    pub ko: String,
    /// English.
    pub en: String,
}

impl From<&Names> for NamesAnswer {
    fn from(names: &Names) -> Self {
        Self {
            ko: names.ko.clone(),
            en: names.en.clone(),
        }
    }
}

impl NamesAnswer {
    pub(super) fn same(text: &str) -> Self {
        Self {
            ko: text.to_owned(),
            en: text.to_owned(),
        }
    }
}

/// A service.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ServiceAnswer {
    /// Its id.
    pub id: ServiceId,
    /// Its names.
    pub names: NamesAnswer,
}

/// A feature, over all regions.
#[derive(Debug, Clone, serde::Serialize)]
pub struct FeatureAnswer {
    /// Its id.
    pub id: FeatureId,
    /// Its names.
    pub names: NamesAnswer,
    /// The service that it belongs to.
    pub service: ServiceId,
    /// Its state over the regions.
    pub state: FeatureState,
    /// Since when it is in this state; null before the first decision.
    pub since: Option<Time>,
    /// The feature that keeps it from being seen, beside `unknown`.
    pub blocked_by: Option<FeatureId>,
    /// What is said of it beside its state.
    pub overlays: Vec<Overlay>,
    /// Availability over the trailing windows.
    pub availability: AvailabilityAnswer,
    /// What the platform's owner says of it; null until there is a claim.
    pub claim: Option<ClaimInForceAnswer>,
    /// What third parties say of it; null until they do.
    pub observed: Option<ClaimInForceAnswer>,
    /// The regions that it is measured from.
    pub regions: Vec<RegionAnswer>,
    /// The last run that failed for it, in any region.
    pub last_failure: Option<FailureAnswer>,
    /// The incident that covers it, until it is closed.
    pub incident: Option<IncidentId>,
}

impl FeatureAnswer {
    /// The answer for one feature; none if the catalogue no longer has it.
    pub fn new(view: &FeatureView, naming: Naming<'_>) -> Option<Self> {
        let feature = naming.catalogue.feature(&view.feature)?;
        Some(Self {
            id: view.feature.clone(),
            names: NamesAnswer::from(&feature.names),
            service: feature.service.clone(),
            state: view.state,
            since: view.since.map(Time),
            blocked_by: view.blocked_by.clone(),
            overlays: view.overlays.clone(),
            availability: AvailabilityAnswer::new(&view.availability),
            claim: None,
            observed: None,
            regions: view
                .regions
                .iter()
                .map(|cell| RegionAnswer::new(cell, naming))
                .collect(),
            last_failure: view.last_failure.as_ref().map(FailureAnswer::new),
            incident: view.incident.clone(),
        })
    }
}

impl FeatureAnswer {
    /// Its slots of the last hour by outcome, over all regions.
    pub fn samples(&self) -> Ledger {
        let mut samples = Ledger::default();
        for region in &self.regions {
            samples += region.samples;
        }
        samples
    }
}

/// A feature in one region: a cell.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RegionAnswer {
    /// The region.
    pub region: RegionId,
    /// Its names.
    pub names: NamesAnswer,
    /// The cell's state.
    pub state: CellState,
    /// Since when it is in this state.
    pub since: Option<Time>,
    /// The feature that keeps it from being seen, beside `unknown`.
    pub blocked_by: Option<FeatureId>,
    /// What is said of it beside its state.
    pub overlays: Vec<Overlay>,
    /// While suspect, down or recovering: the start of the first failed run.
    pub onset: Option<Time>,
    /// How sure `down` is: `low` rests on one agent alone.
    pub confidence: Confidence,
    /// The decision score as a share of its threshold: at 1 the cell is down.
    pub score: f64,
    /// Passes in a row, newest first.
    pub passes: u32,
    /// Agents whose plan covers the cell, less the quarantined.
    pub agents: u32,
    /// Agents whose newest run is fresh evidence.
    pub seeing: u32,
    /// Agents that do not count here, because they fail alone.
    pub quarantined: Vec<AgentId>,
    /// The newest run that says anything of the cell.
    pub last_run: Option<RunMention>,
    /// The newest run that passed.
    pub last_success: Option<RunMention>,
    /// The newest run that failed.
    pub last_failure: Option<FailureAnswer>,
    /// Slots of the last hour by outcome.
    pub samples: Ledger,
    /// Availability over the trailing windows.
    pub availability: AvailabilityAnswer,
}

impl RegionAnswer {
    fn new(cell: &CellView, naming: Naming<'_>) -> Self {
        Self {
            region: cell.region.clone(),
            names: naming.region(&cell.region),
            state: cell.state,
            since: cell.since.map(Time),
            blocked_by: cell.blocked_by.clone(),
            overlays: cell.overlays.clone(),
            onset: cell.onset.map(Time),
            confidence: cell.confidence,
            score: cell.score,
            passes: cell.passes,
            agents: cell.agents,
            seeing: cell.seeing,
            quarantined: cell.quarantined.clone(),
            last_run: cell.last_run.as_ref().map(RunMention::new),
            last_success: cell.last_success.as_ref().map(RunMention::new),
            last_failure: cell.last_failure.as_ref().map(FailureAnswer::new),
            samples: cell.samples,
            availability: AvailabilityAnswer::new(&cell.availability),
        }
    }
}

/// A run that is pointed to as evidence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RunMention {
    /// Its id, which leads to its page.
    pub run: RunId,
    /// When it started.
    pub at: Time,
    /// Who made it.
    pub agent: AgentId,
}

impl RunMention {
    /// The mention of a run by its facts.
    pub fn of(facts: &RunFacts) -> Self {
        Self {
            run: facts.id,
            at: Time(facts.started),
            agent: facts.vantage.agent.clone(),
        }
    }

    fn new(run: &RunRef) -> Self {
        Self {
            run: run.run,
            at: Time(run.at),
            agent: run.agent.clone(),
        }
    }
}

/// A failed run that is pointed to as evidence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FailureAnswer {
    /// Its id, which leads to its page.
    pub run: RunId,
    /// When it started.
    pub at: Time,
    /// Who made it.
    pub agent: AgentId,
    /// From where.
    pub region: RegionId,
    /// Why it failed.
    pub class: FailClass,
}

impl FailureAnswer {
    pub(super) fn new(failure: &Failure) -> Self {
        Self {
            run: failure.run,
            at: Time(failure.at),
            agent: failure.agent.clone(),
            region: failure.region.clone(),
            class: failure.class,
        }
    }
}

/// Availability over the three trailing windows.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct AvailabilityAnswer {
    /// Over the last five minutes.
    #[serde(rename = "5m")]
    pub five_minutes: WindowAnswer,
    /// Over the last hour.
    #[serde(rename = "1h")]
    pub hour: WindowAnswer,
    /// Over the last 24 hours.
    #[serde(rename = "24h")]
    pub day: WindowAnswer,
}

impl AvailabilityAnswer {
    fn new(windows: &Windows) -> Self {
        Self {
            five_minutes: WindowAnswer::new(&windows.minutes_5),
            hour: WindowAnswer::new(&windows.hour),
            day: WindowAnswer::new(&windows.hours_24),
        }
    }

    /// The windows with their names, shortest first.
    pub const fn named(&self) -> [(&'static str, WindowAnswer); 3] {
        [
            ("5m", self.five_minutes),
            ("1h", self.hour),
            ("24h", self.day),
        ]
    }
}

/// Availability over one window; ratios from 0 to 1, null where nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct WindowAnswer {
    /// Without what other features blocked: whose fault it was.
    pub own: Option<f64>,
    /// With blocked time as down: what a user got.
    pub perceived: Option<f64>,
    /// Known time over the window less maintenance.
    pub coverage: f64,
}

impl WindowAnswer {
    fn new(availability: &Availability) -> Self {
        Self {
            own: availability.own,
            perceived: availability.perceived,
            coverage: availability.coverage,
        }
    }
}
