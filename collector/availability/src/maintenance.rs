//! Announced work: which cells it covers, and which time it takes out of availability.

use bongsu_model::{CellKey, Timestamp};

use crate::MaintenanceWindow;
use crate::span::{Span, union};

/// Windows kept: three a day for a year. The oldest leave.
const WINDOWS_MAX: usize = 1_000;

/// All declared windows, in the order in which they begin.
#[derive(Debug, Default)]
pub(crate) struct Maintenance {
    windows: Vec<MaintenanceWindow>,
}

impl Maintenance {
    /// Takes a window in. False if it is known already.
    pub(crate) fn insert(&mut self, window: MaintenanceWindow) -> bool {
        if self.windows.contains(&window) {
            return false;
        }
        let place = self
            .windows
            .partition_point(|known| known.from <= window.from);
        self.windows.insert(place, window);
        if self.windows.len() > WINDOWS_MAX {
            self.windows.remove(0);
        }
        true
    }

    /// Whether work on the cell goes on at `at`, announced in time or not.
    pub(crate) fn is_shown(&self, cell: &CellKey, at: Timestamp) -> bool {
        self.over(cell).any(|window| window.contains(at))
    }

    /// Whether work on the cell goes on at `at` that was announced before it began.
    pub(crate) fn is_excluded(&self, cell: &CellKey, at: Timestamp) -> bool {
        let mut over = self.over(cell);
        over.any(|window| window.is_excluded() && window.contains(at))
    }

    /// The time that is taken out of the cell's availability.
    pub(crate) fn spans(&self, cell: &CellKey) -> Vec<Span> {
        let excluded = self.over(cell).filter(|window| window.is_excluded());
        excluded
            .map(|window| Span::new(window.from, window.until))
            .collect()
    }

    /// The time in which work on the cell goes on, announced in time or not: a union.
    pub(crate) fn shown(&self, cell: &CellKey) -> Vec<Span> {
        let over = self.over(cell);
        union(
            over.map(|window| Span::new(window.from, window.until))
                .collect(),
        )
    }

    /// The first instant after `now` at which a window begins or ends.
    pub(crate) fn next_edge(&self, now: Timestamp) -> Option<Timestamp> {
        let edges = self
            .windows
            .iter()
            .flat_map(|window| [window.from, window.until]);
        edges.filter(|edge| *edge > now).min()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    fn over<'a>(&'a self, cell: &'a CellKey) -> impl Iterator<Item = &'a MaintenanceWindow> {
        self.windows.iter().filter(|window| {
            window.targets.contains(&cell.target)
                && window.features.contains(&cell.feature)
                && window.regions.contains(&cell.region)
        })
    }
}
