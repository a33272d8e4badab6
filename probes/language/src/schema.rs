//! JSON Schema (draft-07, which TOML editors read) of every kind of file, made from the key table.
//! It knows keys, types and closed lists; what only the whole file can show is left to `check`.

use serde_json::{Map, Value, json};

use crate::keys::{self, Key, Presence, Section, Shape};

mod inside;
mod step;

use inside::{definition, inside};

/// A kind of file that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaKind {
    /// A journey.
    Journey,
    /// A fragment.
    Fragment,
    /// A catalogue of features.
    Catalogue,
    /// A target profile.
    Target,
}

impl SchemaKind {
    /// All kinds.
    pub const ALL: &[Self] = &[Self::Journey, Self::Fragment, Self::Catalogue, Self::Target];

    /// The kind as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Journey => "journey",
            Self::Fragment => "fragment",
            Self::Catalogue => "catalogue",
            Self::Target => "target",
        }
    }

    const fn section(self) -> &'static Section {
        match self {
            Self::Journey => &keys::JOURNEY,
            Self::Fragment => &keys::FRAGMENT,
            Self::Catalogue => &keys::CATALOGUE,
            Self::Target => &keys::TARGET,
        }
    }
}

/// The schema of a kind of file.
pub fn schema(kind: SchemaKind) -> Value {
    let mut schema = object(kind.section());
    let mut definitions = Map::new();
    define(&schema, &mut definitions);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!(format!("Bongsu: {}", kind.section().title));
    schema["definitions"] = Value::Object(definitions);
    schema
}

/// A table with the keys of `section` and no other.
fn object(section: &'static Section) -> Value {
    object_without(section, &[])
}

/// The same without some keys that have no meaning at the place.
fn object_without(section: &'static Section, without: &[&str]) -> Value {
    let known: Vec<&Key> = section
        .keys
        .iter()
        .filter(|key| !without.contains(&key.name))
        .collect();
    let properties: Map<String, Value> = known
        .iter()
        .map(|key| (key.name.to_owned(), property(section, key)))
        .collect();
    let required: Vec<&str> = known
        .iter()
        .filter(|key| key.presence == Presence::Required)
        .map(|key| key.name)
        .collect();
    let mut schema = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn property(section: &Section, key: &Key) -> Value {
    let value = inside(section, key).unwrap_or_else(|| shape(key.shape));
    // Beside a `$ref` draft-07 sees no other word.
    let mut value = if value.get("$ref").is_some() {
        json!({ "allOf": [value] })
    } else {
        value
    };
    value["description"] = json!(key.about);
    value
}

/// What a key's shape alone says.
fn shape(of: Shape) -> Value {
    match of {
        Shape::Text => json!({ "type": "string" }),
        Shape::Duration => json!({
            "type": "string",
            "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$",
            "examples": ["800ms", "2.5s", "1m"],
        }),
        Shape::Integer => json!({ "type": "integer" }),
        Shape::Number => json!({ "type": "number" }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Names => json!({ "anyOf": [{ "type": "string" }, texts()] }),
        Shape::Texts => texts(),
        Shape::List => json!({ "type": "array" }),
        // Said aloud, since some editors take every table for closed.
        Shape::Table => json!({ "type": "object", "additionalProperties": true }),
        Shape::Tables => json!({ "type": "array", "items": shape(Shape::Table) }),
        Shape::Any => json!({ "additionalProperties": true }),
    }
}

fn texts() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}

/// Adds every definition that `value` refers to, and what those refer to.
fn define(value: &Value, definitions: &mut Map<String, Value>) {
    match value {
        Value::Object(entries) => {
            let name = entries
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|path| path.strip_prefix("#/definitions/"));
            if let Some(name) = name
                && !definitions.contains_key(name)
            {
                let defined = definition(name);
                let _ = definitions.insert(name.to_owned(), defined.clone());
                define(&defined, definitions);
            }
            entries
                .values()
                .for_each(|value| define(value, definitions));
        }
        Value::Array(items) => items.iter().for_each(|value| define(value, definitions)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
