//! What the parts of a running collector share: pages and API read all they show from here.

use std::sync::Arc;

use bongsu_availability::Transition;
use bongsu_model::{Catalogue, Clock};
use tokio::sync::{Semaphore, broadcast, watch};

use crate::config::Config;
use crate::counters::Counters;
use crate::journal::{ReadError, Reader};
use crate::published::Published;

/// Transitions that a slow listener may be behind; beyond them it is told how many it lost. A
/// fleet of 43 features in 3 regions that all change at once makes under 400.
pub const TRANSITIONS_MAX: usize = 1_024;

/// Readers of the journal at a time: more wait, so that a busy page cannot starve the writer.
const READERS_MAX: usize = 4;

/// A running collector, as its parts see it.
#[derive(Debug)]
pub struct Shared {
    /// The configuration: regions, agents, default target, zone, limits.
    pub config: Config,
    /// The features: names, services, weights, dependencies.
    pub catalogue: Catalogue,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub counters: Arc<Counters>,
    published: watch::Receiver<Arc<Published>>,
    transitions: broadcast::Sender<Arc<Transition>>,
    reader: Arc<Reader>,
    readers: Semaphore,
}

impl Shared {
    pub(crate) fn new(
        config: Config,
        catalogue: Catalogue,
        clock: Arc<dyn Clock>,
        counters: Arc<Counters>,
        published: watch::Receiver<Arc<Published>>,
    ) -> Self {
        Self {
            reader: Arc::new(Reader::new(&config.data)),
            config,
            catalogue,
            clock,
            counters,
            published,
            transitions: broadcast::Sender::new(TRANSITIONS_MAX),
            readers: Semaphore::new(READERS_MAX),
        }
    }

    /// The newest picture.
    pub fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published.borrow())
    }

    /// Tells of every new picture: at each transition, and at least once a second.
    pub fn watch(&self) -> watch::Receiver<Arc<Published>> {
        self.published.clone()
    }

    /// Tells of every transition from now on. A receiver that is more than [`TRANSITIONS_MAX`]
    /// behind is told how many it lost.
    pub fn transitions(&self) -> broadcast::Receiver<Arc<Transition>> {
        self.transitions.subscribe()
    }

    /// Reads the journal where blocking is allowed, a few readers at a time.
    ///
    /// # Errors
    /// As `read`, or when the runtime is stopping.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let _permit = self
            .readers
            .acquire()
            .await
            .map_err(|_| ReadError::Interrupted)?;
        let reader = Arc::clone(&self.reader);
        tokio::task::spawn_blocking(move || read(&reader))
            .await
            .unwrap_or(Err(ReadError::Interrupted))
    }

    /// The journal, for threads that may block.
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    pub(crate) fn announce(&self, transition: Transition) {
        // Nobody listening is fine.
        let _ = self.transitions.send(Arc::new(transition));
    }
}
