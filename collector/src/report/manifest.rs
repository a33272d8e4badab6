//! The manifest of an exported report: what it has, chained by SHA-256.
//!
//! The first link is the digest of what the manifest says of the report. On it follow the head of
//! the chain of evidence and the digest of every file (over its name, a zero byte and its
//! content), in order. Whoever keeps the last link, the head, can tell whether anything was
//! changed since.

use super::evidence::Sha;
use super::files::File;
use super::subject::Subject;
use crate::web::answer::Time;

/// The shape of a manifest that this version writes and reads.
pub const FORMAT: u32 = 1;

/// The manifest's file.
pub const MANIFEST_FILE: &str = "manifest.json";

/// The file of evidence.
pub const EVIDENCE_FILE: &str = "evidence.jsonl";

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The shape, [`FORMAT`].
    pub format: u32,
    /// The environment.
    pub target: String,
    /// The incident.
    pub incident: String,
    /// As of when it is.
    pub as_of: Time,
    /// Its number.
    pub number: u32,
    /// The head of the report before it.
    pub previous: Option<String>,
    /// Whether a simulated outage is told.
    pub is_simulated: bool,
}

/// What it has of evidence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Its file.
    pub file: String,
    /// How many records that has.
    pub records: u64,
    /// The last link of their chain.
    pub head: String,
    /// The link up to it.
    pub link: String,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// The digest of its name and content.
    pub sha256: String,
    /// The link up to it.
    pub link: String,
}

/// The manifest.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What the report is about.
    pub report: About,
    /// Its evidence.
    pub evidence: Evidence,
    /// Its files.
    pub files: Vec<Entry>,
    /// The last link.
    pub head: String,
}

impl Manifest {
    /// That of the report of `subject` with `files`.
    pub fn of(subject: &Subject, evidence: (u64, Sha), files: &[File]) -> Self {
        let report = About {
            format: FORMAT,
            target: subject.target.to_string(),
            incident: subject.incident.id.clone(),
            as_of: subject.as_of,
            number: subject.number,
            previous: subject.previous.clone(),
            is_simulated: subject.is_simulated,
        };
        let (records, head) = evidence;
        let mut link = beginning(&report).then(head);
        let evidence = Evidence {
            file: EVIDENCE_FILE.to_owned(),
            records,
            head: head.to_string(),
            link: link.to_string(),
        };
        let entry = |file: &File| {
            let digest = digest(&file.name, file.content.as_bytes());
            link = link.then(digest);
            Entry {
                name: file.name.clone(),
                bytes: file.content.len() as u64,
                sha256: digest.to_string(),
                link: link.to_string(),
            }
        };
        let files: Vec<_> = files.iter().map(entry).collect();
        Self {
            report,
            evidence,
            files,
            head: link.to_string(),
        }
    }

    /// As it is written.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("it has text keys only");
        text.push('\n');
        text
    }

    /// The first place at which it contradicts itself.
    pub fn contradiction(&self) -> Option<String> {
        if self.report.format != FORMAT {
            let format = self.report.format;
            return Some(format!(
                "it has format {format}, and this version reads format {FORMAT}"
            ));
        }
        if self.evidence.file != EVIDENCE_FILE {
            return Some(format!("its evidence does not lie in {EVIDENCE_FILE}"));
        }
        let Some(head) = sha(&self.evidence.head) else {
            return Some("the head of its evidence is no SHA-256".to_owned());
        };
        let mut link = beginning(&self.report).then(head);
        if self.evidence.link != link.to_string() {
            return Some("the link of the evidence does not follow from `report`".to_owned());
        }
        for entry in &self.files {
            let name = &entry.name;
            let Some(digest) = sha(&entry.sha256) else {
                return Some(format!("the digest of {name} is no SHA-256"));
            };
            link = link.then(digest);
            if entry.link != link.to_string() {
                return Some(format!(
                    "the link of {name} does not follow from those before"
                ));
            }
        }
        (self.head != link.to_string()).then(|| "its head is not its last link".to_owned())
    }
}

/// The digest of a file.
pub fn digest(name: &str, content: &[u8]) -> Sha {
    Sha::of(&[name.as_bytes(), &[0], content].concat())
}

fn beginning(report: &About) -> Sha {
    let text = serde_json::to_string(report).expect("it has text keys only");
    Sha::of(text.as_bytes())
}

fn sha(hex: &str) -> Option<Sha> {
    let mut bytes = [0; 32];
    let is_hex = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
    if hex.len() != 64 || !hex.bytes().all(is_hex) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(Sha(bytes))
}
