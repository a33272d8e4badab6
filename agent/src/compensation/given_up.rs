//! The folder `debts/given-up/`: cleanups that nobody will pay, kept for people, bounded.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use bongsu_model::RunId;

/// Most records in the folder: 40 MiB at a block of 4 KiB each, and 160 KiB of ids in memory. It
/// is a third of the debts that there may be, enough to see what was left where.
pub(super) const GIVEN_UP_MAX: usize = 10_000;

/// The folder, and which runs have a record in it.
#[derive(Debug)]
pub(super) struct GivenUp {
    folder: PathBuf,
    kept_max: usize,
    kept: Mutex<BTreeSet<RunId>>,
}

impl GivenUp {
    /// Reads which records there are.
    pub(super) fn open(debts: &Path, kept_max: usize) -> std::io::Result<Self> {
        let folder = debts.join("given-up");
        let kept = match std::fs::read_dir(&folder) {
            Ok(entries) => entries
                .filter_map(|entry| entry.map(|entry| run_of(&entry.path())).transpose())
                .collect::<Result<_, _>>()?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeSet::new(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            folder,
            kept_max,
            kept: Mutex::new(kept),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<RunId>> {
        self.kept
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Moves the record of `run` here from `from`; gives how many older ones had to go for it.
    /// Ids of runs sort by time, so the first is the oldest. Blocks.
    pub(super) fn keep(&self, run: RunId, from: &Path) -> std::io::Result<u64> {
        std::fs::create_dir_all(&self.folder)?;
        match std::fs::rename(from, self.path(run)) {
            // A file that somebody else removed is as gone as one that we moved.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
            done => done?,
        }
        self.lock().insert(run);
        let mut dropped = 0;
        while let Some(oldest) = self.oldest_too_many() {
            match std::fs::remove_file(self.path(oldest)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => dropped += 1,
            }
        }
        Ok(dropped)
    }

    fn oldest_too_many(&self) -> Option<RunId> {
        let mut kept = self.lock();
        (kept.len() > self.kept_max)
            .then(|| kept.pop_first())
            .flatten()
    }

    fn path(&self, run: RunId) -> PathBuf {
        self.folder.join(format!("{run}.json"))
    }
}

/// The run of a record, by its name.
fn run_of(path: &Path) -> Option<RunId> {
    if path.extension()? != "json" {
        return None;
    }
    path.file_stem()?.to_str()?.parse().ok()
}
