//! What stands in a rendered text for a value that is not known before a run. It is made of letters
//! and digits alone, so that every encoding leaves it as it is, and is put back into words last.

use std::fmt::Write as _;

const BEGIN: &str = "Zq7placeholder";
const END: &str = "endZq7";

/// The placeholder of a value that must not be shown.
pub(crate) fn hidden() -> String {
    wrap("***")
}

/// The placeholder of an expression.
pub(crate) fn standing_for(expression: &str) -> String {
    wrap(&format!("{{{{ {expression} }}}}"))
}

/// Whether something in the text is not known yet.
pub(crate) fn is_in(text: &str) -> bool {
    text.contains(BEGIN)
}

fn wrap(words: &str) -> String {
    let mut wrapped = String::from(BEGIN);
    for byte in words.bytes() {
        let _ = write!(wrapped, "{byte:02x}");
    }
    wrapped.push_str(END);
    wrapped
}

/// The text with every placeholder as its words, each passed through `write`.
pub(super) fn restore(text: &str, write: impl Fn(&str) -> String) -> String {
    let mut restored = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        restored.push_str(before);
        match after
            .split_once(END)
            .and_then(|(hex, rest)| Some((unwrap(hex)?, rest)))
        {
            Some((words, after)) => {
                restored.push_str(&write(&words));
                rest = after;
            }
            None => {
                restored.push_str(BEGIN);
                rest = after;
            }
        }
    }
    restored.push_str(rest);
    restored
}

fn unwrap(hex: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_survive_encodings_and_become_their_words() {
        let text = format!(
            "/{}/x?y={}{}",
            standing_for("a + \"가\""),
            hidden(),
            hidden()
        );
        assert!(text.is_ascii() && !text.contains([' ', '{', '"']), "{text}");
        assert_eq!(
            restore(&text, str::to_owned),
            "/{{ a + \"가\" }}/x?y=******"
        );
        for odd in [
            BEGIN.to_owned(),
            format!("{BEGIN}zz{END}"),
            format!("a{END}"),
        ] {
            assert_eq!(restore(&odd, str::to_owned), odd);
        }
    }
}
