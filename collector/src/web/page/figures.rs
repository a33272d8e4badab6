//! Figures as people read them: times, durations, ratios.

use std::time::Duration;

use bongsu_model::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::Lang;
use crate::web::answer::{Time, to_jiff};

/// A day: from here on a time needs its date.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A time of day in the zone, with its date when it is a day or more from `now`.
pub(super) fn time(at: Time, now: Timestamp, zone: &TimeZone) -> Markup {
    let pattern = if at.0.distance(now) < DAY {
        "%H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M:%S"
    };
    stamped(at, zone, pattern)
}

/// A time of day in the zone to the minute, with its date when it is a day or more from `now`.
pub(super) fn minute(at: Time, now: Timestamp, zone: &TimeZone) -> String {
    let pattern = if at.0.distance(now) < DAY {
        "%H:%M"
    } else {
        "%m-%d %H:%M"
    };
    to_jiff(at.0)
        .to_zoned(zone.clone())
        .strftime(pattern)
        .to_string()
}

/// A full time in the zone, with its name: `2022-10-16 14:30:00 KST`.
pub(super) fn full_time(at: Time, zone: &TimeZone) -> Markup {
    stamped(at, zone, "%Y-%m-%d %H:%M:%S %Z")
}

fn stamped(at: Time, zone: &TimeZone, pattern: &str) -> Markup {
    let zoned = to_jiff(at.0).to_zoned(zone.clone());
    html! {
        time datetime=(at) title=(zoned.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()) {
            (zoned.strftime(pattern).to_string())
        }
    }
}

/// A duration in its two largest units, coarse enough to change seldom: `3일 4시간`, `12 min`.
pub(crate) fn duration(duration: Duration, lang: Lang) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let two = |first: u64, first_unit: &str, second: u64, second_unit: &str| {
        if second == 0 {
            format!("{first}{first_unit}")
        } else {
            format!("{first}{first_unit} {second}{second_unit}")
        }
    };
    match (days, hours, minutes) {
        (0, 0, 0) => lang.pick("1분 미만", "under a minute").to_owned(),
        (0, 0, _) => format!("{minutes}{}", lang.pick("분", " min")),
        (0, _, _) => two(
            hours,
            lang.pick("시간", " h"),
            minutes,
            lang.pick("분", " min"),
        ),
        _ => two(days, lang.pick("일", " d"), hours, lang.pick("시간", " h")),
    }
}

/// An age to the second, for what should be fresh: `3초 전`, `2 min ago`.
pub(super) fn age(age: Duration, lang: Lang) -> String {
    let text = if age < Duration::from_secs(60) {
        format!("{}{}", age.as_secs(), lang.pick("초", " s"))
    } else {
        duration(age, lang)
    };
    match lang {
        Lang::Ko => format!("{text} 전"),
        Lang::En => format!("{text} ago"),
    }
}

/// A ratio in percent, cut and not rounded to two places, so that 100 % means all; "–" for none.
pub(crate) fn percent(ratio: Option<f64>) -> String {
    let Some(ratio) = ratio.filter(|ratio| ratio.is_finite()) else {
        return "–".to_owned();
    };
    // The small term undoes the binary error of ratios such as 0.57.
    let cut = (ratio * 10_000.0 + 1e-6).floor() / 100.0;
    if cut.fract() == 0.0 {
        format!("{cut}%")
    } else {
        format!("{cut:.2}%")
    }
}

/// Seconds as people read latencies: `0.8 ms`, `42 ms`, `1.25 s`.
pub(super) fn latency(seconds: f64) -> String {
    if seconds < 0.001 {
        format!("{:.2} ms", seconds * 1000.0)
    } else if seconds < 0.01 {
        format!("{:.1} ms", seconds * 1000.0)
    } else if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else {
        format!("{seconds:.2} s")
    }
}

/// Seconds after some instant, or before it: `+42 ms`, `−0.30 ms`, `+0`.
pub(super) fn offset(seconds: f64) -> String {
    if seconds.abs() < 0.000_005 {
        "+0".to_owned()
    } else if seconds < 0.0 {
        format!("−{}", latency(-seconds))
    } else {
        format!("+{}", latency(seconds))
    }
}

/// Bytes with a binary unit.
pub(super) fn bytes(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut power = 0;
    let mut rest = bytes;
    while rest >= 10 * 1024 && power + 1 < units.len() {
        rest /= 1024;
        power += 1;
    }
    format!("{rest} {}", units[power])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_ratio_is_cut_so_that_100_percent_means_all() {
        for (ratio, text) in [
            (Some(1.0), "100%"),
            (Some(0.999_999), "99.99%"),
            (Some(0.57), "57%"),
            (Some(0.123_45), "12.34%"),
            (Some(0.0), "0%"),
            (None, "–"),
            (Some(f64::NAN), "–"),
        ] {
            assert_eq!(percent(ratio), text);
        }
    }

    proptest! {
        #[test]
        fn only_all_is_100_percent_and_no_figure_is_flattered(ratio in 0.0..0.999_999_f64) {
            let text = percent(Some(ratio));
            let shown: f64 = text.strip_suffix('%').unwrap().parse().unwrap();
            prop_assert!(shown < 100.0);
            prop_assert!(shown <= ratio * 100.0 + 1e-6, "{text} of {ratio}");
            prop_assert!(shown >= ratio * 100.0 - 0.010_001, "{text} of {ratio}");
        }
    }

    #[test]
    fn a_duration_has_its_two_largest_units() {
        for (seconds, ko, en) in [
            (59, "1분 미만", "under a minute"),
            (60, "1분", "1 min"),
            (3660, "1시간 1분", "1 h 1 min"),
            (90_000, "1일 1시간", "1 d 1 h"),
            (86_400, "1일", "1 d"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds), Lang::Ko), ko);
            assert_eq!(duration(Duration::from_secs(seconds), Lang::En), en);
        }
        assert_eq!(age(Duration::from_secs(7), Lang::En), "7 s ago");
        assert_eq!(age(Duration::from_secs(130), Lang::Ko), "2분 전");
    }

    #[test]
    fn latencies_and_sizes_keep_two_or_three_digits() {
        assert_eq!(latency(0.000_123), "0.12 ms");
        assert_eq!(latency(0.0042), "4.2 ms");
        assert_eq!(latency(0.25), "250 ms");
        assert_eq!(latency(1.5), "1.50 s");
        assert_eq!(offset(0.25), "+250 ms");
        assert_eq!(offset(-1.5), "−1.50 s");
        assert_eq!(offset(-0.000_001), "+0");
        assert_eq!(bytes(10_239), "10239 B");
        assert_eq!(bytes(20 << 20), "20 MiB");
    }
}
