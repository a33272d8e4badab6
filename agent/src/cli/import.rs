//! `bongsu import`: what other tools have written, as a journey.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use bongsu_import::{
    Assets, HarOptions, INPUT_BYTES_MAX, ImportError, Imported, Names, curl, har, hurl, openapi,
};
use bongsu_language::{CheckOptions, SourceFile, load};
use bongsu_model::{FeatureId, JourneyName, PoolName};

use super::{Exit, print, say_error};

#[derive(Debug, clap::Args)]
pub(super) struct ImportArguments {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, clap::Subcommand)]
enum From {
    /// A recording: HTTP Archive 1.2 (HAR), as browsers and proxies save it.
    ///
    /// Values that come from earlier answers become captures, hosts become names of the target
    /// profile. Redirects are followed where the browser followed them; files that were sent are
    /// generated at their size. Images, fonts, styles and scripts are left out.
    Har {
        /// The recording; `-` for standard input.
        file: PathBuf,
        /// Keeps images, fonts, styles and scripts.
        #[arg(long)]
        all: bool,
        /// Takes the requests to this host only; may be repeated.
        #[arg(long = "host", value_name = "HOST")]
        hosts: Vec<String>,
        #[command(flatten)]
        output: Output,
    },
    /// A file of hurl: entries become steps, captures and asserts what is like them.
    ///
    /// What has no equivalent stands in a comment at its place.
    Hurl {
        /// The file; `-` for standard input.
        file: PathBuf,
        #[command(flatten)]
        output: Output,
    },
    /// A description: OpenAPI 3.0 or 3.1, in JSON or YAML. A skeleton of a step for each operation.
    ///
    /// Bodies are the description's examples, or made of its schemas.
    Openapi {
        /// The description; `-` for standard input.
        file: PathBuf,
        /// An operation, by its `operationId` or as `GET /path`; may be repeated, in the order of
        /// the steps. Without any, the operations are listed.
        #[arg(long = "operation", value_name = "ID")]
        operations: Vec<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Commands of curl, a step each.
    Curl {
        /// A command in quotes, as in 'curl https://…'; several are several steps. None, or `-`,
        /// reads them from standard input.
        #[arg(value_name = "COMMAND")]
        commands: Vec<String>,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, clap::Args)]
struct Output {
    /// The journey's name; the input's if it is not said.
    #[arg(long, value_name = "NAME")]
    journey: Option<JourneyName>,
    /// The feature that it measures.
    #[arg(long, value_name = "ID")]
    feature: Option<FeatureId>,
    /// The pool that its actor's account is leased from.
    #[arg(long, value_name = "NAME")]
    pool: Option<PoolName>,
    /// The file that is written; it must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn main(arguments: &ImportArguments) -> Exit {
    let result = match &arguments.from {
        From::Har {
            file,
            all,
            hosts,
            output,
        } => read(file).and_then(|text| {
            let options = HarOptions {
                assets: if *all { Assets::Kept } else { Assets::Dropped },
                hosts: hosts.clone(),
            };
            output.write(har(&text, &options, &output.names(file)))
        }),
        From::Hurl { file, output } => {
            read(file).and_then(|text| output.write(hurl(&text, &output.names(file))))
        }
        From::Openapi {
            file,
            operations,
            output,
        } => read(file)
            .and_then(|text| output.write(openapi(&text, operations, &output.names(file)))),
        From::Curl { commands, output } => script(commands)
            .and_then(|script| output.write(curl(&script, &output.names(Path::new("-"))))),
    };
    match result {
        Ok(()) => Exit::Good,
        Err((exit, message)) => {
            say_error(&format!("error: {message}"));
            exit
        }
    }
}

type Failure = (Exit, String);

fn refusal(error: &ImportError) -> Failure {
    let exit = match error {
        ImportError::Refused { .. } | ImportError::Absent { .. } => Exit::Usage,
        ImportError::Format { .. } | ImportError::Empty { .. } => Exit::Invalid,
    };
    (exit, error.to_string())
}

/// The commands as given, or those on standard input.
fn script(commands: &[String]) -> Result<String, Failure> {
    match commands {
        [] => read(Path::new("-")),
        [one] if one == "-" => read(Path::new("-")),
        commands => Ok(commands.join("\n")),
    }
}

/// All of a file, or of standard input.
fn read(file: &Path) -> Result<String, Failure> {
    let shown = file.display();
    let unreadable = |error: std::io::Error| (Exit::Usage, format!("{shown}: {error}"));
    let mut bytes = Vec::new();
    let limit = INPUT_BYTES_MAX as u64 + 1;
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    let length = read.map_err(unreadable)?;
    if length > INPUT_BYTES_MAX {
        let message = format!("{shown} is larger than {INPUT_BYTES_MAX} bytes; cut it in pieces");
        return Err((Exit::Invalid, message));
    }
    String::from_utf8(bytes).map_err(|_| {
        (
            Exit::Invalid,
            format!("{shown} is not UTF-8 text; save it as such"),
        )
    })
}

impl Output {
    fn names(&self, file: &Path) -> Names {
        let from_file = || {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let name: String = stem
                .to_lowercase()
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
                .collect();
            JourneyName::new(name.trim_matches('-')).ok()
        };
        let fallback = || JourneyName::new("imported").expect("a name");
        Names {
            journey: self
                .journey
                .clone()
                .or_else(from_file)
                .unwrap_or_else(fallback),
            feature: self.feature.clone(),
            pool: self.pool.clone(),
        }
    }

    fn write(&self, imported: Result<Imported, ImportError>) -> Result<(), Failure> {
        let imported = imported.map_err(|error| refusal(&error))?;
        match &self.out {
            None => {
                let _ = print(imported.text.as_bytes());
            }
            Some(path) => OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(path)
                .and_then(|mut file| file.write_all(imported.text.as_bytes()))
                .map_err(|error| {
                    let help = match error.kind() {
                        std::io::ErrorKind::AlreadyExists => "; choose another --out",
                        _ => "",
                    };
                    (Exit::Usage, format!("{}: {error}{help}", path.display()))
                })?,
        }
        for note in &imported.notes {
            say_error(&format!("note: {note}"));
        }
        self.check(&imported);
        Ok(())
    }

    /// Tells what the language has to say of the journey, as `bongsu check` would.
    fn check(&self, imported: &Imported) {
        let path = self
            .out
            .as_deref()
            .unwrap_or_else(|| Path::new("(imported)"));
        let files = [SourceFile::new(
            path.display().to_string(),
            imported.text.clone(),
        )];
        let loaded = load(&files, CheckOptions::default());
        for diagnostic in loaded.diagnostics.iter().filter(|d| d.is_error()) {
            say_error(
                diagnostic
                    .render(&files, bongsu_language::Colour::Plain)
                    .trim_end(),
            );
        }
    }
}
