//! An outage of a day: what holds in it when.

use bongsu_language::SourceFile;
use bongsu_superapp::{Component, PlatformFeature};

use super::super::load;
use super::*;

/// An outage of a day with a time that nobody knows and a fault for half of the time.
const ROWS: &str = "time,track,on,change,source,confidence,note\n\
    2022-10-15T10:00Z,fact,pay-core,down,ministry,high,\n\
    2022-10-15T10:00Z,modelled,relay,down by refuse,,,\n\
    2022-10-15T12:00Z,modelled,relay,degraded by error=503 50%,,,\n\
    2022-10-15T14:00Z,modelled,relay,up,,,\n\
    2022-10-15T13:00Z/2022-10-15T20:00Z,modelled,pay-core,up,,,\n\
    2022-10-15T12:30Z,claim,talk.message.text,up,notice,high,\n\
    2022-10-15T10:30Z,claim,*,down,notice,high,\n";

fn scenario() -> Scenario {
    load(&[SourceFile::new("day.csv", ROWS)]).unwrap()
}

fn at(text: &str) -> Timestamp {
    super::super::instant(&format!("2022-10-15T{text}Z"), "UTC").unwrap()
}

fn told(timeline: &Timeline<'_>, time: &str) -> Vec<String> {
    let faults = timeline.faults_at(at(time));
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn what_holds_is_the_newest_row_on_each_part() {
    let scenario = scenario();
    let timeline = Timeline::new(&scenario, 1);
    assert_eq!(told(&timeline, "09:59"), [] as [&str; 0]);
    let both = ["relay:refuse", "pay-core:error=503"];
    assert_eq!(told(&timeline, "10:00"), both);
    assert_eq!(told(&timeline, "11:59:59"), both);
    assert!(!told(&timeline, "12:00").contains(&both[0].to_owned()));
    assert_eq!(told(&timeline, "20:00"), [] as [&str; 0]);
}

#[test]
fn a_fault_for_a_share_of_the_time_is_there_for_about_that_share() {
    let scenario = scenario();
    let timeline = Timeline::new(&scenario, 1);
    let mut now = at("12:00");
    let (mut windows, mut broken) = (0, 0);
    while now < at("14:00") {
        windows += 1;
        let faults = timeline.faults_at(now);
        broken += usize::from(
            faults
                .iter()
                .any(|fault| fault.on == FaultPoint::Component(Component::Relay)),
        );
        let next = timeline.next_change(now).unwrap();
        assert!(
            next > now && next <= now + WINDOW,
            "it changes with each window"
        );
        now = next;
    }
    assert!((90..=110).contains(&windows), "{windows}");
    assert!((30..=70).contains(&broken), "{broken} of {windows}");
    let again = Timeline::new(&scenario, 1);
    assert_eq!(
        again.faults_at(at("13:07")),
        timeline.faults_at(at("13:07"))
    );
}

#[test]
fn what_nobody_knows_is_drawn_from_the_seed_within_its_bounds() {
    let scenario = scenario();
    let drawn = |seed| {
        let timeline = Timeline::new(&scenario, seed);
        let mut synthetic = timeline.happenings().iter().filter(|one| one.is_synthetic);
        let only = *synthetic.next().unwrap();
        assert!(synthetic.next().is_none());
        only.at
    };
    assert_eq!(drawn(7), drawn(7));
    let all: BTreeSet<_> = (0..50).map(drawn).collect();
    assert!(all.len() > 30, "seeds differ");
    let bounds = at("13:00")..at("20:00");
    assert!(all.iter().all(|drawn| bounds.contains(drawn)));
}

#[test]
fn a_feature_lies_as_what_it_rests_on() {
    let scenario = scenario();
    let timeline = Timeline::new(&scenario, 1);
    let hard = |feature| [(feature, DependencyStrength::Hard)];
    let lies = |feature| {
        let spans = timeline.spans(&hard(feature));
        spans
            .into_iter()
            .map(|span| (span.lie, span.is_synthetic))
            .collect::<Vec<_>>()
    };
    use Lie::{Broken, Impaired, Works};
    assert_eq!(
        lies(PlatformFeature::TalkMessageText),
        [
            (Works, false),
            (Broken, false),
            (Impaired, false),
            (Works, false)
        ]
    );
    assert_eq!(
        lies(PlatformFeature::PayTransferAccount),
        [(Works, false), (Broken, true), (Works, true)]
    );
    assert_eq!(lies(PlatformFeature::AccountLogin), [(Works, false)]);
    // What it can do without only impairs it.
    let soft = [(
        PlatformFeature::PayTransferAccount,
        DependencyStrength::Soft,
    )];
    let worst = timeline.spans(&soft).into_iter().map(|span| span.lie).max();
    assert_eq!(worst, Some(Impaired));
    // A fact and a made-up row break them: only the latter is modelled.
    let (_, is_modelled) = timeline.lie(PlatformFeature::PayTransferAccount, at("11:00"));
    assert!(!is_modelled);
    let (_, is_modelled) = timeline.lie(PlatformFeature::TalkMessageText, at("11:00"));
    assert!(is_modelled);
}

#[test]
fn statements_are_known_once_they_are_public_and_the_newest_counts() {
    let scenario = scenario();
    let timeline = Timeline::new(&scenario, 1);
    let text = FeatureId::new("talk.message.text").unwrap();
    let said = |time| {
        let found = timeline.statement(bongsu_model::Track::Claim, &text, at(time));
        found.map(|happening| match happening.row.event {
            Event::Statement { state, .. } => state.as_str(),
            _ => "",
        })
    };
    assert_eq!(said("10:29"), None);
    assert_eq!(
        said("10:30"),
        Some("down"),
        "what is said of all is said of it"
    );
    assert_eq!(said("13:00"), Some("up"));
    let observed = timeline.statement(bongsu_model::Track::Observed, &text, at("13:00"));
    assert!(observed.is_none());
}

/// The main centre without power, with more and more taken into the other.
const LOST: &str = "time,track,on,change,source,confidence,note\n\
    2022-10-15T10:00Z,fact,facility:dc-a,down,ministry,high,\n\
    2022-10-15T11:00Z,modelled,account,failed over,,,\n\
    2022-10-15T11:00Z,modelled,relay,failed over,,,\n\
    2022-10-15T12:00Z,modelled,media-store,failed over,,,\n\
    2022-10-15T12:00Z,modelled,big-data,failed over,,,\n\
    2022-10-15T13:00Z,modelled,push,failed over,,,\n\
    2022-10-15T13:00Z,modelled,cache,failed over,,,\n\
    2022-10-15T14:00Z,modelled,cdn,failed over,,,\n\
    2022-10-15T15:00Z,modelled,cdn,back home,,,\n\
    2022-10-15T16:00Z/2022-10-15T17:00Z,modelled,facility:dc-a,up,,,\n\
    2022-10-15T18:00Z,modelled,facility:dc-b,down,,,\n";

#[test]
fn what_lies_so_by_a_made_up_row_is_modelled_whatever_became_known_since() {
    const HEAD: &str = "time,track,on,change,source,confidence,note\n";
    let is_modelled = |rows: &str, feature, time| {
        let rows = format!("{HEAD}{rows}");
        let scenario = load(&[SourceFile::new("rows.csv", rows)]).unwrap();
        let (lie, is_modelled) = Timeline::new(&scenario, 1).lie(feature, at(time));
        assert_ne!(lie, Lie::Works);
        is_modelled
    };
    let failed_over = "2022-10-15T09:00Z,modelled,media-store,failed over,,,\n";
    let other_centre = "2022-10-15T10:00Z,fact,facility:dc-b,down,ministry,high,\n\
        2022-10-15T11:00Z,fact,facility:dc-b,up,ministry,high,\n";
    let restored = format!("{failed_over}{other_centre}");
    let image = PlatformFeature::TalkMessageImage;
    assert!(is_modelled(&restored, image, "12:00"));
    let dark = "2022-10-15T09:00Z,fact,facility:dc-a,down,ministry,high,\n";
    let moved = "2022-10-15T10:00Z,fact,account,failed over,ministry,high,\n";
    let back = "2022-10-15T11:00Z,modelled,account,back home,,,\n";
    let login = PlatformFeature::TalkLoginPc;
    assert!(!is_modelled(dark, login, "12:00"));
    assert!(is_modelled(&format!("{dark}{moved}{back}"), login, "12:00"));
    let six = ["account", "cache", "relay", "push", "search", "pay-core"];
    let six = six.map(|one| format!("2022-10-15T09:00Z,fact,{one},failed over,ministry,high,\n"));
    let seventh = "2022-10-15T10:00Z,modelled,cdn,failed over,,,\n";
    assert!(is_modelled(
        &format!("{}{seventh}", six.concat()),
        login,
        "12:00"
    ));
}

#[test]
fn a_feature_lies_as_the_centre_does_that_it_is_served_from() {
    use Lie::{Broken, Impaired, Works};
    let scenario = load(&[SourceFile::new("lost.csv", LOST)]).unwrap();
    let timeline = Timeline::new(&scenario, 1);
    let lie = |feature, time| timeline.lie(feature, at(time));
    let login_pc = PlatformFeature::TalkLoginPc;
    assert_eq!(lie(login_pc, "09:59"), (Works, false));
    assert_eq!(lie(login_pc, "10:00"), (Broken, false), "it is known");
    assert_eq!(
        lie(login_pc, "11:00"),
        (Works, false),
        "it has all it needs"
    );
    let text = PlatformFeature::TalkMessageText;
    assert_eq!(lie(text, "11:00"), (Impaired, false), "nothing is pushed");
    assert_eq!(lie(text, "13:00"), (Works, false));
    for not_whole in [
        PlatformFeature::TalkMessageImage,
        PlatformFeature::EntMelonChart,
    ] {
        assert_eq!(lie(not_whole, "11:59"), (Broken, false));
        assert_eq!(lie(not_whole, "12:00"), (Impaired, true));
    }
    assert_eq!(
        lie(login_pc, "14:00"),
        (Impaired, true),
        "seven are too many"
    );
    assert_eq!(lie(login_pc, "15:00"), (Works, false));
    // What is served from there is gone with it, and what was never moved is home.
    assert_eq!(lie(login_pc, "18:00"), (Broken, true));
    assert_eq!(lie(PlatformFeature::EntWebtoon, "17:59"), (Works, false));
    for time in ["10:00", "13:00", "18:00"] {
        assert_eq!(lie(PlatformFeature::BankApp, time), (Works, false));
    }
    // When power returns is drawn.
    let spans = timeline.spans(&[(PlatformFeature::MapCore, DependencyStrength::Hard)]);
    let told: Vec<_> = spans
        .iter()
        .map(|span| (span.lie, span.is_synthetic))
        .collect();
    assert_eq!(told, [(Works, false), (Broken, true), (Works, true)]);
    let next = timeline.next_change(at("10:30"));
    assert_eq!(next, Some(at("11:00")), "nothing is drawn window by window");
}
