//! The collector: OTLP in, journal on disk, availability out.

pub mod clock;
pub mod config;
pub mod counters;
pub mod journal;
