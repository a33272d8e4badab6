//! Text with `{{ expressions }}` in it, and values made of such texts.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use crate::expression::{Expression, ExpressionError, Grammar, Name};

/// A text with expressions in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Shared by all that say the same.
    parts: Arc<[Part]>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    Text(String),
    /// An expression, and where its inside begins in the template's text.
    Expression(Expression, usize),
}

impl Template {
    /// Splits `text` at its braces; all mistakes at once.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<ExpressionError>> {
        let mut parts = Vec::new();
        let mut errors = Vec::new();
        let mut at = 0;
        while let Some(open) = text[at..].find("{{") {
            if open > 0 {
                parts.push(Part::Text(text[at..at + open].to_owned()));
            }
            let inside = at + open + 2;
            let Some(length) = text[inside..].find("}}") else {
                errors.push(ExpressionError {
                    message: "`{{` is not closed".into(),
                    help: "close the expression with `}}`".into(),
                    at: at + open..text.len(),
                });
                return Err(errors);
            };
            match Expression::parse(&text[inside..inside + length], Grammar::Value) {
                Ok(expression) => parts.push(Part::Expression(expression, inside)),
                Err(error) => errors.push(ExpressionError {
                    at: error.at.start + inside..error.at.end + inside,
                    ..error
                }),
            }
            at = inside + length + 2;
        }
        if at < text.len() || parts.is_empty() {
            parts.push(Part::Text(text[at..].to_owned()));
        }
        if errors.is_empty() {
            Ok(Self {
                parts: parts.into(),
            })
        } else {
            Err(errors)
        }
    }

    /// The text before the first expression.
    pub(crate) fn literal_start(&self) -> Option<&str> {
        match self.parts.first() {
            Some(Part::Text(text)) => Some(text),
            Some(Part::Expression(..)) | None => None,
        }
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The text, if there is no expression in it.
    pub fn literal(&self) -> Option<&str> {
        match &*self.parts {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The expression, if there is nothing else: its value keeps its type.
    pub fn lone(&self) -> Option<&Expression> {
        match &*self.parts {
            [Part::Expression(expression, _)] => Some(expression),
            _ => None,
        }
    }

    /// The names that are read.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.placed_names().map(|(name, _)| name)
    }

    /// The names that are read, with their bytes in the template's text.
    pub(crate) fn placed_names(&self) -> impl Iterator<Item = (&Name, Range<usize>)> {
        self.parts.iter().flat_map(|part| match part {
            Part::Text(_) => Vec::new(),
            Part::Expression(expression, inside) => expression
                .names()
                .iter()
                .map(|name| (name, name.at.start + inside..name.at.end + inside))
                .collect(),
        })
    }
}

/// A value whose texts are templates.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueTemplate {
    /// A value without expressions.
    Literal(Box<Value>),
    /// A text with expressions.
    Text(Template),
    /// A list.
    List(Box<[Self]>),
    /// A table, in file order.
    Table(Box<[(String, Self)]>),
}

impl ValueTemplate {
    pub(crate) fn literal(value: impl Into<Value>) -> Self {
        Self::Literal(Box::new(value.into()))
    }

    /// Calls `visit` with every name that is read.
    pub fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a Name)) {
        match self {
            Self::Literal(_) => {}
            Self::Text(template) => template.names().for_each(visit),
            Self::List(items) => items.iter().for_each(|item| item.each_name(visit)),
            Self::Table(entries) => entries.iter().for_each(|(_, value)| value.each_name(visit)),
        }
    }
}
