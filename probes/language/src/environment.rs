//! The variables of a run: per actor, of the journey, of the target and of the run itself.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bongsu_model::{AgentId, RegionId, RunId, Secret, Timestamp};
use serde_json::Value;

use crate::capture::Secrecy;
use crate::expression::{EvaluationError, Expression, Name, Names};
use crate::journey::{Journey, Need};
use crate::sketch::placeholder;
use crate::target::TargetProfile;

/// What a journey may know of the run that it is in.
#[derive(Debug, Clone)]
pub struct RunWords {
    /// `run.id`.
    pub id: RunId,
    /// `run.agent`.
    pub agent: AgentId,
    /// `run.region`.
    pub region: RegionId,
}

/// A value with its secrecy.
#[derive(Clone, PartialEq)]
pub struct Variable {
    /// The value.
    pub value: Value,
    /// Whether it may be shown.
    pub secrecy: Secrecy,
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.secrecy {
            Secrecy::Public => write!(f, "{}", self.value),
            Secrecy::Secret => f.write_str("***"),
        }
    }
}

/// All variables of one run. Actors see their own by name, another's as `bob.user_id`.
#[derive(Debug, Clone)]
pub struct Environment {
    actors: Vec<ActorVariables>,
    vars: BTreeMap<String, Value>,
    base: BTreeMap<String, Value>,
    ws: BTreeMap<String, Value>,
    /// None before a run.
    run: Option<RunWords>,
    now: Timestamp,
    /// Before a run: the actors' variables that steps would have captured by now.
    awaited: BTreeSet<(usize, String)>,
}

#[derive(Debug, Clone)]
struct ActorVariables {
    name: String,
    variables: BTreeMap<String, Variable>,
}

impl Environment {
    /// The variables before the first step: no actor has any yet.
    pub fn new(journey: &Journey, target: &TargetProfile, run: RunWords, now: Timestamp) -> Self {
        Self {
            run: Some(run),
            now,
            ..Self::before_a_run(journey, target)
        }
    }

    /// What is known without a run: what only a run knows is a [`crate::sketch`]'s placeholder.
    pub(crate) fn before_a_run(journey: &Journey, target: &TargetProfile) -> Self {
        Self {
            actors: journey
                .actors
                .iter()
                .map(|actor| ActorVariables {
                    name: actor.name.as_str().to_owned(),
                    variables: BTreeMap::new(),
                })
                .collect(),
            vars: journey.vars.iter().cloned().collect(),
            base: urls(&target.base),
            ws: urls(&target.ws),
            run: None,
            now: Timestamp::EPOCH,
            awaited: BTreeSet::new(),
        }
    }

    /// Whether it is [`before_a_run`](Self::before_a_run).
    pub(crate) fn is_before_a_run(&self) -> bool {
        self.run.is_none()
    }

    /// `run.id`, or its placeholder before a run.
    pub(crate) fn run_id(&self) -> String {
        self.run.as_ref().map_or_else(
            || placeholder::standing_for("run.id"),
            |run| run.id.to_string(),
        )
    }

    /// From now on a step would have captured this variable.
    pub(crate) fn await_capture(&mut self, actor: usize, name: &str) {
        let _ = self.awaited.insert((actor, name.to_owned()));
    }

    /// Sets what `now()` gives.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Sets a variable of the actor with this index: an account field or a captured value. An
    /// index without an actor is passed over.
    pub fn set(&mut self, actor: usize, name: &str, value: Value, secrecy: Secrecy) {
        if let Some(actor) = self.actors.get_mut(actor) {
            let _ = actor
                .variables
                .insert(name.to_owned(), Variable { value, secrecy });
        }
    }

    /// The variable of the actor with this index.
    pub fn get(&self, actor: usize, name: &str) -> Option<&Variable> {
        self.actors.get(actor)?.variables.get(name)
    }

    /// Whether the variable that a step needs is set.
    pub fn has(&self, need: &Need) -> bool {
        self.get(need.actor, &need.name).is_some()
    }

    /// The actor's variables that are not secret: what may be written down to pay cleanup later.
    pub fn public_variables(&self, actor: usize) -> Vec<(String, Value)> {
        self.actors.get(actor).map_or_else(Vec::new, |actor| {
            actor
                .variables
                .iter()
                .filter(|(_, variable)| variable.secrecy == Secrecy::Public)
                .map(|(name, variable)| (name.clone(), variable.value.clone()))
                .collect()
        })
    }

    /// The texts of all secret variables, for [`crate::Redactor`].
    pub fn secrets(&self) -> Vec<Secret> {
        let mut found = Vec::new();
        for variable in self
            .actors
            .iter()
            .flat_map(|actor| actor.variables.values())
        {
            if variable.secrecy == Secrecy::Secret {
                collect_texts(&variable.value, &mut found);
            }
        }
        found
    }

    /// The value of `expression` as `actor` sees it, and whether it may be shown.
    pub(crate) fn evaluate(
        &self,
        expression: &Expression,
        actor: usize,
    ) -> Result<(Cow<'_, Value>, Secrecy), EvaluationError> {
        let view = View {
            environment: self,
            actor,
        };
        let secret = expression.names().iter().any(|name| view.is_secret(name));
        if self.run.is_none()
            && let Some(placeholder) = view.placeholder(expression, secret)
        {
            return Ok((Cow::Owned(placeholder.into()), Secrecy::Public));
        }
        let value = expression.evaluate(&view)?;
        let secrecy = if secret {
            Secrecy::Secret
        } else {
            Secrecy::Public
        };
        Ok((value, secrecy))
    }
}

fn urls(services: &[(String, String)]) -> BTreeMap<String, Value> {
    let urls = services.iter();
    urls.map(|(service, url)| (service.clone(), url.as_str().into()))
        .collect()
}

/// The secret texts inside a value: its texts and its numbers.
pub(crate) fn collect_texts(value: &Value, found: &mut Vec<Secret>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => found.push(Secret::new(number.to_string())),
        Value::String(text) => found.push(Secret::new(text.as_str())),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, found)),
        Value::Object(entries) => entries.values().for_each(|item| collect_texts(item, found)),
    }
}

/// The environment as one actor sees it.
struct View<'a> {
    environment: &'a Environment,
    actor: usize,
}

impl<'a> View<'a> {
    /// An actor's name comes first, then own variables, then constants; captures cannot take the
    /// names of actors, constants and built-ins.
    fn variable(&self, name: &Name) -> Option<(&'a Variable, usize)> {
        let root = name.path.first()?;
        if let Some(other) = self
            .environment
            .actors
            .iter()
            .find(|actor| actor.name == *root)
        {
            return other
                .variables
                .get(name.path.get(1)?)
                .map(|variable| (variable, 2));
        }
        self.environment.get(self.actor, root).map(|own| (own, 1))
    }

    fn is_secret(&self, name: &Name) -> bool {
        self.variable(name)
            .is_some_and(|(variable, _)| variable.secrecy == Secrecy::Secret)
    }
}

impl View<'_> {
    /// What stands for an expression before a run: it reads a secret, or what only a run knows.
    fn placeholder(&self, expression: &Expression, secret: bool) -> Option<String> {
        if secret {
            return Some(placeholder::hidden());
        }
        let is_of_run = |name: &Name| match name.path.first().map(String::as_str) {
            Some("run") => true,
            Some(root) => {
                let actors = &self.environment.actors;
                let other = actors.iter().position(|actor| actor.name == root);
                let awaited = match other {
                    Some(other) => (other, name.path.get(1).cloned().unwrap_or_default()),
                    None => (self.actor, root.to_owned()),
                };
                self.environment.awaited.contains(&awaited)
            }
            None => false,
        };
        let unknown =
            expression.names().iter().any(is_of_run) || expression.text().contains("now(");
        unknown.then(|| placeholder::standing_for(expression.text()))
    }
}

impl<'a> Names<'a> for View<'a> {
    fn value(&self, name: &Name) -> Option<Cow<'a, Value>> {
        let environment = self.environment;
        if let Some((variable, used)) = self.variable(name) {
            return descend(&variable.value, &name.path[used..]).map(Cow::Borrowed);
        }
        let known = match name.path.as_slice() {
            [target, base, service] if target == "target" && base == "base" => {
                environment.base.get(service)?
            }
            [target, ws, service] if target == "target" && ws == "ws" => {
                environment.ws.get(service)?
            }
            [run, word] if run == "run" && matches!(word.as_str(), "id" | "agent" | "region") => {
                let run = environment.run.as_ref()?;
                let value: Value = match word.as_str() {
                    "id" => run.id.to_string().into(),
                    "agent" => run.agent.as_str().into(),
                    _ => run.region.as_str().into(),
                };
                return Some(Cow::Owned(value));
            }
            path => descend(environment.vars.get(&path[0])?, &path[1..])?,
        };
        Some(Cow::Borrowed(known))
    }

    fn now_unix_seconds(&self) -> u64 {
        self.environment.now.as_unix_nanos() / 1_000_000_000
    }
}

fn descend<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}
