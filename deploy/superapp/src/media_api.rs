//! Images and videos at the service `media`: a slot, parts in any order and again, the whole with
//! its hash, and its bytes for whoever got a reference to it.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderValue};
use hyper::{Request, StatusCode};
use serde_json::{Map, Value, json};

use crate::http::{self, Answer, Content, Refusal};
use crate::media_store::thumbnail;
use crate::record::{Kind, Record};
use crate::record_api::{Asking, gone};

/// Longest part.
const PART_BYTES_MAX: usize = 1024 * 1024;
/// Largest image and largest video.
const IMAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
const VIDEO_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Which bytes of a content are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// All of them.
    Whole,
    /// Those that are shown before.
    Thumbnail,
}

/// A slot for a content of so many bytes: how it is to be cut.
pub(crate) fn slot(kind: Kind, bytes: usize) -> Result<Value, Refusal> {
    let most = match kind {
        Kind::Video => VIDEO_BYTES_MAX,
        _ => IMAGE_BYTES_MAX,
    };
    if bytes == 0 || bytes > most {
        let text = format!("a content has 1 to {most} bytes here");
        return Err(http::error(StatusCode::BAD_REQUEST, "too_large", text));
    }
    let parts = bytes.div_ceil(PART_BYTES_MAX);
    Ok(json!({ "bytes": bytes, "parts": parts, "part_bytes": PART_BYTES_MAX, "received": [] }))
}

/// Keeps one part, the first being 0, and answers with the hash of what came.
pub(crate) async fn take_part(
    asking: &Asking<'_>,
    request: Request<Incoming>,
    (id, number): (&str, usize),
) -> Result<Answer, Refusal> {
    let slot = uploading(asking, id)?;
    let (bytes, parts) = (size(&slot, "bytes"), size(&slot, "parts"));
    let whole = (parts.saturating_sub(1)) * PART_BYTES_MAX;
    let wanted = if number + 1 == parts {
        bytes - whole
    } else {
        PART_BYTES_MAX
    };
    if number >= parts {
        let text = format!(
            "this content has the parts 0 to {}",
            parts.saturating_sub(1)
        );
        return Err(http::error(StatusCode::NOT_FOUND, "no_such_part", text));
    }
    let part = http::read_body_up_to(request.into_body(), PART_BYTES_MAX).await?;
    if part.len() != wanted {
        let text = format!("part {number} has {wanted} bytes, and {} came", part.len());
        return Err(http::error(StatusCode::BAD_REQUEST, "wrong_size", text));
    }
    let answer = json!({ "part": number, "sha256": sha256_hex(&part) });
    let world = &*asking.caller.world;
    world.blobs.put(id, (number, parts), part, &world.counts);
    let received = world.blobs.received(id);
    asking.change(id, |slot| {
        slot.detail.insert("received".to_owned(), json!(received));
        Ok(())
    })?;
    Ok(http::json(StatusCode::OK, &answer))
}

/// Puts the parts together.
pub(crate) fn complete(asking: &Asking<'_>, id: &str) -> Result<Record, Refusal> {
    let slot = asking.mine(id)?;
    let Some(content) = asking.caller.world.blobs.complete(id) else {
        let text = format!("parts are missing; received: {}", slot.detail["received"]);
        return Err(http::error(StatusCode::CONFLICT, "incomplete", text));
    };
    asking.change(id, |slot| {
        slot.state = "stored";
        slot.detail.extend(hashes(&content));
        Ok(())
    })
}

/// What a message says of a content of its sender's.
pub(crate) fn reference(asking: &Asking<'_>, object: &str) -> Result<Value, Refusal> {
    let world = &*asking.caller.world;
    let kind = asking.kind.refers_to();
    let record = world.records.get(kind, object, world.clock.monotonic());
    let record = record
        .filter(|record| record.owner == asking.who)
        .ok_or_else(gone)?;
    let content = world.blobs.get(object).ok_or_else(gone)?;
    let mut says = hashes(&content);
    says.insert("object".to_owned(), Value::from(record.id));
    says.insert("bytes".to_owned(), Value::from(content.len()));
    Ok(Value::from(says))
}

/// The bytes of a content, for anybody signed in who knows its id.
pub(crate) fn bytes(asking: &Asking<'_>, (id, which): (&str, Which)) -> Result<Answer, Refusal> {
    let world = &*asking.caller.world;
    let _there = world
        .records
        .get(asking.kind, id, world.clock.monotonic())
        .ok_or_else(gone)?;
    let content = world.blobs.get(id).ok_or_else(gone)?;
    let bytes = match which {
        Which::Whole => content,
        Which::Thumbnail => thumbnail(&content),
    };
    Ok(raw(bytes, asking.content))
}

/// Bytes as an answer; wrong ones differ in one place.
pub(crate) fn raw(bytes: Bytes, content: Content) -> Answer {
    let tag = format!("\"{}\"", sha256_hex(&bytes));
    let bytes = match content {
        Content::Right => bytes,
        Content::Wrong => {
            let mut wrong = bytes.to_vec();
            if let Some(first) = wrong.first_mut() {
                *first ^= 1;
            }
            Bytes::from(wrong)
        }
    };
    let mut answer = Answer::new(http_body_util::Full::new(bytes));
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    answer
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn hashes(content: &Bytes) -> Map<String, Value> {
    Map::from_iter([
        ("sha256".to_owned(), json!(sha256_hex(content))),
        (
            "thumbnail_sha256".to_owned(),
            json!(sha256_hex(&thumbnail(content))),
        ),
    ])
}

fn uploading(asking: &Asking<'_>, id: &str) -> Result<Record, Refusal> {
    let slot = asking.mine(id)?;
    if slot.state == "uploading" {
        return Ok(slot);
    }
    let text = "this content is whole already";
    Err(http::error(StatusCode::CONFLICT, "complete", text))
}

fn size(slot: &Record, key: &str) -> usize {
    let size = slot.detail.get(key).and_then(Value::as_u64);
    size.and_then(|size| usize::try_from(size).ok())
        .unwrap_or_default()
}
