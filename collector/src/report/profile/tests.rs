//! The shipped papers, and every mistake that one of them could hold.

use std::path::Path;

use super::*;
use crate::report::shelf::{Kind, Paper, Shelf};

const GOOD: &str = include_str!("../../../duties/kr-regulator-dc.toml");

fn problems(text: &str) -> String {
    read(text, Path::new("own.toml")).unwrap_err().to_string()
}

#[test]
fn every_shipped_profile_is_read_and_names_its_sources() {
    let shelf = Shelf::shipped().unwrap();
    let ids: Vec<_> = shelf
        .profiles()
        .map(|profile| profile.id.to_string())
        .collect();
    assert_eq!(
        ids,
        [
            "kr-notice-2019",
            "kr-notice-2025",
            "kr-damages-notice",
            "kr-regulator-vas",
            "kr-regulator-dc",
            "kr-efin",
            "internal-20min",
        ]
    );
    for profile in shelf.profiles() {
        assert!(
            !profile.sources.is_empty() && !profile.verify.is_empty(),
            "{}",
            profile.id
        );
    }
    let day = |text: &str| text.parse::<Date>().unwrap();
    for (of, expected) in [
        (
            "2022-10-15",
            &[
                "kr-notice-2019",
                "kr-damages-notice",
                "kr-efin",
                "internal-20min",
            ][..],
        ),
        (
            "2023-07-03",
            &[
                "kr-notice-2019",
                "kr-damages-notice",
                "kr-efin",
                "internal-20min",
            ],
        ),
        (
            "2025-03-28",
            &[
                "kr-notice-2025",
                "kr-damages-notice",
                "kr-regulator-vas",
                "kr-regulator-dc",
                "kr-efin",
                "internal-20min",
            ],
        ),
    ] {
        let profiles = shelf.profiles().filter(|profile| profile.days.has(day(of)));
        let ids: Vec<_> = profiles.map(|profile| profile.id.as_str()).collect();
        assert_eq!(ids, expected, "{of}");
    }
}

#[test]
fn a_profile_holds_no_nonsense_and_every_mistake_has_its_place_and_remedy() {
    for (known, wrong, says) in [
        ("format = 1", "format = 2", "format 2 is not known"),
        ("id = \"kr-regulator-dc\"", "id = \"KR dc\"", "KR dc"),
        ("id = \"kr-regulator-dc\"\n", "", "the key `id` is missing"),
        (
            "duty = \"report-authority\"",
            "duty = \"report\"",
            "use one of notify-users",
        ),
        (
            "from = \"2023-07-04\"",
            "from = \"4 July 2023\"",
            "write it as 2025-03-28",
        ),
        (
            "from = \"2023-07-04\"",
            "from = \"2023-07-04\"\nuntil = \"2023-07-04\"",
            "give a later day",
        ),
        (
            "due = \"without-delay\"",
            "due = \"soon\"",
            "is not a due time",
        ),
        (
            "due = \"without-delay\"",
            "due = { within = \"30d\" }",
            "the key `of` is missing",
        ),
        (
            "due = \"without-delay\"",
            "due = { within = \"30d\", of = \"end\" }",
            "use one of onset",
        ),
        (
            "at_least = \"30m\"",
            "at_least = \"half an hour\"",
            "is not a duration",
        ),
        (
            "at_least = \"30m\"",
            "at_least = \"30m\"\nlonger_than = \"2h\"",
            "has one of",
        ),
        ("at_least = \"30m\"\n", "", "has one of"),
        ("count = 2", "count = 1", "use 2 or more cuts"),
        (
            "total = \"45m\"",
            "total = \"25h\"",
            "cannot be longer than `within`",
        ),
        (
            "total = \"45m\"",
            "sum = \"45m\"",
            "the keys here are count, within, total",
        ),
        ("hall_m2_below = 500", "", "frees everybody"),
        ("hall_m2_below = 500", "hall_m2_below = 0", "above 0"),
        (
            "hall_m2_below = 500",
            "paid = [\"gratis\"]",
            "one of free, subscription, per-use",
        ),
        (
            "hall_m2_below = 500",
            "traffic_share_below = 2",
            "write 2 % as 0.02",
        ),
        (
            "must_say = [\"time-and-place\", ",
            "must_say = [\"time\", ",
            "use one of fact",
        ),
        (
            "sources = [\"L5 정보통신망법 제46조, 제48조, 시행령 제40조, 제41조\", \"L6 보안뉴스 2023-06-27\"]",
            "sources = []",
            "name one at least",
        ),
        (
            "\"data-centre\", \"data-centre-tenant\"]\nat",
            "\"data-centre\", \"data-centre\"]\nat",
            "stands twice",
        ),
        ("recipient", "recipent", "did you mean `recipient`?"),
        (
            ", en = \"Ministry of Science and ICT\"",
            "",
            "the key `en` is missing",
        ),
        ("Ministry of Science and ICT", "", "the text is empty"),
    ] {
        assert!(GOOD.contains(known), "{known}");
        let found = problems(&GOOD.replacen(known, wrong, 1));
        assert!(found.contains("own.toml:"), "{found}");
        assert!(found.contains(says), "{found} does not say {says}");
    }
    let (before, _) = GOOD.split_once("[[trigger]]").unwrap();
    assert!(problems(before).contains("write a `[[trigger]]`"));
    assert!(problems("a = ").contains("own.toml:1:"));
}

#[test]
fn a_contract_holds_no_nonsense_either() {
    let good = include_str!("../../../contracts/kt-2021.toml");
    for (known, wrong, says) in [
        (
            "in_a_month = \"6h\"",
            "in_a_month = \"2h\"",
            "cannot be shorter than",
        ),
        ("in_a_row = \"3h\"", "in_a_row = 3", "expected a text"),
        ("credit", "credits", "did you mean `credit`?"),
    ] {
        let text = good.replacen(known, wrong, 1);
        let read = super::super::contract::read(&text, Path::new("own.toml"));
        let found = read.unwrap_err().to_string();
        assert!(found.contains(says), "{found} does not say {says}");
    }
}

#[test]
fn a_folder_adds_profiles_and_takes_the_place_of_shipped_ones() {
    let folder = tempfile::tempdir().unwrap();
    let own = GOOD.replace("at_least = \"30m\"", "at_least = \"15m\"");
    std::fs::write(folder.path().join("dc.toml"), &own).unwrap();
    let other = GOOD.replace("kr-regulator-dc", "own-rule");
    std::fs::write(folder.path().join("own.toml"), other).unwrap();
    std::fs::create_dir(folder.path().join("contracts")).unwrap();
    let contract = include_str!("../../../contracts/kt-2021.toml").replace("\"3h\"", "\"2h\"");
    std::fs::write(folder.path().join("contracts/kt.toml"), contract).unwrap();
    std::fs::write(folder.path().join("README.md"), "no profile").unwrap();
    let shelf = Shelf::with_folder(Some(folder.path())).unwrap();
    assert_eq!(shelf.profiles().count(), 8);
    let dc: Vec<_> = shelf
        .profiles()
        .filter(|p| p.id.as_str() == "kr-regulator-dc")
        .collect();
    assert_eq!(dc.len(), 1);
    let quarter = Duration::from_secs(900);
    assert!(matches!(dc[0].triggers[0].when, When::Lasts { limit, .. } if limit == quarter));
    let contracts: Vec<_> = shelf
        .contracts()
        .map(|contract| contract.in_a_row)
        .collect();
    assert_eq!(contracts, [Duration::from_secs(7_200)]);

    std::fs::write(folder.path().join("twice.toml"), &own).unwrap();
    let twice = Shelf::with_folder(Some(folder.path()))
        .unwrap_err()
        .to_string();
    assert!(
        twice.contains("have the same id `kr-regulator-dc`"),
        "{twice}"
    );
    std::fs::write(folder.path().join("twice.toml"), "id = 1").unwrap();
    let wrong = Shelf::with_folder(Some(folder.path()))
        .unwrap_err()
        .to_string();
    assert!(wrong.contains("twice.toml:1:6"), "{wrong}");
    let none = folder.path().join("none");
    let none = Shelf::with_folder(Some(&none)).unwrap_err().to_string();
    assert!(
        none.contains("cannot read") && none.contains("[duties]"),
        "{none}"
    );
    let paper = |text: &str| Paper {
        kind: Kind::Profile,
        file: "own.toml".to_owned(),
        text: text.to_owned(),
    };
    assert!(Shelf::of([paper(GOOD), paper(GOOD)]).is_err());
}
