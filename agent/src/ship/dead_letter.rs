//! What a collector refused for good: kept for people, bounded, never sent again.

use std::io::Write as _;
use std::path::PathBuf;

use bongsu_model::Timestamp;

/// Most bytes of all dead letters: enough to see what went wrong, not a second spool.
const BYTES_MAX: u64 = 16 << 20;

/// The folder of dead letters: `refused.log` says when and why, a file each holds the OTLP bytes.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetters {
    folder: PathBuf,
}

/// A refusal.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(crate) collector: String,
    pub(crate) time: Timestamp,
    /// `traces` or `logs`.
    pub(crate) signal: &'static str,
    /// The collector's reason.
    pub(crate) reason: String,
    pub(crate) body: Vec<u8>,
}

/// Whether a dead letter was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Yes,
    /// The folder is full; `refused.log` or the agent's own log still tell of it.
    Full,
}

impl DeadLetters {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Writes a dead letter down, off the runtime's thread.
    pub(crate) async fn keep(&self, letter: DeadLetter) -> std::io::Result<Kept> {
        let letters = self.clone();
        tokio::task::spawn_blocking(move || letters.write(&letter))
            .await
            .map_err(std::io::Error::other)?
    }

    fn write(&self, letter: &DeadLetter) -> std::io::Result<Kept> {
        std::fs::create_dir_all(&self.folder)?;
        let mut bytes = 0;
        for entry in std::fs::read_dir(&self.folder)? {
            bytes += entry?.metadata()?.len();
        }
        if bytes + letter.body.len() as u64 > BYTES_MAX {
            return Ok(Kept::Full);
        }
        let nanos = letter.time.as_unix_nanos();
        let name = format!("{nanos:020}-{}-{}.otlp", letter.collector, letter.signal);
        std::fs::write(self.folder.join(&name), &letter.body)?;
        let mut log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("refused.log"))?;
        // A reason comes from outside: it must not begin a line of its own.
        let reason: String = letter
            .reason
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        writeln!(log, "{name} {reason}")?;
        Ok(Kept::Yes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(bytes: usize) -> DeadLetter {
        DeadLetter {
            collector: "main".to_owned(),
            time: Timestamp::from_unix_seconds(7),
            signal: "traces",
            reason: "status 400: bad\nfaked line".to_owned(),
            body: vec![1; bytes],
        }
    }

    #[test]
    fn a_letter_is_kept_with_its_reason_on_one_line_and_the_folder_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let letters = DeadLetters::new(folder.path().join("dead"));
        assert_eq!(letters.write(&letter(100)).unwrap(), Kept::Yes);
        let log = std::fs::read_to_string(folder.path().join("dead/refused.log")).unwrap();
        assert_eq!(
            log,
            "00000000007000000000-main-traces.otlp status 400: bad faked line\n"
        );
        let huge = usize::try_from(BYTES_MAX).unwrap();
        assert_eq!(letters.write(&letter(huge)).unwrap(), Kept::Full);
    }
}
