//! What a replay cannot be begun with: an end that lies outside of the scenario, and a fleet that
//! lacks what rows name.

use bongsu_model::Timestamp;
use bongsu_superapp::Reach;

use super::{Play, ReplayError};
use crate::region::Shape;
use crate::scenario::{
    Condition, Event, ExpectedRow, FleetPart, Injection, Scenario, When, in_zone,
};

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

/// Whether the fleet has every part that a row until then cuts off, breaks something for, or sees
/// from: what is not there can be none of it, and the row would say nothing.
pub(super) fn parts(
    shape: &Shape,
    scenario: &Scenario,
    expected: &[ExpectedRow],
    until: Timestamp,
) -> Result<(), ReplayError> {
    let played = scenario.rows.iter().filter(|row| match row.when {
        When::At(at) => at < until,
        When::Between(earliest, _) => earliest < until,
    });
    let hit = played.flat_map(|row| match &row.event {
        Event::Sight { part, .. } => vec![part.clone()],
        Event::Condition {
            condition: Condition::Broken(injections),
            ..
        } => injections.iter().filter_map(hit_alone).collect(),
        Event::Condition { .. }
        | Event::Facility { .. }
        | Event::Statement { .. }
        | Event::Annotation { .. } => Vec::new(),
    });
    let judged = expected.iter().filter(|row| row.at <= until);
    let seen = judged.filter_map(|row| row.region.clone());
    let mut named = hit.chain(seen.map(FleetPart::Region));
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

/// The only region that is hit.
fn hit_alone(injection: &Injection) -> Option<FleetPart> {
    match &injection.fault.reach {
        Reach::Everywhere => None,
        Reach::Only(region) => Some(FleetPart::Region(region.clone())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bongsu_superapp::{Component, FaultPoint};

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
            let checked = parts(&shape(regions), scenario, expected, scenario.until);
            checked.err().map(|error| error.to_string())
        };
        assert_eq!(refused(2, &scenario, &expected), None);
        let told = refused(1, &scenario, &[]).unwrap();
        assert!(told.contains("region:kr-busan"), "it is cut off: {told}");
        let early = scenario.from + Duration::from_secs(60);
        let checked = parts(&shape(1), &scenario, &expected, early);
        assert!(checked.is_ok(), "it ends before any of them");
        let mut row = scenario.rows.remove(0);
        scenario.rows.clear();
        let told = refused(1, &scenario, &expected).unwrap();
        assert!(told.contains("region:kr-busan"), "it is looked at: {told}");
        row.event = Event::Sight {
            part: FleetPart::Agent("busan-3".to_owned()),
            is_cut: true,
            basis: crate::scenario::Basis::Modelled,
        };
        scenario.rows.push(row.clone());
        let told = refused(2, &scenario, &[]).unwrap();
        assert!(
            told.contains("agent:busan-3") && told.contains("--agents"),
            "{told}"
        );
        let fault = "relay:refuse@kr-busn".parse().unwrap();
        row.event = Event::Condition {
            on: FaultPoint::Component(Component::Relay),
            condition: Condition::Broken(vec![Injection { fault, share: 1.0 }]),
            basis: crate::scenario::Basis::Modelled,
        };
        scenario.rows = vec![row];
        let told = refused(2, &scenario, &[]).unwrap();
        assert!(told.contains("region:kr-busn"), "{told}");
    }
}
