//! Which JSON keys the messages of OTLP have, and what stands in the protobuf for each.
//!
//! Source: the `.proto` files of opentelemetry-proto 1.11.0. The fields that only profiles use
//! (`…Strindex`) are left out, and so ignored like any other unknown key.

/// A message of a traces or logs request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Traces,
    Logs,
    ResourceSpans,
    ScopeSpans,
    Span,
    Event,
    Link,
    Status,
    ResourceLogs,
    ScopeLogs,
    LogRecord,
    Resource,
    EntityRef,
    Scope,
    KeyValue,
    AnyValue,
    ArrayValue,
    KeyValueList,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Bytes as hex digits: ids.
    Hex,
    /// Bytes as base64.
    Base64,
    Bool,
    Int64,
    UInt32,
    Enum,
    Fixed32,
    Fixed64,
    Double,
    One(Shape),
    Many(Shape),
    Texts,
}

/// A field that is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// Its key in JSON.
    pub(super) key: &'static str,
    /// Its number in protobuf.
    pub(super) number: u32,
    pub(super) kind: Kind,
    /// One of several of which only one may be there: its default value is a value too.
    pub(super) is_choice: bool,
}

type Row = (&'static str, u32, Kind);

const TRACES: &[Row] = &[("resourceSpans", 1, Kind::Many(Shape::ResourceSpans))];

const LOGS: &[Row] = &[("resourceLogs", 1, Kind::Many(Shape::ResourceLogs))];

const RESOURCE_SPANS: &[Row] = &[
    ("resource", 1, Kind::One(Shape::Resource)),
    ("scopeSpans", 2, Kind::Many(Shape::ScopeSpans)),
    ("schemaUrl", 3, Kind::Text),
];

const SCOPE_SPANS: &[Row] = &[
    ("scope", 1, Kind::One(Shape::Scope)),
    ("spans", 2, Kind::Many(Shape::Span)),
    ("schemaUrl", 3, Kind::Text),
];

const SPAN: &[Row] = &[
    ("traceId", 1, Kind::Hex),
    ("spanId", 2, Kind::Hex),
    ("traceState", 3, Kind::Text),
    ("parentSpanId", 4, Kind::Hex),
    ("name", 5, Kind::Text),
    ("kind", 6, Kind::Enum),
    ("startTimeUnixNano", 7, Kind::Fixed64),
    ("endTimeUnixNano", 8, Kind::Fixed64),
    ("attributes", 9, Kind::Many(Shape::KeyValue)),
    ("droppedAttributesCount", 10, Kind::UInt32),
    ("events", 11, Kind::Many(Shape::Event)),
    ("droppedEventsCount", 12, Kind::UInt32),
    ("links", 13, Kind::Many(Shape::Link)),
    ("droppedLinksCount", 14, Kind::UInt32),
    ("status", 15, Kind::One(Shape::Status)),
    ("flags", 16, Kind::Fixed32),
];

const EVENT: &[Row] = &[
    ("timeUnixNano", 1, Kind::Fixed64),
    ("name", 2, Kind::Text),
    ("attributes", 3, Kind::Many(Shape::KeyValue)),
    ("droppedAttributesCount", 4, Kind::UInt32),
];

const LINK: &[Row] = &[
    ("traceId", 1, Kind::Hex),
    ("spanId", 2, Kind::Hex),
    ("traceState", 3, Kind::Text),
    ("attributes", 4, Kind::Many(Shape::KeyValue)),
    ("droppedAttributesCount", 5, Kind::UInt32),
    ("flags", 6, Kind::Fixed32),
];

const STATUS: &[Row] = &[("message", 2, Kind::Text), ("code", 3, Kind::Enum)];

const RESOURCE_LOGS: &[Row] = &[
    ("resource", 1, Kind::One(Shape::Resource)),
    ("scopeLogs", 2, Kind::Many(Shape::ScopeLogs)),
    ("schemaUrl", 3, Kind::Text),
];

const SCOPE_LOGS: &[Row] = &[
    ("scope", 1, Kind::One(Shape::Scope)),
    ("logRecords", 2, Kind::Many(Shape::LogRecord)),
    ("schemaUrl", 3, Kind::Text),
];

const LOG_RECORD: &[Row] = &[
    ("timeUnixNano", 1, Kind::Fixed64),
    ("severityNumber", 2, Kind::Enum),
    ("severityText", 3, Kind::Text),
    ("body", 5, Kind::One(Shape::AnyValue)),
    ("attributes", 6, Kind::Many(Shape::KeyValue)),
    ("droppedAttributesCount", 7, Kind::UInt32),
    ("flags", 8, Kind::Fixed32),
    ("traceId", 9, Kind::Hex),
    ("spanId", 10, Kind::Hex),
    ("observedTimeUnixNano", 11, Kind::Fixed64),
    ("eventName", 12, Kind::Text),
];

const RESOURCE: &[Row] = &[
    ("attributes", 1, Kind::Many(Shape::KeyValue)),
    ("droppedAttributesCount", 2, Kind::UInt32),
    ("entityRefs", 3, Kind::Many(Shape::EntityRef)),
];

const ENTITY_REF: &[Row] = &[
    ("schemaUrl", 1, Kind::Text),
    ("type", 2, Kind::Text),
    ("idKeys", 3, Kind::Texts),
    ("descriptionKeys", 4, Kind::Texts),
];

const SCOPE: &[Row] = &[
    ("name", 1, Kind::Text),
    ("version", 2, Kind::Text),
    ("attributes", 3, Kind::Many(Shape::KeyValue)),
    ("droppedAttributesCount", 4, Kind::UInt32),
];

const KEY_VALUE: &[Row] = &[
    ("key", 1, Kind::Text),
    ("value", 2, Kind::One(Shape::AnyValue)),
];

const ANY_VALUE: &[Row] = &[
    ("stringValue", 1, Kind::Text),
    ("boolValue", 2, Kind::Bool),
    ("intValue", 3, Kind::Int64),
    ("doubleValue", 4, Kind::Double),
    ("arrayValue", 5, Kind::One(Shape::ArrayValue)),
    ("kvlistValue", 6, Kind::One(Shape::KeyValueList)),
    ("bytesValue", 7, Kind::Base64),
];

const ARRAY_VALUE: &[Row] = &[("values", 1, Kind::Many(Shape::AnyValue))];

const KEY_VALUE_LIST: &[Row] = &[("values", 1, Kind::Many(Shape::KeyValue))];

impl Shape {
    /// The field that `key` names; none for a key that OTLP/JSON ignores.
    pub(super) fn field(self, key: &str) -> Option<Field> {
        let row = self.rows().iter().find(|row| row.0 == key)?;
        Some(Field {
            key: row.0,
            number: row.1,
            kind: row.2,
            is_choice: self == Self::AnyValue,
        })
    }

    const fn rows(self) -> &'static [Row] {
        match self {
            Self::Traces => TRACES,
            Self::Logs => LOGS,
            Self::ResourceSpans => RESOURCE_SPANS,
            Self::ScopeSpans => SCOPE_SPANS,
            Self::Span => SPAN,
            Self::Event => EVENT,
            Self::Link => LINK,
            Self::Status => STATUS,
            Self::ResourceLogs => RESOURCE_LOGS,
            Self::ScopeLogs => SCOPE_LOGS,
            Self::LogRecord => LOG_RECORD,
            Self::Resource => RESOURCE,
            Self::EntityRef => ENTITY_REF,
            Self::Scope => SCOPE,
            Self::KeyValue => KEY_VALUE,
            Self::AnyValue => ANY_VALUE,
            Self::ArrayValue => ARRAY_VALUE,
            Self::KeyValueList => KEY_VALUE_LIST,
        }
    }
}
