//! What a board must show at an instant, row by row, each with its reason: a CSV file beside a
//! scenario.

use std::collections::BTreeSet;

use bongsu_language::{Diagnostic, Rule, SourceFile};
use bongsu_model::{ClaimedState, Comparison, FeatureId, RegionId, Timestamp};
use bongsu_superapp::PlatformFeature;

use super::text::{Cell, Text, did_you_mean};
use super::{AtLeast, Scenario, Wanted, csv, moment};
use crate::region::REGIONS;

/// Which features a row is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// This one.
    Feature(FeatureId),
    /// Every one that no other row of the same instant names.
    Rest,
}

/// One row of what must be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedRow {
    /// When.
    pub at: Timestamp,
    /// Of which feature.
    pub of: Whose,
    /// As which region sees it; over all regions if none is named.
    pub region: Option<RegionId>,
    /// What may be measured; empty where anything may.
    pub measured: Vec<Wanted>,
    /// What must have been so for a share of the time before, if that is a point of the row.
    pub at_least: Option<AtLeast>,
    /// What is claimed, if anything is.
    pub claimed: Option<ClaimedState>,
    /// How the two stand to each other, if that is a point of the row.
    pub comparison: Option<Comparison>,
    /// Why.
    pub reason: String,
}

/// The word for a row whose measurement is a matter of luck: the feature must be in sight, and how
/// it is measured is not judged.
const ANY: &str = "any";

const COLUMNS: &[&str] = &[
    "at",
    "feature",
    "measured",
    "claimed",
    "comparison",
    "reason",
];

/// Reads a file of expected rows of `scenario`; times without an offset are of its zone.
///
/// # Errors
/// Every mistake of the file.
pub fn load_expected(
    file: &SourceFile,
    scenario: &Scenario,
) -> Result<Vec<ExpectedRow>, Vec<Diagnostic>> {
    let mut text = Text::new(file);
    let mut lines = csv::rows(&mut text).into_iter();
    let head = lines.next().unwrap_or_default();
    let names: Vec<&str> = head.iter().map(|cell| cell.text.as_str()).collect();
    if names != COLUMNS {
        let span = head.first().map_or(0..0, |first| {
            first.span.start..head.last().map_or(first.span.end, |last| last.span.end)
        });
        text.wrong(
            &span,
            Rule::UnknownKey,
            "these are not the columns of expected rows",
            format!("the first line is: {}", COLUMNS.join(",")),
        );
        return Err(text.mistakes);
    }
    let mut rows = Vec::new();
    let mut known = BTreeSet::new();
    for cells in lines {
        let cells = match <[Cell; 6]>::try_from(cells) {
            Ok(cells) => cells,
            Err(cells) => {
                let ends = cells.first().zip(cells.last());
                let span = ends.map_or(0..0, |(first, last)| first.span.start..last.span.end);
                let message = format!("{} cells in {} columns", cells.len(), COLUMNS.len());
                let remedy = "put quotes around what has commas in it";
                text.wrong(&span, Rule::InvalidValue, message, remedy);
                continue;
            }
        };
        let [_, feature, ..] = &cells;
        let Some(row) = row(&mut text, &cells, scenario) else {
            continue;
        };
        if !known.insert((row.at, row.of.clone(), row.region.clone())) {
            let message = format!("`{}` has a row of this instant already", feature.text);
            let remedy = "say what may be measured in one row, with | between the words";
            text.wrong(&feature.span, Rule::DuplicateName, message, remedy);
        }
        rows.push(row);
    }
    if text.mistakes.is_empty() {
        Ok(rows)
    } else {
        Err(text.mistakes)
    }
}

fn row(
    text: &mut Text<'_>,
    [at, feature, measured, claimed, comparison, reason]: &[Cell; 6],
    scenario: &Scenario,
) -> Option<ExpectedRow> {
    let at = instant(text, at, scenario);
    let whose = whose(text, feature, scenario);
    let shares = AtLeast::WORDS.iter().find_map(|(word, of)| {
        let (states, share) = measured.text.rsplit_once(&format!(" {word} "))?;
        Some((states, at_least(text, measured, share).map(of)))
    });
    let (states, at_least) = match shares {
        Some((states, at_least)) => (states, at_least.map(Some)),
        None => (measured.text.as_str(), Some(None)),
    };
    let words: Vec<&str> = states.split('|').map(str::trim).collect();
    let is_any = words == [ANY];
    let states = if is_any {
        Some(Vec::new())
    } else {
        let states: Vec<_> = words.iter().map(|w| wanted(text, measured, w)).collect();
        states.into_iter().collect()
    };
    let more = [
        (measured, at_least != Some(None)),
        (comparison, !comparison.text.is_empty()),
    ];
    for (cell, _) in more.into_iter().filter(|(_, is_wrong)| is_any && *is_wrong) {
        let message = "where anything may be measured nothing more is expected of it";
        let remedy = "leave out the share and the comparison, or write what may be measured";
        text.wrong(&cell.span, Rule::InvalidValue, message, remedy);
    }
    let is_regional = whose.as_ref().is_some_and(|(_, region)| region.is_some());
    for cell in [claimed, comparison] {
        if is_regional && !cell.text.is_empty() {
            let message = "nothing is claimed of one region alone";
            let remedy = "leave it out, or leave `@REGION` out of the feature";
            text.wrong(&cell.span, Rule::InvalidValue, message, remedy);
        }
    }
    let claimed = optional(text, claimed, "what is claimed");
    let comparison = optional(text, comparison, "a comparison");
    if reason.text.is_empty() {
        let remedy = "write why the row is expected so";
        text.wrong(
            &reason.span,
            Rule::MissingKey,
            "the row has no reason",
            remedy,
        );
    }
    let (of, region) = whose?;
    Some(ExpectedRow {
        at: at?,
        of,
        region,
        measured: states?,
        at_least: at_least?,
        claimed: claimed?,
        comparison: comparison?,
        reason: reason.text.clone(),
    })
}

fn instant(text: &mut Text<'_>, cell: &Cell, scenario: &Scenario) -> Option<Timestamp> {
    let zone = moment::zone(&scenario.zone);
    let read = moment::parse(&cell.text, zone.as_ref());
    let read =
        read.map_err(|error| text.wrong(&cell.span, Rule::InvalidValue, error, moment::LIKE));
    let at = read.ok()?;
    if at > scenario.from && at <= scenario.until {
        return Some(at);
    }
    let told = |at| moment::in_zone(at, &scenario.zone);
    let remedy = format!(
        "it is played from {} until {}: write an instant between them, or its end",
        told(scenario.from),
        told(scenario.until)
    );
    let message = "the scenario shows no board then";
    text.wrong(&cell.span, Rule::InvalidValue, message, remedy);
    None
}

fn offers() -> impl Iterator<Item = &'static str> + Clone {
    PlatformFeature::ALL.iter().map(|feature| feature.as_str())
}

/// A feature, or `*`, with `@REGION` behind it where it is about one region.
fn whose(
    text: &mut Text<'_>,
    cell: &Cell,
    scenario: &Scenario,
) -> Option<(Whose, Option<RegionId>)> {
    let (name, region) = match cell.text.split_once('@') {
        Some((name, region)) => (name.trim(), Some(region.trim())),
        None => (cell.text.as_str(), None),
    };
    let whose = if name == "*" {
        Some(Whose::Rest)
    } else {
        let id = FeatureId::new(name).map_err(|error| error.to_string());
        let id = id.and_then(|id| {
            let is_offered = offers().any(|offered| offered == name);
            is_offered
                .then_some(id)
                .ok_or_else(|| format!("`{name}` is no feature of the platform"))
        });
        let id = id.map_err(|message| {
            let hint = did_you_mean(name, offers());
            let remedy = format!("{hint}write a feature of the catalogue, or `*` for every other");
            text.wrong(&cell.span, Rule::InvalidName, message, remedy);
        });
        id.ok().map(Whose::Feature)
    };
    let region = region.map(|name| {
        let measured = &REGIONS[..scenario.regions];
        let known = measured.iter().any(|region| region.id == name);
        let region = RegionId::new(name).ok().filter(|_| known);
        if region.is_none() {
            let known: Vec<_> = measured.iter().map(|region| region.id).collect();
            let message = format!("`{name}` is no region that the scenario is measured from");
            let remedy = format!("known: {}", known.join(", "));
            text.wrong(&cell.span, Rule::InvalidValue, message, remedy);
        }
        region
    });
    match region {
        None => whose.map(|whose| (whose, None)),
        Some(region) => Some((whose?, Some(region?))),
    }
}

/// A share of the time before, in hundredths: `95%`.
fn at_least(text: &mut Text<'_>, cell: &Cell, share: &str) -> Option<u8> {
    let read = share.trim().strip_suffix('%');
    let read = read.and_then(|share| share.parse().ok());
    let read = read.filter(|share| (1..=100).contains(share));
    if read.is_none() {
        let message = format!("`{}` is no share of a time", share.trim());
        let remedy = "write 1% to 100%, as in `up seen 95%` or `up|down failed 5%`";
        text.wrong(&cell.span, Rule::InvalidValue, message, remedy);
    }
    read
}

fn wanted(text: &mut Text<'_>, cell: &Cell, word: &str) -> Option<Wanted> {
    let read = Wanted::read(word, offers());
    let read = read.map_err(|(message, remedy)| {
        text.wrong(&cell.span, Rule::InvalidValue, message, remedy);
    });
    read.ok()
}

/// A word or nothing. The outer None says that it was wrong.
fn optional<T>(text: &mut Text<'_>, cell: &Cell, what: &str) -> Option<Option<T>>
where
    T: std::str::FromStr<Err = bongsu_model::UnknownWord>,
{
    if cell.text.is_empty() {
        return Some(None);
    }
    let read = cell.text.parse::<T>();
    let read = read.map_err(|error| {
        let remedy = format!("write {what}, or nothing");
        text.wrong(&cell.span, Rule::InvalidValue, error.to_string(), remedy);
    });
    read.ok().map(Some)
}

#[cfg(test)]
mod tests {
    use bongsu_model::FailClass;

    use super::*;

    fn scenario() -> Scenario {
        let text = "format = 1\nscenario = \"a\"\nnames = { ko = \"가\", en = \"A\" }\n\
            zone = \"Asia/Seoul\"\nfrom = \"2022-10-16T10:00\"\nuntil = \"2022-10-16T16:00\"\n\
            [[row]]\ntime = \"2022-10-16T12:00\"\ntrack = \"modelled\"\non = \"relay\"\n\
            change = \"down\"\n";
        super::super::load(&[SourceFile::new("a.toml", text)]).unwrap()
    }

    fn load(rows: &str) -> Result<Vec<ExpectedRow>, Vec<Diagnostic>> {
        let source = format!("{}\n{rows}", COLUMNS.join(","));
        load_expected(&SourceFile::new("e.csv", source), &scenario())
    }

    #[test]
    fn a_row_says_what_may_be_measured_and_why() {
        let rows = load("2022-10-16T14:30,talk.message.image,recovering|down,recovering,same,b\n");
        let rows = rows.unwrap();
        assert_eq!(rows[0].measured, [Wanted::Recovering, Wanted::Down(None)]);
        assert_eq!(rows[0].claimed, Some(ClaimedState::Recovering));
        assert_eq!(rows[0].at, Timestamp::from_unix_seconds(1_665_898_200));
        assert_eq!((rows[0].at_least, &rows[0].region), (None, &None));

        let any = load("2022-10-16T14:30,talk.message.image,any,recovering,,b\n").unwrap();
        assert_eq!(any[0].measured, [], "a matter of luck");

        let mistakes = load("never,Talk,broken,upp,maybe,\n").unwrap_err();
        assert_eq!(mistakes.len(), 6, "every cell is told: {mistakes:#?}");
    }

    #[test]
    fn a_row_may_be_about_one_region_or_about_every_other_feature() {
        let rows = load(
            "2022-10-16T14:30,account.login,down by dns,,,b\n\
             2022-10-16T14:30,*,up|blocked by account.login seen 95%,,,b\n\
             2022-10-16T14:30,*@kr-busan,unknown,,,b\n",
        );
        let rows = rows.unwrap();
        assert_eq!(rows[0].measured, [Wanted::Down(Some(FailClass::Dns))]);
        assert_eq!(
            (&rows[1].of, rows[1].at_least),
            (&Whose::Rest, Some(AtLeast::Seen(95)))
        );
        assert_eq!(rows[1].measured.len(), 2);
        let some = load("2022-10-16T14:30,pay.core,up|down failed 5%,,,b\n").unwrap();
        assert_eq!(some[0].at_least, Some(AtLeast::Failed(5)));
        assert!(load("2022-10-16T14:30,pay.core,up failed 0%,,,b\n").is_err());
        assert_eq!(rows[2].region.as_ref().unwrap().as_str(), "kr-busan");
    }

    #[test]
    fn the_scenarios_first_instant_shows_nothing_yet_and_its_last_does() {
        assert!(load("2022-10-16T10:00,*,up,,,b\n").is_err());
        assert!(load("2022-10-16T16:00,*,up,,,b\n").is_ok());
        let commas = load("2022-10-16T16:00,*,up,,,b, and c\n").unwrap_err();
        assert!(commas[0].message.contains("7 cells"), "{commas:?}");
    }
}
