//! Accepts connections, so many and no more, and hands their requests to a router.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::counters::Counters;

/// Open connections of one listener: an agent keeps one or two, and 500 agents are a large fleet
/// for one collector. At 16 KiB of buffers each they hold 16 MiB at most.
pub(crate) const CONNECTIONS_MAX: usize = 1_024;

/// A connection that sends no whole request head for so long is closed. Agents speak every ten
/// seconds.
const HEAD_WITHIN: Duration = Duration::from_secs(60);

/// How long open requests may take to come to their end when the collector stops.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);

/// After a failed accept (too many open files), in wall time.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for {key}: {reason}")]
pub struct ListenError {
    /// The key in `[listen]`.
    pub key: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// Why not, and what to do.
    pub reason: String,
}

/// Binds `address`, which `[listen]` names as `key`.
pub(crate) async fn bind(
    key: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), ListenError> {
    let refused = |error: std::io::Error| {
        let reason = match error.kind() {
            std::io::ErrorKind::AddrInUse => format!(
                "the port is in use; stop the other program (`ss -ltnp sport = :{}` names it) or \
                 set another `{key}` under [listen]",
                address.port()
            ),
            std::io::ErrorKind::AddrNotAvailable => {
                format!("this machine has no such address; set another `{key}` under [listen]")
            }
            _ => format!("{error}; set another `{key}` under [listen]"),
        };
        ListenError {
            key,
            address,
            reason,
        }
    };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}

/// Serves `router` until `stop`, then lets open requests end.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    counters: Arc<Counters>,
    stop: CancellationToken,
) {
    serve_at_most(CONNECTIONS_MAX, listener, router, counters, stop).await;
}

async fn serve_at_most(
    connections_max: usize,
    listener: TcpListener,
    router: Router,
    counters: Arc<Counters>,
    stop: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(connections_max));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        match Arc::clone(&room).try_acquire_owned() {
            Ok(permit) => {
                let (router, counters) = (router.clone(), Arc::clone(&counters));
                connections.spawn(connection(stream, router, counters, permit, stop.clone()));
            }
            // Dropping the stream closes it: whoever wants to speak comes again.
            Err(_) => counters.connections_refused.add(1),
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN_WITHIN, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            open = connections.len(),
            "connections were cut when the collector stopped"
        );
    }
}

async fn connection(
    stream: TcpStream,
    router: Router,
    counters: Arc<Counters>,
    permit: OwnedSemaphorePermit,
    stop: CancellationToken,
) {
    let _open = Open::new(counters);
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN);
    let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            // A stream of events would never end by itself.
            tokio::time::timeout(DRAIN_WITHIN, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
    drop(permit);
}

/// Counts an open connection until it is dropped, also by a request that panics.
struct Open(Arc<Counters>);

impl Open {
    fn new(counters: Arc<Counters>) -> Self {
        counters.connections.raise(1);
        Self(counters)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.lower(1);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// One request on a connection that stays open; None if it was closed without an answer.
    async fn ask(stream: &mut TcpStream) -> Option<u8> {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .ok()?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.ok()?;
        Some(answer[9])
    }

    #[tokio::test]
    async fn connections_beyond_the_bound_are_closed_counted_and_may_come_again() {
        let (listener, address) = bind("web", "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (counters, stop) = (Arc::new(Counters::default()), CancellationToken::new());
        let serving = tokio::spawn(serve_at_most(
            2,
            listener,
            Router::new(),
            Arc::clone(&counters),
            stop.clone(),
        ));
        let mut first = TcpStream::connect(address).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        assert_eq!(ask(&mut first).await, Some(b'4'));
        assert_eq!(ask(&mut second).await, Some(b'4'));
        let mut third = TcpStream::connect(address).await.unwrap();
        assert_eq!(ask(&mut third).await, None);
        assert_eq!(counters.connections_refused.get(), 1);
        drop(first);
        let again = async {
            loop {
                let mut again = TcpStream::connect(address).await.unwrap();
                if ask(&mut again).await.is_some() {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), again)
            .await
            .unwrap();
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(30), serving)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(counters.connections.get(), 0);
    }

    #[tokio::test]
    async fn a_request_that_panics_gives_its_connection_back() {
        let (listener, address) = bind("web", "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (counters, stop) = (Arc::new(Counters::default()), CancellationToken::new());
        let router = Router::new().fallback(async || -> &'static str { panic!("as a page might") });
        let serving = tokio::spawn(serve_at_most(
            1,
            listener,
            router,
            Arc::clone(&counters),
            stop.clone(),
        ));
        let again = async {
            for _ in 0..3 {
                loop {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    let refused = counters.connections_refused.get();
                    assert_eq!(ask(&mut stream).await, None);
                    if counters.connections_refused.get() == refused {
                        break;
                    }
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), again)
            .await
            .unwrap();
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(30), serving)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(counters.connections.get(), 0);
    }

    #[tokio::test]
    async fn a_port_in_use_says_which_and_what_to_do() {
        let (_held, address) = bind("otlp", "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let error = bind("otlp", address).await.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("cannot listen on {address} for otlp")),
            "{error}"
        );
        assert!(
            error.contains("set another `otlp` under [listen]"),
            "{error}"
        );
    }
}
