//! Captures and asserts of hurl in the words of the journey language; none where it has no such
//! thing.

use bongsu_language::{Cardinality, JsonPath};
use serde_json::Number;

use super::words::{Word, words};
use crate::draft::Capture;
use crate::toml_text::Data;

/// What is expected: the key's parts after `expect`, and operators with their operands. `==` is
/// written as equality where it stands alone.
pub(super) type Expected = (Vec<String>, Vec<(String, Data)>);

/// The operator for equality until it is known whether it stands alone.
const EQUALS: &str = "==";

/// A capture's line: `name: query filters`.
pub(super) fn capture(line: &str) -> Option<(String, Capture)> {
    let (name, rest) = line.split_once(':')?;
    let name = name.trim().to_owned();
    let words = words(rest)?;
    let (query, mut rest) = words.split_first()?;
    let argument = rest.first().and_then(Word::text);
    let mut take = None;
    let from = match (query.name()?, argument) {
        ("jsonpath", Some(path)) => {
            let parsed = JsonPath::parse(path).ok()?;
            if parsed.cardinality() == Cardinality::Many {
                take = Some("all");
            }
            rest = &rest[1..];
            ("json", Data::words(path))
        }
        ("header", Some(header)) => {
            rest = &rest[1..];
            ("header", Data::words(header.to_ascii_lowercase()))
        }
        ("cookie", Some(cookie)) => {
            rest = &rest[1..];
            // hurl has attributes in brackets; a journey has the value.
            let name = cookie.trim_end_matches("[Value]");
            crate::request::is_header_name(name).then_some(())?;
            ("cookie", Data::words(name))
        }
        ("regex", Some(pattern)) => {
            rest = &rest[1..];
            ("regex", self::pattern(pattern)?)
        }
        ("body", _) => match rest {
            [filter, pattern, after @ ..] if filter.name() == Some("regex") => {
                rest = after;
                ("regex", self::pattern(pattern.text()?)?)
            }
            _ => ("body", Data::Bool(true)),
        },
        ("ip", _) => ("ip", Data::Bool(true)),
        _ => return None,
    };
    let mut from = vec![from];
    let mut secret = false;
    while let Some((word, after)) = rest.split_first() {
        let number = after.first().and_then(Word::name);
        match (word.name()?, number) {
            ("regex", _) if is_whole_header(&from) => {
                from.push(("regex", pattern(after.first()?.text()?)?));
                rest = &after[1..];
            }
            ("urlQueryParam", _) if is_whole_header(&from) => {
                from.push(("parameter", Data::words(after.first()?.text()?)));
                rest = &after[1..];
            }
            ("redact", _) => {
                secret = true;
                rest = after;
            }
            ("nth", Some(nth @ ("0" | "-1"))) if take == Some("all") => {
                take = Some(if nth == "0" { "first" } else { "last" });
                rest = &after[1..];
            }
            ("first", _) if take == Some("all") => {
                take = Some("first");
                rest = after;
            }
            ("last", _) if take == Some("all") => {
                take = Some("last");
                rest = after;
            }
            ("count", _) if take == Some("all") => {
                take = Some("count");
                rest = after;
            }
            _ => return None,
        }
    }
    let capture = Capture {
        name: name.clone(),
        from,
        take,
        secret,
    };
    Some((name, capture))
}

fn is_whole_header(from: &[(&str, Data)]) -> bool {
    matches!(from, [("header", _)])
}

fn pattern(text: &str) -> Option<Data> {
    regex::Regex::new(text).ok()?;
    Some(Data::words(text))
}

/// An assert's line: `query filters not predicate`.
pub(super) fn assert(line: &str) -> Option<Expected> {
    let words = words(line)?;
    let (query, rest) = words.split_first()?;
    let argument = rest.first().and_then(Word::text);
    match (query.name()?, argument) {
        ("status", _) => status(rest),
        ("header", Some(name)) => {
            let key = vec!["header".to_owned(), name.to_ascii_lowercase()];
            Some((key, predicate(&rest[1..])?))
        }
        ("jsonpath", Some(path)) => json(path, &rest[1..]),
        ("body", _) => Some((vec!["body".to_owned()], predicate(rest)?)),
        ("duration", _) => duration(rest),
        _ => None,
    }
}

/// A status as a plain number, or any but one.
fn status(rest: &[Word]) -> Option<Expected> {
    let [operator, number] = rest else {
        return None;
    };
    let number: u16 = number.name()?.parse().ok()?;
    (100..=599).contains(&number).then_some(())?;
    let value = Data::Number(number.into());
    let check = match operator.name()? {
        "==" => (EQUALS.to_owned(), value),
        "!=" => ("not".to_owned(), value),
        _ => return None,
    };
    Some((vec!["status".to_owned()], vec![check]))
}

fn json(path: &str, rest: &[Word]) -> Option<Expected> {
    let is_count = rest.first().and_then(Word::name) == Some("count");
    let many = JsonPath::parse(path).ok()?.cardinality() == Cardinality::Many;
    if is_count {
        // hurl counts the items of a list, a journey what a path matches.
        let path = if many {
            path.to_owned()
        } else {
            format!("{path}[*]")
        };
        let _ = JsonPath::parse(&path).ok()?;
        let checks = predicate(&rest[1..])?;
        let is_number = |data: &Data| matches!(data, Data::Number(n) if n.is_u64());
        let value = match checks.as_slice() {
            [(operator, value)] if operator == EQUALS && is_number(value) => value.clone(),
            checks => {
                let fits = |(operator, value): &(String, Data)| {
                    matches!(operator.as_str(), "min" | "max" | "not") && is_number(value)
                };
                checks.iter().all(fits).then_some(())?;
                Data::Table(checks.to_vec())
            }
        };
        return Some((
            vec!["json".to_owned(), path],
            vec![("count".to_owned(), value)],
        ));
    }
    let checks = predicate(rest)?;
    let only_exists = checks.iter().all(|(operator, _)| operator == "exists");
    (!many || only_exists).then(|| (vec!["json".to_owned(), path.to_owned()], checks))
}

/// Milliseconds.
fn duration(rest: &[Word]) -> Option<Expected> {
    let [operator, number] = rest else {
        return None;
    };
    let millis: u64 = number.name()?.trim_end_matches("ms").parse().ok()?;
    let written = |millis: u64| Data::words(format!("{millis}ms"));
    let check = match operator.name()? {
        "<" | "<=" if millis > 0 => ("max".to_owned(), written(millis)),
        ">" | ">=" if millis > 0 => ("min".to_owned(), written(millis)),
        _ => return None,
    };
    Some((vec!["time".to_owned()], vec![check]))
}

/// A predicate as operators.
fn predicate(words: &[Word]) -> Option<Vec<(String, Data)>> {
    let (first, rest) = words.split_first()?;
    let name = first.name()?;
    if name == "not" {
        let checks = predicate(rest)?;
        return match checks.as_slice() {
            [(operator, Data::Bool(true))] if operator == "exists" => {
                Some(vec![("exists".to_owned(), Data::Bool(false))])
            }
            [(operator, value)] if operator == EQUALS => {
                Some(vec![("not".to_owned(), value.clone())])
            }
            [(operator, _)] if operator != "not" => {
                Some(vec![("not".to_owned(), Data::Table(checks))])
            }
            _ => None,
        };
    }
    let one = |operator: &str, value: Data| Some(vec![(operator.to_owned(), value)]);
    let is = |kind: &str| one("is", Data::words(kind));
    match (name, rest) {
        ("exists", []) => one("exists", Data::Bool(true)),
        ("isString", []) => is("string"),
        ("isInteger", []) => is("integer"),
        ("isNumber", []) => is("number"),
        ("isBoolean", []) => is("boolean"),
        ("isList", []) => is("array"),
        ("isObject", []) => is("object"),
        ("==", [value]) => match value.name() {
            Some("null") => is("null"),
            _ => one(EQUALS, operand(value)?),
        },
        ("!=", [value]) => match value.name() {
            Some("null") => one("not", Data::Table(is("null")?)),
            _ => one("not", operand(value)?),
        },
        (">=", [value]) => one("min", number(value)?),
        ("<=", [value]) => one("max", number(value)?),
        (">", [value]) => beyond("min", number(value)?),
        ("<", [value]) => beyond("max", number(value)?),
        ("startsWith", [value]) => one("starts_with", Data::words(value.text()?)),
        ("contains", [value]) => one("contains", operand(value)?),
        ("endsWith", [value]) => {
            let pattern = format!("{}$", regex::escape(value.text()?));
            one("matches", Data::words(pattern))
        }
        ("matches", [value]) => {
            let pattern = value.text()?;
            let _ = regex::Regex::new(pattern).ok()?;
            one("matches", Data::words(pattern))
        }
        _ => None,
    }
}

/// Above or below, and not the number itself.
fn beyond(operator: &str, number: Data) -> Option<Vec<(String, Data)>> {
    Some(vec![
        (operator.to_owned(), number.clone()),
        ("not".to_owned(), number),
    ])
}

fn number(word: &Word) -> Option<Data> {
    match operand(word)? {
        number @ Data::Number(_) => Some(number),
        marked @ Data::Text(_) if word.name().is_some() => Some(marked),
        _ => None,
    }
}

fn operand(word: &Word) -> Option<Data> {
    match word {
        Word::Text(text) => Some(Data::words(text)),
        Word::Pattern(_) => None,
        Word::Name(name) => match name.as_str() {
            "true" => Some(Data::Bool(true)),
            "false" => Some(Data::Bool(false)),
            name if crate::marks::is_marked(name) => Some(Data::words(name)),
            name => {
                let number: Number = serde_json::from_str(name).ok()?;
                let data = Data::Number(number);
                data.fits_toml().then_some(data)
            }
        },
    }
}

/// Adds a check to what is expected already; false if both cannot stand together.
pub(super) fn merge(all: &mut Vec<Expected>, (key, checks): Expected) -> bool {
    let Some((_, known)) = all.iter_mut().find(|(known, _)| *known == key) else {
        all.push((key, checks));
        return true;
    };
    let is_status = key.first().is_some_and(|first| first == "status");
    let repeats = checks
        .iter()
        .any(|(operator, _)| known.iter().any(|(known, _)| known == operator));
    if repeats || is_status {
        return checks.iter().all(|check| known.contains(check));
    }
    known.extend(checks);
    true
}

/// The value that says so: plain if it is one equality.
pub(super) fn value(checks: Vec<(String, Data)>) -> Data {
    if let [(operator, value)] = checks.as_slice()
        && operator == EQUALS
    {
        return value.clone();
    }
    let written = checks.into_iter().map(|(operator, value)| {
        if operator == EQUALS {
            ("in".to_owned(), Data::List(vec![value]))
        } else {
            (operator, value)
        }
    });
    Data::Table(written.collect())
}
