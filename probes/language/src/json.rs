//! JSON as an answer holds it, most of its texts borrowed from its bytes: reading it takes little
//! memory, and only what a step looks at becomes a value of its own.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// Most entries of a table that are looked for one after the other; in a larger one they are found
/// by their names.
const SCANNED_MAX: usize = 16;

/// A value of JSON.
#[derive(Debug, Clone)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Self>),
    Table(Table<'a>),
}

/// A table's entries, in the order in which their names came first; of those with one name the last
/// value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table<'a> {
    entries: Vec<(Cow<'a, str>, Json<'a>)>,
    places: Option<Box<Places<'a>>>,
}

/// Where each name of a table stands, once there are many. On the heap, so that small tables, which
/// nearly all are, stay small.
#[derive(Debug, Clone)]
struct Places<'a> {
    by_name: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Json<'a> {
    /// What `content` says; none if it is not JSON.
    pub(crate) fn read(content: &'a [u8]) -> Option<Self> {
        // Looked at once as a whole: as bytes each of its texts would be looked at alone.
        let content = std::str::from_utf8(content).ok()?;
        serde_json::from_str(content).ok()
    }

    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.clone().into_owned()),
            Self::List(items) => items.iter().map(Self::to_value).collect(),
            Self::Table(table) => table
                .entries
                .iter()
                .map(|(name, value)| (name.clone().into_owned(), value.to_value()))
                .collect(),
        }
    }

    /// The entry of this name, if it is a table that has one.
    pub(crate) fn entry(&self, name: &str) -> Option<&Self> {
        let Self::Table(table) = self else {
            return None;
        };
        table.place(name).map(|at| &table.entries[at].1)
    }

    /// The item of this index, counted from the end where it is negative, if it is a list that has
    /// one.
    pub(crate) fn item(&self, index: i64) -> Option<&Self> {
        let Self::List(items) = self else {
            return None;
        };
        let distance = usize::try_from(index.unsigned_abs()).ok()?;
        let at = if index < 0 {
            items.len().checked_sub(distance)?
        } else {
            distance
        };
        items.get(at)
    }

    /// The items of a list, or the values of a table, in order.
    pub(crate) fn children(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match self {
            Self::List(items) => Box::new(items.iter()),
            Self::Table(table) => Box::new(table.entries.iter().map(|(_, value)| value)),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => {
                Box::new(std::iter::empty())
            }
        }
    }

    /// Whether it is a number that `is_meant`, or holds one.
    pub(crate) fn has_number(&self, is_meant: &dyn Fn(&Number) -> bool) -> bool {
        match self {
            Self::Number(number) => is_meant(number),
            Self::List(_) | Self::Table(_) => {
                self.children().any(|child| child.has_number(is_meant))
            }
            Self::Null | Self::Bool(_) | Self::Text(_) => false,
        }
    }
}

impl<'a> Table<'a> {
    fn place(&self, name: &str) -> Option<usize> {
        match &self.places {
            Some(places) => places.by_name.get(name).copied(),
            None => self.entries.iter().position(|(known, _)| known == name),
        }
    }

    fn set(&mut self, name: Cow<'a, str>, value: Json<'a>) {
        if let Some(at) = self.place(&name) {
            self.entries[at].1 = value;
            return;
        }
        if let Some(places) = &mut self.places {
            let _ = places.by_name.insert(name.clone(), self.entries.len());
        }
        self.entries.push((name, value));
        if self.places.is_none() && self.entries.len() > SCANNED_MAX {
            let names = self.entries.iter().map(|(name, _)| name.clone());
            let by_name = names.zip(0..).collect();
            self.places = Some(Box::new(Places { by_name }));
        }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(flag))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Json<'de>, E> {
        Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json<'de>, A::Error> {
        let mut table = Table::default();
        while let Some((Name(name), value)) = entries.next_entry()? {
            table.set(name, value);
        }
        Ok(Json::Table(table))
    }
}

/// The name of an entry.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts that are JSON or nearly so, with names that come twice.
    fn any_text() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            "-?[0-9]{1,22}(\\.[0-9]{1,3})?(e-?[0-9]{1,3})?",
            r#""([a-c가 ]|\\n|\\u00e9|\\ud83d\\ude00|\\x){0,6}""#,
            "[a-z\\[\\]{},]{0,3}",
        ];
        leaf.prop_recursive(4, 60, 24, |inner| {
            let names = r#""([a-e]|\\u0061){0,2}""#;
            let entries = prop::collection::vec((names, inner.clone()), 0..24);
            prop_oneof![
                prop::collection::vec(inner, 0..5)
                    .prop_map(|items| format!("[{}]", items.join(","))),
                entries.prop_map(|entries| {
                    let entries: Vec<String> = entries
                        .into_iter()
                        .map(|(name, value)| format!("{name} : {value}"))
                        .collect();
                    format!("{{{}}}", entries.join(" , "))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_says_what_the_library_reads(text in any_text()) {
            let theirs = serde_json::from_str::<Value>(&text).ok();
            let ours = Json::read(text.as_bytes());
            let order = |value: &Option<Value>| value.as_ref().map(Value::to_string);
            prop_assert_eq!(order(&ours.as_ref().map(Json::to_value)), order(&theirs));
            if let (Some(ours), Some(Value::Object(theirs))) = (ours, theirs) {
                for (name, value) in theirs {
                    prop_assert_eq!(ours.entry(&name).map(Json::to_value), Some(value));
                }
            }
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let theirs = serde_json::from_slice::<Value>(&bytes).ok();
            prop_assert_eq!(Json::read(&bytes).map(|json| json.to_value()), theirs);
        }
    }

    #[test]
    fn a_large_table_is_no_other_than_a_small_one() {
        let entries = (0..100).map(|n| format!("\"n{}\":{n}", n % 40));
        let text = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
        let json = Json::read(text.as_bytes()).unwrap();
        let theirs: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json.to_value().to_string(), theirs.to_string());
        assert_eq!(json.entry("n7").map(Json::to_value), Some(87.into()));
        assert_eq!(json.entry("n39").map(Json::to_value), Some(79.into()));
        assert!(json.entry("n40").is_none());
    }

    #[test]
    fn depth_has_a_bound() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert!(Json::read(deep.as_bytes()).is_none());
    }

    #[test]
    fn numbers_are_found_wherever_they_stand() {
        let json = Json::read(br#"{"a":[1,{"b":7}],"c":"8"}"#).unwrap();
        let has = |wanted: u64| json.has_number(&|number| number.as_u64() == Some(wanted));
        assert!(has(1) && has(7));
        assert!(!has(8));
    }
}
