//! Where claims are handed in: one request after the other, so many a day, durable when it answers.

use std::time::Duration;

use bongsu_model::{Claim, OperatorId};
use tokio::sync::Mutex;

use crate::journal::{AppendError, ClaimFacts, Journal, ReadError, Record, Stored};
use crate::state::Shared;

/// Claims that are taken in within 24 hours: 43 features stated anew twice an hour. At 3 KiB each
/// at most they are 6 MiB of the journal a day.
pub const CLAIMS_PER_DAY_MAX: u64 = 2_000;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long an answer waits until what it took in is shown, in wall time. Deriving that is behind
/// shows it later.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandedIn {
    /// It is new, and durable.
    New,
    /// The same claim was there already.
    Known,
}

/// Why claims were not taken in: none of them was.
#[derive(Debug, thiserror::Error)]
pub enum HandInError {
    /// Too many were taken in within a day.
    #[error(
        "{CLAIMS_PER_DAY_MAX} claims a day are taken in, and {taken} were since yesterday at this \
         time: hand in fewer, or the rest tomorrow"
    )]
    TooMany {
        /// How many were.
        taken: u64,
    },
    /// The journal took none.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// How many there are could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Takes claims in.
#[derive(Debug)]
pub struct Desk {
    journal: Journal,
    /// Held while a request is worked on: the count of the day stands still meanwhile.
    turn: Mutex<()>,
}

impl Desk {
    /// A desk whose claims go into `journal`.
    pub const fn new(journal: Journal) -> Self {
        Self {
            journal,
            turn: Mutex::const_new(()),
        }
    }

    /// Makes claims durable, all or none. It answers when they are shown, or shortly after they
    /// could be.
    ///
    /// # Errors
    /// When too many were handed in, or the journal cannot keep them.
    pub async fn hand_in(
        &self,
        shared: &Shared,
        by: &OperatorId,
        claims: Vec<Claim>,
    ) -> Result<Vec<HandedIn>, HandInError> {
        let _turn = self.turn.lock().await;
        let known = shared.published();
        let new = claims
            .iter()
            .filter(|claim| !known.claims.has(claim, claim.id()))
            .count() as u64;
        let since = shared.clock.wall() - DAY;
        let taken = shared
            .read(move |reader| reader.count_claims(since))
            .await?;
        if new > 0 && taken + new > CLAIMS_PER_DAY_MAX {
            return Err(HandInError::TooMany { taken });
        }
        let records = claims.into_iter().map(|claim| {
            Record::claim(&ClaimFacts {
                by: by.clone(),
                claim,
            })
        });
        let stored = self.journal.append(records.collect()).await?;
        let last = stored.iter().filter_map(|stored| match stored {
            Stored::New(seq) => Some(*seq),
            Stored::Duplicate | Stored::Conflict => None,
        });
        if let Some(last) = last.max() {
            let mut pictures = shared.watch();
            let shown = pictures.wait_for(|picture| picture.claims.newest() >= last);
            let _ = tokio::time::timeout(SHOWN_WITHIN, shown).await;
        }
        let became = stored.iter().map(|stored| match stored {
            Stored::New(_) => HandedIn::New,
            Stored::Duplicate | Stored::Conflict => HandedIn::Known,
        });
        Ok(became.collect())
    }
}
