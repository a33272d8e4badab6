//! What the parts of a running collector share: pages and API read all they show from here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bongsu_availability::Transition;
use bongsu_model::{Catalogue, Clock};
use tokio::sync::{Semaphore, broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::claims::{CLAIMS_PER_REQUEST_MAX, Stated};
use crate::config::Config;
use crate::control::{ChannelView, Control};
use crate::counters::Counters;
use crate::journal::{ReadError, Reader};
use crate::published::Published;
use crate::strips::StripDesk;
use crate::tally::RunTally;

/// Transitions that a slow listener may be behind; beyond them it is told how many it lost. A
/// fleet of 43 features in 3 regions that all change at once makes under 400.
pub const TRANSITIONS_MAX: usize = 1_024;

/// Claims that a slow listener may be behind: one request of them.
pub const CLAIMS_BEHIND_MAX: usize = CLAIMS_PER_REQUEST_MAX;

/// Transitions that are remembered for pages, replay included: about 1 KiB each.
const RECENT_MAX: usize = 4_096;

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
    /// How runs ended since the start.
    pub tally: RunTally,
    /// Cancelled when the collector stops.
    pub stopping: CancellationToken,
    pub(crate) control: Control,
    recent: Mutex<VecDeque<Arc<Transition>>>,
    published: watch::Receiver<Arc<Published>>,
    transitions: broadcast::Sender<Arc<Transition>>,
    claims: broadcast::Sender<Arc<Stated>>,
    strips: StripDesk,
    reader: Arc<Reader>,
    readers: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(
        config: Config,
        catalogue: Catalogue,
        clock: Arc<dyn Clock>,
        counters: Arc<Counters>,
        published: watch::Receiver<Arc<Published>>,
        stopping: CancellationToken,
    ) -> Self {
        let control = Control::new(&config.roster, Arc::clone(&clock), Arc::clone(&counters));
        Self {
            control,
            tally: RunTally::default(),
            stopping,
            recent: Mutex::default(),
            strips: StripDesk::default(),
            reader: Arc::new(Reader::new(&config.data)),
            config,
            catalogue,
            clock,
            counters,
            published,
            transitions: broadcast::Sender::new(TRANSITIONS_MAX),
            claims: broadcast::Sender::new(CLAIMS_BEHIND_MAX),
            readers: Arc::new(Semaphore::new(READERS_MAX)),
        }
    }

    /// The control channel of every listed agent, and the newest that it said.
    pub fn channels(&self) -> Vec<ChannelView> {
        self.control.views()
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

    /// Tells of every claim from now on. A receiver that is more than [`CLAIMS_BEHIND_MAX`] behind
    /// is told how many it lost.
    pub fn claims(&self) -> broadcast::Receiver<Arc<Stated>> {
        self.claims.subscribe()
    }

    /// The newest transitions, oldest first, those of the replay included.
    pub fn recent_transitions(&self) -> Vec<Arc<Transition>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().cloned().collect()
    }

    /// Reads the journal where blocking is allowed, a few readers at a time.
    ///
    /// # Errors
    /// As `read`, or when the runtime is stopping.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let place = Arc::clone(&self.readers)
            .acquire_owned()
            .await
            .map_err(|_| ReadError::Interrupted)?;
        let reader = Arc::clone(&self.reader);
        let reading = tokio::task::spawn_blocking(move || {
            // Who asked may have gone or given up: the place stays taken until the disk is free.
            let _place = place;
            read(&reader)
        });
        reading.await.unwrap_or(Err(ReadError::Interrupted))
    }

    /// Where strips are asked for.
    pub(crate) fn strips(&self) -> &StripDesk {
        &self.strips
    }

    /// The journal, for threads that may block.
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Keeps a transition for pages; the oldest makes room.
    pub(crate) fn remember(&self, transition: Arc<Transition>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT_MAX {
            recent.pop_front();
        }
        recent.push_back(transition);
    }

    pub(crate) fn announce(&self, transition: Arc<Transition>) {
        // Nobody listening is fine.
        let _ = self.transitions.send(transition);
    }

    pub(crate) fn announce_claim(&self, stated: Arc<Stated>) {
        let _ = self.claims.send(stated);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    use super::*;
    use crate::clock::SystemClock;

    const EXAMPLE: &str = include_str!("../../deploy/config/collector.toml");

    #[tokio::test]
    async fn a_read_that_nobody_waits_for_any_more_keeps_its_place_until_it_ends() {
        let shared = Shared::new(
            Config::parse(EXAMPLE, Path::new("collector.toml")).unwrap(),
            Catalogue::default(),
            Arc::new(SystemClock::new()),
            Arc::default(),
            watch::channel(Arc::new(Published::unready())).1,
            CancellationToken::new(),
        );
        let mut ends = Vec::new();
        for _ in 0..READERS_MAX {
            let (end, ended) = sync_channel::<()>(1);
            let (begin, begun) = tokio::sync::oneshot::channel();
            ends.push(end);
            let read = shared.read(move |_| {
                let _ = begin.send(());
                let _ = ended.recv();
                Ok(())
            });
            tokio::select! {
                _ = read => panic!("it ended unasked"),
                begun = begun => begun.unwrap(),
            }
        }
        assert_eq!(shared.readers.available_permits(), 0);
        drop(ends);
        let next = tokio::time::timeout(Duration::from_secs(30), shared.read(|_| Ok(7)));
        assert_eq!(next.await.unwrap().unwrap(), 7);
    }
}
