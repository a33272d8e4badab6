//! Texts of a journey in the making: words of the recording, and expressions that took the place
//! of some.

/// A text with expressions in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Phrase(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Words(String),
    /// What stands between the braces.
    Expression(String),
}

impl Phrase {
    pub(crate) fn words(text: impl Into<String>) -> Self {
        let mut phrase = Self::default();
        phrase.push_words(&text.into());
        phrase
    }

    pub(crate) fn expression(text: impl Into<String>) -> Self {
        Self(vec![Piece::Expression(text.into())])
    }

    pub(crate) fn push_words(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Words(words)) => words.push_str(text),
            _ => self.0.push(Piece::Words(text.to_owned())),
        }
    }

    pub(crate) fn push_expression(&mut self, text: impl Into<String>) {
        self.0.push(Piece::Expression(text.into()));
    }

    pub(crate) fn append(&mut self, other: Self) {
        for piece in other.0 {
            match piece {
                Piece::Words(words) => self.push_words(&words),
                Piece::Expression(text) => self.push_expression(text),
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words, if nothing else is in it.
    pub(crate) fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Words(words)] => Some(words),
            _ => None,
        }
    }

    /// Calls `visit` with the words or the expression of each piece.
    pub(crate) fn each_piece(&self, visit: &mut dyn FnMut(&str, Option<&str>)) {
        for piece in &self.0 {
            match piece {
                Piece::Words(words) => visit(words, None),
                Piece::Expression(text) => visit("", Some(text)),
            }
        }
    }

    /// Whether an expression in it is this variable.
    pub(crate) fn reads(&self, variable: &str) -> bool {
        self.0
            .iter()
            .any(|piece| matches!(piece, Piece::Expression(text) if text == variable))
    }

    /// The phrase with all its words passed through `change`.
    pub(crate) fn map_words(self, change: impl Fn(&str) -> String) -> Self {
        let mut phrase = Self::default();
        for piece in self.0 {
            match piece {
                Piece::Words(words) => phrase.push_words(&change(&words)),
                Piece::Expression(text) => phrase.push_expression(text),
            }
        }
        phrase
    }

    /// The text as the journey language reads it. Braces that mean themselves become texts in an
    /// expression.
    pub(crate) fn written(&self) -> String {
        let mut written = String::new();
        for (at, piece) in self.0.iter().enumerate() {
            match piece {
                Piece::Expression(text) => {
                    written.push_str("{{ ");
                    written.push_str(text);
                    written.push_str(" }}");
                }
                Piece::Words(words) => {
                    let is_followed = at + 1 < self.0.len();
                    let lone = words.len() - words.trim_end_matches('{').len();
                    let (words, tail) = if is_followed && lone % 2 == 1 {
                        (&words[..words.len() - 1], "{{ '{' }}")
                    } else {
                        (words.as_str(), "")
                    };
                    written.push_str(&words.replace("{{", "{{ '{{' }}"));
                    written.push_str(tail);
                }
            }
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_of_the_recording_stay_braces() {
        assert_eq!(Phrase::words("a{{b}}c").written(), "a{{ '{{' }}b}}c");
        let mut phrase = Phrase::words("{");
        phrase.push_expression("id");
        phrase.push_words("}");
        assert_eq!(phrase.written(), "{{ '{' }}{{ id }}}");
        let mut phrase = Phrase::words("{{{");
        phrase.push_expression("id");
        assert_eq!(phrase.written(), "{{ '{{' }}{{ '{' }}{{ id }}");
    }
}
