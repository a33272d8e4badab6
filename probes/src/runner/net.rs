//! The acts below HTTP: performed, then held against the step by their facts and bytes.

use bongsu_language::{
    CaptureFrom, Expectations, Fact, HeaderLines, HostPort, Observed, Over, PreparedDns,
    PreparedNet, PreparedServer, Step, Subject,
};
use bongsu_model::FailClass;
use bytes::Bytes;
use serde_json::Value;

use super::act::{Acting, parse_url};
use super::attempt::Judge;
use crate::dial::{Protocol, check_allowed};
use crate::failure::Fault;
use crate::http::{Answer, Request, exchange};
use crate::net::{
    Asking, Enough, Facts, Handshake, MEDIA_TYPE, Question, Reply, Wire, ask, over_tcp, over_udp,
    ping, shake,
};

/// How many addresses of an answer are kept in a report.
const ADDRESSES_MAX: usize = 16;

/// Most bytes of a DNS message.
const MESSAGE_BYTES_MAX: usize = 65_535;

impl Acting<'_> {
    /// Performs an act below HTTP and judges what came of it.
    pub(super) async fn net(&mut self, prepared: PreparedNet) -> Result<(), Fault> {
        match prepared {
            PreparedNet::Dns(prepared) => self.dns(&prepared).await,
            PreparedNet::Tls {
                peer,
                server_name,
                alpn,
            } => {
                let handshake = Handshake {
                    peer: &peer,
                    server_name: &server_name,
                    alpn: &alpn,
                    now: self.run.context.clock.wall(),
                };
                let facts = shake(&handshake, self.wire()).await?;
                self.judge_exchange(&facts, Vec::new())
            }
            PreparedNet::Tcp { peer, send } => self.bytes(&peer, send.as_deref(), Way::Tcp).await,
            PreparedNet::Udp { peer, send } => self.bytes(&peer, Some(&send), Way::Udp).await,
            PreparedNet::Ping { host } => {
                ping(&host, self.wire()).await?;
                self.judge_exchange(&[], Vec::new())
            }
        }
    }

    async fn dns(&mut self, prepared: &PreparedDns) -> Result<(), Fault> {
        check_allowed(&prepared.name, &self.run.context.target)?;
        let question = Question::new(&prepared.name, prepared.record_type)?;
        let reply = match &prepared.server {
            PreparedServer::Url(url) => self.ask_over_https(&question.over_https(), url).await,
            PreparedServer::At(server) => self.ask(&question, Some(server), prepared.over).await,
            PreparedServer::Resolver => self.ask(&question, None, prepared.over).await,
        };
        // The name is what was asked for; who was asked is the peer.
        self.attempt.network.server_address = Some(prepared.name.clone());
        let reply = reply?;
        let addresses = reply.addresses.into_iter().take(ADDRESSES_MAX);
        self.attempt.network.dns_answers = addresses.collect();
        self.judge_exchange(&reply.facts, Vec::new())
    }

    async fn ask(
        &mut self,
        question: &Question,
        server: Option<&HostPort>,
        over: Over,
    ) -> Result<Reply, Fault> {
        let asking = Asking {
            question,
            server,
            over,
        };
        ask(&asking, self.wire()).await
    }

    /// RFC 8484, section 4.1: the question is the body of a POST.
    async fn ask_over_https(&mut self, question: &Question, url: &str) -> Result<Reply, Fault> {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let request = Request {
            method: http::Method::POST,
            url: parse_url(url.to_owned())?,
            headers: vec![
                header("content-type", MEDIA_TYPE),
                header("accept", MEDIA_TYPE),
            ],
            body: Some(Bytes::from(question.bytes()?)),
            body_max: MESSAGE_BYTES_MAX,
            newest: Protocol::Http2,
        };
        let exchange = exchange(&request, self.line()).await;
        self.attempt.network = exchange.network;
        self.attempt.answer = exchange.answer;
        if let Some(fault) = exchange.fault {
            return Err(fault);
        }
        let answer = self.attempt.answer.take().unwrap_or_default();
        if answer.status != 200 {
            let status = answer.status.to_string();
            self.attempt.answer = Some(answer);
            return Err(Fault::platform(FailClass::Status, status));
        }
        let malformed = || Fault::platform(FailClass::Dns, "malformed");
        question.read(&answer.body).ok_or_else(malformed)?
    }

    async fn bytes(&mut self, peer: &HostPort, send: Option<&[u8]>, way: Way) -> Result<(), Fault> {
        let run = self.run;
        let step = self.judge.step;
        let judge = BytesJudge {
            judge: &self.judge,
            expect: without_time(&step.expect),
        };
        let judge_bytes = |bytes: &[u8]| judge.is_enough(bytes);
        let enough = Enough {
            is_wanted: step.expect.wants_content()
                || !step.fail_if.is_empty()
                || !step.captures.is_empty(),
            judge: &judge_bytes,
            bytes_max: step.max_body,
        };
        let wire = Wire {
            target: &run.context.target,
            ip: run.journey.ip,
            watch: &mut self.watch,
            network: &mut self.attempt.network,
            deadline: self.deadline,
        };
        let came = match way {
            Way::Tcp => over_tcp(peer, send, &enough, wire).await,
            Way::Udp => over_udp(peer, send.unwrap_or_default(), &enough, wire).await,
        };
        if came.fault.is_some() && came.bytes.is_empty() {
            return came.fault.map_or(Ok(()), Err);
        }
        self.attempt.network.body_bytes = Some(came.bytes.len() as u64);
        let facts = facts_of(&came.bytes, self.judge.step);
        let judged = self.judge_exchange(&facts, came.bytes);
        came.fault.map_or(judged, Err)
    }

    fn wire(&mut self) -> Wire<'_> {
        Wire {
            target: &self.run.context.target,
            ip: self.run.journey.ip,
            watch: &mut self.watch,
            network: &mut self.attempt.network,
            deadline: self.deadline,
        }
    }

    /// Holds facts and bytes against the step; both are its evidence.
    fn judge_exchange(&mut self, facts: &[(Fact, Value)], content: Vec<u8>) -> Result<(), Fault> {
        let network = std::mem::take(&mut self.attempt.network);
        let phases = self.watch.phases();
        let observed = Observed::exchange(facts, &content, phases.total()).over(phases, &network);
        self.judge.judge(&observed, &mut self.attempt);
        self.attempt.network = network;
        let mut headers = HeaderLines::new();
        for (fact, value) in facts.iter().filter(|(fact, _)| *fact != Fact::Hex) {
            match value.as_str() {
                Some(text) => headers.push(fact.as_str(), text),
                None => headers.push(fact.as_str(), &value.to_string()),
            }
        }
        self.attempt.answer = Some(Answer {
            status: 0,
            headers,
            body: content,
            trailers: HeaderLines::new(),
        });
        self.attempt.fault.take().map_or(Ok(()), Err)
    }
}

/// How bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Tcp,
    Udp,
}

/// Holds what has come so far against the step.
struct BytesJudge<'a> {
    judge: &'a Judge<'a>,
    /// Without what is expected of the time: that is judged at the end.
    expect: Expectations,
}

impl BytesJudge<'_> {
    /// Whether all that is expected holds and all that is captured is there, or what ends a poll.
    fn is_enough(&self, bytes: &[u8]) -> Result<bool, Fault> {
        let Judge {
            step,
            actor,
            environment,
            ..
        } = *self.judge;
        let facts = facts_of(bytes, step);
        let observed = Observed::exchange(&facts, bytes, std::time::Duration::ZERO);
        let holds = |expected: &Expectations| {
            let mismatches = expected.check(&observed, environment, actor);
            let mismatches = mismatches.map_err(|error| Fault::internal(error.to_string()))?;
            Ok(mismatches.is_empty())
        };
        if !step.fail_if.is_empty() && holds(&step.fail_if)? {
            return Ok(true);
        }
        let has_all = || {
            let mut captures = step.captures.iter();
            captures.all(|capture| capture.extract(&observed).is_ok())
        };
        Ok(holds(&self.expect)? && has_all())
    }
}

fn without_time(expect: &Expectations) -> Expectations {
    let timeless = expect.all.iter();
    let timeless = timeless.filter(|expectation| expectation.subject != Subject::Time);
    Expectations {
        all: timeless.cloned().collect(),
    }
}

/// The bytes in hexadecimal, if the step looks at them so.
fn facts_of(bytes: &[u8], step: &Step) -> Facts {
    let of_hex = |expectations: &Expectations| {
        let mut all = expectations.all.iter();
        all.any(|expectation| expectation.subject == Subject::Fact(Fact::Hex))
    };
    let mut captures = step.captures.iter();
    let is_captured =
        captures.any(|capture| matches!(capture.from, CaptureFrom::Fact(Fact::Hex, _)));
    if !(is_captured || of_hex(&step.expect) || of_hex(&step.fail_if)) {
        return Vec::new();
    }
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]);
    vec![(Fact::Hex, digits.collect::<String>().into())]
}
