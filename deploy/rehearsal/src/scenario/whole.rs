//! The scenario as a whole: its name, its beginning and its end, and what its rows are read with.

use std::ops::RangeInclusive;
use std::time::Duration;

use bongsu_language::Rule;
use bongsu_model::Names;
use bongsu_superapp::FaultPoint;

use super::document::Header;
use super::row::{Surroundings, between};
use super::text::{Cell, Text};
use super::{
    AGENTS_MIN, EVERY, EVERY_MAX, EVERY_MIN, FleetPart, REGIONS_USUAL, Row, Scenario, When, centre,
    moment, never,
};
use crate::region::{AGENTS_MAX, REGIONS};

/// The zone of times without an offset where the file names none: none, they are refused.
const ZONE_SHOWN: &str = "UTC";

/// Played before the first and after the last row where the file does not say.
const MARGIN: Duration = Duration::from_secs(60 * 60);

pub(super) fn surroundings<'a>(text: &mut Text<'_>, header: &'a Header) -> Surroundings<'a> {
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
    for cell in &header.beside {
        if centre::is_named(&cell.text) {
            text.wrong(
                &cell.span,
                Rule::InvalidValue,
                format!("`{}` is written as a data centre is", cell.text),
                "leave it out of `beside` if it is one: what is told of it is played; or write \
                 another name, such as `facility.fire`",
            );
        }
        let is_point = cell.text.parse::<FaultPoint>().is_ok();
        if is_point || FleetPart::named(&cell.text).is_some() {
            text.wrong(
                &cell.span,
                Rule::InvalidValue,
                format!("`{}` is a part of the platform or of the fleet", cell.text),
                "leave it out of `beside`: what is told of it is played",
            );
        }
    }
    let synthetic = header.synthetic.as_ref();
    let synthetic = synthetic.and_then(|cell| between(text, cell, zone.as_ref()));
    Surroundings {
        zone,
        synthetic,
        beside: header.beside.iter().map(|cell| cell.text.clone()).collect(),
        sources: &header.sources,
    }
}

/// Puts everything together; `name` is its name where the file does not give one.
pub(super) fn assemble(
    text: &mut Text<'_>,
    header: &Header,
    surroundings: &Surroundings<'_>,
    rows: Vec<Row>,
    name: Option<String>,
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
    if let (Some(from), Some(until), Some(cell)) = (from, until, &header.until)
        && until <= from
    {
        let message = "the scenario ends before it begins";
        let remedy = "let `until` be later than `from`";
        text.wrong(&cell.span, Rule::InvalidValue, message, remedy);
    }
    if let (Some(from), Some(first), Some(cell)) = (from, first, &header.from)
        && from > first
    {
        let message = "a row lies before the scenario begins";
        text.wrong(
            &cell.span,
            Rule::InvalidValue,
            message,
            "let `from` be earlier",
        );
    }
    let every = every(text, header);
    let (agents, regions) = (header.agents.as_ref(), header.regions.as_ref());
    let most = AGENTS_MIN..=AGENTS_MAX;
    let agents = count(text, agents, "agents of a region", most, AGENTS_MIN);
    let most = 1..=REGIONS.len();
    let regions = count(text, regions, "regions", most, REGIONS_USUAL);
    let written = header.name.as_ref().map(|cell| cell.text.clone());
    let name = written.or(name);
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
    let never = never::features(text, &header.never, &rows);
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
        from: from.or(Some(first? - MARGIN))?,
        until: until.or(Some(last? + MARGIN))?,
        name,
        every: every?,
        agents: agents?,
        regions: regions?,
        never,
        rows,
    })
}

/// The cadence. None says that it was wrong.
fn every(text: &mut Text<'_>, header: &Header) -> Option<Duration> {
    let Some(cell) = &header.every else {
        return Some(EVERY);
    };
    let read = bongsu_language::parse_duration(&cell.text).ok();
    let read = read.filter(|every| (EVERY_MIN..=EVERY_MAX).contains(every));
    if read.is_none() {
        let message = format!("`{}` is no cadence", cell.text);
        let remedy = "write \"30s\" to \"60m\", or leave it out for \"5m\"";
        text.wrong(&cell.span, Rule::InvalidValue, message, remedy);
    }
    read
}

/// How many of something there are: as many as is written in `cell`, `usual` without it. None says
/// that it was wrong.
fn count(
    text: &mut Text<'_>,
    cell: Option<&Cell>,
    what: &str,
    range: RangeInclusive<usize>,
    usual: usize,
) -> Option<usize> {
    let Some(cell) = cell else {
        return Some(usual);
    };
    let read = cell.text.parse().ok();
    let read = read.filter(|count| range.contains(count));
    if read.is_none() {
        let message = format!("there cannot be `{}` {what}", cell.text);
        let (least, most) = (range.start(), range.end());
        let remedy = format!("write {least} to {most}, or leave it out for {usual}");
        text.wrong(&cell.span, Rule::InvalidValue, message, remedy);
    }
    read
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
