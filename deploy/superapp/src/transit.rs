//! The component `transit-feed`: lines, ways by bus and train, and when the next ones come. Follows
//! from the time alone and knows no HTTP.

use std::time::Duration;

use bongsu_model::Timestamp;

use crate::map_core::Way;

/// How often the feed of positions is read.
const FEED_EVERY: Duration = Duration::from_secs(20);
/// A ticket in won: the basic fare in Seoul in 2022.
const FARE_WON: u64 = 1_250;
/// Walking to a stop and from it, in seconds.
const WALK_S: u64 = 240;

/// A line, how fast it is and how often it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) id: &'static str,
    pub(crate) mode: &'static str,
    metres_s: u64,
    headway_s: u64,
}

const LINES: [Line; 3] = [
    Line {
        id: "subway-3",
        mode: "subway",
        metres_s: 9,
        headway_s: 300,
    },
    Line {
        id: "bus-402",
        mode: "bus",
        metres_s: 5,
        headway_s: 540,
    },
    Line {
        id: "bus-n37",
        mode: "bus",
        metres_s: 6,
        headway_s: 1_500,
    },
];

/// One way by bus or train.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Itinerary {
    pub(crate) line: Line,
    /// Minutes of the day.
    pub(crate) departs: u64,
    pub(crate) arrives: u64,
    pub(crate) fare: u64,
}

/// The ways that leave at this minute of the day or later, the fastest first.
pub(crate) fn itineraries(way: Way, minute: u64) -> Vec<Itinerary> {
    let mut found: Vec<Itinerary> = LINES
        .iter()
        .map(|line| {
            let headway = line.headway_s / 60;
            let departs = minute.next_multiple_of(headway);
            let rides_s = way.distance_m / line.metres_s + 2 * WALK_S;
            Itinerary {
                line: *line,
                departs,
                arrives: departs + rides_s.div_ceil(60),
                fare: FARE_WON,
            }
        })
        .collect();
    found.sort_by_key(|one| one.arrives);
    found
}

/// When the feed was last read.
pub(crate) fn read_at(now: Timestamp) -> Timestamp {
    let every = u64::try_from(FEED_EVERY.as_nanos()).unwrap_or(u64::MAX);
    let since = now.as_unix_nanos() / every * every;
    Timestamp::EPOCH + Duration::from_nanos(since)
}

/// How many seconds from `now` on the next of each line comes, as the feed knew it.
pub(crate) fn arrivals(now: Timestamp) -> impl Iterator<Item = (Line, u64)> {
    let seconds = now.as_unix_nanos() / 1_000_000_000;
    LINES
        .into_iter()
        .map(move |line| (line, line.headway_s - seconds % line.headway_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_one_comes_within_its_headway_and_the_feed_is_fresh() {
        for seconds in [0, 1, 59, 1_665_900_000] {
            let now = Timestamp::from_unix_seconds(seconds);
            for (line, in_s) in arrivals(now) {
                assert!((1..=line.headway_s).contains(&in_s), "{line:?}: {in_s}");
            }
            let age = now.as_unix_nanos() - read_at(now).as_unix_nanos();
            assert!(age < 20_000_000_000);
        }
    }

    #[test]
    fn a_way_leaves_when_asked_or_later_and_takes_its_time() {
        let way = Way {
            distance_m: 12_000,
            duration_s: 1_800,
        };
        let found = itineraries(way, 510);
        assert_eq!(found.len(), LINES.len());
        assert!(
            found
                .iter()
                .all(|one| one.departs >= 510 && one.arrives > one.departs + 20)
        );
    }
}
