//! What a page loads beside what a journey is about.

use super::archive::Entry;

/// What a browser calls what it loads for a page's looks.
const ASSET_TYPES: &[&str] = &[
    "image",
    "font",
    "stylesheet",
    "script",
    "media",
    "texttrack",
    "manifest",
    "ping",
    "preflight",
    "csp-violation-report",
    "beacon",
];

/// Content types of the same, whole or up to the slash.
const ASSET_CONTENT: &[&str] = &[
    "image/",
    "font/",
    "audio/",
    "video/",
    "text/css",
    "text/javascript",
    "application/javascript",
    "application/x-javascript",
    "application/ecmascript",
    "application/wasm",
    "application/font",
    "application/x-font",
    "application/vnd.ms-fontobject",
    "application/manifest+json",
];

/// Endings of the same.
const ASSET_ENDINGS: &[&str] = &[
    "png",
    "jpg",
    "jpeg",
    "gif",
    "svg",
    "webp",
    "avif",
    "ico",
    "bmp",
    "woff",
    "woff2",
    "ttf",
    "otf",
    "eot",
    "css",
    "js",
    "mjs",
    "map",
    "mp4",
    "webm",
    "mp3",
    "ogg",
    "wasm",
    "webmanifest",
];

/// Whether an entry is there for a page's looks or behaviour only.
pub(super) fn is_asset(entry: &Entry) -> bool {
    let kind = entry.resource_type.as_deref().unwrap_or_default();
    if ASSET_TYPES.contains(&kind.to_ascii_lowercase().as_str()) {
        return true;
    }
    let is_get = ["GET", "HEAD"]
        .iter()
        .any(|method| entry.request.method.eq_ignore_ascii_case(method));
    // A browser that says what it is for is believed.
    if !is_get
        || matches!(
            kind,
            "xhr" | "fetch" | "document" | "websocket" | "eventsource"
        )
    {
        return false;
    }
    let content = entry.response.content.mime_type.to_ascii_lowercase();
    if ASSET_CONTENT.iter().any(|asset| content.starts_with(asset)) {
        return true;
    }
    let path = entry
        .request
        .url
        .split(['?', '#'])
        .next()
        .unwrap_or_default();
    path.rsplit('/')
        .next()
        .and_then(|name| name.rsplit_once('.'))
        .is_some_and(|(_, ending)| ASSET_ENDINGS.contains(&ending.to_ascii_lowercase().as_str()))
}
