//! The filters of expressions: text in, text out.

use std::borrow::Cow;

use base64::Engine as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A filter, as it is called.
pub(super) struct Filter {
    pub(super) name: &'static str,
    /// What stands between its brackets, if anything does.
    pub(super) arguments: &'static [&'static str],
}

/// All filters.
pub(super) const FILTERS: &[Filter] = &[
    Filter::alone("lower"),
    Filter::alone("upper"),
    Filter::alone("trim"),
    Filter::alone("b64"),
    Filter::alone("s256"),
    Filter::alone("url"),
    Filter {
        name: "replace",
        arguments: &["'FROM'", "'TO'"],
    },
];

impl Filter {
    const fn alone(name: &'static str) -> Self {
        Self {
            name,
            arguments: &[],
        }
    }

    /// As it is written.
    pub(super) fn call(&self) -> String {
        match self.arguments {
            [] => self.name.to_owned(),
            arguments => format!("{}({})", self.name, arguments.join(", ")),
        }
    }
}

/// The filters' names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FILTERS.iter().map(|filter| filter.name)
}

/// All but the unreserved characters of RFC 3986, section 2.3.
pub(crate) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Percent-encodes all but RFC 3986's unreserved characters: safe as a path segment, as a query
/// value and in a form.
pub(crate) fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The same of a path segment: `.` and `..` too, which would climb in the path.
pub(crate) fn path_encode(text: &str) -> Cow<'_, str> {
    match text {
        "." => "%2E".into(),
        ".." => "%2E%2E".into(),
        text => utf8_percent_encode(text, RESERVED).into(),
    }
}

/// Longest text that a filter gives, in bytes: as long as what may be sent. Filters in a row, or a
/// `replace` by an answer's own words, would make of one text more than the memory holds.
const FILTERED_BYTES_MAX: usize = 1024 * 1024;

pub(super) fn register(engine: &mut minijinja::Environment<'static>) {
    engine.add_filter("lower", |text: String| bounded(text.to_lowercase()));
    engine.add_filter("upper", |text: String| bounded(text.to_uppercase()));
    engine.add_filter("trim", |text: String| text.trim().to_owned());
    engine.add_filter("b64", |text: String| {
        bounded(base64::engine::general_purpose::STANDARD.encode(text))
    });
    // The code challenge of RFC 7636, section 4.2.
    engine.add_filter("s256", |text: String| {
        let hash = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash)
    });
    engine.add_filter("url", |text: String| bounded(percent_encode(&text)));
    engine.add_filter("replace", |text: String, from: String, to: String| {
        let added = text.matches(&from).count().saturating_mul(to.len());
        if text.len().saturating_add(added) > FILTERED_BYTES_MAX {
            return Err(too_long());
        }
        Ok(text.replace(&from, &to))
    });
}

fn bounded(text: String) -> Result<String, minijinja::Error> {
    if text.len() > FILTERED_BYTES_MAX {
        Err(too_long())
    } else {
        Ok(text)
    }
}

/// The kind that [`super::describe`] knows for it: the engine has none of this name.
fn too_long() -> minijinja::Error {
    minijinja::Error::from(minijinja::ErrorKind::WriteFailure)
}
