//! The channel over a WebSocket: a sign of life every ten seconds, news at once.

use std::time::Duration;

use bongsu_wire::Backoff;
use bongsu_wire::opamp::{
    AgentToServer, BURST_CAPABILITY, BurstWord, MESSAGE_BYTES_MAX, REPORT_FULL_STATE,
    ServerToAgent, error_details, frame, read_burst, unframe,
};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Upgraded;
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use super::counts::ChannelKind;
use super::{Channel, End};
use crate::control_channel::state::look;

/// Real time between two signs of life on the channel.
const BEAT: Duration = Duration::from_secs(10);

/// A collector that is silent for so long is gone: it pings every ten seconds.
const SILENT_MAX: Duration = Duration::from_secs(35);

/// How long a frame may take to be taken from us.
const SEND_WITHIN: Duration = Duration::from_secs(5);

/// How long saying goodbye may take: the agent stops.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

type Socket = WebSocketStream<Upgraded>;

impl Channel {
    /// Opens a WebSocket and speaks over it until it ends.
    pub(super) async fn converse(
        &mut self,
        stop: &CancellationToken,
        backoff: &mut Backoff,
    ) -> End {
        let upgraded = tokio::select! {
            upgraded = self.client.upgrade() => upgraded,
            () = stop.cancelled() => return End::Stopped,
        };
        let upgraded = match upgraded {
            Ok(upgraded) => upgraded,
            Err(end) => return end,
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX))
            .read_buffer_size(8 * 1_024);
        let mut socket =
            WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await;
        self.reporter.say_all();
        self.counts.is(ChannelKind::Websocket);
        let mut plans = self.shared.plan.subscribe();
        let mut beats = tokio::time::interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let silence = tokio::time::sleep(SILENT_MAX);
            let said = tokio::select! {
                () = stop.cancelled() => {
                    self.bid_farewell(&mut socket).await;
                    return End::Stopped;
                }
                _ = beats.tick() => self.report(&mut socket, None).await,
                Ok(()) = plans.changed() => self.report(&mut socket, None).await,
                Some(refusal) = self.refusals.1.recv() => {
                    self.report(&mut socket, Some(refusal.to_message())).await
                }
                heard = socket.next() => match self.hear(heard) {
                    Ok(Heard::Nothing) => Ok(()),
                    Ok(Heard::Ours) => {
                        backoff.succeeded();
                        Ok(())
                    }
                    Ok(Heard::SayAll) => {
                        self.reporter.say_all();
                        self.report(&mut socket, None).await
                    }
                    Err(end) => return end,
                },
                () = silence => {
                    return End::Broke(format!("silent for {} s", SILENT_MAX.as_secs()));
                }
            };
            if let Err(end) = said {
                return end;
            }
        }
    }

    async fn report(
        &mut self,
        socket: &mut Socket,
        custom: Option<bongsu_wire::opamp::CustomMessage>,
    ) -> Result<(), End> {
        let picture = look(&self.shared, false).await;
        let message = self.reporter.next(&picture, custom);
        self.say(socket, &message).await
    }

    async fn say(&self, socket: &mut Socket, message: &AgentToServer) -> Result<(), End> {
        let frame = Frame::Binary(frame(message).into());
        match tokio::time::timeout(SEND_WITHIN, socket.send(frame)).await {
            Ok(Ok(())) => {
                self.counts.sent();
                Ok(())
            }
            Ok(Err(error)) => Err(End::Broke(error.to_string())),
            Err(_) => Err(End::Broke("a message was not taken".to_owned())),
        }
    }

    /// Says how the agent is, and goodbye.
    async fn bid_farewell(&mut self, socket: &mut Socket) {
        let picture = look(&self.shared, true).await;
        let farewell = async {
            if self.reporter.has_news(&picture) {
                let message = self.reporter.next(&picture, None);
                self.say(socket, &message).await?;
            }
            let goodbye = self.reporter.goodbye();
            self.say(socket, &goodbye).await?;
            // Who said goodbye is closed upon.
            while let Some(Ok(_)) = socket.next().await {}
            Ok::<(), End>(())
        };
        let _ = tokio::time::timeout(GOODBYE_WITHIN, farewell).await;
    }

    fn hear(&mut self, heard: Option<Result<Frame, WsError>>) -> Result<Heard, End> {
        let bytes = match heard {
            Some(Ok(Frame::Binary(bytes))) => bytes,
            Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => {
                return Ok(Heard::Nothing);
            }
            Some(Ok(Frame::Text(_))) => {
                return Err(End::Refused("the collector sent a text frame".to_owned()));
            }
            Some(Ok(Frame::Close(close))) => {
                let (code, reason) = close.map_or((CloseCode::Abnormal, String::new()), |close| {
                    (close.code, close.reason.to_string())
                });
                return Err(match code {
                    CloseCode::Policy => End::Refused(reason),
                    _ => End::Broke(format!("closed ({}): {reason}", u16::from(code))),
                });
            }
            Some(Err(error)) => return Err(End::Broke(error.to_string())),
            None => return Err(End::Broke("the connection is closed".to_owned())),
        };
        let answer = unframe(&bytes).map_err(|error| End::Refused(error.to_string()))?;
        self.obey(&answer)
    }

    /// Takes an answer in.
    pub(super) fn obey(&mut self, answer: &ServerToAgent) -> Result<Heard, End> {
        if let Some(error) = &answer.error_response {
            let message = error.error_message.clone();
            return Err(match error.details {
                Some(error_details::Details::RetryInfo(retry)) => {
                    End::Wait(message, Duration::from_nanos(retry.retry_after_nanoseconds))
                }
                None => End::Refused(message),
            });
        }
        if let Some(named) = &answer.agent_identification
            && named.new_instance_uid.len() == 16
        {
            self.reporter.rename(named.new_instance_uid.clone());
        }
        if let Some(custom) = &answer.custom_capabilities {
            let mut capabilities = custom.capabilities.iter();
            let asks = capabilities.any(|capability| capability == BURST_CAPABILITY);
            self.counts.asks(asks);
        }
        match answer.custom_message.as_ref().and_then(read_burst) {
            Some(Ok(BurstWord::Request(order))) => self.hand_over(order),
            Some(Err(error)) => {
                tracing::warn!(collector = self.client.name(), %error, "a burst request cannot be read");
            }
            // A refusal is ours to send, and other capabilities are not ours.
            Some(Ok(BurstWord::Refused(_))) | None => {}
        }
        Ok(if answer.flags & REPORT_FULL_STATE != 0 {
            Heard::SayAll
        } else {
            Heard::Ours
        })
    }
}

/// What an answer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// It was no message.
    Nothing,
    /// It was understood.
    Ours,
    /// Everything is to be said again.
    SayAll,
}
