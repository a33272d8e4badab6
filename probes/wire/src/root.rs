//! The facts of a run as its root span: all that the engine reads.

use bongsu_model::{
    AgentId, Outcome, RunFacts, RunId, RunIdentity, Timestamp, Trigger, TriggerKind, Vantage,
};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use crate::attribute::{AttributeError, AttributeFault, Attributes, Writer};
use crate::frame::{Item, SPAN_ATTRIBUTES, Written};
use crate::limits::TEXT_BYTES_MAX;
use crate::names::{self, key};
use crate::outcomes;
use crate::refusal::RunRefusal;
use crate::schema::{SCHEMA, check_schema};
use crate::span_time;

/// The root span of a run; `steps_dropped` of its steps are not in the trace.
pub(crate) fn encode(facts: &RunFacts, steps_dropped: usize) -> Written {
    let mut writer = Writer::of(SPAN_ATTRIBUTES);
    writer.int(names::SCHEMA, u64::from(SCHEMA));
    for (name, word) in [
        (names::JOURNEY, facts.journey.as_str()),
        (names::JOURNEY_REVISION, facts.journey_revision.as_str()),
        (names::PLAN_REVISION, facts.plan_revision.as_str()),
        (names::TARGET, facts.target.as_str()),
        (names::VARIANT, facts.variant.as_str()),
        (names::TRIGGER, facts.trigger.kind().as_str()),
        (names::REGION, facts.vantage.region.as_str()),
        (names::NETWORK, facts.vantage.network.as_str()),
    ] {
        writer.word(name, word);
    }
    writer.int(names::DUE, facts.due.as_unix_nanos());
    if let Some(slot) = facts.trigger.slot() {
        writer.int(names::SLOT, slot);
    }
    writer.word(names::VERDICT, facts.outcomes.verdict().word());
    outcomes::encode(&facts.outcomes, &mut writer);
    let flaky = facts.flaky.then_some(Item::Text(names::FLAG_FLAKY));
    writer.array(names::FLAGS, flaky.into_iter());
    writer.word(names::CLEANUP, facts.cleanup.as_str());
    writer.word(names::BOOT, facts.boot.as_str());
    writer.int(names::SEQ, facts.seq);
    writer.double(names::CLOCK_OFFSET, facts.clock_offset_s);
    if let Ok(dropped @ 1..) = u64::try_from(steps_dropped) {
        writer.int(names::STEPS_DROPPED, dropped);
    }
    let span = Span {
        trace_id: facts.id.as_bytes().to_vec(),
        span_id: facts.id.root_span().to_vec(),
        name: format!("journey {}", facts.journey),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: facts.started.as_unix_nanos(),
        end_time_unix_nano: facts.ended.max(facts.started).as_unix_nanos(),
        status: Some(status(facts.outcomes.verdict())),
        ..Span::default()
    };
    Written {
        span,
        attributes: writer.finish(),
    }
}

/// Reads the facts of run `id`, run by `agent`, from its root span.
pub(crate) fn decode(root: &Span, id: RunId, agent: AgentId) -> Result<RunFacts, RunRefusal> {
    if root.span_id != id.root_span() {
        return Err(RunRefusal::RootSpanId);
    }
    let times = (root.start_time_unix_nano, root.end_time_unix_nano);
    let times = span_time::read(times).map_err(RunRefusal::Root)?;
    let attributes = Attributes::new(&root.attributes, "attributes").map_err(RunRefusal::Root)?;
    read(&attributes, id, agent, times)
}

/// Reads the facts of run `id`, run by `agent` in these `times`, from its root's attributes.
pub(crate) fn read(
    attributes: &Attributes<'_>,
    id: RunId,
    agent: AgentId,
    times: (Timestamp, Timestamp),
) -> Result<RunFacts, RunRefusal> {
    let facts = facts(attributes, id, agent, times).map_err(RunRefusal::Root)?;
    if facts_match_id(&facts) {
        Ok(facts)
    } else {
        Err(RunRefusal::IdNotDerived)
    }
}

/// Whether the run's id is the one that its facts give.
///
/// A scheduled run's id follows from agent, target, journey, variant, slot and due time: any
/// other id would let one slot count twice. The nonces of other triggers are not on the wire; of
/// their ids only the time, the version and the variant of the UUID are held.
pub fn facts_match_id(facts: &RunFacts) -> bool {
    let derived = RunId::derive(
        RunIdentity {
            agent: &facts.vantage.agent,
            target: &facts.target,
            journey: &facts.journey,
            variant: &facts.variant,
            trigger: facts.trigger.kind(),
            n: facts.trigger.slot().unwrap_or(0),
        },
        facts.due,
    );
    let (found, expected) = (facts.id.as_bytes(), derived.as_bytes());
    match facts.trigger {
        Trigger::Scheduled { .. } => found == expected,
        Trigger::Burst | Trigger::Manual | Trigger::Ci => {
            found[..6] == expected[..6]
                && found[6] >> 4 == expected[6] >> 4
                && found[8] >> 6 == expected[8] >> 6
        }
    }
}

fn facts(
    attributes: &Attributes<'_>,
    id: RunId,
    agent: AgentId,
    (started, ended): (Timestamp, Timestamp),
) -> Result<RunFacts, AttributeError> {
    check_schema(attributes.signed(key::SCHEMA)?, SCHEMA)
        .map_err(|error| AttributeFault::Schema(error).of(key::SCHEMA))?;
    Ok(RunFacts {
        id,
        vantage: Vantage {
            region: attributes.word(key::REGION)?,
            network: attributes.word(key::NETWORK)?,
            agent,
        },
        target: attributes.word(key::TARGET)?,
        journey: attributes.word(key::JOURNEY)?,
        journey_revision: attributes.word(key::JOURNEY_REVISION)?,
        plan_revision: attributes.word(key::PLAN_REVISION)?,
        variant: attributes.word(key::VARIANT)?,
        trigger: trigger(attributes)?,
        due: Timestamp::from_unix_nanos(attributes.int(key::DUE)?),
        started,
        ended,
        outcomes: outcomes::decode(attributes)?,
        flaky: flaky(attributes)?,
        cleanup: attributes.word(key::CLEANUP)?,
        boot: attributes.word(key::BOOT)?,
        seq: attributes.int(key::SEQ)?,
        clock_offset_s: attributes.double(key::CLOCK_OFFSET)?,
    })
}

fn trigger(attributes: &Attributes<'_>) -> Result<Trigger, AttributeError> {
    let slot = attributes.optional_int(key::SLOT)?;
    let other = match attributes.word::<TriggerKind>(key::TRIGGER)? {
        TriggerKind::Scheduled => {
            let slot = slot.ok_or_else(|| AttributeFault::Missing.of(key::SLOT))?;
            return Ok(Trigger::Scheduled { slot });
        }
        TriggerKind::Burst => Trigger::Burst,
        TriggerKind::Manual => Trigger::Manual,
        TriggerKind::Ci => Trigger::Ci,
    };
    match slot {
        None => Ok(other),
        Some(_) => Err(AttributeFault::NotApplicable("to its trigger").of(key::SLOT)),
    }
}

fn flaky(attributes: &Attributes<'_>) -> Result<bool, AttributeError> {
    let flags = attributes
        .required_array(key::FLAGS, 1)?
        .texts(TEXT_BYTES_MAX)?;
    match flags.as_slice() {
        [] => Ok(false),
        [names::FLAG_FLAKY] => Ok(true),
        _ => Err(AttributeFault::Text("only `flaky` is a flag".to_owned()).of(key::FLAGS)),
    }
}

/// Ok tells other tools that somebody vouches for it; Unset that nothing is known of the platform.
fn status(verdict: &Outcome) -> Status {
    let code = match verdict {
        Outcome::Pass | Outcome::Slow => StatusCode::Ok,
        Outcome::Fail(_) => StatusCode::Error,
        Outcome::Blocked(_) | Outcome::Blind(_) | Outcome::Skipped(_) => StatusCode::Unset,
    };
    Status {
        code: code.into(),
        ..Status::default()
    }
}
