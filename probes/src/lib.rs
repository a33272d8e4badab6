//! Performs journeys on the network: [`run`] turns a journey and a [`Context`] into a report.
//!
//! Everything between a step and the wire is this crate's own, because every instant of it is
//! the product: name resolution without a cache, one address, TCP, TLS that is always verified and
//! never resumed, HTTP/2 or HTTP/1.1 without pool, resend or redirect, WebSockets over HTTP/1.1; and
//! below HTTP, DNS questions, handshakes, bytes over TCP and UDP, and echoes. The phases of an
//! attempt come from one chain of clock readings and add up to its total.
//!
//! What must hold:
//! - [`run`] always returns, within the journey's `timeout` and `cleanup_timeout` together.
//! - Every failed step has one class and one owner; what the agent itself got wrong is `blind`.
//! - Cleanup is in the [`CompensationLog`] before the first side effect of its scope is sent, and
//!   is performed also after a failure, a timeout or a cancellation; [`pay`] settles what is left.
//! - No host outside the target's allow-list is ever resolved, asked for or connected to. (The
//!   target's own resolver is its operator's choice.)
//! - Every wait has a deadline, every body, head, frame and queue a bound.
//! - No secret is in a report, in any encoding.
//! - Nothing of a run goes over to the next but the [`Sessions`] of warm ones, which are in memory
//!   alone: cookies and what signing in gave; never a connection, an address or a TLS session.

mod attribution;
mod civil;
mod clock;
mod compensation;
mod context;
mod dial;
mod dns;
mod failure;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod grpc;
mod http;
mod net;
mod phases;
mod redact;
mod report;
mod runner;
mod session;
mod target;
mod tls;
mod websocket;

pub use clock::SystemClock;
pub use compensation::{CompensationError, CompensationLog, Debt, NoCompensationLog, OwedVariable};
pub use context::{Account, Context, NoSelfCheck, RunOrder, SelfCheck, StepWatch, Unwatched};
pub use dns::ResolverError;
pub use runner::{pay, run, run_watched};
pub use session::{SessionCounts, Sessions};
pub use target::{Link, Target, TargetError};
