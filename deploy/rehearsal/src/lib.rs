//! A whole fleet in one process, over real sockets: stand-in platform, control responders,
//! collector and nine agents in three regions. It serves as the demo, as the bench of the
//! detection trial and the soak, as the stage of outages that are replayed, and as the ground of
//! end-to-end tests.

pub mod cable;
pub mod catalogue;
pub mod clock;
pub mod command;
pub mod console;
pub mod controls;
pub mod detect;
pub mod distribution;
pub mod fleet;
pub mod layout;
pub mod region;
pub mod replay;
pub mod scenario;
pub mod soak;
pub mod summary;
