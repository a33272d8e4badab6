//! A tiny HTTP proxy that leads everybody to one place, or answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How a proxy behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Manner {
    /// It leads everybody to this address, whatever they ask for.
    Leads(SocketAddr),
    /// It answers every request with these bytes and ends the connection.
    Answers(&'static str),
    /// It takes connections and requests and says nothing.
    Hangs,
}

/// A running proxy; ends when dropped.
#[derive(Debug)]
pub(crate) struct ProxyServer {
    pub(crate) address: SocketAddr,
    /// The heads of what it was asked, one for each connection.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for ProxyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ProxyServer {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let theirs = seen.clone();
        let task = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                tasks.spawn(attend(stream, manner, theirs.clone()));
            }
        });
        Self {
            address,
            seen,
            task,
        }
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// The lines of a target profile that name it.
    pub(crate) fn key(&self) -> String {
        format!("proxy = \"http://{}\"", self.address)
    }
}

async fn attend(
    mut stream: TcpStream,
    manner: Manner,
    seen: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let text = String::from_utf8(head.clone()).unwrap();
    let is_tunnel = text.starts_with("CONNECT ");
    seen.lock().unwrap().push(text);
    match manner {
        Manner::Leads(to) => {
            let mut upstream = TcpStream::connect(to).await.ok()?;
            if is_tunnel {
                let open = b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n";
                stream.write_all(open).await.ok()?;
            } else {
                upstream.write_all(&head).await.ok()?;
            }
            tokio::io::copy_bidirectional(&mut stream, &mut upstream)
                .await
                .ok()?;
        }
        Manner::Answers(text) => {
            stream.write_all(text.as_bytes()).await.ok()?;
            stream.shutdown().await.ok()?;
        }
        Manner::Hangs => std::future::pending().await,
    }
    Some(())
}
