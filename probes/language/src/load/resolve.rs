//! Resolves what files say by name: actors, fragments, sockets, earlier steps; and follows the
//! variables through the steps.

use bongsu_model::StepKind;

use super::Fragment;
use super::spends::{check_spends, check_spends_in_cases};
use super::variables::{Known, Persona};
use crate::diagnostic::Diagnostic;
use crate::journey::{Act, Effect, Url};
use crate::keys::did_you_mean;
use crate::parse::{Doing, FragmentFile, JourneyFile, StepEntry};
use crate::parser::shown;
use crate::rule::Rule;
use crate::source::Position;
use crate::template::Part;

/// The actors of a journey, by name.
#[derive(Debug)]
pub(super) struct Actors {
    pub(super) names: Vec<String>,
}

impl Actors {
    pub(super) fn of(file: &JourneyFile) -> Self {
        Self {
            names: file
                .actors
                .iter()
                .map(|actor| actor.name.as_str().to_owned())
                .collect(),
        }
    }

    /// Who performs a step; none if that cannot be said.
    pub(super) fn acting(&self, step: &StepEntry) -> Option<Vec<usize>> {
        match &step.actors {
            None => (self.names.len() == 1).then(|| vec![0]),
            Some(named) => named
                .iter()
                .map(|(name, _)| self.names.iter().position(|known| known == name))
                .collect(),
        }
    }

    fn check(&self, step: &StepEntry, diagnostics: &mut Vec<Diagnostic>) {
        let Some(named) = &step.actors else {
            if self.names.len() > 1 {
                diagnostics.push(
                    Diagnostic::error(step.position.clone(), "`as` is missing")
                        .rule(Rule::UnknownActor)
                        .label("who performs this step?")
                        .help(format!("add as = \"{}\"", self.names.join("\" or as = \""))),
                );
            }
            return;
        };
        for (name, position) in named.iter().filter(|(name, _)| !self.names.contains(name)) {
            let diagnostic = Diagnostic::error(
                position.clone(),
                format!("there is no actor `{}`", shown(name)),
            )
            .rule(Rule::UnknownActor);
            let similar = did_you_mean(name, self.names.iter().map(String::as_str));
            diagnostics.push(match similar {
                Some(similar) => diagnostic.help(format!("did you mean `{similar}`?")),
                None => diagnostic.help(format!("the actors are: {}", self.names.join(", "))),
            });
        }
    }
}

/// Checks a fragment by itself: it must work for any actor that has what it needs.
pub(super) fn check_fragment(file: &FragmentFile, diagnostics: &mut Vec<Diagnostic>) {
    for step in file.steps.iter().chain(&file.cleanup) {
        if let Some((_, position)) = step.actors.as_ref().and_then(|actors| actors.first()) {
            diagnostics.push(
                Diagnostic::error(position.clone(), "a fragment names no actors")
                    .rule(Rule::MisplacedKey)
                    .help("remove `as`: whoever uses the fragment performs its steps"),
            );
        }
        if let Some(Doing::Use { position, .. }) = &step.doing {
            diagnostics.push(
                Diagnostic::error(position.clone(), "a fragment cannot use a fragment")
                    .rule(Rule::UnknownFragment)
                    .help("use both fragments in the journey, one after the other"),
            );
        }
    }
    check_since(&file.steps, &file.cleanup, diagnostics);
    let mut known = Known::of_fragment(&file.needs);
    let one = |_: &StepEntry| Some(vec![0]);
    check_sockets(&file.steps, &file.cleanup, one, diagnostics);
    for step in &file.steps {
        known.check_step(step, &[0], diagnostics);
        known.add_captures(step, &[0]);
    }
    for (given, position) in &file.gives {
        if !known.has(0, given) {
            diagnostics.push(
                Diagnostic::error(position.clone(), format!("no step captures `{given}`"))
                    .rule(Rule::UnsetVariable)
                    .help(format!(
                        "add capture.{given} to a step, or remove it from `gives`"
                    )),
            );
        }
    }
    known.begin_cleanup();
    for step in &file.cleanup {
        known.check_step(step, &[0], diagnostics);
        known.add_captures(step, &[0]);
        known.begin_cleanup();
    }
    check_spends(&file.steps, &file.cleanup, &[], diagnostics);
    check_owed(&file.steps, &file.cleanup, diagnostics);
}

/// Checks a journey and the places where it uses fragments.
pub(super) fn check_journey(
    file: &JourneyFile,
    actors: &Actors,
    fragments: &[Fragment],
    diagnostics: &mut Vec<Diagnostic>,
) {
    for step in file.steps.iter().chain(&file.cleanup) {
        actors.check(step, diagnostics);
        check_paths(step, file, fragments, diagnostics);
    }
    check_cleanup_uses(file, diagnostics);
    check_capture_names(file, actors, diagnostics);
    check_since(&file.steps, &file.cleanup, diagnostics);
    check_sockets(
        &file.steps,
        &file.cleanup,
        |step| actors.acting(step),
        diagnostics,
    );
    let personas = file
        .actors
        .iter()
        .map(|actor| Persona {
            name: actor.name.as_str(),
            needs: &actor.needs,
        })
        .collect::<Vec<_>>();
    let mut known = Known::of_journey(
        &personas,
        &file.vars,
        capture_places(file, actors, fragments),
    );
    known.check_base(&file.base_names, diagnostics);
    for step in &file.steps {
        let acting = actors.acting(step).unwrap_or_default();
        match &step.doing {
            Some(Doing::Use { fragment, position }) => {
                let Some(found) = find(fragments, fragment) else {
                    diagnostics.push(unknown_fragment(fragment, position, fragments));
                    continue;
                };
                known.check_use(found, &acting, position, diagnostics);
                known.add_gives(found, &acting);
            }
            Some(Doing::Act(_)) | None => {
                known.check_step(step, &acting, diagnostics);
                known.add_captures(step, &acting);
            }
        }
    }
    known.check_defaults(&file.default_names, diagnostics);
    for (actor, entry) in file.actors.iter().enumerate() {
        known.check_actor_headers(actor, &entry.header_names, diagnostics);
    }
    known.begin_cleanup();
    for step in &file.cleanup {
        let acting = actors.acting(step).unwrap_or_default();
        known.check_step(step, &acting, diagnostics);
        known.add_captures(step, &acting);
        known.begin_cleanup();
    }
    check_spends(&file.steps, &file.cleanup, &file.vars, diagnostics);
    check_spends_in_cases(file, diagnostics);
    check_owed(&file.steps, &file.cleanup, diagnostics);
    super::whole::check_measured(file, fragments, diagnostics);
    super::limits::check_limits(file, fragments, diagnostics);
    super::warm::check_warm(file, fragments, diagnostics);
}

pub(super) fn find<'f>(fragments: &'f [Fragment], name: &str) -> Option<&'f FragmentFile> {
    fragments
        .iter()
        .map(|fragment| &fragment.file)
        .find(|fragment| {
            fragment
                .name
                .as_ref()
                .is_some_and(|(known, _)| known == name)
        })
}

fn unknown_fragment(name: &str, position: &Position, fragments: &[Fragment]) -> Diagnostic {
    let known: Vec<&str> = fragments
        .iter()
        .filter_map(|fragment| fragment.file.name.as_ref().map(|(name, _)| name.as_str()))
        .collect();
    let diagnostic = Diagnostic::error(
        position.clone(),
        format!("there is no fragment `{}`", shown(name)),
    )
    .rule(Rule::UnknownFragment);
    if known.is_empty() {
        return diagnostic.help(
            "no fragments were loaded: put them into `fragments/` beside this file, which is read \
             too, or give their files or folder as well",
        );
    }
    match did_you_mean(name, known.iter().copied()) {
        Some(similar) => diagnostic.help(format!("did you mean `{similar}`?")),
        None => diagnostic.help(format!("the fragments are: {}", known.join(", "))),
    }
}

/// Where every captured variable of every actor comes from, for hints about the order of steps.
fn capture_places(
    file: &JourneyFile,
    actors: &Actors,
    fragments: &[Fragment],
) -> Vec<(usize, String, String)> {
    let mut places = Vec::new();
    for step in file.steps.iter().chain(&file.cleanup) {
        let by = step.name.clone().unwrap_or_default();
        let names: Vec<String> = match &step.doing {
            Some(Doing::Use { fragment, .. }) => find(fragments, fragment)
                .map_or_else(Vec::new, |f| {
                    f.gives.iter().map(|(name, _)| name.clone()).collect()
                }),
            Some(Doing::Act(_)) | None => step.captured.clone(),
        };
        for actor in actors.acting(step).unwrap_or_default() {
            places.extend(names.iter().map(|name| (actor, name.clone(), by.clone())));
        }
    }
    places
}

fn check_cleanup_uses(file: &JourneyFile, diagnostics: &mut Vec<Diagnostic>) {
    for step in &file.cleanup {
        if let Some(Doing::Use { position, .. }) = &step.doing {
            diagnostics.push(
                Diagnostic::error(position.clone(), "cleanup cannot use a fragment")
                    .rule(Rule::UnknownFragment)
                    .help("a fragment brings its own cleanup; write the steps out here"),
            );
        }
    }
}

/// A captured variable must not hide an actor or a constant.
fn check_capture_names(file: &JourneyFile, actors: &Actors, diagnostics: &mut Vec<Diagnostic>) {
    for step in file.steps.iter().chain(&file.cleanup) {
        for capture in &step.captures {
            let taken = if actors.names.contains(&capture.name) {
                "an actor"
            } else if file.vars.iter().any(|(var, _)| *var == capture.name) {
                "a constant"
            } else {
                continue;
            };
            diagnostics.push(
                Diagnostic::error(
                    capture.position.clone(),
                    format!("`{}` is {taken} already", capture.name),
                )
                .rule(Rule::DuplicateName)
                .help("give the captured variable another name"),
            );
        }
    }
}

/// A path needs the journey's base to stand behind.
fn check_paths(
    step: &StepEntry,
    file: &JourneyFile,
    fragments: &[Fragment],
    diagnostics: &mut Vec<Diagnostic>,
) {
    if file.base.is_some() {
        return;
    }
    match &step.doing {
        Some(Doing::Act(act)) if path_of(act).is_some() => {
            diagnostics.extend(path_of(act).map(|url| {
                Diagnostic::error(url.position.clone(), "this path has no base")
                    .rule(Rule::MissingBase)
                    .help(
                        "add base = \"{{ target.base.NAME }}\" at the top, or write the whole URL",
                    )
            }))
        }
        Some(Doing::Use { fragment, position }) => {
            let pathful = find(fragments, fragment).is_some_and(|found| {
                found
                    .steps
                    .iter()
                    .chain(&found.cleanup)
                    .any(|step| match &step.doing {
                        Some(Doing::Act(act)) => path_of(act).is_some(),
                        _ => false,
                    })
            });
            if pathful {
                diagnostics.push(
                    Diagnostic::error(position.clone(), "this fragment needs a base")
                        .rule(Rule::MissingBase)
                        .label("its URLs are paths")
                        .help("add base = \"{{ target.base.NAME }}\" at the top of the journey"),
                );
            }
        }
        Some(Doing::Act(_)) | None => {}
    }
}

/// The URL of an act, if it is a path.
fn path_of(act: &Act) -> Option<&Url> {
    let url = match act {
        Act::Http(act) => &act.url,
        Act::Grpc(act) => &act.url,
        Act::Open(_) | Act::Send { .. } | Act::Receive { .. } | Act::Close { .. } | Act::Net(_) => {
            return None;
        }
    };
    is_path(url).then_some(url)
}

pub(super) fn is_path(url: &Url) -> bool {
    matches!(url.rest.parts().first(), Some(Part::Text(text)) if text.starts_with('/'))
}

fn check_since(steps: &[StepEntry], cleanup: &[StepEntry], diagnostics: &mut Vec<Diagnostic>) {
    for (at, step) in steps.iter().chain(cleanup).enumerate() {
        let Some((since, position)) = &step.since else {
            continue;
        };
        if step.kind == StepKind::Cleanup {
            diagnostics.push(
                Diagnostic::error(position.clone(), "cleanup is not timed against other steps")
                    .rule(Rule::InvalidSince)
                    .help("remove `since`"),
            );
            continue;
        }
        if step.within.is_none() && step.slow.is_none() {
            diagnostics.push(
                Diagnostic::error(position.clone(), "`since` times nothing")
                    .rule(Rule::InvalidSince)
                    .help("add `within` or `slow`, or remove `since`"),
            );
        }
        let is_named = |other: &StepEntry| other.name.as_deref() == Some(since.as_str());
        if steps[..at].iter().any(is_named) {
            continue;
        }
        let diagnostic = if steps.iter().any(is_named) {
            Diagnostic::error(
                position.clone(),
                format!("`{}` does not come before this step", shown(since)),
            )
            .rule(Rule::InvalidSince)
            .label("its start is not known yet")
            .help("name an earlier step")
        } else {
            let names = steps[..at].iter().filter_map(|step| step.name.as_deref());
            let diagnostic = Diagnostic::error(
                position.clone(),
                format!("there is no step `{}`", shown(since)),
            )
            .rule(Rule::InvalidSince);
            match did_you_mean(since, names.clone()) {
                Some(similar) => diagnostic.help(format!("did you mean \"{similar}\"?")),
                None if at == 0 => diagnostic.help("no step comes before this one"),
                None => diagnostic.help(format!(
                    "the steps before this one are: {}",
                    names.collect::<Vec<_>>().join(", ")
                )),
            }
        };
        diagnostics.push(diagnostic);
    }
}

/// A frame needs a socket that the same actor opened before.
fn check_sockets(
    steps: &[StepEntry],
    cleanup: &[StepEntry],
    acting: impl Fn(&StepEntry) -> Option<Vec<usize>>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut open: Vec<(usize, String)> = Vec::new();
    for step in steps.iter().chain(cleanup) {
        let (Some(Doing::Act(act)), Some(actors)) = (&step.doing, acting(step)) else {
            continue;
        };
        for actor in actors {
            match act {
                Act::Http(_) | Act::Grpc(_) | Act::Net(_) => {}
                Act::Open(act) => {
                    let socket = (actor, act.socket.clone());
                    if open.contains(&socket) {
                        diagnostics.push(
                            Diagnostic::error(
                                act.url.position.clone(),
                                format!("socket `{}` is open already", shown(&act.socket)),
                            )
                            .rule(Rule::ClosedSocket)
                            .help("give this one another name, or close the first one before"),
                        );
                    } else {
                        open.push(socket);
                    }
                }
                Act::Send { socket, .. } | Act::Receive { socket, .. } | Act::Close { socket } => {
                    let is_open = open
                        .iter()
                        .any(|(who, name)| *who == actor && name == socket);
                    if !is_open {
                        diagnostics.push(closed_socket(step, socket, &open));
                    }
                    if matches!(act, Act::Close { .. }) {
                        open.retain(|(who, name)| !(*who == actor && name == socket));
                    }
                }
            }
        }
    }
}

fn closed_socket(step: &StepEntry, socket: &str, open: &[(usize, String)]) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        step.verb_at.as_ref().unwrap_or(&step.position).clone(),
        format!(
            "no step before this one opened socket `{}` for this actor",
            shown(socket)
        ),
    )
    .rule(Rule::ClosedSocket);
    let names = open.iter().map(|(_, name)| name.as_str());
    match did_you_mean(socket, names) {
        Some(similar) if similar != socket => diagnostic.help(format!("did you mean `{similar}`?")),
        _ => diagnostic.help(format!(
            "open it first: ws = \"{{{{ target.ws.NAME }}}}/…\" with socket = \"{}\"",
            shown(socket)
        )),
    }
}

/// What a step makes, something should undo: a cleanup that changes something itself.
fn check_owed(steps: &[StepEntry], cleanup: &[StepEntry], diagnostics: &mut Vec<Diagnostic>) {
    let undoes = |step: &StepEntry| match &step.doing {
        Some(Doing::Act(act)) => act.verb().has_side_effects(),
        // What could not be read may undo it, and has been told.
        Some(Doing::Use { .. }) | None => true,
    };
    if cleanup.iter().any(undoes) {
        return;
    }
    let first = steps.iter().find(|step| match &step.doing {
        Some(Doing::Act(act)) => step.effect == Effect::Change && leaves_something(act),
        _ => false,
    });
    if let Some(step) = first {
        let told = Diagnostic::warning(
            step.position.clone(),
            "what this step makes is never undone",
        )
        .rule(Rule::MissingCleanup)
        .help(
            "add a [[cleanup]] that undoes it, found by a reference of the run's own; or say \
             `side_effect = false` if it makes nothing",
        );
        diagnostics.push(match cleanup.first() {
            None => told.label("there is no [[cleanup]]"),
            Some(first) => told
                .label("no [[cleanup]] changes anything")
                .related(first.position.clone(), "this only looks"),
        });
    }
}

/// Deleting leaves nothing behind; a frame is gone once it was heard.
fn leaves_something(act: &Act) -> bool {
    match act {
        Act::Http(act) => act.verb != bongsu_model::Verb::Delete,
        Act::Grpc(_) => true,
        Act::Open(_) | Act::Send { .. } | Act::Receive { .. } | Act::Close { .. } | Act::Net(_) => {
            false
        }
    }
}
