//! OTLP attributes: a writer that cuts to the limits, and a reader that says what is wrong.

use std::fmt::Display;
use std::str::FromStr;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use crate::frame::{Frame, Item};
use crate::limits::{ATTRIBUTES_MAX, TEXT_BYTES_MAX, cut};
use crate::names::{ALL, Key};
use crate::schema::SchemaError;
use crate::value::{Array, Value};

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
    pub(crate) fn of(self, name: impl Into<&'static str>) -> AttributeError {
        AttributeError {
            name: name.into(),
            fault: self,
        }
    }
}

/// Attributes being written, as the repeated field of a message.
#[derive(Debug)]
pub(crate) struct Writer {
    frame: Frame,
    field: u32,
}

impl Writer {
    /// Writes the attributes that are this field of their message.
    pub(crate) fn of(field: u32) -> Self {
        Self {
            frame: Frame::with_capacity(1024),
            field,
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.frame.into_bytes()
    }

    /// The attributes of one that writes those of a resource, as generated code has them.
    pub(crate) fn tree(self) -> Vec<KeyValue> {
        let bytes = self.finish();
        let resource = Resource::decode(bytes.as_slice());
        resource.expect("it was just written").attributes
    }

    fn put(&mut self, name: &str, value: Item<'_>) {
        self.frame
            .attribute(self.field, name, |frame| frame.value(value));
    }

    /// A text of the schema's own: a name or a word, never longer than a name may be.
    pub(crate) fn word(&mut self, name: &str, word: &str) {
        self.text(name, word, TEXT_BYTES_MAX);
    }

    pub(crate) fn text(&mut self, name: &str, text: &str, bytes_max: usize) {
        self.put(name, Item::Text(cut(text, bytes_max)));
    }

    pub(crate) fn optional_text(&mut self, name: &str, text: Option<&str>, bytes_max: usize) {
        if let Some(text) = text {
            self.text(name, text, bytes_max);
        }
    }

    /// OTLP knows signed integers only: larger ones become its largest.
    pub(crate) fn int(&mut self, name: &str, int: u64) {
        self.put(name, Item::Number(i64::try_from(int).unwrap_or(i64::MAX)));
    }

    pub(crate) fn double(&mut self, name: &str, double: f64) {
        self.put(name, Item::Double(double));
    }

    pub(crate) fn texts<'a>(
        &mut self,
        name: &str,
        texts: impl Iterator<Item = &'a str>,
        bytes_max: usize,
    ) {
        self.array(name, texts.map(|text| Item::Text(cut(text, bytes_max))));
    }

    pub(crate) fn array<'a>(&mut self, name: &str, values: impl Iterator<Item = Item<'a>>) {
        self.frame
            .attribute(self.field, name, |frame| frame.array(values));
    }
}

/// Attributes being read, by the place of their name; others are passed over.
///
/// One table serves many spans: [`Attributes::clear`] makes it empty.
#[derive(Debug)]
pub(crate) struct Attributes<'a> {
    values: [Value<'a>; ALL.len()],
    present: Places,
    twice: Places,
    /// Which place followed each place the last time: senders write one order.
    next: [usize; ALL.len() + 1],
    last: usize,
    count: usize,
}

/// A set of places.
type Places = u128;

const _: () = assert!(ALL.len() < Places::BITS as usize);

impl<'a> Attributes<'a> {
    /// The attributes of a decoded message, not more than [`ATTRIBUTES_MAX`]. `owner` names the
    /// whole in the error when there are too many.
    pub(crate) fn new(
        attributes: &'a [KeyValue],
        owner: &'static str,
    ) -> Result<Self, AttributeError> {
        let mut read = Self::empty();
        for pair in attributes {
            read.put(pair.key.as_bytes(), Value::of(pair.value.as_ref()));
        }
        if read.count > ATTRIBUTES_MAX {
            return Err(AttributeFault::TooMany(ATTRIBUTES_MAX).of(owner));
        }
        Ok(read)
    }

    pub(crate) fn empty() -> Self {
        Self {
            values: [Value::Empty; ALL.len()],
            present: 0,
            twice: 0,
            next: [0; ALL.len() + 1],
            last: ALL.len(),
            count: 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        (self.present, self.twice) = (0, 0);
        (self.last, self.count) = (ALL.len(), 0);
    }

    /// Takes one attribute in; whether its name is one of ours.
    pub(crate) fn put(&mut self, name: &[u8], value: Value<'a>) -> bool {
        self.count += 1;
        let expected = self.next[self.last];
        let is_it = |place: &usize| ALL[*place].name.as_bytes() == name;
        let place = Some(expected).filter(is_it).or_else(|| {
            // What was left out this time is passed over in the order of the names.
            let from = (self.last + 1).min(ALL.len());
            (from..ALL.len()).chain(0..from).find(is_it)
        });
        let Some(place) = place else {
            return false;
        };
        self.next[self.last] = place;
        self.last = place;
        let bit = 1 << place;
        self.twice |= self.present & bit;
        self.present |= bit;
        self.values[place] = value;
        true
    }

    /// How many there are, of any name.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn has(&self, key: Key) -> bool {
        self.present & (1 << key.place) != 0
    }

    /// The value of `key`. Two are refused: readers that disagree on which one counts would
    /// disagree on who speaks.
    fn value(&self, key: Key) -> Result<Option<Value<'a>>, AttributeError> {
        if !self.has(key) {
            return Ok(None);
        }
        if self.twice & (1 << key.place) != 0 {
            return Err(AttributeFault::Twice.of(key));
        }
        match self.values[key.place] {
            Value::Empty => Ok(None),
            value => Ok(Some(value)),
        }
    }

    pub(crate) fn optional_text(
        &self,
        key: Key,
        bytes_max: usize,
    ) -> Result<Option<&'a str>, AttributeError> {
        match self.value(key)? {
            None => Ok(None),
            Some(Value::Text(text)) if text.len() <= bytes_max => Ok(Some(text)),
            Some(Value::Text(_)) => Err(AttributeFault::TooLong(bytes_max).of(key)),
            Some(_) => Err(AttributeFault::Type("string").of(key)),
        }
    }

    pub(crate) fn text(&self, key: Key, bytes_max: usize) -> Result<&'a str, AttributeError> {
        required(self.optional_text(key, bytes_max)?, key)
    }

    /// A name, or a word of a closed list.
    pub(crate) fn word<T>(&self, key: Key) -> Result<T, AttributeError>
    where
        T: FromStr<Err: Display>,
    {
        required(self.optional_word(key)?, key)
    }

    pub(crate) fn optional_word<T>(&self, key: Key) -> Result<Option<T>, AttributeError>
    where
        T: FromStr<Err: Display>,
    {
        self.optional_text(key, TEXT_BYTES_MAX)?
            .map(|text| parse(key, text))
            .transpose()
    }

    /// A name that is only held against its rule, not made.
    pub(crate) fn optional_name<E: Display>(
        &self,
        key: Key,
        check: fn(&str) -> Result<(), E>,
    ) -> Result<Option<&'a str>, AttributeError> {
        let Some(text) = self.optional_text(key, TEXT_BYTES_MAX)? else {
            return Ok(None);
        };
        match check(text) {
            Ok(()) => Ok(Some(text)),
            Err(error) => Err(wrong(key, &error)),
        }
    }

    /// As [`Attributes::optional_name`], but it must be there.
    pub(crate) fn name<E: Display>(
        &self,
        key: Key,
        check: fn(&str) -> Result<(), E>,
    ) -> Result<&'a str, AttributeError> {
        required(self.optional_name(key, check)?, key)
    }

    pub(crate) fn signed(&self, key: Key) -> Result<i64, AttributeError> {
        required(self.optional_signed(key)?, key)
    }

    fn optional_signed(&self, key: Key) -> Result<Option<i64>, AttributeError> {
        match self.value(key)? {
            None => Ok(None),
            Some(Value::Int(int)) => Ok(Some(int)),
            Some(_) => Err(AttributeFault::Type("int").of(key)),
        }
    }

    pub(crate) fn int<T: TryFrom<i64>>(&self, key: Key) -> Result<T, AttributeError> {
        required(self.optional_int(key)?, key)
    }

    pub(crate) fn optional_int<T: TryFrom<i64>>(
        &self,
        key: Key,
    ) -> Result<Option<T>, AttributeError> {
        self.optional_signed(key)?
            .map(|int| T::try_from(int).map_err(|_| AttributeFault::Range(int.to_string()).of(key)))
            .transpose()
    }

    /// A finite double.
    pub(crate) fn double(&self, key: Key) -> Result<f64, AttributeError> {
        required(self.optional_double(key)?, key)
    }

    pub(crate) fn optional_double(&self, key: Key) -> Result<Option<f64>, AttributeError> {
        match self.value(key)? {
            None => Ok(None),
            Some(value) => finite(key, value).map(Some),
        }
    }

    pub(crate) fn array(
        &self,
        key: Key,
        entries_max: usize,
    ) -> Result<Option<List<'a>>, AttributeError> {
        match self.value(key)? {
            None => Ok(None),
            Some(Value::Array(values)) if values.len() <= entries_max => {
                Ok(Some(List { key, values }))
            }
            Some(Value::Array(_)) => Err(AttributeFault::TooMany(entries_max).of(key)),
            Some(_) => Err(AttributeFault::Type("array").of(key)),
        }
    }

    pub(crate) fn required_array(
        &self,
        key: Key,
        entries_max: usize,
    ) -> Result<List<'a>, AttributeError> {
        required(self.array(key, entries_max)?, key)
    }
}

/// The entries of an array attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List<'a> {
    key: Key,
    values: Array<'a>,
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
            Err(AttributeFault::Unequal { found, expected }.of(self.key))
        }
    }

    pub(crate) fn texts(self, bytes_max: usize) -> Result<Vec<&'a str>, AttributeError> {
        self.each(|value| match value {
            Value::Text(text) if text.len() <= bytes_max => Ok(text),
            Value::Text(_) => Err(AttributeFault::TooLong(bytes_max).of(self.key)),
            _ => Err(AttributeFault::Type("string[]").of(self.key)),
        })
    }

    pub(crate) fn bools(self) -> Result<Vec<bool>, AttributeError> {
        self.each(|value| match value {
            Value::Bool(bool) => Ok(bool),
            _ => Err(AttributeFault::Type("bool[]").of(self.key)),
        })
    }

    pub(crate) fn doubles(self) -> Result<Vec<f64>, AttributeError> {
        self.each(|value| finite(self.key, value))
    }

    fn each<T>(
        self,
        read: impl Fn(Value<'a>) -> Result<T, AttributeError>,
    ) -> Result<Vec<T>, AttributeError> {
        self.values.try_map(|value| match value {
            Value::Empty => Err(AttributeFault::Type("array without empty entries").of(self.key)),
            value => read(value),
        })
    }
}

/// The name or word that `text` is.
pub(crate) fn parse<T>(key: Key, text: &str) -> Result<T, AttributeError>
where
    T: FromStr<Err: Display>,
{
    text.parse().map_err(|error: T::Err| wrong(key, &error))
}

fn wrong(key: Key, error: &dyn Display) -> AttributeError {
    // The text is a stranger's and the message goes to logs: no line breaks of its own.
    let message = error.to_string().replace(char::is_control, "\u{fffd}");
    AttributeFault::Text(message).of(key)
}

fn required<T>(value: Option<T>, key: Key) -> Result<T, AttributeError> {
    value.ok_or_else(|| AttributeFault::Missing.of(key))
}

fn finite(key: Key, value: Value<'_>) -> Result<f64, AttributeError> {
    match value {
        Value::Double(double) if double.is_finite() => Ok(double),
        Value::Double(double) => Err(AttributeFault::Range(double.to_string()).of(key)),
        _ => Err(AttributeFault::Type("double").of(key)),
    }
}
