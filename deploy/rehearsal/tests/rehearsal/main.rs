//! The house as a whole: its edges, its tidiness, and a fleet that runs in it.
#![expect(clippy::unwrap_used, reason = "a test stops at what it cannot do")]

mod cause;
mod ci;
mod edges;
mod fleet;
mod replay;
mod scenario;
mod soak;
mod tidy;
