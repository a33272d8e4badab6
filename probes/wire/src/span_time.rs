//! Start and end of a span.

use bongsu_model::Timestamp;

use crate::attribute::{AttributeError, AttributeFault};

/// Start and end in Unix nanoseconds: both there, and in this order.
pub(crate) fn read((start, end): (u64, u64)) -> Result<(Timestamp, Timestamp), AttributeError> {
    if start == 0 {
        return Err(AttributeFault::Missing.of("start_time_unix_nano"));
    }
    if end < start {
        return Err(
            AttributeFault::Range("the span ends before it starts".to_owned())
                .of("end_time_unix_nano"),
        );
    }
    Ok((
        Timestamp::from_unix_nanos(start),
        Timestamp::from_unix_nanos(end),
    ))
}
