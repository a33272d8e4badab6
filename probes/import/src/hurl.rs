//! Files of hurl: entries become steps, captures captures, asserts expectations. What has no
//! equivalent stands in a comment at its place.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use bongsu_language::FOLLOW_MAX;
use regex::Regex;
use serde_json::Value;
use url::Url;

use crate::credentials::{BASIC, Secrets, is_secret_field};
use crate::draft::Step;
use crate::finish::finish;
use crate::lowering::{Lowering, basic_login};
use crate::marks::{Marks, is_marked};
use crate::parts::{self, Part, is_binary_type, is_plain};
use crate::phrase::Phrase;
use crate::request::{
    MAX_BODY_BYTES_MAX, Payload, Request, is_header_name, is_set_by_runner, verb,
};
use crate::toml_text::Data;
use crate::{ImportError, Imported, Names, names};

mod check;
mod credentials;
mod options;
mod read;
mod words;

use credentials::{is_credential, is_secret_capture};
use options::{duration, learn, named, option, poll};
use read::{Entry, Text};

/// What is told of cookies.
const COOKIES: &str =
    "left out: cookies; a run keeps those that it is given, and begins without any";

/// Most values of an expected body that are expected one by one.
const LEAVES_MAX: usize = 40;

/// `{{ name filters }}`.
static TEMPLATE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\{\{\s*([^{}]*?)\s*\}\}").expect("a constant pattern"));

/// Turns a hurl file into a journey.
///
/// # Errors
/// When a line has no place in such a file, there is no request in it, or it asks for unverified
/// TLS.
pub fn hurl(text: &str, names: &Names) -> Result<Imported, ImportError> {
    let entries = read::entries(text)?;
    let mut reader = Reader::default();
    let mut asked = Vec::new();
    for entry in &entries {
        asked.push((entry, reader.request(entry)?));
    }
    let mut secrets = Secrets::default();
    for (entry, (request, _)) in &asked {
        request
            .iter()
            .for_each(|request| request.learn(&mut secrets));
        learn(entry, &mut secrets);
    }
    secrets.settle();
    let mut lowering = Lowering::new(secrets);
    let mut left_over = Vec::new();
    for (entry, (request, told)) in &asked {
        let mut told = told.clone();
        told.splice(0..0, std::mem::take(&mut left_over));
        match request {
            Some(request) => {
                let step = reader.step(entry, request, told, &mut lowering);
                lowering.sent(request);
                lowering.draft.steps.push(step);
            }
            None => left_over = told.iter().map(|line| lowering.clean(line)).collect(),
        }
    }
    if lowering.draft.steps.is_empty() {
        return Err(ImportError::Empty {
            reason: "the file has no request that a journey performs".to_owned(),
        });
    }
    lowering.draft.notes.extend(left_over);
    if entries.iter().any(|entry| entry.status.is_none()) {
        let told = "a step that says nothing of the status expects 2xx; hurl expects nothing then";
        lowering.draft.notes.push(told.to_owned());
    }
    reader.declare(&mut lowering);
    let head = "From hurl: say here what the journey asks.";
    lowering.draft.head.push(head.to_owned());
    Ok(finish(lowering.draft, names))
}

/// What is known while entries are read.
#[derive(Debug, Default)]
struct Reader {
    marks: Marks,
    /// hurl's names of variables and ours.
    variables: HashMap<String, String>,
    /// Variables that a step captures or `vars` declares.
    set: Vec<String>,
    vars: Vec<(String, Data)>,
    /// Variables that stood where a host stands.
    sites: Vec<(String, String)>,
    /// Our names of variables that headers prove with who asks.
    credentials: BTreeSet<String>,
}

impl Reader {
    /// The request of an entry, and what is told of it; none if a journey cannot perform it.
    fn request(&mut self, entry: &Entry) -> Result<(Option<Request>, Vec<String>), ImportError> {
        let mut told = entry.comments.clone();
        let says = |wanted| option(entry, wanted) == Some("true");
        if says("insecure") {
            return Err(ImportError::Refused {
                what: format!("`insecure: true` of line {}", entry.line),
                why: "certificates are always verified; remove it, and let `ca` of the target \
                      profile name the root that signed the certificate"
                    .to_owned(),
            });
        }
        let skipped = says("skip");
        let Some(verb) = verb(&entry.method).filter(|_| !skipped) else {
            let why = if skipped {
                "it is skipped"
            } else {
                "there is no such verb"
            };
            let (line, method) = (entry.line, &entry.method);
            told.push(format!("left out: {method} of line {line}: {why}"));
            return Ok((None, told));
        };
        let Some(mut url) = self.url(&entry.url, &mut told) else {
            told.push(format!(
                "left out: {} of line {}: its URL cannot be read",
                entry.method, entry.line
            ));
            return Ok((None, told));
        };
        let query = ["QueryStringParams", "Query"];
        for line in entry.asked.section(&query) {
            let (key, value) = self.pair(line, &mut told);
            let _ = url.query_pairs_mut().append_pair(&key, &value);
        }
        let mut headers = Vec::new();
        for (name, value) in &entry.asked.headers {
            if name.eq_ignore_ascii_case("cookie") {
                told.push(COOKIES.to_owned());
            } else if is_set_by_runner(name) {
                told.push(format!(
                    "left out: header {name}, which the runner sets itself"
                ));
            } else {
                if is_credential(name, value) {
                    self.note_credentials(value);
                }
                headers.push((name.clone(), self.text(value, &mut told)));
            }
        }
        let payload = self.payload(entry, &mut told);
        let kind = match &payload {
            Payload::Text(_) if matches!(&entry.asked.body, Text::Xml(_)) => {
                Some("application/xml")
            }
            _ => None,
        };
        let has_type = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if let Some(kind) = kind.filter(|_| !has_type) {
            headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        let request = Request {
            verb,
            url,
            headers,
            payload,
        };
        Ok((Some(request), told))
    }

    /// A URL whose host may be a variable: it names a service of the target then.
    fn url(&mut self, text: &str, told: &mut Vec<String>) -> Option<Url> {
        let authority = text.find("://").map_or(0, |at| at + 3);
        let end = text[authority..]
            .find(['/', '?', '#'])
            .map_or(text.len(), |at| authority + at);
        // Braces may hold what looks like the end of a host.
        let end = match text[authority..].find("}}") {
            Some(close) if text[authority..].starts_with("{{") => end.max(authority + close + 2),
            _ => end,
        };
        let (start, rest) = text.split_at(end);
        let rest = self.text(rest, told);
        let Some(variable) = TEMPLATE.captures(start).map(|found| found[1].to_owned()) else {
            return Url::parse(&format!("{start}{rest}")).ok();
        };
        let scheme = text.split("://").next().filter(|s| *s == "http");
        let variable = names::snake(&variable);
        let host = format!("zqxsite{}.invalid", self.sites.len());
        let known = self.sites.iter().find(|(_, name)| *name == variable);
        let host = match known {
            Some((host, _)) => host.clone(),
            None => {
                self.sites.push((host.clone(), variable));
                host
            }
        };
        Url::parse(&format!("{}://{host}{rest}", scheme.unwrap_or("https"))).ok()
    }

    fn pair(&mut self, line: &str, told: &mut Vec<String>) -> (String, String) {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        (self.text(key.trim(), told), self.text(value.trim(), told))
    }

    /// The text with marks for its templates.
    fn text(&mut self, text: &str, told: &mut Vec<String>) -> String {
        let mut written = String::new();
        let mut from = 0;
        for found in TEMPLATE.captures_iter(text) {
            let (Some(whole), Some(inside)) = (found.get(0), found.get(1)) else {
                continue;
            };
            written.push_str(&text[from..whole.start()]);
            let expression = self.expression(inside.as_str(), told);
            written.push_str(&self.marks.text(&expression));
            from = whole.end();
        }
        written.push_str(&text[from..]);
        written
    }

    fn expression(&mut self, inside: &str, told: &mut Vec<String>) -> String {
        let (name, filters) = inside
            .split_once(char::is_whitespace)
            .unwrap_or((inside, ""));
        if name == "newUuid" {
            return "run.id".to_owned();
        }
        if name == "newDate" {
            told.push("changed: `newDate` is `now()` here, seconds since 1970".to_owned());
            return "now()".to_owned();
        }
        if !filters.trim().is_empty() {
            told.push(format!("left out: the filters of `{{{{ {inside} }}}}`"));
        }
        self.variable(name)
    }

    /// Our name of a variable.
    fn variable(&mut self, name: &str) -> String {
        if let Some(known) = self.variables.get(name) {
            return known.clone();
        }
        let wanted = names::variable(name);
        let ours = names::unique(&wanted, "_", |name| {
            name == crate::ACTOR || self.variables.values().any(|known| known == name)
        });
        let _ = self.variables.insert(name.to_owned(), ours.clone());
        ours
    }

    fn payload(&mut self, entry: &Entry, told: &mut Vec<String>) -> Payload {
        let asked = &entry.asked;
        let form: Vec<&str> = asked.section(&["FormParams", "Form"]).collect();
        if !form.is_empty() {
            let pairs = form.iter().map(|line| self.pair(line, told)).collect();
            return Payload::Form(pairs);
        }
        let parts: Vec<Part> = asked
            .section(&["MultipartFormData", "Multipart"])
            .map(|line| self.part(line, told))
            .collect();
        if !parts.is_empty() {
            return Payload::Parts(parts);
        }
        match &asked.body {
            Text::None => Payload::None,
            Text::Json(text) => self.json(text, told),
            Text::Quoted(language, text) if language == "json" => self.json(text, told),
            Text::Quoted(language, text) if language == "graphql" => {
                let (query, variables) = text.split_once("\nvariables ").unwrap_or((text, ""));
                let mut body = serde_json::Map::new();
                let _ = body.insert("query".to_owned(), self.text(query.trim(), told).into());
                if let Payload::Json(variables) = self.json(variables, told) {
                    let _ = body.insert("variables".to_owned(), variables);
                }
                Payload::Json(Value::Object(body))
            }
            Text::Quoted(_, text) | Text::Xml(text) => Payload::Text(self.text(text, told)),
            Text::Bytes(_, bytes) => match String::from_utf8(bytes.clone()) {
                Ok(text) if is_plain(&text) => Payload::Text(text),
                Ok(_) | Err(_) => Payload::Bytes(bytes.clone()),
            },
            Text::File(path) => {
                let mut headers = asked.headers.iter();
                let kind = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
                if kind.is_some_and(|(_, kind)| is_binary_type(kind)) {
                    return Payload::File(None);
                }
                Payload::Untold(format!(
                    "left out: the body, which is file {path}; write what it says as json, form \
                     or body"
                ))
            }
        }
    }

    /// `name: text`, or `name: file,path; type`.
    fn part(&mut self, line: &str, told: &mut Vec<String>) -> Part {
        let (name, value) = self.pair(line, told);
        match value.strip_prefix("file,") {
            Some(file) => {
                let (path, kind) = file.split_once(';').unwrap_or((file, ""));
                let kind = Some(kind.trim()).filter(|kind| !kind.is_empty());
                parts::file(&name, path.trim(), kind)
            }
            None => parts::text(&name, &value),
        }
    }

    /// JSON in which values may be templates without quotes.
    fn json(&mut self, text: &str, told: &mut Vec<String>) -> Payload {
        let mut written = String::new();
        let mut rest = text;
        let (mut in_text, mut escaped) = (false, false);
        while let Some(c) = rest.chars().next() {
            let template = TEMPLATE
                .captures(rest)
                .filter(|found| found.get(0).is_some_and(|whole| whole.start() == 0));
            if let Some(found) = template {
                let expression = self.expression(&found[1], told);
                if in_text {
                    written.push_str(&self.marks.text(&expression));
                } else {
                    written.push_str(&format!("\"{}\"", self.marks.typed(&expression)));
                }
                rest = &rest[found[0].len()..];
                continue;
            }
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = in_text,
                '"' => in_text = !in_text,
                _ => {}
            }
            written.push(c);
            rest = &rest[c.len_utf8()..];
        }
        match serde_json::from_str(&written) {
            Ok(value) => Payload::Json(value),
            Err(_) if text.trim().is_empty() => Payload::None,
            Err(_) => Payload::Text(self.text(text, told)),
        }
    }

    fn step(
        &mut self,
        entry: &Entry,
        request: &Request,
        mut told: Vec<String>,
        lowering: &mut Lowering,
    ) -> Step {
        for (host, name) in &self.sites {
            lowering.draft.sites.alias(host, name);
        }
        let mut step = self.marks.expand_step(lowering.step(request));
        for line in entry.asked.section(&["BasicAuth"]) {
            let (login, password) = self.pair(line, &mut told);
            let value = match (self.marks.lone(&login), self.marks.lone(&password)) {
                (Some(login), Some(password)) => format!("({login} + ':' + {password}) | b64"),
                _ => BASIC.to_owned(),
            };
            let mut phrase = Phrase::words("Basic ");
            phrase.push_expression(value);
            step.set_header("authorization", phrase);
        }
        if entry.asked.section(&["Cookies"]).next().is_some() {
            told.push(COOKIES.to_owned());
        }
        for line in entry.asked.section(&["Options"]) {
            self.option(line, &mut step, &mut told);
        }
        let most = option(entry, "max-redirs").and_then(|most| most.parse::<u32>().ok());
        step.follow = most.map_or(step.follow, |most| most.min(step.follow));
        poll(entry, request, &mut step, &mut told);
        self.answer(entry, &mut step, &mut told, lowering);
        step.comments
            .extend(told.iter().map(|line| lowering.clean(line)));
        step
    }

    fn answer(
        &mut self,
        entry: &Entry,
        step: &mut Step,
        told: &mut Vec<String>,
        lowering: &Lowering,
    ) {
        match entry.status.as_deref() {
            Some("*") => {
                let any = ["2xx", "3xx", "4xx", "5xx"].map(Data::words).to_vec();
                step.expect
                    .push((vec!["status".to_owned()], Data::List(any)));
            }
            Some(status) => match status.parse() {
                Ok(status @ 100..=599) => step.expect_status(status),
                Ok(_) | Err(_) => told.push(format!("left out: HTTP {status}: it is no status")),
            },
            None => {}
        }
        let mut expected = Vec::new();
        for (name, value) in &entry.answered.headers {
            let value = Data::words(self.text(value, told));
            let key = vec!["header".to_owned(), name.to_ascii_lowercase()];
            if !is_header_name(name) {
                told.push(format!("left out: {name} is not a header name"));
            } else if !check::merge(&mut expected, (key, vec![("==".to_owned(), value)])) {
                told.push(format!("left out: a second check of header {name}"));
            }
        }
        for line in entry.answered.section(&["Captures"]) {
            let marked = self.text(line, told);
            match check::capture(&marked) {
                Some((name, mut capture)) if !is_marked(&marked) => {
                    capture.name = self.variable(&name);
                    capture.secret |= is_secret_field(&name)
                        || is_secret_capture(&capture)
                        || self.credentials.contains(&capture.name);
                    self.set.push(capture.name.clone());
                    step.captures.push(capture);
                }
                _ => told.push(format!("left out: the capture {line}")),
            }
        }
        for line in entry.answered.section(&["Asserts"]) {
            let marked = self.text(line, told);
            let is_said = |one: &check::Expected| {
                let value = check::value(one.1.clone());
                step.expect
                    .iter()
                    .any(|said| *said == (one.0.clone(), value.clone()))
            };
            if check::assert(&marked).as_ref().is_some_and(is_said) {
                continue;
            }
            let is_status = step.expect.iter().any(|(key, _)| key[0] == "status");
            let read = check::assert(&marked).filter(|(key, _)| {
                let in_key = key.iter().any(|part| is_marked(part));
                let is_no_header = key[0] == "header" && !is_header_name(&key[1]);
                !(in_key || is_no_header || is_status && key[0] == "status")
            });
            if !read.is_some_and(|one| check::merge(&mut expected, one)) {
                told.push(format!("left out: the assert {line}"));
            }
        }
        self.expected_body(entry, &mut expected, told);
        for (key, checks) in expected {
            let value = check::value(checks);
            let shown = format!("{} {}", key.join(" "), value.toml());
            if lowering.clean(&shown) == shown {
                step.expect.push((key, self.marks.expand_data(value)));
            } else {
                told.push("left out: a check of a credential".to_owned());
            }
        }
    }

    /// A body that is expected whole: each of its values.
    fn expected_body(
        &mut self,
        entry: &Entry,
        expected: &mut Vec<check::Expected>,
        told: &mut Vec<String>,
    ) {
        let text = match &entry.answered.body {
            Text::None => return,
            Text::Json(text) => match self.json(text, told) {
                Payload::Json(value) => {
                    let leaves = crate::answers::leaves(&value);
                    let fits = leaves.len() <= LEAVES_MAX && !leaves.is_empty();
                    let all = fits
                        && leaves.into_iter().all(|(path, value)| {
                            if is_marked(&path) || value.is_object() {
                                return false;
                            }
                            let key = vec!["json".to_owned(), path];
                            let check = match value {
                                Value::Null => ("is".to_owned(), Data::words("null")),
                                value => ("==".to_owned(), Data::of(value)),
                            };
                            check.1.fits_toml() && check::merge(expected, (key, vec![check]))
                        });
                    if !all {
                        told.push("left out: parts of the body that is expected".to_owned());
                    }
                    return;
                }
                _ => text.clone(),
            },
            Text::Quoted(_, text) | Text::Xml(text) => text.clone(),
            Text::Bytes(kind, _) => {
                told.push(format!("left out: the expected body, given as {kind}"));
                return;
            }
            Text::File(_) => {
                told.push("left out: the expected body, which is a file".to_owned());
                return;
            }
        };
        let value = Data::words(self.text(&text, told));
        let check = (vec!["body".to_owned()], vec![("==".to_owned(), value)]);
        if !check::merge(expected, check) {
            told.push("left out: a second check of the body".to_owned());
        }
    }

    fn option(&mut self, line: &str, step: &mut Step, told: &mut Vec<String>) {
        let Some((name, value)) = named(line) else {
            return;
        };
        match name {
            "variable" => {
                let (name, value) = value.split_once('=').unwrap_or((value, ""));
                let ours = self.variable(name.trim());
                let value = value.trim().trim_matches('"');
                let data = serde_json::from_str::<Value>(value)
                    .ok()
                    .filter(|value| value.is_number() || value.is_boolean())
                    .map_or_else(|| Data::words(value), |value| Data::of(&value));
                let is_new = !self.vars.iter().any(|(known, _)| *known == ours);
                if is_secret_field(name) {
                    told.push(format!("left out: the value of {name}: it is a secret"));
                } else if is_new && data.fits_toml() && !value.contains("{{") {
                    self.vars.push((ours, data));
                } else {
                    told.push(format!("left out: the option {line}"));
                }
            }
            "max-time" => step.timeout = duration(value, 1_000),
            "delay" => {
                step.wait_before = duration(value, 1);
                if step.wait_before.is_none() && value != "0" {
                    told.push(format!("left out: the option {line}"));
                }
            }
            "location" if value == "false" => {}
            "location" => step.follow = FOLLOW_MAX,
            "location-trusted" if value == "false" => {}
            "location-trusted" => {
                step.follow = FOLLOW_MAX;
                told.push(
                    "changed: credentials go to the first origin only, not where redirects lead"
                        .to_owned(),
                );
            }
            "max-redirs" => {}
            "max-filesize" => {
                let bytes = value.parse().ok();
                step.max_body = bytes.filter(|bytes| (1..=MAX_BODY_BYTES_MAX).contains(bytes));
                if step.max_body.is_none() {
                    told.push(format!(
                        "left out: the option {line}: `max_body` is 1 to {MAX_BODY_BYTES_MAX} bytes"
                    ));
                }
            }
            "ipv4" | "ipv6" => told.push(format!(
                "left out: the option {line}: write `ip = \"{}\"` at the head of the journey",
                &name[3..]
            )),
            "retry" | "retry-interval" | "verbose" | "very-verbose" | "output" | "compressed" => {}
            "user" => step.set_header("authorization", basic_login()),
            _ => told.push(format!("left out: the option {line}")),
        }
    }

    /// Declares what no step captures.
    fn declare(&mut self, lowering: &mut Lowering) {
        let mut names: Vec<&String> = self.variables.values().collect();
        names.sort();
        for name in names {
            let is_read = self.marks.has(name);
            let is_var = self.vars.iter().any(|(var, _)| var == name);
            if is_read && !is_var && !self.set.contains(name) {
                lowering.draft.need(name);
            }
        }
        let set = &self.set;
        lowering
            .draft
            .vars
            .extend(self.vars.drain(..).filter(|(var, _)| !set.contains(var)));
    }
}
