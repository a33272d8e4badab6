//! What the web layer shows, wherever it comes from: the running collector, or a test's fixture.

use std::ops::Range;
use std::sync::Arc;

use bongsu_availability::{
    Board, FeatureView, IncidentView, RecoveryView, Rto, Strip, Transition, Windows,
};
use bongsu_model::{
    AgentId, Catalogue, Claim, FeatureId, FeatureState, Names, OperatorId, RegionId, RunId,
    TargetName, Timestamp, Vantage,
};
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::answer::{RunAnswer, RunDetailAnswer};
use crate::claims::{HandInError, HandedIn, Stated};
use crate::config::{Duties, TokenHash, TraceLink};
use crate::control::ChannelView;
use crate::counters::Metric;
use crate::journal::EvidencePage;
use crate::published::Published;
use crate::report::evidence::Wanted;
use crate::report::pen::WriteError;
use crate::report::tally::Fold;
use crate::report::{Lineage, Words};
use crate::strips::StripWanted;
use crate::tally::RunCount;

/// The board of `target`. Before the journal was replayed all features are unmeasured.
pub(crate) fn board_of(picture: &Published, catalogue: &Catalogue, target: &TargetName) -> Board {
    let known = picture.boards.get(target);
    known.cloned().unwrap_or_else(|| Board {
        target: target.clone(),
        as_of: picture.as_of,
        features: catalogue
            .features()
            .iter()
            .map(|feature| unmeasured(&feature.id))
            .collect(),
    })
}

fn unmeasured(feature: &FeatureId) -> FeatureView {
    FeatureView {
        feature: feature.clone(),
        state: FeatureState::Unmeasured,
        since: None,
        blocked_by: None,
        overlays: Vec::new(),
        availability: Windows::default(),
        regions: Vec::new(),
        last_failure: None,
        incident: None,
    }
}

/// Which runs are wanted; what is None does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunsWanted {
    /// Against this environment.
    pub target: TargetName,
    /// Of journeys whose own feature is this one.
    pub feature: Option<FeatureId>,
    /// Whose verdict has this word.
    pub outcome: Option<&'static str>,
    /// By this agent.
    pub agent: Option<AgentId>,
    /// From this region.
    pub region: Option<RegionId>,
    /// Due in this stretch.
    pub due: Option<Range<Timestamp>>,
    /// At most this many.
    pub limit: u32,
}

/// Why runs could not be read: for the log, not for the reader of a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read runs: {0}")]
pub struct ReadRunsError(pub String);

/// Why there is no strip now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StripError {
    /// Too many readers wait for theirs.
    #[error("too many readers ask for strips at a time")]
    Busy,
    /// Deriving has ended.
    #[error("nothing is derived any more")]
    Ended,
}

/// The runs of an incident, added up.
#[derive(Debug)]
pub struct Folded {
    /// What they come to.
    pub fold: Fold,
    /// When the oldest run that is kept was received.
    pub kept_from: Option<Timestamp>,
}

/// Where the web layer takes what it shows from.
pub trait Source: std::fmt::Debug + Send + Sync + 'static {
    /// The present.
    fn now(&self) -> Timestamp;

    /// How many seconds of that present pass in one second of the machine's.
    fn speed(&self) -> f64;

    /// The zone that pages show times in.
    fn zone(&self) -> TimeZone;

    /// The environment that is shown when none is asked for.
    fn default_target(&self) -> &TargetName;

    /// Features and services.
    fn catalogue(&self) -> &Catalogue;

    /// The names of the regions.
    fn regions(&self) -> Vec<(RegionId, Names)>;

    /// The agents that the configuration lists.
    fn listed(&self) -> Vec<Vantage>;

    /// The limits of every feature's recovery clock.
    fn rto(&self) -> Rto;

    /// The control channels of these agents, and the newest that was said over them.
    fn channels(&self) -> Vec<ChannelView>;

    /// What the engine shows now.
    fn picture(&self) -> Arc<Published>;

    /// Waits until the journal was replayed and there is a picture.
    fn settled(&self) -> BoxFuture<'_, ()>;

    /// Changes from now on.
    fn transitions(&self) -> broadcast::Receiver<Arc<Transition>>;

    /// The newest changes, oldest first, as many as are kept.
    fn recent_transitions(&self) -> Vec<Arc<Transition>>;

    /// The newest runs, newest first.
    fn runs(&self, wanted: RunsWanted) -> BoxFuture<'_, Result<Vec<RunAnswer>, ReadRunsError>>;

    /// One run with its steps, and with the runs before and after it.
    fn run(&self, id: RunId) -> BoxFuture<'_, Result<Option<RunDetailAnswer>, ReadRunsError>>;

    /// A feature over time, region by region.
    fn strip(&self, wanted: StripWanted) -> BoxFuture<'_, Result<Arc<Strip>, StripError>>;

    /// Claims from now on.
    fn claim_news(&self) -> broadcast::Receiver<Arc<Stated>>;

    /// The last instant that a claim may speak of: the present, and how far clocks may be apart.
    fn claims_until(&self) -> Timestamp;

    /// The operator whose token hashes to `token`.
    fn operator(&self, token: &TokenHash) -> Option<OperatorId>;

    /// Takes claims in, all or none.
    fn hand_in(
        &self,
        by: OperatorId,
        claims: Vec<Claim>,
    ) -> BoxFuture<'_, Result<Vec<HandedIn>, HandInError>>;

    /// What reports rest on beside what is measured.
    fn duties(&self) -> &Duties;

    /// The runs of an incident, added up.
    fn fold(
        &self,
        incident: &IncidentView,
        outage: Option<&RecoveryView>,
    ) -> BoxFuture<'_, Result<Folded, ReadRunsError>>;

    /// A page of the runs that are wanted, after a place and up to one.
    fn evidence(
        &self,
        wanted: Wanted,
        after: u64,
        until: u64,
    ) -> BoxFuture<'_, Result<EvidencePage, ReadRunsError>>;

    /// What people wrote of an incident and of those that were merged into it, the oldest first.
    fn words(&self, about: &Lineage) -> BoxFuture<'_, Result<Vec<Words>, ReadRunsError>>;

    /// Keeps what an operator wrote of an incident.
    fn write(
        &self,
        by: OperatorId,
        about: Lineage,
        words: Words,
    ) -> BoxFuture<'_, Result<(), WriteError>>;

    /// Where a run's trace is looked at.
    fn trace_link(&self) -> Option<&TraceLink>;

    /// How many runs ended how since the collector started.
    fn run_counts(&self) -> Vec<RunCount>;

    /// The collector's own counters.
    fn metrics(&self) -> Vec<Metric>;

    /// Cancelled when the collector stops.
    fn stopping(&self) -> CancellationToken;
}
