//! The language as its users see it: shipped files, diagnostics, rendering, robustness.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "it/budgets.rs"]
mod budgets;
#[path = "it/evaluate.rs"]
mod evaluate;
#[path = "it/format.rs"]
mod format;
#[path = "it/fuzz.rs"]
mod fuzz;
#[path = "it/goldens.rs"]
mod goldens;
#[path = "it/grpc.rs"]
mod grpc;
#[path = "it/harness.rs"]
mod harness;
#[path = "it/mistaken.rs"]
mod mistaken;
#[path = "it/mutate.rs"]
mod mutate;
#[path = "it/robust.rs"]
mod robust;
#[path = "it/schema.rs"]
mod schema;
#[path = "it/shipped.rs"]
mod shipped;
#[path = "it/sketch.rs"]
mod sketch;
