//! A step as a span.

use bongsu_model::{EarlierAttempt, FailClass, Phases, RunId, StepOutcome, StepReport, Verb};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use crate::attribute::{AttributeError, AttributeFault, Attributes, Writer, parse};
use crate::limits::{
    EARLIER_ATTEMPTS_MAX, EXPECTATION_BYTES_MAX, EXPECTATIONS_MAX, TEXT_BYTES_MAX, cut,
};
use crate::names;
use crate::network;
use crate::outcomes::blind_reason;
use crate::seconds::{from_seconds, seconds};
use crate::span_time;

/// The span of one step of run `id`. Its evidence travels apart.
pub(crate) fn encode(step: &StepReport, id: RunId) -> Span {
    let mut writer = Writer::default();
    writer.text(names::STEP_NAME, &step.name, TEXT_BYTES_MAX);
    writer.int(names::STEP_INDEX, step.index.into());
    writer.word(names::STEP_KIND, step.kind.as_str());
    writer.word(names::STEP_VERB, step.verb.as_str());
    writer.word(names::STEP_ACTOR, step.actor.as_str());
    writer.int(names::STEP_ACTOR_INDEX, step.actor_index.into());
    if let Some(feature) = &step.feature {
        writer.word(names::FEATURE, feature.as_str());
    }
    encode_outcome(step, &mut writer);
    writer.int(names::ATTEMPTS, step.attempts.max(1).into());
    writer.int(names::POLLS, step.polls.into());
    if step.verb.http_method().is_some() && step.attempts > 1 {
        writer.int(names::HTTP_RESEND_COUNT, u64::from(step.attempts) - 1);
    }
    let phases = &step.phases;
    for (name, duration) in [
        (names::PHASE_DNS, phases.dns),
        (names::PHASE_CONNECT, phases.connect),
        (names::PHASE_TLS, phases.tls),
        (names::PHASE_WAIT, phases.wait),
        (names::PHASE_RECEIVE, phases.receive),
    ] {
        if let Some(duration) = duration {
            writer.double(name, seconds(duration));
        }
    }
    encode_earlier(&step.earlier_attempts, &mut writer);
    writer.word(names::SYNTHETIC_TYPE, "test");
    network::encode(&step.network, step.verb, &mut writer);
    Span {
        trace_id: id.as_bytes().to_vec(),
        span_id: id.step_span(step.index, step.actor_index).to_vec(),
        parent_span_id: id.root_span().to_vec(),
        name: span_name(step.verb, &step.name),
        kind: SpanKind::Client.into(),
        start_time_unix_nano: step.started.as_unix_nanos(),
        end_time_unix_nano: step.ended.max(step.started).as_unix_nanos(),
        attributes: writer.finish(),
        status: Some(status(step.outcome)),
        ..Span::default()
    }
}

/// Reads a step of run `id`. Its evidence is empty.
pub(crate) fn decode(span: &Span, id: RunId) -> Result<StepReport, AttributeError> {
    let (started, ended) = span_time::decode(span)?;
    let attributes = Attributes::new(&span.attributes, "attributes")?;
    let index = attributes.int(names::STEP_INDEX)?;
    let actor_index = attributes.int(names::STEP_ACTOR_INDEX)?;
    if span.parent_span_id != id.root_span() {
        return Err(
            AttributeFault::Contradicts("the trace id: it is not the root span's")
                .of("parent_span_id"),
        );
    }
    if span.span_id != id.step_span(index, actor_index) {
        return Err(
            AttributeFault::Contradicts("trace id, step index and actor index").of("span_id"),
        );
    }
    let attempts = attributes.int(names::ATTEMPTS)?;
    if attempts == 0 {
        return Err(AttributeFault::Range("0".to_owned()).of(names::ATTEMPTS));
    }
    Ok(StepReport {
        name: attributes
            .text(names::STEP_NAME, TEXT_BYTES_MAX)?
            .to_owned(),
        index,
        kind: attributes.word(names::STEP_KIND)?,
        verb: attributes.word(names::STEP_VERB)?,
        actor: attributes.word(names::STEP_ACTOR)?,
        actor_index,
        feature: attributes.optional_word(names::FEATURE)?,
        outcome: decode_outcome(attributes)?,
        started,
        ended,
        attempts,
        polls: attributes.int(names::POLLS)?,
        phases: decode_phases(attributes)?,
        network: network::decode(attributes)?,
        detail: attributes
            .optional_text(names::ERROR_DETAIL, TEXT_BYTES_MAX)?
            .map(str::to_owned),
        failed_expectations: match attributes.array(names::EXPECT_FAILED, EXPECTATIONS_MAX)? {
            None => Vec::new(),
            Some(list) => list
                .texts(EXPECTATION_BYTES_MAX)?
                .into_iter()
                .map(str::to_owned)
                .collect(),
        },
        earlier_attempts: decode_earlier(attributes)?,
        evidence: None,
    })
}

/// `GET inbox`, `RECEIVE message`: the verb and the step's name, never a path.
fn span_name(verb: Verb, step: &str) -> String {
    format!(
        "{} {}",
        verb.as_str().to_ascii_uppercase(),
        cut(step, TEXT_BYTES_MAX)
    )
}

fn encode_outcome(step: &StepReport, writer: &mut Writer) {
    let word = match step.outcome {
        StepOutcome::Pass => "pass",
        StepOutcome::Slow => "slow",
        StepOutcome::Fail(_) => "fail",
        StepOutcome::Blind(_) => "blind",
    };
    writer.word(names::STEP_OUTCOME, word);
    match step.outcome {
        StepOutcome::Pass | StepOutcome::Slow => {}
        StepOutcome::Fail(class) => writer.word(names::ERROR_TYPE, class.as_str()),
        StepOutcome::Blind(reason) => writer.word(names::STEP_REASON, reason.as_str()),
    }
    writer.optional_text(names::ERROR_DETAIL, step.detail.as_deref(), TEXT_BYTES_MAX);
    if !step.failed_expectations.is_empty() {
        let failed = step
            .failed_expectations
            .iter()
            .take(EXPECTATIONS_MAX)
            .map(String::as_str);
        writer.texts(names::EXPECT_FAILED, failed, EXPECTATION_BYTES_MAX);
    }
}

fn decode_outcome(attributes: Attributes<'_>) -> Result<StepOutcome, AttributeError> {
    let (outcome, class_applies, reason_applies) =
        match attributes.text(names::STEP_OUTCOME, TEXT_BYTES_MAX)? {
            "pass" => (StepOutcome::Pass, false, false),
            "slow" => (StepOutcome::Slow, false, false),
            "fail" => {
                let class: FailClass = attributes.word(names::ERROR_TYPE)?;
                (StepOutcome::Fail(class), true, false)
            }
            "blind" => {
                let reason = attributes.text(names::STEP_REASON, TEXT_BYTES_MAX)?;
                let reason = blind_reason(names::STEP_REASON, reason)?;
                (StepOutcome::Blind(reason), false, true)
            }
            _ => {
                let expected = "one of pass, slow, fail, blind is expected".to_owned();
                return Err(AttributeFault::Text(expected).of(names::STEP_OUTCOME));
            }
        };
    for (name, applies) in [
        (names::ERROR_TYPE, class_applies),
        (names::STEP_REASON, reason_applies),
    ] {
        if !applies && attributes.has(name) {
            return Err(AttributeFault::NotApplicable("to its outcome").of(name));
        }
    }
    Ok(outcome)
}

fn decode_phases(attributes: Attributes<'_>) -> Result<Phases, AttributeError> {
    let phase = |name| match attributes.optional_double(name)? {
        None => Ok(None),
        Some(seconds) => duration(name, seconds).map(Some),
    };
    Ok(Phases {
        dns: phase(names::PHASE_DNS)?,
        connect: phase(names::PHASE_CONNECT)?,
        tls: phase(names::PHASE_TLS)?,
        wait: phase(names::PHASE_WAIT)?,
        receive: phase(names::PHASE_RECEIVE)?,
    })
}

/// The newest attempts, in their order.
fn encode_earlier(attempts: &[EarlierAttempt], writer: &mut Writer) {
    if attempts.is_empty() {
        return;
    }
    let kept = &attempts[attempts.len().saturating_sub(EARLIER_ATTEMPTS_MAX)..];
    let classes = kept.iter().map(|attempt| attempt.class.as_str());
    writer.texts(names::EARLIER_CLASS, classes, TEXT_BYTES_MAX);
    let details = kept.iter().map(|attempt| attempt.detail.as_str());
    writer.texts(names::EARLIER_DETAIL, details, TEXT_BYTES_MAX);
    let durations = kept
        .iter()
        .map(|attempt| Value::DoubleValue(seconds(attempt.duration)));
    writer.array(names::EARLIER_DURATION, durations);
}

fn decode_earlier(attributes: Attributes<'_>) -> Result<Vec<EarlierAttempt>, AttributeError> {
    let Some(classes) = attributes.array(names::EARLIER_CLASS, EARLIER_ATTEMPTS_MAX)? else {
        for name in [names::EARLIER_DETAIL, names::EARLIER_DURATION] {
            if attributes.has(name) {
                return Err(AttributeFault::NotApplicable("without the classes").of(name));
            }
        }
        return Ok(Vec::new());
    };
    let column = |name| {
        attributes
            .required_array(name, EARLIER_ATTEMPTS_MAX)?
            .expect_len(classes.len())
    };
    let details = column(names::EARLIER_DETAIL)?.texts(TEXT_BYTES_MAX)?;
    let durations = column(names::EARLIER_DURATION)?.doubles()?;
    classes
        .texts(TEXT_BYTES_MAX)?
        .into_iter()
        .zip(details)
        .zip(durations)
        .map(|((class, detail), seconds)| {
            Ok(EarlierAttempt {
                class: parse(names::EARLIER_CLASS, class)?,
                detail: detail.to_owned(),
                duration: duration(names::EARLIER_DURATION, seconds)?,
            })
        })
        .collect()
}

fn duration(name: &'static str, seconds: f64) -> Result<std::time::Duration, AttributeError> {
    from_seconds(seconds).ok_or_else(|| AttributeFault::Range(seconds.to_string()).of(name))
}

/// As for a run: Ok vouches for success, Unset says nothing of the platform.
fn status(outcome: StepOutcome) -> Status {
    let code = match outcome {
        StepOutcome::Pass | StepOutcome::Slow => StatusCode::Ok,
        StepOutcome::Fail(_) => StatusCode::Error,
        StepOutcome::Blind(_) => StatusCode::Unset,
    };
    Status {
        code: code.into(),
        ..Status::default()
    }
}
