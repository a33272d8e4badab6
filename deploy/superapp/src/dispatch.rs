//! The component `dispatch`: quotes, rides, and the drivers that they are offered to. Knows no HTTP.
//!
//! A ride is offered to drivers of its own run alone: rides and drivers that carry the same tag
//! find each other, so that two runs never cross. Nothing runs by itself: whoever asks lets first
//! happen what is due, and gets told what there is to tell.

mod rides;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_model::{Monotonic, RegionId, Timestamp};

use crate::audit::{Count, Counts};
use crate::map_core::Place;
use rides::State;

/// How long a quote holds.
pub(crate) const QUOTE_LASTS: Duration = Duration::from_secs(300);
/// Most quotes kept per rider; the oldest is forgotten.
const QUOTES_PER_RIDER_MAX: usize = 16;
/// Most rides kept per rider: an hour of a run every ten seconds over two accounts leaves 180.
const RIDES_PER_RIDER_MAX: usize = 256;
/// Most rides of one rider that are not over.
const RIDES_OPEN_MAX: usize = 8;
/// How long a driver may think about an offer, and how long drivers are looked for.
const OFFER_LASTS: Duration = Duration::from_secs(3);
const SEARCH_LASTS: Duration = Duration::from_secs(5);
/// How long a taxi needs to the rider.
const ARRIVES_AFTER: Duration = Duration::from_secs(60);
/// When a ride that nobody takes or cancels is over, by the clock on the wall: nobody waits for
/// that, so that it need not go by as slowly as what users and platform do with each other.
const ABANDONED_AFTER: Duration = Duration::from_secs(1800);
/// How far from the rider a taxi begins, in degrees each way: about 1.4 km.
const STARTS_AWAY: f64 = 0.01;

/// What a way costs, for a while.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quote {
    pub(crate) id: String,
    pub(crate) from: Place,
    pub(crate) to: Place,
    /// In won.
    pub(crate) price: u64,
    until: Monotonic,
}

/// A ride that someone wants.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) rider: String,
    pub(crate) quote: String,
    /// What the rider calls it, to find it again.
    pub(crate) client_ref: Option<String>,
    pub(crate) idempotency_key: String,
    /// The run that it belongs to.
    pub(crate) tag: Option<String>,
    /// From where it is called.
    pub(crate) region: RegionId,
}

/// How far a ride is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RideState {
    /// A driver is looked for.
    Requested,
    /// A driver has accepted and is on the way.
    Matched,
    /// The taxi waits at the rider's place.
    Arrived,
    /// The rider cancelled.
    Cancelled,
    /// No driver accepted in time.
    NoDrivers,
    /// Nobody came and nobody cancelled.
    Abandoned,
}

impl RideState {
    /// Its word in answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Matched => "matched",
            Self::Arrived => "arrived",
            Self::Cancelled => "cancelled",
            Self::NoDrivers => "no_drivers",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether it goes on.
    pub(crate) const fn is_open(self) -> bool {
        match self {
            Self::Requested | Self::Matched | Self::Arrived => true,
            Self::Cancelled | Self::NoDrivers | Self::Abandoned => false,
        }
    }
}

/// A ride as its rider and its driver see it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ride {
    pub(crate) id: String,
    pub(crate) rider: String,
    pub(crate) state: RideState,
    /// The driver's user id.
    pub(crate) driver: Option<String>,
    pub(crate) from: Place,
    pub(crate) to: Place,
    /// In won.
    pub(crate) price: u64,
    pub(crate) client_ref: Option<String>,
    pub(crate) called_at: Timestamp,
}

/// Where a taxi is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Position {
    pub(crate) ride: String,
    /// Counts half seconds since the driver accepted.
    pub(crate) number: u64,
    pub(crate) place: Place,
    pub(crate) arrives_in: Duration,
    pub(crate) region: RegionId,
}

/// Something that a user is to be told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notice {
    pub(crate) to: String,
    pub(crate) what: News,
    /// From where the ride was called.
    pub(crate) region: RegionId,
}

/// What there is to tell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum News {
    /// To a driver: someone wants a ride.
    Offer { id: String, ride: Ride },
    /// To a driver: it was cancelled.
    Withdrawn(Ride),
    /// To a rider: the ride has another state.
    Changed(Ride),
}

/// Why a ride is not made, or not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no such quote, or it holds no longer.
    NoSuchQuote,
    TooManyRides,
    NoSuchRide,
    NoSuchOffer,
    /// Somebody else has the ride, or it is over.
    OfferGone,
    /// The key was used for another ride.
    Conflict,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Called {
    New(Ride),
    /// It was made before under the same key.
    Before(Ride),
}

/// A ride that is not over.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct OpenRide {
    /// Its id.
    pub id: String,
    /// Who called it.
    pub rider: String,
    /// How far it is.
    pub state: &'static str,
    /// What its rider called it.
    pub client_ref: Option<String>,
    /// Seconds since it was called.
    pub age_s: f64,
}

/// The dispatch of one platform.
#[derive(Debug, Default)]
pub(crate) struct Dispatch(Mutex<State>);

impl Dispatch {
    /// Lets happen what is due; says what is to be told.
    pub(crate) fn advance(&self, now: (Timestamp, Monotonic), counts: &Counts) -> Vec<Notice> {
        self.state().advance(now, counts)
    }

    /// Keeps what a way costs, for a while.
    pub(crate) fn quote(
        &self,
        rider: &str,
        (from, to): (Place, Place),
        price: u64,
        now: Monotonic,
    ) -> Quote {
        let mut state = self.state();
        let quote = Quote {
            id: format!("q-{}", state.next_id()),
            from,
            to,
            price,
            until: now + QUOTE_LASTS,
        };
        let quotes = &mut state.rider(rider).quotes;
        while quotes
            .front()
            .is_some_and(|oldest| quotes.len() >= QUOTES_PER_RIDER_MAX || oldest.until <= now)
        {
            quotes.pop_front();
        }
        quotes.push_back(quote.clone());
        quote
    }

    /// Calls a taxi, once per rider and key.
    pub(crate) fn call(
        &self,
        call: Call,
        now: (Timestamp, Monotonic),
        counts: &Counts,
    ) -> Result<Called, Refused> {
        let called = self.state().call(call, now);
        match &called {
            Ok(Called::New(_)) => counts.add(Count::RidesCalled),
            Err(Refused::Conflict) => counts.add(Count::IdempotencyConflicts),
            Ok(Called::Before(_)) | Err(_) => {}
        }
        called
    }

    /// A ride of `rider`.
    pub(crate) fn get(&self, rider: &str, id: &str) -> Option<Ride> {
        self.state().get(rider, id)
    }

    /// The rides of `rider`, of one reference or all, newest last.
    pub(crate) fn rides(&self, rider: &str, client_ref: Option<&str>) -> Vec<Ride> {
        self.state().rides_of(rider, client_ref)
    }

    /// Cancels a ride, free of charge. What is over already stays as it is.
    pub(crate) fn cancel(
        &self,
        rider: &str,
        id: &str,
        counts: &Counts,
    ) -> Result<(Ride, Option<Notice>), Refused> {
        self.state().cancel(rider, id, counts)
    }

    /// A driver accepts an offer. Asking again changes nothing.
    pub(crate) fn accept(
        &self,
        driver: &str,
        offer: &str,
        now: Monotonic,
        counts: &Counts,
    ) -> Result<(Ride, Option<Notice>), Refused> {
        self.state().accept(driver, offer, now, counts)
    }

    /// A driver does not want a ride: the next one is asked.
    pub(crate) fn decline(&self, driver: &str, offer: &str) -> Result<Ride, Refused> {
        self.state().decline(driver, offer)
    }

    /// A driver can be offered rides from now on.
    pub(crate) fn online(&self, driver: &str, stream: u64, tag: Option<String>) {
        self.state().online(driver, stream, tag);
    }

    /// The stream of a driver has ended; nothing happens if a newer one is open.
    pub(crate) fn offline(&self, driver: &str, stream: u64) {
        self.state().offline(driver, stream);
    }

    /// Where the taxis are that come to `rider`.
    pub(crate) fn positions(&self, rider: &str, now: Monotonic) -> Vec<Position> {
        self.state().positions(rider, now)
    }

    /// The rides that are not over, oldest first.
    pub(crate) fn open(&self, now: Timestamp) -> Vec<OpenRide> {
        self.state().open_rides(now)
    }

    /// How many drivers can be offered rides.
    pub(crate) fn drivers_online(&self) -> usize {
        self.state().drivers.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
