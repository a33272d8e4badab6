//! Reports and notices of an incident: what duties ask for, when it is due, and drafts of it.
//!
//! Everything that is written is a pure function of one [`Subject`], the snapshot of an incident
//! with its figures, the duty [`Profile`]s and what people wrote of it. What only people know
//! (cause, plan, contact) is "under investigation" or missing until one of them writes it; nothing
//! is made up. The runs behind the figures are chained by SHA-256 ([`evidence`]), and an export
//! carries a [`manifest`] by which a later change shows. None of it is legal advice.

pub mod command;
pub mod contract;
mod damages;
pub mod duty;
pub mod evidence;
pub mod files;
pub mod folds;
pub mod lineage;
pub mod manifest;
mod notice;
pub mod outline;
pub mod pen;
pub mod platform;
pub mod profile;
mod regulator;
mod scope;
pub mod shelf;
pub(crate) mod sla;
pub mod sms;
pub mod span;
pub mod subject;
pub mod tally;
pub mod verify;
pub(crate) mod wording;
pub mod words;

pub use contract::Contract;
pub use duty::{Assessment, Standing};
pub use lineage::Lineage;
pub use outline::{Clock, Outline};
pub use platform::{Platform, Role};
pub use profile::Profile;
pub use shelf::{Shelf, ShelfError};
pub use subject::Subject;
pub use words::{Topic, Words};
