//! What of a request is kept: each run and record on its own, held against the sender's vantage
//! and the clock.

use std::time::Duration;

use bongsu_model::{RunFacts, Timestamp, Vantage};
use bongsu_wire::{
    AgentRecord, DecodeError, DecodedRecord, DecodedRun, RejectedRecord, RejectedRun,
    heartbeat_to_json, plan_to_json,
};

use crate::config::{Agent, Config};
use crate::counters;
use crate::journal::{Kind, Record};

/// What runs and records are held against.
#[derive(Debug)]
pub(super) struct Bench {
    vantage: Vantage,
    now: Timestamp,
    clock_ahead: Duration,
    retention: Duration,
}

/// One run or record that is refused.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    /// Which rule it breaks.
    pub(super) why: counters::Refusal,
    /// The same for people.
    pub(super) message: String,
    /// Spans or records that it takes out of the request.
    pub(super) count: usize,
}

/// A request, judged.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// What is to be kept.
    pub(super) records: Vec<Record>,
    /// What is refused alone.
    pub(super) refusals: Vec<Refusal>,
    /// Why the request is refused as a whole: all that could be read of it is another agent's.
    pub(super) all_foreign: Option<String>,
}

impl Bench {
    /// For a request of `agent` that is judged at `now`.
    pub(super) fn new(config: &Config, agent: &Agent, now: Timestamp) -> Self {
        Self {
            vantage: agent.vantage.clone(),
            now,
            clock_ahead: config.limits.clock_ahead,
            retention: config.retention,
        }
    }

    /// Judges a request of runs.
    pub(super) fn traces(&self, bytes: &[u8]) -> Result<Judged, DecodeError> {
        let runs = bongsu_wire::decode_traces(bytes)?;
        Ok(self.gather(runs.into_iter().map(|run| match run {
            Ok(run) => self.run(run),
            Err(rejected) => Verdict::Refused(malformed_run(&rejected)),
        })))
    }

    /// Judges a request of plans, heartbeats and evidence.
    pub(super) fn logs(&self, bytes: &[u8]) -> Result<Judged, DecodeError> {
        let records = bongsu_wire::decode_logs(bytes)?;
        Ok(self.gather(records.into_iter().map(|record| match record {
            Ok(record) => self.record(record),
            Err(rejected) => Verdict::Refused(malformed_record(&rejected)),
        })))
    }

    fn gather(&self, verdicts: impl Iterator<Item = Verdict>) -> Judged {
        let mut judged = Judged::default();
        let mut others = 0;
        for verdict in verdicts {
            match verdict {
                Verdict::Kept(record) => judged.records.push(record),
                Verdict::Refused(refusal) => judged.refusals.push(refusal),
                Verdict::OtherAgent(refusal) => {
                    others += 1;
                    judged.refusals.push(refusal);
                }
            }
        }
        if others > 0 && others == judged.refusals.len() && judged.records.is_empty() {
            judged.all_foreign = Some(format!(
                "this token is that of {}, and all records are another agent's; check `id` and \
                 `token` of the agent",
                self.vantage.agent
            ));
        }
        judged
    }

    fn run(&self, run: DecodedRun) -> Verdict {
        let refuse = |why, message: &str| Refusal {
            why,
            message: format!("run {}: {message}", run.facts.id),
            count: run.span_count,
        };
        let claimed = &run.facts.vantage;
        if claimed.agent != self.vantage.agent {
            let message = self.not_mine(claimed);
            return Verdict::OtherAgent(refuse(counters::Refusal::Foreign, &message));
        }
        if *claimed != self.vantage {
            let message = self.elsewhere(claimed);
            return Verdict::Refused(refuse(counters::Refusal::Foreign, &message));
        }
        match self.check_time(&run.facts) {
            Ok(()) => Verdict::Kept(Record::run(run.facts, run.spans)),
            Err((why, message)) => Verdict::Refused(refuse(why, &message)),
        }
    }

    fn check_time(&self, facts: &RunFacts) -> Result<(), (counters::Refusal, String)> {
        let latest = facts.due.max(facts.started).max(facts.ended);
        if latest > self.now + self.clock_ahead {
            let ahead = latest.since(self.now).as_secs();
            let message = format!(
                "it lies {ahead} s in the future, {} s are allowed; check the agent's clock",
                self.clock_ahead.as_secs()
            );
            return Err((counters::Refusal::Future, message));
        }
        if facts.ended < self.now - self.retention {
            let message = format!(
                "it ended {} s ago, which is beyond the retention of {} s: duplicates could not \
                 be recognised",
                self.now.since(facts.ended).as_secs(),
                self.retention.as_secs()
            );
            return Err((counters::Refusal::Old, message));
        }
        Ok(())
    }

    fn record(&self, record: DecodedRecord) -> Verdict {
        let resource = record.resource;
        let claimed = Vantage {
            agent: resource.agent,
            region: resource
                .region
                .unwrap_or_else(|| self.vantage.region.clone()),
            network: resource
                .network
                .unwrap_or_else(|| self.vantage.network.clone()),
        };
        let foreign = |message: String| Refusal {
            why: counters::Refusal::Foreign,
            message: format!("a record: {message}"),
            count: 1,
        };
        if claimed.agent != self.vantage.agent {
            return Verdict::OtherAgent(foreign(self.not_mine(&claimed)));
        }
        if claimed != self.vantage {
            return Verdict::Refused(foreign(self.elsewhere(&claimed)));
        }
        let agent = claimed.agent;
        Verdict::Kept(match record.record {
            AgentRecord::Plan(plan) => Record::of_agent(Kind::Plan, agent, plan_to_json(&plan)),
            AgentRecord::Heartbeat(heartbeat) => {
                Record::of_agent(Kind::Heartbeat, agent, heartbeat_to_json(&heartbeat))
            }
            AgentRecord::Evidence(evidence) => Record::evidence(agent, &evidence),
        })
    }

    fn elsewhere(&self, claimed: &Vantage) -> String {
        format!(
            "it claims region {} and network {}, but {} is listed in {} and {}; mend the agent's \
             file or the collector's list",
            claimed.region,
            claimed.network,
            self.vantage.agent,
            self.vantage.region,
            self.vantage.network
        )
    }

    fn not_mine(&self, claimed: &Vantage) -> String {
        format!(
            "it claims to be of {}, but the token is that of {}",
            claimed.agent, self.vantage.agent
        )
    }
}

enum Verdict {
    Kept(Record),
    Refused(Refusal),
    OtherAgent(Refusal),
}

fn malformed_run(rejected: &RejectedRun) -> Refusal {
    let id = rejected
        .id
        .map_or_else(|| "without an id".to_owned(), |id| id.to_string());
    Refusal {
        why: counters::Refusal::Malformed,
        message: format!("run {id}: {}", rejected.reason),
        count: rejected.span_count,
    }
}

fn malformed_record(rejected: &RejectedRecord) -> Refusal {
    Refusal {
        why: counters::Refusal::Malformed,
        message: format!("record {:?}: {}", rejected.event, rejected.reason),
        count: 1,
    }
}
