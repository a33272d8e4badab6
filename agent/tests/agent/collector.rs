//! A collector that keeps what it is sent, and answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bongsu_model::{PlanRecord, RunFacts, RunReport};
use bongsu_wire::opamp::{AgentToServer, ServerToAgent, decode, encode};
use bongsu_wire::{AgentRecord, PartialSuccess, decode_logs, decode_report, decode_traces};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What was taken, in order of arrival.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Taken {
    Run(Box<RunFacts>),
    Plan,
    Evidence,
}

/// What a collector answers to one request instead of taking it.
#[derive(Debug, Clone)]
pub(crate) enum Scripted {
    Status(u16),
    RetryAfter(u16, &'static str),
    /// Takes it, and says that this many items were refused.
    Partial(i64),
}

/// Answers the messages of a control channel.
type Answer = Box<dyn Fn(AgentToServer) -> ServerToAgent + Send>;

#[derive(Default)]
struct Kept {
    taken: Vec<Taken>,
    reports: Vec<RunReport>,
    heartbeats: Vec<bongsu_model::Heartbeat>,
    script: VecDeque<Scripted>,
    /// Requests that were answered from the script.
    scripted: usize,
    /// Whether heartbeats are answered that their plan is not known.
    is_plan_unknown: bool,
    plans: Vec<PlanRecord>,
    tokens: Vec<String>,
    /// Every body, unpacked.
    bodies: Vec<Vec<u8>>,
    user_agents: Vec<String>,
    /// What answers polls; without it there is no control channel.
    answer: Option<Answer>,
}

pub(crate) struct FakeCollector {
    pub(crate) address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    serving: Option<(CancellationToken, tokio::task::JoinHandle<()>)>,
}

impl FakeCollector {
    pub(crate) async fn start() -> Self {
        let mut collector = Self {
            address: ([127, 0, 0, 1], 0).into(),
            kept: Arc::default(),
            serving: None,
        };
        collector.come_back().await;
        collector
    }

    /// Closes the port: nobody is there.
    pub(crate) async fn go_away(&mut self) {
        if let Some((stop, serving)) = self.serving.take() {
            stop.cancel();
            serving.abort();
            let _ = serving.await;
        }
    }

    pub(crate) async fn come_back(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/logs", post(logs))
            .route("/v1/opamp", post(polled))
            .layer(axum::extract::DefaultBodyLimit::max(16 << 20))
            .with_state(self.kept.clone());
        let stop = CancellationToken::new();
        let end = stop.clone().cancelled_owned();
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router)
                .with_graceful_shutdown(end)
                .await;
        });
        self.serving = Some((stop, serving));
    }

    /// The next requests that carry runs or plans are answered so.
    pub(crate) fn script(&self, answers: &[Scripted]) {
        self.kept
            .lock()
            .unwrap()
            .script
            .extend(answers.iter().cloned());
    }

    /// From now on messages of a control channel are answered so.
    pub(crate) fn answer_polls(
        &self,
        answer: impl Fn(AgentToServer) -> ServerToAgent + Send + 'static,
    ) {
        self.kept.lock().unwrap().answer = Some(Box::new(answer));
    }

    pub(crate) fn scripted(&self) -> usize {
        self.kept.lock().unwrap().scripted
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.kept.lock().unwrap().taken.clone()
    }

    /// Runs with their steps, in order of arrival.
    pub(crate) fn reports(&self) -> Vec<RunReport> {
        self.kept.lock().unwrap().reports.clone()
    }

    pub(crate) fn runs(&self) -> Vec<RunFacts> {
        let taken = self.taken();
        let runs = taken.into_iter().filter_map(|one| match one {
            Taken::Run(facts) => Some(*facts),
            Taken::Plan | Taken::Evidence => None,
        });
        runs.collect()
    }

    pub(crate) fn heartbeats(&self) -> Vec<bongsu_model::Heartbeat> {
        self.kept.lock().unwrap().heartbeats.clone()
    }

    /// Forgets the plan: heartbeats are answered so until its record comes again.
    pub(crate) fn lose_plan(&self) {
        self.kept.lock().unwrap().is_plan_unknown = true;
    }

    pub(crate) fn plans(&self) -> Vec<PlanRecord> {
        self.kept.lock().unwrap().plans.clone()
    }

    pub(crate) fn bodies(&self) -> Vec<Vec<u8>> {
        self.kept.lock().unwrap().bodies.clone()
    }

    pub(crate) fn tokens(&self) -> Vec<String> {
        self.kept.lock().unwrap().tokens.clone()
    }

    pub(crate) fn user_agents(&self) -> Vec<String> {
        self.kept.lock().unwrap().user_agents.clone()
    }
}

type Shared = State<Arc<Mutex<Kept>>>;

async fn traces(State(kept): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let mut kept = kept.lock().unwrap();
    note(&mut kept, &headers);
    if let Some(answer) = refusal(&mut kept) {
        return answer;
    }
    let mut partial = None;
    if let Some(Scripted::Partial(rejected)) = kept.script.pop_front() {
        kept.scripted += 1;
        partial = Some(PartialSuccess {
            rejected,
            message: "unknown journey".to_owned(),
        });
    }
    let body = unpacked(&headers, &body);
    kept.bodies.push(body.clone());
    for run in decode_traces(&body).unwrap() {
        let run = run.unwrap();
        kept.reports.push(decode_report(&run.spans).unwrap());
        kept.taken.push(Taken::Run(Box::new(run.facts)));
    }
    bongsu_wire::trace_response(partial).into_response()
}

async fn polled(State(kept): Shared, body: Bytes) -> Response {
    let kept = kept.lock().unwrap();
    match &kept.answer {
        Some(answer) => encode(&answer(decode(&body).unwrap())).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn logs(State(kept): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let mut kept = kept.lock().unwrap();
    note(&mut kept, &headers);
    let body = unpacked(&headers, &body);
    kept.bodies.push(body.clone());
    let records = decode_logs(&body).unwrap();
    let is_heartbeat = |record: &AgentRecord| matches!(record, AgentRecord::Heartbeat(_));
    let records: Vec<AgentRecord> = records.into_iter().map(|one| one.unwrap().record).collect();
    if !records.iter().any(is_heartbeat)
        && let Some(answer) = refusal(&mut kept)
    {
        return answer;
    }
    let mut is_plan_unknown = false;
    for record in records {
        match record {
            AgentRecord::Heartbeat(heartbeat) => {
                kept.heartbeats.push(heartbeat);
                is_plan_unknown = kept.is_plan_unknown;
            }
            AgentRecord::Plan(plan) => {
                kept.is_plan_unknown = false;
                kept.plans.push(plan);
                kept.taken.push(Taken::Plan);
            }
            AgentRecord::Evidence(_) => kept.taken.push(Taken::Evidence),
        }
    }
    let mut answer = bongsu_wire::logs_response(None).into_response();
    if is_plan_unknown {
        let unknown = bongsu_wire::PLAN_UNKNOWN.parse().unwrap();
        answer
            .headers_mut()
            .insert(bongsu_wire::PLAN_HEADER, unknown);
    }
    answer
}

fn note(kept: &mut Kept, headers: &HeaderMap) {
    let text = |name| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    kept.tokens.push(text(header::AUTHORIZATION));
    kept.user_agents.push(text(header::USER_AGENT));
}

fn refusal(kept: &mut Kept) -> Option<Response> {
    let (status, after) = match kept.script.front()? {
        Scripted::Status(status) => (*status, None),
        Scripted::RetryAfter(status, after) => (*status, Some(*after)),
        Scripted::Partial(_) => return None,
    };
    kept.script.pop_front();
    kept.scripted += 1;
    let status = StatusCode::from_u16(status).unwrap();
    let mut answer = (status, bongsu_wire::status_body("as scripted")).into_response();
    if let Some(after) = after {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, after.parse().unwrap());
    }
    Some(answer)
}

fn unpacked(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding == "zstd" => zstd::decode_all(body).unwrap(),
        Some(other) => panic!("unexpected encoding {other:?}"),
        None => body.to_vec(),
    }
}
