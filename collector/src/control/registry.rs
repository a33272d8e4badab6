//! The channel of every listed agent: who holds it, what is known, what waits to be sent.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_availability::BurstRequest;
use bongsu_model::{AgentId, Clock, Monotonic, Timestamp};
use bongsu_wire::opamp::{AgentToServer, BurstOrder, InstanceUid, ServerToAgent, instance_uid};
use tokio::sync::mpsc;

use super::counters::ControlCounters;
use super::session::{Refused, Roster, Session, Taken};
use super::view::{ChannelKind, ChannelView};
use crate::config;

/// Requests that may wait for one agent: it is asked about each of its suspect cells once a
/// second, and follows at most one of a journey at a time.
const WAITING_MAX: usize = 32;

/// An agent that polls and was not heard of for so long is not reached by it any more: the
/// clients that are usual poll every 30 s.
const POLLED_WITHIN: Duration = Duration::from_secs(65);

/// Nor is it worth asking when its polls are so far apart that a request would be stale.
const ASKED_WITHIN: Duration = Duration::from_secs(10);

/// Messages that an agent may send at once, and then on average in a second: a heartbeat every
/// few seconds, a refusal of each request, and a new connection now and then.
const MESSAGES_AT_ONCE: f64 = 40.0;
const MESSAGES_PER_SECOND: f64 = 10.0;

/// What a WebSocket is told to do.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// Send this.
    Order(BurstOrder),
    /// A newer channel of the agent is open: say so and end.
    Replaced,
}

/// The right to a WebSocket's channel, for as long as no newer one takes it over.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) agent: AgentId,
    generation: u64,
}

#[derive(Debug)]
enum Link {
    None {
        since: Option<Timestamp>,
    },
    Socket {
        since: Timestamp,
        outgoing: mpsc::Sender<Outgoing>,
    },
    Polled {
        since: Timestamp,
        heard: Monotonic,
        waiting: VecDeque<BurstOrder>,
    },
}

#[derive(Debug)]
struct Channel {
    session: Session,
    link: Link,
    /// Grows with every link.
    generation: u64,
    messages: f64,
    filled: Monotonic,
}

/// Every channel. There are as many as listed agents, whatever comes.
#[derive(Debug)]
pub(crate) struct Control {
    channels: Mutex<BTreeMap<AgentId, Channel>>,
    listed: Listed,
    clock: Arc<dyn Clock>,
    counters: Arc<crate::counters::Counters>,
}

#[derive(Debug)]
struct Listed {
    by_uid: BTreeMap<InstanceUid, AgentId>,
    by_id: BTreeMap<String, AgentId>,
}

impl Roster for Listed {
    fn by_uid(&self, uid: &[u8]) -> Option<&AgentId> {
        self.by_uid.get(uid)
    }

    fn is_listed(&self, id: &str) -> Option<&AgentId> {
        self.by_id.get(id)
    }
}

impl Control {
    pub(crate) fn new(
        roster: &config::Roster,
        clock: Arc<dyn Clock>,
        counters: Arc<crate::counters::Counters>,
    ) -> Self {
        let agents = || roster.agents().iter().map(|agent| &agent.vantage.agent);
        let now = clock.monotonic();
        let channel = |agent: &AgentId| Channel {
            session: Session::new(agent.clone(), instance_uid(agent)),
            link: Link::None { since: None },
            generation: 0,
            messages: MESSAGES_AT_ONCE,
            filled: now,
        };
        Self {
            channels: Mutex::new(agents().map(|id| (id.clone(), channel(id))).collect()),
            listed: Listed {
                by_uid: agents().map(|id| (instance_uid(id), id.clone())).collect(),
                by_id: agents()
                    .map(|id| (id.as_str().to_owned(), id.clone()))
                    .collect(),
            },
            clock,
            counters,
        }
    }

    pub(super) fn counters(&self) -> &ControlCounters {
        &self.counters.control
    }

    /// Whether a burst request would reach the agent in time.
    pub(crate) fn is_reachable(&self, agent: &AgentId) -> bool {
        let now = self.clock.monotonic();
        let channels = self.channels();
        let channel = channels.get(agent);
        let channel = channel.filter(|channel| channel.session.follows_bursts());
        match channel.map(|channel| &channel.link) {
            Some(Link::Socket { outgoing, .. }) => outgoing.capacity() > 0,
            Some(Link::Polled { heard, waiting, .. }) => {
                now.since(*heard) < ASKED_WITHIN && waiting.len() < WAITING_MAX
            }
            Some(Link::None { .. }) | None => false,
        }
    }

    /// Hands a request to the agent's channel. Never waits.
    pub(crate) fn ask(&self, request: BurstRequest) {
        let order = BurstOrder {
            target: request.target,
            journey: request.journey,
            variant: request.variant,
            until: request.until,
        };
        let mut channels = self.channels();
        let taken = match channels.get_mut(&request.agent).map(|c| &mut c.link) {
            Some(Link::Socket { outgoing, .. }) => {
                outgoing.try_send(Outgoing::Order(order)).is_ok()
            }
            Some(Link::Polled { waiting, .. }) if waiting.len() < WAITING_MAX => {
                waiting.push_back(order);
                true
            }
            Some(Link::Polled { .. } | Link::None { .. }) | None => false,
        };
        let counters = self.counters();
        if taken {
            counters.bursts_asked.add(1);
        } else {
            counters.bursts_dropped.add(1);
        }
    }

    /// Every channel, by agent.
    pub(crate) fn views(&self) -> Vec<ChannelView> {
        let now = self.clock.monotonic();
        let channels = self.channels();
        channels
            .iter()
            .map(|(agent, channel)| {
                let (kind, since) = channel.link.shown(now);
                ChannelView {
                    agent: agent.clone(),
                    kind,
                    since,
                    health: channel.session.health().cloned(),
                    config: channel.session.config().cloned(),
                }
            })
            .collect()
    }

    /// Whether the agent may send a message now; it pays for it.
    pub(super) fn may_speak(&self, agent: &AgentId) -> bool {
        let now = self.clock.monotonic();
        let mut channels = self.channels();
        let Some(channel) = channels.get_mut(agent) else {
            return false;
        };
        let gained = now.since(channel.filled).as_secs_f64() * MESSAGES_PER_SECOND;
        channel.messages = (channel.messages + gained).min(MESSAGES_AT_ONCE);
        channel.filled = now;
        if channel.messages < 1.0 {
            return false;
        }
        channel.messages -= 1.0;
        true
    }

    /// Opens the agent's channel over a WebSocket; what held it before is told and ends.
    pub(super) fn open(&self, agent: &AgentId) -> Option<(Place, mpsc::Receiver<Outgoing>)> {
        let since = self.clock.wall();
        let mut channels = self.channels();
        let channel = channels.get_mut(agent)?;
        let (outgoing, incoming) = mpsc::channel(WAITING_MAX);
        self.take_over(channel, Link::Socket { since, outgoing });
        let place = Place {
            agent: agent.clone(),
            generation: channel.generation,
        };
        Some((place, incoming))
    }

    /// Ends a WebSocket's channel, unless a newer one holds it. What still waits to be sent over it
    /// is dropped.
    pub(super) fn close(&self, place: &Place, mut unsent: mpsc::Receiver<Outgoing>) {
        let since = Some(self.clock.wall());
        if let Some(channel) = self.channels().get_mut(&place.agent)
            && channel.generation == place.generation
        {
            channel.link = Link::None { since };
        }
        let unsent = std::iter::from_fn(|| unsent.try_recv().ok());
        let orders = unsent.filter(|outgoing| matches!(outgoing, Outgoing::Order(_)));
        self.counters().bursts_dropped.add(orders.count() as u64);
    }

    /// Takes a message that came over a WebSocket. None if a newer channel holds the place.
    pub(super) fn take(
        &self,
        place: &Place,
        message: &AgentToServer,
        is_first: bool,
    ) -> Option<Result<Taken, Refused>> {
        let now = self.clock.wall();
        let mut channels = self.channels();
        let channel = channels.get_mut(&place.agent)?;
        if channel.generation != place.generation {
            return None;
        }
        let taken = channel.session.take(message, is_first, &self.listed, now);
        drop(channels);
        Some(self.count(taken))
    }

    /// Takes a message that was posted, and gives the answer with what waits.
    pub(super) fn poll(
        &self,
        agent: &AgentId,
        message: &AgentToServer,
    ) -> Option<Result<ServerToAgent, Refused>> {
        let (wall, now) = (self.clock.wall(), self.clock.monotonic());
        let mut channels = self.channels();
        let channel = channels.get_mut(agent)?;
        let taken = channel.session.take(message, true, &self.listed, wall);
        let mut taken = match self.count(taken) {
            Ok(taken) => taken,
            Err(refused) => return Some(Err(refused)),
        };
        if taken.is_last {
            self.take_over(channel, Link::None { since: Some(wall) });
            return Some(Ok(taken.answer));
        }
        match &mut channel.link {
            Link::Polled { heard, waiting, .. } => {
                *heard = now;
                let stale = waiting.iter().filter(|order| order.until <= wall).count();
                self.counters().bursts_dropped.add(stale as u64);
                waiting.retain(|order| order.until > wall);
                let order = waiting.pop_front();
                taken.answer.custom_message = order.map(|order| order.to_message());
            }
            Link::Socket { .. } | Link::None { .. } => self.take_over(
                channel,
                Link::Polled {
                    since: wall,
                    heard: now,
                    waiting: VecDeque::new(),
                },
            ),
        }
        Some(Ok(taken.answer))
    }

    fn take_over(&self, channel: &mut Channel, link: Link) {
        channel.generation += 1;
        match std::mem::replace(&mut channel.link, link) {
            Link::Socket { outgoing, .. } => {
                self.counters().replaced.add(1);
                // Full: it learns from its next message that its place is gone.
                let _ = outgoing.try_send(Outgoing::Replaced);
            }
            Link::Polled { waiting, .. } => {
                self.counters().bursts_dropped.add(waiting.len() as u64);
            }
            Link::None { .. } => {}
        }
    }

    fn count(&self, taken: Result<Taken, Refused>) -> Result<Taken, Refused> {
        let counters = self.counters();
        match &taken {
            Ok(taken) => {
                counters.messages.add(1);
                counters
                    .full_states_asked
                    .add(u64::from(taken.asks_for_all));
                if let Some(refusal) = taken.refusal {
                    counters.burst_refused(refusal);
                }
            }
            Err(Refused::Foreign { .. }) => counters.refuse(super::counters::Refusal::Foreign),
            Err(Refused::Uid(_)) => counters.refuse(super::counters::Refusal::Malformed),
        }
        taken
    }

    fn channels(&self) -> MutexGuard<'_, BTreeMap<AgentId, Channel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    fn shown(&self, now: Monotonic) -> (ChannelKind, Option<Timestamp>) {
        match self {
            Self::None { since } => (ChannelKind::None, *since),
            Self::Socket { since, .. } => (ChannelKind::Websocket, Some(*since)),
            Self::Polled { since, heard, .. } if now.since(*heard) < POLLED_WITHIN => {
                (ChannelKind::Polling, Some(*since))
            }
            Self::Polled { since, .. } => (ChannelKind::None, Some(*since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bongsu_model::{CellKey, FeatureId, JourneyName, RegionId, TargetName, Variant};

    use super::*;
    use crate::clock::SystemClock;
    use crate::config::Config;

    const EXAMPLE: &str = include_str!("../../../deploy/config/collector.toml");

    fn control() -> (Control, AgentId) {
        let config = Config::parse(EXAMPLE, Path::new("collector.toml")).unwrap();
        let agent = config.roster.agents()[0].vantage.agent.clone();
        let control = Control::new(&config.roster, Arc::new(SystemClock::new()), Arc::default());
        (control, agent)
    }

    fn request(agent: &AgentId) -> BurstRequest {
        let target = TargetName::new("superapp").unwrap();
        BurstRequest {
            agent: agent.clone(),
            cell: CellKey {
                target: target.clone(),
                feature: FeatureId::new("account.login").unwrap(),
                region: RegionId::new("kr-seoul").unwrap(),
            },
            target,
            journey: JourneyName::new("login").unwrap(),
            variant: Variant::cold(),
            until: Timestamp::MAX,
        }
    }

    fn message(agent: &AgentId, sequence_num: u64) -> AgentToServer {
        AgentToServer {
            instance_uid: instance_uid(agent).to_vec(),
            sequence_num,
            ..AgentToServer::default()
        }
    }

    /// How many requests were handed to a channel, and how many were dropped.
    fn counts(control: &Control) -> (u64, u64) {
        let counters = control.counters();
        (counters.bursts_asked.get(), counters.bursts_dropped.get())
    }

    #[test]
    fn requests_that_wait_when_a_websocket_ends_are_counted_as_dropped() {
        let (control, agent) = control();
        let (place, outgoing) = control.open(&agent).unwrap();
        control.ask(request(&agent));
        control.ask(request(&agent));
        control.close(&place, outgoing);
        assert_eq!(counts(&control), (2, 2));
        control.ask(request(&agent));
        assert_eq!(counts(&control), (2, 3), "nobody is there");
        // One that was taken over is told so, which is no request.
        let (older, outgoing) = control.open(&agent).unwrap();
        let (_newer, _kept) = control.open(&agent).unwrap();
        control.close(&older, outgoing);
        assert_eq!(counts(&control), (2, 3));
    }

    #[test]
    fn requests_that_wait_for_a_poll_which_does_not_come_are_counted_as_dropped() {
        let (control, agent) = control();
        let poll = |n| control.poll(&agent, &message(&agent, n)).unwrap().unwrap();
        poll(1);
        control.ask(request(&agent));
        let (place, outgoing) = control.open(&agent).unwrap();
        assert_eq!(counts(&control), (1, 1), "the agent opened a WebSocket");
        control.close(&place, outgoing);
        poll(2);
        control.ask(request(&agent));
        let goodbye = AgentToServer {
            agent_disconnect: Some(bongsu_wire::opamp::AgentDisconnect {}),
            ..message(&agent, 3)
        };
        control.poll(&agent, &goodbye).unwrap().unwrap();
        assert_eq!(counts(&control), (2, 2));
    }
}
