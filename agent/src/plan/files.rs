//! Files and folders of journeys: which files there are.

use std::path::{Path, PathBuf};

use bongsu_language::{SourceFile, named_descriptors};

/// Deepest folder below a given one.
const DEPTH_MAX: usize = 4;

/// Most files of one plan: far above any fleet's, far below what would hurt.
const FILES_MAX: usize = 10_000;

/// Largest file: a journey has a few KiB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Why files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// One could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// One is no text of a sensible size.
    #[error("{} is larger than 4 MiB: no journey or descriptor is", .0.display())]
    TooLarge(PathBuf),
    /// One is no text.
    #[error(
        "{}:{line}: this is not UTF-8 text: save it as UTF-8, if it is a file of Bongsu",
        path.display()
    )]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line with the first byte that is wrong, from 1.
        line: usize,
    },
    /// There are too many.
    #[error("{} holds more than {FILES_MAX} files", .0.display())]
    TooMany(PathBuf),
    /// A folder has none.
    #[error("{} holds no .toml file", .0.display())]
    Empty(PathBuf),
}

impl FilesError {
    /// Whether the path names a file, and what is in it is none of Bongsu.
    pub fn is_of_content(&self) -> bool {
        matches!(self, Self::NotText { .. } | Self::TooLarge(_))
    }

    /// The line that is meant, from 1; the first one of what has no lines.
    pub fn line(&self) -> usize {
        match self {
            Self::NotText { line, .. } => *line,
            Self::Unreadable { .. } | Self::TooLarge(_) | Self::TooMany(_) | Self::Empty(_) => 1,
        }
    }

    /// The file or folder that is meant.
    pub fn path(&self) -> &Path {
        match self {
            Self::Unreadable { path, .. }
            | Self::NotText { path, .. }
            | Self::TooLarge(path)
            | Self::TooMany(path)
            | Self::Empty(path) => path,
        }
    }
}

/// Reads the files, and every `.toml` below the folders, in order of path.
///
/// # Errors
/// The first file or folder that cannot be read, or a folder without files.
pub fn read_sources(paths: &[PathBuf]) -> Result<Vec<SourceFile>, FilesError> {
    let read = read_every(paths)?;
    read.into_iter().collect()
}

/// Reads as [`read_sources`] does, and goes on past files that cannot be read.
///
/// # Errors
/// A path that is not there, or a folder without files.
pub fn read_every(paths: &[PathBuf]) -> Result<Vec<Result<SourceFile, FilesError>>, FilesError> {
    let paths = source_paths(paths)?;
    Ok(paths.iter().map(|path| read_source(path)).collect())
}

/// The files, and every `.toml` below the folders, in order of path.
pub(super) fn source_paths(paths: &[PathBuf]) -> Result<Vec<PathBuf>, FilesError> {
    let mut found = Vec::new();
    each_source(paths, &mut |path| {
        found.push(path);
        Ok(())
    })?;
    found.sort();
    found.dedup();
    Ok(found)
}

/// Calls `visit` with the files, and with every `.toml` below the folders, in no order; with one
/// that is named twice, twice.
pub(super) fn each_source(paths: &[PathBuf], visit: &mut Visit<'_>) -> Result<(), FilesError> {
    let mut walk = Walk { visit, found: 0 };
    for path in paths {
        let before = walk.found;
        walk.walk(path, 0)?;
        if walk.found == before {
            return Err(FilesError::Empty(path.clone()));
        }
    }
    Ok(())
}

/// Reads one file, with the descriptors of gRPC that it names; who names one that is not there is told
/// when the file is loaded.
pub(super) fn read_source(path: &Path) -> Result<SourceFile, FilesError> {
    let mut file = read_alone(path)?;
    for (name, path) in descriptors_of(&file) {
        if path.is_file() {
            file = file.with_descriptor(name, read_bytes(&path)?);
        }
    }
    Ok(file)
}

/// The descriptors of gRPC that a file names, each as it names it and where it is.
pub(super) fn descriptors_of(file: &SourceFile) -> Vec<(String, PathBuf)> {
    let folder = Path::new(&file.path)
        .parent()
        .unwrap_or_else(|| Path::new(""));
    let named = named_descriptors(file).into_iter();
    named
        .map(|name| {
            let path = folder.join(&name);
            (name, path)
        })
        .collect()
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, FilesError> {
    let unreadable = |source| FilesError::Unreadable {
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        return Err(FilesError::TooLarge(path.to_owned()));
    }
    std::fs::read(path).map_err(unreadable)
}

fn read_alone(path: &Path) -> Result<SourceFile, FilesError> {
    source_of(path, read_bytes(path)?)
}

/// The file of a path, as it was read from there or from elsewhere.
///
/// # Errors
/// When it is not UTF-8.
pub fn source_of(path: &Path, content: Vec<u8>) -> Result<SourceFile, FilesError> {
    let text = String::from_utf8(content).map_err(|error| {
        let read = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        FilesError::NotText {
            path: path.to_owned(),
            line: 1 + read.iter().filter(|byte| **byte == b'\n').count(),
        }
    })?;
    Ok(SourceFile::new(path.display().to_string(), text))
}

type Visit<'v> = dyn FnMut(PathBuf) -> Result<(), FilesError> + 'v;

/// A walk through files and folders.
struct Walk<'v, 'w> {
    visit: &'w mut Visit<'v>,
    found: usize,
}

impl Walk<'_, '_> {
    fn walk(&mut self, path: &Path, depth: usize) -> Result<(), FilesError> {
        let unreadable = |source| FilesError::Unreadable {
            path: path.to_owned(),
            source,
        };
        if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
            return self.meet(path.to_owned());
        }
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let listed = entry.map_err(unreadable)?;
            let entry = listed.path();
            // Of a plain file the folder itself says so: thousands need not be looked at one by one.
            let is_file = listed.file_type().is_ok_and(|kind| kind.is_file());
            let is_hidden = entry
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            let is_toml = entry
                .extension()
                .is_some_and(|extension| extension == "toml");
            if is_hidden {
                continue;
            }
            if !is_file && entry.is_dir() && depth < DEPTH_MAX {
                self.walk(&entry, depth + 1)?;
            } else if is_toml {
                self.meet(entry)?;
            }
            if self.found > FILES_MAX {
                return Err(FilesError::TooMany(path.to_owned()));
            }
        }
        Ok(())
    }

    fn meet(&mut self, path: PathBuf) -> Result<(), FilesError> {
        self.found += 1;
        (self.visit)(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_in_order_and_missing_ones_named() {
        let folder = tempfile::tempdir().unwrap();
        let fragments = folder.path().join("fragments");
        std::fs::create_dir(&fragments).unwrap();
        for name in [
            "b.toml",
            "a.toml",
            "note.txt",
            ".hidden.toml",
            "fragments/c.toml",
        ] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let files = read_sources(&[folder.path().to_owned()]).unwrap();
        let names: Vec<&str> = files
            .iter()
            .map(|file| file.path.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(names, ["a.toml", "b.toml", "c.toml"]);
        let missing = read_sources(&[folder.path().join("no")])
            .unwrap_err()
            .to_string();
        assert!(missing.contains("/no: "), "{missing}");
    }

    #[test]
    fn descriptors_that_a_file_names_are_read_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content);
        let step = "[[step]]\nname = \"x\"\ngrpc = \"/a.B/C\"\ndescriptor = ";
        let text = ["x.binpb", "no.binpb", "x.binpb", "../x.binpb"]
            .map(|name| format!("{step}\"{name}\"\n"))
            .concat();
        write("a.toml", text.as_bytes()).unwrap();
        write("x.binpb", b"\xff\x00").unwrap();
        write("unnamed.binpb", b"").unwrap();
        let files = read_sources(&[folder.path().to_owned()]).unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(
            files[0].descriptors,
            [("x.binpb".to_owned(), b"\xff\x00".to_vec())]
        );
    }
}
