//! `expect`, `fail_if` and `where`: subjects, operators and their operands.

use std::sync::Arc;

use std::ops::Range;

use bongsu_model::Verb;
use regex::{Regex, RegexBuilder};

use crate::document::{Node, NodeValue, Table};
use crate::expect::{Check, Existence, Expectation, Expectations, Kind, StatusSet, Subject};
use crate::fact::Fact;
use crate::jsonpath::Cardinality;
use crate::keys;
use crate::parser::{Parser, shown};
use crate::remedy;
use crate::rule::Rule;
use crate::source::Position;

/// Most bytes that a compiled pattern may take: far more than any sensible one needs.
const REGEX_BYTES_MAX: usize = 256 * 1024;

/// What the expectations are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// An HTTP answer.
    Answer,
    /// An HTTP answer to HEAD, which has no body.
    Head,
    /// The answer to a gRPC call.
    Call,
    /// The first frame of a socket that was just opened.
    Opening,
    /// A frame.
    Frame,
    /// An exchange below HTTP.
    Net(Verb),
}

impl Expectations {
    /// With 2xx expected, unless something is said about the status.
    pub(super) fn with_default_status(mut self, position: &Position) -> Self {
        if !self
            .all
            .iter()
            .any(|expectation| expectation.subject == Subject::Status)
        {
            self.all.insert(
                0,
                Expectation {
                    subject: Subject::Status,
                    checks: vec![Check::Status(vec![StatusSet::Class(2)])],
                    position: position.clone(),
                },
            );
        }
        self
    }
}

impl Parser<'_> {
    /// The expectations under `key`, status first.
    pub(super) fn expectations(&mut self, step: &Table, key: &str, of: Of) -> Expectations {
        let mut all = Vec::new();
        let Some(entry) = step.entry(key) else {
            return Expectations::default();
        };
        let Some(table) = entry.node.as_table() else {
            return Expectations::default();
        };
        self.check_keys(table, &entry.key_span, &keys::EXPECT);
        for entry in &table.entries {
            if let Of::Net(verb) = of {
                self.net_expectation(verb, key, entry, &mut all);
                continue;
            }
            match entry.key.as_str() {
                "status" if matches!(of, Of::Answer | Of::Head) => {
                    all.extend(self.status(&entry.node))
                }
                "grpc_status" if of == Of::Call => all.extend(self.grpc_status(&entry.node)),
                "header" if matches!(of, Of::Answer | Of::Head | Of::Call) => {
                    self.header_expectations(&entry.node, &mut all)
                }
                "json" if !matches!(of, Of::Opening | Of::Head) => {
                    self.json_expectations(&entry.node, &mut all)
                }
                // Nothing is what an answer to HEAD has, and may be said of it.
                "body"
                    if of == Of::Answer || of == Of::Head && entry.node.as_text() == Some("") =>
                {
                    all.extend(self.expectation(Subject::Text, &entry.node));
                }
                "sha256" if of == Of::Answer => {
                    all.extend(self.expectation(Subject::Sha256, &entry.node));
                }
                "frame" if matches!(of, Of::Frame | Of::Opening) => {
                    self.frame_expectations(&entry.node, &mut all)
                }
                "time" if key == "expect" => all.extend(self.time(&entry.node, &entry.key_span)),
                known if keys::EXPECT.names().any(|name| name == known) => {
                    let help = match of {
                        Of::Answer => "an answer has status, header, json, body, sha256",
                        Of::Head => {
                            "an answer to HEAD has status and header, and no body: write `get` \
                             to look at one"
                        }
                        Of::Call => "an answer of gRPC has grpc_status, header, json",
                        Of::Opening => "an opened socket has frame, as in frame.json.\"$.type\"",
                        Of::Frame | Of::Net(_) => "a frame has json and frame",
                    };
                    let _ = self
                        .error(
                            &entry.key_span,
                            format!("`{}` has no meaning here", entry.key),
                        )
                        .rule(Rule::MisplacedKey)
                        .help(help);
                }
                _ => {}
            }
        }
        all.sort_by_key(|expectation: &Expectation| {
            !matches!(
                expectation.subject,
                Subject::Status | Subject::GrpcStatus | Subject::Fact(Fact::Rcode)
            )
        });
        Expectations { all }
    }

    fn header_expectations(&mut self, node: &Node, all: &mut Vec<Expectation>) {
        let entries = node.as_table().map_or(&[][..], |headers| &headers.entries);
        for (at, entry) in entries.iter().enumerate() {
            let Some(name) = self.header_name(&entry.key, &entry.key_span) else {
                continue;
            };
            self.check_header_is_new(entry, &entries[..at]);
            all.extend(self.expectation(Subject::Header(name), &entry.node));
        }
    }

    pub(super) fn json_expectations(&mut self, node: &Node, all: &mut Vec<Expectation>) {
        for entry in node.as_table().map_or(&[][..], |paths| &paths.entries) {
            let path = match self.known.path(&entry.key) {
                Ok(path) => path,
                Err(error) => {
                    let _ = self
                        .error(
                            &entry.key_span,
                            format!("not a JSONPath: {}", error.message),
                        )
                        .help(error.help);
                    continue;
                }
            };
            let many = path.cardinality() == Cardinality::Many;
            let Some(expectation) = self.expectation(Subject::Json(path), &entry.node) else {
                continue;
            };
            let counts = expectation
                .checks
                .iter()
                .all(|check| matches!(check, Check::Count(_) | Check::Exists(_)));
            if many && !counts {
                let _ = self
                    .error(&entry.key_span, "this path can match many values")
                    .label("which one is meant?")
                    .help("expect `count` or `exists`, or write a path that matches one value");
                continue;
            }
            all.push(expectation);
        }
    }

    fn frame_expectations(&mut self, node: &Node, all: &mut Vec<Expectation>) {
        let Some(table) = node.as_table() else {
            all.extend(self.expectation(Subject::Text, node));
            return;
        };
        let Some(json) = table.get("json") else {
            all.extend(self.expectation(Subject::Text, node));
            return;
        };
        for entry in table.entries.iter().filter(|entry| entry.key != "json") {
            let _ = self
                .error(
                    &entry.key_span,
                    format!("`{}` cannot stand beside `json`", shown(&entry.key)),
                )
                .help("expect either the frame's text or its JSON values");
        }
        self.json_expectations(json, all);
    }

    pub(super) fn expectation(&mut self, subject: Subject, node: &Node) -> Option<Expectation> {
        let checks = self.checks(node)?;
        self.check_can_hold(&subject, node);
        Some(Expectation {
            subject,
            checks,
            position: self.position(&node.span),
        })
    }

    /// A plain value means equality, a table holds operators.
    fn checks(&mut self, node: &Node) -> Option<Vec<Check>> {
        let Some(table) = node.as_table() else {
            return Some(vec![Check::Equals(self.value(node)?)]);
        };
        if table.entries.is_empty() {
            let _ = self
                .error(&node.span, "nothing is expected here")
                .help("add an operator, as in { exists = true }");
            return None;
        }
        self.check_keys(table, &node.span, &keys::OPERATORS);
        let checks: Vec<Option<Check>> = table
            .entries
            .iter()
            .map(|entry| self.check(&entry.key, &entry.node))
            .collect();
        checks.into_iter().collect()
    }

    fn check(&mut self, operator: &str, node: &Node) -> Option<Check> {
        match operator {
            "is" => self.word(node, "a type", Kind::WORDS).map(Check::Is),
            "in" => {
                let options: Vec<_> = node
                    .items()?
                    .iter()
                    .map(|option| self.value(option))
                    .collect();
                if options.is_empty() {
                    let _ = self
                        .error(&node.span, "nothing can be one of nothing")
                        .help("list the values that are right");
                    return None;
                }
                options.into_iter().collect::<Option<_>>().map(Check::In)
            }
            "min" => self.bound(operator, node).map(Check::Min),
            "max" => self.bound(operator, node).map(Check::Max),
            "contains" => self.value(node).map(Check::Contains),
            "starts_with" => {
                let _ = node.as_text()?;
                self.value(node).map(Check::StartsWith)
            }
            "matches" => self.pattern(node).map(Check::Matches),
            "exists" => node.as_bool().map(|exists| {
                Check::Exists(if exists {
                    Existence::Present
                } else {
                    Existence::Absent
                })
            }),
            "count" => self.count(node).map(Check::Count),
            "not" => self.checks(node).map(Check::Not),
            _ => None,
        }
    }

    /// A number, or an expression that gives one.
    fn bound(&mut self, operator: &str, node: &Node) -> Option<crate::template::ValueTemplate> {
        let fits = match &node.value {
            NodeValue::Integer(_) | NodeValue::Float(_) => true,
            NodeValue::Text(text) => text.contains("{{"),
            NodeValue::Bool(_)
            | NodeValue::Other(_)
            | NodeValue::Array(_)
            | NodeValue::Table(_) => false,
        };
        if !fits {
            let _ = self
                .error(&node.span, format!("`{operator}` must be a number"))
                .rule(Rule::WrongType)
                .label(format!("this is {}", node.kind()))
                .help("write a number, or an expression such as \"{{ amount }}\"");
            return None;
        }
        self.value(node)
    }

    fn count(&mut self, node: &Node) -> Option<Vec<Check>> {
        let allowed = ["min", "max", "in", "not"];
        let fits = match &node.value {
            NodeValue::Integer(count) => *count >= 0,
            NodeValue::Text(text) => text.contains("{{"),
            NodeValue::Table(table) => table
                .entries
                .iter()
                .all(|entry| allowed.contains(&entry.key.as_str())),
            NodeValue::Float(_)
            | NodeValue::Bool(_)
            | NodeValue::Other(_)
            | NodeValue::Array(_) => false,
        };
        if !fits {
            let _ = self
                .error(&node.span, "`count` must be a whole number")
                .rule(Rule::WrongType)
                .help("write count = 2 or count = { min = 1, max = 5 }");
            return None;
        }
        self.checks(node)
    }

    /// A regular expression of bounded size.
    pub(super) fn pattern(&mut self, node: &Node) -> Option<Arc<Regex>> {
        let text = node.as_text()?;
        if let Some(known) = self.known.patterns.get(text) {
            return Some(Arc::clone(known));
        }
        match RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build() {
            Ok(pattern) => {
                let pattern = Arc::new(pattern);
                let _ = self
                    .known
                    .patterns
                    .insert(text.to_owned(), Arc::clone(&pattern));
                Some(pattern)
            }
            Err(error) => {
                let told = error.to_string();
                let why = told.lines().last().unwrap_or_default();
                let why = why.strip_prefix("error: ").unwrap_or(why).to_owned();
                let _ = self
                    .error(&node.span, format!("not a regular expression: {why}"))
                    .help("in 'single quotes' a backslash stands for itself");
                None
            }
        }
    }

    fn status(&mut self, node: &Node) -> Option<Expectation> {
        let checks = match node.as_table() {
            None => vec![Check::Status(self.status_sets(node)?)],
            Some(table) => {
                let mut checks = Vec::new();
                for entry in &table.entries {
                    let sets = self.status_sets(&entry.node);
                    match entry.key.as_str() {
                        "in" => checks.push(Check::Status(sets?)),
                        "not" => checks.push(Check::Not(vec![Check::Status(sets?)])),
                        key => {
                            let _ = self
                                .error(&entry.key_span, format!("a status has no `{}`", shown(key)))
                                .rule(Rule::MisplacedKey)
                                .help("use a number, a list, \"2xx\", { in = … } or { not = … }");
                            return None;
                        }
                    }
                }
                checks
            }
        };
        Some(Expectation {
            subject: Subject::Status,
            checks,
            position: self.position(&node.span),
        })
    }

    fn status_sets(&mut self, node: &Node) -> Option<Vec<StatusSet>> {
        match &node.value {
            NodeValue::Array(items) if !items.is_empty() => {
                let sets: Vec<_> = items.iter().map(|item| self.status_set(item)).collect();
                sets.into_iter().collect()
            }
            NodeValue::Array(_)
            | NodeValue::Text(_)
            | NodeValue::Integer(_)
            | NodeValue::Float(_)
            | NodeValue::Bool(_)
            | NodeValue::Other(_)
            | NodeValue::Table(_) => self.status_set(node).map(|set| vec![set]),
        }
    }

    fn status_set(&mut self, node: &Node) -> Option<StatusSet> {
        let set = match &node.value {
            NodeValue::Integer(code) => u16::try_from(*code)
                .ok()
                .filter(|code| (100..=599).contains(code))
                .map(StatusSet::Code),
            NodeValue::Text(text) => match text.as_bytes() {
                [class @ b'1'..=b'5', b'x', b'x'] => {
                    Some(StatusSet::Class(u16::from(class - b'0')))
                }
                _ => None,
            },
            NodeValue::Float(_)
            | NodeValue::Bool(_)
            | NodeValue::Other(_)
            | NodeValue::Array(_)
            | NodeValue::Table(_) => None,
        };
        if set.is_none() {
            let _ = self
                .error(&node.span, "this is not a status")
                .label(format!("this is {}", node.kind()))
                .help(remedy::of_status(node));
        }
        set
    }

    pub(super) fn time(&mut self, node: &Node, owner: &Range<usize>) -> Option<Expectation> {
        let table = node.as_table()?;
        self.check_keys(table, owner, &keys::TIME);
        let min = self.duration(table, "min");
        let max = self.duration(table, "max");
        self.check_times(table, min.zip(max).is_some_and(|(min, max)| min > max));
        let min = min.map(Check::Slower);
        let checks = min.into_iter().chain(max.map(Check::Faster)).collect();
        Some(Expectation {
            subject: Subject::Time,
            checks,
            position: self.position(&node.span),
        })
    }
}
