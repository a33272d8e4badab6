//! What a board must show at an instant, row by row, each with its reason: a CSV file beside a
//! scenario.

use bongsu_language::{Diagnostic, Rule, SourceFile};
use bongsu_model::{ClaimedState, Comparison, FeatureId, FeatureState, Timestamp};

use super::text::{Cell, Text, did_you_mean};
use super::{csv, moment};

/// What may be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It works.
    Up,
    /// It works, slowly or with some errors.
    Degraded,
    /// It was down and has begun to work.
    Recovering,
    /// It is down somewhere, or cannot be seen behind something that is.
    Down,
}

impl Wanted {
    const ALL: [(&'static str, Self); 4] = [
        ("up", Self::Up),
        ("degraded", Self::Degraded),
        ("recovering", Self::Recovering),
        ("down", Self::Down),
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, wanted)| *wanted == self);
        found.map_or("", |(word, _)| word)
    }

    /// Whether a measured state is this; `is_blocked` says whether something stands before it.
    pub fn is(self, state: FeatureState, is_blocked: bool) -> bool {
        match self {
            Self::Up => state == FeatureState::Operational,
            Self::Degraded => state == FeatureState::Degraded,
            Self::Recovering => state == FeatureState::Recovering,
            Self::Down => match state {
                FeatureState::PartialOutage | FeatureState::MajorOutage => true,
                FeatureState::Unknown => is_blocked,
                FeatureState::Operational
                | FeatureState::Degraded
                | FeatureState::Recovering
                | FeatureState::Maintenance
                | FeatureState::Unmeasured => false,
            },
        }
    }
}

/// One row of what must be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedRow {
    /// When.
    pub at: Timestamp,
    /// Of which feature.
    pub feature: FeatureId,
    /// What may be measured; at least one.
    pub measured: Vec<Wanted>,
    /// What is claimed, if anything is.
    pub claimed: Option<ClaimedState>,
    /// How the two stand to each other, if that is a point of the row.
    pub comparison: Option<Comparison>,
    /// Why.
    pub reason: String,
}

const COLUMNS: &[&str] = &[
    "at",
    "feature",
    "measured",
    "claimed",
    "comparison",
    "reason",
];

/// Reads a file of expected rows; times without an offset are of `zone`.
///
/// # Errors
/// Every mistake of the file.
pub fn load_expected(file: &SourceFile, zone: &str) -> Result<Vec<ExpectedRow>, Vec<Diagnostic>> {
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
    let zone = moment::zone(zone);
    let mut rows = Vec::new();
    for cells in lines {
        let Ok(cells) = <[Cell; 6]>::try_from(cells) else {
            continue;
        };
        rows.extend(row(&mut text, &cells, zone.as_ref()));
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
    zone: Option<&jiff::tz::TimeZone>,
) -> Option<ExpectedRow> {
    let instant = moment::parse(&at.text, zone);
    let instant =
        instant.map_err(|error| text.wrong(&at.span, Rule::InvalidValue, error, moment::LIKE));
    let id = FeatureId::new(&feature.text);
    let id = id.map_err(|error| {
        let remedy = "write a feature of the catalogue";
        text.wrong(&feature.span, Rule::InvalidName, error.to_string(), remedy);
    });
    let states: Vec<Option<Wanted>> = measured
        .text
        .split('|')
        .map(|word| wanted(text, measured, word.trim()))
        .collect();
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
    Some(ExpectedRow {
        at: instant.ok()?,
        feature: id.ok()?,
        measured: states.into_iter().collect::<Option<_>>()?,
        claimed: claimed?,
        comparison: comparison?,
        reason: reason.text.clone(),
    })
}

fn wanted(text: &mut Text<'_>, cell: &Cell, word: &str) -> Option<Wanted> {
    let found = Wanted::ALL.iter().find(|(known, _)| *known == word);
    if found.is_none() {
        let known = || Wanted::ALL.iter().map(|(known, _)| *known);
        let hint = did_you_mean(word, known());
        let known = known().collect::<Vec<_>>().join(", ");
        text.wrong(
            &cell.span,
            Rule::InvalidValue,
            format!("`{word}` is nothing that is measured"),
            format!("{hint}known, with | between them: {known}"),
        );
    }
    found.map(|(_, wanted)| *wanted)
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
    use super::*;

    #[test]
    fn a_row_says_what_may_be_measured_and_why() {
        let head = COLUMNS.join(",");
        let source = format!(
            "{head}\n2022-10-16T14:30,talk.message.image,recovering|down,recovering,same,board\n"
        );
        let rows = load_expected(&SourceFile::new("e.csv", source), "Asia/Seoul").unwrap();
        assert_eq!(rows[0].measured, [Wanted::Recovering, Wanted::Down]);
        assert_eq!(rows[0].claimed, Some(ClaimedState::Recovering));
        assert_eq!(rows[0].at, Timestamp::from_unix_seconds(1_665_898_200));

        let source = format!("{head}\nnever,Talk,broken,upp,maybe,\n");
        let mistakes = load_expected(&SourceFile::new("e.csv", source), "UTC").unwrap_err();
        assert_eq!(mistakes.len(), 6, "every cell is told: {mistakes:#?}");
    }

    #[test]
    fn what_is_blocked_is_down_and_what_is_merely_unseen_is_not() {
        assert!(Wanted::Down.is(FeatureState::Unknown, true));
        assert!(!Wanted::Down.is(FeatureState::Unknown, false));
        assert!(Wanted::Down.is(FeatureState::PartialOutage, false));
        assert!(!Wanted::Up.is(FeatureState::Degraded, false));
    }
}
