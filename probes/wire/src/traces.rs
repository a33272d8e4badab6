//! Runs as traces: encoding one, joining many, reading a request run by run.

use std::collections::HashMap;
use std::sync::Arc;

use bongsu_model::{RunFacts, RunId, RunReport};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

use crate::limits::{RUN_BYTES_MAX, SPANS_PER_RUN_MAX, cut};
use crate::names;
use crate::refusal::{DecodeError, RunRefusal};
use crate::resource::AgentResource;
use crate::view::{self, fields::Unusual};
use crate::weight::{Message, is_too_dense};
use crate::{frame, root, step};

/// One run of a request, kept.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedRun {
    /// What the engine reads.
    pub facts: RunFacts,
    /// The run alone as an `ExportTraceServiceRequest`, for [`decode_report`].
    pub spans: Vec<u8>,
    /// Spans that the request held of this run.
    pub span_count: usize,
    /// What the agent said of itself beside it.
    pub resource: Arc<AgentResource>,
}

/// One trace of a request, refused.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectedRun {
    /// The run, if its trace id was one.
    pub id: Option<RunId>,
    /// Spans that the request held of it: what a partial success counts.
    pub span_count: usize,
    /// Why.
    pub reason: RunRefusal,
}

/// The run as an `ExportTraceServiceRequest`, all its spans in it; evidence travels in
/// [`encode_evidence`](crate::encode_evidence).
///
/// The run's own agent is the one that the resource names. Free texts and lists are cut to
/// [`limits`](crate::limits); steps beyond the bound are left out and counted.
pub fn encode_run(report: &RunReport, resource: &AgentResource) -> Vec<u8> {
    let id = report.facts.id;
    let steps = &report.steps[..report.steps.len().min(SPANS_PER_RUN_MAX - 1)];
    let mut spans = vec![root::encode(
        &report.facts,
        report.steps.len() - steps.len(),
    )];
    spans.extend(steps.iter().map(|step| step::encode(step, id)));
    let scope = InstrumentationScope {
        name: names::SCOPE_JOURNEY.to_owned(),
        version: resource.version.clone(),
        ..InstrumentationScope::default()
    };
    let schema = names::SEMANTIC_CONVENTIONS_URL;
    let resource = resource.write(&report.facts.vantage.agent).finish();
    frame::request(&resource, &scope, &spans, schema)
}

/// Several encoded requests as one: `ExportTraceServiceRequest` is one repeated field, and
/// protobuf defines the concatenation of two messages as the concatenation of their repeated
/// fields (<https://protobuf.dev/programming-guides/encoding/#last-one-wins>).
pub fn merge_traces<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    parts.into_iter().collect::<Vec<_>>().concat()
}

/// Reads a request: per trace the run, or why it is refused. A run that is kept can be read whole
/// with [`decode_report`]. A run that stands in the request twice, bytes for bytes, is one.
///
/// A request as agents write it, in which nothing is to be refused, is read in place; all others
/// are decoded ([`decode_traces_whole`]). Both say the same.
///
/// # Errors
/// When the bytes are no `ExportTraceServiceRequest`: nothing of it is kept.
pub fn decode_traces(bytes: &[u8]) -> Result<Vec<Result<DecodedRun, RejectedRun>>, DecodeError> {
    match view::runs(bytes) {
        Ok(runs) => Ok(runs.into_iter().map(Ok).collect()),
        Err(Unusual) => decode_traces_whole(bytes),
    }
}

/// Whether [`decode_traces`] reads the request in place.
pub fn is_read_in_place(bytes: &[u8]) -> bool {
    view::runs(bytes).is_ok()
}

/// As [`decode_traces`], but always through the decoded messages: its reference, at several times
/// the cost. The spans of a run are encoded anew and may differ in form, not in content.
///
/// # Errors
/// As [`decode_traces`].
pub fn decode_traces_whole(
    bytes: &[u8],
) -> Result<Vec<Result<DecodedRun, RejectedRun>>, DecodeError> {
    let traces = split(parse(bytes)?);
    Ok(traces.into_iter().map(decode_trace).collect())
}

/// Why stored spans are not one readable run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The bytes are not OTLP.
    #[error("spans of a run: {0}")]
    Bytes(#[from] DecodeError),
    /// There is not exactly one run in them.
    #[error("the bytes hold {0} runs, not one")]
    NotOne(usize),
    /// The run is refused.
    #[error("the run is refused: {0}")]
    Refused(#[from] RunRefusal),
}

/// Reads a whole run, where a person opens it. Evidence is added by
/// [`attach_evidence`](crate::attach_evidence).
///
/// # Errors
/// When `spans` are not those of exactly one run, as [`DecodedRun::spans`] are.
pub fn decode_report(spans: &[u8]) -> Result<RunReport, ReportError> {
    let mut traces = split(parse(spans)?);
    match traces.pop() {
        Some(trace) if traces.is_empty() => Ok(trace.read()?.0),
        Some(_) => Err(ReportError::NotOne(traces.len() + 1)),
        None => Err(ReportError::NotOne(0)),
    }
}

fn parse(bytes: &[u8]) -> Result<ExportTraceServiceRequest, DecodeError> {
    const MESSAGE: &str = "ExportTraceServiceRequest";
    if is_too_dense(bytes, Message::Traces) {
        return Err(DecodeError::TooDense { message: MESSAGE });
    }
    ExportTraceServiceRequest::decode(bytes).map_err(DecodeError::protobuf(MESSAGE))
}

fn request(
    resource: Option<Resource>,
    scope: Option<InstrumentationScope>,
    spans: Vec<Span>,
) -> ExportTraceServiceRequest {
    let scope_spans = ScopeSpans {
        scope,
        spans,
        schema_url: names::SEMANTIC_CONVENTIONS_URL.to_owned(),
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource,
            scope_spans: vec![scope_spans],
            schema_url: names::SEMANTIC_CONVENTIONS_URL.to_owned(),
        }],
    }
}

/// The spans of a request that share a trace id, in their order.
#[derive(Debug)]
struct Trace {
    trace_id: Vec<u8>,
    resource: Option<Resource>,
    one_resource: bool,
    scope: Option<InstrumentationScope>,
    spans: Vec<Span>,
}

fn split(request: ExportTraceServiceRequest) -> Vec<Trace> {
    let mut traces: Vec<Trace> = Vec::new();
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    for resource_spans in request.resource_spans {
        let resource = resource_spans.resource;
        for scope_spans in resource_spans.scope_spans {
            for span in scope_spans.spans {
                let place = *places.entry(span.trace_id.clone()).or_insert_with(|| {
                    traces.push(Trace {
                        trace_id: span.trace_id.clone(),
                        resource: resource.clone(),
                        one_resource: true,
                        scope: scope_spans.scope.clone(),
                        spans: Vec::new(),
                    });
                    traces.len() - 1
                });
                let trace = &mut traces[place];
                trace.one_resource &= trace.resource == resource;
                trace.spans.push(span);
            }
        }
    }
    traces
}

fn decode_trace(mut trace: Trace) -> Result<DecodedRun, RejectedRun> {
    let span_count = trace.spans.len();
    match trace.check() {
        Ok((facts, resource, spans)) => Ok(DecodedRun {
            facts,
            spans,
            span_count,
            resource: Arc::new(resource),
        }),
        Err(reason) => Err(RejectedRun {
            id: trace.id().ok(),
            span_count,
            reason,
        }),
    }
}

impl Trace {
    fn id(&self) -> Result<RunId, RunRefusal> {
        match <[u8; 16]>::try_from(self.trace_id.as_slice()) {
            Ok(bytes) => Ok(RunId::from_bytes(bytes)),
            Err(_) => Err(RunRefusal::TraceIdLength(self.trace_id.len())),
        }
    }

    fn check(&mut self) -> Result<(RunFacts, AgentResource, Vec<u8>), RunRefusal> {
        self.drop_repeated()?;
        let (report, resource) = self.read()?;
        let spans = std::mem::take(&mut self.spans);
        let request = request(self.resource.take(), self.scope.take(), spans);
        if request.encoded_len() > RUN_BYTES_MAX {
            return Err(RunRefusal::TooLarge);
        }
        Ok((report.facts, resource, request.encode_to_vec()))
    }

    fn read(&self) -> Result<(RunReport, AgentResource), RunRefusal> {
        let id = self.id()?;
        let root = self.root()?;
        if self.spans.len() > SPANS_PER_RUN_MAX {
            return Err(RunRefusal::TooManySpans);
        }
        if !self.one_resource {
            return Err(RunRefusal::TwoResources);
        }
        let resource =
            AgentResource::decode(self.resource.as_ref()).map_err(RunRefusal::Resource)?;
        let facts = root::decode(root, id, resource.agent.clone())?;
        let mut steps = Vec::with_capacity(self.spans.len() - 1);
        for span in self.spans.iter().filter(|span| !is_root(span)) {
            let step = step::decode(span, id).map_err(|error| RunRefusal::Step {
                step: label(span),
                error,
            })?;
            steps.push(step);
        }
        Ok((RunReport { facts, steps }, resource))
    }

    /// The one root span. Traces that are not ours are told first: their owners should not have
    /// to read about our ids.
    fn root(&self) -> Result<&Span, RunRefusal> {
        if let Some(span) = self.spans.iter().find(|span| span.span_id.len() != 8) {
            return Err(RunRefusal::SpanIdLength(span.span_id.len()));
        }
        let mut roots = self.spans.iter().filter(|span| is_root(span));
        let ours = |span: &Span| span.attributes.iter().any(|pair| pair.key == names::SCHEMA);
        match (roots.next(), roots.next()) {
            (Some(root), None) if ours(root) => Ok(root),
            (Some(root), Some(other)) if ours(root) || ours(other) => Err(RunRefusal::SecondRoot),
            (None, _) if self.spans.iter().any(has_our_attributes) => Err(RunRefusal::NoRoot),
            _ => Err(RunRefusal::Foreign),
        }
    }

    /// Keeps one of spans that are the same throughout: a batch may hold a run twice. A span id
    /// that stands for two different spans is refused.
    fn drop_repeated(&mut self) -> Result<(), RunRefusal> {
        let mut seen: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut kept: Vec<Span> = Vec::with_capacity(self.spans.len());
        let mut twice = None;
        for span in std::mem::take(&mut self.spans) {
            match seen.get(&span.span_id) {
                Some(place) if kept[*place] == span => continue,
                Some(place) => twice = Some(label(&kept[*place])),
                None => {
                    seen.insert(span.span_id.clone(), kept.len());
                }
            }
            kept.push(span);
        }
        self.spans = kept;
        match twice {
            // A foreign trace is told to be foreign, whatever else is wrong with it.
            Some(label) if self.root() != Err(RunRefusal::Foreign) => {
                Err(RunRefusal::SpanTwice(label))
            }
            _ => Ok(()),
        }
    }
}

fn is_root(span: &Span) -> bool {
    span.parent_span_id.is_empty()
}

fn has_our_attributes(span: &Span) -> bool {
    span.attributes
        .iter()
        .any(|pair| pair.key.starts_with("bongsu."))
}

fn label(span: &Span) -> String {
    format!("span {:?}", cut(&span.name, 80))
}
