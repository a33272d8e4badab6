//! The shapes of the answers as JSON Schema, read from `shapes.txt`.

use bongsu_availability::RecoveryState;
use bongsu_model::{
    BlindReason, CellState, ClaimConfidence, ClaimedState, CleanupState, Comparison, FailClass,
    FeatureState, Overlay, Paid, StepKind, Track, TriggerKind, Verb,
};
use serde_json::{Map, Value, json};

use crate::report::Role;
use crate::report::profile::{Duty, Word as _};

/// A field per line, so that a reader sees what there is.
const SHAPES: &str = include_str!("shapes.txt");

/// Every shape by its name.
pub(super) fn schemas() -> Value {
    let mut all = shapes();
    let more = all.shift_remove("RunMore").expect("the file has it");
    all.insert("RunDetail".to_owned(), extended(&all["Run"], &more));
    let steps = json!({ "$ref": "#/components/schemas/Step" });
    // The one list that may be null.
    all["RunDetail"]["properties"]["steps"] = json!({
        "anyOf": [{ "type": "array", "items": steps }, { "type": "null" }],
        "description": "In order of start; null when they were thinned out to save room.",
    });
    all["RunDetail"]["required"]
        .as_array_mut()
        .expect("a list")
        .push(json!("steps"));
    for name in ["ClaimInForce", "Statement"] {
        let more = all.shift_remove(&format!("{name}More"));
        let whole = extended(&all["Claim"], &more.expect("the file has it"));
        all.insert(name.to_owned(), whole);
    }
    optional(
        &mut all["ClaimHandedIn"],
        &["feature", "state", "as_of", "source"],
    );
    for (name, words) in [
        (
            "FeatureState",
            words(FeatureState::ALL, FeatureState::as_str),
        ),
        ("CellState", words(CellState::ALL, CellState::as_str)),
        (
            "RecoveryState",
            words(&RecoveryState::ALL, RecoveryState::as_str),
        ),
        ("Overlay", words(Overlay::ALL, Overlay::as_str)),
        ("FailClass", words(FailClass::ALL, FailClass::as_str)),
        ("BlindReason", words(BlindReason::ALL, BlindReason::as_str)),
        ("Trigger", words(TriggerKind::ALL, TriggerKind::as_str)),
        ("Cleanup", words(CleanupState::ALL, CleanupState::as_str)),
        ("StepKind", words(StepKind::ALL, StepKind::as_str)),
        ("Verb", words(Verb::ALL, Verb::as_str)),
        ("Track", words(Track::ALL, Track::as_str)),
        (
            "ClaimedState",
            words(ClaimedState::ALL, ClaimedState::as_str),
        ),
        (
            "ClaimConfidence",
            words(ClaimConfidence::ALL, ClaimConfidence::as_str),
        ),
        ("Paid", words(Paid::ALL, Paid::as_str)),
        ("Role", words(Role::ALL, Role::as_str)),
        ("Duty", words(Duty::ALL, Duty::as_str)),
        ("Comparison", words(Comparison::ALL, Comparison::as_str)),
    ] {
        all.insert(name.to_owned(), json!({ "type": "string", "enum": words }));
    }
    Value::Object(all)
}

fn words<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().copied().map(word).collect()
}

fn shapes() -> Map<String, Value> {
    let mut shapes = Map::new();
    let mut name = "";
    for line in SHAPES.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with(' ') {
            let (field, rest) = line.trim_start().split_once(' ').expect("a type");
            let (kind, meaning) = rest.trim_start().split_once(' ').expect("a meaning");
            let shape = shapes.get_mut(name).expect("fields follow their shape");
            shape["properties"][field] = property(kind, meaning.trim_start());
            shape["required"]
                .as_array_mut()
                .expect("made below")
                .push(json!(field));
        } else if !line.is_empty() {
            name = line;
            let empty = json!({
                "type": "object",
                "properties": {},
                "required": [],
                "additionalProperties": false,
            });
            shapes.insert(name.to_owned(), empty);
        }
    }
    shapes
}

fn property(kind: &str, meaning: &str) -> Value {
    let mut schema = if let Some(kind) = kind.strip_suffix('?') {
        json!({ "anyOf": [one(kind), { "type": "null" }] })
    } else if let Some(kind) = kind.strip_suffix('*') {
        json!({ "type": "array", "items": one(kind) })
    } else {
        one(kind)
    };
    schema["description"] = json!(meaning);
    schema
}

fn one(kind: &str) -> Value {
    match kind {
        "text" => json!({ "type": "string" }),
        "time" => json!({ "type": "string", "format": "date-time" }),
        "whole" => json!({ "type": "integer", "minimum": 0 }),
        "number" => json!({ "type": "number" }),
        "ratio" => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        "yes" => json!({ "type": "boolean" }),
        "any" => json!({}),
        words if words.contains('|') => {
            json!({ "type": "string", "enum": words.split('|').collect::<Vec<_>>() })
        }
        shape => json!({ "$ref": format!("#/components/schemas/{shape}") }),
    }
}

/// A shape with all that another has, and more.
fn extended(shape: &Value, more: &Value) -> Value {
    let mut whole = shape.clone();
    for (field, schema) in more["properties"].as_object().expect("a shape") {
        whole["properties"][field] = schema.clone();
    }
    let fields = whole["properties"].as_object().expect("a shape").keys();
    whole["required"] = fields.cloned().collect();
    whole
}

/// Of a shape that is sent and not answered: only these fields must be there.
fn optional(shape: &mut Value, required: &[&str]) {
    shape["required"] = json!(required);
}
