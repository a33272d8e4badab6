//! Accepts connections, so many and no more, and hands their requests to a router.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::rt::{Executor, Read, Write};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncReadExt as _;
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

/// What a client says first that speaks HTTP/2 (RFC 9113, 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes that an HTTP/2 client may send ahead of being read, over all its requests: what a
/// connection holds outside of the memory that ingest reserves. At 20 ms of round trip that lets
/// 6 MB a second through.
const HTTP2_WINDOW: u32 = 128 * 1024;

/// Open requests of one HTTP/2 connection: as many as one agent may have worked on.
const HTTP2_STREAMS_MAX: u32 = 16;

/// Bytes of the headers of one HTTP/2 request.
const HTTP2_HEADER_BYTES_MAX: u32 = 16 * 1024;

/// An HTTP/2 client is asked so often whether it is still there, and given so long to answer.
const HTTP2_PING_EVERY: Duration = Duration::from_secs(30);
const HTTP2_PING_WITHIN: Duration = Duration::from_secs(20);

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

/// The versions of HTTP that a listener understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/1.1, or HTTP/2 with prior knowledge: whatever the client begins with.
    EitherHttp,
}

/// Serves `router` until `stop`, then lets open requests end.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    speaks: Speaks,
    counters: Arc<Counters>,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    let served = Served {
        router,
        speaks,
        counters,
        stop,
        connections,
    };
    serve_at_most(CONNECTIONS_MAX, listener, served).await;
}

/// What the connections of a listener share.
#[derive(Debug, Clone)]
struct Served {
    router: Router,
    speaks: Speaks,
    counters: Arc<Counters>,
    stop: CancellationToken,
    /// The connections, and the requests of HTTP/2.
    connections: TaskTracker,
}

async fn serve_at_most(connections_max: usize, listener: TcpListener, served: Served) {
    let room = Arc::new(Semaphore::new(connections_max));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = served.stop.cancelled() => break,
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
                served
                    .connections
                    .spawn(connection(stream, served.clone(), permit));
            }
            // Dropping the stream closes it: whoever wants to speak comes again.
            Err(_) => served.counters.connections_refused.add(1),
        }
    }
    drop(listener);
    served.connections.close();
    if tokio::time::timeout(DRAIN_WITHIN, served.connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            open = served.connections.len(),
            "connections were cut when the collector stopped"
        );
    }
}

async fn connection(stream: TcpStream, served: Served, permit: OwnedSemaphorePermit) {
    let _open = Open::new(Arc::clone(&served.counters));
    let ended = match served.speaks {
        Speaks::Http1 => served.http1(TokioIo::new(stream)).await,
        Speaks::EitherHttp => served.either(stream).await,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
    drop(permit);
}

impl Served {
    async fn either(self, mut stream: TcpStream) -> Result<(), hyper::Error> {
        let begun = tokio::select! {
            begun = tokio::time::timeout(HEAD_WITHIN, begin(&mut stream)) => begun,
            () = self.stop.cancelled() => return Ok(()),
        };
        let Ok(Ok((start, is_http2))) = begun else {
            return Ok(());
        };
        let (read, write) = stream.into_split();
        let io = tokio::io::join(std::io::Cursor::new(start).chain(read), write);
        if is_http2 {
            self.http2(TokioIo::new(io)).await
        } else {
            self.http1(TokioIo::new(io)).await
        }
    }

    async fn http1(
        self,
        io: impl Read + Write + Unpin + Send + 'static,
    ) -> Result<(), hyper::Error> {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN);
        let connection = http
            .serve_connection(io, TowerToHyperService::new(self.router))
            .with_upgrades();
        tokio::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                // A stream of events would never end by itself.
                tokio::time::timeout(DRAIN_WITHIN, connection).await.unwrap_or(Ok(()))
            }
        }
    }

    async fn http2(self, io: impl Read + Write + Unpin + 'static) -> Result<(), hyper::Error> {
        let mut http = http2::Builder::new(Tracked(self.connections));
        http.timer(TokioTimer::new())
            .keep_alive_interval(HTTP2_PING_EVERY)
            .keep_alive_timeout(HTTP2_PING_WITHIN)
            .initial_stream_window_size(HTTP2_WINDOW)
            .initial_connection_window_size(HTTP2_WINDOW)
            .max_concurrent_streams(HTTP2_STREAMS_MAX)
            .max_header_list_size(HTTP2_HEADER_BYTES_MAX);
        let connection = http.serve_connection(io, TowerToHyperService::new(self.router));
        tokio::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(DRAIN_WITHIN, connection).await.unwrap_or(Ok(()))
            }
        }
    }
}

/// Reads until it is clear which version of HTTP begins: what was read, and whether it is 2.
async fn begin(stream: &mut TcpStream) -> std::io::Result<(Vec<u8>, bool)> {
    let mut start = Vec::with_capacity(HTTP2_PREFACE.len());
    while HTTP2_PREFACE.starts_with(&start) && start.len() < HTTP2_PREFACE.len() {
        let left = HTTP2_PREFACE.len() - start.len();
        if stream.take(left as u64).read_buf(&mut start).await? == 0 {
            break;
        }
    }
    let is_http2 = start == HTTP2_PREFACE;
    Ok((start, is_http2))
}

/// Runs the requests of an HTTP/2 connection beside it, where the listener waits for them.
#[derive(Debug, Clone)]
struct Tracked(TaskTracker);

impl<F: Future<Output: Send + 'static> + Send + 'static> Executor<F> for Tracked {
    fn execute(&self, request: F) {
        self.0.spawn(request);
    }
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

    fn served(router: Router, counters: &Arc<Counters>, stop: &CancellationToken) -> Served {
        Served {
            router,
            speaks: Speaks::EitherHttp,
            counters: Arc::clone(counters),
            stop: stop.clone(),
            connections: TaskTracker::new(),
        }
    }

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
        let served = served(Router::new(), &counters, &stop);
        let serving = tokio::spawn(serve_at_most(2, listener, served));
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
    async fn what_version_begins_is_told_also_byte_by_byte() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (said, is_http2) in [
            (&HTTP2_PREFACE[..], true),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r.", false),
            (b"POST /v1/traces HTTP/1.1\r\n", false),
            (b"PR", false),
            (b"", false),
        ] {
            let mut client = TcpStream::connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            let saying = async {
                for byte in said {
                    client.write_all(&[*byte]).await.unwrap();
                    tokio::task::yield_now().await;
                }
                client.shutdown().await.unwrap();
            };
            let (begun, ()) = tokio::join!(begin(&mut stream), saying);
            let (start, found) = begun.unwrap();
            assert_eq!(found, is_http2, "{said:?}");
            // Nothing that was read is lost.
            assert!(said.starts_with(&start));
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
            assert_eq!([start, rest].concat(), said);
        }
    }

    #[tokio::test]
    async fn a_request_that_panics_gives_its_connection_back() {
        let (listener, address) = bind("web", "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (counters, stop) = (Arc::new(Counters::default()), CancellationToken::new());
        let router = Router::new().fallback(async || -> &'static str { panic!("as a page might") });
        let served = served(router, &counters, &stop);
        let serving = tokio::spawn(serve_at_most(1, listener, served));
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
