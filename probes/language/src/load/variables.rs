//! Follows variables through the steps: what a step reads must be set when it runs.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::capture::Presence;
use crate::diagnostic::Diagnostic;
use crate::keys::did_you_mean;
use crate::parse::{FragmentFile, StepEntry};
use crate::parser::PlacedName;
use crate::rule::Rule;
use crate::source::Position;

/// The fields that every test account has; others are declared with the actor's `needs`.
pub(super) const ACCOUNT_FIELDS: &[&str] = &["login", "password", "user_id"];

/// An actor as its variables are concerned.
#[derive(Debug)]
pub(super) struct Persona<'a> {
    pub(super) name: &'a str,
    pub(super) needs: &'a [String],
}

/// What is set, step by step.
#[derive(Debug)]
pub(super) struct Known<'a> {
    /// The actors' names; a fragment's actor has none.
    actors: Vec<&'a str>,
    vars: &'a [(String, Value)],
    set: BTreeSet<(usize, String)>,
    /// What may be set or not: optional captures, and those of steps with a condition.
    perhaps: BTreeSet<(usize, String)>,
    /// Actor, variable and step of every capture of the file.
    places: Vec<(usize, String, String)>,
    holder: Holder,
}

/// Whose steps are followed: it decides the remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Journey,
    Fragment,
}

impl<'a> Known<'a> {
    pub(super) fn of_journey(
        personas: &[Persona<'a>],
        vars: &'a [(String, Value)],
        places: Vec<(usize, String, String)>,
    ) -> Self {
        let mut set = BTreeSet::new();
        for (actor, persona) in personas.iter().enumerate() {
            let fields = ACCOUNT_FIELDS.iter().map(|field| (*field).to_owned());
            set.extend(
                fields
                    .chain(persona.needs.iter().cloned())
                    .map(|field| (actor, field)),
            );
        }
        let actors = personas.iter().map(|persona| persona.name).collect();
        Self {
            actors,
            vars,
            set,
            perhaps: BTreeSet::new(),
            places,
            holder: Holder::Journey,
        }
    }

    pub(super) fn of_fragment(needs: &[(String, Position)]) -> Self {
        Self {
            actors: Vec::new(),
            vars: &[],
            set: needs.iter().map(|(need, _)| (0, need.clone())).collect(),
            places: Vec::new(),
            perhaps: BTreeSet::new(),
            holder: Holder::Fragment,
        }
    }

    pub(super) fn has(&self, actor: usize, name: &str) -> bool {
        self.set.contains(&(actor, name.to_owned()))
    }

    pub(super) fn add_captures(&mut self, step: &StepEntry, acting: &[usize]) {
        let is_sure = |name: &String| {
            step.when.is_none()
                && !step
                    .captures
                    .iter()
                    .any(|c| c.name == *name && c.presence == Presence::Optional)
        };
        for actor in acting {
            for name in &step.captured {
                let variable = (*actor, name.clone());
                let _ = if is_sure(name) {
                    self.set.insert(variable)
                } else {
                    self.perhaps.insert(variable)
                };
            }
        }
    }

    /// From now on what may be set counts as set: a cleanup step whose variable is unset is
    /// passed over.
    pub(super) fn begin_cleanup(&mut self) {
        self.set.append(&mut self.perhaps);
    }

    pub(super) fn add_gives(&mut self, fragment: &FragmentFile, acting: &[usize]) {
        for actor in acting {
            self.set.extend(
                fragment
                    .gives
                    .iter()
                    .map(|(name, _)| (*actor, name.clone())),
            );
        }
    }

    /// Every name of the step must be set for each actor that performs it; told once a name.
    pub(super) fn check_step(
        &self,
        step: &StepEntry,
        acting: &[usize],
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        for placed in &step.names {
            if let Some(problem) = acting
                .iter()
                .find_map(|actor| self.problem(placed, Some(*actor), acting.len()))
            {
                diagnostics.push(problem);
            }
        }
    }

    /// The base is of no actor.
    pub(super) fn check_base(&self, names: &[PlacedName], diagnostics: &mut Vec<Diagnostic>) {
        diagnostics.extend(
            names
                .iter()
                .filter_map(|placed| self.problem(placed, None, 1)),
        );
    }

    /// A default header is left out while a variable is unset, but one that is never set is a
    /// slip of the hand.
    pub(super) fn check_defaults(&self, names: &[PlacedName], diagnostics: &mut Vec<Diagnostic>) {
        for placed in names {
            let problems: Vec<Option<Diagnostic>> = (0..self.actors.len())
                .map(|actor| self.problem(placed, Some(actor), 1))
                .collect();
            if !problems.is_empty() && problems.iter().all(Option::is_some) {
                diagnostics.extend(problems.into_iter().flatten().next());
            }
        }
    }

    /// The same of an actor's own header.
    pub(super) fn check_actor_headers(
        &self,
        actor: usize,
        names: &[PlacedName],
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        diagnostics.extend(
            names
                .iter()
                .filter_map(|placed| self.problem(placed, Some(actor), 1)),
        );
    }

    pub(super) fn check_use(
        &self,
        fragment: &FragmentFile,
        acting: &[usize],
        position: &Position,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        for actor in acting {
            let who = self.actors.get(*actor).copied().unwrap_or_default();
            for (need, needed_at) in &fragment.needs {
                if self.has(*actor, need) {
                    continue;
                }
                diagnostics.push(
                    Diagnostic::error(
                        position.clone(),
                        format!("the fragment needs `{need}`, which `{who}` does not have"),
                    )
                    .rule(Rule::UnsetVariable)
                    .related(needed_at.clone(), "needed here")
                    .help(format!(
                        "capture it in an earlier step, or, if the account has it, add \
                         actor.{who}.needs = [\"{need}\"]"
                    )),
                );
            }
        }
    }

    /// What is wrong with a name when `actor` reads it.
    fn problem(
        &self,
        placed: &PlacedName,
        actor: Option<usize>,
        acting: usize,
    ) -> Option<Diagnostic> {
        let path: Vec<&str> = placed.name.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["target", "base" | "ws", _] | ["run", "id" | "agent" | "region"] => None,
            ["target", ..] => Some(
                self.unset(placed, "the target gives addresses only")
                    .help("write target.base.NAME or target.ws.NAME, as the profile lists them"),
            ),
            ["run", ..] => Some(
                self.unset(placed, "the run has no such field")
                    .help("run has id, agent and region"),
            ),
            ["now"] => Some(
                self.unset(placed, "`now` is a function")
                    .help("write `now()`: seconds since 1970"),
            ),
            ["totp"] => Some(
                self.unset(placed, "`totp` is a function")
                    .help("write `totp(otp_secret)`: the one-time code of that secret"),
            ),
            [root, rest @ ..] => self.variable_problem(placed, root, rest, actor, acting),
            [] => None,
        }
    }

    fn variable_problem(
        &self,
        placed: &PlacedName,
        root: &str,
        rest: &[&str],
        actor: Option<usize>,
        acting: usize,
    ) -> Option<Diagnostic> {
        if let Some(other) = self.actors.iter().position(|known| *known == root) {
            return match rest {
                [] => Some(
                    self.unset(placed, "this is an actor, not a value")
                        .help(format!(
                            "write one of its variables, as in `{root}.user_id`"
                        )),
                ),
                [name, ..] if self.has(other, name) => None,
                [name, ..] => Some(self.unset_of(placed, other, name, 1)),
            };
        }
        if let Some((_, value)) = self.vars.iter().find(|(var, _)| var == root) {
            let found = rest.iter().try_fold(value, |value, key| value.get(*key));
            return found.is_none().then(|| {
                self.unset(placed, "the constant has no such part")
                    .help("see `vars` at the top")
            });
        }
        let is_own = |root: &str| actor.is_some_and(|actor| self.has(actor, root));
        match rest {
            [name, ..] if root == "vars" && !is_own(root) => {
                return Some(
                    self.unset(placed, "`vars` is not part of the name")
                        .help(format!("write `{name}`")),
                );
            }
            _ if root == "env" && !is_own(root) => {
                return Some(
                    self.unset(placed, "a journey reads nothing of the environment")
                        .help(
                            "keep it in the account, whose secrets may be { env = … } in the \
                             target profile, or in `vars`, which `run --var` sets",
                        ),
                );
            }
            [name, ..] if !is_own(root) => {
                let actors = self.actors.iter().copied();
                if let Some(similar) = did_you_mean(root, actors) {
                    return Some(
                        self.unset(placed, "there is no actor of this name")
                            .help(format!("did you mean `{similar}.{name}`?")),
                    );
                }
            }
            _ => {}
        }
        let Some(actor) = actor else {
            let message = format!("`{}` cannot be read here", placed.name.text());
            return Some(
                Diagnostic::error(placed.position.clone(), message)
                    .rule(Rule::UnsetVariable)
                    .label("`base` is the same for all actors")
                    .help("write {{ target.base.NAME }}"),
            );
        };
        if self.has(actor, root) {
            None
        } else if rest.is_empty() {
            Some(self.unset_of(placed, actor, root, acting))
        } else {
            let label = format!("no actor, no constant and no capture above is named `{root}`");
            let help = format!("the actors are: {}", self.actors.join(", "));
            Some(self.unset(placed, &label).help(help))
        }
    }

    fn unset(&self, placed: &PlacedName, label: &str) -> Diagnostic {
        let message = format!("`{}` is not set when this step runs", placed.name.text());
        Diagnostic::error(placed.position.clone(), message)
            .rule(Rule::UnsetVariable)
            .label(label)
    }

    fn unset_of(&self, placed: &PlacedName, actor: usize, name: &str, acting: usize) -> Diagnostic {
        let who = self.actors.get(actor).copied();
        let label = match (who, self.holder) {
            (_, Holder::Fragment) => {
                "no step above captures it, and `needs` does not list it".into()
            }
            (Some(who), _) if acting > 1 || self.actors.len() > 1 => {
                format!("no step above captures it for `{who}`, whose account has no such field")
            }
            _ => "no step above captures it, and the actor has no such field".to_owned(),
        };
        if self.perhaps.contains(&(actor, name.to_owned())) {
            let message = format!(
                "`{}` is perhaps not set when this step runs",
                placed.name.text()
            );
            return Diagnostic::error(placed.position.clone(), message)
                .rule(Rule::UnsetVariable)
                .label("its capture is optional, or its step has a condition")
                .help("remove `optional` or `when` there; only cleanup passes over such steps");
        }
        let diagnostic = self.unset(placed, &label);
        let own = self
            .set
            .iter()
            .filter(|(of, _)| *of == actor)
            .map(|(_, known)| known.as_str());
        let vars = self.vars.iter().map(|(var, _)| var.as_str());
        let later = self
            .places
            .iter()
            .find(|(of, known, _)| *of == actor && known == name);
        let other = self
            .set
            .iter()
            .find(|(of, known)| *of != actor && known == name);
        if let Some((_, _, step)) = later {
            return diagnostic.help(format!("it is captured by \"{step}\", which comes later"));
        }
        if let Some((other, _)) = other {
            let other = self.actors.get(*other).copied().unwrap_or_default();
            return diagnostic.help(format!("did you mean `{other}.{name}`?"));
        }
        // `alice.sen` names its actor: what is meant is one of hers, and she is named again.
        let named = who.filter(|who| placed.name.path.len() > 1 && placed.name.path[0] == *who);
        let (similar, prefix) = match named {
            Some(actor) => (did_you_mean(name, own), format!("{actor}.")),
            None => (did_you_mean(name, own.chain(vars)), String::new()),
        };
        if let Some(similar) = similar {
            return diagnostic.help(format!("did you mean `{prefix}{similar}`?"));
        }
        match self.holder {
            Holder::Fragment => diagnostic.help(format!(
                "add \"{name}\" to `needs`, or capture it in an earlier step of the fragment"
            )),
            Holder::Journey => diagnostic.help(format!(
                "capture it in an earlier step, or, if the account has it, add \
                 actor.{}.needs = [\"{name}\"]",
                who.unwrap_or("NAME")
            )),
        }
    }
}
