//! How much may come in: requests of one agent by a token bucket, requests and their bytes at a
//! time by fixed bounds. Who is refused here may come again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use bongsu_model::Monotonic;

use super::answer::Refused;
use crate::config::Config;
use crate::counters::{Counters, Gauge};

/// Requests that are worked on at a time, waiting for the disk included: twice the journal's
/// queue, so that the queue is what fills first.
const IN_FLIGHT_MAX: u64 = 128;

/// Of these, how many one agent may have: it sends in two lanes, and what else is open of it are
/// connections that it gave up. So eight agents that are stuck in their bodies still leave room.
const IN_FLIGHT_OF_AGENT_MAX: u64 = 16;

/// Bodies of the largest size that may be held at a time; decoded they take about three times
/// their size. At 16 MiB each, 64 MiB of bodies.
const LARGEST_BODIES_MAX: u64 = 4;

/// How many seconds' worth of requests an agent may send at once: after an outage of the
/// collector every agent has a backlog.
const BURST_SECONDS: f64 = 4.0;

/// Who may come in.
#[derive(Debug)]
pub(super) struct Admission {
    /// By name.
    agents: HashMap<String, Sender>,
    per_second: f64,
    bytes_max: u64,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Sender {
    bucket: Mutex<Bucket>,
    in_flight: Arc<Gauge>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    requests: f64,
    /// When it was last filled; None before the first request.
    filled: Option<Monotonic>,
}

impl Admission {
    /// A full bucket for each agent and each sender.
    pub(super) fn new(config: &Config, counters: Arc<Counters>) -> Self {
        let per_second = config.limits.requests_per_second;
        let full = Bucket {
            requests: (per_second * BURST_SECONDS).max(1.0),
            filled: None,
        };
        let agents = config.roster.agents().iter();
        let agents = agents.map(|agent| agent.vantage.agent.to_string());
        let senders = config.forwarding.senders().iter();
        let senders = senders.map(|sender| sender.id.to_string());
        Self {
            agents: agents
                .chain(senders)
                .map(|agent| {
                    let sender = Sender {
                        bucket: Mutex::new(full),
                        in_flight: Arc::default(),
                    };
                    (agent, sender)
                })
                .collect(),
            per_second,
            bytes_max: config.limits.body_bytes_max * LARGEST_BODIES_MAX,
            counters,
        }
    }

    /// Takes one request out of the agent's bucket.
    pub(super) fn rate(&self, agent: &str, now: Monotonic) -> Result<(), Refused> {
        let Some(sender) = self.agents.get(agent) else {
            return Ok(());
        };
        let mut bucket = sender.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = bucket
            .filled
            .map_or(0.0, |filled| now.since(filled).as_secs_f64());
        let depth = (self.per_second * BURST_SECONDS).max(1.0);
        bucket.requests = (bucket.requests + waited * self.per_second).min(depth);
        bucket.filled = Some(now);
        if bucket.requests >= 1.0 {
            bucket.requests -= 1.0;
            return Ok(());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small number of seconds above zero"
        )]
        let seconds = ((1.0 - bucket.requests) / self.per_second)
            .ceil()
            .clamp(1.0, 3600.0) as u64;
        Err(Refused::later(
            StatusCode::TOO_MANY_REQUESTS,
            format!(
                "more than {} requests a second from {agent}",
                self.per_second
            ),
            seconds,
        ))
    }

    /// Takes a place among the requests that are worked on.
    pub(super) fn enter(&self, agent: &str) -> Result<Reservation, Refused> {
        let own = self.agents.get(agent);
        let own = own.map_or_else(Arc::default, |sender| Arc::clone(&sender.in_flight));
        self.counters.in_flight.raise(1);
        own.raise(1);
        let held = Reservation {
            counters: Arc::clone(&self.counters),
            own,
            bytes: 0,
            bytes_max: self.bytes_max,
        };
        if held.own.get() > IN_FLIGHT_OF_AGENT_MAX {
            return Err(Refused::later(
                StatusCode::TOO_MANY_REQUESTS,
                format!("{IN_FLIGHT_OF_AGENT_MAX} requests of {agent} are being worked on"),
                1,
            ));
        }
        if self.counters.in_flight.get() > IN_FLIGHT_MAX {
            return Err(Refused::later(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("{IN_FLIGHT_MAX} requests are being worked on"),
                1,
            ));
        }
        Ok(held)
    }
}

/// A request's place and the bytes that it holds; given back when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    counters: Arc<Counters>,
    /// Requests of the same agent.
    own: Arc<Gauge>,
    bytes: u64,
    bytes_max: u64,
}

impl Reservation {
    /// A place among requests that hold at most `bytes_max`.
    #[cfg(test)]
    pub(super) fn for_test(counters: &Arc<Counters>, bytes_max: u64) -> Self {
        let own = Arc::<Gauge>::default();
        counters.in_flight.raise(1);
        own.raise(1);
        Self {
            counters: Arc::clone(counters),
            own,
            bytes: 0,
            bytes_max,
        }
    }

    /// Reserves `bytes` more.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        let bytes = bytes as u64;
        self.counters.in_flight_bytes.raise(bytes);
        self.bytes += bytes;
        if self.counters.in_flight_bytes.get() > self.bytes_max {
            return Err(Refused::later(
                StatusCode::SERVICE_UNAVAILABLE,
                "the bodies of open requests fill the memory that is set aside for them",
                1,
            ));
        }
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.counters.in_flight_bytes.lower(self.bytes);
        self.counters.in_flight.lower(1);
        self.own.lower(1);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    const EXAMPLE: &str = include_str!("../../../deploy/config/collector.toml");

    fn admission(per_second: &str) -> Admission {
        let text = EXAMPLE.replace("requests_per_second = 50", per_second);
        let config = Config::parse(&text, Path::new("collector.toml")).unwrap();
        Admission::new(&config, Arc::default())
    }

    fn at(ms: u64) -> Monotonic {
        Monotonic::from_origin(Duration::from_millis(ms))
    }

    #[test]
    fn an_agent_may_send_a_burst_and_then_its_rate() {
        let admission = admission("requests_per_second = 2");
        let agent = "seoul-1";
        for _ in 0..8 {
            admission.rate(agent, at(0)).unwrap();
        }
        let refused = admission.rate(agent, at(0)).unwrap_err();
        assert_eq!(refused.code, StatusCode::TOO_MANY_REQUESTS);
        assert!(admission.rate(agent, at(400)).is_err());
        admission.rate(agent, at(500)).unwrap();
        assert!(admission.rate(agent, at(500)).is_err());
    }

    #[test]
    fn one_agent_takes_its_share_of_the_places_and_no_more() {
        let admission = admission("requests_per_second = 50");
        let agent = "seoul-1";
        let mut places: Vec<_> = (0..IN_FLIGHT_OF_AGENT_MAX)
            .map(|_| admission.enter(agent).unwrap())
            .collect();
        let refused = admission.enter(agent).unwrap_err();
        assert_eq!(refused.code, StatusCode::TOO_MANY_REQUESTS);
        let other = "busan-1";
        places.push(admission.enter(other).unwrap());
        places.remove(0);
        admission.enter(agent).unwrap();
    }

    #[test]
    fn places_and_bytes_are_given_back() {
        let admission = admission("requests_per_second = 50");
        // Agents that are not on the roster have no share: the bound on all is what is left.
        let agent = "busan-1";
        let mut places: Vec<_> = (0..IN_FLIGHT_MAX)
            .map(|_| admission.enter(agent).unwrap())
            .collect();
        assert!(admission.enter(agent).is_err());
        places.pop();
        let mut held = admission.enter(agent).unwrap();
        held.grow(64 << 20).unwrap();
        assert!(places[0].grow(1).is_err());
        drop(held);
        places[0].grow(1).unwrap();
        drop(places);
        assert_eq!(admission.counters.in_flight.get(), 0);
        assert_eq!(admission.counters.in_flight_bytes.get(), 0);
    }
}
