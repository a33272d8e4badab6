//! Expectations that nothing can meet, whatever comes: operators that contradict each other, and
//! values that what they are about never has. A run would charge them to the platform.

use serde_json::Value;

use crate::document::{Entry, Node, NodeValue, Table};
use crate::expect::{Kind, Subject, compare};
use crate::fact::Fact;
use crate::parser::{Parser, shown};

/// Every type; a whole number is a number here.
const EVERY: &[Kind] = &[
    Kind::String,
    Kind::Number,
    Kind::Boolean,
    Kind::Array,
    Kind::Object,
    Kind::Null,
];

/// The digits of a SHA-256.
const SHA256_DIGITS: usize = 64;

impl Parser<'_> {
    /// Tells what nothing can meet in an expectation, each of whose operators is right by itself.
    pub(super) fn check_can_hold(&mut self, subject: &Subject, node: &Node) {
        let Some(table) = node.as_table() else {
            self.check_equal(subject, node);
            return;
        };
        // Operators of another type than a subject that has but one are told each by itself.
        let types = match kind_of(subject) {
            None if !is_list(subject) => Types::Any,
            _ => Types::Known,
        };
        self.check_operators(table, types);
        for entry in &table.entries {
            match entry.key.as_str() {
                "in" => {
                    for option in entry.node.items().unwrap_or_default() {
                        self.check_equal(subject, option);
                    }
                }
                "not" => self.check_can_hold(subject, &entry.node),
                "count" => {
                    if let Some(counts) = entry.node.as_table() {
                        self.check_operators(counts, Types::Any);
                    }
                }
                _ => self.check_operator(subject, entry),
            }
        }
    }

    /// A time that is not faster than one limit and not slower than a shorter one.
    pub(super) fn check_times(&mut self, table: &Table, is_empty: bool) {
        let mut limits = table.entries.iter().filter(|entry| is_limit(&entry.key));
        if let (Some(first), Some(second), true) = (limits.next(), limits.next(), is_empty) {
            self.contradict(first, second, EMPTY_RANGE.to_owned());
        }
    }

    /// Operators of one table that do not hold together.
    fn check_operators(&mut self, table: &Table, types: Types) {
        for (at, second) in table.entries.iter().enumerate() {
            let before = &table.entries[..at];
            let clash = before
                .iter()
                .find_map(|first| Some((first, clash(first, second, types)?)));
            if let Some((first, help)) = clash {
                self.contradict(first, second, help);
            }
        }
    }

    fn contradict(&mut self, first: &Entry, second: &Entry, help: String) {
        let position = self.position(&first.node.span);
        let _ = self
            .error(
                &second.node.span,
                format!("`{}` and `{}` contradict each other", first.key, second.key),
            )
            .label("nothing can meet both")
            .related(position, format!("`{}`", first.key))
            .help(help);
    }

    /// A value that what is looked at never equals, as its type is another.
    fn check_equal(&mut self, subject: &Subject, node: &Node) {
        let Some(kind) = kind_of(subject) else { return };
        if kinds_of_value(node).contains(&kind) {
            self.check_digits(subject, node, Extent::Whole);
            return;
        }
        // A fact that is one of a few words is told with them.
        if matches!(subject, Subject::Fact(fact) if fact.words().is_some()) {
            return;
        }
        let help = match (&node.value, subject) {
            (_, Subject::Fact(fact)) if kind == Kind::Number => {
                format!("write it as in {fact} = {{ min = 14 }}")
            }
            (NodeValue::Integer(number), _) => format!("write \"{number}\""),
            (NodeValue::Float(number), _) => format!("write \"{number}\""),
            (NodeValue::Bool(flag), _) => format!("write \"{flag}\""),
            (NodeValue::Array(_), _) => {
                "one of several texts is { in = [\"a\", \"b\"] }".to_owned()
            }
            _ => "write the text in quotes".to_owned(),
        };
        let _ = self
            .error(&node.span, told(subject, kind))
            .label("it never equals this")
            .help(help);
    }

    /// An operator that never holds of the type of what is looked at.
    fn check_operator(&mut self, subject: &Subject, entry: &Entry) {
        let Some(kind) = kind_of(subject) else { return };
        let operator = entry.key.as_str();
        if kinds_of(operator, &entry.node).contains(&kind) {
            if matches!(operator, "starts_with" | "contains") {
                self.check_digits(subject, &entry.node, Extent::Part);
            }
            return;
        }
        let help = match (operator, kind) {
            ("contains", Kind::String) => "put the part in quotes",
            (_, Kind::Number) => "use a number, `min`, `max` or `in`",
            _ => "use a text, `in`, `starts_with`, `contains` or `matches`",
        };
        let _ = self
            .error(&entry.node.span, told(subject, kind))
            .label(format!("`{operator}` never holds of it"))
            .help(help);
    }

    /// What is shown in digits has no other characters.
    fn check_digits(&mut self, subject: &Subject, node: &Node, extent: Extent) {
        let is_sha256 = match subject {
            Subject::Sha256 => true,
            Subject::Fact(Fact::Hex) => false,
            _ => return,
        };
        let Some(text) = node.as_text().filter(|text| !text.contains("{{")) else {
            return;
        };
        let fits = |text: &str| {
            let has_length = match (extent, is_sha256) {
                (Extent::Whole, true) => text.len() == SHA256_DIGITS,
                (Extent::Whole, false) => text.len().is_multiple_of(2),
                (Extent::Part, true) => text.len() <= SHA256_DIGITS,
                (Extent::Part, false) => true,
            };
            has_length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        if fits(text) {
            return;
        }
        let digits: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != ':')
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let help = if fits(&digits) {
            format!("write \"{digits}\"")
        } else if is_sha256 {
            format!("write its {SHA256_DIGITS} digits of 0-9 and a-f, as `sha256sum` prints them")
        } else {
            "use pairs of 0-9 and a-f, as in \"0d0a\"".to_owned()
        };
        let message = match extent {
            Extent::Whole => format!("`{}` is no `{subject}`", shown(text)),
            Extent::Part => format!("`{}` is in no `{subject}`", shown(text)),
        };
        let _ = self
            .error(&node.span, message)
            .label(if is_sha256 {
                format!("it is {SHA256_DIGITS} hexadecimal digits in lower case")
            } else {
                "it is pairs of hexadecimal digits in lower case".to_owned()
            })
            .help(help);
    }
}

/// What is known of the types that a subject can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Types {
    /// Nothing: two operators may ask for two types.
    Any,
    /// What it is: text, a number, or a list without an order, of which `contains` is about the
    /// whole and the others about each item.
    Known,
}

/// Whether a text stands for all of what is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    Part,
}

const EMPTY_RANGE: &str = "raise `max`, or lower `min`";

/// How to mend two operators of which one excludes the other; none if both can hold.
fn clash(first: &Entry, second: &Entry, types: Types) -> Option<String> {
    let range = match (first.key.as_str(), second.key.as_str()) {
        ("min", "max") => Some((first, second)),
        ("max", "min") => Some((second, first)),
        _ => None,
    };
    if range.is_some_and(|(min, max)| is_above(&min.node, &max.node)) {
        return Some(EMPTY_RANGE.to_owned());
    }
    if says_none(first) && needs_some(second) || needs_some(first) && says_none(second) {
        return Some("expect either that nothing is there, or what is there".to_owned());
    }
    if types == Types::Known {
        return None;
    }
    let of_first = kinds_of(&first.key, &first.node);
    let of_second = kinds_of(&second.key, &second.node);
    if of_first.iter().any(|kind| of_second.contains(kind)) {
        return None;
    }
    Some(format!(
        "this `{}` holds of {} only, and this `{}` of {}: remove one",
        first.key,
        words(&of_first),
        second.key,
        words(&of_second)
    ))
}

fn is_limit(key: &str) -> bool {
    matches!(key, "min" | "max")
}

fn is_above(min: &Node, max: &Node) -> bool {
    let number = |node: &Node| match node.value {
        NodeValue::Integer(number) => Value::from(number),
        NodeValue::Float(number) => Value::from(number),
        _ => Value::Null,
    };
    compare(&number(min), &number(max)).is_some_and(|order| order.is_gt())
}

/// Whether an operator holds of nothing at all, and of nothing else.
fn says_none(entry: &Entry) -> bool {
    match entry.key.as_str() {
        "exists" => entry.node.as_bool() == Some(false),
        "count" => entry.node.as_integer() == Some(0),
        _ => false,
    }
}

/// Whether an operator never holds of nothing at all.
fn needs_some(entry: &Entry) -> bool {
    match entry.key.as_str() {
        "exists" => entry.node.as_bool() == Some(true),
        "count" => {
            let least = entry.node.as_table().and_then(|counts| counts.get("min"));
            let least = least.unwrap_or(&entry.node).as_integer();
            least.is_some_and(|count| count > 0)
        }
        "is" | "in" | "min" | "max" | "contains" | "starts_with" | "matches" => true,
        _ => false,
    }
}

/// The types of the values that an operator can hold of.
fn kinds_of(operator: &str, node: &Node) -> Vec<Kind> {
    match operator {
        "is" => {
            let text = node.as_text();
            let kinds = Kind::WORDS.iter().filter(|(word, _)| Some(*word) == text);
            kinds
                .map(|(_, kind)| match kind {
                    Kind::Integer => Kind::Number,
                    kind => *kind,
                })
                .collect()
        }
        "in" => {
            let options = node.items().unwrap_or_default();
            options.iter().flat_map(kinds_of_value).collect()
        }
        "min" | "max" => vec![Kind::Number],
        "contains" if kinds_of_value(node).contains(&Kind::String) => {
            vec![Kind::String, Kind::Array]
        }
        "contains" => vec![Kind::Array],
        "starts_with" | "matches" => vec![Kind::String],
        _ => EVERY.to_vec(),
    }
}

/// The types that a value may have; an expression may give any.
fn kinds_of_value(node: &Node) -> Vec<Kind> {
    match &node.value {
        NodeValue::Text(text) if text.contains("{{") => EVERY.to_vec(),
        NodeValue::Text(_) => vec![Kind::String],
        NodeValue::Integer(_) | NodeValue::Float(_) => vec![Kind::Number],
        NodeValue::Bool(_) => vec![Kind::Boolean],
        NodeValue::Array(_) => vec![Kind::Array],
        NodeValue::Table(_) => vec![Kind::Object],
        NodeValue::Other(_) => EVERY.to_vec(),
    }
}

/// The type that what is looked at always has; none if it may have several.
fn kind_of(subject: &Subject) -> Option<Kind> {
    match subject {
        Subject::Header(_) | Subject::Text | Subject::Sha256 => Some(Kind::String),
        Subject::Fact(fact) if fact.is_list() => None,
        Subject::Fact(fact) if fact.is_number() => Some(Kind::Number),
        Subject::Fact(_) => Some(Kind::String),
        Subject::Status | Subject::GrpcStatus | Subject::Json(_) | Subject::Time => None,
    }
}

const fn is_list(subject: &Subject) -> bool {
    matches!(subject, Subject::Fact(fact) if fact.is_list())
}

/// What a subject is, in words.
fn told(subject: &Subject, kind: Kind) -> String {
    let what = match subject {
        Subject::Header(_) => "a header".to_owned(),
        Subject::Text => "this content".to_owned(),
        other => format!("`{other}`"),
    };
    let is = if kind == Kind::Number {
        "a number"
    } else {
        "text"
    };
    format!("{what} is {is}")
}

/// `string or array`, each once.
fn words(kinds: &[Kind]) -> String {
    let known = EVERY.iter().filter(|kind| kinds.contains(kind));
    let known: Vec<&str> = known.map(|kind| kind.as_str()).collect();
    known.join(" or ")
}
