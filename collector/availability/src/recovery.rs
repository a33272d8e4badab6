//! What a recovery board shows of an outage: who was affected, how far each is, how much is back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Catalogue, Feature, FeatureId, RegionId, TargetName, Timestamp};

use crate::{Failure, IncidentId};

/// Digits of a number of users in the tens of millions, the most that one national platform has a
/// day: what rule B takes in place of the users of a feature whose absence does harm.
const USERS_DIGITS_MOST: u32 = 8;

/// How far the recovery is, of a feature or of a feature in one region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryState {
    /// It is down, and nothing passes.
    Down,
    /// Another feature stands before it.
    Blocked,
    /// Nobody sees it: neither down nor back.
    NoSight,
    /// It was down, and passes come: alone, mixed with failures, or in some regions only.
    Recovering,
    /// It is up again in every region in which it was affected, each after the passes in a row
    /// that [`Settings::passes_to_up`](crate::Settings::passes_to_up) asks for.
    Recovered,
    /// It has stayed so: 29 passes in a row and 15 minutes in each of them.
    Verified,
}

impl RecoveryState {
    /// All, the worst first.
    pub const ALL: [Self; 6] = [
        Self::Down,
        Self::Blocked,
        Self::NoSight,
        Self::Recovering,
        Self::Recovered,
        Self::Verified,
    ];

    /// Its word, as the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Blocked => "blocked",
            Self::NoSight => "no_sight",
            Self::Recovering => "recovering",
            Self::Recovered => "recovered",
            Self::Verified => "verified",
        }
    }

    /// Whether it counts as back.
    pub const fn is_restored(self) -> bool {
        matches!(self, Self::Recovered | Self::Verified)
    }

    /// The state of a feature from those of its affected regions. Down somewhere is down, and
    /// recovering as soon as any region is on its way; what nobody sees is never called back.
    pub(crate) fn over(regions: &[Self]) -> Self {
        let has = |state: Self| regions.contains(&state);
        let on_its_way = has(Self::Recovering) || has(Self::Recovered) || has(Self::Verified);
        if has(Self::Down) {
            if on_its_way {
                Self::Recovering
            } else {
                Self::Down
            }
        } else if has(Self::Recovering) {
            Self::Recovering
        } else if has(Self::Blocked) {
            Self::Blocked
        } else if has(Self::NoSight) {
            Self::NoSight
        } else if has(Self::Recovered) {
            Self::Recovered
        } else {
            Self::Verified
        }
    }
}

/// A limit of the recovery clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub enum RtoAlarm {
    /// Half of the time is gone.
    #[serde(rename = "rto.warn")]
    Warn,
    /// The time is over.
    #[serde(rename = "rto.breach")]
    Breach,
}

impl RtoAlarm {
    /// Its word, as events carry it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "rto.warn",
            Self::Breach => "rto.breach",
        }
    }
}

/// After how long a feature's recovery clock warns, and is over. A limit is told late rather than
/// wrongly: not while passes go on that began before it, of which too few came to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rto {
    /// From the first failed run to [`RtoAlarm::Warn`].
    pub warn: Duration,
    /// From the first failed run to [`RtoAlarm::Breach`].
    pub breach: Duration,
}

impl Default for Rto {
    /// 10 and 20 minutes: the manual of the company in the outage of October 2022 said "recovery
    /// within 20 minutes" (20분 내 복구가 매뉴얼); half of it is the warning.
    fn default() -> Self {
        Self {
            warn: Duration::from_secs(10 * 60),
            breach: Duration::from_secs(20 * 60),
        }
    }
}

/// A feature's recovery clock: from the start of the first failed run of the confirmed outage to
/// the start of the first run of the streak of passes that ended it. A relapse lets it go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct RecoveryClock {
    /// Start of the first failed run.
    pub started: Timestamp,
    /// Start of the first run of the streak that restored the last region that failed; those that
    /// were only blocked do not count.
    pub stopped: Option<Timestamp>,
    /// Where it will have stopped, if the passes that every such region has now go on.
    pub passing: Option<Timestamp>,
    /// When [`RtoAlarm::Warn`] is due.
    pub warn_at: Timestamp,
    /// When [`RtoAlarm::Breach`] is due.
    pub breach_at: Timestamp,
}

impl RecoveryClock {
    /// What it reads at `now`.
    pub fn elapsed(&self, now: Timestamp) -> Duration {
        self.stopped.unwrap_or(now).since(self.started)
    }

    /// The limit that it has reached at `now`. A clock that stopped in time has reached none, nor
    /// has one that will have if the passes go on.
    pub fn reached(&self, now: Timestamp) -> Option<RtoAlarm> {
        let end = self.stopped.or(self.passing).unwrap_or(now);
        let read = self.started.max(end);
        if read >= self.breach_at {
            Some(RtoAlarm::Breach)
        } else if read >= self.warn_at {
            Some(RtoAlarm::Warn)
        } else {
            None
        }
    }
}

/// How much a feature counts among the affected ones.
///
/// Rule A, what is closest to daily life and most used comes first: one more than `life_impact`,
/// times the digits of `daily_users`, so that a tenfold of users counts one step more and none
/// drowns the others. Rule B, whatever its users, what does harm by its absence: one more than
/// `absence_harm`, times the digits that the most used feature has. The larger one counts, so that
/// harm raises and never lowers, and every feature weighs at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct FeatureWeight {
    /// By rule A.
    pub by_use: u32,
    /// By rule B; 0 where the absence does no harm.
    pub by_harm: u32,
    /// The larger of `life_impact` and `absence_harm`, 0 to 3.
    pub tier: u8,
}

impl FeatureWeight {
    /// The weight of a feature; one that the catalogue does not have weighs 1.
    pub fn of(feature: Option<&Feature>) -> Self {
        let Some(feature) = feature else {
            return Self {
                by_use: 1,
                by_harm: 0,
                tier: 0,
            };
        };
        let (impact, harm) = (feature.life_impact.get(), feature.absence_harm.get());
        let digits = feature.daily_users.checked_ilog10().unwrap_or(0) + 1;
        let by_harm = match harm {
            0 => 0,
            harm => (1 + u32::from(harm)) * USERS_DIGITS_MOST,
        };
        Self {
            by_use: (1 + u32::from(impact)) * digits,
            by_harm,
            tier: impact.max(harm),
        }
    }

    /// What counts: the larger of the two.
    pub fn value(self) -> u32 {
        self.by_use.max(self.by_harm)
    }
}

/// An affected feature in one region in which it was affected.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RegionRecovery {
    /// The region.
    pub region: RegionId,
    /// Its users as a weight.
    pub weight: f64,
    /// How far it is.
    pub state: RecoveryState,
    /// Since when.
    pub since: Timestamp,
    /// The feature that stands before it, while blocked.
    pub blocked_by: Option<FeatureId>,
    /// Start of the first failed run; none where it was only ever blocked.
    pub onset: Option<Timestamp>,
    /// Start of the streak of passes that goes on, or that restored it.
    pub first_pass: Option<Timestamp>,
    /// Passes in a row.
    pub passes: u32,
    /// How often it went down again after it had begun to recover.
    pub relapses: u32,
}

/// An affected feature.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RecoveryRow {
    /// Which.
    pub feature: FeatureId,
    /// The newest incident that has it.
    pub incident: IncidentId,
    /// How far it is.
    pub state: RecoveryState,
    /// Since when.
    pub since: Timestamp,
    /// While blocked: the feature that stands before it in most regions.
    pub blocked_by: Option<FeatureId>,
    /// How much it counts.
    pub weight: FeatureWeight,
    /// The regions in which it was affected, in the roster's order.
    pub regions: Vec<RegionRecovery>,
    /// The fewest passes in a row of its regions.
    pub passes: u32,
    /// The newest failed run of an affected region.
    pub last_failure: Option<Failure>,
    /// How often a region of it went down again.
    pub relapses: u32,
    /// Its clock; none where it was only ever blocked: what blocks it has one.
    pub clock: Option<RecoveryClock>,
}

impl RecoveryRow {
    /// Affected regions in which it is back.
    pub fn regions_up(&self) -> usize {
        let up = |region: &&RegionRecovery| region.state.is_restored();
        self.regions.iter().filter(up).count()
    }

    /// The share of its affected users, by region, for whom it is back. 0 to 1.
    pub fn share(&self) -> f64 {
        let all: f64 = self.regions.iter().map(|region| region.weight).sum();
        let up = self.regions.iter().filter(|r| r.state.is_restored());
        let up: f64 = up.map(|region| region.weight).sum();
        if all > 0.0 { up / all } else { 0.0 }
    }
}

/// How many of the affected features of one tier are back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct TierCount {
    /// The tier, 0 to 3.
    pub tier: u8,
    /// Features of it that are back.
    pub restored: u32,
    /// Affected features of it.
    pub affected: u32,
}

/// How much of an outage is over. It can fall: by a relapse, by another feature that is affected,
/// by sight that is lost.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RecoveredShare {
    /// Σ weight · share of affected users for whom it is back / Σ weight. 0 to 1.
    pub weighted: f64,
    /// Features that are back in every region in which they were affected.
    pub restored: u32,
    /// Affected features.
    pub affected: u32,
    /// The same by tier, the highest first.
    pub tiers: Vec<TierCount>,
}

impl RecoveredShare {
    /// The share over the affected features.
    pub fn of(rows: &[RecoveryRow]) -> Self {
        let mut tiers: BTreeMap<u8, TierCount> = BTreeMap::new();
        let (mut all, mut up) = (0.0, 0.0);
        for row in rows {
            let weight = f64::from(row.weight.value());
            all += weight;
            up += weight * row.share();
            let tier = row.weight.tier;
            let count = tiers.entry(tier).or_insert(TierCount {
                tier,
                restored: 0,
                affected: 0,
            });
            count.affected += 1;
            count.restored += u32::from(row.state.is_restored());
        }
        Self {
            weighted: if all > 0.0 { up / all } else { 0.0 },
            restored: tiers.values().map(|tier| tier.restored).sum(),
            affected: tiers.values().map(|tier| tier.affected).sum(),
            tiers: tiers.into_values().rev().collect(),
        }
    }
}

/// What happened to an affected feature.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryStep {
    /// It came this far, or fell back to it.
    State {
        /// Where it was; none when it came to be affected.
        from: Option<RecoveryState>,
        /// Where it is.
        to: RecoveryState,
    },
    /// Its clock reached a limit.
    Alarm(RtoAlarm),
}

/// Something that happened to an affected feature.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RecoveryEvent {
    /// When, in engine time.
    pub at: Timestamp,
    /// To which.
    pub feature: FeatureId,
    /// What.
    pub step: RecoveryStep,
}

/// One outage of a target: every incident from the first that opened while none was open to the
/// last that was closed. The affected set grows and never shrinks.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RecoveryView {
    /// Its name: that of its first incident.
    pub id: IncidentId,
    /// In which environment.
    pub target: TargetName,
    /// Its incidents, the oldest first; of very many the newest.
    pub incidents: Vec<IncidentId>,
    /// Start of the first failed run.
    pub onset: Timestamp,
    /// When the first cell went down.
    pub detected: Timestamp,
    /// When the last of its incidents was closed. From then on a row only moves from recovered to
    /// verified.
    pub ended: Option<Timestamp>,
    /// As of when.
    pub as_of: Timestamp,
    /// The affected features, the heaviest first.
    pub rows: Vec<RecoveryRow>,
    /// How much is back.
    pub share: RecoveredShare,
    /// How often a region of a feature went down again.
    pub relapses: u32,
    /// What happened to its features, the oldest first; of very much the newest.
    pub log: Arc<Vec<RecoveryEvent>>,
    /// How many events the log no longer has.
    pub log_dropped: u64,
}

impl RecoveryView {
    /// The instant that clocks read: its end, or as of when it is told.
    pub fn present(&self) -> Timestamp {
        self.ended.map_or(self.as_of, |ended| ended.min(self.as_of))
    }
}

/// Sorts rows: the heaviest first, then as the catalogue lists them, then by id.
pub(crate) fn sort(rows: &mut [RecoveryRow], catalogue: &Catalogue) {
    let places: BTreeMap<&FeatureId, usize> = catalogue
        .features()
        .iter()
        .enumerate()
        .map(|(place, feature)| (&feature.id, place))
        .collect();
    rows.sort_by_cached_key(|row| {
        let place = places.get(&row.feature).copied().unwrap_or(usize::MAX);
        let weight = std::cmp::Reverse(row.weight.value());
        (weight, place, row.feature.clone())
    });
}

#[cfg(test)]
mod tests {
    use bongsu_model::{Names, Paid, Rank, ServiceId};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_feature_is_as_far_as_its_regions_let_it_be() {
        use RecoveryState::{Blocked, Down, NoSight, Recovered, Recovering, Verified};
        for (regions, state) in [
            (&[Down, Down][..], Down),
            (&[Down, Blocked], Down),
            (&[Down, NoSight], Down),
            (&[Down, Recovering], Recovering),
            (&[Down, Verified], Recovering),
            (&[Recovering, NoSight], Recovering),
            (&[Recovered, Blocked], Blocked),
            (&[Blocked, NoSight], Blocked),
            (&[Verified, NoSight], NoSight),
            (&[Recovered, Verified], Recovered),
            (&[Verified, Verified], Verified),
        ] {
            assert_eq!(RecoveryState::over(regions), state, "{regions:?}");
        }
    }

    #[test]
    fn a_clock_that_stopped_in_time_has_reached_nothing() {
        let at = Timestamp::from_unix_seconds;
        let clock = |stopped, passing| RecoveryClock {
            started: at(0),
            stopped,
            passing,
            warn_at: at(600),
            breach_at: at(1_200),
        };
        for (now, reached) in [
            (599, None),
            (600, Some(RtoAlarm::Warn)),
            (1_200, Some(RtoAlarm::Breach)),
        ] {
            assert_eq!(clock(None, None).reached(at(now)), reached, "{now}");
        }
        for (end, reached) in [
            (590, None),
            (1_199, Some(RtoAlarm::Warn)),
            (1_200, Some(RtoAlarm::Breach)),
        ] {
            let end = Some(at(end));
            assert_eq!(clock(end, None).reached(at(9_000)), reached, "{end:?}");
            assert_eq!(clock(None, end).reached(at(9_000)), reached, "{end:?}");
            let later = Some(at(8_000));
            assert_eq!(clock(end, later).reached(at(9_000)), reached, "{end:?}");
        }
    }

    fn feature(impact: u8, harm: u8, daily_users: u64) -> Feature {
        Feature {
            id: FeatureId::new("a.b").expect("a name"),
            names: Names {
                ko: String::new(),
                en: String::new(),
            },
            service: ServiceId::new("a").expect("a name"),
            life_impact: Rank::new(impact).expect("a rank"),
            absence_harm: Rank::new(harm).expect("a rank"),
            daily_users,
            paid: Paid::Free,
            depends_on: Vec::new(),
            shares: Vec::new(),
            objective: None,
        }
    }

    fn weight(impact: u8, harm: u8, users: u64) -> u32 {
        FeatureWeight::of(Some(&feature(impact, harm, users))).value()
    }

    #[test]
    fn weights_are_as_documented() {
        assert_eq!(weight(3, 0, 40_000_000), 4 * 8);
        assert_eq!(weight(3, 0, 2_000_000), 4 * 7);
        assert_eq!(weight(0, 0, 0), 1);
        // Few use it, but its absence does harm: as heavy as what everybody uses.
        assert_eq!(weight(1, 3, 900), 4 * 8);
        assert_eq!(FeatureWeight::of(None).value(), 1);
    }

    proptest! {
        #[test]
        fn harm_raises_a_weight_and_never_lowers_it(
            impact in 0_u8..4, harm in 0_u8..3, users in any::<u64>(),
        ) {
            prop_assert!(weight(impact, harm + 1, users) >= weight(impact, harm, users));
            prop_assert!(weight(impact, harm, users) >= weight(impact, 0, users));
            prop_assert!(weight(impact, harm, users) >= 1);
        }
    }
}
