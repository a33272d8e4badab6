//! The agent: it runs journeys on a schedule, keeps what they showed, and ships it.
//!
//! A slot falls due (`schedule`), a run begins within the bounds of rooms and accounts
//! (`dispatch`), its report goes to disk (`spool`) and from there to every collector (`ship`),
//! each with a place of its own. Beside that stand the self-checks (`controls`), the debts of
//! cleanup (`compensation`, `pay`), the plan and its reload (`plan`), the sign of life
//! (`heartbeat`), runs under a simulated clock (`hurried`), the channel over which collectors ask for more (`control_channel`) and the
//! watchdog (`watchdog`).
//!
//! What must hold:
//! - A report is on the agent's disk before it is sent, and leaves it only acknowledged or counted.
//! - A slot is begun at most once; what breaks off is told as interrupted under its own id.
//! - Cleanup is owed on disk before a side effect is sent, and paid after a crash.
//! - Nothing waits for a collector: an outage of it costs no run.
//! - `schedule`, `burst`, `accounts` and the spool's cursor are pure: told the time from outside.

mod accounts;
mod agent;
mod budget;
mod burst;
mod compensation;
pub mod config;
mod control_channel;
mod controls;
mod crc;
pub mod direct;
mod dispatch;
mod gate;
mod health;
mod heartbeat;
mod hurried;
mod inflight;
mod metrics;
mod pay;
pub mod plan;
mod schedule;
mod ship;
mod spool;
mod state;
mod telemetry;
mod units;
mod watchdog;

pub use agent::{Agent, AgentStats, StartError};
pub use bongsu_probes::{Link, SystemClock};
pub use compensation::CompensationOpenError;
pub use config::Config;
pub use health::ListenError;
pub use ship::{ClientError, check_collectors};
pub use spool::SpoolOpenError;
pub use units::count;
