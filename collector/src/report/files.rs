//! Every file of a report: each a pure function of the snapshot.

use super::duty::Assessment;
use super::regulator::Form;
use super::shelf::Shelf;
use super::subject::Subject;
use super::wording::Wording;
use super::{damages, notice, regulator, scope, sla};
use crate::web::page::{Lang, report_copy};

const TEXT: &str = "text/plain; charset=utf-8";
const CSV: &str = "text/csv; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// The snapshot itself, as a file.
pub const SUBJECT_FILE: &str = "subject.json";

/// A file of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: String,
    /// Its media type.
    pub media_type: &'static str,
    /// Its content.
    pub content: String,
}

/// Every file of the report of `subject`, which rests on `shelf`, in the order in which they are
/// chained.
pub fn files(subject: &Subject, shelf: &Shelf) -> Vec<File> {
    let duties = subject.assessments(shelf);
    let mut files = vec![
        file(SUBJECT_FILE, JSON, pretty(subject)),
        file("duties.json", JSON, pretty(&duties)),
        file("scope.csv", CSV, scope::csv(subject)),
        file("scope.json", JSON, scope::json(subject)),
        file("sla.csv", CSV, sla::csv(subject, shelf)),
        file("sla.json", JSON, sla::json(subject, shelf)),
    ];
    for lang in [Lang::Ko, Lang::En] {
        files.extend(drafts(&Wording::of(subject, lang), &duties));
        let page = report_copy(subject, shelf, lang);
        files.push(file(&format!("report.{}.html", lang.tag()), HTML, page));
    }
    files
}

/// The texts in the language of `wording`. Of an incident that was merged into another there are
/// none: what is to be told of it is told by that one's.
pub(crate) fn drafts(wording: &Wording<'_>, duties: &[Assessment]) -> Vec<File> {
    if wording.subject.incident.merged_into.is_some() {
        return Vec::new();
    }
    let report = |form| regulator::report(wording, form, duties);
    let texts = [
        ("notice-mail", notice::mail(wording)),
        ("notice-site", notice::site(wording)),
        ("notice-sms", notice::sms(wording)),
        ("notice-disaster", notice::disaster(wording)),
        ("notice-press", notice::press(wording)),
        ("regulator-dc", report(Form::DataCentre)),
        ("regulator-vas", report(Form::ValueAdded)),
        ("damages", damages::notice(wording, duties)),
    ];
    let tag = wording.lang.tag();
    let texts = texts.into_iter();
    texts
        .map(|(name, text)| {
            let text = format!("{}\n", text.trim_end());
            file(&format!("{name}.{tag}.txt"), TEXT, text)
        })
        .collect()
}

fn file(name: &str, media_type: &'static str, content: String) -> File {
    File {
        name: name.to_owned(),
        media_type,
        content,
    }
}

fn pretty(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("it has text keys only");
    text.push('\n');
    text
}
