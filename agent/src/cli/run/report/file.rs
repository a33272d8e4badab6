//! A report's file: it has its name only when it is whole, so that no reader meets half of one.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::ReportError;

/// A file being written beside its place.
#[derive(Debug)]
pub(super) struct WholeFile {
    path: PathBuf,
    beside: PathBuf,
    out: BufWriter<File>,
    is_kept: bool,
}

impl WholeFile {
    /// Makes the file, and the folders above it.
    pub(super) fn open(path: &Path) -> Result<Self, ReportError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let beside = path.with_file_name(name);
        let opened = if path.is_dir() {
            Err(io::ErrorKind::IsADirectory.into())
        } else {
            create(&beside)
        };
        let out = opened.map_err(|source| failed(path, source))?;
        Ok(Self {
            path: path.to_owned(),
            beside,
            out: BufWriter::new(out),
            is_kept: false,
        })
    }

    pub(super) fn write(&mut self, text: &str) -> Result<(), ReportError> {
        let written = self.out.write_all(text.as_bytes());
        written.map_err(|source| failed(&self.path, source))
    }

    /// Gives the file its name.
    pub(super) fn keep(mut self) -> Result<(), ReportError> {
        let kept = self
            .out
            .flush()
            .and_then(|()| std::fs::rename(&self.beside, &self.path));
        self.is_kept = kept.is_ok();
        kept.map_err(|source| failed(&self.path, source))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if !self.is_kept {
            // Half a report helps nobody; that it is missing has been said.
            let _ = std::fs::remove_file(&self.beside);
        }
    }
}

/// Makes a file, and the folders above it.
pub(super) fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)?;
    }
    File::create(path)
}

pub(super) fn failed(path: &Path, source: io::Error) -> ReportError {
    ReportError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_when_it_is_whole_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/report.xml");
        let mut file = WholeFile::open(&path).unwrap();
        file.write("half").unwrap();
        assert!(!path.exists());
        file.keep().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "half");

        let mut dropped = WholeFile::open(&folder.path().join("dropped")).unwrap();
        dropped.write("half").unwrap();
        drop(dropped);
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn what_is_no_file_is_told_before_anything_runs() {
        let folder = tempfile::tempdir().unwrap();
        let error = WholeFile::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("cannot be written"), "{error}");
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(WholeFile::open(&folder.path().join("file/below")).is_err());
    }
}
