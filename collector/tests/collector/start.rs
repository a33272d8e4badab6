//! How the binary starts, refuses to start, and stops.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use crate::fleet::config_text;
use crate::harness::{Binary, Client, config_file};

/// Runs the binary to its end: it must not come up.
fn refused(file: &Path) -> (i32, String) {
    let output = run(&["--config", file.to_str().unwrap()]);
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bongsu-collector"))
        .args(arguments)
        .output()
        .unwrap()
}

#[tokio::test]
async fn it_comes_up_is_ready_and_stops_cleanly_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let binary = Binary::start(&config_file(folder.path()));
    let client = Client::new();
    assert_eq!(client.get(binary.web, "/livez").await.unwrap().code, 200);
    let ready = async {
        while client.get(binary.web, "/readyz").await.unwrap().code != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::harness::PATIENCE, ready)
        .await
        .unwrap();
    let (status, log) = binary.terminate();
    assert!(status.success());
    assert!(log.last().unwrap().contains("stopped"), "{log:#?}");
}

#[test]
fn a_port_in_use_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let _held = TcpListener::bind(taken);
    for key in ["otlp", "web"] {
        let text = config_text(&folder.path().join("data")).replace(
            &format!("{key} = \"127.0.0.1:0\""),
            &format!("{key} = \"{taken}\""),
        );
        let file = folder.path().join("collector.toml");
        std::fs::write(&file, text).unwrap();
        let (code, says) = refused(&file);
        assert_eq!(code, 1);
        assert!(
            says.contains(&format!("cannot listen on {taken} for {key}")),
            "{says}"
        );
        assert!(says.contains("the port is in use"), "{says}");
    }
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // A file where the folder should be: no owner of any rights can write into it.
    std::fs::write(folder.path().join("data"), "in the way").unwrap();
    let (code, says) = refused(&config_file(folder.path()));
    assert_eq!(code, 1);
    assert!(says.contains("cannot write to the data folder"), "{says}");
    assert!(says.contains("check `data`"), "{says}");
}

#[test]
fn a_data_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = config_file(folder.path());
    let first = Binary::start(&file);
    let (code, says) = refused(&file);
    assert_eq!(code, 1);
    assert!(says.contains("in use by another collector"), "{says}");
    assert!(first.terminate().0.success());
}

#[test]
fn a_damaged_journal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = config_file(folder.path());
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/journal.db"), [42; 5000]).unwrap();
    let (code, says) = refused(&file);
    assert_eq!(code, 1);
    assert!(says.contains("journal.db is damaged"), "{says}");
}

#[test]
fn a_wrong_configuration_or_catalogue_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("collector.toml");
    let text = config_text(&folder.path().join("data"));
    std::fs::write(&file, text.replace("default_target", "default_targt")).unwrap();
    let (code, says) = refused(&file);
    assert_eq!(code, 2);
    assert!(
        says.contains("collector.toml:4:1: unknown key `default_targt`"),
        "{says}"
    );
    assert!(says.contains("did you mean `default_target`?"), "{says}");
    std::fs::write(&file, text.replace("catalogue.toml", "katalog.toml")).unwrap();
    let (code, says) = refused(&file);
    assert_eq!(code, 2);
    assert!(says.contains("katalog.toml"), "{says}");
    let broken = folder.path().join("broken.toml");
    std::fs::write(&broken, "format = 1\n[[service]]\nid = \"talk\"\n").unwrap();
    let catalogue = text
        .lines()
        .find(|line| line.starts_with("catalogue"))
        .unwrap();
    std::fs::write(
        &file,
        text.replace(catalogue, &format!("catalogue = {broken:?}")),
    )
    .unwrap();
    let (code, says) = refused(&file);
    assert_eq!(code, 2);
    assert!(
        says.contains("`names` is missing") && says.contains("broken.toml:3"),
        "{says}"
    );
    let (code, says) = refused(&folder.path().join("missing.toml"));
    assert_eq!(code, 2);
    assert!(says.contains("give its path with --config"), "{says}");
}

#[test]
fn the_manual_needs_no_configuration() {
    let output = run(&["--man"]);
    assert!(output.status.success(), "{output:?}");
    let page = String::from_utf8(output.stdout).unwrap();
    for expected in [".SH SYNOPSIS", "\\-\\-check\\-config", "BONGSU_LOG"] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn check_config_prints_what_takes_effect_without_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let file = config_file(folder.path());
    let output = run(&["--config", file.to_str().unwrap(), "--check-config"]);
    assert!(output.status.success());
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("retention = \"7d\""), "{shown}");
    let text = std::fs::read_to_string(&file).unwrap();
    for line in text.lines().filter(|line| line.starts_with("token_sha256")) {
        assert!(!shown.contains(line), "{shown}");
    }
    assert!(
        !folder.path().join("data").exists(),
        "checking makes no folder"
    );
}

#[test]
fn who_reads_no_further_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let file = config_file(folder.path());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_bongsu-collector"))
        .args(["--config", file.to_str().unwrap(), "--check-config"])
        .stdout(writer)
        .output()
        .unwrap();
    let says = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{says}");
    assert_eq!(says, "");
}
