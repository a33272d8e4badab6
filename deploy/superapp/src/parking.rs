//! The component `parking-edge`: test cars in a car park, what they owe, and the machines at the
//! gates. Knows no HTTP and moves no money.
//!
//! Nothing runs by itself: whoever asks lets first happen what is due.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_model::{Monotonic, Timestamp};

use crate::pay_core::PaymentKind;

/// Most cars that are known. Who was taken out is forgotten first, then who has not paid and came
/// first; where all have paid, no more come in.
const CARS_MAX: usize = 1024;
/// How long a car is known that is owed nothing.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long a gate takes to open.
const OPENS_AFTER: Duration = Duration::from_millis(200);
/// What test cars pay: one won for each ten minutes begun.
const FEE_EVERY: Duration = Duration::from_secs(600);
/// How often a machine at a gate says that it works.
const BEATS_EVERY: Duration = Duration::from_secs(30);

/// The machines at gates.
pub(crate) const KIOSKS: [&str; 2] = ["gwacheon-1", "gwacheon-2"];

/// How far a stay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StayState {
    Parked,
    Paid,
    /// The gate was told to open.
    Leaving,
    Left,
    /// Taken out by the operator, free of charge.
    Voided,
}

impl StayState {
    /// Its word in answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Paid => "paid",
            Self::Leaving => "leaving",
            Self::Left => "left",
            Self::Voided => "voided",
        }
    }
}

/// A test car as its driver sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stay {
    pub(crate) plate: String,
    pub(crate) state: StayState,
    /// In won.
    pub(crate) fee: u64,
    /// The payment, once there is one.
    pub(crate) payment: Option<String>,
    pub(crate) entered_at: Timestamp,
}

/// Why nothing happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParkingRefused {
    NoSuchCar,
    /// It has the plate of a car that is inside.
    AlreadyInside,
    /// The gate opens for who has paid, with the token that paying gave.
    GateStaysShut,
    /// It was paid for already, or it is out.
    NotNow,
    /// No more cars are known.
    Full,
}

/// A car that is inside.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ParkedCar {
    /// Its plate.
    pub plate: String,
    /// How far its stay is.
    pub state: &'static str,
    /// Seconds since it came.
    pub age_s: f64,
}

#[derive(Debug)]
struct Kept {
    /// Where it pays: in the app or at the gate.
    kind: PaymentKind,
    entered: Monotonic,
    entered_at: Timestamp,
    state: StayState,
    /// The fee, from when it is paid.
    paid: Option<(u64, String)>,
    gate_token: Option<String>,
    opens: Option<Monotonic>,
}

impl Kept {
    /// Whether money was paid that goes back when the car is taken out.
    fn is_owed(&self) -> bool {
        self.paid.is_some() && self.state != StayState::Voided
    }
}

#[derive(Debug, Default)]
struct State {
    cars: BTreeMap<String, Kept>,
    /// When a machine was last heard of.
    heard_of: BTreeMap<&'static str, Timestamp>,
}

/// The car parks of one platform.
#[derive(Debug, Default)]
pub(crate) struct Parking(Mutex<State>);

impl Parking {
    /// Opens the gates that are due, but for those of `stuck` kinds.
    pub(crate) fn advance(&self, now: Monotonic, stuck: impl Fn(PaymentKind) -> bool) {
        let mut state = self.state();
        for kept in state.cars.values_mut() {
            let is_due = kept.opens.is_some_and(|opens| opens <= now);
            if kept.state == StayState::Leaving && is_due && !stuck(kept.kind) {
                kept.state = StayState::Left;
            }
        }
        state
            .cars
            .retain(|_, kept| kept.is_owed() || now.since(kept.entered) < KNOWN_FOR);
    }

    /// A test car drives in.
    pub(crate) fn enter(
        &self,
        plate: &str,
        kind: PaymentKind,
        (entered_at, entered): (Timestamp, Monotonic),
    ) -> Result<Stay, ParkingRefused> {
        let mut state = self.state();
        if let Some(kept) = state.cars.get(plate) {
            let is_again = kept.kind == kind && kept.state == StayState::Parked;
            let stay = view(plate, kept, entered);
            return is_again
                .then_some(stay)
                .ok_or(ParkingRefused::AlreadyInside);
        }
        state.make_room()?;
        let kept = Kept {
            kind,
            entered,
            entered_at,
            state: StayState::Parked,
            paid: None,
            gate_token: None,
            opens: None,
        };
        let stay = view(plate, &kept, entered);
        state.cars.insert(plate.to_owned(), kept);
        Ok(stay)
    }

    /// A car that pays in this way.
    pub(crate) fn get(
        &self,
        plate: &str,
        kind: PaymentKind,
        now: Monotonic,
    ) -> Result<Stay, ParkingRefused> {
        let state = self.state();
        let kept = state.cars.get(plate).filter(|kept| kept.kind == kind);
        let kept = kept.ok_or(ParkingRefused::NoSuchCar)?;
        Ok(view(plate, kept, now))
    }

    /// It was paid for: gives what opens the gate. Asking again changes nothing.
    pub(crate) fn paid(
        &self,
        plate: &str,
        (fee, payment): (u64, String),
        token: String,
        now: Monotonic,
    ) -> Result<(Stay, String), ParkingRefused> {
        let mut state = self.state();
        let kept = state.cars.get_mut(plate).ok_or(ParkingRefused::NoSuchCar)?;
        match kept.state {
            StayState::Parked => {
                kept.state = StayState::Paid;
                kept.paid = Some((fee, payment));
                kept.gate_token = Some(token);
            }
            StayState::Paid => {}
            StayState::Leaving | StayState::Left | StayState::Voided => {
                return Err(ParkingRefused::NotNow);
            }
        }
        let token = kept.gate_token.clone().ok_or(ParkingRefused::NotNow)?;
        Ok((view(plate, kept, now), token))
    }

    /// The gate is told to open for who shows the token.
    pub(crate) fn leave(
        &self,
        plate: &str,
        token: &str,
        now: Monotonic,
    ) -> Result<Stay, ParkingRefused> {
        let mut state = self.state();
        let kept = state.cars.get_mut(plate).ok_or(ParkingRefused::NoSuchCar)?;
        let shown = kept.gate_token.as_deref() == Some(token);
        match kept.state {
            StayState::Paid if shown => {
                kept.state = StayState::Leaving;
                kept.opens = Some(now + OPENS_AFTER);
            }
            StayState::Leaving | StayState::Left if shown => {}
            _ => return Err(ParkingRefused::GateStaysShut),
        }
        Ok(view(plate, kept, now))
    }

    /// The operator takes the car out; gives the payment that is to go back, if there is one.
    pub(crate) fn void(
        &self,
        plate: &str,
        kind: PaymentKind,
        now: Monotonic,
    ) -> Result<Stay, ParkingRefused> {
        let mut state = self.state();
        let kept = state.cars.get_mut(plate).filter(|kept| kept.kind == kind);
        let kept = kept.ok_or(ParkingRefused::NoSuchCar)?;
        kept.state = StayState::Voided;
        Ok(view(plate, kept, now))
    }

    /// When a machine was last heard of; None if there is none of this name. Its words get lost
    /// while `is_lost`.
    pub(crate) fn heartbeat(
        &self,
        kiosk: &str,
        now: Timestamp,
        is_lost: bool,
    ) -> Option<Timestamp> {
        let kiosk = KIOSKS.into_iter().find(|known| *known == kiosk)?;
        let every = u64::try_from(BEATS_EVERY.as_nanos()).unwrap_or(u64::MAX);
        let beat = Duration::from_nanos(now.as_unix_nanos() / every * every);
        let mut state = self.state();
        let heard = state
            .heard_of
            .entry(kiosk)
            .or_insert(Timestamp::EPOCH + beat);
        if !is_lost {
            *heard = Timestamp::EPOCH + beat;
        }
        Some(*heard)
    }

    /// The cars that are inside, by plate.
    pub(crate) fn inside(&self, now: Monotonic) -> Vec<ParkedCar> {
        let state = self.state();
        let inside = state.cars.iter().filter(|(_, kept)| {
            matches!(
                kept.state,
                StayState::Parked | StayState::Paid | StayState::Leaving
            )
        });
        inside
            .map(|(plate, kept)| ParkedCar {
                plate: plate.clone(),
                state: kept.state.as_str(),
                age_s: now.since(kept.entered).as_secs_f64(),
            })
            .collect()
    }

    /// What was paid for stays: payment, won, plate.
    pub(crate) fn payments(&self) -> Vec<(String, u64, String)> {
        let state = self.state();
        let paid = state.cars.iter().filter_map(|(plate, kept)| {
            let (fee, payment) = kept.paid.clone()?;
            Some((payment, fee, plate.clone()))
        });
        paid.collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn make_room(&mut self) -> Result<(), ParkingRefused> {
        if self.cars.len() < CARS_MAX {
            return Ok(());
        }
        let free = self.cars.iter().filter(|(_, kept)| !kept.is_owed());
        let first = free.min_by_key(|(_, kept)| (kept.state != StayState::Voided, kept.entered));
        let plate = first.map(|(plate, _)| plate.clone());
        self.cars.remove(&plate.ok_or(ParkingRefused::Full)?);
        Ok(())
    }
}

fn view(plate: &str, kept: &Kept, now: Monotonic) -> Stay {
    let running = || {
        let begun = now.since(kept.entered).as_secs() / FEE_EVERY.as_secs() + 1;
        (begun, None)
    };
    let (fee, payment) = kept
        .paid
        .clone()
        .map_or_else(running, |(fee, payment)| (fee, Some(payment)));
    Stay {
        plate: plate.to_owned(),
        state: kept.state,
        fee,
        payment,
        entered_at: kept.entered_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: PaymentKind = PaymentKind::Parking;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_origin(Duration::from_secs(seconds))
    }

    fn parked() -> Parking {
        let parking = Parking::default();
        parking.enter("12", APP, (Timestamp::EPOCH, at(0))).unwrap();
        parking
    }

    #[test]
    fn who_has_paid_leaves_with_the_token_and_nobody_else() {
        let parking = parked();
        assert_eq!(parking.get("12", APP, at(599)).unwrap().fee, 1);
        assert_eq!(parking.get("12", APP, at(600)).unwrap().fee, 2);
        let shut = Err(ParkingRefused::GateStaysShut);
        assert_eq!(parking.leave("12", "", at(1)), shut);
        let paid = (1, "p-1".to_owned());
        let (stay, token) = parking
            .paid("12", paid.clone(), "g-1".to_owned(), at(1))
            .unwrap();
        assert_eq!((stay.state, stay.fee), (StayState::Paid, 1));
        let again = parking.paid("12", paid, "g-2".to_owned(), at(2)).unwrap();
        assert_eq!(again.1, token);
        assert_eq!(parking.leave("12", "g-2", at(3)), shut);
        parking.leave("12", &token, at(3)).unwrap();
        parking.advance(at(60), |_| true);
        assert_eq!(parking.inside(at(60))[0].state, "leaving");
        parking.advance(at(60), |_| false);
        assert_eq!(
            parking.get("12", APP, at(60)).unwrap().state,
            StayState::Left
        );
        assert!(parking.inside(at(60)).is_empty());
    }

    #[test]
    fn cars_are_known_by_how_they_pay_and_are_taken_out() {
        let parking = parked();
        let at_gate = parking.get("12", PaymentKind::Kiosk, at(1));
        assert_eq!(at_gate, Err(ParkingRefused::NoSuchCar));
        parking.void("12", APP, at(1)).unwrap();
        let again = parking.enter("12", APP, (Timestamp::EPOCH, at(1)));
        assert_eq!(again, Err(ParkingRefused::AlreadyInside));
        parking.advance(at(24 * 3600), |_| false);
        assert!(parking.enter("12", APP, (Timestamp::EPOCH, at(1))).is_ok());
    }

    #[test]
    fn too_many_cars_push_out_who_is_owed_nothing() {
        let parking = parked();
        let paid = (1, "p-1".to_owned());
        parking
            .enter("paid", APP, (Timestamp::EPOCH, at(0)))
            .unwrap();
        parking.paid("paid", paid, "g".to_owned(), at(0)).unwrap();
        for car in 0..CARS_MAX {
            let plate = format!("car-{car}");
            parking
                .enter(&plate, APP, (Timestamp::EPOCH, at(1)))
                .unwrap();
        }
        assert_eq!(parking.inside(at(1)).len(), CARS_MAX);
        assert!(parking.get("12", APP, at(1)).is_err());
        parking.advance(at(48 * 3600), |_| false);
        assert_eq!(parking.inside(at(48 * 3600)).len(), 1);
        assert!(parking.get("paid", APP, at(1)).is_ok());
    }

    #[test]
    fn a_machine_that_is_not_heard_of_grows_old() {
        let parking = Parking::default();
        let at = Timestamp::from_unix_seconds;
        let beat = |seconds, is_lost| parking.heartbeat("gwacheon-1", at(seconds), is_lost);
        assert_eq!(beat(65, false), Some(at(60)));
        assert_eq!(beat(300, true), Some(at(60)));
        assert_eq!(beat(300, false), Some(at(300)));
        assert_eq!(parking.heartbeat("nowhere", at(0), false), None);
    }
}
