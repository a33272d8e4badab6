//! Lays fragments out and turns a checked file into a journey.

use std::sync::Arc;

use bongsu_model::{FeatureId, Revision, Variant};
use serde_json::Value;

use super::Fragment;
use super::descriptor;
use super::resolve::{Actors, find, is_path};
use super::variables::ACCOUNT_FIELDS;
use crate::journey::{Act, Actor, FragmentUse, Header, Journey, Scope, Step, Url};
use crate::parse::{Doing, FragmentFile, JourneyFile, StepEntry};
use crate::source::Source;

/// The journey of a file in which no mistake was found; none if a part is missing after all.
pub(super) fn assemble(
    file: &JourneyFile,
    fragments: &[Fragment],
    source: &Source<'_>,
) -> Option<Journey> {
    let revision = |uses: &[FragmentUse]| revision(source, uses, fragments);
    let mut journey = lay_out(file, &file.vars, fragments, &source.path, revision)?;
    let cases = file.cases.iter().map(|case| {
        let vars = case.vars_of(&file.vars);
        let mut journey = lay_out(file, &vars, fragments, &source.path, revision)?;
        journey.variants = vec![case.name.clone()];
        Some(journey)
    });
    journey.cases = cases.collect::<Option<_>>()?;
    Some(journey)
}

fn lay_out(
    file: &JourneyFile,
    vars: &[(String, Value)],
    fragments: &[Fragment],
    path: &Arc<str>,
    revision: impl Fn(&[FragmentUse]) -> Revision,
) -> Option<Journey> {
    let mut layout = Layout {
        file,
        vars,
        actors: Actors::of(file),
        steps: Vec::with_capacity(file.steps.len()),
        cleanup: Vec::new(),
        uses: Vec::new(),
    };
    let (feature, _) = file.feature.as_ref()?;
    layout.lay_out(feature, fragments)?;
    let actors = file
        .actors
        .iter()
        .map(|actor| {
            Some(Actor {
                name: actor.name.clone(),
                pool: actor.pool.clone()?,
                fields: actor.needs.clone(),
                cookies: actor.cookies,
                position: actor.position.clone(),
            })
        })
        .collect::<Option<Vec<_>>>()?;
    let mut journey = Journey {
        name: file.name.as_ref()?.0.clone(),
        feature: feature.clone(),
        revision: revision(&layout.uses),
        every: file.every.as_ref().map(|(every, _)| *every),
        timeout: file.timeout.as_ref()?.0,
        cleanup_timeout: file.cleanup_timeout,
        actors,
        ip: file.ip,
        vars: vars.to_vec(),
        cases: Vec::new(),
        tags: file.tags.clone(),
        steps: layout.steps,
        cleanup: layout.cleanup,
        uses: layout.uses,
        variants: match file.warm {
            Some(_) => vec![Variant::cold(), Variant::warm()],
            None => vec![Variant::cold()],
        },
        path: Arc::clone(path),
    };
    number(&mut journey)?;
    add_account_fields(&mut journey);
    // It lives as long as the plan does, beside thousands of others.
    journey.steps.shrink_to_fit();
    journey.cleanup.shrink_to_fit();
    journey.actors.shrink_to_fit();
    Some(journey)
}

struct Layout<'a> {
    file: &'a JourneyFile,
    vars: &'a [(String, Value)],
    actors: Actors,
    steps: Vec<Step>,
    cleanup: Vec<Step>,
    uses: Vec<FragmentUse>,
}

impl Layout<'_> {
    fn lay_out(&mut self, feature: &FeatureId, fragments: &[Fragment]) -> Option<()> {
        // Index of the first laid-out step of every step as written, for `since`.
        let mut starts: Vec<(&str, usize)> = Vec::new();
        let file = self.file;
        for entry in &file.steps {
            let name = entry.name.as_deref()?;
            let since = find_start(entry, &starts)?;
            starts.push((name, self.steps.len()));
            let acting = self.actors.acting(entry)?;
            match entry.doing.as_ref()? {
                Doing::Use { fragment, .. } => {
                    self.lay_out_fragment(name, &acting, find(fragments, fragment)?)?;
                }
                Doing::Act(act) => {
                    let place = Place {
                        name: name.to_owned(),
                        scope: Scope::Journey,
                        acting,
                        since,
                    };
                    let step = self.step(entry, act, feature, place)?;
                    self.steps.push(step);
                }
            }
        }
        let mut own = Vec::with_capacity(file.cleanup.len());
        for entry in &file.cleanup {
            let Doing::Act(act) = entry.doing.as_ref()? else {
                return None;
            };
            let place = Place {
                name: entry.name.clone()?,
                scope: Scope::Journey,
                acting: self.actors.acting(entry)?,
                since: None,
            };
            own.push(self.step(entry, act, feature, place)?);
        }
        own.append(&mut self.cleanup);
        self.cleanup = own;
        Some(())
    }

    fn lay_out_fragment(
        &mut self,
        step_name: &str,
        acting: &[usize],
        fragment: &FragmentFile,
    ) -> Option<()> {
        let first = self.steps.len();
        let scope = Scope::Fragment(self.uses.len());
        let (feature, _) = fragment.feature.as_ref()?;
        let mut starts: Vec<(&str, usize)> = Vec::new();
        for entry in fragment.steps.iter().chain(&fragment.cleanup) {
            let own_name = entry.name.as_deref()?;
            let Doing::Act(act) = entry.doing.as_ref()? else {
                return None;
            };
            let place = Place {
                name: format!("{step_name}: {own_name}"),
                scope,
                acting: acting.to_vec(),
                since: find_start(entry, &starts)?,
            };
            starts.push((own_name, self.steps.len()));
            let step = self.step(entry, act, feature, place)?;
            match step.kind {
                bongsu_model::StepKind::Step => self.steps.push(step),
                bongsu_model::StepKind::Cleanup => self.cleanup.push(step),
            }
        }
        self.uses.push(FragmentUse {
            fragment: fragment.name.as_ref()?.0.clone(),
            step: step_name.to_owned(),
            actors: acting.to_vec(),
            steps: first..self.steps.len(),
            gives: fragment
                .gives
                .iter()
                .map(|(name, _)| name.clone())
                .collect(),
            is_session: fragment.is_session,
        });
        Some(())
    }

    /// None if `spends` names no constant.
    fn step(
        &self,
        entry: &StepEntry,
        act: &Act,
        feature: &FeatureId,
        place: Place,
    ) -> Option<Step> {
        let spends = match &entry.spends {
            None => None,
            Some((spends, _)) => Some(spends.amount(self.vars)?),
        };
        let acting = place.acting;
        Some(Step {
            name: place.name,
            index: 0,
            kind: entry.kind,
            scope: place.scope,
            feature: entry
                .feature
                .as_ref()
                .map_or_else(|| feature.clone(), |(own, _)| own.clone()),
            act: self.complete(act, &acting),
            actors: acting,
            expect: entry.expect.clone(),
            fail_if: entry.fail_if.clone(),
            captures: entry.captures.clone(),
            poll: entry.poll,
            retry: entry.retry.clone(),
            slow: entry.slow.as_ref().map(|(slow, _)| *slow),
            within: entry.within.as_ref().map(|(within, _)| *within),
            since: place.since,
            timeout: entry.timeout.as_ref().map(|(timeout, _)| *timeout),
            when: entry.when.clone(),
            wait_before: entry.wait_before.as_ref().map(|(wait, _)| *wait),
            max_body: entry.max_body,
            spends,
            effect: entry.effect,
            position: entry.position.clone(),
            within_position: entry.within.as_ref().map(|(_, position)| position.clone()),
        })
    }

    /// The act with the journey's base, its default headers and those of who performs it.
    fn complete(&self, act: &Act, acting: &[usize]) -> Act {
        let mut act = act.clone();
        match &mut act {
            Act::Http(act) => {
                self.add_base(&mut act.url);
                self.add_defaults(&mut act.headers, acting);
            }
            Act::Grpc(act) => {
                self.add_base(&mut act.url);
                self.add_defaults(&mut act.headers, acting);
            }
            Act::Open(act) => self.add_defaults(&mut act.headers, acting),
            Act::Send { .. } | Act::Receive { .. } | Act::Close { .. } | Act::Net(_) => {}
        }
        act
    }

    fn add_base(&self, url: &mut Url) {
        if is_path(url) {
            url.base.clone_from(&self.file.base);
        }
    }

    fn add_defaults(&self, headers: &mut Vec<Header>, acting: &[usize]) {
        let own = std::mem::take(headers);
        let actors = acting
            .iter()
            .filter_map(|actor| self.file.actors.get(*actor));
        let of_actors = actors.flat_map(|actor| &actor.headers);
        let defaults = self.file.defaults.iter().chain(of_actors);
        headers.extend(
            defaults
                .filter(|default| !own.iter().any(|o| o.name == default.name))
                .cloned(),
        );
        headers.extend(own);
    }
}

/// Where a step is put.
struct Place {
    name: String,
    scope: Scope,
    acting: Vec<usize>,
    since: Option<usize>,
}

/// Outer none: `since` names no earlier step.
#[expect(
    clippy::option_option,
    reason = "the outer one is an error, the inner one an absence"
)]
fn find_start(entry: &StepEntry, starts: &[(&str, usize)]) -> Option<Option<usize>> {
    match &entry.since {
        None => Some(None),
        Some((since, _)) => starts
            .iter()
            .find(|(name, _)| name == since)
            .map(|(_, index)| Some(*index)),
    }
}

fn number(journey: &mut Journey) -> Option<()> {
    for (index, step) in journey
        .steps
        .iter_mut()
        .chain(&mut journey.cleanup)
        .enumerate()
    {
        step.index = u32::try_from(index).ok()?;
    }
    Some(())
}

/// Notes which of the fields that every account has are read.
fn add_account_fields(journey: &mut Journey) {
    let mut found: Vec<(usize, String)> = Vec::new();
    for step in journey.steps.iter().chain(&journey.cleanup) {
        for actor in &step.actors {
            for need in journey.needs(step, *actor) {
                let is_field = ACCOUNT_FIELDS.contains(&need.name.as_str());
                if is_field && !found.contains(&(need.actor, need.name.clone())) {
                    found.push((need.actor, need.name));
                }
            }
        }
    }
    for (actor, field) in found {
        let fields = &mut journey.actors[actor].fields;
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
}

/// The hash of the file's text and, by name, of the fragments' texts, each with its descriptors.
fn revision(source: &Source<'_>, uses: &[FragmentUse], fragments: &[Fragment]) -> Revision {
    let mut content = descriptor::revised(source);
    let mut names: Vec<&str> = uses.iter().map(|used| used.fragment.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let used = fragments.iter().find(|fragment| {
            fragment
                .file
                .name
                .as_ref()
                .is_some_and(|(known, _)| known == name)
        });
        if let Some(used) = used {
            content.push('\0');
            content.push_str(&used.text);
        }
    }
    Revision::of(content.as_bytes())
}
