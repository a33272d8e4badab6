//! The acts of a step on the network, each turned into an attempt.

use bongsu_language::{Act, Cookies, Environment, Observed, PreparedAct, PreparedRequest, Step};
use bongsu_model::FailClass;
use bytes::Bytes;

use super::Run;
use super::actor::Hands;
use super::attempt::{Attempt, Judge};
use crate::clock::{Budget, Deadline, Struck};
use crate::dial::Protocol;
use crate::failure::Fault;
use crate::http::{Answer, Line, Request};
use crate::phases::{Phase, Stopwatch};
use crate::websocket::{self, Frame, Socket};

mod redirect;

/// How many frames may have been waiting when a receive began. They are looked at even when the
/// deadline has passed meanwhile: each has its own time of arrival.
const BACKLOG_MAX: u32 = 1024;

/// What one attempt works with.
pub(super) struct Acting<'a> {
    pub(super) judge: Judge<'a>,
    pub(super) run: &'a Run<'a>,
    pub(super) hands: &'a mut Hands,
    pub(super) watch: Stopwatch,
    pub(super) deadline: Deadline,
    pub(super) attempt: Attempt,
}

impl Run<'_> {
    /// Makes one attempt of `step` as `actor`.
    pub(super) async fn attempt(
        &self,
        step: &Step,
        actor: usize,
        hands: &mut Hands,
        deadline: Deadline,
    ) -> Attempt {
        let watch = Stopwatch::start(&self.context.clock);
        let prepared = match step.prepare(&self.environment, actor) {
            Ok(prepared) => prepared,
            Err(error) => {
                return Attempt::unsent(Fault::internal(error.to_string()), watch.started());
            }
        };
        let mut attempt = Attempt::new(watch.started());
        attempt.secrets = prepared.secrets;
        let judge = Judge {
            cleanup_reads: &self.cleanup_reads,
            step,
            actor,
            environment: &self.environment,
        };
        let mut acting = Acting {
            judge,
            run: self,
            hands,
            watch,
            deadline,
            attempt,
        };
        // What few steps do is kept on the heap: all the room that it takes would be moved with
        // every request otherwise.
        let done = match prepared.act {
            PreparedAct::Http(request) => acting.http(request).await,
            PreparedAct::Grpc(call) => Box::pin(acting.grpc(call)).await,
            PreparedAct::Open {
                url,
                headers,
                socket,
            } => Box::pin(acting.open(url, headers, socket)).await,
            PreparedAct::Send { socket, text } => Box::pin(acting.send(&socket, text)).await,
            PreparedAct::Receive { socket } => Box::pin(acting.receive(&socket)).await,
            PreparedAct::Close { socket } => Box::pin(acting.close(&socket)).await,
            PreparedAct::Net(prepared) => Box::pin(acting.net(prepared)).await,
        };
        if let Err(fault) = done {
            acting.attempt.fault = Some(fault);
        }
        acting.attempt.settle_effect();
        acting.attempt.stop(&acting.watch);
        acting.attempt
    }
}

impl Acting<'_> {
    pub(super) fn line(&mut self) -> Line<'_> {
        Line {
            target: &self.run.context.target,
            ip: self.run.journey.ip,
            connections: &mut self.hands.connections,
            watch: &mut self.watch,
            deadline: self.deadline,
        }
    }

    async fn http(&mut self, prepared: PreparedRequest) -> Result<(), Fault> {
        let url = parse_url(prepared.url)?;
        let method = prepared
            .verb
            .http_method()
            .and_then(|name| name.parse().ok())
            .ok_or_else(|| Fault::internal("an HTTP step has an HTTP verb"))?;
        let request = Request {
            method,
            headers: prepared.headers,
            url,
            body: prepared.body.map(Bytes::from),
            body_max: self.judge.step.max_body,
            newest: Protocol::Http2,
        };
        let exchange = self.follow(request, prepared.follow).await;
        self.attempt.network = exchange.network;
        self.attempt.answer = exchange.answer;
        match exchange.fault {
            Some(fault) => Err(fault),
            None => self.judge_answer(),
        }
    }

    /// Holds the answer that the attempt has against the step.
    fn judge_answer(&mut self) -> Result<(), Fault> {
        let answer = self.attempt.answer.take().unwrap_or_default();
        let network = std::mem::take(&mut self.attempt.network);
        let redirects = std::mem::take(&mut self.attempt.redirect_headers);
        let phases = self.watch.phases();
        let observed =
            Observed::answer(answer.status, &answer.headers, &answer.body, phases.total())
                .over(phases, &network)
                .after(&redirects);
        self.judge.judge(&observed, &mut self.attempt);
        self.attempt.network = network;
        self.attempt.answer = Some(answer);
        self.attempt.fault.take().map_or(Ok(()), Err)
    }

    async fn open(
        &mut self,
        url: String,
        headers: Vec<(String, String)>,
        name: String,
    ) -> Result<(), Fault> {
        let url = parse_url(url)?;
        let headers = self.with_own_headers(headers, &url);
        let (exchange, socket) = websocket::open(&url, &headers, self.line()).await;
        self.attempt.network = exchange.network;
        self.attempt.answer = exchange.answer;
        if let Some(answer) = self.attempt.answer.take() {
            self.keep_cookies(&url, &answer);
            self.attempt.answer = Some(answer);
        }
        if let Some(fault) = exchange.fault {
            return Err(fault);
        }
        let socket = socket.ok_or_else(|| Fault::internal("no fault and no socket"))?;
        let first = if self.judge.step.expect.wants_content() {
            self.next_frame(&socket, Phase::Receive).await.map(Some)
        } else {
            Ok(None)
        };
        // Kept whatever came, so that it stays open until the run ends and cleanup can use it.
        self.hands.sockets.insert(name, socket);
        if let Some(frame) = first? {
            self.put_in_answer(&frame);
        }
        self.judge_answer()
    }

    async fn send(&mut self, name: &str, text: String) -> Result<(), Fault> {
        let socket = self.hands.sockets.get(name).ok_or_else(|| not_open(name))?;
        socket.send(text, &mut self.watch, self.deadline).await?;
        self.judge_nothing();
        self.attempt.fault.take().map_or(Ok(()), Err)
    }

    async fn receive(&mut self, name: &str) -> Result<(), Fault> {
        let socket = self
            .hands
            .sockets
            .remove(name)
            .ok_or_else(|| not_open(name))?;
        let found = self.find_frame(&socket).await;
        self.hands.sockets.insert(name.to_owned(), socket);
        let frame = found?;
        self.attempt.arrived = Some(frame.at);
        self.attempt.network.body_bytes = Some(frame.text.len() as u64);
        self.put_in_answer(&frame);
        let elapsed = self.watch.phases().total();
        let network = std::mem::take(&mut self.attempt.network);
        let observed = Observed::frame(&frame.text, elapsed).over(self.watch.phases(), &network);
        self.judge.judge(&observed, &mut self.attempt);
        self.attempt.network = network;
        self.attempt.fault.take().map_or(Ok(()), Err)
    }

    async fn close(&mut self, name: &str) -> Result<(), Fault> {
        let socket = self
            .hands
            .sockets
            .remove(name)
            .ok_or_else(|| not_open(name))?;
        socket.close(&mut self.watch, self.deadline).await?;
        self.judge_nothing();
        self.attempt.fault.take().map_or(Ok(()), Err)
    }

    /// Holds an act without an answer against the step: its time may be expected.
    fn judge_nothing(&mut self) {
        let observed = Observed::frame("", self.watch.phases().total());
        self.judge.judge(&observed, &mut self.attempt);
    }

    /// The first frame that the step's filter means; all before it are passed over.
    async fn find_frame(&mut self, socket: &Socket) -> Result<Frame, Fault> {
        let Act::Receive { filter, .. } = &self.judge.step.act else {
            return Err(Fault::internal("only a receive waits for a frame"));
        };
        let mut others = 0_u32;
        loop {
            let next = self.next_frame(socket, Phase::Wait).await;
            if next.is_err() && !filter.is_empty() {
                let mismatch = format!("no frame matched `where`; {others} others came");
                self.attempt.mismatches.push(mismatch);
            }
            let frame = next?;
            let environment: &Environment = self.judge.environment;
            let observed = Observed::frame(&frame.text, self.watch.phases().total());
            let mismatches = filter
                .check(&observed, environment, self.judge.actor)
                .map_err(|error| Fault::internal(error.to_string()))?;
            if mismatches.is_empty() {
                return Ok(frame);
            }
            others = others.saturating_add(1);
            if others > BACKLOG_MAX && self.deadline.has_passed() {
                // A flood is never pending, so that the timer alone would not end it.
                return Err(Fault::struck(Struck(self.deadline.budget()), Phase::Wait));
            }
        }
    }

    /// The next frame, or the end of waiting: by deadline, by the socket's end or by the agent's.
    async fn next_frame(&mut self, socket: &Socket, phase: Phase) -> Result<Frame, Fault> {
        let next = tokio::select! {
            next = socket.next(self.deadline) => next,
            () = self.run.told_to_stop(self.judge.step) => Err(Fault::interrupted()),
        };
        let now = self.run.context.clock.monotonic();
        let at = next.as_ref().map_or(now, |frame| frame.at);
        self.watch.end_at(phase, at);
        let is_own_budget = self.deadline.budget() == Budget::Step;
        next.map_err(|fault| {
            if is_own_budget && fault.class() == Some(FailClass::Timeout) {
                return Fault::platform(FailClass::Timeout, "frame");
            }
            fault
        })
    }

    /// Shows a frame as an answer's content, for expectations and evidence.
    fn put_in_answer(&mut self, frame: &Frame) {
        let answer = self.attempt.answer.get_or_insert_with(Answer::default);
        answer.body = frame.text.clone().into_bytes();
    }

    /// Keeps the cookies that came with an answer. An actor without cookies sends none, but what
    /// it was given is to be known: it may be a credential.
    fn keep_cookies(&mut self, url: &http::Uri, answer: &Answer) {
        if answer.headers.values("set-cookie").next().is_some() {
            let now = self.run.context.clock.wall();
            self.hands.cookies.store(url, &answer.headers, now);
        }
    }

    fn with_own_headers(
        &self,
        mut headers: Vec<(String, String)>,
        url: &http::Uri,
    ) -> Vec<(String, String)> {
        let keeps_cookies = self.run.journey.actors[self.judge.actor].cookies == Cookies::Kept;
        if keeps_cookies && !self.hands.cookies.is_empty() && !has(&headers, "cookie") {
            let now = self.run.context.clock.wall();
            let cookies = self.hands.cookies.header(url, now);
            headers.extend(cookies.map(|value| ("cookie".to_owned(), value)));
        }
        headers
    }
}

fn has(headers: &[(String, String)], name: &str) -> bool {
    headers
        .iter()
        .any(|(given, _)| given.eq_ignore_ascii_case(name))
}

pub(super) fn parse_url(text: String) -> Result<http::Uri, Fault> {
    // The text is not repeated: there may be secrets in it.
    text.try_into().map_err(|error: http::uri::InvalidUri| {
        Fault::internal(format!("the step's URL cannot be used: {error}"))
    })
}

fn not_open(name: &str) -> Fault {
    Fault::internal(format!("socket `{name}` is not open"))
}
