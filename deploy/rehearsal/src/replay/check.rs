//! What a replay cannot be begun with: an end that lies outside of the scenario, and a fleet that
//! lacks what rows name.

use bongsu_model::Timestamp;

use super::{Play, ReplayError};
use crate::region::Shape;
use crate::scenario::{Event, ExpectedRow, FleetPart, Scenario, in_zone};

/// Until when it is played.
pub(super) fn until(play: &Play, scenario: &Scenario) -> Result<Timestamp, ReplayError> {
    let until = play.until.unwrap_or(scenario.until);
    if until > scenario.from && until <= scenario.until {
        return Ok(until);
    }
    let told = |at| in_zone(at, &scenario.zone);
    Err(ReplayError::Outside {
        at: told(until),
        from: told(scenario.from),
        until: told(scenario.until),
    })
}

/// Whether the fleet has every part that a row cuts off or sees from: what is not there can be
/// neither, and its rows would say nothing.
pub(super) fn parts(
    shape: &Shape,
    scenario: &Scenario,
    expected: &[ExpectedRow],
) -> Result<(), ReplayError> {
    let cut = scenario.rows.iter().filter_map(|row| match &row.event {
        Event::Sight { part, .. } => Some(part.clone()),
        Event::Condition { .. } | Event::Statement { .. } | Event::Annotation { .. } => None,
    });
    let seen = expected.iter().filter_map(|row| row.region.clone());
    let mut named = cut.chain(seen.map(FleetPart::Region));
    let lacks = named.find(|part| match part {
        FleetPart::Agent(name) => shape.agents().all(|agent| agent.id() != *name),
        FleetPart::Region(name) => shape.regions().iter().all(|own| own.id != name.as_str()),
        FleetPart::Collector => false,
    });
    match lacks {
        None => Ok(()),
        Some(part) => Err(ReplayError::NoSuchPart {
            part: part.to_string(),
            regions: shape.regions,
            agents: shape.agents,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scenario::{load, load_expected, shipped};

    #[test]
    fn a_fleet_without_what_rows_name_is_refused() {
        let region_lost = shipped("region-lost").unwrap();
        let mut scenario = load(&region_lost.files()).unwrap();
        let expected = load_expected(&region_lost.expected(), &scenario).unwrap();
        let shape = |regions| Shape {
            regions,
            agents: 2,
            every: Duration::from_secs(300),
            ..Shape::default()
        };
        let refused = |regions, scenario: &Scenario, expected: &[ExpectedRow]| {
            let checked = parts(&shape(regions), scenario, expected);
            checked.err().map(|error| error.to_string())
        };
        assert_eq!(refused(2, &scenario, &expected), None);
        let told = refused(1, &scenario, &[]).unwrap();
        assert!(told.contains("region:kr-busan"), "it is cut off: {told}");
        let mut row = scenario.rows.remove(0);
        scenario.rows.clear();
        let told = refused(1, &scenario, &expected).unwrap();
        assert!(told.contains("region:kr-busan"), "it is looked at: {told}");
        row.event = Event::Sight {
            part: FleetPart::Agent("busan-3".to_owned()),
            is_cut: true,
            basis: crate::scenario::Basis::Modelled,
        };
        scenario.rows.push(row);
        let told = refused(2, &scenario, &[]).unwrap();
        assert!(
            told.contains("agent:busan-3") && told.contains("--agents"),
            "{told}"
        );
    }
}
