//! `bongsu fmt`: files in their canonical layout.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use bongsu_agent::count;
use bongsu_agent::plan::{read_every, source_of};
use bongsu_language::{SourceFile, format};

use super::{Exit, FmtArguments, check, refuse, say, say_error};

pub(super) fn main(arguments: &FmtArguments) -> Exit {
    if arguments.files == [PathBuf::from("-")] {
        return from_input(arguments);
    }
    let read = match read_every(&arguments.files) {
        Ok(read) => read,
        Err(error) => return refuse(&error),
    };
    let mut done = Done::default();
    for one in read {
        match one {
            Ok(file) => done.take(&file, arguments),
            Err(error) => {
                say_error(&format!("error: {error}"));
                done.refused += 1;
            }
        }
    }
    if done.refused > 0 {
        Exit::Invalid
    } else if arguments.check && done.changed > 0 {
        say(&format!(
            "{} would change: `bongsu fmt` without `--check` lays files out",
            count(done.changed, "file")
        ));
        Exit::Failed
    } else {
        Exit::Good
    }
}

#[derive(Default)]
struct Done {
    changed: usize,
    refused: usize,
}

impl Done {
    fn take(&mut self, file: &SourceFile, arguments: &FmtArguments) {
        let text = match format(file) {
            Ok(text) => text,
            Err(mistakes) => {
                check::tell(&mistakes, std::slice::from_ref(file));
                self.refused += 1;
                return;
            }
        };
        if text == file.text {
            return;
        }
        self.changed += 1;
        if !arguments.check
            && let Err(error) = std::fs::write(&file.path, text)
        {
            say_error(&format!("error: cannot write {}: {error}", file.path));
            self.refused += 1;
            return;
        }
        say(&file.path);
    }
}

/// For editors: standard input to standard output.
fn from_input(arguments: &FmtArguments) -> Exit {
    let mut content = Vec::new();
    if let Err(error) = std::io::stdin().lock().read_to_end(&mut content) {
        say_error(&format!("error: cannot read standard input: {error}"));
        return Exit::Usage;
    }
    let file = match source_of(Path::new("-"), content) {
        Ok(file) => file,
        Err(error) => return refuse(&error),
    };
    match format(&file) {
        Ok(text) if arguments.check => {
            if text == file.text {
                Exit::Good
            } else {
                Exit::Failed
            }
        }
        Ok(text) => {
            say(text.trim_end());
            Exit::Good
        }
        Err(mistakes) => {
            for mistake in mistakes {
                say_error(&mistake.to_string());
            }
            Exit::Invalid
        }
    }
}
