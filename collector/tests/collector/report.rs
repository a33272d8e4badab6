//! A report of a running collector as a folder, by the command, and whether it was changed since.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bongsu_collector::process::Collector;
use bongsu_collector::report::verify::verify;
use bongsu_model::Outcome;
use serde_json::Value;

use crate::fleet::{OPERATOR_TOKEN, PERIOD, agents, fail};
use crate::harness::{Client, SetClock, collector_with};
use crate::restart::{START, at, picture};

/// What a human knows of it.
const HUMAN: &str = "by = \"night desk\"\nat = \"2023-11-14T23:00:00+09:00\"\n\
                     cause = { ko = \"전원 차단\", en = \"Power was cut\" }\n";

/// Slots of an outage that is told: before, in and after it.
const STEPS: u64 = 60;

/// A collector that has seen an outage, and the outage's name.
async fn after_an_outage(folder: &Path) -> (Collector, String) {
    let clock = SetClock::at(START);
    let collector = collector_with(&folder.join("data"), clock.clone()).await;
    let (client, to) = (Client::new(), collector.otlp_addr());
    for agent in agents() {
        let answer = client.records(to, &agent, agent.plan(START)).await;
        assert_eq!(answer.code, 200, "{}", answer.message());
    }
    let first = START.as_unix_nanos().div_ceil(10_000_000_000);
    for step in 0..STEPS {
        clock.set(at(step * PERIOD.as_secs() + 1));
        for agent in agents() {
            let down = agent.vantage.region.as_str() == "a" && (15..35).contains(&step);
            let outcome = if down { fail() } else { Outcome::Pass };
            let run = agent.run(first + step, outcome);
            let answer = client.runs(to, &agent, agent.encode(&[run])).await;
            assert_eq!(answer.partial(), None);
        }
    }
    let end = at(STEPS * PERIOD.as_secs());
    clock.set(end);
    picture(&collector, end).await;
    let incidents = get(&collector, "/api/v1/incidents").await;
    let id = incidents["incidents"][0]["id"].as_str().unwrap().to_owned();
    (collector, id)
}

async fn get(collector: &Collector, path: &str) -> Value {
    let answer = Client::new().get(collector.web_addr(), path).await.unwrap();
    assert_eq!(answer.code, 200, "{path}");
    serde_json::from_slice(&answer.body).unwrap()
}

/// Runs `export` with these arguments while the collector goes on.
async fn export(arguments: Vec<String>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu-collector"));
    command.arg("export").args(arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn report_arguments(collector: &Collector, id: &str, out: &Path, more: &[&str]) -> Vec<String> {
    let url = format!("http://{}", collector.web_addr());
    let out = out.display().to_string();
    let known = [
        "report",
        "--incident",
        id,
        "--out",
        &out,
        "--collector",
        &url,
    ];
    let all = known.into_iter().chain(more.iter().copied());
    all.map(str::to_owned).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in files(from) {
        std::fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
}

#[tokio::test]
async fn a_report_is_written_once_and_every_changed_byte_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (collector, id) = after_an_outage(folder.path()).await;
    let out = folder.path().join("report-1");
    let human = folder.path().join("human.toml");
    std::fs::write(&human, HUMAN).unwrap();
    let human = human.display().to_string();
    let written = export(report_arguments(
        &collector,
        &id,
        &out,
        &["--human", &human],
    ))
    .await;
    let says = text(&written.stdout);
    assert!(written.status.success(), "{says}{}", text(&written.stderr));
    assert!(
        says.contains("26 files in ") && says.contains("report no. 1"),
        "{says}"
    );
    let head = says.trim().rsplit(' ').next().unwrap().to_owned();

    // The chain is that of the runs as they are journaled, in order.
    let evidence = std::fs::read_to_string(out.join("evidence.jsonl")).unwrap();
    let subject: Value =
        serde_json::from_slice(&std::fs::read(out.join("subject.json")).unwrap()).unwrap();
    assert_eq!(subject["evidence"]["records"], evidence.lines().count());
    let last: Value = serde_json::from_str(evidence.lines().last().unwrap()).unwrap();
    assert_eq!(last["link"], subject["evidence"]["head"]);
    let failed = subject["features"][0]["regions"][0]["runs"]["fail"]
        .as_u64()
        .unwrap();
    assert_eq!(failed, 40, "two agents, twenty slots");
    let mail = std::fs::read_to_string(out.join("notice-mail.en.txt")).unwrap();
    assert!(mail.contains("Power was cut"), "{mail}");
    assert_eq!(subject["words"][0]["by"], "night desk");

    let sound = export(vec![
        "verify".to_owned(),
        out.display().to_string(),
        "--head".to_owned(),
        head.clone(),
    ])
    .await;
    assert!(sound.status.success(), "{}", text(&sound.stderr));
    assert!(text(&sound.stdout).contains("as it was written"));

    let again = export(report_arguments(&collector, &id, &out, &[])).await;
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("holds a report already"));

    tamper_with_each(&out, &folder.path().join("changed"));

    // The next one counts on, and names the one before.
    let next = folder.path().join("report-2");
    let before = out.display().to_string();
    let written = export(report_arguments(
        &collector,
        &id,
        &next,
        &["--after", &before],
    ))
    .await;
    assert!(written.status.success(), "{}", text(&written.stderr));
    let second = verify(&next, None).unwrap().manifest;
    assert_eq!(second.report.number, 2);
    assert_eq!(second.report.previous, Some(head.clone()));
    let dc = std::fs::read_to_string(next.join("regulator-dc.ko.txt")).unwrap();
    assert!(dc.contains("제2보"), "{dc}");
    let other = verify(&next, Some(&head)).unwrap_err().to_string();
    assert!(
        other.starts_with("manifest.json: the report's head is "),
        "{other}"
    );
    collector.shutdown().await;
}

/// Changes one byte in the middle and one at the end of every file.
fn tamper_with_each(report: &Path, place: &Path) {
    let mut count = 0;
    for file in files(report) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let content = std::fs::read(&file).unwrap();
        for at in [content.len() / 2, content.len() - 1] {
            copied(report, place);
            let mut changed = content.clone();
            changed[at] ^= 1;
            std::fs::write(place.join(&name), &changed).unwrap();
            let error = verify(place, None).unwrap_err().to_string();
            assert!(error.starts_with(&name), "byte {at} of {name}: {error}");
            if name == "evidence.jsonl" {
                let line = changed[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
                let line = format!("{name}:{line}: ");
                assert!(error.starts_with(&line), "byte {at} of {name}: {error}");
            }
            count += 1;
        }
        copied(report, place);
        std::fs::remove_file(place.join(&name)).unwrap();
        let error = verify(place, None).unwrap_err().to_string();
        assert!(error.contains(&name), "{error}");
    }
    assert_eq!(count, 26 * 2);
    // Runs that are left out, moved or added.
    let evidence = std::fs::read_to_string(report.join("evidence.jsonl")).unwrap();
    let lines: Vec<&str> = evidence.lines().collect();
    let last = lines.len();
    let without = |n: usize| [&lines[..n], &lines[n + 1..]].concat();
    let mut moved = lines.clone();
    moved.swap(3, 4);
    for (lines, line) in [
        (without(2), 3),
        (without(last - 1), last),
        (moved, 4),
        ([&lines[..], &lines[..1]].concat(), last + 1),
    ] {
        copied(report, place);
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(place.join("evidence.jsonl"), text).unwrap();
        let error = verify(place, None).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("evidence.jsonl:{line}: ")),
            "{error}"
        );
    }
    copied(report, place);
    std::fs::write(place.join("note.txt"), "mine").unwrap();
    assert_eq!(verify(place, None).unwrap().strangers, ["note.txt"]);
}

#[tokio::test]
async fn what_operators_write_is_kept_with_who_and_when() {
    let folder = tempfile::tempdir().unwrap();
    let (collector, id) = after_an_outage(folder.path()).await;
    let path = format!("/api/v1/incidents/{id}/words");
    let client = Client::new();
    let post = async |token: &str, text: &str| {
        let headers = [
            ("authorization", format!("Bearer {token}")),
            ("content-type", "application/toml".to_owned()),
        ];
        let to = collector.web_addr();
        let body = text.as_bytes().to_vec();
        client.post(to, &path, &headers, body).await.unwrap().code
    };
    let first =
        "cause = { ko = \"화재\", en = \"A fire\" }\nplan = { ko = \"계획\", en = \"A plan\" }";
    assert_eq!(post("nobody", first).await, 401);
    assert_eq!(post(OPERATOR_TOKEN, "cause = 1").await, 422);
    assert_eq!(post(OPERATOR_TOKEN, first).await, 201);
    let second = "cause = { ko = \"전원\", en = \"Power\" }";
    assert_eq!(post(OPERATOR_TOKEN, second).await, 201);
    let report = get(&collector, &format!("/api/v1/incidents/{id}/report")).await;
    let words = report["subject"]["words"].as_array().unwrap();
    assert_eq!(words.len(), 2, "nothing is overwritten");
    assert_eq!(words[1]["by"], "desk");
    assert_eq!(words[1]["at"], "2023-11-14T22:23:20.000Z");
    let out = folder.path().join("report");
    let written = export(report_arguments(&collector, &id, &out, &[])).await;
    assert!(written.status.success(), "{}", text(&written.stderr));
    let vas = std::fs::read_to_string(out.join("regulator-vas.en.txt")).unwrap();
    assert!(vas.contains("Cause: Power (written by desk, "), "{vas}");
    assert!(vas.contains("Plan: A plan"), "{vas}");
    wrong_files_and_unknown_incidents_write_nothing(&collector, &id, folder.path()).await;
    collector.shutdown().await;
}

async fn wrong_files_and_unknown_incidents_write_nothing(
    collector: &Collector,
    id: &str,
    folder: &Path,
) {
    let out = folder.join("refused");
    let wrong = folder.join("wrong.toml");
    std::fs::write(&wrong, HUMAN.replace("cause", "casue")).unwrap();
    let wrong = wrong.display().to_string();
    let folder_of_none = folder.display().to_string();
    for (incident, more, code, says) in [
        (
            id,
            &["--human", &wrong][..],
            2,
            "wrong.toml:3:1: unknown key `casue`",
        ),
        (
            id,
            &["--human", "/nonexistent.toml"],
            2,
            "cannot read /nonexistent.toml",
        ),
        (
            id,
            &["--after", &folder_of_none],
            2,
            "manifest.json: cannot be read",
        ),
        ("moon", &[], 1, "`moon` is not an incident of this target"),
        (id, &["--target", "moon"], 1, "is not a target"),
        (
            id,
            &["--collector", "http://127.0.0.1:1"],
            1,
            "does not answer",
        ),
    ] {
        let mut arguments = report_arguments(collector, incident, &out, &[]);
        if more.contains(&"--collector") {
            arguments.truncate(5);
        }
        arguments.extend(more.iter().map(|more| (*more).to_owned()));
        let failed = export(arguments).await;
        let error = text(&failed.stderr);
        assert_eq!(failed.status.code(), Some(code), "{error}");
        assert!(error.contains(says), "{error} does not say {says}");
        assert!(!out.join("manifest.json").exists());
    }
}
