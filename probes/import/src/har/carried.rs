//! What a recorded request carried.

use super::archive::{Entry, Pair, PostData};
use crate::parts::{Content, Part, is_binary_type, is_plain, of_text};
use crate::request::{Payload, form};

/// Longest text of a type that is of no language, in bytes: above it only its size is kept.
const BINARY_TEXT_BYTES_MAX: usize = 2_000;

pub(super) fn payload(entry: &Entry) -> Payload {
    let Some(data) = &entry.request.post_data else {
        return unrecorded(entry);
    };
    let kind = data.mime_type.to_ascii_lowercase();
    let text = data.text.as_deref().unwrap_or_default();
    if kind.starts_with("multipart/form-data") {
        return parts(data, text);
    }
    if kind.starts_with("application/x-www-form-urlencoded") {
        let params: Vec<(String, String)> = data
            .params
            .iter()
            .map(|param| (param.name.clone(), param.value().to_owned()))
            .collect();
        return Payload::Form(if text.is_empty() { params } else { form(text) });
    }
    let is_long = text.len() > BINARY_TEXT_BYTES_MAX;
    if !is_plain(text) || is_binary_type(&kind) && is_long {
        // Each byte that was no text became one character.
        return Payload::File(Some(text.chars().count()));
    }
    Payload::of_text(text, &data.mime_type)
}

/// A body of which the recording has the size only.
fn unrecorded(entry: &Entry) -> Payload {
    let header = |name: &str| {
        let mut headers = entry.request.headers.iter();
        let found = headers.find(|header| header.name.eq_ignore_ascii_case(name))?;
        Some(found.value())
    };
    // Browsers say nothing of the size of what a script sent from memory.
    let length = header("content-length").and_then(|length| length.trim().parse().ok());
    let sizes = [usize::try_from(entry.request.body_size).ok(), length];
    let Some(bytes) = sizes.into_iter().flatten().find(|bytes| *bytes > 0) else {
        return Payload::None;
    };
    let kind = header("content-type").unwrap_or_default();
    if is_binary_type(kind) {
        return Payload::File(Some(bytes));
    }
    let how = if kind.starts_with("multipart/form-data") {
        "multipart.NAME = …"
    } else {
        "json, form or body"
    };
    Payload::Untold(format!(
        "left out: a body of {bytes} bytes, which the recording does not have: write it as {how}"
    ))
}

fn parts(data: &PostData, text: &str) -> Payload {
    let mut parts = of_text(text, &data.mime_type);
    if parts.is_empty() {
        parts = data.params.iter().map(part).collect();
    }
    if parts.is_empty() {
        return Payload::Untold(
            "left out: a form of parts, which the recording does not have: write it as \
             multipart.NAME = …"
                .to_owned(),
        );
    }
    Payload::Parts(parts)
}

fn part(param: &Pair) -> Part {
    let file = param.file_name.clone().filter(|name| !name.is_empty());
    let content = match &param.value {
        Some(value) if !value.is_empty() || file.is_none() => {
            Content::of_recorded(value, file.as_deref())
        }
        Some(_) | None if file.is_some() => Content::Bytes(None),
        Some(_) | None => Content::Text(String::new()),
    };
    Part {
        name: param.name.clone(),
        content_type: param.content_type.clone().filter(|kind| !kind.is_empty()),
        content,
        file,
    }
}
