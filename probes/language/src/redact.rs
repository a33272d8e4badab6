//! Takes secrets out of texts before they leave a run, in every encoding that a secret may have been
//! put into. Every byte that belongs to any match goes: where secrets overlap or hold one another,
//! nothing of either is left.

mod form;
mod known;
mod view;

use std::collections::BTreeSet;
use std::ops::Range;

use bongsu_model::Secret;

use form::forms;
use known::Known;
use view::View;

/// Shortest secret in bytes: a shorter one would black out ordinary words, or be guessed.
pub const SECRET_BYTES_MIN: usize = 6;

/// What stands where a secret was.
const MASK: &str = "***";

/// What stands where a text was cut: our own mark, and that of bytes that are no whole character.
const CUT_MARKS: [char; 2] = ['…', char::REPLACEMENT_CHARACTER];

/// Most forms of secrets that one redactor holds: 250 secrets of a run with 20 forms each. Secrets
/// beyond it make every text unreadable instead of leaking.
const FORMS_MAX: usize = 5_000;

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
    /// Every form of every secret.
    forms: Known,
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
            if form.len() < SECRET_BYTES_MIN || self.forms.has(&form) {
                continue;
            }
            if self.forms.count() >= FORMS_MAX {
                self.overflow = Overflow::Happened;
                return;
            }
            self.forms.add(form);
        }
    }

    /// The text without any secret.
    pub fn redact(&self, text: &str) -> String {
        if self.overflow == Overflow::Happened {
            return MASK.to_owned();
        }
        if self.is_evidently_clean(text) {
            return text.to_owned();
        }
        let mut found = Vec::new();
        for view in View::all(text) {
            view.find(&self.forms, &mut found);
        }
        masked(text, found)
    }

    /// The text without any secret, also without the beginning of one at its end or before a mark
    /// of a cut: a text may have been cut in the middle of a secret before it came here.
    pub fn redact_cut(&self, text: &str) -> String {
        if self.is_evidently_clean(text) {
            return text.to_owned();
        }
        let clean = self.redact(text);
        let mut begins = Vec::new();
        let mut start = 0;
        for piece in clean.split_inclusive(CUT_MARKS) {
            let kept = piece.trim_end_matches(CUT_MARKS);
            let views = View::all(kept);
            let first = views
                .iter()
                .filter_map(|view| view.beginning_at_end(&self.forms))
                .min();
            begins.extend(first.map(|at| start + at..start + kept.len()));
            start += piece.len();
        }
        if begins.is_empty() {
            clean
        } else {
            masked(&clean, begins)
        }
    }

    /// Whether a look at every byte shows that nothing is to be taken out: nothing in the text is
    /// encoded, and no form begins anywhere in it. Nearly every text of a report is so.
    fn is_evidently_clean(&self, text: &str) -> bool {
        self.overflow == Overflow::Never
            && (self.forms.count() == 0
                || !(view::may_be_encoded(text) || self.forms.may_begin_in(text.as_bytes())))
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} forms)", self.forms.count())
    }
}

/// The text with a mask in place of each of the ranges, of one mask where they touch.
fn masked(text: &str, mut ranges: Vec<Range<usize>>) -> String {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut clean = String::with_capacity(text.len());
    let mut shown = 0;
    let mut ranges = ranges.into_iter().peekable();
    while let Some(mut range) = ranges.next() {
        while let Some(next) = ranges.next_if(|next| next.start <= range.end) {
            range.end = range.end.max(next.end);
        }
        clean.push_str(text.get(shown..range.start).unwrap_or_default());
        clean.push_str(MASK);
        shown = range.end;
    }
    clean.push_str(text.get(shown..).unwrap_or_default());
    clean
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use proptest::prelude::*;

    use super::*;
    use crate::expression::percent_encode;

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
    fn secrets_that_overlap_leave_nothing_of_either() {
        let redactor = redactor(&["first-shared", "shared-second-part", "ababab"]);
        assert_eq!(redactor.redact("a first-shared-second-part z"), "a *** z");
        assert_eq!(redactor.redact("x ababababab y"), "x *** y");
        assert_eq!(redactor.redact("first-sharedababab"), MASK);
    }

    /// One character of a secret as somebody may write it.
    fn written(c: char, how: u8) -> String {
        let percent = |upper: bool| {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).bytes();
            bytes
                .map(|b| {
                    if upper {
                        format!("%{b:02X}")
                    } else {
                        format!("%{b:02x}")
                    }
                })
                .collect()
        };
        match how % 6 {
            0 => percent(true),
            1 => percent(false),
            2 if c == ' ' => "+".to_owned(),
            _ => c.to_string(),
        }
    }

    fn escaped_somehow(c: char, how: u8) -> String {
        let units = || {
            let mut units = [0; 2];
            let units: Vec<u16> = c.encode_utf16(&mut units).to_vec();
            units.iter().map(|unit| format!("\\u{unit:04x}")).collect()
        };
        match (c, how % 4) {
            ('"' | '\\', 0) => units(),
            ('"' | '\\', _) => format!("\\{c}"),
            ('/', 1) => "\\/".to_owned(),
            (_, 2) => units(),
            (_, 3) => format!("\\u{{{:x}}}", u32::from(c)),
            _ => c.to_string(),
        }
    }

    proptest! {
        #[test]
        fn however_much_of_a_secret_is_encoded_all_of_it_goes(
            secret in "[a-zA-Z0-9 /+\"\\\\&=%가ö😀]{6,20}",
            how in prop::collection::vec(any::<u8>(), 20),
            is_nested in any::<bool>(),
        ) {
            let each = |one: fn(char, u8) -> String| -> String {
                secret.chars().zip(&how).map(|(c, how)| one(c, *how)).collect()
            };
            // A percent sign that stands for itself is encoded, or the text means something else.
            let url: String = secret.chars().zip(&how).map(|(c, how)| match c {
                '%' => "%25".to_owned(),
                '+' => "%2B".to_owned(),
                c => written(c, *how),
            }).collect();
            let json = each(escaped_somehow);
            let redactor = redactor(&[secret.as_str()]);
            for text in [url.clone(), json.clone()] {
                let text = if is_nested {
                    percent_encode(&text)
                } else {
                    text
                };
                let clean = redactor.redact(&format!("<-{text}->"));
                prop_assert_eq!(clean, "<-***->", "{}", text);
            }
        }

        #[test]
        fn what_holds_no_secret_stays_as_it_is(text in "[a-z%+\\\\u0-9가 ]{0,40}") {
            let clean = redactor(&["SECRET-SECRET"]).redact(&text);
            prop_assert_eq!(clean, text);
        }
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
            for (at, _) in form.char_indices().skip(known::KEY_BYTES) {
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
        // Encoded in part, and cut through an escape.
        for text in [
            "sentinel/secret%20%22o…",
            "senti%6eel%2fse%63r%6",
            "senti%…",
            r"sentinel\/secret \u00",
            r#"sentinel\/secret \"o"#,
            "sentinel%252Fsecre%2",
        ] {
            let clean = redactor.redact_cut(text);
            assert_eq!(clean.trim_end_matches('…'), MASK, "{text}");
        }
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
