//! Features that a scenario says nothing of it may touch: they are there, and no row breaks them.

use bongsu_language::Rule;
use bongsu_model::FeatureId;
use bongsu_superapp::{FaultPoint, PlatformFeature};

use super::text::{Cell, Text, did_you_mean};
use super::{Condition, Event, Row};

/// Reads `never`; what is no feature, or is broken by a row, is told.
pub(super) fn features(text: &mut Text<'_>, never: &[Cell], rows: &[Row]) -> Vec<FeatureId> {
    let read = never.iter().filter_map(|cell| {
        let mut all = PlatformFeature::ALL.iter().copied();
        let Some(feature) = all.find(|one| one.as_str() == cell.text) else {
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
        if let Some((on, row)) = rows
            .iter()
            .find_map(|row| Some((broken(feature, row)?, row)))
        {
            text.wrong(
                &cell.span,
                Rule::InvalidValue,
                format!("`{}` is broken by the row at {}", cell.text, row.position),
                format!("leave it out of `never`, or let the row break something else than `{on}`"),
            );
        }
        FeatureId::new(&cell.text).ok()
    });
    read.collect()
}

/// What the row breaks of that which the feature rests on.
fn broken(feature: PlatformFeature, row: &Row) -> Option<FaultPoint> {
    let Event::Condition { on, condition, .. } = &row.event else {
        return None;
    };
    let is_of_it = match on {
        FaultPoint::Feature(other) => *other == feature,
        FaultPoint::Component(component) => {
            let mut needs = feature.needs().iter();
            needs.any(|(needed, _)| needed == component)
        }
    };
    (is_of_it && *condition != Condition::Up).then_some(*on)
}
