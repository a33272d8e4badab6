//! Every component and feature broken in turn, held against the platform's own tables: what rests
//! on it suffers, and nothing else does.

use bongsu_language::Journey;
use bongsu_model::{DependencyStrength, RunReport};
use bongsu_superapp::{Component, FaultKind, FaultPoint, PlatformFeature};
use futures_util::StreamExt as _;
use tokio::sync::Semaphore;

use super::LOGIN;
use super::scene::{SHIPPED, Scene};
use crate::support::verdict;

/// Platforms that are broken at the same time.
const SCENES: usize = 3;

/// Runs at the same time, of all tests together: a busy machine must not make them fail.
const RUNS_MAX: u32 = 6;
static RUNS: Semaphore = Semaphore::const_new(RUNS_MAX as usize);

/// How often a run that was disturbed by others is made alone.
const ALONE: usize = 2;

/// The feature of the platform that a journey measures.
fn measured(journey: &Journey) -> PlatformFeature {
    let mut features = PlatformFeature::ALL.iter();
    let found = features.find(|feature| feature.as_str() == journey.feature.as_str());
    *found.unwrap()
}

/// How a feature fares while something is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fares {
    /// It works; a busy machine may be slow by itself.
    Well,
    /// It works slowly.
    Slowly,
    /// Users miss it.
    Badly,
}

/// How `feature` has to fare while `points` are broken, by the platform's own tables.
fn expected(points: &[FaultPoint], feature: PlatformFeature) -> Fares {
    let is_broken = |component: Component| points.contains(&FaultPoint::Component(component));
    let hit = |strength| {
        let mut needs = feature.needs().iter();
        needs.any(|(need, how)| *how == strength && is_broken(*need))
    };
    if points.contains(&FaultPoint::Feature(feature)) || hit(DependencyStrength::Hard) {
        Fares::Badly
    } else if hit(DependencyStrength::Soft) {
        Fares::Slowly
    } else {
        Fares::Well
    }
}

/// Which journeys are run while something is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Running {
    /// All, to see that no other feature suffers.
    All,
    /// Those of the features that have to suffer.
    Affected,
}

/// What is broken, how, and which journeys are run meanwhile.
type Breakage = (Vec<FaultPoint>, FaultKind, Running);

/// Breaks something, runs journeys at the same time, and holds what came of it against the tables.
async fn check_all((points, kind, running): Breakage) {
    let wanted = |journey: &Journey| expected(&points, measured(journey));
    let is_run = |journey: &&Journey| running == Running::All || wanted(journey) != Fares::Well;
    let journeys: Vec<&Journey> = SHIPPED.iter().filter(is_run).collect();
    if journeys.is_empty() {
        return;
    }
    let scene = Scene::start().await;
    for point in &points {
        scene.inject(*point, kind).await;
    }
    let runs = journeys.iter().map(async |journey| {
        let _permit = RUNS.acquire().await.unwrap();
        scene.run(journey.name.as_str()).await
    });
    let reports = futures_util::future::join_all(runs).await;
    // A feature fares as badly as the worst of its journeys.
    let is_missed =
        |(report, _): &(&RunReport, &&Journey)| fares_as(Fares::Badly, report, (&points, kind));
    let missed = reports.iter().zip(&journeys).filter(is_missed);
    let missed: Vec<PlatformFeature> = missed.map(|(_, journey)| measured(journey)).collect();
    for (mut report, journey) in reports.into_iter().zip(journeys) {
        let wanted = wanted(journey);
        let is_as_wanted = |report: &RunReport| fares_as(wanted, report, (&points, kind));
        // A busy machine may fail by itself: then once more, with the machine to itself.
        for _ in 0..ALONE {
            if !is_as_wanted(&report) && wanted != Fares::Badly {
                let _all = RUNS.acquire_many(RUNS_MAX).await.unwrap();
                report = scene.run(journey.name.as_str()).await;
            }
        }
        let is_missed = wanted == Fares::Badly && missed.contains(&measured(journey));
        assert!(
            is_missed || is_as_wanted(&report),
            "{kind:?} on {points:?}: {} should fare {wanted:?}, and is {}: {report:#?}",
            journey.name,
            verdict(&report)
        );
    }
    scene.mend().await;
    scene.pay_debts().await;
    scene.assert_clean().await;
}

/// Whether a run went as its feature has to fare.
fn fares_as(wanted: Fares, report: &RunReport, (points, kind): (&[FaultPoint], FaultKind)) -> bool {
    let verdict = verdict(report);
    // Another feature's step was in the way: it is that feature which is charged.
    let blocker = verdict
        .strip_prefix("blocked(")
        .map(|rest| rest.trim_end_matches(')'));
    let blocker = blocker.map(|id| {
        let mut features = PlatformFeature::ALL.iter();
        *features.find(|feature| feature.as_str() == id).unwrap()
    });
    let is_blocked = blocker.is_some_and(|by| expected(points, by) != Fares::Well);
    let is_there = verdict == "pass" || verdict == "slow";
    match wanted {
        Fares::Badly => verdict.starts_with("fail(") || is_blocked,
        // What is lost on its way is not noticed by whoever can do without it.
        Fares::Slowly if kind == FaultKind::LostDelivery => is_there,
        Fares::Slowly => verdict == "slow",
        Fares::Well => is_there || is_blocked,
    }
}

/// Checks many breakages, a few at the same time.
async fn check_each(breakages: impl IntoIterator<Item = Breakage>) {
    let checks = breakages.into_iter().map(check_all);
    let mut checks = std::pin::pin!(futures_util::stream::iter(checks).buffer_unordered(SCENES));
    while checks.next().await.is_some() {}
}

/// Features to be broken together, so that every feature is broken in some group that any other
/// given one is not in: those whose number has, or has not, a given bit.
fn groups() -> Vec<Vec<FaultPoint>> {
    let features = PlatformFeature::ALL
        .iter()
        .filter(|feature| **feature != PlatformFeature::AccountLogin);
    let numbered: Vec<_> = features.enumerate().collect();
    let bits = usize::BITS - numbered.len().leading_zeros();
    let chosen = (0..bits).flat_map(|bit| [0, 1].map(|wanted| (bit, wanted)));
    chosen
        .map(|(bit, wanted)| {
            let members = numbered
                .iter()
                .filter(|(number, _)| (number >> bit) & 1 == wanted);
            members
                .map(|(_, feature)| FaultPoint::Feature(**feature))
                .collect()
        })
        .collect()
}

fn components() -> impl Iterator<Item = FaultPoint> {
    Component::ALL.iter().copied().map(FaultPoint::Component)
}

#[tokio::test]
async fn a_broken_component_breaks_the_features_that_rest_on_it_and_no_other() {
    check_each(components().map(|point| (vec![point], FaultKind::Error(500), Running::All))).await;
}

#[tokio::test]
async fn a_component_breaks_the_features_that_rest_on_it_in_whichever_way_it_breaks() {
    let kinds = [
        FaultKind::Refuse,
        FaultKind::WrongContent,
        FaultKind::LostDelivery,
    ];
    check_each(components().flat_map(|point| {
        let fit = move |kind: &FaultKind| *kind != FaultKind::LostDelivery || point.delivers();
        let fit = kinds.into_iter().filter(fit);
        fit.map(move |kind| (vec![point], kind, Running::Affected))
    }))
    .await;
}

#[tokio::test]
async fn a_broken_feature_breaks_itself_and_no_other() {
    let kinds = [
        FaultKind::Refuse,
        FaultKind::Error(500),
        FaultKind::WrongContent,
    ];
    let groups = groups().into_iter().zip(kinds.into_iter().cycle());
    check_each(groups.map(|(group, kind)| (group, kind, Running::All))).await;
    check_each(kinds.map(|kind| (vec![LOGIN], kind, Running::Affected))).await;
}
