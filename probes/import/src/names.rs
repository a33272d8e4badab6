//! Names: of steps, readable and unique, and of variables.

use crate::credentials::ACCOUNT_FIELDS;

/// Longest name of a step that is made here, in characters.
const STEP_NAME_CHARS_MAX: usize = 80;

/// Longest name of a variable that is made here, in bytes.
const VARIABLE_BYTES_MAX: usize = 40;

/// Words that expressions and journeys have a meaning for.
const RESERVED: &[&str] = &[
    "target", "run", "now", "and", "or", "not", "if", "else", "in", "is", "true", "false", "none",
];

/// The name, or the first of `name2`, `name3` … that is free.
pub(crate) fn unique(name: &str, joint: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(name) {
        return name.to_owned();
    }
    (2_u32..)
        .map(|n| format!("{name}{joint}{n}"))
        .find(|name| !taken(name))
        .expect("only finitely many names are taken")
}

/// Lower-case words with `_` between: `accessToken` and `Access-Token` as `access_token`.
pub(crate) fn snake(text: &str) -> String {
    let mut written = String::new();
    let mut before = ' ';
    for c in text.chars() {
        let starts_word =
            c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
        if c.is_ascii_alphanumeric() {
            if starts_word {
                written.push('_');
            }
            written.push(c.to_ascii_lowercase());
        } else if !written.ends_with('_') {
            written.push('_');
        }
        before = c;
    }
    written.trim_matches('_').to_owned()
}

/// A name that a variable may have, whatever the text says.
pub(crate) fn variable(text: &str) -> String {
    let mut name = snake(text);
    name.truncate(VARIABLE_BYTES_MAX);
    let name = name.trim_matches('_');
    if name.is_empty() || RESERVED.contains(&name) {
        return format!("value_{name}").trim_end_matches('_').to_owned();
    }
    if name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.to_owned()
    } else {
        format!("value_{name}")
    }
}

/// A name for a captured variable, which is no field of the account.
pub(crate) fn captured(text: &str, taken: impl Fn(&str) -> bool) -> String {
    let name = variable(text);
    unique(&name, "_", |name| {
        taken(name) || name == crate::ACTOR || ACCOUNT_FIELDS.contains(&name)
    })
}

/// One of several things: `rides` as `ride`.
pub(crate) fn singular(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        format!("{stem}y")
    } else if word.len() > 3
        && word.ends_with('s')
        && !word.ends_with("ss")
        && !word.ends_with("us")
    {
        word[..word.len() - 1].to_owned()
    } else {
        word.to_owned()
    }
}

/// Whether a path segment says which one, not what.
pub(crate) fn is_id_like(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let is_version = segment.len() <= 3
        && segment.starts_with(['v', 'V'])
        && segment.len() > 1
        && digits == segment.len() - 1;
    !is_version && digits > 0 && (digits == segment.len() || segment.len() >= 6)
}

/// Whether a path segment is only the version of an API, or says that it is one.
fn is_version(segment: &str) -> bool {
    let lower = segment.to_ascii_lowercase();
    lower == "api"
        || lower.strip_prefix('v').is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        })
}

/// The segments of a path that say what it is about.
pub(crate) fn telling(segments: &[String]) -> Vec<&str> {
    segments
        .iter()
        .map(String::as_str)
        .filter(|segment| !segment.is_empty() && !is_id_like(segment) && !is_version(segment))
        .collect()
}

/// What a request does, in words.
pub(crate) fn of_request(verb: &str, segments: &[String]) -> String {
    let telling = telling(segments);
    let words: Vec<String> = telling
        .iter()
        .map(|segment| snake(segment).replace('_', " "))
        .filter(|words| !words.is_empty())
        .collect();
    let about = if words.is_empty() {
        "the root".to_owned()
    } else {
        words.join(" ")
    };
    format!("{verb} {about}")
}

/// A step's name of any text, that no step has yet.
pub(crate) fn step(text: &str, taken: impl Fn(&str) -> bool) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<&str> = clean.split_whitespace().collect();
    let short: String = words.join(" ").chars().take(STEP_NAME_CHARS_MAX).collect();
    let name = if short.trim().is_empty() {
        "a request"
    } else {
        short.trim()
    };
    unique(name, " ", taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_and_legal() {
        let cases = [
            ("accessToken", "access_token"),
            ("X-CSRF-Token", "x_csrf_token"),
            ("__id", "id"),
            ("카드", "value"),
            ("2fa", "value_2fa"),
            ("run", "value_run"),
        ];
        for (text, expected) in cases {
            assert_eq!(variable(text), expected, "{text}");
        }
        assert_eq!(captured("password", |_| false), "password_2");
        assert_eq!(captured("id", |name| name == "id"), "id_2");
    }

    #[test]
    fn a_step_is_named_after_what_it_is_about() {
        let path = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            of_request("post", &path("v1/rides/r-8812a1/cancel")),
            "post rides cancel"
        );
        assert_eq!(of_request("get", &path("")), "get the root");
        assert_eq!(
            of_request("get", &path("api/v2/userProfile/42")),
            "get user profile"
        );
        assert_eq!(step("a\nb", |name| name == "a b"), "a b 2");
        assert_eq!(step(" ", |_| false), "a request");
    }
}
