//! A step as a span.

use bongsu_model::{
    ActorName, EarlierAttempt, FailClass, FeatureId, Phases, RedirectHop, RunId, StepKind,
    StepOutcome, StepReport, Timestamp, Verb,
};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use crate::attribute::{AttributeError, AttributeFault, Attributes, Writer, parse};
use crate::frame::{Item, SPAN_ATTRIBUTES, Written};
use crate::limits::{
    EARLIER_ATTEMPTS_MAX, EXPECTATION_BYTES_MAX, EXPECTATIONS_MAX, REDIRECTS_MAX, TEXT_BYTES_MAX,
    cut,
};
use crate::names::{self, Key, key};
use crate::network;
use crate::outcomes::blind_reason;
use crate::seconds::{from_seconds, seconds};
use crate::span_time;

/// The span of one step of run `id`. Its evidence travels apart.
pub(crate) fn encode(step: &StepReport, id: RunId) -> Written {
    let mut writer = Writer::of(SPAN_ATTRIBUTES);
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
    encode_redirects(&step.redirects, &mut writer);
    writer.word(names::SYNTHETIC_TYPE, "test");
    network::encode(&step.network, step.verb, &mut writer);
    let span = Span {
        trace_id: id.as_bytes().to_vec(),
        span_id: id.step_span(step.index, step.actor_index).to_vec(),
        parent_span_id: id.root_span().to_vec(),
        name: span_name(step.verb, &step.name),
        kind: SpanKind::Client.into(),
        start_time_unix_nano: step.started.as_unix_nanos(),
        end_time_unix_nano: step.ended.max(step.started).as_unix_nanos(),
        status: Some(status(step.outcome)),
        ..Span::default()
    };
    Written {
        span,
        attributes: writer.finish(),
    }
}

/// Reads a step of run `id`. Its evidence is empty.
pub(crate) fn decode(span: &Span, id: RunId) -> Result<StepReport, AttributeError> {
    let times = (span.start_time_unix_nano, span.end_time_unix_nano);
    let times = span_time::read(times)?;
    let attributes = Attributes::new(&span.attributes, "attributes")?;
    let ids = Ids {
        span: &span.span_id,
        parent: &span.parent_span_id,
        root: id.root_span(),
    };
    read(&attributes, id, ids, times).map(StepReport::from)
}

/// The ids of a step's span, and of the root that its run has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids<'a> {
    pub(crate) span: &'a [u8],
    pub(crate) parent: &'a [u8],
    pub(crate) root: [u8; 8],
}

/// A step, borrowed from its attributes.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    name: &'a str,
    index: u32,
    kind: StepKind,
    verb: Verb,
    actor: &'a str,
    actor_index: u32,
    feature: Option<&'a str>,
    outcome: StepOutcome,
    times: (Timestamp, Timestamp),
    attempts: u32,
    polls: u32,
    phases: Phases,
    network: network::Seen<'a>,
    detail: Option<&'a str>,
    failed_expectations: Vec<&'a str>,
    earlier_attempts: Vec<EarlierAttempt>,
    redirects: Vec<RedirectHop>,
}

/// Reads a step of run `id` from its span's attributes.
pub(crate) fn read<'a>(
    attributes: &Attributes<'a>,
    id: RunId,
    ids: Ids<'_>,
    times: (Timestamp, Timestamp),
) -> Result<Step<'a>, AttributeError> {
    let index = attributes.int(key::STEP_INDEX)?;
    let actor_index = attributes.int(key::STEP_ACTOR_INDEX)?;
    if ids.parent != ids.root {
        return Err(
            AttributeFault::Contradicts("the trace id: it is not the root span's")
                .of("parent_span_id"),
        );
    }
    if ids.span != id.step_span(index, actor_index) {
        return Err(
            AttributeFault::Contradicts("trace id, step index and actor index").of("span_id"),
        );
    }
    let attempts = attributes.int(key::ATTEMPTS)?;
    if attempts == 0 {
        return Err(AttributeFault::Range("0".to_owned()).of(key::ATTEMPTS));
    }
    Ok(Step {
        name: attributes.text(key::STEP_NAME, TEXT_BYTES_MAX)?,
        index,
        kind: attributes.word(key::STEP_KIND)?,
        verb: attributes.word(key::STEP_VERB)?,
        actor: attributes.name(key::STEP_ACTOR, ActorName::check)?,
        actor_index,
        feature: attributes.optional_name(key::FEATURE, FeatureId::check)?,
        outcome: read_outcome(attributes)?,
        times,
        attempts,
        polls: attributes.int(key::POLLS)?,
        phases: read_phases(attributes)?,
        network: network::read(attributes)?,
        detail: attributes.optional_text(key::ERROR_DETAIL, TEXT_BYTES_MAX)?,
        failed_expectations: match attributes.array(key::EXPECT_FAILED, EXPECTATIONS_MAX)? {
            None => Vec::new(),
            Some(list) => list.texts(EXPECTATION_BYTES_MAX)?,
        },
        earlier_attempts: read_earlier(attributes)?,
        redirects: read_redirects(attributes)?,
    })
}

impl From<Step<'_>> for StepReport {
    fn from(step: Step<'_>) -> Self {
        Self {
            name: step.name.to_owned(),
            index: step.index,
            kind: step.kind,
            verb: step.verb,
            actor: ActorName::new(step.actor).expect("checked when read"),
            actor_index: step.actor_index,
            feature: step
                .feature
                .map(|feature| FeatureId::new(feature).expect("checked when read")),
            outcome: step.outcome,
            started: step.times.0,
            ended: step.times.1,
            attempts: step.attempts,
            polls: step.polls,
            phases: step.phases,
            network: step.network.into(),
            detail: step.detail.map(str::to_owned),
            failed_expectations: step
                .failed_expectations
                .into_iter()
                .map(str::to_owned)
                .collect(),
            earlier_attempts: step.earlier_attempts,
            redirects: step.redirects,
            evidence: None,
        }
    }
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

fn read_outcome(attributes: &Attributes<'_>) -> Result<StepOutcome, AttributeError> {
    let (outcome, class_applies, reason_applies) =
        match attributes.text(key::STEP_OUTCOME, TEXT_BYTES_MAX)? {
            "pass" => (StepOutcome::Pass, false, false),
            "slow" => (StepOutcome::Slow, false, false),
            "fail" => {
                let class: FailClass = attributes.word(key::ERROR_TYPE)?;
                (StepOutcome::Fail(class), true, false)
            }
            "blind" => {
                let reason = attributes.text(key::STEP_REASON, TEXT_BYTES_MAX)?;
                let reason = blind_reason(key::STEP_REASON, reason)?;
                (StepOutcome::Blind(reason), false, true)
            }
            _ => {
                let expected = "one of pass, slow, fail, blind is expected".to_owned();
                return Err(AttributeFault::Text(expected).of(key::STEP_OUTCOME));
            }
        };
    for (name, applies) in [
        (key::ERROR_TYPE, class_applies),
        (key::STEP_REASON, reason_applies),
    ] {
        if !applies && attributes.has(name) {
            return Err(AttributeFault::NotApplicable("to its outcome").of(name));
        }
    }
    Ok(outcome)
}

fn read_phases(attributes: &Attributes<'_>) -> Result<Phases, AttributeError> {
    let phase = |name| match attributes.optional_double(name)? {
        None => Ok(None),
        Some(seconds) => duration(name, seconds).map(Some),
    };
    Ok(Phases {
        dns: phase(key::PHASE_DNS)?,
        connect: phase(key::PHASE_CONNECT)?,
        tls: phase(key::PHASE_TLS)?,
        wait: phase(key::PHASE_WAIT)?,
        receive: phase(key::PHASE_RECEIVE)?,
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
        .map(|attempt| Item::Double(seconds(attempt.duration)));
    writer.array(names::EARLIER_DURATION, durations);
}

fn read_earlier(attributes: &Attributes<'_>) -> Result<Vec<EarlierAttempt>, AttributeError> {
    let Some(classes) = attributes.array(key::EARLIER_CLASS, EARLIER_ATTEMPTS_MAX)? else {
        for name in [key::EARLIER_DETAIL, key::EARLIER_DURATION] {
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
    let details = column(key::EARLIER_DETAIL)?.texts(TEXT_BYTES_MAX)?;
    let durations = column(key::EARLIER_DURATION)?.doubles()?;
    classes
        .texts(TEXT_BYTES_MAX)?
        .into_iter()
        .zip(details)
        .zip(durations)
        .map(|((class, detail), seconds)| {
            Ok(EarlierAttempt {
                class: parse(key::EARLIER_CLASS, class)?,
                detail: detail.to_owned(),
                duration: duration(key::EARLIER_DURATION, seconds)?,
            })
        })
        .collect()
}

/// The first redirects, in their order.
fn encode_redirects(hops: &[RedirectHop], writer: &mut Writer) {
    if hops.is_empty() {
        return;
    }
    let kept = &hops[..hops.len().min(REDIRECTS_MAX)];
    let statuses: Vec<String> = kept.iter().map(|hop| hop.status.to_string()).collect();
    let statuses = statuses.iter().map(String::as_str);
    writer.texts(names::REDIRECT_STATUS, statuses, TEXT_BYTES_MAX);
    let urls = kept.iter().map(|hop| hop.url.as_str());
    writer.texts(names::REDIRECT_URL, urls, TEXT_BYTES_MAX);
    let durations = kept.iter().map(|hop| Item::Double(seconds(hop.duration)));
    writer.array(names::REDIRECT_DURATION, durations);
    for (at, name) in REDIRECT_PHASES.iter().enumerate() {
        let of_phase = kept.iter().map(|hop| {
            let (_, duration) = hop.phases.named()[at];
            Item::Double(duration.map_or(NOT_REACHED, seconds))
        });
        writer.array(name.name, of_phase);
    }
}

/// What stands for a phase that a redirect did not reach: an array has no gaps.
const NOT_REACHED: f64 = -1.0;

/// The phases of redirects, in the order of [`Phases::named`].
const REDIRECT_PHASES: [Key; 5] = [
    key::REDIRECT_DNS,
    key::REDIRECT_CONNECT,
    key::REDIRECT_TLS,
    key::REDIRECT_WAIT,
    key::REDIRECT_RECEIVE,
];

/// A phase of all redirects; agents of earlier versions tell none.
fn read_phase(
    attributes: &Attributes<'_>,
    name: Key,
    count: usize,
) -> Result<Vec<Option<std::time::Duration>>, AttributeError> {
    let Some(column) = attributes.array(name, REDIRECTS_MAX)? else {
        return Ok(vec![None; count]);
    };
    column
        .expect_len(count)?
        .doubles()?
        .into_iter()
        .map(|seconds| match seconds {
            seconds if seconds < 0.0 => Ok(None),
            seconds => duration(name, seconds).map(Some),
        })
        .collect()
}

fn read_redirects(attributes: &Attributes<'_>) -> Result<Vec<RedirectHop>, AttributeError> {
    let Some(statuses) = attributes.array(key::REDIRECT_STATUS, REDIRECTS_MAX)? else {
        let columns = [key::REDIRECT_URL, key::REDIRECT_DURATION];
        for name in columns.into_iter().chain(REDIRECT_PHASES) {
            if attributes.has(name) {
                return Err(AttributeFault::NotApplicable("without the statuses").of(name));
            }
        }
        return Ok(Vec::new());
    };
    let column = |name| {
        attributes
            .required_array(name, REDIRECTS_MAX)?
            .expect_len(statuses.len())
    };
    let urls = column(key::REDIRECT_URL)?.texts(TEXT_BYTES_MAX)?;
    let durations = column(key::REDIRECT_DURATION)?.doubles()?;
    let of_phase = |name| read_phase(attributes, name, statuses.len());
    let dns = of_phase(key::REDIRECT_DNS)?;
    let connect = of_phase(key::REDIRECT_CONNECT)?;
    let tls = of_phase(key::REDIRECT_TLS)?;
    let wait = of_phase(key::REDIRECT_WAIT)?;
    let receive = of_phase(key::REDIRECT_RECEIVE)?;
    statuses
        .texts(TEXT_BYTES_MAX)?
        .into_iter()
        .zip(urls)
        .zip(durations)
        .enumerate()
        .map(|(at, ((status, url), seconds))| {
            Ok(RedirectHop {
                status: parse(key::REDIRECT_STATUS, status)?,
                url: url.to_owned(),
                duration: duration(key::REDIRECT_DURATION, seconds)?,
                phases: Phases {
                    dns: dns[at],
                    connect: connect[at],
                    tls: tls[at],
                    wait: wait[at],
                    receive: receive[at],
                },
            })
        })
        .collect()
}

pub(crate) fn duration(name: Key, seconds: f64) -> Result<std::time::Duration, AttributeError> {
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
