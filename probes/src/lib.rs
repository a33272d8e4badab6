//! Performs journeys on the network.

mod attribution;
mod civil;
mod clock;
mod compensation;
mod context;
mod dial;
mod dns;
mod failure;
mod http;
mod phases;
mod redact;
mod target;
mod tls;
mod websocket;

pub use clock::SystemClock;
pub use compensation::{CompensationError, CompensationLog, Debt, NoCompensationLog, OwedVariable};
pub use context::{Account, Context, NoSelfCheck, RunOrder, SelfCheck};
pub use dns::ResolverError;
pub use target::{Target, TargetError};
