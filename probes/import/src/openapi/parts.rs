//! Files and forms of parts that a description speaks of.

use serde_json::Value;

use super::document::{Document, Operation};
use crate::parts::{Content, Part, is_binary_type};

impl Document {
    /// The parts of a form, files generated.
    pub(super) fn parts(&self, media: &Value) -> Vec<Part> {
        let schema = self.follow(&media["schema"]);
        let example = self.example(media).unwrap_or_default();
        let properties = schema["properties"].as_object().into_iter().flatten();
        let is_required = |name: &str| {
            let mut required = schema["required"].as_array().into_iter().flatten();
            required.any(|one| one == name)
        };
        properties
            .filter_map(|(name, said)| {
                let said = self.follow(said);
                let kind = media["encoding"][name]["contentType"].as_str();
                // One of several types, or of all that are alike, is none to be stated.
                let kind = kind.filter(|kind| !kind.contains([',', '*']));
                let item = self.follow(&said["items"]);
                let is_file = is_file(said) || is_file(item);
                let value = &example[name];
                let content = match value {
                    _ if is_file => Content::Bytes(None),
                    Value::Null if is_required(name) => Content::Text(String::new()),
                    Value::Null => return None,
                    Value::String(text) => Content::Text(text.clone()),
                    value => Content::Text(value.to_string()),
                };
                let is_json = value.is_object() || value.is_array();
                let kind = kind.or_else(|| (is_json && !is_file).then_some("application/json"));
                Some(Part {
                    name: name.clone(),
                    file: is_file.then(|| name.clone()),
                    content_type: kind.map(str::to_owned),
                    content,
                })
            })
            .collect()
    }

    /// The type of a body that is bytes of no language.
    pub(super) fn binary_type<'a>(&'a self, operation: &'a Operation<'_>) -> Option<&'a str> {
        let body = self.follow(&operation.said["requestBody"]);
        let mut kinds = body["content"].as_object()?.keys();
        kinds
            .find(|kind| is_binary_type(kind) && !kind.contains('*'))
            .map(String::as_str)
    }
}

fn is_file(schema: &Value) -> bool {
    matches!(schema["format"].as_str(), Some("binary" | "byte"))
        || schema["contentMediaType"]
            .as_str()
            .is_some_and(is_binary_type)
        || schema["contentEncoding"].is_string()
}
