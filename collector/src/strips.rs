//! Strips on demand: readers ask, and the thread that owns the engine answers between events.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bongsu_availability::{Strip, StripWindow};
use bongsu_model::{FeatureId, TargetName};
use tokio::sync::oneshot;

/// Questions that may wait: those of a few seconds of answering at [`PER_TURN`]. More are refused.
const WAITING_MAX: usize = 128;

/// Questions answered at a time: ten times a second, a few milliseconds each, so that reading
/// never holds deriving up for long.
const PER_TURN: usize = 4;

/// Which strip is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripWanted {
    /// Of this environment.
    pub target: TargetName,
    /// Of this feature.
    pub feature: FeatureId,
    /// This far back.
    pub window: StripWindow,
}

/// One question and where its answer goes.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) wanted: StripWanted,
    answer: oneshot::Sender<Arc<Strip>>,
}

impl Question {
    /// Answers; a reader that has gone is fine.
    pub(crate) fn answer(self, strip: Arc<Strip>) {
        let _ = self.answer.send(strip);
    }
}

/// Too many readers wait for strips.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many readers wait for strips")]
pub(crate) struct TooMany;

/// The questions that wait, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct StripDesk(Mutex<VecDeque<Question>>);

impl StripDesk {
    /// Asks; the answer comes on the receiver.
    pub(crate) fn ask(
        &self,
        wanted: StripWanted,
    ) -> Result<oneshot::Receiver<Arc<Strip>>, TooMany> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Readers that gave up make room.
        waiting.retain(|question| !question.answer.is_closed());
        if waiting.len() >= WAITING_MAX {
            return Err(TooMany);
        }
        let (answer, answered) = oneshot::channel();
        waiting.push_back(Question { wanted, answer });
        Ok(answered)
    }

    /// The oldest questions, as many as are answered at a time.
    pub(crate) fn take(&self) -> Vec<Question> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(PER_TURN);
        waiting.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> StripWanted {
        StripWanted {
            target: TargetName::new("superapp").unwrap(),
            feature: FeatureId::new("account.login").unwrap(),
            window: StripWindow::Day,
        }
    }

    #[test]
    fn questions_are_bounded_and_readers_that_left_make_room() {
        let desk = StripDesk::default();
        let mut answers: Vec<_> = (0..WAITING_MAX)
            .map(|_| desk.ask(wanted()).unwrap())
            .collect();
        assert_eq!(desk.ask(wanted()).unwrap_err(), TooMany);
        answers.pop();
        assert!(desk.ask(wanted()).is_ok());
        assert_eq!(desk.take().len(), PER_TURN);
    }
}
