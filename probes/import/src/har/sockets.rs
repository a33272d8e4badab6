//! WebSockets of a recording: opened, spoken into, listened to.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use super::archive::{Frame, Pair};
use crate::answers::leaves;
use crate::draft::{Act, Step};
use crate::lowering::{Lowering, bound_headers};
use crate::names;
use crate::request::{Payload, is_own_header};
use crate::toml_text::Data;

/// Most frames of one socket that become steps.
const FRAMES_MAX: usize = 20;

/// Fields whose value says what a frame is, likeliest first.
const KINDS: &[&str] = &["type", "event", "kind", "action", "op", "method", "channel"];

/// Kinds of frames that keep a connection open.
const HEARTBEATS: &[&str] = &["ping", "pong", "heartbeat", "keepalive", "keep_alive"];

/// The text frame of RFC 6455, section 5.2.
const TEXT: i64 = 1;

/// The opening of a socket.
pub(super) struct Socket {
    pub(super) url: Url,
    /// Those of the upgrade.
    pub(super) headers: Vec<Pair>,
}

/// The sockets of a recording.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    open: Vec<Open>,
    left_out: usize,
}

#[derive(Debug)]
struct Open {
    name: String,
    /// The step that opened it.
    step: usize,
    frames: usize,
    /// The kind of the frame that was heard last.
    last_heard: Option<Option<(String, String)>>,
}

impl Sockets {
    pub(super) fn open(&mut self, socket: &Socket, lowering: &mut Lowering) {
        let (address, query) = lowering.url(&socket.url);
        let segments = address.literal_segments();
        let telling = names::telling(&segments);
        let wanted = match names::snake(telling.last().copied().unwrap_or_default()) {
            empty if empty.is_empty() => "socket".to_owned(),
            name => name,
        };
        let taken = |name: &str| self.open.iter().any(|open| open.name == name);
        let name = names::unique(&lowering.clean(&wanted), "_", taken);
        let text = format!("open {}", telling.join(" "));
        let act = Act::Open(address, name.clone());
        let mut step = Step::new(lowering.free_name(&text), act);
        step.query = query;
        for header in &socket.headers {
            if !is_own_header(&header.name) {
                lowering.header(&header.name, header.value(), &mut step);
            }
        }
        bound_headers(&mut step);
        self.open.push(Open {
            name,
            step: lowering.draft.steps.len(),
            frames: 0,
            last_heard: None,
        });
        lowering.draft.steps.push(step);
    }

    pub(super) fn frame(&mut self, socket: usize, frame: &Frame, lowering: &mut Lowering) {
        let Some(open) = self.open.get_mut(socket) else {
            self.left_out += 1;
            return;
        };
        let body: Option<Value> = serde_json::from_str(&frame.data).ok();
        let kind = body
            .as_ref()
            .and_then(kind)
            .filter(|(_, word)| lowering.clean(word) == *word);
        let is_heartbeat = kind
            .as_ref()
            .map_or(frame.data.as_str(), |(_, word)| word.as_str());
        if HEARTBEATS.contains(&is_heartbeat.to_ascii_lowercase().as_str()) {
            return;
        }
        let is_sent = frame.direction == "send";
        // Of frames of one kind in a row the first is waited for.
        let is_again = !is_sent && open.last_heard.as_ref() == Some(&kind);
        if frame.opcode != TEXT || frame.data.is_empty() || open.frames >= FRAMES_MAX || is_again {
            self.left_out += 1;
            return;
        }
        open.frames += 1;
        if is_sent {
            open.last_heard = None;
            say(&open.name, body, frame, lowering);
            return;
        }
        let is_first = open.last_heard.is_none() && open.frames == 1;
        let is_next = lowering.draft.steps.len() == open.step + 1;
        open.last_heard = Some(kind.clone());
        if let (true, true, Some((key, word))) = (is_first, is_next, &kind)
            && let Some(step) = lowering.draft.steps.get_mut(open.step)
        {
            let path = vec!["frame".to_owned(), "json".to_owned(), format!("$.{key}")];
            step.expect.push((path, Data::words(word)));
            let body = body.unwrap_or_default();
            lowering.answers.learn_json((open.step, ""), body);
        } else {
            hear(&open.name, (body, kind), lowering);
        }
    }

    pub(super) fn tell(&self, notes: &mut Vec<String>) {
        if self.left_out > 0 {
            notes.push(format!(
                "left out: {} frames of WebSockets: no text, more of the same, or too many",
                self.left_out
            ));
        }
    }
}

fn say(socket: &str, body: Option<Value>, frame: &Frame, lowering: &mut Lowering) {
    let name = lowering.free_name(&format!("say on {socket}"));
    let mut step = Step::new(name, Act::Send(socket.to_owned()));
    let payload = match body {
        Some(body) => Payload::Json(body),
        None => Payload::Text(frame.data.clone()),
    };
    lowering.body(&payload, &mut step);
    step.headers.clear();
    lowering.sent_payload(&payload);
    lowering.draft.steps.push(step);
}

fn hear(
    socket: &str,
    (body, kind): (Option<Value>, Option<(String, String)>),
    lowering: &mut Lowering,
) {
    let about = kind.as_ref().map_or("a frame", |(_, word)| word.as_str());
    let name = lowering.free_name(&format!("hear {about} on {socket}"));
    let mut filter: BTreeMap<String, Data> = BTreeMap::new();
    if let Some((key, word)) = &kind {
        let _ = filter.insert(format!("$.{key}"), Data::words(word));
    }
    // What says that this run is meant.
    for (path, value) in body.iter().flat_map(leaves) {
        let own = value.as_str().and_then(|text| lowering.own(text));
        if let Some(own) = own.filter(|_| lowering.is_sayable(&path)) {
            let _ = filter.insert(path, Data::Text(own));
        }
    }
    let filter = filter
        .into_iter()
        .map(|(path, value)| (vec!["json".to_owned(), path], value))
        .collect();
    let act = Act::Receive(socket.to_owned(), filter);
    lowering.draft.steps.push(Step::new(name, act));
    if let Some(body) = body {
        let at = lowering.draft.steps.len() - 1;
        lowering.answers.learn_json((at, ""), body);
    }
}

/// The field that says what a frame is, and its word.
fn kind(body: &Value) -> Option<(String, String)> {
    const WORD_CHARS_MAX: usize = 40;
    KINDS.iter().find_map(|key| {
        let word = body[*key].as_str()?;
        let is_word = !word.is_empty()
            && word.len() <= WORD_CHARS_MAX
            && word
                .bytes()
                .all(|b| b.is_ascii_alphabetic() || b"_-.:".contains(&b));
        is_word.then(|| ((*key).to_owned(), word.to_owned()))
    })
}
