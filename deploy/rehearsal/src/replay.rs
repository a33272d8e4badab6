//! Plays an outage on a fleet: the platform is driven by what is known and modelled, and at the end
//! the measured board is held against what must be measured and what was claimed.

mod desk;
mod drive;
mod lag;
mod pacing;
mod report;
mod usage;
mod verdict;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Catalogue, Clock, FeatureId, Timestamp};
use bongsu_superapp::MoneyAudit;
use desk::Desk;
use tokio::sync::broadcast;

use crate::clock::ReplayClock;
use crate::fleet::{self, Fleet, FleetConfig, FleetError, Owed, Wiring};
use crate::layout::{Journeys, Layout, Tempo};
use crate::region::{Channel, Shape};
use crate::scenario::{Event, ExpectedRow, Scenario, Timeline};

pub use desk::HandedIn;
pub use lag::Lag;
pub use report::{json, text};
pub use usage::Usage;
pub use verdict::{JudgedRow, Verdict};
pub use windows::{JudgedWindow, Measured, Outage};

/// The cadence of every journey, in the scenario's time.
pub const EVERY: Duration = Duration::from_secs(5 * 60);

/// How long agents may take at the end to pay what they owe, in the machine's time: at the highest
/// speed ten hours of the scenario, of which one that failed often waits for an hour.
const PAYS_FOR: Duration = Duration::from_secs(60);

/// How a scenario is played.
#[derive(Debug, Clone)]
pub struct Play {
    /// How many times as fast as it was at most, and slower where the machine cannot follow: 1 to [`SPEED_MAX`](crate::clock::SPEED_MAX).
    pub speed: f64,
    /// Until when; the scenario's end unless said.
    pub until: Option<Timestamp>,
    /// Draws what nobody knows.
    pub seed: u64,
    /// Regions that agents stand in.
    pub regions: usize,
    /// Agents of each region: the rule asks for two at least.
    pub agents: usize,
    /// Where the board is.
    pub web: std::net::SocketAddr,
    /// Where everything of the fleet is written.
    pub folder: PathBuf,
    /// Where the agents keep their data, if not there: a folder in memory, which nothing waits for.
    pub memory: Option<PathBuf>,
    /// What the agents run.
    pub journeys: Journeys,
}

/// A replay did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The fleet did not start.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The collector shows nothing of the end.
    #[error("the collector's picture stands still at {at}: see its log with BONGSU_LOG=warn")]
    Standstill {
        /// As of when.
        at: String,
    },
    /// The collector failed.
    #[error("the collector ended")]
    Collector,
    /// The instant lies outside of the scenario.
    #[error("{at} lies outside of the scenario, which is played from {from} until {until}")]
    Outside {
        /// The instant asked for.
        at: String,
        /// The scenario's beginning.
        from: String,
        /// Its end.
        until: String,
    },
}

/// What a replay came to.
#[derive(Debug)]
pub struct Outcome {
    /// Until when it was played.
    pub until: Timestamp,
    /// As of when the board is that is judged.
    pub as_of: Timestamp,
    /// The board's rows, judged.
    pub rows: Vec<JudgedRow>,
    /// The stretches in which features were broken, judged.
    pub windows: Vec<JudgedWindow>,
    /// How long the rule takes to confirm.
    pub lag: Lag,
    /// Runs at the collector, by outcome.
    pub runs: Vec<(&'static str, u64)>,
    /// Conditions and statements that could not be played, by what they are of.
    pub unplayed: Vec<String>,
    /// What became of the statements.
    pub claims: HandedIn,
    /// Whether the money balances.
    pub money: MoneyAudit,
    /// Whether it does at the bank.
    pub bank: MoneyAudit,
    /// How many cleanups agents owed when it ended.
    pub owed_at_end: usize,
    /// How long agents took to pay what they owed once everything was healed, in the machine's time.
    pub paying: Duration,
    /// What they still owed then.
    pub owed: Vec<Owed>,
    /// How many times as fast as it was it should be played.
    pub asked_speed: f64,
    /// How many times as fast it was played, on average.
    pub speed: f64,
    /// What it took.
    pub usage: Usage,
    /// Transitions that were lost because nobody took them in time.
    pub transitions_lost: u64,
}

impl Outcome {
    /// Whether everything is as expected or explained.
    pub fn is_explained(&self) -> bool {
        self.rows.iter().all(|row| row.verdict.is_explained())
            && self.windows.iter().all(JudgedWindow::is_explained)
            && self.transitions_lost == 0
            && self.claims.refused.is_empty()
            && self.money.is_clean()
            && self.bank.is_clean()
    }
}

/// What is told while it plays.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The fleet is up.
    Started(&'a Fleet),
    /// A row's time has come.
    Happened(crate::scenario::Happening<'a>),
}

/// Plays `scenario` and judges the board at its end by `expected`.
///
/// # Errors
/// When the fleet does not start, or the collector stands still.
pub async fn run(
    play: &Play,
    scenario: &Scenario,
    expected: &[ExpectedRow],
    machine: Arc<dyn Clock>,
    mut tell: impl FnMut(Progress<'_>),
) -> Result<Outcome, ReplayError> {
    let until = play.until.unwrap_or(scenario.until);
    check_until(scenario, until)?;
    let timeline = Timeline::new(scenario, play.seed);
    let began = machine.monotonic();
    let clock = ReplayClock::held(Arc::clone(&machine), scenario.from, play.speed);
    let has_sight = |happening: &crate::scenario::Happening<'_>| {
        matches!(happening.row.event, Event::Sight { .. })
    };
    let wiring = if timeline.happenings().iter().any(has_sight) {
        Wiring::Cuttable
    } else {
        Wiring::Direct
    };
    let config = config(play);
    if let Some(memory) = &play.memory {
        Layout::keep_agents_in(&play.folder, config.shape, memory).map_err(FleetError::from)?;
    }
    let fleet = Fleet::start_hurried(config, &clock, wiring).await?;
    fleet.collector.ready().await;
    tell(Progress::Started(&fleet));
    let mut measuring = Measuring::begin(&fleet);
    clock.release();
    clock.play_at(play.speed / pacing::AT_FIRST);
    let desk = Desk::open(
        fleet.collector.web_addr(),
        &fleet.collector.shared().catalogue,
    );
    let played_from = machine.monotonic();
    let pacing = tokio::spawn(pacing::keep(clock.clone(), Arc::clone(&machine)));
    let hands = (&desk, &mut measuring);
    let unplayed = drive::until(&fleet, &timeline, &clock, until, hands, &mut tell).await;
    pacing.abort();
    // What is shown last shall be as of the end, however long it takes to be shown.
    clock.play_at(play.speed / pacing::LINGER);
    let wall = machine.monotonic().since(played_from);
    let speed =
        until.since(scenario.from).as_secs_f64() / wall.as_secs_f64().max(f64::MIN_POSITIVE);
    let claims = desk.close().await;
    let picture = drive::picture_at(&fleet, until, &mut measuring, scenario).await?;
    let board = picture.boards.get(fleet.default_target());
    let board = board.ok_or(ReplayError::Collector)?;
    let catalogue = fleet.collector.shared().catalogue.clone();
    let lag = Lag::of(&fleet.shape, Tempo::Hurried(play.speed));
    let runs = runs(&fleet);
    let mut fleet = fleet;
    let owed_at_end = fleet.owed().len();
    let paying = pay(&fleet, &clock, &machine).await?;
    fleet.stop_agents().await;
    let audit = fleet.platform().audit();
    let owed = fleet.owed();
    fleet.shutdown().await;
    let usage = usage::read(machine.monotonic().since(began));
    let judge = verdict::Judge {
        timeline: &timeline,
        catalogue: &catalogue,
        lag,
        at: until,
    };
    Ok(Outcome {
        until,
        as_of: board.as_of,
        rows: judge.rows((board, &picture.claims), expected),
        windows: windows::judge(&judge, board, &measuring.measured),
        lag,
        runs,
        unplayed,
        claims,
        money: audit.money,
        bank: audit.bank_money,
        owed_at_end,
        paying,
        owed,
        asked_speed: play.speed,
        speed,
        usage,
        transitions_lost: measuring.lost,
    })
}

/// Heals everything and lets agents pay what they owe; says how long that took. The clock goes on
/// meanwhile: what failed often waits by it.
async fn pay(
    fleet: &Fleet,
    clock: &ReplayClock,
    machine: &Arc<dyn Clock>,
) -> Result<Duration, FleetError> {
    let healed = machine.monotonic();
    fleet.platform().mend_all();
    fleet.cut(&BTreeSet::new());
    let pacing = tokio::spawn(pacing::keep(clock.clone(), Arc::clone(machine)));
    let rested = fleet.come_to_rest(PAYS_FOR).await;
    pacing.abort();
    rested?;
    Ok(machine.monotonic().since(healed))
}

fn check_until(scenario: &Scenario, until: Timestamp) -> Result<(), ReplayError> {
    if until > scenario.from && until <= scenario.until {
        return Ok(());
    }
    let told = |at| crate::scenario::in_zone(at, &scenario.zone);
    Err(ReplayError::Outside {
        at: told(until),
        from: told(scenario.from),
        until: told(scenario.until),
    })
}

fn config(play: &Play) -> FleetConfig {
    FleetConfig {
        targets: vec![fleet::superapp()],
        shape: Shape {
            regions: play.regions,
            agents: play.agents,
            every: EVERY,
            channel: Channel::Off,
        },
        otlp: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
        web: play.web,
        folder: play.folder.clone(),
        seed: play.seed,
        journeys: play.journeys,
    }
}

/// Runs by the outcome of their journey's own feature.
fn runs(fleet: &Fleet) -> Vec<(&'static str, u64)> {
    let mut runs = BTreeMap::new();
    for (_, outcome, count) in fleet.collector.shared().tally.counts() {
        *runs.entry(outcome).or_default() += count;
    }
    runs.into_iter().collect()
}

/// What the collector's transitions say, as they come.
#[derive(Debug)]
struct Measuring {
    transitions: broadcast::Receiver<Arc<bongsu_availability::Transition>>,
    measured: Measured,
    lost: u64,
}

impl Measuring {
    fn begin(fleet: &Fleet) -> Self {
        Self {
            transitions: fleet.collector.shared().transitions(),
            measured: Measured::default(),
            lost: 0,
        }
    }

    /// Takes in what there is; ends only with the collector.
    async fn follow(&mut self) {
        loop {
            match self.transitions.recv().await {
                Ok(transition) => self.measured.take(&transition),
                Err(broadcast::error::RecvError::Lagged(lost)) => self.lost += lost,
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }
}

/// The features that `feature` rests on with how strongly, itself first.
fn rests_on(
    catalogue: &Catalogue,
    feature: &FeatureId,
) -> Vec<(
    bongsu_superapp::PlatformFeature,
    bongsu_model::DependencyStrength,
)> {
    use bongsu_model::DependencyStrength::{Hard, Soft};
    let mut found: Vec<(FeatureId, bongsu_model::DependencyStrength)> =
        vec![(feature.clone(), Hard)];
    let mut at = 0;
    while let Some((id, strength)) = found.get(at).cloned() {
        at += 1;
        let below = catalogue
            .feature(&id)
            .map(|feature| feature.depends_on.clone());
        for dependency in below.unwrap_or_default() {
            if found.iter().any(|(known, _)| *known == dependency.on) {
                continue;
            }
            let is_soft = strength == Soft || dependency.strength == Soft;
            found.push((dependency.on, if is_soft { Soft } else { Hard }));
        }
    }
    let offered = |id: &FeatureId| {
        let mut all = bongsu_superapp::PlatformFeature::ALL.iter();
        all.find(|offered| offered.as_str() == id.as_str()).copied()
    };
    let offered = found
        .iter()
        .filter_map(|(id, strength)| Some((offered(id)?, *strength)));
    offered.collect()
}
