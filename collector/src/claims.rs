//! What people say of features: kept beside what is measured, held against it, and never part of
//! deciding.
//!
//! A claim is an event of the journal. The deriving thread reads it into a [`ClaimBook`], which
//! the engine never sees, and keeps the states that it published in a [`MeasuredLog`]; both are
//! part of each published picture. What they say of each other is worked out when it is asked for.

mod announcement;
mod book;
mod command;
mod desk;
mod held;
pub mod import;
mod lower;
mod measured;

pub use announcement::{ANNOUNCED_BEFORE_MAX, Announcement};
pub use book::{CLAIMS_SHOWN_MAX, ClaimBook, Stated};
pub use command::{ClaimArguments, Told};
pub(crate) use command::{Client, Whom, failed};
pub use desk::{CLAIMS_PER_DAY_MAX, Desk, HandInError, HandedIn};
pub use held::Held;
pub use lower::{CLAIMS_PER_REQUEST_MAX, Grounds, Mistake, Place, RawClaim, lower};
pub use measured::{CHANGES_PER_FEATURE_MAX, MeasuredLog};
