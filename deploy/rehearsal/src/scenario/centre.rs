//! Data centres in a scenario: how rows are read that take power or move components, which of them
//! do nothing, and how a component lies by where it runs.

use bongsu_language::{Diagnostic, Rule, Severity};
use bongsu_superapp::{
    Component, Facilities, Facility, FacilityAct, FaultPoint, StandbyCopy, Standing,
};

use super::row::basis;
use super::text::{Cell, Text};
use super::{Event, Lie, Row, Track, When};

/// What stands before the name of a data centre.
const PREFIX: &str = "facility:";

/// The changes of a component that is moved between centres.
const FAILED_OVER: &str = "failed over";
const BACK_HOME: &str = "back home";

/// Whether a name is that of a data centre, be there one or not.
pub(super) fn is_named(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Whether a change moves something between centres.
pub(super) fn moves(change: &str) -> bool {
    change == FAILED_OVER || change == BACK_HOME
}

/// A centre has power or not: nothing between.
pub(super) fn power(text: &mut Text<'_>, track: Track, on: &Cell, change: &Cell) -> Option<Event> {
    let name = on.text.strip_prefix(PREFIX).unwrap_or(&on.text);
    let facility = name.parse::<Facility>().map_err(|error| {
        let known = Facility::ALL.iter().map(|one| format!("`{PREFIX}{one}`"));
        let remedy = format!("write {}", known.collect::<Vec<_>>().join(", "));
        text.wrong(&on.span, Rule::UnknownReference, error.to_string(), remedy);
    });
    let act = match change.text.as_str() {
        "down" => FacilityAct::PowerOff,
        "up" => FacilityAct::PowerOn,
        _ => {
            text.wrong(
                &change.span,
                Rule::InvalidValue,
                format!("`{}` is nothing that a data centre can be", change.text),
                "write `down` when it loses its power, and `up` when it has power again",
            );
            return None;
        }
    };
    Some(Event::Facility {
        act: act(facility.ok()?),
        basis: basis(track),
    })
}

/// A component is taken into the standby centre, or back.
pub(super) fn moved(
    text: &mut Text<'_>,
    track: Track,
    (point, on): (FaultPoint, &Cell),
    change: &Cell,
) -> Option<Event> {
    let FaultPoint::Component(component) = point else {
        let message = format!(
            "`{point}` is a feature: what is {} is a component",
            change.text
        );
        text.wrong(&on.span, Rule::InvalidValue, message, movable());
        return None;
    };
    let act = if change.text == FAILED_OVER {
        FacilityAct::FailOver(component)
    } else {
        FacilityAct::FailBack(component)
    };
    let possible = act.possible();
    let possible = possible
        .map_err(|error| text.wrong(&on.span, Rule::InvalidValue, error.to_string(), movable()));
    Some(Event::Facility {
        act: possible.ok()?,
        basis: basis(track),
    })
}

fn movable() -> String {
    let all = Component::ALL.iter().copied();
    let movable = all.filter(|one| FacilityAct::FailOver(*one).possible().is_ok());
    let names: Vec<_> = movable.map(Component::as_str).collect();
    format!("name one of those that can be moved: {}", names.join(", "))
}

/// What a row does to the centres, and how they stand after it.
struct Step<'a> {
    row: &'a Row,
    act: FacilityAct,
    before: Facilities,
    after: Facilities,
}

/// The rows that do something to the centres, by time, then in their order. Of a time that is drawn
/// its earliest counts.
fn steps(rows: &[Row]) -> Vec<Step<'_>> {
    let earliest = |row: &Row| match row.when {
        When::At(at) | When::Between(at, _) => at,
    };
    let acts = rows.iter().filter_map(|row| match row.event {
        Event::Facility { act, .. } => Some((earliest(row), act, row)),
        _ => None,
    });
    let mut acts: Vec<_> = acts.collect();
    acts.sort_by_key(|(at, ..)| *at);
    let mut state = Facilities::default();
    let steps = acts.into_iter().map(|(at, act, row)| {
        let before = state.clone();
        // What cannot be done changes nothing, which is told of the row.
        let _refused = state.act(act, at);
        let after = state.clone();
        Step {
            row,
            act,
            before,
            after,
        }
    });
    steps.collect()
}

/// A mistake for every row that would change nothing: power for what has it, say.
pub(super) fn idle(rows: &[Row]) -> Vec<Diagnostic> {
    let steps = steps(rows).into_iter();
    let idle = steps.filter(|step| step.before.acts_towards(&step.after).is_empty());
    let told = idle.map(|step| {
        let so = match step.act {
            FacilityAct::PowerOff(facility) => format!("{facility} has no power"),
            FacilityAct::PowerOn(facility) => format!("{facility} has power"),
            FacilityAct::FailOver(component) => {
                format!("`{}` is failed over", component.as_str())
            }
            FacilityAct::FailBack(component) => format!("`{}` is at home", component.as_str()),
        };
        let position = step.row.position.clone();
        let message = format!("{so} already when this row's time comes");
        let mut mistake = Diagnostic::observed(Severity::Error, position, message);
        mistake.rule = Rule::InvalidValue;
        let remedy = "leave the row out, or let it be later than the row whose change it undoes";
        mistake.help.push(remedy.to_owned());
        mistake
    });
    told.collect()
}

/// The first row after which a component does not work everywhere all the time, if there is one,
/// and how it lies then.
pub(super) fn breaks(rows: &[Row], component: Component) -> Option<(Lie, &Row)> {
    let steps = steps(rows).into_iter();
    let mut lies = steps.map(|step| (lie(&step.after, component), step.row));
    lies.find(|(lie, _)| *lie != Lie::Works)
}

/// How a component lies by the centre that it runs in. From the standby centre it works if it has
/// all of its data there and nothing is turned away: that it answers a little later is nothing
/// that a feature fails by.
pub(super) fn lie(centres: &Facilities, component: Component) -> Lie {
    match centres.standing(component) {
        Standing::Whole => Lie::Works,
        Standing::Gone => Lie::Broken,
        Standing::StandingBy { turned_away } => {
            let is_whole = component.standby_copy() == StandbyCopy::Complete;
            if is_whole && turned_away <= 0.0 {
                Lie::Works
            } else {
                Lie::Impaired
            }
        }
    }
}
