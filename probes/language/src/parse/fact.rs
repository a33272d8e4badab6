//! What is expected and captured of exchanges below HTTP.

use bongsu_model::Verb;
use serde_json::Value;

use super::expect::Of;
use crate::capture::{CaptureFrom, Take};
use crate::document::{Entry, Node};
use crate::expect::{Check, Existence, Expectation, Expectations, Subject};
use crate::fact::Fact;
use crate::keys::did_you_mean;
use crate::parser::{Parser, shown};
use crate::source::Position;
use crate::template::ValueTemplate;

impl Expectations {
    /// What a `dns` step expects that says nothing else: no error, and an answer.
    pub(super) fn with_default_answer(mut self, position: &Position) -> Self {
        let says = |all: &[Expectation], fact| {
            all.iter()
                .any(|expectation| expectation.subject == Subject::Fact(fact))
        };
        let expect = |fact, check| Expectation {
            subject: Subject::Fact(fact),
            checks: vec![check],
            position: position.clone(),
        };
        if says(&self.all, Fact::Rcode) {
            return self;
        }
        if !says(&self.all, Fact::Answers) {
            let some = expect(Fact::Answers, Check::Exists(Existence::Present));
            self.all.insert(0, some);
        }
        let no_error = Check::Equals(ValueTemplate::Literal(Box::new("NOERROR".into())));
        self.all.insert(0, expect(Fact::Rcode, no_error));
        self
    }
}

impl Parser<'_> {
    /// One key of `expect` or `fail_if` of a step below HTTP.
    pub(super) fn net_expectation(
        &mut self,
        verb: Verb,
        key: &str,
        entry: &Entry,
        all: &mut Vec<Expectation>,
    ) {
        let has_content = matches!(verb, Verb::Tcp | Verb::Udp);
        let fact = Fact::named(&entry.key).filter(|fact| Fact::of(verb).contains(fact));
        match (entry.key.as_str(), fact) {
            (_, Some(fact)) => {
                if let Some(expectation) = self.expectation(Subject::Fact(fact), &entry.node) {
                    self.check_words(fact, &entry.node, &expectation.checks);
                    all.push(expectation);
                }
            }
            ("time", _) if key == "expect" => all.extend(self.time(&entry.node, &entry.key_span)),
            ("json", _) if has_content => self.json_expectations(&entry.node, all),
            ("body", _) if has_content => all.extend(self.expectation(Subject::Text, &entry.node)),
            (name, _) if crate::keys::EXPECT.names().any(|known| known == name) => {
                let mut names: Vec<&str> = if has_content {
                    vec!["body", "json"]
                } else {
                    Vec::new()
                };
                names.extend(Fact::of(verb).iter().map(|fact| fact.as_str()));
                names.push("time");
                let _ = self
                    .error(&entry.key_span, format!("`{name}` has no meaning here"))
                    .help(format!("`{verb}` has {}", names.join(", ")));
            }
            _ => {}
        }
    }

    /// A fact that is one of a few words is never equal to another one.
    fn check_words(&mut self, fact: Fact, node: &Node, checks: &[Check]) {
        let Some(words) = fact.words() else { return };
        for check in checks {
            let options = match check {
                Check::Equals(value) => std::slice::from_ref(value),
                Check::In(options) => options,
                Check::Not(inner) => {
                    self.check_words(fact, node, inner);
                    continue;
                }
                _ => continue,
            };
            for option in options {
                let ValueTemplate::Literal(value) = option else {
                    continue;
                };
                let text = match &**value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                if value.is_string() && words.contains(&text.as_str()) {
                    continue;
                }
                let told = self.error(
                    &node.span,
                    format!("`{}` is no `{fact}` that there is", shown(&text)),
                );
                let upper = text.to_ascii_uppercase();
                let known = words.iter().copied();
                let _ = match did_you_mean(&text, known.clone())
                    .or_else(|| did_you_mean(&upper, known))
                {
                    Some(similar) => told.help(format!("did you mean \"{similar}\"?")),
                    None => told.help(format!("one of \"{}\"", words.join("\", \""))),
                };
            }
        }
    }

    /// `{ dns = "answers", take = … }` and `{ tls = "issuer" }`.
    pub(super) fn capture_fact(
        &mut self,
        entry: &Entry,
        take: Option<Take>,
        of: Of,
    ) -> Option<CaptureFrom> {
        let verb = match (entry.key.as_str(), of) {
            ("dns", Of::Net(Verb::Dns)) => Verb::Dns,
            ("tls", Of::Net(Verb::Tls)) => Verb::Tls,
            ("hex", Of::Net(Verb::Tcp | Verb::Udp)) => {
                let hex = Fact::Hex;
                return Some(CaptureFrom::Fact(hex, Take::One));
            }
            (key, _) => {
                let _ = self
                    .error(&entry.key_span, format!("there is no {key} here"))
                    .help("take what this step's verb gives");
                return None;
            }
        };
        let facts: Vec<(&str, Fact)> = Fact::of(verb)
            .iter()
            .map(|fact| (fact.as_str(), *fact))
            .collect();
        let fact = self.word(&entry.node, &format!("a fact of `{verb}`"), &facts)?;
        if fact.is_list() && take.is_none() {
            let _ = self
                .error(&entry.node.span, format!("`{fact}` can have many values"))
                .label("which one is meant?")
                .help("add take = \"one\" | \"first\" | \"last\" | \"all\" | \"count\"");
            return None;
        }
        Some(CaptureFrom::Fact(fact, take.unwrap_or(Take::One)))
    }
}
