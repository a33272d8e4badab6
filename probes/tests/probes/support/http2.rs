//! A tiny HTTP/2 server over TLS that sends the frames it is told, proper or not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bongsu_probes::Target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::target_with;
use super::tls::authority;

/// What is done with one request, one after the other.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// These frames.
    Send(Vec<u8>),
    /// A while of nothing.
    Wait(Duration),
    /// These frames again and again, so often.
    Drip(Vec<u8>, Duration),
    /// These frames without end.
    Endless(Vec<u8>),
    /// The connection ends, orderly.
    Close,
    /// The connection is reset.
    Reset,
}

/// Frame types and error codes of RFC 9113, as far as they are needed here.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const INTERNAL_ERROR: u32 = 2;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// The stream of a connection's first request, and of its second.
pub(crate) const FIRST: u32 = 1;
pub(crate) const SECOND: u32 = 3;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header line, literally and remembered by nobody (RFC 7541, section 6.2.2).
pub(crate) fn line(name: &str, value: &str) -> Vec<u8> {
    let mut block = vec![0];
    for text in [name, value] {
        // A length of 7 bits, and more bytes of 7 bits where it does not fit.
        let mut rest = text.len();
        if rest < 127 {
            block.push(u8::try_from(rest).unwrap());
        } else {
            block.push(127);
            rest -= 127;
            while rest >= 128 {
                block.push(u8::try_from(rest % 128 + 128).unwrap());
                rest /= 128;
            }
            block.push(u8::try_from(rest).unwrap());
        }
        block.extend(text.as_bytes());
    }
    block
}

/// A block of a status and lines.
pub(crate) fn block(status: u16, lines: &[(&str, &str)]) -> Vec<u8> {
    let mut block = line(":status", &status.to_string());
    for (name, value) in lines {
        block.extend(line(name, value));
    }
    block
}

/// A whole head.
pub(crate) fn head(stream: u32, status: u16, lines: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &block(status, lines))
}

/// The beginning of a head, to be continued.
pub(crate) fn open_head(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(HEADERS, 0, stream, block)
}

/// More of a head, still to be continued.
pub(crate) fn continuation(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(CONTINUATION, 0, stream, block)
}

/// Part of a body.
pub(crate) fn part(stream: u32, bytes: &[u8]) -> Vec<u8> {
    frame(DATA, 0, stream, bytes)
}

/// A body in frames of 16 KiB, the last of which ends the stream.
pub(crate) fn body(stream: u32, bytes: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    for piece in bytes.chunks(16 * 1024) {
        frames.extend(part(stream, piece));
    }
    frames.extend(frame(DATA, END_STREAM, stream, b""));
    frames
}

/// A whole answer.
pub(crate) fn answer(stream: u32, status: u16, lines: &[(&str, &str)], text: &[u8]) -> Vec<u8> {
    let mut frames = head(stream, status, lines);
    frames.extend(body(stream, text));
    frames
}

/// A whole answer without a body.
pub(crate) fn bare(stream: u32, status: u16, lines: &[(&str, &str)]) -> Vec<u8> {
    let block = block(status, lines);
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
}

pub(crate) fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

pub(crate) fn ping() -> Vec<u8> {
    frame(PING, 0, 0, &[7; 8])
}

pub(crate) fn settings() -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[])
}

/// No stream after `last` was or will be acted upon.
pub(crate) fn goaway(last: u32, code: u32) -> Vec<u8> {
    let mut payload = last.to_be_bytes().to_vec();
    payload.extend(code.to_be_bytes());
    frame(GOAWAY, 0, 0, &payload)
}

/// A running server; ends when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// TLS handshakes that were made.
    pub(crate) handshakes: Arc<AtomicU32>,
    /// Requests that were seen whole.
    pub(crate) requests: Arc<AtomicU32>,
    /// Connections that are open.
    pub(crate) open: Arc<AtomicU32>,
    ca_pem: String,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Script = Arc<dyn Fn(u32) -> Vec<Act> + Send + Sync>;

#[derive(Clone)]
struct Counts {
    handshakes: Arc<AtomicU32>,
    requests: Arc<AtomicU32>,
    open: Arc<AtomicU32>,
}

impl Server {
    /// Does with the n-th request of all, counted from 1, as `script` says.
    pub(crate) async fn start(script: impl Fn(u32) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let authority = authority("ours");
        let acceptor = authority.acceptor("127.0.0.1", 2090, &["h2"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Counts {
            handshakes: Arc::default(),
            requests: Arc::default(),
            open: Arc::default(),
        };
        let theirs = counts.clone();
        let script: Script = Arc::new(script);
        let task = tokio::spawn(async move {
            let mut tasks = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, acceptor, counts) = (script.clone(), acceptor.clone(), theirs.clone());
                tasks.spawn(async move {
                    counts.open.fetch_add(1, Ordering::Relaxed);
                    attend(stream, acceptor, &script, &counts).await;
                    counts.open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Self {
            address,
            handshakes: counts.handshakes,
            requests: counts.requests,
            open: counts.open,
            ca_pem: authority.pem,
            task,
        }
    }

    /// A target whose `api` it is.
    pub(crate) fn target(&self) -> Target {
        let base = format!("https://{}", self.address);
        let keys = "allow_private = true\nca = \"ca.pem\"";
        target_with(&base, keys, Some(self.ca_pem.as_bytes()))
    }

    pub(crate) fn counted(&self) -> (u32, u32) {
        (
            self.handshakes.load(Ordering::Relaxed),
            self.requests.load(Ordering::Relaxed),
        )
    }
}

async fn attend(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    script: &Script,
    counts: &Counts,
) -> Option<()> {
    let mut stream = acceptor.accept(stream).await.ok()?;
    counts.handshakes.fetch_add(1, Ordering::Relaxed);
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.ok()?;
    assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    write(&mut stream, &settings()).await?;
    loop {
        let (kind, flags) = read(&mut stream).await?;
        match kind {
            SETTINGS if flags & ACK == 0 => {
                write(&mut stream, &frame(SETTINGS, ACK, 0, &[])).await?;
            }
            HEADERS | DATA if flags & END_STREAM != 0 => {
                let n = counts.requests.fetch_add(1, Ordering::Relaxed) + 1;
                for act in script(n) {
                    perform(act, &mut stream).await?;
                }
            }
            _ => {}
        }
    }
}

async fn perform(act: Act, stream: &mut TlsStream<TcpStream>) -> Option<()> {
    match act {
        Act::Send(frames) => write(stream, &frames).await,
        Act::Wait(wait) => {
            tokio::time::sleep(wait).await;
            Some(())
        }
        Act::Drip(frames, every) => loop {
            write(stream, &frames).await?;
            tokio::time::sleep(every).await;
        },
        Act::Endless(frames) => loop {
            write(stream, &frames).await?;
        },
        Act::Close => {
            stream.shutdown().await.ok()?;
            // Closing with something unread would make it a reset.
            let mut rest = [0; 1024];
            while stream.read(&mut rest).await.ok()? > 0 {}
            None
        }
        Act::Reset => {
            stream.get_ref().0.set_zero_linger().ok()?;
            None
        }
    }
}

async fn write(stream: &mut TlsStream<TcpStream>, frames: &[u8]) -> Option<()> {
    stream.write_all(frames).await.ok()?;
    stream.flush().await.ok()
}

/// The type and flags of the next frame.
async fn read(stream: &mut TlsStream<TcpStream>) -> Option<(u8, u8)> {
    let mut start = [0; 9];
    stream.read_exact(&mut start).await.ok()?;
    let length = u32::from_be_bytes([0, start[0], start[1], start[2]]);
    let mut payload = vec![0; usize::try_from(length).ok()?];
    stream.read_exact(&mut payload).await.ok()?;
    Some((start[3], start[4]))
}
