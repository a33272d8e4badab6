//! Runs: their verdict in a list, and every step of one.

use std::net::IpAddr;
use std::time::Duration;

use bongsu_model::{
    ActorName, AgentId, BlindReason, BootId, CleanupState, EarlierAttempt, Evidence, FailClass,
    FeatureId, FeatureOutcome, JourneyName, NetworkFacts, NetworkId, Outcome, Phases, RedirectHop,
    RegionId, Revision, RunFacts, RunId, RunReport, SkipReason, StepKind, StepOutcome, StepReport,
    TargetName, Timestamp, TriggerKind, Variant, Verb,
};

use super::{RunMention, Time};

/// `GET /api/v1/runs`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RunsAnswer {
    /// The environment.
    pub target: TargetName,
    /// The runs, newest first.
    pub runs: Vec<RunAnswer>,
}

/// One execution of a journey, without its steps.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RunAnswer {
    /// Its id, which is also its trace id.
    pub id: RunId,
    /// The environment.
    pub target: TargetName,
    /// The journey's own feature.
    pub feature: FeatureId,
    /// The journey.
    pub journey: JourneyName,
    /// Cold, warm or a named case.
    pub variant: Variant,
    /// What started it.
    pub trigger: TriggerKind,
    /// The slot that a scheduled run answers.
    pub slot: Option<u64>,
    /// Who made it.
    pub agent: AgentId,
    /// Where.
    pub region: RegionId,
    /// In which network.
    pub network: NetworkId,
    /// When it was due.
    pub due: Time,
    /// When it started.
    pub started: Time,
    /// When its last step ended.
    pub ended: Time,
    /// When the collector received it.
    pub received: Time,
    /// From the run's end to its receipt, in seconds: how late it came.
    pub late_s: f64,
    /// The outcome of the journey's own feature.
    pub verdict: OutcomeAnswer,
    /// The outcomes for all features that it speaks of, the own one first.
    pub outcomes: Vec<OutcomeAnswer>,
    /// Whether a step passed only on a later attempt.
    pub flaky: bool,
    /// What became of the cleanup.
    pub cleanup: CleanupState,
}

impl RunAnswer {
    /// The answer for a run that was received at `received`.
    pub fn new(facts: &RunFacts, received: Timestamp) -> Self {
        Self {
            id: facts.id,
            target: facts.target.clone(),
            feature: facts.outcomes.own().feature.clone(),
            journey: facts.journey.clone(),
            variant: facts.variant.clone(),
            trigger: facts.trigger.kind(),
            slot: facts.trigger.slot(),
            agent: facts.vantage.agent.clone(),
            region: facts.vantage.region.clone(),
            network: facts.vantage.network.clone(),
            due: Time(facts.due),
            started: Time(facts.started),
            ended: Time(facts.ended),
            received: Time(received),
            late_s: received.since(facts.ended).as_secs_f64(),
            verdict: OutcomeAnswer::new(facts.outcomes.own(), true),
            outcomes: facts
                .outcomes
                .iter()
                .map(|(outcome, own)| OutcomeAnswer::new(outcome, own))
                .collect(),
            flaky: facts.flaky,
            cleanup: facts.cleanup,
        }
    }
}

/// How a run ended for a feature.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OutcomeAnswer {
    /// The feature.
    pub feature: FeatureId,
    /// Whether it is the journey's own.
    pub own: bool,
    /// The outcome's word.
    pub outcome: &'static str,
    /// Why it failed, if it did.
    pub class: Option<FailClass>,
    /// The feature that blocked it, if one did.
    pub by: Option<FeatureId>,
    /// Why it is blind or was skipped, if it is.
    pub reason: Option<&'static str>,
}

impl OutcomeAnswer {
    fn new(outcome: &FeatureOutcome, own: bool) -> Self {
        let (class, by, reason) = match &outcome.outcome {
            Outcome::Pass | Outcome::Slow => (None, None, None),
            Outcome::Fail(class) => (Some(*class), None, None),
            Outcome::Blocked(by) => (None, Some(by.clone()), None),
            Outcome::Blind(reason) => (None, None, Some(BlindReason::as_str(*reason))),
            Outcome::Skipped(reason) => (None, None, Some(SkipReason::as_str(*reason))),
        };
        Self {
            feature: outcome.feature.clone(),
            own,
            outcome: outcome.outcome.word(),
            class,
            by,
            reason,
        }
    }
}

/// `GET /api/v1/runs/{run_id}`: a run with its steps.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RunDetailAnswer {
    /// What the list has of it.
    #[serde(flatten)]
    pub run: RunAnswer,
    /// The content hash of the journey.
    pub journey_revision: Revision,
    /// The content hash of the plan.
    pub plan_revision: Revision,
    /// The agent's clock minus the collector's, in seconds.
    pub clock_offset_s: f64,
    /// The start of the agent that scopes `seq`.
    pub boot: BootId,
    /// Counts the runs of one start: a gap is a lost run.
    pub seq: u64,
    /// Where its trace is looked at; null until the configuration has a `[trace_link]`.
    pub trace_url: Option<String>,
    /// The run of the same agent, journey and variant before it.
    pub previous: Option<RunMention>,
    /// The one after it.
    pub next: Option<RunMention>,
    /// Its steps in order of start; null when they were thinned out to save room.
    pub steps: Option<Vec<StepAnswer>>,
}

impl RunDetailAnswer {
    /// The answer for a run whose steps are kept.
    pub fn new(report: &RunReport, received: Timestamp) -> Self {
        Self {
            steps: Some(report.steps.iter().map(StepAnswer::new).collect()),
            ..Self::thinned(&report.facts, received)
        }
    }

    /// The answer for a run of which only the facts are kept.
    pub fn thinned(facts: &RunFacts, received: Timestamp) -> Self {
        Self {
            run: RunAnswer::new(facts, received),
            journey_revision: facts.journey_revision.clone(),
            plan_revision: facts.plan_revision.clone(),
            clock_offset_s: facts.clock_offset_s,
            boot: facts.boot.clone(),
            seq: facts.seq,
            trace_url: None,
            previous: None,
            next: None,
            steps: None,
        }
    }
}

/// One step as one actor performed it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct StepAnswer {
    /// Its name.
    pub name: String,
    /// Its place in the journey, from 0.
    pub index: u32,
    /// Whether it measures or undoes.
    pub kind: StepKind,
    /// The act.
    pub verb: Verb,
    /// Who performed it.
    pub actor: ActorName,
    /// Whose availability it measures; null for cleanup.
    pub feature: Option<FeatureId>,
    /// `pass`, `slow`, `fail` or `blind`.
    pub outcome: &'static str,
    /// Why it failed, if it did.
    pub class: Option<FailClass>,
    /// Why it is blind, if it is.
    pub reason: Option<BlindReason>,
    /// How it failed, in a few words.
    pub detail: Option<String>,
    /// When its first attempt started.
    pub started: Time,
    /// When its last attempt ended.
    pub ended: Time,
    /// From the first attempt's start to the last one's end, in seconds.
    pub duration_s: f64,
    /// How often it was tried.
    pub attempts: u32,
    /// How often a poll asked.
    pub polls: u32,
    /// The deciding attempt's phases, in seconds.
    pub phases: PhasesAnswer,
    /// What the deciding attempt saw of the network.
    pub network: NetworkAnswer,
    /// Expectations that did not hold, with actual values.
    pub failed_expectations: Vec<String>,
    /// Attempts before the deciding one.
    pub earlier_attempts: Vec<AttemptAnswer>,
    /// Redirects that the deciding attempt followed, in order.
    pub redirects: Vec<RedirectAnswer>,
    /// What was seen, for failures only.
    pub evidence: Option<EvidenceAnswer>,
}

impl StepAnswer {
    fn new(step: &StepReport) -> Self {
        let (outcome, class, reason) = match step.outcome {
            StepOutcome::Pass => ("pass", None, None),
            StepOutcome::Slow => ("slow", None, None),
            StepOutcome::Fail(class) => ("fail", Some(class), None),
            StepOutcome::Blind(reason) => ("blind", None, Some(reason)),
        };
        Self {
            name: step.name.clone(),
            index: step.index,
            kind: step.kind,
            verb: step.verb,
            actor: step.actor.clone(),
            feature: step.feature.clone(),
            outcome,
            class,
            reason,
            detail: step.detail.clone(),
            started: Time(step.started),
            ended: Time(step.ended),
            duration_s: step.ended.since(step.started).as_secs_f64(),
            attempts: step.attempts,
            polls: step.polls,
            phases: PhasesAnswer::new(&step.phases),
            network: NetworkAnswer::new(&step.network),
            failed_expectations: step.failed_expectations.clone(),
            earlier_attempts: step
                .earlier_attempts
                .iter()
                .map(AttemptAnswer::new)
                .collect(),
            redirects: step.redirects.iter().map(RedirectAnswer::new).collect(),
            evidence: step.evidence.as_ref().map(EvidenceAnswer::new),
        }
    }
}

/// Durations of phases in seconds; null where not reached.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct PhasesAnswer {
    /// Resolving the name.
    pub dns: Option<f64>,
    /// The TCP handshake.
    pub connect: Option<f64>,
    /// The TLS handshake.
    pub tls: Option<f64>,
    /// Until the first byte of the answer.
    pub wait: Option<f64>,
    /// Until its last byte.
    pub receive: Option<f64>,
}

impl PhasesAnswer {
    fn new(phases: &Phases) -> Self {
        let seconds = |duration: Option<Duration>| duration.map(|d| d.as_secs_f64());
        Self {
            dns: seconds(phases.dns),
            connect: seconds(phases.connect),
            tls: seconds(phases.tls),
            wait: seconds(phases.wait),
            receive: seconds(phases.receive),
        }
    }

    /// The phases with their names, in the order in which they happen.
    pub const fn named(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("dns", self.dns),
            ("connect", self.connect),
            ("tls", self.tls),
            ("wait", self.wait),
            ("receive", self.receive),
        ]
    }
}

/// What a step saw of the network; null where not reached.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct NetworkAnswer {
    /// The name or address that was asked for.
    pub server_address: Option<String>,
    /// The port that was asked for.
    pub server_port: Option<u16>,
    /// The address that was connected to.
    pub peer_address: Option<IpAddr>,
    /// The URL, redacted.
    pub url: Option<String>,
    /// The status of the HTTP answer.
    pub http_status: Option<u16>,
    /// `1.1` or `2`.
    pub http_version: Option<String>,
    /// Bytes of the body after decompression.
    pub body_bytes: Option<u64>,
    /// The addresses that the name resolved to.
    pub dns_answers: Vec<IpAddr>,
    /// `1.2` or `1.3`.
    pub tls_version: Option<String>,
    /// The cipher suite.
    pub tls_cipher: Option<String>,
    /// When the server's certificate ends.
    pub tls_not_after: Option<Time>,
}

impl NetworkAnswer {
    fn new(facts: &NetworkFacts) -> Self {
        Self {
            server_address: facts.server_address.clone(),
            server_port: facts.server_port,
            peer_address: facts.peer_address,
            url: facts.url.clone(),
            http_status: facts.http_status,
            http_version: facts.http_version.clone(),
            body_bytes: facts.body_bytes,
            dns_answers: facts.dns_answers.clone(),
            tls_version: facts.tls_version.clone(),
            tls_cipher: facts.tls_cipher.clone(),
            tls_not_after: facts.tls_not_after.map(Time),
        }
    }
}

/// An attempt before the deciding one.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AttemptAnswer {
    /// Why it failed.
    pub class: FailClass,
    /// How.
    pub detail: String,
    /// How long it took, in seconds.
    pub duration_s: f64,
}

impl AttemptAnswer {
    fn new(attempt: &EarlierAttempt) -> Self {
        Self {
            class: attempt.class,
            detail: attempt.detail.clone(),
            duration_s: attempt.duration.as_secs_f64(),
        }
    }
}

/// A redirect that was followed on the way to the deciding answer.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RedirectAnswer {
    /// The status that redirected.
    pub status: u16,
    /// The URL that answered so, redacted.
    pub url: String,
    /// How long it took, in seconds.
    pub duration_s: f64,
    /// Where that time went, in seconds; part of the step's phases.
    pub phases: PhasesAnswer,
}

impl RedirectAnswer {
    fn new(hop: &RedirectHop) -> Self {
        Self {
            status: hop.status,
            url: hop.url.clone(),
            duration_s: hop.duration.as_secs_f64(),
            phases: PhasesAnswer::new(&hop.phases),
        }
    }
}

/// What a failed step saw, redacted by the agent.
#[derive(Debug, Clone, serde::Serialize)]
pub struct EvidenceAnswer {
    /// Header lines, each as name and value.
    pub headers: Vec<(String, String)>,
    /// The first 4 KiB of the body.
    pub body_head: String,
}

impl EvidenceAnswer {
    fn new(evidence: &Evidence) -> Self {
        Self {
            headers: evidence.headers.clone(),
            body_head: evidence.body_head.clone(),
        }
    }
}
