//! Short texts with a hard limit: SMS of 90 bytes as carriers count them, disaster texts of 90
//! characters.
//!
//! Carriers encode SMS as CP949 (EUC-KR with all Hangul syllables): a Hangul syllable is two
//! bytes, ASCII one. What CP949 may lack (an emoji, a rare ideograph) is written as `?`, so that
//! what was counted here is what is sent.

/// Bytes of an SMS.
pub const SMS_BYTES_MAX: usize = 90;

/// Characters of a disaster text.
pub const DISASTER_CHARS_MAX: usize = 90;

/// Symbols outside of ASCII and Hangul that KS X 1001 has, each two bytes.
const SYMBOLS: [char; 6] = ['·', '…', '‘', '’', '“', '”'];

/// How a text is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// In bytes of CP949.
    Cp949Bytes(usize),
    /// In characters.
    Chars(usize),
}

impl Limit {
    /// That of an SMS.
    pub const SMS: Self = Self::Cp949Bytes(SMS_BYTES_MAX);
    /// That of a disaster text.
    pub const DISASTER: Self = Self::Chars(DISASTER_CHARS_MAX);

    const fn most(self) -> usize {
        match self {
            Self::Cp949Bytes(most) | Self::Chars(most) => most,
        }
    }

    fn of(self, c: char) -> usize {
        match self {
            Self::Cp949Bytes(_) => bytes_of(c),
            Self::Chars(_) => 1,
        }
    }

    /// How long `text` is.
    pub fn length(self, text: &str) -> usize {
        text.chars().map(|c| self.of(c)).sum()
    }
}

/// The bytes of a character in CP949.
const fn bytes_of(c: char) -> usize {
    if c.is_ascii() { 1 } else { 2 }
}

/// The text as a carrier can send it: one line of what CP949 has for sure.
pub fn sendable(text: &str) -> String {
    let one = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if c.is_ascii_graphic() || c == ' ' => c,
        // All Hangul syllables, and the letters they are made of.
        '\u{ac00}'..='\u{d7a3}' | '\u{3131}'..='\u{318e}' => c,
        c if SYMBOLS.contains(&c) => c,
        _ => '?',
    };
    text.chars().map(one).collect()
}

/// A part of a short text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// It stays whole as long as it fits at all.
    Fixed(&'a str),
    /// It gives way: what does not fit is cut off, and a `..` stands for it.
    Yields(&'a str),
    /// It is left out when it does not fit whole, the last one first.
    Extra(&'a str),
}

/// Puts parts together within `limit`, cut between characters and nowhere else.
pub fn compose(parts: &[Part<'_>], limit: Limit) -> String {
    let text = |part: &Part<'_>| match part {
        Part::Fixed(text) | Part::Yields(text) | Part::Extra(text) => sendable(text),
    };
    let fixed = parts.iter().filter(|part| matches!(part, Part::Fixed(_)));
    let mut left = limit
        .most()
        .saturating_sub(fixed.map(|part| limit.length(&text(part))).sum());
    // What yields has its room before what is extra; it keeps a third at least.
    let yields = parts.iter().filter(|part| matches!(part, Part::Yields(_)));
    let wanted: usize = yields.map(|part| limit.length(&text(part))).sum();
    let mut for_extra = left.saturating_sub(wanted.min(limit.most() / 3));
    let kept: Vec<bool> = parts
        .iter()
        .map(|part| match part {
            Part::Fixed(_) | Part::Yields(_) => true,
            Part::Extra(_) => {
                let length = limit.length(&text(part));
                let fits = length <= for_extra;
                if fits {
                    for_extra -= length;
                    left -= length;
                }
                fits
            }
        })
        .collect();
    let mut whole = String::new();
    for (part, kept) in parts.iter().zip(kept) {
        match part {
            Part::Yields(_) => {
                let cut = cut(&text(part), limit, left);
                left -= limit.length(&cut);
                whole.push_str(&cut);
            }
            Part::Fixed(_) | Part::Extra(_) if kept => whole.push_str(&text(part)),
            Part::Fixed(_) | Part::Extra(_) => {}
        }
    }
    // Fixed parts alone may be too long.
    cut(whole.trim(), limit, limit.most())
}

/// As much of `text` as fits into `room`, with `..` for the rest where there is room for that.
fn cut(text: &str, limit: Limit, room: usize) -> String {
    if limit.length(text) <= room {
        return text.to_owned();
    }
    let dots = if room >= 4 { ".." } else { "" };
    let mut left = room - dots.len();
    let mut kept: String = text
        .chars()
        .take_while(|c| {
            let length = limit.of(*c);
            let fits = length <= left;
            left -= length.min(left);
            fits
        })
        .collect();
    kept.truncate(kept.trim_end().len());
    kept + dots
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hangul_is_two_bytes_and_what_no_phone_shows_is_a_question_mark() {
        assert_eq!(Limit::SMS.length("가a·"), 5);
        assert_eq!(Limit::DISASTER.length("가a·"), 3);
        assert_eq!(sendable("똠방\t각하🔥한\u{0}漢"), "똠방 각하?한??");
    }

    #[test]
    fn what_yields_is_cut_and_what_is_extra_is_left_out() {
        let limit = Limit::Cp949Bytes(20);
        let parts = [
            Part::Yields("이미지 파일 발송"),
            Part::Fixed(" 장애"),
            Part::Extra(" 11:22"),
        ];
        assert_eq!(compose(&parts, limit), "이미지.. 장애 11:22");
        assert_eq!(
            compose(&parts, Limit::Cp949Bytes(40)),
            "이미지 파일 발송 장애 11:22"
        );
        assert_eq!(compose(&parts, Limit::Cp949Bytes(12)), "이미.. 장애");
        assert_eq!(
            compose(&[Part::Fixed("가나다라")], Limit::Cp949Bytes(7)),
            "가나.."
        );
    }

    proptest! {
        #[test]
        fn a_text_is_never_too_long_and_never_cut_inside_a_character(
            texts in prop::collection::vec((0_u8..3, "\\PC{0,60}"), 0..6), most in 0_usize..120,
        ) {
            let parts: Vec<Part<'_>> = texts.iter().map(|(kind, text)| match kind {
                0 => Part::Fixed(text),
                1 => Part::Yields(text),
                _ => Part::Extra(text),
            }).collect();
            for limit in [Limit::Cp949Bytes(most), Limit::Chars(most)] {
                let text = compose(&parts, limit);
                prop_assert!(limit.length(&text) <= most, "{text}");
                prop_assert_eq!(sendable(&text), text.clone());
            }
        }
    }
}
