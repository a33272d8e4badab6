//! The header lines of an answer, in the order in which they came.

use std::fmt;

/// Header lines, all in one text: an answer has a dozen, and hardly any is ever looked at.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderLines {
    text: String,
    lines: Vec<Line>,
}

/// Where a line's name and its value end in the text; the name begins where the line before ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    name: usize,
    value: usize,
}

impl HeaderLines {
    /// No lines.
    pub const fn new() -> Self {
        Self {
            text: String::new(),
            lines: Vec::new(),
        }
    }

    /// No lines yet, with room for so many lines of so many bytes in all.
    pub fn with_capacity(lines: usize, bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            lines: Vec::with_capacity(lines),
        }
    }

    /// Adds a line behind the others.
    pub fn push(&mut self, name: &str, value: &str) {
        self.text.push_str(name);
        let name = self.text.len();
        self.text.push_str(value);
        let value = self.text.len();
        self.lines.push(Line { name, value });
    }

    /// Each line's name and value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.lines.iter().map(move |line| {
            let name = &self.text[start..line.name];
            start = line.value;
            (name, &self.text[line.name..line.value])
        })
    }

    /// The values of the lines of this name, in any case.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value)
    }
}

impl fmt::Debug for HeaderLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> Extend<(&'a str, &'a str)> for HeaderLines {
    fn extend<T: IntoIterator<Item = (&'a str, &'a str)>>(&mut self, lines: T) {
        for (name, value) in lines {
            self.push(name, value);
        }
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for HeaderLines {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(lines: T) -> Self {
        let mut all = Self::new();
        all.extend(lines);
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_come_out_as_they_went_in(
            given in prop::collection::vec(("[a-z가-]{0,5}", "[ -~가]{0,9}"), 0..9),
        ) {
            let given: Vec<(&str, &str)> =
                given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let lines: HeaderLines = given.iter().copied().collect();
            prop_assert_eq!(lines.iter().collect::<Vec<_>>(), given);
        }
    }

    #[test]
    fn values_are_found_in_any_case() {
        let lines: HeaderLines = [("Via", "a"), ("x", "b"), ("via", "")]
            .into_iter()
            .collect();
        assert_eq!(lines.values("VIA").collect::<Vec<_>>(), ["a", ""]);
        assert_eq!(lines.values("y").next(), None);
    }
}
