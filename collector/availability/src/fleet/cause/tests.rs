//! Roots and incidents of a small catalogue, whatever the order and the times.

use std::time::Duration;

use bongsu_model::{
    Catalogue, CellKey, CellState, Dependency, DependencyStrength, Feature, FeatureId, Names, Paid,
    Rank, RegionId, Service, ServiceId, TargetName, Timestamp,
};
use proptest::prelude::*;

use super::{Onset, root};
use crate::cell::decide::CellChange;
use crate::fleet::incident::{Incidents, Moved, Observed};
use crate::{Confidence, IncidentPhase, IncidentStep, IncidentView, Settings};

const PERIOD: Duration = Duration::from_secs(60);

fn id(text: &str) -> FeatureId {
    FeatureId::new(text).unwrap()
}

fn names(text: &str) -> Names {
    Names {
        ko: text.to_owned(),
        en: text.to_owned(),
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000 + seconds)
}

fn cell(feature: &str, region: &str) -> CellKey {
    CellKey {
        target: TargetName::new("superapp").unwrap(),
        feature: id(feature),
        region: RegionId::new(region).unwrap(),
    }
}

fn feature(of: &str, depends_on: &[&str], shares: &[&str]) -> Feature {
    let needs = |on: &&str| Dependency {
        on: id(on),
        strength: DependencyStrength::Hard,
    };
    Feature {
        id: id(of),
        names: names(of),
        service: ServiceId::new("talk").unwrap(),
        life_impact: Rank::new(3).unwrap(),
        absence_harm: Rank::new(0).unwrap(),
        daily_users: 1,
        paid: Paid::Free,
        depends_on: depends_on.iter().map(needs).collect(),
        shares: shares.iter().map(|id| self::id(id)).collect(),
        objective: None,
    }
}

/// Signing in, what rests on it, and what shares the relay and the media store.
fn catalogue() -> Catalogue {
    let talk = Service {
        id: ServiceId::new("talk").unwrap(),
        names: names("talk"),
    };
    let features = vec![
        feature("streets", &[], &["image"]),
        feature("wallet", &["login"], &[]),
        feature("calendar", &["login"], &[]),
        feature("login", &[], &[]),
        feature("text", &["login"], &[]),
        feature("image", &["login"], &["text"]),
        feature("video", &["login"], &["text", "image"]),
        feature("room", &["login"], &["text"]),
    ];
    Catalogue::new(vec![talk], features).unwrap()
}

/// The root of features with the seconds of their last good and first failed runs.
fn root_of(onsets: &[(&str, Option<u64>, u64)]) -> String {
    let cells: Vec<_> = onsets
        .iter()
        .map(|(feature, after, first)| {
            let onset = Onset::new(after.map(at), at(*first), PERIOD);
            (cell(feature, "r0"), onset)
        })
        .collect();
    let cells = cells.iter().map(|(cell, onset)| (cell, *onset));
    root(cells, &catalogue()).unwrap().as_str().to_owned()
}

#[test]
fn the_most_upstream_names_the_cause_though_it_was_seen_to_fail_last() {
    let login = [
        ("text", Some(900), 1000),
        ("calendar", Some(900), 1001),
        ("login", Some(1300), 1350),
    ];
    assert_eq!(root_of(&login), "login");
    let relay = [
        ("video", None, 1000),
        ("room", None, 1001),
        ("text", None, 1059),
    ];
    assert_eq!(root_of(&relay), "text");
    let store = [("streets", None, 1000), ("image", None, 1059)];
    assert_eq!(root_of(&store), "image");
}

#[test]
fn of_equals_the_earlier_counts_only_if_it_surely_was() {
    // The run that failed at 1000 had met the fault by 1060; calendars worked at 1060.
    let surely = [("wallet", Some(990), 1000), ("calendar", Some(1060), 1061)];
    assert_eq!(root_of(&surely), "wallet");
    let surely = [("calendar", Some(990), 1000), ("wallet", Some(1060), 1061)];
    assert_eq!(root_of(&surely), "calendar");
    // A second less, and it may have been the same fault: then the catalogue's order.
    for (wallet, calendar) in [
        ((Some(990), 1000), (Some(1059), 1061)),
        ((Some(1059), 1061), (Some(990), 1000)),
        ((None, 9000), (Some(990), 1000)),
    ] {
        let cells = [
            ("calendar", calendar.0, calendar.1),
            ("wallet", wallet.0, wallet.1),
        ];
        assert_eq!(root_of(&cells), "wallet");
    }
    // A last good run that a late one has overtaken says nothing.
    let overtaken = [("wallet", Some(1200), 1100), ("calendar", Some(990), 1000)];
    assert_eq!(root_of(&overtaken), "wallet");
}

#[test]
fn of_equals_the_one_that_explains_most_names_the_cause() {
    // Streets and wallets stand before, but texts explain what else fails.
    let cells = [
        ("wallet", None, 1000),
        ("room", None, 1000),
        ("text", None, 1001),
    ];
    assert_eq!(root_of(&cells), "text");
    let alone = [("unlisted", None, 1000), ("text", None, 1001)];
    assert_eq!(
        root_of(&alone),
        "text",
        "what no catalogue lists comes last"
    );
    assert_eq!(root_of(&[("unlisted", None, 1000)]), "unlisted");
    assert_eq!(root(std::iter::empty(), &catalogue()), None);
}

fn change(to: CellState, onset: Option<(Timestamp, Timestamp)>) -> CellChange {
    CellChange {
        from: CellState::Suspect,
        to,
        blocked_by: None,
        onset: onset.map(|(_, first)| first),
        onset_low: onset.map(|(after, _)| after),
        first_pass: None,
        confidence: Confidence::Full,
        evidence: Vec::new(),
    }
}

fn go_down(
    incidents: &mut Incidents,
    cell: &CellKey,
    (after, first): (Timestamp, Timestamp),
    at: Timestamp,
) -> Observed {
    let change = change(CellState::Down, Some((after, first)));
    let moved = Moved {
        cell,
        change: &change,
        period: PERIOD,
        at,
    };
    incidents.observe(moved, &catalogue(), &Settings::default())
}

fn unclosed(incidents: &Incidents) -> Vec<IncidentView> {
    let views = incidents.views(&TargetName::new("superapp").unwrap());
    let is_open = |view: &IncidentView| view.phase != IncidentPhase::Closed;
    views.into_iter().filter(is_open).collect()
}

#[test]
fn incidents_that_turn_out_to_be_one_are_merged_into_the_oldest() {
    let mut incidents = Incidents::default();
    let began = |second| (at(second - 50), at(second));
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
    let steps: Vec<_> = seen.steps.iter().map(|(id, step, _)| (id, step)).collect();
    let absorbed = IncidentStep::Absorbed {
        incident: calendar.id.clone(),
    };
    let merged = IncidentStep::Merged {
        into: wallet.id.clone(),
    };
    assert_eq!(steps[0], (&calendar.id, &merged));
    assert_eq!(steps[1], (&wallet.id, &absorbed));
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
    assert_eq!(gone.timeline.last().unwrap().step, merged);
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
        let up = CellChange {
            from: CellState::Recovering,
            first_pass: Some(at(300)),
            ..change(CellState::Up, None)
        };
        let moved = Moved {
            cell,
            change: &up,
            period: PERIOD,
            at: at(400),
        };
        let seen = incidents.observe(moved, &catalogue(), &Settings::default());
        assert_eq!(seen.number, Some(0));
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
        times in proptest::collection::vec((1..60_u64, 0..60_u64, 0..120_u64), 21),
    ) {
        let broken = 1_000;
        let (features, expected) = FAULTS[fault];
        let mut incidents = Incidents::default();
        let mut downs: Vec<_> = order
            .into_iter()
            .filter(|number| number / 3 < features.len())
            .map(|number| {
                let (before, after, decided) = times[number];
                let onset = (at(broken - before), at(broken + after));
                let cell = cell(features[number / 3], ["r0", "r1", "r2"][number % 3]);
                (at(broken + after + 60 + decided), cell, onset)
            })
            .collect();
        // Engine time does not go back; those decided at one instant come in any order.
        downs.sort_by_key(|(decided, ..)| *decided);
        for (decided, cell, onset) in &downs {
            go_down(&mut incidents, cell, *onset, *decided);
        }
        let open = unclosed(&incidents);
        prop_assert_eq!(open.len(), 1, "{:?}", open);
        prop_assert_eq!(open[0].root.as_str(), expected);
        prop_assert_eq!(open[0].cells.len(), downs.len());
        let first = downs.iter().map(|(_, _, (_, first))| *first).min();
        prop_assert_eq!(Some(open[0].onset), first);
    }
}
