//! Board, pages, API and metrics over a fixture in which every state occurs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod browser;
mod chromium;
mod claims;
mod contrast;
mod fixture;
mod live;
mod merged;
mod metrics;
mod openapi;
mod pages;
mod recovery;
mod report;
mod runs;
mod strips;
mod visit;
mod waterfall;

pub(crate) use visit::golden;
