//! Strips: what each region met, bucket by bucket, and hours that are sealed.

use bongsu_availability::{
    Engine, Event, HistorySpan, Ledger, MaintenanceWindow, Scope as Covers, Settings, Sight,
    StripBucket, StripWindow,
};
use bongsu_model::Timestamp;

use crate::fleet::{LOGIN, Layout, TEXT, cell_key, feature_id, secs, target};
use crate::sim::{Effect, Scope, Sim};

const PAIR: Layout = Layout {
    regions: 2,
    agents: 2,
    message: true,
    noise: 0.0,
};

const HOUR: u64 = 3_600;

fn row(engine: &Engine, feature: &str, window: StripWindow, now: Timestamp) -> Vec<StripBucket> {
    let strip = engine.strip(&target(), &feature_id(feature), window, now);
    strip.regions[0].buckets.clone()
}

fn at(buckets: &[StripBucket], instant: Timestamp) -> &StripBucket {
    let mut holds = buckets
        .iter()
        .filter(|bucket| bucket.from <= instant && instant < bucket.until);
    holds.next().unwrap()
}

#[test]
fn a_bucket_says_whether_it_is_known_blocked_unknown_at_work_or_unmeasured() {
    let mut sim = Sim::new(PAIR);
    let begin = sim.now;
    sim.run(secs(600));
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    let failing = sim.now;
    sim.run(secs(300));
    sim.mend();
    sim.run(secs(300));
    sim.set(Scope::region(0), Effect::Silent);
    let silent = sim.now;
    sim.run(secs(300));
    let work = sim.now;
    sim.give(Event::Maintenance(MaintenanceWindow {
        targets: Covers::All,
        features: Covers::All,
        regions: Covers::All,
        from: work + secs(60),
        until: work + secs(260),
        declared: work,
    }));
    sim.run(secs(400));
    let login = row(&sim.engine, LOGIN, StripWindow::Hour, sim.now);
    let text = row(&sim.engine, TEXT, StripWindow::Hour, sim.now);
    let sight = |buckets: &[StripBucket], instant| at(buckets, instant).sight();
    assert_eq!(login.len(), 60);
    assert_eq!(sight(&login, begin - secs(120)), Sight::Unmeasured);
    assert_eq!(sight(&login, begin + secs(300)), Sight::Known);
    assert_eq!(at(&login, begin + secs(300)).availability.own, Some(1.0));
    assert_eq!(at(&login, failing + secs(150)).availability.own, Some(0.0));
    assert_eq!(sight(&text, failing + secs(150)), Sight::Blocked);
    assert_eq!(
        at(&text, failing + secs(150)).availability.perceived,
        Some(0.0)
    );
    assert_eq!(sight(&login, silent + secs(200)), Sight::Unknown);
    assert_eq!(sight(&login, work + secs(160)), Sight::Maintenance);
    assert!((at(&login, work + secs(160)).maintenance - 1.0).abs() < 1e-9);
    let strip = sim
        .engine
        .strip(&target(), &feature_id(LOGIN), StripWindow::Hour, sim.now);
    assert_eq!(strip.regions.len(), 2);
    assert_eq!(
        sight(&strip.regions[1].buckets, silent + secs(200)),
        Sight::Known
    );
    assert_eq!(strip.as_of, sim.now);
}

#[test]
fn a_strip_adds_up_to_what_history_says_of_the_same_stretch() {
    let mut sim = Sim::new(Layout { noise: 0.1, ..PAIR });
    sim.run(secs(2 * HOUR + 437));
    for window in [StripWindow::Hour, StripWindow::Day] {
        let buckets = row(&sim.engine, LOGIN, window, sim.now);
        let mut sum = Ledger::default();
        for bucket in &buckets {
            sum += bucket.samples;
            assert!((0.0..=1.0).contains(&bucket.availability.coverage));
        }
        let span = HistorySpan {
            from: buckets[0].from,
            until: sim.now,
            step: sim.now.since(buckets[0].from),
        };
        let whole = &sim.engine.history(&cell_key(LOGIN, 0), span, sim.now)[0];
        assert_eq!(sum, whole.samples, "{}", window.as_str());
        assert!(sum.fail > 0 && sum.pass > 0);
    }
}

#[test]
fn a_feature_that_nobody_knows_has_an_empty_strip() {
    let engine = Engine::new(Settings::default());
    let now = Timestamp::from_unix_seconds(1_700_000_000);
    let strip = engine.strip(&target(), &feature_id(LOGIN), StripWindow::Week, now);
    assert_eq!(strip.regions, []);
    assert_eq!(now.since(strip.from), secs(167 * HOUR + 800));
}

#[test]
fn an_hour_is_sealed_as_it_was_a_day_later_and_a_replay_seals_the_same() {
    let mut sim = Sim::new(Layout {
        regions: 1,
        agents: 2,
        message: false,
        noise: 0.0,
    });
    let begin = sim.now;
    sim.run(secs(HOUR));
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    sim.run(secs(HOUR));
    sim.mend();
    let failed = begin + secs(HOUR + HOUR / 2);
    sim.run(secs(24 * HOUR));
    let before = row(&sim.engine, LOGIN, StripWindow::Week, sim.now);
    let hour = at(&before, failed).clone();
    assert!(hour.sealed && hour.samples.fail > 300, "{hour:?}");
    assert_eq!(hour.samples.expected(), 720);
    assert!(!before[before.len() - 1].sealed);
    assert_eq!(before.iter().filter(|bucket| bucket.planned).count(), 27);

    let mut again = Engine::new(Settings::default());
    for (received, event) in &sim.journal {
        again.handle(*received, event.clone());
    }
    again.advance(sim.now);
    assert_eq!(row(&again, LOGIN, StripWindow::Week, sim.now), before);

    let withheld = sim.journal.iter().position(|(_, event)| {
        matches!(event, Event::Run(run) if run.due > failed && run.trigger.slot().is_some())
    });
    let mut without = Engine::new(Settings::default());
    for (i, (received, event)) in sim.journal.iter().enumerate() {
        if Some(i) != withheld {
            without.handle(*received, event.clone());
        }
    }
    without.advance(sim.now);
    let missed = row(&without, LOGIN, StripWindow::Week, sim.now);
    assert_eq!(at(&missed, failed).samples.missed, 1);
    without.handle(sim.now, sim.journal[withheld.unwrap()].1.clone());
    assert_eq!(row(&without, LOGIN, StripWindow::Week, sim.now), missed);
}
