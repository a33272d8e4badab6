//! Is it us? Neutral hosts and the own resolver, asked regularly and at once after a failure.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{BlindReason, Clock, ControlCheck, Monotonic, TimeAnchor};
use bongsu_probes::{Link, SelfCheck};
use futures_util::future::{BoxFuture, join_all};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::config::ControlsConfig;
use crate::gate::NetworkGate;

/// How long a finding answers for the next question: runs that fail together ask once.
const FINDING_LASTS: Duration = Duration::from_secs(1);

/// A wall clock that was moved further than this against the monotonic one stamps nothing true.
const CLOCK_JUMP_MAX: Duration = Duration::from_secs(1);

/// What the last round found.
#[derive(Debug, Clone)]
struct Finding {
    at: Monotonic,
    checks: Vec<ControlCheck>,
    fault: Option<BlindReason>,
}

/// The agent's view of its own health.
#[derive(Debug)]
pub(crate) struct Controls {
    config: ControlsConfig,
    clock: Arc<dyn Clock>,
    gate: NetworkGate,
    /// Held during a round, so that many questions at once make one round.
    finding: Mutex<Option<Finding>>,
    anchor: std::sync::Mutex<TimeAnchor>,
}

impl Controls {
    pub(crate) fn new(config: ControlsConfig, clock: Arc<dyn Clock>, gate: NetworkGate) -> Self {
        let anchor = std::sync::Mutex::new(TimeAnchor::new(&*clock));
        Self {
            config,
            clock,
            gate,
            finding: Mutex::new(None),
            anchor,
        }
    }

    /// Checks regularly until `stop`.
    pub(crate) async fn watch(&self, stop: CancellationToken) {
        let mut link = self.gate.changes();
        loop {
            self.look(Duration::ZERO).await;
            tokio::select! {
                () = tokio::time::sleep(self.config.every) => {}
                _ = link.changed() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// The newest checks.
    pub(crate) async fn checks(&self) -> Vec<ControlCheck> {
        let finding = self.finding.lock().await;
        finding
            .as_ref()
            .map(|f| f.checks.clone())
            .unwrap_or_default()
    }

    /// Whether the agent itself is at fault, by a finding no older than `lasts`.
    async fn look(&self, lasts: Duration) -> Option<BlindReason> {
        let asked = self.clock.monotonic();
        let mut finding = self.finding.lock().await;
        let lasts = lasts.mul_f64(self.clock.speed().max(1.0));
        if let Some(known) = &*finding
            && (known.at >= asked || asked.since(known.at) < lasts)
        {
            return known.fault;
        }
        let (checks, resolver_answers) = tokio::join!(self.check_all(), self.resolver_answers());
        let reachable = checks.iter().filter(|check| check.reachable).count();
        let fault = if reachable * 2 < checks.len() {
            Some(BlindReason::Egress)
        } else if !resolver_answers {
            Some(BlindReason::Resolver)
        } else if self.has_clock_jumped() {
            Some(BlindReason::Clock)
        } else {
            None
        };
        if let Some(reason) = fault {
            tracing::warn!(%reason, reachable, of = checks.len(), "the agent itself is at fault");
        }
        *finding = Some(Finding {
            at: self.clock.monotonic(),
            checks,
            fault,
        });
        fault
    }

    async fn check_all(&self) -> Vec<ControlCheck> {
        join_all(self.config.addresses.iter().map(|control| async move {
            let connecting = tokio::time::timeout(self.config.timeout, TcpStream::connect(control));
            let reachable = matches!(self.gate.pass(connecting).await, Ok(Ok(Ok(_))));
            ControlCheck {
                control: control.clone(),
                reachable,
                checked: self.clock.wall(),
            }
        }))
        .await
    }

    async fn resolver_answers(&self) -> bool {
        let Some(resolver) = self.config.resolver else {
            return true;
        };
        let asking = tokio::time::timeout(self.config.timeout, ask_resolver(resolver));
        matches!(self.gate.pass(asking).await, Ok(Ok(Ok(()))))
    }

    /// Whether the wall clock was moved since the last round.
    fn has_clock_jumped(&self) -> bool {
        let mut anchor = self
            .anchor
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let drift = anchor.drift(&*self.clock);
        *anchor = TimeAnchor::new(&*self.clock);
        drift > CLOCK_JUMP_MAX.mul_f64(self.clock.speed().max(1.0))
    }
}

impl SelfCheck for Controls {
    fn own_fault(&self) -> BoxFuture<'_, Option<BlindReason>> {
        Box::pin(async move {
            if self.gate.link() == Link::Cut {
                return Some(BlindReason::Egress);
            }
            self.look(FINDING_LASTS).await
        })
    }
}

/// Asks a DNS server for the root's name servers (RFC 1035, 4.1): any answer with our id will do.
async fn ask_resolver(resolver: SocketAddr) -> std::io::Result<()> {
    let local: SocketAddr = if resolver.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0_u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(resolver).await?;
    let id = getrandom::u32().unwrap_or(0).to_be_bytes();
    // Recursion desired, one question: the root, type NS, class IN.
    let query = [id[0], id[1], 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];
    socket.send(&query).await?;
    let mut answer = [0; 512];
    loop {
        let length = socket.recv(&mut answer).await?;
        let is_response = length >= 12 && answer[2] & 0x80 != 0;
        if is_response && answer[..2] == id[..2] {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use bongsu_probes::SystemClock;
    use tokio::net::TcpListener;

    use super::*;

    async fn responders(count: usize) -> (Vec<TcpListener>, Vec<String>) {
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for _ in 0..count {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(listener.local_addr().unwrap().to_string());
            listeners.push(listener);
        }
        (listeners, addresses)
    }

    fn controls(
        addresses: Vec<String>,
        resolver: Option<SocketAddr>,
        gate: NetworkGate,
    ) -> Controls {
        let config = ControlsConfig {
            every: Duration::from_secs(5),
            timeout: Duration::from_millis(300),
            addresses,
            resolver,
        };
        Controls::new(config, Arc::new(SystemClock::new()), gate)
    }

    #[tokio::test]
    async fn one_control_down_is_the_control_and_two_of_three_are_us() {
        let (mut listeners, addresses) = responders(3).await;
        listeners.pop();
        let ours = controls(addresses.clone(), None, NetworkGate::new());
        assert_eq!(ours.own_fault().await, None);
        assert_eq!(
            ours.checks().await.iter().filter(|c| c.reachable).count(),
            2
        );
        listeners.pop();
        let ours = controls(addresses, None, NetworkGate::new());
        assert_eq!(ours.own_fault().await, Some(BlindReason::Egress));
    }

    #[tokio::test]
    async fn a_cut_link_is_egress_at_once_and_mends() {
        let (_listeners, addresses) = responders(3).await;
        let gate = NetworkGate::new();
        let ours = controls(addresses, None, gate.clone());
        gate.set(Link::Cut);
        assert_eq!(ours.own_fault().await, Some(BlindReason::Egress));
        gate.set(Link::Up);
        assert_eq!(ours.own_fault().await, None);
    }

    #[tokio::test]
    async fn a_dead_resolver_is_told_apart() {
        let (_listeners, addresses) = responders(3).await;
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let resolver = server.local_addr().unwrap();
        let silent = controls(addresses.clone(), Some(resolver), NetworkGate::new());
        assert_eq!(silent.own_fault().await, Some(BlindReason::Resolver));
        let answering = tokio::spawn(async move {
            // The silent round's question is still in the queue; every one gets its answer.
            for _ in 0..2 {
                let mut query = [0; 64];
                let (length, from) = server.recv_from(&mut query).await.unwrap();
                query[2] |= 0x80;
                server.send_to(&query[..length], from).await.unwrap();
            }
        });
        let answered = controls(addresses, Some(resolver), NetworkGate::new());
        assert_eq!(answered.own_fault().await, None);
        answering.await.unwrap();
    }
}
