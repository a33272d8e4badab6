//! A DNS server that answers as it is told, over UDP and TCP on one port, or over TLS.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::{Name, RData, Record};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    Udp,
    Tcp,
}

/// What is sent back: any number of messages, in order, byte for byte.
type Script = Arc<dyn Fn(Message, Came) -> Vec<Vec<u8>> + Send + Sync>;

/// A running server; ends when dropped.
#[derive(Debug)]
pub(crate) struct Zone {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Mutex<Vec<Came>>>,
    _tasks: JoinSet<()>,
}

impl Zone {
    pub(crate) async fn start(
        script: impl Fn(Message, Came) -> Vec<Vec<u8>> + Send + Sync + 'static,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let seen: Arc<Mutex<Vec<Came>>> = Arc::default();
        let their_seen = seen.clone();
        let script: Script = Arc::new(move |question, came| {
            their_seen.lock().unwrap().push(came);
            script(question, came)
        });
        let (listener, socket) = one_port().await;
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(datagrams(socket, script.clone()));
        tasks.spawn(async move {
            let mut talks = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, tls) = (script.clone(), tls.clone());
                talks.spawn(async move {
                    match tls {
                        None => talk(stream, &script).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => talk(stream, &script).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self {
            address,
            seen,
            _tasks: tasks,
        }
    }

    /// The line of a target profile that makes it the resolver.
    pub(crate) fn key(&self) -> String {
        format!("resolver = \"{}\"", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Came> {
        self.seen.lock().unwrap().clone()
    }
}

/// A port that is free for both.
async fn one_port() -> (TcpListener, UdpSocket) {
    for _ in 0..50 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        if let Ok(socket) = UdpSocket::bind(address).await {
            return (listener, socket);
        }
    }
    panic!("no port is free for TCP and UDP");
}

async fn datagrams(socket: UdpSocket, script: Script) {
    let mut room = [0; 4096];
    while let Ok((count, from)) = socket.recv_from(&mut room).await {
        let question = Message::from_vec(&room[..count]).unwrap();
        for message in script(question, Came::Udp) {
            let _ = socket.send_to(&message, from).await;
        }
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, script: &Script) -> Option<()> {
    loop {
        let length = stream.read_u16().await.ok()?;
        let mut question = vec![0; usize::from(length)];
        stream.read_exact(&mut question).await.ok()?;
        for message in script(Message::from_vec(&question).unwrap(), Came::Tcp) {
            let length = u16::try_from(message.len()).unwrap();
            stream.write_u16(length).await.ok()?;
            stream.write_all(&message).await.ok()?;
        }
        stream.flush().await.ok()?;
    }
}

/// The answer to `question` with these records, all of its own name.
pub(crate) fn answer(question: &Message, records: Vec<(u32, RData)>) -> Message {
    let mut answer = question.clone().into_response();
    answer.metadata.authentic_data = false;
    let name = question.queries[0].name().clone();
    for (ttl, data) in records {
        answer.add_answer(Record::from_rdata(name.clone(), ttl, data));
    }
    answer
}

pub(crate) fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}
