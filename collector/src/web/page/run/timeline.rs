//! Where everything of a run lies on its one time axis: geometry, no markup.

use std::fmt::Write as _;

use bongsu_model::{ActorName, StepKind, Timestamp};

use crate::web::answer::{RunAnswer, StepAnswer};

/// The shortest axis in seconds: a run that took no time has room for its bars all the same.
const LENGTH_MIN: f64 = 0.000_001;

/// Ticks between which a person can still count.
const TICKS_MAX: f64 = 5.0;

/// A run on its axis. All positions are seconds from the axis' beginning.
#[derive(Debug)]
pub(super) struct Timeline<'a> {
    /// The length of the axis: from the run's or its first step's start to the last end of either.
    pub(super) length: f64,
    /// When the run itself began.
    pub(super) began: f64,
    /// When the last step that measures had ended: what follows is cleanup.
    pub(super) measured_until: f64,
    /// What each actor did, in the order in which they began; cleanup behind.
    pub(super) lanes: Vec<Lane<'a>>,
}

/// What one actor did, measuring or cleaning up.
#[derive(Debug)]
pub(super) struct Lane<'a> {
    pub(super) actor: &'a ActorName,
    pub(super) kind: StepKind,
    pub(super) bars: Vec<Bar<'a>>,
}

/// One step.
#[derive(Debug)]
pub(super) struct Bar<'a> {
    /// Its place in the run's list of steps.
    pub(super) place: usize,
    pub(super) step: &'a StepAnswer,
    pub(super) from: f64,
    pub(super) until: f64,
    /// What it is made of, without gaps.
    pub(super) parts: Vec<Part>,
}

/// A part of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Part {
    /// `earlier`, `rest`, or the name of a phase.
    pub(super) name: &'static str,
    pub(super) from: f64,
    pub(super) until: f64,
}

impl<'a> Timeline<'a> {
    pub(super) fn of(run: &RunAnswer, steps: &'a [StepAnswer]) -> Self {
        let starts = steps.iter().map(|step| step.started.0);
        let origin = starts.fold(run.started.0, Timestamp::min);
        let ends = steps.iter().map(|step| step.ended.0);
        let end = ends.fold(run.ended.0.max(run.started.0), Timestamp::max);
        let at = |instant: Timestamp| instant.since(origin).as_secs_f64();
        let measured = steps.iter().filter(|step| step.kind == StepKind::Step);
        let mut lanes: Vec<Lane<'a>> = Vec::new();
        for kind in [StepKind::Step, StepKind::Cleanup] {
            let of_kind = steps.iter().enumerate();
            for (place, step) in of_kind.filter(|(_, step)| step.kind == kind) {
                let from = at(step.started.0);
                let until = at(step.ended.0).max(from);
                let bar = Bar {
                    place,
                    step,
                    from,
                    until,
                    parts: parts(from, until, step),
                };
                let mut known = lanes.iter_mut();
                match known.find(|lane| lane.kind == kind && *lane.actor == step.actor) {
                    Some(lane) => lane.bars.push(bar),
                    None => lanes.push(Lane {
                        actor: &step.actor,
                        kind,
                        bars: vec![bar],
                    }),
                }
            }
        }
        Self {
            length: at(end).max(LENGTH_MIN),
            began: at(run.started.0),
            measured_until: measured.map(|step| at(step.ended.0)).fold(0.0, f64::max),
            lanes,
        }
    }

    /// A position as a share of the axis, in percent with three places.
    pub(super) fn percent(&self, seconds: f64) -> String {
        let share = (seconds / self.length * 100.0).clamp(0.0, 100.0);
        let mut text = String::new();
        write!(text, "{share:.3}").expect("writing to a String does not fail");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        format!("{text}%")
    }

    /// Round instants to draw lines at, from 0 on.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let rough = self.length / TICKS_MAX;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * power)
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        (0..=6_u32)
            .map(|n| f64::from(n) * step)
            .take_while(|tick| *tick <= self.length * 1.000_001)
            .collect()
    }
}

/// What a step between `from` and `until` is made of: earlier attempts first, the deciding one's
/// phases at the end, and the rest, such as pauses between attempts and polls, between them. Where
/// they claim more than the step took they are shortened alike.
fn parts(from: f64, until: f64, step: &StepAnswer) -> Vec<Part> {
    let earlier = step.earlier_attempts.iter();
    let earlier: Vec<_> = earlier
        .map(|attempt| ("earlier", attempt.duration_s))
        .collect();
    let phases = step.phases.named().into_iter();
    let phases: Vec<_> = phases.filter_map(|(name, s)| Some((name, s?))).collect();
    let claimed: f64 = earlier.iter().chain(&phases).map(|(_, s)| s.max(0.0)).sum();
    let took = until - from;
    let scale = if claimed > took { took / claimed } else { 1.0 };
    let rest = (
        "rest",
        (took - claimed).max(0.0) / scale.max(f64::MIN_POSITIVE),
    );
    let mut parts = Vec::new();
    let mut at = from;
    for (name, seconds) in earlier.into_iter().chain([rest]).chain(phases) {
        let end = (at + seconds.max(0.0) * scale).min(until);
        if end > at {
            parts.push(Part {
                name,
                from: at,
                until: end,
            });
        }
        at = end;
    }
    parts
}

#[cfg(test)]
mod tests {
    use bongsu_model::{FailClass, Verb};
    use proptest::prelude::*;

    use super::*;
    use crate::web::answer::{AttemptAnswer, NetworkAnswer, PhasesAnswer, Time};

    fn step(from: u64, took: u64, phases: [Option<f64>; 5], earlier: &[f64]) -> StepAnswer {
        let [dns, connect, tls, wait, receive] = phases;
        StepAnswer {
            name: "s".to_owned(),
            index: 0,
            kind: StepKind::Step,
            verb: Verb::Get,
            actor: ActorName::new("a").unwrap(),
            feature: None,
            outcome: "pass",
            class: None,
            reason: None,
            detail: None,
            started: Time(Timestamp::from_unix_nanos(from)),
            ended: Time(Timestamp::from_unix_nanos(from + took)),
            duration_s: 0.0,
            attempts: 1,
            polls: 0,
            phases: PhasesAnswer {
                dns,
                connect,
                tls,
                wait,
                receive,
            },
            network: NetworkAnswer::default(),
            failed_expectations: Vec::new(),
            earlier_attempts: earlier
                .iter()
                .map(|seconds| AttemptAnswer {
                    class: FailClass::Connect,
                    detail: String::new(),
                    duration_s: *seconds,
                })
                .collect(),
            redirects: Vec::new(),
            evidence: None,
        }
    }

    proptest! {
        #[test]
        fn parts_follow_each_other_fill_the_step_and_never_leave_it(
            from in 0.0..1e6_f64,
            took in 0.0..1e3_f64,
            phases in proptest::array::uniform5(proptest::option::of(0.0..400.0_f64)),
            earlier in proptest::collection::vec(0.0..400.0_f64, 0..5),
        ) {
            let until = from + took;
            let parts = parts(from, until, &step(0, 0, phases, &earlier));
            let mut at = from;
            for part in &parts {
                prop_assert!((part.from - at).abs() < 1e-6, "a gap before {part:?}");
                prop_assert!(part.from < part.until && part.until <= until, "{part:?}");
                at = part.until;
            }
            let claimed = earlier.iter().chain(phases.iter().flatten()).sum::<f64>();
            if took > 1e-3 {
                prop_assert!((at - until).abs() < 1e-6, "{at} is not the end {until}");
            }
            let length = |name| -> f64 {
                parts.iter().filter(|p| p.name == name).map(|p| p.until - p.from).sum()
            };
            if claimed <= took {
                prop_assert!((length("rest") - (took - claimed)).abs() < 1e-6);
                prop_assert!((length("wait") - phases[3].unwrap_or(0.0)).abs() < 1e-6);
                prop_assert!((length("earlier") - earlier.iter().sum::<f64>()).abs() < 1e-6);
            } else {
                prop_assert_eq!(length("rest"), 0.0);
            }
        }
    }

    #[test]
    fn ticks_are_round_and_few() {
        let ticks = |length| {
            let timeline = Timeline {
                length,
                began: 0.0,
                measured_until: 0.0,
                lanes: Vec::new(),
            };
            timeline.ticks()
        };
        assert_eq!(ticks(4.1), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(ticks(10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(61.0), [0.0, 20.0, 40.0, 60.0]);
        for exponent in -6..6 {
            for factor in [1.0, 1.7, 3.3, 9.9] {
                let count = ticks(factor * 10_f64.powi(exponent)).len();
                assert!((2..=6).contains(&count), "{count} at {factor}e{exponent}");
            }
        }
    }
}
