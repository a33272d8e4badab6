//! `bongsu run` and `bongsu check`: what a script sees.

use std::path::Path;
use std::process::Output;

use bongsu_superapp::{Component, Fault, FaultKind, FaultPoint};

use crate::crash::SEND;
use crate::stage::{LOGIN, Stage, bongsu, until};

pub(crate) async fn bongsu_with(arguments: Vec<String>) -> (Option<i32>, String) {
    let output: Output = tokio::task::spawn_blocking(move || {
        bongsu()
            .args(arguments)
            .env_remove("NO_COLOR")
            .output()
            .unwrap()
    })
    .await
    .unwrap();
    let text =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

fn run(stage: &Stage, more: &[&str]) -> Vec<String> {
    let journey = stage.path("journeys/login.toml").display().to_string();
    let target = stage.target().display().to_string();
    let mut arguments = vec!["run".to_owned(), journey, "--target".to_owned(), target];
    arguments.extend(more.iter().map(|&one| one.to_owned()));
    arguments
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_ends_as_the_journey_did() {
    let stage = Stage::new().await;
    stage.write_journey(
        "login",
        &LOGIN.replace("1500ms", "5s").replace("\"2s\"", "\"10s\""),
    );
    let (code, text) = bongsu_with(run(&stage, &[])).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("passed: login · account.login"), "{text}");
    assert!(text.contains("cleanup: done"), "{text}");
    let (code, text) = bongsu_with(run(&stage, &["--json"])).await;
    assert_eq!(code, Some(0), "{text}");
    let run_json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(run_json["verdict"], "pass");

    let account = FaultPoint::Component(Component::Account);
    let fault = |kind| {
        stage
            .platform
            .inject(Fault::everywhere(account, kind))
            .unwrap()
    };
    let id = fault(FaultKind::Refuse);
    let (code, text) = bongsu_with(run(&stage, &[])).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("failed (connect)"), "{text}");
    assert!(
        text.contains("sign-in.toml") || text.contains("login.toml"),
        "no place in:\n{text}"
    );
    stage.platform.mend(id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_expectation_is_shown_at_its_place() {
    let stage = Stage::new().await;
    let wrong = LOGIN
        .replace("1500ms", "5s")
        .replace("\"2s\"", "\"10s\"")
        .replace("expect.status = 200", "expect.status = 418");
    stage.write_journey("login", &wrong);
    let (code, text) = bongsu_with(run(&stage, &[])).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("name = \"the session works\""), "{text}");
    assert!(text.contains("418"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_and_invalid_files_have_their_own_codes() {
    let stage = Stage::new().await;
    stage.write_journey("login", LOGIN);
    let target = stage.target().display().to_string();
    let cases = [
        (vec!["run".to_owned()], 2, "FILE"),
        (run(&stage, &["--var", "x=1"]), 2, "declare no `vars`"),
        (run(&stage, &["--nonsense"]), 2, "--nonsense"),
        (
            vec![
                "run".to_owned(),
                "no.toml".to_owned(),
                "--target".to_owned(),
                target,
            ],
            2,
            "no.toml",
        ),
    ];
    for (arguments, expected_code, expected) in cases {
        let (code, text) = bongsu_with(arguments).await;
        assert_eq!(code, Some(expected_code), "{text}");
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
    stage.write_journey("login", &LOGIN.replace("feature =", "featur ="));
    let (code, text) = bongsu_with(run(&stage, &[])).await;
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("featur"), "{text}");
    std::fs::remove_file(stage.path("superapp/login-users-001.password")).unwrap();
    let (code, text) = bongsu_with(run(&stage, &[])).await;
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("login-users-001.password"), "{text}");
}

#[test]
fn fragments_are_found_from_wherever_their_users_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (talk, fragments) = (folder.path().join("talk"), folder.path().join("fragments"));
    for one in [&talk, &fragments] {
        std::fs::create_dir(one).unwrap();
    }
    std::fs::write(talk.join("login.toml"), LOGIN).unwrap();
    std::fs::write(fragments.join("sign-in.toml"), crate::stage::SIGN_IN).unwrap();
    let check = |place: &Path, named: &[&str]| {
        let output = bongsu()
            .current_dir(place)
            .arg("check")
            .args(named)
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), told)
    };
    for (place, named) in [
        (&*talk, &["login.toml"][..]),
        (&talk, &["./login.toml"]),
        (&talk, &["."]),
        (&talk, &["../talk"]),
        (&talk, &["../talk/login.toml"]),
        (folder.path(), &["talk"]),
        (folder.path(), &["talk/"]),
        (folder.path(), &["talk/login.toml"]),
        // Nothing is read twice, by whatever names.
        (&talk, &["login.toml", "../fragments"]),
        (&talk, &[".", "../fragments"]),
        (folder.path(), &["fragments", "talk/login.toml"]),
    ] {
        let (code, told) = check(place, named);
        assert_eq!(code, Some(0), "{named:?} in {place:?}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_reads_the_shipped_files_without_complaint_and_tells_every_mistake_of_bad_ones() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../probes/journeys");
    let (code, text) = bongsu_with(vec!["check".to_owned(), shipped.display().to_string()]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(" usable journeys: 0 errors"), "{text}");

    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.toml");
    std::fs::write(&bad, "format = 1\njourney = \"a b\"\nfeatur = \"x\"\n").unwrap();
    let (code, text) = bongsu_with(vec!["check".to_owned(), bad.display().to_string()]).await;
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("bad.toml:2:") && text.contains("bad.toml:3:"),
        "{text}"
    );
    let (code, text) = bongsu_with(vec!["check".to_owned(), "no-such-folder".to_owned()]).await;
    assert_eq!(code, Some(2), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_goes_on_past_files_that_it_cannot_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.toml"), b"format = 1 # \xff").unwrap();
    std::fs::write(folder.path().join("b.toml"), vec![b'#'; (4 << 20) + 1]).unwrap();
    std::fs::write(folder.path().join("c.toml"), "format = 1\nfeatur = \"x\"\n").unwrap();
    let path = folder.path().display().to_string();
    let (code, text) = bongsu_with(vec!["check".to_owned(), path]).await;
    assert_eq!(code, Some(3), "{text}");
    for expected in [
        "a.toml:1: this is not UTF-8 text: save it as UTF-8",
        "b.toml is larger than 4 MiB",
        "c.toml:1:",
        "3 files, 0 usable journeys: 3 errors, 0 warnings",
    ] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_says_which_program_checks_a_configuration() {
    for (name, expected) in [
        ("agent", "bongsu agent --config FILE --check-config"),
        ("collector", "bongsu-collector --config FILE --check-config"),
    ] {
        let file = format!("../deploy/config/{name}.toml");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let arguments = vec!["check".to_owned(), path.display().to_string()];
        let (code, text) = bongsu_with(arguments).await;
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_file_that_is_no_text_is_invalid_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let broken = b"format = 1\njourney = \"\xff\"\n".to_vec();
    let large = vec![b'#'; (4 << 20) + 1];
    let target = "../deploy/config/target-superapp.toml";
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join(target);
    for (name, content, expected) in [
        ("broken.toml", broken, ":2: this is not UTF-8 text"),
        ("large.toml", large, "is larger than 4 MiB"),
    ] {
        std::fs::write(folder.path().join(name), content).unwrap();
        for (word, has_target) in [
            ("run", true),
            ("plan", true),
            ("check", false),
            ("fmt", false),
        ] {
            let mut command = bongsu();
            let _ = command.current_dir(folder.path()).args([word, name]);
            if has_target {
                let _ = command.arg("--target").arg(&target);
            }
            let output = command.output().unwrap();
            let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert_eq!(output.status.code(), Some(3), "{word}: {told}");
            assert!(told.contains(expected), "{word}: {told}");
        }
    }
    let input = std::fs::File::open(folder.path().join("broken.toml")).unwrap();
    let output = bongsu().args(["fmt", "-"]).stdin(input).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("-:2: this is not UTF-8 text"), "{told}");
}

/// A folder with a journey that has an error and a warning, one that has a warning, and a file
/// that is no text.
fn mistaken() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let journey = |name: &str, more: &str| {
        format!(
            "format = 1\njourney = \"{name}\"\nfeature = \"talk.text\"\ntimeout = \"5s\"\n\
             base = \"https://talk.superapp.test\"\nactor.user.account = \"pool:users\"\n\
             [[step]]\nname = \"보낸다\"\npost = \"/v1/messages\"\n{more}"
        )
    };
    let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "a b.toml",
        journey("a", "json = { to = \"{{ bob }}\" }\n").as_bytes(),
    );
    write("c.toml", journey("c", "").as_bytes());
    write("d.toml", b"# a\n\n\xff");
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_tells_programs_the_same_as_people() {
    let folder = mistaken();
    let path = folder.path().display().to_string();
    let with = |more: &[&str]| {
        let mut arguments = vec!["check".to_owned(), path.clone()];
        arguments.extend(more.iter().map(|&one| one.to_owned()));
        arguments
    };
    let (code, text) = bongsu_with(with(&["--format", "json"])).await;
    assert_eq!(code, Some(3), "{text}");
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (key, expected) in [("version", 1), ("files", 3), ("journeys", 1), ("errors", 2)] {
        assert_eq!(found[key], expected, "{key} of {text}");
    }
    assert_eq!(found["warnings"], 2, "{text}");
    let all = found["diagnostics"].as_array().unwrap();
    let of = |rule: &str| all.iter().find(|one| one["rule"] == rule).unwrap();
    let unset = of("unset-variable");
    assert_eq!(unset["severity"], "error");
    assert_eq!(
        ["line", "column", "end_line", "end_column"].map(|key| unset[key].as_u64().unwrap()),
        [10, 19, 10, 22]
    );
    assert!(!unset["help"].as_array().unwrap().is_empty());
    assert_eq!(of("missing-cleanup")["severity"], "warning");
    let unreadable = of("unreadable-file");
    assert!(unreadable["path"].as_str().unwrap().ends_with("/d.toml"));
    assert_eq!(unreadable["line"], 3, "{text}");

    let (code, text) = bongsu_with(with(&["--format", "sarif"])).await;
    assert_eq!(code, Some(3), "{text}");
    let sarif: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    // What code scanning at GitHub requires of every rule.
    for rule in run["tool"]["driver"]["rules"].as_array().unwrap() {
        for key in ["shortDescription", "fullDescription", "help"] {
            assert!(
                rule[key]["text"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{rule}"
            );
        }
    }
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), all.len());
    for (result, told) in results.iter().zip(all) {
        assert_eq!(result["ruleId"], told["rule"]);
        assert_eq!(result["level"], told["severity"]);
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], told["rule"]);
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["region"]["startLine"], told["line"]);
        assert_eq!(place["region"]["endColumn"], told["end_column"]);
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(uri.starts_with("file:///") && !uri.contains(' '), "{uri}");
        let text = result["message"]["text"].as_str().unwrap();
        assert!(
            text.starts_with(told["message"].as_str().unwrap()),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warnings_fail_only_a_check_that_denies_them() {
    let folder = mistaken();
    let path = folder.path().join("c.toml").display().to_string();
    for (more, expected) in [
        (None, 0),
        (Some("--deny-warnings"), 3),
        (Some("--strict"), 3),
    ] {
        let mut arguments = vec!["check".to_owned(), path.clone()];
        arguments.extend(more.map(str::to_owned));
        let (code, text) = bongsu_with(arguments).await;
        assert_eq!(code, Some(expected), "{text}");
        assert!(text.contains("warning: what this step makes"), "{text}");
        assert!(
            text.contains("1 usable journey: 0 errors, 1 warning"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_holds_journeys_against_catalogues_and_targets() {
    let folder = mistaken();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = |path: std::path::PathBuf| path.display().to_string();
    let journey = path(folder.path().join("c.toml"));
    let target = path(root.join("deploy/config/target-superapp.toml"));
    let arguments = ["check".to_owned(), journey, "--target".to_owned(), target];
    let (code, text) = bongsu_with(arguments.to_vec()).await;
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("target `superapp` has no pool `users`"),
        "{text}"
    );
    // A catalogue among the files is the one that counts.
    let catalogue = root.join("probes/journeys/catalogue.toml");
    std::fs::copy(catalogue, folder.path().join("catalogue.toml")).unwrap();
    let arguments = vec!["check".to_owned(), path(folder.path().to_owned())];
    let (code, text) = bongsu_with(arguments).await;
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("feature `talk.text` is not in the catalogue"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_is_told_without_network_and_without_secrets() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = |path: &str| root.join(path).display().to_string();
    let arguments = |more: &[&str]| {
        let mut arguments = vec![
            "plan".to_owned(),
            path("probes/journeys/talk/send-message.toml"),
            "--target".to_owned(),
            "superapp".to_owned(),
            "--targets".to_owned(),
            path("deploy/config"),
        ];
        arguments.extend(more.iter().map(|&one| one.to_owned()));
        arguments
    };
    // The example's files of passwords do not exist, and no server runs.
    let (code, text) = bongsu_with(arguments(&[])).await;
    assert_eq!(code, Some(0), "{text}");
    for expected in [
        "alice plays chat-users-001 of pool chat-users",
        "slow from 1s after \"alice sends\" began",
        "must end within ",
        "keeps token (a secret)",
        "alice: POST https://account.superapp.test:21001/v1/sessions",
        "\"password\":\"***\"",
        "authorization: Bearer {{ token }}",
        "passed over while sent is unset",
        "expects status: 201",
        "where json $.message.client_ref: \"{{ run.id }}\"",
        "expects json $.message.text: \"bongsu {{ run.id }}\"",
    ] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
    let (code, text) = bongsu_with(arguments(&["--format", "json"])).await;
    assert_eq!(code, Some(0), "{text}");
    let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(plan["accounts"][1], "chat-users-002");
    let listening = &plan["steps"][1]["sends"][0];
    assert_eq!(listening["actors"][0], "bob");
    assert!(listening["expect"].is_array(), "{listening}");
    let (code, text) = bongsu_with(arguments(&["--var", "x=1"])).await;
    assert_eq!(code, Some(2), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fmt_lays_files_out_once_and_leaves_broken_ones_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    let messy = "journey=\"j\"   # a remark\nformat = 1\n";
    std::fs::write(&file, messy).unwrap();
    let path = file.display().to_string();
    let fmt = |more: &[&str]| {
        let mut arguments = vec!["fmt".to_owned(), folder.path().display().to_string()];
        arguments.extend(more.iter().map(|&one| one.to_owned()));
        bongsu_with(arguments)
    };
    let (code, text) = fmt(&["--check"]).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains(&path) && text.contains("1 file would"),
        "{text}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), messy);
    let (code, text) = fmt(&[]).await;
    assert_eq!((code, text.trim()), (Some(0), path.as_str()));
    let tidy = "format = 1\njourney = \"j\"  # a remark\n";
    assert_eq!(std::fs::read_to_string(&file).unwrap(), tidy);
    let (code, text) = fmt(&["--check"]).await;
    assert_eq!((code, text.as_str()), (Some(0), ""));
    std::fs::write(&file, "journey = ").unwrap();
    let (code, text) = fmt(&[]).await;
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("not valid TOML"), "{text}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "journey = ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemas_are_printed_or_written_for_editors() {
    let (code, text) = bongsu_with(vec!["schema".to_owned(), "target".to_owned()]).await;
    assert_eq!(code, Some(0), "{text}");
    let printed: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(printed["properties"]["kill_switch"].is_object(), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("schema").display().to_string();
    let arguments = ["schema", "--into", &into].map(str::to_owned);
    let (code, text) = bongsu_with(arguments.to_vec()).await;
    assert_eq!(code, Some(0), "{text}");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../probes/journeys/schema");
    for kind in ["journey", "fragment", "catalogue", "target"] {
        let name = format!("schema/{kind}.json");
        let written = std::fs::read_to_string(folder.path().join(name)).unwrap();
        let stored = std::fs::read_to_string(shipped.join(format!("{kind}.json"))).unwrap();
        assert_eq!(written, stored, "{kind}");
    }
}

/// `LOGIN` with room for a busy machine.
pub(crate) fn patient() -> String {
    LOGIN
        .replace("1500ms", "5s")
        .replace("400ms", "3s")
        .replace("\"2s\"", "\"10s\"")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_passes_unless_strict_and_what_is_left_behind_has_its_code() {
    let stage = Stage::new().await;
    stage.write_journey("login", &patient());
    let account = FaultPoint::Component(Component::Account);
    let slow = FaultKind::parse("slow", Some("1s")).unwrap();
    let id = stage
        .platform
        .inject(Fault::everywhere(account, slow))
        .unwrap();
    let (code, text) = bongsu_with(run(&stage, &[])).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("slow: login"), "{text}");
    let (code, text) = bongsu_with(run(&stage, &["--strict"])).await;
    assert_eq!(code, Some(1), "{text}");
    stage.platform.mend(id);

    stage.write_journey("login", &SEND.replace("[204, 404]", "418"));
    let (code, text) = bongsu_with(run(&stage, &[])).await;
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains("cleanup: leaked"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_proves_nothing_is_blind() {
    let stage = Stage::new().await;
    let elsewhere = patient()
        .replace("base =", "vars.elsewhere = \"elsewhere.test\"\nbase =")
        .replace(
            "get = \"/v1/me\"",
            "get = \"https://{{ elsewhere }}/v1/me\"",
        );
    stage.write_journey("login", &elsewhere);
    let (code, text) = bongsu_with(run(&stage, &[])).await;
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("blind (internal)"), "{text}");

    let profile = std::fs::read_to_string(stage.target()).unwrap();
    let stopped = format!("kill_switch = \"everything\"\n{profile}");
    std::fs::write(stage.target(), stopped).unwrap();
    let (code, text) = bongsu_with(run(&stage, &[])).await;
    assert_eq!(code, Some(4), "{text}");
    let expected = "skipped: login: the kill switch of target `superapp` holds it back";
    assert!(text.contains(expected), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_cleans_up_first() {
    let stage = Stage::new().await;
    stage.write_journey("send", SEND);
    let relay = FaultPoint::Component(Component::Relay);
    let hang = Fault::everywhere(relay, FaultKind::Hang);
    stage.platform.inject(hang).unwrap();
    let mut child = bongsu()
        .arg("run")
        .arg(stage.path("journeys/send.toml"))
        .arg("--target")
        .arg(stage.target())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until("it has signed in", || {
        !stage.platform.audit().sessions_open.is_empty()
    })
    .await;
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    // Not before: the run would end by itself.
    stage.platform.mend_all();
    let mut code = None;
    until("it has ended", || {
        code = child.try_wait().unwrap();
        code.is_some()
    })
    .await;
    assert_eq!(code.unwrap().code(), Some(130));
    assert_eq!(stage.platform.audit().sessions_open, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feature_that_is_charged_is_named_where_the_journey_was_cut() {
    let stage = Stage::new().await;
    let look = r#"[[step]]
name = "a look at the own profile"
feature = "account.login"
get = "{{ target.base.account }}/v1/me"
slow = "1ms"
expect.status = 200

[[step]]
name = "alice sends""#;
    let journey = SEND.replace("[[step]]\nname = \"alice sends\"", look);
    stage.write_journey("login", &journey);
    let relay = FaultPoint::Component(Component::Relay);
    let hang = Fault::everywhere(relay, FaultKind::Hang);
    stage.platform.inject(hang).unwrap();
    let account = FaultPoint::Component(Component::Account);
    let slow = FaultKind::parse("slow", Some("20ms")).unwrap();
    let slow = Fault::everywhere(account, slow);
    stage.platform.inject(slow).unwrap();
    let (code, text) = bongsu_with(run(&stage, &[])).await;
    assert_eq!(code, Some(1), "{text}");
    let expected = "send · alice sends · charged to account.login: fail(timeout)";
    assert!(text.contains(expected), "{text}");
    let why = "the journey's `timeout` struck in this step of `talk.message.text`";
    assert!(text.contains(why), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variable_that_cannot_be_what_it_was_declared_as_is_refused() {
    let stage = Stage::new().await;
    let journey = patient().replace("base =", "vars.code = 200\nbase =");
    stage.write_journey("login", &journey);
    let (code, text) = bongsu_with(run(&stage, &["--var", "code=many"])).await;
    assert_eq!(code, Some(2), "{text}");
    let expected = "--var code=many: `code` is declared as a whole number, as in `code = 200`";
    assert!(text.contains(expected), "{text}");
}
