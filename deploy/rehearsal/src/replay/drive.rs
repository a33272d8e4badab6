//! Keeps the platform in the condition that the timeline says, instant by instant.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bongsu_collector::published::Published;
use bongsu_model::{Clock, Timestamp};
use bongsu_superapp::{Fault, FaultId, FaultKind};

use super::desk::Desk;
use super::moments::Moments;
use super::{Measuring, Progress, ReplayError};
use crate::clock::ReplayClock;
use crate::fleet::{Fleet, pace};
use crate::scenario::{Event, Happening, Scenario, Timeline, in_zone};

/// The longest that the collector may take to show an instant that has passed, in the machine's
/// time: it looks ten times a second.
const STANDSTILL: Duration = Duration::from_secs(60);

/// The longest sleep, in the machine's time: no change is later than that.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What goes on beside the platform while it is driven.
#[derive(Debug)]
pub(super) struct Beside<'a> {
    pub(super) desk: &'a Desk,
    pub(super) measuring: &'a mut Measuring,
    pub(super) moments: &'a mut Moments,
}

/// Drives the platform until `until`. Returns what could not be played.
pub(super) async fn until(
    fleet: &Fleet,
    timeline: &Timeline<'_>,
    clock: &ReplayClock,
    until: Timestamp,
    beside: Beside<'_>,
    tell: &mut impl FnMut(Progress<'_>),
) -> Vec<String> {
    let Beside {
        desk,
        measuring,
        moments,
    } = beside;
    let mut driver = Driver {
        fleet,
        latency: Latency::of(fleet.shape.every, clock.top_speed()),
        active: Vec::new(),
        unplayed: unplayed(timeline),
    };
    let mut told = 0;
    let mut public = public(timeline);
    loop {
        let now = clock.wall().min(until);
        let still_secret = public.iter().position(|one| one.published() > now);
        let out: Vec<_> = public
            .drain(..still_secret.unwrap_or(public.len()))
            .collect();
        desk.hand_in(&out).await;
        for happening in &timeline.happenings()[told..] {
            if happening.at > now {
                break;
            }
            tell(Progress::Happened(*happening));
            told += 1;
        }
        driver.reach(timeline.faults_at(now));
        fleet.platform().arrange(&timeline.facilities_at(now));
        fleet.cut(&timeline.cut_at(now));
        moments.look(clock, &fleet.collector.shared().published());
        if now >= until {
            return driver.unplayed.into_iter().collect();
        }
        let next = timeline.next_change(now).into_iter();
        let next = next.chain(public.first().map(|one| one.published()));
        // One that has passed is looked for again and again until it is shown.
        let next = next.chain(moments.next().filter(|at| *at > now));
        let next = next.min().map_or(until, |next| next.min(until));
        // The clock may go faster meanwhile.
        let rest = clock.on_machine(next.since(clock.wall())).min(LOOK_AGAIN);
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = measuring.follow() => return driver.unplayed.into_iter().collect(),
        }
    }
}

/// What was said, in the order in which it became public.
fn public<'a>(timeline: &Timeline<'a>) -> Vec<Happening<'a>> {
    let said = timeline.happenings().iter();
    let said = said.filter(|one| matches!(one.row.event, Event::Statement { .. }));
    let mut said: Vec<_> = said.copied().collect();
    said.sort_by_key(|one| (one.published(), one.at));
    said
}

/// The first picture that is as of `until` or later.
pub(super) async fn picture_at(
    fleet: &Fleet,
    until: Timestamp,
    measuring: &mut Measuring,
    scenario: &Scenario,
) -> Result<Arc<Published>, ReplayError> {
    let mut pictures = fleet.collector.shared().watch();
    let reached = tokio::time::timeout(STANDSTILL, async {
        let reached = pictures.wait_for(|picture| picture.as_of >= until);
        reached.await.map(|picture| picture.clone())
    });
    let picture = tokio::select! {
        reached = reached => reached,
        () = measuring.follow() => return Err(ReplayError::Collector),
    };
    match picture {
        Ok(Ok(picture)) => Ok(picture),
        Ok(Err(_)) => Err(ReplayError::Collector),
        Err(_) => {
            let shown = fleet.collector.shared().published().as_of;
            Err(ReplayError::Standstill {
                at: in_zone(shown, &scenario.zone),
            })
        }
    }
}

/// Conditions of what the platform does not have.
fn unplayed(timeline: &Timeline<'_>) -> BTreeSet<String> {
    let rows = timeline
        .happenings()
        .iter()
        .map(|happening| &happening.row.event);
    rows.filter_map(|event| match event {
        Event::Annotation { track, subject, .. } if *track == crate::scenario::Track::Modelled => {
            Some(format!("{subject}: the stand-in platform does not have it"))
        }
        _ => None,
    })
    .collect()
}

struct Driver<'a> {
    fleet: &'a Fleet,
    latency: Latency,
    active: Vec<(Fault, FaultId)>,
    unplayed: BTreeSet<String>,
}

impl Driver<'_> {
    /// Injects what is wanted and not there, and mends what is there and not wanted.
    fn reach(&mut self, wanted: Vec<Fault>) {
        let platform = self.fleet.platform();
        let wanted: Vec<Fault> = wanted
            .into_iter()
            .filter_map(|fault| self.latency.play(fault, &mut self.unplayed))
            .collect();
        self.active.retain(|(fault, id)| {
            let is_wanted = wanted.contains(fault);
            if !is_wanted {
                platform.mend(*id);
            }
            is_wanted
        });
        for fault in wanted {
            if self.active.iter().any(|(active, _)| *active == fault) {
                continue;
            }
            match platform.inject(fault.clone()) {
                Ok(id) => self.active.push((fault, id)),
                Err(error) => _ = self.unplayed.insert(format!("{fault}: {error}")),
            }
        }
    }
}

/// Delays are those of a network: they are felt in the machine's time, as long as half a slot
/// holds them.
#[derive(Debug, Clone, Copy)]
struct Latency {
    /// How much faster than the machine's time the platform delays.
    pace: f64,
    /// The longest that leaves room for the rest of a run.
    longest: Duration,
}

impl Latency {
    fn of(every: Duration, speed: f64) -> Self {
        Self {
            pace: pace(every, speed).clamp(1.0, speed.max(1.0)),
            longest: every.div_f64(speed.max(1.0)) / 4,
        }
    }

    /// The fault as the platform has to be told of it, unless it is a delay that no run could wait
    /// for.
    fn play(self, fault: Fault, unplayed: &mut BTreeSet<String>) -> Option<Fault> {
        let FaultKind::Slow(delay) = fault.kind else {
            return Some(fault);
        };
        if delay > self.longest {
            unplayed.insert(format!(
                "{fault}: a run has {:.2} s at this speed; play it slower to feel the delay",
                self.longest.as_secs_f64() * 2.0
            ));
            return None;
        }
        let kind = FaultKind::Slow(delay.mul_f64(self.pace));
        Some(Fault { kind, ..fault })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::EVERY;

    #[test]
    fn a_delay_is_felt_where_half_a_slot_holds_it_and_left_out_with_a_word_where_not() {
        let slow: Fault = "relay:slow=2s".parse().unwrap();
        let mut unplayed = BTreeSet::new();
        let felt = Latency::of(EVERY, 20.0)
            .play(slow.clone(), &mut unplayed)
            .unwrap();
        let FaultKind::Slow(told) = felt.kind else {
            panic!("a delay")
        };
        let pace = pace(EVERY, 20.0).clamp(1.0, 20.0);
        assert_eq!(told.div_f64(pace), Duration::from_secs(2));
        assert!(unplayed.is_empty());
        assert_eq!(Latency::of(EVERY, 600.0).play(slow, &mut unplayed), None);
        assert!(unplayed.first().unwrap().contains("play it slower"));
        let refuse: Fault = "relay:refuse".parse().unwrap();
        assert_eq!(
            Latency::of(EVERY, 600.0).play(refuse.clone(), &mut unplayed),
            Some(refuse)
        );
    }
}
