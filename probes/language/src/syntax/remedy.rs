//! What to write instead of what is not TOML, as far as the line shows what was meant.

use std::ops::Range;

/// The line in which a mistake begins.
pub(super) struct Around<'t> {
    line: &'t str,
    /// Of the line, what stands before the mistake.
    before: &'t str,
    /// And from there on.
    rest: &'t str,
}

impl<'t> Around<'t> {
    /// The line of `text` in which `span` begins, which is one of whole characters.
    pub(super) fn of(text: &'t str, span: &Range<usize>) -> Self {
        let at = span.start;
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[at..]
            .find('\n')
            .map_or(text.len(), |length| at + length);
        Self {
            line: &text[start..end],
            before: text[start..at].trim(),
            rest: text[at..end].trim(),
        }
    }

    /// The word at the mistake.
    fn word(&self) -> &'t str {
        let is_end = |c: char| c.is_whitespace() || ",]}#".contains(c);
        self.rest.split(is_end).next().unwrap_or_default()
    }

    /// Whether nothing stands behind an equals sign that is no part of a text.
    fn lacks_value(&self) -> bool {
        let quotes = self.before.matches(['"', '\'']).count();
        let ends = self.rest.is_empty() || self.rest.starts_with(['}', ',', ']', '#']);
        ends && self.before.ends_with('=') && quotes.is_multiple_of(2)
    }

    /// Whether the key before the mistake has a colon behind it.
    fn has_colon(&self) -> bool {
        let key = self.before.rsplit(['{', ',', '[', ' ']).next();
        key.is_some_and(|key| key.contains(':')) || self.rest.starts_with(':')
    }
}

/// What to write instead, by what the parser said.
pub(super) fn remedy(message: &str, around: &Around<'_>) -> &'static str {
    let said = |words: &str| message.starts_with(words);
    if ["null", "nil", "None", "undefined"].contains(&around.rest) {
        "TOML has no null: leave the key out; to expect it, write { is = \"null\" }"
    } else if said("recursion limit") || said("cannot recurse further") {
        "write it less deep: what is nested in more than 80 others is not read"
    } else if said("duplicate key") {
        "a key stands once: keep one of them, or put both values into one table or list"
    } else if around.line.contains("\":") && around.line.contains('{') {
        "a table is { name = \"value\" }: = stands where JSON has a colon, and names need no quotes"
    } else if around.lacks_value() {
        "a value is missing behind =, as in name = \"value\""
    } else if let Some(remedy) = of_assignment(message, around) {
        remedy
    } else if let Some(remedy) = of_value(message, around) {
        remedy
    } else if let Some(remedy) = of_brackets(message) {
        remedy
    } else if said("invalid unquoted key") {
        "a key of other letters than a-z, 0-9, - and _ stands in quotes, as in json.\"$.id\""
    } else if said("unexpected key or value") && around.line.contains('\'') {
        "one `key = value` a line; a text with ' in it stands in \"…\""
    } else if said("unexpected key or value")
        && around.before.ends_with('"')
        && !around.rest.contains('=')
    {
        "one `key = value` a line; a text with \" in it stands in '…'"
    } else {
        "text stands in \"quotes\", one `key = value` a line"
    }
}

/// What stands between a key and its value.
fn of_assignment(message: &str, around: &Around<'_>) -> Option<&'static str> {
    let lacks_equals = ["key with no value", "missing assignment"];
    if message.starts_with("extra `=`") {
        return Some("one = stands between key and value, as in expect.status = 200");
    }
    if !lacks_equals.iter().any(|words| message.starts_with(words)) {
        return None;
    }
    if around.has_colon() {
        Some(
            "write = where other formats have a colon: name = \"value\", and { a = 1 } for a table",
        )
    } else if around.rest.starts_with(['<', '>', '!', '~']) {
        Some("a comparison is a table, as in { min = 1 }, { max = 9 } or { not = 404 }")
    } else {
        None
    }
}

/// A value that is none.
fn of_value(message: &str, around: &Around<'_>) -> Option<&'static str> {
    let said = |words: &str| message.starts_with(words);
    let word = around.word();
    let is_one_of = |words: &[&str]| words.iter().any(|one| one.eq_ignore_ascii_case(word));
    Some(
        if said("missing escaped value") || said("too few unicode") {
            "a backslash begins an escape in \"…\": put the text in 'single quotes', or write \\\\ for \
         each \\"
        } else if said("invalid boolean") && is_one_of(&["true"]) {
            "write true, in small letters"
        } else if said("invalid boolean") && is_one_of(&["false"]) {
            "write false, in small letters"
        } else if said("string values must be quoted") && is_one_of(&["yes", "on", "off"])
            || said("invalid float") && is_one_of(&["no"])
        {
            "write true or false; as text it stands in quotes, as in \"yes\""
        } else if said("unexpected leading zero") {
            "a number has no leading zeros: write 8 for 08; as text it stands in quotes: \"08\""
        } else if said("missing opening quote") {
            "open the text with the quote that closes it"
        } else if said("string values must be quoted")
            || (said("invalid boolean") || said("invalid float"))
                && word.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            "put text in quotes, as in name = \"value\""
        } else if message.contains("string") && message.contains("expected") {
            "close the text with the quote that opened it"
        } else {
            return None;
        },
    )
}

/// A bracket or comma that is missing.
fn of_brackets(message: &str) -> Option<&'static str> {
    const SAID: &[(&str, &str)] = &[
        (
            "unclosed array table",
            "close it with two brackets, as in [[step]]",
        ),
        ("unclosed table", "close it with ], as in [step.expect]"),
        ("unclosed array", "close the list with ]"),
        ("unclosed inline table", "close the table with }"),
        (
            "missing comma between array",
            "a comma stands between the items of a list, and ] behind the last: [1, 2]",
        ),
        (
            "extra assignment",
            "a comma stands between the entries of a table, as in { a = 1, b = 2 }",
        ),
        (
            "missing comma between key",
            "a comma stands between the entries of a table, as in { a = 1, b = 2 }",
        ),
    ];
    let found = SAID.iter().find(|(said, _)| message.starts_with(said));
    found.map(|(_, remedy)| *remedy)
}
