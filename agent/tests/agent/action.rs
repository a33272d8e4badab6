//! The scripts of `deploy/github-action`: what the program is given, and what a job is told.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

fn script(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.join("deploy/github-action").join(name)
}

/// A job with a program that writes down what it was given and ends as it is told.
struct Job {
    folder: TempDir,
}

struct Ended {
    code: Option<i32>,
    log: String,
    output: String,
    summary: String,
}

impl Job {
    fn new() -> Self {
        let job = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        job.program(
            "bongsu",
            "printf '%s\\n' \"$@\" >>\"$CALLS\"; printf -- '--\\n' >>\"$CALLS\"\n\
             case $1 in check) echo checked; exit \"${CHECK:-0}\" ;; run) printf '\\033[31mran\\033[0m\\n\
             ::error file=a.toml::bad\\n'; exit \"${RUN:-0}\" ;; --version) echo bongsu 0 ;; esac",
        );
        for name in ["a.toml", "b c.toml", "deep/d.toml"] {
            let path = job.path(&format!("journeys/{name}"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        job
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), format!("#!/usr/bin/env bash\n{text}\n")).unwrap();
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path(name), executable).unwrap();
    }

    fn run(&self, name: &str, environment: &[(&str, &str)]) -> Ended {
        let written = |name: &str| std::fs::read_to_string(self.path(name)).unwrap_or_default();
        let output = Command::new(script(name))
            .current_dir(self.folder.path())
            .env("BONGSU", self.path("bongsu"))
            .env("CALLS", self.path("calls"))
            .env("GITHUB_OUTPUT", self.path("output"))
            .env("GITHUB_STEP_SUMMARY", self.path("summary"))
            .env("RUNNER_TEMP", self.folder.path())
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended {
            code: output.status.code(),
            log: text(output.stdout) + &text(output.stderr),
            output: written("output"),
            summary: written("summary"),
        }
    }

    /// What the program was given, call by call.
    fn calls(&self) -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(self.path("calls")).unwrap_or_default();
        let calls = text.split("--\n").filter(|call| !call.is_empty());
        calls
            .map(|call| call.lines().map(str::to_owned).collect())
            .collect()
    }
}

#[test]
fn the_program_is_given_every_input_as_one_word_and_nothing_is_run_that_is_text() {
    let job = Job::new();
    let ended = job.run(
        "run",
        &[
            (
                "BONGSU_JOURNEYS",
                "journeys/*.toml\n  journeys/**/d.toml  \n\nnone*.toml",
            ),
            ("BONGSU_TARGET", "ci/target $(touch hacked).toml"),
            ("BONGSU_CATALOGUE", "catalogue.toml"),
            ("BONGSU_VARS", "text=a b; touch hacked\namount=2"),
            ("BONGSU_ARGUMENTS", "--strict"),
            ("BONGSU_JUNIT", "out/junit.xml"),
        ],
    );
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    let files = [
        "journeys/a.toml",
        "journeys/b c.toml",
        "journeys/deep/d.toml",
        "none*.toml",
    ];
    let mut check = vec!["check"];
    check.extend(files);
    check.extend(["--catalogue", "catalogue.toml"]);
    let mut run = vec!["run"];
    run.extend(files);
    run.extend(["--target", "ci/target $(touch hacked).toml", "--ci"]);
    run.extend(["--report", "junit=out/junit.xml", "--report", "github"]);
    run.extend([
        "--var",
        "text=a b; touch hacked",
        "--var",
        "amount=2",
        "--strict",
    ]);
    assert_eq!(job.calls(), [check, run]);
    assert!(!job.path("hacked").exists());
}

#[test]
fn the_job_ends_as_the_program_did_and_its_summary_says_what_that_means() {
    let cases = [
        ("0", "### Journeys passed\n"),
        (
            "1",
            "### Journeys failed: a step failed, or a feature was blocked\n",
        ),
        ("3", "### Journeys not run: a file is invalid\n"),
        ("4", "### Journeys blind: the runs prove nothing\n"),
        (
            "5",
            "### Journeys passed, but something was left behind on the platform\n",
        ),
    ];
    for (code, title) in cases {
        let job = Job::new();
        let environment = [
            ("BONGSU_JOURNEYS", "journeys/a.toml"),
            ("RUN", code),
            ("BONGSU_TARGET", "t.toml"),
            ("BONGSU_JUNIT", "j.xml"),
        ];
        let ended = job.run("run", &environment);
        assert_eq!(ended.code, code.parse().ok(), "{}", ended.log);
        assert_eq!(ended.output, format!("exit-code={code}\n"));
        assert!(ended.summary.starts_with(title), "{}", ended.summary);
        assert!(ended.summary.contains("\nran\n"), "{}", ended.summary);
        assert!(!ended.summary.contains("::error"), "{}", ended.summary);
        assert!(
            ended.log.contains("::error file=a.toml::bad"),
            "{}",
            ended.log
        );
    }
    let job = Job::new();
    let environment = [
        ("BONGSU_JOURNEYS", "journeys/a.toml"),
        ("CHECK", "3"),
        ("BONGSU_TARGET", "t"),
    ];
    let ended = job.run("run", &environment);
    assert_eq!(ended.code, Some(3), "{}", ended.log);
    assert_eq!(job.calls().len(), 1, "what is invalid was run");
    assert!(ended.summary.contains("\nchecked\n"), "{}", ended.summary);
    let ended = Job::new().run("run", &[("BONGSU_JOURNEYS", " \n")]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.log.contains("no journeys are named"), "{}", ended.log);
}

#[test]
fn a_given_program_is_used_and_without_one_the_source_beside_the_action_is_built_once() {
    let job = Job::new();
    let given = job.path("bongsu").display().to_string();
    let ended = job.run("install", &[("BONGSU_BINARY", &given)]);
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert_eq!(ended.output, format!("bongsu={given}\n"));
    let ended = Job::new().run("install", &[("BONGSU_BINARY", "no-such-program")]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.log.contains("there is no program no-such-program"),
        "{}",
        ended.log
    );

    let job = Job::new();
    // A cargo that makes what it is asked for.
    job.program(
        "cargo",
        "printf '%s\\n' \"$@\" >>\"$CALLS\"; printf -- '--\\n' >>\"$CALLS\"\n\
         mkdir -p \"$6/bin\"; cp \"$BONGSU\" \"$6/bin/bongsu\"",
    );
    let path = format!(
        "{}:{}",
        job.folder.path().display(),
        std::env::var("PATH").unwrap()
    );
    let kept = job.path("kept").display().to_string();
    for _ in 0..2 {
        let ended = job.run("install", &[("PATH", &path), ("BONGSU_ROOT", &kept)]);
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        assert!(
            ended
                .output
                .ends_with(&format!("bongsu={kept}/bin/bongsu\n"))
        );
    }
    let source = script("../..")
        .canonicalize()
        .unwrap()
        .join("agent")
        .display()
        .to_string();
    let calls = job.calls();
    let built: Vec<_> = calls.iter().filter(|call| call[0] == "install").collect();
    let expected = [
        "install", "--locked", "--path", &source, "--root", &kept, "--bin", "bongsu",
    ];
    assert_eq!(built, [&expected.map(str::to_owned).to_vec()]);
}
