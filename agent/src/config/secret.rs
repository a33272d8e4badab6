//! Where secrets are: named in files, never written in them.

use std::path::PathBuf;

use bongsu_model::Secret;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SecretSource {
    /// In this environment variable.
    Env(String),
    /// In this file, without white space at its ends.
    File(PathBuf),
}

/// Shortest secret in bytes: a shorter one would redact half of every page.
const SECRET_BYTES_MIN: usize = 6;

/// Longest secret in bytes: tokens and keys, not files given by mistake.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

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
    /// It is shorter than six bytes.
    #[error(
        "the secret in {0} is shorter than {SECRET_BYTES_MIN} bytes: too short to be kept out of pages"
    )]
    TooShort(String),
    /// It is longer than any token.
    #[error("the secret in {0} is longer than {SECRET_BYTES_MAX} bytes: is this the right file?")]
    TooLong(String),
}

impl SecretSource {
    /// Fetches the secret.
    ///
    /// # Errors
    /// When it is not there, too short or too long.
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
        let text = text.trim();
        if text.len() < SECRET_BYTES_MIN {
            return Err(SecretError::TooShort(self.to_string()));
        }
        Ok(Secret::new(text))
    }
}

impl SecretSource {
    /// Says where it is, as in the file.
    pub(super) fn as_toml(&self) -> String {
        match self {
            Self::Env(name) => format!("{{ env = {name:?} }}"),
            Self::File(path) => format!("{{ file = {path:?} }}"),
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
