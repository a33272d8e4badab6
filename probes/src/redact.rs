//! Takes secrets out of everything that leaves a run, with the language's redactor.

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
    pub(crate) fn learn(&mut self, secret: Secret) {
        self.redactor.learn(&secret);
        let bytes = secret.expose().len();
        if (SHORT_BYTES_MIN..SECRET_BYTES_MIN).contains(&bytes) && !self.short.contains(&secret) {
            self.short.push(secret);
        }
    }

    /// `text` without secrets, also without the beginning of one at its end: a text may come here
    /// cut in the middle of a secret.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut clean = self.redactor.redact_cut(text);
        for short in &self.short {
            clean = clean.replace(short.expose(), MASK);
        }
        clean
    }

    /// `text` without secrets, then cut to `bytes_max` bytes.
    pub(crate) fn cut(&self, text: &str, bytes_max: usize) -> String {
        let mut clean = self.text(text);
        truncate(&mut clean, bytes_max);
        clean
    }

    /// A header's value, which some headers never show.
    pub(crate) fn header(&self, name: &str, value: &str) -> String {
        let is_secret = |secret: &&str| name.eq_ignore_ascii_case(secret);
        if SECRET_HEADERS.iter().any(is_secret) {
            return MASK.to_owned();
        }
        self.text(value)
    }
}

/// Cuts `text` to at most `bytes_max` bytes, at a character.
pub(crate) fn truncate(text: &mut String, bytes_max: usize) {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask() -> Mask {
        let mut mask = Mask::default();
        mask.learn(Secret::new("sentinel-secret"));
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
        mask.learn(Secret::new("4711"));
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
}
