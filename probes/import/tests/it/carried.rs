//! Bodies, redirects and cookies of recordings: what a journey does of them, and what it tells.

use bongsu_import::{HarOptions, Imported, har};
use bongsu_language::{Act, Body};
use serde_json::{Value, json};

use crate::sound::{hides, journey, unnamed};

const SHOP: &str = "https://shop.test";

fn import(entries: &[Value]) -> Imported {
    let text = json!({ "log": { "entries": entries } }).to_string();
    har(&text, &HarOptions::default(), &unnamed()).unwrap()
}

fn entry(method: &str, path: &str, status: u16, headers: &[(&str, &str)]) -> Value {
    let headers: Vec<Value> = headers
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    json!({
        "request": { "method": method, "url": format!("{SHOP}{path}"), "headers": [] },
        "response": { "status": status, "headers": headers, "content": {} },
    })
}

fn asking(mut entry: Value, name: &str, value: &str) -> Value {
    let headers = entry["request"]["headers"].as_array_mut().unwrap();
    headers.push(json!({ "name": name, "value": value }));
    entry
}

fn carrying(mut entry: Value, kind: &str, text: &str) -> Value {
    entry["request"]["postData"] = json!({ "mimeType": kind, "text": text });
    entry
}

fn has(imported: &Imported, lines: &[&str]) {
    let _ = journey(imported);
    for line in lines {
        assert!(
            imported.text.lines().any(|own| own == *line),
            "no line `{line}` in\n{}",
            imported.text
        );
    }
}

#[test]
fn redirects_that_a_browser_followed_are_followed() {
    let form = "application/x-www-form-urlencoded";
    let imported = import(&[
        carrying(
            entry(
                "POST",
                "/login",
                302,
                &[
                    ("Location", "/welcome"),
                    ("Set-Cookie", "XSRF=x-778899aa; Path=/"),
                ],
            ),
            form,
            "user=mina%40shop.test&password=hunter22-x",
        ),
        entry(
            "GET",
            "/welcome",
            303,
            &[("location", "https://shop.test/home#top")],
        ),
        entry("GET", "/home", 200, &[]),
        asking(entry("PUT", "/theme", 204, &[]), "X-XSRF", "x-778899aa"),
    ]);
    has(
        &imported,
        &[
            "follow = 2",
            "capture.xsrf = { cookie = \"XSRF\", secret = true }",
            "headers.x-xsrf = \"{{ xsrf }}\"",
        ],
    );
    assert_eq!(journey(&imported).steps.len(), 2, "{}", imported.text);
    hides(&imported, &["x-7788", "hunter22"]);
}

#[test]
fn a_redirect_is_a_step_of_its_own_where_it_is_needed_later_or_leads_elsewhere() {
    // What it says is said again.
    let imported = import(&[
        entry("POST", "/orders", 303, &[("Location", "/orders/o-17")]),
        entry("GET", "/orders/o-17", 200, &[]),
        entry("POST", "/orders/o-17/pay", 200, &[]),
        entry(
            "GET",
            "/back?code=abc12345678",
            302,
            &[("Location", "/in?ticket=tt9988776655")],
        ),
        entry("GET", "/in?ticket=tt9988776655", 200, &[]),
        entry("DELETE", "/in/tt9988776655", 200, &[]),
    ]);
    has(
        &imported,
        &[
            "expect.status = 303",
            "capture.order_id = { header = \"location\", regex = \"orders/([^/?#]+)\" }",
            "get = \"/orders/{{ order_id }}\"",
            "post = \"/orders/{{ order_id }}/pay\"",
            "capture.ticket = { header = \"location\", parameter = \"ticket\", secret = true }",
            "query = { ticket = \"{{ ticket }}\" }",
            "delete = \"/in/{{ ticket }}\"",
        ],
    );
    assert!(!imported.text.contains("follow"), "{}", imported.text);
    // It leads to another origin, to another place than was asked for next, or nowhere.
    for location in ["https://other.test/home", "/elsewhere", "https://:0"] {
        let imported = import(&[
            entry("GET", "/", 302, &[("Location", location)]),
            entry("GET", "/home", 200, &[]),
        ]);
        assert_eq!(journey(&imported).steps.len(), 2, "{}", imported.text);
        assert!(!imported.text.contains("follow"), "{}", imported.text);
    }
}

#[test]
fn a_chain_that_is_too_long_ends_in_steps_of_their_own() {
    let mut entries: Vec<Value> = (0..9)
        .map(|at| {
            let next = format!("/{}", "x".repeat(at + 2));
            let path = format!("/{}", "x".repeat(at + 1));
            entry("GET", &path, 302, &[("Location", &next)])
        })
        .collect();
    entries.push(entry("GET", "/xxxxxxxxxx", 200, &[]));
    let imported = import(&entries);
    has(&imported, &["follow = 8"]);
    assert_eq!(journey(&imported).steps.len(), 2, "{}", imported.text);
}

#[test]
fn a_form_of_parts_is_sent_again_and_its_files_are_generated() {
    let sent = "--XX\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\na cat\r\n\
        --XX\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nc5rf-445566\r\n\
        --XX\r\nContent-Disposition: form-data; name=\"meta\"; filename=\"blob\"\r\n\
        Content-Type: application/json\r\n\r\n{\"tags\":[\"a\"],\"token\":\"t-998877\"}\r\n\
        --XX\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"cat.png\"\r\n\
        Content-Type: image/png\r\n\r\n\u{fffd}PNG\r\n\
        --XX\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"dog.png\"\r\n\r\nx\r\n--XX--\r\n";
    let post = entry("POST", "/photos", 201, &[]);
    let kind = "multipart/form-data; boundary=XX";
    let imported = import(&[asking(carrying(post, kind, sent), "content-type", kind)]);
    has(
        &imported,
        &[
            "# changed: cat.png is generated here; a server that looks inside may refuse it",
            "# left out: part photo: a second one of that name",
            "multipart.title = \"a cat\"",
            "multipart.csrf = \"{{ csrf }}\"",
            "multipart.meta = { file = \"blob\", type = \"application/json\", json = { tags = [\"a\"], token = \"{{ token }}\" } }",
            "multipart.photo = { file = \"cat.png\", type = \"image/png\", size = 4 }",
        ],
    );
    hides(&imported, &["c5rf-", "t-9988"]);
}

#[test]
fn bytes_of_no_language_are_generated_and_what_is_not_recorded_is_told() {
    let image = |size: i64| {
        let mut put = asking(
            entry("PUT", "/photo", 200, &[]),
            "content-type",
            "image/png",
        );
        put["request"]["bodySize"] = size.into();
        put
    };
    let imported = import(&[image(3000)]);
    has(
        &imported,
        &[
            "body = { size = 3000 }",
            "headers.content-type = \"image/png\"",
        ],
    );
    let bodies = [
        (
            carrying(image(9), "image/png", "\u{fffd}PNG\u{0}"),
            Body::Generated(5),
        ),
        (image(-1), Body::Empty),
        (image(0), Body::Empty),
    ];
    for (put, expected) in bodies {
        let imported = import(&[put]);
        let Act::Http(act) = &journey(&imported).steps[0].act else {
            panic!("no request in\n{}", imported.text);
        };
        assert_eq!(act.body, expected, "{}", imported.text);
    }
    let mut post = entry("POST", "/notes", 200, &[]);
    post["request"]["bodySize"] = 17.into();
    has(
        &import(&[post]),
        &[
            "# left out: a body of 17 bytes, which the recording does not have: write it as json, form or body",
        ],
    );
    let kind = "multipart/form-data; boundary=----X";
    let post = asking(entry("POST", "/notes", 200, &[]), "Content-Type", kind);
    let imported = import(&[asking(post, "Content-Length", "483")]);
    has(
        &imported,
        &[
            "# left out: a body of 483 bytes, which the recording does not have: write it as multipart.NAME = …",
        ],
    );
    assert!(!imported.text.contains("boundary"), "{}", imported.text);
}
