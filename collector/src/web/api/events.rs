//! Server-sent events: each change and each claim at once, and at most one "the board is new" a second.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use bongsu_availability::Transition;
use bongsu_model::TargetName;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::ApiError;
use crate::claims::Stated;
use crate::published::Published;
use crate::web::Web;
use crate::web::answer::{ClaimAnswer, Time, TransitionAnswer};
use crate::web::query::Query;

/// How often a new board is told of at most.
const REFRESH: Duration = Duration::from_secs(1);

/// After this many seconds without an event the line is kept warm; proxies cut after 30 or 60.
const KEEP_WARM_TICKS: u32 = 15;

pub(super) async fn events(State(web): State<Arc<Web>>, uri: Uri) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    query.only(&["target"])?;
    let picture = web.picture().await?;
    let target = query.target(&*web.source, &picture)?;
    let Ok(seat) = web.listeners.clone().try_acquire_owned() else {
        web.listeners_refused.add(1);
        return Err(ApiError::unavailable(
            "too_many_listeners",
            "too many readers listen to events; ask for the board every few seconds instead",
        ));
    };
    let mut refresh = tokio::time::interval(REFRESH);
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let listener = Listener {
        transitions: web.source.transitions(),
        claims: web.source.claim_news(),
        told: None,
        quiet: 0,
        stopping: web.source.stopping(),
        refresh,
        target,
        web,
        _seat: seat,
    };
    let stream = futures_util::stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Sse::new(stream)).into_response())
}

/// One reader. It ends when the reader is too slow, when it leaves, or when the collector stops.
#[derive(Debug)]
struct Listener {
    web: Arc<Web>,
    target: TargetName,
    transitions: broadcast::Receiver<Arc<Transition>>,
    claims: broadcast::Receiver<Arc<Stated>>,
    told: Option<Arc<Published>>,
    quiet: u32,
    stopping: CancellationToken,
    refresh: Interval,
    _seat: OwnedSemaphorePermit,
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return None,
                transition = self.transitions.recv() => match transition {
                    Ok(transition) => {
                        if let Some(event) = self.transition(&transition) {
                            return Some(event);
                        }
                    }
                    Err(error) => return self.left_behind(&error),
                },
                stated = self.claims.recv() => match stated {
                    Ok(stated) if stated.claim.target == self.target => {
                        return Some(event("claim", &ClaimAnswer::new(&stated)));
                    }
                    Ok(_) => {}
                    Err(error) => return self.left_behind(&error),
                },
                _ = self.refresh.tick() => {
                    if let Some(event) = self.board() {
                        return Some(event);
                    }
                }
            }
        }
    }

    /// It missed something: it reads the board anew when it connects again.
    fn left_behind(&self, error: &broadcast::error::RecvError) -> Option<Event> {
        if matches!(error, broadcast::error::RecvError::Lagged(_)) {
            self.web.listeners_dropped.add(1);
        }
        None
    }

    fn transition(&self, transition: &Transition) -> Option<Event> {
        let answer = TransitionAnswer::new(transition);
        let elsewhere = answer
            .target
            .as_ref()
            .is_some_and(|target| *target != self.target);
        (!elsewhere).then(|| event("transition", &answer))
    }

    fn board(&mut self) -> Option<Event> {
        let picture = self.web.source.picture();
        let news = !self
            .told
            .as_ref()
            .is_some_and(|told| Arc::ptr_eq(told, &picture));
        if news {
            self.quiet = 0;
            let as_of = Time(picture.as_of);
            self.told = Some(picture);
            return Some(event(
                "board",
                &serde_json::json!({ "target": self.target, "as_of": as_of }),
            ));
        }
        self.quiet += 1;
        self.quiet
            .is_multiple_of(KEEP_WARM_TICKS)
            .then(|| Event::default().comment("still here"))
    }
}

fn event(name: &'static str, data: &impl serde::Serialize) -> Event {
    let data = serde_json::to_string(data).expect("answers have text keys only");
    Event::default().event(name).data(data)
}
