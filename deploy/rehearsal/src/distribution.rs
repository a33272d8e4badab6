//! Durations in order, and the figures that are read off them.

use std::time::Duration;

/// Durations that were measured, sorted.
#[derive(Debug, Clone, Default)]
pub struct Distribution {
    sorted: Vec<Duration>,
}

impl Distribution {
    /// From measurements in any order.
    pub fn new(mut measured: Vec<Duration>) -> Self {
        measured.sort_unstable();
        Self { sorted: measured }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The smallest measurement that at least `percent` per cent of all are not above (nearest
    /// rank). None without measurements.
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.sorted.len() * percent.min(100)).div_ceil(100).max(1);
        self.sorted.get(rank - 1).copied()
    }

    /// How many fall into each step of `width`, from zero on, as far as there are any.
    pub fn histogram(&self, width: Duration) -> Vec<(Duration, usize)> {
        let mut bins: Vec<(Duration, usize)> = Vec::new();
        for value in &self.sorted {
            let index = usize::try_from(value.as_nanos() / width.as_nanos().max(1)).unwrap_or(0);
            while bins.len() <= index {
                bins.push((width * u32::try_from(bins.len()).unwrap_or(u32::MAX), 0));
            }
            bins[index].1 += 1;
        }
        let first = bins.iter().position(|(_, count)| *count > 0).unwrap_or(0);
        bins.split_off(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(values: &[u64]) -> Distribution {
        Distribution::new(values.iter().copied().map(Duration::from_secs).collect())
    }

    #[test]
    fn percentiles_are_measurements() {
        let distribution = seconds(&[5, 1, 4, 2, 3]);
        assert_eq!(distribution.percentile(50), Some(Duration::from_secs(3)));
        assert_eq!(distribution.percentile(95), Some(Duration::from_secs(5)));
        assert_eq!(distribution.percentile(0), Some(Duration::from_secs(1)));
        assert_eq!(seconds(&[]).percentile(50), None);
    }

    #[test]
    fn the_histogram_starts_where_the_first_is() {
        let bins = seconds(&[4, 5, 9]).histogram(Duration::from_secs(2));
        let counts: Vec<_> = bins
            .iter()
            .map(|(from, count)| (from.as_secs(), *count))
            .collect();
        assert_eq!(counts, [(4, 2), (6, 0), (8, 1)]);
    }
}
