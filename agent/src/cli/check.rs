//! `bongsu check`: every mistake of every file in one pass, without network.

use bongsu_agent::count;
use bongsu_agent::plan::read_sources;
use bongsu_language::{CheckOptions, Diagnostic, SourceFile, load, load_catalogue};

use super::{CheckArguments, Exit, colour, say, say_error, with_fragments};

pub(super) fn main(arguments: &CheckArguments) -> Exit {
    let files = match read_sources(&with_fragments(&arguments.files)) {
        Ok(files) => files,
        Err(error) => {
            say_error(&format!("error: {error}"));
            return Exit::Usage;
        }
    };
    let catalogue_file = match arguments
        .catalogue
        .as_ref()
        .map(|path| read_sources(std::slice::from_ref(path)))
    {
        Some(Ok(files)) => files.into_iter().next(),
        Some(Err(error)) => {
            say_error(&format!("error: {error}"));
            return Exit::Usage;
        }
        None => None,
    };
    let catalogue = match catalogue_file.as_ref().map(load_catalogue) {
        Some(Ok(catalogue)) => Some(catalogue),
        Some(Err(diagnostics)) => {
            tell(&diagnostics, catalogue_file.as_slice());
            return Exit::Invalid;
        }
        None => None,
    };
    let loaded = load(
        &files,
        CheckOptions {
            catalogue: catalogue.as_ref(),
            ..CheckOptions::default()
        },
    );
    tell(&loaded.diagnostics, &files);
    let errors = loaded.diagnostics.iter().filter(|d| d.is_error()).count();
    let warnings = loaded.diagnostics.len() - errors;
    say(&format!(
        "{}, {}: {}, {}",
        count(files.len(), "file"),
        count(loaded.journeys.len(), "usable journey"),
        count(errors, "error"),
        count(warnings, "warning"),
    ));
    if errors > 0 {
        Exit::Invalid
    } else {
        Exit::Good
    }
}

pub(super) fn tell(diagnostics: &[Diagnostic], files: &[SourceFile]) {
    for diagnostic in diagnostics {
        say(&format!(
            "{}\n",
            diagnostic.render(files, colour()).trim_end()
        ));
    }
}
