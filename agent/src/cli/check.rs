//! `bongsu check`: every mistake of every file in one pass, without network.

use bongsu_agent::count;
use bongsu_agent::plan::{read_every, read_sources};
use bongsu_language::{CheckOptions, Diagnostic, SourceFile, load, load_catalogue};

use super::{CheckArguments, Exit, colour, say, say_error, with_fragments};

pub(super) fn main(arguments: &CheckArguments) -> Exit {
    let read = match read_every(&with_fragments(&arguments.files)) {
        Ok(read) => read,
        Err(error) => {
            say_error(&format!("error: {error}"));
            return Exit::Usage;
        }
    };
    let of = read.len();
    let mut files = Vec::with_capacity(of);
    for one in read {
        match one {
            Ok(file) => files.push(file),
            Err(error) => say(&format!("error: {error}\n")),
        }
    }
    let unreadable = of - files.len();
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
    let mistakes = loaded.diagnostics.iter().filter(|d| d.is_error()).count();
    let warnings = loaded.diagnostics.len() - mistakes;
    let errors = mistakes + unreadable;
    say(&format!(
        "{}, {}: {}, {}",
        count(of, "file"),
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
