//! Rides and drivers that find each other, and those that do not.

use super::*;

const PICKUP: Place = Place {
    lat: 37.5716,
    lon: 126.9769,
};
const DROPOFF: Place = Place {
    lat: 37.4979,
    lon: 127.0276,
};

fn at(millis: u64) -> Monotonic {
    Monotonic::from_origin(Duration::from_millis(millis))
}

fn tag(run: &str) -> Option<String> {
    Some(run.to_owned())
}

fn a_call(dispatch: &Dispatch, rider: &str, run: &str, key: &str, millis: u64) -> Call {
    let quote = dispatch.quote(rider, (PICKUP, DROPOFF), 12_900, at(millis));
    Call {
        rider: rider.to_owned(),
        quote: quote.id,
        client_ref: Some("r".to_owned()),
        idempotency_key: key.to_owned(),
        tag: tag(run),
        region: RegionId::new("kr-seoul").unwrap(),
    }
}

fn call(dispatch: &Dispatch, call: Call, millis: u64) -> Result<Called, Refused> {
    let now = (Timestamp::EPOCH, at(millis));
    dispatch.call(call, now, &Counts::default())
}

fn called(dispatch: &Dispatch, rider: &str, run: &str, millis: u64) -> Ride {
    let wanted = a_call(dispatch, rider, run, &format!("k{millis}"), millis);
    match call(dispatch, wanted, millis) {
        Ok(Called::New(ride)) => ride,
        other => panic!("{other:?}"),
    }
}

fn advance(dispatch: &Dispatch, millis: u64) -> Vec<Notice> {
    dispatch.advance((Timestamp::EPOCH, at(millis)), &Counts::default())
}

/// The offer in the only notice, and whom it is for.
fn offer(notices: &[Notice]) -> (String, String) {
    match notices {
        [
            Notice {
                to,
                what: News::Offer { id, .. },
                ..
            },
        ] => (to.clone(), id.clone()),
        other => panic!("{other:?}"),
    }
}

fn accept(
    dispatch: &Dispatch,
    driver: &str,
    offer: &str,
    millis: u64,
) -> Result<RideState, Refused> {
    let accepted = dispatch.accept(driver, offer, at(millis), &Counts::default());
    accepted.map(|(ride, _)| ride.state)
}

fn state(dispatch: &Dispatch, ride: &Ride) -> RideState {
    dispatch.get(&ride.rider, &ride.id).unwrap().state
}

#[test]
fn a_ride_is_offered_accepted_seen_coming_and_cancelled_for_free() {
    let dispatch = Dispatch::default();
    dispatch.online("driver", 1, tag("run"));
    let ride = called(&dispatch, "rider", "run", 0);
    let (to, id) = offer(&advance(&dispatch, 0));
    assert_eq!(to, "driver");
    assert!(advance(&dispatch, 1).is_empty(), "it is offered once");
    assert!(dispatch.positions("rider", at(1)).is_empty());
    for _ in 0..2 {
        assert_eq!(
            accept(&dispatch, "driver", &id, 100),
            Ok(RideState::Matched)
        );
    }
    let seen = |millis| dispatch.positions("rider", at(millis)).remove(0);
    let (first, later) = (seen(100), seen(30_100));
    assert!(first.place.lat > later.place.lat && later.place.lat > PICKUP.lat);
    assert_eq!((first.number, later.number), (0, 60));
    assert_eq!(later.arrives_in, Duration::from_secs(30));
    let arrived = advance(&dispatch, 60_100);
    assert!(
        matches!(&arrived[..], [Notice { what: News::Changed(r), .. }] if r.state == RideState::Arrived)
    );
    let counts = Counts::default();
    let (cancelled, notice) = dispatch.cancel("rider", &ride.id, &counts).unwrap();
    assert_eq!(cancelled.state, RideState::Cancelled);
    assert_eq!(notice.unwrap().to, "driver");
    let (again, notice) = dispatch.cancel("rider", &ride.id, &counts).unwrap();
    assert_eq!((again.state, notice), (RideState::Cancelled, None));
    assert_eq!(counts.get(Count::RidesCancelled), 1);
    assert_eq!(
        accept(&dispatch, "driver", &id, 60_200),
        Err(Refused::OfferGone)
    );
    assert!(dispatch.open(Timestamp::EPOCH).is_empty());
}

#[test]
fn two_runs_never_cross() {
    let dispatch = Dispatch::default();
    dispatch.online("driver-a", 1, tag("a"));
    dispatch.online("driver-none", 2, None);
    let ride_b = called(&dispatch, "rider-b", "b", 0);
    assert!(advance(&dispatch, 0).is_empty());
    dispatch.online("driver-b", 3, tag("b"));
    let (to, _) = offer(&advance(&dispatch, 10));
    assert_eq!(to, "driver-b");
    let ride_a = called(&dispatch, "rider-a", "a", 20);
    let (to, offer_a) = offer(&advance(&dispatch, 20));
    assert_eq!(to, "driver-a");
    assert_eq!(
        accept(&dispatch, "driver-b", &offer_a, 30),
        Err(Refused::OfferGone)
    );
    assert_eq!(state(&dispatch, &ride_a), RideState::Requested);
    assert_eq!(dispatch.get("rider-a", &ride_b.id), None);
}

#[test]
fn a_ride_without_a_driver_is_over_after_a_while() {
    let dispatch = Dispatch::default();
    // A driver that drives themself is none.
    dispatch.online("rider", 1, tag("run"));
    let ride = called(&dispatch, "rider", "run", 0);
    assert!(advance(&dispatch, 4_999).is_empty());
    assert_eq!(state(&dispatch, &ride), RideState::Requested);
    assert_eq!(advance(&dispatch, 5_000).len(), 1);
    assert_eq!(state(&dispatch, &ride), RideState::NoDrivers);
    let (ride, notice) = dispatch
        .cancel("rider", &ride.id, &Counts::default())
        .unwrap();
    assert_eq!((ride.state, notice), (RideState::NoDrivers, None));
}

#[test]
fn who_declines_or_says_nothing_is_not_asked_again_and_who_is_busy_not_at_all() {
    let dispatch = Dispatch::default();
    for (n, driver) in ["a", "b", "c"].into_iter().enumerate() {
        dispatch.online(driver, n as u64, tag("run"));
    }
    let ride = called(&dispatch, "rider", "run", 0);
    let (to, first) = offer(&advance(&dispatch, 0));
    assert_eq!(to, "a");
    let other = called(&dispatch, "other", "run", 5);
    let (to, others) = offer(&advance(&dispatch, 5));
    assert_eq!(to, "b", "a has an offer already");
    assert_eq!(accept(&dispatch, "b", &others, 6), Ok(RideState::Matched));
    assert!(dispatch.decline("a", &first).is_ok());
    assert_eq!(dispatch.decline("a", &first), Err(Refused::OfferGone));
    let (to, second) = offer(&advance(&dispatch, 10));
    assert_eq!(to, "c");
    assert!(advance(&dispatch, 3_010).is_empty(), "nobody is left");
    assert_eq!(
        accept(&dispatch, "c", &second, 3_010),
        Err(Refused::OfferGone)
    );
    assert_eq!(
        accept(&dispatch, "c", "o-99999", 0),
        Err(Refused::NoSuchOffer)
    );
    assert_eq!(accept(&dispatch, "c", "x", 0), Err(Refused::NoSuchOffer));
    advance(&dispatch, 5_005);
    assert_eq!(state(&dispatch, &ride), RideState::NoDrivers);
    assert_eq!(state(&dispatch, &other), RideState::Matched);
}

#[test]
fn a_driver_whose_newer_stream_is_open_stays_online() {
    let dispatch = Dispatch::default();
    dispatch.online("driver", 1, tag("old"));
    dispatch.online("driver", 2, tag("new"));
    dispatch.offline("driver", 1);
    assert_eq!(dispatch.drivers_online(), 1);
    called(&dispatch, "rider", "new", 0);
    assert_eq!(offer(&advance(&dispatch, 0)).0, "driver");
    dispatch.offline("driver", 2);
    assert_eq!(dispatch.drivers_online(), 0);
}

#[test]
fn a_key_means_one_ride_and_quotes_hold_for_their_rider_and_a_while() {
    let dispatch = Dispatch::default();
    let wanted = a_call(&dispatch, "rider", "run", "k", 0);
    let Ok(Called::New(ride)) = call(&dispatch, wanted.clone(), 0) else {
        panic!("new")
    };
    let again = call(&dispatch, wanted.clone(), 400_000);
    assert_eq!(again, Ok(Called::Before(ride)));
    let another = Call {
        client_ref: None,
        ..wanted.clone()
    };
    assert_eq!(call(&dispatch, another, 0), Err(Refused::Conflict));
    let theirs = Call {
        rider: "other".to_owned(),
        ..wanted.clone()
    };
    assert_eq!(call(&dispatch, theirs, 0), Err(Refused::NoSuchQuote));
    let late = Call {
        idempotency_key: "k2".to_owned(),
        ..wanted
    };
    let lasts = u64::try_from(QUOTE_LASTS.as_millis()).unwrap();
    assert_eq!(call(&dispatch, late, lasts), Err(Refused::NoSuchQuote));
}

#[test]
fn rides_are_bounded_and_those_nobody_ends_end_by_themselves() {
    let dispatch = Dispatch::default();
    dispatch.online("driver", 1, tag("run"));
    let matched = called(&dispatch, "rider", "run", 0);
    let (_, id) = offer(&advance(&dispatch, 0));
    accept(&dispatch, "driver", &id, 0).unwrap();
    for n in 1..RIDES_OPEN_MAX as u64 {
        called(&dispatch, "rider", "nobody", n);
    }
    let one_more = a_call(&dispatch, "rider", "nobody", "more", 0);
    assert_eq!(call(&dispatch, one_more, 0), Err(Refused::TooManyRides));
    advance(&dispatch, 10_000);
    let counts = Counts::default();
    for n in 0..2 * RIDES_PER_RIDER_MAX as u64 {
        let ride = called(&dispatch, "rider", "nobody", 10_000 + n);
        dispatch.cancel("rider", &ride.id, &counts).unwrap();
    }
    assert_eq!(dispatch.rides("rider", None).len(), RIDES_PER_RIDER_MAX);
    assert_eq!(dispatch.rides("rider", None)[0].id, matched.id);
    let over = Timestamp::EPOCH + ABANDONED_AFTER;
    dispatch.advance((over - Duration::from_millis(1), at(10_000)), &counts);
    assert!(state(&dispatch, &matched).is_open());
    dispatch.advance((over, at(10_000)), &counts);
    assert_eq!(state(&dispatch, &matched), RideState::Abandoned);
    assert_eq!(counts.get(Count::RidesAbandoned), 1);
}
