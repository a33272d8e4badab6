//! Runs in flight, on disk: after a crash each of them is reported as interrupted, exactly once.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bongsu_model::{
    BlindReason, BootId, CleanupState, FeatureId, JourneyName, Outcome, Outcomes, Revision,
    RunFacts, RunId, RunReport, TargetName, Timestamp, Trigger, Vantage, Variant,
};

use crate::crc::crc32c;

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

/// Bytes of a place: a run's note with names of 100 bytes each has less than 1,600.
const PLACE_BYTES: usize = 2048;

/// Bytes before the note: its length u32, and the CRC-32C u32 of length and note, little-endian.
/// A free place begins with zeroes.
const HEAD_BYTES: usize = 8;

/// The file of runs in flight: places of equal size, each free or holding the note of one run.
/// It has as many places as there ever were runs at a time, and none is ever moved, so that
/// beginning and ending a run are one small write each, and ending needs no room on a full disk.
///
/// The file is not synced: what it is for is the death of the process, not of the machine. A note
/// lost with the machine makes the slot `missed`, which is true as well; one that comes back says
/// again what is already told under the run's id.
#[derive(Debug)]
pub(crate) struct InFlight {
    file: File,
    taken: HashMap<RunId, u64>,
    /// The places below `places` that are free, the one that was freed last at the end.
    free: Vec<u64>,
    places: u64,
}

impl InFlight {
    /// Opens the file at `path` and reads what a former process left: the runs without a report,
    /// oldest first. Those whose report is in the spool are struck out.
    pub(crate) fn open(
        path: &Path,
        reported: &HashSet<RunId>,
    ) -> std::io::Result<(Self, Vec<RunInFlight>)> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let mut in_flight = Self {
            file,
            taken: HashMap::new(),
            free: Vec::new(),
            places: 0,
        };
        let mut left = Vec::new();
        for bytes in std::fs::read(path)?.chunks(PLACE_BYTES) {
            let place = in_flight.places;
            in_flight.places += 1;
            match note(bytes) {
                Some(run) if !reported.contains(&run.id) => {
                    in_flight.taken.insert(run.id, place);
                    left.push(run);
                }
                // Reported, or cut short before the run began: there is nothing to tell.
                Some(_) | None => in_flight.free(place)?,
            }
        }
        left.sort_by_key(|run| (run.started, run.seq));
        Ok((in_flight, left))
    }

    /// Writes down that a run begins.
    pub(crate) fn begin(&mut self, run: &RunInFlight) -> std::io::Result<()> {
        let mut bytes = vec![0; HEAD_BYTES];
        serde_json::to_writer(&mut bytes, run).map_err(Error::other)?;
        if bytes.len() > PLACE_BYTES {
            return Err(Error::new(ErrorKind::FileTooLarge, "its note is too long"));
        }
        let length = u32::try_from(bytes.len() - HEAD_BYTES).expect("shorter than a place");
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        let crc = crc32c(&[&bytes[..4], &bytes[HEAD_BYTES..]]);
        bytes[4..HEAD_BYTES].copy_from_slice(&crc.to_le_bytes());
        let place = self.free.pop().unwrap_or_else(|| {
            self.places += 1;
            self.places - 1
        });
        if let Err(error) = self.file.write_all_at(&bytes, place * PLACE_BYTES as u64) {
            // What was written of it is no whole note.
            self.free.push(place);
            return Err(error);
        }
        self.taken.insert(run.id, place);
        Ok(())
    }

    /// Strikes a run out.
    pub(crate) fn end(&mut self, run: RunId) -> std::io::Result<()> {
        match self.taken.remove(&run) {
            Some(place) => self.free(place),
            None => Ok(()),
        }
    }

    fn free(&mut self, place: u64) -> std::io::Result<()> {
        self.free.push(place);
        self.file
            .write_all_at(&[0; HEAD_BYTES], place * PLACE_BYTES as u64)
    }

    pub(crate) fn path_in(data: &Path) -> PathBuf {
        data.join("in-flight.notes")
    }
}

/// The note in a place. None if it is free, or what stands there is not whole.
fn note(place: &[u8]) -> Option<RunInFlight> {
    let word = |at: usize| {
        let bytes = place.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    let length = usize::try_from(word(0)?).ok()?;
    let json = place.get(HEAD_BYTES..HEAD_BYTES.checked_add(length)?)?;
    if length == 0 || crc32c(&[&place[..4], json]) != word(4)? {
        return None;
    }
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use bongsu_model::{AgentId, NetworkId, RegionId};

    use super::*;

    pub(crate) fn run(n: u8, name: &str) -> RunInFlight {
        RunInFlight {
            id: RunId::from_bytes([n; 16]),
            vantage: Vantage {
                region: RegionId::new(name).unwrap(),
                network: NetworkId::new(name).unwrap(),
                agent: AgentId::new(name).unwrap(),
            },
            target: TargetName::new(name).unwrap(),
            journey: JourneyName::new(name).unwrap(),
            journey_revision: Revision::of(&[n]),
            plan_revision: Revision::of(&[n]),
            variant: Variant::cold(),
            trigger: Trigger::Scheduled { slot: u64::MAX },
            feature: FeatureId::new(&format!("a.{}", &name[..name.len() - 2])).unwrap(),
            due: Timestamp::MAX,
            started: Timestamp::from_unix_seconds(u64::from(n)),
            boot: BootId::new(name).unwrap(),
            seq: u64::MAX,
        }
    }

    fn open(path: &Path, reported: &[u8]) -> (InFlight, Vec<u8>) {
        let reported = reported.iter().map(|n| RunId::from_bytes([*n; 16]));
        let (file, left) = InFlight::open(path, &reported.collect()).unwrap();
        let ids = left.iter().map(|run| run.id.as_bytes()[0]).collect();
        (file, ids)
    }

    #[test]
    fn runs_that_never_ended_are_found_again_until_they_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let (mut file, left) = open(&path, &[]);
        assert!(left.is_empty());
        for n in [3, 1, 2, 4] {
            file.begin(&run(n, "seoul")).unwrap();
        }
        file.end(RunId::from_bytes([1; 16])).unwrap();
        file.end(RunId::from_bytes([9; 16])).unwrap();
        drop(file);
        let (mut file, left) = open(&path, &[4]);
        assert_eq!(
            left,
            [2, 3],
            "oldest first, without ended and reported ones"
        );
        file.end(RunId::from_bytes([2; 16])).unwrap();
        file.begin(&run(7, "busan")).unwrap();
        drop(file);
        assert_eq!(open(&path, &[]).1, [3, 7]);
    }

    #[test]
    fn the_file_grows_with_runs_at_a_time_and_not_with_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let (mut file, _) = open(&path, &[]);
        for n in 1..=200 {
            file.begin(&run(n, "seoul")).unwrap();
            if n > 3 {
                file.end(RunId::from_bytes([n - 3; 16])).unwrap();
            }
        }
        let bytes = std::fs::metadata(&path).unwrap().len();
        assert!(bytes <= 4 * PLACE_BYTES as u64, "{bytes}");
        assert_eq!(open(&path, &[]).1, [198, 199, 200]);
    }

    #[test]
    fn the_longest_names_fit_into_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let longest = run(1, &"n".repeat(100));
        open(&path, &[]).0.begin(&longest).unwrap();
        let (_, left) = InFlight::open(&path, &HashSet::new()).unwrap();
        assert_eq!(left, [longest]);
    }

    #[test]
    fn a_note_cut_or_damaged_anywhere_is_none_and_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let mut file = open(&path, &[]).0;
        for n in [1, 2] {
            file.begin(&run(n, "seoul")).unwrap();
        }
        drop(file);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..HEAD_BYTES + 20 {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(open(&path, &[]).1, [2], "byte {at}");
        }
        for cut in PLACE_BYTES..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(open(&path, &[]).1, [1], "cut at {cut}");
        }
    }
}
