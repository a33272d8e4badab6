//! `bongsu completions` and `bongsu man`: what is made of the command line itself.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::cli::bongsu_with;
use crate::stage::bongsu;

const COMMANDS: [&str; 9] = [
    "agent",
    "run",
    "check",
    "import",
    "fmt",
    "plan",
    "schema",
    "completions",
    "man",
];

async fn said(words: &[&str]) -> (Option<i32>, String) {
    bongsu_with(words.iter().map(|&word| word.to_owned()).collect()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_printed_is_told_unless_the_reader_has_gone() {
    let full = || {
        std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    for words in [&["schema"][..], &["man"], &["completions", "bash"]] {
        let output = bongsu().args(words).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.starts_with("error: standard output cannot be written: "),
            "{told}"
        );
    }
    let (gone, pipe) = std::io::pipe().unwrap();
    drop(gone);
    let output = bongsu().arg("schema").stdout(pipe).output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shell_gets_a_script_that_knows_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script) = said(&["completions", shell]).await;
        assert_eq!(code, Some(0), "{shell}: {script}");
        for word in COMMANDS
            .iter()
            .chain(&["repeat", "fail-fast", "deny-warnings"])
        {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    let (code, text) = said(&["completions", "dos"]).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("powershell"),
        "it says which there are: {text}"
    );
}

#[test]
fn bash_completes_commands_and_options() {
    let script = bongsu().args(["completions", "bash"]).output().unwrap();
    let script = String::from_utf8(script.stdout).unwrap();
    let completed = |words: &str| {
        let ask = "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); \n\
                   _bongsu bongsu \"${COMP_WORDS[-1]}\" \"${COMP_WORDS[-2]}\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
        let mut bash = Command::new("bash")
            .args(["--norc", "--noprofile"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let text = format!("{script}\nCOMP_WORDS=({words})\n{ask}\n");
        bash.stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = bash.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(completed("bongsu ru"), "run\n");
    assert_eq!(completed("bongsu run --fail"), "--fail-fast\n");
    assert_eq!(completed("bongsu check --format s"), "sarif\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_command_has_a_manual_page_that_says_what_help_says() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("man1");
    let (code, text) = said(&["man", "--into", &into.display().to_string()]).await;
    assert_eq!((code, text.as_str()), (Some(0), ""));
    let read = |name: &str| std::fs::read_to_string(into.join(name)).expect(name);
    let whole = read("bongsu.1");
    for command in COMMANDS {
        let page = read(&format!("bongsu-{command}.1"));
        assert!(page.starts_with(".ie"), "{page}");
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
        assert!(whole.contains(&format!("bongsu\\-{command}(1)")), "{whole}");
        // Options are written with an escaped minus: `\-\-into`.
        let (_, help) = said(&[command, "--help"]).await;
        let options = help.lines().filter_map(|line| {
            let line = line.trim_start();
            let at = line.starts_with('-').then(|| line.find("--"))??;
            line[at..].split(' ').next()
        });
        for option in options {
            let option = option.replace('-', "\\-");
            assert!(page.contains(&option), "{command} lacks {option}: {page}");
        }
    }
    let har = read("bongsu-import-har.1");
    assert!(har.contains(".SH SYNOPSIS"), "{har}");
    assert!(har.contains("\\-\\-out"), "{har}");
    let (_, page) = said(&["man", "import", "har"]).await;
    assert_eq!(page, har);
    let (code, page) = said(&["man", "run"]).await;
    assert_eq!((code, page), (Some(0), read("bongsu-run.1")));
    let (_, page) = said(&["man"]).await;
    assert_eq!(page, whole);
    let (code, text) = said(&["man", "walk"]).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("there is no command `walk`: there are agent, run"),
        "{text}"
    );
}
