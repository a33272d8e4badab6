//! How large anything on the wire may be.
//!
//! The encoder cuts free texts and lists to these bounds, so that what it makes is never refused
//! for its size; the decoder refuses what is larger.

use std::time::Duration;

/// Spans of one run: its root and up to 255 steps, actors and cleanup counted.
pub const SPANS_PER_RUN_MAX: usize = 256;

/// Attributes of one span, record or resource. The fullest step has under 50.
pub const ATTRIBUTES_MAX: usize = 128;

/// Outcomes of one run: its features are those of one journey.
pub const OUTCOMES_MAX: usize = 64;

/// Bytes of a short text: a step's name, a detail, a version.
pub const TEXT_BYTES_MAX: usize = 512;

/// Bytes of a URL.
pub const URL_BYTES_MAX: usize = 2_048;

/// Bytes of one expectation that did not hold.
pub const EXPECTATION_BYTES_MAX: usize = 1_024;

/// Expectations that a step names (`wire.md`).
pub const EXPECTATIONS_MAX: usize = 5;

/// Attempts before the deciding one that a step keeps: the newest.
pub const EARLIER_ATTEMPTS_MAX: usize = 16;

/// Redirects of a step that are kept: the first.
pub const REDIRECTS_MAX: usize = 8;

/// Addresses that a name resolved to.
pub const DNS_ANSWERS_MAX: usize = 32;

/// Bytes of one run. A step at every bound: 2 KiB URL + 5 × 1 KiB expectations + 16 × 0.5 KiB
/// earlier attempts + 8 × 0.5 KiB redirects + 6 × 0.5 KiB other texts + 32 × 40 B answers + 3 KiB
/// names < 28 KiB; 256 of them make 7 MiB. The rest is room for attributes of later versions.
pub const RUN_BYTES_MAX: usize = 8 * 1_024 * 1_024;

/// Header lines of one evidence record.
pub const EVIDENCE_HEADERS_MAX: usize = 64;

/// Bytes of one header name or value in evidence.
pub const EVIDENCE_HEADER_BYTES_MAX: usize = 1_024;

/// Bytes of evidence from a body: 4 KiB as read, tripled where every byte became U+FFFD.
pub const EVIDENCE_BODY_BYTES_MAX: usize = 3 * 4_096;

/// Entries of one plan: an agent holds 10,000 journeys, in two variants where it must.
pub const PLAN_ENTRIES_MAX: usize = 20_000;

/// Bytes of a plan's JSON: 20,000 entries of 500 bytes, and room.
pub const PLAN_BYTES_MAX: usize = 12 * 1_024 * 1_024;

/// Control checks of one heartbeat.
pub const CONTROLS_MAX: usize = 64;

/// Bytes of the reason for which a plan was refused: it may hold several diagnostics.
pub const PLAN_REFUSED_BYTES_MAX: usize = 4_096;

/// Bytes of a heartbeat's JSON. A byte of text takes up to 6 in JSON (`\u0001`): 64 controls of
/// 6 × 512 B and 100 B of keys + 6 × 4 KiB reason + 6 × 0.5 KiB version < 232 KiB.
pub const HEARTBEAT_BYTES_MAX: usize = 256 * 1_024;

/// The longest duration, 2^23 s or 97 days: up to here a double in seconds keeps every nanosecond.
pub const DURATION_MAX: Duration = Duration::from_secs(1 << 23);

/// `text`, cut at a character to at most `bytes_max` bytes.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("abc", 5), "abc");
        assert_eq!(cut("abc", 2), "ab");
        assert_eq!(cut("봉수", 5), "봉");
        assert_eq!(cut("봉수", 2), "");
    }
}
