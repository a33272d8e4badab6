//! Stretches of time in which a feature was out, and how long they are in calendar months.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_model::Timestamp;
use jiff::tz::TimeZone;

use crate::web::answer::{Time, to_jiff};

/// A stretch from one instant to another, or open at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Span {
    /// Its first instant.
    pub from: Time,
    /// The first instant after it; null while it goes on.
    pub until: Option<Time>,
}

impl Span {
    /// How long it is at `now`.
    pub fn length(self, now: Timestamp) -> Duration {
        self.end(now).since(self.from.0)
    }

    /// Its end, or `now` while it goes on.
    pub fn end(self, now: Timestamp) -> Timestamp {
        self.until.map_or(now, |until| until.0.min(now))
    }
}

/// A calendar month: year and month.
pub type Month = (i16, i8);

/// How long `spans` are in each calendar month of `zone` that they touch.
pub fn by_month(spans: &[Span], now: Timestamp, zone: &TimeZone) -> BTreeMap<Month, Duration> {
    let mut months = BTreeMap::new();
    for span in spans {
        let (mut at, end) = (span.from.0, span.end(now));
        while at < end {
            let day = to_jiff(at).to_zoned(zone.clone()).date();
            let next = day.last_of_month().tomorrow().ok();
            let next = next.and_then(|first| first.to_zoned(zone.clone()).ok());
            let next = next.and_then(|first| u64::try_from(first.timestamp().as_nanosecond()).ok());
            let cut = next.map_or(end, Timestamp::from_unix_nanos).min(end);
            *months.entry((day.year(), day.month())).or_default() += cut.since(at);
            if cut <= at {
                break;
            }
            at = cut;
        }
    }
    months
}

/// The longest of `spans`.
pub fn longest(spans: &[Span], now: Timestamp) -> Duration {
    let lengths = spans.iter().map(|span| span.length(now));
    lengths.max().unwrap_or_default()
}

/// The first instant at which so many cuts lie within a stretch and are so long together.
pub fn cuts_reached(
    spans: &[Span],
    (count, within, total): (u32, Duration, Duration),
    now: Timestamp,
) -> Option<Timestamp> {
    spans.iter().enumerate().find_map(|(last, span)| {
        let end = span.end(now);
        // The sum is reached inside this cut, at the latest after its whole length.
        let first = end.min(span.from.0 + total) - within;
        let mut need = total;
        let mut seen = 0;
        for earlier in &spans[..last] {
            let until = earlier.end(now);
            need = need.saturating_sub(until.since(earlier.from.0.max(first)));
            seen += u32::from(until > first);
        }
        let reached = span.from.0 + need;
        (seen + 1 >= count && reached <= end).then_some(reached)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_unix_seconds(1_664_550_000 + minutes * 60)
    }

    fn span(from: u64, until: Option<u64>) -> Span {
        Span {
            from: Time(at(from)),
            until: until.map(|until| Time(at(until))),
        }
    }

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(count * 60)
    }

    #[test]
    fn a_span_over_the_turn_of_the_month_counts_in_both() {
        // 2022-09-30 15:00 UTC is midnight of 1 October in Korea.
        let seoul = TimeZone::get("Asia/Seoul").unwrap();
        let midnight = Timestamp::from_unix_seconds(1_664_550_000);
        assert_eq!(at(0), midnight);
        let over = Span {
            from: Time(midnight - minutes(30)),
            until: Some(Time(midnight + minutes(50))),
        };
        let months = by_month(&[over, span(60, None)], at(70), &seoul);
        let months: Vec<_> = months.into_iter().collect();
        assert_eq!(
            months,
            [((2022, 9), minutes(30)), ((2022, 10), minutes(60))]
        );
        let utc = by_month(&[over], at(70), &TimeZone::UTC);
        assert_eq!(
            utc.into_iter().collect::<Vec<_>>(),
            [((2022, 9), minutes(80))]
        );
    }

    #[test]
    fn cuts_are_added_up_within_their_stretch_only() {
        let rule = (2, minutes(24 * 60), minutes(45));
        let reached = |spans: &[Span], now| cuts_reached(spans, rule, at(now));
        let (first, second) = (span(0, Some(20)), span(100, Some(130)));
        assert_eq!(reached(&[first], 200), None);
        assert_eq!(reached(&[first, second], 200), Some(at(125)));
        assert_eq!(reached(&[first, second], 124), None, "not yet");
        assert_eq!(reached(&[first, span(100, Some(124))], 200), None);
        assert_eq!(reached(&[first, span(100, None)], 125), Some(at(125)));
        let next_day = span(1_500, Some(1_529));
        assert_eq!(reached(&[first, next_day], 2_000), None, "a day apart");
        assert_eq!(longest(&[first, second], at(200)), minutes(30));
    }
}
