//! Boards that are as they must be, within the lag, or wrong.

use std::sync::Arc;

use bongsu_availability::{Confidence, Ledger, Windows};
use bongsu_collector::claims::Stated;
use bongsu_language::SourceFile;
use bongsu_model::{Claim, ClaimConfidence, ClaimText, OperatorId};

use super::*;
use crate::layout::Tempo;
use crate::region::Shape;
use crate::scenario::{EVERY, Scenario, instant, load};

/// Money is down from 10:00 to 12:00; messages fail at times from 10:00 on.
const ROWS: &str = "time,track,on,change,source,confidence\n\
    2022-10-15T10:00Z,modelled,pay-core,down,,\n\
    2022-10-15T12:00Z,modelled,pay-core,up,,\n\
    2022-10-15T10:00Z,modelled,relay,degraded,,\n\
    2022-10-15T11:00Z,claim,pay.transfer.account,up,notice,high\n";

pub(in crate::replay) fn scenario() -> Scenario {
    load(&[SourceFile::new("day.csv", ROWS)]).unwrap()
}

pub(in crate::replay) fn at(time: &str) -> Timestamp {
    instant(&format!("2022-10-15T{time}Z"), "UTC").unwrap()
}

pub(in crate::replay) fn catalogue() -> Catalogue {
    let text = include_str!("../../../../../probes/journeys/catalogue.toml");
    bongsu_language::load_catalogue(&SourceFile::new("catalogue.toml", text)).unwrap()
}

pub(in crate::replay) fn lag() -> Lag {
    let shape = Shape {
        agents: 2,
        every: EVERY,
        ..Shape::default()
    };
    Lag::of(&shape, Tempo::Usual)
}

pub(in crate::replay) fn board(states: &[(&str, FeatureState)]) -> Board {
    let view = |(id, state): &(&str, FeatureState)| FeatureView {
        feature: FeatureId::new(id).unwrap(),
        state: *state,
        since: None,
        blocked_by: None,
        overlays: Vec::new(),
        availability: Windows::default(),
        regions: Vec::new(),
        last_failure: None,
        incident: None,
    };
    Board {
        target: crate::fleet::superapp(),
        as_of: at("12:00"),
        features: states.iter().map(view).collect(),
    }
}

/// A collector that was told that money can be moved, as of eleven.
fn told() -> ClaimBook {
    let mut book = ClaimBook::default();
    let claim = Claim {
        target: crate::fleet::superapp(),
        track: Track::Claim,
        subject: "pay.transfer.account".parse().unwrap(),
        state: ClaimedState::Up,
        as_of: at("11:00"),
        published: at("11:00"),
        source: ClaimText::new("notice").unwrap(),
        note: None,
        confidence: ClaimConfidence::High,
    };
    book.add(Arc::new(Stated {
        seq: 1,
        received: at("11:00"),
        by: OperatorId::new("replay").unwrap(),
        id: claim.id(),
        claim,
    }));
    book
}

/// The row of money at an instant, by what is injected.
fn money(time: &str, state: FeatureState) -> JudgedRow {
    let (scenario, catalogue) = (scenario(), catalogue());
    let timeline = Timeline::new(&scenario, 1);
    let judge = Judge {
        timeline: &timeline,
        catalogue: &catalogue,
        lag: lag(),
        at: at(time),
    };
    let rows = judge.rows((&board(&[("pay.transfer.account", state)]), &told()), &[]);
    let mut rows = rows.into_iter();
    rows.find(|row| row.feature.as_str() == "pay.transfer.account")
        .unwrap()
}

#[test]
fn what_is_broken_must_be_down_once_the_rule_can_be_sure() {
    use FeatureState::{MajorOutage, Operational};
    assert_eq!(money("09:30", Operational).verdict, Verdict::Met);
    assert_eq!(money("09:30", MajorOutage).verdict, Verdict::Unexplained);
    // 5 failures of one other agent, a period before and behind: 35 minutes and a little.
    assert_eq!(money("10:30", Operational).verdict, Verdict::WithinLag);
    assert_eq!(money("10:30", MajorOutage).verdict, Verdict::Met);
    assert_eq!(money("11:00", Operational).verdict, Verdict::Unexplained);
    assert_eq!(money("12:30", MajorOutage).verdict, Verdict::WithinLag);
    assert_eq!(money("12:59", MajorOutage).verdict, Verdict::Unexplained);
}

#[test]
fn a_claim_is_held_against_the_measurement() {
    let row = money("11:30", FeatureState::MajorOutage);
    assert_eq!(row.claimed, Some(ClaimedState::Up));
    assert_eq!(row.comparison, Some(Comparison::MeasuredWorse));
    assert!(row.is_modelled && !row.is_synthetic);
    let before = money("10:30", FeatureState::MajorOutage);
    assert_eq!((before.claimed, before.comparison), (None, None));
}

#[test]
fn of_what_fails_at_times_nothing_is_expected_and_of_what_is_not_there_neither() {
    let (scenario, catalogue) = (scenario(), catalogue());
    let timeline = Timeline::new(&scenario, 1);
    let judge = Judge {
        timeline: &timeline,
        catalogue: &catalogue,
        lag: lag(),
        at: at("11:30"),
    };
    let shown = board(&[("talk.message.text", FeatureState::Degraded)]);
    let rows = judge.rows((&shown, &told()), &[]);
    let verdict = |id: &str| {
        let row = rows.iter().find(|row| row.feature.as_str() == id);
        row.unwrap().verdict
    };
    assert_eq!(verdict("talk.message.text"), Verdict::Open);
    assert_eq!(verdict("account.login"), Verdict::NotThere);
}

#[test]
fn a_row_of_the_fixture_stands_for_its_instant_and_no_other() {
    let (scenario, catalogue) = (scenario(), catalogue());
    let timeline = Timeline::new(&scenario, 1);
    let judge = Judge {
        timeline: &timeline,
        catalogue: &catalogue,
        lag: lag(),
        at: at("11:30"),
    };
    let feature = FeatureId::new("pay.transfer.account").unwrap();
    let expected = |claimed, comparison| ExpectedRow {
        at: at("11:30"),
        of: Whose::Feature(feature.clone()),
        region: None,
        measured: vec![Wanted::Down(None)],
        seen: None,
        claimed,
        comparison,
        reason: "because".to_owned(),
    };
    let shown = board(&[("pay.transfer.account", FeatureState::MajorOutage)]);
    let verdict = |row: ExpectedRow| {
        let rows = judge.rows((&shown, &told()), &[row]);
        assert_eq!(rows.len(), 1);
        rows[0].verdict
    };
    let worse = Some(Comparison::MeasuredWorse);
    assert_eq!(
        verdict(expected(Some(ClaimedState::Up), worse)),
        Verdict::Met
    );
    let same = Some(Comparison::Same);
    assert_eq!(verdict(expected(None, same)), Verdict::Unexplained);
    let other = Some(ClaimedState::Down);
    assert_eq!(verdict(expected(other, None)), Verdict::Unexplained);
    let mut another_time = expected(None, None);
    another_time.at = at("11:31");
    let by_injection = judge.rows((&shown, &told()), &[another_time]);
    assert_eq!(by_injection.len(), catalogue.features().len());
}

fn cell(region: &str, state: CellState, overlays: Vec<Overlay>) -> CellView {
    CellView {
        region: RegionId::new(region).unwrap(),
        state,
        since: None,
        onset: None,
        overlays,
        blocked_by: None,
        confidence: Confidence::Full,
        agents: 2,
        seeing: 2,
        quarantined: Vec::new(),
        passes: 0,
        samples: Ledger::default(),
        last_run: None,
        last_success: None,
        last_failure: None,
        availability: Windows::default(),
        score: 0.0,
    }
}

#[test]
fn every_feature_that_no_row_names_is_held_against_the_row_of_the_rest() {
    let (scenario, catalogue) = (scenario(), catalogue());
    let timeline = Timeline::new(&scenario, 1);
    let judge = Judge {
        timeline: &timeline,
        catalogue: &catalogue,
        lag: lag(),
        at: at("11:30"),
    };
    let named = FeatureId::new("pay.transfer.account").unwrap();
    let row = |of, region: Option<&str>, measured| ExpectedRow {
        at: at("11:30"),
        of,
        region: region.map(|id| RegionId::new(id).unwrap()),
        measured: vec![measured],
        seen: None,
        claimed: None,
        comparison: None,
        reason: "because".to_owned(),
    };
    let expected = [
        row(Whose::Feature(named), None, Wanted::Down(None)),
        row(Whose::Rest, None, Wanted::Up),
        row(Whose::Rest, Some("kr-busan"), Wanted::Unknown),
    ];
    let mut shown = board(&[
        ("pay.transfer.account", FeatureState::MajorOutage),
        ("account.login", FeatureState::Operational),
        ("map.core", FeatureState::PartialOutage),
    ]);
    shown.features[1].regions = vec![
        cell("kr-seoul", CellState::Up, Vec::new()),
        cell("kr-busan", CellState::Unknown, Vec::new()),
    ];
    shown.features[2].regions = vec![cell("kr-busan", CellState::Suspect, vec![Overlay::Partial])];
    let rows = judge.rows((&shown, &told()), &expected);
    assert_eq!(
        rows.len(),
        2 * catalogue.features().len(),
        "none is left out"
    );
    let of = |id: &str, region: Option<&str>| {
        let mut rows = rows.iter().filter(|row| row.feature.as_str() == id);
        rows.find(|row| row.region.as_ref().map(RegionId::as_str) == region)
            .unwrap()
    };
    assert_eq!(of("pay.transfer.account", None).verdict, Verdict::Met);
    assert_eq!(of("account.login", None).verdict, Verdict::Met);
    assert_eq!(of("map.core", None).verdict, Verdict::Unexplained);
    let busan = Some("kr-busan");
    assert_eq!(of("account.login", busan).verdict, Verdict::Met);
    let partly = of("map.core", busan);
    assert_eq!(partly.measured, Some(FeatureState::Degraded));
    assert_eq!(partly.verdict, Verdict::Unexplained);
    // A feature that the region does not see at all.
    let unseen = of("pay.transfer.account", busan);
    assert_eq!((unseen.verdict, unseen.claimed), (Verdict::NotThere, None));
}

#[test]
fn a_board_that_did_not_see_enough_is_not_as_expected_however_well_it_looks() {
    let (scenario, catalogue) = (scenario(), catalogue());
    let timeline = Timeline::new(&scenario, 1);
    let judge = Judge {
        timeline: &timeline,
        catalogue: &catalogue,
        lag: lag(),
        at: at("11:30"),
    };
    let login = FeatureId::new("account.login").unwrap();
    let expected = [ExpectedRow {
        at: at("11:30"),
        of: Whose::Feature(login),
        region: None,
        measured: vec![Wanted::Up],
        seen: Some(95),
        claimed: None,
        comparison: None,
        reason: "because".to_owned(),
    }];
    let verdict = |coverage| {
        let mut shown = board(&[("account.login", FeatureState::Operational)]);
        shown.features[0].availability.hours_24.coverage = coverage;
        judge.rows((&shown, &told()), &expected)[0].verdict
    };
    assert_eq!(verdict(0.96), Verdict::Met);
    assert_eq!(verdict(0.94), Verdict::Unexplained);
}
