//! Is it us? Neutral hosts and the own resolver, asked regularly and at once after a failure.
//!
//! A look that begins after a failure can clear the agent of it; one that began before cannot,
//! since the link may have broken in between. A fault that was found while the act went on is the
//! agent's, also where all is well again.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bongsu_model::{BlindReason, Clock, ControlCheck, Monotonic, TimeAnchor};
use bongsu_probes::{Link, SelfCheck};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpStream, UdpSocket};
use tokio_util::sync::CancellationToken;

use crate::config::ControlsConfig;
use crate::gate::NetworkGate;
use crate::hurried;

/// The least real time between the beginnings of two looks after failures. Failures that come
/// together wait for one look: an outage at a hundred runs a second asks each control ten times.
const LOOKS_APART: Duration = Duration::from_millis(100);

/// A wall clock that was moved further than this against the monotonic one stamps nothing true.
const CLOCK_JUMP_MAX: Duration = Duration::from_secs(1);

/// What looks have found.
#[derive(Debug, Default)]
struct Findings {
    /// When the newest look began that found nothing.
    clear: Option<Monotonic>,
    /// When the newest look ended that found a fault, and which.
    fault: Option<(Monotonic, BlindReason)>,
    /// What the newest whole look found of each control.
    checks: Vec<ControlCheck>,
}

/// How far a look goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Until every control has answered or was given up.
    Whole,
    /// Until it is decided: one control that is silent holds no run up.
    Decided,
}

/// The agent's view of its own health.
#[derive(Debug)]
pub(crate) struct Controls {
    config: ControlsConfig,
    clock: Arc<dyn Clock>,
    gate: NetworkGate,
    findings: Mutex<Findings>,
    /// Held during a look after a failure: those that ask meanwhile share the next one.
    turn: tokio::sync::Mutex<Option<Monotonic>>,
    anchor: Mutex<TimeAnchor>,
}

impl Controls {
    pub(crate) fn new(config: ControlsConfig, clock: Arc<dyn Clock>, gate: NetworkGate) -> Self {
        let anchor = Mutex::new(TimeAnchor::new(&*clock));
        Self {
            config,
            clock,
            gate,
            findings: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            anchor,
        }
    }

    /// Checks regularly until `stop`.
    pub(crate) async fn watch(&self, stop: CancellationToken) {
        let mut link = self.gate.changes();
        loop {
            self.look(Depth::Whole).await;
            tokio::select! {
                () = tokio::time::sleep(self.config.every) => {}
                _ = link.changed() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// The newest checks.
    pub(crate) fn checks(&self) -> Vec<ControlCheck> {
        self.findings().checks.clone()
    }

    fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What is known of an act that began at `since` and had failed by `asked`.
    fn known(&self, since: Monotonic, asked: Monotonic) -> Option<Option<BlindReason>> {
        let findings = self.findings();
        match (findings.fault, findings.clear) {
            (Some((ended, reason)), _) if ended >= since => Some(Some(reason)),
            (_, Some(began)) if began >= asked => Some(None),
            _ => None,
        }
    }

    async fn answer(&self, since: Monotonic) -> Option<BlindReason> {
        let asked = self.clock.monotonic();
        let mut last_began = self.turn.lock().await;
        if let Some(known) = self.known(since, asked) {
            return known;
        }
        if let Some(began) = *last_began {
            let gone = self.clock.monotonic().since(began);
            let gone = gone.div_f64(hurried::speed(&*self.clock));
            tokio::time::sleep(LOOKS_APART.saturating_sub(gone)).await;
        }
        *last_began = Some(self.clock.monotonic());
        let found = self.look(Depth::Decided).await;
        // The regular look may have found a fault meanwhile that is over by now.
        self.known(since, asked).unwrap_or(found)
    }

    /// Whether the agent itself is at fault now.
    async fn look(&self, depth: Depth) -> Option<BlindReason> {
        let began = self.clock.monotonic();
        let (checks, resolver_answers) =
            tokio::join!(self.check_all(depth), self.resolver_answers());
        let reachable = checks.iter().filter(|check| check.reachable).count();
        let of = self.config.addresses.len();
        let fault = if reachable * 2 < of {
            Some(BlindReason::Egress)
        } else if !resolver_answers {
            Some(BlindReason::Resolver)
        } else if self.has_clock_jumped() {
            Some(BlindReason::Clock)
        } else {
            None
        };
        if let Some(reason) = fault {
            tracing::warn!(%reason, reachable, of, "the agent itself is at fault");
        }
        let mut findings = self.findings();
        match fault {
            Some(reason) => findings.fault = Some((self.clock.monotonic(), reason)),
            None => findings.clear = findings.clear.max(Some(began)),
        }
        if depth == Depth::Whole {
            findings.checks = checks;
        }
        fault
    }

    /// The checks of all controls, in their order; of those only that have ended when enough have.
    async fn check_all(&self, depth: Depth) -> Vec<ControlCheck> {
        let addresses = self.config.addresses.iter().enumerate();
        let mut checking: FuturesUnordered<_> = addresses
            .map(async |(at, control)| (at, self.check(control).await))
            .collect();
        let mut checked = Vec::with_capacity(self.config.addresses.len());
        while let Some(one) = checking.next().await {
            checked.push(one);
            let reachable = checked.iter().filter(|(_, check)| check.reachable).count();
            let is_decided = is_decided(reachable, checked.len(), self.config.addresses.len());
            if depth == Depth::Decided && is_decided {
                break;
            }
        }
        checked.sort_by_key(|(at, _)| *at);
        checked.into_iter().map(|(_, check)| check).collect()
    }

    async fn check(&self, control: &str) -> ControlCheck {
        let connecting = tokio::time::timeout(self.config.timeout, TcpStream::connect(control));
        let reachable = matches!(self.gate.pass(connecting).await, Ok(Ok(Ok(_))));
        ControlCheck {
            control: control.to_owned(),
            reachable,
            checked: self.clock.wall(),
        }
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
        drift > CLOCK_JUMP_MAX.mul_f64(hurried::speed(&*self.clock))
    }
}

impl SelfCheck for Controls {
    fn own_fault(&self, since: Monotonic) -> BoxFuture<'_, Option<BlindReason>> {
        Box::pin(async move {
            if self.gate.link() == Link::Cut {
                return Some(BlindReason::Egress);
            }
            self.answer(since).await
        })
    }
}

/// Whether the answers of the others can change nothing: half of all is reachable, or cannot be.
fn is_decided(reachable: usize, checked: usize, of: usize) -> bool {
    let open = of.saturating_sub(checked);
    reachable * 2 >= of || (reachable + open) * 2 < of
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

    impl Controls {
        /// Asked by an act that began and failed just now.
        async fn fault_now(&self) -> Option<BlindReason> {
            self.own_fault(self.clock.monotonic()).await
        }
    }

    #[tokio::test]
    async fn one_control_down_is_the_control_and_two_of_three_are_us() {
        let (mut listeners, addresses) = responders(3).await;
        listeners.pop();
        let ours = controls(addresses.clone(), None, NetworkGate::new());
        assert_eq!(ours.fault_now().await, None);
        ours.look(Depth::Whole).await;
        assert_eq!(ours.checks().iter().filter(|c| c.reachable).count(), 2);
        listeners.pop();
        let ours = controls(addresses, None, NetworkGate::new());
        assert_eq!(ours.fault_now().await, Some(BlindReason::Egress));
    }

    #[tokio::test]
    async fn a_cut_link_is_egress_at_once_and_mends() {
        let (_listeners, addresses) = responders(3).await;
        let gate = NetworkGate::new();
        let ours = controls(addresses, None, gate.clone());
        gate.set(Link::Cut);
        assert_eq!(ours.fault_now().await, Some(BlindReason::Egress));
        gate.set(Link::Up);
        assert_eq!(ours.fault_now().await, None);
    }

    #[tokio::test]
    async fn a_dead_resolver_is_told_apart() {
        let (_listeners, addresses) = responders(3).await;
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let resolver = server.local_addr().unwrap();
        let silent = controls(addresses.clone(), Some(resolver), NetworkGate::new());
        assert_eq!(silent.fault_now().await, Some(BlindReason::Resolver));
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
        assert_eq!(answered.fault_now().await, None);
        answering.await.unwrap();
    }

    #[tokio::test]
    async fn what_was_found_before_the_link_broke_clears_nobody() {
        let (listeners, addresses) = responders(3).await;
        let ours = controls(addresses, None, NetworkGate::new());
        let began = ours.clock.monotonic();
        assert_eq!(ours.look(Depth::Whole).await, None);
        drop(listeners);
        assert_eq!(ours.own_fault(began).await, Some(BlindReason::Egress));
        assert_eq!(ours.fault_now().await, Some(BlindReason::Egress));
    }

    #[tokio::test]
    async fn a_fault_found_during_the_act_is_ours_also_when_it_is_over() {
        let (listeners, addresses) = responders(3).await;
        let ours = controls(addresses.clone(), None, NetworkGate::new());
        drop(listeners);
        let began = ours.clock.monotonic();
        assert_eq!(ours.look(Depth::Whole).await, Some(BlindReason::Egress));
        let mut mended = Vec::new();
        for address in &addresses {
            mended.push(TcpListener::bind(address).await.unwrap());
        }
        assert_eq!(ours.look(Depth::Whole).await, None);
        assert_eq!(ours.own_fault(began).await, Some(BlindReason::Egress));
        assert_eq!(ours.fault_now().await, None, "an act that began later");
    }

    #[tokio::test]
    async fn failures_that_come_together_share_looks() {
        let (listeners, addresses) = responders(3).await;
        let ours = controls(addresses, None, NetworkGate::new());
        let asked = futures_util::future::join_all((0..50).map(|_| ours.fault_now()));
        assert!(asked.await.iter().all(Option::is_none));
        let mut asked_of_one = 0;
        let next = || tokio::time::timeout(Duration::from_millis(50), listeners[0].accept());
        while next().await.is_ok() {
            asked_of_one += 1;
        }
        assert!(asked_of_one <= 2, "{asked_of_one} looks for 50 failures");
    }

    #[test]
    fn a_look_is_decided_as_soon_as_the_others_can_change_nothing() {
        for (reachable, checked, of, expected) in [
            (0, 0, 3, false),
            (1, 1, 3, false),
            (2, 2, 3, true),
            (0, 1, 3, false),
            (0, 2, 3, true),
            (1, 2, 3, false),
            (1, 3, 3, true),
            (2, 2, 4, true),
            (1, 3, 4, false),
            (0, 3, 4, true),
        ] {
            let is_decided = is_decided(reachable, checked, of);
            assert_eq!(is_decided, expected, "{reachable} of {checked} of {of}");
        }
    }
}
