//! The house as a whole: its edges, its tidiness, its examples, and a fleet that runs in it.

mod edges;
mod tidy;
