//! Asks the router without a socket, and compares with golden files.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper_util::service::TowerToHyperService;

use super::fixture::Fixture;

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

pub(super) fn router() -> Router {
    bongsu_collector::web::router_of(std::sync::Arc::new(Fixture::new()))
}

pub(super) async fn get(address: &str) -> Answer {
    ask(Method::GET, address, &[]).await
}

pub(super) async fn ask(method: Method, address: &str, headers: &[(&str, &str)]) -> Answer {
    ask_of(router(), method, address, headers).await
}

pub(super) async fn get_of(fixture: Fixture, address: &str) -> Answer {
    let router = bongsu_collector::web::router_of(std::sync::Arc::new(fixture));
    ask_of(router, Method::GET, address, &[]).await
}

/// Hands in JSON as the fixture's operator.
pub(super) async fn hand_in(address: &str, body: &serde_json::Value) -> Answer {
    let headers = [
        ("authorization", "Bearer desk"),
        ("content-type", "application/json; charset=utf-8"),
    ];
    let body = Body::from(body.to_string());
    send(router(), Method::POST, address, &headers, body).await
}

/// Writes a text to an address.
pub(super) async fn write(address: &str, who: &str, media_type: &str, text: &str) -> Answer {
    write_to(router(), address, who, (media_type, text)).await
}

/// Writes a text to an address of this router.
pub(super) async fn write_to(
    router: Router,
    address: &str,
    who: &str,
    (media_type, text): (&str, &str),
) -> Answer {
    let headers = [("authorization", who), ("content-type", media_type)];
    let body = Body::from(text.to_owned());
    send(router, Method::POST, address, &headers, body).await
}

async fn ask_of(router: Router, method: Method, address: &str, headers: &[(&str, &str)]) -> Answer {
    send(router, method, address, headers, Body::empty()).await
}

async fn send(
    router: Router,
    method: Method,
    address: &str,
    headers: &[(&str, &str)],
    body: Body,
) -> Answer {
    let mut request = Request::builder().method(method).uri(address);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body).unwrap();
    let service = TowerToHyperService::new(router);
    let response = hyper::service::Service::call(&service, request)
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// Compares `text` with `tests/golden/NAME`, or writes it there with `BONGSU_REGENERATE=1`.
pub(crate) fn golden(name: &str, text: &str) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("BONGSU_REGENERATE").is_some() {
        std::fs::write(&file, text).unwrap();
        return;
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    if known == text {
        return;
    }
    let line = known
        .lines()
        .zip(text.lines())
        .take_while(|(a, b)| a == b)
        .count();
    panic!(
        "{name} differs from line {}: golden {:?}, now {:?}; if that is wanted, run with \
         BONGSU_REGENERATE=1 and look at the difference",
        line + 1,
        known.lines().nth(line),
        text.lines().nth(line),
    );
}
