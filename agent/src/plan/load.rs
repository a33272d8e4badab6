//! From files to a plan: every problem of every file is told, and then the plan is refused whole.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bongsu_language::{CheckOptions, Diagnostic, Journey, TargetProfile};
use bongsu_model::Timestamp;

use super::budget::too_small_budgets;
use super::digests::{Digest, digest};
use super::files::{FilesError, read_source, read_sources, source_paths};
use super::fingerprint::{Content, digest_of};
use super::fit::{
    named_twice, period_of, too_few_accounts, too_large, too_short_cleanups, with_cases,
};
use super::refusal::{PlanProblem, PlanRefusal, refused, tell};
use super::targets::{LoadedTarget, profile, target};
use super::{Plan, Planned, PlannedPool};
use crate::accounts::PoolKey;
use crate::config::PlanConfig;
use crate::hurried;
use crate::schedule::{self, Lineage};

/// The journeys of a plan's files, and what each file holds.
struct Journeys {
    all: Vec<Arc<Journey>>,
    files: Vec<Digest>,
}

/// Reads one file at a time: there may be thousands.
fn journeys(
    config: &PlanConfig,
    options: CheckOptions<'_>,
    problems: &mut Vec<PlanProblem>,
) -> Result<Journeys, PlanRefusal> {
    let paths = source_paths(&config.journeys).map_err(refused)?;
    let mut files = vec![Digest::default(); paths.len()];
    let read = |at: usize| {
        let file = read_source(&paths[at])?;
        // Of a file that changes while it is read, the last is what comes of it.
        files[at] = digest_of(&file);
        Ok::<_, FilesError>(Cow::Owned(file))
    };
    let loaded = bongsu_language::load_each(paths.len(), read, options).map_err(refused)?;
    let errors: Vec<Diagnostic> = loaded
        .diagnostics
        .into_iter()
        .filter(Diagnostic::is_error)
        .collect();
    if !errors.is_empty() {
        tell(problems, &errors, &read_sources(&paths).map_err(refused)?);
    } else if loaded.journeys.is_empty() {
        problems.push(PlanProblem::plain("the files hold no journey"));
    }
    let mut all: Vec<Arc<Journey>> = loaded.journeys.into_iter().map(Arc::new).collect();
    // They are collected in the room of the journeys themselves, which is many times as large.
    all.shrink_to_fit();
    Ok(Journeys { all, files })
}

/// Loads the plan that the files make, for an agent whose self-check may take `self_check` and
/// whose clock is `speed` times as fast as the machine's.
pub(crate) fn load(
    config: &PlanConfig,
    self_check: Duration,
    speed: f64,
) -> Result<Plan, PlanRefusal> {
    let mut problems = Vec::new();
    let file = read_source(&config.catalogue).map_err(refused)?;
    let catalogue = bongsu_language::load_catalogue(&file)
        .map_err(|all| tell(&mut problems, &all, std::slice::from_ref(&file)))
        .ok();
    let mut target_files = Vec::new();
    let mut targets = Vec::new();
    for path in &config.targets {
        let file = read_source(path).map_err(refused)?;
        target_files.push(digest(&file.text));
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let slice = config.account_slice;
        let loaded = profile(&file).and_then(|profile| target(profile, &file, folder, slice));
        match loaded {
            Ok(target) => targets.push(target),
            Err(found) => problems.extend(found),
        }
    }
    let profiles: Vec<TargetProfile> = targets
        .iter()
        .map(|loaded| loaded.target.profile().clone())
        .collect();
    let options = CheckOptions {
        catalogue: catalogue.as_ref(),
        targets: &profiles,
    };
    let Journeys {
        all: journeys,
        files,
    } = journeys(config, options, &mut problems)?;
    let journeys: Vec<_> = journeys
        .into_iter()
        .map(|journey| hurried::fit(journey, speed))
        .collect();
    let content = Content {
        journeys: files,
        catalogue: digest(&file.text),
        targets: target_files,
    };
    problems.extend(named_twice(&targets));
    problems.extend(too_short_cleanups(&journeys, self_check));
    problems.extend(with_cases(&journeys));
    let planned = planned(&journeys, &targets, (config, speed), &mut problems);
    let plan = Plan {
        revision: content.revision(config),
        planned,
        journeys,
        accounts: targets
            .iter()
            .flat_map(|loaded| {
                let profile = loaded.target.profile();
                loaded.pools.iter().map(|(pool, accounts)| PlannedPool {
                    key: PoolKey {
                        target: profile.target.clone(),
                        pool: pool.clone(),
                    },
                    budget: profile.pool(pool).map(|p| p.budget).unwrap_or_default(),
                    accounts: accounts.clone(),
                })
            })
            .collect(),
        targets: targets.into_iter().map(|loaded| loaded.target).collect(),
    };
    problems.extend(too_large(&plan.record(Timestamp::MAX)));
    problems.extend(too_small_budgets(&plan).into_iter().map(PlanProblem::plain));
    if !problems.is_empty() {
        return Err(PlanRefusal(problems));
    }
    Ok(plan)
}

fn planned(
    journeys: &[Arc<Journey>],
    targets: &[LoadedTarget],
    (config, speed): (&PlanConfig, f64),
    problems: &mut Vec<PlanProblem>,
) -> Box<[Planned]> {
    let mut planned = Vec::with_capacity(journeys.len() * targets.len());
    for journey in journeys {
        let period = match period_of(journey) {
            Ok(period) => period,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        for loaded in targets {
            problems.extend(too_few_accounts(journey, loaded, config.account_slice));
            for variant in &journey.variants {
                let lineage = Lineage {
                    target: loaded.target.name().clone(),
                    journey: journey.name.clone(),
                    variant: variant.clone(),
                };
                if let Some(cadence) = schedule::cadence(&lineage, period, config.slice) {
                    planned.push(Planned {
                        lineage,
                        journey: journey.clone(),
                        target: loaded.target.clone(),
                        cadence,
                        deadline: journey.deadline().mul_f64(speed),
                    });
                }
            }
        }
    }
    planned.sort_unstable_by(|a: &Planned, b| a.lineage.cmp(&b.lineage));
    planned.into_boxed_slice()
}
