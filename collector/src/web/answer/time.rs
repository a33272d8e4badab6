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

impl Time {
    /// The instant cut to what is written: it reads back as the same.
    pub fn cut(at: Timestamp) -> Self {
        Self(Timestamp::from_unix_nanos(
            at.as_unix_nanos() / 1_000_000 * 1_000_000,
        ))
    }
}

/// A text that is no RFC 3339 time since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time since 1970; write it as 2022-10-16T05:30:00Z")]
pub struct TimeError;

impl std::str::FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let at: jiff::Timestamp = text.parse().map_err(|_| TimeError)?;
        let nanos = u64::try_from(at.as_nanosecond()).map_err(|_| TimeError)?;
        Ok(Self::cut(Timestamp::from_unix_nanos(nanos)))
    }
}

impl<'de> serde::Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
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
    fn a_time_reads_back_as_it_was_written() {
        let at = Time::cut(Timestamp::from_unix_nanos(1_665_898_200_123_456_789));
        let text = serde_json::to_string(&at).unwrap();
        assert_eq!(serde_json::from_str::<Time>(&text).unwrap(), at);
        for bad in ["", "2022-10-16", "2022-10-16T14:30", "1969-12-31T23:59:59Z"] {
            assert_eq!(bad.parse::<Time>(), Err(TimeError), "{bad}");
        }
    }

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
