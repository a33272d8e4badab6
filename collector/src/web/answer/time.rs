//! Instants as the API writes them: RFC 3339, UTC, milliseconds.

use bongsu_model::Timestamp;

/// An instant that is written as RFC 3339 in UTC, cut to milliseconds: `2022-10-16T05:30:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Timestamp);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = to_jiff(self.0);
        f.write_str(&at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
    }
}

impl serde::Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

/// The same instant for jiff, which knows calendars and zones.
pub(crate) fn to_jiff(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_nanosecond(i128::from(at.as_unix_nanos()))
        .expect("64 bits of nanoseconds end in 2554, jiff in 9999")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rfc_3339_in_utc_with_milliseconds() {
        let at = Timestamp::from_unix_nanos(1_665_898_200_123_456_789);
        assert_eq!(Time(at).to_string(), "2022-10-16T05:30:00.123Z");
        assert_eq!(
            Time(Timestamp::EPOCH).to_string(),
            "1970-01-01T00:00:00.000Z"
        );
        assert_eq!(Time(Timestamp::MAX).to_string(), "2554-07-21T23:34:33.709Z");
    }
}
