//! Whether an exported report is as it was written, and the first place where it is not.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::evidence::{Chain, Line};
use super::manifest::{MANIFEST_FILE, Manifest, digest};

/// Longest manifest in bytes.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// Longest line of evidence in bytes: the facts of a run are about one KiB.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Longest other file in bytes.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// A report that is as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// Its manifest.
    pub manifest: Manifest,
    /// What else lies in the folder, sorted.
    pub strangers: Vec<String>,
}

/// Where a report is not as it was written.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file cannot be read.
    #[error("{path}: cannot be read: {source}; copy the whole folder again")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file was changed.
    #[error("{place}: {what}")]
    Changed {
        /// The file, and the line where one is known.
        place: String,
        /// What does not fit.
        what: String,
    },
}

/// Checks the report in `folder`, against a head that was kept elsewhere if one is given.
///
/// # Errors
/// The first place where it is not as it was written.
pub fn verify(folder: &Path, head: Option<&str>) -> Result<Sound, VerifyError> {
    let text = read(&folder.join(MANIFEST_FILE), MANIFEST_BYTES_MAX)?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| changed(MANIFEST_FILE, format!("is no manifest: {error}")))?;
    if manifest.text().as_bytes() != text {
        let what = "is not written as a manifest is: spaces, line ends or order were changed";
        return Err(changed(MANIFEST_FILE, what.to_owned()));
    }
    if let Some(what) = manifest.contradiction() {
        return Err(changed(MANIFEST_FILE, what));
    }
    if let Some(head) = head
        && head != manifest.head
    {
        let found = &manifest.head;
        return Err(changed(
            MANIFEST_FILE,
            format!(
                "the report's head is {found}, not {head}: it is another report, or was made anew"
            ),
        ));
    }
    check_evidence(folder, &manifest)?;
    for entry in &manifest.files {
        if !is_plain(&entry.name) {
            let what = format!("`{}` is not the name of a file of a report", entry.name);
            return Err(changed(MANIFEST_FILE, what));
        }
        let content = read(&folder.join(&entry.name), FILE_BYTES_MAX)?;
        if content.len() as u64 != entry.bytes {
            let (bytes, was) = (content.len(), entry.bytes);
            return Err(changed(
                &entry.name,
                format!("has {bytes} bytes and had {was}"),
            ));
        }
        let found = digest(&entry.name, &content).to_string();
        if found != entry.sha256 {
            let was = &entry.sha256;
            return Err(changed(
                &entry.name,
                format!("its content was changed: its digest is {found} and was {was}"),
            ));
        }
    }
    let strangers = strangers(folder, &manifest)?;
    Ok(Sound {
        manifest,
        strangers,
    })
}

fn check_evidence(folder: &Path, manifest: &Manifest) -> Result<(), VerifyError> {
    let name = manifest.evidence.file.as_str();
    let path = folder.join(name);
    let unreadable = |source| VerifyError::Read {
        path: path.clone(),
        source,
    };
    let mut reader = BufReader::new(File::open(&path).map_err(unreadable)?);
    let mut chain = Chain::of(&manifest.report.target, &manifest.report.incident);
    let mut text = Vec::new();
    for number in 1_u64.. {
        let at = |what: String| changed(&format!("{name}:{number}"), what);
        text.clear();
        let mut line = reader.by_ref().take(LINE_BYTES_MAX);
        line.read_until(b'\n', &mut text).map_err(unreadable)?;
        if text.is_empty() {
            break;
        }
        let line: Line = serde_json::from_slice(&text)
            .map_err(|error| at(format!("is no record of evidence: {error}")))?;
        if line.text().as_bytes() != text {
            return Err(at("is not written as a record is".to_owned()));
        }
        let record = line.record();
        let digest = record.digest().to_string();
        if line.sha256 != digest {
            return Err(at(format!(
                "the run at place {} was changed: its digest is {digest} and was {}",
                line.seq, line.sha256
            )));
        }
        chain.add(&record);
        if line.link != chain.head().to_string() {
            return Err(at(format!(
                "the run at place {} does not follow from those before: one was changed, left \
                 out, added or moved",
                line.seq
            )));
        }
        if chain.records() > manifest.evidence.records {
            let records = manifest.evidence.records;
            return Err(at(format!("there were {records} records only")));
        }
    }
    let (found, was) = (chain.records(), manifest.evidence.records);
    if found < was {
        let place = format!("{name}:{}", found + 1);
        return Err(changed(&place, format!("ends here and had {was} records")));
    }
    if chain.head().to_string() != manifest.evidence.head {
        return Err(changed(
            name,
            "its head is not that of the manifest".to_owned(),
        ));
    }
    Ok(())
}

fn changed(place: &str, what: String) -> VerifyError {
    VerifyError::Changed {
        place: place.to_owned(),
        what,
    }
}

fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, VerifyError> {
    let unreadable = |source| VerifyError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut content = Vec::new();
    let mut limited = file.take(bytes_max + 1);
    limited.read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > bytes_max {
        let place = path.display().to_string();
        return Err(changed(&place, format!("is longer than {bytes_max} bytes")));
    }
    Ok(content)
}

/// Whether a file of this name lies in the folder and nowhere else.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    !name.is_empty() && name.len() <= 64 && !name.starts_with('.') && name.bytes().all(plain)
}

fn strangers(folder: &Path, manifest: &Manifest) -> Result<Vec<String>, VerifyError> {
    let unreadable = |source| VerifyError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut strangers = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let name = name.to_string_lossy().into_owned();
        let is_known = name == MANIFEST_FILE
            || name == manifest.evidence.file
            || manifest.files.iter().any(|file| file.name == name);
        if !is_known {
            strangers.push(name);
        }
    }
    strangers.sort();
    Ok(strangers)
}
