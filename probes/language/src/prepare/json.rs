//! A body of JSON, written as it is rendered.

use super::{RENDERED_BYTES_MAX, RenderError, Renderer};
use crate::template::ValueTemplate;

/// A body of JSON begins with room for so many bytes.
const FIRST_JSON_BYTES: usize = 128;

impl Renderer<'_> {
    /// The value as JSON.
    pub(super) fn json(&mut self, value: &ValueTemplate) -> Result<Vec<u8>, RenderError> {
        let mut written = Vec::with_capacity(FIRST_JSON_BYTES);
        self.write_json(&mut written, value)?;
        Ok(written)
    }

    /// Writes a table or list entry by entry: no value is made of it first.
    fn write_json(
        &mut self,
        written: &mut Vec<u8>,
        value: &ValueTemplate,
    ) -> Result<(), RenderError> {
        match value {
            ValueTemplate::Literal(_) | ValueTemplate::Text(_) => {
                add_json(written, &*self.value(value)?);
            }
            ValueTemplate::List(items) => {
                written.push(b'[');
                for (n, item) in items.iter().enumerate() {
                    if n > 0 {
                        written.push(b',');
                    }
                    self.write_json(written, item)?;
                }
                written.push(b']');
            }
            ValueTemplate::Table(entries) => {
                written.push(b'{');
                for (n, (key, value)) in entries.iter().enumerate() {
                    if n > 0 {
                        written.push(b',');
                    }
                    add_json(written, key);
                    written.push(b':');
                    self.write_json(written, value)?;
                }
                written.push(b'}');
            }
        }
        // Looked at behind each value: no more than one is written beyond the bound.
        if written.len() > RENDERED_BYTES_MAX {
            return Err(RenderError::TooLong);
        }
        Ok(())
    }
}

/// Neither a text nor a value can fail to be JSON, nor memory to be written to.
fn add_json(written: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    let _ = serde_json::to_writer(written, value);
}

#[cfg(test)]
mod tests {
    use bongsu_model::{AgentId, RegionId, RunId, Timestamp};
    use serde_json::{Value, json};

    use super::*;
    use crate::capture::Secrecy;
    use crate::environment::{Environment, RunWords};
    use crate::source::SourceFile;
    use crate::template::Template;
    use crate::{CheckOptions, load, load_target};

    fn environment() -> Environment {
        let journey = "format = 1\njourney = \"any\"\nfeature = \"any\"\ntimeout = \"1s\"\n\
                       actor.user.account = \"pool:users\"\n[[step]]\nname = \"ask\"\n\
                       get = \"http://a.test\"\n";
        let loaded = load(
            &[SourceFile::new("any.toml", journey)],
            CheckOptions::default(),
        );
        let target = "format = 1\ntarget = \"any\"\nbase.api = \"http://a.test\"\nhosts = [\"a.test\"]\n\
                      [pool.users]\naccounts = [{ name = \"u-1\", login = \"u-1\" }]\n";
        let target = load_target(&SourceFile::new("target.toml", target)).unwrap();
        let words = RunWords {
            id: RunId::from_bytes([7; 16]),
            agent: AgentId::new("seoul-1").unwrap(),
            region: RegionId::new("kr").unwrap(),
        };
        Environment::new(&loaded.journeys[0], &target, words, Timestamp::EPOCH)
    }

    fn text(text: &str) -> ValueTemplate {
        ValueTemplate::Text(Template::parse(text).unwrap())
    }

    #[test]
    fn it_is_written_as_its_value_would_be() {
        let mut environment = environment();
        let odd = "\" \\ \n \u{1} \u{7f} 가 😀 </script>";
        for (name, value) in [
            ("odd", json!(odd)),
            ("number", json!(12.50)),
            (
                "nested",
                json!({"a": [null, true, {"b": -1}], "": u64::MAX}),
            ),
        ] {
            environment.set(0, name, value, Secrecy::Secret);
        }
        let entry = |name: &str, value| (name.to_owned(), value);
        let template = ValueTemplate::Table(Box::new([
            entry(odd, text("{{ odd }}")),
            entry("joined", text("<{{ odd }}-{{ number }}>")),
            entry("none", ValueTemplate::Table(Box::new([]))),
            entry(
                "list",
                ValueTemplate::List(Box::new([
                    text("{{ nested }}"),
                    ValueTemplate::literal(json!([1e300, "x"])),
                    ValueTemplate::List(Box::new([])),
                    text("{{ number }}"),
                ])),
            ),
        ]));
        let mut renderer = Renderer::new(&environment, 0);
        let written = renderer.json(&template).unwrap();
        let mut other = Renderer::new(&environment, 0);
        let value = other.value(&template).unwrap().into_owned();
        assert_eq!(String::from_utf8(written).unwrap(), value.to_string());
        assert_eq!(renderer.secrets, other.secrets);
        assert_eq!(renderer.secrecy, Secrecy::Secret);
        let lone = Renderer::new(&environment, 0).json(&text("{{ odd }}"));
        assert_eq!(lone.unwrap(), Value::from(odd).to_string().into_bytes());
    }

    #[test]
    fn it_has_a_bound_and_says_what_is_unset() {
        let environment = environment();
        let long = ValueTemplate::literal("x".repeat(RENDERED_BYTES_MAX - 2));
        let mut renderer = Renderer::new(&environment, 0);
        assert_eq!(renderer.json(&long).unwrap().len(), RENDERED_BYTES_MAX);
        let longer = ValueTemplate::List(Box::new([long]));
        assert_eq!(renderer.json(&longer), Err(RenderError::TooLong));
        let name = "bob.id".to_owned();
        let unset = ValueTemplate::List(Box::new([text("{{ bob.id }}")]));
        assert_eq!(renderer.json(&unset), Err(RenderError::Unset { name }));
        // What stands behind the bound is not looked at.
        let both = ValueTemplate::List(Box::new([longer, unset]));
        assert_eq!(renderer.json(&both), Err(RenderError::TooLong));
    }
}
