//! The schema of a step: exactly one verb, and the keys that this verb takes.

use serde_json::{Value, json};

use super::object_without;
use crate::keys;
use crate::parse::verb_keys;

/// A step with the keys that its verb takes; without `without`, which have no meaning at its place.
pub(super) fn step(without: &[&str]) -> Value {
    let mut schema = object_without(&keys::STEP, without);
    let verbs: Vec<(&str, Vec<&str>)> = verb_keys()
        .filter(|(verb, _)| !without.contains(verb))
        .collect();
    let one_of: Vec<Value> = verbs
        .iter()
        .map(|(verb, _)| is_verb(verb, &verbs))
        .collect();
    let of_verb: Vec<Value> = verbs
        .iter()
        .map(|(verb, taken)| {
            let taken = taken.iter().copied();
            let names: Vec<&str> = ["name", verb, "as"].into_iter().chain(taken).collect();
            json!({
                "if": is_verb(verb, &verbs),
                "then": { "propertyNames": { "enum": names } },
            })
        })
        .collect();
    schema["oneOf"] = json!(one_of);
    schema["allOf"] = json!(of_verb);
    schema
}

/// The step has this verb: the key is there, and not as a word of another verb, as `send` of `tcp`.
fn is_verb(verb: &str, verbs: &[(&str, Vec<&str>)]) -> Value {
    let others: Vec<Value> = verbs
        .iter()
        .filter(|(_, taken)| taken.contains(&verb))
        .map(|(other, _)| json!({ "required": [other] }))
        .collect();
    if others.is_empty() {
        return json!({ "required": [verb] });
    }
    json!({ "required": [verb], "not": { "anyOf": others } })
}
