//! From a draft to text, in the layout that the shipped journeys have: top keys first, one
//! expectation a line, a blank line between steps.

use std::time::Duration;

use bongsu_language::display_duration;

use crate::draft::{Act, Address, Body, Capture, Draft, Harmless, Poll, Retry, Step};
use crate::phrase::Phrase;
use crate::sites::{SiteId, SiteKind};
use crate::toml_text::{Data, bare_or_quoted, quoted};
use crate::{ACTOR, Names};

/// Longest line before a table is written as one line a key, in characters.
const LINE_CHARS_MAX: usize = 110;

/// The deadline of all steps together.
const TIMEOUT: Duration = Duration::from_secs(40);

/// The cadence: above `timeout` and the cleanup's default budget.
const EVERY: Duration = Duration::from_secs(60);

/// The text of a journey.
pub(crate) fn journey(draft: &Draft, names: &Names) -> String {
    let base = most_used(draft);
    let mut lines: Vec<String> = draft.head.iter().map(|line| comment(line)).collect();
    lines.push("format = 1".to_owned());
    lines.push(format!("journey = {}", quoted(names.journey.as_str())));
    lines.push(match &names.feature {
        Some(feature) => format!("feature = {}", quoted(feature.as_str())),
        None => "feature = \"name.it\"   # the feature that this measures, as in the catalogue"
            .to_owned(),
    });
    lines.push(format!("every = {}", quoted(&display_duration(EVERY))));
    lines.push(format!("timeout = {}", quoted(&display_duration(TIMEOUT))));
    if let Some(base) = base {
        let expression = draft.sites.get(base).expression();
        lines.push(format!("base = \"{{{{ {expression} }}}}\""));
    }
    for (name, value) in &draft.vars {
        lines.push(format!("vars.{name} = {}", value.toml()));
    }
    lines.push(match &names.pool {
        Some(pool) => format!(
            "actor.{ACTOR}.account = {}",
            quoted(&format!("pool:{pool}"))
        ),
        None => format!("actor.{ACTOR}.account = \"pool:users\"   # a pool of the target profile"),
    });
    if !draft.needs.is_empty() {
        let needs = draft.needs.iter().map(Data::words).collect();
        lines.push(format!(
            "actor.{ACTOR}.needs = {}",
            Data::List(needs).toml()
        ));
    }
    for (name, value) in &draft.default_headers {
        lines.push(assignment(
            &["defaults", "headers", name],
            &Data::Text(value.clone()),
        ));
    }
    let sections = [("step", &draft.steps), ("cleanup", &draft.cleanup)];
    for (section, steps) in sections {
        for step in steps {
            lines.push(String::new());
            lines.extend(step.comments.iter().map(|line| comment(line)));
            lines.push(format!("[[{section}]]"));
            write_step(step, draft, base, &mut lines);
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The site behind which most steps are: it becomes `base`.
fn most_used(draft: &Draft) -> Option<SiteId> {
    let uses = |id: SiteId| {
        draft
            .steps
            .iter()
            .chain(&draft.cleanup)
            .filter(|step| matches!(&step.act, Act::Http(_, address) if address.site == id))
            .count()
    };
    draft
        .sites
        .ids()
        .filter(|id| draft.sites.get(*id).kind == SiteKind::Base)
        .map(|id| (uses(id), id))
        .filter(|(uses, _)| *uses > 0)
        // The first of equals.
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, id)| id)
}

fn write_step(step: &Step, draft: &Draft, base: Option<SiteId>, lines: &mut Vec<String>) {
    let mut add = |keys: &[&str], value: &Data| lines.push(assignment(keys, value));
    add(&["name"], &Data::words(&step.name));
    if let Some(pause) = step.wait_before {
        add(&["wait_before"], &Data::words(display_duration(pause)));
    }
    match &step.act {
        Act::Http(verb, address) => {
            add(&[verb], &Data::Text(url(address, draft, base)));
        }
        Act::Open(address, socket) => {
            add(&["ws"], &Data::Text(url(address, draft, None)));
            add(&["socket"], &Data::words(socket));
        }
        Act::Send(socket) => add(&["send"], &Data::words(socket)),
        Act::Receive(socket, filter) => {
            add(&["receive"], &Data::words(socket));
            for (path, value) in filter {
                let keys: Vec<&str> = std::iter::once("where")
                    .chain(path.iter().map(String::as_str))
                    .collect();
                add(&keys, value);
            }
        }
    }
    for (name, value) in &step.headers {
        add(&["headers", name], &Data::Text(value.clone()));
    }
    write_table("query", &pairs(&step.query), lines);
    match &step.body {
        Body::None => {}
        Body::Json(Data::Table(entries)) => write_table_even_empty("json", entries, lines),
        Body::Json(value) => lines.push(assignment(&["json"], value)),
        Body::Form(entries) => write_table_even_empty("form", &pairs(entries), lines),
        Body::Multipart(parts) => write_table_even_empty("multipart", parts, lines),
        Body::Raw(made) => lines.push(assignment(&["body"], made)),
        Body::Text(phrase) => lines.push(format!("body = {}", long_text(&phrase.written()))),
    }
    let mut add = |keys: &[&str], value: &Data| lines.push(assignment(keys, value));
    if step.follow > 0 {
        add(&["follow"], &Data::Number(step.follow.into()));
    }
    if let Some(bytes) = step.max_body {
        add(&["max_body"], &Data::Number(bytes.into()));
    }
    if let Some(Poll { every, for_ }) = step.poll {
        let entry = |name: &str, d| (name.to_owned(), Data::words(display_duration(d)));
        add(
            &["poll"],
            &Data::Table(vec![entry("every", every), entry("for", for_)]),
        );
    }
    if let Some(Retry { times, on }) = step.retry {
        let on = on.iter().copied().map(Data::words).collect();
        let entries = [
            ("times", Data::Number(times.into())),
            ("on", Data::List(on)),
        ];
        add(
            &["retry"],
            &Data::Table(entries.map(|(key, value)| (key.to_owned(), value)).to_vec()),
        );
    }
    if let Some(timeout) = step.timeout {
        add(&["timeout"], &Data::words(display_duration(timeout)));
    }
    for (path, value) in &step.expect {
        let keys: Vec<&str> = std::iter::once("expect")
            .chain(path.iter().map(String::as_str))
            .collect();
        add(&keys, value);
    }
    for capture in &step.captures {
        add(&["capture", &capture.name], &capture_table(capture));
    }
    if step.harmless == Harmless::Said {
        lines.push(
            "side_effect = false   # a session is no change that the kill switch holds back"
                .to_owned(),
        );
    }
}

fn url(address: &Address, draft: &Draft, base: Option<SiteId>) -> Phrase {
    if base == Some(address.site) && !address.path.is_empty() {
        return address.path.clone();
    }
    let mut url = Phrase::expression(draft.sites.get(address.site).expression());
    url.append(address.path.clone());
    url
}

fn pairs(entries: &[(String, Vec<Phrase>)]) -> Vec<(String, Data)> {
    entries
        .iter()
        .map(|(key, values)| {
            let value = match values.as_slice() {
                [one] => Data::Text(one.clone()),
                many => Data::List(many.iter().cloned().map(Data::Text).collect()),
            };
            (key.clone(), value)
        })
        .collect()
}

fn write_table(key: &str, entries: &[(String, Data)], lines: &mut Vec<String>) {
    if !entries.is_empty() {
        write_table_even_empty(key, entries, lines);
    }
}

/// One line if it is short, otherwise one line for each key.
fn write_table_even_empty(key: &str, entries: &[(String, Data)], lines: &mut Vec<String>) {
    let whole = assignment(&[key], &Data::Table(entries.to_vec()));
    if entries.len() < 2 || whole.chars().count() <= LINE_CHARS_MAX {
        lines.push(whole);
        return;
    }
    for (name, value) in entries {
        lines.push(assignment(&[key, name], value));
    }
}

fn capture_table(capture: &Capture) -> Data {
    let mut entries: Vec<(String, Data)> = capture
        .from
        .iter()
        .map(|(kind, from)| ((*kind).to_owned(), from.clone()))
        .collect();
    if let Some(take) = capture.take {
        entries.push(("take".to_owned(), Data::words(take)));
    }
    if capture.secret {
        entries.push(("secret".to_owned(), Data::Bool(true)));
    }
    Data::Table(entries)
}

fn assignment(keys: &[&str], value: &Data) -> String {
    let keys: Vec<String> = keys.iter().map(|key| bare_or_quoted(key)).collect();
    format!("{} = {}", keys.join("."), value.toml())
}

/// A text of several lines as such, if it can stand as it is.
fn long_text(text: &str) -> String {
    let is_plain = text.contains('\n')
        && !text.contains("'''")
        && !text.ends_with('\'')
        && !text
            .chars()
            .any(|c| c.is_control() && c != '\n' && c != '\t');
    if is_plain {
        format!("'''\n{text}'''")
    } else {
        quoted(text)
    }
}

/// A comment of one line: no text ends it early.
fn comment(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    format!("# {clean}").trim_end().to_owned()
}
