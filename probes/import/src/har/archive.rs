//! HTTP Archive 1.2 as tools write it: only what is needed is read, and whatever may be missing
//! in practice may be missing.

use base64::Engine as _;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

#[derive(Debug, Deserialize)]
pub(super) struct Archive {
    pub(super) log: Log,
}

#[derive(Debug, Deserialize)]
pub(super) struct Log {
    #[serde(default)]
    pub(super) entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    #[serde(default)]
    pub(super) started_date_time: String,
    pub(super) request: Request,
    #[serde(default)]
    pub(super) response: Response,
    #[serde(default, rename = "_resourceType")]
    pub(super) resource_type: Option<String>,
    #[serde(default, rename = "_webSocketMessages")]
    pub(super) frames: Vec<Frame>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) url: String,
    #[serde(default)]
    pub(super) headers: Vec<Pair>,
    #[serde(default)]
    pub(super) cookies: Vec<Pair>,
    #[serde(default)]
    pub(super) post_data: Option<PostData>,
    /// Bytes of the body; -1 if that is not known.
    #[serde(default)]
    pub(super) body_size: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostData {
    #[serde(default)]
    pub(super) mime_type: String,
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) params: Vec<Pair>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Response {
    #[serde(default)]
    pub(super) status: i64,
    #[serde(default)]
    pub(super) headers: Vec<Pair>,
    #[serde(default)]
    pub(super) cookies: Vec<Pair>,
    #[serde(default)]
    pub(super) content: Content,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Content {
    #[serde(default)]
    pub(super) mime_type: String,
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) encoding: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pair {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) value: Option<String>,
    #[serde(default)]
    pub(super) file_name: Option<String>,
    #[serde(default)]
    pub(super) content_type: Option<String>,
}

/// A WebSocket frame as Chromium writes it.
#[derive(Debug, Deserialize)]
pub(super) struct Frame {
    /// `send` or `receive`.
    #[serde(default, rename = "type")]
    pub(super) direction: String,
    /// Seconds since the Unix epoch.
    #[serde(default)]
    pub(super) time: f64,
    /// 1 is text.
    #[serde(default)]
    pub(super) opcode: i64,
    #[serde(default)]
    pub(super) data: String,
}

impl Pair {
    pub(super) fn value(&self) -> &str {
        self.value.as_deref().unwrap_or_default()
    }
}

impl Content {
    /// The text, decoded.
    pub(super) fn text(&self) -> Option<String> {
        let text = self.text.as_deref()?;
        if self.encoding.as_deref() != Some("base64") {
            return Some(text.to_owned());
        }
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(text.trim())
            .ok()?;
        String::from_utf8(bytes).ok()
    }

    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_str(self.text()?.trim_start_matches('\u{feff}')).ok()
    }
}

impl Response {
    /// The status, if there was an answer.
    pub(super) fn status(&self) -> Option<u16> {
        u16::try_from(self.status)
            .ok()
            .filter(|status| (100..=599).contains(status))
    }
}

impl Entry {
    /// When it began, in seconds since the Unix epoch, if that can be told.
    pub(super) fn began(&self) -> Option<f64> {
        let at: jiff::Timestamp = self.started_date_time.parse().ok()?;
        Some(at.as_duration().as_secs_f64())
    }
}

impl Request {
    /// Where it leads, if it opens a WebSocket.
    pub(super) fn socket(&self) -> Option<Url> {
        let url = Url::parse(&self.url).ok()?;
        (matches!(url.scheme(), "ws" | "wss") && url.has_host()).then_some(url)
    }
}
