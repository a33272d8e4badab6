//! Features that a scenario says nothing of it may touch: they are there, and no row breaks what
//! they cannot do without, nor takes the power from where that runs.

use bongsu_language::Rule;
use bongsu_model::{DependencyStrength, FeatureId};
use bongsu_superapp::{Component, FaultPoint, PlatformFeature};

use super::text::{Cell, Text, did_you_mean};
use super::timeline::needs;
use super::{Condition, Event, Row, centre};
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
        let broken = broken.or_else(|| {
            let needed = needed.iter().flat_map(|(one, _)| hard(*one));
            let mut gone = needed.filter_map(|one| {
                let row = centre::breaks(rows, one)?;
                Some((FaultPoint::Component(one), row))
            });
            gone.next()
        });
        if let Some((on, row)) = broken {
            text.wrong(
                &cell.span,
                Rule::InvalidValue,
                format!("`{}` is broken by the row at {}", cell.text, row.position),
                format!("leave it out of `never`, or let the row break something else than `{on}`"),
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
