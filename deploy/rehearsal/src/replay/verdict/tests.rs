//! Boards that are as they must be, within the lag, or wrong.

use std::collections::BTreeSet;
use std::sync::Arc;

use bongsu_availability::{Ledger, Windows};
use bongsu_collector::claims::Stated;
use bongsu_language::SourceFile;
use bongsu_model::{Claim, ClaimConfidence, ClaimText, OperatorId};

use super::*;
use crate::layout::Tempo;
use crate::region::Shape;
use crate::replay::speed_max;
use crate::scenario::{EVERY, SHIPPED, Scenario, in_zone, instant, load, load_expected};

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
    crate::catalogue::shipped().unwrap()
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

/// What the scenario's boards are judged by.
struct Bench {
    scenario: Scenario,
    catalogue: Catalogue,
}

impl Bench {
    fn new() -> Self {
        Self {
            scenario: scenario(),
            catalogue: catalogue(),
        }
    }

    /// The rows of a board of an instant, by what is expected of it.
    fn rows(&self, time: &str, shown: &Board, expected: &[ExpectedRow]) -> Vec<JudgedRow> {
        self.rows_shown(time, at(time), shown, expected)
    }

    /// The same of a board that is of another time.
    fn rows_shown(
        &self,
        time: &str,
        as_of: Timestamp,
        shown: &Board,
        expected: &[ExpectedRow],
    ) -> Vec<JudgedRow> {
        let shown = &Board {
            as_of,
            ..shown.clone()
        };
        let timeline = Timeline::new(&self.scenario, 1);
        let judge = Judge {
            timeline: &timeline,
            catalogue: &self.catalogue,
            lag: lag(),
            at: at(time),
        };
        judge.rows((shown, &told()), expected)
    }
}

/// A row that is expected at half past eleven.
fn expected(of: &str, measured: Vec<Wanted>) -> ExpectedRow {
    let feature = || Whose::Feature(FeatureId::new(of).unwrap());
    ExpectedRow {
        at: at("11:30"),
        of: if of == "*" { Whose::Rest } else { feature() },
        region: None,
        measured,
        at_least: None,
        claimed: None,
        comparison: None,
        reason: "because".to_owned(),
    }
}

fn row_of<'a>(rows: &'a [JudgedRow], id: &str, region: Option<&str>) -> &'a JudgedRow {
    let mut rows = rows.iter().filter(|row| row.feature.as_str() == id);
    rows.find(|row| row.region.as_ref().map(RegionId::as_str) == region)
        .unwrap()
}

const MONEY: &str = "pay.transfer.account";

/// The row of money at an instant, by what is injected.
fn money(time: &str, state: FeatureState) -> JudgedRow {
    let rows = Bench::new().rows(time, &board(&[(MONEY, state)]), &[]);
    row_of(&rows, MONEY, None).clone()
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
fn a_board_of_another_time_says_nothing_of_this_one() {
    let shown = board(&[(MONEY, FeatureState::MajorOutage)]);
    let verdict = |as_of| {
        let rows = Bench::new().rows_shown("11:30", at(as_of), &shown, &[]);
        row_of(&rows, MONEY, None).verdict
    };
    assert_eq!(verdict("11:40"), Verdict::Met, "shown a little later");
    assert_eq!(verdict("11:41"), Verdict::Unexplained);
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
    let shown = board(&[("talk.message.text", FeatureState::Degraded)]);
    let rows = Bench::new().rows("11:30", &shown, &[]);
    let verdict = |id| row_of(&rows, id, None).verdict;
    assert_eq!(verdict("talk.message.text"), Verdict::Open);
    assert_eq!(verdict("account.login"), Verdict::NotThere);
}

#[test]
fn a_row_of_the_fixture_stands_for_its_instant_and_no_other() {
    let bench = Bench::new();
    let shown = board(&[(MONEY, FeatureState::MajorOutage)]);
    let down = |claimed, comparison| ExpectedRow {
        claimed,
        comparison,
        ..expected(MONEY, vec![Wanted::Down(None)])
    };
    let verdict = |row: ExpectedRow| {
        let rows = bench.rows("11:30", &shown, &[row]);
        assert_eq!(rows.len(), 1);
        rows[0].verdict
    };
    let worse = Some(Comparison::MeasuredWorse);
    assert_eq!(verdict(down(Some(ClaimedState::Up), worse)), Verdict::Met);
    let same = Some(Comparison::Same);
    assert_eq!(verdict(down(None, same)), Verdict::Unexplained);
    let other = Some(ClaimedState::Down);
    assert_eq!(verdict(down(other, None)), Verdict::Unexplained);
    let mut another_time = down(None, None);
    another_time.at = at("11:31");
    let by_injection = bench.rows("11:30", &shown, &[another_time]);
    assert_eq!(by_injection.len(), bench.catalogue.features().len());
}

#[test]
fn where_anything_may_be_measured_nothing_is_met_and_what_a_row_names_must_be_there() {
    let shown = board(&[
        ("map.core", FeatureState::MajorOutage),
        ("map.transit", FeatureState::Unknown),
    ]);
    let rows = [
        expected("map.core", Vec::new()),
        expected("map.transit", Vec::new()),
        expected("account.login", vec![Wanted::Up]),
    ];
    let rows = Bench::new().rows("11:30", &shown, &rows);
    assert_eq!(row_of(&rows, "map.core", None).verdict, Verdict::Open);
    for unseen in ["map.transit", "account.login"] {
        let row = row_of(&rows, unseen, None);
        assert_eq!(row.verdict, Verdict::Unexplained, "{unseen}");
    }
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
fn a_region_is_told_in_the_words_of_a_feature_that_has_it_alone() {
    use FeatureState::{Maintenance, MajorOutage, Operational, PartialOutage};
    let told = |cell: CellView| of_cell(&cell).state;
    let down = || cell("kr-seoul", CellState::Down, Vec::new());
    assert_eq!(told(down()), MajorOutage);
    let unsure = CellView {
        confidence: Confidence::Low,
        ..down()
    };
    assert_eq!(told(unsure), PartialOutage, "one agent alone");
    let up = |overlays| told(cell("kr-seoul", CellState::Up, overlays));
    assert_eq!(up(Vec::new()), Operational);
    assert_eq!(up(vec![Overlay::Slow]), FeatureState::Degraded);
    let both = vec![Overlay::Slow, Overlay::Maintenance];
    assert_eq!(up(both), Maintenance);
}

#[test]
fn every_feature_that_no_row_names_is_held_against_the_row_of_the_rest() {
    let bench = Bench::new();
    let busan = Some("kr-busan");
    let wanted = [
        expected(MONEY, vec![Wanted::Down(None)]),
        expected("*", vec![Wanted::Up]),
        ExpectedRow {
            region: busan.map(|id| RegionId::new(id).unwrap()),
            ..expected("*", vec![Wanted::Unknown])
        },
    ];
    let mut shown = board(&[
        (MONEY, FeatureState::MajorOutage),
        ("account.login", FeatureState::Operational),
        ("map.core", FeatureState::PartialOutage),
    ]);
    shown.features[1].regions = vec![
        cell("kr-seoul", CellState::Up, Vec::new()),
        cell("kr-busan", CellState::Unknown, Vec::new()),
    ];
    shown.features[2].regions = vec![cell("kr-busan", CellState::Suspect, vec![Overlay::Partial])];
    let rows = bench.rows("11:30", &shown, &wanted);
    let features = bench.catalogue.features().len();
    assert_eq!(rows.len(), 2 * features, "none is left out");
    let of = |id, region| row_of(&rows, id, region);
    assert_eq!(of(MONEY, None).verdict, Verdict::Met);
    assert_eq!(of("account.login", None).verdict, Verdict::Met);
    assert_eq!(of("map.core", None).verdict, Verdict::Unexplained);
    assert_eq!(of("account.login", busan).verdict, Verdict::Met);
    let partly = of("map.core", busan);
    assert_eq!(partly.measured, Some(FeatureState::Degraded));
    assert_eq!(partly.verdict, Verdict::Unexplained);
    // A feature that the region does not see at all.
    let unseen = of(MONEY, busan);
    assert_eq!((unseen.verdict, unseen.claimed), (Verdict::NotThere, None));
}

#[test]
fn a_board_that_did_not_see_enough_is_not_as_expected_however_well_it_looks() {
    let wanted = [ExpectedRow {
        at_least: Some(AtLeast::Seen(95)),
        ..expected("account.login", vec![Wanted::Up])
    }];
    let verdict = |coverage| {
        let mut shown = board(&[("account.login", FeatureState::Operational)]);
        shown.features[0].availability.hours_24.coverage = coverage;
        Bench::new().rows("11:30", &shown, &wanted)[0].verdict
    };
    assert_eq!(verdict(0.96), Verdict::Met);
    assert_eq!(verdict(0.94), Verdict::Unexplained);
}

#[test]
fn what_goes_up_and_down_is_as_expected_where_enough_of_the_last_hour_failed() {
    let wanted = [ExpectedRow {
        at_least: Some(AtLeast::Failed(5)),
        ..expected("account.login", vec![Wanted::Up, Wanted::Degraded])
    }];
    let verdict = |own| {
        let mut shown = board(&[("account.login", FeatureState::Operational)]);
        shown.features[0].availability.hour.own = own;
        Bench::new().rows("11:30", &shown, &wanted)[0].verdict
    };
    assert_eq!(verdict(Some(0.9)), Verdict::Met);
    assert_eq!(verdict(Some(0.96)), Verdict::Unexplained);
    assert_eq!(verdict(None), Verdict::Unexplained, "nothing is known");
}

#[test]
fn an_outage_that_is_over_for_sure_makes_no_later_one_partial() {
    let (scenario, catalogue) = (scenario(), catalogue());
    let timeline = Timeline::new(&scenario, 1);
    let judge = Judge {
        timeline: &timeline,
        catalogue: &catalogue,
        lag: lag(),
        at: at("20:00"),
    };
    let span = |from, until, lie| Span {
        from: at(from),
        until: at(until),
        lie,
        is_synthetic: false,
        is_modelled: false,
    };
    use Lie::{Broken, Impaired, Works};
    let after = |before: &[Span]| judge.confirmed_after(&span("15:00", "20:00", Works), before);
    let broken = span("14:00", "15:00", Broken);
    assert_eq!(after(&[broken]), lag().up);
    let impaired = span("10:00", "12:00", Impaired);
    assert_eq!(after(&[impaired, broken]), lag().up_partial);
    let works = |until| span("12:00", until, Works);
    let sure = [impaired, works("14:00"), broken];
    assert_eq!(after(&sure), lag().up);
    let unsure = [impaired, works("12:30"), span("12:30", "15:00", Broken)];
    assert_eq!(after(&unsure), lag().up_partial);
}

/// A row that is expected before the rule can be sure cannot fail: whatever is measured is within
/// the lag.
#[test]
fn every_row_of_a_shipped_scenario_is_expected_when_the_rule_can_be_sure() {
    let catalogue = catalogue();
    for shipped in SHIPPED {
        let scenario = load(&shipped.files()).unwrap();
        let expected = load_expected(&shipped.expected(), &scenario).unwrap();
        let shape = Shape {
            regions: scenario.regions,
            agents: scenario.agents,
            every: scenario.every,
            ..Shape::default()
        };
        let instants = expected.iter().map(|row| row.at);
        let boards: BTreeSet<_> = instants.chain([scenario.until]).collect();
        for (seed, at) in (1..=5).flat_map(|seed| boards.iter().map(move |at| (seed, *at))) {
            let timeline = Timeline::new(&scenario, seed);
            let judge = Judge {
                timeline: &timeline,
                catalogue: &catalogue,
                // Where runs come latest.
                lag: Lag::of(&shape, Tempo::Hurried(speed_max(&scenario))),
                at,
            };
            let rows = judge.rows((&board(&[]), &ClaimBook::default()), &expected);
            let unsure = rows
                .iter()
                .filter(|row| {
                    !row.wanted.is_empty() && judge.is_within_lag(&judge.spans(&row.feature))
                })
                .map(|row| row.feature.as_str());
            let unsure: Vec<_> = unsure.collect();
            let when = in_zone(at, &scenario.zone);
            assert_eq!(unsure, [] as [&str; 0], "{} at {when}", shipped.name);
        }
    }
}
