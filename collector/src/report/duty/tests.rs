//! Profiles against incidents of every length, day and kind of payment.

use std::path::Path;

use bongsu_model::{Paid, ServiceId};
use proptest::prelude::*;

use super::*;
use crate::report::evidence::Summary;
use crate::report::outline::Outline;
use crate::report::platform::{Platform, Role};
use crate::report::shelf::Shelf;
use crate::report::subject::SCHEMA;
use crate::report::words::{Author, read};

/// 2022-10-15 15:19 in Korea.
const PANGYO: &str = "2022-10-15T15:19:00+09:00";

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn minutes(count: u64) -> std::time::Duration {
    std::time::Duration::from_secs(count * 60)
}

/// An outage from `onset` of features, each with its payment, for so many minutes; it was over
/// then, or goes on.
fn subject(onset: &str, features: &[(&str, Paid)], lasts: u64, is_over: bool) -> Subject {
    let onset = time(onset);
    let end = Time(onset.0 + minutes(lasts));
    let until = is_over.then_some(end);
    let names = |text: &str| Names {
        ko: text.to_owned(),
        en: text.to_owned(),
    };
    let affected = features.iter().map(|(id, paid)| {
        let span = Span { from: onset, until };
        Affected {
            id: FeatureId::new(id).unwrap(),
            names: names(id),
            service: Some(ServiceId::new(id.split('.').next().unwrap()).unwrap()),
            service_names: names("service"),
            paid: Some(*paid),
            tier: 3,
            daily_users: Some(40_000_000),
            is_blocked: false,
            state: "down".to_owned(),
            from: onset,
            until,
            regions: Vec::new(),
            outages: vec![span],
        }
    });
    Subject {
        schema: SCHEMA,
        number: 1,
        previous: None,
        target: bongsu_model::TargetName::new("superapp").unwrap(),
        as_of: end,
        is_simulated: false,
        zone: "Asia/Seoul".to_owned(),
        incident: Outline {
            id: "an-incident".to_owned(),
            phase: "open".to_owned(),
            root: FeatureId::new(features[0].0).unwrap(),
            onset_low: None,
            onset,
            detected: Time(onset.0 + minutes(1)),
            announced: None,
            recover_first: None,
            resolved: until,
            closed: None,
            merged_into: None,
            absorbed: Vec::new(),
            relapses: 0,
            lost_sight: false,
            evidence: Vec::new(),
        },
        clocks: Vec::new(),
        features: affected.collect(),
        alternatives: Vec::new(),
        platform: Platform::default(),
        papers: Vec::new(),
        words: Vec::new(),
        evidence: Summary {
            records: 0,
            last_seq: 0,
            head: String::new(),
            is_cut: false,
            missing: 0,
            kept_from: None,
        },
    }
}

fn large() -> Platform {
    Platform {
        revenue_won: Some(6_000_000_000_000),
        daily_users: Some(40_000_000),
        ..Platform::default()
    }
}

/// How the duty `id` stands; none if it was not in force.
fn found(subject: &Subject, id: &str) -> Option<Assessment> {
    let shelf = Shelf::shipped().unwrap();
    let day = day_of(subject.incident.onset.0);
    let mut profiles = shelf.profiles();
    let profile = profiles.find(|profile| profile.id.as_str() == id).unwrap();
    profile.days.has(day).then(|| assess(subject, profile))
}

fn standing(subject: &Subject, id: &str) -> Option<Standing> {
    found(subject, id).map(|found| found.standing)
}

const FREE: &[(&str, Paid)] = &[("talk.message.text", Paid::Free)];
const PAID: &[(&str, Paid)] = &[("ent.melon.streaming", Paid::Subscription)];
const PER_USE: &[(&str, Paid)] = &[("mobility.taxi.call", Paid::PerUse)];

#[test]
fn notices_are_owed_as_their_thresholds_say() {
    use Standing::{Below, Exempt, Raised};
    let (old, new) = ("kr-notice-2019", "kr-notice-2025");
    for (onset, features, lasts, id, expected) in [
        // Value-added services: over four hours, and only what has a periodic fee.
        (PANGYO, PAID, 240, old, Some(Below)),
        (PANGYO, PAID, 241, old, Some(Raised)),
        (PANGYO, PAID, 121, old, Some(Below)),
        (PANGYO, FREE, 7_650, old, Some(Exempt)),
        (PANGYO, PER_USE, 7_650, old, Some(Exempt)),
        (PANGYO, FREE, 7_650, new, None),
        // The last day of the old one, the first of the new one: over two hours, and all of them.
        ("2025-03-27T23:59:59+09:00", PAID, 241, old, Some(Raised)),
        ("2025-03-27T23:59:59+09:00", PAID, 241, new, None),
        ("2025-03-28T00:00:00+09:00", PAID, 241, old, None),
        ("2025-03-28T00:00:00+09:00", PAID, 120, new, Some(Below)),
        ("2025-03-28T00:00:00+09:00", PAID, 121, new, Some(Raised)),
        ("2025-03-28T00:00:00+09:00", FREE, 121, new, Some(Raised)),
        ("2025-03-28T00:00:00+09:00", FREE, 120, new, Some(Below)),
        // Days are those of Korea: 15:00 UTC is the next one there.
        ("2025-03-27T15:00:00Z", FREE, 121, new, Some(Raised)),
        ("2019-06-24T12:00:00+09:00", PAID, 999, old, None),
        ("2019-06-25T00:00:00+09:00", PAID, 999, old, Some(Raised)),
    ] {
        let mut subject = subject(onset, features, lasts, true);
        subject.platform = large();
        let case = format!("{id} at {onset} after {lasts} min of {}", features[0].0);
        assert_eq!(standing(&subject, id), expected, "{case}");
    }
}

#[test]
fn a_carrier_tells_after_two_hours_in_2019_too() {
    let mut subject = subject(PANGYO, PAID, 121, true);
    subject.platform = Platform {
        roles: vec![Role::Carrier],
        ..large()
    };
    assert_eq!(standing(&subject, "kr-notice-2019"), Some(Standing::Raised));
    // Who is both is bound by the stricter one.
    subject.platform.roles = vec![Role::ValueAdded, Role::Carrier];
    assert_eq!(standing(&subject, "kr-notice-2019"), Some(Standing::Raised));
    subject.platform.roles = vec![Role::ValueAdded];
    assert_eq!(standing(&subject, "kr-notice-2019"), Some(Standing::Below));
    subject.platform.designated = Some(true);
    assert_eq!(standing(&subject, "kr-notice-2019"), Some(Standing::Raised));
}

#[test]
fn of_free_and_paid_features_only_the_latter_raise_the_old_notice() {
    let both = [FREE, PAID].concat();
    let mut subject = subject(PANGYO, &both, 300, false);
    subject.platform = large();
    let notice = found(&subject, "kr-notice-2019").unwrap();
    assert_eq!(notice.standing, Standing::Raised);
    assert_eq!(notice.features, [FeatureId::new(PAID[0].0).unwrap()]);
    assert_eq!(notice.exempt[0].feature.as_str(), FREE[0].0);
    assert_eq!(notice.exempt[0].why.en, "a service without a periodic fee");
    assert_eq!(notice.raised_at, Some(time("2022-10-15T19:19:00+09:00")));
    assert_eq!(notice.due_at, notice.raised_at, "without delay");
}

#[test]
fn small_operators_are_exempt_and_unknown_ones_are_asked_for() {
    let mut subject = subject(PANGYO, PAID, 300, true);
    let open = found(&subject, "kr-notice-2019").unwrap();
    assert_eq!(open.standing, Standing::Raised, "silence exempts nobody");
    let asked: Vec<_> = open.open.iter().map(|open| open.en.as_str()).collect();
    for what in [
        "revenue",
        "users a day",
        "announced before",
        "carrier's line",
        "cloud",
        "designated",
    ] {
        assert!(
            asked.iter().any(|asked| asked.contains(what)),
            "{what} in {asked:?}"
        );
    }
    for (revenue, users, expected) in [
        (9_999_999_999, 40_000_000, Standing::Exempt),
        (10_000_000_000, 1_000_000, Standing::Raised),
        (10_000_000_000, 999_999, Standing::Exempt),
    ] {
        subject.platform.revenue_won = Some(revenue);
        subject.platform.daily_users = Some(users);
        assert_eq!(
            standing(&subject, "kr-notice-2019"),
            Some(expected),
            "{revenue} {users}"
        );
    }
}

#[test]
fn a_human_says_what_no_measurement_tells() {
    let said = |circumstance: &str, is: bool| {
        let text =
            format!("by = \"desk\"\nat = \"{PANGYO}\"\n[circumstances]\n{circumstance} = {is}\n");
        read(&text, Path::new("words.toml"), Author::Said).unwrap()
    };
    let mut subject = subject("2023-07-04T09:00:00+09:00", PAID, 300, true);
    subject.platform = large();
    let vas = found(&subject, "kr-regulator-vas").unwrap();
    assert_eq!(vas.standing, Standing::Undecided);
    assert!(
        vas.open
            .iter()
            .any(|open| open.en.contains("communications disaster"))
    );
    subject.words.push(said("disaster", false));
    assert_eq!(
        standing(&subject, "kr-regulator-vas"),
        Some(Standing::Below)
    );
    subject.words.push(said("disaster", true));
    let vas = found(&subject, "kr-regulator-vas").unwrap();
    assert_eq!(vas.standing, Standing::Raised, "the newest counts");
    assert!(vas.repeats);
    // Large by users or by traffic is large.
    subject.platform.daily_users = Some(9_999_999);
    subject.platform.traffic_share = Some(0.02);
    assert_eq!(
        standing(&subject, "kr-regulator-vas"),
        Some(Standing::Raised)
    );
    subject.platform.traffic_share = Some(0.019);
    assert_eq!(
        standing(&subject, "kr-regulator-vas"),
        Some(Standing::Exempt)
    );
    assert_eq!(standing(&subject, "kr-notice-2019"), Some(Standing::Raised));
    subject.words.push(said("announced-maintenance", true));
    assert_eq!(standing(&subject, "kr-notice-2019"), Some(Standing::Exempt));
    let before = self::subject("2023-07-03T23:59:00+09:00", PAID, 300, true);
    assert_eq!(standing(&before, "kr-regulator-vas"), None);
}

#[test]
fn data_centres_report_half_an_hour_or_two_cuts() {
    let mut subject = subject("2024-05-13T13:44:00+09:00", FREE, 29, true);
    assert_eq!(
        standing(&subject, "kr-regulator-dc"),
        Some(Standing::NotOurs)
    );
    subject.platform.roles.push(Role::DataCentreTenant);
    assert_eq!(standing(&subject, "kr-regulator-dc"), Some(Standing::Below));
    let own = subject.features[0].span();
    let earlier = Span {
        from: Time(own.from.0 - minutes(600)),
        until: Some(Time(own.from.0 - minutes(585))),
    };
    subject.features[0].outages.insert(0, earlier);
    assert_eq!(
        standing(&subject, "kr-regulator-dc"),
        Some(Standing::Below),
        "15 + 29"
    );
    subject.features[0].outages[0].from = Time(own.from.0 - minutes(601));
    let cuts = found(&subject, "kr-regulator-dc").unwrap();
    assert_eq!(cuts.standing, Standing::Raised, "16 + 29");
    assert_eq!(
        cuts.raised_at.map(|at| at.0),
        Some(own.from.0 + minutes(29))
    );
    let mut long = self::subject("2024-05-13T13:44:00+09:00", FREE, 30, true);
    long.platform.roles = vec![Role::DataCentre];
    assert_eq!(standing(&long, "kr-regulator-dc"), Some(Standing::Raised));
    long.platform.hall_m2 = Some(499);
    assert_eq!(standing(&long, "kr-regulator-dc"), Some(Standing::Exempt));
}

#[test]
fn financial_features_have_two_dated_thresholds() {
    let pay: &[(&str, Paid)] = &[("pay.transfer.account", Paid::Free)];
    for (onset, features, users, lasts, expected) in [
        ("2025-02-04T23:00:00+09:00", pay, 1, 9, Standing::Below),
        ("2025-02-04T23:00:00+09:00", pay, 1, 10, Standing::Raised),
        ("2025-02-05T00:00:00+09:00", pay, 9_999, 10, Standing::Below),
        (
            "2025-02-05T00:00:00+09:00",
            pay,
            10_000,
            10,
            Standing::Raised,
        ),
        ("2025-02-05T00:00:00+09:00", pay, 9_999, 29, Standing::Below),
        (
            "2025-02-05T00:00:00+09:00",
            pay,
            9_999,
            30,
            Standing::Raised,
        ),
        (
            "2025-02-05T00:00:00+09:00",
            FREE,
            40_000_000,
            999,
            Standing::NotOurs,
        ),
    ] {
        let mut subject = subject(onset, features, lasts, true);
        subject.features[0].daily_users = Some(users);
        let case = format!("{onset}, {users} users, {lasts} min");
        let efin = found(&subject, "kr-efin").unwrap();
        assert_eq!(efin.standing, expected, "{case}");
        if expected == Standing::Raised {
            let day = subject.incident.detected.0 + minutes(24 * 60);
            assert_eq!(efin.due_at, Some(Time(day)), "{case}");
        }
    }
}

#[test]
fn the_damages_notice_is_due_thirty_days_after_resumption() {
    let mut going = subject(PANGYO, PAID, 241, false);
    going.platform = large();
    let damages = found(&going, "kr-damages-notice").unwrap();
    assert_eq!((damages.standing, damages.due_at), (Standing::Raised, None));
    let over = subject(PANGYO, PAID, 241, true);
    let damages = found(&over, "kr-damages-notice").unwrap();
    assert_eq!(damages.due_at, Some(time("2022-11-14T19:20:00+09:00")));
    let free = subject("2025-04-01T00:00:00+09:00", FREE, 999, true);
    assert_eq!(standing(&free, "kr-damages-notice"), Some(Standing::Exempt));
    let new = subject("2025-04-01T00:00:00+09:00", PAID, 121, true);
    assert_eq!(standing(&new, "kr-damages-notice"), Some(Standing::Raised));
}

#[test]
fn a_duty_that_lies_ahead_says_when() {
    let subject = subject(PANGYO, FREE, 12, false);
    let manual = found(&subject, "internal-20min").unwrap();
    assert_eq!(manual.standing, Standing::Running);
    assert_eq!(manual.raised_at, Some(time("2022-10-15T15:39:00+09:00")));
    assert_eq!(manual.due_at, manual.raised_at);
}

#[test]
fn what_is_out_of_sight_is_asked_for_and_not_taken_for_back() {
    let mut subject = subject(PANGYO, PAID, 241, false);
    let asks = |subject: &Subject| {
        let notice = found(subject, "kr-notice-2019").unwrap();
        assert_eq!(notice.standing, Standing::Raised);
        let mut open = notice.open.iter();
        open.any(|open| open.en.contains("out of sight"))
    };
    assert!(!asks(&subject));
    subject.features[0].state = "no_sight".to_owned();
    assert!(asks(&subject));
}

proptest! {
    #[test]
    fn a_duty_that_was_raised_stays_so_while_the_outage_lasts(
        lasts in 0_u64..600, more in 0_u64..600, paid in 0_usize..3, day in 0_u64..2_500,
    ) {
        let kind = [Paid::Free, Paid::Subscription, Paid::PerUse][paid];
        let onset = Time(time("2019-01-01T00:00:00+09:00").0 + minutes(day * 1_440));
        let at = |lasts| subject(&onset.to_string(), &[("pay.core", kind)], lasts, false);
        let (sooner, later) = (at(lasts), at(lasts + more));
        for profile in Shelf::shipped().unwrap().profiles() {
            let (before, after) = (assess(&sooner, profile), assess(&later, profile));
            if before.standing == Standing::Raised {
                prop_assert_eq!(after.standing, Standing::Raised);
                prop_assert_eq!(before.raised_at, after.raised_at);
            }
        }
    }
}
