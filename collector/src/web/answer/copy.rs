//! Board and recovery as files.

use bongsu_model::TargetName;

use super::Time;

/// `GET /api/v1/copy`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct CopyAnswer {
    /// The environment.
    pub target: TargetName,
    /// As of when they all are.
    pub as_of: Time,
    /// The files, in the order in which they are best written.
    pub files: Vec<CopyFileAnswer>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CopyFileAnswer {
    /// Its name, without a folder.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its content.
    pub content: String,
}
