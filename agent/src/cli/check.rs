//! `bongsu check`: every mistake of every file in one pass, without network.

use bongsu_agent::count;
use bongsu_agent::plan::{FilesError, read_every, read_sources};
use bongsu_language::{
    CheckOptions, Diagnostic, Position, Rule, Severity, SourceFile, TargetProfile, load,
    load_catalogue, load_target,
};

use super::{CheckArguments, CheckFormat, Exit, colour, refuse, say, with_fragments};

mod json;
mod place;
mod sarif;

pub(super) fn main(arguments: &CheckArguments) -> Exit {
    let checked = match check(arguments) {
        Ok(checked) => checked,
        Err(error) => return refuse(&error),
    };
    match arguments.format {
        CheckFormat::Text => text(&checked),
        CheckFormat::Json => say(&json::json(&checked).to_string()),
        CheckFormat::Sarif => say(&sarif::sarif(&checked).to_string()),
    }
    if checked.errors() > 0 || (arguments.deny_warnings && checked.warnings() > 0) {
        Exit::Invalid
    } else {
        Exit::Good
    }
}

/// What was found.
struct Checked {
    /// What could be read, to draw excerpts from.
    files: Vec<SourceFile>,
    /// How many files were looked at, with those that cannot be read.
    file_count: usize,
    /// How many journeys can run.
    journeys: usize,
    diagnostics: Vec<Diagnostic>,
}

impl Checked {
    fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.is_error()).count()
    }

    fn warnings(&self) -> usize {
        self.diagnostics.len() - self.errors()
    }
}

/// Reads and checks everything.
///
/// # Errors
/// A path that is not there, or a catalogue or target profile that cannot be read.
fn check(arguments: &CheckArguments) -> Result<Checked, FilesError> {
    let mut diagnostics = Vec::new();
    let mut files = Vec::new();
    let read = read_every(&with_fragments(&arguments.files))?;
    let file_count = read.len();
    for one in read {
        match one {
            Ok(file) => files.push(file),
            Err(error) => diagnostics.push(unreadable(&error)),
        }
    }
    // What the journeys are held against: drawn from, but no file to be checked.
    let mut beside = Vec::new();
    let mut catalogue = None;
    if let Some(path) = &arguments.catalogue {
        let read = read_sources(std::slice::from_ref(path))?;
        for file in &read {
            match load_catalogue(file) {
                Ok(found) => catalogue = Some(found),
                Err(mistakes) => diagnostics.extend(mistakes),
            }
        }
        beside.extend(read);
    }
    let mut targets: Vec<TargetProfile> = Vec::new();
    for file in read_sources(&arguments.targets)? {
        match load_target(&file) {
            Ok(target) => targets.push(target),
            Err(mistakes) => diagnostics.extend(mistakes),
        }
        beside.push(file);
    }
    let options = CheckOptions {
        catalogue: catalogue.as_ref(),
        targets: &targets,
    };
    let loaded = load(&files, options);
    // A catalogue or profile may stand among the files as well.
    for diagnostic in loaded.diagnostics {
        if !diagnostics.contains(&diagnostic) {
            diagnostics.push(diagnostic);
        }
    }
    beside.retain(|file| !files.iter().any(|known| known.path == file.path));
    files.extend(beside);
    Ok(Checked {
        files,
        file_count,
        journeys: loaded.journeys.len(),
        diagnostics,
    })
}

fn unreadable(error: &FilesError) -> Diagnostic {
    let position = Position {
        path: error.path().display().to_string().into(),
        line: u32::try_from(error.line()).unwrap_or(u32::MAX),
        column: 1,
        span: 0..0,
    };
    Diagnostic {
        rule: Rule::UnreadableFile,
        ..Diagnostic::observed(Severity::Error, position, error.to_string())
    }
}

fn text(checked: &Checked) {
    for diagnostic in &checked.diagnostics {
        if diagnostic.rule == Rule::UnreadableFile {
            // The message names the file, and there is nothing to draw.
            say(&format!("error: {}\n", diagnostic.message));
        } else {
            tell(std::slice::from_ref(diagnostic), &checked.files);
        }
    }
    say(&format!(
        "{}, {}: {}, {}",
        count(checked.file_count, "file"),
        count(checked.journeys, "usable journey"),
        count(checked.errors(), "error"),
        count(checked.warnings(), "warning"),
    ));
}

pub(super) fn tell(diagnostics: &[Diagnostic], files: &[SourceFile]) {
    for diagnostic in diagnostics {
        say(&format!(
            "{}\n",
            diagnostic.render(files, colour()).trim_end()
        ));
    }
}
