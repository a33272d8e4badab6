//! JSONPath (RFC 9535), compiled at load: whether it can match many values is known from then on.

use std::sync::Arc;

use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use serde_json::Value;

use crate::json::{Json, Part};

/// Longest path in bytes.
const PATH_BYTES_MAX: usize = 500;

/// What is said where it cannot be told what was meant.
const GRAMMAR: &str = "write it as in \"$.items[0].id\"; RFC 9535 has the whole grammar";

/// How many values a path can match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    /// None or one.
    One,
    /// Any number.
    Many,
}

/// A compiled path, cheap to clone.
#[derive(Clone, PartialEq)]
pub struct JsonPath(Arc<Compiled>);

#[derive(PartialEq)]
struct Compiled {
    text: String,
    query: JpQuery,
    cardinality: Cardinality,
}

/// Why a text is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JsonPathError {
    /// What was expected.
    pub message: String,
    /// Where, in bytes of the text.
    pub offset: usize,
    /// What to write instead.
    pub help: &'static str,
}

impl JsonPath {
    /// Compiles `text`.
    ///
    /// # Errors
    /// When it is not a JSONPath that starts with `$`.
    pub fn parse(text: &str) -> Result<Self, JsonPathError> {
        if !text.starts_with('$') {
            return Err(JsonPathError {
                message: "a path starts with `$`".into(),
                offset: 0,
                help: "begin with $, in quotes, as in \"$.items[0].id\"",
            });
        }
        if text.len() > PATH_BYTES_MAX {
            let message = format!("a path has at most {PATH_BYTES_MAX} bytes");
            return Err(JsonPathError {
                message,
                offset: 0,
                help: "ask for a value further out, and look into that one",
            });
        }
        let query = parse_json_path(text).map_err(|error| describe(text, &error))?;
        let cardinality = if query.segments.iter().all(is_single) {
            Cardinality::One
        } else {
            Cardinality::Many
        };
        Ok(Self(Arc::new(Compiled {
            text: text.to_owned(),
            query,
            cardinality,
        })))
    }

    /// The path as written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Whether it can match many values.
    pub fn cardinality(&self) -> Cardinality {
        self.0.cardinality
    }

    /// What it matches in `json`, in document order, if it is made of names, indices and wildcards
    /// alone, as nearly every path is; for any other there is [`select`](Self::select).
    pub(crate) fn walk<'j, 'a>(&self, json: &'j Json<'a>) -> Option<Vec<Part<'j, 'a>>> {
        let mut found: Vec<Part<'j, 'a>> = json.root().into_iter().collect();
        for segment in &self.0.query.segments {
            let Segment::Selector(selector) = segment else {
                return None;
            };
            let found_before = found.into_iter();
            found = match selector {
                Selector::Name(name) => found_before.filter_map(|part| part.entry(name)).collect(),
                Selector::Index(index) => {
                    found_before.filter_map(|part| part.item(*index)).collect()
                }
                Selector::Wildcard => {
                    let mut children = Vec::new();
                    found_before.for_each(|part| part.add_children(&mut children));
                    children
                }
                Selector::Slice(..) | Selector::Filter(_) => return None,
            };
        }
        Some(found)
    }

    /// The values that it matches in `value`, in document order.
    pub fn select<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        // The query only fails on extension functions, which no path of ours can name.
        js_path_process(&self.0.query, value)
            .map(|found| {
                found
                    .into_iter()
                    .map(jsonpath_rust::query::QueryRef::val)
                    .collect()
            })
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for JsonPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JsonPath({})", self.text())
    }
}

fn is_single(segment: &Segment) -> bool {
    match segment {
        Segment::Descendant(_) | Segment::Selectors(_) => false,
        Segment::Selector(selector) => match selector {
            Selector::Name(_) | Selector::Index(_) => true,
            Selector::Wildcard | Selector::Slice(..) | Selector::Filter(_) => false,
        },
    }
}

fn describe(text: &str, error: &jsonpath_rust::parser::errors::JsonPathError) -> JsonPathError {
    use jsonpath_rust::parser::errors::JsonPathError as Theirs;
    match error {
        Theirs::PestError(pest) => {
            let column = column(&pest.to_string());
            let mut characters = text.char_indices();
            let offset = characters.nth(column).map_or(text.len(), |(at, _)| at);
            let message = text
                .get(offset..)
                .filter(|rest| !rest.is_empty())
                .map_or_else(
                    || "the path ends too early".to_owned(),
                    |rest| {
                        format!(
                            "`{}` is not understood",
                            rest.chars().take(20).collect::<String>()
                        )
                    },
                );
            JsonPathError {
                message,
                offset,
                help: remedy(text, offset),
            }
        }
        other => JsonPathError {
            message: other.to_string(),
            offset: 0,
            help: GRAMMAR,
        },
    }
}

/// What to write where a path is not understood from `offset` on.
fn remedy(text: &str, offset: usize) -> &'static str {
    // What stands in quotes is of the data.
    let bare: Vec<&str> = text.split(['\'', '"']).step_by(2).collect();
    let bare = bare.join("_");
    let lacks = |open: char, close: char| bare.matches(open).count() > bare.matches(close).count();
    let is_filter = bare.contains('?');
    let compares_with_one = bare.match_indices('=').any(|(at, _)| {
        let is_part = |c: char| "=<>!~".contains(c);
        !bare[..at].ends_with(is_part) && !bare[at + 1..].starts_with(is_part)
    });
    if is_filter && compares_with_one {
        "a filter compares with two =, as in \"$.items[?@.id == 1]\""
    } else if is_filter && bare.contains("=~") {
        "a filter matches with a function, as in \"$.items[?match(@.id, 'a.*')]\""
    } else if !text.matches(['\'', '"']).count().is_multiple_of(2) {
        "close the name with the quote that opened it, as in \"$['a b']\""
    } else if lacks('[', ']') {
        "close the bracket, as in \"$.items[0]\" or \"$.items[*]\""
    } else if lacks('(', ')') {
        "close the parenthesis, as in \"$.items[?(@.id == 1)]\""
    } else if offset == text.len() {
        "write on, as in \"$.items[0].id\", or leave the last sign out"
    } else {
        GRAMMAR
    }
}

/// The column from 0, in characters, of the parser's drawing, which begins with ` --> 1:5`: paths
/// are one line.
fn column(drawing: &str) -> usize {
    drawing
        .split_once("1:")
        .and_then(|(_, rest)| {
            rest.split(|c: char| !c.is_ascii_digit())
                .next()?
                .parse()
                .ok()
        })
        .map_or(0, |column: usize| column.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = (0..9).prop_map(|n| json!(n));
        leaf.prop_recursive(4, 40, 4, |inner| {
            let entries = prop::collection::btree_map("[ab]", inner.clone(), 0..3);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::from),
                entries.prop_map(|entries| entries.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn walking_finds_what_selecting_finds(
            body in any_json(),
            segments in prop::collection::vec(
                r"\.[ab]|\['[ab]'\]|\.\*|\[\*\]|\[[0-3]\]|\[-[1-4]\]",
                0..4,
            ),
        ) {
            let path = JsonPath::parse(&format!("${}", segments.concat())).unwrap();
            let text = body.to_string();
            let json = Json::read(text.as_bytes()).unwrap();
            let walked: Vec<Value> = path.walk(&json).unwrap().into_iter().map(Part::to_value).collect();
            let selected: Vec<Value> = path.select(&body).into_iter().cloned().collect();
            prop_assert_eq!(walked, selected);
        }
    }

    #[test]
    fn only_names_indices_and_wildcards_are_walked() {
        let json = Json::read(br#"{"a":[{"b":1},{"b":2}]}"#).unwrap();
        for text in ["$", "$.a", "$.a[0]['b']", "$.a[-1].*", "$.none[7]"] {
            assert!(
                JsonPath::parse(text).unwrap().walk(&json).is_some(),
                "{text}"
            );
        }
        for text in ["$..b", "$.a[0,1]", "$.a[0:1]", "$.a[?@.b == 1]"] {
            assert!(
                JsonPath::parse(text).unwrap().walk(&json).is_none(),
                "{text}"
            );
        }
    }

    #[test]
    fn only_names_and_indices_match_at_most_one() {
        for text in ["$", "$.a", "$.a.b", "$['a b'].c", "$.items[0].id", "$[-1]"] {
            assert_eq!(
                JsonPath::parse(text).unwrap().cardinality(),
                Cardinality::One,
                "{text}"
            );
        }
        for text in [
            "$.*",
            "$..id",
            "$.items[*].id",
            "$.a[0,1]",
            "$.a[1:2]",
            "$.a[?@.b == 1]",
        ] {
            assert_eq!(
                JsonPath::parse(text).unwrap().cardinality(),
                Cardinality::Many,
                "{text}"
            );
        }
    }

    #[test]
    fn values_are_found_in_order() {
        let body = json!({"items": [{"id": 1}, {"id": 2}]});
        let path = JsonPath::parse("$.items[*].id").unwrap();
        assert_eq!(path.select(&body), [&json!(1), &json!(2)]);
        assert!(JsonPath::parse("$.none").unwrap().select(&body).is_empty());
    }

    #[test]
    fn no_path_panics_whatever_it_says() {
        let body = json!({"a": [1, 2, 3], "b": {"c": null}, "s": "가나"});
        for text in [
            "$.a[::0]",
            "$.a[::-1]",
            "$.a[-1:-9:-1]",
            "$.a[9:1]",
            "$.a[-9007199254740991]",
            "$.a[9007199254740991]",
            "$.a[99999999999999999999]",
            "$.a[0:9007199254740991:9007199254740991]",
            "$.a[-9007199254740991:9007199254740991:-9007199254740991]",
            "$.a[?@ > 1]",
            "$.a[?match(@, '(')]",
            "$.s[?search(@, '[z-a]')]",
            "$..[?count(@.*) > 0]",
            "$..[?length(@) > 1]",
            "$..[?value(@.c) == null]",
            "$..[?unknown(@)]",
            "$['\\ud800']",
            "$[\"a\", 'b', 0, *, ?@.c]",
            "$.가",
            "$.s[0]",
        ] {
            if let Ok(path) = JsonPath::parse(text) {
                let _ = path.select(&body);
                let _ = path.select(&json!(null));
            }
        }
        assert_eq!(
            JsonPath::parse("$.a[::-1]").unwrap().select(&body),
            [&json!(3), &json!(2), &json!(1)]
        );
    }

    #[test]
    fn a_broken_path_says_how_to_mend_it() {
        for (text, expected) in [
            ("items", "begin with $"),
            ("$.items[", "close the bracket"),
            ("$.items[*.id", "close the bracket"),
            ("$['a", "close the name"),
            ("$.items[?(@.a = 1)]", "two ="),
            ("$.items[?@.a == 1 && @.b = 2]", "two ="),
            ("$.items[?@.a =~ 'x']", "match("),
            ("$.", "write on"),
            ("$.a%", "RFC 9535"),
        ] {
            let error = JsonPath::parse(text).unwrap_err();
            assert!(error.help.contains(expected), "{text}: {error:?}");
        }
    }

    #[test]
    fn a_broken_path_says_where() {
        let error = JsonPath::parse("$.items[*.id").unwrap_err();
        assert!(error.offset > 1, "{error:?}");
        let text = "$['이름'].items[*.id";
        let error = JsonPath::parse(text).unwrap_err();
        assert_eq!(&text[error.offset..], "*.id", "{error:?}");
        for text in ["", "items", "$.", "$[", "$x"] {
            assert!(JsonPath::parse(text).is_err(), "{text:?} passed");
        }
        assert!(JsonPath::parse(&format!("${}", ".a".repeat(300))).is_err());
    }
}
