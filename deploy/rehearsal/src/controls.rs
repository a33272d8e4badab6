//! Neutral control responders: hosts that share nothing with the platform, so that an agent can
//! tell "the platform is away" from "I am".

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many responders stand beside the platform: a majority needs at least three.
const RESPONDERS: usize = 3;

/// Three listeners that accept and hang up.
#[derive(Debug)]
pub struct Controls {
    addresses: Vec<SocketAddr>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Controls {
    /// Binds the responders to free loopback ports.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> std::io::Result<Self> {
        let cancel = CancellationToken::new();
        let tasks = TaskTracker::new();
        let mut addresses = Vec::with_capacity(RESPONDERS);
        for _ in 0..RESPONDERS {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            addresses.push(listener.local_addr()?);
            tasks.spawn(answer(listener, cancel.clone()));
        }
        tasks.close();
        Ok(Self {
            addresses,
            cancel,
            tasks,
        })
    }

    /// Where they listen.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Stops them.
    pub async fn shutdown(self) {
        self.cancel.cancel();
        self.tasks.wait().await;
    }
}

/// Accepts and closes at once: that a connection came about is all that is asked.
async fn answer(listener: TcpListener, cancel: CancellationToken) {
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = listener.accept() => {}
        }
    }
}
