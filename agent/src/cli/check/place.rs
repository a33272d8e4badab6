//! Where a diagnostic stands, as editors and programs count: lines and columns from 1, the end
//! exclusive, columns in characters.

use bongsu_language::{Position, SourceFile};

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) path: &'a str,
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) end_line: u32,
    pub(super) end_column: u32,
}

impl<'a> Place<'a> {
    /// The place of `position`; without its file among `files`, only where it begins.
    pub(super) fn of(position: &'a Position, files: &[SourceFile]) -> Self {
        let text = files
            .iter()
            .find(|file| file.path == *position.path)
            .and_then(|file| file.text.get(position.span.clone()))
            .unwrap_or_default();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        // The line break behind a value is none of it.
        let text = text.trim_end_matches(['\n', '\r']);
        let (end_line, end_column) = match text.rsplit_once('\n') {
            None => (position.line, position.column + count(text.chars().count())),
            Some((before, last)) => (
                position.line + count(before.matches('\n').count()) + 1,
                count(last.chars().count()) + 1,
            ),
        };
        Self {
            path: &position.path,
            line: position.line,
            column: position.column,
            end_line,
            end_column,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_ends_behind_its_last_character() {
        let files = [SourceFile::new("a.toml", "a = \"카톡\"\nb = [\n  1,\n]\n")];
        let position = |line, column, span| Position {
            path: "a.toml".into(),
            line,
            column,
            span,
        };
        let place = |position: &Position| {
            let place = Place::of(position, &files);
            (place.line, place.column, place.end_line, place.end_column)
        };
        assert_eq!(place(&position(1, 5, 4..12)), (1, 5, 1, 9));
        assert_eq!(place(&position(2, 5, 17..26)), (2, 5, 4, 2));
        assert_eq!(place(&position(9, 2, 900..901)), (9, 2, 9, 2));
    }
}
