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

/// The text of a body that may be large, in no more room than it takes.
pub(crate) fn write_exact(body: &impl serde::Serialize) -> String {
    let mut json = Vec::with_capacity(bytes(body));
    serde_json::to_writer(&mut json, body)
        .expect("bodies have text keys and no failing serializer");
    String::from_utf8(json).expect("JSON is UTF-8")
}

/// How many bytes the text of a body has; it is not made.
pub(crate) fn bytes(body: &impl serde::Serialize) -> usize {
    let mut count = Count(0);
    serde_json::to_writer(&mut count, body)
        .expect("bodies have text keys and no failing serializer");
    count.0
}

/// Counts what is written.
struct Count(usize);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
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
