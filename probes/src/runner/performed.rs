//! How a step ended, for all who performed it.

use super::warm::Refused;

/// A step did not pass; its performances say why.
#[derive(Debug)]
pub(super) struct StepFailed;

/// How a step ended.
#[derive(Debug)]
pub(super) struct Performed {
    /// For those whose session was not refused.
    pub(super) ended: Result<(), StepFailed>,
    /// Those whose session was refused.
    pub(super) refused: Vec<Refused>,
}

impl Performed {
    pub(super) fn by_nobody() -> Self {
        Self {
            ended: Ok(()),
            refused: Vec::new(),
        }
    }

    pub(super) fn not_begun() -> Self {
        Self {
            ended: Err(StepFailed),
            refused: Vec::new(),
        }
    }

    pub(super) fn is_passed(&self) -> bool {
        self.ended.is_ok() && self.refused.is_empty()
    }
}
