//! The wire as other rooms see it: goldens, round trips, refusals.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which the lint does not see"
)]

#[path = "it/agreement.rs"]
mod agreement;
#[path = "it/canonical.rs"]
mod canonical;
#[path = "it/dictionary.rs"]
mod dictionary;
#[path = "it/foreign.rs"]
mod foreign;
#[path = "it/golden.rs"]
mod golden;
#[path = "it/in_place.rs"]
mod in_place;
#[path = "it/json.rs"]
mod json;
#[path = "it/logs.rs"]
mod logs;
#[path = "it/opamp.rs"]
mod opamp;
#[path = "it/refusals.rs"]
mod refusals;
#[path = "it/requests.rs"]
mod requests;
#[path = "it/round_trip.rs"]
mod round_trip;
#[path = "it/strategies.rs"]
mod strategies;
