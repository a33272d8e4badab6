//! Commands of curl, as people keep them and browsers copy them.

use std::time::Duration;

use base64::Engine as _;
use bongsu_language::FOLLOW_MAX;
use url::Url;

use crate::credentials::Secrets;
use crate::draft::{Retry, Step};
use crate::finish::finish;
use crate::lowering::Lowering;
use crate::parts::{self, Part};
use crate::request::{MAX_BODY_BYTES_MAX, Payload, Request, is_own_header, verb};
use crate::{ImportError, Imported, Names};

mod options;
mod words;

use options::{Meaning, Word};

/// Most times that a step is sent again.
const RETRIES_MAX: u32 = 5;

/// Turns commands of curl into a journey, a step each.
///
/// # Errors
/// When there is no such command, one of them is no request, or it asks for unverified TLS.
pub fn curl(script: &str, names: &Names) -> Result<Imported, ImportError> {
    let script = words::read(script).map_err(not_curl)?;
    let mut asked = Vec::new();
    let mut unread = 0;
    for command in &script.commands {
        let Some(words) = called(command) else {
            unread += usize::from(command.iter().any(|word| word.contains("curl")));
            continue;
        };
        let words =
            options::read(words).map_err(|option| not_curl(&format!("{option} has no value")))?;
        for part in words.split(|word| matches!(word, Word::Option(Meaning::Next, ..))) {
            asked.push(Asked::read(part)?);
        }
    }
    if asked.is_empty() {
        return Err(not_curl("no command begins with `curl`"));
    }
    let mut requests = Vec::new();
    for one in &asked {
        for url in &one.urls {
            requests.push((one, one.request(url)?));
        }
    }
    let mut secrets = Secrets::default();
    for (asked, request) in &requests {
        request.learn(&mut secrets);
        if let Some((_, password)) = asked.user.split_once(':') {
            secrets.learn(password);
        }
    }
    secrets.settle();
    let mut lowering = Lowering::new(secrets);
    for (asked, request) in &requests {
        let mut step = lowering.step(request);
        step.comments
            .extend(asked.comments.iter().map(|comment| lowering.clean(comment)));
        step.timeout = asked.max_time;
        step.max_body = asked.max_body;
        step.follow = asked
            .max_redirects
            .map_or(asked.follow, |most| most.min(asked.follow));
        asked.retry(request.verb, &mut step);
        lowering.sent(request);
        lowering.draft.steps.push(step);
    }
    if unread > 0 {
        let commands = if unread == 1 { "command" } else { "commands" };
        lowering.draft.notes.push(format!(
            "left out: {unread} {commands} in which curl does not stand first, as in \
             NAME=$(curl …)"
        ));
    }
    let head = "From curl: say here what the journey asks, and what each step expects.";
    lowering.draft.head.push(head.to_owned());
    let mut imported = finish(lowering.draft, names);
    let expanded = script.expanded.iter();
    let left: Vec<String> = expanded
        .filter(|name| stands_in(&imported.text, name))
        .map(|name| format!("${name}"))
        .collect();
    if !left.is_empty() {
        imported.notes.push(format!(
            "a shell would put values in place of {}: here they stand as they are, so write them \
             out",
            left.join(", ")
        ));
    }
    Ok(imported)
}

/// Whether a variable of the shell stands in a journey's text.
fn stands_in(text: &str, name: &str) -> bool {
    text.contains(&format!("${name}")) || text.contains(&format!("${{{name}}}"))
}

/// What a command that calls curl gives it; none if it calls something else. Before the call may
/// stand variables that are set for it, and words of the shell.
fn called(command: &[String]) -> Option<&[String]> {
    const SHELL_WORDS: [&str; 8] = ["if", "then", "elif", "else", "while", "until", "do", "!"];
    let is_set = |word: &str| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        !name.is_empty() && name.bytes().all(is_name)
    };
    let at = command
        .iter()
        .position(|word| !SHELL_WORDS.contains(&word.as_str()) && !is_set(word))?;
    let program = &command[at];
    let is_curl = program.rsplit('/').next() == Some("curl") || program == "curl.exe";
    is_curl.then(|| &command[at + 1..])
}

fn not_curl(reason: &str) -> ImportError {
    ImportError::Format {
        format: "a command of curl",
        reason: reason.to_owned(),
    }
}

/// What one command asks for.
#[derive(Debug, Default)]
struct Asked {
    urls: Vec<String>,
    method: Option<String>,
    headers: Vec<(String, String)>,
    /// What was given with -d and its like, joined as curl does.
    data: Option<String>,
    is_json: bool,
    /// Whether the body, or a part of it, stands in a file.
    has_file: bool,
    parts: Vec<Part>,
    /// Where a file of unknown content is the whole body: its name.
    upload: Option<String>,
    follow: u32,
    max_redirects: Option<u32>,
    max_body: Option<u64>,
    retries: u32,
    query: Vec<String>,
    user: String,
    /// Whether the login is none of HTTP Basic.
    is_other_login: bool,
    get: bool,
    head: bool,
    max_time: Option<Duration>,
    comments: Vec<String>,
}

impl Asked {
    fn read(words: &[Word<'_>]) -> Result<Self, ImportError> {
        let mut asked = Self::default();
        for word in words {
            match word {
                Word::Plain(url) => asked.urls.push((*url).to_owned()),
                Word::Unknown(option) => asked.comments.push(format!(
                    "left out: `{option}`, an option that is not known here"
                )),
                Word::Option(meaning, option, value) => {
                    asked.option(*meaning, option, value.unwrap_or_default())?;
                }
            }
        }
        if asked.urls.is_empty() {
            return Err(not_curl("a command has no URL"));
        }
        Ok(asked)
    }

    fn option(&mut self, meaning: Meaning, option: &str, value: &str) -> Result<(), ImportError> {
        match meaning {
            Meaning::Method => self.method = Some(value.to_owned()),
            Meaning::Header => self.header(value),
            Meaning::Data if value.starts_with('@') => self.file(option, &value[1..]),
            Meaning::Upload => self.upload(value),
            Meaning::Data | Meaning::DataRaw => self.add_data(value, "&"),
            Meaning::DataEncoded => self.encoded(option, value),
            Meaning::Json => {
                self.is_json = true;
                match value.strip_prefix('@') {
                    Some(file) => self.file(option, file),
                    None => self.add_data(value, ""),
                }
            }
            Meaning::Part => self.parts.push(parts::commanded(value)),
            Meaning::FormString => {
                let (name, text) = value.split_once('=').unwrap_or((value, ""));
                self.parts.push(parts::text(name, text));
            }
            Meaning::User => value.clone_into(&mut self.user),
            Meaning::Bearer => {
                let value = format!("Bearer {value}");
                self.headers.push(("authorization".to_owned(), value));
            }
            Meaning::Url => self.urls.push(value.to_owned()),
            Meaning::UrlQuery => self.query.push(value.trim_start_matches('+').to_owned()),
            Meaning::Get => self.get = true,
            Meaning::Head => self.head = true,
            Meaning::UserAgent => self
                .headers
                .push(("user-agent".to_owned(), value.to_owned())),
            Meaning::Referer => self.headers.push(("referer".to_owned(), value.to_owned())),
            Meaning::Cookie => self.cookies(),
            Meaning::Insecure => {
                return Err(ImportError::Refused {
                    what: format!("`{option}`"),
                    why: "certificates are always verified; remove it, and let `ca` of the target \
                          profile name the root that signed the certificate"
                        .to_owned(),
                });
            }
            Meaning::MaxTime => {
                let seconds = value
                    .parse()
                    .ok()
                    .filter(|s: &f64| (0.001..=600_000.0).contains(s));
                self.max_time = seconds.map(Duration::from_secs_f64);
            }
            Meaning::Location => self.follow = FOLLOW_MAX,
            Meaning::MaxRedirects => self.max_redirects = value.trim().parse().ok(),
            Meaning::MaxFilesize => {
                let bytes = value.trim().parse().ok();
                self.max_body = bytes.filter(|bytes| (1..=MAX_BODY_BYTES_MAX).contains(bytes));
                if self.max_body.is_none() {
                    self.comments.push(format!(
                        "left out: `{option}`: `max_body` is 1 to {MAX_BODY_BYTES_MAX} bytes"
                    ));
                }
            }
            Meaning::Retry => self.retries = value.trim().parse().unwrap_or_default(),
            Meaning::Range => {
                self.headers
                    .push(("range".to_owned(), format!("bytes={value}")));
            }
            Meaning::OtherLogin => {
                self.is_other_login = true;
                self.comments.push(format!(
                    "left out: `{option}` and its login: it is made anew for each request"
                ));
            }
            Meaning::Told(why) => self.comments.push(format!("left out: `{option}`: {why}")),
            Meaning::Next | Meaning::Quiet => {}
        }
        Ok(())
    }

    fn header(&mut self, text: &str) {
        let pair = text.split_once(':').or_else(|| text.split_once(';'));
        match pair {
            // `Name:` takes a header out that curl would send.
            Some((_, "")) if text.ends_with(':') => {}
            Some((name, _)) if name.trim().eq_ignore_ascii_case("cookie") => self.cookies(),
            Some((name, _)) if name.trim().eq_ignore_ascii_case("host") => self.comments.push(
                "left out: header `Host`: the URL names the host, and `resolver` of the target \
                 profile where it is found"
                    .to_owned(),
            ),
            Some((name, value)) if !is_own_header(name.trim()) => {
                self.headers
                    .push((name.trim().to_owned(), value.trim().to_owned()));
            }
            Some(_) => {}
            None if text.starts_with('@') => self.comments.push(
                "left out: headers that stand in a file; write them as headers.NAME".to_owned(),
            ),
            None => self
                .comments
                .push("left out: a header without a `:`".to_owned()),
        }
    }

    /// What curl sends again after an answer that may pass.
    fn retry(&self, verb: &str, step: &mut Step) {
        if self.retries == 0 {
            return;
        }
        if matches!(verb, "get" | "head") {
            step.retry = Some(Retry {
                times: self.retries.min(RETRIES_MAX),
                on: &["timeout", "408", "429", "500", "502", "503", "504"],
            });
        } else {
            step.comments.push(format!(
                "left out: `--retry`: `{verb}` cannot be sent twice without an idempotency key"
            ));
        }
    }

    fn cookies(&mut self) {
        let told = "left out: cookies; a run keeps those that it is given, and begins without any";
        if !self.comments.iter().any(|comment| comment == told) {
            self.comments.push(told.to_owned());
        }
    }

    fn file(&mut self, option: &str, file: &str) {
        self.has_file = true;
        self.comments.push(format!(
            "left out: `{option}` sends the file {file}; write what it says as json, form or body"
        ));
    }

    fn upload(&mut self, file: &str) {
        self.has_file = true;
        let name = file.rsplit('/').next().unwrap_or_default();
        self.upload = Some(name.to_owned());
    }

    fn add_data(&mut self, value: &str, joint: &str) {
        match &mut self.data {
            Some(data) => {
                data.push_str(joint);
                data.push_str(value);
            }
            None => self.data = Some(value.to_owned()),
        }
    }

    /// `content`, `=content`, `name=content`, or one of them from a file.
    fn encoded(&mut self, option: &str, value: &str) {
        let encode =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        match value.split_once(['=', '@']) {
            Some((name, file)) if value[name.len()..].starts_with('@') => self.file(option, file),
            Some(("", content)) => self.add_data(&encode(content), "&"),
            Some((name, content)) => self.add_data(&format!("{name}={}", encode(content)), "&"),
            None => self.add_data(&encode(value), "&"),
        }
    }

    fn request(&self, url: &str) -> Result<Request, ImportError> {
        let mut url = absolute(url)?;
        // What is sent to a folder is named after the file, as curl does it.
        if let Some(name) = self.upload.as_deref().filter(|_| url.path().ends_with('/')) {
            let path = format!("{}{name}", url.path());
            url.set_path(&path);
        }
        let data = self.data.as_deref().filter(|_| !self.get);
        let query = self
            .query
            .iter()
            .map(String::as_str)
            .chain(self.data.as_deref().filter(|_| self.get));
        for part in query {
            let joined = match url.query() {
                Some(before) => format!("{before}&{part}"),
                None => part.to_owned(),
            };
            url.set_query(Some(&joined));
        }
        let has_body = data.is_some() || self.has_file && !self.get || !self.parts.is_empty();
        let implied = match (self.head, has_body) {
            (true, _) => "HEAD",
            (false, true) if self.upload.is_some() => "PUT",
            (false, true) => "POST",
            (false, false) => "GET",
        };
        let method = self.method.as_deref().unwrap_or(implied);
        let Some(verb) = verb(method) else {
            return Err(ImportError::Refused {
                what: format!("method {}", method.chars().take(20).collect::<String>()),
                why: "a journey has get, post, put, patch, delete and head".to_owned(),
            });
        };
        let mut headers = self.headers.clone();
        if !self.user.is_empty() && !self.is_other_login {
            let encoded = base64::engine::general_purpose::STANDARD.encode(&self.user);
            headers.push(("authorization".to_owned(), format!("Basic {encoded}")));
        }
        let payload = self.payload(data, &headers);
        Ok(Request {
            verb,
            url,
            headers,
            payload,
        })
    }

    fn payload(&self, data: Option<&str>, headers: &[(String, String)]) -> Payload {
        if !self.parts.is_empty() {
            return Payload::Parts(self.parts.clone());
        }
        if self.upload.is_some() {
            return Payload::File(None);
        }
        let given = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            .map(|(_, value)| value.as_str());
        let kind = match given {
            Some(given) => given,
            None if self.is_json => "application/json",
            None => "application/x-www-form-urlencoded",
        };
        // People leave the type of JSON out.
        let is_json =
            given.is_none() && data.is_some_and(|data| data.trim_start().starts_with(['{', '[']));
        let kind = if is_json { "application/json" } else { kind };
        data.map_or(Payload::None, |data| Payload::of_text(data, kind))
    }
}

/// The URL, with the scheme that curl would guess.
fn absolute(text: &str) -> Result<Url, ImportError> {
    let whole = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    match Url::parse(&whole) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        // The text is not repeated: there may be a password in it.
        Ok(_) | Err(_) => Err(not_curl(
            "a URL cannot be read, or is not HTTP; write shell variables out",
        )),
    }
}
