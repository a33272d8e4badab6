//! Durations, sizes, slices and counts as people write them: `5s`, `512MiB`, `1/9`, `2 files`.

use std::time::Duration;

/// Reads `250ms`, `5s`, `10m`, `1h` or `7d`: a whole number and one unit.
///
/// # Errors
/// A sentence that says what is expected.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "a duration is a whole number and a unit: 250ms, 5s, 10m, 1h, 7d";
    let (number, unit) = split(text).ok_or(EXPECTED)?;
    let millis_per_unit: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(EXPECTED.to_owned()),
    };
    let millis = number
        .checked_mul(millis_per_unit)
        .filter(|millis| (1..=MILLIS_MAX).contains(millis))
        .ok_or("a duration is at least 1ms and at most 366d")?;
    Ok(Duration::from_millis(millis))
}

/// Longest duration in any file: a year.
const MILLIS_MAX: u64 = 366 * 86_400_000;

/// Reads `64KiB`, `512MiB` or `20GiB`, as bytes.
///
/// # Errors
/// A sentence that says what is expected.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    const EXPECTED: &str = "a size is a whole number and a unit: 64KiB, 512MiB, 20GiB";
    let (number, unit) = split(text).ok_or(EXPECTED)?;
    let bytes_per_unit: u64 = match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(EXPECTED.to_owned()),
    };
    number
        .checked_mul(bytes_per_unit)
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| EXPECTED.to_owned())
}

/// `1 file`, `2 files`: a number and its noun.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text[..digits].parse().ok()?;
    Some((number, &text[digits..]))
}

/// Part `place` of `of` equal parts; places count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    place: u32,
    of: u32,
}

impl Slice {
    /// The whole: `1/1`.
    pub const WHOLE: Self = Self { place: 1, of: 1 };

    /// Part `place` of `of`. None unless 1 ≤ place ≤ of.
    pub const fn new(place: u32, of: u32) -> Option<Self> {
        if place >= 1 && place <= of {
            Some(Self { place, of })
        } else {
            None
        }
    }

    /// The part as a place from 0 and a number of parts.
    pub const fn from_zero(self) -> (u32, u32) {
        (self.place - 1, self.of)
    }

    /// The indices of a list of `len` items that belong to this part; all parts together cover
    /// the list, and no two overlap.
    pub fn of_list(self, len: usize) -> std::ops::Range<usize> {
        let (place, of) = (self.place as usize - 1, self.of as usize);
        (len * place / of)..(len * (place + 1) / of)
    }
}

impl std::str::FromStr for Slice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once('/')
            .and_then(|(place, of)| Self::new(place.parse().ok()?, of.parse().ok()?))
            .ok_or_else(|| {
                "a slice is `place/parts`, as in 1/9; the place counts from 1".to_owned()
            })
    }
}

impl std::fmt::Display for Slice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.place, self.of)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_and_sizes_have_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        for bad in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "5S",
            "1.5s",
            "0s",
            "400d",
            "99999999999999999999s",
        ] {
            assert!(duration(bad).is_err(), "{bad:?} passed");
        }
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        for bad in ["", "5", "5MB", "0KiB", "5 MiB", "99999999999999GiB"] {
            assert!(bytes(bad).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn a_slice_is_a_place_among_parts() {
        assert_eq!("2/3".parse(), Ok(Slice::new(2, 3).unwrap()));
        for bad in ["", "2", "0/3", "4/3", "1/0", "a/b", "1/3/4", "-1/3"] {
            assert!(bad.parse::<Slice>().is_err(), "{bad:?} passed");
        }
    }

    proptest! {
        #[test]
        fn slices_cover_a_list_without_overlap(len in 0_usize..200, of in 1_u32..20) {
            let mut next = 0;
            for place in 1..=of {
                let range = Slice::new(place, of).unwrap().of_list(len);
                prop_assert_eq!(range.start, next);
                next = range.end;
            }
            prop_assert_eq!(next, len);
        }
    }
}
