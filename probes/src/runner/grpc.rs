//! The act of a gRPC call: the method is known or learned, the message written, the end judged.

use bongsu_language::{Act, GrpcAct, MessageError, Method, Observed, PreparedCall};
use bongsu_model::FailClass;

use super::act::{Acting, parse_url};
use super::attempt::Sent;
use crate::failure::Fault;
use crate::grpc::{Asking, Call, call, malformed, reflect};
use crate::phases::Stopwatch;

/// How many bytes an answer may have as JSON for each byte that its message may have: names of
/// fields and values that are left out on the wire take room.
const JSON_BYTES_PER_BYTE: usize = 4;

/// What the JSON of any answer may have.
const JSON_BYTES_MIN: usize = 64 * 1024;

impl Acting<'_> {
    pub(super) async fn grpc(&mut self, prepared: PreparedCall) -> Result<(), Fault> {
        self.attempt.sent = Sent::Nothing;
        let Act::Grpc(act) = &self.judge.step.act else {
            return Err(Fault::internal("only a gRPC step makes a call"));
        };
        let headers = prepared.headers;
        let method = match &act.known {
            Some(method) => method.clone(),
            None => self.learned(act, &prepared.url, &headers).await?,
        };
        let message = method
            .encode(&prepared.message)
            .map_err(|error| self.misfit(&error))?;
        let call = Call {
            url: parse_url(prepared.url)?,
            headers,
            messages: vec![message],
            body_max: self.judge.step.max_body,
        };
        self.attempt.sent = Sent::Perhaps;
        self.make(&call, &method).await
    }

    async fn make(&mut self, made: &Call, method: &Method) -> Result<(), Fault> {
        let (exchange, end) = call(made, self.line()).await;
        self.attempt.network = exchange.network;
        let mut answer = exchange.answer.unwrap_or_default();
        answer
            .headers
            .extend(std::mem::take(&mut answer.trailers).iter());
        let (Some(end), None) = (end, exchange.fault.clone()) else {
            self.attempt.answer = exchange.fault.as_ref().map(|_| answer);
            return Err(exchange.fault.unwrap_or_else(malformed));
        };
        let max = JSON_BYTES_MIN.max(made.body_max.saturating_mul(JSON_BYTES_PER_BYTE));
        let is_ok = end.status == bongsu_language::GrpcStatus::OK;
        let json = match end.messages.as_slice() {
            [message] => method.decode(message, max),
            [] if !is_ok => Ok(Vec::new()),
            _ => return Err(malformed()),
        };
        answer.body = json.map_err(|error| self.misfit(&error))?;
        let phases = self.watch.phases();
        let network = std::mem::take(&mut self.attempt.network);
        let ended = (end.status, end.message.as_str());
        let observed = Observed::call(ended, &answer.headers, &answer.body, phases.total())
            .over(phases, &network);
        self.judge.judge(&observed, &mut self.attempt);
        self.attempt.network = network;
        self.attempt.answer = Some(answer);
        self.attempt.fault.take().map_or(Ok(()), Err)
    }

    /// The method as the server describes it, asked for once in a run. The attempt begins after
    /// it: no user asks for descriptors.
    async fn learned(
        &mut self,
        act: &GrpcAct,
        url: &str,
        headers: &[(String, String)],
    ) -> Result<Method, Fault> {
        if let Some(known) = self.hands.methods.get(url) {
            return Ok(known.clone());
        }
        let before = url
            .strip_suffix(&format!("{}/{}", act.service, act.method))
            .ok_or_else(|| Fault::internal("the URL does not end with the method"))?;
        let asking = Asking {
            before,
            service: &act.service,
            method: &act.method,
            headers,
            target: &self.run.context.target,
            ip: self.run.journey.ip,
            watch: &mut self.watch,
            deadline: self.deadline,
        };
        match reflect(asking).await {
            Ok(method) => {
                self.hands.methods.insert(url.to_owned(), method.clone());
                self.watch = Stopwatch::start(&self.run.context.clock);
                self.attempt.started = self.watch.started();
                Ok(method)
            }
            Err(unlearned) => {
                self.attempt.network = unlearned.network;
                self.attempt.mismatches.push(unlearned.told);
                Err(unlearned.fault)
            }
        }
    }

    fn misfit(&mut self, error: &MessageError) -> Fault {
        self.attempt.mismatches.push(error.to_string());
        match error {
            MessageError::Misfit { .. } => Fault::platform(FailClass::Expectation, "message"),
            MessageError::Undecodable { .. } => malformed(),
            MessageError::TooLarge => Fault::platform(FailClass::BodyTooLarge, "body"),
        }
    }
}
