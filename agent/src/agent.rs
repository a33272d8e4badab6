//! A running agent: its parts started in order, and stopped stage by stage.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Clock;
use bongsu_probes::Link;
use bongsu_telemetry::Telemetry;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::budget::Budgets;
use crate::compensation::{CompensationOpenError, Debts};
use crate::config::{CollectorConfig, Config, ControlChannel};
use crate::control_channel::{self, ASKED_MAX, ControlClient};
use crate::controls::Controls;
use crate::dispatch::{Bounds, Dispatcher};
use crate::gate::NetworkGate;
use crate::health::{self, ListenError, Pages};
use crate::inflight::RunInFlight;
use crate::pay::pay_debts;
use crate::plan::{self, Plan, PlanRefusal, PlanState, Reloader};
use crate::ship::{
    Client, ClientError, ClockOffset, DeadLetters, ShipCounts, Shipper, Surroundings,
};
use crate::spool::{Spool, SpoolOpenError, SpoolSettings, SystemDisk};
use crate::state::{Parts, Shared};
use crate::telemetry::{self, TelemetryError};
use crate::watchdog::Pulse;
use crate::{dispatch, heartbeat, hurried};

/// How long a stop waits for the last of the agent's own metrics to be taken.
const TELL_LAST_WITHIN: Duration = Duration::from_secs(2);

/// How long a stopping agent goes on shipping: what is left stays in the spool.
const FLUSH_FOR: Duration = Duration::from_secs(3);

/// Why an agent did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The plan cannot be worked on.
    #[error("{0}")]
    Plan(#[from] PlanRefusal),
    /// Its folder cannot be used.
    #[error("cannot use the data folder {}: {source}", path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process works in its folder.
    #[error("another agent works in the data folder {}: stop it, or give this one its own `data`", .0.display())]
    InUse(PathBuf),
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolOpenError),
    /// The compensation log cannot be used.
    #[error(transparent)]
    Compensation(#[from] CompensationOpenError),
    /// A collector cannot be reached as configured.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The health pages cannot be served.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// It cannot tell of itself as configured.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
}

/// What an agent is doing, for whoever runs it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AgentStats {
    /// Runs that ended, by trigger and verdict: (`scheduled`, `pass`, 12).
    pub runs: Vec<(&'static str, &'static str, u64)>,
    /// Runs going now.
    pub going: u64,
    /// Records that some collector has not acknowledged.
    pub spooled: u64,
    /// Records lost because the spool was full or the disk failed.
    pub dropped: u64,
    /// Records acknowledged, over all collectors.
    pub acknowledged: u64,
    /// Cleanups owed.
    pub debts_open: u64,
    /// Cleanups paid after their run.
    pub debts_paid: u64,
    /// Targets whose kill switch is on, in the plan that is worked on.
    pub held_back: usize,
    /// Why a newer plan was refused, if one was.
    pub plan_refused: Option<String>,
}

/// A running agent. Dropping it is as a crash: what is spooled stays, nothing is cleaned up.
#[derive(Debug)]
pub struct Agent {
    shared: Arc<Shared>,
    pulse: Arc<Pulse>,
    tokens: Tokens,
    dispatcher: JoinSet<()>,
    background: JoinSet<()>,
    shippers: JoinSet<()>,
    listening: Option<std::net::SocketAddr>,
    disk: Option<std::thread::JoinHandle<()>>,
    telemetry: Option<Telemetry>,
    /// Held for the agent's life: the lock on its folder.
    _lock: std::fs::File,
}

/// The stages of a stop.
#[derive(Debug, Clone, Default)]
struct Tokens {
    /// No new runs.
    stop: CancellationToken,
    /// All runs have ended: ship what is there, then end.
    flush: CancellationToken,
    /// Give up shipping; what is left stays in the spool.
    abandon: CancellationToken,
}

impl Agent {
    /// Starts an agent on the running runtime. Needs a default `rustls` provider to be installed.
    ///
    /// # Errors
    /// When plan, data folder, collector or listener cannot be used; nothing is left running.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let lock = lock_data(&config)?;
        let plan = plan::load(
            &config.plan,
            config.controls.timeout,
            hurried::speed(&*clock),
        )?;
        let listener = match config.listen {
            Some(address) => Some(health::bind(address).await?),
            None => None,
        };
        let surroundings = Surroundings {
            clock: clock.clone(),
            gate: NetworkGate::new(),
            offset: Arc::new(ClockOffset::default()),
        };
        let clients = || -> Result<Vec<Client>, ClientError> {
            let collectors = config.collectors.iter();
            collectors
                .map(|collector| Client::new(collector, &surroundings))
                .collect()
        };
        let (ship_clients, beat_clients) = (clients()?, clients()?);
        let channels = asking(&config).map(ControlClient::new);
        let channels = channels.collect::<Result<Vec<_>, _>>()?;
        let debts = Debts::open(&config.data, clock.clone())?;
        let names: Vec<String> = config.collectors.iter().map(|c| c.name.clone()).collect();
        let opened = Spool::open(SpoolSettings {
            data: &config.data,
            bytes_max: config.spool_bytes_max,
            collectors: &names,
            disk: Box::new(SystemDisk),
            speed: clock.speed(),
        })?;
        let shared = Arc::new(shared(&config, surroundings, plan, debts, opened.spool));
        let telemetry = match &config.telemetry {
            Some(own) => Some(telemetry::start(own, &shared).await?),
            None => None,
        };
        tell_of_interrupted(&shared, opened.interrupted).await;
        let mut agent = Self {
            pulse: Arc::new(Pulse::new(clock)),
            shared,
            tokens: Tokens::default(),
            dispatcher: JoinSet::new(),
            background: JoinSet::new(),
            shippers: JoinSet::new(),
            disk: Some(opened.thread),
            telemetry: None,
            listening: listener.as_ref().and_then(|l| l.local_addr().ok()),
            _lock: lock,
        };
        if let (Some((telemetry, newest)), Some(own)) = (telemetry, &config.telemetry) {
            let end = agent.tokens.flush.clone();
            let reading = newest.follow(agent.shared.clone(), own.every, end);
            agent.background.spawn(reading);
            agent.telemetry = Some(telemetry);
        }
        agent.spawn_shippers(ship_clients, &config);
        agent.spawn_background(&config, beat_clients);
        let (ask, asked) = mpsc::channel(ASKED_MAX);
        let keep = control_channel::keep(
            agent.shared.clone(),
            channels,
            ask,
            agent.tokens.stop.clone(),
        );
        agent.background.spawn(keep);
        if let Some(listener) = listener {
            let pages = Pages {
                shared: Arc::downgrade(&agent.shared),
                pulse: agent.pulse.clone(),
                stop: agent.tokens.stop.clone(),
            };
            let end = agent.tokens.flush.clone();
            agent.background.spawn(health::serve(listener, pages, end));
        }
        let bounds = Bounds {
            concurrency: config.limits.concurrency,
            bursts: config.limits.bursts,
        };
        let dispatcher = Dispatcher::new(agent.shared.clone(), bounds, agent.pulse.clone(), asked);
        let stop = agent.tokens.stop.clone();
        agent.dispatcher.spawn(dispatcher.work(stop));
        Ok(agent)
    }

    fn spawn_shippers(&mut self, clients: Vec<Client>, config: &Config) {
        for (client, (_, counts)) in clients.into_iter().zip(&self.shared.ships) {
            let shipper = Shipper {
                client,
                spool: self.shared.spool.clone(),
                clock: self.shared.clock.clone(),
                counts: counts.clone(),
                dead_letters: DeadLetters::new(config.data.join("dead-letters")),
                doubts: self.shared.doubts.clone(),
            };
            let (flush, abandon) = (self.tokens.flush.clone(), self.tokens.abandon.clone());
            self.shippers.spawn(shipper.ship(flush, abandon));
        }
    }

    fn spawn_background(&mut self, config: &Config, clients: Vec<Client>) {
        let flush = || self.tokens.flush.clone();
        let shared = &self.shared;
        self.background
            .spawn(heartbeat::beat(shared.clone(), clients, flush()));
        let (controls, end) = (shared.controls.clone(), flush());
        self.background
            .spawn(async move { controls.watch(end).await });
        let (starvation, clock, end) = (shared.starvation.clone(), shared.clock.clone(), flush());
        let plan = shared.plan.clone();
        let period = move || plan.current().shortest_period();
        self.background
            .spawn(async move { starvation.watch(clock, period, end).await });
        let reloader = Reloader {
            config: config.plan.clone(),
            self_check: config.controls.timeout,
            speed: hurried::speed(&*shared.clock),
            state: shared.plan.clone(),
            refused: shared.counts.clone(),
        };
        self.background
            .spawn(reloader.watch(self.tokens.stop.clone()));
        self.background
            .spawn(pay_debts(shared.clone(), self.tokens.stop.clone()));
        let (spool, end) = (shared.spool.clone(), flush());
        self.background.spawn(async move {
            tokio::select! {
                () = spool.keep_synced() => {}
                () = end.cancelled() => {}
            }
        });
    }

    /// What the agent is doing.
    pub async fn stats(&self) -> AgentStats {
        use std::sync::atomic::Ordering;
        let depth = self.shared.spool.status().await.map(|status| status.0);
        let depth = depth.unwrap_or_default();
        let debts = self.shared.debts.counts();
        AgentStats {
            runs: self
                .shared
                .counts
                .by_verdict()
                .into_iter()
                .map(|((trigger, verdict), count)| (trigger, verdict, count))
                .collect(),
            going: self.shared.counts.going.load(Ordering::Relaxed),
            spooled: depth.records,
            dropped: depth.dropped,
            acknowledged: self
                .shared
                .ships
                .iter()
                .map(|(_, counts)| counts.acknowledged.load(Ordering::Relaxed))
                .sum(),
            debts_open: debts.open,
            debts_paid: debts.paid,
            held_back: self.shared.plan.current().held_back(),
            plan_refused: self.shared.plan.refusal(),
        }
    }

    /// Cuts the agent off from targets, controls and collectors, or mends its network.
    pub fn set_link(&self, link: Link) {
        self.shared.gate.set(link);
        for target in &self.shared.plan.current().targets {
            target.set_link(link);
        }
    }

    /// Whether the agent's network is there or cut off.
    pub fn link(&self) -> Link {
        self.shared.gate.link()
    }

    /// Where the health pages are served, if they are.
    pub fn listening(&self) -> Option<std::net::SocketAddr> {
        self.listening
    }

    /// Starts the watchdog's thread, which calls `stuck` once if no slot finishes for three
    /// intervals.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn watch(&self, stuck: impl FnOnce(Duration) + Send + 'static) -> std::io::Result<()> {
        let pulse = self.pulse.clone();
        std::thread::Builder::new()
            .name("bongsu-watchdog".to_owned())
            .spawn(move || pulse.watch(stuck))
            .map(|_| ())
    }

    /// Stops: no new runs, going ones clean up, what can be shipped within a few seconds is, the
    /// rest stays in the spool.
    pub async fn shutdown(mut self) {
        self.tokens.stop.cancel();
        join(&mut self.dispatcher).await;
        self.tokens.flush.cancel();
        if tokio::time::timeout(FLUSH_FOR, join(&mut self.shippers))
            .await
            .is_err()
        {
            self.tokens.abandon.cancel();
            join(&mut self.shippers).await;
        }
        self.pulse.end();
        if let Some(telemetry) = self.telemetry.take() {
            telemetry.shutdown(TELL_LAST_WITHIN).await;
        }
        join(&mut self.background).await;
        self.close().await;
    }

    /// Ends at once, as a crash does: runs break off, cleanups stay owed, the spool stays. When it
    /// returns, another agent may use the folder.
    pub async fn kill(mut self) {
        self.pulse.end();
        self.dispatcher.shutdown().await;
        self.background.shutdown().await;
        self.shippers.shutdown().await;
        self.close().await;
    }

    /// Waits for the disk thread, which syncs and ends once every handle to the spool is gone.
    async fn close(mut self) {
        let disk = self.disk.take();
        drop(self);
        if let Some(disk) = disk
            && tokio::task::spawn_blocking(move || disk.join())
                .await
                .is_err()
        {
            tracing::error!("the disk thread could not be joined");
        }
    }
}

fn shared(
    config: &Config,
    surroundings: Surroundings,
    plan: Plan,
    debts: Debts,
    spool: Spool,
) -> Shared {
    let Surroundings {
        clock,
        gate,
        offset,
    } = surroundings;
    Shared::new(Parts {
        vantage: config.vantage.clone(),
        clock: clock.clone(),
        gate: gate.clone(),
        offset,
        plan: Arc::new(PlanState::new(plan)),
        spool,
        debts: Arc::new(debts),
        budgets: Budgets::new(config.data.join("budgets")),
        controls: Arc::new(Controls::new(config.controls.clone(), clock, gate)),
        ships: config
            .collectors
            .iter()
            .map(|collector| (collector.name.clone(), Arc::new(ShipCounts::default())))
            .collect(),
        channels: asking(config)
            .map(|collector| (collector.name.clone(), Arc::default()))
            .collect(),
        effective: config.effective(),
    })
}

/// The collectors to which a control channel is kept.
fn asking(config: &Config) -> impl Iterator<Item = &CollectorConfig> {
    let collectors = config.collectors.iter();
    collectors.filter(|collector| collector.control == ControlChannel::Open)
}

async fn join(tasks: &mut JoinSet<()>) {
    while let Some(joined) = tasks.join_next().await {
        if let Err(error) = joined
            && error.is_panic()
        {
            tracing::error!(%error, "a part of the agent broke off");
        }
    }
}

/// Takes the agent's folder for this process alone.
fn lock_data(config: &Config) -> Result<std::fs::File, StartError> {
    let data = |source| StartError::Data {
        path: config.data.clone(),
        source,
    };
    std::fs::create_dir_all(&config.data).map_err(data)?;
    let lock = std::fs::File::create(config.data.join("lock")).map_err(data)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::InUse(config.data.clone())),
        Err(std::fs::TryLockError::Error(source)) => Err(data(source)),
    }
}

/// Reports the runs that a former process began and never ended, each under its own id, once.
async fn tell_of_interrupted(shared: &Shared, interrupted: Vec<RunInFlight>) {
    for run in interrupted {
        tracing::warn!(run = %run.id, journey = %run.journey, "a run was interrupted by the end of the agent");
        let cleanup = dispatch::cleanup_left(shared, run.id);
        shared.spool_report(&run.interrupted(cleanup)).await;
    }
}
