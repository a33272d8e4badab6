//! One row: what it says, with every mistake of it told.

use bongsu_language::Rule;
use bongsu_model::{ClaimConfidence, ClaimSubject, ClaimedState, Timestamp};
use bongsu_superapp::FaultPoint;
use jiff::tz::TimeZone;

use super::read::Record;
use super::text::{Cell, Text, did_you_mean};
use super::{Basis, Event, FleetPart, Row, Track, When, centre, change, moment};

/// Columns that every row fills.
pub(super) const REQUIRED: &[&str] = &["time", "track", "on", "change"];

/// What rows are read with.
pub(super) struct Surroundings<'a> {
    pub(super) zone: Option<TimeZone>,
    pub(super) synthetic: Option<(Timestamp, Timestamp)>,
    pub(super) beside: Vec<String>,
    pub(super) sources: &'a [(String, Cell)],
}

pub(super) fn row(
    text: &mut Text<'_>,
    record: &Record,
    surroundings: &Surroundings<'_>,
) -> Option<Row> {
    for column in REQUIRED {
        if record.cell(column).is_none() && !record.lacks.contains(column) {
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
        "on" => "write a component, a feature, a data centre, or `*` for what is claimed of all"
            .to_owned(),
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

pub(super) fn between(
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
            _ if centre::is_named(&on.text) => centre::power(text, track, on, change),
            Ok(point) if centre::moves(&change.text) => {
                centre::moved(text, track, (point, on), change)
            }
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
                    let known = bongsu_superapp::PlatformFeature::ALL.iter();
                    let hint = did_you_mean(&on.text, known.map(|feature| feature.as_str()));
                    let such = if centre::is_named(&on.text) {
                        "`facility.power`, as no data centre is called"
                    } else {
                        "`fire`"
                    };
                    text.wrong(
                        &on.span,
                        Rule::UnknownReference,
                        format!("`{}` is no feature", on.text),
                        format!(
                            "{hint}what is said is of a feature or of `*`; what else it is of, such \
                             as {such}, is named in the scenario's `beside` first"
                        ),
                    );
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

pub(super) fn basis(track: Track) -> Basis {
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
    let message = message.split("; known").next().unwrap_or(message);
    text.wrong(
        &on.span,
        Rule::UnknownReference,
        message,
        "name a component, a feature or a data centre (`facility:dc-a`) of the platform; \
         `collector`, `agent:NAME` or `region:ID` of the fleet; what neither has, such as a fire, \
         is named in the scenario's `beside` first",
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
