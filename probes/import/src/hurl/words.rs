//! The words of a capture or an assert: names, texts, numbers, patterns.

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    Name(String),
    Text(String),
    /// Between slashes.
    Pattern(String),
}

impl Word {
    /// The text or pattern.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Pattern(text) => Some(text),
            Self::Name(_) => None,
        }
    }

    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Text(_) | Self::Pattern(_) => None,
        }
    }
}

/// Splits a line; none if a quote is not closed.
pub(super) fn words(line: &str) -> Option<Vec<Word>> {
    let mut found = Vec::new();
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            c if c.is_whitespace() => {}
            '#' => break,
            '"' => found.push(Word::Text(until(&mut rest, '"')?)),
            '`' => found.push(Word::Text(until(&mut rest, '`')?)),
            '/' => found.push(Word::Pattern(pattern(&mut rest)?)),
            first => {
                let mut name = String::from(first);
                while let Some(c) = rest.next_if(|c| !c.is_whitespace()) {
                    name.push(c);
                }
                found.push(Word::Name(name));
            }
        }
    }
    Some(found)
}

fn until(rest: &mut impl Iterator<Item = char>, end: char) -> Option<String> {
    let mut text = String::new();
    loop {
        match rest.next()? {
            c if c == end => return Some(text),
            '\\' => match rest.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                c => text.push(c),
            },
            c => text.push(c),
        }
    }
}

/// To the closing slash; other escapes are the pattern's own.
fn pattern(rest: &mut impl Iterator<Item = char>) -> Option<String> {
    let mut text = String::new();
    loop {
        match rest.next()? {
            '/' => return Some(text),
            '\\' => match rest.next()? {
                '/' => text.push('/'),
                c => text.extend(['\\', c]),
            },
            c => text.push(c),
        }
    }
}
