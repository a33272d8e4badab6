//! The detection trial: how long after a fault a cell goes down, over many faults at random phase.
//!
//! Every (target, region) is a bench of its own with one cell under test. A bench injects a fault
//! at a random instant, waits for the cell to go down, mends, and rests until the cell is up and
//! the agents' burst buckets are full again, so that no fault profits from the one before. What
//! is measured is the collector's own transition against the instant of the injection, both on
//! the same clock.

mod timeline;

pub use timeline::{Line, timeline};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bongsu_availability::Change;
use bongsu_model::{CellKey, CellState, Clock, FeatureId, RegionId, TargetName, Timestamp};
use bongsu_superapp::{Fault, FaultKind, Reach, Share};
use tokio::sync::{broadcast, watch};

use crate::distribution::Distribution;
use crate::fleet::Fleet;
use crate::region::REGIONS;

/// What the trial runs: the journeys of the features that it breaks, so that the load of others
/// does not blur its figures.
pub const JOURNEYS: &[&str] = &["account/login.toml", "talk/send-message.toml"];
/// The features that they measure.
pub const FEATURES: [&str; 2] = ["account.login", "talk.message.text"];
/// A fault that is not found within this is counted as missed.
const GIVE_UP: Duration = Duration::from_secs(120);
/// A cell that is not up again within this after a mend ends its bench.
const RECOVERY_MAX: Duration = Duration::from_secs(240);
/// An agent looks again, or is asked to, every 5 s; its bucket gets a look back in five periods
/// (20 % of its planned rate).
const BURST_EVERY: Duration = Duration::from_secs(5);
const PERIODS_PER_LOOK: u32 = 5;

/// A class of fault and what it is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FaultClass {
    /// Connections are refused.
    Refuse,
    /// Answers are 503.
    Error,
    /// Requests are never answered: found when the journey's time is up.
    Hang,
    /// Messages are accepted and never delivered: found when the receiver's wait is over.
    LostDelivery,
}

impl FaultClass {
    /// The class as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Error => "error",
            Self::Hang => "hang",
            Self::LostDelivery => "lost-delivery",
        }
    }

    /// How long a run takes to fail by it: the journeys' own limits.
    pub const fn run_time(self) -> Duration {
        match self {
            Self::Refuse | Self::Error => Duration::ZERO,
            Self::Hang => Duration::from_secs(6),
            Self::LostDelivery => Duration::from_millis(2_500),
        }
    }

    const fn feature(self) -> &'static str {
        match self {
            Self::Refuse | Self::Error | Self::Hang => "account.login",
            Self::LostDelivery => "talk.message.text",
        }
    }

    fn fault(self, region: &RegionId) -> Fault {
        let (on, kind) = match self {
            Self::Refuse => ("account", FaultKind::Refuse),
            Self::Error => ("account", FaultKind::Error(503)),
            Self::Hang => ("account", FaultKind::Hang),
            Self::LostDelivery => ("relay", FaultKind::LostDelivery),
        };
        let on = on.parse().expect("components of the stand-in");
        Fault {
            on,
            kind,
            reach: Reach::Only(region.clone()),
            share: Share::All,
        }
    }
}

/// What a trial of one class found.
#[derive(Debug, Clone)]
pub struct Detection {
    /// The class.
    pub class: FaultClass,
    /// From injection to `down`.
    pub times: Distribution,
    /// Faults that were not found in time, or benches that did not recover.
    pub missed: usize,
    /// The faults that were found.
    pub faults: Vec<Found>,
}

/// A fault that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The cell under test.
    pub cell: CellKey,
    /// When it was injected.
    pub injected: Timestamp,
    /// When the cell was down.
    pub down: Timestamp,
}

impl Found {
    /// From injection to `down`.
    pub fn time(&self) -> Duration {
        self.down.since(self.injected)
    }
}

/// A cell's state and since when.
type Seen = (CellState, Timestamp);

/// The state of every cell, as the collector's transitions tell it.
#[derive(Debug)]
struct Cells {
    states: BTreeMap<CellKey, watch::Sender<Seen>>,
}

impl Cells {
    fn new(fleet: &Fleet) -> Self {
        let mut states = BTreeMap::new();
        for (target, board) in &fleet.collector.shared().published().boards {
            for view in &board.features {
                for region in &view.regions {
                    let cell = CellKey {
                        target: target.clone(),
                        feature: view.feature.clone(),
                        region: region.region.clone(),
                    };
                    let since = region.since.unwrap_or(Timestamp::EPOCH);
                    states.insert(cell, watch::Sender::new((region.state, since)));
                }
            }
        }
        Self { states }
    }

    /// Follows the collector's transitions until they end.
    async fn follow(
        &self,
        mut transitions: broadcast::Receiver<Arc<bongsu_availability::Transition>>,
    ) {
        loop {
            match transitions.recv().await {
                Ok(transition) => {
                    if let Change::Cell { cell, to, .. } = &transition.change
                        && let Some(state) = self.states.get(cell)
                    {
                        state.send_replace((*to, transition.at));
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    /// When the cell enters `wanted`, or none if it does not within `limit`.
    async fn reaches(
        &self,
        cell: &CellKey,
        wanted: CellState,
        limit: Duration,
    ) -> Option<Timestamp> {
        let mut state = self.states.get(cell)?.subscribe();
        let reached = state.wait_for(|(now, _)| *now == wanted);
        let seen = tokio::time::timeout(limit, reached).await.ok()?.ok()?;
        Some(seen.1)
    }
}

/// Injects `faults` faults of `class` over all benches and measures each.
pub async fn run(
    fleet: &Arc<Fleet>,
    class: FaultClass,
    faults: usize,
    clock: &Arc<dyn Clock>,
    progress: impl Fn(usize, Duration) + Send + Sync + 'static,
) -> Detection {
    let transitions = fleet.collector.shared().transitions();
    let cells = Arc::new(Cells::new(fleet));
    let follower = {
        let cells = Arc::clone(&cells);
        tokio::spawn(async move { cells.follow(transitions).await })
    };
    let trial = Arc::new(Trial {
        fleet: Arc::clone(fleet),
        cells,
        class,
        clock: Arc::clone(clock),
        left: AtomicUsize::new(faults),
        done: AtomicUsize::new(0),
        progress: Box::new(progress),
    });
    let mut benches = tokio::task::JoinSet::new();
    for target in fleet.platforms.keys() {
        for region in &REGIONS {
            let region = RegionId::new(region.id).expect("ids of the rehearsal are names");
            benches.spawn(Arc::clone(&trial).bench(target.clone(), region));
        }
    }
    let (mut found, mut missed) = (Vec::new(), 0);
    while let Some(bench) = benches.join_next().await {
        for fault in bench.unwrap_or_default() {
            match fault {
                Some(fault) => found.push(fault),
                None => missed += 1,
            }
        }
    }
    follower.abort();
    missed += trial.left.load(Ordering::Relaxed);
    Detection {
        class,
        times: Distribution::new(found.iter().map(Found::time).collect()),
        missed,
        faults: found,
    }
}

struct Trial {
    fleet: Arc<Fleet>,
    cells: Arc<Cells>,
    class: FaultClass,
    clock: Arc<dyn Clock>,
    left: AtomicUsize,
    done: AtomicUsize,
    progress: Box<dyn Fn(usize, Duration) + Send + Sync>,
}

impl Trial {
    /// Faults one (target, region) again and again until none is left to inject.
    async fn bench(self: Arc<Self>, target: TargetName, region: RegionId) -> Vec<Option<Found>> {
        let feature = FeatureId::new(self.class.feature()).expect("features of the catalogue");
        let cell = CellKey {
            target: target.clone(),
            feature,
            region: region.clone(),
        };
        let mut found = Vec::new();
        loop {
            if self
                .cells
                .reaches(&cell, CellState::Up, RECOVERY_MAX)
                .await
                .is_none()
            {
                return found;
            }
            if self.take().is_none() {
                return found;
            }
            tokio::time::sleep(random_phase(self.fleet.shape.every)).await;
            let platform = &self.fleet.platforms[&target];
            let injected = self.clock.wall();
            let Ok(fault) = platform.inject(self.class.fault(&region)) else {
                found.push(None);
                return found;
            };
            let down = self.cells.reaches(&cell, CellState::Down, GIVE_UP).await;
            platform.mend(fault);
            let mended = self.clock.wall();
            let fault = down.map(|down| Found {
                cell: cell.clone(),
                injected,
                down,
            });
            if let Some(fault) = &fault {
                (self.progress)(self.done.fetch_add(1, Ordering::Relaxed) + 1, fault.time());
            }
            found.push(fault);
            if self.left.load(Ordering::Relaxed) == 0 {
                return found;
            }
            let every = self.fleet.shape.every;
            tokio::time::sleep(rest(mended.since(injected), every)).await;
        }
    }

    /// One of the faults that are left, if any is.
    fn take(&self) -> Option<()> {
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .ok()
            .map(|_| ())
    }
}

/// How long burst buckets take to fill up again after an outage of this length.
fn rest(outage: Duration, every: Duration) -> Duration {
    let bursts = outage.as_secs().div_ceil(BURST_EVERY.as_secs());
    every * PERIODS_PER_LOOK * u32::try_from(bursts).unwrap_or(u32::MAX)
}

/// A random part of one period.
fn random_phase(period: Duration) -> Duration {
    // A failing source of randomness makes a fixed phase: the trial goes on, visibly regular.
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    period.mul_f64(f64::from(random) / f64::from(u32::MAX))
}
