//! Where secrets are: named in the file, never written in it.

use std::path::{Path, PathBuf};

use bongsu_model::Secret;

use super::document::Value;

/// Longest secret in bytes: tokens and keys, not files given by mistake.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In this environment variable.
    Env(String),
    /// In this file, without white space at its ends.
    File(PathBuf),
}

/// Why a secret could not be had. No variant carries any of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set, or is not UTF-8.
    #[error("the environment variable {0} is not set: set it before the start, or name a file")]
    EnvUnset(String),
    /// The file could not be read.
    #[error("cannot read the secret file {}: {source}", path.display())]
    FileUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("the secret in {0} is empty")]
    Empty(String),
    /// It is longer than any token.
    #[error("the secret in {0} is longer than {SECRET_BYTES_MAX} bytes: is this the right file?")]
    TooLong(String),
}

impl SecretSource {
    /// Reads `{ env = "…" }` or `{ file = "…" }`.
    pub(super) fn read(value: &Value<'_>, folder: &Path) -> Result<Self, String> {
        const SHAPE: &str = "a secret is named, never written: { file = \"…\" } or { env = \"…\" }";
        let keys: Vec<&str> = value.keys().collect();
        match keys.as_slice() {
            ["env"] => Ok(Self::Env(value.text_of("env")?.to_owned())),
            ["file"] => Ok(Self::File(folder.join(value.text_of("file")?))),
            _ => Err(SHAPE.to_owned()),
        }
    }

    /// Fetches the secret.
    ///
    /// # Errors
    /// When it is not there, empty or too long.
    pub fn resolve(&self) -> Result<Secret, SecretError> {
        let text = match self {
            Self::Env(name) => {
                std::env::var(name).map_err(|_| SecretError::EnvUnset(name.clone()))?
            }
            Self::File(path) => {
                let unreadable = |source| SecretError::FileUnreadable {
                    path: path.clone(),
                    source,
                };
                let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
                if bytes > SECRET_BYTES_MAX {
                    return Err(SecretError::TooLong(self.to_string()));
                }
                std::fs::read_to_string(path).map_err(unreadable)?
            }
        };
        match text.trim() {
            "" => Err(SecretError::Empty(self.to_string())),
            text => Ok(Secret::new(text)),
        }
    }
}

impl std::fmt::Display for SecretSource {
    /// Says where it is, for messages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
