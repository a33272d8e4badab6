//! Looking at the plan's files again: a good change is taken on, a bad one keeps the old plan.

use std::sync::{Arc, Mutex};

use bongsu_model::Revision;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Plan, PlanRefusal, fingerprint, load};
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
    pub(crate) state: Arc<PlanState>,
    pub(crate) refused: Arc<crate::metrics::RunCounts>,
}

impl Reloader {
    pub(crate) async fn watch(self, stop: CancellationToken) {
        // None: the files could not be read at the last look.
        let mut seen: Option<Revision> = Some(self.state.current().revision.clone());
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.config.reload) => {}
                () = stop.cancelled() => return,
            }
            let config = self.config.clone();
            let looked = tokio::task::spawn_blocking(move || fingerprint(&config)).await;
            match looked {
                Ok(Ok(found)) if seen.as_ref() == Some(&found) => {}
                Ok(Ok(found)) => {
                    seen = Some(found);
                    self.take_on().await;
                }
                Ok(Err(refusal)) => {
                    if seen.take().is_some() || self.state.refusal().is_none() {
                        self.refuse(&refusal);
                    }
                }
                Err(error) => tracing::error!(%error, "the plan could not be looked at"),
            }
        }
    }

    async fn take_on(&self) {
        let config = self.config.clone();
        match tokio::task::spawn_blocking(move || load(&config)).await {
            Ok(Ok(plan)) => {
                self.state.refuse(None);
                if plan.revision == self.state.current().revision {
                    tracing::info!(revision = %plan.revision, "the plan is the old one again");
                    return;
                }
                tracing::info!(revision = %plan.revision, journeys = plan.journeys.len(), "a new plan is taken on");
                self.state.current.send_replace(Arc::new(plan));
            }
            Ok(Err(refusal)) => self.refuse(&refusal),
            Err(error) => tracing::error!(%error, "the plan could not be loaded"),
        }
    }

    fn refuse(&self, refusal: &PlanRefusal) {
        tracing::error!("a new plan is refused, the old one stays:\n{refusal}");
        self.refused
            .plans_refused
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.state.refuse(Some(refusal.lines()));
    }
}
