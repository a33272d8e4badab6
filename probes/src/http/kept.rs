//! The connections that an actor keeps between the steps of a run.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Clock, Monotonic, NetworkFacts};

use crate::dial::Endpoint;
use crate::phases::Stopwatch;

use super::connection::Connection;

/// Longest idle time after which a connection is used again. Servers close idle connections
/// after 5 s and more; a request that crosses such a close on the way would fail for no reason
/// of the platform's.
const IDLE_MAX: Duration = Duration::from_secs(2);

/// Most connections that an actor keeps: journeys name a handful of hosts.
const KEPT_MAX: usize = 8;

struct Kept {
    endpoint: Endpoint,
    connection: Connection,
    facts: NetworkFacts,
    since: Monotonic,
    clock: Arc<dyn Clock>,
}

/// The connections that an actor keeps open between steps, one to an endpoint. They end with the
/// run, and no other actor ever gets one.
#[derive(Default)]
pub(crate) struct Connections(Vec<Kept>);

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connections({})", self.0.len())
    }
}

impl Connections {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A usable connection to `endpoint`, if one is kept; `facts` gets what is known of it.
    pub(super) async fn take(
        &mut self,
        endpoint: &Endpoint,
        facts: &mut NetworkFacts,
    ) -> Option<Connection> {
        let at = self.0.iter().position(|kept| kept.endpoint == *endpoint)?;
        let mut kept = self.0.swap_remove(at);
        let idle = kept.clock.monotonic().since(kept.since);
        if idle > IDLE_MAX || !kept.connection.is_ready().await {
            return None;
        }
        *facts = NetworkFacts {
            url: facts.url.take(),
            ..kept.facts
        };
        Some(kept.connection)
    }

    /// Keeps a connection whose exchange is over; where the room is full, the one that rested
    /// longest is closed.
    pub(super) fn keep(
        &mut self,
        endpoint: Endpoint,
        connection: Connection,
        facts: &NetworkFacts,
        watch: &Stopwatch,
    ) {
        if connection.is_worth_keeping() {
            if self.0.len() >= KEPT_MAX {
                let oldest = (0..self.0.len()).min_by_key(|at| self.0[*at].since);
                drop(oldest.map(|at| self.0.swap_remove(at)));
            }
            self.0.push(Kept {
                endpoint,
                connection,
                facts: of_connection(facts),
                since: watch.ended(),
                clock: watch.clock().clone(),
            });
        }
    }
}

/// What is true of every exchange over a connection. The tunnel is not: it was dug for the first.
fn of_connection(facts: &NetworkFacts) -> NetworkFacts {
    NetworkFacts {
        server_address: facts.server_address.clone(),
        server_port: facts.server_port,
        peer_address: facts.peer_address,
        tls_version: facts.tls_version.clone(),
        tls_cipher: facts.tls_cipher.clone(),
        tls_next_protocol: facts.tls_next_protocol.clone(),
        tls_not_after: facts.tls_not_after,
        ..NetworkFacts::default()
    }
}
