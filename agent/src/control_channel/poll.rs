//! The channel without a WebSocket: a message every two seconds, and what its answer brings.

use std::time::Duration;

use bongsu_wire::Backoff;
use bongsu_wire::opamp::BurstRefusal;
use tokio_util::sync::CancellationToken;

use super::counts::ChannelKind;
use super::socket::Heard;
use super::state::look;
use super::{Channel, End, POLL_FOR};

/// Real time between two polls: a request to run early is worth following for five seconds. A poll
/// without news is 27 bytes.
const EVERY: Duration = Duration::from_secs(2);

/// Answers in a row that may bring something, and are asked for more at once.
const AT_ONCE_MAX: u32 = 32;

impl Channel {
    /// Polls until it is time to try a WebSocket again.
    pub(super) async fn poll(&mut self, stop: &CancellationToken, backoff: &mut Backoff) -> End {
        self.reporter.say_all();
        let polls = POLL_FOR.as_secs() / EVERY.as_secs();
        for _ in 0..polls {
            let end = tokio::select! {
                end = self.poll_until_empty() => end,
                () = stop.cancelled() => Some(End::Stopped),
            };
            match end {
                Some(End::Stopped) => {
                    let goodbye = self.reporter.goodbye();
                    // The agent stops: who does not hear it sees it go.
                    let _ = tokio::time::timeout(EVERY, self.client.post(&goodbye)).await;
                    return End::Stopped;
                }
                Some(end) => return end,
                None => backoff.succeeded(),
            }
            self.counts.is(ChannelKind::Polling);
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
        End::Polled
    }

    /// Polls, and again at once while the answer brings something.
    async fn poll_until_empty(&mut self) -> Option<End> {
        for _ in 0..AT_ONCE_MAX {
            let picture = look(&self.shared, false).await;
            let refusal = self.refusals.1.try_recv().ok();
            let message = self
                .reporter
                .next(&picture, refusal.map(BurstRefusal::to_message));
            let answer = match self.client.post(&message).await {
                Ok(answer) => answer,
                Err(end) => return Some(end),
            };
            self.counts.sent();
            match self.obey(&answer) {
                Ok(Heard::SayAll) => self.reporter.say_all(),
                Ok(Heard::Ours | Heard::Nothing) if answer.custom_message.is_none() => return None,
                Ok(Heard::Ours | Heard::Nothing) => {}
                Err(end) => return Some(end),
            }
        }
        None
    }
}
