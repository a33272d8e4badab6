//! Takes secrets out of everything that leaves a run, with the language's redactor.

use std::borrow::Cow;

use bongsu_language::{Redactor, SECRET_BYTES_MIN};
use bongsu_model::Secret;

/// What stands where a secret was.
const MASK: &str = "***";

/// Shortest secret that is taken out at all: a single character is in every text.
const SHORT_BYTES_MIN: usize = 2;

/// Headers whose values are never shown, whatever they hold.
const SECRET_HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "proxy-authenticate",
    "authentication-info",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-amz-security-token",
    "sec-websocket-key",
];

/// Knows the secrets of a run.
#[derive(Debug, Default)]
pub(crate) struct Mask {
    redactor: Redactor,
    /// Captured secrets, such as one-time codes, that are too short for the redactor: they are
    /// taken out only as they are.
    short: Vec<Secret>,
}

impl Mask {
    /// From now on `secret` is taken out too.
    pub(crate) fn learn(&mut self, secret: &Secret) {
        self.redactor.learn(secret);
        let bytes = secret.expose().len();
        if (SHORT_BYTES_MIN..SECRET_BYTES_MIN).contains(&bytes) && !self.short.contains(secret) {
            self.short.push(secret.clone());
        }
    }

    /// `text` without secrets, also without the beginning of one at its end: a text may come here
    /// cut in the middle of a secret.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = self.redactor.redact_cut(text);
        for short in &self.short {
            if clean.contains(short.expose()) {
                clean = Cow::Owned(clean.replace(short.expose(), MASK));
            }
        }
        clean
    }

    /// `text` without secrets, then cut to `bytes_max` bytes.
    pub(crate) fn cut(&self, text: &str, bytes_max: usize) -> String {
        let clean = self.text(text);
        clean[..cut_at(&clean, bytes_max)].to_owned()
    }

    /// Makes of `text` what [`cut`](Self::cut) gives.
    pub(crate) fn cut_itself(&self, text: &mut String, bytes_max: usize) {
        if let Cow::Owned(clean) = self.text(text) {
            *text = clean;
        }
        truncate(text, bytes_max);
    }

    /// A header's value, which some headers never show.
    pub(crate) fn header(&self, name: &str, value: &str) -> String {
        let is_secret = |secret: &&str| name.eq_ignore_ascii_case(secret);
        if SECRET_HEADERS.iter().any(is_secret) {
            return MASK.to_owned();
        }
        self.text(value).into_owned()
    }
}

/// Cuts `text` to at most `bytes_max` bytes, at a character.
pub(crate) fn truncate(text: &mut String, bytes_max: usize) {
    text.truncate(cut_at(text, bytes_max));
}

/// Where the last character ends that is whole within `bytes_max` bytes.
fn cut_at(text: &str, bytes_max: usize) -> usize {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask() -> Mask {
        let mut mask = Mask::default();
        mask.learn(&Secret::new("sentinel-secret"));
        mask
    }

    #[test]
    fn headers_that_carry_credentials_are_never_shown() {
        for name in [
            "Authorization",
            "cookie",
            "Set-Cookie",
            "Proxy-Authorization",
        ] {
            assert_eq!(mask().header(name, "Bearer x"), MASK, "{name}");
        }
        assert_eq!(mask().header("content-type", "text/plain"), "text/plain");
        assert_eq!(mask().header("x-echo", "a sentinel-secret"), "a ***");
    }

    #[test]
    fn short_secrets_are_taken_out_as_they_are() {
        let mut mask = mask();
        mask.learn(&Secret::new("4711"));
        assert_eq!(mask.text("code 4711, sentinel-secret"), "code ***, ***");
    }

    #[test]
    fn a_cut_leaves_no_part_of_a_secret() {
        let shown = mask().cut("abc sentinel-secret def", 9);
        assert_eq!(shown, "abc *** d");
        // Cut by someone else before it came here.
        assert_eq!(mask().text("abc sentinel-sec…"), "abc ***…");
        assert_eq!(mask().text("abc sentinel-sec"), "abc ***");
        assert_eq!(mask().text("abc sen"), "abc sen");
        assert_eq!(mask().cut("가나다", 4), "가");
    }

    #[test]
    fn a_text_is_cut_itself_as_a_copy_of_it_is() {
        let mut mask = mask();
        mask.learn(&Secret::new("4711"));
        for text in [
            "abc sentinel-secret def",
            "abc sentinel-sec",
            "sentinel%2Dsecret",
            "code 4711",
            "가나다",
            "",
        ] {
            for bytes_max in 0..=text.len() {
                let mut itself = text.to_owned();
                mask.cut_itself(&mut itself, bytes_max);
                assert_eq!(itself, mask.cut(text, bytes_max), "{text} to {bytes_max}");
            }
        }
    }
}
