//! Where operators write what only people know: bounded, durable when it answers, never changed.

use std::time::Duration;

use bongsu_model::OperatorId;
use tokio::sync::Mutex;

use super::lineage::Lineage;
use super::words::{WORDS_MAX, Words};
use crate::journal::{AppendError, Journal, ReadError, Record, WordsFacts};
use crate::state::Shared;

/// Words that are taken in within 24 hours, of all incidents: one every five minutes. At 64 KiB
/// each at most they are 18 MiB of the journal a day.
pub const WORDS_PER_DAY_MAX: u64 = 288;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Why words were not taken in.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Too many were within a day.
    #[error(
        "{WORDS_PER_DAY_MAX} texts a day are taken in, and so many were since yesterday at this \
         time: write several topics at once"
    )]
    TooManyToday,
    /// There are too many of this incident.
    #[error(
        "{WORDS_MAX} texts are kept of an incident, those of what was merged into it aside, and so \
         many there are"
    )]
    TooMany,
    /// The journal took none.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// How many there are could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Takes words in.
#[derive(Debug)]
pub struct Pen {
    journal: Journal,
    /// Held while a request is worked on: the counts stand still meanwhile.
    turn: Mutex<()>,
}

impl Pen {
    /// A pen that writes into `journal`.
    pub const fn new(journal: Journal) -> Self {
        Self {
            journal,
            turn: Mutex::const_new(()),
        }
    }

    /// Makes words durable.
    ///
    /// # Errors
    /// When there are too many, or the journal cannot keep them.
    pub async fn write(
        &self,
        shared: &Shared,
        by: OperatorId,
        about: Lineage,
        words: Words,
    ) -> Result<(), WriteError> {
        let _turn = self.turn.lock().await;
        let since = shared.clock.wall() - DAY;
        // What was written of those that were merged into it leaves as much room as before.
        let own = Lineage {
            absorbed: Vec::new(),
            ..about
        };
        let (target, incident) = (own.target.clone(), own.incident.to_string());
        let counts =
            shared.read(move |reader| Ok((reader.count_words(since)?, reader.words(&own)?.len())));
        let (today, all) = counts.await?;
        if today >= WORDS_PER_DAY_MAX {
            return Err(WriteError::TooManyToday);
        }
        if all >= WORDS_MAX {
            return Err(WriteError::TooMany);
        }
        let facts = WordsFacts {
            by,
            target,
            incident,
            words,
        };
        self.journal.append(vec![Record::words(&facts)]).await?;
        Ok(())
    }
}
