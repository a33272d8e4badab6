//! The command line: its words, its exit codes, and what it prints where.

mod agent;
mod check;
mod completions;
mod fmt;
mod import;
mod man;
mod output;
mod plan;
mod render;
mod run;
mod schema;
mod seen;

use std::io::IsTerminal as _;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use bongsu_agent::plan::FilesError;
use bongsu_language::Colour;

pub(crate) use output::say_error;
use output::{print, say};

/// Watches from outside whether the features of a platform work.
#[derive(Debug, clap::Parser)]
#[command(name = "bongsu", version, about, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Measures without end: runs journeys on their slots and ships what they showed.
    ///
    /// Stops on SIGTERM or Ctrl-C after the going runs have cleaned up; a second signal stops at
    /// once, and what is owed is paid at the next start.
    Agent(AgentArguments),
    /// Runs journeys once and tells how they ended.
    ///
    /// On a terminal, what is under way is shown until it has ended; not where the variable `CI` is
    /// set. `NO_COLOR` takes the colours away.
    #[command(after_long_help = RUN_EXITS)]
    Run(run::RunArguments),
    /// Reads journeys, fragments, catalogues and target profiles and tells every mistake.
    ///
    /// All of them in one pass, each with its place and a remedy. Needs no network. A catalogue
    /// among the files says which features exist. An error makes a file unusable; a warning is
    /// likely a mistake. Exit: 0 no error; 2 usage; 3 a file is invalid.
    Check(CheckArguments),
    /// Turns what other tools have written into a journey.
    ///
    /// The journey goes to standard output or to `--out`, what its author has to know to standard
    /// error. Credentials are never copied. Exit: 0 a journey was written; 2 usage, or what is
    /// asked for is refused; 3 the input cannot be read.
    Import(import::ImportArguments),
    /// Lays files out: keys in canonical order, one space around `=`, comments kept.
    ///
    /// What a file does never changes: steps keep their order. Prints the files that it rewrites.
    /// With `-` standard input goes to standard output. Exit: 0; 1 with `--check` if a file would
    /// change; 2 usage; 3 a file is invalid and left as it is.
    Fmt(FmtArguments),
    /// Tells what a run would send and expect, step by step; sends nothing.
    ///
    /// Addresses, constants and public account fields are filled in. Secrets are starred out and
    /// never read; what comes from an earlier answer or from the run itself stays as
    /// `{{ its name }}`. Needs no network. Exit: 0; 2 usage; 3 a file is invalid.
    Plan(PlanArguments),
    /// Prints the JSON Schema of a kind of file, for editors that complete and check TOML.
    ///
    /// Write it beside the files (`bongsu schema --into schema`) and begin each file with
    /// `#:schema schema/journey.json`: Taplo (Even Better TOML), Tombi and editors built on them
    /// then complete keys, show what they mean and mark wrong ones. It knows keys and types; what
    /// only the whole file shows, `bongsu check` tells. Exit: 0; 2 usage.
    Schema(SchemaArguments),
    /// Prints a script that lets a shell complete commands, options and files.
    ///
    /// For bash: `bongsu completions bash > ~/.local/share/bash-completion/completions/bongsu`. For
    /// zsh: into a file `_bongsu` in a folder of `$fpath`. For fish:
    /// `bongsu completions fish > ~/.config/fish/completions/bongsu.fish`. Exit: 0; 2 usage.
    Completions {
        /// Of which shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Prints the manual page of this program or of one command.
    ///
    /// `bongsu man run | man -l -` shows it; `bongsu man --into /usr/local/share/man/man1` installs
    /// the pages of all commands. Exit: 0; 2 usage.
    Man(ManArguments),
}

/// What a script can tell from the end of `bongsu run`: see [`Exit`].
const RUN_EXITS: &str = "\
Exit codes:
  0    all passed, or were slow and there is no --strict
  1    a step failed, or a feature was blocked
  2    usage, or a report could not be written
  3    a file is invalid; nothing was run
  4    a run proves nothing (blind)
  5    all passed, but something was left behind on the platform
  130  interrupted, after cleaning up";

#[derive(Debug, clap::Args)]
struct AgentArguments {
    /// The agent's file.
    #[arg(long, value_name = "FILE", required_unless_present = "print_config")]
    config: Option<PathBuf>,
    /// Reads the agent's file, its plan and its secrets, says whether they can be used, and ends.
    #[arg(long)]
    check_config: bool,
    /// Prints a commented example of the agent's file and ends.
    #[arg(long)]
    print_config: bool,
    /// How log lines are written.
    #[arg(long, value_enum, default_value = "text")]
    log: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, clap::Args)]
struct CheckArguments {
    /// Files, or folders of them; `fragments/` beside one, or one folder up from a file, is read
    /// too.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Journeys may name no feature that this catalogue does not have.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// Journeys must find in this target profile what they need; may be repeated.
    #[arg(long = "target", value_name = "FILE")]
    targets: Vec<PathBuf>,
    /// How mistakes are told.
    #[arg(long, value_enum, default_value = "text")]
    format: CheckFormat,
    /// A warning counts as an error.
    #[arg(long, visible_alias = "strict")]
    deny_warnings: bool,
}

#[derive(Debug, clap::Args)]
struct FmtArguments {
    /// Files, or folders of them; `-` for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Changes nothing, and tells which files would change.
    #[arg(long)]
    check: bool,
}

#[derive(Debug, clap::Args)]
struct PlanArguments {
    /// Journey files, or folders of them; `fragments/` beside one, or one folder up from a file,
    /// is read too.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The target profile: a file, or a name to be looked up in `--targets`.
    #[arg(long, value_name = "FILE|NAME")]
    target: String,
    /// A folder of target profiles.
    #[arg(long, value_name = "DIR")]
    targets: Option<PathBuf>,
    /// Sets a variable that the journey declares in `vars`; may be repeated.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    vars: Vec<String>,
    /// How the plan is told.
    #[arg(long, value_enum, default_value = "text")]
    format: PlanFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PlanFormat {
    /// For people.
    Text,
    /// One JSON object a journey.
    Json,
}

#[derive(Debug, clap::Args)]
struct SchemaArguments {
    /// Of which kind of file.
    #[arg(value_enum, default_value = "journey")]
    kind: SchemaOf,
    /// Writes the schemas of all kinds into this folder instead, one file each.
    #[arg(long, value_name = "DIR", conflicts_with = "kind")]
    into: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct ManArguments {
    /// Of which command, such as `run` or `import har`.
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Writes the pages of all commands into this folder instead, one file each.
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    into: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SchemaOf {
    Journey,
    Fragment,
    Catalogue,
    Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum CheckFormat {
    /// For people, with excerpts.
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Good = 0,
    Failed = 1,
    Usage = 2,
    Invalid = 3,
    Blind = 4,
    Leaked = 5,
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

pub(crate) fn main(arguments: Arguments) -> ExitCode {
    let exit = match arguments.command {
        Command::Agent(arguments) => agent::main(&arguments),
        Command::Run(arguments) => run::main(arguments),
        Command::Check(arguments) => check::main(&arguments),
        Command::Import(arguments) => import::main(&arguments),
        Command::Fmt(arguments) => fmt::main(&arguments),
        Command::Plan(arguments) => plan::main(&arguments),
        Command::Schema(arguments) => schema::main(&arguments),
        Command::Completions { shell } => completions::main(shell),
        Command::Man(arguments) => man::main(&arguments),
    };
    output::ended(exit).into()
}

/// Tells why files cannot be read; one that is there and is no file of Bongsu is invalid.
fn refuse(error: &FilesError) -> Exit {
    say_error(&format!("error: {error}"));
    if error.is_of_content() {
        Exit::Invalid
    } else {
        Exit::Usage
    }
}

/// Colours for a person, none for a file.
fn colour() -> Colour {
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        Colour::Ansi
    } else {
        Colour::Plain
    }
}

/// The files as given, and for each the folder `fragments` beside it, else one folder up; for a
/// folder the one in it, which is read anyway, else the one beside it.
fn with_fragments(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = files.to_vec();
    for file in files {
        let folder = if file.is_dir() {
            Some(file.as_path())
        } else {
            file.parent().filter(|_| file.is_file())
        };
        let Some(folder) = folder else { continue };
        let near = [folder.to_owned(), above(folder)].map(|one| one.join("fragments"));
        if let Some(near) = near.into_iter().find(|one| one.is_dir())
            && !all.iter().any(|given| holds(given, &near))
        {
            all.push(near);
        }
    }
    all
}

/// The folder that a folder is in, as one would write it: of none, which is the working folder, and
/// of one that ends in dots the system knows.
fn above(folder: &Path) -> PathBuf {
    match (folder.components().next_back(), folder.parent()) {
        (Some(Component::Normal(_)), Some(parent)) => parent.to_owned(),
        _ => folder.join(".."),
    }
}

/// Whether a folder is `given`, or below it.
fn holds(given: &Path, folder: &Path) -> bool {
    match (given.canonicalize(), folder.canonicalize()) {
        (Ok(given), Ok(folder)) => folder.starts_with(given),
        _ => false,
    }
}
