//! The recovery of an outage: every affected feature, how far it is, how much is back.

use bongsu_availability::{
    IncidentId, IncidentView, RecoveredShare, RecoveryClock, RecoveryRow, RecoveryState,
    RecoveryView, RegionRecovery, Rto, RtoAlarm, TierCount,
};
use bongsu_model::{FeatureId, FeatureState, RegionId, ServiceId, TargetName, Timestamp};

use super::{BoardAnswer, ClaimInForceAnswer, FailureAnswer, NamesAnswer, Naming, Time};
use crate::claims::{Announcement, ClaimBook};

/// `GET /api/v1/recovery`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RecoveryAnswer {
    /// The environment.
    pub target: TargetName,
    /// As of when.
    pub as_of: Time,
    /// The outage that is asked for, or the newest one; null if none is remembered.
    pub outage: Option<OutageAnswer>,
    /// The outages that are remembered, newest first.
    pub outages: Vec<OutageMention>,
}

/// What a recovery is told from.
#[derive(Debug, Clone, Copy)]
pub struct RecoverySource<'a> {
    /// The outages, newest first.
    pub outages: &'a [RecoveryView],
    /// What is measured of the features now.
    pub board: &'a BoardAnswer,
    /// The incidents of the target.
    pub incidents: &'a [IncidentView],
    /// What was said.
    pub claims: &'a ClaimBook,
    /// The limits of the recovery clocks.
    pub rto: Rto,
}

impl RecoverySource<'_> {
    /// The incidents of the outage that were not merged into another: that one has what they had.
    fn incidents_of(&self, outage: &RecoveryView) -> Vec<IncidentId> {
        let was_merged = |id: &IncidentId| {
            let mut known = self.incidents.iter();
            known.any(|incident| incident.id == *id && incident.merged_into.is_some())
        };
        let ours = outage.incidents.iter().filter(|id| !was_merged(id));
        ours.cloned().collect()
    }

    /// When the platform's owner first admitted an incident of the outage.
    fn announced(&self, outage: &RecoveryView) -> Option<Timestamp> {
        let ours = self.incidents.iter();
        let ours = ours.filter(|incident| outage.incidents.contains(&incident.id));
        let first = ours.filter_map(|incident| Announcement::of(incident, self.claims));
        first.map(|first| first.stated.claim.published).min()
    }
}

impl RecoveryAnswer {
    /// The answer with `shown`, which is one of the outages, or with none.
    pub fn new(
        source: RecoverySource<'_>,
        shown: Option<&RecoveryView>,
        naming: Naming<'_>,
    ) -> Self {
        Self {
            target: source.board.target.clone(),
            as_of: source.board.as_of,
            outage: shown.map(|outage| OutageAnswer::new(outage, source, naming)),
            outages: source.outages.iter().map(OutageMention::new).collect(),
        }
    }
}

/// An outage that can be asked for.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct OutageMention {
    /// Its name.
    pub id: IncidentId,
    /// Start of the first failed run.
    pub onset: Time,
    /// When the last of its incidents was closed.
    pub ended: Option<Time>,
    /// How many features it affected.
    pub affected: u32,
    /// How much of it is over, 0 to 1.
    pub weighted: f64,
}

impl OutageMention {
    fn new(outage: &RecoveryView) -> Self {
        Self {
            id: outage.id.clone(),
            onset: Time(outage.onset),
            ended: outage.ended.map(Time),
            affected: outage.share.affected,
            weighted: outage.share.weighted,
        }
    }
}

/// An outage with its affected features.
#[derive(Debug, Clone, serde::Serialize)]
pub struct OutageAnswer {
    /// Its name: that of its first incident.
    pub id: IncidentId,
    /// Its incidents, the oldest first, without those that were merged into another.
    pub incidents: Vec<IncidentId>,
    /// Start of the first failed run.
    pub onset: Time,
    /// When the first cell went down.
    pub detected: Time,
    /// When the platform's owner first admitted it; null if no claim says so.
    pub announced: Option<Time>,
    /// When the last of its incidents was closed; null while it lasts.
    pub ended: Option<Time>,
    /// Seconds since its onset, until its end.
    pub elapsed_s: u64,
    /// Seconds since it was announced, until its end.
    pub since_announced_s: Option<u64>,
    /// Seconds from the measured onset to the announcement; negative if it was announced before.
    pub announcement_lag_s: Option<i64>,
    /// How much of it is over.
    pub recovered: RecoveredAnswer,
    /// How often a region of a feature went down again.
    pub relapses: u32,
    /// From a feature's first failed run to `rto.warn`, in seconds.
    pub rto_warn_s: u64,
    /// From a feature's first failed run to `rto.breach`, in seconds.
    pub rto_breach_s: u64,
    /// The affected features, the heaviest first: the set grows and never shrinks.
    pub features: Vec<RecoveryFeatureAnswer>,
}

impl OutageAnswer {
    fn new(outage: &RecoveryView, source: RecoverySource<'_>, naming: Naming<'_>) -> Self {
        let present = outage.present();
        let announced = source.announced(outage);
        let rows = outage.rows.iter();
        Self {
            id: outage.id.clone(),
            incidents: source.incidents_of(outage),
            onset: Time(outage.onset),
            detected: Time(outage.detected),
            announced: announced.map(Time),
            ended: outage.ended.map(Time),
            elapsed_s: present.since(outage.onset).as_secs(),
            since_announced_s: announced.map(|at| present.since(at).as_secs()),
            announcement_lag_s: announced.map(|at| lag_s(outage.onset, at)),
            recovered: RecoveredAnswer::new(&outage.share),
            relapses: outage.relapses,
            rto_warn_s: source.rto.warn.as_secs(),
            rto_breach_s: source.rto.breach.as_secs(),
            features: rows
                .map(|row| RecoveryFeatureAnswer::new(row, present, source.board, naming))
                .collect(),
        }
    }
}

/// Whole seconds from `onset` to `at`, which may lie before it.
fn lag_s(onset: Timestamp, at: Timestamp) -> i64 {
    let lag = i64::try_from(onset.distance(at).as_secs()).unwrap_or(i64::MAX);
    if at < onset { -lag } else { lag }
}

/// How much of an outage is over. It can fall.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RecoveredAnswer {
    /// Weighted by life impact, users and harm, and by the users of regions: 0 to 1.
    pub weighted: f64,
    /// Features that are back in every region in which they were affected.
    pub restored: u32,
    /// Affected features.
    pub affected: u32,
    /// The same by tier, the highest first.
    pub tiers: Vec<TierCount>,
}

impl RecoveredAnswer {
    fn new(share: &RecoveredShare) -> Self {
        Self {
            weighted: share.weighted,
            restored: share.restored,
            affected: share.affected,
            tiers: share.tiers.clone(),
        }
    }
}

/// An affected feature.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RecoveryFeatureAnswer {
    /// Its id.
    pub id: FeatureId,
    /// Its names; its id where the catalogue no longer has it.
    pub names: NamesAnswer,
    /// Its service; null where the catalogue no longer has it.
    pub service: Option<ServiceId>,
    /// How far it is.
    pub state: RecoveryState,
    /// Since when.
    pub since: Time,
    /// While blocked: the feature that stands before it in most regions.
    pub blocked_by: Option<FeatureId>,
    /// Its state on the board now.
    pub measured: FeatureState,
    /// What the platform's owner says of it; null until there is a claim.
    pub claim: Option<ClaimInForceAnswer>,
    /// The larger of `life_impact` and `absence_harm`, 0 to 3.
    pub tier: u8,
    /// How much it counts: the larger of the two below.
    pub weight: u32,
    /// By life impact and users.
    pub weight_by_use: u32,
    /// By the harm that its absence does.
    pub weight_by_harm: u32,
    /// Affected regions in which it is back.
    pub regions_up: u32,
    /// Regions in which it was affected.
    pub regions_affected: u32,
    /// The share of its affected users, by region, for whom it is back. 0 to 1.
    pub share: f64,
    /// The fewest passes in a row of its regions.
    pub passes: u32,
    /// How often a region of it went down again.
    pub relapses: u32,
    /// The newest failed run of an affected region.
    pub last_failure: Option<FailureAnswer>,
    /// The newest incident that has it.
    pub incident: IncidentId,
    /// Its recovery clock; null where it was only ever blocked.
    pub clock: Option<RecoveryClockAnswer>,
    /// The regions in which it was affected.
    pub regions: Vec<RegionRecoveryAnswer>,
}

impl RecoveryFeatureAnswer {
    pub(super) fn new(
        row: &RecoveryRow,
        present: Timestamp,
        board: &BoardAnswer,
        naming: Naming<'_>,
    ) -> Self {
        let listed = naming.catalogue.feature(&row.feature);
        let measured = board.features.iter().find(|f| f.id == row.feature);
        Self {
            id: row.feature.clone(),
            names: listed.map_or_else(
                || NamesAnswer::same(row.feature.as_str()),
                |feature| NamesAnswer::from(&feature.names),
            ),
            service: listed.map(|feature| feature.service.clone()),
            state: row.state,
            since: Time(row.since),
            blocked_by: row.blocked_by.clone(),
            measured: measured.map_or(FeatureState::Unmeasured, |feature| feature.state),
            claim: measured.and_then(|feature| feature.claim.clone()),
            tier: row.weight.tier,
            weight: row.weight.value(),
            weight_by_use: row.weight.by_use,
            weight_by_harm: row.weight.by_harm,
            regions_up: count(row.regions_up()),
            regions_affected: count(row.regions.len()),
            share: row.share(),
            passes: row.passes,
            relapses: row.relapses,
            last_failure: row.last_failure.as_ref().map(FailureAnswer::new),
            incident: row.incident.clone(),
            clock: row
                .clock
                .map(|clock| RecoveryClockAnswer::new(&clock, present)),
            regions: row
                .regions
                .iter()
                .map(|region| RegionRecoveryAnswer::new(region, naming))
                .collect(),
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A feature's recovery clock.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RecoveryClockAnswer {
    /// Start of the first failed run of the confirmed outage.
    pub started: Time,
    /// Start of the first run of the streak that restored it; null while it runs.
    pub stopped: Option<Time>,
    /// What it reads, in seconds.
    pub elapsed_s: u64,
    /// When `rto.warn` is due.
    pub warn_at: Time,
    /// When `rto.breach` is due.
    pub breach_at: Time,
    /// The limit that it has reached.
    pub reached: Option<RtoAlarm>,
}

impl RecoveryClockAnswer {
    fn new(clock: &RecoveryClock, present: Timestamp) -> Self {
        Self {
            started: Time(clock.started),
            stopped: clock.stopped.map(Time),
            elapsed_s: clock.elapsed(present).as_secs(),
            warn_at: Time(clock.warn_at),
            breach_at: Time(clock.breach_at),
            reached: clock.reached(present),
        }
    }
}

/// An affected feature in one region.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RegionRecoveryAnswer {
    /// The region.
    pub region: RegionId,
    /// Its names.
    pub names: NamesAnswer,
    /// Its users as a weight.
    pub weight: f64,
    /// How far it is.
    pub state: RecoveryState,
    /// Since when.
    pub since: Time,
    /// The feature that stands before it, while blocked.
    pub blocked_by: Option<FeatureId>,
    /// Start of the first failed run; null where it was only ever blocked.
    pub onset: Option<Time>,
    /// Start of the streak of passes that goes on, or that restored it.
    pub first_pass: Option<Time>,
    /// Passes in a row.
    pub passes: u32,
    /// How often it went down again after it had begun to recover.
    pub relapses: u32,
}

impl RegionRecoveryAnswer {
    fn new(region: &RegionRecovery, naming: Naming<'_>) -> Self {
        Self {
            region: region.region.clone(),
            names: naming.region(&region.region),
            weight: region.weight,
            state: region.state,
            since: Time(region.since),
            blocked_by: region.blocked_by.clone(),
            onset: region.onset.map(Time),
            first_pass: region.first_pass.map(Time),
            passes: region.passes,
            relapses: region.relapses,
        }
    }
}
