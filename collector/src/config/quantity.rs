//! Durations and sizes as people write them: `5s`, `7d`, `64MiB`.

use std::time::Duration;

const DURATION_UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

const BYTE_UNITS: [(&str, u64); 5] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// A whole number and a unit of `ms s m h d`, more than zero: `90s`.
///
/// # Errors
/// What is wrong with `text`, as a sentence.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    parse(text, &DURATION_UNITS)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("`{text}` is not a duration; write it as 500ms, 5s, 10m, 2h or 7d"))
}

/// A whole number and a unit of `B KiB MiB GiB TiB`, more than zero.
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    parse(text, &BYTE_UNITS)
        .ok_or_else(|| format!("`{text}` is not a size; write it as 512KiB, 16MiB or 20GiB"))
}

/// A duration in the largest unit that divides it.
pub(super) fn duration(value: Duration) -> String {
    render(
        u64::try_from(value.as_millis()).unwrap_or(u64::MAX),
        &DURATION_UNITS,
    )
}

/// A size in the largest unit that divides it.
pub(super) fn bytes(value: u64) -> String {
    render(value, &BYTE_UNITS)
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    count
        .parse::<u64>()
        .ok()?
        .checked_mul(*factor)
        .filter(|value| *value > 0)
}

fn render(value: u64, units: &[(&str, u64)]) -> String {
    let (unit, factor) = units
        .iter()
        .rev()
        .find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor))
        .unwrap_or(&units[0]);
    format!("{}{unit}", value / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_back_as_they_were_written() {
        for text in ["1ms", "5s", "90s", "10m", "2h", "7d"] {
            assert_eq!(duration(parse_duration(text).unwrap()), text);
        }
        for text in ["1B", "512KiB", "16MiB", "20GiB", "1TiB"] {
            assert_eq!(bytes(parse_bytes(text).unwrap()), text);
        }
    }

    #[test]
    fn what_has_no_unit_or_no_sense_is_refused() {
        for bad in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "1.5s",
            "5S",
            "0s",
            "99999999999999999999d",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad:?} passed");
        }
        for bad in ["", "16", "16MB", "16mib", "0B", "18446744073709551615KiB"] {
            assert!(parse_bytes(bad).is_err(), "{bad:?} passed");
        }
    }
}
