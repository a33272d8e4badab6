//! The protobuf of OTLP as our agents write it, field by field, borrowed.
//!
//! Only that form is walked: known fields in ascending order, each at most once unless it is
//! repeated. Whatever else protobuf allows is [`Unusual`] and left to the decoder.

use crate::value::{Array, Value};

/// Not the form that is walked here, and perhaps not protobuf at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unusual;

/// Tags: field number and wire type, one byte for the numbers below 16.
pub(crate) const fn message(number: u8) -> u8 {
    number << 3 | 2
}
pub(crate) const fn varint(number: u8) -> u8 {
    number << 3
}
pub(crate) const fn fixed64(number: u8) -> u8 {
    number << 3 | 1
}

/// What is left of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    last: u8,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self {
            rest: message,
            last: 0,
        }
    }

    /// The tag of the next field, none at the end. A field before the last one or the same again
    /// is unusual, unless it is `repeated`.
    pub(crate) fn tag(&mut self, repeated: u8) -> Result<Option<u8>, Unusual> {
        let Some((&tag, rest)) = self.rest.split_first() else {
            return Ok(None);
        };
        if tag < self.last || (tag == self.last && tag != repeated) {
            return Err(Unusual);
        }
        self.last = tag;
        self.rest = rest;
        Ok(Some(tag))
    }

    /// The next field's tag and the end, as [`Fields::tag`] without repeated fields.
    pub(crate) fn single(&mut self) -> Result<Option<u8>, Unusual> {
        self.tag(0)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Unusual> {
        let length = usize::try_from(self.varint()?).map_err(|_| Unusual)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Unusual)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Unusual> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Unusual)
    }

    pub(crate) fn fixed64(&mut self) -> Result<u64, Unusual> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Unusual)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// A varint of one byte: flags and closed lists.
    pub(crate) fn small(&mut self) -> Result<u8, Unusual> {
        match self.rest.split_first() {
            Some((&byte @ ..0x80, rest)) => {
                self.rest = rest;
                Ok(byte)
            }
            Some(_) | None => Err(Unusual),
        }
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Unusual> {
        if let Some((&byte @ ..0x80, rest)) = self.rest.split_first() {
            self.rest = rest;
            return Ok(byte.into());
        }
        let mut value = 0;
        for (i, byte) in self.rest.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                // The tenth byte holds one bit only.
                if i == 9 && *byte > 1 {
                    return Err(Unusual);
                }
                self.rest = &self.rest[i + 1..];
                return Ok(value);
            }
        }
        Err(Unusual)
    }

    fn end(self) -> Result<(), Unusual> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Unusual)
        }
    }
}

/// A `KeyValue`: its key, unchecked, and its value.
pub(crate) fn key_value(bytes: &[u8]) -> Result<(&[u8], Value<'_>), Unusual> {
    let mut fields = Fields::of(bytes);
    if fields.single()? != Some(message(1)) {
        return Err(Unusual);
    }
    let key = fields.bytes()?;
    if fields.single()? != Some(message(2)) {
        return Err(Unusual);
    }
    let value = any_value(fields.bytes()?)?;
    fields.end()?;
    Ok((key, value))
}

/// An `AnyValue` that is a scalar or an array of scalars.
fn any_value(bytes: &[u8]) -> Result<Value<'_>, Unusual> {
    let mut fields = Fields::of(bytes);
    if fields.single()? != Some(message(5)) {
        return scalar(bytes);
    }
    let values = fields.bytes()?;
    fields.end()?;
    Ok(Value::Array(array(values)?))
}

fn scalar(bytes: &[u8]) -> Result<Value<'_>, Unusual> {
    const TEXT: u8 = message(1);
    const BOOL: u8 = varint(2);
    const INT: u8 = varint(3);
    const DOUBLE: u8 = fixed64(4);
    let mut fields = Fields::of(bytes);
    let value = match fields.single()? {
        Some(TEXT) => Value::Text(fields.text()?),
        Some(BOOL) => match fields.small()? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            _ => return Err(Unusual),
        },
        Some(INT) => Value::Int(fields.varint()?.cast_signed()),
        Some(DOUBLE) => Value::Double(f64::from_bits(fields.fixed64()?)),
        Some(_) | None => return Err(Unusual),
    };
    fields.end()?;
    Ok(value)
}

/// An `ArrayValue` of scalars.
pub(crate) fn array(bytes: &[u8]) -> Result<Array<'_>, Unusual> {
    let mut fields = Fields::of(bytes);
    let mut len = 0;
    while let Some(tag) = fields.tag(message(1))? {
        if tag != message(1) {
            return Err(Unusual);
        }
        scalar(fields.bytes()?)?;
        len += 1;
    }
    Ok(Array::Bytes(bytes, len))
}

/// The entries of an array that [`array`] has walked.
pub(crate) fn entries(bytes: &[u8]) -> impl Iterator<Item = Value<'_>> {
    let mut fields = Fields::of(bytes);
    std::iter::from_fn(move || {
        fields.tag(message(1)).ok()??;
        scalar(fields.bytes().ok()?).ok()
    })
}
