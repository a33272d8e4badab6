//! Dates of the Gregorian calendar as they stand in certificates and cookies.

use bongsu_model::Timestamp;

/// A date and time in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: u64,
    /// 1 to 12.
    pub(crate) month: u64,
    /// 1 to 31.
    pub(crate) day: u64,
    pub(crate) hour: u64,
    pub(crate) minute: u64,
    /// 0 to 60: a leap second is the second after it.
    pub(crate) second: u64,
}

impl Civil {
    /// The instant; the epoch for dates before it, None for what is no date.
    pub(crate) fn timestamp(self) -> Option<Timestamp> {
        let plausible = (1..=12).contains(&self.month)
            && (1..=31).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second <= 60
            && self.year <= 9_999;
        if !plausible {
            return None;
        }
        if self.year < 1970 {
            return Some(Timestamp::EPOCH);
        }
        let days = self.days_since_epoch();
        let seconds = ((days * 24 + self.hour) * 60 + self.minute) * 60 + self.second;
        Some(Timestamp::from_unix_seconds(seconds))
    }

    /// The count of days from a year that begins in March, after Howard Hinnant,
    /// "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`; for years from 1970.
    fn days_since_epoch(self) -> u64 {
        let year = if self.month <= 2 {
            self.year - 1
        } else {
            self.year
        };
        let era = year / 400;
        let year_of_era = year % 400;
        let month_from_march = (self.month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates_have_their_known_seconds() {
        let cases = [
            ((1970, 1, 1, 0, 0, 0), Some(0)),
            ((2000, 2, 29, 12, 0, 0), Some(951_825_600)),
            ((2022, 10, 15, 6, 30, 0), Some(1_665_815_400)),
            ((2026, 11, 22, 0, 0, 60), Some(1_795_305_660)),
            ((1969, 12, 31, 23, 59, 59), Some(0)),
            ((2026, 13, 1, 0, 0, 0), None),
            ((2026, 0, 1, 0, 0, 0), None),
            ((2026, 1, 1, 24, 0, 0), None),
        ];
        for ((year, month, day, hour, minute, second), expected) in cases {
            let civil = Civil {
                year,
                month,
                day,
                hour,
                minute,
                second,
            };
            let seconds = expected.map(Timestamp::from_unix_seconds);
            assert_eq!(civil.timestamp(), seconds, "{civil:?}");
        }
    }
}
