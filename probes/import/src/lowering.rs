//! From requests and answers to steps: places for sites, captures for what earlier answers gave,
//! the account's fields for credentials, the run's own id for what a client makes up.

use std::collections::{BTreeSet, HashMap};

use bongsu_language::{HEADERS_MAX, SECRET_BYTES_MIN};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde_json::Value;
use url::Url;

use crate::answers::{Answers, From, Place};
use crate::credentials::{
    BASIC, Secrets, basic, is_authorization, is_secret_field, is_secret_header,
};
use crate::draft::{Act, Address, Capture, Draft, Step};
use crate::marks::{is_marked, is_one_mark};
use crate::names;
use crate::parts::Content;
use crate::phrase::Phrase;
use crate::request::{Payload, Request, is_header_name};
use crate::toml_text::Data;

/// What a path segment may not say as it is.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'\\')
    .add(b'^')
    .add(b'|');

mod body;
mod naming;
mod parts;

use naming::{is_made_up, segments, variable_name};
pub(crate) use naming::{is_sign_out, thing};

/// Turns requests into steps of one draft.
#[derive(Debug)]
pub(crate) struct Lowering {
    pub(crate) draft: Draft,
    pub(crate) answers: Answers,
    secrets: Secrets,
    /// Who signed in, as the recording says it.
    logins: BTreeSet<String>,
    passwords: BTreeSet<String>,
    /// Credentials that no answer gave, and the account's fields that hold them.
    fields: HashMap<String, String>,
    /// What the client made up, and what stands for it.
    made: HashMap<String, Phrase>,
    variables: BTreeSet<String>,
}

impl Lowering {
    /// `secrets` have been learned from all requests and answers already.
    pub(crate) fn new(secrets: Secrets) -> Self {
        Self {
            draft: Draft::default(),
            answers: Answers::default(),
            secrets,
            logins: BTreeSet::new(),
            passwords: BTreeSet::new(),
            fields: HashMap::new(),
            made: HashMap::new(),
            variables: BTreeSet::new(),
        }
    }

    /// The step of a request, not yet in the draft.
    pub(crate) fn step(&mut self, request: &Request) -> Step {
        let takes_body = !matches!(request.verb, "get" | "head");
        let is_sign_in = self.note_sign_in(&request.payload) && takes_body;
        let (address, query) = self.url(&request.url);
        let name = self.name(request, &address, is_sign_in);
        let mut step = Step::new(name, Act::Http(request.verb, address));
        step.query = query;
        if is_sign_in {
            step.harmless = crate::draft::Harmless::Said;
        }
        self.user_info(&request.url, &mut step);
        for (name, value) in &request.headers {
            self.header(name, value, &mut step);
        }
        if takes_body {
            self.body(&request.payload, &mut step);
        } else if !matches!(request.payload, Payload::None) {
            step.headers.retain(|(name, _)| name != "content-type");
            step.comments.push(format!(
                "left out: a body, which `{}` has not",
                request.verb
            ));
        }
        bound_headers(&mut step);
        step
    }

    /// What is remembered of a request once its step stands.
    pub(crate) fn sent(&mut self, request: &Request) {
        for segment in segments(&request.url) {
            self.answers.sends(&segment);
        }
        for (_, value) in request.url.query_pairs() {
            self.answers.sends(&value);
        }
        for (_, value) in &request.headers {
            self.answers.sends(value);
        }
        self.sent_payload(&request.payload);
    }

    /// What is remembered of a body that was sent.
    pub(crate) fn sent_payload(&mut self, payload: &Payload) {
        match payload {
            Payload::Json(value) => self.sent_json(value),
            Payload::Form(pairs) => pairs.iter().for_each(|(_, text)| self.answers.sends(text)),
            Payload::Parts(parts) => {
                for part in parts {
                    if let Content::Text(text) = &part.content {
                        self.answers.sends(text);
                    }
                }
            }
            Payload::None
            | Payload::Text(_)
            | Payload::Bytes(_)
            | Payload::File(_)
            | Payload::Untold(_) => {}
        }
    }

    fn sent_json(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.answers.sends(text),
            Value::Number(number) => self.answers.sends(&number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.sent_json(item)),
            Value::Object(entries) => entries.values().for_each(|item| self.sent_json(item)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// A name for a step that no other step has.
    pub(crate) fn free_name(&self, text: &str) -> String {
        let taken = |name: &str| {
            let all = self.draft.steps.iter().chain(&self.draft.cleanup);
            all.into_iter().any(|step| step.name == name)
        };
        names::step(&self.secrets.redact(text), taken)
    }

    /// What stands for a text that is this run's own: made up, or captured already.
    pub(crate) fn own(&self, text: &str) -> Option<Phrase> {
        self.made
            .get(text)
            .cloned()
            .or_else(|| self.answers.variable(text).map(Phrase::expression))
    }

    /// Whether a path can stand in a journey: the language reads it, and no secret is in it.
    pub(crate) fn is_sayable(&self, path: &str) -> bool {
        bongsu_language::JsonPath::parse(path).is_ok() && self.clean(path) == path
    }

    /// The text without any secret, for comments.
    pub(crate) fn clean(&self, text: &str) -> String {
        self.secrets.redact(text)
    }

    /// Where a URL leads, and its query.
    pub(crate) fn url(&mut self, url: &Url) -> (Address, Vec<(String, Vec<Phrase>)>) {
        let site = self.draft.sites.of_url(url);
        let mut path = Phrase::default();
        for raw in url.path().trim_start_matches('/').split('/') {
            path.push_words("/");
            let decoded = percent_decode_str(raw).decode_utf8_lossy().into_owned();
            let phrase = self.text(&decoded, Place::Segment);
            if phrase.plain() == Some(decoded.as_str()) {
                path.push_words(raw);
            } else {
                path.append(phrase.map_words(|w| utf8_percent_encode(w, SEGMENT).to_string()));
            }
        }
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        (Address { site, path }, self.pairs(&pairs))
    }

    fn user_info(&mut self, url: &Url, step: &mut Step) {
        if !url.username().is_empty() || url.password().is_some() {
            step.headers
                .push(("authorization".to_owned(), basic_login()));
        }
    }

    /// Adds a header of a request.
    pub(crate) fn header(&mut self, name: &str, value: &str, step: &mut Step) {
        let name = name.to_ascii_lowercase();
        let is_given = step.headers.iter().any(|(known, _)| *known == name);
        if !is_header_name(&name) || is_given || name == "cookie" {
            return;
        }
        let value = value.trim();
        let says_who = matches!(name.as_str(), "authorization" | "proxy-authorization")
            || is_authorization(value);
        let phrase = match name.as_str() {
            _ if says_who => match self.authorization(value) {
                Some(phrase) => phrase,
                None => {
                    let scheme = value.split(' ').next().unwrap_or_default();
                    let scheme = self.clean(scheme);
                    step.comments.push(format!(
                        "left out: header `{name}` of scheme {scheme}, which is made anew for \
                         each request"
                    ));
                    return;
                }
            },
            name if is_secret_header(name) => self.credential(name, value),
            name if is_made_up(name) => self.made_up(value),
            _ => self.text(value, Place::of_field(&name)),
        };
        let one_line = |words: &str| words.replace(|c: char| c.is_control() && c != '\t', " ");
        step.headers.push((name, phrase.map_words(one_line)));
    }

    /// What stands for an `authorization`; none if it cannot be sent again.
    pub(crate) fn authorization(&mut self, value: &str) -> Option<Phrase> {
        let (scheme, credentials) = value.split_once(' ').unwrap_or(("", value));
        if scheme.eq_ignore_ascii_case("basic") {
            if let Some((login, _)) = basic(scheme, credentials) {
                let _ = self.logins.insert(login);
            }
            return Some(basic_login());
        }
        let is_plain = ["", "bearer", "token", "apikey", "api-key", "key", "jwt"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known));
        if !is_plain {
            return None;
        }
        let mut phrase = Phrase::words(if scheme.is_empty() {
            String::new()
        } else {
            format!("{scheme} ")
        });
        phrase.append(self.credential("token", credentials.trim()));
        Some(phrase)
    }

    /// What proves who asks: from an earlier answer, or a field of the account.
    pub(crate) fn credential(&mut self, key: &str, text: &str) -> Phrase {
        if text.is_empty() || is_one_mark(text) {
            return Phrase::words(text);
        }
        if let Some(variable) = self.captured(text, Place::Credential, key) {
            return Phrase::expression(variable);
        }
        if let Some(field) = self.fields.get(text) {
            return Phrase::expression(field);
        }
        let field = names::captured(key, |name| {
            self.variables.contains(name) || self.draft.needs.iter().any(|need| need == name)
        });
        self.draft.need(&field);
        let _ = self.fields.insert(text.to_owned(), field.clone());
        Phrase::expression(field)
    }

    /// The variable into which an earlier answer's value is captured.
    fn captured(&mut self, text: &str, place: Place<'_>, key: &str) -> Option<String> {
        let is_secret = place == Place::Credential || self.secrets.is_known(text);
        let found = match self.answers.find(text, place) {
            Some(_) => self.answers.find(text, place),
            None if place == Place::Credential => self.answers.find_in_texts(text, key),
            None => None,
        };
        let origin = found?;
        let step = self.draft.steps.get_mut(origin.step)?;
        if let Some(variable) = &origin.variable {
            let of_it = step.captures.iter_mut().find(|c| c.name == *variable);
            if let Some(capture) = of_it {
                capture.secret |= is_secret;
            }
            return Some(variable.clone());
        }
        let said = origin.from.said();
        // A secret may stand in the way to another value.
        if said
            .iter()
            .any(|(_, from)| self.secrets.redact(from) != *from || from.contains("{{"))
        {
            return None;
        }
        let is_cookie = matches!(origin.from, From::Cookie(_)) && text.len() >= SECRET_BYTES_MIN;
        let from = said
            .iter()
            .map(|(kind, from)| (*kind, Data::words(*from)))
            .collect();
        let taken = |name: &str| {
            self.variables.contains(name) || self.draft.needs.iter().any(|need| need == name)
        };
        let name = names::captured(&variable_name(origin), taken);
        let _ = self.variables.insert(name.clone());
        origin.variable = Some(name.clone());
        step.captures.push(Capture {
            name: name.clone(),
            from,
            take: None,
            secret: is_secret || is_cookie || is_secret_field(&origin.key),
        });
        Some(name)
    }

    /// Any text: what earlier answers gave, who signed in and what was made up are replaced.
    pub(crate) fn text(&mut self, text: &str, place: Place<'_>) -> Phrase {
        if let Some(phrase) = self.whole(text, place) {
            return phrase;
        }
        let mut phrase = Phrase::default();
        let is_joint = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '~'));
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(is_joint).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            match self.whole(word, Place::Word) {
                Some(part) if word.len() >= 6 && word.len() < text.len() => phrase.append(part),
                _ => phrase.push_words(word),
            }
            let joint = after.chars().next().map_or(0, char::len_utf8);
            phrase.push_words(&after[..joint]);
            rest = &after[joint..];
        }
        self.secrets.redact_phrase(phrase)
    }

    fn whole(&mut self, text: &str, place: Place<'_>) -> Option<Phrase> {
        if text.is_empty() {
            return None;
        }
        if let Some(made) = self.made.get(text) {
            return Some(made.clone());
        }
        // A login such as `admin` may also be a word of a path.
        let is_telling = text.len() >= 4 && text.contains(|c: char| c == '@' || c.is_ascii_digit());
        if is_telling && self.logins.contains(text) {
            return Some(Phrase::expression("login"));
        }
        if text.len() >= SECRET_BYTES_MIN && self.passwords.contains(text) {
            return Some(Phrase::expression("password"));
        }
        self.captured(text, place, "value").map(Phrase::expression)
    }

    /// What a client makes up for each request is made of the run's own id.
    fn made_up(&mut self, text: &str) -> Phrase {
        if text.len() < 4 || is_marked(text) {
            return self.text(text, Place::Field(""));
        }
        if let Some(phrase) = self.whole(text, Place::Field("")) {
            return phrase;
        }
        let mut phrase = Phrase::expression("run.id");
        phrase.push_words(&format!("-{}", self.made.len() + 1));
        let _ = self.made.insert(text.to_owned(), phrase.clone());
        phrase
    }

    /// How many different passwords were seen.
    pub(crate) fn accounts(&self) -> usize {
        self.logins.len()
    }
}

/// The value of a header that says by HTTP Basic that the account asks.
pub(crate) fn basic_login() -> Phrase {
    let mut phrase = Phrase::words("Basic ");
    phrase.push_expression(BASIC);
    phrase
}

/// Headers that a step cannot do without: how its body is to be read, and who asks.
const NEEDED: [&str; 2] = ["content-type", "authorization"];

/// Names of headers that a comment tells at most.
const NAMES_MAX: usize = 10;

/// Leaves out the last headers beyond those that a step may have, and says which.
pub(crate) fn bound_headers(step: &mut Step) {
    let beyond = step.headers.len().saturating_sub(HEADERS_MAX);
    let is_needed = |at: usize| NEEDED.contains(&step.headers[at].0.as_str());
    let last = (0..step.headers.len()).rev();
    let going: BTreeSet<_> = last.filter(|at| !is_needed(*at)).take(beyond).collect();
    if going.is_empty() {
        return;
    }
    let mut at = 0..;
    let (gone, kept) = std::mem::take(&mut step.headers)
        .into_iter()
        .partition(|_| at.next().is_some_and(|at| going.contains(&at)));
    step.headers = kept;
    let gone: Vec<(String, Phrase)> = gone;
    let names: Vec<_> = gone.iter().map(|(name, _)| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    let mut told = names[..names.len() - more].join(", ");
    if more > 0 {
        told.push_str(&format!(" and {more} more"));
    }
    step.comments.push(format!(
        "left out, since a step has {HEADERS_MAX} headers at most: {told}"
    ));
}
