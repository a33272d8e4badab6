//! Scenario files: every mistake is told at once, as people read it; what is shipped can be played.

use std::collections::BTreeSet;
use std::path::Path;

use bongsu_language::{Colour, SourceFile};
use bongsu_model::{ClaimedState, Comparison, FeatureId};
use bongsu_rehearsal::scenario::{
    self, Event, ExpectedRow, SHIPPED, Timeline, Track, Wanted, Whose, instant,
};
use bongsu_superapp::{Facilities, PlatformFeature};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rehearsal/bad")
}

/// Every file of `bad/` with the mistakes that are told of it beside it: NAME.err.
#[test]
fn every_mistake_of_a_file_is_told_with_its_place_and_remedy() {
    let regenerate = std::env::var_os("BONGSU_REGENERATE").is_some();
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".err"))
        .collect();
    names.sort();
    assert!(names.len() >= 5, "{names:?}");
    for name in names {
        let text = std::fs::read_to_string(folder().join(&name)).unwrap();
        let files = [SourceFile::new(name.as_str(), text)];
        let mistakes = if name.ends_with(".expected.csv") {
            scenario::load_expected(&files[0], &pangyo().0).err()
        } else {
            scenario::load(&files).err()
        };
        let mistakes = mistakes.unwrap_or_default();
        let drawn = mistakes
            .iter()
            .map(|one| one.render(&files, Colour::Plain) + "\n");
        let told = drawn.collect::<Vec<_>>().join("\n");
        let golden = folder().join(format!("{name}.err"));
        if regenerate {
            std::fs::write(&golden, &told).unwrap();
        }
        let wanted = std::fs::read_to_string(&golden).unwrap_or_default();
        assert!(!told.is_empty(), "{name} has no mistake");
        assert!(mistakes.iter().all(|one| !one.help.is_empty()), "{told}");
        assert_eq!(told, wanted, "{name}: BONGSU_REGENERATE=1 writes it anew");
    }
}

#[test]
fn every_shipped_scenario_can_be_played_and_knows_its_rows() {
    for shipped in SHIPPED {
        let files = shipped.files();
        let scenario = scenario::load(&files).unwrap_or_else(|mistakes| {
            let drawn = mistakes.iter().map(|one| one.render(&files, Colour::Plain));
            panic!("{}", drawn.collect::<Vec<_>>().join("\n\n"))
        });
        assert_eq!(scenario.name, shipped.name);
        assert_ne!(scenario.names.ko, scenario.names.en, "{}", shipped.name);
        assert!(!scenario.about.is_empty(), "{}", shipped.name);
        for row in &scenario.rows {
            let is_sourced = row.event.is_modelled() || !row.source.is_empty();
            assert!(is_sourced, "{}", row.position);
        }
    }
}

/// What is expected is read with the scenario: of features that are offered, at instants at which
/// it is played.
#[test]
fn every_shipped_scenario_says_what_the_board_must_show_during_and_after() {
    for shipped in SHIPPED {
        let name = shipped.name;
        let scenario = scenario::load(&shipped.files()).unwrap();
        let file = shipped.expected();
        let rows = scenario::load_expected(&file, &scenario).unwrap_or_else(|mistakes| {
            let files = [file];
            let drawn = mistakes.iter().map(|one| one.render(&files, Colour::Plain));
            panic!("{}", drawn.collect::<Vec<_>>().join("\n\n"))
        });
        let timeline = Timeline::new(&scenario, 1);
        let is_disturbed = |at| {
            let faults = !timeline.faults_at(at).is_empty();
            let centres = timeline.facilities_at(at);
            let moved = Facilities::default().acts_towards(&centres);
            faults || !timeline.cut_at(at).is_empty() || !moved.is_empty()
        };
        assert!(rows.iter().any(|row| is_disturbed(row.at)), "{name}");
        if name != "pangyo-2022" {
            let mut last = rows.iter().filter(|row| row.at == scenario.until);
            assert!(last.any(|row| row.of == Whose::Rest), "{name}: the end");
            assert!(!is_disturbed(scenario.until), "{name}: it is over by then");
        }
    }
}

#[test]
fn the_bank_lies_in_a_centre_of_its_own_whenever_another_is_lost() {
    for name in ["pangyo-2022", "power-lost"] {
        let shipped = scenario::shipped(name).unwrap();
        let scenario = scenario::load(&shipped.files()).unwrap();
        let never: Vec<_> = scenario.never.iter().map(|one| one.as_str()).collect();
        assert_eq!(never, ["bank.app"], "{name}");
    }
}

#[test]
fn a_file_of_rows_that_is_named_and_not_there_is_told() {
    let text = "format = 1\nscenario = \"a\"\nrows = [\"b.csv\"]\n";
    let mistakes = scenario::load(&[SourceFile::new("a.toml", text)]).unwrap_err();
    assert!(
        mistakes[0].message.contains("`b.csv` is not there"),
        "{mistakes:?}"
    );
}

#[test]
fn what_a_feature_can_do_without_may_be_broken_where_it_must_never_be_out() {
    let text = "format = 1\nscenario = \"a\"\nzone = \"Asia/Seoul\"\n\
        never = [\"talk.board.notice\"]\n[[row]]\ntime = \"2026-03-02T10:00\"\n\
        track = \"modelled\"\non = \"relay\"\nchange = \"down\"\n";
    let read = |text: &str| scenario::load(&[SourceFile::new("a.toml", text)]);
    assert_eq!(read(text).unwrap().never.len(), 1);
    let mistakes = read(&text.replace("\"relay\"", "\"board-db\"")).unwrap_err();
    assert!(mistakes[0].message.contains("is broken by"), "{mistakes:?}");
}

fn pangyo() -> (scenario::Scenario, Vec<ExpectedRow>) {
    let shipped = scenario::shipped("pangyo-2022").unwrap();
    let scenario = scenario::load(&shipped.files()).unwrap();
    let expected = shipped.expected();
    let expected = scenario::load_expected(&expected, &scenario).unwrap();
    (scenario, expected)
}

#[test]
fn the_board_of_half_past_two_is_that_of_the_article() {
    let (scenario, expected) = pangyo();
    let at = instant("2022-10-16T14:30+09:00", "UTC").unwrap();
    let timeline = Timeline::new(&scenario, 1);
    let rows: Vec<_> = expected.iter().filter(|row| row.at == at).collect();
    let wanted = |measured: &[Wanted], claimed| {
        let rows = rows
            .iter()
            .filter(|row| row.measured == measured && row.claimed == claimed);
        rows.count()
    };
    let up = [Wanted::Up];
    // Text messages and the two channels for complaints are claimed as up too, and 14 features by
    // another paper.
    assert_eq!(wanted(&up, Some(ClaimedState::Up)), 21 + 1 + 2 + 14);
    let recovering = [Wanted::Recovering, Wanted::Down(None)];
    assert_eq!(
        wanted(&recovering, Some(ClaimedState::Recovering)),
        16 + 6,
        "files, the drawer, voice rooms, the bank's messages, mail and games are of another paper"
    );
    assert_eq!(wanted(&up, Some(ClaimedState::Unmeasured)), 2);
    assert_eq!(
        wanted(&[Wanted::Down(None)], None),
        2,
        "the kiosk, and the web form"
    );
    // Every feature that is measured: the 43 of the article among them.
    let named = |row: &ExpectedRow| match &row.of {
        Whose::Feature(feature) => feature.clone(),
        Whose::Rest => panic!("the article states every row"),
    };
    let features: BTreeSet<_> = rows.iter().map(|row| named(row)).collect();
    let features: BTreeSet<_> = features.iter().map(FeatureId::as_str).collect();
    let offered = PlatformFeature::ALL.iter().map(|feature| feature.as_str());
    assert_eq!(features, offered.collect());
    assert_eq!(rows.len(), features.len());
    for row in &rows {
        let said = timeline.statement(bongsu_model::Track::Claim, &named(row), at);
        let said = said.and_then(|happening| match happening.row.event {
            Event::Statement { state, .. } => Some(state),
            _ => None,
        });
        let expected = row.claimed.or(Some(ClaimedState::Down)); // What is said of all.
        assert_eq!(said, expected, "{}", named(row));
    }
    let later = instant("2022-10-16T15:05+09:00", "UTC").unwrap();
    let taxi: Vec<_> = expected.iter().filter(|row| row.at == later).collect();
    assert_eq!(taxi.len(), 1);
    assert_eq!(taxi[0].comparison, Some(Comparison::MeasuredWorse));
}

#[test]
fn what_is_unknown_is_drawn_between_its_bounds_and_no_other_time_is() {
    let (scenario, _) = pangyo();
    let bounds = instant("2022-10-16T14:31+09:00", "UTC").unwrap()
        ..instant("2022-10-18T09:00+09:00", "UTC").unwrap();
    for seed in 0..20 {
        let timeline = Timeline::new(&scenario, seed);
        let drawn = timeline.happenings().iter().filter(|one| one.is_synthetic);
        let conditions: Vec<_> = drawn
            .filter(|one| {
                !matches!(
                    one.row.event,
                    Event::Annotation {
                        track: Track::Claim,
                        ..
                    }
                )
            })
            .collect();
        // Images and videos, two kinds of open chat rooms, calendar, wallet, push, kiosk.
        assert_eq!(conditions.len(), 7);
        assert!(conditions.iter().all(|one| bounds.contains(&one.at)));
    }
}
