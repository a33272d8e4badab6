//! The command line: what can be said, and what is printed.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is where a person is told"
)]

mod demo;
mod detect;
mod replay;
mod soak;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Clock;
use bongsu_probes::SystemClock;
use bongsu_rehearsal::command::Command;
use bongsu_rehearsal::console;
use bongsu_rehearsal::detect::FaultClass;
use bongsu_rehearsal::region::{Channel, REGIONS, Shape};
use clap::{Parser, Subcommand};

/// A whole Bongsu fleet in one process: a stand-in platform, the collector, and nine agents in
/// three regions, over real sockets on loopback. Without a command it starts the demo.
#[derive(Debug, Parser)]
#[command(
    name = "bongsu-rehearsal",
    version,
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Action>,
    #[command(flatten)]
    demo: Demo,
}

#[derive(Debug, Parser)]
struct Demo {
    /// End by itself after this long, with a summary: 60s, 5m.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Do not read the terminal: for scripts.
    #[arg(long)]
    headless: bool,
    /// Where the board is.
    #[arg(long, default_value = "127.0.0.1:8300", value_name = "ADDRESS")]
    web: SocketAddr,
    /// Where the collector takes runs.
    #[arg(long, default_value = "127.0.0.1:4318", value_name = "ADDRESS")]
    otlp: SocketAddr,
    /// Where `break` and `mend` from other terminals are heard.
    #[arg(long, default_value = CONSOLE, value_name = "ADDRESS")]
    console: SocketAddr,
    /// Where everything is written, and kept; without it a folder that is removed at the end.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

const CONSOLE: &str = "127.0.0.1:8399";

#[derive(Debug, Subcommand)]
enum Action {
    /// Break a component, a feature, a data centre or an agent of the running rehearsal.
    Break {
        /// A component (account, relay, pay-core …), a feature (talk.message.text …), a data centre
        /// (dc-a, dc-b, bank-dc) that loses its power, or agent:seoul-1 to cut an agent off; `help`
        /// on the rehearsal's terminal names them all.
        what: String,
        /// refuse, reset, hang, slow[=2s], error[=503], wrong-content, lost-delivery, duplicate,
        /// large-payloads, dns-failure[=nxdomain], bad-certificate[=wrong-name]; behind it
        /// @accounts=8% or @requests=20% for a share of them.
        #[arg(long)]
        kind: Option<String>,
        /// Only for callers from this region: kr-seoul, kr-busan, jp-tokyo.
        #[arg(long)]
        region: Option<String>,
        /// Where the rehearsal listens.
        #[arg(long, default_value = CONSOLE, value_name = "ADDRESS")]
        console: SocketAddr,
    },
    /// Mend it again.
    Mend {
        /// What to mend; everything unless said, and then what was failed over goes home too.
        what: Option<String>,
        /// Where the rehearsal listens.
        #[arg(long, default_value = CONSOLE, value_name = "ADDRESS")]
        console: SocketAddr,
    },
    /// Take a component of dc-a into service in the standby centre dc-b, which has less capacity
    /// and not all of its data.
    #[command(alias = "failover")]
    FailOver {
        /// Which: account, relay, pay-core …
        #[arg(value_name = "COMPONENT")]
        what: String,
        /// Where the rehearsal listens.
        #[arg(long, default_value = CONSOLE, value_name = "ADDRESS")]
        console: SocketAddr,
    },
    /// Take it back home.
    #[command(alias = "failback")]
    FailBack {
        /// Which.
        #[arg(value_name = "COMPONENT")]
        what: String,
        /// Where the rehearsal listens.
        #[arg(long, default_value = CONSOLE, value_name = "ADDRESS")]
        console: SocketAddr,
    },
    /// Say what is broken and what the board shows.
    Status {
        /// Where the rehearsal listens.
        #[arg(long, default_value = CONSOLE, value_name = "ADDRESS")]
        console: SocketAddr,
    },
    /// Measure the time from a fault to `down` over many faults at random phase.
    Detect {
        /// Classes of fault to try; all unless said.
        #[arg(long = "class", value_enum)]
        classes: Vec<FaultClass>,
        /// Faults per class.
        #[arg(long, default_value_t = 50)]
        faults: usize,
        /// Platforms that are measured in parallel.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=50))]
        targets: u8,
        /// Agents of each region.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=5))]
        agents: u8,
        /// Cadence of every journey: 10s or longer.
        #[arg(long, default_value = "10s", value_name = "TIME", value_parser = parse_every)]
        every: Duration,
        /// Without a control channel: agents look again by themselves.
        #[arg(long)]
        without_channel: bool,
        /// Tell of the first faults of each class run by run.
        #[arg(long, default_value_t = 0, value_name = "FAULTS")]
        timelines: usize,
    },
    /// Play an outage from a file, many times as fast as it was, and hold the measured board against
    /// what must be measured and what was claimed. Fails when a difference is not explained.
    Replay(replay::Replay),
    /// Break and heal random parts and data centres, kill and start random agents for a while; then
    /// heal all, let what is owed be paid, and hold the audit against the debts. Fails when
    /// something is still broken, money is missing or something is left that no agent owes.
    Soak {
        /// How long: 90s, 60m.
        #[arg(long = "for", value_name = "TIME", value_parser = parse_duration, default_value = "60m")]
        duration: Duration,
        /// The same number breaks the same things again; random unless said.
        #[arg(long, value_name = "NUMBER")]
        seed: Option<u64>,
    },
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    bongsu_language::parse_duration(text).map_err(|error| error.to_string())
}

fn parse_every(text: &str) -> Result<Duration, String> {
    let every = parse_duration(text)?;
    if every < detect::PERIOD_MIN {
        return Err("the shipped journeys take up to 9 s: give 10s or longer".to_owned());
    }
    Ok(every)
}

/// Does what the arguments say.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("BONGSU_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error")),
        )
        .with_writer(std::io::stderr)
        .init();
    // Refused only when a provider is already installed, which would be the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        match arguments.command {
            None => demo::run(arguments.demo).await,
            Some(Action::Break {
                what,
                kind,
                region,
                console,
            }) => tell(console, &Command::Break { what, kind, region }).await,
            Some(Action::Mend { what, console }) => tell(console, &Command::Mend { what }).await,
            Some(Action::FailOver { what, console }) => {
                tell(console, &Command::FailOver { what }).await
            }
            Some(Action::FailBack { what, console }) => {
                tell(console, &Command::FailBack { what }).await
            }
            Some(Action::Status { console }) => tell(console, &Command::Status).await,
            Some(Action::Detect {
                classes,
                faults,
                targets,
                agents,
                every,
                without_channel,
                timelines,
            }) => {
                let shape = Shape {
                    regions: REGIONS.len(),
                    agents: usize::from(agents),
                    every,
                    channel: if without_channel {
                        Channel::Off
                    } else {
                        Channel::Open
                    },
                };
                let trial = detect::Trial {
                    classes,
                    faults,
                    targets,
                    timelines,
                };
                detect::run(trial, shape).await
            }
            Some(Action::Replay(replay)) => replay::run(replay).await,
            Some(Action::Soak { duration, seed }) => {
                // A failing source of randomness makes a fixed seed, which is printed.
                let seed = seed.unwrap_or_else(|| getrandom::u64().unwrap_or(1));
                soak::run(duration, seed).await
            }
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn tell(console: SocketAddr, command: &Command) -> Result<(), String> {
    println!(
        "{}",
        console::tell(console, command)
            .await
            .map_err(|error| error.to_string())?
    );
    Ok(())
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// A folder below the system's for temporary files, removed when the rehearsal ends.
fn folder(demo: Option<&PathBuf>) -> (PathBuf, Option<PathBuf>) {
    match demo {
        Some(folder) => (folder.clone(), None),
        None => {
            let folder = below(&std::env::temp_dir());
            (folder.clone(), Some(folder))
        }
    }
}

/// A folder of this process.
fn below(parent: &Path) -> PathBuf {
    parent.join(format!("bongsu-rehearsal-{}", std::process::id()))
}

/// The error with its causes, and for a taken port how to choose another.
fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    if text.contains("in use") {
        text.push_str("\nchoose other addresses with --web, --otlp and --console");
    }
    text
}

/// Removes a rehearsal's own folder.
fn remove(temporary: Option<PathBuf>) {
    if let Some(folder) = temporary {
        // What is left behind lies in the system's own folder for temporary files.
        let _ = std::fs::remove_dir_all(folder);
    }
}
