//! HTTP on a service's connection: faults first, then the service's own API.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};
use hyper::{Request, Response, StatusCode};

use crate::account::SignedIn;
use crate::audit::Count;
use crate::clock::machine_time;
use crate::component::{FaultPoint, Service};
use crate::faults::{Asker, Asks, Effect, LARGE_BYTES, Then};
use crate::line::HardCut;
use crate::world::{Place, World};
use crate::{
    account_api, bank_api, cdn_api, daum_api, ent_api, map_api, mobility_api, pay_api,
    push_gateway, record_api, talk_api,
};

/// Longest request body: a message text of 16 KiB with its JSON escapes, rounded up.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest reference, note or idempotency key.
pub(crate) const REFERENCE_BYTES_MAX: usize = 200;
/// How long a component is waited for, with what is tried again meanwhile, that can be done without:
/// above every `slow` limit of the shipped journeys, so that going without shows.
const SOFT_MAX: Duration = Duration::from_millis(1_200);
/// Longest wait for a request's body.
const BODY_MAX: Duration = Duration::from_secs(10);

/// An answer with its body at hand.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Who called, on which connection.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) world: Arc<World>,
    pub(crate) place: Place,
    pub(crate) hard: HardCut,
    /// The user id of who calls, where it is known.
    pub(crate) user: Option<String>,
    /// How long the request's body says it is.
    request_bytes: usize,
    /// Whether a fault lets no long answer through.
    loses_large: Arc<AtomicBool>,
}

impl Caller {
    /// Somebody who has asked for nothing yet.
    pub(crate) fn new(world: Arc<World>, place: Place, hard: HardCut) -> Self {
        Self {
            world,
            place,
            hard,
            user: None,
            request_bytes: 0,
            loses_large: Arc::default(),
        }
    }

    /// Who asks for this.
    fn asking(self, request: &Request<Incoming>) -> Self {
        let who = signed_in(&self.world, request).ok();
        let body = hyper::body::Body::size_hint(request.body()).lower();
        Self {
            user: who.map(|who| who.user_id),
            request_bytes: usize::try_from(body).unwrap_or(usize::MAX),
            loses_large: Arc::default(),
            ..self
        }
    }

    /// What the faults do to a request that needs `needs`.
    pub(crate) fn effect(&self, needs: &[FaultPoint]) -> Effect {
        self.effect_on(needs, Asks::Request)
    }

    /// What they do to a stream that passes `needs`.
    pub(crate) fn stream_effect(&self, needs: &[FaultPoint]) -> Effect {
        self.effect_on(needs, Asks::Stream)
    }

    fn effect_on(&self, needs: &[FaultPoint], asks: Asks) -> Effect {
        let asker = Asker {
            service: self.place.service,
            region: &self.place.region,
            user: self.user.as_deref(),
            asks,
        };
        self.world.faults.effect(needs, &asker)
    }

    /// Waits while something that the request needs hangs, or loses what is long.
    pub(crate) async fn hang(&self, needs: &[FaultPoint]) -> Cut {
        let mut changes = self.world.faults.watch();
        let hangs = |effect: Effect| effect.then == Then::Hang || effect.loses_large;
        while hangs(self.effect_on(needs, Asks::Again)) {
            if changes.changed().await.is_err() {
                break;
            }
        }
        Cut
    }
}

/// Whether an answer tells the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Right,
    Wrong,
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut by a fault")]
pub(crate) struct Cut;

/// Answers a request of a service, or cuts its connection.
pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    caller.world.counts.add(Count::Requests);
    let caller = caller.asking(&request);
    let loses_large = Arc::clone(&caller.loses_large);
    let mut watch = caller.world.faults.watch();
    let is_http2 = request.version() == hyper::Version::HTTP_2;
    let service = caller.place.service;
    let record = record_api::kind_of(service, request.uri().path());
    let mut answer = match (record, service) {
        (Some(place), _) => record_api::answer(caller, request, place).await,
        (None, service) => answer_of(service, caller, request).await,
    }?;
    let length = hyper::body::Body::size_hint(answer.body()).lower();
    if loses_large.load(Ordering::Relaxed) && length > LARGE_BYTES as u64 {
        let _changed_or_over = watch.changed().await;
        return Err(Cut);
    }
    if is_http2 {
        // There is no upgrade to offer (RFC 9113, section 8.6).
        answer.headers_mut().remove(UPGRADE);
    }
    Ok(answer)
}

/// Answers what is not about things that users make and end.
async fn answer_of(
    service: Service,
    caller: Caller,
    request: Request<Incoming>,
) -> Result<Answer, Cut> {
    match service {
        Service::Account => account_api::answer(caller, request).await,
        Service::Talk => talk_api::answer(caller, request).await,
        Service::Pay => pay_api::answer(caller, request).await,
        Service::Mobility => mobility_api::answer(caller, request).await,
        Service::Cdn => cdn_api::answer(caller, request).await,
        Service::Push => push_gateway::answer(caller, request).await,
        Service::Care => Ok(care(&caller, &request)),
        Service::Map => map_api::answer(caller, request).await,
        Service::Bank => bank_api::answer(caller, request).await,
        Service::Ent => ent_api::answer(caller, request).await,
        Service::Daum => daum_api::answer(caller, request).await,
        Service::Media | Service::Style | Service::Piccoma | Service::Games => {
            Ok(nothing_more(&request))
        }
    }
}

/// Lets the faults act on a request: it may be delayed, hang, be cut, or be answered here.
pub(crate) async fn pass_faults(
    caller: &Caller,
    needs: &[FaultPoint],
) -> Result<Result<Content, Refusal>, Cut> {
    let effect = caller.effect(needs);
    if !effect.delay.is_zero() {
        tokio::time::sleep(machine_time(&*caller.world.clock, effect.delay)).await;
    }
    if effect.loses_large {
        if caller.request_bytes > LARGE_BYTES {
            return Err(caller.hang(needs).await);
        }
        caller.loses_large.store(true, Ordering::Relaxed);
    }
    match effect.then {
        Then::Answer => Ok(Ok(Content::Right)),
        Then::AnswerWrongly => Ok(Ok(Content::Wrong)),
        Then::Fail(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            Ok(Err(error(status, "broken", "the service is out of order")))
        }
        Then::Close => Err(Cut),
        Then::Reset => {
            caller.hard.set();
            Err(Cut)
        }
        Then::Hang => Err(caller.hang(needs).await),
    }
}

/// Asks a component that can be done without: it is waited for a little, and then gone on without.
/// Whether it was there.
pub(crate) async fn pass_soft(caller: &Caller, points: &[FaultPoint]) -> bool {
    let effect = caller.effect(points);
    let is_there = effect.then == Then::Answer && effect.delay <= SOFT_MAX;
    let wait = if is_there { effect.delay } else { SOFT_MAX };
    if !wait.is_zero() {
        tokio::time::sleep(machine_time(&*caller.world.clock, wait)).await;
    }
    is_there
}

/// The session of the request's bearer token.
pub(crate) fn signed_in<B>(world: &World, request: &Request<B>) -> Result<SignedIn, Refusal> {
    bearer(request)
        .and_then(|token| world.accounts.check(token, world.clock.monotonic()))
        .ok_or_else(|| {
            let text = "sign in first: there is no open session for this token";
            error(StatusCode::UNAUTHORIZED, "no_session", text)
        })
}

/// The merchant of a request, who shows login and key: `Authorization: SECRET_KEY login:key`.
pub(crate) fn merchant<B>(world: &World, request: &Request<B>) -> Result<usize, Refusal> {
    let value = request.headers().get(AUTHORIZATION);
    value
        .and_then(|value| value.to_str().ok()?.strip_prefix("SECRET_KEY "))
        .and_then(|pair| pair.trim().split_once(':'))
        .and_then(|(login, key)| world.accounts.by_key(login, key))
        .ok_or_else(|| {
            let text = "merchants show `Authorization: SECRET_KEY login:password`";
            error(StatusCode::UNAUTHORIZED, "no_merchant", text)
        })
}

/// The request's bearer token.
pub(crate) fn bearer<B>(request: &Request<B>) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The key under which a request is done at most once.
pub(crate) fn idempotency_key<B>(request: &Request<B>) -> Result<String, Refusal> {
    let key = request.headers().get("idempotency-key");
    key.and_then(|key| key.to_str().ok())
        .filter(|key| (1..=REFERENCE_BYTES_MAX).contains(&key.len()))
        .map(str::to_owned)
        .ok_or_else(|| {
            let text = "send an Idempotency-Key header of 1 to 200 visible ASCII characters";
            error(StatusCode::BAD_REQUEST, "no_idempotency_key", text)
        })
}

/// A time as answers show it.
pub(crate) fn rfc3339(at: bongsu_model::Timestamp) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(at.as_unix_nanos()))
        .map(|at| format!("{at:.3}"))
        .unwrap_or_default()
}

/// Reads a JSON body. The refusal says where it is wrong and quotes nothing: a body may hold a
/// password.
pub(crate) async fn read_json<T: serde::de::DeserializeOwned>(
    body: Incoming,
) -> Result<T, Refusal> {
    let bytes = read_body(body).await?;
    serde_json::from_slice(&bytes).map_err(|wrong| {
        let what = match wrong.classify() {
            serde_json::error::Category::Data => "a field is missing or of the wrong type",
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => "the body is not JSON",
        };
        let text = format!("{what}: line {}, column {}", wrong.line(), wrong.column());
        error(StatusCode::BAD_REQUEST, "malformed", text)
    })
}

/// Reads a whole body, bounded in size and time.
pub(crate) async fn read_body(body: Incoming) -> Result<Bytes, Refusal> {
    read_body_up_to(body, BODY_BYTES_MAX).await
}

/// Reads a whole body of at most `most` bytes, bounded in time.
pub(crate) async fn read_body_up_to(body: Incoming, most: usize) -> Result<Bytes, Refusal> {
    let limited = Limited::new(body, most).collect();
    match tokio::time::timeout(BODY_MAX, limited).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(failure)) if failure.is::<http_body_util::LengthLimitError>() => {
            let text = format!("a body may have {most} bytes here");
            Err(error(StatusCode::PAYLOAD_TOO_LARGE, "too_large", text))
        }
        Ok(Err(_)) | Err(_) => {
            let text = "the body did not arrive whole";
            Err(error(StatusCode::BAD_REQUEST, "malformed", text))
        }
    }
}

/// The value of a key in the request's query.
pub(crate) fn query_value<B>(request: &Request<B>, key: &str) -> Option<String> {
    let pairs = request.uri().query()?.split('&');
    let found = pairs
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| *name == key)?;
    Some(percent_decoded(found.1))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = (first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, escaped) {
            (_, Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
                continue;
            }
            (b'+', None) => bytes.push(b' '),
            (other, None) => bytes.push(other),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

/// An error as every API of the platform tells it.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let Refusal {
            status,
            code,
            message,
        } = refusal;
        let body = serde_json::json!({ "error": told(code, &message) });
        let mut answer = json(status, &body);
        let headers = answer.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        answer
    }
}

impl Refusal {
    /// As it is told where there is no status.
    pub(crate) fn told(&self) -> serde_json::Value {
        told(self.code, &self.message)
    }
}

fn told(code: &str, message: &str) -> serde_json::Value {
    serde_json::json!({ "code": code, "message": message })
}

/// Refuses with a status, a code for programs and a message for people.
pub(crate) fn error(status: StatusCode, code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal {
        status,
        code,
        message: message.into(),
    }
}

/// The answer to a path that is not there.
pub(crate) fn not_found(path: &str) -> Refusal {
    let path: String = path.chars().take(80).collect();
    error(
        StatusCode::NOT_FOUND,
        "no_such_path",
        format!("there is nothing at {path}"),
    )
}

/// The answer to a method that a path does not take.
pub(crate) fn not_allowed() -> Refusal {
    error(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "the path does not take this method",
    )
}

/// The answer of `/healthz`: the service runs; what it rests on is not asked.
pub(crate) fn healthy() -> Answer {
    json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
}

/// What the help centre says beside taking cases: where else it can be reached.
fn care(caller: &Caller, request: &Request<Incoming>) -> Answer {
    match (request.uri().path(), request.method()) {
        ("/v1/contacts", &(hyper::Method::GET | hyper::Method::POST)) => {
            let mail = caller.world.mail.get(&caller.place.region);
            json(StatusCode::OK, &serde_json::json!({ "mail": mail }))
        }
        _ => nothing_more(request),
    }
}

/// The answer of a service that offers nothing else beside its health.
fn nothing_more(request: &Request<Incoming>) -> Answer {
    match (request.uri().path(), request.method()) {
        ("/healthz", &hyper::Method::GET) => healthy(),
        (path, _) => not_found(path).into(),
    }
}

/// Unwraps whichever answer there is.
pub(crate) fn either(answer: Result<Answer, Refusal>) -> Answer {
    answer.unwrap_or_else(Answer::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_decoded() {
        let request = Request::builder()
            .uri("/v1/messages?x=1&client_ref=a%20b%2Bc+d%zz")
            .body(())
            .unwrap();
        let value = query_value(&request, "client_ref").unwrap();
        assert_eq!(value, "a b+c d%zz");
        assert_eq!(query_value(&request, "y"), None);
    }
}
