//! Holds a board against what must be measured: row by row, with a reason for each.

use bongsu_availability::{Board, CellView, Confidence, FeatureView, Windows};
use bongsu_collector::claims::ClaimBook;
use bongsu_model::{
    Catalogue, CellState, ClaimedState, Comparison, FailClass, FeatureId, FeatureState, Overlay,
    RegionId, Timestamp, Track,
};

use super::Lag;
use super::moments::PATIENCE;
use crate::catalogue::rests_on;
use crate::scenario::{AtLeast, ExpectedRow, Lie, Sight, Span, Timeline, Wanted, Whose};

/// What the collector shows: what it measured and what it was told.
pub(super) type Shown<'a> = (&'a Board, &'a ClaimBook);

/// What became of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As expected.
    Met,
    /// Not so, but what is injected changed so shortly before that the rule cannot be sure yet.
    WithinLag,
    /// The stand-in platform does not offer the feature, or no journey measures it; and no row
    /// names it.
    NotThere,
    /// Nothing is expected of its measurement: it fails at times, or anything may be measured.
    Open,
    /// Not as expected.
    Unexplained,
}

impl Verdict {
    /// Its words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Met => "as expected",
            Self::WithinLag => "within lag",
            Self::NotThere => "not there",
            Self::Open => "open",
            Self::Unexplained => "UNEXPLAINED",
        }
    }

    /// Whether there is nothing to look into.
    pub const fn is_explained(self) -> bool {
        !matches!(self, Self::Unexplained)
    }
}

/// A row of the board, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedRow {
    /// Which feature.
    pub feature: FeatureId,
    /// As which region sees it; over all regions if none is named.
    pub region: Option<RegionId>,
    /// What may be measured; empty where anything may.
    pub wanted: Vec<Wanted>,
    /// What must have been so for a share of the time before, if that is expected.
    pub at_least: Option<AtLeast>,
    /// What is measured.
    pub measured: Option<FeatureState>,
    /// The feature that stands before it, where it is not seen.
    pub blocked_by: Option<FeatureId>,
    /// Why its newest failed run failed.
    pub last_failure: Option<FailClass>,
    /// For which share of the 24 hours before it is known how it was, 0 to 1; 0 where it is not
    /// measured.
    pub coverage: f64,
    /// For which share of what is known of the last hour it failed by its own doing, 0 to 1.
    pub failed: f64,
    /// What is claimed.
    pub claimed: Option<ClaimedState>,
    /// What others observed.
    pub observed: Option<ClaimedState>,
    /// How claim and measurement stand to each other.
    pub comparison: Option<Comparison>,
    /// What became of the expectation.
    pub verdict: Verdict,
    /// Whether its state is made up by the scenario's author.
    pub is_modelled: bool,
    /// Whether a time was drawn that it depends on.
    pub is_synthetic: bool,
    /// Why it is expected so.
    pub reason: String,
}

/// What rows are judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) timeline: &'a Timeline<'a>,
    pub(super) catalogue: &'a Catalogue,
    pub(super) lag: Lag,
    pub(super) at: Timestamp,
}

impl Judge<'_> {
    /// The rows of the fixture for this instant; where there are none, a row for every feature of
    /// the catalogue, by what is injected.
    pub(super) fn rows(&self, shown: Shown<'_>, expected: &[ExpectedRow]) -> Vec<JudgedRow> {
        let fixture: Vec<_> = expected.iter().filter(|row| row.at == self.at).collect();
        let features = self.catalogue.features().iter().map(|feature| &feature.id);
        if fixture.is_empty() {
            return features
                .map(|feature| self.row(shown, feature, &self.by_injection(feature)))
                .collect();
        }
        let is_named = |id: &FeatureId, region| {
            let mut rows = fixture.iter().filter(|row| row.region == region);
            rows.any(|row| matches!(&row.of, Whose::Feature(named) if named == id))
        };
        let mut rows = Vec::new();
        for row in &fixture {
            match &row.of {
                Whose::Feature(feature) => rows.push(self.row(shown, feature, row)),
                Whose::Rest => {
                    let rest = features
                        .clone()
                        .filter(|id| !is_named(id, row.region.clone()));
                    rows.extend(rest.map(|feature| self.row(shown, feature, row)));
                }
            }
        }
        rows
    }

    /// How the feature lies until `at`.
    pub(super) fn spans(&self, feature: &FeatureId) -> Vec<Span> {
        let mut spans = self.timeline.spans(&rests_on(self.catalogue, feature));
        spans.retain(|span| span.from < self.at);
        spans
    }

    fn by_injection(&self, feature: &FeatureId) -> ExpectedRow {
        let spans = self.spans(feature);
        let (measured, reason) = match spans.last().map(|span| span.lie) {
            None | Some(Lie::Works) => (vec![Wanted::Up], "nothing is injected"),
            Some(Lie::Impaired) => (Vec::new(), "fails at times, for some, or slowly"),
            Some(Lie::Broken) => (vec![Wanted::Down(None)], "broken by what is injected"),
        };
        ExpectedRow {
            at: self.at,
            of: Whose::Rest,
            region: None,
            measured,
            at_least: None,
            claimed: None,
            comparison: None,
            reason: reason.to_owned(),
        }
    }

    fn row(
        &self,
        (board, claims): Shown<'_>,
        feature: &FeatureId,
        expected: &ExpectedRow,
    ) -> JudgedRow {
        let view = board.features.iter().find(|view| view.feature == *feature);
        let shown = match &expected.region {
            None => view.map(of_feature),
            Some(region) => {
                let mut cells = view.into_iter().flat_map(|view| &view.regions);
                cells.find(|cell| cell.region == *region).map(of_cell)
            }
        };
        let shown = shown.filter(|shown| shown.state != FeatureState::Unmeasured);
        let said = |track| {
            let said = claims.in_force(&board.target, track, feature, self.at);
            let said = said.filter(|_| expected.region.is_none());
            said.map(|stated| stated.claim.state)
        };
        let (claimed, observed) = (said(Track::Claim), said(Track::Observed));
        let measured = shown.map(|shown| shown.state);
        let comparison = claimed.zip(measured).map(|(c, m)| Comparison::of(c, m));
        let spans = self.spans(feature);
        let newest = spans.last();
        let is_wanted = shown.is_some_and(|shown| {
            let was_so = expected
                .at_least
                .is_none_or(|at_least| at_least.is_met(&shown));
            was_so && expected.measured.iter().any(|wanted| wanted.is(&shown))
        });
        let is_compared = expected
            .comparison
            .is_none_or(|wanted| comparison == Some(wanted));
        let is_claimed = expected
            .claimed
            .is_none_or(|wanted| claimed == Some(wanted));
        let verdict = if board.as_of.since(self.at) > PATIENCE {
            // What is shown of another time says nothing of this one.
            Verdict::Unexplained
        } else if measured.is_none() {
            // What a row names must be there to be judged.
            match expected.of {
                Whose::Feature(_) => Verdict::Unexplained,
                Whose::Rest => Verdict::NotThere,
            }
        } else if !is_claimed {
            // What was claimed is in the files: no rule has to be sure of it.
            Verdict::Unexplained
        } else if expected.measured.is_empty() {
            // Whatever is measured of what a row names: it must be in sight.
            match (&expected.of, measured) {
                (Whose::Feature(_), Some(FeatureState::Unknown)) => Verdict::Unexplained,
                _ => Verdict::Open,
            }
        } else if is_wanted && is_compared {
            Verdict::Met
        } else if self.is_within_lag(&spans) {
            Verdict::WithinLag
        } else {
            Verdict::Unexplained
        };
        JudgedRow {
            feature: feature.clone(),
            region: expected.region.clone(),
            wanted: expected.measured.clone(),
            at_least: expected.at_least,
            measured,
            blocked_by: shown.and_then(|shown| shown.blocked_by.cloned()),
            last_failure: shown.and_then(|shown| shown.last_failure),
            coverage: shown.map_or(0.0, |shown| shown.coverage),
            failed: shown.map_or(0.0, |shown| shown.failed),
            claimed,
            observed,
            comparison,
            verdict,
            is_modelled: spans.iter().any(|span| span.is_modelled),
            is_synthetic: newest.is_some_and(|span| span.is_synthetic),
            reason: expected.reason.clone(),
        }
    }

    /// Whether what is injected changed so shortly before that the rule cannot be sure yet.
    pub(super) fn is_within_lag(&self, spans: &[Span]) -> bool {
        let Some((newest, before)) = spans.split_last() else {
            return false;
        };
        let since = self.at.since(newest.from);
        !before.is_empty() && since < self.confirmed_after(newest, before)
    }

    /// How long after its beginning the rule may take to be sure of a stretch.
    pub(super) fn confirmed_after(&self, span: &Span, before: &[Span]) -> std::time::Duration {
        match span.lie {
            Lie::Broken => self.lag.down,
            // Passes were mixed in where it failed at times.
            Lie::Works if self.is_partial(before) => self.lag.up_partial,
            Lie::Works => self.lag.up,
            Lie::Impaired => self.lag.up_partial,
        }
    }

    /// Whether the outage that `before` ends with failed at times only. One that it worked after
    /// for as long as the rule takes to be sure is another outage.
    fn is_partial(&self, before: &[Span]) -> bool {
        let is_over = |span: &Span| {
            span.lie == Lie::Works && span.until.since(span.from) >= self.lag.up_partial
        };
        let mut outage = before.iter().rev().take_while(|span| !is_over(span));
        outage.any(|span| span.lie == Lie::Impaired)
    }
}

fn of_feature(view: &FeatureView) -> Sight<'_> {
    Sight {
        state: view.state,
        blocked_by: view.blocked_by.as_ref(),
        last_failure: view.last_failure.as_ref().map(|failure| failure.class),
        coverage: view.availability.hours_24.coverage,
        failed: failed(&view.availability),
    }
}

fn failed(availability: &Windows) -> f64 {
    availability.hour.own.map_or(0.0, |own| 1.0 - own)
}

/// A region of a feature in the words of a whole feature: one that would have this region alone.
fn of_cell(cell: &CellView) -> Sight<'_> {
    let is = |overlay| cell.overlays.contains(&overlay);
    let state = match cell.state {
        CellState::Unmeasured => FeatureState::Unmeasured,
        _ if is(Overlay::Maintenance) => FeatureState::Maintenance,
        CellState::Unknown => FeatureState::Unknown,
        // What one agent alone says never makes an outage major.
        CellState::Down if cell.confidence == Confidence::Full => FeatureState::MajorOutage,
        CellState::Down => FeatureState::PartialOutage,
        CellState::Recovering => FeatureState::Recovering,
        CellState::Up | CellState::Suspect if is(Overlay::Slow) || is(Overlay::Partial) => {
            FeatureState::Degraded
        }
        CellState::Up | CellState::Suspect => FeatureState::Operational,
    };
    Sight {
        state,
        blocked_by: cell.blocked_by.as_ref(),
        last_failure: cell.last_failure.as_ref().map(|failure| failure.class),
        coverage: cell.availability.hours_24.coverage,
        failed: failed(&cell.availability),
    }
}

#[cfg(test)]
pub(super) mod tests;
