//! A whole fleet in one process: platforms, control responders, collector and agents, over real
//! sockets and from real files.

mod act;
mod rest;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bongsu_agent::{Agent, Link};
use bongsu_collector::process::Collector;
use bongsu_model::{AgentId, Catalogue, Clock, RegionId, TargetName};
use bongsu_superapp::{Platform, PlatformConfig, pools_of};

use crate::cable::Cable;
use crate::clock::ReplayClock;
use crate::controls::Controls;
use crate::layout::{Journeys, Layout, Spool, Tempo};
use crate::region::Shape;
use crate::scenario::FleetPart;

pub use act::ActError;
pub use rest::{Owed, Unpaid};

/// What a fleet is made of.
#[derive(Debug)]
pub struct FleetConfig {
    /// The targets' names, one stand-in platform each; the first is the board's default.
    pub targets: Vec<TargetName>,
    /// How many agents there are, and how they work.
    pub shape: Shape,
    /// Where the collector takes runs.
    pub otlp: SocketAddr,
    /// Where the board is.
    pub web: SocketAddr,
    /// Where everything is written.
    pub folder: PathBuf,
    /// Decides passwords: the same seed, the same passwords.
    pub seed: u64,
    /// What the agents run.
    pub journeys: Journeys,
}

/// The fleet did not start.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// Files could not be written.
    #[error(transparent)]
    Layout(#[from] crate::layout::LayoutError),
    /// A target's profiles could not be written.
    #[error(transparent)]
    Profiles(#[from] bongsu_superapp::WriteError),
    /// The control responders could not listen.
    #[error("the control responders cannot listen: {0}")]
    Controls(std::io::Error),
    /// The cable could not be laid.
    #[error("the cable between agents and collector cannot be laid: {0}")]
    Cable(std::io::Error),
    /// A stand-in platform did not start.
    #[error("the stand-in platform did not start: {0}")]
    Platform(#[from] bongsu_superapp::StartError),
    /// The collector's file is wrong.
    #[error(transparent)]
    CollectorConfig(#[from] bongsu_collector::config::ConfigError),
    /// The collector did not start.
    #[error("the collector did not start: {0}")]
    Collector(#[from] bongsu_collector::process::StartError),
    /// The catalogue is wrong.
    #[error("the catalogue is wrong:\n{0}")]
    Catalogue(String),
    /// An agent's file is wrong.
    #[error(transparent)]
    AgentConfig(#[from] bongsu_agent::config::ConfigError),
    /// An agent did not start.
    #[error("agent {agent} did not start: {source}")]
    Agent {
        /// Which.
        agent: String,
        /// Why.
        source: bongsu_agent::StartError,
    },
}

/// A running fleet.
#[derive(Debug)]
pub struct Fleet {
    /// The platforms by target.
    pub platforms: BTreeMap<TargetName, Platform>,
    /// The collector.
    pub collector: Collector,
    /// How many agents there are, and how they work.
    pub shape: Shape,
    default_target: TargetName,
    layout: Layout,
    controls: Controls,
    /// Between agents and collector, where it can be cut.
    cable: Option<Cable>,
    agents: BTreeMap<AgentId, Agent>,
    /// The agents' files, also of those that are down.
    files: BTreeMap<AgentId, PathBuf>,
    clock: Arc<dyn Clock>,
}

impl Fleet {
    /// Starts everything: platforms, controls, collector, agents, in this order.
    ///
    /// # Errors
    /// When a port or a folder cannot be had.
    pub async fn start(config: FleetConfig, clock: Arc<dyn Clock>) -> Result<Self, FleetError> {
        let platform = Arc::clone(&clock);
        Self::start_in(
            config,
            Times {
                clock,
                platform,
                tempo: Tempo::Usual,
                wiring: Wiring::Direct,
            },
        )
        .await
    }

    /// As [`Fleet::start`], in a time that passes faster than the machine's.
    ///
    /// # Errors
    /// As [`Fleet::start`].
    pub async fn start_hurried(
        config: FleetConfig,
        clock: &ReplayClock,
        wiring: Wiring,
    ) -> Result<Self, FleetError> {
        let pace = pace(config.shape.every, clock.speed());
        let times = Times {
            platform: Arc::new(clock.of_platform(pace)),
            tempo: Tempo::Hurried(clock.speed()),
            clock: Arc::new(clock.clone()),
            wiring,
        };
        Self::start_in(config, times).await
    }

    async fn start_in(config: FleetConfig, times: Times) -> Result<Self, FleetError> {
        let Times {
            clock,
            platform,
            tempo,
            wiring,
        } = times;
        let layout = Layout::create(&config.folder, config.shape, config.journeys, tempo)?;
        let controls = Controls::start().await.map_err(FleetError::Controls)?;
        let mut platforms = BTreeMap::new();
        for (number, target) in (0_u64..).zip(&config.targets) {
            let platform = start_platform(target, &config, config.seed + number, &platform).await?;
            let pools: Vec<_> = pools_of(config.shape.count())
                .into_iter()
                .map(|(pool, _)| pool)
                .collect();
            bongsu_superapp::write_profiles(&platform, &pools, &layout.target_folder(target))?;
            platforms.insert(target.clone(), platform);
        }
        let default_target = config.targets.first().cloned().unwrap_or_else(superapp);
        let file = layout.write_collector(default_target.as_str(), config.otlp, config.web)?;
        let settings = bongsu_collector::config::Config::load(&file)?;
        let collector = Collector::start(settings, catalogue()?, Arc::clone(&clock)).await?;
        let cable = match wiring {
            Wiring::Direct => None,
            Wiring::Cuttable => {
                let laid = Cable::lay(collector.otlp_addr()).await;
                Some(laid.map_err(FleetError::Cable)?)
            }
        };
        let mut fleet = Self {
            platforms,
            collector,
            shape: config.shape,
            default_target,
            layout: layout.clone(),
            controls,
            cable,
            agents: BTreeMap::new(),
            files: BTreeMap::new(),
            clock,
        };
        for agent in config.shape.agents() {
            let cable = fleet.cable.as_ref().map(Cable::address);
            let otlp = cable.unwrap_or_else(|| fleet.collector.otlp_addr());
            let reach = (otlp, wiring.spool());
            let controls = fleet.controls.addresses();
            let file = layout.write_agent(&agent, &config.targets, reach, controls)?;
            let id = AgentId::new(&agent.id()).expect("ids of the rehearsal are names");
            fleet.files.insert(id.clone(), file);
            fleet.revive(&id).await?;
        }
        Ok(fleet)
    }

    /// Every agent, also those that are down.
    pub fn agents(&self) -> impl Iterator<Item = &AgentId> {
        self.files.keys()
    }

    /// The default target's platform.
    pub fn platform(&self) -> &Platform {
        &self.platforms[&self.default_target]
    }

    /// Ends an agent as a crash does; nothing if it is down.
    pub async fn kill(&mut self, id: &AgentId) {
        if let Some(agent) = self.agents.remove(id) {
            agent.kill().await;
        }
    }

    /// Starts an agent that is down, from its file and in its folder; nothing if it is up.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn revive(&mut self, id: &AgentId) -> Result<(), FleetError> {
        let Some(file) = self.files.get(id).filter(|_| !self.agents.contains_key(id)) else {
            return Ok(());
        };
        let settings = bongsu_agent::Config::load(file)?;
        let started = Agent::start(settings, Arc::clone(&self.clock)).await;
        let started = started.map_err(|source| FleetError::Agent {
            agent: id.to_string(),
            source,
        })?;
        self.agents.insert(id.clone(), started);
        Ok(())
    }

    /// Cuts exactly these parts off; the others are in reach.
    pub fn cut(&self, parts: &BTreeSet<FleetPart>) {
        for agent in self.shape.agents() {
            let (id, region) = (agent.id(), agent.region.id);
            let is_cut = parts.iter().any(|part| match part {
                FleetPart::Agent(name) => *name == id,
                FleetPart::Region(name) => name.as_str() == region,
                FleetPart::Collector => false,
            });
            let link = if is_cut { Link::Cut } else { Link::Up };
            if let Ok(agent) = self.agent(&id)
                && agent.link() != link
            {
                agent.set_link(link);
            }
        }
        if let Some(cable) = &self.cable {
            cable.set_whole(!parts.contains(&FleetPart::Collector));
        }
    }

    /// Stops every agent: what is going cleans up, what cannot be undone stays owed.
    pub async fn stop_agents(&mut self) {
        let stopping: Vec<_> = std::mem::take(&mut self.agents)
            .into_values()
            .map(|agent| tokio::spawn(agent.shutdown()))
            .collect();
        for stopped in stopping {
            // A panicked agent has nothing left to stop.
            let _ = stopped.await;
        }
    }

    /// The target that is broken and mended when none is named.
    pub fn default_target(&self) -> &TargetName {
        &self.default_target
    }

    /// Stops agents, then the collector, then what they measured.
    pub async fn shutdown(mut self) {
        self.stop_agents().await;
        self.collector.shutdown().await;
        for platform in self.platforms.into_values() {
            platform.shutdown().await;
        }
        if let Some(cable) = self.cable {
            cable.shutdown().await;
        }
        self.controls.shutdown().await;
    }
}

/// The times that a fleet lives in.
struct Times {
    /// That of agents and collector.
    clock: Arc<dyn Clock>,
    /// That of the platforms.
    platform: Arc<dyn Clock>,
    tempo: Tempo,
    wiring: Wiring,
}

/// How agents reach their collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wiring {
    /// Straight.
    Direct,
    /// Over a cable that can be cut.
    Cuttable,
}

impl Wiring {
    /// What is kept until the collector is in reach again.
    const fn spool(self) -> Spool {
        match self {
            Self::Direct => Spool::Hours,
            Self::Cuttable => Spool::Days,
        }
    }
}

/// The longest that a shipped journey may take.
const LONGEST_RUN: Duration = Duration::from_secs(8);

/// How much faster than the machine's time a platform must act so that a journey of the usual
/// length fits into half a slot.
pub(crate) fn pace(every: Duration, speed: f64) -> f64 {
    let half = every.div_f64(speed.max(1.0)) / 2;
    LONGEST_RUN.as_secs_f64() / half.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// The target of the demo.
pub fn superapp() -> TargetName {
    TargetName::new("superapp").expect("a name")
}

fn catalogue() -> Result<Catalogue, FleetError> {
    crate::catalogue::shipped().map_err(|diagnostics| {
        let lines = diagnostics
            .iter()
            .map(|diagnostic| format!("{diagnostic:?}"));
        FleetError::Catalogue(lines.collect::<Vec<_>>().join("\n"))
    })
}

async fn start_platform(
    target: &TargetName,
    fleet: &FleetConfig,
    seed: u64,
    clock: &Arc<dyn Clock>,
) -> Result<Platform, bongsu_superapp::StartError> {
    let region = |id| RegionId::new(id).expect("ids of the rehearsal are names");
    let regions = fleet.shape.regions().iter();
    let regions = regions.map(|r| region(r.id)).collect();
    let mut config = PlatformConfig::new(target.clone(), regions, Arc::clone(clock));
    config.pools = pools_of(fleet.shape.count());
    config.seed = seed;
    Platform::start(config).await
}
