//! What requests carry: JSON, forms and texts, with fields that hold credentials.

use serde_json::Value;

use super::Lowering;
use super::naming::is_made_up;
use crate::answers::Place;
use crate::credentials::{
    assigned_secrets, is_password_field, is_secret_field, is_secret_pair, login_rank,
};
use crate::draft::{Body, Step};
use crate::marks::{is_marked, is_one_mark};
use crate::parts::Content;
use crate::phrase::Phrase;
use crate::request::Payload;
use crate::toml_text::Data;

impl Lowering {
    /// Sets what a step carries.
    pub(crate) fn body(&mut self, payload: &Payload, step: &mut Step) {
        match payload {
            Payload::None => {}
            Payload::Json(value) => {
                let data = self.json("", value, step);
                let is_default = |(name, value): &(String, Phrase)| {
                    name == "content-type"
                        && value
                            .plain()
                            .is_some_and(|v| v.starts_with("application/json"))
                };
                if data.fits_toml() {
                    step.headers.retain(|header| !is_default(header));
                    step.body = Body::Json(data);
                } else {
                    let has_type = step.headers.iter().any(|(name, _)| name == "content-type");
                    if !has_type {
                        let kind = Phrase::words("application/json");
                        step.headers.push(("content-type".to_owned(), kind));
                    }
                    step.body = Body::Text(data.json_phrase());
                }
            }
            Payload::Form(pairs) => {
                step.headers.retain(|(name, _)| name != "content-type");
                step.body = Body::Form(self.pairs(pairs));
            }
            Payload::Parts(parts) => step.body = self.parts(parts, step),
            Payload::Text(text) => step.body = Body::Text(self.free_text(text)),
            Payload::Bytes(bytes) => step.body = self.bytes(bytes, step),
            Payload::File(bytes) => step.body = self.generated("the body", *bytes, step),
            Payload::Untold(why) => step.comments.push(self.clean(why)),
        }
    }

    /// A text in no particular form, in which fields may hold credentials.
    pub(super) fn free_text(&mut self, text: &str) -> Phrase {
        let mut phrase = Phrase::default();
        let mut from = 0;
        for (key, at) in assigned_secrets(text) {
            phrase.push_words(&text[from..at.start]);
            phrase.append(self.field(&key, &text[at.clone()]));
            from = at.end;
        }
        phrase.push_words(&text[from..]);
        self.secrets.redact_phrase(phrase)
    }

    /// A field's value by the field's name.
    pub(crate) fn field(&mut self, key: &str, text: &str) -> Phrase {
        if text.is_empty() || is_one_mark(text) {
            return Phrase::words(text);
        }
        let is_first = self.passwords.is_empty() || self.passwords.contains(text);
        if is_password_field(key) && is_first {
            let _ = self.passwords.insert(text.to_owned());
            return Phrase::expression("password");
        }
        if is_secret_pair(key, text) {
            return self.credential(key, text);
        }
        if login_rank(key).is_some() && self.logins.contains(text) {
            return Phrase::expression("login");
        }
        if is_made_up(key) {
            return self.made_up(text);
        }
        self.text(text, Place::of_field(key))
    }

    pub(super) fn json(&mut self, key: &str, value: &Value, step: &mut Step) -> Data {
        match value {
            Value::Null => Data::Null,
            Value::Bool(flag) => Data::Bool(*flag),
            Value::Number(number) => {
                let text = number.to_string();
                if is_secret_field(key) {
                    return Data::Text(self.field(key, &text));
                }
                let place = Place::of_field(key);
                let is_number = self.answers.find(&text, place).is_some_and(|o| o.is_number);
                match is_number
                    .then(|| self.captured(&text, place, key))
                    .flatten()
                {
                    Some(variable) => Data::Typed(variable),
                    None if self.secrets.redact(&text) != text => {
                        Data::Text(self.text(&text, place))
                    }
                    None => Data::Number(number.clone()),
                }
            }
            Value::String(text) => Data::Text(self.field(key, text)),
            Value::Array(items) => Data::List(
                items
                    .iter()
                    .map(|item| self.json(key, item, step))
                    .collect(),
            ),
            Value::Object(entries) => {
                let mut written = Vec::with_capacity(entries.len());
                for (name, value) in entries {
                    if self.secrets.redact(name) != *name {
                        step.comments
                            .push("left out: a field whose name is a credential".to_owned());
                        continue;
                    }
                    // What is inside of a secret is secret.
                    let inner = if is_secret_field(key) {
                        key
                    } else {
                        name.as_str()
                    };
                    written.push((name.clone(), self.json(inner, value, step)));
                }
                Data::Table(written)
            }
        }
    }

    /// Pairs with one entry a key.
    pub(crate) fn pairs(&mut self, pairs: &[(String, String)]) -> Vec<(String, Vec<Phrase>)> {
        let mut written: Vec<(String, Vec<Phrase>)> = Vec::new();
        for (key, value) in pairs {
            let phrase = self.field(key, value);
            let key = self.secrets.redact(key);
            match written.iter_mut().find(|(known, _)| *known == key) {
                Some((_, values)) => values.push(phrase),
                None => written.push((key, vec![phrase])),
            }
        }
        written
    }

    /// Whether somebody signs in; who it is, is remembered.
    pub(super) fn note_sign_in(&mut self, payload: &Payload) -> bool {
        let fields: Vec<(&str, &str)> = match payload {
            Payload::Form(pairs) => pairs
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str()))
                .collect(),
            Payload::Json(Value::Object(entries)) => {
                let inner = entries.values().filter_map(Value::as_object).flatten();
                entries
                    .iter()
                    .chain(inner)
                    .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
                    .collect()
            }
            Payload::Parts(parts) => parts
                .iter()
                .filter_map(|part| match &part.content {
                    Content::Text(text) => Some((part.name.as_str(), text.as_str())),
                    Content::Bytes(_) => None,
                })
                .collect(),
            Payload::Json(_)
            | Payload::None
            | Payload::Text(_)
            | Payload::Bytes(_)
            | Payload::File(_)
            | Payload::Untold(_) => return false,
        };
        let password = fields
            .iter()
            .find(|(key, value)| is_password_field(key) && !value.is_empty());
        let login = fields
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .filter_map(|(key, value)| Some((login_rank(key)?, *value)))
            .min();
        match (password, login) {
            (Some(_), Some((_, login))) => {
                if !is_marked(login) {
                    let _ = self.logins.insert(login.to_owned());
                }
                true
            }
            _ => false,
        }
    }
}
