//! An OTLP server that answers as it is told and remembers what it got.

use std::collections::VecDeque;
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bongsu_model::RunId;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

/// One answer.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Status(u16),
    /// With this `Retry-After`.
    Later(u16, &'static str),
    Body(u16, Vec<u8>),
    /// Not before the server goes.
    Never,
    /// 400 if the body holds these bytes, else 200.
    RefuseIf(Vec<u8>),
}

/// One request, its body inflated.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether it was answered with success.
    pub(crate) taken: bool,
}

#[derive(Debug, Default)]
struct Desk {
    got: Mutex<Vec<Got>>,
    replies: Mutex<VecDeque<Reply>>,
    always: Mutex<Option<Reply>>,
}

/// The server; it goes when dropped.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) address: SocketAddr,
    desk: Arc<Desk>,
    stop: CancellationToken,
}

impl Drop for Destination {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// An address where nobody listens, and nobody else will.
#[derive(Debug)]
pub(crate) struct Nobody {
    pub(crate) address: SocketAddr,
    socket: TcpSocket,
}

impl Nobody {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = socket.local_addr().unwrap();
        Self { address, socket }
    }

    /// Now somebody does.
    pub(crate) fn arrives(self) -> Destination {
        Destination::on(self.socket.listen(64).unwrap(), [])
    }
}

impl Destination {
    /// Answers with `replies` in order, then with success.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, replies)
    }

    fn on(listener: TcpListener, replies: impl IntoIterator<Item = Reply>) -> Self {
        let address = listener.local_addr().unwrap();
        let desk = Arc::new(Desk::default());
        desk.replies.lock().unwrap().extend(replies);
        let stop = CancellationToken::new();
        let router = Router::new()
            .fallback(receive)
            .with_state((Arc::clone(&desk), stop.clone()));
        let stopped = stop.clone();
        // It ends with the server that it belongs to.
        tokio::spawn(async move {
            let serving = axum::serve(listener, router);
            tokio::select! {
                served = serving => served.unwrap(),
                () = stopped.cancelled() => {}
            }
        });
        Self {
            address,
            desk,
            stop,
        }
    }

    /// From now on every answer is this one.
    pub(crate) fn always(&self, reply: Reply) {
        *self.desk.always.lock().unwrap() = Some(reply);
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.desk.got.lock().unwrap().clone()
    }

    /// The runs in requests that it took, in order.
    pub(crate) fn runs(&self) -> Vec<RunId> {
        let taken = self.got().into_iter().filter(|got| got.taken);
        taken
            .flat_map(|got| bongsu_wire::decode_traces(&got.body).unwrap())
            .map(|run| run.unwrap().facts.id)
            .collect()
    }

    /// The `[[forward]]` that leads here.
    pub(crate) fn forward(&self, name: &str) -> String {
        forward(name, self.address)
    }
}

pub(crate) fn forward(name: &str, address: SocketAddr) -> String {
    format!("[[forward]]\nname = \"{name}\"\nurl = \"http://{address}\"\n")
}

async fn receive(
    State((desk, stop)): State<(Arc<Desk>, CancellationToken)>,
    request: axum::extract::Request,
) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    let body = inflated(&head.headers, &body);
    let always = desk.always.lock().unwrap().clone();
    let next = always.or_else(|| desk.replies.lock().unwrap().pop_front());
    let (status, after, answer) = match next {
        None => (200, None, Vec::new()),
        Some(Reply::Status(status)) => (status, None, Vec::new()),
        Some(Reply::Later(status, after)) => (status, Some(after), Vec::new()),
        Some(Reply::Body(status, answer)) => (status, None, answer),
        Some(Reply::RefuseIf(bytes)) => {
            let held = body.windows(bytes.len()).any(|window| window == bytes);
            (if held { 400 } else { 200 }, None, Vec::new())
        }
        Some(Reply::Never) => (0, None, Vec::new()),
    };
    desk.got.lock().unwrap().push(Got {
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body,
        taken: status == 200,
    });
    if status == 0 {
        stop.cancelled().await;
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer).into_response();
    if let Some(after) = after {
        let headers = response.headers_mut();
        headers.insert("retry-after", after.parse().unwrap());
    }
    response
}

fn inflated(headers: &HeaderMap, body: &Bytes) -> Vec<u8> {
    match headers
        .get("content-encoding")
        .map(|value| value.to_str().unwrap())
    {
        None => body.to_vec(),
        Some("gzip") => {
            let mut bytes = Vec::new();
            let mut decoder = flate2::read::GzDecoder::new(body.as_ref());
            decoder.read_to_end(&mut bytes).unwrap();
            bytes
        }
        Some(other) => panic!("compressed with {other}"),
    }
}
