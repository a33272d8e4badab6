//! Runs in flight, on disk: after a crash each of them is reported as interrupted, exactly once.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use bongsu_model::{
    BlindReason, BootId, CleanupState, FeatureId, JourneyName, Outcome, Outcomes, Revision,
    RunFacts, RunId, RunReport, TargetName, Timestamp, Trigger, Vantage, Variant,
};

/// A run that has begun: enough to report it if its end is never seen.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct RunInFlight {
    pub(crate) id: RunId,
    pub(crate) vantage: Vantage,
    pub(crate) target: TargetName,
    pub(crate) journey: JourneyName,
    pub(crate) journey_revision: Revision,
    pub(crate) plan_revision: Revision,
    pub(crate) variant: Variant,
    pub(crate) trigger: Trigger,
    pub(crate) feature: FeatureId,
    pub(crate) due: Timestamp,
    pub(crate) started: Timestamp,
    pub(crate) boot: BootId,
    pub(crate) seq: u64,
}

impl RunInFlight {
    /// The report of a run that saw no end. `cleanup` says whether it left a debt.
    ///
    /// Nobody saw its end; a later stamp than its start would claim time that was not measured.
    pub(crate) fn interrupted(self, cleanup: CleanupState) -> RunReport {
        let ended = self.started;
        self.without_steps(Outcome::Blind(BlindReason::Interrupted), cleanup, ended)
    }

    /// The report of a run that has no steps to show.
    pub(crate) fn without_steps(
        self,
        outcome: Outcome,
        cleanup: CleanupState,
        ended: Timestamp,
    ) -> RunReport {
        RunReport {
            facts: RunFacts {
                id: self.id,
                vantage: self.vantage,
                target: self.target,
                journey: self.journey,
                journey_revision: self.journey_revision,
                plan_revision: self.plan_revision,
                variant: self.variant,
                trigger: self.trigger,
                due: self.due,
                started: self.started,
                ended,
                outcomes: Outcomes::only(self.feature, outcome),
                flaky: false,
                cleanup,
                boot: self.boot,
                seq: self.seq,
                clock_offset_s: 0.0,
            },
            steps: Vec::new(),
        }
    }
}

/// The folder of runs in flight: one small file each, gone when the run's report is spooled.
///
/// The files are not synced: what they are for is the death of the process, not of the machine,
/// and a lost one makes the slot `missed`, which is true as well.
#[derive(Debug)]
pub(crate) struct InFlight {
    folder: PathBuf,
}

impl InFlight {
    pub(crate) fn open(folder: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    pub(crate) fn begin(&self, run: &RunInFlight) -> std::io::Result<()> {
        let json = serde_json::to_vec(run).map_err(std::io::Error::other)?;
        std::fs::write(self.path(run.id), json)
    }

    pub(crate) fn end(&self, run: RunId) -> std::io::Result<()> {
        match std::fs::remove_file(self.path(run)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// What a former process left: the runs without a report, oldest first. Those whose report is
    /// already spooled are struck out.
    pub(crate) fn left_behind(
        &self,
        reported: &HashSet<RunId>,
    ) -> std::io::Result<Vec<RunInFlight>> {
        let mut left = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let run = std::fs::read(&path)
                .ok()
                .and_then(|json| serde_json::from_slice::<RunInFlight>(&json).ok());
            match run {
                Some(run) if !reported.contains(&run.id) => left.push(run),
                // Reported, or cut short before the run began: either way there is nothing to tell.
                Some(_) | None => std::fs::remove_file(&path)?,
            }
        }
        left.sort_by_key(|run| (run.started, run.seq));
        Ok(left)
    }

    fn path(&self, run: RunId) -> PathBuf {
        self.folder.join(run.to_string())
    }

    pub(crate) fn folder_in(data: &Path) -> PathBuf {
        data.join("in-flight")
    }
}
