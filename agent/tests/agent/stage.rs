//! What a test plays on: stand-in platform, controls, collector, and an agent's files.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{PoolName, RegionId, TargetName};
use bongsu_superapp::{Platform, PlatformConfig, SystemClock, write_profiles};
use tempfile::TempDir;

use crate::collector::FakeCollector;

/// A sign-in and a look at the own profile, as often as it can be on a busy machine.
pub(crate) const LOGIN: &str = r#"
format = 1
journey = "login"
feature = "account.login"
every = "2s"
timeout = "1500ms"
cleanup_timeout = "400ms"
base = "{{ target.base.account }}"
actor.user.account = "pool:login-users"
defaults.headers.authorization = "Bearer {{ token }}"

[[step]]
name = "sign in"
use = "sign-in"

[[step]]
name = "the session works"
get = "/v1/me"
expect.status = 200
"#;

pub(crate) const SIGN_IN: &str = include_str!("../../../probes/journeys/fragments/sign-in.toml");
const CATALOGUE: &str = include_str!("../../../probes/journeys/catalogue.toml");

pub(crate) struct Stage {
    pub(crate) folder: TempDir,
    pub(crate) platform: Platform,
    pub(crate) collector: FakeCollector,
    controls: Vec<TcpListener>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        // Another test of this process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let target = TargetName::new("superapp").unwrap();
        let region = RegionId::new("kr-seoul").unwrap();
        let config = PlatformConfig::new(target, vec![region], Arc::new(SystemClock::new()));
        let platform = Platform::start(config).await.unwrap();
        let pools = ["login-users", "chat-users"].map(|name| PoolName::new(name).unwrap());
        write_profiles(&platform, &pools, &folder.path().join("superapp")).unwrap();
        let controls = (0..3)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let journeys = folder.path().join("journeys");
        std::fs::create_dir_all(journeys.join("fragments")).unwrap();
        std::fs::write(journeys.join("fragments/sign-in.toml"), SIGN_IN).unwrap();
        std::fs::write(folder.path().join("catalogue.toml"), CATALOGUE).unwrap();
        std::fs::write(folder.path().join("token"), "a-token-of-the-agent\n").unwrap();
        Self {
            folder,
            platform,
            collector: FakeCollector::start().await,
            controls,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.path("superapp/target-kr-seoul.toml")
    }

    pub(crate) fn write_journey(&self, name: &str, text: &str) {
        std::fs::write(self.path("journeys").join(format!("{name}.toml")), text).unwrap();
    }

    /// The agent's file; `more` is added at its end.
    pub(crate) fn write_agent(&self, more: &str) -> PathBuf {
        let mut controls = String::new();
        for control in &self.controls {
            write!(controls, "\"{}\", ", control.local_addr().unwrap()).unwrap();
        }
        let text = format!(
            r#"
format = 1
id = "seoul-1"
region = "kr-seoul"
network = "as4766"
data = "data"
[plan]
journeys = ["journeys"]
catalogue = "catalogue.toml"
targets = ["superapp/target-kr-seoul.toml"]
reload = "200ms"
[[collector]]
name = "main"
url = "http://{}"
token = {{ file = "token" }}
[controls]
timeout = "300ms"
addresses = [{controls}]
{more}
"#,
            self.collector.address
        );
        let path = self.path("agent.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The real binary as an agent, its log beside its file.
    pub(crate) fn spawn_agent(&self, config: &Path) -> AgentProcess {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("agent.log"))
            .unwrap();
        let child = bongsu()
            .args(["agent", "--config"])
            .arg(config)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        AgentProcess(child)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("agent.log")).unwrap_or_default()
    }

    pub(crate) fn debts(&self) -> usize {
        let files = std::fs::read_dir(self.path("data/debts")).map(|entries| {
            entries
                .filter(|entry| {
                    let path = entry.as_ref().unwrap().path();
                    path.extension()
                        .is_some_and(|extension| extension == "json")
                })
                .count()
        });
        files.unwrap_or_default()
    }
}

pub(crate) fn bongsu() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bongsu"))
}

/// Killed with the test.
pub(crate) struct AgentProcess(Child);

impl AgentProcess {
    pub(crate) fn of(child: Child) -> Self {
        Self(child)
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// SIGTERM; gives back the exit code.
    pub(crate) async fn terminate(mut self) -> Option<i32> {
        let killed = Command::new("kill")
            .args(["-TERM", &self.0.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        let mut code = None;
        until("the agent has ended", || {
            code = self.0.try_wait().unwrap();
            code.is_some()
        })
        .await;
        code.and_then(|status| status.code())
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for a condition, with a deadline that a busy machine keeps.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    const LOOKS: usize = 1_500;
    for _ in 0..LOOKS {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never came: {what}");
}
