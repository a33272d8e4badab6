//! One listener of a service for one calling region: accepts, refuses or resets, as the faults say.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::Count;
use crate::faults::Door;
use crate::http::{self, Caller, Cut};
use crate::line::{HardCut, Line, reset_on_close};
use crate::tls::{ALPN_HTTP2, HostCertificates};
use crate::world::{Place, World};

/// Most connections of one listener at once: nine agents with 16 runs of two actors, rounded up.
const CONNECTIONS_MAX: usize = 512;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 256;
/// Longest TLS handshake, and longest wait for a request's head.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
const HEAD_MAX: Duration = Duration::from_secs(30);
/// Most requests at once over one HTTP/2 connection: an actor makes one at a time.
const STREAMS_MAX: u32 = 16;
/// Largest head of a request over HTTP/2, and memory for what was not yet read of its body.
const HEAD_BYTES_MAX: u32 = 16 * 1024;
const WINDOW: u32 = 64 * 1024;
/// Resets of one HTTP/2 connection that are borne before it is closed.
const RESETS_MAX: usize = 32;
/// Between two tries to take the port back.
const REBIND_GAP: Duration = Duration::from_millis(20);

/// A listener before it runs.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) world: Arc<World>,
    pub(crate) place: Place,
    pub(crate) certificates: HostCertificates,
    /// Says up to which change of the faults this listener has followed.
    pub(crate) followed: watch::Sender<u64>,
}

impl Listener {
    /// Serves until the platform stops. While the door refuses, the port is bound and does not
    /// listen, so that the kernel answers with a reset and nobody else takes the port.
    pub(crate) async fn run(self, mut listener: TcpListener, address: SocketAddr) {
        let shared = Arc::new(self);
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut changes = shared.world.faults.watch();
        loop {
            let version = *changes.borrow_and_update();
            let door = shared.door();
            if door == Door::Refusing {
                drop(listener);
                let Some(reserved) = shared.persist(|| reserved(address)).await else {
                    return;
                };
                shared.followed.send_replace(version);
                if !shared.refuse(&mut changes).await {
                    return;
                }
                let listening = shared.persist(|| listening(&reserved)).await;
                let Some(again) = listening else {
                    return;
                };
                listener = again;
                continue;
            }
            shared.followed.send_replace(version);
            tokio::select! {
                () = shared.world.stop.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => shared.take(stream, door, &connections),
                    // Out of file descriptors, or the peer gave up: look again a little later.
                    Err(error) => {
                        tracing::warn!(%error, %address, "a connection was not accepted");
                        tokio::time::sleep(REBIND_GAP).await;
                    }
                },
            }
        }
    }

    fn door(&self) -> Door {
        self.world
            .faults
            .door(self.place.service, &self.place.region)
    }

    /// Waits while the door refuses; false when the platform stops.
    async fn refuse(&self, changes: &mut watch::Receiver<u64>) -> bool {
        while self.door() == Door::Refusing {
            let version = *changes.borrow_and_update();
            self.followed.send_replace(version);
            tokio::select! {
                () = self.world.stop.cancelled() => return false,
                changed = changes.changed() => if changed.is_err() { return false },
            }
        }
        true
    }

    /// Tries until it works or the platform stops.
    async fn persist<T>(&self, mut attempt: impl FnMut() -> io::Result<T>) -> Option<T> {
        loop {
            match attempt() {
                Ok(done) => return Some(done),
                Err(error) => tracing::warn!(%error, place = ?self.place, "the port is not free"),
            }
            tokio::select! {
                () = self.world.stop.cancelled() => return None,
                () = tokio::time::sleep(REBIND_GAP) => (),
            }
        }
    }

    fn take(self: &Arc<Self>, stream: TcpStream, door: Door, connections: &Arc<Semaphore>) {
        if door == Door::Resetting {
            reset_on_close(&stream);
            return;
        }
        let Ok(place) = Arc::clone(connections).try_acquire_owned() else {
            self.world.counts.add(Count::ConnectionsTurnedAway);
            return;
        };
        self.world.counts.add(Count::Connections);
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "small answers may be held back");
        }
        let hard = HardCut::default();
        let line = Line::new(stream, hard.clone(), place);
        let this = Arc::clone(self);
        self.world.tasks.spawn(async move {
            tokio::select! {
                () = this.world.stop.cancelled() => (),
                () = this.closing(&hard) => (),
                () = this.serve(line, hard.clone()) => (),
            }
        });
    }

    /// Comes back when the door is no longer open: a host that is gone takes its connections along.
    async fn closing(&self, hard: &HardCut) {
        let mut changes = self.world.faults.watch();
        loop {
            changes.mark_unchanged();
            match self.door() {
                Door::Open => (),
                Door::Refusing => return,
                Door::Resetting => return hard.set(),
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    async fn serve(&self, line: Line, hard: HardCut) {
        let flaw = self
            .world
            .faults
            .certificate(self.place.service, &self.place.region);
        let acceptor = TlsAcceptor::from(self.certificates.shown(flaw));
        let handshake = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(line)).await;
        let Ok(Ok(stream)) = handshake else {
            self.world.counts.add(Count::HandshakesFailed);
            return;
        };
        let caller = Caller::new(Arc::clone(&self.world), self.place.clone(), hard);
        let ended = CancellationToken::new();
        let _ends_its_streams = ended.clone().drop_guard();
        tokio::select! {
            // What is to be cut sends nothing more, so that a reset is the connection's.
            biased;
            () = ended.cancelled() => (),
            served = speak(stream, caller, ended.clone()) => if let Err(error) = served {
                tracing::debug!(%error, "a connection ended early");
            },
        }
    }
}

/// Answers the requests of a connection in the version of HTTP that its handshake agreed on. Where
/// a fault cuts a request off, `ended` is cancelled: the whole connection goes, also over HTTP/2,
/// where one request could be reset alone.
async fn speak(
    stream: TlsStream<Line>,
    caller: Caller,
    ended: CancellationToken,
) -> hyper::Result<()> {
    let tasks = caller.world.tasks.clone();
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(ALPN_HTTP2);
    let streams = Streams {
        tasks,
        ended: ended.clone(),
    };
    let service = service_fn(move |request| {
        let (caller, ended) = (caller.clone(), ended.clone());
        async move {
            match http::answer(caller, request).await {
                Ok(answer) => Ok::<_, Infallible>(answer),
                Err(Cut) => {
                    ended.cancel();
                    std::future::pending().await
                }
            }
        }
    });
    let io = TokioIo::new(stream);
    if is_http2 {
        hyper::server::conn::http2::Builder::new(streams)
            .timer(TokioTimer::new())
            .keep_alive_interval(HEAD_MAX)
            .keep_alive_timeout(HANDSHAKE_MAX)
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEAD_BYTES_MAX)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_pending_accept_reset_streams(RESETS_MAX)
            .max_local_error_reset_streams(RESETS_MAX)
            .serve_connection(io, service)
            .await
    } else {
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_MAX)
            .serve_connection(io, service)
            .with_upgrades()
            .await
    }
}

/// Runs the requests of one HTTP/2 connection: the platform joins them, they end with it.
#[derive(Debug, Clone)]
struct Streams {
    tasks: TaskTracker,
    ended: CancellationToken,
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, request: F) {
        let ended = self.ended.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = ended.cancelled() => (),
                _ = request => (),
            }
        });
    }
}

/// A TCP socket that has the address and does not listen.
pub(crate) fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Makes a bound socket listen.
pub(crate) fn listen(socket: Socket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Holds a port that nobody else can take: without the address shared, a second bind fails even
/// if it would share.
fn reserved(address: SocketAddr) -> io::Result<Socket> {
    let socket = bound(address)?;
    socket.set_reuse_address(false)?;
    Ok(socket)
}

/// Makes a reserved port listen again, beside connections of before that are still closing.
fn listening(reserved: &Socket) -> io::Result<TcpListener> {
    reserved.set_reuse_address(true)?;
    listen(reserved.try_clone()?)
}
