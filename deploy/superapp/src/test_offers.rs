//! Offers that drivers order for themselves, to see that they would be reached. Knows no HTTP.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_model::Monotonic;

/// Most offers kept of one driver; the oldest is forgotten.
const OFFERS_PER_DRIVER_MAX: usize = 16;
/// How long an offer waits for the driver's word.
const OFFER_LASTS: Duration = Duration::from_secs(10);

/// How far an offer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfferState {
    Open,
    Declined,
    Expired,
}

impl OfferState {
    /// Its word in answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Declined => "declined",
            Self::Expired => "expired",
        }
    }
}

/// An offer as its driver sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestOffer {
    pub(crate) id: String,
    pub(crate) client_ref: String,
    pub(crate) state: OfferState,
    /// The number that rings the passenger without telling theirs.
    pub(crate) masked: String,
}

#[derive(Debug)]
struct Kept {
    id: u64,
    client_ref: String,
    is_declined: bool,
    until: Monotonic,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    offers: HashMap<String, VecDeque<Kept>>,
}

/// The test offers of one platform.
#[derive(Debug, Default)]
pub(crate) struct TestOffers(Mutex<State>);

impl TestOffers {
    /// An offer for `driver`, once per reference. True if it was made now.
    pub(crate) fn order(
        &self,
        driver: &str,
        client_ref: &str,
        now: Monotonic,
    ) -> (TestOffer, bool) {
        let mut state = self.state();
        let known = state.offers.get(driver).into_iter().flatten();
        if let Some(kept) = known.into_iter().find(|kept| kept.client_ref == client_ref) {
            return (view(kept, now), false);
        }
        state.last_id += 1;
        let kept = Kept {
            id: state.last_id,
            client_ref: client_ref.to_owned(),
            is_declined: false,
            until: now + OFFER_LASTS,
        };
        let offer = view(&kept, now);
        let own = state.offers.entry(driver.to_owned()).or_default();
        if own.len() >= OFFERS_PER_DRIVER_MAX {
            own.pop_front();
        }
        own.push_back(kept);
        (offer, true)
    }

    /// The driver does not want it. Asking again changes nothing.
    pub(crate) fn decline(&self, driver: &str, id: &str, now: Monotonic) -> Option<TestOffer> {
        let mut state = self.state();
        let kept = state
            .offers
            .get_mut(driver)?
            .iter_mut()
            .find(|kept| named(kept.id) == id)?;
        if now < kept.until {
            kept.is_declined = true;
        }
        Some(view(kept, now))
    }

    /// An offer to `driver`.
    pub(crate) fn get(&self, driver: &str, id: &str, now: Monotonic) -> Option<TestOffer> {
        let state = self.state();
        let own = state.offers.get(driver)?;
        let kept = own.iter().find(|kept| named(kept.id) == id)?;
        Some(view(kept, now))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn view(kept: &Kept, now: Monotonic) -> TestOffer {
    let state = match (kept.is_declined, now < kept.until) {
        (true, _) => OfferState::Declined,
        (false, true) => OfferState::Open,
        (false, false) => OfferState::Expired,
    };
    TestOffer {
        id: named(kept.id),
        client_ref: kept.client_ref.clone(),
        state,
        // 050x numbers are those of the masking services in Korea.
        masked: format!(
            "0504-{:04}-{:04}",
            kept.id / 10_000 % 10_000,
            kept.id % 10_000
        ),
    }
}

fn named(id: u64) -> String {
    format!("to-{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_made_once_and_waits_ten_seconds() {
        let at = |seconds| Monotonic::from_origin(Duration::from_secs(seconds));
        let offers = TestOffers::default();
        let (offer, is_new) = offers.order("u-a", "r", at(0));
        assert!(is_new && offer.state == OfferState::Open);
        assert_eq!(offers.order("u-a", "r", at(1)), (offer.clone(), false));
        assert_eq!(offers.decline("u-b", &offer.id, at(1)), None);
        let other = offers.order("u-a", "s", at(0)).0;
        let declined = offers.decline("u-a", &offer.id, at(9)).unwrap();
        assert_eq!(declined.state, OfferState::Declined);
        let late = offers.decline("u-a", &other.id, at(10)).unwrap();
        assert_eq!(late.state, OfferState::Expired);
        for n in 0..OFFERS_PER_DRIVER_MAX {
            offers.order("u-a", &n.to_string(), at(20));
        }
        assert_eq!(offers.get("u-a", &offer.id, at(20)), None);
    }
}
