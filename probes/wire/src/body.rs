//! What JSON bodies of records share: reading with limits, and values in range.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::refusal::BodyError;
use crate::schema::{SCHEMA, check_schema};
use crate::seconds::from_seconds;

/// Reads a body: its schema first, so that a newer shape is told to be newer.
pub(crate) fn read<T: DeserializeOwned>(json: &str, bytes_max: usize) -> Result<T, BodyError> {
    if json.len() > bytes_max {
        return Err(BodyError::TooLong(bytes_max));
    }
    let Version { schema } = parse(json)?;
    check_schema(schema, SCHEMA).map_err(BodyError::Schema)?;
    parse(json)
}

/// The text of a body.
pub(crate) fn write(body: &impl serde::Serialize) -> String {
    serde_json::to_string(body).expect("bodies have text keys and no failing serializer")
}

/// The duration of `seconds`, or which key is out of range.
pub(crate) fn duration(key: &'static str, seconds: f64) -> Result<Duration, BodyError> {
    from_seconds(seconds).ok_or(BodyError::Range { key })
}

#[derive(serde::Deserialize)]
struct Version {
    schema: i64,
}

fn parse<T: DeserializeOwned>(json: &str) -> Result<T, BodyError> {
    serde_json::from_str(json)
        .map_err(|error| BodyError::Shape(error.to_string().replace(char::is_control, "\u{fffd}")))
}
