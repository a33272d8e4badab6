//! `jsonl`: one JSON object a run, as `--json` prints it, readable while the command runs.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::file::{create, failed};
use super::{Held, Ran, ReportError, Sink, Sum};
use crate::cli::render;

pub(super) struct JsonLines {
    path: PathBuf,
    file: File,
}

impl JsonLines {
    pub(super) fn open(path: &Path) -> Result<Self, ReportError> {
        let file = create(path).map_err(|source| failed(path, source))?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    fn line(&mut self, object: &Value) -> Result<(), ReportError> {
        // In one call, so that a reader who follows the file meets whole lines.
        let written = self.file.write_all(format!("{object}\n").as_bytes());
        written.map_err(|source| failed(&self.path, source))
    }
}

impl Sink for JsonLines {
    fn take(&mut self, ran: &Ran<'_>) -> Result<(), ReportError> {
        self.line(&render::json(ran.report))
    }

    fn held_back(&mut self, held: &Held<'_>) -> Result<(), ReportError> {
        self.line(&json!({ "journey": held.journey.name, "verdict": "skipped(kill_switch)" }))
    }

    fn finish(self: Box<Self>, _: &Sum<'_>) -> Result<(), ReportError> {
        Ok(())
    }
}
