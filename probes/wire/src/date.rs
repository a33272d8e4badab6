//! RFC 3339 in UTC for the one attribute that is a text date.

use bongsu_model::Timestamp;

const NANOS: u64 = 1_000_000_000;
const DAY_S: u64 = 86_400;

/// `2026-11-22T21:55:00Z`, with nine digits of fraction where there is one.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    let seconds = at.as_unix_nanos() / NANOS;
    let (year, month, day) = civil(seconds / DAY_S);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let fraction = match at.as_unix_nanos() % NANOS {
        0 => String::new(),
        nanos => format!(".{nanos:09}"),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Reads what [`rfc3339`] writes, with 1 to 9 digits of fraction.
pub(crate) fn from_rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let punctuation = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if punctuation
        .iter()
        .any(|(at, byte)| bytes.get(*at) != Some(byte))
    {
        return None;
    }
    let (year, month, day) = (
        number(text, 0, 4)?,
        number(text, 5, 7)?,
        number(text, 8, 10)?,
    );
    let (hour, minute, second) = (
        number(text, 11, 13)?,
        number(text, 14, 16)?,
        number(text, 17, 19)?,
    );
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let nanos = match text.get(19..)?.strip_suffix('Z')? {
        "" => 0,
        fraction => {
            let digits = fraction.strip_prefix('.')?;
            let scale = u32::try_from(9_usize.checked_sub(digits.len())?).ok()?;
            number(digits, 0, digits.len())? * 10_u64.pow(scale)
        }
    };
    let days = days(year, month, day).filter(|days| civil(*days) == (year, month, day))?;
    let seconds = days * DAY_S + hour * 3_600 + minute * 60 + second;
    let nanos = seconds.checked_mul(NANOS)?.checked_add(nanos)?;
    Some(Timestamp::from_unix_nanos(nanos))
}

fn number(text: &str, from: usize, to: usize) -> Option<u64> {
    let digits = text.get(from..to)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Year, month and day, so many days after the Unix epoch, by the Gregorian calendar. Counts in
/// years that begin in March, 400 of which have 146,097 days
/// (<https://howardhinnant.github.io/date_algorithms.html>).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The inverse of [`civil`], for dates since 1970; a day or month out of range gives some number.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || day < 1 {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let year_of_era = year % 400;
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(year / 400 * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_dates_are_written_and_read() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_665_801_000, "2022-10-15T02:30:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_unix_seconds(seconds)), text);
            assert_eq!(
                from_rfc3339(text),
                Some(Timestamp::from_unix_seconds(seconds))
            );
        }
        assert_eq!(
            from_rfc3339("2021-01-01T00:00:00.000Z"),
            Some(Timestamp::from_unix_seconds(1_609_459_200))
        );
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for bad in [
            "",
            "2021",
            "1969-12-31T23:59:59Z",
            "2021-02-29T00:00:00Z",
            "2021-13-01T00:00:00Z",
            "2021-00-01T00:00:00Z",
            "2021-01-00T00:00:00Z",
            "2021-01-01T24:00:00Z",
            "2021-01-01T00:00:00",
            "2021-01-01T00:00:00.Z",
            "2021-01-01T00:00:00.0000000000Z",
            "2021-01-01T00:00:00+09:00",
            "2021-01-01T+1:00:00Z",
            "9999-12-31T23:59:59Z",
            "2021-01-01T00:00:0봉Z",
        ] {
            assert_eq!(from_rfc3339(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_instant_comes_back(nanos in any::<u64>()) {
            let at = Timestamp::from_unix_nanos(nanos);
            prop_assert_eq!(from_rfc3339(&rfc3339(at)), Some(at));
        }
    }
}
