//! Start and end of a span.

use bongsu_model::Timestamp;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::attribute::{AttributeError, AttributeFault};

/// Start and end: both there, and in this order.
pub(crate) fn decode(span: &Span) -> Result<(Timestamp, Timestamp), AttributeError> {
    if span.start_time_unix_nano == 0 {
        return Err(AttributeFault::Missing.of("start_time_unix_nano"));
    }
    if span.end_time_unix_nano < span.start_time_unix_nano {
        return Err(
            AttributeFault::Range("the span ends before it starts".to_owned())
                .of("end_time_unix_nano"),
        );
    }
    Ok((
        Timestamp::from_unix_nanos(span.start_time_unix_nano),
        Timestamp::from_unix_nanos(span.end_time_unix_nano),
    ))
}
