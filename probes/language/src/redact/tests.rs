//! No secret gets through, whatever it is written in.

use base64::Engine as _;
use proptest::prelude::*;

use super::*;
use crate::expression::percent_encode;

fn redactor(secrets: &[&str]) -> Redactor {
    let mut redactor = Redactor::new();
    for secret in secrets {
        redactor.learn(&Secret::new(*secret));
    }
    redactor
}

#[test]
fn the_longest_secret_goes_first_whatever_the_order_of_learning() {
    for secrets in [["abcdef", "abcdefghi"], ["abcdefghi", "abcdef"]] {
        assert_eq!(
            redactor(&secrets).redact("x abcdefghi y abcdef"),
            "x *** y ***"
        );
    }
}

#[test]
fn a_secret_is_found_in_every_encoding() {
    let secret = "p/w \"ö&1=";
    let redactor = redactor(&[secret]);
    let json = serde_json::json!({ "password": secret }).to_string();
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("alice:{secret}!"));
    for text in [
        secret.to_owned(),
        percent_encode(secret),
        json,
        secret.to_uppercase(),
    ] {
        let clean = redactor.redact(&text);
        assert!(clean.contains(MASK), "{text} became {clean}");
        assert!(!clean.contains("p/w") && !clean.contains("%22"), "{clean}");
    }
    for prefix in ["", "a", "ab", "abc", "alice:"] {
        let text = base64::engine::general_purpose::STANDARD.encode(format!("{prefix}{secret}!"));
        assert!(redactor.redact(&text).contains(MASK), "{text}");
    }
    assert!(redactor.redact(&basic).len() < basic.len());
}

#[test]
fn secrets_that_overlap_leave_nothing_of_either() {
    let redactor = redactor(&["first-shared", "shared-second-part", "ababab"]);
    assert_eq!(redactor.redact("a first-shared-second-part z"), "a *** z");
    assert_eq!(redactor.redact("x ababababab y"), "x *** y");
    assert_eq!(redactor.redact("first-sharedababab"), MASK);
}

/// One character of a secret as somebody may write it.
fn written(c: char, how: u8) -> String {
    let percent = |upper: bool| {
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes).bytes();
        bytes
            .map(|b| {
                if upper {
                    format!("%{b:02X}")
                } else {
                    format!("%{b:02x}")
                }
            })
            .collect()
    };
    match how % 6 {
        0 => percent(true),
        1 => percent(false),
        2 if c == ' ' => "+".to_owned(),
        _ => c.to_string(),
    }
}

fn escaped_somehow(c: char, how: u8) -> String {
    let units = || {
        let mut units = [0; 2];
        let units: Vec<u16> = c.encode_utf16(&mut units).to_vec();
        units.iter().map(|unit| format!("\\u{unit:04x}")).collect()
    };
    match (c, how % 4) {
        ('"' | '\\', 0) => units(),
        ('"' | '\\', _) => format!("\\{c}"),
        ('/', 1) => "\\/".to_owned(),
        (_, 2) => units(),
        (_, 3) => format!("\\u{{{:x}}}", u32::from(c)),
        _ => c.to_string(),
    }
}

proptest! {
    #[test]
    fn however_much_of_a_secret_is_encoded_all_of_it_goes(
        secret in "[a-zA-Z0-9 /+\"\\\\&=%가ö😀]{6,20}",
        how in prop::collection::vec(any::<u8>(), 20),
        is_nested in any::<bool>(),
    ) {
        let each = |one: fn(char, u8) -> String| -> String {
            secret.chars().zip(&how).map(|(c, how)| one(c, *how)).collect()
        };
        // A percent sign that stands for itself is encoded, or the text means something else.
        let url: String = secret.chars().zip(&how).map(|(c, how)| match c {
            '%' => "%25".to_owned(),
            '+' => "%2B".to_owned(),
            c => written(c, *how),
        }).collect();
        let json = each(escaped_somehow);
        let redactor = redactor(&[secret.as_str()]);
        for text in [url.clone(), json.clone()] {
            let text = if is_nested {
                percent_encode(&text)
            } else {
                text
            };
            let clean = redactor.redact(&format!("<-{text}->"));
            prop_assert_eq!(clean, "<-***->", "{}", text);
        }
    }

    #[test]
    fn what_holds_no_secret_stays_as_it_is(text in "[a-z%+\\\\u0-9가 ]{0,40}") {
        let clean = redactor(&["SECRET-SECRET"]).redact(&text);
        prop_assert_eq!(clean, text);
    }
}

/// Secrets that are alike: parts and forms of one another.
fn related() -> impl Strategy<Value = Vec<String>> {
    let one = prop_oneof!["[ab]{6,9}", "[a-c/+ ]{6,12}", "[ab가\"]{6,8}"];
    prop::collection::vec((one, 0_u8..6), 2..6).prop_map(|drawn| {
        let mut secrets: Vec<String> = Vec::new();
        for (text, how) in drawn {
            let before = secrets.last().cloned().unwrap_or_default();
            secrets.push(match how {
                0 => percent_encode(&before) + &text,
                1 => base64::engine::general_purpose::STANDARD.encode(before + &text),
                2 => format!("Bearer {before}"),
                3 => before.to_uppercase() + &text,
                4 => text + &before,
                _ => text,
            });
        }
        secrets
    })
}

proptest! {
    #[test]
    fn what_is_known_does_not_depend_on_the_order_of_learning(
        secrets in related(),
        texts in prop::collection::vec("[abAB/+ %2\"…]{0,24}", 4),
    ) {
        let texts: Vec<String> = secrets
            .iter()
            .zip(secrets.iter().cycle().skip(1))
            .flat_map(|(a, b)| [format!("<{a}{b}>"), percent_encode(a), format!("{b}{a}")])
            .chain(texts)
            .collect();
        let in_order: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let mut twice_backwards = in_order.repeat(2);
        twice_backwards.reverse();
        let (one, other) = (redactor(&in_order), redactor(&twice_backwards));
        prop_assert_eq!(one.forms.count(), other.forms.count());
        for text in &texts {
            let clean = one.redact(text);
            prop_assert_eq!(&clean, &other.redact(text));
            prop_assert_eq!(one.redact_cut(text), other.redact_cut(text));
            for secret in secrets.iter().filter(|secret| secret.len() >= SECRET_BYTES_MIN) {
                prop_assert!(!clean.contains(secret.as_str()), "{} in {}", secret, clean);
            }
        }
    }
}

#[test]
fn more_secrets_than_there_is_room_for_make_every_text_unreadable() {
    let mut redactor = Redactor::new();
    for nth in 0.. {
        if redactor.overflow == Overflow::Happened {
            break;
        }
        assert_eq!(redactor.redact("evidently clean"), "evidently clean");
        redactor.learn(&Secret::new(format!("secret-{nth}")));
    }
    assert_eq!(redactor.forms.count(), usize::from(known::FORMS_MAX));
    redactor.learn(&Secret::new("another-one"));
    for text in ["evidently clean", "", "%20", "secret-0"] {
        assert_eq!(redactor.redact(text), MASK);
        assert_eq!(redactor.redact_cut(text), MASK);
    }
}

#[test]
fn a_secret_that_is_a_form_of_another_has_forms_of_its_own() {
    // Its Base64 has no padding and has a `/`, which a query writes as %2F.
    let password = "p\u{7f}?~~~";
    let basic = base64::engine::general_purpose::STANDARD.encode(password);
    assert!(basic.contains('/') && !basic.contains('='), "{basic}");
    let redactor = redactor(&[password, &basic]);
    assert_eq!(redactor.redact(&percent_encode(&basic)), MASK);
}

#[test]
fn escapes_of_other_languages_are_known() {
    let redactor = redactor(&["비밀<&'!secret"]);
    for text in [
        r"\ube44\ubc00<&'!secret",
        r"비밀\u003c\u0026'!secret",
        "비밀&lt;&amp;&#39;!secret",
        "%EB%B9%84%EB%B0%80%3C%26'!secret",
    ] {
        assert_eq!(redactor.redact(text), MASK, "{text}");
    }
}

#[test]
fn a_cut_leaves_no_beginning_of_a_secret_in_no_encoding() {
    let secret = "sentinel/secret \"of\" 시험";
    let redactor = redactor(&[secret]);
    let mut forms = Vec::new();
    each_form(secret, |form| {
        forms.push(String::from_utf8(form.to_vec()).expect("UTF-8"));
    });
    for form in forms {
        for (at, _) in form.char_indices().skip(known::KEY_BYTES) {
            let beginning = &form[..at];
            for text in [
                beginning.to_owned(),
                format!("{beginning}…"),
                format!("{beginning}\u{fffd}"),
                format!("expected \"{beginning}…, got 5"),
            ] {
                let clean = redactor.redact_cut(&text);
                assert!(!clean.contains(beginning), "{text} became {clean}");
            }
        }
    }
    assert_eq!(redactor.redact_cut("sen…, sen"), "sen…, sen");
    // Encoded in part, and cut through an escape.
    for text in [
        "sentinel/secret%20%22o…",
        "senti%6eel%2fse%63r%6",
        "senti%…",
        r"sentinel\/secret \u00",
        r#"sentinel\/secret \"o"#,
        "sentinel%252Fsecre%2",
    ] {
        let clean = redactor.redact_cut(text);
        assert_eq!(clean.trim_end_matches('…'), MASK, "{text}");
    }
}

#[test]
fn a_short_secret_is_refused_and_blackens_nothing() {
    assert_eq!(
        check_secret(&Secret::new("12345")),
        Err(SecretTooShort { bytes: 5 })
    );
    assert_eq!(check_secret(&Secret::new("123456")), Ok(()));
    assert_eq!(redactor(&["", "a"]).redact("banana"), "banana");
}

#[test]
fn no_form_shows_in_debug() {
    assert!(!format!("{:?}", redactor(&["hunter22"])).contains("hunter"));
}

proptest! {
    /// A text that is passed over has nothing that a close look would take out.
    #[test]
    fn what_is_evidently_clean_is_clean(
        secret in "[ab/ ]{6,8}",
        kept in 0_usize..8,
        how in prop::collection::vec(any::<u8>(), 8),
        around in prop::collection::vec("[a%+\\\\u0-9{}…\u{fffd}]{0,5}", 2),
        is_url in any::<bool>(),
    ) {
        let one = if is_url { written } else { escaped_somehow };
        let part: String = secret.chars().zip(&how).take(kept).map(|(c, how)| one(c, *how)).collect();
        let text = format!("{}{part}{}", around[0], around[1]);
        let redactor = redactor(&[&secret]);
        if redactor.is_evidently_clean(&text) {
            for view in View::all(&text) {
                let mut found = Vec::new();
                view.find(&redactor.forms, &mut found);
                prop_assert!(found.is_empty(), "{}", text);
            }
            for piece in text.split(CUT_MARKS) {
                for view in View::all(piece) {
                    prop_assert_eq!(view.beginning_at_end(&redactor.forms), None, "{}", text);
                }
            }
        }
    }

    #[test]
    fn an_encoded_text_without_secrets_is_not_copied(text in "[c-z]{0,9}%20[c-z+]{0,9}\\\\n[c-z]{0,9}") {
        let redactor = redactor(&["AB01AB01"]);
        prop_assert!(matches!(redactor.redact_cut(&text), Cow::Borrowed(same) if same == text));
    }
}
