//! A secret in every field of a journey, sent to a server that says all of it again in every way
//! that it can: nothing of it is in anything that the program says, keeps or ships.

use std::path::Path;
use std::process::Stdio;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::stage::{AgentProcess, Stage, bongsu, until};

/// The password of the account. Its words are looked for in every output.
const SENTINEL: &str = "zq9wv/el+of=\"the\" te%st\\pw";

/// What the server hands out, to be captured as secret.
const TOKEN: &str = "kx7jq/to ken+0123456789";

/// One step for each field that a secret can be put into.
const FIELDS: &[(&str, &str)] = &[
    ("path", "get = \"/x/{{ password }}\""),
    ("query", "get = \"/x\"\nquery.q = \"a {{ password }}\""),
    ("header", "get = \"/x\"\nheaders.x-any = \"{{ password }}\""),
    (
        "basic",
        "get = \"/x\"\nheaders.authorization = \"Basic {{ password | b64 }}\"",
    ),
    (
        "json",
        "side_effect = false\npost = \"/x\"\njson = { a = [{ b = \"{{ password }}\" }] }",
    ),
    (
        "form",
        "side_effect = false\npost = \"/x\"\nform.a = \"{{ password }}\"",
    ),
    (
        "text",
        "side_effect = false\npost = \"/x\"\nbody = \"<p>{{ password }}</p>\"",
    ),
    (
        "expected",
        "get = \"/x\"\nexpect = { status = 500, body = \"{{ password }}\" }",
    ),
    (
        "contained",
        "get = \"/x\"\nexpect = { status = 500, header.x-none = { contains = \"{{ password }}\" } }",
    ),
    (
        "polled",
        "get = \"/x/{{ password }}\"\npoll = { every = \"100ms\", for = \"300ms\" }",
    ),
    (
        "retried",
        "get = \"/x/{{ password }}\"\nretry = { times = 1, on = [\"500\"] }",
    ),
    (
        "cased",
        "get = \"/x/{{ password | upper }}/{{ password | lower }}\"",
    ),
    (
        "socket",
        "ws = \"{{ target.ws.api }}/{{ password }}\"\nsocket = \"s\"\nheaders.x-any = \"{{ password }}\"",
    ),
    (
        "call",
        "side_effect = false\ngrpc = \"/a.B/C\"\nheaders.x-any = \"{{ password }}\"\njson = { a = \"{{ password }}\" }",
    ),
    (
        "captured",
        "get = \"/token\"\nexpect.status = 500\ncapture.token = { json = \"$.token\", secret = true }\n\
         [[step]]\nname = \"again\"\nget = \"/x/{{ token }}\"\n\
         [[step]]\nname = \"never\"\nget = \"/x\"",
    ),
    (
        "parts",
        "side_effect = false\npost = \"/x\"\nmultipart.a = { text = \"{{ password }}\", file = \"{{ password }}\" }",
    ),
    (
        "granted",
        "side_effect = false\npost = \"/x\"\noauth2 = { grant = \"refresh_token\", client_id = \"a\", \
         client_secret = \"{{ password }}\", refresh_token = \"{{ password }}\" }",
    ),
    ("followed", "get = \"/moved/{{ password }}\"\nfollow = 2"),
    (
        "conditional",
        "get = \"/x\"\nwhen = \"{{ password == 'other' }}\"\n\
         [[step]]\nname = \"then\"\nget = \"/x\"",
    ),
    (
        "failed_if",
        "get = \"/x\"\npoll = { every = \"100ms\", for = \"300ms\" }\n\
         fail_if.body = { contains = \"{{ password }}\" }",
    ),
    (
        "by_default",
        "get = \"/x\"\n[defaults.headers]\nx-any = \"{{ password }}\"",
    ),
    ("asked", "dns = \"{{ password | s256 }}.invalid\""),
    ("shaken", "tls = \"{{ password | s256 }}.invalid:443\""),
    (
        "connected",
        "tcp = \"ADDRESS\"\nsend = \"GET /{{ password }} HTTP/1.0\\r\\n\\r\\n\"\n\
         expect.body = { contains = \"nothing {{ password }}\" }",
    ),
    (
        "thrown",
        "udp = \"ADDRESS\"\nsend = \"{{ password }}\"\ntimeout = \"200ms\"",
    ),
    (
        "elsewhere",
        "get = \"http://nowhere.invalid/{{ password }}\"",
    ),
    (
        "undone",
        "post = \"/ok\"\n[[cleanup]]\nname = \"undo\"\ndelete = \"/x/{{ password }}\"",
    ),
];

/// A careless author has written the password into the names of steps as well.
fn journey(name: &str, fields: &str) -> String {
    format!(
        "format = 1\njourney = \"{name}\"\nfeature = \"account.login\"\nevery = \"3s\"\n\
         timeout = \"1500ms\"\ncleanup_timeout = \"400ms\"\nbase = \"{{{{ target.base.api }}}}\"\n\
         actor.user.account = \"pool:users\"\n[[step]]\nname = 'ask {SENTINEL}'\n{fields}\n\
         [[step]]\nname = 'not reached {SENTINEL}'\nget = \"/x\"\n"
    )
}

/// Says everything again: as it came, decoded, and encoded in other ways than it came.
async fn echo(uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    if uri.path() == "/ok" {
        return StatusCode::OK.into_response();
    }
    if let Some(rest) = uri.path().strip_prefix("/moved/") {
        return Redirect::temporary(&format!("/x/{rest}")).into_response();
    }
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let partly: String = SENTINEL
        .bytes()
        .map(|b| match b {
            b'a'..=b'm' => format!("%{b:02x}"),
            b' ' => "+".to_owned(),
            b'%' | b'+' => format!("%{b:02X}"),
            b => char::from(b).to_string(),
        })
        .collect();
    let said = serde_json::json!({
        "token": if uri.path() == "/token" { TOKEN } else { "" },
        "uri": uri.to_string(),
        "headers": format!("{headers:?}"),
        "body": String::from_utf8_lossy(&body),
        "debug": format!("{SENTINEL:?}"),
        "basic": STANDARD.encode(format!("user:{SENTINEL}")),
        "partly": partly,
        "twice": serde_json::json!({ "password": SENTINEL }).to_string(),
    });
    let mut response = (status, said.to_string()).into_response();
    let line = response.headers_mut();
    let said = HeaderValue::from_str(&format!("{partly}, {SENTINEL}")).unwrap();
    line.insert("x-echo", said);
    response
}

/// What must be nowhere: the words of the secrets in small letters, and what they are in Base64 and
/// in hex.
fn traces() -> Vec<String> {
    let mut traces = Vec::new();
    for secret in [SENTINEL, TOKEN] {
        traces.push(secret[..5].to_owned());
        for before in ["", "u", "us"] {
            let encoded = STANDARD.encode(format!("{before}{secret}"));
            traces.push(encoded[4..20].to_lowercase());
        }
        let hex = |b: u8| format!("{b:02x}");
        traces.push(secret.bytes().take(8).map(hex).collect());
        let percent = |b: u8| format!("%{b:02x}");
        traces.push(secret.bytes().take(4).map(percent).collect());
    }
    traces
}

fn assert_clean(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    for trace in traces() {
        if let Some(at) = text.find(&trace) {
            let around: String = text[..at].chars().rev().take(200).collect();
            let around: String = around.chars().rev().collect();
            panic!("{trace} is in {what}, after: {around}");
        }
    }
}

fn assert_clean_below(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_clean_below(&path);
        } else if let Ok(bytes) = std::fs::read(&path) {
            assert_clean(&path.display().to_string(), &bytes);
        }
    }
}

async fn stage_with_echo() -> Stage {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(echo);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let stage = Stage::new().await;
    let target = format!(
        "format = 1\ntarget = \"superapp\"\nbase.api = \"http://{address}\"\n\
         base.account = \"http://{address}\"\nws.api = \"ws://{address}\"\n\
         hosts = [\"127.0.0.1\", \"*.invalid\"]\nresolver = \"127.0.0.1:9\"\nallow_private = true\n[pool.users]\naccounts = [\n{}]\n",
        (0..FIELDS.len())
            .map(|n| format!(
                "{{ name = \"u-{n}\", login = \"u-{n}\", user_id = \"{n}\", \
                 password = {{ file = \"pw\" }} }},\n"
            ))
            .collect::<String>()
    );
    std::fs::write(stage.target(), target).unwrap();
    std::fs::write(stage.path("superapp/pw"), format!("{SENTINEL}\n")).unwrap();
    for (name, fields) in FIELDS {
        let text = journey(name, fields).replace("ADDRESS", &address.to_string());
        stage.write_journey(name, &text);
    }
    stage
}

async fn said_by(arguments: Vec<String>) -> Vec<u8> {
    let output = tokio::task::spawn_blocking(move || {
        let mut program = bongsu();
        program.args(arguments).env("BONGSU_LOG", "trace");
        program.stdin(Stdio::null()).output().unwrap()
    });
    let output = output.await.unwrap();
    [output.stdout, output.stderr].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_in_any_field_is_in_nothing_that_is_said() {
    let stage = stage_with_echo().await;
    let shown = |path: std::path::PathBuf| path.display().to_string();
    let journeys = shown(stage.path("journeys"));
    let target = shown(stage.target());
    let config = shown(stage.write_agent(""));
    let reports = ["junit", "jsonl", "html"].map(|kind| {
        let file = shown(stage.path("reports").join(kind));
        format!("{kind}={file}")
    });
    let reports = format!("{},github", reports.join(","));
    let run = ["run", &journeys, "--target", &target];
    let held_back = shown(stage.path("superapp/held.toml"));
    let profile = std::fs::read_to_string(stage.target()).unwrap();
    let profile = profile.replacen("base.", "kill_switch = \"everything\"\nbase.", 1);
    std::fs::write(&held_back, profile).unwrap();
    for arguments in [
        &["check", &journeys][..],
        &run,
        &[&run[..], &["--jobs", "4", "--report", &reports]].concat(),
        &[
            "run", &journeys, "--target", &held_back, "--report", &reports,
        ],
        &[&run[..], &["--json"]].concat(),
        &["agent", "--config", &config, "--check-config"],
    ] {
        let said = said_by(arguments.iter().map(|&one| one.to_owned()).collect()).await;
        assert_clean(&arguments.join(" "), &said);
        let reports = stage.path("reports");
        if reports.exists() {
            assert_clean_below(&reports);
            for kind in ["junit", "html"] {
                let report = std::fs::read_to_string(reports.join(kind)).unwrap();
                for (name, _) in FIELDS {
                    assert!(report.contains(name), "{name} is not in {kind}: {report}");
                }
            }
            let junit = std::fs::read_to_string(reports.join("junit")).unwrap();
            assert!(junit.contains("not reached ***"), "{junit}");
            std::fs::remove_dir_all(reports).unwrap();
        }
        if arguments[0] == "run" {
            let said = String::from_utf8_lossy(&said);
            for (name, _) in FIELDS {
                assert!(said.contains(name), "{name} did not run: {said}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_in_any_field_is_in_nothing_that_an_agent_keeps_or_ships() {
    let stage = stage_with_echo().await;
    let config = stage.write_agent("");
    // Both logs are looked at as they are written with everything on.
    let log = std::fs::File::create(stage.path("data.log")).unwrap();
    let child = bongsu()
        .args(["agent", "--config"])
        .arg(&config)
        .env("BONGSU_LOG", "trace")
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let agent = AgentProcess::of(child);
    until("every journey has run", || {
        let runs = stage.collector.runs();
        FIELDS
            .iter()
            .all(|(name, _)| runs.iter().any(|run| run.journey.as_str() == *name))
    })
    .await;
    assert_clean_below(&stage.path("data"));
    agent.terminate().await;
    assert_clean_below(&stage.path("data"));
    assert_clean("the log", &std::fs::read(stage.path("data.log")).unwrap());
    let bodies = stage.collector.bodies();
    let masked = |body: &Vec<u8>| body.windows(3).any(|part| part == b"***");
    assert!(bodies.iter().any(masked), "the secrets were sent");
    for body in bodies {
        assert_clean("what was shipped", &body);
    }
}
