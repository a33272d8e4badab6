//! What no agent can run: files that are right by themselves and do not fit together, or into what
//! a collector takes.

use std::sync::Arc;
use std::time::Duration;

use bongsu_language::Journey;
use bongsu_model::{PlanRecord, PoolName};
use bongsu_wire::limits::{OUTCOMES_MAX, PLAN_BYTES_MAX, PLAN_ENTRIES_MAX};

use super::refusal::PlanProblem;
use super::targets::LoadedTarget;
use crate::units::{Slice, count};

/// Two targets of one name would have the same slots and run ids.
pub(super) fn named_twice(targets: &[LoadedTarget]) -> Vec<PlanProblem> {
    let mut problems = Vec::new();
    for (at, loaded) in targets.iter().enumerate() {
        let name = loaded.target.name();
        if targets[..at]
            .iter()
            .any(|other| other.target.name() == name)
        {
            problems.push(PlanProblem::plain(format!(
                "two target profiles are named `{name}`: give each target a name of its own"
            )));
        }
    }
    problems
}

/// A plan that no collector takes would leave every run of it without meaning.
pub(super) fn too_large(record: &PlanRecord) -> Option<PlanProblem> {
    let entries = record.entries.len();
    let problem = if entries > PLAN_ENTRIES_MAX {
        format!(
            "{entries} combinations of journey, target and variant; {PLAN_ENTRIES_MAX} are the most"
        )
    } else {
        if let Some(entry) = record
            .entries
            .iter()
            .find(|e| e.touches.len() >= OUTCOMES_MAX)
        {
            format!(
                "journey `{}` touches more than {OUTCOMES_MAX} features: split it",
                entry.journey
            )
        } else {
            let bytes = bongsu_wire::plan_bytes(record);
            if bytes <= PLAN_BYTES_MAX {
                return None;
            }
            format!("its record has {bytes} bytes; {PLAN_BYTES_MAX} are the most")
        }
    };
    Some(PlanProblem::plain(format!(
        "the plan is too large: {problem}; give this agent fewer journeys or targets"
    )))
}

/// The cadence must hold the deadline: `timeout + cleanup_timeout < every`.
pub(super) fn period_of(journey: &Journey) -> Result<Duration, PlanProblem> {
    let Some(every) = journey.every else {
        return Err(PlanProblem::plain(format!(
            "{}: `every` is missing; an agent must know how often to run it",
            journey.path
        )));
    };
    let deadline = journey.timeout + journey.cleanup_timeout;
    if deadline >= every {
        return Err(PlanProblem::plain(format!(
            "{}: `timeout` and `cleanup_timeout` together are {deadline:?}, which must be less \
             than `every`, {every:?}: a run must end before the next is due",
            journey.path
        )));
    }
    Ok(every)
}

/// The self-check of a failed run goes on beside its cleanup, and no longer.
pub(super) fn too_short_cleanups(
    journeys: &[Arc<Journey>],
    self_check: Duration,
) -> Vec<PlanProblem> {
    let short = journeys
        .iter()
        .filter(|journey| journey.cleanup_timeout <= self_check);
    short
        .map(|journey| {
            PlanProblem::plain(format!(
                "{}: `cleanup_timeout` is {:?} and `controls.timeout` of this agent \
                 {self_check:?}: a run that fails would end before the agent can know whether it \
                 is cut off itself; raise `cleanup_timeout` above {self_check:?}, or lower \
                 `controls.timeout`",
                journey.path, journey.cleanup_timeout
            ))
        })
        .collect()
}

/// Cases are for tests by hand and in CI: a slot has one run.
pub(super) fn with_cases(journeys: &[Arc<Journey>]) -> Vec<PlanProblem> {
    let refused = journeys.iter().filter(|journey| !journey.cases.is_empty());
    refused
        .map(|journey| {
            PlanProblem::plain(format!(
                "{}: agents run no `[[case]]`: leave them to `bongsu run`, or write a journey of \
                 its own for each that is to be watched",
                journey.path
            ))
        })
        .collect()
}

/// A journey whose actors can never all have an account would be blind for ever.
pub(super) fn too_few_accounts(
    journey: &Journey,
    loaded: &LoadedTarget,
    slice: Slice,
) -> Vec<PlanProblem> {
    let mut wanted: Vec<(&PoolName, usize)> = Vec::new();
    for actor in &journey.actors {
        match wanted.iter_mut().find(|(pool, _)| **pool == actor.pool) {
            Some((_, count)) => *count += 1,
            None => wanted.push((&actor.pool, 1)),
        }
    }
    let target = loaded.target.name();
    wanted
        .into_iter()
        .filter_map(|(pool, wanted)| {
            let have = loaded.pools.iter().find(|(name, _)| name == pool);
            match have.map(|(_, accounts)| accounts.len()) {
                None => Some(format!(
                    "{}: target `{target}` has no pool `{pool}`",
                    journey.path
                )),
                Some(have) if have < wanted => Some(format!(
                    "{}: needs {} of `{pool}` at a time, and slice {slice} of the pool in \
                     target `{target}` has {have}",
                    journey.path,
                    count(wanted, "account"),
                )),
                Some(_) => None,
            }
        })
        .map(PlanProblem::plain)
        .collect()
}

#[cfg(test)]
mod tests {
    use bongsu_model::{
        Cadence, FeatureId, JourneyName, PlanEntry, Revision, TargetName, Timestamp, Variant,
    };

    use super::*;

    fn record(entries: usize, touches: usize) -> PlanRecord {
        let feature = |n: usize| FeatureId::new(&format!("talk.f{n}")).unwrap();
        let entry = PlanEntry {
            journey: JourneyName::new("login").unwrap(),
            target: TargetName::new("superapp").unwrap(),
            variant: Variant::cold(),
            feature: feature(0),
            touches: (1..=touches).map(feature).collect(),
            cadence: Cadence::new(Duration::from_secs(60), Duration::ZERO).unwrap(),
            deadline: Duration::from_secs(9),
        };
        PlanRecord {
            revision: Revision::of(b""),
            valid_from: Timestamp::MAX,
            entries: vec![entry; entries],
        }
    }

    #[test]
    fn a_plan_that_no_collector_would_take_is_refused() {
        assert_eq!(too_large(&record(PLAN_ENTRIES_MAX, 1)), None);
        assert_eq!(too_large(&record(1, OUTCOMES_MAX - 1)), None);
        for (record, expected) in [
            (record(PLAN_ENTRIES_MAX + 1, 1), "20001 combinations"),
            (record(1, OUTCOMES_MAX), "more than 64 features"),
            (record(PLAN_ENTRIES_MAX, 40), "12582912 are the most"),
        ] {
            let problem = too_large(&record).unwrap();
            assert!(problem.line.contains(expected), "{}", problem.line);
        }
    }
}
