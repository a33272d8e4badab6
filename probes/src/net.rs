//! Exchanges below HTTP: DNS questions, what a TLS handshake shows, what comes back over TCP and
//! UDP, echoes.
//!
//! Every one goes where the target lets it, after resolving, as [`crate::dial::locate`] says, and
//! gives facts and bytes to be held against what is expected.

mod ask;
mod bytes;
mod datagram;
mod echo;
mod handshake;
mod question;

use bongsu_language::{Fact, HostPort, IpVersion};
use bongsu_model::{FailClass, NetworkFacts};
use serde_json::Value;

use crate::clock::{Budget, Deadline, Struck};
use crate::dial::Place;
use crate::failure::Fault;
use crate::phases::Stopwatch;
use crate::target::Target;
pub(crate) use ask::{Asking, ask};
pub(crate) use bytes::{Enough, over_tcp, over_udp};
pub(crate) use echo::ping;
#[cfg(any(test, fuzzing))]
pub(crate) use echo::{echo, is_reply};
pub(crate) use handshake::{Handshake, shake};
pub(crate) use question::{MEDIA_TYPE, Question, Reply};

/// What an exchange shows, by name.
pub(crate) type Facts = Vec<(Fact, Value)>;

/// What an exchange works with, lent by its owners.
#[derive(Debug)]
pub(crate) struct Wire<'a> {
    pub(crate) target: &'a Target,
    /// The IP version, if the journey asks for one.
    pub(crate) ip: Option<IpVersion>,
    pub(crate) watch: &'a mut Stopwatch,
    pub(crate) network: &'a mut NetworkFacts,
    pub(crate) deadline: Deadline,
}

impl Wire<'_> {
    fn place<'p>(&self, peer: &'p HostPort) -> Place<'p> {
        Place {
            host: &peer.host,
            port: peer.port,
            ip: self.ip,
        }
    }

    async fn open(&mut self, peer: &HostPort) -> Result<tokio::net::TcpStream, Fault> {
        let (target, deadline) = (self.target, self.deadline);
        crate::dial::open(self.place(peer), target, self.watch, self.network, deadline).await
    }

    async fn locate(&mut self, peer: &HostPort) -> Result<std::net::SocketAddr, Fault> {
        let (target, deadline) = (self.target, self.deadline);
        crate::dial::locate(self.place(peer), target, self.watch, self.network, deadline).await
    }
}

/// Nothing came back from a peer that may as well not be there.
fn no_reply(Struck(budget): Struck) -> Fault {
    match budget {
        Budget::Journey => Fault::journey_deadline(),
        Budget::Within => Fault::platform(FailClass::Timeout, "within"),
        Budget::Step | Budget::Poll | Budget::Cleanup => {
            Fault::platform(FailClass::Timeout, "no_reply")
        }
    }
}
