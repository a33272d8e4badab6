//! `[[case]]` and `tags`: how runs of a journey are multiplied and picked.

use bongsu_model::{NameError, Tag, Variant};
use serde_json::Value;

use crate::document::{Entry, Node, Table};
use crate::keys::{self, did_you_mean};
use crate::parser::{Parser, shown};
use crate::source::Position;

/// Most cases of a journey: each is a journey of its own in memory.
const CASES_MAX: usize = 1_000;

/// Most tags of a journey.
const TAGS_MAX: usize = 20;

/// A named set of variables.
#[derive(Debug, Clone)]
pub(crate) struct CaseEntry {
    pub(crate) name: Variant,
    /// What it sets of the journey's.
    vars: Vec<(String, Value)>,
}

impl CaseEntry {
    /// All variables of the journey, as they are in this case.
    pub(crate) fn vars_of(&self, declared: &[(String, Value)]) -> Vec<(String, Value)> {
        let own = |name: &String| self.vars.iter().find(|(own, _)| own == name);
        let all = declared.iter();
        all.map(|one| own(&one.0).unwrap_or(one).clone()).collect()
    }
}

impl Parser<'_> {
    pub(super) fn cases(&mut self, table: &Table, declared: &[(String, Value)]) -> Vec<CaseEntry> {
        let Some(list) = table.entry("case") else {
            return Vec::new();
        };
        let count = list.node.items().map_or(0, <[Node]>::len);
        if count == 0 {
            let _ = self
                .error(&list.node.span, "there is no case")
                .help("write `[[case]]`, `name = \"…\"` and `vars.… = …`, or leave `case` out");
        }
        if count > CASES_MAX {
            let _ = self
                .error(
                    &list.key_span,
                    format!("there are {count} cases, at most {CASES_MAX} are run"),
                )
                .help("split the journey into several files");
            return Vec::new();
        }
        let mut cases: Vec<CaseEntry> = Vec::new();
        let mut places: Vec<Position> = Vec::new();
        for (case, node) in table.tables("case") {
            self.check_keys(case, &node.span, &keys::CASE);
            let vars = self.case_vars(case, declared);
            let Some((name, place)) = self.case_name(case) else {
                continue;
            };
            if let Some(first) = cases.iter().position(|known| known.name == name) {
                let first = places[first].clone();
                let _ = self
                    .error(&place.span, format!("two cases are named `{name}`"))
                    .related(first, "the first one")
                    .help("reports know cases by name: give each its own");
            }
            cases.push(CaseEntry { name, vars });
            places.push(place);
        }
        cases
    }

    fn case_name(&mut self, case: &Table) -> Option<(Variant, Position)> {
        let node = case.get("name")?;
        let name = self.name(node, |text| {
            Variant::new(text).map_err(|error| NameError {
                kind: "case name",
                ..error
            })
        })?;
        if name == Variant::cold() || name == Variant::warm() {
            let _ = self
                .error(&node.span, format!("`{name}` cannot be the name of a case"))
                .label("every journey can be run so")
                .help("choose another name");
            return None;
        }
        Some((name, self.position(&node.span)))
    }

    fn case_vars(&mut self, case: &Table, declared: &[(String, Value)]) -> Vec<(String, Value)> {
        let mut vars = Vec::new();
        for entry in case.table("vars").map_or(&[][..], |vars| &vars.entries) {
            self.refuse_secret_literal(&entry.key, &entry.node);
            let Some((_, known)) = declared.iter().find(|(name, _)| *name == entry.key) else {
                self.undeclared(entry, declared);
                continue;
            };
            let Some(value) = self.plain_value(&entry.node) else {
                continue;
            };
            if !is_alike(known, &value) {
                let shown = shown(&known.to_string());
                let _ = self
                    .error(
                        &entry.node.span,
                        format!("`{}` is not what the journey declares", entry.key),
                    )
                    .label(format!("declared as in `{} = {shown}`", entry.key))
                    .help("give it a value of the same kind, with the same parts");
                continue;
            }
            vars.push((entry.key.clone(), value));
        }
        vars
    }

    fn undeclared(&mut self, entry: &Entry, declared: &[(String, Value)]) {
        let names = || declared.iter().map(|(name, _)| name.as_str());
        let help = match did_you_mean(&entry.key, names()) {
            Some(similar) => format!("did you mean `{similar}`?"),
            None if declared.is_empty() => {
                format!("declare it at the top: vars.{} = …", shown(&entry.key))
            }
            None => format!("declared are: {}", names().collect::<Vec<_>>().join(", ")),
        };
        let _ = self
            .error(
                &entry.key_span,
                format!("the journey declares no variable `{}`", shown(&entry.key)),
            )
            .help(help);
    }

    pub(super) fn tags(&mut self, table: &Table) -> Vec<Tag> {
        let Some(list) = table.get("tags") else {
            return Vec::new();
        };
        let mut tags: Vec<Tag> = Vec::new();
        for node in list.items().unwrap_or_default() {
            if let Some(tag) = self.name(node, Tag::new)
                && !tags.contains(&tag)
            {
                tags.push(tag);
            }
        }
        if tags.len() > TAGS_MAX {
            let _ = self
                .error(&list.span, format!("there are {} tags", tags.len()))
                .help(format!("at most {TAGS_MAX} are kept"));
        }
        tags
    }
}

/// Whether steps that read `declared` can read `value`.
fn is_alike(declared: &Value, value: &Value) -> bool {
    match (declared, value) {
        (Value::Number(number), Value::Number(other)) => number.is_f64() || !other.is_f64(),
        (Value::Object(parts), Value::Object(others)) => parts
            .iter()
            .all(|(key, part)| others.get(key).is_some_and(|other| is_alike(part, other))),
        (Value::Null, Value::Null)
        | (Value::Bool(_), Value::Bool(_))
        | (Value::String(_), Value::String(_))
        | (Value::Array(_), Value::Array(_)) => true,
        _ => false,
    }
}
