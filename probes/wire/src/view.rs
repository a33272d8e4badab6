//! A request of runs, read where it lies: spans as views over its bytes, no message is built.
//!
//! What is walked is the form in which agents write ([`fields`]); of it everything is held, by the
//! same rules as after a full decode, and the bytes of a run's spans are copied as they are into
//! a request of its own. Whatever is unusual, and whatever breaks a rule, gives [`Unusual`] for
//! the whole request: then the full decode tells what it is. So a view can never be kinder or say
//! another reason than the decode; it can only be asked in vain.

pub(crate) mod fields;

use std::collections::HashMap;
use std::sync::Arc;

use bongsu_model::{RunFacts, RunId};
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

use crate::attribute::Attributes;
use crate::limits::{ATTRIBUTES_MAX, RUN_BYTES_MAX, SPANS_PER_RUN_MAX};
use crate::names;
use crate::resource::AgentResource;
use crate::traces::DecodedRun;
use crate::value::{Array, Value};
use crate::weight;
use crate::{root, span_time, step};
use fields::{Fields, Unusual, fixed64, key_value, message, varint};

/// Reads a request of which every run is kept.
pub(crate) fn runs(request: &[u8]) -> Result<Vec<DecodedRun>, Unusual> {
    let mut walk = Walk {
        structures: 0,
        attributes: Attributes::empty(),
    };
    let traces = walk.split(request)?;
    let mut resource: Option<(&[u8], Arc<AgentResource>)> = None;
    let mut runs = Vec::with_capacity(traces.len());
    for trace in &traces {
        let known = resource
            .take()
            .filter(|(bytes, _)| *bytes == trace.resource);
        let (bytes, speaker) = match known {
            Some(known) => known,
            None => (trace.resource, Arc::new(walk.resource(trace.resource)?)),
        };
        let facts = walk.run(trace, &speaker)?;
        runs.push(DecodedRun {
            facts,
            spans: trace.request()?,
            span_count: trace.spans.len(),
            resource: Arc::clone(&speaker),
        });
        resource = Some((bytes, speaker));
    }
    if walk.structures > weight::structures_max(request.len()) {
        return Err(Unusual);
    }
    Ok(runs)
}

/// The spans of a request that share a trace id, in their order, as bytes.
#[derive(Debug)]
struct Trace<'a> {
    id: RunId,
    resource: &'a [u8],
    scope: &'a [u8],
    spans: Vec<&'a [u8]>,
}

/// A span without its trace id, and its attributes beside it.
#[derive(Debug)]
struct View<'a> {
    id: &'a [u8],
    parent: &'a [u8],
    times: (u64, u64),
}

/// One walk over a request.
#[derive(Debug)]
struct Walk<'a> {
    /// Bytes that the structures met so far would take once decoded.
    structures: usize,
    /// The attributes of the span that is being looked at.
    attributes: Attributes<'a>,
}

impl<'a> Walk<'a> {
    /// The request's traces in the order of their first spans.
    fn split(&mut self, request: &'a [u8]) -> Result<Vec<Trace<'a>>, Unusual> {
        const RESOURCE_SPANS: u8 = message(1);
        let mut traces = Traces::default();
        let mut fields = Fields::of(request);
        while let Some(tag) = fields.tag(RESOURCE_SPANS)? {
            if tag != RESOURCE_SPANS {
                return Err(Unusual);
            }
            self.resource_spans(fields.bytes()?, &mut traces)?;
        }
        Ok(traces.all)
    }

    fn resource_spans(&mut self, bytes: &'a [u8], traces: &mut Traces<'a>) -> Result<(), Unusual> {
        const RESOURCE: u8 = message(1);
        const SCOPE_SPANS: u8 = message(2);
        const SCHEMA_URL: u8 = message(3);
        self.structures += size_of::<ResourceSpans>();
        let mut fields = Fields::of(bytes);
        if fields.single()? != Some(RESOURCE) {
            return Err(Unusual);
        }
        let resource = fields.bytes()?;
        // Spans of other traces may stand under it, or none at all: it is held all the same.
        self.structures += size_of::<Resource>();
        self.read_attributes(resource, message(1))?;
        while let Some(tag) = fields.tag(SCOPE_SPANS)? {
            match tag {
                SCOPE_SPANS => self.scope_spans(fields.bytes()?, resource, traces)?,
                SCHEMA_URL => drop(fields.text()?),
                _ => return Err(Unusual),
            }
        }
        Ok(())
    }

    fn scope_spans(
        &mut self,
        bytes: &'a [u8],
        resource: &'a [u8],
        traces: &mut Traces<'a>,
    ) -> Result<(), Unusual> {
        const SCOPE: u8 = message(1);
        const SPAN: u8 = message(2);
        const SCHEMA_URL: u8 = message(3);
        self.structures += size_of::<ScopeSpans>() + size_of::<InstrumentationScope>();
        let mut fields = Fields::of(bytes);
        if fields.single()? != Some(SCOPE) {
            return Err(Unusual);
        }
        let scope = fields.bytes()?;
        check_scope(scope)?;
        while let Some(tag) = fields.tag(SPAN)? {
            match tag {
                SPAN => {
                    self.structures += size_of::<Span>();
                    traces.take(fields.bytes()?, resource, scope)?;
                }
                SCHEMA_URL => drop(fields.text()?),
                _ => return Err(Unusual),
            }
        }
        Ok(())
    }

    fn resource(&mut self, bytes: &'a [u8]) -> Result<AgentResource, Unusual> {
        let structures = self.structures;
        self.read_attributes(bytes, message(1))?;
        // Counted where it stood.
        self.structures = structures;
        AgentResource::read(&self.attributes).map_err(|_| Unusual)
    }

    /// The attributes of a message that has nothing else.
    fn read_attributes(&mut self, bytes: &'a [u8], tag: u8) -> Result<(), Unusual> {
        self.attributes.clear();
        let mut fields = Fields::of(bytes);
        while let Some(found) = fields.tag(tag)? {
            if found != tag {
                return Err(Unusual);
            }
            let value = self.attribute(fields.bytes()?)?;
            // Two resources that hold no number are equal bytes for bytes; a NaN equals nothing.
            if matches!(value, Value::Double(_) | Value::Array(_)) {
                return Err(Unusual);
            }
        }
        Ok(())
    }

    fn attribute(&mut self, bytes: &'a [u8]) -> Result<Value<'a>, Unusual> {
        let (name, value) = key_value(bytes)?;
        self.structures += size_of::<KeyValue>() + size_of::<AnyValue>();
        if let Value::Array(Array::Bytes(_, len)) = value {
            self.structures += len * size_of::<AnyValue>();
        }
        if !self.attributes.put(name, value) && std::str::from_utf8(name).is_err() {
            return Err(Unusual);
        }
        if self.attributes.len() > ATTRIBUTES_MAX {
            return Err(Unusual);
        }
        Ok(value)
    }

    /// Reads a span; its attributes are in the table until the next one.
    fn span(&mut self, bytes: &'a [u8]) -> Result<View<'a>, Unusual> {
        const TRACE_ID: u8 = message(1);
        const SPAN_ID: u8 = message(2);
        const PARENT_SPAN_ID: u8 = message(4);
        const NAME: u8 = message(5);
        const KIND: u8 = varint(6);
        const START: u8 = fixed64(7);
        const END: u8 = fixed64(8);
        const ATTRIBUTES: u8 = message(9);
        const STATUS: u8 = message(15);
        self.attributes.clear();
        let mut view = View {
            id: &[],
            parent: &[],
            times: (0, 0),
        };
        let mut fields = Fields::of(bytes);
        while let Some(tag) = fields.tag(ATTRIBUTES)? {
            match tag {
                TRACE_ID => drop(fields.bytes()?),
                SPAN_ID => view.id = fields.bytes()?,
                PARENT_SPAN_ID => view.parent = fields.bytes()?,
                NAME => drop(fields.text()?),
                KIND => drop(fields.small()?),
                START => view.times.0 = fields.fixed64()?,
                END => view.times.1 = fields.fixed64()?,
                ATTRIBUTES => drop(self.attribute(fields.bytes()?)?),
                STATUS => check_status(fields.bytes()?)?,
                _ => return Err(Unusual),
            }
        }
        Ok(view)
    }

    /// The facts of a run whose every step is as it should be.
    fn run(&mut self, trace: &Trace<'a>, speaker: &AgentResource) -> Result<RunFacts, Unusual> {
        if trace.spans.len() > SPANS_PER_RUN_MAX {
            return Err(Unusual);
        }
        let root_id = trace.id.root_span();
        let mut facts = None;
        let mut ids: Vec<[u8; 8]> = Vec::with_capacity(trace.spans.len());
        for bytes in &trace.spans {
            let span = self.span(bytes)?;
            ids.push(span.id.try_into().map_err(|_| Unusual)?);
            let times = span_time::read(span.times).map_err(|_| Unusual)?;
            if span.parent.is_empty() {
                let agent = speaker.agent.clone();
                if facts.is_some() || span.id != root_id {
                    return Err(Unusual);
                }
                let read = root::read(&self.attributes, trace.id, agent, times);
                facts = Some(read.map_err(|_| Unusual)?);
            } else {
                let ids = step::Ids {
                    span: span.id,
                    parent: span.parent,
                    root: root_id,
                };
                step::read(&self.attributes, trace.id, ids, times).map_err(|_| Unusual)?;
            }
        }
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Unusual);
        }
        facts.ok_or(Unusual)
    }
}

/// Traces as they are found.
#[derive(Debug, Default)]
struct Traces<'a> {
    all: Vec<Trace<'a>>,
    places: HashMap<RunId, usize>,
}

impl<'a> Traces<'a> {
    fn take(&mut self, span: &'a [u8], resource: &'a [u8], scope: &'a [u8]) -> Result<(), Unusual> {
        let mut fields = Fields::of(span);
        if fields.single()? != Some(message(1)) {
            return Err(Unusual);
        }
        let id = fields.bytes()?.try_into().map_err(|_| Unusual)?;
        let id = RunId::from_bytes(id);
        // The spans of a run mostly stand together.
        let place = match self.all.last() {
            Some(last) if last.id == id => self.all.len() - 1,
            Some(_) | None => *self.places.entry(id).or_insert_with(|| {
                self.all.push(Trace {
                    id,
                    resource,
                    scope,
                    spans: Vec::new(),
                });
                self.all.len() - 1
            }),
        };
        let trace = &mut self.all[place];
        if trace.resource != resource {
            return Err(Unusual);
        }
        trace.spans.push(span);
        Ok(())
    }
}

impl Trace<'_> {
    /// The run alone as an `ExportTraceServiceRequest`, its spans as they were sent.
    fn request(&self) -> Result<Vec<u8>, Unusual> {
        let url = names::SEMANTIC_CONVENTIONS_URL.as_bytes();
        let spans: usize = self.spans.iter().map(|span| framed(span.len())).sum();
        let scope_spans = framed(self.scope.len()) + spans + framed(url.len());
        let resource_spans = framed(self.resource.len()) + framed(scope_spans) + framed(url.len());
        let whole = framed(resource_spans);
        if whole > RUN_BYTES_MAX {
            return Err(Unusual);
        }
        let mut out = Vec::with_capacity(whole);
        head(&mut out, 1, resource_spans);
        put(&mut out, 1, self.resource);
        head(&mut out, 2, scope_spans);
        put(&mut out, 1, self.scope);
        for span in &self.spans {
            put(&mut out, 2, span);
        }
        put(&mut out, 3, url);
        put(&mut out, 3, url);
        Ok(out)
    }
}

fn check_scope(bytes: &[u8]) -> Result<(), Unusual> {
    const NAME: u8 = message(1);
    const VERSION: u8 = message(2);
    let mut fields = Fields::of(bytes);
    while let Some(tag) = fields.single()? {
        match tag {
            NAME | VERSION => drop(fields.text()?),
            _ => return Err(Unusual),
        }
    }
    Ok(())
}

fn check_status(bytes: &[u8]) -> Result<(), Unusual> {
    const CODE: u8 = varint(3);
    let mut fields = Fields::of(bytes);
    while let Some(tag) = fields.single()? {
        match tag {
            CODE => drop(fields.small()?),
            _ => return Err(Unusual),
        }
    }
    Ok(())
}

/// Bytes of a field of a number below 16 with so much content.
fn framed(content: usize) -> usize {
    1 + prost::length_delimiter_len(content) + content
}

fn head(out: &mut Vec<u8>, number: u8, content: usize) {
    out.push(message(number));
    prost::encode_length_delimiter(content, out).expect("a vector grows");
}

fn put(out: &mut Vec<u8>, number: u8, content: &[u8]) {
    head(out, number, content.len());
    out.extend_from_slice(content);
}
