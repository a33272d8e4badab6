//! How far the outage that goes on is, for Prometheus: weighted, counted, and feature by feature
//! against the clock.

use bongsu_availability::{RecoveryRow, RecoveryView};

use super::Sight;
use super::exposition::Exposition;
use crate::counters::MetricKind;
use crate::web::answer::BoardAnswer;

pub(super) fn recovery(out: &mut Exposition, sight: &Sight<'_>) {
    out.family(
        "bongsu_outage_recovered_ratio",
        MetricKind::Gauge,
        "How much of the outage that goes on is over, weighted; it can fall, and is NaN without one.",
    );
    for board in sight.boards {
        let ratio = open(sight, board).map_or(f64::NAN, |outage| outage.share.weighted);
        let ratio = if sight.is_current() { ratio } else { f64::NAN };
        out.sample(&target(board), ratio);
    }
    out.family(
        "bongsu_outage_affected_features",
        MetricKind::Gauge,
        "Features that the outage that goes on affected; they grow and never shrink.",
    );
    for board in sight.boards {
        let affected = open(sight, board).map_or(0, |outage| outage.share.affected);
        out.count(&target(board), u64::from(affected));
    }
    out.family(
        "bongsu_outage_restored_features",
        MetricKind::Gauge,
        "How many of these are back in every region in which they were affected.",
    );
    for board in sight.boards {
        let restored = open(sight, board).map_or(0, |outage| outage.share.restored);
        out.count(&target(board), u64::from(restored));
    }
    out.family(
        "bongsu_feature_recovery_clock_seconds",
        MetricKind::Gauge,
        "What a feature's running recovery clock reads, since its first failed run; 0 while none runs.",
    );
    for board in sight.boards {
        let outage = open(sight, board);
        for feature in &board.features {
            let mut rows = outage.into_iter().flat_map(|outage| &outage.rows);
            let row = rows.find(|row| row.feature == feature.id);
            let labels = [
                ("target", board.target.as_str()),
                ("feature", feature.id.as_str()),
            ];
            out.sample(&labels, running(row, sight));
        }
    }
}

/// The outage of the board's target that goes on.
fn open<'a>(sight: &Sight<'a>, board: &BoardAnswer) -> Option<&'a RecoveryView> {
    let newest = sight.picture.recoveries.get(&board.target)?.first()?;
    newest.ended.is_none().then_some(newest)
}

/// What a feature's clock reads in seconds, if it runs.
fn running(row: Option<&RecoveryRow>, sight: &Sight<'_>) -> f64 {
    let clock = row.and_then(|row| row.clock);
    let clock = clock.filter(|clock| clock.stopped.is_none());
    clock.map_or(0.0, |clock| {
        clock.elapsed(sight.picture.as_of).as_secs_f64()
    })
}

fn target(board: &BoardAnswer) -> [(&'static str, &str); 1] {
    [("target", board.target.as_str())]
}
