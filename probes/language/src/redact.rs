//! Takes secrets out of texts before they leave a run: longest match first, in every encoding
//! that a secret may have been put into.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bongsu_model::Secret;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::expression::percent_encode;

/// Shortest secret in bytes: a shorter one would black out ordinary words, or be guessed.
pub const SECRET_BYTES_MIN: usize = 6;

/// What stands where a secret was.
const MASK: &str = "***";

/// Shortest beginning of a form that is taken out where a text was cut.
const BEGINNING_BYTES_MIN: usize = 4;

/// What stands where a text was cut: our own mark, and that of bytes that are no whole character.
const CUT_MARKS: [char; 2] = ['…', char::REPLACEMENT_CHARACTER];

/// Most forms of secrets that one redactor holds: 250 secrets of a run with 20 forms each. Secrets
/// beyond it make every text unreadable instead of leaking.
const FORMS_MAX: usize = 5_000;

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

/// A secret that is too short to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the secret has {bytes} bytes, at least {SECRET_BYTES_MIN} are needed: a shorter one cannot \
     be told apart from ordinary text and taken out of reports"
)]
pub struct SecretTooShort {
    /// Its length in bytes.
    pub bytes: usize,
}

/// Refuses a secret that cannot be redacted.
///
/// # Errors
/// When it has fewer than [`SECRET_BYTES_MIN`] bytes.
pub fn check_secret(secret: &Secret) -> Result<(), SecretTooShort> {
    let bytes = secret.expose().len();
    if bytes < SECRET_BYTES_MIN {
        Err(SecretTooShort { bytes })
    } else {
        Ok(())
    }
}

/// Knows secrets and takes them out of texts.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Every form of every secret, longest first.
    forms: Vec<String>,
    /// Every secret as it is. One may be a form of another and has forms of its own.
    learned: BTreeSet<String>,
    overflow: Overflow,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Overflow {
    #[default]
    Never,
    Happened,
}

impl Redactor {
    /// A redactor that knows no secret.
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns a secret: as it is, URL-encoded, escaped for JSON and HTML, in Base64 at each of its
    /// three alignments, in hex, and in lower and upper case. A text shorter than
    /// [`SECRET_BYTES_MIN`] is passed over: profiles with such secrets are refused.
    pub fn learn(&mut self, secret: &Secret) {
        let text = secret.expose();
        let is_known = self.overflow == Overflow::Happened || self.learned.contains(text);
        if text.len() < SECRET_BYTES_MIN || is_known {
            return;
        }
        let _ = self.learned.insert(text.to_owned());
        for form in forms(text) {
            if form.len() < SECRET_BYTES_MIN || self.forms.contains(&form) {
                continue;
            }
            if self.forms.len() >= FORMS_MAX {
                self.overflow = Overflow::Happened;
                return;
            }
            let at = self
                .forms
                .partition_point(|known| known.len() >= form.len());
            self.forms.insert(at, form);
        }
    }

    /// The text without any secret.
    pub fn redact(&self, text: &str) -> String {
        if self.overflow == Overflow::Happened {
            return MASK.to_owned();
        }
        let mut clean = text.to_owned();
        for form in &self.forms {
            if clean.contains(form.as_str()) {
                clean = clean.replace(form.as_str(), MASK);
            }
        }
        clean
    }

    /// The text without any secret, also without the beginning of one at its end or before a mark
    /// of a cut: a text may have been cut in the middle of a secret before it came here.
    pub fn redact_cut(&self, text: &str) -> String {
        let clean = self.redact(text);
        let mut whole = String::with_capacity(clean.len());
        for piece in clean.split_inclusive(CUT_MARKS) {
            let kept = piece.trim_end_matches(CUT_MARKS);
            let beginning = self
                .forms
                .iter()
                .filter_map(|form| beginning_at_end(kept, form))
                .max();
            match beginning {
                Some(bytes) => {
                    whole.push_str(&kept[..kept.len() - bytes]);
                    whole.push_str(MASK);
                    whole.push_str(&piece[kept.len()..]);
                }
                None => whole.push_str(piece),
            }
        }
        whole
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} forms)", self.forms.len())
    }
}

/// How many bytes at the end of `text` are the beginning of `form`.
fn beginning_at_end(text: &str, form: &str) -> Option<usize> {
    let longest = form.len().min(text.len());
    (BEGINNING_BYTES_MIN..=longest)
        .rev()
        .find(|bytes| form.is_char_boundary(*bytes) && text.ends_with(&form[..*bytes]))
}

fn forms(text: &str) -> Vec<String> {
    let json = serde_json::Value::from(text).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let url = percent_encode(text);
    let mut forms = vec![
        text.to_owned(),
        text.to_lowercase(),
        text.to_uppercase(),
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
        text.bytes().map(|b| format!("{b:02x}")).collect(),
        text.bytes().map(|b| format!("{b:02X}")).collect(),
    ];
    for offset in 0..3 {
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            forms.push(base64_inside(text, offset, engine));
        }
    }
    forms
}

/// The Base64 digits that depend on `text` alone when it stands `offset` bytes after a group of
/// three: what stays the same when more stands before and behind it, as in `login:password`.
fn base64_inside(text: &str, offset: usize, engine: &base64::engine::GeneralPurpose) -> String {
    let mut padded = vec![0_u8; offset];
    padded.extend_from_slice(text.as_bytes());
    let whole_digits = padded.len() * 8 / 6;
    let first = (offset * 8).div_ceil(6);
    let encoded = engine.encode(&padded);
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
    use super::*;

    fn redactor(secrets: &[&str]) -> Redactor {
        let mut redactor = Redactor::new();
        for secret in secrets {
            redactor.learn(&Secret::new(*secret));
        }
        redactor
    }

    #[test]
    fn the_longest_secret_goes_first_whatever_the_order_of_learning() {
        for secrets in [["abcdef", "abcdefghi"], ["abcdefghi", "abcdef"]] {
            assert_eq!(
                redactor(&secrets).redact("x abcdefghi y abcdef"),
                "x *** y ***"
            );
        }
    }

    #[test]
    fn a_secret_is_found_in_every_encoding() {
        let secret = "p/w \"ö&1=";
        let redactor = redactor(&[secret]);
        let json = serde_json::json!({ "password": secret }).to_string();
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("alice:{secret}!"));
        for text in [
            secret.to_owned(),
            percent_encode(secret),
            json,
            secret.to_uppercase(),
        ] {
            let clean = redactor.redact(&text);
            assert!(clean.contains(MASK), "{text} became {clean}");
            assert!(!clean.contains("p/w") && !clean.contains("%22"), "{clean}");
        }
        for prefix in ["", "a", "ab", "abc", "alice:"] {
            let text =
                base64::engine::general_purpose::STANDARD.encode(format!("{prefix}{secret}!"));
            assert!(redactor.redact(&text).contains(MASK), "{text}");
        }
        assert!(redactor.redact(&basic).len() < basic.len());
    }

    #[test]
    fn a_secret_that_is_a_form_of_another_has_forms_of_its_own() {
        // Its Base64 has no padding and has a `/`, which a query writes as %2F.
        let password = "p\u{7f}?~~~";
        let basic = base64::engine::general_purpose::STANDARD.encode(password);
        assert!(basic.contains('/') && !basic.contains('='), "{basic}");
        let redactor = redactor(&[password, &basic]);
        assert_eq!(redactor.redact(&percent_encode(&basic)), MASK);
    }

    #[test]
    fn escapes_of_other_languages_are_known() {
        let redactor = redactor(&["비밀<&'!secret"]);
        for text in [
            r"\ube44\ubc00<&'!secret",
            r"비밀\u003c\u0026'!secret",
            "비밀&lt;&amp;&#39;!secret",
            "%EB%B9%84%EB%B0%80%3C%26'!secret",
        ] {
            assert_eq!(redactor.redact(text), MASK, "{text}");
        }
    }

    #[test]
    fn a_cut_leaves_no_beginning_of_a_secret_in_no_encoding() {
        let secret = "sentinel/secret \"of\" 시험";
        let redactor = redactor(&[secret]);
        for form in forms(secret) {
            for (at, _) in form.char_indices().skip(BEGINNING_BYTES_MIN) {
                let beginning = &form[..at];
                for text in [
                    beginning.to_owned(),
                    format!("{beginning}…"),
                    format!("{beginning}\u{fffd}"),
                    format!("expected \"{beginning}…, got 5"),
                ] {
                    let clean = redactor.redact_cut(&text);
                    assert!(!clean.contains(beginning), "{text} became {clean}");
                }
            }
        }
        assert_eq!(redactor.redact_cut("sen…, sen"), "sen…, sen");
    }

    #[test]
    fn a_short_secret_is_refused_and_blackens_nothing() {
        assert_eq!(
            check_secret(&Secret::new("12345")),
            Err(SecretTooShort { bytes: 5 })
        );
        assert_eq!(check_secret(&Secret::new("123456")), Ok(()));
        assert_eq!(redactor(&["", "a"]).redact("banana"), "banana");
    }

    #[test]
    fn no_form_shows_in_debug() {
        assert!(!format!("{:?}", redactor(&["hunter22"])).contains("hunter"));
    }
}
