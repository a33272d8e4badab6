//! A running collector: starts its parts in order, stops them in the other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bongsu_model::{Catalogue, Clock};
use bongsu_telemetry::Telemetry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::claims::Desk;
use crate::config::Config;
use crate::counters::Counters;
use crate::derive::{Derive, catalogue_record, roster_record};
use crate::forward::{Couriers, ForwardError, Outbox};
use crate::ingest::{self, Ports, Routers};
use crate::journal::{
    AppendError, Journal, Kind, ReadError, Record, Retention, Sqlite, Storage, StorageError,
    WriterThread,
};
use crate::published::Published;
use crate::report::pen::Pen;
use crate::serve::{ListenError, Speaks, bind, serve};
use crate::state::Shared;
use crate::telemetry::{self, TelemetryError};
use crate::{control, web};

/// How long a stop waits for the last of its own metrics to be taken.
const TELL_LAST_WITHIN: Duration = Duration::from_secs(2);

/// Why a collector did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port could not be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The journal could not be opened.
    #[error(transparent)]
    Journal(#[from] StorageError),
    /// What the configuration says could not be written down.
    #[error("the configuration could not be journaled: {0}")]
    Append(#[from] AppendError),
    /// What is in the journal could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Spans cannot be passed on as the configuration says.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// The collector cannot tell of itself as the configuration says.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The wall clock is far behind the newest event.
    #[error(
        "the machine's clock is {behind_s} s behind the newest event of journal.db, and engine time \
         never goes back; set the clock, or move journal.db away if an earlier clock was wrong"
    )]
    ClockBehind {
        /// How far, in seconds.
        behind_s: u64,
    },
    /// The system gives no thread.
    #[error("no thread can be started: {0}")]
    Thread(std::io::Error),
}

/// A collector that runs in this process. Stop it by [`Collector::shutdown`].
#[derive(Debug)]
pub struct Collector {
    ports: Ports,
    web: SocketAddr,
    shared: Arc<Shared>,
    journal: Journal,
    writer: WriterThread,
    derive: JoinHandle<()>,
    servers: TaskTracker,
    telemetry: Option<Telemetry>,
    stop: CancellationToken,
}

impl Collector {
    /// Opens the journal, listens, and begins to replay. It takes runs at once; what it shows is
    /// ready when the replay is done.
    ///
    /// # Errors
    /// When a port is in use, or the data folder cannot be written, is in use, or is damaged.
    pub async fn start(
        config: Config,
        catalogue: Catalogue,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let folder = config.data.clone();
        let storage = blocking(move || Sqlite::open(&folder)).await?;
        Self::start_on(Box::new(storage), config, catalogue, clock).await
    }

    /// As [`Collector::start`], on a storage of the caller's: a test's failing disk.
    ///
    /// # Errors
    /// As [`Collector::start`].
    pub async fn start_on(
        mut storage: Box<dyn Storage>,
        config: Config,
        catalogue: Catalogue,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let end = storage.end()?;
        let behind = end.received.since(clock.wall());
        if behind > config.limits.clock_ahead {
            let behind_s = behind.as_secs();
            return Err(StartError::ClockBehind { behind_s });
        }
        let (http_listener, http) = bind("otlp", config.listen.otlp).await?;
        let (grpc_listener, grpc) = bind("otlp_grpc", config.listen.otlp_grpc).await?;
        let (web_listener, web) = bind("web", config.listen.web).await?;
        let forwards = config.forwarding.forwards.iter();
        let counters = Arc::new(Counters::with_forwards(
            forwards.map(|forward| forward.name.to_string()),
        ));
        let telemetry = match &config.telemetry {
            Some(own) => Some(telemetry::start(own, Arc::clone(&counters))?),
            None => None,
        };
        let (outbox, couriers) = Outbox::open(&config, end.seq, Arc::clone(&counters))?;
        let retention = Retention {
            // A run may end by its agent's clock up to `clock_ahead` after it was received: its
            // row must outlive the instant from which on the run is refused as too old.
            age: config.retention + config.limits.clock_ahead,
            bytes_max: config.bytes_max,
        };
        let (journal, writer, progress) = Journal::start(
            storage,
            retention,
            Arc::clone(&clock),
            Arc::clone(&counters),
        )?;
        let (publish, published) = watch::channel(Arc::new(Published::unready()));
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared::new(
            config,
            catalogue,
            clock,
            counters,
            published,
            stop.clone(),
        ));
        if let Err(error) = journal_configuration(&shared, &journal).await {
            blocking(move || {
                journal.stop();
                writer.join();
            })
            .await;
            return Err(error);
        }
        let derive = Derive::new(Arc::clone(&shared), publish, stop.clone());
        let derive = std::thread::Builder::new()
            .name("derive".to_owned())
            .spawn(move || derive.run(&progress))
            .map_err(StartError::Thread)?;
        let collector = Self {
            ports: Ports { http, grpc },
            web,
            shared,
            journal,
            writer,
            derive,
            servers: TaskTracker::new(),
            telemetry,
            stop,
        };
        collector.forward(&outbox, couriers);
        collector.listen(outbox, http_listener, grpc_listener, web_listener);
        Ok(collector)
    }

    /// Where agents send to: OTLP over HTTP.
    pub fn otlp_addr(&self) -> SocketAddr {
        self.ports.http
    }

    /// Where OTLP is taken over gRPC.
    pub fn otlp_grpc_addr(&self) -> SocketAddr {
        self.ports.grpc
    }

    /// Where the board is.
    pub fn web_addr(&self) -> SocketAddr {
        self.web
    }

    /// What the collector's parts share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Waits until the journal was replayed and the first picture is published.
    pub async fn ready(&self) {
        // The channel closes only when the deriving thread has ended.
        let _ = self.shared.watch().wait_for(|picture| picture.ready).await;
    }

    /// Waits until it can take in nothing any more: the journal's writer failed, and only a new
    /// start helps.
    pub async fn failed(&self) {
        self.journal.ended().await;
    }

    /// Takes no more requests, ends what is open, closes the journal.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.servers.close();
        self.servers.wait().await;
        let Self {
            journal,
            writer,
            derive,
            telemetry,
            ..
        } = self;
        if let Some(telemetry) = telemetry {
            telemetry.shutdown(TELL_LAST_WITHIN).await;
        }
        blocking(move || {
            journal.stop();
            writer.join();
            if derive.join().is_err() {
                tracing::error!("the deriving thread panicked");
            }
        })
        .await;
    }

    fn forward(&self, outbox: &Outbox, couriers: Couriers) {
        for work in outbox.work(couriers, &self.shared, &self.stop) {
            self.servers.spawn(work);
        }
    }

    fn listen(&self, outbox: Outbox, http: TcpListener, grpc: TcpListener, web: TcpListener) {
        for address in [self.ports.http, self.ports.grpc] {
            if !address.ip().is_loopback() {
                tracing::warn!(%address,
                    "senders' tokens travel unencrypted here; put a TLS proxy in front");
            }
        }
        if !self.web.ip().is_loopback() {
            tracing::warn!(address = %self.web,
                "whoever reaches this address reads runs and their evidence; put a proxy with a \
                 login in front");
        }
        if !self.web.ip().is_loopback() && !self.shared.config.operators.all().is_empty() {
            tracing::warn!(address = %self.web,
                "operators' tokens travel unencrypted here; put a TLS proxy in front");
        }
        if self.shared.config.roster.agents().is_empty() {
            tracing::warn!("no agent may speak: list them as [[agent]] in the configuration");
        }
        let routers = ingest::routers(
            Arc::clone(&self.shared),
            self.journal.clone(),
            outbox,
            self.ports,
        );
        let Routers {
            http: http_router,
            grpc: grpc_router,
        } = routers;
        let channel = control::router(Arc::clone(&self.shared), self.servers.clone());
        let http_router = http_router.merge(channel);
        let desk = Desk::new(self.journal.clone());
        let pen = Pen::new(self.journal.clone());
        let web_router = web::router(Arc::clone(&self.shared), desk, pen);
        for (listener, router, speaks) in [
            (http, http_router, Speaks::EitherHttp),
            (grpc, grpc_router, Speaks::EitherHttp),
            (web, web_router, Speaks::Http1),
        ] {
            let (counters, stop) = (Arc::clone(&self.shared.counters), self.stop.clone());
            self.servers
                .spawn(serve(listener, router, speaks, counters, stop));
        }
    }
}

/// Writes catalogue and roster down where they differ from what the journal knows: deriving
/// learns everything from the journal.
async fn journal_configuration(shared: &Shared, journal: &Journal) -> Result<(), StartError> {
    let wanted = [
        catalogue_record(&shared.catalogue),
        roster_record(&shared.config.roster),
    ];
    let known = shared
        .read(|reader| {
            Ok([
                reader.newest(Kind::Catalogue)?,
                reader.newest(Kind::Roster)?,
            ])
        })
        .await?;
    let changed: Vec<Record> = wanted
        .into_iter()
        .zip(known)
        .filter(|(wanted, known)| {
            known
                .as_ref()
                .is_none_or(|known| known.facts.json() != Some(wanted.facts()))
        })
        .map(|(wanted, _)| wanted)
        .collect();
    if !changed.is_empty() {
        journal.append(changed).await?;
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("the work does not panic")
}
