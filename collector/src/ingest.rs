//! OTLP: who speaks, how much, what is said; then the journal, then the answer.
//!
//! Over HTTP and over gRPC the same happens: only how a message is wrapped differs, and how the
//! answer is worded. What comes as JSON is made protobuf first; what is judged and kept is always
//! the protobuf.
//!
//! A request is answered 200 only when all that it holds is durable or refused for good. What is
//! wrong with the request as a whole is a 4xx, our own troubles are 503 with `Retry-After`, never
//! 500, which a conforming sender would not send again. Over gRPC the codes say the same.
//!
//! Spans that are no run of Bongsu are refused by a partial success, or taken out of the request
//! and passed on, as the configuration says. A sender that is no agent may send such spans only.
//!
//! A record that claims another agent, region or network than its token allows is refused alone,
//! so that a mixed batch keeps its good records. Only a request in which every record is another
//! agent's is refused as a whole with 403: then the sender's token or id is misconfigured, and it
//! keeps its records until that is mended.

mod answer;
mod auth;
mod body;
mod grpc;
mod http;
mod judge;
mod limits;
mod work;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use bongsu_model::AgentId;
use bongsu_wire::PartialSuccess;

use crate::config::{Agent, Config};
use crate::forward::Outbox;
use crate::journal::{AppendError, Journal, Record, Stored};
use crate::state::Shared;
use answer::{Refused, Signal};
use auth::Speaker;
use judge::Bench;
use limits::{Admission, Reservation};
use work::{Done, Judge, Work};

/// Seconds after which to come again when the queue is full, and when the disk fails.
const AGAIN_SOON: u64 = 1;
const AGAIN_LATER: u64 = 5;

/// Where OTLP is taken; each tells the way to the other.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// OTLP over HTTP.
    pub http: SocketAddr,
    /// OTLP over gRPC.
    pub grpc: SocketAddr,
}

/// What serves OTLP.
#[derive(Debug)]
pub struct Routers {
    /// All that is served on `[listen] otlp`.
    pub http: Router,
    /// All that is served on `[listen] otlp_grpc`.
    pub grpc: Router,
}

/// The two ways in, with one admission before both.
pub fn routers(shared: Arc<Shared>, journal: Journal, outbox: Outbox, ports: Ports) -> Routers {
    let admission = Admission::new(&shared.config, Arc::clone(&shared.counters));
    let ingest = Arc::new(Ingest {
        shared,
        journal,
        outbox,
        admission,
        ports,
    });
    Routers {
        http: http::router(Arc::clone(&ingest)),
        grpc: grpc::router(ingest),
    }
}

/// The agent whose token a request carries, or what to tell its sender.
pub(crate) fn agent_of<'c>(headers: &HeaderMap, config: &'c Config) -> Result<&'c Agent, String> {
    match auth::speaker(headers, config) {
        Ok(Speaker::Agent(agent)) => Ok(agent),
        Ok(Speaker::Sender(sender)) => Err(format!(
            "the token is that of {}, whose spans are passed on; a control channel is for agents",
            sender.id
        )),
        Err(refused) => Err(refused.message),
    }
}

/// What every request needs.
#[derive(Debug)]
struct Ingest {
    shared: Arc<Shared>,
    journal: Journal,
    outbox: Outbox,
    admission: Admission,
    ports: Ports,
}

/// Whether the record of the plan that an agent works on is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlanThere {
    /// It is, or no heartbeat spoke of one yet.
    Known,
    /// It never came: the agent is to send it again.
    Unknown,
}

impl Ingest {
    /// By the newest picture, which a heartbeat of some seconds ago is in.
    fn plan_of(&self, agent: &AgentId) -> PlanThere {
        let picture = self.shared.published();
        let view = picture.agents.iter().find(|view| view.agent == *agent);
        if view.is_some_and(|view| view.plan_unknown) {
            PlanThere::Unknown
        } else {
            PlanThere::Known
        }
    }

    /// Who speaks, and the place that it has among the requests that are worked on.
    fn admit(
        &self,
        headers: &HeaderMap,
        signal: Signal,
    ) -> Result<(Speaker<'_>, Reservation), Refused> {
        let speaker = auth::speaker(headers, &self.shared.config)?;
        let now = self.shared.clock.monotonic();
        let name = speaker.name();
        self.admission.rate(name, now)?;
        let held = self.admission.enter(name)?;
        match (speaker, signal) {
            (Speaker::Sender(sender), Signal::Logs) => Err(Refused::new(
                StatusCode::FORBIDDEN,
                format!(
                    "the token is that of the sender {}, which may only have spans passed on",
                    sender.id
                ),
            )),
            _ => Ok((speaker, held)),
        }
    }

    /// What requests of `speaker` are held against.
    fn judge(&self, speaker: Speaker<'_>) -> Judge {
        let config = &self.shared.config;
        Judge {
            bench: match speaker {
                Speaker::Agent(agent) => Some(Bench::new(config, agent, self.shared.clock.wall())),
                Speaker::Sender(_) => None,
            },
            foreign: config.forwarding.foreign,
        }
    }

    /// Works on a request until what it holds is durable; what was refused alone.
    async fn take(&self, work: Work) -> Result<Option<PartialSuccess>, Refused> {
        // The reservation lives until the records are durable.
        let Done {
            judged,
            foreign,
            held: _held,
        } = work.spread().await?;
        if let (Some(message), None) = (judged.all_foreign, &foreign) {
            return Err(Refused::new(StatusCode::FORBIDDEN, message));
        }
        let stored = self.append(judged.records).await?;
        if let Some(foreign) = foreign {
            self.outbox.keep(foreign).await.map_err(|error| {
                tracing::error!(%error, "foreign spans could not be kept");
                let code = StatusCode::SERVICE_UNAVAILABLE;
                Refused::later(code, error.to_string(), AGAIN_LATER)
            })?;
        }
        Ok(answer::partial(&judged.refusals, &stored))
    }

    async fn append(&self, records: Vec<Record>) -> Result<Vec<Stored>, Refused> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let stored = self.journal.append(records).await.map_err(|error| {
            let again = match error {
                AppendError::Overloaded => AGAIN_SOON,
                AppendError::Refused(_) | AppendError::Stopping => AGAIN_LATER,
            };
            Refused::later(StatusCode::SERVICE_UNAVAILABLE, error.to_string(), again)
        })?;
        self.outbox.ring();
        Ok(stored)
    }
}
