//! Expressions: what they give, and what they refuse.

use super::*;

struct Fixed;

impl Names<'static> for Fixed {
    fn value(&self, name: &Name) -> Option<Cow<'static, Value>> {
        let value: Value = match name.text().as_str() {
            "amount" => 100.into(),
            "big" => u64::MAX.into(),
            "name" => "Ann & Bob".into(),
            "bob.user_id" => "u-2".into(),
            "seed" => "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".into(),
            "bob.before" => 7.into(),
            "pickup" => serde_json::json!({"lat": 52.52}),
            _ => return None,
        };
        Some(Cow::Owned(value))
    }

    fn now_unix_seconds(&self) -> u64 {
        1_700_000_000
    }
}

fn value(text: &str) -> Value {
    Expression::parse(text, Grammar::Value)
        .unwrap()
        .evaluate(&Fixed)
        .unwrap()
        .into_owned()
}

#[test]
fn names_keep_their_types_and_numbers_stay_numbers() {
    assert_eq!(value(" amount "), 100);
    assert_eq!(value("big"), u64::MAX);
    assert_eq!(value("pickup"), serde_json::json!({"lat": 52.52}));
    assert_eq!(value("amount - 1"), 99);
    assert_eq!(value("amount * 2 + bob.before"), 207);
    assert_eq!(value("now() + 60"), 1_700_000_060_u64);
    assert_eq!(value("bob.user_id + '-x'"), "u-2-x");
}

#[test]
fn filters_encode() {
    assert_eq!(value("name | url"), "Ann%20%26%20Bob");
    assert_eq!(value("name | b64"), "QW5uICYgQm9i");
    assert_eq!(
        value("name | upper | replace('ANN', 'x') | trim"),
        "x & BOB"
    );
}

#[test]
fn a_filter_has_its_own_number_of_arguments() {
    for (text, message, help) in [
        (
            "name | replace('a')",
            "the filter `replace` takes 2 arguments, and here are 1",
            "write `| replace('FROM', 'TO')`",
        ),
        (
            "name | replace | trim",
            "the filter `replace` takes 2 arguments, and here are 0",
            "write `| replace('FROM', 'TO')`",
        ),
        (
            "name | b64 | lower((3), 4)",
            "the filter `lower` takes 0 arguments, and here are 2",
            "write `| lower`",
        ),
        (
            "now(",
            "the bracket of `now(` is not closed",
            "write `now()`",
        ),
    ] {
        let error = Expression::parse(text, Grammar::Value).unwrap_err();
        assert_eq!(
            (error.message.as_str(), error.help.as_str()),
            (message, help)
        );
    }
    assert_eq!(value("name | lower() | upper"), "ANN & BOB");
    assert_eq!(value("name | replace('Ann', 'Al',)"), "Al & Bob");
}

#[test]
fn a_code_is_made_of_a_secret_and_a_challenge_of_a_verifier() {
    assert_eq!(value("totp(seed)").as_str().map(str::len), Some(6));
    let Err(EvaluationError::Failed(why)) = Expression::parse("totp(name)", Grammar::Value)
        .unwrap()
        .evaluate(&Fixed)
    else {
        panic!("it passed");
    };
    assert!(why.contains("base32") && !why.contains("Ann"), "{why}");
    // RFC 7636, appendix B.
    assert_eq!(
        value("'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk' | s256"),
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    );
}

#[test]
fn conditions_compare_only_where_they_may() {
    let condition = Expression::parse("amount >= 100 and not amount == 7", Grammar::Condition);
    assert_eq!(*condition.unwrap().evaluate(&Fixed).unwrap(), true);
    assert!(Expression::parse("amount >= 100", Grammar::Value).is_err());
}

#[test]
fn an_unset_name_is_an_error_and_never_empty() {
    for text in ["missing", "missing + 1", "bob.missing | lower"] {
        let expression = Expression::parse(text, Grammar::Value).unwrap();
        assert!(
            matches!(expression.evaluate(&Fixed), Err(EvaluationError::Unset(_))),
            "{text}"
        );
    }
}

#[test]
fn an_operator_that_does_not_fit_fails_without_showing_values() {
    let expression = Expression::parse("name - 1", Grammar::Value).unwrap();
    let Err(EvaluationError::Failed(why)) = expression.evaluate(&Fixed) else {
        panic!("it passed");
    };
    assert!(!why.contains("Ann"), "{why}");
}

#[test]
fn nothing_but_numbers_is_multiplied() {
    for text in ["name * amount", "amount * pickup"] {
        let expression = Expression::parse(text, Grammar::Value).unwrap();
        assert!(
            matches!(expression.evaluate(&Fixed), Err(EvaluationError::Failed(_))),
            "{text}"
        );
    }
    for text in ["'a' * 100000000", "(amount | lower) * 2"] {
        assert!(Expression::parse(text, Grammar::Value).is_err(), "{text}");
    }
}

#[test]
fn filters_make_no_text_that_the_memory_cannot_hold() {
    let thousandfold = format!("'{}'", "x".repeat(100));
    for text in [
        format!("'a' {}", "| b64 ".repeat(80)),
        format!(
            "{thousandfold} {}",
            "| replace('x', 'xxxxxxxxxx') ".repeat(8)
        ),
        format!("'abc' {}", "| replace('', 'abcdefghi') ".repeat(9)),
    ] {
        let expression = Expression::parse(&text, Grammar::Value).unwrap();
        let result = expression.evaluate(&Fixed);
        let why = "a filter gives more than 1 MiB of text".to_owned();
        assert_eq!(result, Err(EvaluationError::Failed(why)), "{text}");
    }
}

#[test]
fn arithmetic_beyond_all_numbers_is_an_error() {
    for text in ["big * big * big", "big + big", "0 - big * big * big * big"] {
        let expression = Expression::parse(text, Grammar::Value).unwrap();
        assert!(expression.evaluate(&Fixed).is_err(), "{text}");
    }
}

#[test]
fn what_is_outside_the_grammar_is_refused() {
    for text in [
        "",
        "  ",
        "a b",
        "a.",
        ".a",
        "a[0]",
        "a ~ b",
        "a / b",
        "a ** 2",
        "a if b",
        "not a",
        "open('/etc/passwd')",
        "a.b()",
        "now(1)",
        "totp()",
        "totp('x')",
        "totp(a, b)",
        "totp(a + b)",
        "totp(not)",
        "totp(a",
        "a | shell",
        "a |",
        "'open",
        "a == 1",
        "{}",
        "a +",
        "((a)",
        "a # b",
        "카카오",
        "'a\\'b'",
    ] {
        assert!(
            Expression::parse(text, Grammar::Value).is_err(),
            "{text:?} passed"
        );
    }
    assert!(Expression::parse(&"a+".repeat(400), Grammar::Value).is_err());
}

#[test]
fn a_name_is_written_with_dots_and_nothing_else() {
    for text in ["a", "target.base.talk", "a . b", "a| lower"] {
        let expression = Expression::parse(text, Grammar::Value).unwrap();
        let name = &expression.names()[0];
        for other in [
            "a",
            "target.base.talk",
            "a.b",
            "a . b",
            "a.",
            ".a",
            "",
            text,
        ] {
            assert_eq!(
                name.is_written(other),
                name.text() == other,
                "{text} {other}"
            );
        }
    }
}

#[test]
fn a_path_segment_cannot_climb() {
    for (text, encoded) in [
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("...", "..."),
        ("a-1_~", "a-1_~"),
        ("a/b c가", "a%2Fb%20c%EA%B0%80"),
        ("", ""),
    ] {
        assert_eq!(path_encode(text), encoded);
    }
}
