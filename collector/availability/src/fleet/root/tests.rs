//! Roots of a small catalogue, whatever the order and the times.

use super::of;
use crate::cell::onset::Onset;
use crate::fleet::fixture::{at, catalogue, cell};

/// The root of features with the seconds of their last good and first failed runs.
fn root_of(onsets: &[(&str, Option<u64>, u64)]) -> String {
    let cells: Vec<_> = onsets
        .iter()
        .map(|(feature, after, first)| {
            let onset = Onset::new(after.map(at), (at(*first), at(*first + 60)));
            (cell(feature, "r0"), onset)
        })
        .collect();
    let cells = cells.iter().map(|(cell, onset)| (cell, *onset));
    of(cells, &catalogue()).unwrap().as_str().to_owned()
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
fn a_failed_run_says_when_it_ended_not_how_often_the_feature_is_looked_at() {
    // A journey of five minutes met texts on its way, and had failed only at 1200.
    let text = |by| Onset::new(Some(at(990)), (at(1000), at(by)));
    let wallet = Onset::new(Some(at(1100)), (at(1110), at(1111)));
    let root = |text| {
        let cells = [(cell("text", "r0"), text), (cell("wallet", "r0"), wallet)];
        let found = of(
            cells.iter().map(|(cell, onset)| (cell, *onset)),
            &catalogue(),
        );
        found.unwrap().as_str().to_owned()
    };
    // The catalogue has wallets before texts.
    assert_eq!(root(text(1200)), "wallet");
    assert_eq!(root(text(1101)), "wallet");
    assert_eq!(root(text(1100)), "text");
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
    assert_eq!(of(std::iter::empty(), &catalogue()), None);
}
