//! The collector: OTLP in, journal on disk, availability out.

pub mod config;
