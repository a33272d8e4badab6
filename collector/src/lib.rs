//! The collector: OTLP in, journal on disk, availability out.
//!
//! The way of one run: [`ingest`] checks who speaks and what is said, [`journal`] makes it
//! durable before it is acknowledged, `derive` hands it to the engine of `bongsu-availability`
//! in the journal's order, [`published`] holds the newest picture, [`web`] shows it.
//! [`process::Collector`] starts and stops them all.
//!
//! [`report`] drafts what duties ask for of an incident; [`export`] copies what a running collector shows into files.
//!
//! Beside it, [`claims`] keeps what people say of features, and [`forward`] passes the spans on to other OTLP servers.
//!
//! Everything shown can be derived again from `journal.db`; `forward.db` only holds how far the
//! spans were passed on, and those of others that wait for it. Engine time
//! is the time of receipt that the journal's writer stamps, which never goes back.

mod bearer;
pub mod catalogue;
pub mod claims;
pub mod clock;
pub mod config;
pub mod control;
pub mod counters;
mod derive;
pub mod export;
pub mod forward;
pub mod ingest;
pub mod journal;
pub mod process;
pub mod published;
pub mod report;
mod serve;
pub mod state;
pub mod strips;
pub mod tally;
mod telemetry;
pub mod web;
