//! The pages that people read: HTML from the same values as the API's JSON, in two languages.

mod agents;
mod availability;
mod board;
mod claims;
mod feature;
mod figures;
mod icon;
mod layout;
mod regions;
mod run;
mod runs;
mod strip;
mod text;
mod torch;

pub use agents::agents_page;
pub use board::board_page;
pub use claims::claims_page;
pub use feature::{FeatureMore, feature_page};
pub use layout::{PageContext, problem_page};
pub use run::run_page;
pub use runs::runs_page;
pub use text::Lang;
