//! Times as people write them: with an offset, or in the zone of the file.

use bongsu_model::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Reads `2022-10-16T14:30`, with seconds and with an offset if they are written. A time without
/// an offset is of `zone`.
pub(super) fn parse(text: &str, zone: Option<&TimeZone>) -> Result<Timestamp, String> {
    let instant = match (text.parse::<jiff::Timestamp>(), zone) {
        (Ok(instant), _) => instant,
        (Err(_), Some(zone)) => {
            let civil: DateTime = text.parse().map_err(|_| shape(text))?;
            let zoned = civil.to_zoned(zone.clone()).map_err(|_| shape(text))?;
            zoned.timestamp()
        }
        (Err(_), None) if text.parse::<DateTime>().is_ok() => {
            return Err(format!("`{text}` does not say in which zone it is"));
        }
        (Err(_), None) => return Err(shape(text)),
    };
    let nanos =
        u64::try_from(instant.as_nanosecond()).map_err(|_| format!("`{text}` lies before 1970"))?;
    Ok(Timestamp::from_unix_nanos(nanos))
}

/// Reads a time; without an offset it is of the zone of this name.
///
/// # Errors
/// When it is no time, with how to write one.
pub fn instant(text: &str, name: &str) -> Result<Timestamp, String> {
    parse(text, zone(name).as_ref()).map_err(|error| format!("{error}: {LIKE}"))
}

/// What a time is written as, for remedies.
pub(super) const LIKE: &str = "write a time like 2022-10-16T14:30+09:00";

fn shape(text: &str) -> String {
    let shown: String = text.chars().take(40).collect();
    format!("`{shown}` is no time")
}

/// The zone of this name.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// An instant in UTC as RFC 3339 writes it.
pub fn rfc3339(at: Timestamp) -> String {
    let nanos = i128::from(at.as_unix_nanos());
    let instant = jiff::Timestamp::from_nanosecond(nanos).unwrap_or_default();
    instant.to_string()
}

/// An instant as people of `zone` write it, to the minute: `2022-10-16T14:30+09:00`.
pub fn in_zone(at: Timestamp, name: &str) -> String {
    let zone = zone(name).unwrap_or(TimeZone::UTC);
    let nanos = i128::from(at.as_unix_nanos());
    let instant = jiff::Timestamp::from_nanosecond(nanos).unwrap_or_default();
    instant
        .to_zoned(zone)
        .strftime("%Y-%m-%dT%H:%M%:z")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_an_offset_or_a_zone() {
        let seoul = zone("Asia/Seoul").unwrap();
        let with = parse("2022-10-16T14:30+09:00", None).unwrap();
        assert_eq!(with, Timestamp::from_unix_seconds(1_665_898_200));
        assert_eq!(parse("2022-10-16T14:30", Some(&seoul)), Ok(with));
        assert_eq!(parse("2022-10-16T05:30:00Z", Some(&seoul)), Ok(with));
        assert_eq!(in_zone(with, "Asia/Seoul"), "2022-10-16T14:30+09:00");
        for (text, wanted) in [
            ("2022-10-16T14:30", "which zone"),
            ("yesterday", "no time"),
            ("1969-10-16T14:30+09:00", "before 1970"),
        ] {
            let error = parse(text, None).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
