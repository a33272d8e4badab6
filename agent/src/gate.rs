//! The agent's own network as a switch, so that a rehearsal can cut one agent off from everything.

use std::sync::Arc;

use bongsu_probes::Link;
use tokio::sync::watch;

/// The agent's network link; cheap to clone, all clones are one switch.
#[derive(Debug, Clone)]
pub(crate) struct NetworkGate {
    link: Arc<watch::Sender<Link>>,
}

/// What was tried was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the agent is cut off from its network")]
pub(crate) struct CutOff;

impl NetworkGate {
    /// A gate whose link is up.
    pub(crate) fn new() -> Self {
        Self {
            link: Arc::new(watch::Sender::new(Link::Up)),
        }
    }

    /// Turns the switch.
    pub(crate) fn set(&self, link: Link) {
        self.link.send_replace(link);
    }

    /// How the switch stands.
    pub(crate) fn link(&self) -> Link {
        *self.link.borrow()
    }

    /// Performs `future` for as long as the link is up.
    ///
    /// # Errors
    /// When the link is cut, before or meanwhile.
    pub(crate) async fn pass<T>(&self, future: impl Future<Output = T>) -> Result<T, CutOff> {
        let mut link = self.link.subscribe();
        if *link.borrow_and_update() == Link::Cut {
            return Err(CutOff);
        }
        tokio::select! {
            done = future => Ok(done),
            _ = link.wait_for(|link| *link == Link::Cut) => Err(CutOff),
        }
    }

    /// Returns when the switch was turned.
    pub(crate) fn changes(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }
}

impl Default for NetworkGate {
    fn default() -> Self {
        Self::new()
    }
}
