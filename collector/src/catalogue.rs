//! Reads the catalogue's file.

use std::path::{Path, PathBuf};

use bongsu_language::{Colour, SourceFile, load_catalogue};
use bongsu_model::Catalogue;

/// Why there is no catalogue.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read the catalogue {file}: {source}; set `catalogue` in the configuration")]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has mistakes.
    #[error("{drawn}\nthe catalogue {file} has mistakes")]
    Invalid {
        /// The file.
        file: PathBuf,
        /// All of them, drawn with their places.
        drawn: String,
    },
}

/// Reads and checks the catalogue in `file`.
///
/// # Errors
/// When it cannot be read, or with every mistake in it at once.
pub fn load(file: &Path) -> Result<Catalogue, LoadError> {
    let text = std::fs::read_to_string(file).map_err(|source| LoadError::Read {
        file: file.to_owned(),
        source,
    })?;
    let source = SourceFile::new(file.display().to_string(), text);
    load_catalogue(&source).map_err(|diagnostics| LoadError::Invalid {
        file: file.to_owned(),
        drawn: diagnostics
            .iter()
            .map(|diagnostic| diagnostic.render(std::slice::from_ref(&source), Colour::Plain))
            .collect::<Vec<_>>()
            .join("\n"),
    })
}
