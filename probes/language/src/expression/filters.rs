//! The filters of expressions: text in, text out.

use base64::Engine as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The filters' names.
pub(crate) const FILTERS: &[&str] = &["lower", "upper", "trim", "b64", "url", "replace"];

/// All but the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Percent-encodes all but RFC 3986's unreserved characters: safe as a path segment, as a query
/// value and in a form.
pub(crate) fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

pub(super) fn register(engine: &mut minijinja::Environment<'static>) {
    engine.add_filter("lower", |text: String| text.to_lowercase());
    engine.add_filter("upper", |text: String| text.to_uppercase());
    engine.add_filter("trim", |text: String| text.trim().to_owned());
    engine.add_filter("b64", |text: String| {
        base64::engine::general_purpose::STANDARD.encode(text)
    });
    engine.add_filter("url", |text: String| percent_encode(&text));
    engine.add_filter("replace", |text: String, from: String, to: String| {
        text.replace(&from, &to)
    });
}
