//! Passes spans on: those of accepted runs to every `[[forward]]`, and foreign spans where the
//! configuration says so.
//!
//! The journal is the queue of the runs: each destination has its own place in it, and nothing is
//! copied. A place moves only after the answer, so that a restart repeats and never skips. Foreign
//! spans wait in a file of their own. A destination that is slow or away holds up nobody: ingest
//! writes and rings a bell.

mod client;
mod courier;
mod store;

use std::sync::{Arc, Mutex, PoisonError};

use bongsu_wire::ForeignSpans;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use client::ClientError;
pub use store::StoreError;

use crate::config::{Config, ForeignPolicy};
use crate::counters::Counters;
use crate::state::Shared;
use client::Client;
use courier::{Courier, backoff};
use store::{Listed, Place, Store};

/// Why spans cannot be passed on.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// A destination's client cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The file of places and foreign spans cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What ingest hands spans on to.
#[derive(Debug, Clone)]
pub struct Outbox {
    /// None when there is no destination.
    store: Option<Arc<Mutex<Store>>>,
    bells: Arc<[Arc<Notify>]>,
    counters: Arc<Counters>,
}

/// The destinations before they run.
#[derive(Debug)]
pub(crate) struct Couriers(Vec<(Client, Place)>);

impl Outbox {
    /// Opens `forward.db` beside the journal, which ends at `journal_end`.
    pub(crate) fn open(
        config: &Config,
        journal_end: u64,
        counters: Arc<Counters>,
    ) -> Result<(Self, Couriers), ForwardError> {
        let forwards = &config.forwarding.forwards;
        let mut outbox = Self {
            store: None,
            bells: forwards.iter().map(|_| Arc::default()).collect(),
            counters,
        };
        // A file that is there knows destinations that may have to be forgotten.
        if forwards.is_empty() && !config.data.join(store::FILE).exists() {
            return Ok((outbox, Couriers(Vec::new())));
        }
        let listed: Vec<Listed<'_>> = forwards
            .iter()
            .map(|forward| Listed {
                name: forward.name.as_str(),
                runs: forward.runs,
                foreign: forward.foreign,
            })
            .collect();
        let bytes_max = match config.forwarding.foreign {
            ForeignPolicy::Forward { bytes_max } => bytes_max,
            // What is left from before.
            ForeignPolicy::Refuse => u64::MAX,
        };
        let store = Store::open(&config.data, &listed, bytes_max, journal_end)?;
        let mut couriers = Vec::new();
        for forward in forwards {
            let place = store.place(forward.name.as_str())?;
            couriers.push((Client::new(forward)?, place));
        }
        outbox.store = Some(Arc::new(Mutex::new(store)));
        Ok((outbox, Couriers(couriers)))
    }

    /// Rings the bell: there is more.
    pub(crate) fn ring(&self) {
        self.bells.iter().for_each(|bell| bell.notify_one());
    }

    /// Keeps foreign spans for every destination that takes them, durable when this returns.
    pub(crate) async fn keep(&self, foreign: ForeignSpans) -> Result<(), StoreError> {
        let Some(store) = self.store.clone() else {
            return Ok(());
        };
        let count = foreign.count;
        let kept = tokio::task::spawn_blocking(move || {
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            store.keep(&foreign)
        });
        kept.await.unwrap_or(Err(StoreError::Interrupted))?;
        self.counters.foreign_spans_accepted.add(count);
        self.ring();
        Ok(())
    }

    /// The work of all destinations, each to be spawned.
    pub(crate) fn work(
        &self,
        couriers: Couriers,
        shared: &Arc<Shared>,
        stop: &CancellationToken,
    ) -> Vec<impl Future<Output = ()> + Send + 'static> {
        let forwards = &shared.config.forwarding.forwards;
        let Some(store) = &self.store else {
            return Vec::new();
        };
        let of_each = forwards
            .iter()
            .zip(&shared.counters.forwards)
            .zip(self.bells.iter())
            .zip(couriers.0);
        of_each
            .map(|(((forward, (_, counts)), bell), (client, place))| {
                let courier = Courier {
                    config: forward.clone(),
                    client,
                    store: Arc::clone(store),
                    shared: Arc::clone(shared),
                    counts: Arc::clone(counts),
                    wake: Arc::clone(bell),
                    stop: stop.clone(),
                    place,
                    counted_to: place.runs,
                    backoff: backoff(),
                    said: None,
                };
                courier.run()
            })
            .collect()
    }
}
