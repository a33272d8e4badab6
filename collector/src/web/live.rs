//! The running collector as what pages and API show.

use std::sync::Arc;

use bongsu_availability::{IncidentView, RecoveryView, Rto, Strip, Transition};
use bongsu_model::{
    Catalogue, Claim, Names, OperatorId, RegionId, RunId, TargetName, Timestamp, Vantage,
};
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::answer::{RunAnswer, RunDetailAnswer, RunMention};
use super::source::{Folded, ReadRunsError, RunsWanted, Source, StripError};
use crate::claims::{Desk, HandInError, HandedIn, Stated};
use crate::config::{Duties, TokenHash, TraceLink};
use crate::control::ChannelView;
use crate::counters::Metric;
use crate::journal::{EvidencePage, Neighbours, Reader, RunDetail, RunFilter, StoredRun};
use crate::published::Published;
use crate::report::evidence::Wanted;
use crate::report::folds::{self, Folds};
use crate::report::pen::{Pen, WriteError};
use crate::report::{Lineage, Words};
use crate::state::Shared;
use crate::strips::StripWanted;
use crate::tally::RunCount;

/// The running collector, and what may be written to it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) shared: Arc<Shared>,
    pub(super) desk: Desk,
    pub(super) pen: Pen,
    pub(super) folds: Arc<Folds>,
}

impl Source for Live {
    fn now(&self) -> Timestamp {
        self.shared.clock.wall()
    }

    fn speed(&self) -> f64 {
        self.shared.clock.speed()
    }

    fn zone(&self) -> TimeZone {
        self.shared.config.zone.clone()
    }

    fn default_target(&self) -> &TargetName {
        &self.shared.config.default_target
    }

    fn catalogue(&self) -> &Catalogue {
        &self.shared.catalogue
    }

    fn regions(&self) -> Vec<(RegionId, Names)> {
        let regions = self.shared.config.roster.regions().iter();
        regions
            .map(|region| (region.id.clone(), region.names.clone()))
            .collect()
    }

    fn listed(&self) -> Vec<Vantage> {
        let agents = self.shared.config.roster.agents().iter();
        agents.map(|agent| agent.vantage.clone()).collect()
    }

    fn rto(&self) -> Rto {
        self.shared.config.rto
    }

    fn channels(&self) -> Vec<ChannelView> {
        self.shared.channels()
    }

    fn picture(&self) -> Arc<Published> {
        self.shared.published()
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            // The channel closes only when the deriving thread has ended.
            let _ = self
                .shared
                .watch()
                .wait_for(|picture| picture.has_content())
                .await;
        })
    }

    fn transitions(&self) -> broadcast::Receiver<Arc<Transition>> {
        self.shared.transitions()
    }

    fn recent_transitions(&self) -> Vec<Arc<Transition>> {
        self.shared.recent_transitions()
    }

    fn runs(&self, wanted: RunsWanted) -> BoxFuture<'_, Result<Vec<RunAnswer>, ReadRunsError>> {
        let filter = RunFilter {
            target: Some(wanted.target),
            feature: wanted.feature,
            outcome: wanted.outcome.map(str::to_owned),
            agent: wanted.agent,
            region: wanted.region,
            due: wanted.due,
            before: None,
            limit: wanted.limit,
        };
        Box::pin(async move {
            let runs = self.shared.read(move |reader| reader.runs(&filter)).await;
            let runs = runs.map_err(|error| ReadRunsError(error.to_string()))?;
            Ok(runs
                .iter()
                .map(|run| RunAnswer::new(&run.facts, run.received))
                .collect())
        })
    }

    fn run(&self, id: RunId) -> BoxFuture<'_, Result<Option<RunDetailAnswer>, ReadRunsError>> {
        Box::pin(async move {
            let found = self.shared.read(move |reader| {
                let Some(detail) = reader.run(&id)? else {
                    return Ok(None);
                };
                let neighbours = reader.neighbours(&detail.run)?;
                Ok(Some((detail, neighbours)))
            });
            let found = found
                .await
                .map_err(|error| ReadRunsError(error.to_string()))?;
            Ok(found.map(|(detail, neighbours)| opened(&detail, &neighbours)))
        })
    }

    fn strip(&self, wanted: StripWanted) -> BoxFuture<'_, Result<Arc<Strip>, StripError>> {
        Box::pin(async move {
            let asked = self
                .shared
                .strips()
                .ask(wanted)
                .map_err(|_| StripError::Busy)?;
            asked.await.map_err(|_| StripError::Ended)
        })
    }

    fn claim_news(&self) -> broadcast::Receiver<Arc<Stated>> {
        self.shared.claims()
    }

    fn claims_until(&self) -> Timestamp {
        self.shared.clock.wall() + self.shared.config.limits.clock_ahead
    }

    fn operator(&self, token: &TokenHash) -> Option<OperatorId> {
        let operator = self.shared.config.operators.by_token(token);
        operator.map(|operator| operator.id.clone())
    }

    fn hand_in(
        &self,
        by: OperatorId,
        claims: Vec<Claim>,
    ) -> BoxFuture<'_, Result<Vec<HandedIn>, HandInError>> {
        Box::pin(async move { self.desk.hand_in(&self.shared, &by, claims).await })
    }

    fn duties(&self) -> &Duties {
        &self.shared.config.duties
    }

    fn fold(
        &self,
        incident: &IncidentView,
        outage: Option<&RecoveryView>,
    ) -> BoxFuture<'_, Result<Folded, ReadRunsError>> {
        let (wanted, empty) = folds::of(incident, outage);
        let folds = Arc::clone(&self.folds);
        let reading = self.shared.read(move |reader| {
            Ok(Folded {
                fold: folds.read(reader, wanted, empty)?,
                kept_from: reader.oldest_run()?.map(|(_, received)| received),
            })
        });
        Box::pin(async {
            reading
                .await
                .map_err(|error| ReadRunsError(error.to_string()))
        })
    }

    fn evidence(
        &self,
        wanted: Wanted,
        after: u64,
        until: u64,
    ) -> BoxFuture<'_, Result<EvidencePage, ReadRunsError>> {
        let read = move |reader: &Reader| reader.evidence(&wanted, after, until);
        let reading = self.shared.read(read);
        Box::pin(async {
            reading
                .await
                .map_err(|error| ReadRunsError(error.to_string()))
        })
    }

    fn words(&self, about: &Lineage) -> BoxFuture<'_, Result<Vec<Words>, ReadRunsError>> {
        let about = about.clone();
        let reading = self.shared.read(move |reader| reader.words(&about));
        Box::pin(async {
            let found = reading.await;
            let found = found.map_err(|error| ReadRunsError(error.to_string()))?;
            Ok(found.into_iter().map(|facts| facts.words).collect())
        })
    }

    fn write(
        &self,
        by: OperatorId,
        about: Lineage,
        words: Words,
    ) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move { self.pen.write(&self.shared, by, about, words).await })
    }

    fn trace_link(&self) -> Option<&TraceLink> {
        self.shared.config.trace_link.as_ref()
    }

    fn run_counts(&self) -> Vec<RunCount> {
        self.shared.tally.counts()
    }

    fn metrics(&self) -> Vec<Metric> {
        self.shared.counters.metrics()
    }

    fn stopping(&self) -> CancellationToken {
        self.shared.stopping.clone()
    }
}

/// The run with its steps, and with what its failed steps saw.
fn opened(detail: &RunDetail, neighbours: &Neighbours) -> RunDetailAnswer {
    let (facts, received) = (&detail.run.facts, detail.run.received);
    let report = detail.report().unwrap_or_else(|error| {
        tracing::warn!(run = %facts.id, %error, "the steps of a run cannot be read");
        None
    });
    let answer = report.map_or_else(
        || RunDetailAnswer::thinned(facts, received),
        |report| RunDetailAnswer::new(&report, received),
    );
    let mention = |run: &StoredRun| RunMention::of(&run.facts);
    RunDetailAnswer {
        previous: neighbours.previous.as_ref().map(mention),
        next: neighbours.next.as_ref().map(mention),
        ..answer
    }
}
