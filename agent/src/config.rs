//! The agent's configuration: `agent.toml`, read into types that cannot be wrong.

mod conceal;
mod effective;
mod read;
mod secret;
mod source;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bongsu_model::Vantage;

use crate::units::count;

pub use crate::units::Slice;
pub(crate) use read::base_url;
pub use secret::{SecretError, SecretSource};
pub use source::Mistake;

/// The commented example that is shipped, as `bongsu agent --print-config` shows it.
pub const EXAMPLE: &str = include_str!("../../deploy/config/agent.toml");

/// All that an agent needs to know at its start.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Who it is and where it sits.
    pub vantage: Vantage,
    /// Its own folder: spool, owed cleanups, runs in flight.
    pub data: PathBuf,
    /// What it runs.
    pub plan: PlanConfig,
    /// How much it does at a time.
    pub limits: LimitsConfig,
    /// Where results go, at least one.
    pub collectors: Vec<CollectorConfig>,
    /// Bytes that the spool may take on disk.
    pub spool_bytes_max: u64,
    /// How it checks itself.
    pub controls: ControlsConfig,
    /// Where `/livez`, `/readyz` and `/metrics` are served; nowhere if left out.
    pub listen: Option<SocketAddr>,
    /// Where its own metrics go, if they go anywhere.
    pub telemetry: Option<TelemetryConfig>,
}

/// An OTLP/HTTP server that the agent's own metrics go to.
#[derive(Debug, Clone, PartialEq)]
pub struct TelemetryConfig {
    /// Its address, without `/v1/metrics` and without a slash at the end.
    pub url: String,
    /// Headers of each request, by name.
    pub headers: Vec<(String, SecretSource)>,
    /// A root certificate to trust beside the platform's.
    pub ca: Option<PathBuf>,
    /// How often.
    pub every: Duration,
}

/// What an agent runs.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanConfig {
    /// Journey files, or folders of them; `fragments/` below a folder is for `use`.
    pub journeys: Vec<PathBuf>,
    /// The catalogue file.
    pub catalogue: PathBuf,
    /// Target profiles: every journey runs against every target.
    pub targets: Vec<PathBuf>,
    /// The agent's place in its region.
    pub slice: Slice,
    /// Its share of every account pool.
    pub account_slice: Slice,
    /// How often the files are looked at.
    pub reload: Duration,
}

/// How much an agent does at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitsConfig {
    /// Runs at a time.
    pub concurrency: NonZeroUsize,
    /// Whether a failed run is looked at again.
    pub bursts: Bursts,
}

/// Whether an agent looks again by itself after a failed run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bursts {
    /// 5 s after the end of a failed run, as far as its bucket reaches.
    LookAgain,
    /// Never: slots alone.
    Off,
}

/// A collector that results go to.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectorConfig {
    /// Its name in logs, metrics and the spool.
    pub name: String,
    /// Its OTLP/HTTP address, without `/v1/…` and without a slash at the end.
    pub url: String,
    /// Where this agent's token is.
    pub token: SecretSource,
    /// A root certificate to trust beside the platform's.
    pub ca: Option<PathBuf>,
    /// Whether it may ask this agent to run early.
    pub control: ControlChannel,
}

/// Whether a control channel to a collector is kept open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlChannel {
    /// At `/v1/opamp` of its address.
    Open,
    /// Never: the agent looks again by itself.
    Off,
}

/// How an agent checks itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlsConfig {
    /// How often.
    pub every: Duration,
    /// How long a control may take to accept a connection.
    pub timeout: Duration,
    /// Neutral hosts, `host:port`, at least three.
    pub addresses: Vec<String>,
    /// The agent's own DNS server, asked when names stop resolving.
    pub resolver: Option<SocketAddr>,
}

/// Why a configuration could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not a configuration: every mistake, drawn.
    #[error("the configuration cannot be used\n{drawing}{} in {path}", count(mistakes.len(), "mistake"))]
    Mistaken {
        /// The file, as shown.
        path: String,
        /// Each mistake.
        mistakes: Vec<Mistake>,
        /// The mistakes with lines and markers.
        drawing: String,
    },
}

impl Config {
    /// Reads the file; paths in it are relative to its folder.
    ///
    /// # Errors
    /// When it cannot be read, or all mistakes in it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::parse(&text, &path.display().to_string(), folder)
    }

    /// As TOML, with every default filled in: what the agent tells its collectors.
    pub fn effective(&self) -> String {
        effective::render(self)
    }

    /// Reads the text of a file that is shown as `path` and lies in `folder`.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn parse(text: &str, path: &str, folder: &Path) -> Result<Self, ConfigError> {
        read::config(text, folder).map_err(|mistakes| ConfigError::Mistaken {
            path: path.to_owned(),
            drawing: source::draw(path, &conceal::conceal(text), &mistakes),
            mistakes,
        })
    }
}

#[cfg(test)]
mod tests;
