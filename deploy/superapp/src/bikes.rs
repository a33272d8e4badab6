//! Bikes and their rides: the locks are the component `lock-iot`, the rides the dispatch's. Knows no
//! HTTP and moves no money.
//!
//! A lock does what it is told a moment later. The fee runs until the ride has ended, whatever the
//! lock says. Nothing runs by itself: whoever asks lets first happen what is due.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_model::Monotonic;

use crate::pay_core::PaymentRefused;

/// Most rides kept. What is over and owes nothing is forgotten first, then what was not paid; where
/// all were paid, no more begin.
const RIDES_MAX: usize = 1024;
/// Most rides of one rider that are not over.
const RIDES_OPEN_MAX: usize = 4;
/// How long a ride is known that is owed nothing.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long a lock takes to do what it is told.
const LOCK_TAKES: Duration = Duration::from_millis(200);
/// What test bikes cost: a won for each minute begun, and at most this.
const FEE_EVERY: Duration = Duration::from_secs(60);
const FEE_MAX: u64 = 100;

/// The bikes that can be ridden.
pub(crate) const BIKES: std::ops::RangeInclusive<u32> = 1..=200;

/// What a lock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    Opening,
    Open,
    Closing,
    Closed,
}

impl Lock {
    /// Its word in answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }
}

/// How far a ride is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BikeState {
    Riding,
    Ended,
    /// Ended by support, free of charge.
    Voided,
}

impl BikeState {
    /// Its word in answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Riding => "riding",
            Self::Ended => "ended",
            Self::Voided => "voided",
        }
    }
}

/// A ride as its rider sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BikeRide {
    pub(crate) id: String,
    pub(crate) bike: u32,
    pub(crate) state: BikeState,
    pub(crate) lock: Lock,
    /// In won: what it costs by now, or what it cost.
    pub(crate) fee: u64,
    pub(crate) payment: Option<String>,
    pub(crate) client_ref: String,
}

/// Why nothing happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BikeRefused {
    NoSuchBike,
    NoSuchRide,
    TooManyRides,
    /// A ride ends when the bike is locked.
    NotLocked,
    /// The ride is over.
    Over,
    /// It was not paid.
    Money(PaymentRefused),
}

/// A ride that is not over.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct BikeOut {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub rider: String,
    /// What its rider called it.
    pub client_ref: String,
    /// Seconds since the bike was unlocked.
    pub age_s: f64,
}

#[derive(Debug)]
struct Kept {
    rider: String,
    bike: u32,
    client_ref: String,
    began: Monotonic,
    lock: (Lock, Monotonic),
    state: BikeState,
    /// Fee and payment, from when it has ended.
    paid: Option<(u64, String)>,
}

impl Kept {
    /// Whether money was paid that goes back when support ends the ride.
    fn is_owed(&self) -> bool {
        self.paid.is_some() && self.state != BikeState::Voided
    }
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    rides: BTreeMap<u64, Kept>,
}

/// The bikes of one platform.
#[derive(Debug, Default)]
pub(crate) struct Bikes(Mutex<State>);

impl Bikes {
    /// Lets the locks do what they were told, unless what they are told gets lost.
    pub(crate) fn advance(&self, now: Monotonic, is_lost: bool) {
        let mut state = self.state();
        for kept in state.rides.values_mut().filter(|_| !is_lost) {
            let (lock, told) = kept.lock;
            if now.since(told) >= LOCK_TAKES {
                kept.lock.0 = match lock {
                    Lock::Opening | Lock::Open => Lock::Open,
                    Lock::Closing | Lock::Closed => Lock::Closed,
                };
            }
        }
        state
            .rides
            .retain(|_, kept| kept.is_owed() || now.since(kept.began) < KNOWN_FOR);
    }

    /// Unlocks a bike, once per rider and reference. True if it was unlocked now.
    pub(crate) fn unlock(
        &self,
        rider: &str,
        (bike, client_ref): (u32, String),
        now: Monotonic,
    ) -> Result<(BikeRide, bool), BikeRefused> {
        if !BIKES.contains(&bike) {
            return Err(BikeRefused::NoSuchBike);
        }
        let mut state = self.state();
        let own = || state.rides.iter().filter(|(_, kept)| kept.rider == rider);
        if let Some((id, kept)) = own().find(|(_, kept)| kept.client_ref == client_ref) {
            return Ok((view(*id, kept, now), false));
        }
        if own()
            .filter(|(_, kept)| kept.state == BikeState::Riding)
            .count()
            >= RIDES_OPEN_MAX
        {
            return Err(BikeRefused::TooManyRides);
        }
        state.make_room()?;
        state.last_id += 1;
        let id = state.last_id;
        let kept = Kept {
            rider: rider.to_owned(),
            bike,
            client_ref,
            began: now,
            lock: (Lock::Opening, now),
            state: BikeState::Riding,
            paid: None,
        };
        let ride = view(id, &kept, now);
        state.rides.insert(id, kept);
        Ok((ride, true))
    }

    /// Tells the lock to close. Asking again changes nothing.
    pub(crate) fn lock(
        &self,
        rider: &str,
        id: &str,
        now: Monotonic,
    ) -> Result<BikeRide, BikeRefused> {
        let mut state = self.state();
        let (id, kept) = state.own(rider, id)?;
        match kept.lock.0 {
            Lock::Opening | Lock::Open => kept.lock = (Lock::Closing, now),
            Lock::Closing | Lock::Closed => {}
        }
        Ok(view(id, kept, now))
    }

    /// What a ride would cost that ended now: what is to be paid before it may end.
    pub(crate) fn due(
        &self,
        rider: &str,
        id: &str,
        now: Monotonic,
    ) -> Result<BikeRide, BikeRefused> {
        let mut state = self.state();
        let (id, kept) = state.own(rider, id)?;
        match (kept.state, kept.lock.0) {
            (BikeState::Voided, _) => Err(BikeRefused::Over),
            (BikeState::Riding, Lock::Closed) | (BikeState::Ended, _) => Ok(view(id, kept, now)),
            (BikeState::Riding, _) => Err(BikeRefused::NotLocked),
        }
    }

    /// The ride has ended and was paid for.
    pub(crate) fn end(
        &self,
        rider: &str,
        id: &str,
        paid: (u64, String),
        now: Monotonic,
    ) -> Result<BikeRide, BikeRefused> {
        let mut state = self.state();
        let (id, kept) = state.own(rider, id)?;
        if kept.state == BikeState::Riding {
            kept.state = BikeState::Ended;
            kept.paid = Some(paid);
        }
        Ok(view(id, kept, now))
    }

    /// Support ends a ride by force, free of charge: what was paid is to go back.
    pub(crate) fn void(
        &self,
        rider: &str,
        id: &str,
        now: Monotonic,
    ) -> Result<BikeRide, BikeRefused> {
        let mut state = self.state();
        let (id, kept) = state.own(rider, id)?;
        kept.state = BikeState::Voided;
        kept.lock = (Lock::Closed, now);
        Ok(view(id, kept, now))
    }

    /// A ride of `rider`.
    pub(crate) fn get(
        &self,
        rider: &str,
        id: &str,
        now: Monotonic,
    ) -> Result<BikeRide, BikeRefused> {
        let mut state = self.state();
        let (id, kept) = state.own(rider, id)?;
        Ok(view(id, kept, now))
    }

    /// The rides of `rider` of one reference or all, newest last.
    pub(crate) fn find(
        &self,
        rider: &str,
        client_ref: Option<&str>,
        now: Monotonic,
    ) -> Vec<BikeRide> {
        let state = self.state();
        let own = state.rides.iter().filter(|(_, kept)| {
            kept.rider == rider && client_ref.is_none_or(|one| kept.client_ref == one)
        });
        own.map(|(id, kept)| view(*id, kept, now)).collect()
    }

    /// The rides that are not over, oldest first.
    pub(crate) fn out(&self, now: Monotonic) -> Vec<BikeOut> {
        let state = self.state();
        let out = state
            .rides
            .iter()
            .filter(|(_, kept)| kept.state == BikeState::Riding);
        out.map(|(id, kept)| BikeOut {
            id: named(*id),
            rider: kept.rider.clone(),
            client_ref: kept.client_ref.clone(),
            age_s: now.since(kept.began).as_secs_f64(),
        })
        .collect()
    }

    /// What was paid for rides: payment, won, ride.
    pub(crate) fn payments(&self) -> Vec<(String, u64, String)> {
        let state = self.state();
        let paid = state.rides.iter().filter_map(|(id, kept)| {
            let (fee, payment) = kept.paid.clone()?;
            Some((payment, fee, named(*id)))
        });
        paid.collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn own(&mut self, rider: &str, id: &str) -> Result<(u64, &mut Kept), BikeRefused> {
        let id: Option<u64> = id.strip_prefix("b-").and_then(|id| id.parse().ok());
        let id = id.ok_or(BikeRefused::NoSuchRide)?;
        let kept = self.rides.get_mut(&id).filter(|kept| kept.rider == rider);
        kept.map(|kept| (id, kept)).ok_or(BikeRefused::NoSuchRide)
    }

    fn make_room(&mut self) -> Result<(), BikeRefused> {
        if self.rides.len() < RIDES_MAX {
            return Ok(());
        }
        let free = self.rides.iter().filter(|(_, kept)| !kept.is_owed());
        let first = free.min_by_key(|(_, kept)| kept.state == BikeState::Riding);
        let id = first.map(|(id, _)| *id);
        self.rides.remove(&id.ok_or(BikeRefused::TooManyRides)?);
        Ok(())
    }
}

fn view(id: u64, kept: &Kept, now: Monotonic) -> BikeRide {
    let running = || {
        let begun = now.since(kept.began).as_secs() / FEE_EVERY.as_secs() + 1;
        (begun.min(FEE_MAX), None)
    };
    let (fee, payment) = kept
        .paid
        .clone()
        .map_or_else(running, |(fee, payment)| (fee, Some(payment)));
    BikeRide {
        id: named(id),
        bike: kept.bike,
        state: kept.state,
        lock: kept.lock.0,
        fee,
        payment,
        client_ref: kept.client_ref.clone(),
    }
}

fn named(id: u64) -> String {
    format!("b-{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_origin(Duration::from_millis(millis))
    }

    #[test]
    fn a_ride_ends_only_behind_a_closed_lock_and_its_fee_stops_then() {
        let bikes = Bikes::default();
        let (ride, is_new) = bikes.unlock("u-a", (7, "r".to_owned()), at(0)).unwrap();
        assert!(is_new && ride.fee == 1 && ride.lock == Lock::Opening);
        let again = bikes.unlock("u-a", (7, "r".to_owned()), at(1)).unwrap();
        assert_eq!((again.0.id.as_str(), again.1), (ride.id.as_str(), false));
        bikes.advance(at(200), false);
        assert_eq!(
            bikes.due("u-a", &ride.id, at(300)),
            Err(BikeRefused::NotLocked)
        );
        bikes.lock("u-a", &ride.id, at(300)).unwrap();
        bikes.advance(at(900), true);
        assert_eq!(
            bikes.due("u-a", &ride.id, at(900)),
            Err(BikeRefused::NotLocked)
        );
        bikes.advance(at(900), false);
        // The lock is closed, and the fee runs on until the ride has ended.
        assert_eq!(bikes.due("u-a", &ride.id, at(60_000)).unwrap().fee, 2);
        bikes
            .end("u-a", &ride.id, (2, "p-1".to_owned()), at(60_000))
            .unwrap();
        let ended = bikes.get("u-a", &ride.id, at(600_000)).unwrap();
        assert_eq!((ended.fee, ended.state), (2, BikeState::Ended));
        assert!(bikes.out(at(600_000)).is_empty());
    }

    #[test]
    fn wrong_rides_are_refused_and_support_ends_any() {
        let bikes = Bikes::default();
        let unlock =
            |bike, client_ref: &str| bikes.unlock("u-a", (bike, client_ref.to_owned()), at(0));
        assert_eq!(unlock(0, "r").unwrap_err(), BikeRefused::NoSuchBike);
        let ride = unlock(1, "r0").unwrap().0;
        for n in 1..RIDES_OPEN_MAX {
            unlock(1, &format!("r{n}")).unwrap();
        }
        assert_eq!(unlock(1, "more").unwrap_err(), BikeRefused::TooManyRides);
        assert_eq!(
            bikes.get("u-b", &ride.id, at(0)),
            Err(BikeRefused::NoSuchRide)
        );
        assert_eq!(bikes.get("u-a", "b-x", at(0)), Err(BikeRefused::NoSuchRide));
        bikes.void("u-a", &ride.id, at(0)).unwrap();
        assert_eq!(bikes.due("u-a", &ride.id, at(0)), Err(BikeRefused::Over));
        assert_eq!(bikes.out(at(0)).len(), RIDES_OPEN_MAX - 1);
    }
}
