//! What stands between `{{` and `}}`: names, dots, `+ - *` and a few filters. No loops, no calls
//! but `now()` and `totp(NAME)`, nothing that reads a file or the process.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::expression::token::{Token, TokenKind, tokens};

mod filters;
mod token;
mod totp;

use filters::FILTERS;
pub(crate) use filters::{RESERVED, path_encode, percent_encode};

/// Longest expression in bytes.
const EXPRESSION_BYTES_MAX: usize = 500;

/// A name that an expression reads: `token`, `bob.user_id`, `target.base.talk`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Its parts, at least one.
    pub path: Vec<String>,
    /// Its bytes in the expression's text.
    pub at: Range<usize>,
}

impl Name {
    /// The name as written.
    pub fn text(&self) -> String {
        self.path.join(".")
    }

    /// Whether it is just this text.
    pub(crate) fn is_written(&self, text: &str) -> bool {
        text.split('.').eq(self.path.iter().map(String::as_str))
    }
}

/// Which operators an expression may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grammar {
    /// A value: names, `+ - *`, filters.
    Value,
    /// A condition: comparisons, `and`, `or` and `not` as well.
    Condition,
}

/// A compiled expression, cheap to clone.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    text: String,
    names: Vec<Name>,
    form: Form,
}

enum Form {
    /// One name and nothing else: its value passes through untouched.
    Name,
    Engine(minijinja::Expression<'static, 'static>, Operands),
}

/// Which values the operators may meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operands {
    Any,
    /// There is a `*`: it would repeat a text or a list, as often as an answer says.
    Numbers,
}

/// Why a text is not an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExpressionError {
    pub(crate) message: String,
    pub(crate) help: String,
    pub(crate) at: Range<usize>,
}

impl ExpressionError {
    fn new(message: impl Into<String>, help: impl Into<String>, at: Range<usize>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
            at,
        }
    }
}

/// Where an expression's names get their values.
pub(crate) trait Names<'v> {
    /// The value of `name`, or none if it is not set.
    fn value(&self, name: &Name) -> Option<Cow<'v, Value>>;
    /// What `now()` gives: whole seconds since the Unix epoch.
    fn now_unix_seconds(&self) -> u64;
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EvaluationError {
    /// The name as written.
    Unset(String),
    Failed(String),
}

static ENGINE: LazyLock<minijinja::Environment<'static>> = LazyLock::new(|| {
    let mut engine = minijinja::Environment::empty();
    engine.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    engine.set_recursion_limit(50);
    filters::register(&mut engine);
    engine
});

impl Expression {
    pub(crate) fn parse(text: &str, grammar: Grammar) -> Result<Self, ExpressionError> {
        let all = 0..text.len();
        if text.trim().is_empty() {
            return Err(ExpressionError::new(
                "there is nothing between the braces",
                "write a name, as in `{{ token }}`",
                all,
            ));
        }
        if text.len() > EXPRESSION_BYTES_MAX {
            return Err(ExpressionError::new(
                format!("the expression is longer than {EXPRESSION_BYTES_MAX} bytes"),
                "capture what is needed in an earlier step",
                all,
            ));
        }
        let tokens = tokens(text)?;
        let names = read_names(&tokens, grammar)?;
        let lone = names.len() == 1 && names[0].at == trimmed(text);
        let form = if lone {
            Form::Name
        } else {
            Form::Engine(compile(text)?, operands(&tokens)?)
        };
        Ok(Self(Arc::new(Compiled {
            text: text.trim().to_owned(),
            names,
            form,
        })))
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The names that it reads, in order.
    pub fn names(&self) -> &[Name] {
        &self.0.names
    }

    pub(crate) fn evaluate<'v>(
        &self,
        names: &dyn Names<'v>,
    ) -> Result<Cow<'v, Value>, EvaluationError> {
        let look_up = |name: &Name| {
            names
                .value(name)
                .ok_or_else(|| EvaluationError::Unset(name.text()))
        };
        let (compiled, operands) = match &self.0.form {
            Form::Name => return look_up(&self.0.names[0]),
            Form::Engine(compiled, operands) => (compiled, *operands),
        };
        let mut context = serde_json::Map::new();
        for name in self.names() {
            let value = look_up(name)?;
            if operands == Operands::Numbers && !value.is_number() {
                let reason = "an operator does not fit the types of its values";
                return Err(EvaluationError::Failed(reason.to_owned()));
            }
            insert(&mut context, &name.path, value.into_owned());
        }
        let mut context: std::collections::BTreeMap<String, minijinja::Value> = context
            .into_iter()
            .map(|(root, value)| (root, minijinja::value::Serde(value).into()))
            .collect();
        let now = names.now_unix_seconds();
        let _ = context.insert(
            "now".to_owned(),
            minijinja::Value::from_function(move || now),
        );
        let _ = context.insert(
            "totp".to_owned(),
            minijinja::Value::from_function(move |secret: String| {
                // The kind that `describe` knows for it: the engine has none of this name.
                totp::code(&secret, now)
                    .ok_or_else(|| minijinja::Error::from(minijinja::ErrorKind::CannotUnpack))
            }),
        );
        let value = compiled
            .eval(minijinja::Value::from(context))
            .map_err(|error| EvaluationError::Failed(describe(&error)))?;
        if value.is_undefined() {
            return Err(EvaluationError::Failed("it has no value".to_owned()));
        }
        serde_json::to_value(&value)
            .map(Cow::Owned)
            .map_err(|_| EvaluationError::Failed("its value is not JSON".to_owned()))
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expression({})", self.text())
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

/// The engine's words without values: a value may be a secret.
fn describe(error: &minijinja::Error) -> String {
    use minijinja::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidOperation => "an operator does not fit the types of its values".into(),
        ErrorKind::MissingArgument | ErrorKind::TooManyArguments => {
            "a filter has the wrong number of arguments".into()
        }
        ErrorKind::CannotUnpack => {
            "the secret of `totp` is neither base32 nor an otpauth://totp/ URI".into()
        }
        ErrorKind::WriteFailure => "a filter gives more than 1 MiB of text".into(),
        kind => format!("{kind}"),
    }
}

fn insert(context: &mut serde_json::Map<String, Value>, path: &[String], value: Value) {
    let Some((root, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        let _ = context.insert(root.clone(), value);
        return;
    }
    let inner = context
        .entry(root.clone())
        .or_insert_with(|| Value::Object(serde_json::Map::new()));
    if let Value::Object(inner) = inner {
        insert(inner, rest, value);
    }
}

fn trimmed(text: &str) -> Range<usize> {
    let start = text.len() - text.trim_start().len();
    start..start + text.trim().len()
}

fn compile(text: &str) -> Result<minijinja::Expression<'static, 'static>, ExpressionError> {
    ENGINE.compile_expression_owned(text.to_owned()).map_err(|error| {
        let detail = error.detail().unwrap_or("it cannot be read").to_owned();
        ExpressionError::new(
            format!("this expression cannot be read: {detail}"),
            "use names, dots, + - * and filters, as in `{{ price * 2 }}` or `{{ name | lower }}`",
            trimmed(text),
        )
    })
}

fn operands(tokens: &[Token<'_>]) -> Result<Operands, ExpressionError> {
    if !tokens.iter().any(|token| token.text == "*") {
        return Ok(Operands::Any);
    }
    let not_number = tokens
        .iter()
        .find(|token| matches!(token.kind, TokenKind::Text | TokenKind::Pipe));
    match not_number {
        None => Ok(Operands::Numbers),
        Some(token) => Err(ExpressionError::new(
            "`*` multiplies numbers, and this is text",
            "keep texts and filters out of an expression with `*`",
            token.at.clone(),
        )),
    }
}

/// Collects names and refuses everything that the small grammar does not have.
fn read_names(tokens: &[Token<'_>], grammar: Grammar) -> Result<Vec<Name>, ExpressionError> {
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token.kind {
            TokenKind::Pipe => {
                read_filter(token, &tokens[at + 1..])?;
                at += 2;
            }
            TokenKind::Word if is_keyword(token.text) => {
                let allowed = matches!(token.text, "true" | "false")
                    || grammar == Grammar::Condition && matches!(token.text, "and" | "or" | "not");
                if !allowed {
                    return Err(ExpressionError::new(
                        format!("`{}` has no place here", token.text),
                        "expressions have names, dots, + - * and filters; no conditions, no loops",
                        token.at.clone(),
                    ));
                }
                at += 1;
            }
            TokenKind::Word => {
                let (name, next) = read_name(tokens, at);
                let called = tokens
                    .get(next)
                    .is_some_and(|token| token.kind == TokenKind::Open);
                if called {
                    let (argument, after) = read_call(&name, tokens, next + 1)?;
                    names.extend(argument);
                    at = after;
                } else {
                    names.push(name);
                    at = next;
                }
            }
            TokenKind::Comparison if grammar == Grammar::Value => {
                return Err(ExpressionError::new(
                    format!(
                        "`{}` compares, and a comparison has no place here",
                        token.text
                    ),
                    "comparisons belong into `expect` or `when`",
                    token.at.clone(),
                ));
            }
            TokenKind::Comparison
            | TokenKind::Number
            | TokenKind::Text
            | TokenKind::Dot
            | TokenKind::Comma
            | TokenKind::Operator
            | TokenKind::Open
            | TokenKind::Close => at += 1,
        }
    }
    Ok(names)
}

fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "and"
            | "or"
            | "not"
            | "if"
            | "else"
            | "in"
            | "is"
            | "true"
            | "false"
            | "none"
            | "True"
            | "False"
            | "None"
    )
}

fn read_name(tokens: &[Token<'_>], first: usize) -> (Name, usize) {
    let mut path = vec![tokens[first].text.to_owned()];
    let mut end = tokens[first].at.end;
    let mut next = first + 1;
    while let (Some(dot), Some(part)) = (tokens.get(next), tokens.get(next + 1))
        && dot.kind == TokenKind::Dot
        && part.kind == TokenKind::Word
    {
        path.push(part.text.to_owned());
        end = part.at.end;
        next += 2;
    }
    (
        Name {
            path,
            at: tokens[first].at.start..end,
        },
        next,
    )
}

fn read_filter(pipe: &Token<'_>, behind: &[Token<'_>]) -> Result<(), ExpressionError> {
    let known = || {
        format!(
            "the filters are {}",
            filters::names().collect::<Vec<_>>().join(", ")
        )
    };
    let Some((word, behind)) = behind
        .split_first()
        .filter(|(word, _)| word.kind == TokenKind::Word)
    else {
        return Err(ExpressionError::new(
            "a filter's name must follow `|`",
            known(),
            pipe.at.clone(),
        ));
    };
    let Some(filter) = FILTERS.iter().find(|filter| filter.name == word.text) else {
        return Err(ExpressionError::new(
            format!("there is no filter `{}`", word.text),
            crate::keys::did_you_mean(word.text, filters::names())
                .map_or_else(known, |similar| format!("did you mean `{similar}`?")),
            word.at.clone(),
        ));
    };
    let wanted = filter.arguments.len();
    match arguments(behind) {
        Some(given) if given != wanted => Err(ExpressionError::new(
            format!(
                "the filter `{}` takes {wanted} arguments, and here are {given}",
                filter.name
            ),
            format!("write `| {}`", filter.call()),
            word.at.clone(),
        )),
        Some(_) | None => Ok(()),
    }
}

/// How many arguments stand between the brackets that begin here, if any do; none if they are not
/// closed.
fn arguments(tokens: &[Token<'_>]) -> Option<usize> {
    let Some((_, inside)) = tokens
        .split_first()
        .filter(|(first, _)| first.kind == TokenKind::Open)
    else {
        return Some(0);
    };
    let mut depth = 1;
    let mut given = 0;
    // A comma may stand behind the last one too.
    let mut begins = true;
    for token in inside {
        match token.kind {
            TokenKind::Close => depth -= 1,
            TokenKind::Comma if depth == 1 => begins = true,
            kind => {
                given += usize::from(std::mem::take(&mut begins));
                depth += usize::from(kind == TokenKind::Open);
            }
        }
        if depth == 0 {
            return Some(given);
        }
    }
    None
}

/// Reads what follows the opening bracket of a call: its argument, and where it ends.
fn read_call(
    function: &Name,
    tokens: &[Token<'_>],
    inside: usize,
) -> Result<(Option<Name>, usize), ExpressionError> {
    let is_end = |at: usize| {
        tokens
            .get(at)
            .is_some_and(|token| token.kind == TokenKind::Close)
    };
    match function.text().as_str() {
        "now" if is_end(inside) => Ok((None, inside + 1)),
        "now" if tokens.len() <= inside => Err(ExpressionError::new(
            "the bracket of `now(` is not closed",
            "write `now()`",
            function.at.clone(),
        )),
        "now" => Err(ExpressionError::new(
            "`now()` takes no arguments",
            "write `now() + 60` for a minute from now",
            function.at.clone(),
        )),
        "totp" => {
            let is_name = tokens
                .get(inside)
                .is_some_and(|token| token.kind == TokenKind::Word && !is_keyword(token.text));
            if is_name {
                let (name, end) = read_name(tokens, inside);
                if is_end(end) {
                    return Ok((Some(name), end + 1));
                }
            }
            Err(ExpressionError::new(
                "`totp(…)` takes the name of a secret",
                "write `totp(otp_secret)` and keep the secret in the account's fields",
                function.at.clone(),
            ))
        }
        other => Err(ExpressionError::new(
            format!("there is no function `{other}`"),
            "the functions are `now()`, the time in whole seconds since 1970, and `totp(NAME)`, \
             the one-time code of a secret",
            function.at.clone(),
        )),
    }
}

#[cfg(test)]
mod tests;
