//! What became of a run's cleanup.

use crate::closed_list::closed_list;

closed_list! {
    /// What became of what a run left behind on the platform.
    CleanupState: "cleanup state" {
        /// Nothing was to be undone.
        None = "none",
        /// All was undone.
        Done = "done",
        /// An undoing step failed: something was left on the platform.
        Leaked = "leaked",
        /// It is on the agent's disk and will be tried again.
        Owed = "owed",
    }
}
