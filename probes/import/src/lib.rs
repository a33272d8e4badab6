//! From what other tools have written to journey text: recordings (HAR), commands (curl), files
//! (hurl) and descriptions (OpenAPI).
//!
//! Text in, [`Imported`] out; the crate is pure. What comes out is read by the journey language
//! whatever went in. A credential is never in it: where one stood, a field of the actor's account
//! stands, or what an earlier answer gave. What has no equivalent is told in a comment at its
//! place, never dropped in silence.

mod answers;
mod credentials;
mod curl;
mod draft;
mod finish;
mod har;
mod hurl;
mod lowering;
mod marks;
mod names;
mod openapi;
mod parts;
mod phrase;
mod request;
mod sites;
mod toml_text;
mod write;

use bongsu_model::{FeatureId, JourneyName, PoolName};

pub use curl::curl;
pub use har::{Assets, HarOptions, har};
pub use hurl::hurl;
pub use openapi::openapi;

/// Most bytes of a file that is imported: recordings with bodies are large.
pub const INPUT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The actor of an imported journey.
pub(crate) const ACTOR: &str = "user";

/// What an import cannot know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The journey's name.
    pub journey: JourneyName,
    /// The feature that it measures; a placeholder stands there if it is not said.
    pub feature: Option<FeatureId>,
    /// The pool that its actor's account is leased from; a placeholder if it is not said.
    pub pool: Option<PoolName>,
}

/// A journey's text, and what its author has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The text of one journey file.
    pub text: String,
    /// What was left out, what is still to be named, what the target profile needs; no secrets.
    pub notes: Vec<String>,
}

/// Why nothing was imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The text is not of the format.
    #[error("this is not {format}: {reason}")]
    Format {
        /// What it should be, with its article.
        format: &'static str,
        /// Why it is not.
        reason: String,
    },
    /// There is nothing in it that a journey can do.
    #[error("nothing can be imported: {reason}")]
    Empty {
        /// Why.
        reason: String,
    },
    /// What is to be imported is not said, or is not in it.
    #[error("{what}; there are: {known}")]
    Absent {
        /// What is not said, or what was looked for.
        what: String,
        /// What could be said.
        known: String,
    },
    /// It asks for what is not done.
    #[error("{what} is refused: {why}")]
    Refused {
        /// What was asked for.
        what: String,
        /// Why not, and what to do instead.
        why: String,
    },
}
