//! Text that people wrote, bounded and of one line.

use std::borrow::Cow;
use std::sync::Arc;

/// A line of at most `BYTES_MAX` bytes of UTF-8, not empty, without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(try_from = "Cow<'_, str>")]
pub struct ClaimText<const BYTES_MAX: usize>(Arc<str>);

/// Why a text is not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimTextError {
    /// There is nothing in it but white space.
    #[error("the text is empty")]
    Empty,
    /// It is too long.
    #[error("the text has {bytes} bytes, at most {max} are kept: shorten it")]
    TooLong {
        /// Its bytes of UTF-8.
        bytes: usize,
        /// The most that are kept.
        max: usize,
    },
    /// It holds a line break or another control character.
    #[error("the text holds the control character U+{0:04X}: write it on one line")]
    Control(u32),
}

impl<const BYTES_MAX: usize> ClaimText<BYTES_MAX> {
    /// Takes `text` without the white space at its ends.
    ///
    /// # Errors
    /// When nothing is left, too much is, or it has control characters.
    pub fn new(text: &str) -> Result<Self, ClaimTextError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ClaimTextError::Empty);
        }
        if text.len() > BYTES_MAX {
            return Err(ClaimTextError::TooLong {
                bytes: text.len(),
                max: BYTES_MAX,
            });
        }
        match text.chars().find(|c| c.is_control()) {
            Some(control) => Err(ClaimTextError::Control(control.into())),
            None => Ok(Self(text.into())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const BYTES_MAX: usize> TryFrom<Cow<'_, str>> for ClaimText<BYTES_MAX> {
    type Error = ClaimTextError;

    fn try_from(text: Cow<'_, str>) -> Result<Self, ClaimTextError> {
        Self::new(&text)
    }
}

impl<const BYTES_MAX: usize> serde::Serialize for ClaimText<BYTES_MAX> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<const BYTES_MAX: usize> std::fmt::Display for ClaimText<BYTES_MAX> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const BYTES_MAX: usize> std::fmt::Debug for ClaimText<BYTES_MAX> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_bounded_line() {
        assert_eq!(ClaimText::<8>::new("  공지 1 ").unwrap().as_str(), "공지 1");
        let refused = |text| ClaimText::<8>::new(text).unwrap_err();
        assert_eq!(refused(" \t"), ClaimTextError::Empty);
        assert_eq!(refused("a\nb"), ClaimTextError::Control(10));
        assert_eq!(
            refused("공지공지"),
            ClaimTextError::TooLong { bytes: 12, max: 8 }
        );
    }
}
