//! Folds that are kept, so that a report that is looked at again reads only what is new.

use std::sync::{Mutex, PoisonError};

use bongsu_availability::{IncidentView, RecoveryView};

use super::evidence::{PAGES_MAX, Wanted};
use super::tally::Fold;
use crate::journal::{ReadError, Reader};

/// Folds that are kept: the incidents that people look at during one outage. Of more the one that
/// was looked at longest ago goes; it is read again when it is asked for.
const KEPT_MAX: usize = 8;

/// A fold and how far it was read.
#[derive(Debug, Clone)]
struct Kept {
    wanted: Wanted,
    fold: Fold,
    looked: u64,
}

/// Folds by what they are of, the one looked at last at the end.
#[derive(Debug, Default)]
pub struct Folds(Mutex<Vec<Kept>>);

impl Folds {
    /// The fold of an incident with every run that the journal has by now.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn read(&self, reader: &Reader, wanted: Wanted, empty: Fold) -> Result<Fold, ReadError> {
        // What has left the journal is no evidence any more: then all is counted anew.
        let oldest = reader.oldest_run()?.map_or(u64::MAX, |(seq, _)| seq);
        let known = self.take(&wanted, &empty);
        let known = known.filter(|kept| kept.fold.first_seq().is_none_or(|seq| seq >= oldest));
        let mut kept = known.unwrap_or(Kept {
            wanted,
            fold: empty,
            looked: 0,
        });
        let mut is_whole = false;
        for _ in 0..PAGES_MAX {
            let page = reader.evidence(&kept.wanted, kept.looked, u64::MAX)?;
            let has_room = page.records.iter().all(|record| kept.fold.add(record));
            is_whole = page.next.is_none();
            if !has_room {
                break;
            }
            kept.looked = kept.looked.max(page.looked);
            if is_whole {
                break;
            }
        }
        let mut fold = kept.fold.clone();
        self.keep(kept);
        if !is_whole {
            fold.cut();
        }
        Ok(fold)
    }

    /// What was kept of the same runs, counted over the same windows.
    fn take(&self, wanted: &Wanted, empty: &Fold) -> Option<Kept> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |kept: &&Kept| kept.wanted == *wanted && kept.fold.counts_as(empty);
        all.iter().find(is_same).cloned()
    }

    fn keep(&self, kept: Kept) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever read farther meanwhile stays.
        let is_older = |other: &Kept| {
            other.fold.is_of(&kept.fold)
                && !(other.fold.counts_as(&kept.fold) && other.looked > kept.looked)
        };
        all.retain(|other| !is_older(other));
        if all.iter().any(|other| other.fold.is_of(&kept.fold)) {
            return;
        }
        if all.len() == KEPT_MAX {
            all.remove(0);
        }
        all.push(kept);
    }
}

/// An empty fold of an incident, and the runs that it wants.
pub fn of(incident: &IncidentView, outage: Option<&RecoveryView>) -> (Wanted, Fold) {
    (Wanted::of(incident), Fold::new(incident, outage))
}
