//! What the agent counts of itself, and `/metrics` in the Prometheus text format.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bongsu_model::{Outcome, SpoolDepth, TriggerKind};
use bongsu_probes::SessionCounts;
use bongsu_telemetry::{Family, FamilyKind, Sample};
use bongsu_wire::opamp::BurstRefusal;

use crate::compensation::DebtCounts;
use crate::control_channel::{ChannelCounts, ChannelKind};
use crate::ship::ShipCounts;
use crate::spool::SpoolCounts;

/// Counters of runs, by trigger and by the word of their verdict.
#[derive(Debug, Default)]
pub(crate) struct RunCounts {
    ended: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    /// Runs going now.
    pub(crate) going: AtomicU64,
    /// Records of plans that were spooled.
    pub(crate) plans_told: AtomicU64,
    /// Plans refused.
    pub(crate) plans_refused: AtomicU64,
    /// Heartbeats that a collector did not take.
    pub(crate) heartbeats_failed: AtomicU64,
    /// Requests to run early that were not followed, in the order of [`BurstRefusal::ALL`].
    bursts_refused: [AtomicU64; BurstRefusal::ALL.len()],
}

impl RunCounts {
    pub(crate) fn ended(&self, trigger: TriggerKind, verdict: &Outcome) {
        let mut ended = self
            .ended
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        *ended.entry((trigger.as_str(), verdict.word())).or_default() += 1;
    }

    pub(crate) fn burst_refused(&self, refusal: BurstRefusal) {
        let place = BurstRefusal::ALL.iter().position(|known| *known == refusal);
        self.bursts_refused[place.expect("all are listed")].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn by_verdict(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        self.ended
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }
}

/// Everything that `/metrics` shows, read at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot<'a> {
    pub(crate) version: &'a str,
    pub(crate) runs: &'a RunCounts,
    pub(crate) depth: SpoolDepth,
    pub(crate) spool: SpoolCounts,
    pub(crate) ships: Vec<(&'a str, &'a ShipCounts)>,
    pub(crate) channels: Vec<(&'a str, &'a ChannelCounts)>,
    pub(crate) debts: DebtCounts,
    pub(crate) controls_reachable: usize,
    pub(crate) controls: usize,
    pub(crate) accounts_withdrawn: u64,
    pub(crate) accounts_used_up: u64,
    pub(crate) held_back: u64,
    pub(crate) sessions: SessionCounts,
    pub(crate) clock_offset_s: f64,
    pub(crate) plan_lineages: usize,
    pub(crate) is_plan_refused: bool,
}

/// All of it as families.
pub(crate) fn families(snapshot: &Snapshot<'_>) -> Vec<Family> {
    let mut page = Page(Vec::new());
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    page.family("bongsu_agent_build_info", "gauge", "The agent's version.");
    page.sample(&[("version", snapshot.version)], 1);
    page.family(
        "bongsu_agent_runs_total",
        "counter",
        "Runs that ended, skipped slots included.",
    );
    for ((trigger, verdict), count) in snapshot.runs.by_verdict() {
        let labels = [("trigger", trigger), ("verdict", verdict)];
        page.sample(&labels, count);
    }
    page.one(
        "bongsu_agent_runs_going",
        "gauge",
        "Runs going now.",
        load(&snapshot.runs.going),
    );
    page.one(
        "bongsu_agent_runs_unspooled_total",
        "counter",
        "Reports that the spool did not take.",
        snapshot.spool.runs_lost,
    );
    spool(&mut page, snapshot);
    ships(&mut page, &snapshot.ships);
    channels(&mut page, snapshot);
    let debts = snapshot.debts;
    page.one(
        "bongsu_agent_debts_open",
        "gauge",
        "Cleanups owed.",
        debts.open,
    );
    page.one(
        "bongsu_agent_debts_paid_total",
        "counter",
        "Cleanups paid after their run.",
        debts.paid,
    );
    page.one(
        "bongsu_agent_debts_given_up_total",
        "counter",
        "Cleanups given up.",
        debts.given_up,
    );
    page.one(
        "bongsu_agent_debts_forgotten_total",
        "counter",
        "Records of given-up cleanups that had to go for newer ones.",
        debts.forgotten,
    );
    page.one(
        "bongsu_agent_controls",
        "gauge",
        "Control targets.",
        snapshot.controls as u64,
    );
    page.one(
        "bongsu_agent_controls_reachable",
        "gauge",
        "Control targets that answered.",
        snapshot.controls_reachable as u64,
    );
    page.one(
        "bongsu_agent_accounts_withdrawn",
        "gauge",
        "Test accounts left alone because they fail while others work.",
        snapshot.accounts_withdrawn,
    );
    page.one(
        "bongsu_agent_accounts_used_up",
        "gauge",
        "Test accounts whose budget of runs or money is used up.",
        snapshot.accounts_used_up,
    );
    page.one(
        "bongsu_agent_targets_held_back",
        "gauge",
        "Targets whose kill switch is on.",
        snapshot.held_back,
    );
    sessions(&mut page, snapshot.sessions);
    page.family(
        "bongsu_agent_clock_offset_seconds",
        "gauge",
        "The agent's clock minus the collector's.",
    );
    page.level(&[], snapshot.clock_offset_s);
    page.one(
        "bongsu_agent_plan_journeys",
        "gauge",
        "Journeys with slots.",
        snapshot.plan_lineages as u64,
    );
    page.one(
        "bongsu_agent_plan_refused",
        "gauge",
        "Whether a newer plan was refused.",
        u64::from(snapshot.is_plan_refused),
    );
    page.one(
        "bongsu_agent_plans_told_total",
        "counter",
        "Records of plans written for the collectors.",
        load(&snapshot.runs.plans_told),
    );
    page.one(
        "bongsu_agent_plans_refused_total",
        "counter",
        "Plans refused.",
        load(&snapshot.runs.plans_refused),
    );
    page.one(
        "bongsu_agent_heartbeats_failed_total",
        "counter",
        "Heartbeats that a collector did not take.",
        load(&snapshot.runs.heartbeats_failed),
    );
    page.0
}

fn spool(page: &mut Page, snapshot: &Snapshot<'_>) {
    let (depth, counts) = (&snapshot.depth, snapshot.spool);
    page.one(
        "bongsu_agent_spool_records",
        "gauge",
        "Records owed to a collector.",
        depth.records,
    );
    page.one(
        "bongsu_agent_spool_bytes",
        "gauge",
        "Their bytes on disk.",
        depth.bytes,
    );
    page.one(
        "bongsu_agent_spool_appended_total",
        "counter",
        "Records written.",
        counts.appended,
    );
    page.family(
        "bongsu_agent_spool_dropped_total",
        "counter",
        "Records lost, by what happened.",
    );
    for (why, count) in [
        ("full_pass", counts.dropped_passes),
        ("full_other", counts.dropped_others),
        ("write_failed", counts.write_failures),
        ("damaged", counts.damaged_records),
    ] {
        page.sample(&[("why", why)], count);
    }
    page.one(
        "bongsu_agent_spool_damaged_bytes",
        "gauge",
        "Bytes that were no whole record at the start.",
        counts.damaged_bytes,
    );
    page.one(
        "bongsu_agent_spool_cursors_lost",
        "gauge",
        "Collectors whose place was unreadable at the start.",
        counts.cursors_lost,
    );
}

fn ships(page: &mut Page, ships: &[(&str, &ShipCounts)]) {
    type Read = fn(&ShipCounts) -> u64;
    let families: [(&'static str, &str, &'static str, Read); 5] = [
        (
            "bongsu_agent_shipped_total",
            "counter",
            "Records acknowledged.",
            |c| c.acknowledged.load(Ordering::Relaxed),
        ),
        (
            "bongsu_agent_rejected_total",
            "counter",
            "Spans and log records refused in an acknowledged request.",
            |c| c.rejected.load(Ordering::Relaxed),
        ),
        (
            "bongsu_agent_refused_total",
            "counter",
            "Records refused with their whole request.",
            |c| c.refused.load(Ordering::Relaxed),
        ),
        (
            "bongsu_agent_ship_retries_total",
            "counter",
            "Requests to be sent again.",
            |c| c.retries.load(Ordering::Relaxed),
        ),
        (
            "bongsu_agent_ship_paused",
            "gauge",
            "Whether the token or the address is wrong and the queue waits.",
            |c| u64::from(c.pause().is_some()),
        ),
    ];
    for (name, kind, help, read) in families {
        page.family(name, kind, help);
        for (collector, counts) in ships {
            page.sample(&[("collector", collector)], read(counts));
        }
    }
}

fn channels(page: &mut Page, snapshot: &Snapshot<'_>) {
    let name = "bongsu_agent_control_channel";
    page.family(name, "gauge", "How a collector is reached.");
    for (collector, counts) in &snapshot.channels {
        for kind in ChannelKind::ALL {
            let labels = [("collector", *collector), ("kind", kind.as_str())];
            page.sample(&labels, u64::from(counts.kind() == kind));
        }
    }
    type Read = fn(&ChannelCounts) -> u64;
    let families: [(&'static str, &'static str, Read); 3] = [
        (
            "bongsu_agent_control_sent_total",
            "Messages sent over the control channel.",
            |c| c.sent.load(Ordering::Relaxed),
        ),
        (
            "bongsu_agent_control_failures_total",
            "Times that the control channel broke or could not be opened.",
            |c| c.failures.load(Ordering::Relaxed),
        ),
        (
            "bongsu_agent_bursts_asked_total",
            "Requests to run early.",
            |c| c.asked.load(Ordering::Relaxed),
        ),
    ];
    for (name, help, read) in families {
        page.family(name, "counter", help);
        for (collector, counts) in &snapshot.channels {
            page.sample(&[("collector", collector)], read(counts));
        }
    }
    let name = "bongsu_agent_bursts_refused_total";
    page.family(
        name,
        "counter",
        "Requests to run early that were not followed, by reason.",
    );
    for (refusal, count) in BurstRefusal::ALL.iter().zip(&snapshot.runs.bursts_refused) {
        let labels = [("reason", refusal.as_str())];
        page.sample(&labels, count.load(Ordering::Relaxed));
    }
}

fn sessions(page: &mut Page, counts: SessionCounts) {
    page.one(
        "bongsu_agent_sessions_kept",
        "gauge",
        "Sessions of test accounts that warm runs will begin with.",
        counts.kept,
    );
    page.one(
        "bongsu_agent_sessions_refused_total",
        "counter",
        "Kept sessions that the platform no longer knew.",
        counts.refused,
    );
    page.one(
        "bongsu_agent_sessions_crowded_out_total",
        "counter",
        "Kept sessions that had to go for newer ones.",
        counts.crowded_out,
    );
    page.one(
        "bongsu_agent_sessions_too_large_total",
        "counter",
        "Sessions that were too large to be kept.",
        counts.too_large,
    );
}

/// The Prometheus text format, version 0.0.4.
pub(crate) fn text(families: &[Family]) -> String {
    let mut text = String::with_capacity(8192);
    for family in families {
        let (name, kind) = match family.kind {
            FamilyKind::Counter => (format!("{}_total", family.name), "counter"),
            FamilyKind::Gauge => (family.name.to_owned(), "gauge"),
        };
        let help = family.help;
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for sample in &family.samples {
            let labels: Vec<String> = sample
                .labels
                .iter()
                .map(|(key, value)| format!("{key}=\"{value}\""))
                .collect();
            let labels = if labels.is_empty() {
                String::new()
            } else {
                format!("{{{}}}", labels.join(","))
            };
            let _ = writeln!(text, "{name}{labels} {}", sample.value);
        }
    }
    text
}

struct Page(Vec<Family>);

impl Page {
    /// Begins a family; the samples that follow are its own.
    fn family(&mut self, name: &'static str, kind: &str, help: &'static str) {
        let (name, kind) = match kind {
            "counter" => (name.trim_end_matches("_total"), FamilyKind::Counter),
            _ => (name, FamilyKind::Gauge),
        };
        self.0.push(Family {
            name,
            kind,
            help,
            samples: Vec::new(),
        });
    }

    #[expect(clippy::cast_precision_loss, reason = "metrics are floats")]
    fn sample(&mut self, labels: &[(&'static str, &str)], value: u64) {
        self.level(labels, value as f64);
    }

    fn level(&mut self, labels: &[(&'static str, &str)], value: f64) {
        let family = self.0.last_mut().expect("a family was begun");
        let labels = labels.iter().map(|(key, text)| (*key, (*text).to_owned()));
        family.samples.push(Sample {
            labels: labels.collect(),
            value,
        });
    }

    fn one(&mut self, name: &'static str, kind: &str, help: &'static str, value: u64) {
        self.family(name, kind, help);
        self.sample(&[], value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_belongs_to_a_family_and_names_are_ours() {
        let runs = RunCounts::default();
        runs.ended(TriggerKind::Scheduled, &Outcome::Pass);
        let ship = ShipCounts::default();
        let page = text(&families(&Snapshot {
            version: "0.1.0",
            runs: &runs,
            depth: SpoolDepth::default(),
            spool: SpoolCounts::default(),
            ships: vec![("main", &ship)],
            channels: vec![("main", &ChannelCounts::default())],
            debts: DebtCounts {
                open: 1,
                paid: 2,
                given_up: 0,
                forgotten: 0,
            },
            controls_reachable: 2,
            controls: 3,
            accounts_withdrawn: 0,
            accounts_used_up: 0,
            held_back: 0,
            sessions: SessionCounts {
                kept: 3,
                crowded_out: 1,
                ..SessionCounts::default()
            },
            clock_offset_s: -0.25,
            plan_lineages: 2,
            is_plan_refused: false,
        }));
        let mut families = Vec::new();
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                families.push(rest.split(' ').next().unwrap());
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                assert!(name.starts_with("bongsu_agent_"), "{line}");
                assert_eq!(families.last(), Some(&name), "{line}");
            }
        }
        let run = "bongsu_agent_runs_total{trigger=\"scheduled\",verdict=\"pass\"} 1\n";
        assert!(page.contains(run), "{page}");
        assert!(page.contains("bongsu_agent_clock_offset_seconds -0.25\n"));
        assert!(page.contains("bongsu_agent_sessions_kept 3\n"));
        assert!(page.contains("bongsu_agent_sessions_crowded_out_total 1\n"));
    }
}
