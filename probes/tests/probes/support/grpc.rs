//! A gRPC server: tonic speaks the protocol, the tests say what is answered.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bongsu_probes::Target;
use bytes::{Buf as _, BufMut as _};
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt as _};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto, ServiceDescriptorProto,
};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder, Streaming};
use tonic::server::{Grpc, StreamingService, UnaryService};
use tonic::{Request, Response, Status};

use super::target_with;
use super::tls::{Authority, authority};

/// Which reflection a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reflection {
    None,
    V1,
    /// The older one alone.
    V1Alpha,
}

/// What a method answers to a message.
pub(crate) type Handler =
    Arc<dyn Fn(Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Status> + Send + Sync>;

/// A request that was seen: its path and its metadata.
pub(crate) type Seen = Arc<Mutex<Vec<(String, http::HeaderMap)>>>;

/// A running server; ends when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Seen,
    pub(crate) connections: Arc<Mutex<u32>>,
    authority: Option<Authority>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers every method but reflection by `handler`.
    pub(crate) async fn start(
        reflection: Reflection,
        handler: impl Fn(Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Status> + Send + Sync + 'static,
    ) -> Self {
        Self::start_raw(None, answering(reflection, Arc::new(handler))).await
    }

    /// The same over TLS, where ALPN agrees on what `alpn` names.
    pub(crate) async fn start_tls(
        alpn: &[&str],
        handler: impl Fn(Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Status> + Send + Sync + 'static,
    ) -> Self {
        let authority = authority("ours");
        let acceptor = authority.acceptor("127.0.0.1", 2090, alpn);
        let mut server =
            Self::start_raw(Some(acceptor), answering(Reflection::V1, Arc::new(handler))).await;
        server.authority = Some(authority);
        server
    }

    /// Answers every request by `answer`, proper or not.
    pub(crate) async fn start_raw(tls: Option<TlsAcceptor>, answer: Answering) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Seen::default();
        let connections = Arc::new(Mutex::new(0));
        let (theirs, counted) = (seen.clone(), connections.clone());
        let task = tokio::spawn(async move {
            let mut tasks = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                *counted.lock().unwrap() += 1;
                let (tls, answer, seen) = (tls.clone(), answer.clone(), theirs.clone());
                tasks.spawn(async move {
                    match tls {
                        None => serve(stream, answer, seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, answer, seen).await;
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
            authority: None,
            task,
        }
    }

    /// A target whose `api` it is.
    pub(crate) fn target(&self) -> Target {
        match &self.authority {
            None => target_with(
                &format!("http://{}", self.address),
                "allow_private = true",
                None,
            ),
            Some(authority) => target_with(
                &format!("https://{}", self.address),
                "allow_private = true\nca = \"ca.pem\"",
                Some(authority.pem.as_bytes()),
            ),
        }
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|(path, _)| path.clone()).collect()
    }
}

type Answering =
    Arc<dyn Fn(http::Request<Incoming>) -> BoxFuture<'static, http::Response<Body>> + Send + Sync>;

async fn serve(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    answer: Answering,
    seen: Seen,
) {
    let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
        let path = request.uri().path().to_owned();
        seen.lock().unwrap().push((path, request.headers().clone()));
        let answering = answer(request);
        async move { Ok::<_, std::convert::Infallible>(answering.await) }
    });
    // A client that goes away in the middle is what some tests are about.
    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn answering(reflection: Reflection, handler: Handler) -> Answering {
    Arc::new(move |request| {
        let handler = handler.clone();
        let path = request.uri().path().to_owned();
        Box::pin(async move {
            let mut grpc = Grpc::new(Raw);
            let version = match reflection {
                Reflection::None => None,
                Reflection::V1 => Some("v1"),
                Reflection::V1Alpha => Some("v1alpha"),
            };
            if let Some(rest) = path.strip_prefix("/grpc.reflection.") {
                if version.is_some_and(|version| rest.starts_with(&format!("{version}."))) {
                    return grpc.streaming(Reflecting, request).await;
                }
                return Status::unimplemented("no such service").into_http();
            }
            grpc.unary(Unary(handler), request).await
        })
    })
}

struct Unary(Handler);

impl UnaryService<Vec<u8>> for Unary {
    type Response = Vec<u8>;
    type Future = std::future::Ready<Result<Response<Vec<u8>>, Status>>;

    fn call(&mut self, request: Request<Vec<u8>>) -> Self::Future {
        std::future::ready(self.0(request))
    }
}

struct Reflecting;

impl StreamingService<Vec<u8>> for Reflecting {
    type Response = Vec<u8>;
    type ResponseStream = BoxStream<'static, Result<Vec<u8>, Status>>;
    type Future = std::future::Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<Vec<u8>>>) -> Self::Future {
        let answers = request
            .into_inner()
            .map(|question| Ok(reflected(&question?)));
        std::future::ready(Ok(Response::new(answers.boxed())))
    }
}

/// One file for each question, as tonic's own reflection gives it: without those that it needs.
fn reflected(question: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(&question[2..]).into_owned();
    let files = descriptors().file;
    let wanted = match (question[0], text.as_str()) {
        (0x22, "shop.v1.Orders") => Some("shop/v1/orders.proto"),
        (0x1a, name) => Some(name),
        _ => None,
    };
    let found = files.iter().find(|file| Some(file.name()) == wanted);
    let field = |tag: u8, content: &[u8]| {
        let mut bytes = vec![tag];
        prost_reflect::prost::encoding::encode_varint(content.len() as u64, &mut bytes);
        bytes.extend(content);
        bytes
    };
    match found {
        Some(file) => field(0x22, &field(0x0a, &file.encode_to_vec())),
        None => {
            let mut refused = vec![0x08, 5];
            refused.extend(field(0x12, format!("{text} is not known").as_bytes()));
            field(0x3a, &refused)
        }
    }
}

/// A shop's files: `shop.v1.Orders/Get` takes `{ id, count, note }` and gives
/// `{ id, total: { units, currency }, lines }`; `Watch` streams.
pub(crate) fn descriptors() -> FileDescriptorSet {
    let message = |name: &str, fields: Vec<FieldDescriptorProto>| DescriptorProto {
        name: Some(name.to_owned()),
        field: fields,
        ..DescriptorProto::default()
    };
    let method = |name: &str, streams: bool| MethodDescriptorProto {
        name: Some(name.to_owned()),
        input_type: Some(".shop.v1.GetRequest".to_owned()),
        output_type: Some(".shop.v1.Order".to_owned()),
        server_streaming: Some(streams),
        ..MethodDescriptorProto::default()
    };
    let money = FileDescriptorProto {
        name: Some("shop/money.proto".to_owned()),
        package: Some("shop".to_owned()),
        syntax: Some("proto3".to_owned()),
        message_type: vec![message(
            "Money",
            vec![
                field("units", 1, Type::Int64, None),
                field("currency", 2, Type::String, None),
            ],
        )],
        ..FileDescriptorProto::default()
    };
    let mut lines = field("lines", 3, Type::String, None);
    lines.label = Some(Label::Repeated.into());
    let orders = FileDescriptorProto {
        name: Some("shop/v1/orders.proto".to_owned()),
        package: Some("shop.v1".to_owned()),
        syntax: Some("proto3".to_owned()),
        dependency: vec!["shop/money.proto".to_owned()],
        message_type: vec![
            message(
                "GetRequest",
                vec![
                    field("id", 1, Type::String, None),
                    field("count", 2, Type::Int32, None),
                    field("note", 3, Type::String, None),
                ],
            ),
            message(
                "Order",
                vec![
                    field("id", 1, Type::String, None),
                    field("total", 2, Type::Message, Some(".shop.Money")),
                    lines,
                ],
            ),
        ],
        service: vec![ServiceDescriptorProto {
            name: Some("Orders".to_owned()),
            method: vec![method("Get", false), method("Watch", true)],
            ..ServiceDescriptorProto::default()
        }],
        ..FileDescriptorProto::default()
    };
    FileDescriptorSet {
        file: vec![money, orders],
    }
}

fn field(name: &str, number: i32, kind: Type, of: Option<&str>) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        type_name: of.map(str::to_owned),
        ..FieldDescriptorProto::default()
    }
}

/// `{ id: "o-1", total: { units: 900, currency: "KRW" }, lines: ["tea"] }`.
pub(crate) fn order() -> Vec<u8> {
    b"\x0a\x03o-1\x12\x08\x08\x84\x07\x12\x03KRW\x1a\x03tea".to_vec()
}

/// Messages as they are.
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(bytes.copy_to_bytes(bytes.remaining()).to_vec()))
    }
}
