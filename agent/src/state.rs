//! What the parts of a running agent share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bongsu_model::{BootId, Clock, Heartbeat, RunReport, Timestamp, Vantage};
use bongsu_probes::Sessions;
use bongsu_telemetry::Family;
use bongsu_wire::AgentResource;
use bytes::Bytes;

use crate::accounts::Accounts;
use crate::budget::Budgets;
use crate::compensation::Debts;
use crate::control_channel::ChannelCounts;
use crate::controls::Controls;
use crate::gate::NetworkGate;
use crate::hurried::Starvation;
use crate::metrics::{self, RunCounts, Snapshot};
use crate::plan::{Plan, PlanDoubts, PlanState};
use crate::ship::{ClockOffset, ShipCounts};
use crate::spool::{Record, RecordKind, Spool, SpoolClosed};

/// One agent's shared parts.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) vantage: Vantage,
    pub(crate) boot: BootId,
    pub(crate) resource: AgentResource,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) gate: NetworkGate,
    pub(crate) offset: Arc<ClockOffset>,
    pub(crate) plan: Arc<PlanState>,
    pub(crate) doubts: Arc<PlanDoubts>,
    pub(crate) spool: Spool,
    pub(crate) debts: Arc<Debts>,
    pub(crate) budgets: Budgets,
    pub(crate) controls: Arc<Controls>,
    pub(crate) starvation: Arc<Starvation>,
    pub(crate) counts: Arc<RunCounts>,
    pub(crate) ships: Vec<(String, Arc<ShipCounts>)>,
    pub(crate) channels: Vec<(String, Arc<ChannelCounts>)>,
    /// When the agent started.
    pub(crate) started: Timestamp,
    /// Its configuration as it takes effect.
    pub(crate) effective: String,
    pub(crate) accounts: Mutex<Accounts>,
    /// What warm runs begin with; never on disk, so that it ends with the agent.
    pub(crate) sessions: Arc<Sessions>,
    seq: AtomicU64,
}

/// What [`Shared`] is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) vantage: Vantage,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) gate: NetworkGate,
    pub(crate) offset: Arc<ClockOffset>,
    pub(crate) plan: Arc<PlanState>,
    pub(crate) spool: Spool,
    pub(crate) debts: Arc<Debts>,
    pub(crate) budgets: Budgets,
    pub(crate) controls: Arc<Controls>,
    pub(crate) ships: Vec<(String, Arc<ShipCounts>)>,
    pub(crate) channels: Vec<(String, Arc<ChannelCounts>)>,
    pub(crate) effective: String,
}

/// The agent's version, as it tells the collector.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        let mut resource = AgentResource::new(parts.vantage.agent.clone(), VERSION);
        resource.region = Some(parts.vantage.region.clone());
        resource.network = Some(parts.vantage.network.clone());
        resource.os_type = Some(std::env::consts::OS.to_owned());
        resource.host_arch = Some(match std::env::consts::ARCH {
            // The words of the semantic conventions.
            "x86_64" => "amd64".to_owned(),
            "aarch64" => "arm64".to_owned(),
            other => other.to_owned(),
        });
        resource.host_name = std::fs::read_to_string("/proc/sys/kernel/hostname")
            .ok()
            .map(|name| name.trim().to_owned());
        Self {
            boot: boot_id(parts.clock.wall()),
            started: parts.clock.wall(),
            effective: parts.effective,
            channels: parts.channels,
            resource,
            vantage: parts.vantage,
            clock: parts.clock,
            gate: parts.gate,
            offset: parts.offset,
            plan: parts.plan,
            doubts: Arc::default(),
            spool: parts.spool,
            debts: parts.debts,
            budgets: parts.budgets,
            controls: parts.controls,
            starvation: Arc::default(),
            counts: Arc::default(),
            ships: parts.ships,
            accounts: Mutex::default(),
            sessions: Arc::default(),
            seq: AtomicU64::new(0),
        }
    }

    /// With nothing in it, in a folder of its own; the disk thread ends with it.
    #[cfg(test)]
    pub(crate) fn for_tests(data: &std::path::Path) -> Self {
        use crate::config::ControlsConfig;
        use crate::spool::{SpoolSettings, SystemDisk};
        use std::time::Duration;

        let clock: Arc<dyn Clock> = Arc::new(bongsu_probes::SystemClock::new());
        let gate = NetworkGate::new();
        let opened = Spool::open(SpoolSettings {
            data,
            bytes_max: 1 << 20,
            collectors: &[],
            disk: Box::new(SystemDisk),
            speed: 1.0,
        })
        .unwrap();
        let controls = ControlsConfig {
            every: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            addresses: Vec::new(),
            resolver: None,
        };
        Self::new(Parts {
            vantage: Vantage {
                region: bongsu_model::RegionId::new("kr-seoul").unwrap(),
                network: bongsu_model::NetworkId::new("as4766").unwrap(),
                agent: bongsu_model::AgentId::new("seoul-1").unwrap(),
            },
            clock: clock.clone(),
            gate: gate.clone(),
            offset: Arc::default(),
            plan: Arc::new(PlanState::new(Plan {
                revision: bongsu_model::Revision::of(b""),
                planned: Box::default(),
                journeys: Vec::new(),
                targets: Vec::new(),
                accounts: Vec::new(),
            })),
            spool: opened.spool,
            debts: Arc::new(Debts::open(data, clock.clone()).unwrap()),
            budgets: Budgets::new(data.join("budgets")),
            controls: Arc::new(Controls::new(controls, clock, gate)),
            ships: Vec::new(),
            channels: Vec::new(),
            effective: String::new(),
        })
    }

    pub(crate) fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The control channel to a collector, if one is kept.
    pub(crate) fn channel(&self, collector: &str) -> Option<Arc<ChannelCounts>> {
        let mut channels = self.channels.iter();
        let found = channels.find(|(name, _)| name == collector)?;
        Some(found.1.clone())
    }

    /// Whether some collector can ask for early runs.
    pub(crate) fn can_be_asked(&self) -> bool {
        let mut channels = self.channels.iter();
        channels.any(|(_, counts)| counts.can_ask())
    }

    /// The number of the next run of this boot.
    pub(crate) fn next_seq(&self) -> u64 {
        self.seq.fetch_add(1, Ordering::Relaxed)
    }

    /// Spools a run's report, and its evidence behind it; strikes the run out of those in flight.
    pub(crate) async fn spool_report(&self, report: &RunReport) {
        let facts = &report.facts;
        self.counts
            .ended(facts.trigger.kind(), facts.outcomes.verdict());
        let now = self.clock.wall();
        let mut records = vec![Record {
            kind: if facts.outcomes.verdict().is_good() {
                RecordKind::PassedRun
            } else {
                RecordKind::Run
            },
            time: now,
            run: Some(facts.id),
            items: u16::try_from(report.steps.len() + 1).unwrap_or(u16::MAX),
            payload: Bytes::from(bongsu_wire::encode_run(report, &self.resource)),
        }];
        if let Some(evidence) = bongsu_wire::encode_evidence(report, &self.resource) {
            records.push(Record {
                kind: RecordKind::Evidence,
                time: now,
                run: Some(facts.id),
                items: 1,
                payload: Bytes::from(evidence),
            });
        }
        if let Err(SpoolClosed) = self.spool.report(facts.id, records).await {
            tracing::error!(run = %facts.id, "the agent ends: a run is told as interrupted");
        }
    }

    /// Spools the record of a plan. False if the disk did not take it.
    pub(crate) async fn spool_plan(&self, plan: &Plan, valid_from: Timestamp) -> bool {
        let now = self.clock.wall();
        let record = Record {
            kind: RecordKind::Plan,
            time: now,
            run: None,
            items: 1,
            payload: Bytes::from(bongsu_wire::encode_plan(
                &plan.record(valid_from),
                &self.resource,
                now,
            )),
        };
        match self.spool.append(record).await {
            Ok(Ok(())) => {
                self.counts.plans_told.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(SpoolClosed) => true,
            Ok(Err(error)) => {
                tracing::error!(%error, "the plan's record could not be spooled");
                false
            }
        }
    }

    pub(crate) async fn heartbeat(&self) -> Result<Heartbeat, SpoolClosed> {
        let (spool, _) = self.spool.status().await?;
        Ok(Heartbeat {
            sent: self.clock.wall(),
            boot: self.boot.clone(),
            clock_offset_s: self.offset.seconds(),
            controls: self.controls.checks(),
            spool,
            cleanup_debts: self.debts.counts().open,
            plan_revision: Some(self.plan.current().revision.clone()),
            plan_refused: self.plan.refusal(),
            version: VERSION.to_owned(),
        })
    }

    /// The page `/metrics`.
    pub(crate) async fn metrics_page(&self) -> Result<String, SpoolClosed> {
        Ok(metrics::text(&self.families().await?))
    }

    /// What the agent counts of itself.
    pub(crate) async fn families(&self) -> Result<Vec<Family>, SpoolClosed> {
        let (depth, spool) = self.spool.status().await?;
        let checks = self.controls.checks();
        Ok(metrics::families(&Snapshot {
            version: VERSION,
            runs: &self.counts,
            depth,
            spool,
            ships: self
                .ships
                .iter()
                .map(|(name, counts)| (name.as_str(), &**counts))
                .collect(),
            channels: self
                .channels
                .iter()
                .map(|(name, counts)| (name.as_str(), &**counts))
                .collect(),
            debts: self.debts.counts(),
            controls_reachable: checks.iter().filter(|check| check.reachable).count(),
            controls: checks.len(),
            accounts_withdrawn: self.accounts().withdrawn(self.clock.wall()) as u64,
            accounts_used_up: self.budgets.used_up(self.clock.wall()) as u64,
            held_back: self.plan.current().held_back() as u64,
            sessions: self.sessions.counts(),
            clock_offset_s: self.offset.seconds(),
            plan_lineages: self.plan.current().planned.len(),
            is_plan_refused: self.plan.refusal().is_some(),
        }))
    }
}

/// A new start of the agent: its time, so that boots sort, and chance, so that they differ.
pub(crate) fn boot_id(now: Timestamp) -> BootId {
    let millis = now.as_unix_nanos() / 1_000_000;
    BootId::new(&format!("{millis:012x}-{:08x}", nonce() & 0xffff_ffff))
        .expect("hex digits and a dash")
}

/// A number that no other run has. Without randomness of the system the address of a fresh value
/// and the process id still tell runs apart well enough.
pub(crate) fn nonce() -> u64 {
    getrandom::u64().unwrap_or_else(|_| {
        let place: u64 = u64::from(std::process::id());
        place.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}
