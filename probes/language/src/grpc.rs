//! gRPC as far as the language knows it: unary methods by their descriptors, messages as JSON.
//!
//! JSON is the canonical mapping of Protocol Buffers, with two choices of its own for answers, so
//! that expectations can be written plainly: fields that have their default value are there, and
//! whole numbers of 64 bits are numbers. Both forms are taken in messages that are sent.

mod fit;
mod health;
mod reflection;
mod schema;
mod status;
mod weigh;

use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, MethodDescriptor, SerializeOptions};
use serde_json::Value;

pub(crate) use fit::misfits;
pub(crate) use health::{health_check, is_health_check};
pub use reflection::{REFLECTION_METHODS, ReflectionAnswer, ReflectionQuestion};
pub use schema::{Schema, SchemaError};
pub use status::GrpcStatus;

/// A unary method whose messages are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method(MethodDescriptor);

/// Why a message cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// A value has no place in the message that is sent.
    #[error("the message does not fit {message}: {reason}")]
    Misfit {
        /// The message's full name.
        message: String,
        /// What does not fit; a value may be in it.
        reason: String,
    },
    /// The bytes that came are no such message.
    #[error("the answer is no {message}")]
    Undecodable {
        /// The message's full name.
        message: String,
    },
    /// The message that came holds too many values, or is too large as JSON.
    #[error("the answer is too large once it is read")]
    TooLarge,
}

impl Method {
    /// `message` in Protocol Buffers.
    ///
    /// # Errors
    /// When it has a field that the method's input lacks, or a value of another type.
    pub fn encode(&self, message: &Value) -> Result<Vec<u8>, MessageError> {
        let input = self.0.input();
        let name = input.full_name().to_owned();
        let message =
            DynamicMessage::deserialize(input, message).map_err(|error| MessageError::Misfit {
                message: name,
                reason: error.to_string(),
            })?;
        Ok(message.encode_to_vec())
    }

    /// The JSON text of an answer, at most `json_bytes_max` bytes of it.
    ///
    /// # Errors
    /// When the bytes are no message of the method's output, hold too many values, or their JSON is
    /// longer.
    pub fn decode(&self, bytes: &[u8], json_bytes_max: usize) -> Result<Vec<u8>, MessageError> {
        let output = self.0.output();
        let undecodable = || MessageError::Undecodable {
            message: self.0.output().full_name().to_owned(),
        };
        if weigh::left_of(weigh::VALUES_MAX, &output, bytes).is_none() {
            return Err(MessageError::TooLarge);
        }
        let message = DynamicMessage::decode(output, bytes).map_err(|_| undecodable())?;
        let mut capped = Capped {
            bytes: Vec::new(),
            max: json_bytes_max,
        };
        let options = SerializeOptions::new()
            .skip_default_fields(false)
            .stringify_64_bit_integers(false);
        let written =
            message.serialize_with_options(&mut serde_json::Serializer::new(&mut capped), &options);
        match written {
            Ok(()) => Ok(capped.bytes),
            Err(error) if error.is_io() => Err(MessageError::TooLarge),
            // Well-known types have values that JSON cannot say, such as a date beyond its years.
            Err(_) => Err(undecodable()),
        }
    }
}

/// Keeps bytes up to a cap and fails at the first beyond it.
struct Capped {
    bytes: Vec<u8>,
    max: usize,
}

impl std::io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if bytes.len() > self.max - self.bytes.len() {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check() -> Method {
        health_check().clone()
    }

    #[test]
    fn messages_are_written_and_read_as_json() {
        let bytes = check().encode(&json!({ "service": "pay" })).unwrap();
        assert_eq!(bytes, b"\x0a\x03pay");
        let answer = check().decode(b"\x08\x01", 100).unwrap();
        assert_eq!(answer, br#"{"status":"SERVING"}"#);
    }

    #[test]
    fn an_answer_has_its_default_values_and_unknown_words_as_numbers() {
        assert_eq!(
            check().decode(b"", 100).unwrap(),
            br#"{"status":"UNKNOWN"}"#
        );
        assert_eq!(
            check().decode(b"\x08\x63", 100).unwrap(),
            br#"{"status":99}"#
        );
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_field() {
        let told = |message| check().encode(&message).unwrap_err().to_string();
        let unknown = told(json!({ "servise": "pay" }));
        assert!(
            unknown.contains("grpc.health.v1.HealthCheckRequest"),
            "{unknown}"
        );
        assert!(unknown.contains("servise"), "{unknown}");
        let other = told(json!({ "service": 7 }));
        assert!(other.contains("string"), "{other}");
        assert!(told(json!([])).contains("does not fit"));
    }

    #[test]
    fn an_answer_that_is_no_message_or_too_large_is_refused() {
        assert_eq!(
            check().decode(b"\x08", 100).unwrap_err().to_string(),
            "the answer is no grpc.health.v1.HealthCheckResponse"
        );
        assert_eq!(check().decode(b"\x08\x01", 19), Err(MessageError::TooLarge));
        assert!(check().decode(b"\x08\x01", 20).is_ok());
    }
}
