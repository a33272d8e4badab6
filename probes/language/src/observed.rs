//! What a step got: the facts that expectations and captures are held against.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

/// An answer or a frame.
#[derive(Clone)]
pub struct Observed<'a> {
    status: Option<u16>,
    headers: &'a [(String, String)],
    content: &'a [u8],
    elapsed: Duration,
    json: OnceLock<Option<Value>>,
}

impl<'a> Observed<'a> {
    /// An HTTP answer, its body decompressed.
    pub fn answer(
        status: u16,
        headers: &'a [(String, String)],
        body: &'a [u8],
        elapsed: Duration,
    ) -> Self {
        Self {
            status: Some(status),
            headers,
            content: body,
            elapsed,
            json: OnceLock::new(),
        }
    }

    /// A WebSocket frame, or an act without an answer (then `frame` is empty).
    pub fn frame(frame: &'a str, elapsed: Duration) -> Self {
        Self {
            status: None,
            headers: &[],
            content: frame.as_bytes(),
            elapsed,
            json: OnceLock::new(),
        }
    }

    /// The status of an HTTP answer.
    pub const fn status(&self) -> Option<u16> {
        self.status
    }

    pub(crate) const fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The values of a header, in any case, joined with a comma as RFC 9110, section 5.3 allows.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The content as text, with U+FFFD for what is not UTF-8.
    pub(crate) fn text(&self) -> std::borrow::Cow<'a, str> {
        String::from_utf8_lossy(self.content)
    }

    /// The content as JSON, read once.
    pub(crate) fn json(&self) -> Option<&Value> {
        self.json
            .get_or_init(|| serde_json::from_slice(self.content).ok())
            .as_ref()
    }
}

impl std::fmt::Debug for Observed<'_> {
    /// Shows no content: there may be secrets in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observed")
            .field("status", &self.status)
            .field("bytes", &self.content.len())
            .finish_non_exhaustive()
    }
}
