//! An example of what a schema describes: what it gives itself, otherwise the plainest value.

use serde_json::{Map, Value, json};

use super::document::Document;

/// How deep schemas are followed: a schema may hold itself.
const DEPTH_MAX: usize = 8;

/// Longest text that is made up, in characters.
const TEXT_CHARS_MAX: u64 = 200;

impl Document {
    /// The example of a media type or a parameter: its own, or its schema's.
    pub(super) fn example(&self, holder: &Value) -> Option<Value> {
        if let Some(example) = holder.get("example") {
            return Some(example.clone());
        }
        let examples = holder["examples"].as_object();
        let first = examples.and_then(|examples| examples.values().next());
        if let Some(value) = first.and_then(|first| self.follow(first).get("value")) {
            return Some(value.clone());
        }
        let schema = holder.get("schema")?;
        self.of_schema(schema, 0)
    }

    fn of_schema(&self, schema: &Value, depth: usize) -> Option<Value> {
        let schema = self.follow(schema);
        let said = ["example", "default", "const"]
            .iter()
            .find_map(|key| schema.get(*key))
            .or_else(|| schema["examples"].get(0))
            .or_else(|| schema["enum"].get(0));
        if let Some(value) = said {
            return Some(value.clone());
        }
        if depth >= DEPTH_MAX {
            return None;
        }
        if let Some(all) = schema["allOf"].as_array() {
            return self.of_all(schema, all, depth);
        }
        for key in ["oneOf", "anyOf"] {
            let found = schema[key]
                .as_array()
                .into_iter()
                .flatten()
                .find_map(|one| self.of_schema(one, depth + 1));
            if found.is_some() {
                return found;
            }
        }
        match kind(schema) {
            "object" => Some(self.of_object(schema, depth)),
            "array" => {
                let item = self.of_schema(&schema["items"], depth + 1);
                Some(item.into_iter().collect())
            }
            "integer" => Some(json!(whole(schema))),
            "number" => Some(json!(number(schema))),
            "boolean" => Some(json!(true)),
            "string" => Some(text(schema).into()),
            _ => None,
        }
    }

    fn of_all(&self, schema: &Value, all: &[Value], depth: usize) -> Option<Value> {
        let mut merged = Map::new();
        for part in all {
            match self.of_schema(part, depth + 1) {
                Some(Value::Object(entries)) => merged.extend(entries),
                Some(other) if all.len() == 1 => return Some(other),
                _ => {}
            }
        }
        if let Value::Object(own) = self.of_object(schema, depth) {
            merged.extend(own);
        }
        Some(Value::Object(merged))
    }

    /// What is required, or all if nothing is; what only answers have is left out.
    fn of_object(&self, schema: &Value, depth: usize) -> Value {
        let required = schema["required"].as_array();
        let is_wanted = |name: &String, property: &Value| {
            let listed = required.is_none_or(|required| {
                required.is_empty() || required.iter().any(|one| one.as_str() == Some(name))
            });
            listed && property["readOnly"] != json!(true)
        };
        let properties = schema["properties"].as_object().into_iter().flatten();
        let entries = properties.filter_map(|(name, property)| {
            let property = self.follow(property);
            is_wanted(name, property)
                .then(|| self.of_schema(property, depth + 1))?
                .map(|value| (name.clone(), value))
        });
        Value::Object(entries.collect())
    }
}

/// The type that a schema says or means.
fn kind(schema: &Value) -> &str {
    let said = match &schema["type"] {
        Value::String(kind) => Some(kind.as_str()),
        // 3.1: a list, in which null says that it may be absent.
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null"),
        _ => None,
    };
    match said {
        Some(kind) => kind,
        None if schema.get("properties").is_some() => "object",
        None if schema.get("items").is_some() => "array",
        None => "",
    }
}

/// A whole number that the schema's bounds allow.
fn whole(schema: &Value) -> i64 {
    let number = |key: &str| schema[key].as_i64();
    let low = number("minimum").or_else(|| number("exclusiveMinimum")?.checked_add(1));
    let high = number("maximum").or_else(|| number("exclusiveMaximum")?.checked_sub(1));
    match (low, high) {
        (Some(low), _) if low > 1 => low,
        (_, Some(high)) if high < 1 => high,
        _ => 1,
    }
}

/// A number that the schema's bounds allow.
fn number(schema: &Value) -> f64 {
    const PLAIN: f64 = 1.0;
    let bound = |key: &str| schema[key].as_f64();
    let low = bound("minimum").or_else(|| Some(bound("exclusiveMinimum")? + 1.0));
    let high = bound("maximum");
    let below = bound("exclusiveMaximum");
    let is_too_high = high.is_some_and(|high| PLAIN > high) || below.is_some_and(|b| PLAIN >= b);
    match (low, high.or(below)) {
        (Some(low), _) if low > PLAIN => low,
        (Some(low), Some(high)) if is_too_high => f64::midpoint(low, high),
        (None, Some(high)) if is_too_high => high - 1.0,
        _ => PLAIN,
    }
}

/// A text of the schema's format and length.
fn text(schema: &Value) -> String {
    let plain = match schema["format"].as_str().unwrap_or_default() {
        "date-time" => "2026-01-01T00:00:00Z",
        "date" => "2026-01-01",
        "time" => "00:00:00Z",
        "email" => "someone@example.com",
        "uuid" => "00000000-0000-4000-8000-000000000000",
        "uri" | "url" => "https://example.com/",
        "hostname" => "example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "byte" => "dGV4dA==",
        _ => "text",
    };
    let least = schema["minLength"]
        .as_u64()
        .unwrap_or(0)
        .min(TEXT_CHARS_MAX);
    let most = schema["maxLength"].as_u64().unwrap_or(TEXT_CHARS_MAX);
    let mut text = plain.to_owned();
    while (text.len() as u64) < least {
        text.push('x');
    }
    text.chars()
        .take(usize::try_from(most).unwrap_or(usize::MAX))
        .collect()
}
