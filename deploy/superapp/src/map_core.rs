//! The component `map-core`: places, the way between them, and what a taxi costs for it. Keeps
//! nothing and knows no HTTP.

pub(crate) mod places;

/// The area that is served, in degrees: Korea and its waters.
const LATITUDES: std::ops::RangeInclusive<f64> = 33.0..=39.0;
const LONGITUDES: std::ops::RangeInclusive<f64> = 124.0..=132.0;
/// The mean radius of the earth in metres.
const EARTH_M: f64 = 6_371_009.0;
/// A way through a city is this much longer than the straight line, and this fast in m/s (24 km/h).
const DETOUR: f64 = 1.3;
const SPEED_M_S: f64 = 24_000.0 / 3_600.0;
/// Shortest and longest way that a taxi takes, in metres.
const WAY_MIN_M: f64 = 100.0;
const WAY_MAX_M: f64 = 100_000.0;
/// Seoul's tariff for medium taxis since 2023: 4,800 won for the first 1.6 km, then 100 won for
/// each 131 m.
const FARE_BASE: u64 = 4_800;
const FARE_BASE_M: u64 = 1_600;
const FARE_STEP: u64 = 100;
const FARE_STEP_M: u64 = 131;

/// A place in degrees.
#[derive(Debug, Clone, Copy, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    pub(crate) lat: f64,
    pub(crate) lon: f64,
}

/// A way from one place to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) distance_m: u64,
    pub(crate) duration_s: u64,
}

/// Why there is no way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoWay {
    /// A place is not in the area that is served.
    Outside,
    TooNear,
    TooFar,
}

/// Whether a place is in the area that is served.
pub(crate) fn is_served(place: Place) -> bool {
    LATITUDES.contains(&place.lat) && LONGITUDES.contains(&place.lon)
}

/// The way between two places.
pub(crate) fn way(from: Place, to: Place) -> Result<Way, NoWay> {
    if !is_served(from) || !is_served(to) {
        return Err(NoWay::Outside);
    }
    let metres = straight_m(from, to) * DETOUR;
    if metres < WAY_MIN_M {
        return Err(NoWay::TooNear);
    }
    if metres > WAY_MAX_M {
        return Err(NoWay::TooFar);
    }
    Ok(Way {
        distance_m: whole(metres),
        duration_s: whole(metres / SPEED_M_S),
    })
}

/// What a taxi costs for a way, in won.
pub(crate) fn fare(way: Way) -> u64 {
    let beyond = way.distance_m.saturating_sub(FARE_BASE_M);
    FARE_BASE + beyond.div_ceil(FARE_STEP_M) * FARE_STEP
}

/// The place that lies this part, 0 to 1, of the straight line behind `from`.
pub(crate) fn between(from: Place, to: Place, part: f64) -> Place {
    let part = part.clamp(0.0, 1.0);
    Place {
        lat: from.lat + (to.lat - from.lat) * part,
        lon: from.lon + (to.lon - from.lon) * part,
    }
}

/// The straight line along the earth in metres (haversine).
fn straight_m(from: Place, to: Place) -> f64 {
    let (lat_a, lat_b) = (from.lat.to_radians(), to.lat.to_radians());
    let half_lat = ((lat_b - lat_a) / 2.0).sin();
    let half_lon = ((to.lon - from.lon).to_radians() / 2.0).sin();
    let part = half_lat.powi(2) + lat_a.cos() * lat_b.cos() * half_lon.powi(2);
    2.0 * EARTH_M * part.sqrt().min(1.0).asin()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bounded positive length or time"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const GWANGHWAMUN: Place = Place {
        lat: 37.5716,
        lon: 126.9769,
    };
    const GANGNAM: Place = Place {
        lat: 37.4979,
        lon: 127.0276,
    };

    #[test]
    fn a_way_through_seoul_has_the_length_time_and_fare_that_one_expects() {
        let there = way(GWANGHWAMUN, GANGNAM).unwrap();
        assert!((11_500..13_000).contains(&there.distance_m), "{there:?}");
        assert!((1_700..2_000).contains(&there.duration_s), "{there:?}");
        assert!((12_000..14_000).contains(&fare(there)), "{}", fare(there));
        assert_eq!(way(GANGNAM, GWANGHWAMUN), Ok(there));
        let short = Way {
            distance_m: 1_600,
            duration_s: 1,
        };
        assert_eq!(fare(short), 4_800);
    }

    #[test]
    fn there_is_no_way_to_where_no_taxi_goes() {
        let at = |lat, lon| way(GWANGHWAMUN, Place { lat, lon });
        assert_eq!(at(52.52, 13.405), Err(NoWay::Outside));
        assert_eq!(at(f64::NAN, 127.0), Err(NoWay::Outside));
        assert_eq!(at(GWANGHWAMUN.lat, GWANGHWAMUN.lon), Err(NoWay::TooNear));
        assert_eq!(at(35.1796, 129.0756), Err(NoWay::TooFar));
    }
}
