//! The collector from outside: over real sockets, in this process and as the real binary.

#![expect(
    clippy::unwrap_used,
    reason = "what only tests call stands outside of test functions"
)]

#[path = "collector/bodies.rs"]
mod bodies;
#[path = "collector/claims.rs"]
mod claims;
#[path = "collector/control.rs"]
mod control;
#[path = "collector/crash.rs"]
mod crash;
#[path = "collector/destination.rs"]
mod destination;
#[path = "collector/disk.rs"]
mod disk;
#[path = "collector/fleet.rs"]
mod fleet;
#[path = "collector/forward.rs"]
mod forward;
#[path = "collector/grpc.rs"]
mod grpc;
#[path = "collector/harness.rs"]
mod harness;
#[path = "collector/json.rs"]
mod json;
#[path = "collector/recovery.rs"]
mod recovery;
#[path = "collector/refusals.rs"]
mod refusals;
#[path = "collector/report.rs"]
mod report;
#[path = "collector/restart.rs"]
mod restart;
#[path = "collector/start.rs"]
mod start;
#[path = "collector/strips.rs"]
mod strips;
#[path = "collector/telemetry.rs"]
mod telemetry;
#[path = "web/suite.rs"]
mod web;
