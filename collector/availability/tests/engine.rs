//! The engine against a simulated fleet: whole scenarios, detection times, rules as properties.

#![expect(
    clippy::unwrap_used,
    reason = "a fleet is built from names that are written here, and a test may panic"
)]
#![expect(
    unreachable_pub,
    reason = "a test binary has no readers of its interface"
)]

#[path = "engine/fleet.rs"]
mod fleet;
#[path = "../examples/false_alarms/replay.rs"]
mod replay;
#[path = "engine/script.rs"]
mod script;
#[path = "engine/sim.rs"]
mod sim;

#[path = "engine/bursts.rs"]
mod bursts;
#[path = "engine/detection.rs"]
mod detection;
#[path = "engine/evidence.rs"]
mod evidence;
#[path = "engine/history.rs"]
mod history;
#[path = "engine/merging.rs"]
mod merging;
#[path = "engine/outages.rs"]
mod outages;
#[path = "engine/plans.rs"]
mod plans;
#[path = "engine/properties.rs"]
mod properties;
#[path = "engine/quarantine.rs"]
mod quarantine;
#[path = "engine/recovery.rs"]
mod recovery;
#[path = "engine/recovery_clock.rs"]
mod recovery_clock;
#[path = "engine/rules.rs"]
mod rules;
#[path = "engine/sight.rs"]
mod sight;
#[path = "engine/strips.rs"]
mod strips;
