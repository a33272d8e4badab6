//! What `collector.toml` says, checked: a [`Config`] that exists can be started.

mod diagnostic;
mod document;
mod duties;
mod effective;
mod forward;
mod operators;
mod quantity;
mod roster;
mod secret;
mod telemetry;
mod trace_link;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bongsu_availability::Rto;
use bongsu_model::TargetName;

pub use diagnostic::{ConfigError, Problem};
pub use duties::Duties;
pub use forward::{
    Compression, FORWARDS_MAX, ForeignPolicy, Forward, Forwarding, PeerName, Sender,
};
pub use operators::{Operator, Operators};
pub use roster::{Agent, Roster, RosterError, TokenHash};
pub use secret::{SecretError, SecretSource};
pub use telemetry::TelemetryConfig;
pub use trace_link::TraceLink;

pub(crate) use document::{Section, Value, read as read_document};
use quantity::parse_bytes;
pub use quantity::parse_duration;

/// The shape of the file that this version reads.
const FORMAT: i64 = 1;

/// The shortest retention: the dedup horizon of DESIGN section 5, rule 5. An agent's spool holds
/// 127.5 hours, so that nothing that is still on its way can be older.
pub const RETENTION_MIN: Duration = Duration::from_secs(7 * 24 * 3600);

/// The smallest journal that is worth keeping: below it SQLite's own pages crowd out the runs.
pub const JOURNAL_BYTES_MIN: u64 = 1024 * 1024;

/// Where the collector listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// OTLP over HTTP, from agents and other senders.
    pub otlp: SocketAddr,
    /// OTLP over gRPC.
    pub otlp_grpc: SocketAddr,
    /// Board, API, metrics, liveness and readiness.
    pub web: SocketAddr,
}

/// What is refused, so that no sender can harm another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Largest request body in bytes, on the wire and again after decompression.
    pub body_bytes_max: u64,
    /// Requests a second that one agent may send on average.
    pub requests_per_second: f64,
    /// How far in the future a run may be due or have ended.
    pub clock_ahead: Duration,
}

impl Default for Limits {
    /// 16 MiB, 50 requests a second, 5 minutes: what the commented example says.
    fn default() -> Self {
        Self {
            body_bytes_max: 16 * 1024 * 1024,
            requests_per_second: 50.0,
            clock_ahead: Duration::from_secs(300),
        }
    }
}

/// The collector's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of `journal.db`.
    pub data: PathBuf,
    /// The catalogue's file.
    pub catalogue: PathBuf,
    /// The target that is shown when none is asked for.
    pub default_target: TargetName,
    /// The zone that pages show times in.
    pub zone: jiff::tz::TimeZone,
    /// L: how late a run may come before its slot counts as missed.
    pub lateness: Duration,
    /// How long runs are kept and duplicates recognised, at least [`RETENTION_MIN`].
    pub retention: Duration,
    /// Largest size of the journal in bytes.
    pub bytes_max: u64,
    /// Where it listens.
    pub listen: Listen,
    /// What is refused.
    pub limits: Limits,
    /// The limits of every feature's recovery clock.
    pub rto: Rto,
    /// What reports and notices rest on.
    pub duties: Duties,
    /// Where a run's trace is looked at, if it is kept anywhere else.
    pub trace_link: Option<TraceLink>,
    /// Regions, and the agents that may speak for them.
    pub roster: Roster,
    /// Where spans go on to, and whose besides the agents'.
    pub forwarding: Forwarding,
    /// Who may act.
    pub operators: Operators,
    /// Where its own metrics go, if they go anywhere.
    pub telemetry: Option<TelemetryConfig>,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// When it cannot be read, or with every mistake in it at once.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Read {
            file: file.to_owned(),
            source,
        })?;
        Self::parse(&text, file)
    }

    /// Checks the text of a file; relative paths in it are relative to `file`'s folder.
    ///
    /// # Errors
    /// Every mistake in it at once.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let folder = file.parent().unwrap_or_else(|| Path::new(""));
        document::read(text, file, |root| lower(root, folder))
    }

    /// The effective configuration as TOML, defaults filled in, token hashes masked.
    pub fn effective(&self) -> String {
        effective::render(self)
    }
}

fn lower(root: &Section<'_>, folder: &Path) -> Option<Config> {
    root.required("format", |value| match value.integer()? {
        FORMAT => Ok(()),
        other => Err(format!(
            "format {other} is not known to this version, which reads format {FORMAT}"
        )),
    });
    let data = root.required("data", |value| Ok(folder.join(value.text()?)));
    let catalogue = root.required("catalogue", |value| Ok(folder.join(value.text()?)));
    let default_target = root.required("default_target", |value| value.name(TargetName::new));
    let zone = root.or("zone", jiff::tz::TimeZone::UTC, |value| {
        let name = value.text()?;
        jiff::tz::TimeZone::get(name)
            .map_err(|_| format!("`{name}` is not a time zone; write one as `Asia/Seoul` or `UTC`"))
    });
    let lateness = root.or("lateness", Duration::from_secs(5), |value| {
        parse_duration(value.text()?)
    });
    let retention = root.or("retention", RETENTION_MIN, |value| {
        let retention = parse_duration(value.text()?)?;
        if retention < RETENTION_MIN {
            return Err(
                "retention is also how long duplicates are recognised: use 7d or more".to_owned(),
            );
        }
        Ok(retention)
    });
    let bytes_max = root.or("bytes_max", 20 << 30, |value| {
        let bytes = parse_bytes(value.text()?)?;
        if bytes < JOURNAL_BYTES_MIN {
            return Err("a journal needs 1MiB or more".to_owned());
        }
        Ok(bytes)
    });
    let listen = listen(root);
    let limits = limits(root);
    let rto = rto(root);
    let duties = duties::read(root, folder);
    let trace_link = trace_link(root);
    let roster = roster::read(root);
    let forwarding = forward::read(root, roster.as_ref(), folder);
    let operators = operators::read(root, roster.as_ref(), forwarding.as_ref());
    let telemetry = telemetry::read(root, folder);
    Some(Config {
        data: data?,
        catalogue: catalogue?,
        default_target: default_target?,
        zone: zone?,
        lateness: lateness?,
        retention: retention?,
        bytes_max: bytes_max?,
        listen: listen?,
        limits: limits?,
        rto: rto?,
        duties: duties?,
        trace_link: trace_link?,
        roster: roster?,
        forwarding: forwarding?,
        operators: operators?,
        telemetry: telemetry?,
    })
}

fn listen(root: &Section<'_>) -> Option<Listen> {
    let section = root.section("listen");
    let address = |key, default: &str| {
        let default = default.parse().expect("a constant address");
        section.or(key, default, |value| {
            let text = value.text()?;
            text.parse::<SocketAddr>().map_err(|_| {
                format!("`{text}` is not an address; write host and port as `127.0.0.1:4318`")
            })
        })
    };
    let otlp = address("otlp", "127.0.0.1:4318");
    let otlp_grpc = address("otlp_grpc", "127.0.0.1:4317");
    let web = address("web", "127.0.0.1:8300");
    section.finish();
    Some(Listen {
        otlp: otlp?,
        otlp_grpc: otlp_grpc?,
        web: web?,
    })
}

fn limits(root: &Section<'_>) -> Option<Limits> {
    let section = root.section("limits");
    let default = Limits::default();
    let body_bytes_max = section.or("body_bytes_max", default.body_bytes_max, |value| {
        let bytes = parse_bytes(value.text()?)?;
        // 64 MiB is what the OTLP specification recommends at most.
        if (1024..=64 << 20).contains(&bytes) {
            Ok(bytes)
        } else {
            Err("use 1KiB to 64MiB".to_owned())
        }
    });
    let requests_per_second = section.or(
        "requests_per_second",
        default.requests_per_second,
        |value| {
            let rate = value.number()?;
            if rate > 0.0 && rate <= 100_000.0 {
                Ok(rate)
            } else {
                Err("use a number above 0, up to 100000".to_owned())
            }
        },
    );
    let clock_ahead = section.or("clock_ahead", default.clock_ahead, |value| {
        let ahead = parse_duration(value.text()?)?;
        if ahead <= bongsu_availability::FUTURE_MAX {
            Ok(ahead)
        } else {
            Err("use 5m at most: runs further ahead would be kept and never counted".to_owned())
        }
    });
    section.finish();
    Some(Limits {
        body_bytes_max: body_bytes_max?,
        requests_per_second: requests_per_second?,
        clock_ahead: clock_ahead?,
    })
}

fn rto(root: &Section<'_>) -> Option<Rto> {
    let section = root.section("recovery");
    let default = Rto::default();
    let limit = |key, default| section.or(key, default, |value| parse_duration(value.text()?));
    let (warn, breach) = (
        limit("warn_after", default.warn),
        limit("breach_after", default.breach),
    );
    let rto = Rto {
        warn: warn?,
        breach: breach?,
    };
    if rto.warn > rto.breach {
        let message = "`warn_after` must not be longer than `breach_after`";
        section.refuse("warn_after", message.to_owned());
        return None;
    }
    section.finish();
    Some(rto)
}

/// None only after a problem; no link where the table is not there.
fn trace_link(root: &Section<'_>) -> Option<Option<TraceLink>> {
    let section = root.section("trace_link");
    let link = section.or("url", None, |value| {
        TraceLink::parse(value.text()?).map(Some)
    });
    section.finish();
    link
}

#[cfg(test)]
mod tests;
