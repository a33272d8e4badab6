//! Rides and drivers as they are kept, and how they find each other.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bongsu_model::{Monotonic, RegionId, Timestamp};

use super::{
    ABANDONED_AFTER, ARRIVES_AFTER, Call, Called, News, Notice, OFFER_LASTS, OpenRide, Position,
    Quote, RIDES_OPEN_MAX, RIDES_PER_RIDER_MAX, Refused, Ride, RideState, SEARCH_LASTS,
    STARTS_AWAY,
};
use crate::audit::{Count, Counts};
use crate::map_core::{Place, between};

/// What is kept of one rider.
#[derive(Debug, Default)]
pub(super) struct Rider {
    pub(super) quotes: VecDeque<Quote>,
    /// Rides, oldest first.
    rides: VecDeque<u64>,
}

#[derive(Debug)]
pub(super) struct Driver {
    stream: u64,
    tag: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Offer {
    id: u64,
    driver: String,
    until: Monotonic,
}

#[derive(Debug)]
struct Kept {
    rider: String,
    quote: Quote,
    client_ref: Option<String>,
    key: String,
    tag: Option<String>,
    region: RegionId,
    called: Monotonic,
    called_at: Timestamp,
    state: RideState,
    offer: Option<Offer>,
    /// Who was asked before and did not want it.
    asked: Vec<String>,
    /// The offer that was accepted, by whom, when.
    accepted: Option<(u64, String, Monotonic)>,
}

/// All that the component knows.
#[derive(Debug, Default)]
pub(super) struct State {
    last_id: u64,
    riders: HashMap<String, Rider>,
    rides: BTreeMap<u64, Kept>,
    pub(super) drivers: HashMap<String, Driver>,
}

impl State {
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn rider(&mut self, rider: &str) -> &mut Rider {
        self.riders.entry(rider.to_owned()).or_default()
    }

    pub(super) fn call(
        &mut self,
        call: Call,
        (called_at, called): (Timestamp, Monotonic),
    ) -> Result<Called, Refused> {
        let mine = |id: &u64| self.rides.get(id).map(|kept| (*id, kept));
        let known = self.riders.get(&call.rider);
        let mut rides = known.into_iter().flat_map(|r| &r.rides).filter_map(mine);
        if let Some((id, before)) = rides.find(|(_, kept)| kept.key == call.idempotency_key) {
            let is_same = before.quote.id == call.quote && before.client_ref == call.client_ref;
            let ride = self.view(id).filter(|_| is_same);
            return ride.map(Called::Before).ok_or(Refused::Conflict);
        }
        let quote = known
            .and_then(|rider| rider.quotes.iter().find(|quote| quote.id == call.quote))
            .filter(|quote| called < quote.until)
            .cloned()
            .ok_or(Refused::NoSuchQuote)?;
        let rides = known.into_iter().flat_map(|r| &r.rides).filter_map(mine);
        if rides.filter(|(_, kept)| kept.state.is_open()).count() >= RIDES_OPEN_MAX {
            return Err(Refused::TooManyRides);
        }
        self.make_room(&call.rider);
        let id = self.next_id();
        self.rider(&call.rider).rides.push_back(id);
        let kept = Kept {
            rider: call.rider,
            quote,
            client_ref: call.client_ref,
            key: call.idempotency_key,
            tag: call.tag,
            region: call.region,
            called,
            called_at,
            state: RideState::Requested,
            offer: None,
            asked: Vec::new(),
            accepted: None,
        };
        self.rides.insert(id, kept);
        self.view(id).map(Called::New).ok_or(Refused::NoSuchRide)
    }

    /// Forgets the oldest ride that is over where a rider has too many.
    fn make_room(&mut self, rider: &str) {
        let Some(rider) = self.riders.get_mut(rider) else {
            return;
        };
        if rider.rides.len() < RIDES_PER_RIDER_MAX {
            return;
        }
        let is_over = |id: &u64| self.rides.get(id).is_none_or(|kept| !kept.state.is_open());
        // At most RIDES_OPEN_MAX are open, which is fewer than are kept.
        if let Some(at) = rider.rides.iter().position(is_over)
            && let Some(id) = rider.rides.remove(at)
        {
            self.rides.remove(&id);
        }
    }

    pub(super) fn advance(&mut self, now: (Timestamp, Monotonic), counts: &Counts) -> Vec<Notice> {
        let open: Vec<u64> = self
            .rides
            .iter()
            .filter(|(_, kept)| kept.state.is_open())
            .map(|(id, _)| *id)
            .collect();
        let mut notices = Vec::new();
        for id in open {
            let before = self.rides[&id].state;
            let offer = self.advance_one(id, now, counts);
            notices.extend(offer);
            if self.rides[&id].state != before {
                notices.extend(self.notice_to_rider(id));
            }
        }
        notices
    }

    /// Moves one ride on; gives the offer that is made for it, if one is.
    fn advance_one(
        &mut self,
        id: u64,
        (wall, now): (Timestamp, Monotonic),
        counts: &Counts,
    ) -> Option<Notice> {
        let kept = self.rides.get_mut(&id)?;
        if wall.since(kept.called_at) >= ABANDONED_AFTER {
            kept.state = RideState::Abandoned;
            counts.add(Count::RidesAbandoned);
            return None;
        }
        match kept.state {
            RideState::Requested => {
                if kept.offer.as_ref().is_some_and(|offer| offer.until <= now) {
                    kept.asked
                        .extend(kept.offer.take().map(|offer| offer.driver));
                }
                if now.since(kept.called) >= SEARCH_LASTS {
                    kept.state = RideState::NoDrivers;
                    kept.offer = None;
                    return None;
                }
                if kept.offer.is_some() {
                    return None;
                }
                self.offer(id, now)
            }
            RideState::Matched => {
                let accepted = kept.accepted.as_ref();
                if accepted.is_some_and(|(_, _, at)| now.since(*at) >= ARRIVES_AFTER) {
                    kept.state = RideState::Arrived;
                }
                None
            }
            _ => None,
        }
    }

    /// Offers a ride to a free driver of its own run who was not asked yet.
    fn offer(&mut self, id: u64, now: Monotonic) -> Option<Notice> {
        let kept = self.rides.get(&id)?;
        let is_fit = |(name, driver): &(&String, &Driver)| {
            driver.tag == kept.tag
                && **name != kept.rider
                && !kept.asked.contains(name)
                && !self.is_busy(name)
        };
        // By name, so that the choice can be repeated.
        let driver = self.drivers.iter().filter(is_fit).map(|(name, _)| name);
        let driver = driver.min()?.clone();
        let offer = self.next_id();
        let kept = self.rides.get_mut(&id)?;
        kept.offer = Some(Offer {
            id: offer,
            driver: driver.clone(),
            until: now + OFFER_LASTS,
        });
        let region = kept.region.clone();
        Some(Notice {
            to: driver,
            what: News::Offer {
                id: format!("o-{offer}"),
                ride: self.view(id)?,
            },
            region,
        })
    }

    fn is_busy(&self, driver: &str) -> bool {
        self.rides.values().any(|kept| {
            let is_offered = kept.offer.as_ref().is_some_and(|o| o.driver == driver);
            let is_theirs = kept.accepted.as_ref().is_some_and(|(_, d, _)| d == driver);
            kept.state.is_open() && (is_offered || is_theirs)
        })
    }

    pub(super) fn accept(
        &mut self,
        driver: &str,
        offer: &str,
        now: Monotonic,
        counts: &Counts,
    ) -> Result<(Ride, Option<Notice>), Refused> {
        let (id, number) = self.offered(driver, offer)?;
        let kept = self.rides.get_mut(&id).ok_or(Refused::NoSuchOffer)?;
        let is_accepted = kept.accepted.as_ref().is_some_and(|(o, _, _)| *o == number);
        if is_accepted && kept.state.is_open() {
            return self
                .view(id)
                .map(|ride| (ride, None))
                .ok_or(Refused::NoSuchRide);
        }
        let is_asked = kept
            .offer
            .as_ref()
            .is_some_and(|o| o.id == number && now < o.until);
        if kept.state != RideState::Requested || !is_asked {
            return Err(Refused::OfferGone);
        }
        kept.offer = None;
        kept.accepted = Some((number, driver.to_owned(), now));
        kept.state = RideState::Matched;
        counts.add(Count::RidesMatched);
        let notice = self.notice_to_rider(id);
        self.view(id)
            .map(|ride| (ride, notice))
            .ok_or(Refused::NoSuchRide)
    }

    pub(super) fn decline(&mut self, driver: &str, offer: &str) -> Result<Ride, Refused> {
        let (id, number) = self.offered(driver, offer)?;
        let kept = self.rides.get_mut(&id).ok_or(Refused::NoSuchOffer)?;
        if kept.offer.as_ref().is_none_or(|offer| offer.id != number) {
            return Err(Refused::OfferGone);
        }
        kept.asked
            .extend(kept.offer.take().map(|offer| offer.driver));
        self.view(id).ok_or(Refused::NoSuchRide)
    }

    /// The ride that an offer to `driver` is or was about.
    fn offered(&self, driver: &str, offer: &str) -> Result<(u64, u64), Refused> {
        let number: Option<u64> = offer.strip_prefix("o-").and_then(|n| n.parse().ok());
        let number = number.ok_or(Refused::NoSuchOffer)?;
        let found = self.rides.iter().find(|(_, kept)| {
            let is_open = kept
                .offer
                .as_ref()
                .is_some_and(|o| o.id == number && o.driver == driver);
            let accepted = kept.accepted.as_ref();
            is_open || accepted.is_some_and(|(o, d, _)| *o == number && d == driver)
        });
        // An offer that was passed on is forgotten; the number says that there was one.
        let was_made = number <= self.last_id;
        found.map(|(id, _)| (*id, number)).ok_or(if was_made {
            Refused::OfferGone
        } else {
            Refused::NoSuchOffer
        })
    }

    pub(super) fn cancel(
        &mut self,
        rider: &str,
        id: &str,
        counts: &Counts,
    ) -> Result<(Ride, Option<Notice>), Refused> {
        let id = self.own(rider, id).ok_or(Refused::NoSuchRide)?;
        let kept = self.rides.get_mut(&id).ok_or(Refused::NoSuchRide)?;
        if !kept.state.is_open() {
            return self
                .view(id)
                .map(|ride| (ride, None))
                .ok_or(Refused::NoSuchRide);
        }
        kept.state = RideState::Cancelled;
        counts.add(Count::RidesCancelled);
        let offered = kept.offer.take().map(|offer| offer.driver);
        let driver = kept.accepted.as_ref().map(|(_, driver, _)| driver.clone());
        let region = kept.region.clone();
        let ride = self.view(id).ok_or(Refused::NoSuchRide)?;
        let notice = driver.or(offered).map(|to| Notice {
            to,
            what: News::Withdrawn(ride.clone()),
            region,
        });
        Ok((ride, notice))
    }

    pub(super) fn online(&mut self, driver: &str, stream: u64, tag: Option<String>) {
        self.drivers
            .insert(driver.to_owned(), Driver { stream, tag });
    }

    pub(super) fn offline(&mut self, driver: &str, stream: u64) {
        if self.drivers.get(driver).is_some_and(|d| d.stream == stream) {
            self.drivers.remove(driver);
        }
    }

    pub(super) fn positions(&self, rider: &str, now: Monotonic) -> Vec<Position> {
        let rides = self.riders.get(rider).into_iter().flat_map(|r| &r.rides);
        let coming = rides.filter_map(|id| {
            let kept = self.rides.get(id)?;
            let (_, _, since) = kept.accepted.as_ref()?;
            (kept.state == RideState::Matched).then_some((*id, kept, now.since(*since)))
        });
        coming
            .map(|(id, kept, driven)| {
                let pickup = kept.quote.from;
                let start = Place {
                    lat: pickup.lat + STARTS_AWAY,
                    lon: pickup.lon + STARTS_AWAY,
                };
                let part = driven.as_secs_f64() / ARRIVES_AFTER.as_secs_f64();
                Position {
                    ride: named(id),
                    number: u64::try_from(driven.as_millis() / 500).unwrap_or(u64::MAX),
                    place: between(start, pickup, part),
                    arrives_in: ARRIVES_AFTER.saturating_sub(driven),
                    region: kept.region.clone(),
                }
            })
            .collect()
    }

    pub(super) fn get(&self, rider: &str, id: &str) -> Option<Ride> {
        self.view(self.own(rider, id)?)
    }

    pub(super) fn rides_of(&self, rider: &str, client_ref: Option<&str>) -> Vec<Ride> {
        let rides = self.riders.get(rider).into_iter().flat_map(|r| &r.rides);
        rides
            .filter_map(|id| self.view(*id))
            .filter(|ride| client_ref.is_none() || ride.client_ref.as_deref() == client_ref)
            .collect()
    }

    pub(super) fn open_rides(&self, now: Timestamp) -> Vec<OpenRide> {
        let open = self.rides.iter().filter(|(_, kept)| kept.state.is_open());
        open.map(|(id, kept)| OpenRide {
            id: named(*id),
            rider: kept.rider.clone(),
            state: kept.state.as_str(),
            client_ref: kept.client_ref.clone(),
            age_s: now.since(kept.called_at).as_secs_f64(),
        })
        .collect()
    }

    fn notice_to_rider(&self, id: u64) -> Option<Notice> {
        let kept = self.rides.get(&id)?;
        Some(Notice {
            to: kept.rider.clone(),
            what: News::Changed(self.view(id)?),
            region: kept.region.clone(),
        })
    }

    fn own(&self, rider: &str, id: &str) -> Option<u64> {
        let id: u64 = id.strip_prefix("r-")?.parse().ok()?;
        (self.rides.get(&id)?.rider == rider).then_some(id)
    }

    fn view(&self, id: u64) -> Option<Ride> {
        let kept = self.rides.get(&id)?;
        Some(Ride {
            id: named(id),
            rider: kept.rider.clone(),
            state: kept.state,
            driver: kept.accepted.as_ref().map(|(_, driver, _)| driver.clone()),
            from: kept.quote.from,
            to: kept.quote.to,
            price: kept.quote.price,
            client_ref: kept.client_ref.clone(),
            called_at: kept.called_at,
        })
    }
}

fn named(id: u64) -> String {
    format!("r-{id}")
}
