//! Ships runs straight to one collector, with nothing on disk: for commands that end.
//!
//! [`Outbox`] takes runs, at most [`WAITING_MAX`] of them wait; a [`Courier`] sends them, several
//! in one request, while the command goes on. What a collector does not take within
//! half a minute (`PATIENCE`) is lost, counted, and told with the reason.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bongsu_model::{Clock, Monotonic, RunReport, Vantage};
use bongsu_wire::{AgentResource, Answer, Backoff};
use tokio::sync::mpsc;

use crate::config::{CollectorConfig, ControlChannel, SecretSource, base_url};
use crate::gate::NetworkGate;
use crate::ship::{
    Client, ClientError, ClockOffset, Surroundings, WAIT_FIRST, WAIT_LONGEST, jitter,
};
use crate::state::VERSION;

/// Most runs that wait to be sent, at some 10 KiB each.
pub const WAITING_MAX: usize = 1_024;

/// Most runs of one request: far below what a collector takes in one.
const REQUEST_RUNS_MAX: usize = 100;

/// How long a request is tried again before its runs are given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where runs go, and as whose.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectConfig {
    /// The collector's OTLP/HTTP address, without `/v1/…`.
    pub url: String,
    /// Where the token is.
    pub token: SecretSource,
    /// A root certificate to trust beside the platform's.
    pub ca: Option<PathBuf>,
    /// What the collector lists for the token.
    pub vantage: Vantage,
}

/// Why runs cannot be shipped.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    /// The address is none.
    #[error("{0}")]
    Address(String),
    /// There is no token, or no HTTP.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Takes runs that are to be sent.
#[derive(Debug)]
pub struct Outbox {
    runs: mpsc::Sender<RunReport>,
    overflow: Arc<AtomicU64>,
}

impl Outbox {
    /// Hands a run over; without room it is lost and counted.
    pub fn put(&self, report: RunReport) {
        if self.runs.try_send(report).is_err() {
            let _ = self.overflow.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A view of how much room there is.
    pub fn room(&self) -> Room {
        Room(self.runs.downgrade())
    }
}

/// How much room an outbox has.
#[derive(Debug, Clone)]
pub struct Room(mpsc::WeakSender<RunReport>);

impl Room {
    /// Whether `runs` more would find room.
    pub fn has(&self, runs: usize) -> bool {
        let sender = self.0.upgrade();
        // A courier that has given up makes nobody wait.
        sender.is_none_or(|sender| sender.is_closed() || sender.capacity() >= runs)
    }

    /// Waits until `runs` more find room.
    pub async fn wait(&self, runs: usize) {
        if let Some(sender) = self.0.upgrade() {
            let _ = sender.reserve_many(runs).await;
        }
    }
}

/// What became of the runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivered {
    /// Runs that the collector has.
    pub acknowledged: u64,
    /// Runs that it does not have.
    pub lost: u64,
    /// What it said of the last that were lost.
    pub reason: Option<String>,
}

/// Sends runs until there are no more.
#[derive(Debug)]
pub struct Courier {
    client: Client,
    clock: Arc<dyn Clock>,
    resource: AgentResource,
    runs: mpsc::Receiver<RunReport>,
    /// Runs that there was no room for.
    overflow: Arc<AtomicU64>,
    delivered: Delivered,
}

/// Prepares to ship; asks nobody yet. Needs a default `rustls` provider to be installed.
///
/// # Errors
/// When address, token or root certificate cannot be used.
pub fn courier(
    config: DirectConfig,
    clock: Arc<dyn Clock>,
) -> Result<(Outbox, Courier), DirectError> {
    let collector = CollectorConfig {
        name: "otlp".to_owned(),
        url: base_url(&config.url).map_err(DirectError::Address)?,
        token: config.token,
        ca: config.ca,
        control: ControlChannel::Off,
    };
    let surroundings = Surroundings {
        clock: clock.clone(),
        gate: NetworkGate::new(),
        offset: Arc::new(ClockOffset::default()),
    };
    let client = Client::new(&collector, &surroundings)?;
    let (sender, runs) = mpsc::channel(WAITING_MAX);
    let overflow = Arc::new(AtomicU64::new(0));
    let vantage = config.vantage;
    let mut resource = AgentResource::new(vantage.agent, VERSION);
    resource.region = Some(vantage.region);
    resource.network = Some(vantage.network);
    let courier = Courier {
        client,
        clock,
        resource,
        runs,
        overflow: overflow.clone(),
        delivered: Delivered::default(),
    };
    let outbox = Outbox {
        runs: sender,
        overflow,
    };
    Ok((outbox, courier))
}

/// How a request ended.
enum Sent {
    /// The collector has it, all but so many spans or records.
    Taken { rejected: u64, message: String },
    /// It was refused as a whole.
    Refused(String),
    /// It will never be taken, and nothing else of this command either.
    Hopeless(String),
}

impl Courier {
    /// Sends what comes, until the outbox is dropped and empty.
    pub async fn deliver(mut self) -> Delivered {
        let mut batch = Vec::new();
        while self.runs.recv_many(&mut batch, REQUEST_RUNS_MAX).await > 0 {
            let sent = self.send(&batch).await;
            self.settle(&batch, sent).await;
            batch.clear();
        }
        self.delivered.lost += self.overflow.load(Ordering::Relaxed);
        self.delivered
    }

    async fn send(&mut self, batch: &[RunReport]) -> Sent {
        let runs: Vec<Vec<u8>> = batch
            .iter()
            .map(|report| bongsu_wire::encode_run(report, &self.resource))
            .collect();
        let runs = bongsu_wire::merge_traces(runs.iter().map(Vec::as_slice));
        let sent = self.post("/v1/traces", &runs).await;
        if !matches!(sent, Sent::Taken { .. }) {
            return sent;
        }
        let evidence: Vec<Vec<u8>> = batch
            .iter()
            .filter_map(|report| bongsu_wire::encode_evidence(report, &self.resource))
            .collect();
        if !evidence.is_empty() {
            let evidence = bongsu_wire::merge_logs(evidence.iter().map(Vec::as_slice));
            // The runs are there; that their evidence is not costs none of them.
            let _ = self.post("/v1/logs", &evidence).await;
        }
        sent
    }

    async fn settle(&mut self, batch: &[RunReport], sent: Sent) {
        let all = batch.len() as u64;
        match sent {
            Sent::Taken { rejected: 0, .. } => self.delivered.acknowledged += all,
            Sent::Taken { message, .. } | Sent::Refused(message) if batch.len() > 1 => {
                // Which of them it was is only known when each goes alone; what is there already
                // is known by its id.
                tracing::debug!(%message, "part of a request was refused; its runs go one by one");
                for one in batch {
                    let alone = self.send(std::slice::from_ref(one)).await;
                    Box::pin(self.settle(std::slice::from_ref(one), alone)).await;
                }
            }
            Sent::Taken { message, .. } | Sent::Refused(message) => self.lose(all, message),
            Sent::Hopeless(reason) => {
                self.lose(all, reason);
                let mut rest = Vec::new();
                while self.runs.recv_many(&mut rest, REQUEST_RUNS_MAX).await > 0 {
                    self.delivered.lost += rest.len() as u64;
                    rest.clear();
                }
            }
        }
    }

    fn lose(&mut self, runs: u64, reason: String) {
        self.delivered.lost += runs;
        self.delivered.reason = Some(reason);
    }

    /// Posts until there is an answer, or patience has ended.
    async fn post(&mut self, path: &str, body: &[u8]) -> Sent {
        let mut backoff = Backoff::new(WAIT_FIRST, WAIT_LONGEST);
        let began = self.clock.monotonic();
        loop {
            let (reason, after) = match self.client.post(path, body).await {
                Answer::Accepted { rejected, message } => {
                    return Sent::Taken { rejected, message };
                }
                Answer::Refused { reason } => return Sent::Refused(reason),
                Answer::Unauthorised { reason } => {
                    let reason = format!("the token is not accepted: {reason}");
                    return Sent::Hopeless(reason);
                }
                Answer::NoReceiver { reason } => {
                    let reason = format!("no OTLP receiver answers there: {reason}");
                    return Sent::Hopeless(reason);
                }
                Answer::PlainPlease if self.client.is_plain() => {
                    return Sent::Refused("status 415".to_owned());
                }
                Answer::PlainPlease => {
                    self.client.send_plain();
                    continue;
                }
                Answer::Retry { reason, after } => (reason, after),
            };
            let wait = backoff.failed(after, jitter());
            if self.waited(began) + wait > PATIENCE {
                return Sent::Hopeless(reason);
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn waited(&self, began: Monotonic) -> Duration {
        self.clock.monotonic().since(began)
    }
}
