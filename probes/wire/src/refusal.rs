//! Why a request cannot be read, and why one run or record of it is refused.

use crate::attribute::AttributeError;
use crate::limits::{RUN_BYTES_MAX, SPANS_PER_RUN_MAX};

/// Why bytes are not the message they should be: the whole request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They are not protobuf, or of another shape.
    #[error("not a valid {message}")]
    Protobuf {
        /// The OTLP message that was expected.
        message: &'static str,
        /// Where the protobuf breaks off.
        #[source]
        source: prost::DecodeError,
    },
    /// They are made of so many empty parts that decoding them would take many times their size.
    #[error("an {message} of too many empty parts for its size")]
    TooDense {
        /// The OTLP message that was expected.
        message: &'static str,
    },
}

impl DecodeError {
    /// For a `message` that protobuf refuses.
    pub(crate) fn protobuf(message: &'static str) -> impl FnOnce(prost::DecodeError) -> Self {
        move |source| Self::Protobuf { message, source }
    }
}

/// Why a text is not the message in JSON that it should be: the whole request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {message} in JSON: {problem}")]
pub struct JsonError {
    /// The OTLP message that was expected.
    pub message: &'static str,
    /// What is wrong, with line and column.
    pub problem: String,
}

/// Why one run is refused, the rest of its request being kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunRefusal {
    /// The trace id is not 16 bytes.
    #[error("the trace id has {0} bytes, not 16")]
    TraceIdLength(usize),
    /// A span id is not 8 bytes.
    #[error("a span id has {0} bytes, not 8")]
    SpanIdLength(usize),
    /// No root span has Bongsu's schema: somebody else's trace.
    #[error(
        "not a run of Bongsu: no root span has `bongsu.schema`; a collector passes such spans on \
         only if its [foreign] says so"
    )]
    Foreign,
    /// Step spans without their root.
    #[error("no root span: all spans of a run travel in one request")]
    NoRoot,
    /// More than one span has no parent.
    #[error("more than one root span")]
    SecondRoot,
    /// The spans of the run stand under different resources.
    #[error("its spans stand under different resources")]
    TwoResources,
    /// Two different spans have one id.
    #[error("two different spans have the id of {0}")]
    SpanTwice(String),
    /// More spans than a run may have.
    #[error("more than {SPANS_PER_RUN_MAX} spans")]
    TooManySpans,
    /// More bytes than a run may have.
    #[error("more than {RUN_BYTES_MAX} bytes")]
    TooLarge,
    /// The root span's id does not follow from the trace id.
    #[error("the root span's id is not the one that its trace id gives")]
    RootSpanId,
    /// The trace id does not follow from the facts.
    #[error(
        "the trace id is not the one that its agent, target, journey, variant, slot and due time \
         give"
    )]
    IdNotDerived,
    /// The resource is not as it should be.
    #[error("resource: {0}")]
    Resource(#[source] AttributeError),
    /// The root span is not as it should be.
    #[error("root span: {0}")]
    Root(#[source] AttributeError),
    /// A step span is not as it should be.
    #[error("{step}: {error}")]
    Step {
        /// The span's name.
        step: String,
        /// What is wrong.
        #[source]
        error: AttributeError,
    },
}

/// Why one log record is refused, the rest of its request being kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordRefusal {
    /// Another event than Bongsu's.
    #[error(
        "not a record of Bongsu: its event name is not bongsu.plan, bongsu.heartbeat or \
         bongsu.evidence"
    )]
    Foreign,
    /// The resource is not as it should be.
    #[error("resource: {0}")]
    Resource(#[source] AttributeError),
    /// A field or attribute is not as it should be.
    #[error("{event}: {error}")]
    Attribute {
        /// The record's event name.
        event: &'static str,
        /// What is wrong.
        #[source]
        error: AttributeError,
    },
    /// The JSON of its body is not as it should be.
    #[error("{event}: {error}")]
    Body {
        /// The record's event name.
        event: &'static str,
        /// What is wrong.
        #[source]
        error: BodyError,
    },
}

/// Why a JSON body is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Longer than allowed.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// Not JSON, or not of the right shape.
    #[error("the body is wrong: {0}")]
    Shape(String),
    /// A schema that is not read.
    #[error("`schema` is wrong: {0}")]
    Schema(#[source] crate::schema::SchemaError),
    /// A value that is out of range.
    #[error("`{key}` is out of range")]
    Range {
        /// The JSON key.
        key: &'static str,
    },
    /// A list that is too long.
    #[error("`{key}` has more than {entries_max} entries")]
    TooMany {
        /// The JSON key.
        key: &'static str,
        /// How many it may have.
        entries_max: usize,
    },
    /// A plan entry whose features do not have exactly one own one, or name one twice.
    #[error("the features of `{journey}` do not have exactly one own one, each once")]
    Features {
        /// The journey of the entry.
        journey: String,
    },
    /// Two plan entries for the same slots.
    #[error("`{journey}` is planned twice for one target and variant")]
    EntryTwice {
        /// The journey of the entries.
        journey: String,
    },
}
