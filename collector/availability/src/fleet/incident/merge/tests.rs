//! Incidents of a small catalogue, whatever the order and the times.

use std::time::Duration;

use bongsu_model::{CellKey, CellState, RunId, TargetName, Timestamp};
use proptest::prelude::*;

use crate::cell::decide::CellChange;
use crate::cell::onset::Onset;
use crate::fleet::fixture::{at, catalogue, cell, id};
use crate::fleet::incident::{Effect, Incidents, Moved};
use crate::{Confidence, IncidentPhase, IncidentStep, IncidentView, Settings};

const PERIOD: Duration = Duration::from_secs(60);

fn change(to: CellState, onset: Option<(Timestamp, Timestamp)>) -> CellChange {
    let onset = onset.map(|(after, first)| Onset::new(Some(after), (first, first + PERIOD)));
    CellChange {
        from: CellState::Suspect,
        to,
        blocked_by: None,
        onset,
        last: onset,
        first_pass: None,
        confidence: Confidence::Full,
        evidence: Vec::new(),
    }
}

/// A cell goes down at `at`, for one run: between the last good and the first failed one it began.
fn go_down_every(
    period: Duration,
    incidents: &mut Incidents,
    cell: &CellKey,
    (after, first): (Timestamp, Timestamp),
    at: Timestamp,
) -> Effect {
    let change = CellChange {
        evidence: vec![run(at)],
        ..change(CellState::Down, Some((after, first)))
    };
    let moved = Moved {
        cell,
        change: &change,
        period,
        at,
    };
    incidents.observe(moved, &catalogue(), &Settings::default())
}

fn go_down(
    incidents: &mut Incidents,
    cell: &CellKey,
    onset: (Timestamp, Timestamp),
    at: Timestamp,
) -> Effect {
    go_down_every(PERIOD, incidents, cell, onset, at)
}

/// A cell is up again, whose passes began at `first_pass`.
fn come_up(incidents: &mut Incidents, cell: &CellKey, first_pass: Timestamp, at: Timestamp) {
    let change = CellChange {
        from: CellState::Recovering,
        first_pass: Some(first_pass),
        ..change(CellState::Up, None)
    };
    observe(incidents, cell, &change, at);
}

/// A cell gets out of sight.
fn get_lost(incidents: &mut Incidents, cell: &CellKey, from: CellState, at: Timestamp) {
    let change = CellChange {
        from,
        ..change(CellState::Unknown, None)
    };
    observe(incidents, cell, &change, at);
}

fn observe(incidents: &mut Incidents, cell: &CellKey, change: &CellChange, at: Timestamp) {
    let moved = Moved {
        cell,
        change,
        period: PERIOD,
        at,
    };
    incidents.observe(moved, &catalogue(), &Settings::default());
}

fn run(at: Timestamp) -> RunId {
    RunId::from_bytes(u128::from(at.as_unix_nanos()).to_be_bytes())
}

/// From the last good run to the first failed one.
fn began(second: u64) -> (Timestamp, Timestamp) {
    (at(second - 50), at(second))
}

fn unclosed(incidents: &Incidents) -> Vec<IncidentView> {
    let views = incidents.views(&TargetName::new("superapp").unwrap());
    let is_open = |view: &IncidentView| view.phase != IncidentPhase::Closed;
    views.into_iter().filter(is_open).collect()
}

#[test]
fn incidents_that_turn_out_to_be_one_are_merged_into_the_oldest() {
    let mut incidents = Incidents::default();
    for (feature, second) in [("wallet", 100), ("calendar", 90)] {
        let seen = go_down(&mut incidents, &cell(feature, "r0"), began(second), at(200));
        assert!(matches!(seen.steps[0].1, IncidentStep::Opened));
        assert!(seen.merged.is_empty());
    }
    let target = TargetName::new("superapp").unwrap();
    let blocked = incidents.note_blocked(&target, &id("calendar"), &id("text"));
    assert_eq!(blocked, Some(1));
    let [calendar, wallet] = &unclosed(&incidents)[..] else {
        panic!("nothing yet makes them one");
    };

    let seen = go_down(&mut incidents, &cell("login", "r1"), began(130), at(230));
    assert_eq!((seen.number, &seen.merged[..]), (Some(0), &[1][..]));
    let absorbed = IncidentStep::Absorbed {
        incident: calendar.id.clone(),
    };
    let merged = IncidentStep::Merged {
        into: wallet.id.clone(),
    };
    let evidence = vec![run(at(230))];
    assert_eq!(
        seen.steps[..2],
        [
            (calendar.id.clone(), merged.clone(), evidence.clone()),
            (wallet.id.clone(), absorbed.clone(), evidence.clone()),
        ]
    );
    let views = incidents.views(&target);
    let [gone, one] = &views[..] else {
        panic!("{views:?}");
    };
    assert_eq!(one.id, wallet.id);
    assert_eq!(one.root, id("login"));
    assert_eq!(one.phase, IncidentPhase::Open);
    assert_eq!((one.onset_low, one.onset), (Some(at(40)), at(90)));
    assert_eq!(one.detected, at(200));
    assert_eq!(one.blocked, [id("text")]);
    assert_eq!(
        one.cells,
        [
            cell("calendar", "r0"),
            cell("login", "r1"),
            cell("wallet", "r0")
        ]
    );
    assert_eq!(gone.id, calendar.id);
    assert_eq!(gone.merged_into, Some(wallet.id.clone()));
    assert_eq!(gone.closed, Some(at(230)));
    assert_eq!(gone.root, id("calendar"));
    let last = gone.timeline.last().unwrap();
    assert_eq!((&last.step, &last.evidence), (&merged, &evidence));
    assert!(one.timeline.iter().any(|event| event.step == absorbed));
    assert!(!incidents.is_open(1));
    assert_eq!(
        incidents.covering(&target, &id("calendar")),
        Some(wallet.id.clone())
    );

    // What it took over belongs to it: it is over with the last of the cells.
    for (cell, state) in one.cells.iter().zip([
        IncidentPhase::Open,
        IncidentPhase::Open,
        IncidentPhase::Resolved,
    ]) {
        come_up(&mut incidents, cell, at(300), at(400));
        assert_eq!(unclosed(&incidents)[0].phase, state);
    }
    assert_eq!(
        incidents.deadline(0),
        Some(at(400) + Settings::default().quiet)
    );
    assert_eq!(incidents.deadline(1), None);
}

#[test]
fn what_is_not_near_in_time_or_not_related_stays_apart() {
    let mut incidents = Incidents::default();
    go_down(
        &mut incidents,
        &cell("wallet", "r0"),
        (at(50), at(100)),
        at(200),
    );
    go_down(
        &mut incidents,
        &cell("streets", "r0"),
        (at(50), at(100)),
        at(200),
    );
    let late = (at(200), at(221));
    go_down(&mut incidents, &cell("login", "r0"), late, at(300));
    let roots: Vec<_> = unclosed(&incidents).into_iter().map(|i| i.root).collect();
    assert_eq!(roots, [id("login"), id("streets"), id("wallet")]);
}

#[test]
fn incidents_that_went_into_one_that_goes_on_into_another_are_led_there() {
    let mut incidents = Incidents::default();
    for feature in ["wallet", "text", "streets"] {
        go_down(&mut incidents, &cell(feature, "r0"), began(100), at(200));
    }
    let target = TargetName::new("superapp").unwrap();
    let [_, text, wallet] = &unclosed(&incidents)[..] else {
        panic!("nothing yet makes them one");
    };
    let merged = |incidents: &Incidents| {
        let views = incidents.views(&target).into_iter();
        views.map(|view| view.merged_into).collect::<Vec<_>>()
    };
    // The media store is what streets and texts have in common.
    go_down(&mut incidents, &cell("image", "r0"), began(110), at(210));
    assert_eq!(merged(&incidents), [Some(text.id.clone()), None, None]);
    // Signing in is what all have.
    let seen = go_down(&mut incidents, &cell("login", "r0"), began(120), at(220));
    let into = Some(wallet.id.clone());
    assert_eq!(merged(&incidents), [into.clone(), into, None]);
    assert_eq!((seen.number, &seen.merged[..]), (Some(0), &[1][..]));
    let one = &unclosed(&incidents)[0];
    assert_eq!((one.cells.len(), &one.root), (5, &id("login")));
}

#[test]
fn what_a_younger_incident_had_of_recovery_and_relapses_is_the_older_ones() {
    let mut incidents = Incidents::default();
    let (wallet, calendar) = (cell("wallet", "r0"), cell("calendar", "r0"));
    go_down(&mut incidents, &wallet, began(100), at(200));
    go_down(&mut incidents, &calendar, began(100), at(200));
    for (first_pass, up, again) in [(250, 300, 400), (450, 500, 600)] {
        come_up(&mut incidents, &calendar, at(first_pass), at(up));
        if again < 600 {
            go_down(&mut incidents, &calendar, began(again), at(again));
        }
    }
    let target = TargetName::new("superapp").unwrap();
    let younger = &incidents.views(&target)[0];
    assert_eq!(
        (younger.phase, younger.relapses),
        (IncidentPhase::Resolved, 1)
    );
    assert!(incidents.deadline(1).is_some());

    // The calendar failed for the second time at 400, the wallet for the first at 100.
    let seen = go_down(&mut incidents, &cell("login", "r0"), began(220), at(510));
    assert_eq!((seen.number, &seen.merged[..]), (Some(0), &[1][..]));
    assert_eq!(incidents.deadline(1), None);
    let one = &unclosed(&incidents)[0];
    assert_eq!((one.phase, one.relapses), (IncidentPhase::Open, 1));
    assert_eq!(one.first_pass, Some(at(450)));
    assert_eq!(one.recover_first, Some(at(250)));
    // It is over with the last streak of all, whichever incident the cell was of.
    come_up(&mut incidents, &wallet, at(430), at(530));
    come_up(&mut incidents, &cell("login", "r0"), at(440), at(540));
    assert_eq!(unclosed(&incidents)[0].resolved, Some(at(450)));
}

#[test]
fn what_is_out_of_sight_is_out_of_the_older_ones_sight() {
    let mut incidents = Incidents::default();
    let calendar = cell("calendar", "r0");
    go_down(&mut incidents, &cell("wallet", "r0"), began(100), at(200));
    go_down(&mut incidents, &calendar, began(100), at(200));
    get_lost(&mut incidents, &calendar, CellState::Down, at(210));
    let target = TargetName::new("superapp").unwrap();
    let lost_sight = |incidents: &Incidents| {
        let views = incidents.views(&target).into_iter();
        views.map(|view| view.lost_sight).collect::<Vec<_>>()
    };
    assert_eq!(lost_sight(&incidents), [true, false]);
    go_down(&mut incidents, &cell("login", "r0"), began(110), at(220));
    assert_eq!(lost_sight(&incidents), [false, true]);
}

#[test]
fn a_cell_that_was_up_before_it_got_out_of_sight_keeps_no_incident_open() {
    let (wallet, login) = (cell("wallet", "r0"), cell("login", "r0"));
    let calendar = cell("calendar", "r0");
    for (was, phase) in [
        (CellState::Up, IncidentPhase::Resolved),
        (CellState::Down, IncidentPhase::Open),
        (CellState::Recovering, IncidentPhase::Open),
    ] {
        let mut incidents = Incidents::default();
        go_down(&mut incidents, &wallet, began(100), at(200));
        go_down(&mut incidents, &calendar, began(100), at(200));
        match was {
            CellState::Up => come_up(&mut incidents, &calendar, at(210), at(250)),
            to => observe(&mut incidents, &calendar, &change(to, None), at(250)),
        }
        get_lost(&mut incidents, &calendar, was, at(260));
        assert_eq!(unclosed(&incidents)[0].phase, phase, "alone, from {was:?}");
        // It goes into the older one as it is.
        let seen = go_down(&mut incidents, &login, began(110), at(270));
        assert_eq!(seen.merged, [1]);
        come_up(&mut incidents, &wallet, at(280), at(300));
        come_up(&mut incidents, &login, at(280), at(300));
        let one = &unclosed(&incidents)[0];
        assert_eq!((one.phase, one.lost_sight), (phase, true), "from {was:?}");
    }
}

#[test]
fn what_was_up_goes_down_again_though_it_was_out_of_sight_between() {
    let mut incidents = Incidents::default();
    let [login, wallet] = ["login", "wallet"].map(|feature| cell(feature, "r0"));
    for cell in [&login, &wallet] {
        go_down(&mut incidents, cell, began(100), at(200));
    }
    come_up(&mut incidents, &login, at(210), at(250));
    get_lost(&mut incidents, &login, CellState::Up, at(260));
    get_lost(&mut incidents, &wallet, CellState::Down, at(260));
    let again = go_down(&mut incidents, &login, began(400), at(500));
    let relapsed = IncidentStep::Relapsed {
        cell: login.clone(),
    };
    assert!(again.steps.iter().any(|(_, step, _)| *step == relapsed));
    go_down(&mut incidents, &wallet, began(100), at(500));
    assert_eq!(unclosed(&incidents)[0].relapses, 1, "not the wallet");
}

#[test]
fn a_feature_is_of_one_incident_whatever_of_a_second_fault_is_seen_first() {
    let second = [
        (cell("login", "r1"), began(1_000)),
        (cell("wallet", "r0"), began(1_001)),
    ];
    for order in [[0, 1], [1, 0]] {
        let mut incidents = Incidents::default();
        go_down(&mut incidents, &cell("login", "r0"), began(100), at(200));
        for place in order {
            let (cell, onset) = &second[place];
            go_down(&mut incidents, cell, *onset, at(1_100));
        }
        let [one] = &unclosed(&incidents)[..] else {
            panic!("{order:?}: {:?}", unclosed(&incidents));
        };
        assert_eq!((one.cells.len(), one.detected), (3, at(200)));
    }
}

#[test]
fn incidents_that_were_merged_leave_with_the_one_that_they_went_into() {
    let target = TargetName::new("superapp").unwrap();
    let left_of = |incidents: &Incidents, first: IncidentView| {
        let views = incidents.views(&target);
        let is_left = |view: &&IncidentView| {
            view.id == first.id || view.merged_into.as_ref() == Some(&first.id)
        };
        views.iter().filter(is_left).count()
    };
    for is_over in [true, false] {
        let mut incidents = Incidents::default();
        for (feature, second) in [("wallet", 200), ("calendar", 201), ("login", 210)] {
            go_down(&mut incidents, &cell(feature, "r0"), began(100), at(second));
        }
        let first = unclosed(&incidents).remove(0);
        if is_over {
            incidents.close(0, at(300));
        }
        let mut next = 2;
        let mut another = |incidents: &mut Incidents| {
            let second = 10_000 * u64::from(next);
            go_down(incidents, &cell("streets", "r0"), began(second), at(second));
            incidents.close(next, at(second + 100));
            next += 1;
        };
        for _ in 2..1_000 {
            another(&mut incidents);
        }
        assert_eq!(left_of(&incidents, first.clone()), 2);
        another(&mut incidents);
        // One that goes on stays, with what it has of others.
        let stay = if is_over { 0 } else { 2 };
        assert_eq!(left_of(&incidents, first), stay, "{is_over}");
        assert_eq!(incidents.views(&target).len(), 999 + usize::from(!is_over));
    }
}

#[test]
fn a_second_fault_is_one_with_the_incident_that_it_brings_back_whatever_fails_first() {
    let (login, text) = (cell("login", "r0"), cell("text", "r0"));
    for relapses_first in [true, false] {
        let mut incidents = Incidents::default();
        go_down(&mut incidents, &login, began(100), at(200));
        come_up(&mut incidents, &login, at(250), at(300));
        assert_eq!(unclosed(&incidents)[0].phase, IncidentPhase::Resolved);
        let order = if relapses_first {
            [&login, &text]
        } else {
            [&text, &login]
        };
        for (cell, second) in order.into_iter().zip([700, 701]) {
            go_down(&mut incidents, cell, began(600), at(second));
        }
        let [one] = &unclosed(&incidents)[..] else {
            panic!("{:?}", unclosed(&incidents));
        };
        assert_eq!((one.relapses, one.cells.len()), (1, 2), "{relapses_first}");
        assert_eq!((one.onset, one.detected), (at(100), at(200)));
        assert_eq!((&one.root, one.phase), (&id("login"), IncidentPhase::Open));
        // What began with the first fault, and is decided only now, is of it as well.
        go_down(&mut incidents, &cell("room", "r0"), began(110), at(800));
        assert_eq!(unclosed(&incidents).len(), 1);
    }
}

#[test]
fn features_of_one_fault_are_one_incident_though_one_is_looked_at_less_often() {
    let slow = Duration::from_secs(300);
    let cells = [
        (PERIOD, cell("login", "r0"), began(100)),
        (slow, cell("wallet", "r0"), began(700)),
    ];
    for order in [[0, 1], [1, 0]] {
        let mut incidents = Incidents::default();
        for place in order {
            let (period, cell, onset) = &cells[place];
            go_down_every(*period, &mut incidents, cell, *onset, at(900));
        }
        assert_eq!(unclosed(&incidents).len(), 1, "{order:?}");
    }
}

#[test]
fn an_incident_never_began_after_its_first_failed_run() {
    let mut incidents = Incidents::default();
    // Runs that came late moved the first failures before the last good runs.
    go_down(
        &mut incidents,
        &cell("login", "r0"),
        (at(150), at(140)),
        at(200),
    );
    let opened = &unclosed(&incidents)[0];
    assert_eq!((opened.onset_low, opened.onset), (None, at(140)));
    go_down(&mut incidents, &cell("login", "r1"), began(130), at(210));
    let known = &unclosed(&incidents)[0];
    assert_eq!((known.onset_low, known.onset), (Some(at(80)), at(130)));
    go_down(
        &mut incidents,
        &cell("login", "r2"),
        (at(125), at(120)),
        at(220),
    );
    let joined = &unclosed(&incidents)[0];
    assert_eq!((joined.onset_low, joined.onset), (None, at(120)));
}

/// Which features go down together, and which of them names the cause.
const FAULTS: &[(&[&str], &str)] = &[
    (
        &[
            "login", "wallet", "calendar", "text", "image", "video", "room",
        ],
        "login",
    ),
    (&["text", "image", "video", "room"], "text"),
    (&["image", "video", "streets"], "image"),
    (&["video", "image", "room"], "image"),
    (&["wallet"], "wallet"),
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn the_order_and_the_times_within_a_cadence_change_neither_root_nor_incident(
        fault in 0..FAULTS.len(),
        order in Just((0..21).collect::<Vec<usize>>()).prop_shuffle(),
        times in proptest::collection::vec((1..=60_u64, 0..60_u64, 0..120_u64), 21),
        slow in proptest::collection::vec(any::<bool>(), 7),
        earlier in proptest::option::of(0..7_usize),
    ) {
        let broken = 1_000;
        let (features, expected) = FAULTS[fault];
        let mut incidents = Incidents::default();
        // One of the features fails for long, by another fault.
        let earlier = earlier.map(|place| cell(features[place % features.len()], "r9"));
        if let Some(cell) = &earlier {
            go_down(&mut incidents, cell, began(100), at(200));
        }
        let mut downs: Vec<_> = order
            .into_iter()
            .filter(|number| number / 3 < features.len())
            .map(|number| {
                let (before, after, decided) = times[number];
                // Some journeys are run every minute, others every five.
                let minutes = if slow[number / 3] { 5 } else { 1 };
                let (before, after) = (before * minutes, after * minutes);
                let onset = (at(broken - before), at(broken + after));
                let cell = cell(features[number / 3], ["r0", "r1", "r2"][number % 3]);
                let decided = broken + after + (60 + decided) * minutes;
                (at(decided), cell, onset, PERIOD * u32::try_from(minutes).unwrap())
            })
            .collect();
        // Engine time does not go back; those decided at one instant come in any order.
        downs.sort_by_key(|(decided, ..)| *decided);
        for (decided, cell, onset, period) in &downs {
            go_down_every(*period, &mut incidents, cell, *onset, *decided);
        }
        let open = unclosed(&incidents);
        prop_assert_eq!(open.len(), 1, "{:?}", open);
        // What surely began before may be the root by that.
        if earlier.is_none() {
            prop_assert_eq!(open[0].root.as_str(), expected);
        }
        prop_assert_eq!(open[0].cells.len(), downs.len() + usize::from(earlier.is_some()));
        let first = downs.iter().map(|(_, _, (_, first), _)| *first);
        let first = first.chain(earlier.map(|_| at(100))).min();
        prop_assert_eq!(Some(open[0].onset), first);
    }
}
