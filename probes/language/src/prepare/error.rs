//! What keeps a step from being rendered.

use super::RENDERED_BYTES_MAX;

/// Why something cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A variable is not set.
    #[error("`{name}` is not set")]
    Unset {
        /// The name as written.
        name: String,
    },
    /// An expression has no value.
    #[error("`{{{{ {expression} }}}}` has no value: {reason}")]
    Expression {
        /// The expression as written.
        expression: String,
        /// Why, without any value.
        reason: String,
    },
    /// A table or a list stands where text is needed.
    #[error("`{{{{ {expression} }}}}` is {kind}, but text is needed here")]
    NotText {
        /// The expression as written.
        expression: String,
        /// What it is.
        kind: &'static str,
    },
    /// A value would break a header in two.
    #[error("the value of header `{name}` has a character that no header may have")]
    Header {
        /// The header.
        name: String,
    },
    /// The URL does not begin as it must.
    #[error("the URL must begin with {expected}")]
    Url {
        /// The schemes that are allowed here.
        expected: &'static str,
    },
    /// It is no place to go to.
    #[error("the step does not say where to go: it must have {expected}")]
    Place {
        /// What is missing.
        expected: &'static str,
    },
    /// The text is too long.
    #[error("the rendered text is longer than {RENDERED_BYTES_MAX} bytes")]
    TooLong,
}
