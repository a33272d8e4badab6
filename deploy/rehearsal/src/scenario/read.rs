//! From files to a scenario: every mistake of every file is told, and then there is none.

use std::ops::Range;

use bongsu_language::{Diagnostic, Rule, SourceFile};

use super::document::{Header, header};
use super::row::{REQUIRED, Surroundings, row};
use super::text::{Cell, FILE_BYTES_MAX, Text, did_you_mean};
use super::whole::{assemble, surroundings};
use super::{Row, Scenario, centre, csv};

/// Most rows of a scenario: a day of statements about every feature each hour.
pub const ROWS_MAX: usize = 2_000;

/// The columns of a row.
pub(super) const COLUMNS: &[&str] = &[
    "time",
    "published",
    "track",
    "on",
    "change",
    "source",
    "confidence",
    "note",
];

/// How the names of files of rows end.
const CSV: &str = ".csv";

/// A row as it is written.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// What is marked when something of the whole row is wrong.
    pub(super) span: Range<usize>,
    pub(super) cells: Vec<(&'static str, Cell)>,
    /// Columns that no row of its file has: told once, at the top.
    pub(super) lacks: Vec<&'static str>,
}

impl Record {
    /// The cell of a column, if something is in it.
    pub(super) fn cell(&self, column: &str) -> Option<&Cell> {
        let found = self.cells.iter().find(|(name, _)| *name == column);
        found
            .map(|(_, cell)| cell)
            .filter(|cell| !cell.text.is_empty())
    }

    pub(super) fn text(&self, column: &str) -> String {
        self.cell(column)
            .map(|cell| cell.text.clone())
            .unwrap_or_default()
    }
}

/// Reads a scenario. The first file is the scenario; the others are those that it names in `rows`,
/// by their last names.
///
/// # Errors
/// Every mistake of the files, in their order.
pub fn load(files: &[SourceFile]) -> Result<Scenario, Vec<Diagnostic>> {
    let Some(file) = files.first() else {
        return Err(Vec::new());
    };
    let mut text = Text::new(file);
    if let Some(mistakes) = too_large(files) {
        return Err(mistakes);
    }
    let is_table = file.path.ends_with(CSV);
    let (header, own) = if is_table {
        (Some(Header::default()), records_of_csv(&mut text))
    } else {
        let header = header(&mut text);
        let own = header.as_ref().map(|header| header.records.clone());
        (header, own.unwrap_or_default())
    };
    let Some(header) = header else {
        return Err(text.mistakes);
    };
    let surroundings = surroundings(&mut text, &header);
    let mut rows = rows(&mut text, &own, &surroundings);
    let mut elsewhere = Vec::new();
    for named in &header.rows {
        let found = files[1..]
            .iter()
            .find(|file| is_named(&file.path, &named.text));
        match found {
            Some(file) => {
                let mut beside = Text::new(file);
                let records = records_of_csv(&mut beside);
                rows.extend(self::rows(&mut beside, &records, &surroundings));
                elsewhere.extend(beside.mistakes);
            }
            None => text.wrong(
                &named.span,
                Rule::UnknownReference,
                format!("the file `{}` is not there", named.text),
                "`rows` names files beside this one",
            ),
        }
    }
    if rows.is_empty() && text.mistakes.is_empty() && elsewhere.is_empty() {
        text.wrong(
            &(0..0),
            Rule::MissingKey,
            "there is no row",
            "write what happened as [[row]], or name files in `rows`",
        );
    }
    // Of rows that cannot be read, what they undo is not idle.
    if text.mistakes.is_empty() && elsewhere.is_empty() {
        let (own, other) = centre::idle(&rows)
            .into_iter()
            .partition::<Vec<_>, _>(|mistake| mistake.position.path == text.path);
        text.mistakes.extend(own);
        elsewhere.extend(other);
    }
    let name = is_table.then(|| stem(&text.path));
    let scenario = assemble(&mut text, &header, &surroundings, rows, name);
    let mut mistakes = text.mistakes;
    mistakes.sort_by_key(|mistake| mistake.position.span.start);
    elsewhere.sort_by_key(|mistake| mistake.position.span.start);
    mistakes.extend(elsewhere);
    match scenario {
        Some(scenario) if mistakes.is_empty() => Ok(scenario),
        _ => Err(mistakes),
    }
}

/// The files that a scenario names in `rows`; none if it cannot be read.
pub fn named_files(file: &SourceFile) -> Vec<String> {
    if file.path.ends_with(CSV) {
        return Vec::new();
    }
    let header = header(&mut Text::new(file));
    let rows = header.map(|header| header.rows).unwrap_or_default();
    rows.into_iter().map(|cell| cell.text).collect()
}

fn is_named(path: &str, name: &str) -> bool {
    path == name
        || path
            .strip_suffix(name)
            .is_some_and(|before| before.ends_with('/'))
}

fn too_large(files: &[SourceFile]) -> Option<Vec<Diagnostic>> {
    let large = files.iter().filter(|file| file.text.len() > FILE_BYTES_MAX);
    let mistakes: Vec<Diagnostic> = large
        .flat_map(|file| {
            let mut text = Text::new(file);
            text.wrong(
                &(0..0),
                Rule::Syntax,
                format!(
                    "the file has {} bytes, {FILE_BYTES_MAX} are read",
                    file.text.len()
                ),
                "split the scenario, or leave rows out",
            );
            text.mistakes
        })
        .collect();
    (!mistakes.is_empty()).then_some(mistakes)
}

/// The rows of a CSV file, whose first line names the columns in any order.
fn records_of_csv(text: &mut Text<'_>) -> Vec<Record> {
    let mut lines = csv::rows(text).into_iter();
    let Some(head) = lines.next() else {
        return Vec::new();
    };
    let mut columns = Vec::new();
    for cell in &head {
        let column = COLUMNS.iter().find(|column| **column == cell.text);
        if column.is_none() {
            let hint = did_you_mean(&cell.text, COLUMNS.iter().copied());
            text.wrong(
                &cell.span,
                Rule::UnknownKey,
                format!("there is no column `{}`", cell.text),
                format!("{hint}known: {}", COLUMNS.join(", ")),
            );
        } else if columns.contains(&column) {
            text.wrong(
                &cell.span,
                Rule::DuplicateName,
                format!("the column `{}` is there twice", cell.text),
                "leave one of them out",
            );
        }
        columns.push(column);
    }
    let is_there = |name: &&str| columns.iter().flatten().any(|column| *column == name);
    let lacks: Vec<_> = COLUMNS
        .iter()
        .copied()
        .filter(|name| !is_there(name))
        .collect();
    for name in lacks.iter().filter(|name| REQUIRED.contains(name)) {
        let all = head.first().map_or(0, |cell| cell.span.start)
            ..head.last().map_or(0, |cell| cell.span.end);
        let remedy = format!("name the columns in the first line: {}", COLUMNS.join(","));
        text.wrong(
            &all,
            Rule::MissingKey,
            format!("there is no column `{name}`"),
            remedy,
        );
    }
    let mut records = Vec::new();
    for cells in lines {
        let span = cells.first().map_or(0, |cell| cell.span.start)
            ..cells.last().map_or(0, |cell| cell.span.end);
        if cells.len() > columns.len() {
            text.wrong(
                &span,
                Rule::InvalidValue,
                format!("{} cells in {} columns", cells.len(), columns.len()),
                "put a cell that holds a comma in quotes",
            );
        }
        let named = columns.iter().zip(cells);
        let cells = named.filter_map(|(column, cell)| Some((*(*column)?, cell)));
        records.push(Record {
            cells: cells.collect(),
            lacks: lacks.clone(),
            span,
        });
    }
    records
}

fn rows(text: &mut Text<'_>, records: &[Record], surroundings: &Surroundings<'_>) -> Vec<Row> {
    if let Some(record) = records.get(ROWS_MAX) {
        text.wrong(
            &record.span,
            Rule::InvalidValue,
            format!("{} rows, {ROWS_MAX} are read", records.len()),
            "split the scenario",
        );
    }
    let read = records.iter().take(ROWS_MAX);
    read.filter_map(|record| row(text, record, surroundings))
        .collect()
}

fn stem(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.trim_end_matches(CSV).to_owned()
}
