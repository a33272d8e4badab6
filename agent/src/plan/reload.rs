//! Looking at the plan's files again: a good change is taken on, a bad one keeps the old plan.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::stamps::{Quiet, Stamps};
use super::{Fingerprint, Plan, PlanRefusal, fingerprint, load};
use crate::config::PlanConfig;

/// The plan being worked on, and why a newer one was refused, if one was.
#[derive(Debug)]
pub(crate) struct PlanState {
    current: watch::Sender<Arc<Plan>>,
    refusal: Mutex<Option<String>>,
}

impl PlanState {
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            current: watch::Sender::new(Arc::new(plan)),
            refusal: Mutex::new(None),
        }
    }

    pub(crate) fn current(&self) -> Arc<Plan> {
        self.current.borrow().clone()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Plan>> {
        self.current.subscribe()
    }

    /// Every problem of the newest plan, one a line, if it was refused.
    pub(crate) fn refusal(&self) -> Option<String> {
        self.refusal
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }

    fn refuse(&self, refusal: Option<String>) {
        *self
            .refusal
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = refusal;
    }
}

/// Looks at the files every `reload`.
#[derive(Debug)]
pub(crate) struct Reloader {
    pub(crate) config: PlanConfig,
    /// How long the agent's self-check may take.
    pub(crate) self_check: Duration,
    /// How much faster than the machine's the agent's clock is.
    pub(crate) speed: f64,
    pub(crate) state: Arc<PlanState>,
    pub(crate) refused: Arc<crate::metrics::RunCounts>,
}

impl Reloader {
    pub(crate) async fn watch(self, stop: CancellationToken) {
        // None: the files could not be read at the last look, or are not those of the plan.
        let seen = self.look().await.and_then(Result::ok);
        let mut seen = seen.filter(|found| found.is_of(&self.state.current()));
        let mut quiet = Quiet::default();
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.config.reload) => {}
                () = stop.cancelled() => return,
            }
            let stamps = self.stamps(seen.as_ref()).await;
            if quiet.lasts(stamps) && self.state.refusal().is_none() {
                continue;
            }
            match self.look().await {
                // A refused plan is tried at every look: what it lacks, as a variable's value or
                // a right to read, may come without any file of it changing.
                Some(Ok(found))
                    if seen.as_ref() == Some(&found) && self.state.refusal().is_none() => {}
                Some(Ok(found)) => {
                    seen = Some(found);
                    self.take_on().await;
                }
                Some(Err(refusal)) => {
                    seen = None;
                    self.refuse(&refusal);
                }
                None => {}
            }
        }
    }

    /// The stamps of the files that were seen. None before they were, or when they cannot be found.
    async fn stamps(&self, seen: Option<&Fingerprint>) -> Option<Stamps> {
        let (config, seen) = (self.config.clone(), seen?.clone());
        tokio::task::spawn_blocking(move || Stamps::take(&config, seen.beside()).ok())
            .await
            .ok()?
    }

    async fn look(&self) -> Option<Result<Fingerprint, PlanRefusal>> {
        let config = self.config.clone();
        let looked = tokio::task::spawn_blocking(move || fingerprint(&config)).await;
        looked
            .inspect_err(|error| tracing::error!(%error, "the plan could not be looked at"))
            .ok()
    }

    async fn take_on(&self) {
        let (config, self_check, speed) = (self.config.clone(), self.self_check, self.speed);
        match tokio::task::spawn_blocking(move || load(&config, self_check, speed)).await {
            Ok(Ok(plan)) => {
                self.state.refuse(None);
                // Also a plan of the same revision: its secrets or roots may be new.
                tracing::info!(revision = %plan.revision, journeys = plan.journeys.len(), "a plan is taken on");
                self.state.current.send_replace(Arc::new(plan));
            }
            Ok(Err(refusal)) => self.refuse(&refusal),
            Err(error) => tracing::error!(%error, "the plan could not be loaded"),
        }
    }

    fn refuse(&self, refusal: &PlanRefusal) {
        if self.state.refusal() == Some(refusal.lines()) {
            return;
        }
        tracing::error!("a new plan is refused, the old one stays:\n{refusal}");
        self.refused
            .plans_refused
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.state.refuse(Some(refusal.lines()));
    }
}
