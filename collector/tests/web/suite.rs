//! Board, pages, API and metrics over a fixture in which every state occurs.

mod api;
mod fixture;
mod metrics;
mod openapi;
mod pages;
mod runs;
mod visit;
