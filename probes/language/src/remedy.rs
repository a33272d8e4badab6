//! What to write instead: remedies for what people write out of haste, or out of the habit of
//! other tools.

use crate::document::{Entry, Node, NodeValue};
use crate::duration::parse_duration;
use crate::keys::{self, Key, Section, Shape, did_you_mean};
use crate::parser::shown;

/// What other tools call a key, and its name here. Of two lines with one word the first counts
/// whose key may stand where the word does.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("assert", "expect"),
    ("asserts", "expect"),
    ("assertions", "expect"),
    ("check", "expect"),
    ("checks", "expect"),
    ("test", "expect"),
    ("validate", "expect"),
    ("response", "expect"),
    ("extract", "capture"),
    ("save", "capture"),
    ("store", "capture"),
    ("bind", "capture"),
    ("websocket", "ws"),
    ("wss", "ws"),
    ("socket_open", "ws"),
    ("sleep", "wait_before"),
    ("wait", "wait_before"),
    ("delay", "wait_before"),
    ("pause", "wait_before"),
    ("actor", "as"),
    ("user", "as"),
    ("by", "as"),
    ("until", "poll"),
    ("wait_until", "poll"),
    ("repeat", "poll"),
    ("loop", "poll"),
    ("retries", "retry"),
    ("params", "query"),
    ("parameters", "query"),
    ("query_params", "query"),
    ("payload", "json"),
    ("data", "json"),
    ("files", "multipart"),
    ("redirect", "follow"),
    ("redirects", "follow"),
    ("location", "follow"),
    ("if", "when"),
    ("condition", "when"),
    ("title", "name"),
    ("id", "name"),
    ("include", "use"),
    ("call", "use"),
    ("fragment", "use"),
    ("max_time", "timeout"),
    ("teardown", "cleanup"),
    ("finally", "cleanup"),
    ("defer", "cleanup"),
    ("after", "cleanup"),
    ("name", "journey"),
    ("scenario", "journey"),
    ("interval", "every"),
    ("frequency", "every"),
    ("schedule", "every"),
    ("cadence", "every"),
    ("variables", "vars"),
    ("base_url", "base"),
    ("url", "base"),
    ("host", "base"),
    ("users", "actor"),
    ("accounts", "actor"),
    ("pool", "account"),
    ("code", "status"),
    ("status_code", "status"),
    ("jsonpath", "json"),
    ("json_path", "json"),
    ("duration", "time"),
    ("latency", "time"),
    ("response_time", "time"),
    ("text", "body"),
    ("gt", "min"),
    ("gte", "min"),
    ("ge", "min"),
    ("lt", "max"),
    ("lte", "max"),
    ("le", "max"),
    ("ne", "not"),
    ("not_equals", "not"),
    ("regex", "matches"),
    ("pattern", "matches"),
    ("pattern", "regex"),
    ("type", "is"),
    ("any_of", "in"),
    ("one_of", "in"),
    ("length", "count"),
    ("size", "count"),
    ("redact", "secret"),
    ("count", "times"),
    ("attempts", "times"),
    ("max", "times"),
    ("interval", "every"),
    ("for_at_most", "for"),
];

/// What is said of words that stand for no one key of a section.
const SENTENCES: &[(&Section, &[&str], &str)] = &[
    (
        &keys::STEP,
        &["request", "method", "url", "uri"],
        "the verb is the key, as in get = \"/path\"",
    ),
    (
        &keys::STEP,
        &["options", "trace", "connect"],
        "a step has get, post, put, patch, delete or head",
    ),
    (
        &keys::OPERATORS,
        &["eq", "equals", "equal", "value", "text"],
        "a plain value is equal to it: write the value alone",
    ),
    (
        &keys::ACTOR,
        &["password", "login", "token"],
        "these stand in the target profile's pool; a step reads them, as in {{ password }}",
    ),
];

/// The key of the section that is meant by another word, as far as that is plain.
pub(crate) fn meant(word: &str, section: &Section) -> Option<&'static str> {
    let word = word.to_ascii_lowercase().replace('-', "_");
    let known = |key: &str| section.names().find(|name| *name == key);
    if let Some(same) = known(&word) {
        return Some(same);
    }
    let of_others = OTHER_WORDS.iter().filter(|(other, _)| *other == word);
    let mut keys = of_others.filter_map(|(_, key)| known(key));
    keys.next().or_else(|| did_you_mean(&word, section.names()))
}

/// What to do about a key that a section has not.
pub(crate) fn of_unknown_key(word: &str, section: &Section) -> String {
    if let Some(key) = meant(word, section) {
        return format!("did you mean `{key}`?");
    }
    let lower = word.to_ascii_lowercase();
    let said = SENTENCES
        .iter()
        .find(|(of, others, _)| of.title == section.title && others.contains(&lower.as_str()));
    if let Some((_, _, said)) = said {
        return (*said).to_owned();
    }
    let names: Vec<&str> = section.names().collect();
    format!("{} may have: {}", section.title, names.join(", "))
}

/// What to add where a key is missing.
pub(crate) fn of_missing_key(key: &Key) -> String {
    let added = format!("add `{}`: {}", key.name, key.about);
    match example(key.name).filter(|_| key.shape == Shape::Table) {
        Some(example) => format!("{added}, as in {example}"),
        None => added,
    }
}

/// What to write where a value has the wrong shape.
pub(crate) fn of_shape(entry: &Entry, key: &Key) -> Option<String> {
    let node = &entry.node;
    match (key.shape, &node.value) {
        (Shape::Duration, NodeValue::Integer(number)) => with_units(&number.to_string())
            .map(|meant| format!("write it with its unit, as in {meant}")),
        (Shape::Duration, NodeValue::Float(number)) => with_units(&number.to_string())
            .map(|meant| format!("write it with its unit, as in {meant}")),
        (Shape::Integer | Shape::Number, NodeValue::Text(text)) => of_number(text),
        (Shape::Flag, NodeValue::Text(text)) => {
            let flag = match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" => true,
                "false" | "no" | "off" => false,
                _ => return None,
            };
            Some(format!("write {flag}, without quotes"))
        }
        (Shape::Flag, NodeValue::Integer(number @ (0 | 1))) => {
            Some(format!("write {}", *number == 1))
        }
        (Shape::Tables, NodeValue::Table(_)) => Some(format!(
            "write [[{}]] with two brackets on each side, once for each",
            entry.key
        )),
        (Shape::Tables, NodeValue::Text(_)) if key.name == "depends_on" => {
            Some("write it as in [{ feature = \"ID\" }]".to_owned())
        }
        (Shape::Texts, NodeValue::Text(_)) => Some("put it in brackets: [\"…\"]".to_owned()),
        (Shape::Text, NodeValue::Table(_)) if is_verb(key.name) => Some(format!(
            "write only where it goes, as in {} = \"/path\"; `headers`, `query` and the body are \
             keys beside it",
            key.name
        )),
        (Shape::Text, NodeValue::Integer(_) | NodeValue::Float(_) | NodeValue::Bool(_)) => {
            Some("put it in quotes".to_owned())
        }
        (Shape::Table, _) => example(key.name).map(|example| format!("write it as in {example}")),
        _ => None,
    }
}

/// What to write where one item of a list has the wrong shape; `literal` is the item as it stands.
pub(crate) fn of_item(item: &Node, literal: &str, key: &Key) -> Option<String> {
    match (key.shape, &item.value) {
        (
            Shape::Names | Shape::Texts,
            NodeValue::Integer(_) | NodeValue::Float(_) | NodeValue::Bool(_) | NodeValue::Other(_),
        ) => Some(format!("write \"{literal}\"")),
        (Shape::Tables, NodeValue::Text(text)) if key.name == "depends_on" => {
            Some(format!("write {{ feature = \"{}\" }}", shown(text)))
        }
        (Shape::Tables, _) if key.name == "depends_on" => {
            Some("write it as in { feature = \"ID\" }".to_owned())
        }
        (Shape::Tables, _) => Some(format!(
            "write [[{}]], once for each, and its keys below",
            key.name
        )),
        _ => None,
    }
}

fn is_verb(name: &str) -> bool {
    crate::parse::is_verb(name)
}

/// A number in quotes, or a size with its unit.
fn of_number(text: &str) -> Option<String> {
    if text.parse::<f64>().is_ok_and(f64::is_finite) {
        return Some(format!("write {text}, without quotes"));
    }
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let factor = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "b" | "bytes" => 1,
        "k" | "kb" => 1_000,
        "kib" => 1 << 10,
        "m" | "mb" => 1_000_000,
        "mib" => 1 << 20,
        _ => return None,
    };
    let bytes = number.checked_mul(factor)?;
    Some(format!("write it in bytes, without quotes: {bytes}"))
}

/// How a table of this name is written.
fn example(name: &str) -> Option<&'static str> {
    Some(match name {
        "expect" => "expect.status = 200",
        "fail_if" => "fail_if.json.\"$.state\" = \"failed\"",
        "where" => "where.json.\"$.type\" = \"ready\"",
        "capture" => "capture.id = { json = \"$.id\" }",
        "poll" => "poll = { every = \"1s\", for = \"10s\" }",
        "retry" => "retry = { times = 1, on = [\"connect\", \"503\"] }",
        "headers" => "headers.accept = \"application/json\"",
        "header" => "header.content-type = \"application/json\"",
        "query" => "query.page = 1",
        "form" => "form.name = \"tea\"",
        "multipart" => "multipart.photo = { file = \"cat.png\", size = \"200KiB\" }",
        "json" => "json.\"$.id\" = \"o-1\"",
        "time" => "time = { max = \"800ms\" }",
        "vars" => "vars.amount = 100",
        "actor" => "actor.user.account = \"pool:NAME\"",
        "defaults" => "defaults.headers.accept = \"application/json\"",
        _ => return None,
    })
}

/// A bare number as a duration, in quotes: seconds, and first milliseconds where those are as
/// likely, which is from 100 on.
fn with_units(number: &str) -> Option<String> {
    let is_large = number.parse::<f64>().is_ok_and(|number| number >= 100.0);
    let units = if is_large { &["ms", "s"][..] } else { &["s"] };
    let meant = units.iter().map(|unit| format!("{number}{unit}"));
    let meant: Vec<String> = meant
        .filter(|meant| parse_duration(meant).is_ok())
        .map(|meant| format!("\"{meant}\""))
        .collect();
    (!meant.is_empty()).then(|| meant.join(" or "))
}

/// The duration that was meant by other words for its units.
pub(crate) fn of_duration(text: &str) -> String {
    let text = text.trim().to_ascii_lowercase();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim());
    if unit.is_empty()
        && let Some(meant) = with_units(number)
    {
        return format!("write it as {meant}");
    }
    let unit = match unit.trim_end_matches('s') {
        "" | "sec" | "second" => "s",
        "m" if unit == "ms" => "ms",
        "msec" | "milli" | "millisecond" => "ms",
        "m" | "min" | "minute" => "m",
        "h" | "hr" | "hour" => "h",
        "d" | "day" => "d",
        _ => "",
    };
    let meant = format!("{number}{unit}");
    match parse_duration(&meant) {
        Ok(_) => format!("write it as \"{meant}\""),
        Err(_) => "write it as in \"800ms\", \"2.5s\", \"1m\" or \"2h\"".to_owned(),
    }
}

/// What to write where something is no status.
pub(crate) fn of_status(node: &Node) -> String {
    let text = node.as_text().unwrap_or_default().trim();
    let lower = text.to_ascii_lowercase();
    if text
        .parse::<u16>()
        .is_ok_and(|status| (100..=599).contains(&status))
    {
        format!("write {text}, without quotes")
    } else if lower.len() == 3
        && lower.ends_with("xx")
        && lower.starts_with(['1', '2', '3', '4', '5'])
    {
        format!("write \"{lower}\"")
    } else {
        "use a number from 100 to 599, or a class such as \"2xx\"".to_owned()
    }
}
