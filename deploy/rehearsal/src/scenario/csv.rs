//! Comma-separated values as RFC 4180 has them, in which every cell knows its place.

use bongsu_language::Rule;

use super::text::{Cell, Text};

/// A line's cells. A line that is blank or begins with `#` is none.
pub(super) fn rows(text: &mut Text<'_>) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    let mut start = 0;
    for line in text.text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        if !bare.trim().is_empty() && !bare.starts_with('#') {
            rows.push(cells(text, bare, start));
        }
        start += line.len();
    }
    rows
}

/// The cells of one line that begins at byte `start`.
fn cells(text: &mut Text<'_>, line: &str, start: usize) -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut at = 0;
    loop {
        let rest = &line[at..];
        let (cell, used) = if rest.starts_with('"') {
            quoted(text, rest, start + at)
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            (rest[..end].trim().to_owned(), end)
        };
        cells.push(Cell {
            text: cell,
            span: start + at..start + at + used,
        });
        at += used;
        if at >= line.len() {
            return cells;
        }
        // What stands here is the comma.
        at += 1;
    }
}

/// A cell in quotes at the start of `rest`, and how many bytes it takes.
fn quoted(text: &mut Text<'_>, rest: &str, start: usize) -> (String, usize) {
    let mut cell = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, char)) = chars.next() {
        if char != '"' {
            cell.push(char);
            continue;
        }
        if chars.next_if(|(_, next)| *next == '"').is_some() {
            cell.push('"');
            continue;
        }
        let end = at + 1;
        let used = rest[end..]
            .find(',')
            .map_or(rest.len(), |comma| end + comma);
        if !rest[end..used].trim().is_empty() {
            text.wrong(
                &(start + end..start + used),
                Rule::Syntax,
                "something stands behind the closing quote",
                "write a quote inside a quoted cell twice: \"\"",
            );
        }
        return (cell, used);
    }
    text.wrong(
        &(start..start + rest.len()),
        Rule::Syntax,
        "the quote is not closed on its line",
        "close it with \", and write a row on one line",
    );
    (cell, rest.len())
}

#[cfg(test)]
mod tests {
    use bongsu_language::SourceFile;

    use super::*;

    fn read(source: &str) -> (Vec<Vec<String>>, usize) {
        let file = SourceFile::new("a.csv", source);
        let mut text = Text::new(&file);
        let read = rows(&mut text);
        for cell in read.iter().flatten() {
            assert!(source.get(cell.span.clone()).is_some(), "{cell:?}");
        }
        let texts = |row: Vec<Cell>| row.into_iter().map(|cell| cell.text).collect();
        (read.into_iter().map(texts).collect(), text.mistakes.len())
    }

    #[test]
    fn cells_are_bare_or_in_quotes() {
        let (rows, mistakes) = read("a, b ,\"c, \"\"d\"\"\",\r\n\n# none\n한글,x");
        assert_eq!(rows, [vec!["a", "b", "c, \"d\"", ""], vec!["한글", "x"]]);
        assert_eq!(mistakes, 0);
    }

    #[test]
    fn broken_quotes_are_told_and_the_next_line_is_read() {
        let (rows, mistakes) = read("\"a\"b,c\n\"open,x\ny,z");
        assert_eq!(mistakes, 2);
        assert_eq!(rows[0], ["a", "c"]);
        assert_eq!(rows[2], ["y", "z"]);
    }
}
