//! HTTP Archive 1.2, as browsers and proxies record it.

use std::time::Duration;

use bongsu_language::{FOLLOW_MAX, STEPS_MAX};
use url::Url;

use crate::answers::Answers;
use crate::credentials::{Secrets, is_secret_field};
use crate::draft::{Poll, Step};
use crate::finish::finish;
use crate::lowering::{Lowering, thing};
use crate::request::{Payload, Request, is_own_header, learn_url, verb};
use crate::toml_text::Data;
use crate::{ImportError, Imported, Names};

mod archive;
mod assets;
mod authorization;
mod carried;
mod redirects;
mod sockets;

use archive::{Archive, Entry, Frame};
use carried::payload;
use sockets::{Socket, Sockets};

/// Most requests of a journey: the language performs at most 100 steps.
const REQUESTS_MAX: usize = STEPS_MAX;

/// What of a recording is taken.
#[derive(Debug, Clone, Default)]
pub struct HarOptions {
    /// Whether images, fonts, styles and scripts are taken too.
    pub assets: Assets,
    /// The hosts whose requests are taken; all if there are none.
    pub hosts: Vec<String>,
}

/// What a page loads for its looks and behaviour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Assets {
    /// Left out.
    #[default]
    Dropped,
    /// Taken.
    Kept,
}

/// Turns a recording into a journey.
///
/// # Errors
/// When the text is not an HTTP Archive, or no request in it can be performed.
pub fn har(text: &str, options: &HarOptions, names: &Names) -> Result<Imported, ImportError> {
    let archive: Archive =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
            ImportError::Format {
                format: "an HTTP Archive",
                // The recording's own words are not repeated: there are secrets in it.
                reason: format!(
                    "it cannot be read as JSON with log.entries at line {}, column {}",
                    error.line(),
                    error.column()
                ),
            }
        })?;
    let mut entries = archive.log.entries;
    sort(&mut entries, Entry::began);
    let mut secrets = Secrets::default();
    entries.iter().for_each(|entry| learn(entry, &mut secrets));
    secrets.settle();
    let mut lowering = Lowering::new(secrets);
    let is_shown = authorization::is_shown(&entries);
    let events = events(entries, options, &mut lowering.draft.notes);
    let mut sockets = Sockets::default();
    for (_, event) in &events {
        match event {
            Event::Visit(visit) => add(visit, &mut lowering),
            Event::Open(socket) => sockets.open(socket, &mut lowering),
            Event::Frame(socket, frame) => sockets.frame(*socket, frame, &mut lowering),
        }
    }
    sockets.tell(&mut lowering.draft.notes);
    if !is_shown {
        authorization::restore(&mut lowering);
    }
    if lowering.draft.steps.len() > STEPS_MAX {
        let more = lowering.draft.steps.len() - STEPS_MAX;
        lowering.draft.steps.truncate(STEPS_MAX);
        let told = format!("left out: {more} steps beyond the {STEPS_MAX} that a journey may have");
        lowering.draft.notes.push(told);
    }
    if lowering.draft.steps.is_empty() {
        return Err(ImportError::Empty {
            reason: format!(
                "no request of the recording is one that a journey performs; {}",
                lowering.draft.notes.join("; ")
            ),
        });
    }
    if lowering.accounts() > 1 {
        lowering.draft.notes.push(format!(
            "{} accounts sign in; all steps are those of one actor: give the others actors of \
             their own, and each step its `as`",
            lowering.accounts()
        ));
    }
    let head = "From a recording: say here what the journey asks, and name its steps after what the user does.";
    lowering.draft.head.push(head.to_owned());
    Ok(finish(lowering.draft, names))
}

/// A request with what came of it, once or several times in a row.
struct Visit {
    request: Request,
    /// The redirects that led to what came, in order.
    through: Vec<Entry>,
    entries: Vec<Entry>,
}

/// By time, if all times can be told.
fn sort<T>(events: &mut [T], began: impl Fn(&T) -> Option<f64>) {
    if events.iter().all(|event| began(event).is_some()) {
        events.sort_by(|a, b| {
            let (a, b) = (began(a).unwrap_or_default(), began(b).unwrap_or_default());
            a.total_cmp(&b)
        });
    }
}

fn learn(entry: &Entry, secrets: &mut Secrets) {
    let (request, response) = (&entry.request, &entry.response);
    for header in request.headers.iter().chain(&response.headers) {
        secrets.learn_header(&header.name, header.value());
    }
    for cookie in request.cookies.iter().chain(&response.cookies) {
        secrets.learn_cookie_value(cookie.value());
    }
    if let Ok(url) = Url::parse(&request.url) {
        learn_url(&url, secrets);
    }
    payload(entry).learn(secrets);
    for param in entry.request.post_data.iter().flat_map(|data| &data.params) {
        if is_secret_field(&param.name) {
            secrets.learn_encoded(param.value());
        }
    }
    for frame in &entry.frames {
        match serde_json::from_str(&frame.data) {
            Ok(value) => secrets.learn_json(&value),
            Err(_) => secrets.learn_text(&frame.data),
        }
    }
    match response.content.json() {
        Some(value) => secrets.learn_json(&value),
        None => secrets.learn_tokens(&response.content.text().unwrap_or_default()),
    }
}

/// What happens in a recording.
enum Event {
    Visit(Visit),
    Open(Socket),
    /// The socket's number, and what was heard or said.
    Frame(usize, Frame),
}

/// What is performed of the entries, by time; what is not is told.
fn events(
    entries: Vec<Entry>,
    options: &HarOptions,
    notes: &mut Vec<String>,
) -> Vec<(Option<f64>, Event)> {
    let mut events: Vec<(Option<f64>, Event)> = Vec::new();
    let mut left_out = LeftOut::default();
    let (mut steps, mut sockets) = (0, 0);
    let said: Vec<String> = entries.iter().map(redirects::said).collect();
    for (at, mut entry) in entries.into_iter().enumerate() {
        let began = entry.began();
        if let Some(url) = entry.request.socket() {
            if left_out.is_unwanted(&url, options) {
                continue;
            }
            let headers = std::mem::take(&mut entry.request.headers);
            events.push((began, Event::Open(Socket { url, headers })));
            let frames = entry.frames.into_iter().map(|frame| {
                let at = began.map(|began| began.max(frame.time));
                (at, Event::Frame(sockets, frame))
            });
            events.extend(frames);
            sockets += 1;
            continue;
        }
        let Some(request) = left_out.request(&entry, options) else {
            continue;
        };
        let last = match events.last_mut() {
            Some((_, Event::Visit(last))) => Some(last),
            _ => None,
        };
        if let Some(last) =
            last.filter(|last| last.through.is_empty() && is_same_question(&last.request, &request))
        {
            last.entries.push(entry);
        } else if let Some((_, Event::Visit(last))) = events.last_mut()
            && redirects::leads_to(last, &request, &said[at + 1..])
        {
            last.through.append(&mut last.entries);
            last.entries.push(entry);
        } else if steps < REQUESTS_MAX {
            steps += 1;
            let entries = vec![entry];
            let through = Vec::new();
            let visit = Visit {
                request,
                through,
                entries,
            };
            events.push((began, Event::Visit(visit)));
        } else {
            left_out.too_many += 1;
        }
    }
    left_out.tell(notes);
    sort(&mut events, |event| event.0);
    events
}

/// Why entries are left out, and how many.
#[derive(Debug, Default)]
struct LeftOut {
    assets: usize,
    hosts: usize,
    methods: usize,
    unanswered: usize,
    schemes: usize,
    too_many: usize,
}

impl LeftOut {
    /// The request of an entry, if it is taken.
    fn request(&mut self, entry: &Entry, options: &HarOptions) -> Option<Request> {
        let url = Url::parse(&entry.request.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(url) = url else {
            self.schemes += 1;
            return None;
        };
        if options.assets == Assets::Dropped && assets::is_asset(entry) {
            self.assets += 1;
            return None;
        }
        if self.is_unwanted(&url, options) {
            return None;
        }
        let Some(verb) = verb(&entry.request.method) else {
            self.methods += 1;
            return None;
        };
        if entry.response.status().is_none() {
            self.unanswered += 1;
            return None;
        }
        let headers = entry
            .request
            .headers
            .iter()
            .filter(|header| !is_own_header(&header.name))
            .filter(|header| !is_dull(&header.name, header.value()))
            .map(|header| (header.name.clone(), header.value().to_owned()))
            .collect();
        Some(Request {
            verb,
            url,
            headers,
            payload: payload(entry),
        })
    }

    /// Whether another host is wanted.
    fn is_unwanted(&mut self, url: &Url, options: &HarOptions) -> bool {
        let host = url.host_str().unwrap_or_default();
        let is_wanted = |wanted: &String| wanted.eq_ignore_ascii_case(host);
        let is_unwanted = !options.hosts.is_empty() && !options.hosts.iter().any(is_wanted);
        self.hosts += usize::from(is_unwanted);
        is_unwanted
    }

    fn tell(&self, notes: &mut Vec<String>) {
        let lines = [
            (
                self.assets,
                "images, fonts, styles and scripts: --all keeps them",
            ),
            (self.hosts, "requests to other hosts than --host names"),
            (
                self.methods,
                "requests with a method that journeys do not have, such as OPTIONS",
            ),
            (self.unanswered, "requests that got no answer"),
            (self.schemes, "entries that are no HTTP, such as data: URLs"),
            (
                self.too_many,
                "requests beyond the 100 steps that a journey may have: choose with --host",
            ),
        ];
        for (count, what) in lines {
            if count > 0 {
                notes.push(format!("left out: {count} {what}"));
            }
        }
    }
}

/// A header that says what a client says anyway, or the runner.
fn is_dull(name: &str, value: &str) -> bool {
    let is_of_parts = || value.to_ascii_lowercase().starts_with("multipart/");
    name.eq_ignore_ascii_case("accept") && value.contains("*/*")
        || name.eq_ignore_ascii_case("content-type") && is_of_parts()
}

/// Whether the client asks again for what may have changed meanwhile.
fn is_same_question(a: &Request, b: &Request) -> bool {
    let is_safe = matches!(a.verb, "get" | "head");
    is_safe && a.verb == b.verb && a.url == b.url && matches!(b.payload, Payload::None)
}

fn add(visit: &Visit, lowering: &mut Lowering) {
    let Some(last) = visit.entries.last() else {
        return;
    };
    let mut step = lowering.step(&visit.request);
    let status = match last.response.status() {
        // The browser had it in its cache; a journey begins without one.
        Some(304) => Some(200),
        status => status,
    };
    if let Some(status) = status {
        step.expect_status(status);
    }
    step.follow = u32::try_from(visit.through.len()).unwrap_or(FOLLOW_MAX);
    repeat(visit, &mut step, lowering);
    lowering.sent(&visit.request);
    let at = lowering.draft.steps.len();
    let thing = thing(&step);
    lowering.draft.steps.push(step);
    remember(last, (at, &thing), &mut lowering.answers);
    for entry in &visit.through {
        for header in &entry.response.headers {
            if header.name.eq_ignore_ascii_case("set-cookie") {
                lowering
                    .answers
                    .learn_header(at, &header.name, header.value());
            }
        }
    }
}

/// Asking the same several times in a row is waiting for an answer to change.
fn repeat(visit: &Visit, step: &mut Step, lowering: &Lowering) {
    let (Some(first), Some(last)) = (visit.entries.first(), visit.entries.last()) else {
        return;
    };
    let times = visit.entries.len();
    if times < 2 {
        return;
    }
    let changed = match (first.response.content.json(), last.response.content.json()) {
        (Some(first), Some(last)) => changed_words(&first, &last),
        _ => Vec::new(),
    };
    let changed: Vec<(String, String)> = changed
        .into_iter()
        .filter(|(path, word)| lowering.clean(path) == *path && lowering.clean(word) == *word)
        .collect();
    if changed.is_empty() {
        step.comments.push(format!(
            "asked {times} times in a row in the recording; once is enough if nothing is waited for"
        ));
        return;
    }
    step.poll = Some(Poll {
        every: Duration::from_millis(500),
        for_: Duration::from_secs(20),
    });
    for (path, word) in changed {
        step.expect
            .push((vec!["json".to_owned(), path], Data::words(word)));
    }
}

/// Paths whose value is a plain word that was another one before: a state that was waited for.
fn changed_words(first: &serde_json::Value, last: &serde_json::Value) -> Vec<(String, String)> {
    const WORD_CHARS_MAX: usize = 40;
    let (Some(first), Some(last)) = (first.as_object(), last.as_object()) else {
        return Vec::new();
    };
    let is_word = |text: &&str| {
        text.chars().count() <= WORD_CHARS_MAX
            && !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '-' | ' '))
    };
    last.iter()
        .filter_map(|(key, value)| {
            let word = value.as_str().filter(is_word)?;
            let before = first.get(key)?.as_str().filter(is_word)?;
            let path = crate::answers::member("$", key);
            (before != word && bongsu_language::JsonPath::parse(&path).is_ok())
                .then(|| (path, word.to_owned()))
        })
        .collect()
}

fn remember(entry: &Entry, (step, thing): (usize, &str), answers: &mut Answers) {
    // An answer to HEAD has no body, whatever was recorded.
    let is_head = entry.request.method.eq_ignore_ascii_case("head");
    match entry.response.content.json() {
        _ if is_head => {}
        Some(body) => answers.learn_json((step, thing), body),
        None => {
            if let Some(text) = entry.response.content.text() {
                answers.learn_text(step, text);
            }
        }
    }
    for header in &entry.response.headers {
        answers.learn_header(step, &header.name, header.value());
    }
}
