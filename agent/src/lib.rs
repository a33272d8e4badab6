//! The agent: it runs journeys on a schedule, keeps what they showed, and ships it.
#![warn(missing_docs)]

mod accounts;
mod burst;
pub mod config;
mod inflight;
mod schedule;
pub mod spool;
mod units;

pub use bongsu_probes::SystemClock;
pub use config::Config;
