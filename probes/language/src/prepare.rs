//! From a step to what is sent: every template rendered, every byte decided.

use std::borrow::Cow;

use base64::Engine as _;
use bongsu_model::Secret;
use serde_json::Value;

use crate::capture::Secrecy;
use crate::environment::{Environment, Variable, collect_texts};
use crate::expression::{EvaluationError, Expression, path_encode, percent_encode};
use crate::journey::{
    Act, Body, ClientCredentials, GrpcAct, Header, HeaderOrigin, HttpAct, OpenAct, Step, Url,
};
use crate::multipart::{self, FormPart, PartContent};
use crate::sketch::placeholder;
use crate::template::{Part, Template, ValueTemplate};

mod error;
mod json;
mod net;
mod prepared;
mod told;

pub use error::RenderError;
pub use net::{PreparedDns, PreparedNet, PreparedServer};
pub use prepared::{Prepared, PreparedAct, PreparedCall, PreparedRequest};
pub(crate) use told::{ToldNet, tell_net};

/// Longest rendered text in bytes: a request that a person would write is far below.
const RENDERED_BYTES_MAX: usize = 1024 * 1024;

/// So long is a value that stands in a text, seldom longer: a token, a URL, an id.
const USUAL_VALUE_BYTES: usize = 40;

impl Step {
    /// Renders the step's act for one of its actors.
    ///
    /// # Errors
    /// When a variable is unset or a value does not fit where it is put.
    pub fn prepare(
        &self,
        environment: &Environment,
        actor: usize,
    ) -> Result<Prepared, RenderError> {
        let mut renderer = Renderer::new(environment, actor);
        let act = match &self.act {
            Act::Http(act) => PreparedAct::Http(renderer.request(act)?),
            Act::Grpc(act) => PreparedAct::Grpc(renderer.call(act)?),
            Act::Open(act) => renderer.open(act)?,
            Act::Send { socket, body } => PreparedAct::Send {
                socket: socket.clone(),
                // The parser lets no frame be anything but text.
                text: renderer.body(body)?.map_or_else(String::new, |(bytes, _)| {
                    String::from_utf8_lossy(&bytes).into_owned()
                }),
            },
            Act::Receive { socket, .. } => PreparedAct::Receive {
                socket: socket.clone(),
            },
            Act::Close { socket } => PreparedAct::Close {
                socket: socket.clone(),
            },
            Act::Net(act) => PreparedAct::Net(renderer.net(act)?),
        };
        Ok(Prepared {
            act,
            secrets: renderer.secrets,
        })
    }

    /// Whether the step is to be performed by this actor: its `when` is true or absent.
    ///
    /// # Errors
    /// When a variable is unset or the condition is neither true nor false.
    pub fn applies(&self, environment: &Environment, actor: usize) -> Result<bool, RenderError> {
        let Some(when) = &self.when else {
            return Ok(true);
        };
        let (value, _) = evaluate(environment, actor, when)?;
        value.as_bool().ok_or_else(|| RenderError::Expression {
            expression: when.text().to_owned(),
            reason: format!("`when` needs true or false, this is {}", kind_of(&value)),
        })
    }
}

impl ValueTemplate {
    /// Renders the value as `actor` sees it; a lone placeholder keeps its type.
    ///
    /// # Errors
    /// When a variable is unset or a table stands inside a text.
    pub fn render(&self, environment: &Environment, actor: usize) -> Result<Variable, RenderError> {
        let mut renderer = Renderer::new(environment, actor);
        let value = renderer.value(self)?.into_owned();
        let secrecy = renderer.secrecy;
        Ok(Variable { value, secrecy })
    }

    /// The same value, for one that only looks at it.
    pub(crate) fn look_at<'v>(
        &'v self,
        environment: &'v Environment,
        actor: usize,
    ) -> Result<Cow<'v, Value>, RenderError> {
        Renderer::new(environment, actor).value(self)
    }
}

/// How a value is put into a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    Nothing,
    /// All but `target.…`, which is a URL already.
    Url,
}

struct Renderer<'a> {
    environment: &'a Environment,
    actor: usize,
    secrets: Vec<Secret>,
    /// Whether anything rendered so far was made of a secret.
    secrecy: Secrecy,
}

impl<'a> Renderer<'a> {
    fn new(environment: &'a Environment, actor: usize) -> Self {
        Self {
            environment,
            actor,
            secrets: Vec::new(),
            secrecy: Secrecy::Public,
        }
    }

    fn request(&mut self, act: &HttpAct) -> Result<PreparedRequest, RenderError> {
        let mut url = self.url(&act.url, &["http://", "https://"])?;
        self.add_query(&mut url, &act.query)?;
        let mut headers = self.headers(&act.headers)?;
        if let Some(client) = &act.client {
            headers.retain(|(name, _)| name != "authorization");
            headers.push(("authorization".to_owned(), self.basic(client)?));
        }
        let body = self.body(&act.body)?;
        if matches!(act.body, Body::Multipart(_)) {
            // Only ours names the boundary.
            headers.retain(|(name, _)| name != "content-type");
        }
        let body = body.map(|(bytes, kind)| {
            if !headers.iter().any(|(name, _)| name == "content-type") {
                headers.push(("content-type".to_owned(), kind));
            }
            bytes
        });
        Ok(PreparedRequest {
            verb: act.verb,
            url,
            headers,
            body,
            follow: act.follow,
        })
    }

    fn call(&mut self, act: &GrpcAct) -> Result<PreparedCall, RenderError> {
        let url = self.url(&act.url, &["http://", "https://"])?;
        let headers = self.headers(&act.headers)?;
        let message = self.value(&act.message)?.into_owned();
        Ok(PreparedCall {
            url,
            headers,
            message,
        })
    }

    fn open(&mut self, act: &OpenAct) -> Result<PreparedAct, RenderError> {
        let mut url = self.url(&act.url, &["ws://", "wss://"])?;
        self.add_query(&mut url, &act.query)?;
        let headers = self.headers(&act.headers)?;
        Ok(PreparedAct::Open {
            url,
            headers,
            socket: act.socket.clone(),
        })
    }

    fn url(&mut self, url: &Url, schemes: &[&str; 2]) -> Result<String, RenderError> {
        let room = url.base.as_ref().map_or(0, room) + room(&url.rest);
        let mut whole = String::with_capacity(room);
        if let Some(base) = &url.base {
            self.write(&mut whole, base, Escape::Url)?;
            whole.truncate(whole.trim_end_matches('/').len());
        }
        self.write(&mut whole, &url.rest, Escape::Url)?;
        let plain = whole.bytes().all(|b| b > b' ' && b != 0x7f);
        if plain && schemes.iter().any(|scheme| whole.starts_with(scheme)) {
            return Ok(whole);
        }
        let expected = if schemes[0] == "ws://" {
            "ws:// or wss:// and have no blanks"
        } else {
            "http:// or https:// and have no blanks"
        };
        Err(RenderError::Url { expected })
    }

    fn add_query(
        &mut self,
        url: &mut String,
        query: &[(String, ValueTemplate)],
    ) -> Result<(), RenderError> {
        if query.is_empty() {
            return Ok(());
        }
        let encoded = self.pairs(query)?;
        let (before, fragment) = match url.split_once('#') {
            Some((before, _)) => (before.to_owned(), true),
            None => (url.clone(), false),
        };
        if fragment {
            *url = before;
        }
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&encoded);
        Ok(())
    }

    fn pairs(&mut self, pairs: &[(String, ValueTemplate)]) -> Result<String, RenderError> {
        let mut written = Vec::new();
        for (key, value) in pairs {
            let rendered = self.value(value)?;
            let items = match &*rendered {
                Value::Array(items) => items.as_slice(),
                single => std::slice::from_ref(single),
            };
            for item in items {
                let text = as_text(item).ok_or_else(|| RenderError::NotText {
                    expression: key.clone(),
                    kind: kind_of(item),
                })?;
                written.push(format!("{}={}", percent_encode(key), percent_encode(&text)));
            }
        }
        bounded(written.join("&"))
    }

    fn headers(&mut self, headers: &[Header]) -> Result<Vec<(String, String)>, RenderError> {
        let mut rendered: Vec<(String, String)> = Vec::new();
        for header in headers {
            if matches!(header.origin, HeaderOrigin::Actor(of) if of != self.actor) {
                continue;
            }
            let value = match self.text(&header.value, Escape::Nothing) {
                Ok(value) => value,
                Err(RenderError::Unset { .. }) if header.origin != HeaderOrigin::Step => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            // RFC 9110, section 5.5: visible characters, blanks and tabs.
            if value.bytes().any(|b| b < b' ' && b != b'\t' || b == 0x7f) {
                return Err(RenderError::Header {
                    name: header.name.clone(),
                });
            }
            rendered.retain(|(name, _)| *name != header.name);
            rendered.push((header.name.clone(), value));
        }
        Ok(rendered)
    }

    /// The body and its usual content type.
    fn body(&mut self, body: &Body) -> Result<Option<(Vec<u8>, String)>, RenderError> {
        let (bytes, kind) = match body {
            Body::Empty => return Ok(None),
            Body::Json(value) => (self.json(value)?, "application/json"),
            Body::Form(pairs) => (
                self.pairs(pairs)?.into_bytes(),
                "application/x-www-form-urlencoded",
            ),
            Body::Multipart(parts) => {
                let run = self.environment.run_id();
                let parts: Result<Vec<_>, _> =
                    parts.iter().map(|part| self.part(part, &run)).collect();
                return Ok(Some(multipart::write(&parts?, &run)));
            }
            Body::Text(template) => (
                self.text(template, Escape::Nothing)?.into_bytes(),
                "text/plain; charset=utf-8",
            ),
            Body::Bytes(bytes) => (bytes.clone(), "application/octet-stream"),
            Body::Generated(size) => (
                self.generated(*size, &self.environment.run_id()),
                "application/octet-stream",
            ),
        };
        Ok(Some((bytes, kind.to_owned())))
    }

    fn part(&mut self, part: &FormPart, run: &str) -> Result<multipart::Rendered, RenderError> {
        let content = match &part.content {
            PartContent::Text(value) => {
                let value = self.value(value)?;
                let text = as_text(&value).ok_or_else(|| RenderError::NotText {
                    expression: part.name.clone(),
                    kind: kind_of(&value),
                })?;
                bounded(text.into_owned())?.into_bytes()
            }
            PartContent::Json(value) => self.json(value)?,
            PartContent::Generated(size) => self.generated(*size, &format!("{run} {}", part.name)),
        };
        let file = match &part.file {
            Some(file) => Some(self.text(file, Escape::Nothing)?),
            None => None,
        };
        Ok(multipart::Rendered {
            name: part.name.clone(),
            file,
            content_type: part.content_type.clone(),
            content,
        })
    }

    /// Bytes that are anew in each run; before one, how many.
    fn generated(&self, size: usize, seed: &str) -> Vec<u8> {
        if self.environment.is_before_a_run() {
            return format!("({size} bytes, generated anew in each run)").into_bytes();
        }
        multipart::generate(size, seed)
    }

    /// The value of `authorization` (RFC 6749, section 2.3.1: both are form-encoded first).
    fn basic(&mut self, client: &ClientCredentials) -> Result<String, RenderError> {
        let id = percent_encode(&self.text(&client.id, Escape::Nothing)?);
        let secret = percent_encode(&self.text(&client.secret, Escape::Nothing)?);
        if self.environment.is_before_a_run() {
            return Ok(format!("Basic {}", placeholder::hidden()));
        }
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
        if self.secrecy == Secrecy::Secret {
            self.secrets.push(Secret::new(pair.as_str()));
        }
        Ok(format!("Basic {pair}"))
    }

    fn value<'v>(&mut self, value: &'v ValueTemplate) -> Result<Cow<'v, Value>, RenderError>
    where
        'a: 'v,
    {
        Ok(Cow::Owned(match value {
            ValueTemplate::Literal(value) => return Ok(Cow::Borrowed(value)),
            ValueTemplate::Text(template) => match template.lone() {
                Some(expression) => return self.evaluate(expression),
                None => Value::String(self.text(template, Escape::Nothing)?),
            },
            ValueTemplate::List(items) => Value::Array(
                items
                    .iter()
                    .map(|item| Ok(self.value(item)?.into_owned()))
                    .collect::<Result<_, RenderError>>()?,
            ),
            ValueTemplate::Table(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), self.value(value)?.into_owned())))
                    .collect::<Result<_, RenderError>>()?,
            ),
        }))
    }

    fn text(&mut self, template: &Template, escape: Escape) -> Result<String, RenderError> {
        let mut written = String::with_capacity(room(template));
        self.write(&mut written, template, escape)?;
        Ok(written)
    }

    /// Writes the text behind what `written` holds already.
    fn write(
        &mut self,
        written: &mut String,
        template: &Template,
        escape: Escape,
    ) -> Result<(), RenderError> {
        let before = written.len();
        for part in template.parts() {
            match part {
                Part::Text(text) => written.push_str(text),
                Part::Expression(expression, _) => {
                    let value = self.evaluate(expression)?;
                    let text = as_text(&value).ok_or_else(|| RenderError::NotText {
                        expression: expression.text().to_owned(),
                        kind: kind_of(&value),
                    })?;
                    let of_target = expression.names().first().is_some_and(|name| {
                        name.path[0] == "target" && name.is_written(expression.text())
                    });
                    if escape == Escape::Url && !of_target {
                        written.push_str(&path_encode(&text));
                    } else {
                        written.push_str(&text);
                    }
                }
            }
        }
        if written.len() - before > RENDERED_BYTES_MAX {
            return Err(RenderError::TooLong);
        }
        Ok(())
    }

    fn evaluate(&mut self, expression: &Expression) -> Result<Cow<'a, Value>, RenderError> {
        let (value, secrecy) = evaluate(self.environment, self.actor, expression)?;
        if secrecy == Secrecy::Secret {
            self.secrecy = Secrecy::Secret;
            collect_texts(&value, &mut self.secrets);
        }
        Ok(value)
    }
}

/// How many bytes a text is likely to have.
fn room(template: &Template) -> usize {
    let parts = template.parts().iter().map(|part| match part {
        Part::Text(text) => text.len(),
        Part::Expression(..) => USUAL_VALUE_BYTES,
    });
    parts.sum()
}

fn bounded(text: String) -> Result<String, RenderError> {
    if text.len() > RENDERED_BYTES_MAX {
        Err(RenderError::TooLong)
    } else {
        Ok(text)
    }
}

fn evaluate<'a>(
    environment: &'a Environment,
    actor: usize,
    expression: &Expression,
) -> Result<(Cow<'a, Value>, Secrecy), RenderError> {
    environment
        .evaluate(expression, actor)
        .map_err(|error| match error {
            EvaluationError::Unset(name) => RenderError::Unset { name },
            EvaluationError::Failed(reason) => RenderError::Expression {
                expression: expression.text().to_owned(),
                reason,
            },
        })
}

fn as_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(flag) => Some(flag.to_string().into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What a JSON value is, as a reader calls it.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}
