//! Features that a scenario says nothing of it may touch: they are there, and no row breaks what
//! they cannot do without, nor takes the power from where that runs.

use bongsu_language::Rule;
use bongsu_model::{DependencyStrength, FeatureId};
use bongsu_superapp::{Component, FaultPoint, PlatformFeature, StandbyCopy};

use super::text::{Cell, Text, did_you_mean};
use super::timeline::needs;
use super::{Condition, Event, Lie, Row, centre};
use crate::catalogue::{rests_on, shipped};

/// Reads `never`; what is no feature, or rests on what a row breaks, is told.
pub(super) fn features(text: &mut Text<'_>, never: &[Cell], rows: &[Row]) -> Vec<FeatureId> {
    // Without a catalogue there is no fleet either: who starts one says what is wrong with it.
    let catalogue = shipped().unwrap_or_default();
    let read = never.iter().filter_map(|cell| {
        let mut all = PlatformFeature::ALL.iter().copied();
        let known = all.any(|one| one.as_str() == cell.text);
        let Some(id) = FeatureId::new(&cell.text).ok().filter(|_| known) else {
            let names = PlatformFeature::ALL.iter().map(|one| one.as_str());
            let hint = did_you_mean(&cell.text, names);
            text.wrong(
                &cell.span,
                Rule::UnknownReference,
                format!("`{}` is no feature of the platform", cell.text),
                format!("{hint}write the id of a feature, such as bank.app"),
            );
            return None;
        };
        let mut needed = rests_on(&catalogue, &id);
        needed.retain(|(_, strength)| *strength == DependencyStrength::Hard);
        let broken = rows.iter().find_map(|row| {
            let on = needed.iter().find_map(|(one, _)| broken(*one, row))?;
            Some((on, row))
        });
        if let Some((on, row)) = broken {
            text.wrong(
                &cell.span,
                Rule::InvalidValue,
                format!("`{}` is broken by the row at {}", cell.text, row.position),
                format!("leave it out of `never`, or let the row break something else than `{on}`"),
            );
            return Some(id);
        }
        let mut needed = needed.iter().flat_map(|(one, _)| hard(*one));
        let moved = needed.find_map(|one| Some((one, centre::breaks(rows, one)?)));
        if let Some((on, (lie, row))) = moved {
            let (what, remedy) = match (lie, on.standby_copy()) {
                (Lie::Broken, _) => ("is gone", "runs in a data centre that has power then"),
                (_, StandbyCopy::Complete) => {
                    let few = "stays at home, or moves with five others at most";
                    ("is not whole", few)
                }
                (_, StandbyCopy::Incomplete | StandbyCopy::Weak) => {
                    ("is not whole", "stays at home: dc-b never has all of it")
                }
            };
            let (on, row) = (on.as_str(), &row.position);
            text.wrong(
                &cell.span,
                Rule::InvalidValue,
                format!(
                    "`{on}`, which `{}` rests on, {what} after the row at {row}",
                    cell.text
                ),
                format!("leave the feature out of `never`, or see to it that `{on}` {remedy}"),
            );
        }
        Some(id)
    });
    read.collect()
}

/// The components that the feature cannot do without.
fn hard(feature: PlatformFeature) -> impl Iterator<Item = Component> {
    let needs = feature.needs().iter();
    let hard = needs.filter(|(_, strength)| *strength == DependencyStrength::Hard);
    hard.map(|(component, _)| *component)
}

/// What the row breaks of that which the feature cannot do without.
fn broken(feature: PlatformFeature, row: &Row) -> Option<FaultPoint> {
    let Event::Condition { on, condition, .. } = &row.event else {
        return None;
    };
    let is_hard = needs(feature, *on) == Some(DependencyStrength::Hard);
    (is_hard && *condition != Condition::Up).then_some(*on)
}
