//! One value of an attribute, borrowed from a decoded message or from the bytes of one.

use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Decoded;

use crate::view::fields;

/// What an attribute says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// Nothing: it is there without a value.
    Empty,
    Text(&'a str),
    Bool(bool),
    Int(i64),
    Double(f64),
    Array(Array<'a>),
    /// What no attribute of ours is: bytes, maps.
    Other,
}

/// The values of an array.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Array<'a> {
    Decoded(&'a [AnyValue]),
    /// The bytes of an `ArrayValue` that [`fields::array`] has walked, and how many it found.
    Bytes(&'a [u8], usize),
}

impl<'a> Value<'a> {
    pub(crate) fn of(value: Option<&'a AnyValue>) -> Self {
        match value.and_then(|value| value.value.as_ref()) {
            None => Self::Empty,
            Some(Decoded::StringValue(text)) => Self::Text(text),
            Some(Decoded::BoolValue(bool)) => Self::Bool(*bool),
            Some(Decoded::IntValue(int)) => Self::Int(*int),
            Some(Decoded::DoubleValue(double)) => Self::Double(*double),
            Some(Decoded::ArrayValue(array)) => Self::Array(Array::Decoded(&array.values)),
            Some(_) => Self::Other,
        }
    }
}

impl<'a> Array<'a> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Decoded(values) => values.len(),
            Self::Bytes(_, len) => len,
        }
    }

    pub(crate) fn try_map<T, E>(
        self,
        mut read: impl FnMut(Value<'a>) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        match self {
            Self::Decoded(values) => values
                .iter()
                .map(|value| read(Value::of(Some(value))))
                .collect(),
            Self::Bytes(bytes, len) => {
                let mut all = Vec::with_capacity(len);
                for value in fields::entries(bytes) {
                    all.push(read(value)?);
                }
                Ok(all)
            }
        }
    }
}
