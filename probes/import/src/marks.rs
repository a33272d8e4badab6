//! Marks: words that stand for expressions while a text is split and read as if it had none.

use std::sync::LazyLock;

use regex::Regex;

use crate::draft::{Act, Body, Step};
use crate::phrase::Phrase;
use crate::toml_text::Data;

/// A mark: letters and digits, which URLs, JSON and forms leave as they are.
static MARK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("zqx([vt])([0-9]{1,6})zqx").expect("a constant pattern"));

/// The expressions that marks stand for.
#[derive(Debug, Default)]
pub(crate) struct Marks(Vec<String>);

/// Whether there is a mark in a text: what it will say is not known.
pub(crate) fn is_marked(text: &str) -> bool {
    MARK.is_match(text)
}

/// Whether a text is one mark and nothing else.
pub(crate) fn is_one_mark(text: &str) -> bool {
    MARK.find(text)
        .is_some_and(|found| found.len() == text.len())
}

/// Whether a text is one mark of an expression that keeps its type.
pub(crate) fn is_typed_mark(text: &str) -> bool {
    is_one_mark(text) && MARK.captures(text).is_some_and(|found| &found[1] == "t")
}

impl Marks {
    /// A mark for an expression that becomes text.
    pub(crate) fn text(&mut self, expression: &str) -> String {
        format!("zqxv{}zqx", self.place(expression))
    }

    /// A mark for an expression that keeps its type if it stands alone.
    pub(crate) fn typed(&mut self, expression: &str) -> String {
        format!("zqxt{}zqx", self.place(expression))
    }

    fn place(&mut self, expression: &str) -> usize {
        match self.0.iter().position(|known| known == expression) {
            Some(at) => at,
            None => {
                self.0.push(expression.to_owned());
                self.0.len() - 1
            }
        }
    }

    fn of(&self, number: &str) -> Option<&str> {
        self.0
            .get(number.parse::<usize>().ok()?)
            .map(String::as_str)
    }

    /// The expression, if a text is one mark and nothing else.
    pub(crate) fn lone(&self, text: &str) -> Option<&str> {
        let found = MARK.captures(text)?;
        (found[0].len() == text.len()).then(|| self.of(&found[2]))?
    }

    /// Whether a mark stands for this expression.
    pub(crate) fn has(&self, expression: &str) -> bool {
        self.0.iter().any(|known| known == expression)
    }

    /// The phrase with expressions in place of marks.
    pub(crate) fn expand(&self, phrase: &Phrase) -> Phrase {
        let mut expanded = Phrase::default();
        phrase.each_piece(&mut |words, expression| match expression {
            Some(expression) => expanded.push_expression(expression),
            None => {
                let mut from = 0;
                for found in MARK.captures_iter(words) {
                    let (Some(whole), Some(expression)) = (found.get(0), self.of(&found[2])) else {
                        continue;
                    };
                    expanded.push_words(&words[from..whole.start()]);
                    expanded.push_expression(expression);
                    from = whole.end();
                }
                expanded.push_words(&words[from..]);
            }
        });
        expanded
    }

    pub(crate) fn expand_data(&self, data: Data) -> Data {
        match data {
            Data::Text(phrase) => {
                let typed = phrase.plain().and_then(|text| {
                    let found = MARK.captures(text)?;
                    let is_lone = found[0].len() == text.len() && &found[1] == "t";
                    is_lone.then(|| self.of(&found[2]))?
                });
                match typed {
                    Some(expression) => Data::Typed(expression.to_owned()),
                    None => Data::Text(self.expand(&phrase)),
                }
            }
            Data::List(items) => Data::List(
                items
                    .into_iter()
                    .map(|item| self.expand_data(item))
                    .collect(),
            ),
            Data::Table(entries) => Data::Table(
                entries
                    .into_iter()
                    .map(|(key, value)| (key, self.expand_data(value)))
                    .collect(),
            ),
            Data::Null | Data::Bool(_) | Data::Number(_) | Data::Typed(_) => data,
        }
    }

    /// The step with expressions in place of marks.
    pub(crate) fn expand_step(&self, mut step: Step) -> Step {
        step.name = MARK.replace_all(&step.name, "one").into_owned();
        if let Act::Http(_, address) | Act::Open(address, _) = &mut step.act {
            address.path = self.expand(&address.path);
        }
        for (_, value) in &mut step.headers {
            *value = self.expand(value);
        }
        let pairs = |pairs: Vec<(String, Vec<Phrase>)>| {
            pairs
                .into_iter()
                .map(|(key, values)| {
                    let values = values.iter().map(|value| self.expand(value)).collect();
                    (key, values)
                })
                .collect()
        };
        step.query = pairs(step.query);
        step.body = match step.body {
            Body::None => Body::None,
            Body::Json(data) => Body::Json(self.expand_data(data)),
            Body::Form(entries) => Body::Form(pairs(entries)),
            Body::Multipart(parts) => Body::Multipart(
                parts
                    .into_iter()
                    .map(|(name, part)| (name, self.expand_data(part)))
                    .collect(),
            ),
            Body::Text(phrase) => Body::Text(self.expand(&phrase)),
            Body::Raw(made) => Body::Raw(made),
        };
        step
    }
}
