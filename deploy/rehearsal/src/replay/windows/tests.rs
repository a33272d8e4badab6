//! Outages that lie where they were injected, and those that do not.

use super::super::verdict::tests::{at, board, catalogue, lag, scenario};
use super::*;
use crate::scenario::Timeline;

fn change(time: &str, to: FeatureState, onset: Option<&str>) -> Transition {
    Transition {
        at: at(time),
        change: Change::Feature {
            target: crate::fleet::superapp(),
            feature: FeatureId::new("pay.transfer.account").unwrap(),
            from: FeatureState::Unknown,
            to,
            blocked_by: None,
            onset: onset.map(at),
        },
        evidence: Vec::new(),
    }
}

/// The windows of money, which is down from 10:00 to 12:00, as judged at `until`.
fn windows(until: &str, transitions: &[Transition]) -> Vec<JudgedWindow> {
    let (scenario, catalogue) = (scenario(), catalogue());
    let timeline = Timeline::new(&scenario, 1);
    let mut measured = Measured::default();
    for transition in transitions {
        measured.take(transition);
    }
    let judge = Judge {
        timeline: &timeline,
        catalogue: &catalogue,
        lag: lag(),
        at: at(until),
    };
    let shown = board(&[("pay.transfer.account", Operational)]);
    let all = super::judge(&judge, &shown, &measured).into_iter();
    all.filter(|window| window.feature.as_str() == "pay.transfer.account")
        .collect()
}

/// The only window's problems.
fn problems(until: &str, transitions: &[Transition]) -> Vec<String> {
    let windows = windows(until, transitions);
    assert_eq!(windows.len(), 1, "{windows:?}");
    windows[0].problems.clone()
}

use FeatureState::{MajorOutage, Operational, Recovering};

#[test]
fn an_outage_that_lies_where_it_was_injected_is_explained() {
    let story = [
        change("10:25", MajorOutage, Some("10:04")),
        change("12:10", Recovering, None),
        change("12:40", Operational, None),
    ];
    assert_eq!(problems("13:00", &story), [] as [&str; 0]);
    let window = &windows("13:00", &story)[0];
    let outage = window.measured.unwrap();
    assert_eq!(outage.onset, Some(at("10:04")));
    assert_eq!(outage.recovered, Some(at("12:40")));
    assert!(window.injected.is_modelled);
}

#[test]
fn what_was_behind_something_else_is_out_since_then_however_late_it_is_seen_to_fail() {
    let mut blocked = change("10:20", FeatureState::Unknown, None);
    if let Change::Feature { blocked_by, .. } = &mut blocked.change {
        *blocked_by = Some(FeatureId::new("account.login").unwrap());
    }
    let story = [
        blocked,
        change("11:20", MajorOutage, Some("11:10")),
        change("12:40", Operational, None),
    ];
    assert_eq!(problems("13:00", &story), [] as [&str; 0]);
    let outage = windows("13:00", &story)[0].measured.unwrap();
    assert_eq!((outage.detected, outage.onset), (at("10:20"), None));
}

#[test]
fn what_is_missed_late_early_or_false_is_told() {
    let told = |until: &str, story: &[Transition]| problems(until, story).join("; ");
    assert!(told("13:00", &[]).contains("never measured"));
    let late = [change("11:00", MajorOutage, Some("10:50"))];
    let text = told("11:30", &late);
    assert!(text.contains("detected after 60.0 min"), "{text}");
    assert!(text.contains("begun after 50.0 min"), "{text}");
    let under_way = [change("10:25", MajorOutage, Some("09:58"))];
    assert_eq!(told("11:30", &under_way), "", "a run that was under way");
    let before = [change("10:25", MajorOutage, Some("09:56"))];
    let text = told("11:30", &before);
    assert!(text.contains("begun 4.0 min too early"), "{text}");
    let recovered = |time| {
        let down = change("10:25", MajorOutage, Some("10:04"));
        [down, change(time, Operational, None)]
    };
    let early = told("13:00", &recovered("11:24"));
    assert!(early.contains("while it was broken"), "{early}");
    let in_sight = told("13:00", &recovered("11:26"));
    assert_eq!(in_sight, "", "the rule is not sure again yet");
    let stuck = [change("10:25", MajorOutage, Some("10:04"))];
    assert_eq!(told("12:30", &stuck), "", "it is still being confirmed");
    let false_one = [change("09:30", MajorOutage, Some("09:25"))];
    let told = windows("09:45", &false_one);
    assert_eq!(told.len(), 1);
    assert!(told[0].problems[0].contains("while nothing was injected"));
}

#[test]
fn an_outage_after_it_worked_is_another_one() {
    let story = |again| {
        [
            change("10:25", MajorOutage, Some("10:04")),
            change("11:40", Operational, None),
            change(again, MajorOutage, Some(again)),
        ]
    };
    let problems = |again, until| {
        let windows = windows(until, &story(again)).into_iter();
        let told = windows.map(|window| window.problems.join("; "));
        told.collect::<Vec<_>>()
    };
    assert_eq!(problems("11:50", "11:55"), [""], "it was in sight again");
    let one = &windows("11:55", &story("11:50"))[0];
    assert_eq!(one.measured.unwrap().recovered, None, "it is one outage");
    let working = [
        change("10:25", MajorOutage, Some("10:04")),
        change("12:20", Operational, None),
        change("12:50", MajorOutage, Some("12:46")),
    ];
    let both = windows("13:00", &working);
    assert_eq!(both.len(), 2, "{both:?}");
    assert_eq!(both[0].measured.unwrap().recovered, Some(at("12:20")));
    assert_eq!(both[0].problems, [] as [&str; 0]);
    let false_one = &both[1].problems[0];
    assert!(
        false_one.contains("while nothing was injected"),
        "{false_one}"
    );
}
