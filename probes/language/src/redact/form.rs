//! The forms of a secret: as it is, and as it is written where bytes have to be encoded.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, Encoding, HEXLOWER};
use memchr::memchr;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::expression::RESERVED;

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

/// Most bytes that most forms have for each byte of the text: two digits in hex.
const BYTES_USUAL: usize = 2;

/// Gives every form of `text` to `take`, some of them more than once.
pub(super) fn each_form(text: &str, mut take: impl FnMut(&[u8])) {
    let bytes = text.as_bytes();
    let mut form = Vec::with_capacity(BYTES_USUAL * bytes.len());
    take(bytes);
    if text.is_ascii() {
        form.extend_from_slice(bytes);
        form.make_ascii_lowercase();
        take(&form);
        form.make_ascii_uppercase();
        take(&form);
    } else {
        take(text.to_lowercase().as_bytes());
        take(text.to_uppercase().as_bytes());
    }
    encode(&HEXLOWER, bytes, &mut form);
    take(&form);
    form.make_ascii_uppercase();
    take(&form);
    for offset in 0..3 {
        for alphabet in [&BASE64_NOPAD, &BASE64URL_NOPAD] {
            base64_inside(alphabet, bytes, offset, &mut form);
            take(&form);
        }
    }
    if !bytes.iter().all(is_plain_in_urls) {
        each_url_form(text, &mut form, &mut take);
    }
    if !bytes.iter().all(is_plain_in_pages) {
        each_page_form(text, &mut form, &mut take);
    }
}

/// Whether every URL has it as it is.
fn is_plain_in_urls(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Whether JSON and HTML both have it as it is.
fn is_plain_in_pages(byte: &u8) -> bool {
    let is_escaped = matches!(byte, b'"' | b'\'' | b'\\' | b'/' | b'<' | b'>' | b'&');
    matches!(byte, b' '..=b'~') && !is_escaped
}

fn each_url_form(text: &str, form: &mut Vec<u8>, take: &mut impl FnMut(&[u8])) {
    for (escaped, blank) in [(RESERVED, "+"), (URI_COMPONENT, "%20"), (RESERVED, "%20")] {
        percent(text, escaped, blank, form);
        take(form);
    }
    to_lower_case_escapes(form);
    take(form);
}

fn each_page_form(text: &str, form: &mut Vec<u8>, take: &mut impl FnMut(&[u8])) {
    let never: fn(char) -> bool = |_| false;
    // Python and PHP write all but ASCII so, Go what means something in HTML.
    let beyond_ascii: fn(char) -> bool = |c| !c.is_ascii();
    let in_html: fn(char) -> bool = |c| matches!(c, '<' | '>' | '&');
    for (meant, slash) in [
        (never, "/"),
        (never, "\\/"),
        (beyond_ascii, "/"),
        (beyond_ascii, "\\/"),
        (in_html, "/"),
    ] {
        json(text, meant, slash, form);
        take(form);
    }
    // As Go writes them in two ways, Python, PHP and XML.
    for (quote, apostrophe) in [
        ("&quot;", "&#39;"),
        ("&#34;", "&#39;"),
        ("&quot;", "&#x27;"),
        ("&quot;", "&#039;"),
        ("&quot;", "&apos;"),
    ] {
        html(text, quote, apostrophe, form);
        take(form);
    }
}

fn encode(encoding: &Encoding, bytes: &[u8], form: &mut Vec<u8>) {
    form.clear();
    form.resize(encoding.encode_len(bytes.len()), 0);
    encoding.encode_mut(bytes, form);
}

/// The Base64 digits that depend on `bytes` alone when they stand `offset` bytes after a group of
/// three: what stays the same when more stands before and behind them, as in `login:password`.
fn base64_inside(alphabet: &Encoding, bytes: &[u8], offset: usize, form: &mut Vec<u8>) {
    let padded = [&[0; 2][..offset], bytes].concat();
    encode(alphabet, &padded, form);
    form.truncate(padded.len() * 8 / 6);
    form.drain(..(offset * 8).div_ceil(6));
}

fn percent(text: &str, escaped: &'static AsciiSet, blank: &str, form: &mut Vec<u8>) {
    form.clear();
    for piece in utf8_percent_encode(text, escaped) {
        let written = if piece == "%20" { blank } else { piece };
        form.extend_from_slice(written.as_bytes());
    }
}

/// `%2F` as `%2f`, which is the same to servers.
fn to_lower_case_escapes(url: &mut [u8]) {
    let mut rest = url;
    while let Some(at) = memchr(b'%', rest) {
        let (escape, behind) = rest[at..].split_at_mut(3);
        escape.make_ascii_lowercase();
        rest = behind;
    }
}

/// Text as it stands in JSON, with the characters that are `meant` as `\\u003c` too.
fn json(text: &str, meant: impl Fn(char) -> bool, slash: &str, form: &mut Vec<u8>) {
    form.clear();
    let mut itself = [0; 4];
    for c in text.chars() {
        let written = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{8}' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            '/' => slash,
            c if c < ' ' || meant(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    form.extend_from_slice(b"\\u");
                    let mut digits = [0; 4];
                    HEXLOWER.encode_mut(&unit.to_be_bytes(), &mut digits);
                    form.extend_from_slice(&digits);
                }
                continue;
            }
            c => c.encode_utf8(&mut itself),
        };
        form.extend_from_slice(written.as_bytes());
    }
}

/// Text as it stands in an HTML page, where quotes are written so.
fn html(text: &str, quote: &str, apostrophe: &str, form: &mut Vec<u8>) {
    form.clear();
    for byte in text.as_bytes() {
        let escape = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => quote,
            b'\'' => apostrophe,
            _ => {
                form.push(*byte);
                continue;
            }
        };
        form.extend_from_slice(escape.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;
    use crate::expression::percent_encode;

    fn forms(text: &str) -> BTreeSet<String> {
        let mut forms = BTreeSet::new();
        each_form(text, |form| {
            forms.insert(String::from_utf8(form.to_vec()).expect("UTF-8"));
        });
        forms
    }

    /// The same forms as others write them.
    fn expected_forms(text: &str) -> BTreeSet<String> {
        let url = percent_encode(text);
        let escapes = regex::Regex::new("%[0-9A-F]{2}").expect("a pattern");
        let json = serde_json::Value::from(text).to_string();
        let json = json[1..json.len() - 1].to_owned();
        let units = |meant: fn(char) -> bool| {
            let mut written = String::new();
            for c in json.chars() {
                if meant(c) {
                    let mut units = [0; 2];
                    let units = c.encode_utf16(&mut units).iter();
                    written.extend(units.map(|unit| format!("\\u{unit:04x}")));
                } else {
                    written.push(c);
                }
            }
            written
        };
        let ascii = units(|c| !c.is_ascii());
        let html = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('\'', "&#39;");
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut forms = BTreeSet::from([
            text.to_owned(),
            text.to_lowercase(),
            text.to_uppercase(),
            hex.to_uppercase(),
            hex,
            url.replace("%20", "+"),
            escapes
                .replace_all(&url, |found: &regex::Captures<'_>| found[0].to_lowercase())
                .into_owned(),
            url,
            utf8_percent_encode(text, URI_COMPONENT).to_string(),
            units(|c| matches!(c, '<' | '>' | '&')),
            ascii.replace('/', "\\/"),
            ascii,
            json.replace('/', "\\/"),
            json.clone(),
            html.replace('"', "&quot;"),
            html.replace('"', "&#34;"),
            html.replace('"', "&quot;").replace("&#39;", "&#x27;"),
            html.replace('"', "&quot;").replace("&#39;", "&#039;"),
            html.replace('"', "&quot;").replace("&#39;", "&apos;"),
        ]);
        for offset in 0..3 {
            let mut padded = vec![0; offset];
            padded.extend_from_slice(text.as_bytes());
            let inside = (offset * 8).div_ceil(6)..padded.len() * 8 / 6;
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                forms.insert(engine.encode(&padded)[inside.clone()].to_owned());
            }
        }
        forms
    }

    proptest! {
        #[test]
        fn the_forms_are_what_encoders_write(
            text in prop_oneof![
                "[a-zA-Z0-9._-]{6,20}",
                "[ -~]{6,20}",
                "[\\x00-\\x7f]{6,20}",
                "[a-zA-Z ß가Σς😀\u{7f}\u{85}\"&]{6,20}",
                "\\PC{6,20}",
            ],
        ) {
            prop_assert_eq!(forms(&text), expected_forms(&text));
        }
    }

    #[test]
    fn each_byte_is_written_as_encoders_do() {
        for c in (0..0x180)
            .chain([0x2028, 0xac00, 0x1f600])
            .filter_map(char::from_u32)
        {
            let text = format!("secret{c}");
            assert_eq!(forms(&text), expected_forms(&text), "{text:?}");
        }
    }

    #[test]
    fn base64_is_known_in_both_alphabets() {
        let forms = forms("p\u{7f}?~~~");
        assert!(forms.iter().any(|form| form.contains('/')), "{forms:?}");
        assert!(forms.iter().any(|form| form.contains('_')), "{forms:?}");
    }
}
