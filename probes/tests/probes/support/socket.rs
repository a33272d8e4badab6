//! A tiny WebSocket server that sends what it is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// What is done after the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Every text frame is sent back.
    Echo,
    /// A close frame.
    Close,
    /// The connection ends without a goodbye.
    Drop,
    /// A ping, and once it is answered a message in two fragments.
    Ping([&'static str; 2]),
    /// Frames that nobody asked for, without end.
    Flood,
}

/// A running server; ends when dropped.
#[derive(Debug)]
pub(crate) struct SocketServer {
    pub(crate) address: SocketAddr,
    /// How many sockets were closed with a close frame.
    pub(crate) goodbyes: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Drop for SocketServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SocketServer {
    pub(crate) async fn start(frames: Vec<String>, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let goodbyes = Arc::new(AtomicU32::new(0));
        let counted = goodbyes.clone();
        let task = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                tasks.spawn(attend(stream, frames.clone(), then, counted.clone()));
            }
        });
        Self {
            address,
            goodbyes,
            task,
        }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn attend(
    stream: tokio::net::TcpStream,
    frames: Vec<String>,
    then: Then,
    goodbyes: Arc<AtomicU32>,
) -> Option<()> {
    let mut socket = tokio_tungstenite::accept_async(stream).await.ok()?;
    for frame in frames {
        socket.send(Message::text(frame)).await.ok()?;
    }
    match then {
        Then::Echo => {
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() {
                    socket.send(message).await.ok()?;
                } else if message.is_close() {
                    goodbyes.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        Then::Close => {
            socket.close(None).await.ok()?;
            while let Some(Ok(_)) = socket.next().await {}
        }
        Then::Drop => {
            socket.get_mut().shutdown().await.ok()?;
        }
        Then::Ping([first, second]) => {
            socket
                .send(Message::Ping(b"?".to_vec().into()))
                .await
                .ok()?;
            while !socket.next().await?.ok()?.is_pong() {}
            let fragment = |text: &'static str, data, is_last| {
                Message::Frame(Frame::message(text, OpCode::Data(data), is_last))
            };
            socket.send(fragment(first, Data::Text, false)).await.ok()?;
            socket
                .send(fragment(second, Data::Continue, true))
                .await
                .ok()?;
            while let Some(Ok(_)) = socket.next().await {}
        }
        Then::Flood => loop {
            socket.send(Message::text("{}")).await.ok()?;
        },
    }
    Some(())
}
