//! What people and machines see: the board and its pages, the API, `/metrics`, liveness.
//!
//! Everything is read, by GET and HEAD, except that operators hand in claims and write of incidents. Pages and API draw the same [`answer`]s, made from one
//! published picture of the engine, so that no two of them can disagree about one instant.

pub mod answer;
pub mod api;
pub(crate) mod assets;
mod copy;
mod health;
mod live;
pub mod metrics;
pub mod page;
mod pages;
mod query;
mod respond;
pub mod source;
pub mod standing;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bongsu_availability::{IncidentView, RecoveryView};
use bongsu_model::{FeatureId, TargetName};
use tokio::sync::Semaphore;

use crate::claims::Desk;
use crate::counters::{Counter, Metric, MetricKind};
use crate::published::Published;
use crate::report::pen::Pen;
use crate::report::subject::Ground;
use crate::report::{Lineage, Subject};
use crate::state::Shared;
use crate::strips::StripWanted;
use answer::{
    AgentsAnswer, BoardAnswer, ClaimsAnswer, ClaimsWanted, FeatureDetailAnswer, FleetAnswer,
    IncidentAnswer, IncidentDetailAnswer, IncidentsAnswer, Naming, RecoveryAnswer, RecoverySource,
    RunAnswer, RunDetailAnswer, StripAnswer, StripSource, TransitionAnswer,
};
use api::ApiError;
use live::Live;
pub(crate) use query::encode;
use source::{ReadRunsError, RunsWanted, Source, StripError, board_of};
use standing::Standing;

/// Readers that listen to events at a time: a quarter of the connections that are let in, so that
/// forgotten browser tabs cannot shut out those who ask.
const LISTENERS_MAX: usize = 256;

/// How long an answer may wait for the journal, in wall time.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// How long an early question waits for the first picture, in wall time: the replay of a small
/// journal takes less.
const SETTLED_WITHIN: Duration = Duration::from_secs(1);

/// Changes of state that a feature's page shows.
const TRANSITIONS_SHOWN: usize = 50;

/// All that is served on `[listen] web`; claims are handed in at `desk`, words written with `pen`.
pub fn router(shared: Arc<Shared>, desk: Desk, pen: Pen) -> Router {
    router_of(Arc::new(Live {
        shared,
        desk,
        pen,
        folds: Arc::default(),
    }))
}

/// The same over any source: tests show a fixture.
pub fn router_of(source: Arc<dyn Source>) -> Router {
    let web = Arc::new(Web {
        source,
        listeners: Arc::new(Semaphore::new(LISTENERS_MAX)),
        listeners_refused: Counter::default(),
        listeners_dropped: Counter::default(),
        strips_refused: Counter::default(),
        claims_refused: Counter::default(),
        words_refused: Counter::default(),
        answers: Counter::default(),
    });
    Router::new()
        .merge(pages::routes())
        .nest("/api/v1", api::routes())
        .route("/metrics", get(prometheus))
        .merge(health::routes())
        .with_state(Arc::clone(&web))
        .layer(axum::middleware::from_fn_with_state(web, count))
        .layer(axum::middleware::from_fn(respond::bounds))
        .layer(axum::middleware::from_fn(respond::secure))
}

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Web {
    source: Arc<dyn Source>,
    listeners: Arc<Semaphore>,
    listeners_refused: Counter,
    listeners_dropped: Counter,
    strips_refused: Counter,
    claims_refused: Counter,
    words_refused: Counter,
    answers: Counter,
}

impl Web {
    /// What the engine shows, once it has seen the whole journal.
    async fn picture(&self) -> Result<Arc<Published>, ApiError> {
        let settled = tokio::time::timeout(SETTLED_WITHIN, self.source.settled());
        if settled.await.is_ok() {
            Ok(self.source.picture())
        } else {
            Err(ApiError::unavailable(
                "replaying",
                "the collector has just started and reads its journal; ask again in a moment",
            ))
        }
    }

    fn board(&self, picture: &Published, target: &TargetName) -> BoardAnswer {
        let regions = self.source.regions();
        let naming = Naming {
            catalogue: self.source.catalogue(),
            regions: &regions,
        };
        let board = board_of(picture, naming.catalogue, target);
        let incidents = incidents_of(picture, target);
        let fleet = FleetAnswer::new(&picture.fleet, &board, incidents);
        let claims = (&*picture.claims, picture.as_of);
        BoardAnswer::new(&board, fleet, naming).with_claims(claims)
    }

    /// What was said, held against what was measured then.
    fn claims(&self, picture: &Published, wanted: &ClaimsWanted) -> ClaimsAnswer {
        ClaimsAnswer::new(picture, self.source.catalogue(), wanted)
    }

    fn incidents(&self, picture: &Published, target: &TargetName) -> IncidentsAnswer {
        let incidents = incidents_of(picture, target);
        IncidentsAnswer {
            target: target.clone(),
            as_of: picture.as_of.into(),
            incidents: incidents
                .iter()
                .map(|incident| IncidentAnswer::new(incident, &picture.claims))
                .collect(),
        }
    }

    /// The outage of this name, or the newest one, with all that are remembered.
    fn recovery(
        &self,
        picture: &Published,
        target: &TargetName,
        outage: Option<&str>,
    ) -> Result<RecoveryAnswer, ApiError> {
        let board = self.board(picture, target);
        let outages = recoveries_of(picture, target);
        let shown = match outage {
            None => outages.first(),
            Some(id) => Some(query::outage(id, outages)?),
        };
        let told = self.told(&board, picture);
        Ok(self.named(|naming| RecoveryAnswer::new(told, shown, naming)))
    }

    /// The incident of this name.
    fn incident(
        &self,
        picture: &Published,
        target: &TargetName,
        id: &str,
    ) -> Result<IncidentDetailAnswer, ApiError> {
        let incident = query::incident(id, target, picture)?;
        let board = self.board(picture, target);
        let told = self.told(&board, picture);
        Ok(self.named(|naming| IncidentDetailAnswer::new(incident, told, naming)))
    }

    /// The snapshot that the report of an incident is a function of.
    async fn subject(
        &self,
        picture: &Published,
        target: &TargetName,
        id: &str,
    ) -> Result<Subject, ApiError> {
        let incident = query::incident(id, target, picture)?;
        let outages = recoveries_of(picture, target).iter();
        let outage = outages
            .clone()
            .find(|outage| outage.incidents.contains(&incident.id));
        let folded = in_time(self.source.fold(incident, outage)).await?;
        let lineage = Lineage::of(incident, incidents_of(picture, target));
        let words = in_time(self.source.words(&lineage)).await?;
        let (board, zone) = (self.board(picture, target), self.source.zone());
        let duties = self.source.duties();
        Ok(self.named(|naming| {
            Subject::of(Ground {
                incident,
                absorbed: &lineage.absorbed,
                outage,
                board: &board,
                claims: &picture.claims,
                measured: &picture.measured,
                naming,
                zone: &zone,
                is_simulated: self.source.speed().to_bits() != 1.0_f64.to_bits(),
                platform: &duties.platform,
                shelf: &duties.shelf,
                fold: &folded.fold,
                kept_from: folded.kept_from,
                words,
            })
        }))
    }

    /// What `make` makes with the names of features and regions.
    fn named<T>(&self, make: impl FnOnce(Naming<'_>) -> T) -> T {
        let regions = self.source.regions();
        make(Naming {
            catalogue: self.source.catalogue(),
            regions: &regions,
        })
    }

    fn told<'a>(&self, board: &'a BoardAnswer, picture: &'a Published) -> RecoverySource<'a> {
        RecoverySource {
            outages: recoveries_of(picture, &board.target),
            incidents: incidents_of(picture, &board.target),
            claims: &picture.claims,
            board,
            rto: self.source.rto(),
        }
    }

    fn agents(&self, picture: &Published, target: &TargetName) -> AgentsAnswer {
        let board = self.board(picture, target);
        let known = answer::Known {
            listed: &self.source.listed(),
            channels: &self.source.channels(),
        };
        AgentsAnswer::new(&board, &picture.agents, known)
    }

    fn feature_detail(
        &self,
        board: &BoardAnswer,
        id: &FeatureId,
    ) -> Result<FeatureDetailAnswer, ApiError> {
        let feature = board.features.iter().find(|feature| feature.id == *id);
        let feature = feature.cloned().ok_or_else(|| {
            ApiError::unavailable(
                "not_derived_yet",
                "this feature is new in the catalogue and was not looked at yet",
            )
        })?;
        let recent = self.source.recent_transitions();
        let transitions = recent.iter().rev().map(|t| TransitionAnswer::new(t));
        Ok(FeatureDetailAnswer {
            target: board.target.clone(),
            as_of: board.as_of,
            feature,
            transitions: transitions
                .filter(|transition| transition.concerns(&board.target, id))
                .take(TRANSITIONS_SHOWN)
                .collect(),
        })
    }

    /// The strip of a feature with incidents and changes beside it.
    async fn strip(
        &self,
        picture: &Published,
        wanted: StripWanted,
    ) -> Result<StripAnswer, ApiError> {
        let window = wanted.window;
        let target = wanted.target.clone();
        let asked = tokio::time::timeout(READ_WITHIN, self.source.strip(wanted));
        let strip = match asked.await {
            Ok(Ok(strip)) => strip,
            Ok(Err(StripError::Busy)) => {
                self.strips_refused.add(1);
                return Err(ApiError::unavailable(
                    "busy",
                    "too many readers ask for strips at a time; ask again in a moment",
                ));
            }
            Ok(Err(StripError::Ended)) | Err(_) => {
                return Err(ApiError::unavailable(
                    "not_deriving",
                    "deriving has failed or is stopping; the collector's log says why",
                ));
            }
        };
        let incidents = picture.incidents.get(&target);
        let recent = self.source.recent_transitions();
        let newest_first: Vec<_> = recent.iter().rev().map(AsRef::as_ref).collect();
        let regions = self.source.regions();
        let source = StripSource {
            strip: &strip,
            window,
            incidents: incidents.map_or(&[], Vec::as_slice),
            transitions: &newest_first,
            claims: &picture.claims,
        };
        let naming = Naming {
            catalogue: self.source.catalogue(),
            regions: &regions,
        };
        Ok(StripAnswer::new(source, naming))
    }

    async fn runs(&self, wanted: RunsWanted) -> Result<Vec<RunAnswer>, ApiError> {
        in_time(self.source.runs(wanted)).await
    }

    /// The run of this id; of this target, if one is given.
    async fn run(
        &self,
        id: &str,
        target: Option<&TargetName>,
    ) -> Result<RunDetailAnswer, ApiError> {
        let run_id = id.parse().map_err(|error| {
            ApiError::bad("bad_run_id", format!("{error}, as /api/v1/runs lists them"))
        })?;
        let found = in_time(self.source.run(run_id)).await?;
        let link = self.source.trace_link();
        found
            .map(|detail| RunDetailAnswer {
                trace_url: link.map(|link| link.of(detail.run.id)),
                ..detail
            })
            .filter(|detail| target.is_none_or(|target| detail.run.target == *target))
            .ok_or_else(|| {
                ApiError::missing(
                    "unknown_run",
                    format!(
                        "run {run_id} is not in the journal: it is older than what is kept, is \
                         of another target, or never was"
                    ),
                )
            })
    }

    /// The collector's own counters, those of the web layer included.
    fn metrics(&self) -> Vec<Metric> {
        let mut metrics = self.source.metrics();
        let open = LISTENERS_MAX - self.listeners.available_permits();
        metrics.push(Metric {
            name: "bongsu_collector_event_listeners",
            help: "Readers that listen to events.",
            kind: MetricKind::Gauge,
            label: None,
            value: f64::from(u32::try_from(open).expect("at most the permits")),
        });
        for (name, help, counter) in [
            (
                "bongsu_collector_event_listeners_refused",
                "Readers of events that were refused because too many listen.",
                &self.listeners_refused,
            ),
            (
                "bongsu_collector_event_listeners_dropped",
                "Readers of events that were dropped because they were too slow.",
                &self.listeners_dropped,
            ),
            (
                "bongsu_collector_strips_refused",
                "Readers who were refused a feature's strip because too many wait for theirs.",
                &self.strips_refused,
            ),
            (
                "bongsu_collector_claim_requests_refused",
                "Requests with claims of which none was taken in.",
                &self.claims_refused,
            ),
            (
                "bongsu_collector_words_refused",
                "Texts about incidents that were not taken in.",
                &self.words_refused,
            ),
            (
                "bongsu_collector_web_answers",
                "Answers to readers of board, API and metrics.",
                &self.answers,
            ),
        ] {
            metrics.push(counter_metric(name, help, counter));
        }
        metrics
    }
}

#[expect(clippy::cast_precision_loss, reason = "metrics are floats")]
fn counter_metric(name: &'static str, help: &'static str, counter: &Counter) -> Metric {
    Metric {
        name,
        help,
        kind: MetricKind::Counter,
        label: None,
        value: counter.get() as f64,
    }
}

fn recoveries_of<'a>(picture: &'a Published, target: &TargetName) -> &'a [RecoveryView] {
    picture.recoveries.get(target).map_or(&[], Vec::as_slice)
}

fn incidents_of<'a>(picture: &'a Published, target: &TargetName) -> &'a [IncidentView] {
    picture.incidents.get(target).map_or(&[], Vec::as_slice)
}

async fn in_time<T>(
    reading: impl Future<Output = Result<T, ReadRunsError>>,
) -> Result<T, ApiError> {
    match tokio::time::timeout(READ_WITHIN, reading).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a reader could not be answered");
            Err(ApiError::unavailable(
                "journal_unreadable",
                "the journal cannot be read now; the collector's log says why",
            ))
        }
        Err(_) => Err(ApiError::unavailable(
            "journal_slow",
            "the journal did not answer in time; ask again, for fewer runs",
        )),
    }
}

async fn prometheus(
    axum::extract::State(web): axum::extract::State<Arc<Web>>,
    headers: HeaderMap,
) -> Response {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    let format = metrics::Format::choose(accept);
    let picture = web.source.picture();
    let targets = query::targets(web.source.default_target(), &picture);
    let boards: Vec<_> = targets
        .iter()
        .map(|target| web.board(&picture, target))
        .collect();
    let agents = web.agents(&picture, web.source.default_target());
    let text = metrics::write(
        &metrics::Sight {
            boards: &boards,
            agents: &agents.agents,
            picture: &picture,
            runs: &web.source.run_counts(),
            own: &web.metrics(),
            standing: Standing::of(&picture, &*web.source),
        },
        format,
    );
    let headers = [
        (header::CONTENT_TYPE, format.media_type()),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}

async fn count(
    axum::extract::State(web): axum::extract::State<Arc<Web>>,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Response {
    web.answers.add(1);
    next.run(request).await
}
