//! JSON as an answer holds it: one row of all that stands in it, most of its texts borrowed from its
//! bytes. Reading it takes one allocation and little memory, and only what a step looks at becomes a
//! value of its own.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// A row begins with room for one node in so many bytes: more are seldom there.
const BYTES_PER_NODE: usize = 4;

/// Most nodes that a row begins with room for: a long text is one alone.
const FIRST_NODES_MAX: usize = 256;

/// A document that was read as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Json<'a> {
    /// The root, and behind each list and table all that is in it.
    nodes: Vec<Node<'a>>,
}

#[derive(Debug, Clone)]
enum Node<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    /// A list, with how many of the next nodes are in it.
    List(usize),
    /// A table, likewise; in it each name, a text, stands before its value.
    Table(usize),
}

/// A value in a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'j, 'a> {
    node: &'j Node<'a>,
    /// What is in it.
    inside: &'j [Node<'a>],
}

impl<'a> Json<'a> {
    /// What `content` says; none if it is not JSON.
    pub(crate) fn read(content: &'a [u8]) -> Option<Self> {
        // Looked at once as a whole: as bytes each of its texts would be looked at alone.
        let content = std::str::from_utf8(content).ok()?;
        let mut nodes = Vec::with_capacity((content.len() / BYTES_PER_NODE).min(FIRST_NODES_MAX));
        let mut reader = serde_json::Deserializer::from_str(content);
        Reader { nodes: &mut nodes }.deserialize(&mut reader).ok()?;
        reader.end().ok()?;
        Some(Self { nodes })
    }

    /// The document's own value.
    pub(crate) fn root(&self) -> Option<Part<'_, 'a>> {
        parts(&self.nodes).next()
    }
}

/// The values that stand one after the other in a row.
fn parts<'j, 'a>(mut row: &'j [Node<'a>]) -> impl Iterator<Item = Part<'j, 'a>> {
    std::iter::from_fn(move || {
        let (node, behind) = row.split_first()?;
        let (inside, behind) = behind.split_at_checked(node.length())?;
        row = behind;
        Some(Part { node, inside })
    })
}

impl Node<'_> {
    /// How many of the next nodes are in it.
    const fn length(&self) -> usize {
        match self {
            Self::List(length) | Self::Table(length) => *length,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => 0,
        }
    }
}

impl<'j, 'a> Part<'j, 'a> {
    pub(crate) fn to_value(self) -> Value {
        match self.node {
            Node::Null => Value::Null,
            Node::Bool(flag) => Value::Bool(*flag),
            Node::Number(number) => Value::Number(number.clone()),
            Node::Text(text) => Value::String(text.clone().into_owned()),
            Node::List(_) => parts(self.inside).map(Self::to_value).collect(),
            Node::Table(_) => self
                .entries()
                .map(|(name, value)| (name.to_owned(), value.to_value()))
                .collect(),
        }
    }

    /// The entry of this name, if it is a table that has one; of several the last.
    pub(crate) fn entry(self, name: &str) -> Option<Self> {
        let named = self.entries().filter(|(known, _)| *known == name);
        named.last().map(|(_, value)| value)
    }

    /// The item of this index, counted from the end where it is negative, if it is a list that has
    /// one.
    pub(crate) fn item(self, index: i64) -> Option<Self> {
        if !matches!(self.node, Node::List(_)) {
            return None;
        }
        let distance = usize::try_from(index.unsigned_abs()).ok()?;
        let at = if index < 0 {
            parts(self.inside).count().checked_sub(distance)?
        } else {
            distance
        };
        parts(self.inside).nth(at)
    }

    /// Adds the items of a list, or the values of a table, in order: that in which the names came
    /// first, and of those with one name the last value.
    pub(crate) fn add_children(self, children: &mut Vec<Self>) {
        if matches!(self.node, Node::List(_)) {
            children.extend(parts(self.inside));
            return;
        }
        let mut places = HashMap::new();
        for (name, value) in self.entries() {
            match places.entry(name) {
                Entry::Occupied(place) => children[*place.get()] = value,
                Entry::Vacant(place) => {
                    let _ = place.insert(children.len());
                    children.push(value);
                }
            }
        }
    }

    /// Whether it is a number that `is_meant`, or holds one.
    pub(crate) fn has_number(self, is_meant: &dyn Fn(&Number) -> bool) -> bool {
        match self.node {
            Node::Number(number) => is_meant(number),
            Node::List(_) | Node::Table(_) => {
                let mut children = Vec::new();
                self.add_children(&mut children);
                children.into_iter().any(|child| child.has_number(is_meant))
            }
            Node::Null | Node::Bool(_) | Node::Text(_) => false,
        }
    }

    /// What stands in a table, each name as often as it came; nothing of anything else.
    fn entries(self) -> impl Iterator<Item = (&'j str, Self)> {
        let row = match self.node {
            Node::Table(_) => self.inside,
            _ => &[],
        };
        let mut row = parts(row);
        std::iter::from_fn(move || {
            let Node::Text(name) = row.next()?.node else {
                return None;
            };
            Some((name.as_ref(), row.next()?))
        })
    }
}

/// Adds what it reads to a row.
struct Reader<'n, 'de> {
    nodes: &'n mut Vec<Node<'de>>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.nodes.push(Node::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        self.nodes.push(Node::Bool(flag));
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.nodes.push(Node::Number(number.into()));
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.nodes.push(Node::Number(number.into()));
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        let number = Number::from_f64(number);
        self.nodes.push(number.map_or(Node::Null, Node::Number));
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.nodes.push(Node::Text(Cow::Borrowed(text)));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.nodes.push(Node::Text(Cow::Owned(text.to_owned())));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let nodes = self.nodes;
        let at = nodes.len();
        nodes.push(Node::List(0));
        while let Some(()) = items.next_element_seed(Reader { nodes })? {}
        nodes[at] = Node::List(nodes.len() - at - 1);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let nodes = self.nodes;
        let at = nodes.len();
        nodes.push(Node::Table(0));
        while let Some(()) = entries.next_key_seed(Reader { nodes })? {
            entries.next_value_seed(Reader { nodes })?;
        }
        nodes[at] = Node::Table(nodes.len() - at - 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

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

    fn whole(json: &Json<'_>) -> Value {
        json.root().unwrap().to_value()
    }

    /// Whatever stands in `theirs` is found in `ours` by its name or its index, at any depth.
    fn each_is_found(ours: Part<'_, '_>, theirs: &Value) {
        assert_eq!(ours.to_value(), *theirs);
        let mut children = Vec::new();
        ours.add_children(&mut children);
        match theirs {
            Value::Array(items) => {
                assert_eq!(children.len(), items.len());
                for (index, item) in (0..).zip(items) {
                    each_is_found(ours.item(index).unwrap(), item);
                    let from_the_end = index - i64::try_from(items.len()).unwrap();
                    assert_eq!(ours.item(from_the_end).unwrap().to_value(), *item);
                }
                assert!(ours.item(i64::try_from(items.len()).unwrap()).is_none());
            }
            Value::Object(entries) => {
                let values: Vec<Value> = children.iter().map(|child| child.to_value()).collect();
                assert!(values.iter().eq(entries.values()));
                for (name, value) in entries {
                    each_is_found(ours.entry(name).unwrap(), value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                assert!(children.is_empty());
            }
        }
        let is_list = theirs.is_array();
        assert!(ours.entry("none").is_none());
        assert!(is_list || ours.item(0).is_none() && ours.item(-1).is_none());
        assert!(ours.item(i64::MAX).is_none() && ours.item(i64::MIN).is_none());
    }

    proptest! {
        #[test]
        fn it_says_what_the_library_reads(text in any_text()) {
            let theirs = serde_json::from_str::<Value>(&text).ok();
            let ours = Json::read(text.as_bytes());
            let order = |value: &Option<Value>| value.as_ref().map(Value::to_string);
            prop_assert_eq!(order(&ours.as_ref().map(whole)), order(&theirs));
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                each_is_found(ours.root().unwrap(), &theirs);
            }
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let theirs = serde_json::from_slice::<Value>(&bytes).ok();
            prop_assert_eq!(Json::read(&bytes).as_ref().map(whole), theirs);
        }
    }

    #[test]
    fn a_large_table_is_no_other_than_a_small_one() {
        let entries = (0..100).map(|n| format!("\"n{}\":{n}", n % 40));
        let text = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
        let json = Json::read(text.as_bytes()).unwrap();
        let theirs: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(whole(&json).to_string(), theirs.to_string());
        let root = json.root().unwrap();
        assert_eq!(root.entry("n7").map(Part::to_value), Some(87.into()));
        assert_eq!(root.entry("n39").map(Part::to_value), Some(79.into()));
        assert!(root.entry("n40").is_none());
        each_is_found(root, &theirs);
    }

    #[test]
    fn what_stands_behind_is_looked_at_too() {
        for (rest, is_json) in [
            ("", true),
            (" \n", true),
            (",\"b\":[[{\"c\":1e308}]]", true),
            (",\"b\":[[{\"c\":1e309}]]", false),
            (",\"b\":\"\\ud800\"", false),
            (",\"b\":\"\\ud83d\\ude00\"", true),
            (",\"\\udc00\":1", false),
            (",\"b\":01", false),
            (",\"b\"", false),
            (",", false),
            ("}", false),
        ] {
            let text = format!("{{\"a\":1{rest}}}");
            assert_eq!(Json::read(text.as_bytes()).is_some(), is_json, "{text}");
            let theirs = serde_json::from_str::<Value>(&text);
            assert_eq!(theirs.is_ok(), is_json, "{text}");
        }
        assert!(Json::read(b"{\"a\":1,\"b\":\"\xff\"}").is_none());
        assert!(Json::read(b"{\"a\":1} 2").is_none());
        assert!(Json::read(b"").is_none());
    }

    #[test]
    fn names_that_come_twice_count_once_at_any_depth() {
        let text = r#"{"x":[{"a":1,"b":{"c":7,"c":2},"a":{"c":3,"\u0063":4}}]}"#;
        let json = Json::read(text.as_bytes()).unwrap();
        let table = json.root().unwrap().entry("x").unwrap().item(0).unwrap();
        let mut children = Vec::new();
        table.add_children(&mut children);
        let values: Vec<Value> = children.into_iter().map(Part::to_value).collect();
        assert_eq!(values, [json!({"c": 4}), json!({"c": 2})]);
        let has = |wanted: u64| table.has_number(&|number| number.as_u64() == Some(wanted));
        assert!(has(4) && has(2));
        assert!(!has(1) && !has(3) && !has(7));
    }

    #[test]
    fn a_node_is_small() {
        assert_eq!(size_of::<Node<'_>>(), 3 * size_of::<usize>());
    }

    #[test]
    fn depth_has_a_bound() {
        for (depth, is_json) in [(127, true), (128, false), (10_000, false)] {
            let lists = "[".repeat(depth) + &"]".repeat(depth);
            let tables = "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
            for deep in [lists, tables] {
                assert_eq!(Json::read(deep.as_bytes()).is_some(), is_json, "{depth}");
                let theirs = serde_json::from_str::<Value>(&deep);
                assert_eq!(theirs.is_ok(), is_json, "{depth}");
            }
        }
    }

    #[test]
    fn numbers_are_found_wherever_they_stand() {
        let json = Json::read(br#"{"a":[1,{"b":7}],"c":"8"}"#).unwrap();
        let root = json.root().unwrap();
        let has = |wanted: u64| root.has_number(&|number| number.as_u64() == Some(wanted));
        assert!(has(1) && has(7));
        assert!(!has(8));
    }
}
