//! The cable between the agents and their collector, which a replay can cut: a port that passes
//! everything on, or nothing.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A listener in front of another.
#[derive(Debug)]
pub struct Cable {
    address: SocketAddr,
    is_whole: watch::Sender<bool>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Cable {
    /// A whole cable to `to`, on a free loopback port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn lay(to: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let cable = Self {
            address: listener.local_addr()?,
            is_whole: watch::Sender::new(true),
            cancel: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let (tasks, whole) = (cable.tasks.clone(), cable.is_whole.subscribe());
        cable
            .tasks
            .spawn(carry(listener, to, whole, tasks, cable.cancel.clone()));
        Ok(cable)
    }

    /// Where it begins.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it or mends it: what is cut breaks off.
    pub fn set_whole(&self, is_whole: bool) {
        self.is_whole.send_replace(is_whole);
    }

    /// Takes it away.
    pub async fn shutdown(self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn carry(
    listener: TcpListener,
    to: SocketAddr,
    whole: watch::Receiver<bool>,
    tasks: TaskTracker,
    cancel: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        // Who cannot be accepted tries again; who comes while it is cut is hung up on.
        if let Ok((near, _)) = accepted
            && *whole.borrow()
        {
            let (mut whole, cancel) = (whole.clone(), cancel.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = pass(near, to) => {}
                    _ = whole.wait_for(|whole| !whole) => {}
                    () = cancel.cancelled() => {}
                }
            });
        }
    }
}

/// Until either end hangs up. That one of them breaks off is for the other to notice.
async fn pass(mut near: TcpStream, to: SocketAddr) {
    if let Ok(mut far) = TcpStream::connect(to).await {
        // Acknowledgements are small and must not wait for more.
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// Whether a byte comes back; the far end answers each with itself.
    async fn answers(near: &mut TcpStream) -> bool {
        let asked = async {
            near.write_all(&[7]).await?;
            near.read_u8().await
        };
        matches!(tokio::time::timeout(PATIENCE, asked).await.unwrap(), Ok(7))
    }

    #[tokio::test]
    async fn a_cut_cable_carries_nothing_and_a_mended_one_does_again() {
        let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = far.local_addr().unwrap();
        let echo = tokio::spawn(async move {
            while let Ok((mut stream, _)) = far.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        let cable = Cable::lay(to).await.unwrap();
        let connect = || TcpStream::connect(cable.address());
        let mut open = connect().await.unwrap();
        assert!(answers(&mut open).await);
        cable.set_whole(false);
        assert!(!answers(&mut open).await, "what was open breaks off");
        assert!(!answers(&mut connect().await.unwrap()).await);
        cable.set_whole(true);
        assert!(answers(&mut connect().await.unwrap()).await);
        cable.shutdown().await;
        echo.abort();
    }
}
