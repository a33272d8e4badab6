//! The agent: it runs journeys on a schedule, keeps what they showed, and ships it.
#![warn(missing_docs)]

mod clock;
pub mod config;
mod units;

pub use clock::SystemClock;
pub use config::Config;
