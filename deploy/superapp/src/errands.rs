//! What is ordered of drivers beside taxis: somebody who drives one's own car home, and parcels that
//! are fetched at once. Knows no HTTP.
//!
//! A test order is taken by the stand-in's own driver a moment later, who never comes: who ordered
//! cancels it, free of charge. Nothing runs by itself: whoever asks lets first happen what is due.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_model::{Monotonic, Timestamp};

/// Most errands kept; what is over is forgotten first, then the oldest.
const ERRANDS_MAX: usize = 1024;
/// Most errands of one user that are not over.
const ERRANDS_OPEN_MAX: usize = 8;
/// How long an errand is known.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 3600);
/// When one that nobody cancels is over, by the clock on the wall, as a ride is.
const ABANDONED_AFTER: Duration = Duration::from_secs(1800);
/// How long it takes until a driver has it.
const TAKEN_AFTER: Duration = Duration::from_millis(200);

/// What is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrandKind {
    /// Somebody who drives one's own car.
    Chauffeur,
    /// A parcel from one place to another.
    Parcel,
}

/// How far an errand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrandState {
    Requested,
    Taken,
    Cancelled,
    /// Nobody cancelled it.
    Abandoned,
}

impl ErrandState {
    /// Its word in answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Taken => "taken",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether it goes on.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::Requested | Self::Taken)
    }
}

/// An errand as who ordered it sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Errand {
    pub(crate) id: String,
    pub(crate) state: ErrandState,
    /// In won.
    pub(crate) price: u64,
    pub(crate) client_ref: String,
}

/// An errand that is not over.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct OpenErrand {
    /// Its id.
    pub id: String,
    /// Who ordered it.
    pub user_id: String,
    /// What it is called by who ordered it.
    pub client_ref: String,
    /// Seconds since it was ordered.
    pub age_s: f64,
}

#[derive(Debug)]
struct Kept {
    kind: ErrandKind,
    user_id: String,
    client_ref: String,
    price: u64,
    ordered_at: Timestamp,
    ordered: Monotonic,
    state: ErrandState,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    kept: BTreeMap<u64, Kept>,
}

/// The errands of one platform.
#[derive(Debug, Default)]
pub(crate) struct Errands(Mutex<State>);

impl Errands {
    /// Lets drivers take what is due, but for what is `lost`, and ends what nobody cancelled.
    pub(crate) fn advance(
        &self,
        (wall, now): (Timestamp, Monotonic),
        lost: impl Fn(ErrandKind) -> bool,
    ) {
        let mut state = self.state();
        for kept in state.kept.values_mut() {
            let waited = now.since(kept.ordered);
            if kept.state.is_open() && wall.since(kept.ordered_at) >= ABANDONED_AFTER {
                kept.state = ErrandState::Abandoned;
            }
            if kept.state == ErrandState::Requested && waited >= TAKEN_AFTER && !lost(kept.kind) {
                kept.state = ErrandState::Taken;
            }
        }
        state
            .kept
            .retain(|_, kept| now.since(kept.ordered) < KNOWN_FOR);
    }

    /// Orders it, once per user, kind and reference; None if too many are open. True if it is new.
    pub(crate) fn order(
        &self,
        (kind, user_id): (ErrandKind, &str),
        (client_ref, price): (String, u64),
        (ordered_at, ordered): (Timestamp, Monotonic),
    ) -> Option<(Errand, bool)> {
        let mut state = self.state();
        let own = || {
            state
                .kept
                .iter()
                .filter(|(_, kept)| kept.user_id == user_id)
        };
        let before = own().find(|(_, kept)| kept.kind == kind && kept.client_ref == client_ref);
        if let Some((id, kept)) = before {
            return Some((view(*id, kept), false));
        }
        if own().filter(|(_, kept)| kept.state.is_open()).count() >= ERRANDS_OPEN_MAX {
            return None;
        }
        state.make_room();
        state.last_id += 1;
        let id = state.last_id;
        let kept = Kept {
            kind,
            user_id: user_id.to_owned(),
            client_ref,
            price,
            ordered_at,
            ordered,
            state: ErrandState::Requested,
        };
        let errand = view(id, &kept);
        state.kept.insert(id, kept);
        Some((errand, true))
    }

    /// Cancels it, free of charge. What is over stays as it is.
    pub(crate) fn cancel(&self, kind: ErrandKind, user_id: &str, id: &str) -> Option<Errand> {
        let mut state = self.state();
        let number = number(id)?;
        let kept = state.kept.get_mut(&number);
        let kept = kept.filter(|kept| kept.user_id == user_id && kept.kind == kind)?;
        if kept.state.is_open() {
            kept.state = ErrandState::Cancelled;
        }
        Some(view(number, kept))
    }

    /// An errand of `user_id`.
    pub(crate) fn get(&self, kind: ErrandKind, user_id: &str, id: &str) -> Option<Errand> {
        let state = self.state();
        let number = number(id)?;
        let kept = state.kept.get(&number);
        let kept = kept.filter(|kept| kept.user_id == user_id && kept.kind == kind)?;
        Some(view(number, kept))
    }

    /// The errands of `user_id`, of one reference or all, newest last.
    pub(crate) fn find(
        &self,
        kind: ErrandKind,
        user_id: &str,
        client_ref: Option<&str>,
    ) -> Vec<Errand> {
        let state = self.state();
        let own = state.kept.iter().filter(|(_, kept)| {
            kept.user_id == user_id
                && kept.kind == kind
                && client_ref.is_none_or(|one| kept.client_ref == one)
        });
        own.map(|(id, kept)| view(*id, kept)).collect()
    }

    /// The errands that are not over, oldest first.
    pub(crate) fn open(&self, now: Timestamp) -> Vec<OpenErrand> {
        let state = self.state();
        let open = state.kept.iter().filter(|(_, kept)| kept.state.is_open());
        open.map(|(id, kept)| OpenErrand {
            id: named(*id),
            user_id: kept.user_id.clone(),
            client_ref: kept.client_ref.clone(),
            age_s: now.since(kept.ordered_at).as_secs_f64(),
        })
        .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn make_room(&mut self) {
        if self.kept.len() < ERRANDS_MAX {
            return;
        }
        let mut kept = self.kept.iter();
        let over = kept.find(|(_, kept)| !kept.state.is_open());
        let goes = over.map(|(id, _)| *id);
        if let Some(id) = goes.or_else(|| self.kept.keys().next().copied()) {
            self.kept.remove(&id);
        }
    }
}

fn view(id: u64, kept: &Kept) -> Errand {
    Errand {
        id: named(id),
        state: kept.state,
        price: kept.price,
        client_ref: kept.client_ref.clone(),
    }
}

fn named(id: u64) -> String {
    format!("e-{id}")
}

fn number(id: &str) -> Option<u64> {
    id.strip_prefix("e-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: (ErrandKind, &str) = (ErrandKind::Parcel, "u-a");

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_origin(Duration::from_millis(millis))
    }

    /// A moment of the first day, on which the clock on the wall stands still.
    fn today(millis: u64) -> (Timestamp, Monotonic) {
        (Timestamp::EPOCH, at(millis))
    }

    #[test]
    fn an_errand_is_ordered_once_taken_and_cancelled() {
        let errands = Errands::default();
        let order = |millis| {
            errands
                .order(WHO, ("r".to_owned(), 9), today(millis))
                .unwrap()
        };
        let (errand, is_new) = order(0);
        assert!(is_new && !order(1).1);
        let state = || {
            errands
                .get(ErrandKind::Parcel, "u-a", &errand.id)
                .unwrap()
                .state
        };
        errands.advance(today(500), |_| true);
        assert_eq!(state(), ErrandState::Requested);
        errands.advance(today(500), |_| false);
        assert_eq!(state(), ErrandState::Taken);
        assert_eq!(
            errands.cancel(ErrandKind::Chauffeur, "u-a", &errand.id),
            None
        );
        assert_eq!(errands.cancel(ErrandKind::Parcel, "u-b", &errand.id), None);
        errands
            .cancel(ErrandKind::Parcel, "u-a", &errand.id)
            .unwrap();
        assert_eq!(state(), ErrandState::Cancelled);
        assert!(errands.open(Timestamp::EPOCH).is_empty());
    }

    #[test]
    fn errands_are_bounded_and_end_by_themselves() {
        let errands = Errands::default();
        let order = |n: usize| errands.order(WHO, (n.to_string(), 9), today(0));
        for n in 0..ERRANDS_OPEN_MAX {
            order(n).unwrap();
        }
        assert_eq!(order(99), None);
        let over = Timestamp::EPOCH + ABANDONED_AFTER;
        errands.advance((over - Duration::from_millis(1), at(1)), |_| false);
        assert_eq!(errands.open(over).len(), ERRANDS_OPEN_MAX);
        errands.advance((over, at(1)), |_| false);
        assert!(errands.open(over).is_empty());
        for n in 100..100 + ERRANDS_MAX {
            let errand = order(n).unwrap().0;
            errands
                .cancel(ErrandKind::Parcel, "u-a", &errand.id)
                .unwrap();
        }
        assert_eq!(
            errands.find(ErrandKind::Parcel, "u-a", None).len(),
            ERRANDS_MAX
        );
    }
}
