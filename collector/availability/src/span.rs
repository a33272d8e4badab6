//! A stretch of time with its first instant and the first instant after it.

use bongsu_model::Timestamp;

/// Half-open: `from` belongs to it, `until` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

impl Span {
    pub(crate) fn new(from: Timestamp, until: Timestamp) -> Self {
        Self { from, until }
    }

    pub(crate) fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// Its length in nanoseconds; zero when it ends before it begins.
    pub(crate) fn nanos(&self) -> u64 {
        self.until
            .as_unix_nanos()
            .saturating_sub(self.from.as_unix_nanos())
    }

    /// What it has in common with `other`; empty spans have no length.
    pub(crate) fn clip(&self, other: Span) -> Span {
        Span::new(self.from.max(other.from), self.until.min(other.until))
    }

    /// Nanoseconds of it that lie in none of `holes`, which neither overlap nor touch.
    pub(crate) fn nanos_outside(&self, holes: &[Span]) -> u64 {
        let inside: u64 = holes.iter().map(|hole| self.clip(*hole).nanos()).sum();
        self.nanos().saturating_sub(inside)
    }
}

/// The union of `spans` as spans that neither overlap nor touch, in order.
pub(crate) fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| span.nanos() > 0);
    spans.sort_by_key(|span| (span.from, span.until));
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.from <= last.until => last.until = last.until.max(span.until),
            _ => merged.push(span),
        }
    }
    merged
}

/// The first instant that lies in one of two unions only, or earlier; None if they are the same.
pub(crate) fn first_difference(a: &[Span], b: &[Span]) -> Option<Timestamp> {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let rest = a.get(same).into_iter().chain(b.get(same));
    rest.map(|span| span.from).min()
}

/// The parts of `span` that lie in none of `holes` (a union).
pub(crate) fn without(span: Span, holes: &[Span]) -> Vec<Span> {
    let mut parts = Vec::new();
    let mut from = span.from;
    for hole in holes {
        let part = Span::new(from, hole.from.min(span.until));
        if part.nanos() > 0 {
            parts.push(part);
        }
        from = from.max(hole.until);
    }
    let rest = Span::new(from, span.until);
    if rest.nanos() > 0 {
        parts.push(rest);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: u64, until: u64) -> Span {
        Span::new(
            Timestamp::from_unix_nanos(from),
            Timestamp::from_unix_nanos(until),
        )
    }

    #[test]
    fn a_union_neither_overlaps_nor_touches() {
        let merged = union(vec![
            span(5, 7),
            span(1, 3),
            span(3, 4),
            span(6, 9),
            span(2, 2),
        ]);
        assert_eq!(merged, [span(1, 4), span(5, 9)]);
        assert_eq!(span(0, 10).nanos_outside(&merged), 3);
        assert_eq!(span(2, 6).nanos_outside(&merged), 1);
    }

    #[test]
    fn unions_differ_from_the_first_span_on_that_only_one_has() {
        let old = [span(1, 4), span(5, 9)];
        let at = Timestamp::from_unix_nanos;
        assert_eq!(first_difference(&old, &old), None);
        assert_eq!(first_difference(&[], &[]), None);
        let more = [span(1, 4), span(5, 9), span(20, 30)];
        assert_eq!(first_difference(&old, &more), Some(at(20)));
        assert_eq!(first_difference(&more, &old), Some(at(20)));
        assert_eq!(first_difference(&old, &[span(1, 9)]), Some(at(1)));
        assert_eq!(
            first_difference(&old, &[span(1, 4), span(6, 9)]),
            Some(at(5))
        );
    }

    #[test]
    fn holes_cut_a_span_into_parts() {
        let holes = [span(1, 4), span(5, 9)];
        assert_eq!(
            without(span(0, 10), &holes),
            [span(0, 1), span(4, 5), span(9, 10)]
        );
        assert_eq!(without(span(2, 3), &holes), []);
        assert_eq!(without(span(2, 12), &[]), [span(2, 12)]);
    }
}
