//! `bongsu import`: what is recorded against one platform runs against another.

use std::path::Path;
use std::process::Output;

use bongsu_model::PoolName;
use bongsu_superapp::write_profiles;

use crate::recorder::record_an_order;
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
            "this is not a HTTP Archive",
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
            3,
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
