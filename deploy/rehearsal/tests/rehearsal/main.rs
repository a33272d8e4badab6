//! The house as a whole: its edges, its tidiness, and a fleet that runs in it.

mod edges;
mod fleet;
mod tidy;
