//! Durations as people write them: `800ms`, `2.5s`, `1m`, `2h`, `7d`.

use std::time::Duration;

/// Longest duration that a file may state: seven days.
const DURATION_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// Why a text is not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// No number, or not one that can be read.
    #[error("the number is missing or cannot be read")]
    Number,
    /// The unit is missing or unknown.
    #[error("the unit must be one of ms, s, m, h, d")]
    Unit,
    /// Zero or longer than seven days.
    #[error("it must be longer than 0 and at most 7d")]
    Range,
}

/// Reads `800ms`, `2.5s`, `1m`, `2h` or `7d`; above zero and at most seven days.
///
/// # Errors
/// When number or unit cannot be read, or the duration is out of range.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or(DurationError::Unit)?;
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(DurationError::Number);
    }
    let seconds_per_unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err(DurationError::Unit),
    };
    let number: f64 = number.parse().map_err(|_| DurationError::Number)?;
    let duration =
        Duration::try_from_secs_f64(number * seconds_per_unit).map_err(|_| DurationError::Range)?;
    // Microseconds: 0.1 + 0.2 in binary must not show as 300.000001ms.
    let micros = u64::try_from(duration.as_nanos().saturating_add(500) / 1_000)
        .map_err(|_| DurationError::Range)?;
    let duration = Duration::from_micros(micros);
    if duration.is_zero() || duration > DURATION_MAX {
        return Err(DurationError::Range);
    }
    Ok(duration)
}

/// The duration as a file would state it: `800ms`, `2.5s`, `90s`.
pub fn display_duration(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{}ms", duration.as_secs_f64() * 1_000.0)
    } else {
        format!("{}s", duration.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_unit() {
        for (text, millis) in [
            ("800ms", 800),
            ("2.5s", 2_500),
            ("0.3s", 300),
            ("1m", 60_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused_with_its_reason() {
        for (text, error) in [
            ("", DurationError::Unit),
            ("5", DurationError::Unit),
            ("s", DurationError::Number),
            ("5 s", DurationError::Unit),
            ("5sec", DurationError::Unit),
            ("1.2.3s", DurationError::Number),
            ("-5s", DurationError::Number),
            ("0s", DurationError::Range),
            ("8d", DurationError::Range),
            ("99999999999999999999999d", DurationError::Range),
        ] {
            assert_eq!(parse_duration(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn durations_are_shown_as_written() {
        for text in ["800ms", "2.5s", "10s"] {
            assert_eq!(display_duration(parse_duration(text).unwrap()), text);
        }
    }
}
