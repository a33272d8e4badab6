//! An incident that goes into an older one: timers, clocks and the outage go with it.

use bongsu_availability::{
    Change, IncidentId, IncidentPhase, IncidentStep, IncidentView, RecoveryRow,
};
use bongsu_model::CellState;

use crate::sim::{DEMO, Effect, LOGIN, Scope, Sim, TEXT, cell_key, feature_id, secs, target};

/// Longer than the quiet after an incident.
const QUIET: u64 = 16 * 60;

fn incident(sim: &Sim, id: &IncidentId) -> IncidentView {
    let all = sim.engine.incidents(&target()).into_iter();
    let mut named = all.filter(|incident| incident.id == *id);
    named.next().expect("it is remembered")
}

fn newest(sim: &Sim) -> IncidentView {
    sim.engine.incidents(&target()).remove(0)
}

fn row(sim: &Sim, feature: &str) -> RecoveryRow {
    let outage = sim.engine.recoveries(&target(), sim.now).remove(0);
    let mut rows = outage.rows.into_iter();
    rows.find(|row| row.feature.as_str() == feature)
        .expect("it was affected")
}

/// A feature fails in a region until it is down.
fn breaks(sim: &mut Sim, feature: &'static str, region: usize) {
    sim.set(Scope::feature(feature).in_region(region), Effect::Fail(1.0));
    let down = sim.run_until(&cell_key(feature, region), CellState::Down, secs(60));
    assert!(down.is_some(), "{feature} goes down");
}

/// Nothing fails any more, until the feature is up.
fn is_mended(sim: &mut Sim, feature: &'static str, region: usize) {
    sim.mend();
    let up = sim.run_until(&cell_key(feature, region), CellState::Up, secs(180));
    assert!(up.is_some(), "{feature} comes up");
}

/// How often an incident was told to be closed.
fn closed(sim: &Sim, id: &IncidentId) -> usize {
    let phase = IncidentPhase::Closed;
    let told = sim.log.iter().filter(|told| {
        matches!(&told.change, Change::Incident { incident, step, .. }
            if incident == id && *step == IncidentStep::Phase { phase })
    });
    told.count()
}

#[test]
fn a_resolved_incident_that_goes_into_an_older_one_does_nothing_by_itself_any_more() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    breaks(&mut sim, TEXT, 0);
    is_mended(&mut sim, TEXT, 0);
    sim.run(secs(180));
    let older = newest(&sim).id;
    breaks(&mut sim, LOGIN, 1);
    is_mended(&mut sim, LOGIN, 1);
    breaks(&mut sim, LOGIN, 1);
    is_mended(&mut sim, LOGIN, 1);
    let younger = newest(&sim);
    assert_ne!(younger.id, older);
    assert_eq!(
        (younger.phase, younger.relapses),
        (IncidentPhase::Resolved, 1)
    );
    let login = row(&sim, LOGIN);
    assert_eq!(login.incident, younger.id);

    // Messages fail again, and began to soon after signing in did.
    breaks(&mut sim, TEXT, 0);
    let one = incident(&sim, &older);
    assert_eq!(
        (&one.root, one.relapses, one.phase),
        (&feature_id(LOGIN), 2, IncidentPhase::Open)
    );
    assert_eq!(one.first_pass, younger.first_pass, "of signing in");
    let gone = incident(&sim, &younger.id);
    assert_eq!(gone.merged_into, Some(older.clone()));
    assert_eq!(
        (gone.phase, gone.lost_sight),
        (IncidentPhase::Closed, false)
    );
    assert_eq!(row(&sim, LOGIN).incident, older);

    // The younger one's quiet would be over.
    sim.run(secs(QUIET));
    assert_eq!(incident(&sim, &younger.id).closed, gone.closed);
    assert_eq!(closed(&sim, &younger.id), 0);
    assert_eq!(incident(&sim, &older).phase, IncidentPhase::Open);
    let outage = sim.engine.recoveries(&target(), sim.now).remove(0);
    assert_eq!((outage.id, outage.ended), (older.clone(), None));

    // What fails again of the younger one fails again in the older one: its clock goes on.
    breaks(&mut sim, LOGIN, 1);
    let again = row(&sim, LOGIN);
    assert_eq!(again.clock.unwrap().started, login.clock.unwrap().started);
    let onset = |row: &RecoveryRow| {
        let mut regions = row.regions.iter();
        let region = regions.find(|region| region.region.as_str() == "r1");
        region.and_then(|region| region.onset)
    };
    assert_eq!(onset(&again), onset(&login));
    assert!(onset(&login).is_some());

    // The outage is over with the older one.
    sim.mend();
    sim.run(secs(180 + QUIET));
    let one = incident(&sim, &older);
    assert_eq!((one.phase, one.relapses), (IncidentPhase::Closed, 3));
    let outage = sim.engine.recoveries(&target(), sim.now).remove(0);
    assert_eq!(outage.incidents, [older.clone(), younger.id.clone()]);
    assert_eq!(outage.ended, one.closed);
    assert_eq!((closed(&sim, &older), closed(&sim, &younger.id)), (1, 0));
}

#[test]
fn what_goes_down_again_while_it_recovers_is_one_with_what_goes_down_by_the_same_fault() {
    let login = Scope::feature(LOGIN).in_region(1);
    let text = Scope::feature(TEXT).in_region(0);
    for order in [[&login, &text], [&text, &login]] {
        let mut sim = Sim::new(DEMO);
        sim.run(secs(120));
        breaks(&mut sim, LOGIN, 1);
        sim.run(secs(300));
        sim.mend();
        let login = cell_key(LOGIN, 1);
        let recovers = sim.run_until(&login, CellState::Recovering, secs(120));
        assert!(recovers.is_some());
        for scope in order {
            sim.set(scope.clone(), Effect::Fail(1.0));
            sim.run(secs(6));
        }
        sim.run(secs(60));
        let cells = [sim.cell(LOGIN, 1).state, sim.cell(TEXT, 0).state];
        assert_eq!(cells, [CellState::Down, CellState::Down]);
        let all = sim.engine.incidents(&target());
        let open = all.iter().filter(|incident| incident.closed.is_none());
        let open: Vec<_> = open.collect();
        let [one] = &open[..] else {
            panic!("{open:?}");
        };
        assert_eq!((one.relapses, one.cells.len()), (1, 2));
    }
}
