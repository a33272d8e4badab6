//! The admin API, the ports and the written profiles.

use std::sync::Arc;

use bongsu_model::PoolName;
use bongsu_superapp::{Platform, Ports, StartError, write_profiles};
use serde_json::{Value, json};

use super::client::{Client, SEOUL, answer, config, platform, region};

fn client() -> reqwest::Client {
    // Any client installs the TLS provider that reqwest asks for.
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn url(platform: &Platform, path: &str) -> String {
    format!("http://{}/admin/{path}", platform.admin())
}

#[tokio::test]
async fn faults_are_made_listed_and_mended_by_id_name_or_all() {
    let platform = platform().await;
    let _provider = Client::new(&platform, SEOUL);
    let http = client();
    let faults = url(&platform, "faults");
    let break_it = |body: Value| answer(http.post(&faults).body(body.to_string()));
    let slow = json!({ "on": "relay", "kind": "slow", "value": "3s", "region": SEOUL });
    let (status, made) = break_it(slow).await.unwrap();
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["value"], "3000ms");
    for on in ["account", "account", "account.login"] {
        let error = json!({ "on": on, "kind": "error", "value": 500 });
        assert_eq!(break_it(error).await.unwrap().0, 201);
    }
    let (_, listed) = answer(http.get(&faults)).await.unwrap();
    assert_eq!(listed["faults"].as_array().unwrap().len(), 4);
    assert_eq!(listed["faults"][0], made);

    let mend = |path: String| answer(http.delete(format!("{faults}{path}")));
    let id = format!("/{}", made["id"]);
    assert_eq!(mend(id.clone()).await.unwrap().0, 204);
    assert_eq!(mend(id).await.unwrap().0, 404);
    let by_name = mend("?on=account".to_owned()).await.unwrap();
    assert_eq!(by_name, (200, json!({ "mended": 2 })));
    let all = mend("?on=all".to_owned()).await.unwrap();
    assert_eq!(all, (200, json!({ "mended": 1 })));
    assert!(platform.faults().is_empty());
}

#[tokio::test]
async fn wrong_faults_are_refused_with_a_remedy() {
    let platform = platform().await;
    let _provider = Client::new(&platform, SEOUL);
    let http = client();
    let faults = url(&platform, "faults");
    for (body, wanted) in [
        ("", "EOF"),
        ("{\"on\":\"relay\"}", "missing field `kind`"),
        (
            "{\"on\":\"relay\",\"kind\":\"hang\",\"regoin\":\"x\"}",
            "unknown field `regoin`",
        ),
        (
            "{\"on\":\"rely\",\"kind\":\"hang\"}",
            "did you mean `relay`?",
        ),
        (
            "{\"on\":\"relay\",\"kind\":\"hung\"}",
            "did you mean `hang`?",
        ),
        (
            "{\"on\":\"relay\",\"kind\":\"error\",\"value\":200}",
            "500 to 599",
        ),
        (
            "{\"on\":\"relay\",\"kind\":\"hang\",\"region\":\"de-berlin\"}",
            "called from kr-seoul, jp-tokyo",
        ),
        (
            "{\"on\":\"relay\",\"kind\":\"hang\",\"share\":\"8%\"}",
            "write accounts=8%",
        ),
        (
            "{\"on\":\"account\",\"kind\":\"lost-delivery\"}",
            "nothing is delivered",
        ),
    ] {
        let (status, error) = answer(http.post(&faults).body(body)).await.unwrap();
        assert_eq!(status, 400, "{body}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(wanted), "{body}: {message}");
    }
    for (path, status) in [("?on=rely", 400), ("", 400), ("/x", 400), ("/999", 404)] {
        let mended = answer(http.delete(format!("{faults}{path}")))
            .await
            .unwrap();
        assert_eq!(mended.0, status, "{path}");
    }
    let page = http.get(&faults).header("origin", "http://evil.test");
    assert_eq!(answer(page).await.unwrap().0, 403);
    assert_eq!(answer(http.get(url(&platform, "x"))).await.unwrap().0, 404);
    assert_eq!(answer(http.put(&faults)).await.unwrap().0, 405);
    assert!(platform.faults().is_empty());
}

#[tokio::test]
async fn topology_and_audit_tell_what_there_is() {
    let platform = platform().await;
    let _provider = Client::new(&platform, SEOUL);
    let http = client();
    let (_, topology) = answer(http.get(url(&platform, "topology"))).await.unwrap();
    let needs = json!([
        { "on": "account", "strength": "hard" },
        { "on": "relay", "strength": "hard" },
        { "on": "push", "strength": "soft" },
    ]);
    assert_eq!(topology["features"][1]["needs"], needs);
    assert_eq!(topology["regions"].as_array().unwrap().len(), 2);
    let (status, audit) = answer(http.get(url(&platform, "audit"))).await.unwrap();
    assert_eq!((status, &audit["sessions_open"]), (200, &json!([])));
    assert_eq!(audit["idempotency_conflicts"], 0);
}

#[tokio::test]
async fn a_taken_port_is_named_with_how_to_choose_another() {
    let platform = platform().await;
    let mut second = config("second");
    // The first port that it takes is the first platform's.
    let taken = platform.endpoints(&region(SEOUL)).unwrap().dns.port();
    second.ports = Ports::From(taken);
    let error = Platform::start(second).await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&taken.to_string()), "{text}");
    assert!(text.contains("--port"), "{text}");
}

#[tokio::test]
async fn configurations_that_make_no_sense_are_refused() {
    let refused = async |change: &dyn Fn(&mut bongsu_superapp::PlatformConfig)| {
        let mut config = config("superapp");
        change(&mut config);
        Platform::start(config).await.unwrap_err().to_string()
    };
    let none = refused(&|c| c.regions.clear()).await;
    assert!(none.contains("at least one region"), "{none}");
    let twice = refused(&|c| c.regions.push(c.regions[0].clone())).await;
    assert!(twice.contains("each region once"), "{twice}");
    let empty = refused(&|c| c.pools[0].1 = 0).await;
    assert!(empty.contains("at least one account"), "{empty}");
    let many = refused(&|c| c.pools[0].1 = usize::MAX).await;
    assert!(many.contains("too many"), "{many}");
    let high = refused(&|c| c.ports = Ports::From(65_500)).await;
    assert!(high.contains("choose a base"), "{high}");
}

#[tokio::test]
async fn profiles_name_everything_and_hold_no_password() {
    let platform = Arc::new(platform().await);
    let folder = tempfile::tempdir().unwrap();
    let pool = PoolName::new("chat-users").unwrap();
    let written = write_profiles(&platform, std::slice::from_ref(&pool), folder.path()).unwrap();
    assert_eq!(written.len(), 2);
    let text = std::fs::read_to_string(folder.path().join("target-kr-seoul.toml")).unwrap();
    let endpoints = platform.endpoints(&region(SEOUL)).unwrap();
    let account = &platform.accounts(&pool)[0];
    for wanted in [
        "target = \"superapp\"",
        &format!("base.account = \"{}\"", endpoints.base["account"]),
        &format!("ws.talk = \"{}\"", endpoints.ws["talk"]),
        &format!("resolver = \"{}\"", endpoints.dns),
        "ca = \"ca.pem\"",
        "password = { file = \"chat-users-001.password\" }",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
    assert!(!text.contains(account.password.expose()));
    let password = std::fs::read_to_string(folder.path().join("chat-users-001.password"));
    assert_eq!(password.unwrap(), account.password.expose());

    let file = folder.path().join("ca.pem");
    let error = write_profiles(&platform, &[pool], &file).unwrap_err();
    assert!(error.to_string().contains("ca.pem"), "{error}");
}
