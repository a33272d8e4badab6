//! OTLP/JSON to protobuf, in one pass and without an object tree.
//!
//! What the specification of OTLP 1.11 demands ("JSON Protobuf Encoding"): ids are hex digits of
//! any case, enums are numbers and never names, keys are lowerCamelCase, unknown keys are ignored,
//! 64-bit numbers are texts or numbers, other bytes are base64. `null` is an absent field.
//!
//! The serde feature of the published messages is not used for reading: it refuses an unknown key
//! in a value, knows no `"NaN"`, and builds 300 bytes of structures for each `{}`. Tests hold this
//! against it.

mod shape;

use std::fmt;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, de};

use crate::protobuf;
use crate::refusal::JsonError;
use shape::{Field, Kind, Shape};

/// With or without padding, as readers of protobuf's JSON take it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Characters of a wrong value that an error quotes.
const QUOTED_MAX: usize = 40;

/// An `ExportTraceServiceRequest` in JSON as protobuf.
///
/// # Errors
/// When it is not JSON, or of another shape: with line, column and key.
pub fn traces_from_json(json: &[u8]) -> Result<Vec<u8>, JsonError> {
    transcode(json, Shape::Traces, "ExportTraceServiceRequest")
}

/// An `ExportLogsServiceRequest` in JSON as protobuf.
///
/// # Errors
/// As [`traces_from_json`].
pub fn logs_from_json(json: &[u8]) -> Result<Vec<u8>, JsonError> {
    transcode(json, Shape::Logs, "ExportLogsServiceRequest")
}

fn transcode(json: &[u8], shape: Shape, message: &'static str) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(json);
    let body = Body {
        shape,
        out: &mut out,
    };
    body.deserialize(&mut reader)
        .and_then(|()| reader.end())
        .map_err(|error| JsonError {
            message,
            problem: error.to_string().replace(char::is_control, "\u{fffd}"),
        })?;
    Ok(out)
}

/// The fields of one message, appended to `out`.
struct Body<'o> {
    shape: Shape,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(Key(self.shape))? {
            match field {
                Some(field) => map.next_value_seed(Value {
                    field,
                    out: &mut *self.out,
                })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A key of a message: the field that it names, if it names one.
struct Key(Shape);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.field(key))
    }
}

/// The value of a field, appended to `out` unless it is the default.
struct Value<'o> {
    field: Field,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for `{}`", expected(self.field.kind), self.field.key)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.field.kind {
            Kind::Bool => self.varint(u64::from(value)),
            _ => return Err(E::invalid_type(de::Unexpected::Bool(value), &self)),
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.whole(i128::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.whole(i128::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        if self.field.kind == Kind::Double {
            self.double(value);
            return Ok(());
        }
        // `1e3` and `1.0` are whole numbers too.
        if value.fract() == 0.0 {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole, and saturates far out of every field's range"
            )]
            return self.whole(value as i128);
        }
        Err(E::invalid_value(de::Unexpected::Float(value), &self))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        match self.field.kind {
            Kind::Text => self.bytes(value.as_bytes()),
            Kind::Hex => match hex(value.as_bytes()) {
                Some(bytes) => self.bytes(&bytes),
                None => return Err(self.wrong(value)),
            },
            Kind::Base64 => match base64(value) {
                Some(bytes) => self.bytes(&bytes),
                None => return Err(self.wrong(value)),
            },
            Kind::Double => match double(value) {
                Some(number) => self.double(number),
                None => return Err(self.wrong(value)),
            },
            Kind::Int64 | Kind::UInt32 | Kind::Fixed32 | Kind::Fixed64 => {
                match value.parse::<i128>() {
                    Ok(number) => return self.whole(number),
                    Err(_) => return Err(self.wrong(value)),
                }
            }
            Kind::Bool | Kind::Enum | Kind::One(_) | Kind::Many(_) | Kind::Texts => {
                return Err(self.wrong(value));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Kind::One(shape) = self.field.kind else {
            return Err(A::Error::invalid_type(de::Unexpected::Map, &self));
        };
        let from = protobuf::begin(self.out, self.field.number);
        let body = Body {
            shape,
            out: &mut *self.out,
        };
        body.visit_map(map)?;
        protobuf::end(self.out, from);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let number = self.field.number;
        match self.field.kind {
            Kind::Many(shape) => loop {
                let before = self.out.len();
                let from = protobuf::begin(self.out, number);
                let body = Body {
                    shape,
                    out: &mut *self.out,
                };
                if items.next_element_seed(body)?.is_none() {
                    self.out.truncate(before);
                    return Ok(());
                }
                protobuf::end(self.out, from);
            },
            Kind::Texts => {
                while let Some(text) = items.next_element::<String>()? {
                    protobuf::bytes(self.out, number, text.as_bytes());
                }
                Ok(())
            }
            _ => Err(A::Error::invalid_type(de::Unexpected::Seq, &self)),
        }
    }
}

impl Value<'_> {
    fn whole<E: Error>(self, value: i128) -> Result<(), E> {
        let number = self.field.number;
        let narrow = |value: i128| u32::try_from(value).ok();
        let wide = |value: i128| u64::try_from(value).ok();
        let is_default = value == 0 && !self.field.is_choice;
        match self.field.kind {
            #[expect(clippy::cast_precision_loss, reason = "a double is what is asked for")]
            Kind::Double => {
                self.double(value as f64);
                return Ok(());
            }
            Kind::Int64 | Kind::UInt32 | Kind::Enum | Kind::Fixed32 | Kind::Fixed64
                if is_default =>
            {
                return Ok(());
            }
            Kind::Int64 => {
                if let Ok(value) = i64::try_from(value) {
                    self.varint(value.cast_unsigned());
                    return Ok(());
                }
            }
            Kind::Enum => {
                if let Ok(value) = i32::try_from(value) {
                    // Negative numbers are sign-extended to 64 bits.
                    self.varint(i64::from(value).cast_unsigned());
                    return Ok(());
                }
            }
            Kind::UInt32 => {
                if let Some(value) = narrow(value) {
                    self.varint(u64::from(value));
                    return Ok(());
                }
            }
            Kind::Fixed32 => {
                if let Some(value) = narrow(value) {
                    protobuf::fixed32(self.out, number, value);
                    return Ok(());
                }
            }
            Kind::Fixed64 => {
                if let Some(value) = wide(value) {
                    protobuf::fixed64(self.out, number, value);
                    return Ok(());
                }
            }
            Kind::Text
            | Kind::Hex
            | Kind::Base64
            | Kind::Bool
            | Kind::One(_)
            | Kind::Many(_)
            | Kind::Texts => {}
        }
        Err(self.wrong(&value.to_string()))
    }

    fn varint(self, value: u64) {
        if value != 0 || self.field.is_choice {
            protobuf::varint(self.out, self.field.number, value);
        }
    }

    fn double(self, value: f64) {
        protobuf::fixed64(self.out, self.field.number, value.to_bits());
    }

    fn bytes(self, value: &[u8]) {
        if !value.is_empty() || self.field.is_choice {
            protobuf::bytes(self.out, self.field.number, value);
        }
    }

    fn wrong<E: Error>(&self, value: &str) -> E {
        let quoted: String = value.chars().take(QUOTED_MAX).collect();
        E::custom(format_args!(
            "`{}` is {quoted:?}, expected {}",
            self.field.key,
            expected(self.field.kind)
        ))
    }
}

const fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "a text",
        Kind::Hex => "hex digits in pairs",
        Kind::Base64 => "base64",
        Kind::Bool => "true or false",
        Kind::Int64 => "a whole number of 64 bits, with sign",
        Kind::UInt32 | Kind::Fixed32 => "a whole number of 32 bits from 0",
        Kind::Enum => "the number of the enum's value, not its name",
        Kind::Fixed64 => "a whole number of 64 bits from 0",
        Kind::Double => "a number",
        Kind::One(_) => "an object",
        Kind::Many(_) => "a list of objects",
        Kind::Texts => "a list of texts",
    }
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| u8::try_from(value(pair[0])? << 4 | value(pair[1])?).ok())
        .collect()
}

/// Of either alphabet, as readers of protobuf's JSON take it.
fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.replace('-', "+").replace('_', "/")).ok()
}

fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}
