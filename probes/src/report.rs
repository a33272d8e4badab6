//! From what a run did to its report: redacted, cut, in the model's words.

use bongsu_language::Journey;
use bongsu_model::{
    CleanupState, EarlierAttempt, Evidence, Monotonic, NetworkFacts, Outcomes, RedirectHop,
    RunFacts, RunId, RunReport, StepKind, StepOutcome, StepReport, TimeAnchor,
};

use crate::context::Context;
use crate::redact::{Mask, truncate};
use crate::runner::Performance;

/// Most expectations of a step that are reported as failed.
const FAILED_EXPECTATIONS_MAX: usize = 5;

/// Most bytes of a body in the evidence of a failure.
const EVIDENCE_BODY_BYTES_MAX: usize = 4 * 1024;

/// Most bytes of a body that are searched for secrets to make its evidence: taking secrets out
/// shortens a text, so that more than is shown is needed.
const EVIDENCE_BODY_READ_MAX: usize = 16 * EVIDENCE_BODY_BYTES_MAX;

/// Most header lines in the evidence of a failure, and most bytes of each value.
const EVIDENCE_HEADERS_MAX: usize = 64;
const EVIDENCE_HEADER_BYTES_MAX: usize = 512;

/// What stands in the evidence for a body that may hold a secret that was not found.
const WITHHELD: &str = "(not shown: the step was to capture a secret from it and found none)";

/// Most bytes of a detail, of an expectation and of a URL.
const TEXT_BYTES_MAX: usize = 1024;

/// What a report is assembled from.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) journey: &'a Journey,
    pub(crate) context: &'a Context,
    pub(crate) id: RunId,
    pub(crate) anchor: TimeAnchor,
    pub(crate) ended: Monotonic,
    pub(crate) outcomes: Outcomes,
    pub(crate) cleanup: CleanupState,
    pub(crate) mask: &'a Mask,
}

/// The report of a run whose steps were performed so, in order of start.
pub(crate) fn assemble(parts: Parts<'_>, performances: Vec<Performance<'_>>) -> RunReport {
    let order = &parts.context.order;
    let first = performances.first();
    let started = first.map_or(parts.ended, Performance::started);
    let flaky = performances.iter().any(is_flaky);
    let steps = performances
        .into_iter()
        .map(|one| step(&parts, one))
        .collect();
    RunReport {
        facts: RunFacts {
            id: parts.id,
            vantage: order.vantage.clone(),
            target: parts.context.target.name().clone(),
            journey: parts.journey.name.clone(),
            journey_revision: parts.journey.revision.clone(),
            plan_revision: order.plan_revision.clone(),
            variant: order.variant.clone(),
            trigger: order.trigger,
            due: order.due,
            started: parts.anchor.stamp(started),
            ended: parts.anchor.stamp(parts.ended),
            outcomes: parts.outcomes,
            flaky,
            cleanup: parts.cleanup,
            boot: order.boot.clone(),
            seq: order.seq,
            clock_offset_s: order.clock_offset_s,
        },
        steps,
    }
}

/// Whether a step that measures passed only on a later attempt.
fn is_flaky(performance: &Performance<'_>) -> bool {
    performance.kind() == StepKind::Step
        && performance.attempts() > 1
        && matches!(performance.outcome(), StepOutcome::Pass | StepOutcome::Slow)
}

fn step(parts: &Parts<'_>, mut performance: Performance<'_>) -> StepReport {
    let mask = parts.mask;
    let text = |text: &str| mask.cut(text, TEXT_BYTES_MAX);
    let step = performance.step();
    let actor = performance.actor();
    let has_failed = matches!(
        performance.outcome(),
        StepOutcome::Fail(_) | StepOutcome::Blind(_)
    );
    StepReport {
        // Its author may have written a secret into it.
        name: text(&step.name),
        index: step.index,
        kind: step.kind,
        verb: step.verb(),
        actor: parts.journey.actors[actor].name.clone(),
        actor_index: u32::try_from(actor).unwrap_or(u32::MAX),
        feature: (step.kind == StepKind::Step).then(|| step.feature.clone()),
        outcome: performance.outcome(),
        started: parts.anchor.stamp(performance.started()),
        ended: parts.anchor.stamp(performance.ended()),
        attempts: performance.attempts(),
        polls: performance.polls(),
        phases: performance.phases(),
        network: network(performance.take_network(), mask),
        detail: performance.fault().map(|fault| text(fault.detail())),
        failed_expectations: if has_failed {
            failed_expectations(performance.mismatches(), mask)
        } else {
            Vec::new()
        },
        earlier_attempts: performance
            .earlier()
            .iter()
            .map(|earlier| EarlierAttempt {
                detail: text(&earlier.detail),
                ..earlier.clone()
            })
            .collect(),
        redirects: performance
            .redirects()
            .iter()
            .map(|hop| RedirectHop {
                url: text(&hop.url),
                ..hop.clone()
            })
            .collect(),
        evidence: has_failed.then(|| evidence(&performance, mask)).flatten(),
    }
}

/// All that did not hold: what is more than fits stands together in the last one.
fn failed_expectations(mismatches: &[String], mask: &Mask) -> Vec<String> {
    let text = |text: &str| mask.cut(text, TEXT_BYTES_MAX);
    if mismatches.len() <= FAILED_EXPECTATIONS_MAX {
        return mismatches.iter().map(|mismatch| text(mismatch)).collect();
    }
    let (shown, rest) = mismatches.split_at(FAILED_EXPECTATIONS_MAX - 1);
    let mut failed: Vec<String> = shown.iter().map(|mismatch| text(mismatch)).collect();
    failed.push(text(&format!("{} more: {}", rest.len(), rest.join("; "))));
    failed
}

fn network(mut facts: NetworkFacts, mask: &Mask) -> NetworkFacts {
    for text in [&mut facts.url, &mut facts.server_address]
        .into_iter()
        .flatten()
    {
        mask.cut_itself(text, TEXT_BYTES_MAX);
    }
    facts
}

fn evidence(performance: &Performance<'_>, mask: &Mask) -> Option<Evidence> {
    let answer = performance.answer()?;
    let headers = answer
        .headers
        .iter()
        .take(EVIDENCE_HEADERS_MAX)
        .map(|(name, value)| {
            let mut shown = mask.header(name, value);
            truncate(&mut shown, EVIDENCE_HEADER_BYTES_MAX);
            (mask.text(name).into_owned(), shown)
        })
        .collect();
    // Secrets are looked for in what may be shown and some more, not in megabytes.
    let body = &answer.body[..answer.body.len().min(EVIDENCE_BODY_READ_MAX)];
    let body = String::from_utf8_lossy(body);
    // An answer that says that nothing was done hands no secret out; any other may, elsewhere
    // than where it was looked for, or in a body that broke off.
    let is_withheld = answer.status < 400 && performance.has_unfound_secrets();
    let body_head = if is_withheld {
        WITHHELD.to_owned()
    } else {
        mask.cut(&body, EVIDENCE_BODY_BYTES_MAX)
    };
    Some(Evidence { headers, body_head })
}
