//! A text as somebody who decodes it would see it, each byte with its place in the text.
//!
//! Encoders differ in what they encode: `%2F` or `/`, `\u002f`, `\/` or `/`. Looking at the decoded
//! text finds a secret whatever each of them has chosen.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr3, memrchr2};

use super::known::{KEY_BYTES, Known};

/// How often a text is decoded: a value in a URL in JSON, or the other way round.
const DECODED_TIMES: usize = 2;

/// Most bytes of an escape whose end is not there: `\u{1f60`.
const ESCAPE_BYTES_MAX: usize = 8;

/// Bytes, and where each of them comes from.
#[derive(Debug, Clone)]
pub(super) struct View<'a> {
    bytes: Cow<'a, [u8]>,
    /// Where each byte begins in the text, and where the last one ends; none if the bytes are the
    /// text itself.
    starts: Option<Vec<usize>>,
}

/// Whether anything in the text can be decoded.
pub(super) fn may_be_encoded(text: &str) -> bool {
    memchr3(b'%', b'+', b'\\', text.as_bytes()).is_some()
}

impl<'a> View<'a> {
    /// The text and what it may be when decoded once or twice: percent-encoded, with `+` for blanks
    /// or not, or with backslashes as in JSON.
    pub(super) fn all(text: &'a str) -> Vec<Self> {
        let mut views = vec![Self {
            bytes: Cow::Borrowed(text.as_bytes()),
            starts: None,
        }];
        if !may_be_encoded(text) {
            return views;
        }
        let mut level = 0;
        for _ in 0..DECODED_TIMES {
            let next: Vec<Self> = views[level..].iter().flat_map(Self::decodings).collect();
            level = views.len();
            views.extend(next);
        }
        views
    }

    fn decodings(&self) -> impl Iterator<Item = Self> {
        let all = [
            self.percent(Plus::Itself),
            self.percent(Plus::Blank),
            self.backslash(),
        ];
        all.into_iter().flatten()
    }

    /// Whether as much of a form as it is found by stands anywhere in it.
    pub(super) fn may_hold(&self, forms: &Known) -> bool {
        forms.may_begin_in(&self.bytes)
    }

    /// Adds the places in the text where a form is found, also where one begins inside another.
    pub(super) fn find(&self, forms: &Known, found: &mut Vec<Range<usize>>) {
        for (at, key) in self.bytes.windows(KEY_BYTES).enumerate() {
            for form in forms.beginning_as(key) {
                if self.bytes[at..].starts_with(form) {
                    found.push(self.place(at)..self.place(at + form.len()));
                }
            }
        }
    }

    /// Where in the text the beginning of a form stands that it ends with, if as much of it does
    /// as forms are found by; an escape at the end may be cut.
    pub(super) fn beginning_at_end(&self, forms: &Known) -> Option<usize> {
        let length = self.bytes.len();
        let tail = length.saturating_sub(ESCAPE_BYTES_MAX);
        let escape = memrchr2(b'%', b'\\', &self.bytes[tail..]).map(|at| tail + at);
        let ends = [Some(length), escape];
        let begins = ends.into_iter().flatten().filter_map(|end| {
            (end.saturating_sub(forms.longest())..end)
                .find(|at| {
                    let rest = &self.bytes[*at..end];
                    let mut forms = forms.beginning_as(rest);
                    forms.any(|form| form.starts_with(rest))
                })
                .map(|at| self.place(at))
        });
        begins.min()
    }

    fn place(&self, at: usize) -> usize {
        self.starts.as_ref().map_or(at, |starts| starts[at])
    }

    fn percent(&self, plus: Plus) -> Option<Self> {
        let has = |byte| memchr(byte, &self.bytes).is_some();
        if !has(match plus {
            Plus::Itself => b'%',
            Plus::Blank => b'+',
        }) {
            return None;
        }
        self.decoded(|rest| match rest {
            [b'%', high, low, ..] => {
                let byte = (hex(*high)? << 4) | hex(*low)?;
                Some((Decoded::byte(byte), 3))
            }
            [b'+', ..] if plus == Plus::Blank => Some((Decoded::byte(b' '), 1)),
            _ => None,
        })
    }

    fn backslash(&self) -> Option<Self> {
        let _ = memchr(b'\\', &self.bytes)?;
        self.decoded(|rest| match rest {
            [b'\\', b'u', b'{', digits @ ..] => {
                let length = digits.iter().take(7).position(|b| *b == b'}')?;
                let code = number(&digits[..length])?;
                Some((Decoded::character(char::from_u32(code)?), length + 4))
            }
            [b'\\', b'u', digits @ ..] => {
                let high = number(digits.get(..4)?)?;
                if let [b'\\', b'u', low @ ..] = &digits[4..]
                    && (0xd800..0xdc00).contains(&high)
                {
                    let low = number(low.get(..4)?)?.checked_sub(0xdc00)?;
                    let code = 0x10000 + ((high - 0xd800) << 10) + low;
                    return Some((Decoded::character(char::from_u32(code)?), 12));
                }
                Some((Decoded::character(char::from_u32(high)?), 6))
            }
            [b'\\', b'x', high, low, ..] => {
                let byte = (hex(*high)? << 4) | hex(*low)?;
                Some((Decoded::byte(byte), 4))
            }
            [b'\\', escaped, ..] => {
                let byte = match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'f' => 12,
                    b'0' => 0,
                    b'"' | b'\'' | b'\\' | b'/' => *escaped,
                    _ => return None,
                };
                Some((Decoded::byte(byte), 2))
            }
            _ => None,
        })
    }

    /// The bytes as `decode` says: what stands at the beginning of the rest, and how long it is
    /// there. None if nothing is encoded.
    fn decoded(&self, decode: impl Fn(&[u8]) -> Option<(Decoded, usize)>) -> Option<Self> {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let mut starts = Vec::with_capacity(self.bytes.len() + 1);
        let mut at = 0;
        let mut is_other = false;
        while at < self.bytes.len() {
            match decode(&self.bytes[at..]) {
                Some((decoded, length)) => {
                    is_other = true;
                    let new = &decoded.bytes[..decoded.length];
                    bytes.extend_from_slice(new);
                    starts.resize(starts.len() + new.len(), self.place(at));
                    at += length;
                }
                None => {
                    bytes.push(self.bytes[at]);
                    starts.push(self.place(at));
                    at += 1;
                }
            }
        }
        starts.push(self.place(at));
        is_other.then_some(Self {
            bytes: Cow::Owned(bytes),
            starts: Some(starts),
        })
    }
}

/// What `+` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plus {
    Itself,
    Blank,
}

/// One character at most.
struct Decoded {
    bytes: [u8; 4],
    length: usize,
}

impl Decoded {
    fn byte(byte: u8) -> Self {
        Self {
            bytes: [byte, 0, 0, 0],
            length: 1,
        }
    }

    fn character(c: char) -> Self {
        let mut bytes = [0; 4];
        let length = c.encode_utf8(&mut bytes).len();
        Self { bytes, length }
    }
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| {
        Some((number << 4) | u32::from(hex(*digit)?))
    })
}
