//! What holds in a scenario at any instant. Pure: the same scenario and seed give the same.

mod centres;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bongsu_model::{DependencyStrength, FeatureId, Timestamp};
use bongsu_superapp::{Fault, FaultKind, FaultPoint, PlatformFeature};
use sha2::Digest as _;

use super::{Basis, Condition, Event, FleetPart, Injection, Row, Scenario, When};

/// A fault that is there for a share of the time is there for whole stretches of this length,
/// drawn from the seed: a quarter of the usual cadence, so that agents meet it one by one.
pub const WINDOW: Duration = Duration::from_secs(75);

/// A row at its instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Happening<'a> {
    /// When it is.
    pub at: Timestamp,
    /// Whether that was drawn: nobody knows it.
    pub is_synthetic: bool,
    /// The row.
    pub row: &'a Row,
    /// Its place in the file.
    place: usize,
}

impl Happening<'_> {
    /// When it became public.
    pub fn published(&self) -> Timestamp {
        self.row.published.unwrap_or(self.at)
    }
}

/// How a feature lies by what is injected, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lie {
    /// Nothing is injected that it rests on, and all of it is served.
    Works,
    /// It fails for some, at times, or slowly; or something fails that it can do without.
    Impaired,
    /// It fails everywhere all the time.
    Broken,
}

/// A stretch in which a feature lies the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
    /// How it lies.
    pub lie: Lie,
    /// Whether an end of it was drawn.
    pub is_synthetic: bool,
    /// Whether a made-up condition decides it.
    pub is_modelled: bool,
}

/// A scenario with every time decided.
#[derive(Debug, Clone)]
pub struct Timeline<'a> {
    scenario: &'a Scenario,
    seed: u64,
    /// By time, then by place in the file.
    happenings: Vec<Happening<'a>>,
}

impl<'a> Timeline<'a> {
    /// Draws what nobody knows.
    pub fn new(scenario: &'a Scenario, seed: u64) -> Self {
        let rows = scenario.rows.iter().enumerate();
        let mut happenings: Vec<_> = rows
            .map(|(place, row)| {
                let (at, is_synthetic) = match row.when {
                    When::At(at) => (at, false),
                    When::Between(from, until) => (drawn(seed, place, from, until), true),
                };
                Happening {
                    at,
                    is_synthetic,
                    row,
                    place,
                }
            })
            .collect();
        happenings.sort_by_key(|happening| (happening.at, happening.place));
        Self {
            scenario,
            seed,
            happenings,
        }
    }

    /// The scenario.
    pub fn scenario(&self) -> &'a Scenario {
        self.scenario
    }

    /// Every row, by time.
    pub fn happenings(&self) -> &[Happening<'a>] {
        &self.happenings
    }

    /// What is injected at `at`.
    pub fn faults_at(&self, at: Timestamp) -> Vec<Fault> {
        let window = window_of(at);
        let mut faults = Vec::new();
        for (happening, injections) in self.broken_at(at) {
            for (number, injection) in injections.iter().enumerate() {
                let draw = unit(self.seed, &[happening.place, number], window);
                if draw < injection.share {
                    faults.push(injection.fault.clone());
                }
            }
        }
        faults
    }

    /// The parts of the fleet that are cut off at `at`.
    pub fn cut_at(&self, at: Timestamp) -> BTreeSet<FleetPart> {
        let mut cut = BTreeSet::new();
        for happening in self
            .happenings
            .iter()
            .take_while(|happening| happening.at <= at)
        {
            match &happening.row.event {
                Event::Sight {
                    part, is_cut: true, ..
                } => _ = cut.insert(part.clone()),
                Event::Sight { part, .. } => _ = cut.remove(part),
                Event::Condition { .. }
                | Event::Facility { .. }
                | Event::Statement { .. }
                | Event::Annotation { .. } => {}
            }
        }
        cut
    }

    /// When something else may be injected than at `at`.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let next = self.happenings.iter().map(|happening| happening.at);
        let next = next.filter(|next| *next > at).min();
        let mut injections = self.broken_at(at).into_iter().flat_map(|(_, all)| all);
        let window = injections
            .any(|injection| !injection.is_constant())
            .then(|| start_of(window_of(at) + 1));
        next.into_iter().chain(window).min()
    }

    /// The broken parts at `at`, each with the row that broke it.
    fn broken_at(&self, at: Timestamp) -> Vec<(Happening<'a>, &'a [Injection])> {
        let standing = self.standing_at(at).into_values();
        let broken = standing.filter_map(|happening| match &happening.row.event {
            Event::Condition {
                condition: Condition::Broken(injections),
                ..
            } => Some((happening, injections.as_slice())),
            _ => None,
        });
        broken.collect()
    }

    /// The newest row on each part of the platform.
    fn standing_at(&self, at: Timestamp) -> BTreeMap<FaultPoint, Happening<'a>> {
        let until = self
            .happenings
            .partition_point(|happening| happening.at <= at);
        let conditions =
            self.happenings[..until]
                .iter()
                .filter_map(|happening| match &happening.row.event {
                    Event::Condition { on, .. } => Some((*on, *happening)),
                    Event::Facility { .. }
                    | Event::Sight { .. }
                    | Event::Statement { .. }
                    | Event::Annotation { .. } => None,
                });
        conditions.collect()
    }

    /// What is said of a feature by `track` that was public at `at`: the newest, by the instant
    /// that it speaks of.
    pub fn statement(
        &self,
        track: bongsu_model::Track,
        feature: &FeatureId,
        at: Timestamp,
    ) -> Option<Happening<'a>> {
        let said = self.happenings.iter().filter(|happening| {
            let is_about = match &happening.row.event {
                Event::Statement {
                    track: own,
                    subject,
                    ..
                } => *own == track && subject.covers(feature),
                Event::Condition { .. }
                | Event::Facility { .. }
                | Event::Sight { .. }
                | Event::Annotation { .. } => false,
            };
            is_about && happening.published() <= at
        });
        said.max_by_key(|happening| (happening.at, happening.place))
            .copied()
    }

    /// How a feature that rests on `on` lies over time, from the scenario's beginning to its end;
    /// neighbours differ.
    pub fn spans(&self, on: &[(PlatformFeature, DependencyStrength)]) -> Vec<Span> {
        let (from, until) = (self.scenario.from, self.scenario.until);
        let mut cuts: Vec<_> = self
            .happenings
            .iter()
            .map(|happening| happening.at)
            .collect();
        cuts.retain(|cut| *cut > from && *cut < until);
        cuts.dedup();
        cuts.push(until);
        let is_drawn = |at| on.iter().any(|(feature, _)| self.is_drawn(*feature, at));
        let mut spans: Vec<Span> = Vec::new();
        let mut begin = from;
        for cut in cuts {
            let (lie, is_modelled) = self.lie_of_all(on, begin);
            match spans.last_mut() {
                Some(last) if last.lie == lie => {
                    last.until = cut;
                    last.is_modelled |= is_modelled;
                }
                _ => spans.push(Span {
                    from: begin,
                    until: cut,
                    lie,
                    is_synthetic: is_drawn(begin),
                    is_modelled,
                }),
            }
            begin = cut;
        }
        for span in &mut spans {
            span.is_synthetic |= is_drawn(span.until);
        }
        spans
    }

    fn lie_of_all(
        &self,
        on: &[(PlatformFeature, DependencyStrength)],
        at: Timestamp,
    ) -> (Lie, bool) {
        let lies = on.iter().map(|(feature, strength)| {
            let (lie, is_modelled) = self.lie(*feature, at);
            match strength {
                DependencyStrength::Hard => (lie, is_modelled),
                DependencyStrength::Soft => (lie.min(Lie::Impaired), is_modelled),
            }
        });
        lies.max().unwrap_or((Lie::Works, false))
    }

    /// How a feature lies at `at`, and whether a made-up condition decides it.
    pub fn lie(&self, feature: PlatformFeature, at: Timestamp) -> (Lie, bool) {
        let broken = self.broken_at(at).into_iter();
        let broken = broken.filter_map(|(happening, injections)| {
            let Event::Condition { on, basis, .. } = &happening.row.event else {
                return None;
            };
            let strength = needs(feature, *on)?;
            let lies = injections
                .iter()
                .map(|injection| lie_of(injection, strength));
            Some((lies.max()?, *basis == Basis::Modelled))
        });
        let all = broken.chain(self.lies_by_centre(feature, at));
        all.fold((Lie::Works, false), |worst, one| {
            match one.0.cmp(&worst.0) {
                Ordering::Less => worst,
                Ordering::Equal => (worst.0, worst.1 || one.1),
                Ordering::Greater => one,
            }
        })
    }

    /// Whether a row on something that `feature` rests on was drawn to be at `at`.
    fn is_drawn(&self, feature: PlatformFeature, at: Timestamp) -> bool {
        self.happenings.iter().any(|happening| {
            let is_needed = match &happening.row.event {
                Event::Condition { on, .. } => needs(feature, *on).is_some(),
                Event::Facility { act, .. } => centres::may_change(*act, feature),
                Event::Sight { .. } | Event::Statement { .. } | Event::Annotation { .. } => false,
            };
            happening.at == at && happening.is_synthetic && is_needed
        })
    }
}

/// How strongly a feature rests on a part of the platform, if it does.
pub(super) fn needs(feature: PlatformFeature, on: FaultPoint) -> Option<DependencyStrength> {
    match on {
        FaultPoint::Feature(own) => (own == feature).then_some(DependencyStrength::Hard),
        FaultPoint::Component(component) => {
            let mut needs = feature.needs().iter();
            let found = needs.find(|(needed, _)| *needed == component);
            found.map(|(_, strength)| *strength)
        }
    }
}

fn lie_of(injection: &Injection, strength: DependencyStrength) -> Lie {
    let is_whole = injection.is_constant()
        && injection.fault == Fault::everywhere(injection.fault.on, injection.fault.kind)
        && strength == DependencyStrength::Hard
        && breaks_every_call(injection.fault.kind);
    if is_whole { Lie::Broken } else { Lie::Impaired }
}

/// Whether nobody gets through: what only delays, or strikes only what is delivered or shown
/// wrong, may pass where a feature does not look at it.
fn breaks_every_call(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::Refuse
            | FaultKind::Reset
            | FaultKind::Hang
            | FaultKind::Error(_)
            | FaultKind::DnsFailure(_)
            | FaultKind::BadCertificate(_)
    )
}

fn window_of(at: Timestamp) -> u64 {
    at.as_unix_nanos() / window_ns()
}

fn start_of(window: u64) -> Timestamp {
    Timestamp::from_unix_nanos(window.saturating_mul(window_ns()))
}

fn window_ns() -> u64 {
    u64::try_from(WINDOW.as_nanos()).unwrap_or(u64::MAX)
}

/// An instant between two, to the minute so that it reads like the others.
fn drawn(seed: u64, place: usize, from: Timestamp, until: Timestamp) -> Timestamp {
    const MINUTE: u64 = 60;
    let minutes = until.since(from).as_secs() / MINUTE;
    let share = unit(seed, &[place], 0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a number of minutes"
    )]
    let minute = (share * minutes as f64) as u64;
    from + Duration::from_secs(minute * MINUTE)
}

/// A number from 0 to below 1 that the seed and the place decide.
fn unit(seed: u64, place: &[usize], window: u64) -> f64 {
    let mut digest = sha2::Sha256::new();
    digest.update(seed.to_le_bytes());
    for part in place {
        digest.update((*part as u64).to_le_bytes());
    }
    digest.update(window.to_le_bytes());
    let digest: [u8; 32] = digest.finalize().into();
    let bits = u32::from_le_bytes(digest[..4].try_into().expect("4 of 32 bytes"));
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests;
