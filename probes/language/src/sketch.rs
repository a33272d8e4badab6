//! What a run would send and expect, step by step, as far as it is known before a run: addresses, constants and
//! public account fields are filled in, secrets are starred out without being read, and what comes
//! from captures or the run itself stays a placeholder.

use bongsu_model::AccountName;

use crate::capture::Secrecy;
use crate::environment::Environment;
use crate::journey::{Act, Journey, Need, Step};
use crate::prepare::{PreparedAct, RenderError, ToldNet, tell_net};
use crate::target::{AccountSpec, FieldSource, TargetProfile};

pub(crate) mod placeholder;

/// A journey as a run against a target would perform it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SketchedJourney {
    /// The account that each actor plays, by the order of [`Journey::actors`]: the first of its pool
    /// that no other actor plays. None if the pool has too few.
    pub accounts: Vec<Option<AccountName>>,
    /// The steps, then the cleanup.
    pub steps: Vec<SketchedStep>,
}

/// A step as it would be performed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SketchedStep {
    /// The step: [`Step::index`].
    pub index: u32,
    /// What is sent; actors that send the same are together.
    pub sketches: Vec<Sketch>,
    /// The captured variables that must be set; cleanup is passed over while one is not.
    pub awaits: Vec<String>,
}

/// What some of a step's actors send.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sketch {
    /// Who: indices into [`Journey::actors`].
    pub actors: Vec<usize>,
    /// Verb and address, or verb and socket.
    pub line: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body or frame.
    pub body: Option<String>,
    /// What the frame that is waited for is known by, one condition each: `json $.type: "sent"`.
    pub filter: Vec<String>,
    /// What must hold of the answer, likewise.
    pub expect: Vec<String>,
    /// What, if all of it holds, ends a poll as failed, likewise.
    pub fail_if: Vec<String>,
}

impl Sketch {
    /// Whether it is the same but for who does it.
    fn is_alike(&self, other: &Self) -> bool {
        let theirs = Self {
            actors: other.actors.clone(),
            ..self.clone()
        };
        theirs == *other
    }
}

/// What a run of `journey` against `target` would send.
pub fn sketch(journey: &Journey, target: &TargetProfile) -> SketchedJourney {
    let accounts: Vec<Option<&AccountSpec>> = (0..journey.actors.len())
        .map(|actor| account(journey, target, actor))
        .collect();
    let mut environment = Environment::before_a_run(journey, target);
    for (actor, account) in accounts.iter().enumerate() {
        for (name, source) in account.map_or(&[][..], |account| &account.fields) {
            match source {
                FieldSource::Plain(text) => {
                    environment.set(actor, name, text.as_str().into(), Secrecy::Public);
                }
                // Only that there is one: it is not read.
                FieldSource::Env(_) | FieldSource::File(_) => {
                    environment.set(actor, name, "***".into(), Secrecy::Secret);
                }
            }
        }
    }
    let mut steps = Vec::new();
    for step in journey.steps.iter().chain(&journey.cleanup) {
        steps.push(SketchedStep {
            index: step.index,
            sketches: sketches(step, &environment),
            awaits: awaits(journey, step, &environment),
        });
        for actor in &step.actors {
            for capture in &step.captures {
                environment.await_capture(*actor, &capture.name);
            }
        }
    }
    SketchedJourney {
        accounts: accounts
            .into_iter()
            .map(|account| account.map(|account| account.name.clone()))
            .collect(),
        steps,
    }
}

/// The account of an actor: no two actors of a pool play the same.
fn account<'a>(
    journey: &Journey,
    target: &'a TargetProfile,
    actor: usize,
) -> Option<&'a AccountSpec> {
    let pool = &journey.actors[actor].pool;
    let before = journey.actors[..actor].iter();
    let nth = before.filter(|other| other.pool == *pool).count();
    target.pool(pool)?.accounts.get(nth)
}

fn sketches(step: &Step, environment: &Environment) -> Vec<Sketch> {
    let mut found: Vec<Sketch> = Vec::new();
    for actor in &step.actors {
        let sketch = sketch_of(step, environment, *actor);
        match found.iter_mut().find(|known| known.is_alike(&sketch)) {
            Some(known) => known.actors.push(*actor),
            None => found.push(sketch),
        }
    }
    found
}

fn sketch_of(step: &Step, environment: &Environment, actor: usize) -> Sketch {
    let verb = step.verb().as_str().to_uppercase();
    let (line, headers, body) = match written(step, environment, actor) {
        Ok(Written::Below(told)) => (
            format!("{verb} {}", told.line),
            Vec::new(),
            told.sent.as_deref().map(shown),
        ),
        Ok(Written::Act(act)) => match act {
            PreparedAct::Http(request) => (
                format!("{verb} {}", request.url),
                request.headers,
                request.body.as_deref().map(shown),
            ),
            PreparedAct::Grpc(call) => (
                format!("{verb} {}", call.url),
                call.headers,
                Some(call.message.to_string()),
            ),
            PreparedAct::Open {
                url,
                headers,
                socket,
            } => (format!("{verb} {url} as \"{socket}\""), headers, None),
            PreparedAct::Send { socket, text } => {
                (format!("{verb} on \"{socket}\""), Vec::new(), Some(text))
            }
            PreparedAct::Receive { socket } | PreparedAct::Close { socket } => {
                (format!("{verb} \"{socket}\""), Vec::new(), None)
            }
            // Told above: what is prepared of it is a place, which may not be known.
            PreparedAct::Net(_) => (verb, Vec::new(), None),
        },
        Err(error) => (unknown(&verb, &error), Vec::new(), None),
    };
    let plain = |text: &str| placeholder::restore(text, str::to_owned);
    let says_json =
        |(name, value): &(String, String)| name == "content-type" && value.contains("json");
    let is_json = matches!(step.act, Act::Grpc(_)) || headers.iter().any(says_json);
    Sketch {
        actors: vec![actor],
        line: plain(&line),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name, plain(&value)))
            .collect(),
        body: body.map(|body| {
            if is_json {
                in_json(&body)
            } else {
                plain(&body)
            }
        }),
        filter: match &step.act {
            Act::Receive { filter, .. } => filter.told(environment, actor),
            Act::Http(_)
            | Act::Grpc(_)
            | Act::Open(_)
            | Act::Send { .. }
            | Act::Close { .. }
            | Act::Net(_) => Vec::new(),
        },
        expect: step.expect.told(environment, actor),
        fail_if: step.fail_if.told(environment, actor),
    }
}

/// A JSON text with its placeholders as words.
pub(crate) fn in_json(text: &str) -> String {
    placeholder::restore(text, json_escaped)
}

/// What a step does, as far as it is known.
enum Written {
    Act(PreparedAct),
    Below(ToldNet),
}

fn written(step: &Step, environment: &Environment, actor: usize) -> Result<Written, RenderError> {
    match &step.act {
        Act::Net(act) => tell_net(act, environment, actor).map(Written::Below),
        Act::Http(_)
        | Act::Grpc(_)
        | Act::Open(_)
        | Act::Send { .. }
        | Act::Receive { .. }
        | Act::Close { .. } => step
            .prepare(environment, actor)
            .map(|prepared| Written::Act(prepared.act)),
    }
}

/// Bytes that are shown at most where they are no text.
const BYTES_SHOWN_MAX: usize = 32;

/// Text as it is; bytes that are none in hexadecimal.
fn shown(bytes: &[u8]) -> String {
    let is_plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    if let Ok(text) = std::str::from_utf8(bytes)
        && text.chars().all(is_plain)
    {
        return text.to_owned();
    }
    let first = bytes.iter().take(BYTES_SHOWN_MAX);
    let first: Vec<String> = first.map(|byte| format!("{byte:02x}")).collect();
    let more = if bytes.len() > BYTES_SHOWN_MAX {
        " …"
    } else {
        ""
    };
    format!("({} bytes: {}{more})", bytes.len(), first.join(" "))
}

/// An address that only a run knows, or a value that does not fit: a run would say the same.
fn unknown(verb: &str, error: &RenderError) -> String {
    format!("{verb} …, which is known in a run only: {error}")
}

/// As it stands inside a JSON text.
fn json_escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The captured variables that the step reads.
fn awaits(journey: &Journey, step: &Step, environment: &Environment) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for actor in &step.actors {
        for Need { actor: of, name } in journey.needs(step, *actor) {
            if environment.get(of, &name).is_some() {
                continue;
            }
            let shown = match journey.actor_name(of) {
                Some(owner) if of != *actor => format!("{owner}.{name}"),
                Some(_) | None => name,
            };
            if !found.contains(&shown) {
                found.push(shown);
            }
        }
    }
    found
}
