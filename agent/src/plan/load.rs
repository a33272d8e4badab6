//! From files to a plan: every problem of every file is told, and then the plan is refused whole.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bongsu_language::{
    CheckOptions, Colour, Diagnostic, FieldSource, Journey, ProxySpec, SourceFile, TargetProfile,
};
use bongsu_model::{PlanRecord, PoolName, Revision, Timestamp};
use bongsu_probes::{Account, Target};
use bongsu_wire::limits::{OUTCOMES_MAX, PLAN_BYTES_MAX, PLAN_ENTRIES_MAX};

use super::accounts::Accounts;
use super::budget::too_small_budgets;
use super::digests::{Digest, Digests, digest};
use super::files::{
    FilesError, descriptors_of, each_source, read_source, read_sources, source_paths,
};
use super::{Plan, Planned, PlannedPool};
use crate::accounts::PoolKey;
use crate::config::PlanConfig;
use crate::hurried;
use crate::schedule::{self, Lineage};
use crate::units::{Slice, count};

/// One thing that a plan is refused for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanProblem {
    /// In one line.
    pub line: String,
    /// With excerpt and marker, where there is one.
    pub drawing: String,
}

impl PlanProblem {
    pub(super) fn plain(line: impl std::fmt::Display) -> Self {
        let line = line.to_string();
        Self {
            drawing: format!("error: {line}"),
            line,
        }
    }

    fn drawn(diagnostic: &Diagnostic, files: &[SourceFile]) -> Self {
        Self {
            line: diagnostic.to_string(),
            drawing: diagnostic.render(files, Colour::Plain),
        }
    }
}

/// Why a plan was refused: every problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRefusal(pub Vec<PlanProblem>);

impl PlanRefusal {
    /// All problems, one a line.
    pub fn lines(&self) -> String {
        let lines: Vec<&str> = self.0.iter().map(|problem| problem.line.as_str()).collect();
        lines.join("\n")
    }
}

impl std::fmt::Display for PlanRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{}\n", problem.drawing.trim_end())?;
        }
        write!(f, "the plan is refused: {}", count(self.0.len(), "problem"))
    }
}

impl std::error::Error for PlanRefusal {}

/// A target with this agent's share of its accounts.
#[derive(Debug, Clone)]
pub struct LoadedTarget {
    /// The target, ready to be reached.
    pub target: Arc<Target>,
    /// The accounts of each pool.
    pub pools: Vec<(PoolName, Vec<Account>)>,
}

fn refused(error: impl std::fmt::Display) -> PlanRefusal {
    PlanRefusal(vec![PlanProblem::plain(error)])
}

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

/// What a plan was made from: it changes when any of its files does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// The content of journeys, catalogue and targets.
    revision: Revision,
    /// Age and size of descriptors, root certificates and secrets: what the last hold goes into no
    /// hash.
    beside: Vec<(PathBuf, Option<(SystemTime, u64)>)>,
}

impl Fingerprint {
    pub(super) fn is_of(&self, plan: &Plan) -> bool {
        self.revision == plan.revision
    }

    /// The files beside journeys, catalogue and targets.
    pub(super) fn beside(&self) -> impl Iterator<Item = &PathBuf> {
        self.beside.iter().map(|(path, _)| path)
    }
}

/// Reads the files and says what they are.
pub(crate) fn fingerprint(config: &PlanConfig) -> Result<Fingerprint, PlanRefusal> {
    look_at_each(config).map_err(|error| PlanRefusal(vec![PlanProblem::plain(error)]))
}

/// Holds only one file at a time: there may be thousands.
fn look_at_each(config: &PlanConfig) -> Result<Fingerprint, FilesError> {
    let mut journeys = Vec::new();
    let mut beside = Vec::new();
    each_source(&config.journeys, &mut |path| {
        let file = read_source(&path)?;
        journeys.push(digest_of(&file));
        let descriptors = descriptors_of(&file).into_iter();
        beside.extend(descriptors.map(|(_, path)| seen(path)));
        Ok(())
    })?;
    // Folders are walked in no order.
    beside.sort();
    let catalogue = digest(&read_source(&config.catalogue)?.text);
    let mut targets = Vec::new();
    for path in &config.targets {
        // A profile that cannot be read refuses the plan anyway.
        let file = read_source(path)?;
        targets.push(digest(&file.text));
        let Ok(profile) = bongsu_language::load_target(&file) else {
            continue;
        };
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let accounts = profile.pools.iter().flat_map(|pool| &pool.accounts);
        let secrets = accounts.flat_map(|account| &account.fields);
        let secrets = secrets.map(|(_, source)| source);
        let login = profile
            .proxy
            .iter()
            .filter_map(|proxy| proxy.login.as_ref());
        let login = login.flat_map(|login| [&login.user, &login.password]);
        let secrets = secrets.chain(login).filter_map(|source| match source {
            FieldSource::File(path) => Some(folder.join(path)),
            FieldSource::Plain(_) | FieldSource::Env(_) => None,
        });
        let roots = profile.ca.iter().map(|path| folder.join(path));
        beside.extend(roots.chain(secrets).map(seen));
    }
    let content = Content {
        journeys,
        catalogue,
        targets,
    };
    Ok(Fingerprint {
        revision: content.revision(config),
        beside,
    })
}

fn seen(path: PathBuf) -> (PathBuf, Option<(SystemTime, u64)>) {
    let seen = std::fs::metadata(&path);
    let seen = seen
        .and_then(|seen| Ok((seen.modified()?, seen.len())))
        .ok();
    (path, seen)
}

/// What a journey's file holds, and the descriptors that it names.
fn digest_of(file: &SourceFile) -> Digest {
    if file.descriptors.is_empty() {
        return digest(&file.text);
    }
    let mut content = file.text.clone();
    for (_, descriptor) in &file.descriptors {
        content.push('\0');
        content.push_str(Revision::of(descriptor).as_str());
    }
    digest(&content)
}

/// What a plan's files hold.
struct Content {
    journeys: Vec<Digest>,
    catalogue: Digest,
    targets: Vec<Digest>,
}

impl Content {
    /// The slice decides the phases, so that it is part of what the plan says.
    fn revision(self, config: &PlanConfig) -> Revision {
        let mut all = format!("{} {}\n", config.slice, config.account_slice).into_bytes();
        all.extend(Digests::from(self.journeys).finish());
        all.extend(self.catalogue);
        all.extend(self.targets.as_flattened());
        Revision::of(&all)
    }
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

/// Two targets of one name would have the same slots and run ids.
fn named_twice(targets: &[LoadedTarget]) -> Vec<PlanProblem> {
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
fn too_large(record: &PlanRecord) -> Option<PlanProblem> {
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

fn tell(problems: &mut Vec<PlanProblem>, diagnostics: &[Diagnostic], files: &[SourceFile]) {
    problems.extend(diagnostics.iter().map(|one| PlanProblem::drawn(one, files)));
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

/// The cadence must hold the deadline: `timeout + cleanup_timeout < every`.
fn period_of(journey: &Journey) -> Result<Duration, PlanProblem> {
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
fn too_short_cleanups(journeys: &[Arc<Journey>], self_check: Duration) -> Vec<PlanProblem> {
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
fn with_cases(journeys: &[Arc<Journey>]) -> Vec<PlanProblem> {
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
fn too_few_accounts(journey: &Journey, loaded: &LoadedTarget, slice: Slice) -> Vec<PlanProblem> {
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

/// Loads one target profile with all of its accounts; with `proxy`, as if the profile named it
/// instead of its own.
///
/// # Errors
/// Every problem of the file, its roots and its secrets.
pub fn load_target_file(
    path: &Path,
    proxy: Option<&ProxySpec>,
) -> Result<LoadedTarget, PlanRefusal> {
    let file = read_source(path).map_err(|error| PlanRefusal(vec![PlanProblem::plain(error)]))?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let mut profile = profile(&file).map_err(PlanRefusal)?;
    if let Some(proxy) = proxy {
        profile.proxy = Some(proxy.clone());
    }
    target(profile, &file, folder, Slice::WHOLE).map_err(PlanRefusal)
}

fn profile(file: &SourceFile) -> Result<TargetProfile, Vec<PlanProblem>> {
    bongsu_language::load_target(file).map_err(|all| {
        let mut problems = Vec::new();
        tell(&mut problems, &all, std::slice::from_ref(file));
        problems
    })
}

fn target(
    profile: TargetProfile,
    file: &SourceFile,
    folder: &Path,
    slice: Slice,
) -> Result<LoadedTarget, Vec<PlanProblem>> {
    let mut problems = Vec::new();
    let mut accounts = Accounts::of(&profile, folder);
    let pools = accounts.pools(slice, &mut problems);
    let login = accounts.proxy_login(&mut problems);
    let ca = profile.ca.as_ref().map(|ca| {
        let path = folder.join(ca);
        std::fs::read(&path).map_err(|error| {
            let path = path.display();
            PlanProblem::plain(format!("{}: cannot read `ca` {path}: {error}", file.path))
        })
    });
    let ca = match ca.transpose() {
        Ok(ca) => ca,
        Err(problem) => {
            problems.push(problem);
            return Err(problems);
        }
    };
    let target = Target::new(profile, ca.as_deref())
        .map_err(|error| problems.push(PlanProblem::plain(format!("{}: {error}", file.path))));
    match target {
        Ok(mut target) if problems.is_empty() => {
            if let Some((user, password)) = login {
                target.log_in_to_proxy(&user, password);
            }
            Ok(LoadedTarget {
                target: Arc::new(target),
                pools,
            })
        }
        Ok(_) | Err(()) => Err(problems),
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::{Cadence, FeatureId, JourneyName, PlanEntry, TargetName, Variant};

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

    #[test]
    fn a_plan_changes_with_a_descriptor_of_its_journeys() {
        let file = SourceFile::new("a.toml", "text");
        let with =
            |content: &[u8]| digest_of(&file.clone().with_descriptor("x.binpb", content.into()));
        assert_eq!(digest_of(&file), digest("text"));
        assert_eq!(with(b"1"), with(b"1"));
        assert_ne!(with(b"1"), with(b"2"));
        assert_ne!(with(b"1"), digest_of(&file));
    }
}
