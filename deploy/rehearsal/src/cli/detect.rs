//! The detection trial on the command line: runs the classes one after another, prints figures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bongsu_availability::FeatureView;
use bongsu_model::{FeatureState, TargetName};
use bongsu_rehearsal::detect::{self, Detection, FaultClass, Found};
use bongsu_rehearsal::fleet::{Fleet, FleetConfig};
use bongsu_rehearsal::layout::Journeys;
use bongsu_rehearsal::region::{Channel, REGIONS, RehearsalAgent, Shape};
use bongsu_rehearsal::summary;

use super::{clock, explain, folder, remove};

/// How long a fleet may take until every feature of every target is up.
const UP_MAX: Duration = Duration::from_secs(300);

/// The least cadence that the shipped journeys can have.
pub(super) const PERIOD_MIN: Duration = Duration::from_secs(10);

/// What is to be tried.
#[derive(Debug)]
pub(super) struct Trial {
    /// Classes of fault; all if there are none.
    pub(super) classes: Vec<FaultClass>,
    /// Faults per class.
    pub(super) faults: usize,
    /// Platforms in parallel.
    pub(super) targets: u8,
    /// Faults of each class that are told run by run.
    pub(super) timelines: usize,
}

/// Measures every class, fifty faults or as many as are asked for.
pub(super) async fn run(trial: Trial, shape: Shape) -> Result<(), String> {
    let Trial {
        classes,
        faults,
        targets,
        timelines,
    } = trial;
    let all = [
        FaultClass::Refuse,
        FaultClass::Error,
        FaultClass::Hang,
        FaultClass::LostDelivery,
    ];
    let classes = if classes.is_empty() {
        all.to_vec()
    } else {
        classes
    };
    let (folder, temporary) = folder(None);
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let names = (1..=targets)
        .map(|n| TargetName::new(&format!("superapp-{n:02}")).expect("digits make a name"));
    let config = FleetConfig {
        targets: names.collect(),
        shape,
        otlp: loopback,
        web: loopback,
        folder,
        seed: 1,
        journeys: Journeys::Only(detect::JOURNEYS),
    };
    let fleet = Fleet::start(config, clock())
        .await
        .map_err(|error| explain(&error))?;
    println!(
        "{} agents in {} regions, {targets} targets, cadence {}, {}; {faults} faults a class",
        RehearsalAgent::count(shape.agents),
        REGIONS.len(),
        summary::seconds(shape.every),
        match shape.channel {
            Channel::Open => "asked over the control channel",
            Channel::Off => "looking again by themselves",
        },
    );
    let fleet = Arc::new(fleet);
    for class in classes {
        wait_until_up(&fleet).await?;
        let detection = detect::run(&fleet, class, faults, &clock(), |done, time| {
            eprintln!("  {done:>3}  {}", summary::seconds(time));
        })
        .await;
        print_detection(&detection, shape);
        for found in detection.faults.iter().take(timelines) {
            print_timeline(&fleet, found).await;
        }
    }
    if let Some(fleet) = Arc::into_inner(fleet) {
        fleet.shutdown().await;
    }
    remove(temporary);
    Ok(())
}

/// Waits until every cell of every target is up: at the start, and between two classes.
async fn wait_until_up(fleet: &Fleet) -> Result<(), String> {
    let mut pictures = fleet.collector.shared().watch();
    let targets = fleet.platforms.len();
    let all_up = pictures.wait_for(|picture| {
        picture.boards.len() == targets
            && picture.boards.values().all(|board| {
                let measured =
                    |feature: &&FeatureView| detect::FEATURES.contains(&feature.feature.as_str());
                board.features.iter().filter(measured).all(|feature| {
                    feature.state == FeatureState::Operational
                        && feature.regions.len() == REGIONS.len()
                })
            })
    });
    match tokio::time::timeout(UP_MAX, all_up).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(format!(
            "not every feature became operational within {}",
            summary::seconds(UP_MAX)
        )),
    }
}

fn print_detection(detection: &Detection, shape: Shape) {
    let Detection {
        class,
        times,
        missed,
        faults: _,
    } = detection;
    println!(
        "\n{}: {} faults found, {missed} missed",
        class.as_str(),
        times.count()
    );
    let figure = |percent| {
        times
            .percentile(percent)
            .map_or_else(|| "–".to_owned(), summary::seconds)
    };
    println!(
        "  fault to down: min {}  p50 {}  p95 {}  max {}",
        figure(0),
        figure(50),
        figure(95),
        figure(100)
    );
    let floor = shape.every / (2 * u32::try_from(shape.agents).unwrap_or(u32::MAX));
    println!(
        "  a failing run takes D = {}; first run after a fault T/2N = {} (mean)",
        summary::seconds(class.run_time()),
        summary::seconds(floor)
    );
    for (from, count) in times.histogram(Duration::from_secs(1)) {
        println!("  {:>6}  {}", summary::seconds(from), "#".repeat(count));
    }
}

/// Tells of one fault run by run, in seconds since it was injected.
async fn print_timeline(fleet: &Fleet, found: &Found) {
    let Found {
        cell,
        injected,
        down,
    } = found;
    println!("\n  {} in {}:", cell.target, cell.region);
    let lines = match detect::timeline(fleet, found).await {
        Ok(lines) => lines,
        Err(error) => {
            println!("    the journal cannot be read: {error}");
            return;
        }
    };
    for line in lines {
        println!(
            "    {:>7.3}  {:>7.3}  {:<9} {:<10} {:<13} {}",
            line.started.since(*injected).as_secs_f64(),
            line.received.since(*injected).as_secs_f64(),
            line.agent,
            line.trigger,
            line.journey,
            line.verdict
        );
    }
    println!("    {:>16.3}  down", down.since(*injected).as_secs_f64());
}
