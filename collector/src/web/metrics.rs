//! `/metrics`: the board and the fleet for Prometheus, as text or OpenMetrics.
//!
//! State series never disappear: each state has its series, 0 or 1, all are unknown while the
//! picture is not of now, and a ratio that is not known is NaN. An agent label is only on `bongsu_agent_*`.

mod exposition;
mod recovery;

use bongsu_availability::{FleetState, IncidentPhase, Presence};
use bongsu_model::{CellState, FeatureState};

pub use exposition::Format;

use super::answer::{AgentAnswer, BoardAnswer, FeatureAnswer, RegionAnswer};
use super::standing::Standing;
use crate::claims::Announcement;
use crate::counters::{Metric, MetricKind};
use crate::published::Published;
use crate::tally::RunCount;
use exposition::Exposition;

/// What `/metrics` is written from.
#[derive(Debug)]
pub struct Sight<'a> {
    /// One board per environment.
    pub boards: &'a [BoardAnswer],
    /// The agents.
    pub agents: &'a [AgentAnswer],
    /// What the engine shows.
    pub picture: &'a Published,
    /// Runs since the start.
    pub runs: &'a [RunCount],
    /// The collector's own counters.
    pub own: &'a [Metric],
    /// Whether all that is the present.
    pub standing: Standing,
}

impl Sight<'_> {
    /// A picture that stands still would say that what worked then works now.
    fn is_current(&self) -> bool {
        self.standing == Standing::Current
    }
}

/// The whole text.
pub fn write(sight: &Sight<'_>, format: Format) -> String {
    let mut out = Exposition::new(format);
    features(&mut out, sight);
    claims(&mut out, sight);
    recovery::recovery(&mut out, sight);
    cells(&mut out, sight);
    runs(&mut out, sight.runs);
    // Before the replay nothing is known of the fleet, and 0 would say that it is gone.
    if sight.picture.has_content() {
        agents(&mut out, sight.agents);
        fleet(&mut out, sight);
    }
    out.family(
        "bongsu_collector_ready",
        MetricKind::Gauge,
        "1 while the journal was replayed and deriving keeps up; else every state is unknown.",
    );
    out.flag::<&str>(&[], sight.is_current());
    own(&mut out, sight.own);
    out.finish()
}

type Row<'a> = (&'a BoardAnswer, &'a FeatureAnswer);

fn features(out: &mut Exposition, sight: &Sight<'_>) {
    let boards = sight.boards.iter();
    let rows: Vec<Row<'_>> = boards
        .flat_map(|board| board.features.iter().map(move |feature| (board, feature)))
        .collect();
    out.family(
        "bongsu_feature_state",
        MetricKind::Gauge,
        "State of a feature over its regions: 1 for the state it is in.",
    );
    for (board, feature) in &rows {
        let shown = if sight.is_current() {
            feature.state
        } else {
            FeatureState::Unknown
        };
        for state in FeatureState::ALL {
            let labels = [
                ("target", board.target.as_str()),
                ("feature", feature.id.as_str()),
                ("state", state.as_str()),
            ];
            out.flag(&labels, shown == *state);
        }
    }
    out.family(
        "bongsu_feature_blocked",
        MetricKind::Gauge,
        "1 while a feature cannot be seen because another one stands before it.",
    );
    for (board, feature) in &rows {
        let labels = [
            ("target", board.target.as_str()),
            ("feature", feature.id.as_str()),
        ];
        out.flag(&labels, feature.blocked_by.is_some());
    }
    out.family(
        "bongsu_feature_availability_ratio",
        MetricKind::Gauge,
        "Availability over a trailing window, own or perceived; NaN when nothing is known.",
    );
    for (board, feature) in &rows {
        for (window, figures) in feature.availability.named() {
            for (view, ratio) in [("own", figures.own), ("perceived", figures.perceived)] {
                let labels = [
                    ("target", board.target.as_str()),
                    ("feature", feature.id.as_str()),
                    ("window", window),
                    ("view", view),
                ];
                out.sample(&labels, ratio.unwrap_or(f64::NAN));
            }
        }
    }
    out.family(
        "bongsu_feature_coverage_ratio",
        MetricKind::Gauge,
        "Known time over the window less maintenance.",
    );
    for (board, feature) in &rows {
        for (window, figures) in feature.availability.named() {
            let labels = [
                ("target", board.target.as_str()),
                ("feature", feature.id.as_str()),
                ("window", window),
            ];
            out.sample(&labels, figures.coverage);
        }
    }
}

/// Claims beside the measurement: a series appears with the first claim of a feature.
fn claims(out: &mut Exposition, sight: &Sight<'_>) {
    out.family(
        "bongsu_feature_claim_differs",
        MetricKind::Gauge,
        "1 while what the platform's owner claims of a feature differs from its measured state.",
    );
    for board in sight.boards {
        for feature in &board.features {
            let Some(claim) = &feature.claim else {
                continue;
            };
            let labels = [
                ("target", board.target.as_str()),
                ("feature", feature.id.as_str()),
            ];
            // A picture that stands still differs from nothing that is said now.
            let differs = claim.comparison.differs() && sight.is_current();
            out.flag(&labels, differs);
        }
    }
    out.family(
        "bongsu_incident_announcement_lag_seconds",
        MetricKind::Gauge,
        "From the measured onset of an incident that is not closed to its first announcement.",
    );
    for board in sight.boards {
        let incidents = sight.picture.incidents.get(&board.target);
        for incident in incidents.into_iter().flatten() {
            if incident.phase == IncidentPhase::Closed {
                continue;
            }
            if let Some(announcement) = Announcement::of(incident, &sight.picture.claims) {
                let labels = [
                    ("target", board.target.as_str()),
                    ("incident", incident.id.as_str()),
                ];
                out.sample(&labels, announcement.lag_s());
            }
        }
    }
}

fn cells(out: &mut Exposition, sight: &Sight<'_>) {
    let boards = sight.boards.iter();
    let rows: Vec<(&BoardAnswer, &FeatureAnswer, &RegionAnswer)> = boards
        .flat_map(|board| {
            board.features.iter().flat_map(move |feature| {
                feature
                    .regions
                    .iter()
                    .map(move |region| (board, feature, region))
            })
        })
        .collect();
    let labels = |(board, feature, region): &(&BoardAnswer, &FeatureAnswer, &RegionAnswer)| {
        [
            ("target", board.target.to_string()),
            ("feature", feature.id.to_string()),
            ("region", region.region.to_string()),
        ]
    };
    out.family(
        "bongsu_cell_state",
        MetricKind::Gauge,
        "State of a feature seen from a region: 1 for the state it is in.",
    );
    for row in &rows {
        let [target, feature, region] = labels(row);
        let shown = if sight.is_current() {
            row.2.state
        } else {
            CellState::Unknown
        };
        for state in CellState::ALL {
            let state_label = ("state", state.as_str().to_owned());
            let labels = [target.clone(), feature.clone(), region.clone(), state_label];
            out.flag(&labels, shown == *state);
        }
    }
    out.family(
        "bongsu_cell_agents",
        MetricKind::Gauge,
        "Agents whose plan covers the cell, less the quarantined.",
    );
    for row in &rows {
        out.sample(&labels(row), f64::from(row.2.agents));
    }
    out.family(
        "bongsu_cell_agents_seeing",
        MetricKind::Gauge,
        "Agents whose newest run of the cell is fresh evidence.",
    );
    for row in &rows {
        out.sample(&labels(row), f64::from(row.2.seeing));
    }
    out.family(
        "bongsu_cell_agents_quarantined",
        MetricKind::Gauge,
        "Agents that do not count in the cell because they fail alone.",
    );
    for row in &rows {
        out.count(&labels(row), row.2.quarantined.len() as u64);
    }
    out.family(
        "bongsu_cell_score_ratio",
        MetricKind::Gauge,
        "The decision score as a share of its threshold: at 1 the cell is down.",
    );
    for row in &rows {
        out.sample(&labels(row), row.2.score);
    }
}

fn runs(out: &mut Exposition, runs: &[RunCount]) {
    out.family(
        "bongsu_runs",
        MetricKind::Counter,
        "Runs since the collector started, by the outcome of the journey's own feature.",
    );
    for (cell, outcome, count) in runs {
        let labels = [
            ("target", cell.target.as_str()),
            ("feature", cell.feature.as_str()),
            ("region", cell.region.as_str()),
            ("outcome", outcome),
        ];
        out.count(&labels, *count);
    }
}

fn agents(out: &mut Exposition, agents: &[AgentAnswer]) {
    let mut gauge = |name, help, value: &dyn Fn(&AgentAnswer) -> Option<f64>| {
        out.family(name, MetricKind::Gauge, help);
        for agent in agents {
            let labels = [
                ("agent", agent.id.as_str()),
                ("region", agent.region.as_str()),
            ];
            if let Some(value) = value(agent) {
                out.sample(&labels, value);
            }
        }
    };
    let flag = |yes: bool| Some(f64::from(u8::from(yes)));
    gauge(
        "bongsu_agent_up",
        "1 while the agent's heartbeat is fresh.",
        &|agent| flag(agent.presence == Presence::Present),
    );
    gauge(
        "bongsu_agent_blind",
        "1 while most of the agent's newest runs are blind.",
        &|agent| flag(agent.blind),
    );
    gauge(
        "bongsu_agent_last_heartbeat_timestamp_seconds",
        "When the agent's newest heartbeat was received.",
        &|agent| agent.last_heartbeat.map(|at| at.0.as_unix_seconds_f64()),
    );
    gauge(
        "bongsu_agent_clock_offset_seconds",
        "The agent's clock minus the collector's.",
        &|agent| agent.clock_offset_s,
    );
    gauge(
        "bongsu_agent_spool_records",
        "Records in the agent's spool that are not acknowledged everywhere.",
        &|agent| agent.spool.as_ref().map(|spool| float(spool.records)),
    );
    gauge(
        "bongsu_agent_spool_bytes",
        "Size of these records.",
        &|agent| agent.spool.as_ref().map(|spool| float(spool.bytes)),
    );
    gauge(
        "bongsu_agent_spool_dropped",
        "Records that the agent dropped since its start because its spool was full.",
        &|agent| agent.spool.as_ref().map(|spool| float(spool.dropped)),
    );
    gauge(
        "bongsu_agent_cleanup_debts",
        "Runs whose cleanup the agent still owes.",
        &|agent| agent.cleanup_debts.map(float),
    );
    gauge(
        "bongsu_agent_plan_refused",
        "1 while the agent refuses a newer plan.",
        &|agent| flag(agent.plan_refused.is_some()),
    );
    gauge(
        "bongsu_agent_plan_unknown",
        "1 while the record of the plan that the agent works on did not come.",
        &|agent| flag(agent.plan_unknown),
    );
    gauge(
        "bongsu_agent_cells",
        "Cells that the agent's plan covers.",
        &|agent| Some(f64::from(agent.cells)),
    );
    gauge(
        "bongsu_agent_quarantined_cells",
        "Cells in which the agent does not count because it fails alone.",
        &|agent| Some(float(agent.quarantined.len() as u64)),
    );
    gauge(
        "bongsu_agent_false_failure_ratio",
        "Share of the agent's quiet runs that failed and no other agent agreed; NaN before the first.",
        &|agent| {
            Some(if agent.quiet_runs == 0 {
                f64::NAN
            } else {
                float(agent.uncorroborated) / float(agent.quiet_runs)
            })
        },
    );
}

fn fleet(out: &mut Exposition, sight: &Sight<'_>) {
    out.family(
        "bongsu_fleet_agents",
        MetricKind::Gauge,
        "Agents that the configuration lists.",
    );
    out.sample::<&str>(&[], f64::from(sight.picture.fleet.agents));
    out.family(
        "bongsu_fleet_agents_present",
        MetricKind::Gauge,
        "Agents whose heartbeat is fresh.",
    );
    out.sample::<&str>(&[], f64::from(sight.picture.fleet.present));
    out.family(
        "bongsu_fleet_blind",
        MetricKind::Gauge,
        "1 while so many agents are blind that the fleet itself is suspected.",
    );
    out.flag::<&str>(&[], sight.picture.fleet.state == FleetState::Blind);
    out.family(
        "bongsu_incidents_open",
        MetricKind::Gauge,
        "Incidents that are not yet resolved.",
    );
    for board in sight.boards {
        let open = sight
            .picture
            .incidents
            .get(&board.target)
            .into_iter()
            .flatten()
            .filter(|incident| incident.phase < IncidentPhase::Resolved)
            .count();
        out.count(&[("target", board.target.as_str())], open as u64);
    }
    out.family(
        "bongsu_board_as_of_timestamp_seconds",
        MetricKind::Gauge,
        "Up to when the engine has decided: alert when it falls behind the clock.",
    );
    for board in sight.boards {
        let labels = [("target", board.target.as_str())];
        out.sample(&labels, board.as_of.0.as_unix_seconds_f64());
    }
}

fn own(out: &mut Exposition, metrics: &[Metric]) {
    let mut family = "";
    for metric in metrics {
        if metric.name != family {
            out.family(metric.name, metric.kind, metric.help);
            family = metric.name;
        }
        match &metric.label {
            Some((name, value)) => out.sample(&[(*name, value.as_str())], metric.value),
            None => out.sample::<&str>(&[], metric.value),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "metrics are floats")]
const fn float(count: u64) -> f64 {
    count as f64
}
