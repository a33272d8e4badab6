//! OTLP/HTTP: a POST for each signal, in protobuf or JSON; the answer is in the request's form.

use std::sync::Arc;

use axum::Router;
use axum::body::BodyDataStream;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::request::Parts;
use axum::response::Response;
use bongsu_wire::{PLAN_HEADER, PLAN_UNKNOWN};

use super::answer::{self, Form, Refused, Signal};
use super::auth::Speaker;
use super::work::Work;
use super::{Ingest, PlanThere, body, grpc};

/// All that is served on `[listen] otlp`.
pub(super) fn router(ingest: Arc<Ingest>) -> Router {
    Router::new().fallback(receive).with_state(ingest)
}

async fn receive(State(ingest): State<Arc<Ingest>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let received = ingest.shared.clock.wall();
    if grpc::is_grpc(&head.headers) {
        let way = format!(
            "this port takes OTLP over HTTP; send gRPC to port {}, or use the protocol \
             http/protobuf",
            ingest.ports.grpc.port()
        );
        return grpc::misdirected(&ingest.shared.counters, way);
    }
    let form = Form::of(&head.headers);
    let answer = match answer(&ingest, &head, &mut body).await {
        Ok((body, plan)) => {
            let mut answer = answer::success(form.unwrap_or_default(), body, received);
            if plan == PlanThere::Unknown {
                let unknown = HeaderValue::from_static(PLAN_UNKNOWN);
                answer.headers_mut().insert(PLAN_HEADER, unknown);
            }
            answer
        }
        Err(refused) => {
            body::discard(&mut body).await;
            answer::refusal(form.unwrap_or_default(), &refused)
        }
    };
    let code = answer.status().as_u16();
    ingest.shared.counters.requests.count(code);
    answer
}

async fn answer(
    ingest: &Ingest,
    head: &Parts,
    body: &mut BodyDataStream,
) -> Result<(Vec<u8>, PlanThere), Refused> {
    let signal = Signal::of(&head.method, head.uri.path())?;
    let (speaker, mut held) = ingest.admit(&head.headers, signal)?;
    let form = body::form(&head.headers)?;
    let coding = body::coding(&head.headers)?;
    let bytes_max = ingest.shared.config.limits.body_bytes_max;
    let wire = body::read(&head.headers, body, bytes_max, &mut held).await?;
    let plan = match (signal, speaker) {
        (Signal::Logs, Speaker::Agent(agent)) => ingest.plan_of(&agent.vantage.agent),
        (Signal::Logs | Signal::Traces, _) => PlanThere::Known,
    };
    let work = Work {
        signal,
        form,
        coding,
        wire,
        bytes_max,
        held,
        judge: ingest.judge(speaker),
        counters: Arc::clone(&ingest.shared.counters),
    };
    let answer = signal.response(form, ingest.take(work).await?);
    Ok((answer, plan))
}
