//! What commands print, and whether it could be written.

use std::io::{self, ErrorKind, Write as _};
use std::sync::OnceLock;

use super::Exit;

/// Why something could not be printed, the first time.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();

/// Prints to standard output. A reader that has gone away is no trouble; what else goes wrong is
/// told at the [end](ended).
pub(super) fn say(text: &str) {
    note(writeln!(io::stdout().lock(), "{text}"));
}

/// Writes to standard output what is a file of its own.
pub(super) fn print(bytes: &[u8]) -> Exit {
    note(io::stdout().lock().write_all(bytes));
    Exit::Good
}

/// Prints to standard error.
pub(crate) fn say_error(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// How a command ends that would end so: not well where its output is not whole.
pub(super) fn ended(exit: Exit) -> Exit {
    note(io::stdout().lock().flush());
    let Some(error) = UNWRITTEN.get() else {
        return exit;
    };
    say_error(&format!(
        "error: standard output cannot be written: {error}"
    ));
    match exit {
        Exit::Good => Exit::Usage,
        other => other,
    }
}

fn note(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = UNWRITTEN.set(error);
    }
}
