//! Plays an outage on a fleet: the platform is driven by what is known and modelled, and at the end
//! the measured board is held against what must be measured and what was claimed.

mod check;
mod desk;
mod drive;
mod lag;
mod moments;
mod never;
mod pacing;
mod report;
mod speed;
mod usage;
mod verdict;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Clock, Timestamp};
use bongsu_superapp::{Facilities, MoneyAudit};
use desk::Desk;
use moments::Moments;
use pacing::Pacing;
use tokio::sync::broadcast;

use crate::clock::ReplayClock;
use crate::fleet::{self, Fleet, FleetConfig, FleetError, Owed, Wiring};
use crate::layout::{Journeys, Layout, Tempo};
use crate::region::{Channel, Shape};
use crate::scenario::{Event, ExpectedRow, Scenario, Timeline};

pub use desk::HandedIn;
pub use lag::Lag;
pub use never::JudgedNever;
pub use report::{json, text};
pub use speed::{played_speed, speed_max};
pub use usage::Usage;
pub use verdict::{JudgedRow, Verdict};
pub use windows::{JudgedWindow, Measured, Outage};

/// How long agents may take at the end to pay what they owe, in the machine's time: what they are
/// tried for at least, and what [`PAYS_FOR_PLAYED`] lasts where that is longer.
const PAYS_FOR: Duration = Duration::from_secs(60);

/// The same in the scenario's time: a debt that failed often waits for an hour of it.
const PAYS_FOR_PLAYED: Duration = Duration::from_secs(2 * 3600);

/// How a scenario is played.
#[derive(Debug, Clone)]
pub struct Play {
    /// How many times as fast as it was at most, and slower where the machine cannot follow: 1 to
    /// [`speed_max`], which it is kept below. What the machine can follow unless said.
    pub speed: Option<f64>,
    /// Until when; the scenario's end unless said.
    pub until: Option<Timestamp>,
    /// Draws what nobody knows.
    pub seed: u64,
    /// Regions that agents stand in; as many as the scenario says unless said.
    pub regions: Option<usize>,
    /// Agents of each region: the rule asks for two at least. As many as the scenario says unless
    /// said.
    pub agents: Option<usize>,
    /// Where the board is.
    pub web: std::net::SocketAddr,
    /// Where everything of the fleet is written.
    pub folder: PathBuf,
    /// Where the agents keep their data, if not there: a folder in memory, which nothing waits for.
    pub memory: Option<PathBuf>,
    /// What the agents run.
    pub journeys: Journeys,
}

impl Play {
    /// The fleet that the scenario is played on.
    fn shape(&self, scenario: &Scenario) -> Shape {
        Shape {
            regions: self.regions.unwrap_or(scenario.regions),
            agents: self.agents.unwrap_or(scenario.agents),
            every: scenario.every,
            channel: Channel::Off,
        }
    }
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
    /// A row cuts off or sees from what the fleet does not have.
    #[error(
        "a row names {part}, which a fleet of --regions {regions} --agents {agents} does not have: \
         give more"
    )]
    NoSuchPart {
        /// The part: `region:kr-busan`.
        part: String,
        /// How many regions the fleet has.
        regions: usize,
        /// How many agents each of them has.
        agents: usize,
    },
}

/// What a replay came to.
#[derive(Debug)]
pub struct Outcome {
    /// Until when it was played.
    pub until: Timestamp,
    /// The boards that are judged, oldest first; the last is that of the end.
    pub boards: Vec<JudgedBoard>,
    /// The stretches in which features were broken, judged.
    pub windows: Vec<JudgedWindow>,
    /// What nothing may touch, judged.
    pub never: Vec<JudgedNever>,
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

/// The board of an instant, judged.
#[derive(Debug)]
pub struct JudgedBoard {
    /// The instant.
    pub at: Timestamp,
    /// As of when the board is: then, or as soon after it as the collector showed one.
    pub as_of: Timestamp,
    /// Its rows.
    pub rows: Vec<JudgedRow>,
}

impl Outcome {
    /// Every judged row, those of the oldest board first.
    pub fn rows(&self) -> impl Iterator<Item = &JudgedRow> {
        self.boards.iter().flat_map(|board| &board.rows)
    }

    /// Whether everything is as expected or explained.
    pub fn is_explained(&self) -> bool {
        self.rows().all(|row| row.verdict.is_explained())
            && self.windows.iter().all(JudgedWindow::is_explained)
            && self.never.iter().all(JudgedNever::is_explained)
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

/// Plays `scenario` and judges the board by `expected` at each of its instants, and at the end.
///
/// # Errors
/// When the fleet lacks what a row names or does not start, or the collector stands still.
pub async fn run(
    play: &Play,
    scenario: &Scenario,
    expected: &[ExpectedRow],
    machine: Arc<dyn Clock>,
    mut tell: impl FnMut(Progress<'_>),
) -> Result<Outcome, ReplayError> {
    let until = check::until(play, scenario)?;
    check::parts(&play.shape(scenario), scenario, expected, until)?;
    let timeline = Timeline::new(scenario, play.seed);
    let began = machine.monotonic();
    let speed = played_speed(play, scenario);
    let clock = ReplayClock::held(Arc::clone(&machine), scenario.from, speed);
    let has_sight = |happening: &crate::scenario::Happening<'_>| {
        matches!(happening.row.event, Event::Sight { .. })
    };
    let wiring = if timeline.happenings().iter().any(has_sight) {
        Wiring::Cuttable
    } else {
        Wiring::Direct
    };
    let config = config(play, scenario);
    if let Some(memory) = &play.memory {
        Layout::keep_agents_in(&play.folder, config.shape, memory).map_err(FleetError::from)?;
    }
    let fleet = Fleet::start_hurried(config, &clock, wiring).await?;
    fleet.collector.ready().await;
    tell(Progress::Started(&fleet));
    let mut measuring = Measuring::begin(&fleet);
    clock.release();
    clock.play_at(speed / pacing::AT_FIRST);
    let desk = Desk::open(
        fleet.collector.web_addr(),
        &fleet.collector.shared().catalogue,
    );
    let played_from = machine.monotonic();
    let pacing = Pacing::begin(&clock, &machine);
    let mut moments = Moments::of(expected, until);
    let beside = drive::Beside {
        desk: &desk,
        measuring: &mut measuring,
        moments: &mut moments,
    };
    let unplayed = drive::until(&fleet, &timeline, &clock, until, beside, &mut tell).await;
    pacing.end().await;
    // What is shown last shall be as of the end, however long it takes to be shown.
    let carried = clock.speed();
    pacing::linger(&clock, carried);
    let wall = machine.monotonic().since(played_from);
    let played =
        until.since(scenario.from).as_secs_f64() / wall.as_secs_f64().max(f64::MIN_POSITIVE);
    let claims = desk.close().await;
    let picture = drive::picture_at(&fleet, until, &mut measuring, scenario).await?;
    let mut pictures = moments.taken(&picture);
    pictures.push((until, Arc::clone(&picture)));
    let target = fleet.default_target().clone();
    let board = picture.boards.get(&target);
    let board = board.ok_or(ReplayError::Collector)?;
    let recoveries = picture.recoveries.get(fleet.default_target());
    let recoveries = recoveries.map_or(&[][..], Vec::as_slice);
    let catalogue = fleet.collector.shared().catalogue.clone();
    let lag = Lag::of(&fleet.shape, Tempo::Hurried(speed));
    let runs = runs(&fleet);
    let mut fleet = fleet;
    let owed_at_end = fleet.owed().len();
    let paying = pay(&fleet, &clock, &machine, carried).await?;
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
    let boards = pictures.iter().map(|(at, passed)| {
        // A picture without the board is none of it: the last one says as of when it is.
        let board = passed.boards.get(&target).unwrap_or(board);
        let judge = verdict::Judge { at: *at, ..judge };
        JudgedBoard {
            at: *at,
            as_of: board.as_of,
            // What was public at an instant may be handed in a little later.
            rows: judge.rows((board, &picture.claims), expected),
        }
    });
    Ok(Outcome {
        until,
        boards: boards.collect(),
        windows: windows::judge(&judge, board, &measuring.measured),
        never: never::judge(
            &scenario.never,
            never::Shown {
                board,
                recoveries,
                played: (scenario.from, until),
            },
            &measuring.measured,
            &scenario.zone,
        ),
        lag,
        runs,
        unplayed,
        claims,
        money: audit.money,
        bank: audit.bank_money,
        owed_at_end,
        paying,
        owed,
        asked_speed: speed,
        speed: played,
        usage,
        transitions_lost: measuring.lost,
    })
}

/// Heals everything and lets agents pay what they owe; says how long that took. The clock goes on
/// meanwhile, from the `speed` that the machine carried: what failed often waits by it.
async fn pay(
    fleet: &Fleet,
    clock: &ReplayClock,
    machine: &Arc<dyn Clock>,
    speed: f64,
) -> Result<Duration, FleetError> {
    let healed = machine.monotonic();
    fleet.platform().mend_all();
    fleet.platform().arrange(&Facilities::default());
    fleet.cut(&BTreeSet::new());
    clock.play_at(speed);
    let limit = PAYS_FOR.max(PAYS_FOR_PLAYED.div_f64(speed));
    let pacing = Pacing::begin(clock, machine);
    let rested = fleet.come_to_rest(limit).await;
    pacing.end().await;
    rested?;
    Ok(machine.monotonic().since(healed))
}

fn config(play: &Play, scenario: &Scenario) -> FleetConfig {
    FleetConfig {
        targets: vec![fleet::superapp()],
        shape: play.shape(scenario),
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
