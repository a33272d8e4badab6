//! Recordings: what is captured, what is left out, and that no credential comes through.

use bongsu_import::{Assets, HarOptions, ImportError, Imported, har};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::sound::{hides, journey, unnamed};

fn import(entries: &[Value]) -> Imported {
    let text = json!({ "log": { "entries": entries } }).to_string();
    har(&text, &HarOptions::default(), &unnamed()).unwrap()
}

/// An exchange of JSON.
fn exchange(method: &str, url: &str, asked: &Value, status: u16, answered: &Value) -> Value {
    let mut entry = json!({
        "request": { "method": method, "url": url, "headers": [] },
        "response": { "status": status, "headers": [], "content":
            { "mimeType": "application/json", "text": answered.to_string() } },
    });
    if !asked.is_null() {
        entry["request"]["postData"] =
            json!({ "mimeType": "application/json", "text": asked.to_string() });
    }
    entry
}

fn with_header(mut entry: Value, of: &str, name: &str, value: &str) -> Value {
    let headers = entry[of]["headers"].as_array_mut().unwrap();
    headers.push(json!({ "name": name, "value": value }));
    entry
}

fn has(imported: &Imported, lines: &[&str]) {
    for line in lines {
        assert!(
            imported.text.lines().any(|own| own == *line),
            "no line `{line}` in\n{}",
            imported.text
        );
    }
}

const API: &str = "https://api.shop.test";

#[test]
fn what_is_no_recording_is_refused_without_repeating_it() {
    for text in [
        "",
        "{}",
        "[]",
        "{\"log\": 1, \"password\": \"hunter22\"}",
        "not json hunter22",
    ] {
        let error = har(text, &HarOptions::default(), &unnamed()).unwrap_err();
        assert!(matches!(error, ImportError::Format { .. }), "{error}");
        assert!(!error.to_string().contains("hunter22"), "{error}");
    }
    for entries in [
        json!([]),
        json!([exchange("OPTIONS", API, &Value::Null, 204, &Value::Null)]),
    ] {
        let text = json!({ "log": { "entries": entries } }).to_string();
        let error = har(&text, &HarOptions::default(), &unnamed()).unwrap_err();
        assert!(matches!(error, ImportError::Empty { .. }), "{error}");
    }
}

#[test]
fn values_of_answers_are_captured_where_later_requests_repeat_them() {
    let order = json!({ "order": { "id": 4711, "lines": [{ "sku": "SKU-889900" }] } });
    let imported = import(&[
        exchange(
            "POST",
            &format!("{API}/orders"),
            &json!({ "what": "tea" }),
            201,
            &order,
        ),
        exchange(
            "GET",
            &format!("{API}/orders/4711?line=SKU-889900"),
            &Value::Null,
            200,
            &json!({}),
        ),
        exchange(
            "POST",
            &format!("{API}/payments"),
            &json!({ "order_id": 4711 }),
            201,
            &json!({}),
        ),
    ]);
    let _ = journey(&imported);
    has(
        &imported,
        &[
            "capture.order_id = { json = \"$.order.id\" }",
            "capture.sku = { json = \"$.order.lines[0].sku\" }",
            "get = \"/orders/{{ order_id }}\"",
            "query = { line = \"{{ sku }}\" }",
            "json = { order_id = \"{{ order_id }}\" }",
        ],
    );
}

#[test]
fn what_the_client_said_first_is_no_capture() {
    let imported = import(&[
        exchange(
            "POST",
            &format!("{API}/orders"),
            &json!({ "colour": "blue-778899" }),
            201,
            &json!({ "colour": "blue-778899" }),
        ),
        exchange(
            "GET",
            &format!("{API}/find?colour=blue-778899"),
            &Value::Null,
            200,
            &json!({}),
        ),
    ]);
    let _ = journey(&imported);
    assert!(!imported.text.contains("capture."), "{}", imported.text);
    has(&imported, &["query = { colour = \"blue-778899\" }"]);
}

#[test]
fn a_token_of_an_answer_is_a_secret_capture_and_one_from_before_is_a_field_of_the_account() {
    let get = |path: &str| {
        exchange(
            "GET",
            &format!("{API}{path}"),
            &Value::Null,
            200,
            &json!({}),
        )
    };
    let sign_in = json!({ "username": "mina@shop.test", "password": "hunter22-x" });
    let imported = import(&[
        with_header(get("/public"), "request", "X-Api-Key", "k-of-before-123"),
        exchange(
            "POST",
            &format!("{API}/login"),
            &sign_in,
            200,
            &json!({ "data": { "jwt": "t0k3n-abcdef" } }),
        ),
        with_header(
            get("/me"),
            "request",
            "Authorization",
            "Bearer t0k3n-abcdef",
        ),
        with_header(
            get("/cart/t0k3n-abcdef"),
            "request",
            "Cookie",
            "sid=s3ss10n-id",
        ),
    ]);
    let _ = journey(&imported);
    hides(
        &imported,
        &["t0k3n", "hunter22", "k-of-before", "mina@", "s3ss10n"],
    );
    has(
        &imported,
        &[
            "actor.user.needs = [\"x_api_key\"]",
            "headers.x-api-key = \"{{ x_api_key }}\"",
            "json = { username = \"{{ login }}\", password = \"{{ password }}\" }",
            "capture.jwt = { json = \"$.data.jwt\", secret = true }",
            "headers.authorization = \"Bearer {{ jwt }}\"",
            "get = \"/cart/{{ jwt }}\"",
        ],
    );
}

#[test]
fn a_token_that_the_browser_left_out_of_the_requests_is_sent_again() {
    let sign_in = json!({ "email": "mina@shop.test", "password": "hunter22-x" });
    let get = |url: &str| exchange("GET", url, &Value::Null, 200, &json!({}));
    let token = json!({ "accessToken": "t0k3n-abcdef" });
    let orders = get("https://orders.shop.test/orders");
    let weather = get("https://weather.test/today");
    let login =
        |answered: &Value| exchange("POST", &format!("{API}/login"), &sign_in, 200, answered);
    let session = exchange("GET", &format!("{API}/session"), &Value::Null, 200, &token);
    // What signs in gives the token, or what is asked for afterwards.
    let asked_for = import(&[login(&json!({})), session, orders.clone(), weather.clone()]);
    let _ = journey(&asked_for);
    assert_eq!(asked_for.text.matches("authorization").count(), 1);
    let imported = import(&[login(&token), orders, weather]);
    let _ = journey(&imported);
    hides(&imported, &["t0k3n"]);
    has(
        &imported,
        &[
            "capture.access_token = { json = \"$.accessToken\", secret = true }",
            "headers.authorization = \"Bearer {{ access_token }}\"",
        ],
    );
    assert_eq!(
        imported.text.matches("authorization").count(),
        1,
        "{}",
        imported.text
    );
    assert!(
        imported
            .notes
            .iter()
            .any(|note| note.contains("has no `authorization`"))
    );
}

#[test]
fn a_cookie_that_is_a_plain_word_blacks_out_no_path() {
    let get = exchange(
        "GET",
        &format!("{API}/korean/tea"),
        &Value::Null,
        200,
        &json!({}),
    );
    let imported = import(&[with_header(
        get,
        "request",
        "Cookie",
        "lang=korean; sid=s3ss10n-id",
    )]);
    let _ = journey(&imported);
    has(&imported, &["get = \"/korean/tea\""]);
    assert!(!imported.text.contains("cookie"), "{}", imported.text);
}

#[test]
fn a_hidden_field_of_a_page_is_captured_from_its_text() {
    let mut page = exchange(
        "GET",
        &format!("{API}/login"),
        &Value::Null,
        200,
        &Value::Null,
    );
    page["response"]["content"] = json!({ "mimeType": "text/html", "text":
        "<form>\n<input type=\"hidden\" name=\"csrf\" value=\"c5rf-0123456789\">\n</form>" });
    let mut form = exchange(
        "POST",
        &format!("{API}/login"),
        &Value::Null,
        302,
        &Value::Null,
    );
    form["request"]["postData"] = json!({ "mimeType": "application/x-www-form-urlencoded",
        "text": "user=mina%40shop.test&pass=hunter22-x&csrf=c5rf-0123456789" });
    let imported = import(&[page, form]);
    let _ = journey(&imported);
    hides(&imported, &["c5rf", "hunter22", "mina@"]);
    has(
        &imported,
        &["form = { user = \"{{ login }}\", pass = \"{{ password }}\", csrf = \"{{ csrf }}\" }"],
    );
    assert!(
        imported.text.contains("capture.csrf = { regex = "),
        "{}",
        imported.text
    );
}

#[test]
fn asking_again_and_again_is_a_poll_for_the_state_that_came() {
    let ask = |state: &str| {
        exchange(
            "GET",
            &format!("{API}/transfers/current"),
            &Value::Null,
            200,
            &json!({ "state": state, "n": 1 }),
        )
    };
    let imported = import(&[ask("accepted"), ask("accepted"), ask("settled")]);
    assert_eq!(journey(&imported).steps.len(), 1);
    has(
        &imported,
        &[
            "poll = { every = \"500ms\", for = \"20s\" }",
            "expect.json.\"$.state\" = \"settled\"",
        ],
    );
}

#[test]
fn assets_and_other_hosts_are_left_out_as_asked_and_counted() {
    let page = |url: &str| exchange("GET", url, &Value::Null, 200, &json!({}));
    let entries = json!([
        page("https://api.shop.test/a"),
        page("https://cdn.test/logo.png?v=3"),
        page("https://metrics.test/hit"),
        page("data:text/plain,x"),
    ]);
    let text = json!({ "log": { "entries": entries } }).to_string();
    let count = |options: &HarOptions| {
        let imported = har(&text, options, &unnamed()).unwrap();
        (journey(&imported).steps.len(), imported.notes.join("\n"))
    };
    let (steps, notes) = count(&HarOptions::default());
    assert_eq!(steps, 2);
    assert!(notes.contains("left out: 1 images"), "{notes}");
    assert!(
        notes.contains("left out: 1 entries that are no HTTP"),
        "{notes}"
    );
    let all = HarOptions {
        assets: Assets::Kept,
        hosts: Vec::new(),
    };
    assert_eq!(count(&all).0, 3);
    let one = HarOptions {
        hosts: vec!["api.shop.test".to_owned()],
        ..HarOptions::default()
    };
    let (steps, notes) = count(&one);
    assert_eq!(steps, 1);
    assert!(
        notes.contains("left out: 1 requests to other hosts"),
        "{notes}"
    );
}

#[test]
fn a_socket_is_opened_spoken_into_and_listened_to_in_the_order_of_time() {
    let at = |mut entry: Value, second: u32| {
        entry["startedDateTime"] = format!("2026-03-02T09:15:{second:02}.000+09:00").into();
        entry
    };
    // 2026-03-02T00:15:00Z.
    let start = 1_772_410_500.0;
    let frame = |kind: &str, second: f64, data: Value| json!({ "type": kind, "time": start + second, "opcode": 1, "data": data.to_string() });
    let mut socket = exchange(
        "GET",
        "wss://talk.shop.test/v1/stream?token=t0k3n-abcdef",
        &Value::Null,
        101,
        &json!({}),
    );
    socket["_webSocketMessages"] = json!([
        frame("receive", 1.0, json!({ "type": "ready", "session": "s-99887766" })),
        frame("send", 2.0, json!({ "type": "join", "room": "tea", "session": "s-99887766" })),
        frame("receive", 2.5, json!({ "type": "ping" })),
        frame("receive", 4.0, json!({ "type": "message", "message": { "ref": "web-445566", "id": "m-1020304" } })),
        frame("receive", 4.1, json!({ "type": "message", "message": { "ref": "web-000000" } })),
        { "type": "receive", "time": start + 4.2, "opcode": 2, "data": "AAAA" },
    ]);
    let sent = json!({ "text": "hi", "client_ref": "web-445566" });
    let imported = import(&[
        at(
            exchange(
                "DELETE",
                &format!("{API}/messages/m-1020304"),
                &Value::Null,
                204,
                &Value::Null,
            ),
            5,
        ),
        at(
            exchange("POST", &format!("{API}/messages"), &sent, 201, &json!({})),
            3,
        ),
        at(socket, 0),
    ]);
    let own = journey(&imported);
    let verbs: Vec<String> = own
        .steps
        .iter()
        .map(|step| step.verb().to_string())
        .collect();
    assert_eq!(
        verbs,
        ["ws", "send", "post", "receive"],
        "{}",
        imported.text
    );
    hides(&imported, &["t0k3n", "s-9988"]);
    has(
        &imported,
        &[
            "ws = \"{{ target.ws.talk }}/v1/stream\"",
            "query = { token = \"{{ token }}\" }",
            "expect.frame.json.\"$.type\" = \"ready\"",
            "capture.session = { json = \"$.session\", secret = true }",
            "json = { type = \"join\", room = \"tea\", session = \"{{ session }}\" }",
            "where.json.\"$.message.ref\" = \"{{ run.id }}-1\"",
            "where.json.\"$.type\" = \"message\"",
            "delete = \"/messages/{{ id }}\"",
        ],
    );
    assert!(
        imported
            .notes
            .iter()
            .any(|note| note.starts_with("left out: 2 frames"))
    );
}

#[test]
fn a_body_that_toml_cannot_say_is_sent_as_text() {
    let asked = json!({ "a": null, "big": u64::MAX, "s": "x{{y}}\"\\" , "token": "t0k3n-abcdef" });
    let imported = import(&[exchange(
        "POST",
        &format!("{API}/x"),
        &asked,
        200,
        &json!({}),
    )]);
    let _ = journey(&imported);
    hides(&imported, &["t0k3n"]);
    has(&imported, &["headers.content-type = \"application/json\""]);
}

/// A secret that no other text contains by accident.
fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "QZ[a-z0-9]{8,20}",
        "QZ[ -~]{8,20}QZ".prop_map(|text| text.replace([';', ',', ' '], "_")),
        "QZ[가-힣\"'{}\\\\]{6,10}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "[ -~]{0,12}",
        "\\PC{0,8}",
        Just("{{ token }}".to_owned()),
        Just("{{{".to_owned()),
        Just("***\n'''\r\u{7f}".to_owned()),
        Just("550e8400-e29b-41d4-a716-446655440000".to_owned()),
    ]
}

fn body(secrets: Vec<String>) -> impl Strategy<Value = Value> {
    let keys = prop_oneof![
        text(),
        prop::sample::select(vec![
            "id",
            "order_id",
            "client_ref",
            "user",
            "email",
            "json",
            "a.b"
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let secret_field = (
        prop::sample::select(vec![
            "password",
            "access_token",
            "csrf",
            "clientSecret",
            "pin",
        ]),
        prop::sample::select(secrets),
    );
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            (
                prop::collection::vec((keys.clone(), inner), 0..4),
                prop::option::of(secret_field.clone())
            )
                .prop_map(|(entries, secret)| {
                    let mut table: Map<String, Value> = entries.into_iter().collect();
                    if let Some((key, value)) = secret {
                        let _ = table.insert(key.to_owned(), value.into());
                    }
                    Value::Object(table)
                }),
        ]
    })
}

fn entry(secrets: &[String]) -> impl Strategy<Value = Value> + use<> {
    let one = || prop::sample::select(secrets.to_vec());
    let request = (
        prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]),
        prop::collection::vec(text(), 0..4),
        prop::collection::vec((text(), text()), 0..3),
        prop::option::of(one()),
        prop::option::of(body(secrets.to_vec())),
    );
    let headers = (
        prop::collection::vec((text(), text()), 0..3),
        prop::option::of(one()),
        prop::option::of(one()),
        prop::option::of(one()),
        prop::option::of((text(), one())),
        prop::option::of((text(), one())),
    );
    (request, headers, body(secrets.to_vec()), 200_u16..600).prop_map(
        |((method, path, query, token, asked), headers, answered, status)| {
            let (headers, auth, cookie, set, location, part) = headers;
            let mut url = url::Url::parse("https://api.shop.test").unwrap();
            let _ = url.path_segments_mut().unwrap().extend(path);
            for (key, value) in query {
                let _ = url.query_pairs_mut().append_pair(&key, &value);
            }
            if let Some(token) = token {
                let _ = url.query_pairs_mut().append_pair("access_token", &token);
            }
            let mut entry = exchange(
                method,
                url.as_str(),
                &asked.unwrap_or_default(),
                status,
                &answered,
            );
            for (name, value) in headers {
                entry = with_header(entry, "request", &name, &value);
            }
            if let Some(auth) = auth {
                entry = with_header(entry, "request", "Authorization", &format!("Bearer {auth}"));
            }
            if let Some(cookie) = cookie {
                entry = with_header(entry, "request", "cookie", &format!("a=b; sid={cookie}"));
            }
            if let Some(set) = set {
                entry = with_header(entry, "response", "set-cookie", &format!("s={set}; Path=/"));
            }
            if let Some((path, secret)) = location {
                let to = format!("/{path}/{secret}?token={secret}");
                entry = with_header(entry, "response", "Location", &to);
            }
            if let Some((name, secret)) = part {
                let kind = "multipart/form-data; boundary=Y";
                let text = format!(
                    "--Y\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{name}\r\n\
                     --Y\r\ncontent-disposition: form-data; name=\"token\"\r\n\r\n{secret}\r\n--Y--"
                );
                entry["request"]["postData"] = json!({ "mimeType": kind, "text": text });
            }
            entry
        },
    )
}

/// A WebSocket that says and hears anything.
fn socket(secrets: &[String]) -> impl Strategy<Value = Value> + use<> {
    let frame = (
        prop::sample::select(vec!["send", "receive"]),
        prop_oneof![
            body(secrets.to_vec()).prop_map(|body| body.to_string()),
            text()
        ],
        0_i64..3,
    );
    (
        text(),
        prop::collection::vec(frame, 0..5),
        prop::sample::select(secrets.to_vec()),
    )
        .prop_map(|(path, frames, token)| {
            let mut url = url::Url::parse("wss://talk.shop.test").unwrap();
            url.path_segments_mut().unwrap().push(&path);
            let _ = url.query_pairs_mut().append_pair("token", &token);
            let mut entry = exchange("GET", url.as_str(), &Value::Null, 101, &Value::Null);
            let frames = frames.iter().map(|(kind, data, opcode)| {
                json!({ "type": kind, "data": data, "opcode": opcode, "time": 0 })
            });
            entry["_webSocketMessages"] = frames.collect();
            entry
        })
}

fn recording() -> impl Strategy<Value = (Vec<String>, Vec<Value>)> {
    prop::collection::vec(secret(), 1..5).prop_flat_map(|secrets| {
        let any = prop_oneof![4 => entry(&secrets), 1 => socket(&secrets)];
        let entries = prop::collection::vec(any, 1..6);
        (Just(secrets), entries)
    })
}

proptest! {
    #[test]
    fn whatever_is_recorded_becomes_a_journey_without_any_secret((secrets, entries) in recording()) {
        let text = json!({ "log": { "entries": entries } }).to_string();
        if let Ok(imported) = har(&text, &HarOptions::default(), &unnamed()) {
            let _ = journey(&imported);
            let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
            hides(&imported, &secrets);
        }
    }

    #[test]
    fn any_text_is_a_recording_or_an_error(text in "\\PC{0,200}") {
        let _ = har(&text, &HarOptions::default(), &unnamed());
    }
}
