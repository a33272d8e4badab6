//! What stands inside a key's value, where its shape alone does not say.

use bongsu_model::{DependencyStrength, Paid};
use serde_json::{Value, json};

use super::{object, reference, shape, step, texts};
use crate::expect::Kind;
use crate::journey::HEADERS_MAX;
use crate::keys::{self, Key, Section, Shape};
use crate::multipart::{GENERATED_BYTES_MAX, PARTS_MAX};
use crate::parse::{CLIENT_AUTHS, GRANTS, PART_CONTENTS, TAKES, UNITS};
use crate::target::KILL_SWITCH;

/// The value of a key that has more to say than its shape; none if the shape says all.
pub(super) fn inside(section: &Section, key: &Key) -> Option<Value> {
    let lists = |name: &str| json!({ "type": "array", "items": reference(name), "minItems": 1 });
    let by_name = |name: &str, value: Value| {
        json!({
            "type": "object",
            "propertyNames": { "pattern": name },
            "additionalProperties": value,
        })
    };
    Some(match (section.title, key.name) {
        (_, "format") => json!({ "const": 1 }),
        ("a journey", "actor") => {
            let mut actors = by_name(VARIABLE, reference("actor"));
            actors["minProperties"] = json!(1);
            actors
        }
        ("a journey", "vars") => by_name(VARIABLE, shape(Shape::Any)),
        ("a journey", "defaults") => reference("defaults"),
        ("a journey", "case") => lists("case"),
        ("a case", "vars") => by_name(VARIABLE, shape(Shape::Any)),
        ("a journey", "step") => lists("step"),
        ("a journey", "cleanup") => lists("cleanup"),
        ("a fragment", "step") => lists("fragment_step"),
        ("a fragment", "cleanup") => lists("fragment_cleanup"),
        ("an actor", "account") => json!({ "type": "string", "pattern": "^pool:." }),
        ("defaults" | "a step" | "an actor", "headers") => {
            json!({
                "type": "object",
                "additionalProperties": { "type": "string" },
                "maxProperties": HEADERS_MAX,
            })
        }
        ("a step", "expect" | "fail_if" | "where") => reference("expectations"),
        ("a step", "capture") => by_name(VARIABLE, reference("capture")),
        ("a step", "poll") => reference("poll"),
        ("a step", "retry") => reference("retry"),
        ("a step", "form" | "query") => shape(Shape::Table),
        ("a step", "multipart") => json!({
            "type": "object",
            "additionalProperties": { "anyOf": [scalar(), reference("part")] },
            "minProperties": 1,
            "maxProperties": PARTS_MAX,
        }),
        ("a part of a form", "text") => scalar(),
        ("a part of a form", "type") => json!({ "type": "string", "pattern": "^[^/ ]+/[^/ ]+" }),
        ("a part of a form" | "a raw body", "size") => size(),
        ("a token request", "grant") => words(GRANTS.iter().map(|(word, _)| *word)),
        ("a token request", "auth") => words(CLIENT_AUTHS.iter().map(|(word, _)| *word)),
        ("a step", "spends") => amount(),
        ("a step", "body") => text_or("raw"),
        ("a step", "send") => text_or("payload"),
        ("a step", "oauth2") => reference("oauth2"),
        ("a step", "max_body") => json!({ "type": "integer", "minimum": 1 }),
        ("an expectation", "status") => status(),
        ("an expectation", "header" | "json") => checks_by_name(),
        ("an expectation", "body") => reference("checks"),
        ("an expectation", "frame") => json!({ "anyOf": [
            reference("checks"),
            {
                "type": "object",
                "properties": { "json": checks_by_name() },
                "required": ["json"],
                "additionalProperties": false,
            },
        ] }),
        ("an expectation", "time") => reference("time"),
        // What is told of DNS answers, handshakes and the like: one value each.
        ("an expectation", _) => reference("checks"),
        ("an expectation's operators", "is") => words(Kind::WORDS.iter().map(|(word, _)| *word)),
        ("an expectation's operators", "in") => json!({ "type": "array", "minItems": 1 }),
        ("an expectation's operators", "min" | "max") => number(),
        ("an expectation's operators", "count") => json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            placeholder(),
            {
                "type": "object",
                "propertyNames": { "enum": ["min", "max", "in", "not"] },
                "additionalProperties": true,
                "minProperties": 1,
            },
        ] }),
        ("an expectation's operators", "not") => reference("checks"),
        ("a capture", "take") => words(TAKES.iter().map(|(word, _)| *word)),
        ("a catalogue", "service") => lists("service"),
        ("a catalogue", "feature") => lists("feature"),
        ("a service" | "a feature", "names") => reference("names"),
        ("a feature", "life_impact" | "absence_harm") => {
            json!({ "type": "integer", "minimum": 0, "maximum": 3 })
        }
        ("a feature", "daily_users") => json!({ "type": "integer", "minimum": 0 }),
        ("a feature", "paid") => words(Paid::ALL.iter().map(|paid| paid.as_str())),
        ("a feature", "depends_on") => {
            json!({ "type": "array", "items": reference("dependency") })
        }
        ("a feature", "objective") => {
            json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 })
        }
        ("a dependency", "strength") => words(
            DependencyStrength::ALL
                .iter()
                .map(|strength| strength.as_str()),
        ),
        ("a target profile", "base" | "ws") => by_name(VARIABLE, json!({ "type": "string" })),
        ("a target profile", "hosts") => {
            let mut hosts = texts();
            hosts["minItems"] = json!(1);
            hosts
        }
        ("a target profile", "pool") => by_name(NAME, reference("pool")),
        ("a target profile", "kill_switch") => words(KILL_SWITCH.iter().map(|(word, _)| *word)),
        ("a target profile", "proxy") => text_or("proxy"),
        ("a proxy", "user") => text_or("secret"),
        ("a proxy", "password") => reference("secret"),
        ("a pool", "accounts") => lists("account"),
        ("a pool", "budget") => reference("budget"),
        ("a budget", _) => json!({ "type": "integer", "minimum": 1 }),
        (_, _) => return None,
    })
}

/// What variables, actors and fields may be called.
const VARIABLE: &str = "^[a-z][a-z0-9_]{0,59}$";

/// What pools may be called.
const NAME: &str = "^[a-z0-9][a-z0-9._-]{0,99}$";

/// A definition by its name; each is named by [`inside`] or by another one.
pub(super) fn definition(name: &str) -> Value {
    match name {
        "step" => step::step(&[]),
        // Cleanup measures nothing, is timed against nothing, and brings no fragment.
        "cleanup" => step::step(&["feature", "since", "use"]),
        "fragment_step" => step::step(&["as", "use"]),
        "fragment_cleanup" => step::step(&["as", "use", "feature", "since"]),
        "actor" => object(&keys::ACTOR),
        "case" => object(&keys::CASE),
        "defaults" => object(&keys::DEFAULTS),
        "expectations" => object(&keys::EXPECT),
        "checks" => json!({ "anyOf": [
            { "type": ["string", "number", "boolean", "array"] },
            reference("operators"),
        ] }),
        "operators" => {
            let mut operators = object(&keys::OPERATORS);
            operators["minProperties"] = json!(1);
            operators
        }
        "time" => object(&keys::TIME),
        "capture" => object(&keys::CAPTURE),
        "poll" => object(&keys::POLL),
        "retry" => object(&keys::RETRY),
        "part" => one_of(object(&keys::PART), PART_CONTENTS),
        "raw" => one_of(object(&keys::RAW), &["size", "base64"]),
        "payload" => one_of(object(&keys::PAYLOAD), &["hex", "base64"]),
        "oauth2" => object(&keys::OAUTH2),
        "service" => object(&keys::SERVICE),
        "names" => object(&keys::NAMES),
        "feature" => object(&keys::FEATURE),
        "dependency" => object(&keys::DEPENDENCY),
        "proxy" => {
            let mut proxy = object(&keys::PROXY);
            proxy["dependencies"] = json!({ "user": ["password"], "password": ["user"] });
            proxy
        }
        "pool" => object(&keys::POOL),
        "budget" => {
            let mut budget = object(&keys::BUDGET);
            budget["minProperties"] = json!(1);
            budget
        }
        "account" => json!({
            "type": "object",
            "properties": { "name": { "type": "string", "description": "unique in the pool" } },
            "required": ["name"],
            "additionalProperties": { "anyOf": [{ "type": "string" }, reference("secret")] },
        }),
        "secret" => {
            let mut secret = object(&keys::SECRET);
            secret["minProperties"] = json!(1);
            secret["maxProperties"] = json!(1);
            secret
        }
        _ => shape(Shape::Any),
    }
}

fn checks_by_name() -> Value {
    json!({ "type": "object", "additionalProperties": reference("checks") })
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> Value {
    json!({ "enum": words.collect::<Vec<_>>() })
}

/// With exactly one of these keys.
fn one_of(mut table: Value, keys: &[&str]) -> Value {
    let required = keys.iter().map(|key| json!({ "required": [key] }));
    table["oneOf"] = required.collect();
    table
}

fn scalar() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

/// A number of bytes.
fn size() -> Value {
    let units: Vec<&str> = UNITS.iter().map(|(unit, _)| *unit).collect();
    json!({ "anyOf": [
        { "type": "integer", "minimum": 0, "maximum": GENERATED_BYTES_MAX },
        {
            "type": "string",
            "pattern": format!("^[0-9]+ *({})$", units.join("|")),
            "examples": ["200KiB", "1MiB"],
        },
    ] })
}

fn text_or(name: &str) -> Value {
    json!({ "anyOf": [{ "type": "string" }, reference(name)] })
}

/// A text with an expression in it.
fn placeholder() -> Value {
    json!({ "type": "string", "pattern": r"\{\{" })
}

fn number() -> Value {
    json!({ "anyOf": [{ "type": "number" }, placeholder()] })
}

fn amount() -> Value {
    json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, placeholder()] })
}

fn status() -> Value {
    let one = json!({ "anyOf": [
        { "type": "integer", "minimum": 100, "maximum": 599 },
        { "type": "string", "pattern": "^[1-5]xx$" },
    ] });
    let set = json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] });
    json!({ "anyOf": [
        set,
        {
            "type": "object",
            "properties": { "in": set, "not": set },
            "additionalProperties": false,
        },
    ] })
}
