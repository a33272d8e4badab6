//! A_user: availability as synthetic users met it, with its coverage.

use std::time::Duration;

use bongsu_model::{Timestamp, Variant};

use crate::cells::Cells;
use crate::history::Sums;
use crate::span::Span;
use crate::{Availability, Ledger, Windows};

/// The window of the samples that are shown.
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// The windows that are shown, the shortest first: five minutes, an hour, a day.
pub(crate) const WINDOWS: [Duration; 3] = [
    Duration::from_secs(300),
    HOUR,
    Duration::from_secs(24 * 3600),
];

/// What the users of one cell met in one window: times averaged over the users, each by how long it
/// knows any, so that a region with more agents does not weigh more.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Met {
    up: f64,
    down: f64,
    perceived_up: f64,
    perceived_down: f64,
    known: f64,
    /// Window less maintenance, summed over users.
    asked: f64,
    pub(crate) ledger: Ledger,
}

impl Met {
    /// What the users of `cell` met in `window`, as is known at `now`.
    pub(crate) fn of(cells: &Cells, cell: usize, window: Span, now: Timestamp) -> Self {
        let users = || cells.users_of[cell].iter().map(|user| &cells.users[*user]);
        let met: Vec<(&Variant, Sums, u64)> = users()
            .map(|user| {
                let sums = user.history.sums(window, now);
                (&user.variant, sums, user.history.covered(window))
            })
            .collect();
        let mut total = Self::default();
        for (_, sums, covered) in &met {
            total.ledger += sums.ledger;
            total.known += nanos(sums.known());
            total.asked += nanos(*covered);
        }
        let own = met
            .iter()
            .map(|(_, sums, _)| sums)
            .filter(|sums| sums.known() > 0);
        (total.up, total.down) = average(own, |sums| sums.down);
        // An open session hides a broken login: what a user got is what a cold start meets.
        let cold = Variant::cold();
        // A cold start that is no longer planned says nothing of now.
        let has_cold =
            users().any(|user| user.variant == cold && user.history.timing(window.until).is_some());
        let starts = met
            .iter()
            .filter(|(variant, ..)| !has_cold || **variant == cold);
        let got = starts
            .map(|(_, sums, _)| sums)
            .filter(|sums| sums.known() + sums.blocked > 0);
        (total.perceived_up, total.perceived_down) = average(got, |sums| sums.down + sums.blocked);
        total
    }

    /// Availability of one cell.
    pub(crate) fn availability(&self) -> Availability {
        combine(&[(1.0, *self)])
    }
}

/// Availability over regions: Σ ω·up / Σ ω·(up + down).
pub(crate) fn combine(regions: &[(f64, Met)]) -> Availability {
    let sum = |value: &dyn Fn(&Met) -> f64| -> f64 {
        regions
            .iter()
            .map(|(weight, met)| weight * value(met))
            .sum()
    };
    let ratio = |up: f64, down: f64| (up + down > 0.0).then(|| up / (up + down));
    let asked = regions.iter().filter(|(_, met)| met.asked > 0.0);
    let covered: f64 = asked
        .clone()
        .map(|(w, met)| w * (met.known / met.asked))
        .sum();
    let weights: f64 = asked.map(|(weight, _)| weight).sum();
    Availability {
        own: ratio(sum(&|met| met.up), sum(&|met| met.down)),
        perceived: ratio(sum(&|met| met.perceived_up), sum(&|met| met.perceived_down)),
        coverage: if weights > 0.0 {
            covered / weights
        } else {
            0.0
        },
    }
}

/// One value for each of [`WINDOWS`], by its place there.
pub(crate) fn windows(of: impl Fn(usize) -> Availability) -> Windows {
    Windows {
        minutes_5: of(0),
        hour: of(1),
        hours_24: of(2),
    }
}

/// Mean times of a user: Σ over users by the number of users that spoke for as long as the one that
/// spoke longest, Σ known / max known. A user that joined a minute ago counts as little as it knows.
fn average<'a>(users: impl Iterator<Item = &'a Sums>, down: impl Fn(&Sums) -> u64) -> (f64, f64) {
    let (mut ups, mut downs, mut longest) = (0.0, 0.0, 0.0_f64);
    for sums in users {
        let (up, down) = (nanos(sums.up), nanos(down(sums)));
        ups += up;
        downs += down;
        longest = longest.max(up + down);
    }
    if longest > 0.0 {
        let users = (ups + downs) / longest;
        (ups / users, downs / users)
    } else {
        (0.0, 0.0)
    }
}

/// A day in nanoseconds is below 2^47, so an f64 holds it exactly.
#[expect(
    clippy::cast_precision_loss,
    reason = "windows are at most a day, below 2^53 ns"
)]
fn nanos(nanos: u64) -> f64 {
    nanos as f64
}
