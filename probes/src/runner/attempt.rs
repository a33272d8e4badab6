//! One attempt of a step: what was sent and seen, held against what was expected.
//!
//! The order is render, send, status, captures, other expectations: captures survive a failed
//! expectation, so that cleanup has its ids. If the status is wrong, only the captures that
//! cleanup uses are tried.

use std::collections::BTreeSet;

use bongsu_language::{
    About, Captured, Environment, Fact, GrpcStatus, HeaderLines, Mismatch, Need, Observed, Secrecy,
    Step,
};
use bongsu_model::{FailClass, Monotonic, NetworkFacts, Phases, RedirectHop, Secret};
use serde_json::Value;

use crate::failure::Fault;
use crate::http::Answer;
use crate::phases::Stopwatch;

/// What one attempt came to.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) started: Monotonic,
    pub(super) ended: Monotonic,
    /// When the frame arrived that the step waited for; it may have come before the step began.
    pub(super) arrived: Option<Monotonic>,
    pub(super) phases: Phases,
    pub(super) network: NetworkFacts,
    /// Why it did not pass.
    pub(super) fault: Option<Fault>,
    /// What did not hold, in words, not redacted.
    pub(super) mismatches: Vec<String>,
    pub(super) captured: Vec<Captured>,
    /// The answer, for evidence.
    pub(super) answer: Option<Answer>,
    /// The redirects that were followed, in order; their URLs are not redacted.
    pub(super) redirects: Vec<RedirectHop>,
    /// The header lines of each of them.
    pub(super) redirect_headers: Vec<HeaderLines>,
    /// Texts made of secrets that were sent.
    pub(super) secrets: Vec<Secret>,
    /// How many of the step's secret captures found their secret.
    pub(super) secrets_found: usize,
    pub(super) finality: Finality,
    pub(super) effect: Effect,
    pub(super) sent: Sent,
}

/// Whether anything of what the step asks for was handed to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// Not yet: what was done so far only prepared it.
    Nothing,
    /// Perhaps: its fault says so.
    Perhaps,
}

/// Whether another attempt could end otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finality {
    Open,
    /// `fail_if` holds.
    Final,
}

/// Whether the platform may have done what the attempt asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing was sent, or a whole answer of the 4xx kind says that nothing was done.
    Impossible,
    /// It was sent: whatever came back, or nothing, it may have been done.
    Possible,
}

impl Attempt {
    /// An attempt that has not done anything yet.
    pub(super) fn new(started: Monotonic) -> Self {
        Self {
            started,
            ended: started,
            arrived: None,
            phases: Phases::default(),
            network: NetworkFacts::default(),
            fault: None,
            mismatches: Vec::new(),
            captured: Vec::new(),
            answer: None,
            redirects: Vec::new(),
            redirect_headers: Vec::new(),
            secrets: Vec::new(),
            secrets_found: 0,
            finality: Finality::Open,
            effect: Effect::Impossible,
            sent: Sent::Perhaps,
        }
    }

    /// An attempt that failed before anything was sent.
    pub(super) fn unsent(fault: Fault, now: Monotonic) -> Self {
        Self {
            fault: Some(fault),
            ..Self::new(now)
        }
    }

    /// Takes the time that the stopwatch has.
    pub(super) fn stop(&mut self, watch: &Stopwatch) {
        self.phases = watch.phases();
        self.ended = watch.ended();
    }

    /// Settles whether a side effect is possible, from what the act itself came to: later the
    /// fault may be replaced, by one that says nothing of what was sent.
    pub(super) fn settle_effect(&mut self) {
        let is_refused = self.fault.as_ref().is_some_and(|fault| {
            let grpc = GrpcStatus::from_name(fault.detail());
            fault.class() == Some(FailClass::Status)
                && (fault.detail().starts_with('4') || grpc.is_some_and(GrpcStatus::is_refusal))
        });
        let is_unsent =
            self.answer.is_none() && self.fault.as_ref().is_some_and(Fault::is_before_sending);
        // An answer that redirects is an answer: what was asked for may be done by then.
        let is_answered = !self.redirects.is_empty();
        if is_answered || (!is_refused && !is_unsent && self.sent == Sent::Perhaps) {
            self.effect = Effect::Possible;
        }
    }
}

/// Holds what was observed against the step.
pub(super) struct Judge<'a> {
    /// The variables that cleanup reads.
    pub(super) cleanup_reads: &'a BTreeSet<Need>,
    pub(super) step: &'a Step,
    pub(super) actor: usize,
    pub(super) environment: &'a Environment,
}

impl Judge<'_> {
    /// Fills in what was captured, what did not hold, and the fault that follows from it.
    pub(super) fn judge(&self, observed: &Observed<'_>, attempt: &mut Attempt) {
        if let Err(fault) = self.hold(observed, attempt) {
            attempt.fault = Some(fault);
        }
    }

    fn hold(&self, observed: &Observed<'_>, attempt: &mut Attempt) -> Result<(), Fault> {
        let internal = |error: bongsu_language::RenderError| Fault::internal(error.to_string());
        let check = |expected: &bongsu_language::Expectations| {
            expected
                .check(observed, self.environment, self.actor)
                .map_err(internal)
        };
        let mismatches = check(&self.step.expect)?;
        let has_wrong_status = mismatches.iter().any(|m| m.about == About::Status);
        let captures = self.capture(observed, has_wrong_status, attempt);
        attempt
            .mismatches
            .extend(mismatches.iter().map(Mismatch::to_string));
        if !self.step.fail_if.is_empty() && check(&self.step.fail_if)?.is_empty() {
            attempt.finality = Finality::Final;
            return Err(Fault::platform(FailClass::Expectation, "fail_if"));
        }
        if has_wrong_status {
            let status = match observed.grpc_status() {
                Some(status) => status.name().to_owned(),
                None => observed.status().unwrap_or_default().to_string(),
            };
            return Err(Fault::platform(FailClass::Status, status));
        }
        if mismatches.iter().any(|m| m.about == About::Rcode) {
            let rcode = observed.fact(Fact::Rcode).and_then(Value::as_str);
            let word = rcode.unwrap_or_default().to_ascii_lowercase();
            return Err(Fault::platform(FailClass::Dns, word));
        }
        captures?;
        match mismatches.first() {
            Some(first) => Err(Fault::platform(
                FailClass::Expectation,
                first.subject.clone(),
            )),
            None => Ok(()),
        }
    }

    fn capture(
        &self,
        observed: &Observed<'_>,
        has_wrong_status: bool,
        attempt: &mut Attempt,
    ) -> Result<(), Fault> {
        let mut result = Ok(());
        for capture in &self.step.captures {
            let extracted = capture.extract(observed);
            if capture.secrecy == Secrecy::Secret
                && let Ok(Some(captured)) = &extracted
            {
                // Also where it is of no use: it is in the answer, which is evidence.
                attempt.secrets.extend(captured.texts());
                attempt.secrets_found += 1;
            }
            if has_wrong_status && !self.cleanup_uses(&capture.name) {
                continue;
            }
            match extracted {
                Ok(captured) => attempt.captured.extend(captured),
                Err(_) if has_wrong_status => {}
                Err(error) => {
                    attempt.mismatches.push(error.to_string());
                    result = Err(Fault::platform(FailClass::Expectation, "capture"));
                }
            }
        }
        result
    }

    fn cleanup_uses(&self, name: &str) -> bool {
        self.cleanup_reads
            .iter()
            .any(|need| need.actor == self.actor && need.name == name)
    }
}
