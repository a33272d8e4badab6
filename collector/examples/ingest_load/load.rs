//! Requests over a few connections that are kept, one in flight on each.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use bongsu_collector::clock::SystemClock;
use bongsu_model::{Clock, Monotonic, Timestamp};
use bongsu_wire::{
    decode_trace_response, decode_traces, decode_traces_whole, encode_plan, encode_run,
    merge_traces,
};

use crate::fleet::{Agent, Shape, agents};
use crate::meter::{Meter, Watched};

/// Plans are in force since then: longer than any backlog that is sent.
const PLANNED_BEFORE: Duration = Duration::from_secs(2 * 24 * 3600);

/// An answer that has not come by then never will.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Sends a backlog.
#[derive(Debug, clap::Args)]
pub(crate) struct Send {
    /// The receiver.
    #[arg(long)]
    otlp: SocketAddr,
    #[command(flatten)]
    shape: Shape,
    /// Requests at a time, each on a connection of its own.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Compresses bodies.
    #[arg(long)]
    gzip: bool,
    /// Sends no plans, for receivers that know none.
    #[arg(long)]
    no_plans: bool,
    #[command(flatten)]
    watched: Watched,
}

/// One request, ready to be written.
struct Request {
    bytes: Vec<u8>,
    spans: usize,
}

/// What was sent and answered.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) requests: u64,
    pub(crate) spans: u64,
    pub(crate) bytes: u64,
    pub(crate) refused: u64,
}

impl Send {
    pub(crate) fn run(&self) -> io::Result<()> {
        let clock = SystemClock::new();
        let now = clock.wall();
        let agents = agents(self.shape.agents);
        if !self.no_plans {
            self.plans(&agents, now)?;
        }
        let requests: Vec<Request> = interleaved(&agents, &self.shape, now)
            .map(|(agent, body, spans)| self.request(agent, "/v1/traces", &body, spans))
            .collect();
        let runs = self.shape.slots * (agents.len() * crate::fleet::JOURNEYS) as u64;
        let meter = Meter::start(&self.watched)?;
        let started = clock.monotonic();
        let sent = self.all(requests)?;
        meter.report(&sent, runs, since(&clock, started))
    }

    fn plans(&self, agents: &[Agent], now: Timestamp) -> io::Result<()> {
        let mut stream = connect(self.otlp)?;
        for agent in agents {
            let plan = agent.plan(now - PLANNED_BEFORE);
            let body = encode_plan(&plan, &agent.resource(), now);
            let request = self.request(agent, "/v1/logs", &body, 0);
            let (code, body) = post(&mut stream, &request)?;
            if code != 200 || !body.is_empty() {
                return Err(io::Error::other(format!("a plan was answered {code}")));
            }
        }
        Ok(())
    }

    fn request(&self, agent: &Agent, path: &str, body: &[u8], spans: usize) -> Request {
        let (coding, body) = if self.gzip {
            ("Content-Encoding: gzip\r\n", gzip(body))
        } else {
            ("", body.to_vec())
        };
        let mut bytes = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-protobuf\r\n\
             Authorization: Bearer {}\r\n{coding}Content-Length: {}\r\n\r\n",
            self.otlp,
            agent.token,
            body.len()
        )
        .into_bytes();
        bytes.extend(body);
        Request { bytes, spans }
    }

    fn all(&self, requests: Vec<Request>) -> io::Result<Sent> {
        let waiting = Mutex::new((requests.into_iter(), Sent::default()));
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.connections)
                .map(|_| scope.spawn(|| work(self.otlp, &waiting)))
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().expect("a worker returns its error instead"))
        })?;
        Ok(waiting.into_inner().expect("no worker panicked").1)
    }
}

/// Writes one request's body.
pub(crate) fn write(file: &Path, shape: &Shape) -> io::Result<()> {
    let now = SystemClock::new().wall();
    let agents = agents(shape.agents);
    let first = interleaved(&agents, shape, now).next();
    let (_, body, _) = first.ok_or_else(|| io::Error::other("no agents, no runs"))?;
    std::fs::write(file, body)
}

/// Reads a request again and again; an error if a run of it is refused.
pub(crate) fn read(file: &Path, times: usize, whole: bool) -> io::Result<()> {
    let bytes = std::fs::read(file)?;
    let decode = if whole {
        decode_traces_whole
    } else {
        decode_traces
    };
    for _ in 0..times {
        let runs = decode(std::hint::black_box(&bytes)).map_err(io::Error::other)?;
        if std::hint::black_box(runs).iter().any(Result::is_err) {
            return Err(io::Error::other("a run is refused"));
        }
    }
    Ok(())
}

fn since(clock: &SystemClock, started: Monotonic) -> Duration {
    clock.monotonic().since(started)
}

/// The backlog of all agents as requests, one of each agent in turn.
fn interleaved<'a>(
    agents: &'a [Agent],
    shape: &'a Shape,
    now: Timestamp,
) -> impl Iterator<Item = (&'a Agent, Vec<u8>, usize)> {
    let mut open: Vec<_> = agents
        .iter()
        .map(|agent| (agent, agent.backlog(shape, now)))
        .collect();
    let mut turn = 0;
    std::iter::from_fn(move || {
        while !open.is_empty() {
            turn %= open.len();
            let (agent, runs) = &mut open[turn];
            let agent = *agent;
            let (mut parts, mut spans) = (Vec::new(), 0);
            for run in runs.by_ref() {
                parts.push(encode_run(&run, &agent.resource()));
                spans += 1 + run.steps.len();
                if spans >= shape.spans {
                    break;
                }
            }
            if parts.is_empty() {
                drop(open.remove(turn));
                continue;
            }
            turn += 1;
            let body = merge_traces(parts.iter().map(Vec::as_slice));
            return Some((agent, body, spans));
        }
        None
    })
}

fn work(to: SocketAddr, waiting: &Mutex<(std::vec::IntoIter<Request>, Sent)>) -> io::Result<()> {
    let mut stream = connect(to)?;
    loop {
        let next = waiting.lock().expect("no worker panicked").0.next();
        let Some(request) = next else { return Ok(()) };
        let (code, body) = post(&mut stream, &request)?;
        if code != 200 {
            return Err(io::Error::other(format!(
                "answered {code}: {}",
                String::from_utf8_lossy(&body)
            )));
        }
        let partial = decode_trace_response(&body).map_err(io::Error::other)?;
        let sent = &mut waiting.lock().expect("no worker panicked").1;
        sent.requests += 1;
        sent.spans += request.spans as u64;
        sent.bytes += request.bytes.len() as u64;
        let refused = partial.map_or(0, |partial| partial.rejected);
        sent.refused += u64::try_from(refused).unwrap_or(0);
    }
}

fn connect(to: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    Ok(BufReader::new(stream))
}

fn post(stream: &mut BufReader<TcpStream>, request: &Request) -> io::Result<(u16, Vec<u8>)> {
    stream.get_mut().write_all(&request.bytes)?;
    answer(stream)
}

/// The status and body of an answer that says its length.
pub(crate) fn answer(stream: &mut BufReader<TcpStream>) -> io::Result<(u16, Vec<u8>)> {
    let broken = || io::Error::other("the answer is not HTTP");
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let code = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let code = code.ok_or_else(broken)?;
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(|_| broken())?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((code, body))
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).expect("memory does not fail");
    encoder.finish().expect("memory does not fail")
}
