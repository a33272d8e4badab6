//! A terminal on standard error, and the lines that stand on it for now.

use std::io::{IsTerminal as _, Write as _};

use bongsu_language::Colour;
use rustix::fs::FileType;
use unicode_width::UnicodeWidthStr as _;

/// Of a terminal that does not say its size.
const USUAL: Size = Size {
    columns: 80,
    rows: 24,
};

/// In characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// A terminal.
#[derive(Debug)]
pub(super) struct Screen {
    colour: Colour,
    /// The width of each line that stands there now.
    standing: Vec<usize>,
    was_used: bool,
}

/// A line and what it looks like without its colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) plain: String,
    /// With the codes of its colours.
    pub(super) written: String,
}

impl Screen {
    /// Standard error, if a person looks at it: it is a terminal that can be redrawn, and not the
    /// log of a CI job, which has the variable `CI`. Nor if results go into a pipe: whatever reads
    /// it may print them to the same terminal at any time, as `tee` does, and both would be mixed.
    pub(super) fn of_a_person() -> Option<Self> {
        let variable = |name| std::env::var(name).unwrap_or_default();
        let is_ci = !matches!(variable("CI").as_str(), "" | "0" | "false");
        let is_plain = matches!(variable("TERM").as_str(), "" | "dumb");
        if is_ci || is_plain || is_piped() || !std::io::stderr().is_terminal() {
            return None;
        }
        let colour = if std::env::var_os("NO_COLOR").is_none() {
            Colour::Ansi
        } else {
            Colour::Plain
        };
        Some(Self {
            colour,
            standing: Vec::new(),
            was_used: false,
        })
    }

    pub(super) fn colour(&self) -> Colour {
        self.colour
    }

    /// Whether something stood there that was taken away.
    pub(super) fn is_cleared(&self) -> bool {
        self.was_used && self.standing.is_empty()
    }

    /// The size now: a person may change it at any time.
    pub(super) fn size(&self) -> Size {
        match rustix::termios::tcgetwinsize(std::io::stderr()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size {
                columns: size.ws_col.into(),
                rows: size.ws_row.into(),
            },
            Ok(_) | Err(_) => USUAL,
        }
    }

    /// Puts these lines in the place of those that stand there.
    pub(super) fn show(&mut self, lines: &[Line]) {
        let mut text = erased(&self.standing, self.size().columns);
        for line in lines {
            text.push_str(&line.written);
            text.push('\n');
        }
        self.standing = lines.iter().map(|line| line.plain.width()).collect();
        self.was_used = true;
        write(&text);
    }

    /// Leaves the terminal as if nothing had stood there.
    pub(super) fn clear(&mut self) {
        if !self.standing.is_empty() {
            write(&erased(&self.standing, self.size().columns));
            self.standing.clear();
        }
    }
}

/// Whether standard output is a pipe.
fn is_piped() -> bool {
    let status = rustix::fs::fstat(std::io::stdout());
    status.is_ok_and(|status| FileType::from_raw_mode(status.st_mode).is_fifo())
}

/// What takes lines of these widths away from above the cursor. Where the terminal has become
/// narrower, it has broken them into several rows.
fn erased(standing: &[usize], columns: usize) -> String {
    let rows = |width: &usize| width.div_ceil(columns.max(1)).max(1);
    let rows: usize = standing.iter().map(rows).sum();
    if rows == 0 {
        return String::new();
    }
    format!("\x1b[{rows}A\r\x1b[J")
}

/// At once, so that no half of it is ever seen. A terminal that has gone away is no trouble.
fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_rows_are_taken_away_as_the_lines_have_become() {
        assert_eq!(erased(&[], 80), "");
        assert_eq!(erased(&[10, 0, 79], 80), "\x1b[3A\r\x1b[J");
        assert_eq!(erased(&[10, 0, 79], 40), "\x1b[4A\r\x1b[J");
        assert_eq!(erased(&[1], 0), "\x1b[1A\r\x1b[J");
    }
}
