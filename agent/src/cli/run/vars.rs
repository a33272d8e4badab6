//! `--var`: a variable of a journey, set from outside, in the type that its author has thought of.

use bongsu_language::Journey;
use serde_json::Value;

/// Sets what `NAME=VALUE` says in every journey that declares it.
///
/// # Errors
/// What is wrong with it, in one line.
pub(in crate::cli) fn set_var(journeys: &mut [Journey], text: &str) -> Result<(), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("--var {text}: write NAME=VALUE"))?;
    let mut known = Vec::new();
    let mut is_set = false;
    for (key, slot) in journeys.iter_mut().flat_map(|journey| &mut journey.vars) {
        if key == name {
            *slot = like(slot, value).map_err(|kind| {
                format!("--var {text}: `{name}` is declared as {kind}, as in `{name} = {slot}`")
            })?;
            is_set = true;
        }
        if !known.contains(key) {
            known.push(key.clone());
        }
    }
    if is_set {
        Ok(())
    } else if known.is_empty() {
        Err(format!("--var {name}: the journeys declare no `vars`"))
    } else {
        Err(format!("--var {name}: declared are {}", known.join(", ")))
    }
}

/// The value of a type that the journey's author has thought of: that of the declared one.
///
/// # Errors
/// What the declared one is.
fn like(declared: &Value, text: &str) -> Result<Value, &'static str> {
    let read = || serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    let (kind, value, is_alike): (_, _, fn(&Value) -> bool) = match declared {
        Value::String(_) | Value::Null => return Ok(Value::String(text.to_owned())),
        Value::Number(number) if number.is_f64() => ("a number", read(), Value::is_number),
        Value::Number(_) => ("a whole number", read(), |v| v.is_i64() || v.is_u64()),
        Value::Bool(_) => ("true or false", read(), Value::is_boolean),
        Value::Array(_) => ("a list", read(), Value::is_array),
        Value::Object(_) => ("a table", read(), Value::is_object),
    };
    is_alike(&value).then_some(value).ok_or(kind)
}

#[cfg(test)]
mod tests {
    use bongsu_language::{SourceFile, load_journeys};
    use serde_json::json;

    use super::*;

    #[test]
    fn each_declared_variable_is_named_once() {
        let journey = |name: &str| {
            let text = format!(
                "format = 1\njourney = \"{name}\"\nfeature = \"f\"\ntimeout = \"9s\"\n\
                 actor.user.account = \"pool:p\"\nvars.word = \"a\"\nvars.n = 1\n\
                 [[step]]\nname = \"s\"\nget = \"https://a.test/\"\n"
            );
            SourceFile::new(format!("{name}.toml"), text)
        };
        let mut journeys = load_journeys(&[journey("a"), journey("b")]).unwrap();
        let error = set_var(&mut journeys, "wrod=1").unwrap_err();
        assert_eq!(error, "--var wrod: declared are word, n");
    }

    #[test]
    fn a_variable_keeps_the_type_that_it_was_declared_with() {
        let cases = [
            (json!("404"), "405", Ok(json!("405"))),
            (json!("on"), "true", Ok(json!("true"))),
            (json!("x"), "", Ok(json!(""))),
            (json!(404), "405", Ok(json!(405))),
            (json!(404), "4.5", Err("a whole number")),
            (json!(404), "many", Err("a whole number")),
            (json!(0.5), "2", Ok(json!(2))),
            (json!(0.5), "half", Err("a number")),
            (json!(true), "false", Ok(json!(false))),
            (json!(true), "1", Err("true or false")),
            (json!([1]), "[2,3]", Ok(json!([2, 3]))),
            (json!([1]), "2", Err("a list")),
            (json!({ "a": 1 }), "{\"a\":2}", Ok(json!({ "a": 2 }))),
            (json!({ "a": 1 }), "a", Err("a table")),
        ];
        for (declared, text, expected) in cases {
            assert_eq!(like(&declared, text), expected, "{declared} {text}");
        }
    }
}
