//! `bongsu import`: what is recorded against one platform runs against another.

use std::path::Path;
use std::process::Output;

use bongsu_model::PoolName;
use bongsu_superapp::write_profiles;

use crate::recorder::record_an_order;
use crate::shop::{self, Shop};
use crate::stage::{Stage, bongsu};

async fn bongsu_with(arguments: Vec<String>) -> (Option<i32>, String, String) {
    let output: Output = tokio::task::spawn_blocking(move || {
        bongsu()
            .args(arguments)
            .env_remove("NO_COLOR")
            .output()
            .unwrap()
    })
    .await
    .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn words(line: &str, paths: &[&Path]) -> Vec<String> {
    let mut paths = paths.iter();
    line.split(' ')
        .map(|word| match word {
            "PATH" => paths.next().unwrap().display().to_string(),
            word => word.to_owned(),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_order_runs_green_against_another_platform_once_actor_and_feature_are_named() {
    let recorded = Stage::new().await;
    let recorder = record_an_order(&recorded.platform).await;
    let archive = recorder.archive();
    // Remove the kept recording to have it made anew: every recording differs.
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../probes/import/tests/har/order.har");
    if std::env::var_os("BONGSU_REGENERATE").is_some() && !kept.exists() {
        std::fs::write(kept, &archive).unwrap();
    }
    let har = recorded.path("order.har");
    std::fs::write(&har, &archive).unwrap();

    // Another platform: other ports, tokens and passwords, and other ids, for it counts them.
    let stage = Stage::new().await;
    let _ = record_an_order(&stage.platform).await;
    let pools = [PoolName::new("taxi-riders").unwrap()];
    write_profiles(&stage.platform, &pools, &stage.path("taxi")).unwrap();
    let journey = stage.path("journeys/order.toml");
    let import = "import har PATH --feature mobility.taxi.call --pool taxi-riders --out PATH";
    let (code, _, told) = bongsu_with(words(import, &[&har, &journey])).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("left out: 5 images, fonts"), "{told}");
    assert!(!told.contains("error"), "{told}");

    let text = std::fs::read_to_string(&journey).unwrap();
    let account = recorded.platform.accounts(&pools[0])[0].clone();
    for secret in [recorder.token(), account.password.expose(), &account.login] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
    let (code, told, _) = bongsu_with(words("check PATH", &[&journey])).await;
    assert_eq!(code, Some(0), "{told}\n{text}");
    let target = stage.path("taxi/target-kr-seoul.toml");
    let (code, told, _) = bongsu_with(words("run PATH --target PATH", &[&journey, &target])).await;
    assert_eq!(code, Some(0), "{told}\n{text}");
    assert!(told.contains("cleanup: done"), "{told}");
}

/// The same recording as a browser saves it that keeps credentials back.
fn without_credentials(archive: &str) -> String {
    let mut archive: serde_json::Value = serde_json::from_str(archive).unwrap();
    for entry in archive["log"]["entries"].as_array_mut().unwrap() {
        let headers = entry["request"]["headers"].as_array_mut().unwrap();
        headers.retain(|header| header["name"] != "authorization");
    }
    archive.to_string()
}

/// An order as hurl's users write it.
const HURL: &str = r#"
POST {{account}}/v1/sessions
{ "login": "{{login}}", "password": "{{password}}", "client_ref": "{{newUuid}}" }
HTTP 201
[Captures]
token: jsonpath "$.token"
me: jsonpath "$.user_id"
[Asserts]
jsonpath "$.expires_in_s" > 0

GET {{account}}/v1/me
Authorization: Bearer {{token}}
HTTP 200
Content-Type: application/json
[Asserts]
jsonpath "$.id" == "{{me}}"
jsonpath "$.login" exists
duration < 9000

POST {{mobility}}/v1/quotes
Authorization: Bearer {{token}}
{ "from": { "lat": 37.5716, "lon": 126.9769 }, "to": { "lat": 37.4979, "lon": 127.0276 } }
HTTP 200
[Captures]
quote: jsonpath "$.id"
price: jsonpath "$.price.amount"

POST {{mobility}}/v1/rides
Authorization: Bearer {{token}}
Idempotency-Key: {{newUuid}}
{ "quote": "{{quote}}", "client_ref": "{{newUuid}}" }
HTTP 201
[Captures]
ride: jsonpath "$.id"
[Asserts]
jsonpath "$.price.amount" == {{price}}

GET {{mobility}}/v1/rides
Authorization: Bearer {{token}}
[QueryStringParams]
client_ref: {{newUuid}}
[Options]
retry: 3
retry-interval: 200ms
HTTP 200
[Asserts]
jsonpath "$.items" count == 1
jsonpath "$.items[0].id" == "{{ride}}"

POST {{mobility}}/v1/rides/{{ride}}/cancel
Authorization: Bearer {{token}}
{}
HTTP 200

DELETE {{account}}/v1/sessions/current
Authorization: Bearer {{token}}
HTTP 204
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_without_credentials_and_a_file_of_hurl_run_green() {
    let stage = Stage::new().await;
    let pools = [PoolName::new("taxi-riders").unwrap()];
    write_profiles(&stage.platform, &pools, &stage.path("taxi")).unwrap();
    let archive = record_an_order(&stage.platform).await.archive();
    let inputs = [
        ("har", "saved.har", without_credentials(&archive)),
        ("hurl", "order.hurl", HURL.to_owned()),
    ];
    for (kind, name, text) in inputs {
        let (input, journey) = (stage.path(name), stage.path(&format!("{kind}.toml")));
        std::fs::write(&input, text).unwrap();
        let import = format!(
            "import {kind} PATH --feature mobility.taxi.call --pool taxi-riders --out PATH"
        );
        let (code, _, told) = bongsu_with(words(&import, &[&input, &journey])).await;
        assert_eq!(code, Some(0), "{told}");
        let text = std::fs::read_to_string(&journey).unwrap();
        let target = stage.path("taxi/target-kr-seoul.toml");
        let run = words("run PATH --target PATH", &[&journey, &target]);
        let (code, told, _) = bongsu_with(run).await;
        assert_eq!(code, Some(0), "{told}\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_imported_ends_with_a_code_of_its_own_and_no_file_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| std::fs::write(path(name), text).unwrap();
    write("bad.har", "{");
    write("good.hurl", "GET https://api.shop.test/v1/me\nHTTP 200\n");
    write("taken.toml", "mine");
    write(
        "shop.json",
        r#"{ "openapi": "3.1.0", "paths": { "/a": { "get": {} } } }"#,
    );
    let cases = [
        (
            "import har PATH",
            vec!["bad.har"],
            3,
            "this is not an HTTP Archive",
        ),
        ("import har PATH", vec!["none.har"], 2, "none.har"),
        (
            "import hurl PATH --out PATH",
            vec!["good.hurl", "taken.toml"],
            2,
            "choose another --out",
        ),
        (
            "import hurl PATH --feature A",
            vec!["good.hurl"],
            2,
            "not a feature id",
        ),
        (
            "import openapi PATH",
            vec!["shop.json"],
            2,
            "there are: GET /a",
        ),
        ("import curl curl", vec![], 3, "a command has no URL"),
        ("import postman x", vec![], 2, "postman"),
        ("import", vec![], 2, "openapi"),
    ];
    for (line, files, expected_code, expected) in cases {
        let files: Vec<_> = files.into_iter().map(path).collect();
        let files: Vec<&Path> = files.iter().map(std::path::PathBuf::as_path).collect();
        let (code, _, told) = bongsu_with(words(line, &files)).await;
        assert_eq!(code, Some(expected_code), "{line}: {told}");
        assert!(told.contains(expected), "{line}: {told}");
    }
    assert_eq!(std::fs::read_to_string(path("taken.toml")).unwrap(), "mine");
    let refused = vec![
        "import".to_owned(),
        "curl".to_owned(),
        "curl -k https://a.test".to_owned(),
    ];
    let (code, _, told) = bongsu_with(refused).await;
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("certificates are always verified"), "{told}");
    let (code, text, told) = bongsu_with(words("import hurl PATH", &[&path("good.hurl")])).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(text.contains("journey = \"good\""), "{text}");
    assert!(told.contains("note: name the feature"), "{told}");
}

/// What Chromium 156 recorded of a [`Shop`] of the seed `one`: as its developer tools save it, and as
/// Playwright does. Assets that came again are cut out.
const OF_A_BROWSER: [&str; 2] = ["shop-devtools.har", "shop-playwright.har"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_browsers_recorded_of_a_shop_runs_green_in_another_once_actor_and_feature_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let shop = Shop::open("another").await;
    let password = Shop::password("another");
    std::fs::write(path("password"), &password).unwrap();
    let target = format!(
        "format = 1\ntarget = \"shop\"\nbase.shop = \"http://{}\"\nbase.api = \"http://{}\"\n\
         hosts = [\"127.0.0.1\"]\nallow_private = true\n[pool.customers]\naccounts = [{{ name = \
         \"mina\", login = \"{}\", user_id = \"u-1\", password = {{ file = \"password\" }} }}]\n",
        shop.pages,
        shop.api,
        shop::LOGIN,
    );
    std::fs::write(path("target.toml"), target).unwrap();
    for (runs, name) in (1..).zip(OF_A_BROWSER) {
        let recording = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../probes/import/tests/har")
            .join(name);
        let journey = path(name).with_extension("toml");
        let import = "import har PATH --feature shop.order --pool customers --out PATH";
        let (code, _, told) = bongsu_with(words(import, &[&recording, &journey])).await;
        assert_eq!(code, Some(0), "{told}");
        let text = std::fs::read_to_string(&journey).unwrap();
        let run = words("run PATH --target PATH", &[&journey, &path("target.toml")]);
        let (code, told, _) = bongsu_with(run).await;
        assert_eq!(code, Some(0), "{told}\n{text}");
        // Nothing was refused, and nothing is left.
        let (refused, cancelled, ended, orders, sessions) = shop.account();
        assert!(refused.is_empty(), "{refused:?}\n{text}");
        assert_eq!(
            (cancelled, ended, orders, sessions),
            (runs, runs, 0, 0),
            "{text}"
        );
        for secret in [shop::LOGIN, "hunter", "Bearer ey", "tea-one"] {
            assert!(!text.contains(secret), "{secret} in\n{text}");
        }
    }
}
