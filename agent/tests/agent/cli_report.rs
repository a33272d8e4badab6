//! `bongsu run --report`: every kind of report, what stands in it, and what never does.

use std::path::PathBuf;

use base64::Engine as _;
use bongsu_superapp::{Component, Fault, FaultKind, FaultPoint};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::Value;

use crate::cli::{bongsu_with, patient};
use crate::cli_run::run_all;
use crate::stage::Stage;

/// Three steps of two features, beside the cleanup of the first; the second step says `then`.
fn story(then: &str) -> String {
    let journey = patient().replace("expect.status = 200", then);
    journey
        + r#"
[[step]]
name = "the session works still"
feature = "talk.message.text"
get = "/v1/me"
"#
}

struct Reported {
    code: Option<i32>,
    /// What was printed.
    text: String,
    files: Vec<(&'static str, PathBuf)>,
}

impl Reported {
    async fn of(stage: &Stage, more: &[&str]) -> Self {
        let files = ["junit", "jsonl", "html"].map(|kind| {
            let file = stage.path("reports").join(kind);
            (kind, file)
        });
        let mut specs: Vec<String> = files
            .iter()
            .map(|(kind, path)| format!("{kind}={}", path.display()))
            .collect();
        // Both print to standard output.
        if !more.contains(&"--json") {
            specs.push("github".to_owned());
        }
        let specs = specs.join(",");
        let mut arguments = vec!["--report", specs.as_str()];
        arguments.extend(more);
        let (code, text) = bongsu_with(run_all(stage, &arguments)).await;
        Self {
            code,
            text,
            files: files.to_vec(),
        }
    }

    fn file(&self, kind: &str) -> String {
        let (_, path) = self.files.iter().find(|(known, _)| *known == kind).unwrap();
        std::fs::read_to_string(path).unwrap()
    }

    fn junit(&self) -> Report {
        Report::deserialize_from_str(&self.file("junit")).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        let text = self.file("jsonl");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn case<'a>(suite: &'a TestSuite, name: &str) -> &'a TestCase {
    let mut cases = suite.test_cases.iter();
    cases.find(|case| case.name.as_str() == name).expect(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passed_is_told_in_every_report() {
    let stage = Stage::new().await;
    stage.write_journey("login", &story("expect.status = 200"));
    let reported = Reported::of(&stage, &["--repeat", "2"]).await;
    assert_eq!(reported.code, Some(0), "{}", reported.text);
    assert!(!reported.text.contains("::"), "{}", reported.text);
    let junit = reported.junit();
    assert_eq!((junit.tests, junit.failures, junit.errors), (8, 0, 0));
    let names: Vec<&str> = junit.test_suites.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["login #1", "login #2"]);
    let classes = [
        ("sign in: sign in", "account.login"),
        ("the session works", "account.login"),
        ("the session works still", "talk.message.text"),
        ("sign in: sign out", "cleanup"),
    ];
    for (name, class) in classes {
        let case = case(&junit.test_suites[0], name);
        assert_eq!(case.classname.as_ref().unwrap().as_str(), class);
        assert!(case.time.is_some() && case.timestamp.is_some());
        assert!(matches!(case.status, TestCaseStatus::Success { .. }));
    }
    let lines = reported.lines();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["verdict"], "pass");
    assert_eq!(lines[1]["steps"].as_array().unwrap().len(), 4);
    let page = reported.file("html");
    assert!(page.contains("All is well"), "{page}");
    assert!(page.contains("login #2"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_step_is_a_failed_one_in_every_report_where_strict_makes_it_so() {
    let stage = Stage::new().await;
    stage.write_journey("login", &story("slow = \"1ms\"\nexpect.status = 200"));
    let account = FaultPoint::Component(Component::Account);
    let slow = FaultKind::parse("slow", Some("100ms")).unwrap();
    stage
        .platform
        .inject(Fault::everywhere(account, slow))
        .unwrap();
    for (more, code, failures) in [(&[][..], 0, 0), (&["--strict"], 1, 1)] {
        let reported = Reported::of(&stage, more).await;
        assert_eq!(reported.code, Some(code), "{}", reported.text);
        assert_eq!(reported.junit().failures, failures, "{}", reported.text);
        let annotations = reported.text.matches("::error file=").count();
        assert_eq!(annotations, failures, "{}", reported.text);
        assert_eq!(
            reported.text.contains("longer than `slow` = 1ms"),
            failures > 0
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_told_at_its_place_and_what_it_blocks_is_skipped() {
    let stage = Stage::new().await;
    let wrong = "expect.status = 418\nexpect.json.\"$.nothing\" = 1";
    stage.write_journey("login", &story(wrong));
    let reported = Reported::of(&stage, &[]).await;
    assert_eq!(reported.code, Some(1), "{}", reported.text);
    let junit = reported.junit();
    assert_eq!((junit.tests, junit.failures, junit.skipped), (4, 1, 1));
    let suite = &junit.test_suites[0];
    let TestCaseStatus::NonSuccess {
        kind,
        message,
        ty,
        description,
        ..
    } = &case(suite, "the session works").status
    else {
        panic!("it passed: {suite:#?}");
    };
    assert_eq!(*kind, NonSuccessKind::Failure);
    assert_eq!(ty.as_ref().unwrap().as_str(), "status");
    assert!(
        message.as_ref().unwrap().as_str().contains("418"),
        "{message:?}"
    );
    let drawn = description.as_ref().unwrap().as_str();
    assert!(drawn.contains("login.toml:"), "{drawn}");
    let TestCaseStatus::Skipped { message, .. } = &case(suite, "the session works still").status
    else {
        panic!("it is not skipped: {suite:#?}");
    };
    let cause = "blocked by account.login: \"the session works\" failed (status)";
    assert_eq!(message.as_ref().unwrap().as_str(), cause);

    let annotation = reported
        .text
        .lines()
        .find(|line| line.starts_with("::error "));
    let annotation = annotation.expect("an annotation");
    let line = std::fs::read_to_string(stage.path("journeys/login.toml")).unwrap();
    let line = line
        .lines()
        .position(|l| l.contains("\"the session works\""))
        .unwrap()
        + 1;
    assert!(
        annotation.contains(&format!("login.toml,line={line},col=")),
        "{annotation}"
    );
    let title = "title=login · the session works · account.login%3A fail(status) 200::";
    assert!(annotation.contains(title), "{annotation}");
    let page = reported.file("html");
    for expected in [
        "Not all is well",
        "<details class=\"run\" open>",
        "fail(status) 200",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    assert_eq!(reported.lines()[0]["verdict"], "fail(status)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blind_is_an_error_and_attempts_are_reruns() {
    let stage = Stage::new().await;
    let retried = "expect.status = 200\nretry = { times = 2, on = [\"503\"] }";
    let elsewhere = patient()
        .replace("journey = \"login\"", "journey = \"elsewhere\"")
        .replace("base =", "vars.elsewhere = \"elsewhere.test\"\nbase =")
        .replace(
            "get = \"/v1/me\"",
            "get = \"https://{{ elsewhere }}/v1/me\"",
        );
    stage.write_journey("elsewhere", &elsewhere);
    let signed_in_twice = patient().replace("get = \"/v1/me\"", "get = \"/v1/nowhere\"");
    let on_404 = retried.replace("503", "404");
    stage.write_journey(
        "login",
        &signed_in_twice.replace("expect.status = 200", &on_404),
    );
    let reported = Reported::of(&stage, &[]).await;
    assert_eq!(reported.code, Some(1), "{}", reported.text);
    let junit = reported.junit();
    assert_eq!((junit.failures, junit.errors), (1, 1));
    let TestCaseStatus::NonSuccess { kind, ty, .. } =
        &case(&junit.test_suites[0], "the session works").status
    else {
        panic!("it passed");
    };
    assert_eq!(*kind, NonSuccessKind::Error);
    assert_eq!(ty.as_ref().unwrap().as_str(), "internal");
    let TestCaseStatus::NonSuccess { reruns, .. } =
        &case(&junit.test_suites[1], "the session works").status
    else {
        panic!("it passed");
    };
    assert_eq!(reruns.runs.len(), 2, "{reruns:?}");
    let warned = reported
        .text
        .lines()
        .filter(|line| line.starts_with("::warning "));
    assert_eq!(warned.count(), 1, "{}", reported.text);
}

/// Every form in which a careless sink would show the secret.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), secret.to_uppercase()];
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    forms.push(hex);
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD;
    for before in ["", "a", "ab"] {
        // Without the digits at the ends, which depend on what stands beside it.
        let encoded = base64.encode(format!("{before}{secret}"));
        forms.push(encoded[4..encoded.len() - 3].to_owned());
    }
    forms
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_any_output() {
    let stage = Stage::new().await;
    let file = stage.path("superapp/login-users-001.password");
    let secret = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    assert!(secret.len() >= 12, "too short to be told apart");
    // Sent in every place of a request, expected of every part of the answer, and written by a
    // careless author beside a step that fails.
    let careless = r#"query = { p = "{{ password }}", b = "{{ password | b64 }}" }
headers.x-echo = "{{ password }}"
expect.status = 418
expect.body = "{{ password }}"
expect.json."$.id" = "{{ password }}"
expect.header.content-type = { contains = "{{ password | b64 }}" }"#;
    let journey = story(careless).replace(
        "name = \"the session works\"\n",
        &format!("name = \"the session works\" # with {secret}\n"),
    );
    stage.write_journey("login", &journey);
    for more in [&["--verbose"][..], &["--json"]] {
        let reported = Reported::of(&stage, more).await;
        assert_eq!(reported.code, Some(1), "{}", reported.text);
        let mut outputs = vec![("printed", reported.text.clone())];
        for kind in ["junit", "jsonl", "html"] {
            outputs.push((kind, reported.file(kind)));
        }
        for (kind, output) in outputs {
            assert!(
                output.contains("the session works"),
                "{kind} says nothing: {output}"
            );
            // `jsonl` draws no excerpt of a file.
            let has_excerpt = kind != "jsonl" && more != ["--json"];
            assert!(
                !has_excerpt || output.contains("# with ***"),
                "{kind}: {output}"
            );
            for form in forms(&secret) {
                assert!(!output.contains(&form), "{kind} shows {form}:\n{output}");
            }
        }
    }
}

/// A server whose `/old` has moved to `/new`, which is not there.
async fn moved() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let moved = || async { axum::response::Redirect::temporary("/new?a=1") };
    let router = axum::Router::new().route("/old", axum::routing::get(moved));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_that_were_followed_are_told_hop_by_hop() {
    let stage = Stage::new().await;
    let base = format!("http://{}", moved().await);
    let profile = std::fs::read_to_string(stage.target()).unwrap();
    let profile = profile.replacen("base.", &format!("base.old = \"{base}\"\nbase."), 1);
    let profile = profile.replace("hosts = [", "hosts = [\"127.0.0.1\", ");
    std::fs::write(stage.target(), profile).unwrap();
    let ask = "get = \"/v1/me\"\nexpect.status = 200";
    let follow = "get = \"{{ target.base.old }}/old\"\nfollow = 3\nexpect.status = 200";
    stage.write_journey("login", &patient().replace(ask, follow));
    let reported = Reported::of(&stage, &[]).await;
    assert_eq!(reported.code, Some(1), "{}", reported.text);
    let from = format!("307 from {base}/old in ");
    let then = format!("then {base}/new?a=1");
    for (kind, output) in [
        ("printed", reported.text.clone()),
        ("html", reported.file("html")),
    ] {
        assert!(output.contains(&from), "{kind}: {output}");
        assert!(output.contains(&then), "{kind}: {output}");
    }
    let run = &reported.lines()[0];
    let mut steps = run["steps"].as_array().unwrap().iter();
    let step = steps
        .find(|step| step["name"] == "the session works")
        .unwrap();
    assert_eq!(step["url"], format!("{base}/new?a=1"));
    assert_eq!(step["redirects"][0]["status"], 307);
    assert_eq!(step["redirects"][0]["url"], format!("{base}/old"));
    assert!(step["redirects"][0]["duration_s"].as_f64().unwrap() > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_loads_nothing_and_takes_no_text_for_markup() {
    let stage = Stage::new().await;
    let nasty = "</pre><script src=//evil.test></script>";
    let journey = story(&format!("expect.body = '{nasty}'"));
    let journey = journey.replace(
        "name = \"the session works\"",
        "name = \"<img src=//evil.test/a.png> & 'more'\"",
    );
    stage.write_journey("login", &journey);
    let reported = Reported::of(&stage, &[]).await;
    assert_eq!(reported.code, Some(1), "{}", reported.text);
    let page = reported.file("html");
    for forbidden in [
        "<script", "<img", "<link", "url(", "@import", "href", "src=\"",
    ] {
        assert!(!page.contains(forbidden), "{forbidden} is in {page}");
    }
    assert!(page.contains("default-src 'none'"), "{page}");
    assert!(
        page.contains("&lt;img src=//evil.test/a.png&gt; &amp;"),
        "{page}"
    );
    assert_eq!(page.matches("<li>").count(), page.matches("</li>").count());
    // JUnit is read back with the name as it was.
    let junit = reported.junit();
    let _ = case(
        &junit.test_suites[0],
        "<img src=//evil.test/a.png> & 'more'",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_that_cannot_be_written_are_told_before_the_first_run() {
    let stage = Stage::new().await;
    stage.write_journey("login", &patient());
    let folder = stage.path("journeys").display().to_string();
    let twice = format!("junit={0}/x,html={0}/x", stage.folder.path().display());
    for (report, expected) in [
        (format!("junit={folder}"), "cannot be written"),
        (
            format!("html={folder}/login.toml/below"),
            "cannot be written",
        ),
        (twice, "two reports go to"),
        ("pdf=x".to_owned(), "none of junit=FILE"),
        ("jsonl".to_owned(), "jsonl=FILE"),
    ] {
        let (code, text) = bongsu_with(run_all(&stage, &["--report", &report])).await;
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(expected), "{expected} is not in {text}");
        assert!(!text.contains("passed"), "{text}");
    }
    let both = ["--json", "--report", "github"];
    let (code, text) = bongsu_with(run_all(&stage, &both)).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("--report jsonl=FILE"), "{text}");
    assert_eq!(stage.platform.audit().sessions_open, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_held_back_is_skipped_in_every_report() {
    let stage = Stage::new().await;
    stage.write_journey("login", &story("expect.status = 200"));
    let profile = std::fs::read_to_string(stage.target()).unwrap();
    let stopped = format!("kill_switch = \"everything\"\n{profile}");
    std::fs::write(stage.target(), stopped).unwrap();
    let reported = Reported::of(&stage, &[]).await;
    assert_eq!(reported.code, Some(4), "{}", reported.text);
    let junit = reported.junit();
    assert_eq!((junit.tests, junit.skipped), (3, 3));
    assert_eq!(reported.lines()[0]["verdict"], "skipped(kill_switch)");
    assert!(
        reported
            .file("html")
            .contains("the kill switch holds it back")
    );
    assert!(
        reported.text.contains("::notice title=login::"),
        "{}",
        reported.text
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feature_that_fails_first_blocks_the_others() {
    let stage = Stage::new().await;
    stage.write_journey("login", &story("expect.status = 200"));
    let account = FaultPoint::Component(Component::Account);
    let refuse = Fault::everywhere(account, FaultKind::Refuse);
    stage.platform.inject(refuse).unwrap();
    let reported = Reported::of(&stage, &[]).await;
    assert_eq!(reported.code, Some(1), "{}", reported.text);
    let junit = reported.junit();
    // Nothing was made, so nothing is undone: three cases.
    assert_eq!((junit.tests, junit.failures, junit.skipped), (3, 1, 2));
    let page = reported.file("html");
    assert!(page.contains("blocked(account.login)"), "{page}");
}
