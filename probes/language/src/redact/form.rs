//! The forms of a secret: as it is, and as it is written where bytes have to be encoded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::expression::percent_encode;

/// All but what `encodeURIComponent` of ECMAScript leaves as it is.
const URI_COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Every form of `text`, some of them more than once.
pub(super) fn forms(text: &str) -> Vec<String> {
    let mut forms = vec![
        text.to_owned(),
        text.to_lowercase(),
        text.to_uppercase(),
        hex(text, b"0123456789abcdef"),
        hex(text, b"0123456789ABCDEF"),
    ];
    for offset in 0..3 {
        let digits = base64_inside(text, offset);
        if digits.contains(['+', '/']) {
            forms.push(digits.replace('+', "-").replace('/', "_"));
        }
        forms.push(digits);
    }
    if !text.bytes().all(is_never_escaped) {
        forms.extend(escaped_forms(text));
    }
    forms
}

/// Whether URLs, JSON and HTML all write it as it is.
fn is_never_escaped(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn escaped_forms(text: &str) -> [String; 11] {
    let json = serde_json::Value::from(text).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let url = percent_encode(text);
    [
        url.replace("%20", "+"),
        lower_case_escapes(&url),
        url,
        utf8_percent_encode(text, URI_COMPONENT).to_string(),
        escaped(&json, |c| !c.is_ascii()),
        escaped(&json, |c| matches!(c, '<' | '>' | '&')),
        escaped(&json, |c| !c.is_ascii()).replace('/', "\\/"),
        json.replace('/', "\\/"),
        json,
        html(text, "&quot;"),
        html(text, "&#34;"),
    ]
}

fn hex(text: &str, digits: &[u8; 16]) -> String {
    let mut written = String::with_capacity(2 * text.len());
    for byte in text.bytes() {
        written.push(char::from(digits[usize::from(byte >> 4)]));
        written.push(char::from(digits[usize::from(byte & 15)]));
    }
    written
}

/// The Base64 digits that depend on `text` alone when it stands `offset` bytes after a group of
/// three: what stays the same when more stands before and behind it, as in `login:password`.
fn base64_inside(text: &str, offset: usize) -> String {
    let mut padded = vec![0_u8; offset];
    padded.extend_from_slice(text.as_bytes());
    let whole_digits = padded.len() * 8 / 6;
    let first = (offset * 8).div_ceil(6);
    let encoded = STANDARD_NO_PAD.encode(&padded);
    encoded
        .get(first..whole_digits)
        .unwrap_or_default()
        .to_owned()
}

/// JSON text with more characters as `\\u003c`: Python and PHP write all but ASCII so, Go what
/// means something in HTML.
fn escaped(json: &str, is_meant: fn(char) -> bool) -> String {
    let mut written = String::with_capacity(json.len());
    for c in json.chars() {
        if is_meant(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                written.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            written.push(c);
        }
    }
    written
}

/// Text as it stands in an HTML page, where a quote is written as `quote`.
fn html(text: &str, quote: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', quote)
        .replace('\'', "&#39;")
}

/// `%2F` as `%2f`, which is the same to servers.
fn lower_case_escapes(url: &str) -> String {
    let mut written = String::with_capacity(url.len());
    let mut escape = 0;
    for c in url.chars() {
        if c == '%' {
            escape = 3;
        }
        written.push(if escape > 0 {
            c.to_ascii_lowercase()
        } else {
            c
        });
        escape = (escape - 1).max(0);
    }
    written
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_never_escaped_has_no_escaped_form(text in "[a-zA-Z0-9._-]{6,20}") {
            for form in escaped_forms(&text) {
                prop_assert_eq!(&form, &text);
            }
        }
    }

    #[test]
    fn base64_is_known_in_both_alphabets() {
        let forms = forms("p\u{7f}?~~~");
        assert!(forms.iter().any(|form| form.contains('/')), "{forms:?}");
        assert!(forms.iter().any(|form| form.contains('_')), "{forms:?}");
    }
}
