//! Files of hurl: what is refused, what is told, and that any file is survived.

use bongsu_import::{ImportError, hurl};
use proptest::prelude::*;

use crate::sound::{hides, journey, unnamed};

#[test]
fn what_is_no_hurl_file_is_refused_at_its_line() {
    let cases = [
        ("hello\n", "line 1: a request comes first"),
        (
            "GET https://a.test\nnonsense\n",
            "line 2: this is no header",
        ),
        (
            "\nPOST https://a.test\n```\nx\n",
            "line 3: ``` is not closed",
        ),
        (
            "POST https://a.test\n{ \"a\": 1\n",
            "line 2: a brace is not closed",
        ),
        ("", "nothing can be imported"),
        ("TRACE https://a.test\n", "nothing can be imported"),
        (
            "GET https://a.test\n[Options]\ninsecure: true\n",
            "`insecure: true` of line 1 is refused",
        ),
    ];
    for (text, expected) in cases {
        let error = hurl(text, &unnamed()).unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
    let refused = hurl(
        "GET https://a.test\n[Options]\ninsecure: true\n",
        &unnamed(),
    );
    assert!(matches!(refused, Err(ImportError::Refused { .. })));
}

#[test]
fn every_capture_and_assert_is_in_the_journey_or_in_a_comment() {
    let captures = [
        "jsonpath \"$.a\"",
        "header \"X-A\"",
        "cookie \"a\"",
        "xpath \"//a\"",
        "regex \"a=(.*)\"",
        "cookie \"a[Value]\"",
        "cookie \"a[Expires]\"",
        "header \"Location\" urlQueryParam \"code\"",
        "header \"Location\" regex \"/(.*)\"",
        "header \"Location\" regex \"/(.*)\" regex \"x\"",
        "header \"Location\" split \"/\"",
        "body regex /a(.)/",
        "body regex",
        "ip",
        "body",
        "duration",
        "jsonpath \"$.a\" toInt",
        "jsonpath \"$..a\" nth 0",
        "variable \"b\"",
        "url",
        "status",
    ];
    let asserts = [
        "status == 200",
        "status >= 200",
        "jsonpath \"$.a\" == 1.5",
        "jsonpath \"$.a\" isEmpty",
        "jsonpath \"$.a[*]\" == 1",
        "jsonpath \"$.a\" matches /x\\/y/",
        "jsonpath \"$.b\" matches /(/",
        "body == `x`",
        "bytes count == 3",
        "sha256 == hex,00;",
        "header \"A\" exists",
        "version == \"2\"",
        "jsonpath \"$.c\" count == 3",
        "jsonpath \"$.d\" not isString",
        "jsonpath \"$.e\" < 9",
        "duration < 1000",
        "jsonpath \"$.f\" contains true",
        "cookie \"a\" exists",
        "jsonpath \"x\" exists",
    ];
    for (section, lines) in [("Captures", &captures[..]), ("Asserts", &asserts[..])] {
        for line in lines {
            let written = if section == "Captures" {
                format!("v: {line}")
            } else {
                (*line).to_owned()
            };
            let text = format!("GET https://a.test/x\nHTTP 201\n[{section}]\n{written}\n");
            let imported = hurl(&text, &unnamed()).unwrap();
            let steps = journey(&imported).steps;
            let is_kept = if section == "Captures" {
                !steps[0].captures.is_empty()
            } else {
                steps[0].expect.all.len() > 1
            };
            let is_told = imported.text.contains(&format!(
                "# left out: the {} {written}",
                section.trim_end_matches('s').to_lowercase()
            ));
            assert!(is_kept != is_told, "{line}\n{}", imported.text);
        }
    }
}

#[test]
fn what_the_language_can_do_is_done() {
    for (said, lines) in [
        (
            "[Options]\nlocation: true\nmax-redirs: 2\ndelay: 500ms\nmax-filesize: 4096\n",
            &["follow = 2", "wait_before = \"500ms\"", "max_body = 4096"][..],
        ),
        (
            "[Multipart]\ntitle: tea {{n}}\nphoto: file,x/cat.png; image/png\n",
            &[
                r#"multipart = { title = "tea {{ n }}", photo = { file = "cat.png", type = "image/png", size = 1024 } }"#,
            ],
        ),
        (
            "base64,AAEC\n/w==;\n",
            &[r#"body = { base64 = "AAEC/w==" }"#],
        ),
        ("hex,68656c6c6f;\n", &["body = \"hello\""]),
        (
            "Content-Type: image/png\nfile,cat.png;\n",
            &[
                "body = { size = 1024 }",
                "headers.content-type = \"image/png\"",
            ],
        ),
        (
            "file,order.xml;\n",
            &[
                "# left out: the body, which is file order.xml; write what it says as json, form or body",
            ],
        ),
    ] {
        let text = format!("POST https://a.test/x\n{said}HTTP 200\n");
        let imported = hurl(&text, &unnamed()).unwrap();
        let _ = journey(&imported);
        for line in lines {
            let is_there = imported.text.lines().any(|own| own == *line);
            assert!(is_there, "no line `{line}` in\n{}", imported.text);
        }
    }
    for (said, why) in [
        ("base64,!;", "line 2: this is not base64"),
        ("hex,abc;", "line 2: these are"),
    ] {
        let error = hurl(&format!("POST https://a.test\n{said}\n"), &unnamed()).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn what_proves_who_asks_is_captured_as_a_secret() {
    let text = "POST https://a.test/login\nHTTP 200\n[Captures]\nanswer: jsonpath \"$.data\"\n\
        tok: jsonpath \"$.token\"\nmark: header \"X-Csrf-Token\"\nid: jsonpath \"$.id\"\n\n\
        GET https://a.test/me/{{id}}\nAuthorization: Bearer {{answer}}\nHTTP 200\n";
    let imported = hurl(text, &unnamed()).unwrap();
    let captures = &journey(&imported).steps[0].captures;
    let secret = |name: &str| {
        let of_it = captures.iter().find(|capture| capture.name == name);
        of_it.unwrap().secrecy == bongsu_language::Secrecy::Secret
    };
    assert!(secret("answer") && secret("tok") && secret("mark") && !secret("id"));
}

#[test]
fn no_credential_of_a_file_comes_through() {
    let text = "# the password: hunter22-z\nPOST https://a.test/login\nX-Api-Key: k-111222333\nCookie: sid=s-445566\n\
        { \"user\": \"mina\", \"password\": \"hunter22-x\", \"pin\": \"pw-{{n}}\" }\nHTTP 200\n\
        [Asserts]\njsonpath \"$.token\" == \"t-0987654321\"\n\n\
        GET https://a.test/me\nAuthorization: Bearer t-0987654321\n[Cookies]\nsid: s-445566\n\
        [BasicAuth]\nmina: opensesame\n[Options]\nuser: mina:hunter22-q\nvariable: api_key=v-55667788\nHTTP 200\n";
    let imported = hurl(text, &unnamed()).unwrap();
    let _ = journey(&imported);
    let secrets = [
        "hunter22",
        "k-111222",
        "s-4455",
        "t-0987",
        "opensesame",
        "v-5566",
        "pw-",
    ];
    hides(&imported, &secrets);
}

proptest! {
    #[test]
    fn any_file_is_a_journey_or_an_error(
        lines in prop::collection::vec(
            prop_oneof![
                prop::sample::select(vec![
                    "GET https://a.test/b", "POST {{h}}/x?a={{b}}", "PUT https://{{h}}", "HTTP 200", "HTTP *",
                    "HTTP 999", "[Asserts]", "[Captures]", "[Options]", "[QueryStringParams]", "[FormParams]",
                    "[BasicAuth]", "[Multipart]", "retry: 3", "retry-interval: 9", "a: b", "token: {{t}}",
                    "id: jsonpath \"$.id\"", "id: jsonpath \"$..id\"", "jsonpath \"$.a\" == 1", "user: {{u}}",
                    "jsonpath \"$.a\" not exists", "{\"a\": {{b}}, \"c\": null}", "```json", "```", "<x/>", "`a`",
                    "variable: x=1", "variable: user={{", "header \"A\" contains \"{{x}}\"", "", "# c", "file,x;",
                    "max-time: 10", "user: jsonpath \"$.x\"", "run: body",
                ]).prop_map(str::to_owned),
                "\\PC{0,12}",
            ],
            0..16,
        )
    ) {
        let text = format!("GET https://a.test\n{}\n", lines.join("\n"));
        if let Ok(imported) = hurl(&text, &unnamed()) {
            let _ = journey(&imported);
        }
    }
}
