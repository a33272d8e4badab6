//! From files to a scenario: every mistake of every file is told, and then there is none.

use std::ops::Range;

use bongsu_language::{Diagnostic, Rule, SourceFile};
use bongsu_model::{ClaimConfidence, ClaimSubject, ClaimedState, Names, Timestamp};
use bongsu_superapp::FaultPoint;
use jiff::tz::TimeZone;

use super::document::{Header, header};
use super::text::{Cell, FILE_BYTES_MAX, Text, did_you_mean};
use super::{Basis, Event, FleetPart, Row, Scenario, Track, When, change, csv, moment};

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

/// Columns that every row fills.
const REQUIRED: &[&str] = &["time", "track", "on", "change"];

/// The zone of times without an offset where the file names none: none, they are refused.
const ZONE_SHOWN: &str = "UTC";

/// Played before the first and after the last row where the file does not say.
const MARGIN: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// A row as it is written.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// What is marked when something of the whole row is wrong.
    pub(super) span: Range<usize>,
    pub(super) cells: Vec<(&'static str, Cell)>,
}

impl Record {
    /// The cell of a column, if something is in it.
    fn cell(&self, column: &str) -> Option<&Cell> {
        let found = self.cells.iter().find(|(name, _)| *name == column);
        found
            .map(|(_, cell)| cell)
            .filter(|cell| !cell.text.is_empty())
    }

    fn text(&self, column: &str) -> String {
        self.cell(column)
            .map(|cell| cell.text.clone())
            .unwrap_or_default()
    }
}

/// What rows are read with.
struct Surroundings<'a> {
    zone: Option<TimeZone>,
    synthetic: Option<(Timestamp, Timestamp)>,
    beside: Vec<String>,
    sources: &'a [(String, Cell)],
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
    let had_rows = !rows.is_empty();
    let scenario = assemble(&mut text, &header, &surroundings, rows, is_table);
    if !had_rows && text.mistakes.is_empty() && elsewhere.is_empty() {
        text.wrong(
            &(0..0),
            Rule::MissingKey,
            "there is no row",
            "write what happened as [[row]], or name files in `rows`",
        );
    }
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
            span,
        });
    }
    records
}

fn surroundings<'a>(text: &mut Text<'_>, header: &'a Header) -> Surroundings<'a> {
    let zone = header.zone.as_ref().and_then(|cell| {
        let zone = moment::zone(&cell.text);
        if zone.is_none() {
            text.wrong(
                &cell.span,
                Rule::InvalidValue,
                format!("`{}` is no time zone", cell.text),
                "write its name in the IANA database, such as Asia/Seoul",
            );
        }
        zone
    });
    let synthetic = header.synthetic.as_ref();
    let synthetic = synthetic.and_then(|cell| between(text, cell, zone.as_ref()));
    Surroundings {
        zone,
        synthetic,
        beside: header.beside.iter().map(|cell| cell.text.clone()).collect(),
        sources: &header.sources,
    }
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

fn row(text: &mut Text<'_>, record: &Record, surroundings: &Surroundings<'_>) -> Option<Row> {
    for column in REQUIRED {
        if record.cell(column).is_none() {
            text.wrong(
                &record.span,
                Rule::MissingKey,
                format!("the row does not say `{column}`"),
                remedy_for(column),
            );
        }
    }
    let when = record
        .cell("time")
        .and_then(|cell| when(text, cell, surroundings));
    let published = record.cell("published").map(|cell| {
        let read = moment::parse(&cell.text, surroundings.zone.as_ref());
        read.map_err(|error| text.wrong(&cell.span, Rule::InvalidValue, error, moment::LIKE))
    });
    let track = record.cell("track").and_then(|cell| track(text, cell));
    let event = match (track, record.cell("on"), record.cell("change")) {
        (Some(track), Some(on), Some(change)) => event(text, track, on, change, surroundings),
        _ => None,
    };
    let confidence = confidence(text, record, track);
    let source = source(text, record, track, surroundings.sources);
    if let (Some(cell), Some(When::Between(..))) = (record.cell("published"), when) {
        text.wrong(
            &cell.span,
            Rule::InvalidValue,
            "a row whose time is drawn was not published at a time that is known",
            "leave `published` out",
        );
    }
    Some(Row {
        when: when?,
        published: published.and_then(Result::ok),
        event: event?,
        source: source?,
        confidence: confidence?,
        note: record.text("note"),
        position: text.position(&record.span),
    })
}

fn remedy_for(column: &str) -> String {
    match column {
        "time" => format!("{}, or `unknown`", moment::LIKE),
        "track" => format!("write one of {}", tracks()),
        "on" => "write a component, a feature, or `*` for what is claimed of all".to_owned(),
        _ => format!("write {}, or what is claimed", change::CONDITIONS),
    }
}

fn tracks() -> String {
    let words: Vec<_> = Track::ALL.iter().map(|track| track.as_str()).collect();
    words.join(", ")
}

/// A time, an interval `A/B` that it is drawn from, or `unknown`.
fn when(text: &mut Text<'_>, cell: &Cell, surroundings: &Surroundings<'_>) -> Option<When> {
    if cell.text == "unknown" {
        if surroundings.synthetic.is_none() {
            text.wrong(
                &cell.span,
                Rule::MissingKey,
                "nothing says between which times this is drawn",
                "write an interval here, A/B, or `synthetic = \"A/B\"` in the scenario's file",
            );
        }
        return surroundings
            .synthetic
            .map(|(from, until)| When::Between(from, until));
    }
    let zone = surroundings.zone.as_ref();
    if cell.text.contains('/') {
        return between(text, cell, zone).map(|(from, until)| When::Between(from, until));
    }
    let read = moment::parse(&cell.text, zone);
    let read =
        read.map_err(|error| text.wrong(&cell.span, Rule::InvalidValue, error, moment::LIKE));
    read.ok().map(When::At)
}

fn between(
    text: &mut Text<'_>,
    cell: &Cell,
    zone: Option<&TimeZone>,
) -> Option<(Timestamp, Timestamp)> {
    let ends = cell.text.split_once('/').map(|(from, until)| {
        let from = moment::parse(from.trim(), zone);
        from.and_then(|from| Ok((from, moment::parse(until.trim(), zone)?)))
    });
    let problem = match ends {
        Some(Ok((from, until))) if from < until => return Some((from, until)),
        Some(Ok(_)) => "the interval ends before it begins".to_owned(),
        Some(Err(error)) => error,
        None => format!("`{}` is no interval", cell.text),
    };
    let remedy = "write two times with a slash between them: 2022-10-16T14:30/2022-10-18T09:00";
    text.wrong(&cell.span, Rule::InvalidValue, problem, remedy);
    None
}

fn track(text: &mut Text<'_>, cell: &Cell) -> Option<Track> {
    let found = Track::ALL.iter().find(|track| track.as_str() == cell.text);
    if found.is_none() {
        let hint = did_you_mean(&cell.text, Track::ALL.iter().map(|track| track.as_str()));
        text.wrong(
            &cell.span,
            Rule::InvalidValue,
            format!("`{}` is no track", cell.text),
            format!("{hint}known: {}", tracks()),
        );
    }
    found.copied()
}

fn event(
    text: &mut Text<'_>,
    track: Track,
    on: &Cell,
    change: &Cell,
    surroundings: &Surroundings<'_>,
) -> Option<Event> {
    let is_beside = surroundings.beside.contains(&on.text);
    match track {
        Track::Fact | Track::Modelled => match on.text.parse::<FaultPoint>() {
            _ if FleetPart::named(&on.text).is_some() => sight(text, track, on, change),
            Ok(point) => condition(text, point, track, change),
            Err(_) if is_beside => Some(annotation(track, on, change)),
            Err(error) => {
                unknown_name(text, on, &error.to_string());
                None
            }
        },
        Track::Claim | Track::Observed => {
            let state = change.text.parse::<ClaimedState>();
            let is_feature = on.text.parse::<PlatformOrAll>().is_ok();
            match (on.text.parse::<ClaimSubject>(), state) {
                (Ok(subject), Ok(state)) if is_feature || is_beside => Some(Event::Statement {
                    track: if track == Track::Claim {
                        bongsu_model::Track::Claim
                    } else {
                        bongsu_model::Track::Observed
                    },
                    subject,
                    state,
                }),
                // Of what is no feature anything may be said.
                (_, Err(_)) if is_beside => Some(annotation(track, on, change)),
                (_, Err(error)) if is_feature => {
                    let known = ClaimedState::ALL.iter().map(|state| state.as_str());
                    let hint = did_you_mean(&change.text, known);
                    let remedy = format!("{hint}write what is said of the feature's state");
                    text.wrong(&change.span, Rule::InvalidValue, error.to_string(), remedy);
                    None
                }
                _ => {
                    unknown_name(text, on, &format!("`{}` is no feature", on.text));
                    None
                }
            }
        }
    }
}

/// A feature of the platform, or `*`.
struct PlatformOrAll;

impl std::str::FromStr for PlatformOrAll {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let mut known = bongsu_superapp::PlatformFeature::ALL.iter();
        let is_known = name == "*" || known.any(|feature| feature.as_str() == name);
        is_known.then_some(Self).ok_or(())
    }
}

fn condition(text: &mut Text<'_>, on: FaultPoint, track: Track, change: &Cell) -> Option<Event> {
    match change::parse(on, &change.text) {
        Ok(condition) => Some(Event::Condition {
            on,
            condition,
            basis: basis(track),
        }),
        Err(error) => {
            let remedy = format!("write {}", change::CONDITIONS);
            text.wrong(&change.span, Rule::InvalidValue, error, remedy);
            None
        }
    }
}

fn basis(track: Track) -> Basis {
    if track == Track::Fact {
        Basis::Fact
    } else {
        Basis::Modelled
    }
}

/// A part of the measuring fleet is in reach or not: nothing between.
fn sight(text: &mut Text<'_>, track: Track, on: &Cell, change: &Cell) -> Option<Event> {
    let is_cut = match change.text.as_str() {
        "down" => true,
        "up" => false,
        _ => {
            text.wrong(
                &change.span,
                Rule::InvalidValue,
                format!("`{}` is nothing that {} can be", change.text, on.text),
                "write `down` when it is cut off, and `up` when it is in reach again",
            );
            return None;
        }
    };
    Some(Event::Sight {
        part: FleetPart::named(&on.text)?,
        is_cut,
        basis: basis(track),
    })
}

fn annotation(track: Track, on: &Cell, change: &Cell) -> Event {
    Event::Annotation {
        track,
        subject: on.text.clone(),
        text: change.text.clone(),
    }
}

fn unknown_name(text: &mut Text<'_>, on: &Cell, message: &str) {
    // The message of a point may list a hundred names: the first sentence says what is wrong.
    let message = message
        .split("; known")
        .next()
        .unwrap_or(message)
        .to_owned();
    let shown = message.trim_end_matches('?').to_owned();
    text.wrong(
        &on.span,
        Rule::UnknownReference,
        shown,
        "name a component or a feature of the platform; `collector`, \
         `agent:NAME` or `region:ID` of the fleet; what neither has, such as a power supply, is \
         named in the scenario's `beside` first",
    );
}

fn confidence(
    text: &mut Text<'_>,
    record: &Record,
    track: Option<Track>,
) -> Option<ClaimConfidence> {
    let Some(cell) = record.cell("confidence") else {
        if track.is_some_and(|track| track != Track::Modelled) {
            text.wrong(
                &record.span,
                Rule::MissingKey,
                "the row does not say how sure it is",
                "write a `confidence`: high, medium or low",
            );
            return None;
        }
        return Some(ClaimConfidence::Low);
    };
    let read = cell.text.parse();
    let read = read.map_err(|error: bongsu_model::UnknownWord| {
        let remedy = "write high, medium or low";
        text.wrong(&cell.span, Rule::InvalidValue, error.to_string(), remedy);
    });
    read.ok()
}

/// Where the row is known from: its marks replaced by what they stand for.
fn source(
    text: &mut Text<'_>,
    record: &Record,
    track: Option<Track>,
    sources: &[(String, Cell)],
) -> Option<String> {
    let Some(cell) = record.cell("source") else {
        if track.is_some_and(|track| track != Track::Modelled) {
            text.wrong(
                &record.span,
                Rule::MissingKey,
                "the row does not say where it is known from",
                "write a `source`; what is made up is on the track `modelled`",
            );
            return None;
        }
        return Some(String::new());
    };
    if sources.is_empty() {
        return Some(cell.text.clone());
    }
    let mut told = Vec::new();
    for mark in cell.text.split_whitespace() {
        match sources.iter().find(|(known, _)| known == mark) {
            Some((_, source)) => told.push(source.text.clone()),
            None => {
                let hint = did_you_mean(mark, sources.iter().map(|(known, _)| known.as_str()));
                text.wrong(
                    &cell.span,
                    Rule::UnknownReference,
                    format!("the source `{mark}` is not listed"),
                    format!("{hint}write it into the table [source]"),
                );
                return None;
            }
        }
    }
    Some(told.join("; "))
}

fn assemble(
    text: &mut Text<'_>,
    header: &Header,
    surroundings: &Surroundings<'_>,
    rows: Vec<Row>,
    is_table: bool,
) -> Option<Scenario> {
    let ends = rows.iter().map(|row| match row.when {
        When::At(at) => (at, at),
        When::Between(from, until) => (from, until),
    });
    let first = ends.clone().map(|(from, _)| from).min();
    let last = ends.map(|(_, until)| until).max();
    let zone = surroundings.zone.as_ref();
    let mut edge = |cell: &Option<Cell>| {
        let cell = cell.as_ref()?;
        let read = moment::parse(&cell.text, zone);
        let read =
            read.map_err(|error| text.wrong(&cell.span, Rule::InvalidValue, error, moment::LIKE));
        read.ok()
    };
    let (from, until) = (edge(&header.from), edge(&header.until));
    let (first, last) = (first?, last?);
    let (from, until) = (
        from.unwrap_or(first - MARGIN),
        until.unwrap_or(last + MARGIN),
    );
    if let Some(cell) = header.from.as_ref().filter(|_| from > first) {
        let message = "a row lies before the scenario begins";
        text.wrong(
            &cell.span,
            Rule::InvalidValue,
            message,
            "let `from` be earlier",
        );
    }
    if let Some(cell) = header.until.as_ref().filter(|_| until <= from) {
        let message = "the scenario ends before it begins";
        text.wrong(
            &cell.span,
            Rule::InvalidValue,
            message,
            "let `until` be later than `from`",
        );
    }
    let name = header.name.as_ref().map(|cell| cell.text.clone());
    let name = name.or_else(|| is_table.then(|| stem(&text.path)));
    let Some(name) = name.filter(|name| is_name(name)) else {
        let span = header.name.as_ref().map_or(0..0, |cell| cell.span.clone());
        text.wrong(
            &span,
            Rule::InvalidName,
            "the scenario has no name that can be called",
            "write `scenario = \"lower-case-with-hyphens\"`",
        );
        return None;
    };
    let names = |cell: &Option<Cell>| {
        cell.as_ref()
            .map_or_else(|| name.clone(), |c| c.text.clone())
    };
    Some(Scenario {
        names: Names {
            ko: names(&header.ko),
            en: names(&header.en),
        },
        about: header
            .about
            .as_ref()
            .map(|cell| cell.text.clone())
            .unwrap_or_default(),
        zone: header
            .zone
            .as_ref()
            .map_or_else(|| ZONE_SHOWN.to_owned(), |cell| cell.text.clone()),
        from,
        until,
        name,
        rows,
    })
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn stem(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.trim_end_matches(CSV).to_owned()
}
