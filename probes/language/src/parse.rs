//! One journey or fragment file as it is written: parsed and checked by itself, references to
//! other files and other steps still by name.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{ActorName, FeatureId, JourneyName, PoolName, StepKind, Tag};
use serde_json::Value;

use crate::capture::Capture;
use crate::document::{Node, Table};
use crate::expect::Expectations;
use crate::expression::Expression;
use crate::journey::{
    Act, CLEANUP_TIMEOUT, Cookies, Effect, Header, HeaderOrigin, IpVersion, Poll, Retry,
};
use crate::keys;
use crate::parser::{Parser, PlacedName, shown};
use crate::rule::Rule;
use crate::source::Position;
use crate::template::Template;

mod act;
mod body;
mod capture;
mod case;
mod expect;
mod fact;
mod grpc;
mod holds;
mod limits;
mod net;
mod oauth2;
mod record_type;
mod repeat;
mod secrets;
mod spends;
mod step;
mod verb;

pub(crate) use body::{PART_CONTENTS, UNITS};
pub(crate) use capture::TAKES;
pub(crate) use case::CaseEntry;
pub(crate) use grpc::is_descriptor_path;
pub(crate) use oauth2::{CLIENT_AUTHS, GRANTS};
pub(crate) use record_type::record_type_name;
pub(crate) use secrets::conceal;
pub use secrets::is_secret_name;
pub(crate) use spends::Spends;
pub(crate) use verb::{is_verb, verb_keys};

/// Longest name of a step in characters.
const STEP_NAME_CHARS_MAX: usize = 100;

/// The words of `ip`.
const IP_VERSIONS: &[(&str, IpVersion)] = &[("4", IpVersion::V4), ("6", IpVersion::V6)];

/// A journey file.
#[derive(Debug)]
pub(crate) struct JourneyFile {
    pub(crate) name: Option<(JourneyName, Position)>,
    pub(crate) feature: Option<(FeatureId, Position)>,
    pub(crate) every: Option<(Duration, Position)>,
    pub(crate) timeout: Option<(Duration, Position)>,
    pub(crate) cleanup_timeout: Duration,
    pub(crate) ip: Option<IpVersion>,
    /// Where it stands; none if it is the default.
    pub(crate) cleanup_timeout_at: Option<Position>,
    pub(crate) base: Option<Template>,
    pub(crate) base_names: Vec<PlacedName>,
    pub(crate) actors: Vec<ActorEntry>,
    pub(crate) vars: Vec<(String, Value)>,
    pub(crate) cases: Vec<CaseEntry>,
    pub(crate) tags: Vec<Tag>,
    /// Where it says that it has a warm variant.
    pub(crate) warm: Option<Position>,
    pub(crate) defaults: Vec<Header>,
    pub(crate) default_names: Vec<PlacedName>,
    pub(crate) steps: Vec<StepEntry>,
    pub(crate) cleanup: Vec<StepEntry>,
}

/// A fragment file.
#[derive(Debug)]
pub(crate) struct FragmentFile {
    pub(crate) name: Option<(String, Position)>,
    pub(crate) feature: Option<(FeatureId, Position)>,
    pub(crate) needs: Vec<(String, Position)>,
    pub(crate) gives: Vec<(String, Position)>,
    /// Whether what its steps make is a session.
    pub(crate) is_session: bool,
    pub(crate) steps: Vec<StepEntry>,
    pub(crate) cleanup: Vec<StepEntry>,
}

/// An actor as declared.
#[derive(Debug, Clone)]
pub(crate) struct ActorEntry {
    pub(crate) name: ActorName,
    pub(crate) pool: Option<PoolName>,
    pub(crate) needs: Vec<String>,
    pub(crate) cookies: Cookies,
    pub(crate) headers: Vec<Header>,
    /// The names that its headers read.
    pub(crate) header_names: Vec<PlacedName>,
    pub(crate) position: Position,
}

/// A step as written. What could not be read is none and has been told.
#[derive(Debug, Clone)]
pub(crate) struct StepEntry {
    pub(crate) name: Option<String>,
    pub(crate) position: Position,
    pub(crate) kind: StepKind,
    pub(crate) doing: Option<Doing>,
    /// Where its verb's value stands: the address, the socket's name.
    pub(crate) verb_at: Option<Position>,
    pub(crate) actors: Option<Vec<(String, Position)>>,
    pub(crate) feature: Option<(FeatureId, Position)>,
    pub(crate) expect: Expectations,
    pub(crate) fail_if: Expectations,
    /// The names of all captures, also of those that could not be read.
    pub(crate) captured: Vec<String>,
    pub(crate) captures: Vec<Capture>,
    pub(crate) poll: Option<Poll>,
    /// Where its `for` stands.
    pub(crate) poll_for_at: Option<Position>,
    pub(crate) retry: Option<Retry>,
    pub(crate) slow: Option<(Duration, Position)>,
    pub(crate) within: Option<(Duration, Position)>,
    pub(crate) since: Option<(String, Position)>,
    pub(crate) timeout: Option<(Duration, Position)>,
    pub(crate) when: Option<Expression>,
    pub(crate) wait_before: Option<(Duration, Position)>,
    pub(crate) max_body: usize,
    pub(crate) spends: Option<(Spends, Position)>,
    pub(crate) effect: Effect,
    /// The names that its templates read.
    pub(crate) names: Vec<PlacedName>,
}

/// What a step does: an act, or a fragment's steps.
#[derive(Debug, Clone)]
pub(crate) enum Doing {
    Act(Act),
    Use {
        fragment: String,
        position: Position,
    },
}

impl Parser<'_> {
    pub(crate) fn journey(&mut self, table: &Table) -> JourneyFile {
        let top = table
            .entry("journey")
            .map_or(0..0, |entry| entry.key_span.clone());
        self.check_keys(table, &top, &keys::JOURNEY);
        self.check_format(table);
        let name = self.placed(table, "journey", JourneyName::from_arc);
        let feature = self.placed(table, "feature", FeatureId::from_arc);
        let actors = self.actors(table);
        let vars = self.vars(table, &actors);
        let cases = self.cases(table, &vars);
        let tags = self.tags(table);
        let warm = table.entry("warm").filter(|entry| is_true(&entry.node));
        let warm = warm.map(|entry| self.position(&entry.key_span));
        let base = table.get("base").and_then(|node| self.base(node));
        let base_names = std::mem::take(&mut self.names);
        let defaults = self.defaults(table);
        let default_names = std::mem::take(&mut self.names);
        let default_keys: Vec<String> = defaults.iter().map(|header| header.name.clone()).collect();
        let mut steps = Vec::new();
        let mut cleanup = Vec::new();
        for (step, node) in table.tables("step") {
            steps.push(self.step(step, node, StepKind::Step, &default_keys));
        }
        for (step, node) in table.tables("cleanup") {
            cleanup.push(self.step(step, node, StepKind::Cleanup, &default_keys));
        }
        self.check_step_names(&steps, &cleanup);
        let cleanup_timeout = self.placed_duration(table, "cleanup_timeout");
        JourneyFile {
            name,
            feature,
            every: self.placed_duration(table, "every"),
            timeout: self.placed_duration(table, "timeout"),
            cleanup_timeout: cleanup_timeout
                .as_ref()
                .map_or(CLEANUP_TIMEOUT, |(limit, _)| *limit),
            cleanup_timeout_at: cleanup_timeout.map(|(_, at)| at),
            ip: table
                .get("ip")
                .and_then(|node| self.word(node, "an IP version", IP_VERSIONS)),
            base,
            base_names,
            actors,
            vars,
            cases,
            tags,
            warm,
            defaults,
            default_names,
            steps,
            cleanup,
        }
    }

    pub(crate) fn fragment(&mut self, table: &Table) -> FragmentFile {
        let top = table
            .entry("fragment")
            .map_or(0..0, |entry| entry.key_span.clone());
        self.check_keys(table, &top, &keys::FRAGMENT);
        self.check_format(table);
        // A fragment's name follows the same rule as a journey's.
        let name = self
            .placed(table, "fragment", JourneyName::from_arc)
            .map(|(name, position)| (name.as_str().to_owned(), position));
        let feature = self.placed(table, "feature", FeatureId::from_arc);
        let needs = self.variables(table, "needs");
        let gives = self.variables(table, "gives");
        let is_session = table.get("session").is_some_and(is_true);
        let mut steps = Vec::new();
        let mut cleanup = Vec::new();
        for (step, node) in table.tables("step") {
            steps.push(self.step(step, node, StepKind::Step, &[]));
        }
        for (step, node) in table.tables("cleanup") {
            cleanup.push(self.step(step, node, StepKind::Cleanup, &[]));
        }
        self.check_step_names(&steps, &cleanup);
        FragmentFile {
            name,
            feature,
            needs,
            gives,
            is_session,
            steps,
            cleanup,
        }
    }

    fn placed<T>(
        &mut self,
        table: &Table,
        key: &str,
        make: impl Fn(Arc<str>) -> Result<T, bongsu_model::NameError>,
    ) -> Option<(T, Position)> {
        let node = table.get(key)?;
        let text = self.known.name(node.as_text()?);
        let name = self.name(node, |_| make(text.clone()))?;
        Some((name, self.position(&node.span)))
    }

    fn placed_duration(&mut self, table: &Table, key: &str) -> Option<(Duration, Position)> {
        let duration = self.duration(table, key)?;
        Some((duration, self.position(&table.get(key)?.span)))
    }

    fn actors(&mut self, table: &Table) -> Vec<ActorEntry> {
        let Some((declared, owner)) = table
            .entry("actor")
            .and_then(|entry| Some((entry.node.as_table()?, &entry.key_span)))
        else {
            return Vec::new();
        };
        if declared.entries.is_empty() {
            let _ = self
                .error(owner, "there is no actor")
                .rule(Rule::UnknownActor)
                .help("declare one: actor.user.account = \"pool:NAME\"");
        }
        let mut actors = Vec::new();
        for entry in &declared.entries {
            if !self.check_variable_name(&entry.key, &entry.key_span, "an actor") {
                continue;
            }
            let Some(fields) = entry.node.as_table() else {
                let _ = self
                    .error(
                        &entry.node.span,
                        format!("actor `{}` must be a table", entry.key),
                    )
                    .rule(Rule::WrongType)
                    .help(format!("write actor.{}.account = \"pool:NAME\"", entry.key));
                continue;
            };
            self.check_keys(fields, &entry.key_span, &keys::ACTOR);
            // What can be the name of a variable can be an actor's.
            let Ok(name) = ActorName::from_arc(self.known.name(&entry.key)) else {
                continue;
            };
            let pool = fields.get("account").and_then(|node| self.pool(node));
            let needs = self.variables(fields, "needs");
            let refuses = fields.get("cookies").and_then(Node::as_bool) == Some(false);
            let headers = fields.table("headers").map_or_else(Vec::new, |headers| {
                self.headers(headers, HeaderOrigin::Actor(actors.len()))
            });
            actors.push(ActorEntry {
                name,
                pool,
                needs: needs.into_iter().map(|(need, _)| need).collect(),
                cookies: if refuses {
                    Cookies::Refused
                } else {
                    Cookies::Kept
                },
                headers,
                header_names: std::mem::take(&mut self.names),
                position: self.position(&entry.key_span),
            });
        }
        actors
    }

    fn pool(&mut self, node: &Node) -> Option<PoolName> {
        let text = node.as_text()?;
        let name = text.strip_prefix("pool:").map(|name| self.known.name(name));
        match name.map(PoolName::from_arc) {
            Some(Ok(pool)) => Some(pool),
            _ => {
                let _ = self
                    .error(
                        &node.span,
                        format!("`{}` is not an account pool", shown(text)),
                    )
                    .help("write \"pool:NAME\" with the name of a pool of the target profile");
                None
            }
        }
    }

    fn vars(&mut self, table: &Table, actors: &[ActorEntry]) -> Vec<(String, Value)> {
        let mut vars = Vec::new();
        for entry in table.table("vars").map_or(&[][..], |vars| &vars.entries) {
            if !self.check_variable_name(&entry.key, &entry.key_span, "a variable") {
                continue;
            }
            if actors.iter().any(|actor| actor.name.as_str() == entry.key) {
                let _ = self
                    .error(
                        &entry.key_span,
                        format!("`{}` is an actor already", entry.key),
                    )
                    .rule(Rule::DuplicateName)
                    .help("give the variable another name");
                continue;
            }
            self.refuse_secret_literal(&entry.key, &entry.node);
            if let Some(value) = self.plain_value(&entry.node) {
                vars.push((entry.key.clone(), value));
            }
        }
        vars
    }

    fn defaults(&mut self, table: &Table) -> Vec<Header> {
        let Some(entry) = table.entry("defaults") else {
            return Vec::new();
        };
        let Some(defaults) = entry.node.as_table() else {
            return Vec::new();
        };
        self.check_keys(defaults, &entry.key_span, &keys::DEFAULTS);
        let headers = defaults.table("headers");
        headers.map_or_else(Vec::new, |headers| {
            self.headers(headers, HeaderOrigin::Default)
        })
    }

    /// A list of variable names.
    fn variables(&mut self, table: &Table, key: &str) -> Vec<(String, Position)> {
        let mut found: Vec<(String, Position)> = Vec::new();
        for node in table.get(key).and_then(Node::items).unwrap_or_default() {
            let Some(text) = node.as_text() else { continue };
            if self.check_variable_name(text, &node.span, "a variable")
                && !found.iter().any(|(name, _)| name == text)
            {
                found.push((text.to_owned(), self.position(&node.span)));
            }
        }
        found
    }

    /// Whether `name` can be read by expressions; tells it if not.
    pub(crate) fn check_variable_name(
        &mut self,
        name: &str,
        span: &std::ops::Range<usize>,
        what: &str,
    ) -> bool {
        const RESERVED: &[&str] = &[
            "target", "run", "now", "totp", "and", "or", "not", "if", "else", "in", "is", "true",
            "false", "none",
        ];
        let well_formed = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.len() <= 60
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if well_formed && !RESERVED.contains(&name) {
            return true;
        }
        let told = self
            .error(
                span,
                format!("`{}` cannot be the name of {what}", shown(name)),
            )
            .rule(Rule::InvalidName);
        let _ = if well_formed {
            told.label("this word has a meaning of its own")
                .help("choose another name")
        } else {
            told.help("use a-z, 0-9 and _, starting with a letter, at most 60 characters")
        };
        false
    }

    fn check_step_names(&mut self, steps: &[StepEntry], cleanup: &[StepEntry]) {
        let mut seen: Vec<(&str, &Position)> = Vec::new();
        for step in steps.iter().chain(cleanup) {
            let Some(name) = &step.name else { continue };
            if let Some((_, first)) = seen.iter().find(|(known, _)| known == name) {
                let first = (*first).clone();
                let _ = self
                    .error(&step.position.span, format!("two steps are named `{name}`"))
                    .rule(Rule::DuplicateName)
                    .related(first, "the first one")
                    .help("reports and `since` know steps by name: give each its own");
            } else {
                seen.push((name, &step.position));
            }
        }
    }

    fn step_name(&mut self, table: &Table) -> Option<String> {
        let (text, node) = table.text("name")?;
        let fits = !text.trim().is_empty()
            && text.chars().count() <= STEP_NAME_CHARS_MAX
            && !text.chars().any(char::is_control);
        if !fits {
            let _ = self
                .error(&node.span, "this cannot be the name of a step")
                .rule(Rule::InvalidName)
                .help(format!(
                    "use 1 to {STEP_NAME_CHARS_MAX} characters on one line"
                ));
        }
        fits.then(|| text.to_owned())
    }
}

fn is_true(node: &Node) -> bool {
    node.as_bool() == Some(true)
}
