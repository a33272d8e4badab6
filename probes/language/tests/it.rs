//! The language as its users see it: shipped files, diagnostics, rendering, robustness.

#[path = "it/shipped.rs"]
mod shipped;
