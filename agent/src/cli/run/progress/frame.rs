//! What stands on the terminal while runs are under way, fitted to its width. Pure.

use std::time::Duration;

use bongsu_language::Colour;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::screen::{Line, Size};

/// Most runs that are shown: nobody reads more of them while they change.
const ROWS_MAX: usize = 10;

/// Columns of the longest title that is shown whole.
const TITLE_COLUMNS_MAX: usize = 36;

/// Columns below which steps are left out.
const NARROW: usize = 40;

/// Dim, for what stands beside.
const DIM: &str = "\x1b[2m";
const BAD: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// A run that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) title: String,
    /// `2/7`, `cleanup`, or nothing before its first step.
    pub(super) how_far: String,
    pub(super) step: String,
    pub(super) took: Duration,
}

/// All that is shown at one instant.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) rows: Vec<Row>,
    /// Runs under way that are not shown.
    pub(super) more: usize,
    pub(super) total: u64,
    pub(super) ended: u64,
    pub(super) failed: u64,
    pub(super) took: Duration,
    pub(super) is_interrupted: bool,
}

/// What is told once the command was interrupted.
pub(super) const INTERRUPTED: &str = "interrupted: cleaning up, once more ends at once";

/// How many runs have room on a terminal, with the line below them and one for what was printed.
pub(super) fn rows_max(size: Size) -> usize {
    size.rows.saturating_sub(3).clamp(1, ROWS_MAX)
}

impl Frame {
    /// The lines, none of which fills its row: a terminal would go on in the next.
    pub(super) fn lines(&self, columns: usize, colour: Colour) -> Vec<Line> {
        let room = columns.saturating_sub(1);
        let titles = self.rows.iter().map(|row| row.title.width());
        let titles = titles.max().unwrap_or(0).min(TITLE_COLUMNS_MAX);
        let mut lines: Vec<Line> = self
            .rows
            .iter()
            .map(|row| row.line(titles, room, colour))
            .collect();
        let sum = self.sum();
        if !sum.is_empty() {
            let mut pen = Pen::new(room, colour);
            pen.write(&sum, Some(if self.failed > 0 { BAD } else { DIM }));
            lines.push(pen.line());
        }
        lines
    }

    /// Where several runs are asked for, or the one is cut short.
    fn sum(&self) -> String {
        let mut said = Vec::new();
        if self.total > 1 {
            said.push(format!("{}/{} runs", self.ended, self.total));
            if self.failed > 0 {
                said.push(format!("{} not good", self.failed));
            }
            if self.more > 0 {
                said.push(format!("{} more under way", self.more));
            }
            said.push(seconds(self.took));
        }
        if self.is_interrupted {
            said.push(INTERRUPTED.to_owned());
        }
        said.join(", ")
    }
}

impl Row {
    fn line(&self, titles: usize, room: usize, colour: Colour) -> Line {
        let mut pen = Pen::new(room, colour);
        let took = seconds(self.took);
        pen.padded(&took, 7);
        pen.write("  ", None);
        pen.padded_behind(&self.title, titles);
        if room >= NARROW && !self.how_far.is_empty() {
            pen.write("  ", None);
            pen.write(&format!("{} {}", self.how_far, self.step), Some(DIM));
        }
        pen.line()
    }
}

/// Writes up to so many columns.
struct Pen {
    room: usize,
    colour: Colour,
    line: Line,
}

impl Pen {
    fn new(room: usize, colour: Colour) -> Self {
        Self {
            room,
            colour,
            line: Line {
                plain: String::new(),
                written: String::new(),
            },
        }
    }

    /// As much of the text as there is room for; `…` where it is cut. What a terminal would obey
    /// is left out.
    fn write(&mut self, text: &str, code: Option<&str>) {
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        let left = self.room.saturating_sub(self.line.plain.width());
        let text = cut(&text, left);
        self.line.plain.push_str(&text);
        match code {
            Some(code) if self.colour == Colour::Ansi && !text.is_empty() => {
                self.line.written.push_str(&format!("{code}{text}{PLAIN}"));
            }
            Some(_) | None => self.line.written.push_str(&text),
        }
    }

    fn padded(&mut self, text: &str, columns: usize) {
        self.write(&" ".repeat(columns.saturating_sub(text.width())), None);
        self.write(text, None);
    }

    fn padded_behind(&mut self, text: &str, columns: usize) {
        let text = cut(text, columns);
        let blanks = columns.saturating_sub(text.width());
        self.write(&text, None);
        self.write(&" ".repeat(blanks), None);
    }

    fn line(self) -> Line {
        self.line
    }
}

/// The text in at most so many columns.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        if kept.width() + c.width().unwrap_or(0) + 1 > columns {
            break;
        }
        kept.push(c);
    }
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// Tenths while it is short: what changes faster is not read.
fn seconds(took: Duration) -> String {
    if took < Duration::from_secs(60) {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{}:{:02}", took.as_secs() / 60, took.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(title: &str, how_far: &str, step: &str, tenths: u64) -> Row {
        Row {
            title: title.to_owned(),
            how_far: how_far.to_owned(),
            step: step.to_owned(),
            took: Duration::from_millis(tenths * 100),
        }
    }

    fn frame(rows: Vec<Row>) -> Frame {
        Frame {
            rows,
            more: 3,
            total: 40,
            ended: 12,
            failed: 2,
            took: Duration::from_secs(75),
            is_interrupted: false,
        }
    }

    fn plain(frame: &Frame, columns: usize) -> Vec<String> {
        let lines = frame.lines(columns, Colour::Plain);
        lines.into_iter().map(|line| line.written).collect()
    }

    #[test]
    fn each_run_says_how_far_it_is_and_the_last_line_how_far_all_are() {
        let frame = frame(vec![
            row("login", "1/3", "sign in", 4),
            row("send-message", "cleanup", "delete it", 123),
            row("new", "", "", 0),
        ]);
        assert_eq!(
            plain(&frame, 80),
            [
                "  0.4 s  login         1/3 sign in",
                " 12.3 s  send-message  cleanup delete it",
                "  0.0 s  new         ",
                "12/40 runs, 2 not good, 3 more under way, 1:15",
            ]
        );
        let single = Frame {
            total: 1,
            ..self::frame(vec![row("login", "1/3", "sign in", 4)])
        };
        assert_eq!(plain(&single, 80), ["  0.4 s  login  1/3 sign in"]);
        let cut = Frame {
            is_interrupted: true,
            ..single
        };
        let last = plain(&cut, 80).pop().unwrap();
        assert_eq!(last, "interrupted: cleaning up, once more ends at once");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_none_fills_it() {
        let long = "메시지를 보내고 상대가 받을 때까지 기다린다 and then some more of it";
        let frame = frame(vec![
            row(long, "10/12", long, 5),
            row("a", "1/1", "\x1b[31mred\r\nnext", 6),
        ]);
        for columns in 0..120 {
            for line in frame.lines(columns, Colour::Ansi) {
                let width = line.plain.width();
                assert!(
                    width < columns.max(1),
                    "{width} of {columns}: {}",
                    line.plain
                );
                assert!(!line.plain.contains(char::is_control), "{:?}", line.plain);
                let codes = [DIM, BAD, PLAIN];
                let written = codes
                    .iter()
                    .fold(line.written, |text, code| text.replace(code, ""));
                assert_eq!(written, line.plain);
            }
        }
        assert!(plain(&frame, 30).iter().all(|line| !line.contains("10/12")));
    }

    #[test]
    fn as_many_runs_are_shown_as_the_terminal_has_rows_for() {
        let with = |rows| rows_max(Size { columns: 80, rows });
        assert_eq!((with(0), with(3), with(8), with(100)), (1, 1, 5, ROWS_MAX));
    }
}
