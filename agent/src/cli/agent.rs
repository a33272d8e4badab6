//! `bongsu agent`: start, wait for a signal, stop.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bongsu_agent::config::EXAMPLE;
use bongsu_agent::{Agent, Config, StartError, SystemClock};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{AgentArguments, Exit, LogFormat, say, say_error};

/// How the process ends when its watchdog barks: `EX_SOFTWARE` of sysexits.
const STUCK: i32 = 70;

pub(super) fn main(arguments: &AgentArguments) -> Exit {
    if arguments.print_config {
        say(EXAMPLE.trim_end());
        return Exit::Good;
    }
    let Some(path) = &arguments.config else {
        return Exit::Usage;
    };
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => {
            say_error(&format!("{error}"));
            return Exit::Invalid;
        }
    };
    if arguments.check_config {
        return check(&config, path);
    }
    log(arguments.log);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(work(config)),
        Err(error) => {
            say_error(&format!("error: the runtime cannot start: {error}"));
            Exit::Failed
        }
    }
}

fn check(config: &Config, path: &Path) -> Exit {
    let collectors = bongsu_agent::check_collectors(&config.collectors);
    for error in &collectors {
        say_error(&format!("error: {error}"));
    }
    match bongsu_agent::plan::check(config) {
        Ok(summary) if collectors.is_empty() => {
            say(&format!("{}: {summary}", path.display()));
            Exit::Good
        }
        Ok(_) => Exit::Invalid,
        Err(refusal) => {
            say_error(&refusal.to_string());
            Exit::Invalid
        }
    }
}

fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("BONGSU_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
}

async fn work(config: Config) -> Exit {
    let id = config.vantage.agent.clone();
    let signals = signal(SignalKind::terminate())
        .and_then(|term| signal(SignalKind::interrupt()).map(|interrupt| (term, interrupt)));
    let (mut term, mut interrupt) = match signals {
        Ok(signals) => signals,
        Err(error) => {
            say_error(&format!("error: signals cannot be received: {error}"));
            return Exit::Failed;
        }
    };
    let agent = match Agent::start(config, Arc::new(SystemClock::new())).await {
        Ok(agent) => agent,
        Err(error) => {
            say_error(&format!("error: the agent cannot start: {error}"));
            return match error {
                StartError::Plan(_) | StartError::Client(_) | StartError::Telemetry(_) => {
                    Exit::Invalid
                }
                StartError::Data { .. }
                | StartError::InUse(_)
                | StartError::Spool(_)
                | StartError::Compensation(_)
                | StartError::Listen(_) => Exit::Failed,
            };
        }
    };
    if let Err(error) = agent.watch(bark) {
        tracing::error!(%error, "there is no watchdog");
    }
    let pages = agent
        .listening()
        .map_or_else(|| "none".to_owned(), |address| format!("http://{address}"));
    tracing::info!(agent = %id, %pages, "the agent is running");
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: going runs clean up; a second signal stops at once");
    tokio::select! {
        () = agent.shutdown() => {
            tracing::info!("stopped");
            Exit::Good
        }
        _ = term.recv() => Exit::Interrupted,
        _ = interrupt.recv() => Exit::Interrupted,
    }
}

/// A hung agent is worse than a dead one, which its supervisor starts anew.
fn bark(silent: Duration) {
    tracing::error!(
        ?silent,
        "no slot finished for three intervals: the agent ends itself"
    );
    std::process::exit(STUCK);
}
