//! The TOML form: a header that says what the scenario is, and its rows as `[[row]]`.

use std::ops::Range;

use bongsu_language::Rule;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::read::{COLUMNS, Record};
use super::text::{Cell, Text, did_you_mean};

/// The version of the format.
const FORMAT: &str = "1";

/// The keys of the header, in the order that they are explained.
const KEYS: &[&str] = &[
    "format",
    "scenario",
    "names",
    "about",
    "zone",
    "from",
    "until",
    "every",
    "agents",
    "regions",
    "synthetic",
    "rows",
    "beside",
    "never",
    "source",
    "row",
];

/// What a file says of itself, unread; and its own rows.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) name: Option<Cell>,
    pub(super) ko: Option<Cell>,
    pub(super) en: Option<Cell>,
    pub(super) about: Option<Cell>,
    pub(super) zone: Option<Cell>,
    pub(super) from: Option<Cell>,
    pub(super) until: Option<Cell>,
    /// The cadence that it is measured with.
    pub(super) every: Option<Cell>,
    /// The agents of each region that it is measured with.
    pub(super) agents: Option<Cell>,
    /// The regions that it is measured from.
    pub(super) regions: Option<Cell>,
    /// The bounds of times that nobody knows.
    pub(super) synthetic: Option<Cell>,
    /// Files of rows.
    pub(super) rows: Vec<Cell>,
    /// Names that the stand-in platform need not have.
    pub(super) beside: Vec<Cell>,
    /// Features that nothing of it may touch.
    pub(super) never: Vec<Cell>,
    /// What the marks in `source` stand for.
    pub(super) sources: Vec<(String, Cell)>,
    pub(super) records: Vec<Record>,
}

/// Reads the header; with syntax errors there is none.
pub(super) fn header(text: &mut Text<'_>) -> Option<Header> {
    let (table, errors) = DeTable::parse_recoverable(text.text);
    for error in errors.iter().take(SYNTAX_ERRORS_MAX) {
        let told = error.message().lines().next().unwrap_or("not valid TOML");
        text.wrong(
            &error.span().unwrap_or(0..0),
            Rule::Syntax,
            format!("this is not valid TOML: {told}"),
            "text stands in \"quotes\", one `key = value` a line",
        );
    }
    if !errors.is_empty() {
        return None;
    }
    let table = table.get_ref();
    for (key, _) in table.iter() {
        let name = key.get_ref();
        if !KEYS.contains(&&**name) {
            let hint = did_you_mean(name, KEYS.iter().copied());
            text.wrong(
                &key.span(),
                Rule::UnknownKey,
                format!("a scenario has no key `{name}`"),
                format!("{hint}known: {}", KEYS.join(", ")),
            );
        }
    }
    check_format(text, table);
    let mut header = Header {
        name: cell(text, table, "scenario"),
        about: cell(text, table, "about"),
        zone: cell(text, table, "zone"),
        from: cell(text, table, "from"),
        until: cell(text, table, "until"),
        every: cell(text, table, "every"),
        agents: cell(text, table, "agents"),
        regions: cell(text, table, "regions"),
        synthetic: cell(text, table, "synthetic"),
        rows: list(text, table, "rows"),
        beside: list(text, table, "beside"),
        never: list(text, table, "never"),
        ..Header::default()
    };
    if let Some(names) = inner(text, table, "names") {
        header.ko = cell(text, names, "ko");
        header.en = cell(text, names, "en");
    }
    if let Some(sources) = inner(text, table, "source") {
        for (mark, _) in sources.iter() {
            let told = cell(text, sources, mark.get_ref());
            header
                .sources
                .extend(told.map(|told| (mark.get_ref().to_string(), told)));
        }
    }
    header.records = records(text, table);
    Some(header)
}

/// How many syntax errors are told: those after are echoes of the first.
const SYNTAX_ERRORS_MAX: usize = 10;

fn check_format(text: &mut Text<'_>, table: &DeTable<'_>) {
    match table.get("format") {
        None => text.wrong(
            &(0..0),
            Rule::MissingKey,
            "the file does not say its format",
            "write `format = 1` first",
        ),
        Some(value) => {
            let is_known = matches!(value.get_ref(), DeValue::Integer(n) if n.as_str() == FORMAT);
            if !is_known {
                text.wrong(
                    &value.span(),
                    Rule::InvalidValue,
                    "this format is not known here",
                    "write `format = 1`, or use a newer version",
                );
            }
        }
    }
}

/// A value of text. Dates and numbers are taken as they are written.
fn cell(text: &mut Text<'_>, table: &DeTable<'_>, key: &str) -> Option<Cell> {
    let value = table.get(key)?;
    let span = value.span();
    let written = match value.get_ref() {
        DeValue::String(string) => string.to_string(),
        DeValue::Integer(_) | DeValue::Datetime(_) => text.text.get(span.clone())?.to_owned(),
        DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Array(_) | DeValue::Table(_) => {
            text.wrong(
                &span,
                Rule::WrongType,
                format!("`{key}` is a text"),
                format!("write it in quotes: {key} = \"…\""),
            );
            return None;
        }
    };
    Some(Cell {
        text: written.trim().to_owned(),
        span,
    })
}

fn list(text: &mut Text<'_>, table: &DeTable<'_>, key: &str) -> Vec<Cell> {
    let Some(value) = table.get(key) else {
        return Vec::new();
    };
    let items = match value.get_ref() {
        DeValue::Array(items) => items.iter(),
        _ => [].iter(),
    };
    let cells: Vec<Cell> = items
        .filter_map(|item| match item.get_ref() {
            DeValue::String(string) => Some(Cell {
                text: string.to_string(),
                span: item.span(),
            }),
            _ => None,
        })
        .collect();
    let written = match value.get_ref() {
        DeValue::Array(items) => Some(items.len()),
        _ => None,
    };
    if written != Some(cells.len()) {
        text.wrong(
            &value.span(),
            Rule::WrongType,
            format!("`{key}` is a list of texts"),
            format!("write {key} = [\"…\", \"…\"]"),
        );
    }
    cells
}

fn inner<'t>(text: &mut Text<'_>, table: &'t DeTable<'_>, key: &str) -> Option<&'t DeTable<'t>> {
    let value = table.get(key)?;
    let DeValue::Table(inner) = value.get_ref() else {
        text.wrong(
            &value.span(),
            Rule::WrongType,
            format!("`{key}` is a table"),
            format!("write {key} = {{ … }}, or [{key}] on a line of its own"),
        );
        return None;
    };
    Some(inner)
}

fn records(text: &mut Text<'_>, table: &DeTable<'_>) -> Vec<Record> {
    let Some(value) = table.get("row") else {
        return Vec::new();
    };
    let DeValue::Array(rows) = value.get_ref() else {
        text.wrong(
            &value.span(),
            Rule::WrongType,
            "`row` is a list of tables",
            "begin each row with [[row]]",
        );
        return Vec::new();
    };
    rows.iter().map(|row| record(text, row)).collect()
}

fn record(text: &mut Text<'_>, row: &Spanned<DeValue<'_>>) -> Record {
    let mut record = Record {
        span: header_line(text, &row.span()),
        cells: Vec::new(),
        lacks: Vec::new(),
    };
    let DeValue::Table(table) = row.get_ref() else {
        text.wrong(
            &row.span(),
            Rule::WrongType,
            "a row is a table",
            "begin each row with [[row]]",
        );
        return record;
    };
    for (key, _) in table.iter() {
        let name = key.get_ref();
        if let Some(column) = COLUMNS.iter().find(|column| ***column == **name) {
            let written = cell(text, table, column);
            record.cells.extend(written.map(|cell| (*column, cell)));
        } else {
            let hint = did_you_mean(name, COLUMNS.iter().copied());
            text.wrong(
                &key.span(),
                Rule::UnknownKey,
                format!("a row has no key `{name}`"),
                format!("{hint}known: {}", COLUMNS.join(", ")),
            );
        }
    }
    record
}

/// The first line of a table: what is marked when something of the whole row is wrong.
fn header_line(text: &Text<'_>, span: &Range<usize>) -> Range<usize> {
    let inside = text.text.get(span.clone()).unwrap_or_default();
    span.start..span.start + inside.find('\n').unwrap_or(inside.len())
}
