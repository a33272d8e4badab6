//! A tiny HTTP server that answers as it is told, properly or not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The requests that were seen: head and body as text.
pub(crate) type Seen = Arc<Mutex<Vec<String>>>;

/// What is done with one request.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// These bytes, and the connection stays open.
    Answer(Vec<u8>),
    /// These bytes, then the end of the connection.
    AnswerAndClose(Vec<u8>),
    /// These bytes, then one byte more every so often, for ever.
    Drip(Vec<u8>, Duration),
    /// These bytes, then more of the same for ever.
    Endless(Vec<u8>),
    /// The first bytes once, then the others again and again for ever.
    EndlessAfter(Vec<u8>, Vec<u8>),
    /// These bytes after a while.
    After(Duration, Vec<u8>),
    /// These bytes, then a reset.
    Reset(Vec<u8>),
    /// Nothing at all.
    Hang,
}

/// A running server; ends when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Seen,
    pub(crate) connections: Arc<Mutex<u32>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Script = Arc<dyn Fn(&str) -> Behaviour + Send + Sync>;

impl Server {
    /// Answers every request (head and body as text) as `script` says.
    pub(crate) async fn start(script: impl Fn(&str) -> Behaviour + Send + Sync + 'static) -> Self {
        Self::start_with(script, None).await
    }

    /// The same over TLS.
    pub(crate) async fn start_with(
        script: impl Fn(&str) -> Behaviour + Send + Sync + 'static,
        tls: Option<tokio_rustls::TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Seen::default();
        let connections = Arc::new(Mutex::new(0));
        let script: Script = Arc::new(script);
        let (their_seen, their_connections) = (seen.clone(), connections.clone());
        let task = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                *their_connections.lock().unwrap() += 1;
                let (script, seen, tls) = (script.clone(), their_seen.clone(), tls.clone());
                tasks.spawn(async move {
                    match tls {
                        None => {
                            let stream = serve(stream, &script, &seen).await;
                            if let Some(stream) = stream {
                                let _ = stream.set_zero_linger();
                            }
                        }
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &script, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            seen,
            connections,
            task,
        }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Serves one connection to its end; gives it back if it is to be reset.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    script: &Script,
    seen: &Seen,
) -> Option<S> {
    loop {
        let request = read_request(&mut stream).await?;
        seen.lock().unwrap().push(request.clone());
        match script(&request) {
            Behaviour::Answer(bytes) => stream.write_all(&bytes).await.ok()?,
            Behaviour::AnswerAndClose(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                stream.shutdown().await.ok()?;
                return None;
            }
            Behaviour::After(wait, bytes) => {
                tokio::time::sleep(wait).await;
                stream.write_all(&bytes).await.ok()?;
            }
            Behaviour::Drip(bytes, every) => {
                stream.write_all(&bytes).await.ok()?;
                loop {
                    tokio::time::sleep(every).await;
                    stream.write_all(b"x").await.ok()?;
                }
            }
            Behaviour::Endless(bytes) => loop {
                stream.write_all(&bytes).await.ok()?;
            },
            Behaviour::EndlessAfter(first, bytes) => {
                stream.write_all(&first).await.ok()?;
                loop {
                    stream.write_all(&bytes).await.ok()?;
                }
            }
            Behaviour::Reset(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                stream.flush().await.ok()?;
                return Some(stream);
            }
            Behaviour::Hang => std::future::pending().await,
        }
    }
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(head_end) = text.find("\r\n\r\n") {
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if text.len() >= head_end + 4 + length {
                return Some(text);
            }
        }
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.ok()?;
        if count == 0 {
            return None;
        }
        bytes.extend_from_slice(&piece[..count]);
    }
}

/// A whole answer with a JSON body.
pub(crate) fn json(status: u16, body: &str) -> Vec<u8> {
    with_headers(
        status,
        "content-type: application/json\r\n",
        body.as_bytes(),
    )
}

/// A whole answer with these header lines.
pub(crate) fn with_headers(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes =
        format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A head that promises more than will come.
pub(crate) fn head(headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{headers}\r\n").into_bytes()
}

/// A port that refuses connections: it was free a moment ago.
pub(crate) async fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}
