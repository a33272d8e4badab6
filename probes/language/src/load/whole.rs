//! What can only be said of a journey as a whole: its feature, its size, and whether a target has
//! what it needs.

use bongsu_model::FeatureId;

use super::Fragment;
use super::resolve::find;
use crate::diagnostic::Diagnostic;
use crate::journey::{Act, Journey, STEPS_MAX, Scope, Step};
use crate::parse::{Doing, JourneyFile, StepEntry};
use crate::rule::Rule;
use crate::source::Position;
use crate::target::TargetProfile;

/// Some step must measure the journey's own feature. What could not be read may do so.
pub(super) fn check_measured(
    file: &JourneyFile,
    fragments: &[Fragment],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some((feature, position)) = &file.feature else {
        return;
    };
    let mut steps = file.steps.iter();
    let is_measured = steps.any(|step| measures(step, feature, fragments));
    if !file.steps.is_empty() && !is_measured {
        diagnostics.push(unmeasured(feature, position));
    }
}

/// Whether a step of a journey measures `feature`, which is the journey's own.
pub(super) fn measures(step: &StepEntry, feature: &FeatureId, fragments: &[Fragment]) -> bool {
    let is_own = |step: &StepEntry, default: Option<&FeatureId>| match &step.feature {
        Some((own, _)) => own == feature,
        None => default.is_none_or(|default| default == feature),
    };
    match &step.doing {
        Some(Doing::Use { fragment, .. }) => find(fragments, fragment).is_none_or(|found| {
            let default = found.feature.as_ref().map(|(feature, _)| feature);
            found.steps.iter().any(|step| is_own(step, default))
        }),
        Some(Doing::Act(_)) => is_own(step, Some(feature)),
        None => true,
    }
}

fn unmeasured(feature: &FeatureId, position: &Position) -> Diagnostic {
    Diagnostic::error(position.clone(), format!("no step measures `{feature}`"))
        .rule(Rule::UnmeasuredFeature)
        .label("the journey's own feature")
        .help("leave `feature` out of the steps that measure the journey's own")
}

/// Checks an assembled journey.
pub(super) fn check_whole(
    journey: &Journey,
    file: &JourneyFile,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some((feature, position)) = &file.feature else {
        return;
    };
    if journey.steps.is_empty() {
        diagnostics.push(unmeasured(feature, position));
    }
    let mut steps = journey.steps.iter().chain(&journey.cleanup);
    if let Some(beyond) = steps.nth(STEPS_MAX) {
        let count = journey.steps.len() + journey.cleanup.len();
        diagnostics.push(
            Diagnostic::error(
                written_at(beyond, journey, file).clone(),
                format!("the journey has {count} steps, at most {STEPS_MAX} are performed"),
            )
            .rule(Rule::TooManySteps)
            .label(format!("the first beyond {STEPS_MAX}"))
            .help("split it into several journeys"),
        );
    }
}

/// Where the journey's file has a step: one that a fragment gave stands there as its `use`.
fn written_at<'a>(step: &'a Step, journey: &Journey, file: &'a JourneyFile) -> &'a Position {
    let used = match step.scope {
        Scope::Journey => None,
        Scope::Fragment(nth) => journey.uses.get(nth),
    };
    let entry = used.and_then(|used| {
        let mut entries = file.steps.iter();
        entries.find(|entry| entry.name.as_ref() == Some(&used.step))
    });
    entry.map_or(&step.position, |entry| {
        entry.verb_at.as_ref().unwrap_or(&entry.position)
    })
}

impl Journey {
    /// What a target lacks for this journey: pools with accounts enough, their fields, and
    /// addresses.
    pub fn check_against(&self, target: &TargetProfile) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        for actor in &self.actors {
            let Some(pool) = target.pool(&actor.pool) else {
                let known: Vec<&str> = target.pools.iter().map(|pool| pool.name.as_str()).collect();
                diagnostics.push(
                    Diagnostic::error(
                        actor.position.clone(),
                        format!("target `{}` has no pool `{}`", target.target, actor.pool),
                    )
                    .rule(Rule::TargetLacks)
                    .help(format!("its pools are: {}", known.join(", "))),
                );
                continue;
            };
            let wanted = self
                .actors
                .iter()
                .filter(|other| other.pool == actor.pool)
                .count();
            if pool.accounts.len() < wanted {
                diagnostics.push(
                    Diagnostic::error(
                        actor.position.clone(),
                        format!(
                            "pool `{}` of target `{}` has {} accounts, the journey needs {wanted}",
                            actor.pool,
                            target.target,
                            pool.accounts.len()
                        ),
                    )
                    .rule(Rule::TargetLacks)
                    .help("add accounts to the pool"),
                );
            }
            for field in &actor.fields {
                let lacking = pool
                    .accounts
                    .iter()
                    .find(|account| !account.fields.iter().any(|(name, _)| name == field));
                if let Some(account) = lacking {
                    diagnostics.push(
                        Diagnostic::error(
                            actor.position.clone(),
                            format!(
                                "account `{}` of pool `{}` has no field `{field}`",
                                account.name, actor.pool
                            ),
                        )
                        .rule(Rule::TargetLacks)
                        .help(format!("add it in target `{}`", target.target)),
                    );
                }
            }
        }
        diagnostics.extend(self.beyond_budget(target));
        diagnostics.extend(self.missing_addresses(target));
        diagnostics.extend(self.refused_hosts(target));
        diagnostics
    }

    fn missing_addresses(&self, target: &TargetProfile) -> Vec<Diagnostic> {
        let mut told: Vec<String> = Vec::new();
        let mut diagnostics = Vec::new();
        for step in self.steps.iter().chain(&self.cleanup) {
            step.each_name(&mut |name| {
                let [root, kind, service] = name.path.as_slice() else {
                    return;
                };
                let list = match (root.as_str(), kind.as_str()) {
                    ("target", "base") => &target.base,
                    ("target", "ws") => &target.ws,
                    _ => return,
                };
                let text = name.text();
                if list.iter().any(|(known, _)| known == service) || told.contains(&text) {
                    return;
                }
                diagnostics.push(
                    Diagnostic::error(
                        step.position.clone(),
                        format!("target `{}` has no `{kind}.{service}`", target.target),
                    )
                    .rule(Rule::TargetLacks)
                    .help(format!(
                        "add it to the profile, or do not read {{{{ {text} }}}}"
                    )),
                );
                told.push(text);
            });
        }
        diagnostics
    }

    /// URLs that are written out and lead where the target does not allow.
    fn refused_hosts(&self, target: &TargetProfile) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        for step in self.steps.iter().chain(&self.cleanup) {
            for (host, position) in step.act.literal_hosts() {
                if target.allows(&host) {
                    continue;
                }
                diagnostics.push(
                    Diagnostic::error(
                        position.clone(),
                        format!(
                            "`{host}` may not be reached with target `{}`",
                            target.target
                        ),
                    )
                    .rule(Rule::TargetLacks)
                    .help("write {{ target.base.NAME }}, or add the host to the target's `hosts`"),
                );
            }
        }
        diagnostics
    }
}

impl Act {
    /// The hosts that are written out, with their places.
    fn literal_hosts(&self) -> Vec<(String, &Position)> {
        let url = match self {
            Self::Http(act) => &act.url,
            Self::Grpc(act) => &act.url,
            Self::Open(act) => &act.url,
            Self::Net(act) => return act.literal_hosts(),
            Self::Send { .. } | Self::Receive { .. } | Self::Close { .. } => return Vec::new(),
        };
        let start = url.base.as_ref().unwrap_or(&url.rest);
        let host = start.literal_start().and_then(host_of);
        host.map(|host| (host.to_owned(), &url.position))
            .into_iter()
            .collect()
    }
}

/// The host of an absolute URL, if all of it is in `start`.
fn host_of(start: &str) -> Option<&str> {
    let (_, rest) = start.split_once("://")?;
    let end = rest.find(['/', '?', '#'])?;
    let authority = &rest[..end];
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    if let Some(address) = authority.strip_prefix('[') {
        return address.split(']').next();
    }
    authority.split(':').next()
}
