//! Counts the runs of an incident, cell by cell, and keeps those that speak for each figure.

use std::collections::{BTreeMap, BTreeSet};

use bongsu_availability::{IncidentId, IncidentView, RecoveryView, RegionRecovery};
use bongsu_model::{FeatureId, Outcome, RegionId, RunFacts, RunId, Timestamp, TriggerKind};

use super::evidence::{Chain, RECORDS_MAX, Record, Summary};
use crate::web::answer::Time;

/// Runs that are named as evidence of one cell: the last good, the first bad, one of each class,
/// the last bad, the first good again.
const EVIDENCE_MAX: usize = 20;

/// 95 % of a normal distribution lie within so many deviations.
const DEVIATIONS: f64 = 1.959_963_985;

/// Scheduled runs by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Passed.
    pub pass: u64,
    /// Passed, too slowly.
    pub slow: u64,
    /// Failed.
    pub fail: u64,
    /// Did not reach the feature: another one stood before it.
    pub blocked: u64,
    /// Said nothing: the agent's own trouble, or not run on purpose.
    pub other: u64,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Pass => &mut self.pass,
            Outcome::Slow => &mut self.slow,
            Outcome::Fail(_) => &mut self.fail,
            Outcome::Blocked(_) => &mut self.blocked,
            Outcome::Blind(_) | Outcome::Skipped(_) => &mut self.other,
        };
        *count += 1;
    }

    /// Runs that are evidence of the feature.
    pub const fn valid(self) -> u64 {
        self.pass + self.slow + self.fail
    }

    /// The share of them that failed; none without one.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn failure_ratio(self) -> Option<f64> {
        (self.valid() > 0).then(|| self.fail as f64 / self.valid() as f64)
    }

    /// Where the ratio lies with 95 % confidence (Wilson).
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn interval(self) -> Option<(f64, f64)> {
        let (ratio, n) = (self.failure_ratio()?, self.valid() as f64);
        let z = DEVIATIONS * DEVIATIONS / n;
        let middle = ratio + z / 2.0;
        let half = (z * (ratio * (1.0 - ratio) + z / 4.0)).sqrt();
        let at = |x: f64| (x / (1.0 + z)).clamp(0.0, 1.0);
        Some((at(middle - half), at(middle + half)))
    }
}

/// When a cell was out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Start of the first failed run.
    pub from: Timestamp,
    /// Start of the streak of passes that restored it, or when the incident was merged into another;
    /// none while it is out.
    pub until: Option<Timestamp>,
}

/// A feature in a region.
pub type Cell = (FeatureId, RegionId);

/// When `incident` went into another one while it was not over: what is out longer is that one's.
pub(super) fn cut(incident: &IncidentView) -> Option<Timestamp> {
    let is_over = incident.resolved.is_some();
    let merged = incident.merged_into.is_some() && !is_over;
    incident.closed.filter(|_| merged)
}

/// When each cell of `incident` was out: as the recovery board has it, or from the incident's
/// onset to its end where that is not remembered.
pub fn windows(incident: &IncidentView, outage: Option<&RecoveryView>) -> BTreeMap<Cell, Window> {
    let whole = Window {
        from: incident.onset,
        until: incident.resolved.or_else(|| cut(incident)),
    };
    let cells = incident.cells.iter();
    let cells = cells.map(|cell| ((cell.feature.clone(), cell.region.clone()), whole));
    let mut windows: BTreeMap<Cell, Window> = cells.collect();
    // Where a blocked feature has no row it counts as out where the incident was.
    for feature in &incident.blocked {
        for cell in &incident.cells {
            windows.insert((feature.clone(), cell.region.clone()), whole);
        }
    }
    let is_of = |cell: &Cell| {
        let mut cells = incident.cells.iter();
        cells.any(|ours| ours.feature == cell.0 && ours.region == cell.1)
    };
    for row in outage.map_or(&[][..], |outage| outage.rows.as_slice()) {
        let is_blocked = incident.blocked.contains(&row.feature);
        let is_down = incident
            .cells
            .iter()
            .any(|cell| cell.feature == row.feature);
        for region in &row.regions {
            let cell = (row.feature.clone(), region.region.clone());
            // What befell a feature in other regions after its incident was merged into another is
            // that one's.
            let is_ours = is_down && incident.merged_into.is_none();
            if !is_ours && !is_blocked && !is_of(&cell) {
                continue;
            }
            // What its row does not tell of this incident is known by the incident alone.
            if let Some(window) = window_of(region, whole) {
                windows.insert(cell, window);
            }
        }
    }
    windows
}

/// When a region was out in the incident that is out for `whole`; none if its row tells of other
/// times only. A row spans every incident of the outage: what lies outside of this one is another's.
fn window_of(region: &RegionRecovery, whole: Window) -> Option<Window> {
    let from = region
        .onset
        .map_or(whole.from, |onset| onset.max(whole.from));
    let back = region
        .first_pass
        .filter(|_| region.state.is_restored())
        .map(|back| whole.until.map_or(back, |end| end.min(back)));
    let until = back.or(whole.until);
    let is_within = until.is_none_or(|until| until > from);
    is_within.then_some(Window { from, until })
}

/// What was counted of one cell.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// Its runs while it was out.
    pub tally: Tally,
    /// Its failures by class.
    pub classes: BTreeMap<String, u64>,
    last_good: Option<(Timestamp, RunId)>,
    bad: Vec<(Timestamp, RunId)>,
    last_bad: Option<(Timestamp, RunId)>,
    good_again: Option<(Timestamp, RunId)>,
}

impl Counted {
    fn add(&mut self, facts: &RunFacts, window: Window) {
        let outcome = facts.outcomes.verdict();
        let (at, run) = (facts.started, facts.id);
        let end = window.until.unwrap_or(Timestamp::MAX);
        if at < window.from {
            if outcome.is_good() {
                self.last_good = self.last_good.max(Some((at, run)));
            }
            return;
        }
        if at >= end {
            if outcome.is_good() && self.good_again.is_none_or(|(first, _)| at < first) {
                self.good_again = Some((at, run));
            }
            return;
        }
        if facts.trigger.kind() == TriggerKind::Scheduled {
            self.tally.add(outcome);
        }
        if let Outcome::Fail(class) = outcome {
            let count = self.classes.entry(class.to_string()).or_default();
            *count += 1;
            if *count == 1 && self.bad.len() + 3 < EVIDENCE_MAX {
                self.bad.push((at, run));
            }
            self.last_bad = self.last_bad.max(Some((at, run)));
        }
    }

    /// The runs that speak for it, the oldest first.
    pub fn evidence(&self) -> Vec<RunId> {
        let ends = [self.last_good, self.last_bad, self.good_again];
        let all: BTreeSet<_> = self
            .bad
            .iter()
            .copied()
            .chain(ends.into_iter().flatten())
            .collect();
        all.into_iter().map(|(_, run)| run).collect()
    }
}

/// Adds up the runs of an incident in the journal's order.
#[derive(Debug, Clone)]
pub struct Fold {
    incident: IncidentId,
    windows: BTreeMap<Cell, Window>,
    cells: BTreeMap<Cell, Counted>,
    chain: Chain,
    awaited: BTreeSet<RunId>,
    first_seq: Option<u64>,
    last_seq: u64,
    is_cut: bool,
}

impl Fold {
    /// Before the first run of `incident`.
    pub fn new(incident: &IncidentView, outage: Option<&RecoveryView>) -> Self {
        Self {
            incident: incident.id.clone(),
            windows: windows(incident, outage),
            cells: BTreeMap::new(),
            chain: Chain::of(incident.target.as_str(), incident.id.as_str()),
            awaited: incident.evidence.iter().copied().collect(),
            first_seq: None,
            last_seq: 0,
            is_cut: false,
        }
    }

    /// Adds a run. False when there is no room for it: then no other need be added.
    pub fn add(&mut self, record: &Record) -> bool {
        if self.chain.records() >= RECORDS_MAX {
            self.is_cut = true;
            return false;
        }
        self.chain.add(record);
        self.first_seq.get_or_insert(record.seq);
        self.last_seq = record.seq;
        // What a later version journaled is in the chain, and in no count.
        let Ok(facts) = serde_json::from_str::<RunFacts>(&record.facts) else {
            return true;
        };
        self.awaited.remove(&facts.id);
        let own = facts.outcomes.own();
        let cell = (own.feature.clone(), facts.vantage.region.clone());
        if let Some(window) = self.windows.get(&cell) {
            self.cells.entry(cell).or_default().add(&facts, *window);
        }
        true
    }

    /// Says that there are more runs, which are not added.
    pub const fn cut(&mut self) {
        self.is_cut = true;
    }

    /// The place of the first run that was added.
    pub const fn first_seq(&self) -> Option<u64> {
        self.first_seq
    }

    /// Whether it is of the same incident.
    pub fn is_of(&self, other: &Self) -> bool {
        self.incident == other.incident
    }

    /// Whether it counts the same runs into the same cells.
    pub fn counts_as(&self, other: &Self) -> bool {
        self.is_of(other) && self.windows == other.windows
    }

    /// The cells with their windows.
    pub fn windows(&self) -> &BTreeMap<Cell, Window> {
        &self.windows
    }

    /// What was counted of a cell.
    pub fn counted(&self, cell: &Cell) -> Counted {
        self.cells.get(cell).cloned().unwrap_or_default()
    }

    /// What is said of the evidence, of which the journal still has what was received since
    /// `kept_from`.
    pub fn summary(&self, kept_from: Option<Timestamp>) -> Summary {
        Summary {
            records: self.chain.records(),
            last_seq: self.last_seq,
            head: self.chain.head().to_string(),
            is_cut: self.is_cut,
            missing: self.awaited.len() as u64,
            kept_from: kept_from.map(Time::cut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_stands_in_its_interval_and_nothing_is_no_ratio() {
        assert_eq!(Tally::default().failure_ratio(), None);
        assert_eq!(Tally::default().interval(), None);
        for (pass, fail, low, high) in [
            (0, 10, 0.7224, 1.0),
            (10, 0, 0.0, 0.2776),
            (50, 50, 0.4038, 0.5962),
            (9_999, 1, 0.0000, 0.0006),
        ] {
            let tally = Tally {
                pass,
                fail,
                blocked: 7,
                ..Tally::default()
            };
            let (from, until) = tally.interval().unwrap();
            assert!((from - low).abs() < 1e-4, "{from} is not {low}");
            assert!((until - high).abs() < 1e-4, "{until} is not {high}");
            let ratio = tally.failure_ratio().unwrap();
            assert!((from..=until).contains(&ratio));
        }
    }

    #[test]
    fn a_window_lies_within_its_incident_whatever_befell_the_feature_later() {
        let at = Timestamp::from_unix_seconds;
        let window = |from, until: Option<u64>| Window {
            from: at(from),
            until: until.map(at),
        };
        let region = |state, onset: u64, first_pass: Option<u64>| RegionRecovery {
            region: RegionId::new("kr-seoul").unwrap(),
            weight: 1.0,
            state,
            since: at(0),
            blocked_by: None,
            onset: Some(at(onset)),
            first_pass: first_pass.map(at),
            passes: 0,
            relapses: 0,
        };
        use bongsu_availability::RecoveryState::{Down, Recovered, Recovering};
        let (open, over) = (window(100, None), window(100, Some(200)));
        for (whole, row, expected) in [
            (open, region(Down, 110, None), window(110, None)),
            (
                open,
                region(Recovered, 110, Some(150)),
                window(110, Some(150)),
            ),
            // A streak that is not long enough is no end.
            (open, region(Recovering, 110, Some(150)), window(110, None)),
            // It began in an earlier incident of the outage.
            (open, region(Down, 50, None), window(100, None)),
            (
                over,
                region(Recovered, 110, Some(150)),
                window(110, Some(150)),
            ),
            // It failed again in a later one.
            (over, region(Down, 110, None), window(110, Some(200))),
            (
                over,
                region(Recovered, 110, Some(900)),
                window(110, Some(200)),
            ),
        ] {
            assert_eq!(window_of(&row, whole), Some(expected), "{row:?}");
        }
        // It is another one's alone.
        let later = region(Recovered, 800, Some(900));
        assert_eq!(window_of(&later, over), None);
    }
}
