//! `bongsu run` on a terminal: what is under way is shown while it is, and leaves nothing behind.
//! The terminal is made by `script` of util-linux.

use std::process::{Command, Stdio};

use bongsu_superapp::{Component, Fault, FaultKind, FaultPoint};

use crate::cli::patient;
use crate::cli_run::run_all;
use crate::stage::Stage;

/// What takes lines away: up, to the first column, erase below.
const UP: &str = "\u{1b}[";
const ERASED: &str = "A\r\u{1b}[J";

/// Runs `bongsu` in a terminal of 100 columns and gives what the terminal was sent.
async fn in_a_terminal(arguments: Vec<String>, variables: &[(&str, &str)]) -> String {
    as_a_shell_does(arguments, "", variables).await
}

/// The same, with more words of the shell behind it.
async fn as_a_shell_does(
    arguments: Vec<String>,
    behind: &str,
    variables: &[(&str, &str)],
) -> String {
    let quoted = |word: &String| format!("'{}'", word.replace('\'', "'\\''"));
    let words: Vec<String> = arguments.iter().map(quoted).collect();
    let line = format!(
        "stty cols 100 rows 30; '{}' {} {behind}",
        env!("CARGO_BIN_EXE_bongsu"),
        words.join(" ")
    );
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env_remove("CI")
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .envs(variables.iter().copied())
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || script.output());
    let output = output.await.unwrap().expect("script of util-linux");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What is seen in the end: every time that lines are taken away, those before are gone.
fn remaining(sent: &str) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    let mut rest = sent;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(UP)
            && let Some((rows, after)) = after.split_once(ERASED)
            && let Ok(rows) = rows.parse::<usize>()
        {
            assert_eq!(lines.last().unwrap(), "", "the cursor is below the lines");
            let kept = lines.len() - 1 - rows;
            lines.truncate(kept);
            lines.push(String::new());
            rest = after;
            continue;
        }
        let c = rest.chars().next().unwrap();
        match c {
            '\r' => {}
            '\n' => lines.push(String::new()),
            c => lines.last_mut().unwrap().push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    lines
}

async fn slow_stage() -> Stage {
    let stage = Stage::new().await;
    for name in ["a", "b", "c"] {
        let journey = patient().replace("journey = \"login\"", &format!("journey = \"{name}\""));
        stage.write_journey(name, &journey);
    }
    let account = FaultPoint::Component(Component::Account);
    let kind = FaultKind::parse("slow", Some("500ms")).unwrap();
    let _ = stage
        .platform
        .inject(Fault::everywhere(account, kind))
        .unwrap();
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_shown_and_leaves_nothing_behind() {
    let stage = slow_stage().await;
    let sent = in_a_terminal(run_all(&stage, &["--jobs", "2"]), &[]).await;
    assert!(sent.contains("1/2 sign in"), "{sent:?}");
    assert!(sent.contains("0/3 runs"), "{sent:?}");
    assert!(sent.contains("\u{1b}[2m"), "it has colours: {sent:?}");
    let seen = remaining(&sent).join("\n");
    assert!(!seen.contains("/3 runs"), "something is left: {seen}");
    assert!(!seen.contains("sign in"), "something is left: {seen}");
    assert_eq!(seen.matches("passed: ").count(), 3, "{seen}");
    assert!(seen.contains("3 runs in "), "{seen}");
    assert!(seen.starts_with("passed: a"), "{seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_name_shows_a_secret_that_it_is_made_of() {
    let stage = slow_stage().await;
    let secret = "a-secret-of-the-author";
    // Signing in fails, slowly enough to be seen.
    for user in ["001", "002", "003"] {
        let password = stage.path(&format!("superapp/login-users-{user}.password"));
        std::fs::write(password, secret).unwrap();
    }
    let journey = patient()
        .replace("journey = \"login\"", &format!("journey = \"as-{secret}\""))
        .replace("\"sign in\"", &format!("\"sign in as {secret}\""));
    stage.write_journey("a", &journey);
    let sent = in_a_terminal(run_all(&stage, &[]), &[]).await;
    assert!(sent.contains("as-***"), "{sent:?}");
    assert!(sent.contains("sign in as ***"), "{sent:?}");
    assert!(!sent.contains(secret), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_without_colours_or_of_a_ci_job_gets_none_or_nothing() {
    let stage = slow_stage().await;
    let journeys = || run_all(&stage, &["--jobs", "3"]);
    let plain = in_a_terminal(journeys(), &[("NO_COLOR", "1")]).await;
    assert!(plain.contains("0/3 runs"), "{plain:?}");
    assert!(!plain.contains("\u{1b}[2m"), "{plain:?}");
    for quiet in [("CI", "true"), ("TERM", "dumb")] {
        let sent = in_a_terminal(journeys(), &[quiet]).await;
        assert!(!sent.contains("/3 runs"), "{quiet:?}: {sent:?}");
        assert!(sent.contains("3 runs in "), "{quiet:?}: {sent:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_in_a_file_leave_the_terminal_to_it_and_results_in_a_pipe_do_not() {
    let stage = slow_stage().await;
    let journeys = || run_all(&stage, &["--jobs", "3"]);
    let file = stage.path("results");
    let behind = format!("> '{}'", file.display());
    let sent = as_a_shell_does(journeys(), &behind, &[]).await;
    assert!(sent.contains("0/3 runs"), "{sent:?}");
    assert!(!sent.contains("passed"), "{sent:?}");
    let results = std::fs::read_to_string(&file).unwrap();
    assert_eq!(results.matches("passed: ").count(), 3, "{results}");
    let sent = as_a_shell_does(journeys(), "| cat", &[]).await;
    assert!(!sent.contains("/3 runs"), "{sent:?}");
    assert_eq!(sent.matches("passed: ").count(), 3, "{sent:?}");
}
