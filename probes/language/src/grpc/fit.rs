//! Holds a message as it is written in a journey against its descriptor, as far as that can be
//! said before its variables have values.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::Value;

use super::Method;
use crate::keys::did_you_mean;
use crate::parser::literal;
use crate::template::ValueTemplate;

/// Most mistakes of one message that are told: those after are the same one again.
const MISFITS_MAX: usize = 10;

/// What does not fit the method's input, each with what may help.
pub(crate) fn misfits(method: &Method, message: &ValueTemplate) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    hold(&method.0.input(), message, "", &mut found);
    found.truncate(MISFITS_MAX);
    found
}

fn hold(
    message: &MessageDescriptor,
    value: &ValueTemplate,
    path: &str,
    found: &mut Vec<(String, Option<String>)>,
) {
    // Messages of Protocol Buffers itself, such as dates, have a JSON of their own.
    if message.package_name() == "google.protobuf" {
        if let Some(literal) = literal(value)
            && let Err(error) = DynamicMessage::deserialize(message.clone(), &literal)
        {
            found.push((format!("{}: {error}", named(path)), None));
        }
        return;
    }
    let entries = match value {
        ValueTemplate::Table(entries) => entries,
        ValueTemplate::Text(template) if template.lone().is_some() => return,
        ValueTemplate::Text(_) | ValueTemplate::Literal(_) | ValueTemplate::List(_) => {
            let name = message.full_name();
            found.push((
                format!("{} must be a table: it is {name}", named(path)),
                None,
            ));
            return;
        }
    };
    for (key, value) in entries {
        let path = format!("{path}.{key}");
        let field = message
            .get_field_by_json_name(key)
            .or_else(|| message.get_field_by_name(key));
        match field {
            Some(field) => hold_field(message, &field, (key, value), &path, found),
            None => found.push((
                format!("`{}` has no field `{key}`", message.full_name()),
                similar(message, key),
            )),
        }
    }
}

fn hold_field(
    message: &MessageDescriptor,
    field: &FieldDescriptor,
    (key, value): (&str, &ValueTemplate),
    path: &str,
    found: &mut Vec<(String, Option<String>)>,
) {
    match (field.kind(), value) {
        (Kind::Message(entry), ValueTemplate::Table(entries)) if field.is_map() => {
            if let Kind::Message(inner) = entry.map_entry_value_field().kind() {
                for (key, value) in entries {
                    hold(&inner, value, &format!("{path}.{key}"), found);
                }
                return;
            }
        }
        (Kind::Message(inner), ValueTemplate::List(items)) if field.is_list() => {
            for (at, item) in items.iter().enumerate() {
                hold(&inner, item, &format!("{path}[{at}]"), found);
            }
            return;
        }
        (Kind::Message(inner), ValueTemplate::Table(_)) if !field.is_list() && !field.is_map() => {
            hold(&inner, value, path, found);
            return;
        }
        _ => {}
    }
    let Some(literal) = literal(value) else {
        return;
    };
    let alone = Value::Object([(key.to_owned(), literal)].into_iter().collect());
    if let Err(error) = DynamicMessage::deserialize(message.clone(), &alone) {
        found.push((format!("{}: {error}", named(path)), None));
    }
}

fn named(path: &str) -> String {
    match path.strip_prefix('.') {
        Some(path) => format!("`{path}`"),
        None => "the message".to_owned(),
    }
}

fn similar(message: &MessageDescriptor, key: &str) -> Option<String> {
    let known: Vec<String> = message
        .fields()
        .map(|field| field.json_name().to_owned())
        .collect();
    let similar = did_you_mean(key, known.iter().map(String::as_str));
    Some(match similar {
        Some(similar) => format!("did you mean `{similar}`?"),
        None if known.is_empty() => "it has no fields".to_owned(),
        None => format!("its fields are: {}", known.join(", ")),
    })
}
