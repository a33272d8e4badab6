//! The pages that people read: HTML from the same values as the API's JSON, in two languages.

mod agents;
mod availability;
mod board;
mod claims;
mod copy;
mod feature;
mod figures;
mod icon;
mod incident;
mod layout;
mod plain;
mod recovery;
mod regions;
mod report;
mod run;
mod runs;
mod strip;
mod text;
mod torch;

pub use agents::agents_page;
pub use board::board_page;
pub use claims::claims_page;
pub use copy::{copy_name, copy_page, text_name};
pub use feature::{FeatureMore, feature_page};
pub(crate) use figures::{duration, percent};
pub use incident::{incident_page, incidents_page};
pub use layout::{PageContext, problem_page};
pub use plain::plain_text;
pub use recovery::recovery_page;
pub use report::{report_copy, report_page};
pub use run::run_page;
pub use runs::runs_page;
pub use text::Lang;
