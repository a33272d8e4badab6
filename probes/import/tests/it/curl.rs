//! Commands of curl: what is refused, what is told, and that any script is survived.

use bongsu_import::{ImportError, curl};
use bongsu_language::HEADERS_MAX;
use proptest::prelude::*;

use crate::sound::{hides, journey, unnamed};

#[test]
fn what_is_no_request_is_refused_and_says_why() {
    let cases = [
        ("", "no command begins with `curl`"),
        ("wget https://a.test", "no command begins with `curl`"),
        ("curl -s", "a command has no URL"),
        ("curl 'https://a.test", "a ' is not closed"),
        ("curl https://a.test -H", "-H has no value"),
        ("curl https://a.test --data", "--data has no value"),
        (
            "curl ftp://a.test/x",
            "a URL cannot be read, or is not HTTP",
        ),
        (
            "curl -k https://a.test",
            "`-k` is refused: certificates are always verified",
        ),
        ("curl -sk https://a.test", "`-k` is refused"),
        ("curl --insecure https://a.test", "`--insecure` is refused"),
        ("curl -X TRACE https://a.test", "method TRACE is refused"),
    ];
    for (script, expected) in cases {
        let error = curl(script, &unnamed()).unwrap_err();
        assert!(error.to_string().contains(expected), "{script}: {error}");
    }
    let refused = curl("curl -k https://a.test", &unnamed()).unwrap_err();
    assert!(matches!(refused, ImportError::Refused { .. }));
}

#[test]
fn headers_beyond_what_a_step_may_have_are_left_out_and_named() {
    let lines: String = (0..HEADERS_MAX + 3)
        .map(|n| format!(" -H 'x-{n}: {n}'"))
        .collect();
    let script = format!("curl https://a.test/x{lines} --json '[null]'");
    let imported = curl(&script, &unnamed()).unwrap();
    let _ = journey(&imported);
    let told =
        format!("a step has {HEADERS_MAX} headers at most: `x-99`, `x-100`, `x-101`, `x-102`");
    assert!(imported.text.contains(&told), "{}", imported.text);
    let needed = "headers.content-type = \"application/json\"";
    assert!(imported.text.contains(needed), "{}", imported.text);
}

#[test]
fn a_host_that_is_a_variable_of_the_shell_is_a_service_of_the_target() {
    let imported = curl("curl \"$SHOP_API/v1/me\"", &unnamed()).unwrap();
    let _ = journey(&imported);
    let text = imported.text;
    assert!(
        text.contains("base = \"{{ target.base.shop_api }}\""),
        "{text}"
    );
}

#[test]
fn an_option_that_is_not_done_is_named_in_a_comment() {
    for option in [
        "--frobnicate",
        "-y",
        "--proxy p.test",
        "--cert me.pem",
        "--post302",
        "-X POST --retry 2",
    ] {
        let imported = curl(&format!("curl {option} https://a.test/x"), &unnamed()).unwrap();
        let _ = journey(&imported);
        let name = option.trim_start_matches("-X POST ");
        let name = name.split(' ').next().unwrap();
        let told = format!("# left out: `{name}`");
        assert!(
            imported.text.contains(&told),
            "{option}:\n{}",
            imported.text
        );
    }
    let quiet = "curl -sSfvi --compressed --no-keepalive -o x https://a.test/x";
    let text = curl(quiet, &unnamed()).unwrap().text;
    assert!(text.contains("# left out: `--no-keepalive`"), "{text}");
    assert_eq!(text.matches("left out").count(), 1, "{text}");
}

#[test]
fn what_the_language_can_do_is_done() {
    for (command, lines) in [
        ("curl -L https://a.test/x", &["follow = 8"][..]),
        ("curl -L --max-redirs 3 https://a.test/x", &["follow = 3"]),
        ("curl -L --max-redirs -1 https://a.test/x", &["follow = 8"]),
        (
            "curl --retry 9 --max-filesize 2048 https://a.test/x",
            &[
                "max_body = 2048",
                r#"retry = { times = 5, on = ["timeout", "408", "429", "500", "502", "503", "504"] }"#,
            ],
        ),
        (
            "curl -r 0-99 https://a.test/x",
            &["headers.range = \"bytes=0-99\""],
        ),
        (
            "curl -T x/cat.png -H 'content-type: image/png' https://a.test/x",
            &[
                "put = \"/x\"",
                "body = { size = 1024 }",
                "# changed: the body is generated here: say its `size`; a server that looks inside may refuse it",
            ],
        ),
        (
            "curl -T x/cat.png https://a.test/photos/",
            &["put = \"/photos/cat.png\""],
        ),
        (
            "curl -F 'photo=@x/cat.png;type=image/png' --form-string 'a=@b' https://a.test/x",
            &[
                r#"multipart = { photo = { file = "cat.png", type = "image/png", size = 1024 }, a = "@b" }"#,
            ],
        ),
    ] {
        let imported = curl(command, &unnamed()).unwrap();
        let _ = journey(&imported);
        for line in lines {
            let is_there = imported.text.lines().any(|own| own == *line);
            assert!(is_there, "no line `{line}` in\n{}", imported.text);
        }
    }
    for command in [
        "curl --max-redirs 3 https://a.test/x",
        "curl -L --max-redirs 0 https://a.test",
    ] {
        let text = curl(command, &unnamed()).unwrap().text;
        assert!(!text.contains("follow"), "{text}");
    }
}

#[test]
fn what_is_not_read_of_a_script_is_told() {
    let script = "TOKEN=x curl https://a.test/1 && if curl https://a.test/2; then\n\
                  R=$(curl https://a.test/3)\ncurl https://a.test/4\nfi";
    let imported = curl(script, &unnamed()).unwrap();
    assert_eq!(journey(&imported).steps.len(), 3, "{}", imported.text);
    let told = "left out: 1 command in which curl does not stand first, as in NAME=$(curl …)";
    assert!(imported.notes.iter().any(|note| note == told));
    let script = r#"curl "$BASE/orders/$ID?n=1" -H "X-Any: ${USER}" -H 'x-cash: $5 $no'"#;
    let imported = curl(script, &unnamed()).unwrap();
    let _ = journey(&imported);
    let told = "a shell would put values in place of $ID, $USER: here they stand as they are, so \
                write them out";
    assert!(
        imported.notes.iter().any(|note| note == told),
        "{:?}",
        imported.notes
    );
    for (script, told) in [
        (
            "curl -H 'Host: b.test' https://a.test",
            "# left out: header `Host`: ",
        ),
        (
            "curl --digest -u mina:hunter22 https://a.test",
            "# left out: `--digest` and its login",
        ),
        (
            "curl --aws-sigv4 aws -u k:hunter22 https://a.test",
            "# left out: `--aws-sigv4` and",
        ),
    ] {
        let imported = curl(script, &unnamed()).unwrap();
        let _ = journey(&imported);
        assert!(imported.text.contains(told), "{}", imported.text);
        assert!(
            !imported.text.contains("authorization"),
            "{}",
            imported.text
        );
        hides(&imported, &["hunter22"]);
    }
}

#[test]
fn a_login_in_a_url_is_one_of_http_basic() {
    let imported = curl("curl https://mina:hunter22@a.test/x", &unnamed()).unwrap();
    let _ = journey(&imported);
    let line = "headers.authorization = \"Basic {{ (login + ':' + password) | b64 }}\"";
    assert!(imported.text.contains(line), "{}", imported.text);
    hides(&imported, &["hunter22", "mina"]);
}

#[test]
fn a_credential_is_one_under_any_name() {
    for said in [
        "-H 'X-Access: Bearer hunter22token'",
        "-H 'DPoP: hunter22token'",
        "--json '{\"pw\":\"hunter22\"}'",
        "--json '{\"userPw\":\"hunter22\"}'",
        "--json '{\"비밀번호\":\"hunter22\"}'",
        "--json '{\"card_number\":\"hunter22\"}'",
        "--json '{\"query\":\"mutation { login(password: \\\"hunter22\\\") { id } }\"}'",
        "--json '{query:mutation{login(password:\"hunter22\"){id}}}'",
        "-G -d pw=hunter22",
        "-G -d appid=0123456789abcdef0123456789hunter22",
    ] {
        let imported = curl(&format!("curl https://a.test/x {said}"), &unnamed()).unwrap();
        let _ = journey(&imported);
        hides(&imported, &["hunter22"]);
    }
}

#[test]
fn no_credential_of_a_command_comes_through() {
    let script =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/curl/shop.sh"))
            .unwrap();
    let imported = curl(&script, &unnamed()).unwrap();
    let secrets = [
        "hunter22",
        "hunter23",
        "opensesame",
        "0badc0ffee",
        "s3cr3t",
        "mina",
        "TOKEN",
        "bWluYTpv",
    ];
    hides(&imported, &secrets);
    assert_eq!(
        journey(&imported).steps.len() + journey(&imported).cleanup.len(),
        10
    );
}

proptest! {
    #[test]
    fn any_script_is_a_journey_or_an_error(
        words in prop::collection::vec(
            prop_oneof![
                prop::sample::select(vec![
                    "curl", "-X", "POST", "-H", "a: b", "'a;'", "-d", "x=1", "@f", "--json", "{\"a\":null}",
                    "-u", "a:b", "-F", "f=@g", "-G", "-I", "--next", "https://a.test/b?c=d", "a.test",
                    "--data-urlencode", "=x y", "\n", ";", "|", "$'", "'", "\"", "\\", "-sSL", "--",
                ]).prop_map(str::to_owned),
                "\\PC{0,10}",
            ],
            0..14,
        )
    ) {
        if let Ok(imported) = curl(&format!("curl {}", words.join(" ")), &unnamed()) {
            let _ = journey(&imported);
        }
    }
}
