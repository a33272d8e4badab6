//! Takes secrets out of texts before they leave a run, in every encoding that a secret may have been
//! put into. Every byte that belongs to any match goes: where secrets overlap or hold one another,
//! nothing of either is left.

mod form;
mod known;
mod view;

use std::borrow::Cow;
use std::ops::Range;

use bongsu_model::Secret;

use form::each_form;
use known::Known;
use view::View;

/// Shortest secret in bytes: a shorter one would black out ordinary words, or be guessed.
pub const SECRET_BYTES_MIN: usize = 6;

/// What stands where a secret was.
const MASK: &str = "***";

/// What stands where a text was cut: our own mark, and that of bytes that are no whole character.
const CUT_MARKS: [char; 2] = ['…', char::REPLACEMENT_CHARACTER];

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
        let is_short = text.len() < SECRET_BYTES_MIN;
        // A secret may be a form of another, and has forms of its own.
        let is_known =
            self.overflow == Overflow::Happened || self.forms.has_secret(text.as_bytes());
        if is_short || is_known {
            return;
        }
        each_form(text, |form| self.add(form));
        self.forms.mark_secret(text.as_bytes());
    }

    /// Adds a form, unless there is no room: secrets beyond it make every text unreadable instead
    /// of leaking.
    fn add(&mut self, form: &[u8]) {
        let is_added = form.len() < SECRET_BYTES_MIN || self.forms.add(form).is_ok();
        if !is_added {
            self.overflow = Overflow::Happened;
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
    pub fn redact_cut<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.is_evidently_clean(text) {
            return Cow::Borrowed(text);
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
        Cow::Owned(if begins.is_empty() {
            clean
        } else {
            masked(&clean, begins)
        })
    }

    /// Whether a look at every byte, also of what the text may be when decoded, shows that nothing
    /// is to be taken out: no form begins anywhere in it. Nearly every text of a report is so.
    fn is_evidently_clean(&self, text: &str) -> bool {
        if self.overflow == Overflow::Happened {
            return false;
        }
        if self.forms.count() == 0 {
            return true;
        }
        if view::may_be_encoded(text) {
            let views = View::all(text);
            !views.iter().any(|view| view.may_hold(&self.forms))
        } else {
            !self.forms.may_begin_in(text.as_bytes())
        }
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
mod tests;
