//! A collector in this process or as a child, and a client that speaks OTLP to it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bongsu_collector::clock::SystemClock;
use bongsu_collector::journal::Sqlite;
use bongsu_collector::process::Collector;
use bongsu_model::{Clock, Monotonic, Timestamp};
use bongsu_wire::PartialSuccess;

use crate::fleet::{TestAgent, catalogue, config, config_text};

/// How long a test waits for what must come: far beyond what two busy cores need.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that is set by hand.
#[derive(Debug)]
pub(crate) struct SetClock(Mutex<Timestamp>);

impl SetClock {
    pub(crate) fn at(at: Timestamp) -> Arc<Self> {
        Arc::new(Self(Mutex::new(at)))
    }

    pub(crate) fn set(&self, at: Timestamp) {
        *self.0.lock().unwrap() = at;
    }
}

impl Clock for SetClock {
    fn wall(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_origin(self.wall().since(Timestamp::EPOCH))
    }
}

/// A collector in this process on `folder`.
pub(crate) async fn collector(folder: &Path) -> Collector {
    collector_with(folder, Arc::new(SystemClock::new())).await
}

pub(crate) async fn collector_with(folder: &Path, clock: Arc<dyn Clock>) -> Collector {
    let storage = Box::new(Sqlite::open(folder).unwrap());
    let collector = Collector::start_on(storage, config(folder), catalogue(), clock).await;
    let collector = collector.unwrap();
    tokio::time::timeout(PATIENCE, collector.ready())
        .await
        .unwrap();
    collector
}

pub(crate) fn now() -> Timestamp {
    SystemClock::new().wall()
}

/// Waits for what must come.
pub(crate) async fn wait(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}

/// What a collector answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// When the collector says it received the request, in Unix nanoseconds.
    pub(crate) received: Option<u64>,
    /// Whether the collector says that it lacks the agent's plan.
    pub(crate) lacks_plan: bool,
    pub(crate) code: u16,
    pub(crate) retry_after: Option<u64>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Of a 200 to runs: what was refused.
    pub(crate) fn partial(&self) -> Option<PartialSuccess> {
        assert_eq!(self.code, 200, "{}", self.message());
        bongsu_wire::decode_trace_response(&self.body).unwrap()
    }

    /// Of an error: its message.
    pub(crate) fn message(&self) -> String {
        bongsu_wire::decode_status_body(&self.body).unwrap()
    }
}

/// Speaks OTLP/HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Client(reqwest::Client);

impl Client {
    pub(crate) fn new() -> Self {
        // Whoever was first installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .no_proxy();
        Self(client.build().unwrap())
    }

    pub(crate) async fn runs(&self, to: SocketAddr, agent: &TestAgent, body: Vec<u8>) -> Answer {
        let headers = [("authorization", format!("Bearer {}", agent.token))];
        self.post(to, "/v1/traces", &headers, body).await.unwrap()
    }

    pub(crate) async fn records(&self, to: SocketAddr, agent: &TestAgent, body: Vec<u8>) -> Answer {
        let headers = [("authorization", format!("Bearer {}", agent.token))];
        self.post(to, "/v1/logs", &headers, body).await.unwrap()
    }

    /// Posts protobuf, with `headers` added to or in place of the usual ones. None without an
    /// answer.
    pub(crate) async fn post(
        &self,
        to: SocketAddr,
        path: &str,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> Option<Answer> {
        let mut request = self.0.post(format!("http://{to}{path}")).body(body);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/x-protobuf");
        }
        // An empty value stands for no such header.
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, value);
        }
        answer(request).await
    }

    pub(crate) async fn runs_at(&self, to: SocketAddr, path: &str, agent: &TestAgent) -> Answer {
        let headers = [("authorization", format!("Bearer {}", agent.token))];
        self.post(to, path, &headers, Vec::new()).await.unwrap()
    }

    pub(crate) async fn get_with(
        &self,
        from: SocketAddr,
        path: &str,
        headers: &[(&str, String)],
    ) -> Option<Answer> {
        let mut request = self.0.get(format!("http://{from}{path}"));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        answer(request).await
    }

    pub(crate) async fn get(&self, from: SocketAddr, path: &str) -> Option<Answer> {
        answer(self.0.get(format!("http://{from}{path}"))).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Option<Answer> {
    let response = request.send().await.ok()?;
    let retry_after = response.headers().get("retry-after");
    let received = response.headers().get(bongsu_wire::RECEIVED_HEADER);
    let content_type = response.headers().get("content-type");
    let plan = response.headers().get(bongsu_wire::PLAN_HEADER);
    Some(Answer {
        content_type: content_type.map(|value| value.to_str().unwrap().to_owned()),
        received: received.map(|value| value.to_str().unwrap().parse().unwrap()),
        lacks_plan: plan.is_some_and(|value| value == bongsu_wire::PLAN_UNKNOWN),
        code: response.status().as_u16(),
        retry_after: retry_after.map(|value| value.to_str().unwrap().parse().unwrap()),
        body: response.bytes().await.ok()?.to_vec(),
    })
}

/// The real binary as a child. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Binary {
    child: Child,
    pub(crate) otlp: SocketAddr,
    pub(crate) web: SocketAddr,
    log: Receiver<String>,
}

/// Writes the tests' configuration beside `folder` and returns its path.
pub(crate) fn config_file(folder: &Path) -> PathBuf {
    let file = folder.join("collector.toml");
    std::fs::write(&file, config_text(&folder.join("data"))).unwrap();
    file
}

impl Binary {
    /// Starts the binary and waits until it listens.
    pub(crate) fn start(file: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu-collector"));
        command.arg("--config").arg(file);
        Self::spawn(command)
    }

    /// Starts the binary in a shell whose files cannot grow over `blocks` of 512 bytes.
    pub(crate) fn start_with_file_limit(file: &Path, blocks: u32) -> Self {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""))
            .args(["sh", env!("CARGO_BIN_EXE_bongsu-collector"), "--config"])
            .arg(file);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let (lines, log) = channel();
        let command = command.stderr(Stdio::piped()).stdin(Stdio::null());
        let child = command.spawn().unwrap();
        let mut binary = Self {
            child,
            otlp: unknown,
            web: unknown,
            log,
        };
        let errors = BufReader::new(binary.child.stderr.take().unwrap());
        // Ends with the child: then its end of the pipe is closed.
        std::thread::spawn(move || {
            errors.lines().map_while(Result::ok).for_each(|line| {
                let _ = lines.send(line);
            });
        });
        let mut seen = Vec::new();
        while let Ok(line) = binary.log.recv_timeout(PATIENCE) {
            if line.contains("the collector is up") {
                let (otlp, web) = (address(&line, "otlp="), address(&line, "web="));
                binary.otlp = otlp;
                binary.web = web;
                return binary;
            }
            seen.push(line);
        }
        panic!("the collector did not come up: {seen:#?}");
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, then the end: its exit status and the rest of its log.
    pub(crate) fn terminate(mut self) -> (ExitStatus, Vec<String>) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        let status = self.child.wait().unwrap();
        let log = std::iter::from_fn(|| self.log.recv().ok()).collect();
        (status, log)
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(line: &str, key: &str) -> SocketAddr {
    let from = line.find(key).unwrap() + key.len();
    line[from..]
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap()
}
