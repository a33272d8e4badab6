//! A description as a tree in which references can be followed.

use serde_json::Value;

use crate::ImportError;

/// Longest chain of references: a longer one is a circle.
const REFERENCES_MAX: usize = 50;

/// An OpenAPI description.
#[derive(Debug)]
pub(super) struct Document(Value);

/// One operation of a description.
#[derive(Debug, Clone)]
pub(super) struct Operation<'a> {
    /// As in the description, lower-case.
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) said: &'a Value,
    /// What all operations of the path have.
    pub(super) shared: &'a Value,
}

impl Operation<'_> {
    /// Its `operationId`, or `GET /path`.
    pub(super) fn id(&self) -> String {
        match self.said["operationId"].as_str() {
            Some(id) => id.to_owned(),
            None => self.place(),
        }
    }

    /// `GET /path`.
    pub(super) fn place(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
    }
}

impl Document {
    /// Reads JSON or YAML.
    ///
    /// # Errors
    /// When it is neither, or not of version 3.0 or 3.1.
    pub(super) fn read(text: &str) -> Result<Self, ImportError> {
        let text = text.trim_start_matches('\u{feff}');
        let is_json = text.trim_start().starts_with('{');
        let value: Value = if is_json {
            serde_json::from_str(text).map_err(|error| not_openapi(&error.to_string()))?
        } else {
            serde_saphyr::from_str(text).map_err(|error| {
                let told = error.to_string();
                not_openapi(told.lines().next().unwrap_or("it cannot be read"))
            })?
        };
        let version = match &value["openapi"] {
            Value::String(version) => version.clone(),
            Value::Number(version) => version.to_string(),
            _ if value.get("swagger").is_some() => {
                return Err(not_openapi(
                    "it is Swagger 2.0; convert it to OpenAPI 3 first",
                ));
            }
            _ => return Err(not_openapi("it does not say `openapi: 3.…`")),
        };
        if !["3.0", "3.1"]
            .iter()
            .any(|known| version.starts_with(known))
        {
            return Err(not_openapi(&format!(
                "version {} is not known; 3.0 and 3.1 are",
                version.chars().take(20).collect::<String>()
            )));
        }
        Ok(Self(value))
    }

    /// The operations, in the description's order.
    pub(super) fn operations(&self) -> Vec<Operation<'_>> {
        const METHODS: &[&str] = &[
            "get", "put", "post", "delete", "options", "head", "patch", "trace",
        ];
        let paths = self.0["paths"].as_object().into_iter().flatten();
        paths
            .flat_map(|(path, item)| {
                let shared = self.follow(item);
                let methods = shared.as_object().into_iter().flatten();
                methods
                    .filter(|(method, _)| METHODS.contains(&method.as_str()))
                    .map(move |(method, said)| Operation {
                        method,
                        path,
                        said,
                        shared,
                    })
            })
            .collect()
    }

    /// What a value says, its references followed; null if they lead nowhere.
    pub(super) fn follow<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        for _ in 0..REFERENCES_MAX {
            let Some(reference) = value["$ref"].as_str() else {
                return value;
            };
            let found = reference
                .strip_prefix('#')
                .and_then(|pointer| self.0.pointer(pointer));
            match found {
                Some(found) => value = found,
                None => return &Value::Null,
            }
        }
        &Value::Null
    }

    /// The first server's address.
    pub(super) fn server<'a>(&'a self, operation: &Operation<'a>) -> Option<&'a str> {
        let first = |value: &'a Value| value["servers"][0]["url"].as_str();
        first(operation.said)
            .or_else(|| first(operation.shared))
            .or_else(|| first(&self.0))
    }

    /// The path's and the operation's parameters; the latter take the place of the former.
    pub(super) fn parameters<'a>(&'a self, operation: &Operation<'a>) -> Vec<&'a Value> {
        let list = |value: &'a Value| value["parameters"].as_array().into_iter().flatten();
        let mut found: Vec<&Value> = Vec::new();
        for parameter in list(operation.shared).chain(list(operation.said)) {
            let parameter = self.follow(parameter);
            let is_same = |known: &Value| {
                known["name"] == parameter["name"] && known["in"] == parameter["in"]
            };
            match found.iter().position(|known| is_same(known)) {
                Some(at) => found[at] = parameter,
                None => found.push(parameter),
            }
        }
        found
    }

    /// The security schemes that an operation asks for: those of its first alternative.
    pub(super) fn security<'a>(&'a self, operation: &Operation<'a>) -> Vec<&'a Value> {
        let asked = match &operation.said["security"] {
            Value::Null => &self.0["security"],
            own => own,
        };
        let alternatives = asked.as_array().into_iter().flatten();
        let first = alternatives
            .filter_map(Value::as_object)
            .find(|alternative| !alternative.is_empty());
        let names = first.into_iter().flatten().map(|(name, _)| name);
        names
            .map(|name| self.follow(&self.0["components"]["securitySchemes"][name.as_str()]))
            .filter(|scheme| !scheme.is_null())
            .collect()
    }
}

pub(super) fn not_openapi(reason: &str) -> ImportError {
    ImportError::Format {
        format: "an OpenAPI description",
        reason: reason.to_owned(),
    }
}
