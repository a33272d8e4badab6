//! OTLP attributes: a writer that cuts to the limits, and a reader that says what is wrong.

use std::fmt::Display;
use std::str::FromStr;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};

use crate::limits::{ATTRIBUTES_MAX, TEXT_BYTES_MAX, cut};
use crate::schema::SchemaError;

/// An attribute that is not as the schema wants it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` {fault}")]
pub struct AttributeError {
    /// The attribute's name.
    pub name: &'static str,
    /// What is wrong with it.
    pub fault: AttributeFault,
}

/// What is wrong with an attribute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributeFault {
    /// It is required and absent.
    #[error("is missing")]
    Missing,
    /// It is there more than once.
    #[error("is there twice")]
    Twice,
    /// Its value has another type.
    #[error("is not of type {0}")]
    Type(&'static str),
    /// Its number is out of range or not finite.
    #[error("is out of range: {0}")]
    Range(String),
    /// Its text is longer than allowed.
    #[error("is longer than {0} bytes")]
    TooLong(usize),
    /// Its list has more entries than allowed.
    #[error("has more than {0} entries")]
    TooMany(usize),
    /// Its list has not as many entries as the lists beside it.
    #[error("has {found} entries where the lists beside it have {expected}")]
    Unequal {
        /// Entries of this list.
        found: usize,
        /// Entries of the lists beside it.
        expected: usize,
    },
    /// Its text is not a name, an address, a date or a word of its closed list.
    #[error("is wrong: {0}")]
    Text(String),
    /// It is there where it does not apply.
    #[error("does not apply {0}")]
    NotApplicable(&'static str),
    /// Only the collector may say so.
    #[error("says `{0}`, which only the collector may judge")]
    CollectorOnly(String),
    /// It contradicts another attribute.
    #[error("contradicts {0}")]
    Contradicts(&'static str),
    /// It is a schema version that is not read.
    #[error("is wrong: {0}")]
    Schema(#[source] SchemaError),
}

impl AttributeFault {
    /// The fault, of the attribute `name`.
    pub(crate) const fn of(self, name: &'static str) -> AttributeError {
        AttributeError { name, fault: self }
    }
}

/// Attributes being written.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<KeyValue>);

impl Writer {
    pub(crate) fn finish(self) -> Vec<KeyValue> {
        self.0
    }

    fn put(&mut self, name: &str, value: Value) {
        self.0.push(KeyValue {
            key: name.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        });
    }

    /// A text of the schema's own: a name or a word, never longer than a name may be.
    pub(crate) fn word(&mut self, name: &str, word: &str) {
        self.text(name, word, TEXT_BYTES_MAX);
    }

    pub(crate) fn text(&mut self, name: &str, text: &str, bytes_max: usize) {
        self.put(name, Value::StringValue(cut(text, bytes_max).to_owned()));
    }

    pub(crate) fn optional_text(&mut self, name: &str, text: Option<&str>, bytes_max: usize) {
        if let Some(text) = text {
            self.text(name, text, bytes_max);
        }
    }

    /// OTLP knows signed integers only: larger ones become its largest.
    pub(crate) fn int(&mut self, name: &str, int: u64) {
        self.put(
            name,
            Value::IntValue(i64::try_from(int).unwrap_or(i64::MAX)),
        );
    }

    pub(crate) fn double(&mut self, name: &str, double: f64) {
        self.put(name, Value::DoubleValue(double));
    }

    pub(crate) fn texts<'a>(
        &mut self,
        name: &str,
        texts: impl Iterator<Item = &'a str>,
        bytes_max: usize,
    ) {
        self.array(
            name,
            texts.map(|text| Value::StringValue(cut(text, bytes_max).to_owned())),
        );
    }

    pub(crate) fn array(&mut self, name: &str, values: impl Iterator<Item = Value>) {
        let values = values
            .map(|value| AnyValue { value: Some(value) })
            .collect();
        self.put(name, Value::ArrayValue(ArrayValue { values }));
    }
}

/// Attributes being read: every key once, not more than [`ATTRIBUTES_MAX`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attributes<'a>(&'a [KeyValue]);

impl<'a> Attributes<'a> {
    /// `owner` names the whole in the error when there are too many.
    pub(crate) fn new(
        attributes: &'a [KeyValue],
        owner: &'static str,
    ) -> Result<Self, AttributeError> {
        if attributes.len() > ATTRIBUTES_MAX {
            return Err(AttributeFault::TooMany(ATTRIBUTES_MAX).of(owner));
        }
        Ok(Self(attributes))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|pair| pair.key == name)
    }

    /// The value of `name`. Two are refused: readers that disagree on which one counts would
    /// disagree on who speaks.
    fn value(&self, name: &'static str) -> Result<Option<&'a Value>, AttributeError> {
        let mut found = self.0.iter().filter(|pair| pair.key == name);
        let Some(pair) = found.next() else {
            return Ok(None);
        };
        if found.next().is_some() {
            return Err(AttributeFault::Twice.of(name));
        }
        Ok(pair.value.as_ref().and_then(|value| value.value.as_ref()))
    }

    pub(crate) fn optional_text(
        &self,
        name: &'static str,
        bytes_max: usize,
    ) -> Result<Option<&'a str>, AttributeError> {
        match self.value(name)? {
            None => Ok(None),
            Some(Value::StringValue(text)) if text.len() <= bytes_max => Ok(Some(text)),
            Some(Value::StringValue(_)) => Err(AttributeFault::TooLong(bytes_max).of(name)),
            Some(_) => Err(AttributeFault::Type("string").of(name)),
        }
    }

    pub(crate) fn text(
        &self,
        name: &'static str,
        bytes_max: usize,
    ) -> Result<&'a str, AttributeError> {
        required(self.optional_text(name, bytes_max)?, name)
    }

    /// A name, or a word of a closed list.
    pub(crate) fn word<T>(&self, name: &'static str) -> Result<T, AttributeError>
    where
        T: FromStr<Err: Display>,
    {
        required(self.optional_word(name)?, name)
    }

    pub(crate) fn optional_word<T>(&self, name: &'static str) -> Result<Option<T>, AttributeError>
    where
        T: FromStr<Err: Display>,
    {
        self.optional_text(name, TEXT_BYTES_MAX)?
            .map(|text| parse(name, text))
            .transpose()
    }

    pub(crate) fn signed(&self, name: &'static str) -> Result<i64, AttributeError> {
        required(self.optional_signed(name)?, name)
    }

    fn optional_signed(&self, name: &'static str) -> Result<Option<i64>, AttributeError> {
        match self.value(name)? {
            None => Ok(None),
            Some(Value::IntValue(int)) => Ok(Some(*int)),
            Some(_) => Err(AttributeFault::Type("int").of(name)),
        }
    }

    pub(crate) fn int<T: TryFrom<i64>>(&self, name: &'static str) -> Result<T, AttributeError> {
        required(self.optional_int(name)?, name)
    }

    pub(crate) fn optional_int<T: TryFrom<i64>>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, AttributeError> {
        self.optional_signed(name)?
            .map(|int| {
                T::try_from(int).map_err(|_| AttributeFault::Range(int.to_string()).of(name))
            })
            .transpose()
    }

    /// A finite double.
    pub(crate) fn double(&self, name: &'static str) -> Result<f64, AttributeError> {
        required(self.optional_double(name)?, name)
    }

    pub(crate) fn optional_double(
        &self,
        name: &'static str,
    ) -> Result<Option<f64>, AttributeError> {
        match self.value(name)? {
            None => Ok(None),
            Some(value) => finite(name, value).map(Some),
        }
    }

    pub(crate) fn array(
        &self,
        name: &'static str,
        entries_max: usize,
    ) -> Result<Option<List<'a>>, AttributeError> {
        match self.value(name)? {
            None => Ok(None),
            Some(Value::ArrayValue(array)) if array.values.len() <= entries_max => Ok(Some(List {
                name,
                values: &array.values,
            })),
            Some(Value::ArrayValue(_)) => Err(AttributeFault::TooMany(entries_max).of(name)),
            Some(_) => Err(AttributeFault::Type("array").of(name)),
        }
    }

    pub(crate) fn required_array(
        &self,
        name: &'static str,
        entries_max: usize,
    ) -> Result<List<'a>, AttributeError> {
        required(self.array(name, entries_max)?, name)
    }
}

/// The entries of an array attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List<'a> {
    name: &'static str,
    values: &'a [AnyValue],
}

impl<'a> List<'a> {
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Refuses the list unless it has as many entries as its neighbours.
    pub(crate) fn expect_len(self, expected: usize) -> Result<Self, AttributeError> {
        let found = self.len();
        if found == expected {
            Ok(self)
        } else {
            Err(AttributeFault::Unequal { found, expected }.of(self.name))
        }
    }

    pub(crate) fn texts(self, bytes_max: usize) -> Result<Vec<&'a str>, AttributeError> {
        self.each(|value| match value {
            Value::StringValue(text) if text.len() <= bytes_max => Ok(text.as_str()),
            Value::StringValue(_) => Err(AttributeFault::TooLong(bytes_max).of(self.name)),
            _ => Err(AttributeFault::Type("string[]").of(self.name)),
        })
    }

    pub(crate) fn bools(self) -> Result<Vec<bool>, AttributeError> {
        self.each(|value| match value {
            Value::BoolValue(bool) => Ok(*bool),
            _ => Err(AttributeFault::Type("bool[]").of(self.name)),
        })
    }

    pub(crate) fn doubles(self) -> Result<Vec<f64>, AttributeError> {
        self.each(|value| finite(self.name, value))
    }

    fn each<T>(
        self,
        read: impl Fn(&'a Value) -> Result<T, AttributeError>,
    ) -> Result<Vec<T>, AttributeError> {
        self.values
            .iter()
            .map(|value| match &value.value {
                Some(value) => read(value),
                None => Err(AttributeFault::Type("array without empty entries").of(self.name)),
            })
            .collect()
    }
}

/// The name or word that `text` is.
pub(crate) fn parse<T>(name: &'static str, text: &str) -> Result<T, AttributeError>
where
    T: FromStr<Err: Display>,
{
    text.parse().map_err(|error: T::Err| {
        // The text is a stranger's and the message goes to logs: no line breaks of its own.
        let message = error.to_string().replace(char::is_control, "\u{fffd}");
        AttributeFault::Text(message).of(name)
    })
}

fn required<T>(value: Option<T>, name: &'static str) -> Result<T, AttributeError> {
    value.ok_or_else(|| AttributeFault::Missing.of(name))
}

fn finite(name: &'static str, value: &Value) -> Result<f64, AttributeError> {
    match value {
        Value::DoubleValue(double) if double.is_finite() => Ok(*double),
        Value::DoubleValue(double) => Err(AttributeFault::Range(double.to_string()).of(name)),
        _ => Err(AttributeFault::Type("double").of(name)),
    }
}
