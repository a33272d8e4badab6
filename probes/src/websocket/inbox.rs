//! The frames of one socket with their arrival times, bounded in number and bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use bongsu_model::{FailClass, Monotonic};
use tokio::sync::Notify;

use crate::failure::Fault;

/// Most frames that wait to be looked at: minutes of a busy test account's pushes.
const FRAMES_MAX: usize = 1024;

/// Most bytes of frames that wait to be looked at: four of the largest.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// A frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) text: String,
    pub(crate) at: Monotonic,
}

/// Filled by the socket's task, emptied by its actor. What does not fit ends the socket.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Frame>,
    bytes: usize,
    end: Option<Fault>,
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while holding it")
    }

    /// Keeps a frame.
    ///
    /// # Errors
    /// When there is no room: the socket must end, since a frame must not be lost in silence.
    pub(super) fn put(&self, frame: Frame) -> Result<(), Fault> {
        let mut state = self.state();
        if state.frames.len() == FRAMES_MAX || state.bytes + frame.text.len() > BYTES_MAX {
            return Err(Fault::platform(FailClass::BodyTooLarge, "frames"));
        }
        state.bytes += frame.text.len();
        state.frames.push_back(frame);
        drop(state);
        self.news.notify_one();
        Ok(())
    }

    /// No more frames will come, because of `end`.
    pub(super) fn finish(&self, end: Fault) {
        self.state().end.get_or_insert(end);
        self.news.notify_one();
    }

    /// Why no more frames come.
    pub(super) fn end(&self) -> Fault {
        let end = self.state().end.clone();
        end.unwrap_or_else(|| Fault::platform(FailClass::WsClosed, "closed"))
    }

    /// The oldest frame, waiting for one; the end of the socket once all are taken.
    pub(super) async fn next(&self) -> Result<Frame, Fault> {
        loop {
            {
                let mut state = self.state();
                if let Some(frame) = state.frames.pop_front() {
                    state.bytes -= frame.text.len();
                    return Ok(frame);
                }
                if let Some(end) = &state.end {
                    return Err(end.clone());
                }
            }
            self.news.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Frame {
        Frame {
            text: text.to_owned(),
            at: Monotonic::default(),
        }
    }

    #[tokio::test]
    async fn frames_come_out_in_order_and_then_the_end() {
        let inbox = Inbox::default();
        inbox.put(frame("1")).unwrap();
        inbox.put(frame("2")).unwrap();
        let end = Fault::platform(FailClass::WsClosed, "closed");
        inbox.finish(end.clone());
        inbox.finish(Fault::internal("a later end changes nothing"));
        assert_eq!(inbox.next().await, Ok(frame("1")));
        assert_eq!(inbox.next().await, Ok(frame("2")));
        assert_eq!(inbox.next().await, Err(end.clone()));
        assert_eq!(inbox.next().await, Err(end));
    }

    #[tokio::test]
    async fn too_many_frames_or_bytes_are_an_overflow() {
        let inbox = Inbox::default();
        for _ in 0..FRAMES_MAX {
            inbox.put(frame("x")).unwrap();
        }
        assert!(inbox.put(frame("x")).is_err());
        let inbox = Inbox::default();
        for _ in 0..4 {
            inbox.put(frame(&"x".repeat(1 << 20))).unwrap();
        }
        assert!(inbox.put(frame("x")).is_err());
        inbox.next().await.unwrap();
        inbox.put(frame("x")).unwrap();
    }
}
