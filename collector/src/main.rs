//! The binary `bongsu-collector`.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bongsu_collector::catalogue;
use bongsu_collector::claims::{ClaimArguments, Told};
use bongsu_collector::clock::SystemClock;
use bongsu_collector::config::{Config, parse_duration};
use bongsu_collector::export::{EVERY_MIN, ExportError, Exporter, Order, Written};
use bongsu_collector::process::Collector;
use bongsu_collector::report::command::{ReportArguments, VerifyArguments};
use bongsu_model::Catalogue;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Exit code of a configuration with mistakes.
const WRONG: u8 = 2;

/// Takes runs in from agents and tells which features work.
///
/// Agents send runs over OTLP, by HTTP or gRPC; each is on disk before it is acknowledged. What works is
/// derived from them and shown on the board, in the API and on /metrics. Their spans, and foreign
/// ones if the configuration says so, go on to other OTLP servers. A commented example of the
/// configuration is deploy/config/collector.toml.
///
/// Exit codes: 0 stopped as asked, 1 could not start or go on, 2 wrong configuration or usage.
/// The log goes to standard error; BONGSU_LOG filters it (`info` by default, `debug`,
/// `bongsu_collector::ingest=debug`).
#[derive(Parser)]
#[command(
    name = "bongsu-collector",
    version,
    verbatim_doc_comment,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE", required_unless_present = "man")]
    config: Option<PathBuf>,
    /// Checks configuration and catalogue, prints what takes effect with secrets masked, and ends.
    #[arg(long)]
    check_config: bool,
    /// Prints the manual page (`bongsu-collector --man | man -l -`) and ends.
    #[arg(long, exclusive = true)]
    man: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What is asked of a collector that runs already.
#[derive(Subcommand)]
enum Command {
    /// Hands in what the platform's owner says of its features, or lists it.
    Claim(ClaimArguments),
    /// Writes down what a running collector shows.
    #[command(subcommand)]
    Export(Export),
}

#[derive(Subcommand)]
enum Export {
    /// Copies board and recovery into a folder, as files that can be served from anywhere.
    ///
    /// Pages in Korean (index.html) and English (index.en.html) that load nothing else, text
    /// (board.txt, board.en.txt) and JSON (board.json, recovery.json), all of one instant, which
    /// they show. A copy on another machine is read while the platform's own pages are down.
    ///
    /// Exit codes: 0 written, or stopped as asked; 1 no copy could be made; 2 wrong usage.
    #[command(verbatim_doc_comment)]
    Board(ExportBoard),
    /// Writes the report of an incident into a folder: notices to users, reports to authorities,
    /// scope of the damage, SLA sheet, and the runs behind every figure.
    ///
    /// Notices in Korean and English as mail, on site and app, as SMS of 90 bytes, as disaster text
    /// of 90 characters, and for the press first; reports of data centres and of value-added
    /// operators; the notice of damages; tables as CSV and JSON; pages to print (report.ko.html,
    /// report.en.html). Duties are those of the dated profiles in force on the incident's day. None
    /// of it is legal advice. Cause, plan and contact are "under investigation" or missing until
    /// people write them, in FILE or by an operator:
    ///   curl -H 'Content-Type: application/toml' -H "Authorization: Bearer $BONGSU_TOKEN" \
    ///     --data-binary @words.toml http://127.0.0.1:8300/api/v1/incidents/ID/words
    ///
    /// manifest.json chains all files and runs by SHA-256. The head that is printed is best kept
    /// elsewhere: `export verify` tells by it where anything was changed.
    ///
    /// Exit codes: 0 written, 1 the collector did not answer or the disk refused, 2 wrong file or
    /// usage.
    #[command(verbatim_doc_comment)]
    Report(ReportArguments),
    /// Tells whether a report is as it was written, or the first place where it is not.
    ///
    /// Exit codes: 0 as it was written, 1 changed or unreadable, 2 wrong usage.
    #[command(verbatim_doc_comment)]
    Verify(VerifyArguments),
}

#[derive(Args)]
struct ExportBoard {
    /// The folder; it is made if it does not exist, and other files in it stay.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The address of the collector's board.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8300")]
    collector: String,
    /// The environment; without it the collector's default one.
    #[arg(long)]
    target: Option<String>,
    /// Copies again so often, 1s or longer, until it is stopped (SIGTERM or SIGINT).
    #[arg(long, value_name = "DURATION", value_parser = every)]
    every: Option<Duration>,
}

fn every(text: &str) -> Result<Duration, String> {
    let every = parse_duration(text)?;
    if every < EVERY_MIN {
        return Err("a new board is published every second; use 1s or longer".to_owned());
    }
    Ok(every)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let file = match (&arguments.command, &arguments.config) {
        (Some(Command::Claim(claim)), _) => {
            return told(in_runtime(async { Ok(claim.run().await) }));
        }
        (Some(Command::Export(Export::Board(export))), _) => {
            return ended(in_runtime(export_board(export)));
        }
        (Some(Command::Export(Export::Report(report))), _) => {
            return told(in_runtime(async { Ok(report.run().await) }));
        }
        (Some(Command::Export(Export::Verify(report))), _) => return told(Ok(report.run())),
        (None, Some(file)) if !arguments.man => file,
        // Without a configuration there is only the manual to be asked for.
        (None, _) => return print_manual(),
    };
    let (config, catalogue) = match load(file) {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            complain(&mistakes);
            return ExitCode::from(WRONG);
        }
    };
    if arguments.check_config {
        show(&config.effective());
        return ExitCode::SUCCESS;
    }
    start_log();
    ended(in_runtime(run(config, catalogue)))
}

fn in_runtime<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => Err(format!("no runtime: {error}")),
    }
}

fn ended(ran: Result<(), String>) -> ExitCode {
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn print_manual() -> ExitCode {
    let manual = clap_mangen::Man::new(Arguments::command()).manual("Bongsu Manual");
    match manual.render(&mut std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: the manual cannot be printed: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn told(told: Result<Told, String>) -> ExitCode {
    match told {
        Ok(told) => {
            show(&told.out);
            complain(told.err.trim_end_matches('\n'));
            ExitCode::from(told.code)
        }
        Err(error) => {
            complain(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn export_board(export: &ExportBoard) -> Result<(), String> {
    let order = Order {
        collector: export.collector.clone(),
        target: export.target.clone(),
        out: export.out.clone(),
    };
    let exporter = Exporter::new(&order).map_err(|error| error.to_string())?;
    let told = |written: &Written| {
        let (files, out) = (written.files, export.out.display());
        show(&format!(
            "{files} files in {out}, as of {}\n",
            written.as_of
        ));
    };
    let Some(every) = export.every else {
        let written = exporter.once().await.map_err(|error| error.to_string())?;
        told(&written);
        return Ok(());
    };
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let stopping = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    };
    // Said when it changes: a copy a minute for a week is ten thousand lines.
    let mut failing: Option<bool> = None;
    let keeping = exporter.keep(every, &stop, |made: Result<Written, ExportError>| {
        match &made {
            Ok(written) if failing != Some(false) => told(written),
            Err(error) if failing != Some(true) => {
                complain(&format!("{error}; the files stay as they are, trying on"));
            }
            Ok(_) | Err(_) => {}
        }
        failing = Some(made.is_err());
    });
    tokio::join!(stopping, keeping);
    Ok(())
}

fn load(file: &Path) -> Result<(Config, Catalogue), String> {
    let config = Config::load(file).map_err(|error| error.to_string())?;
    let catalogue = catalogue::load(&config.catalogue).map_err(|error| error.to_string())?;
    Ok((config, catalogue))
}

async fn run(config: Config, catalogue: Catalogue) -> Result<(), String> {
    // Asked for first, so that no signal is missed while the journal is opened.
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let collector = Collector::start(config, catalogue, Arc::new(SystemClock::new()))
        .await
        .map_err(|error| error.to_string())?;
    tracing::info!(
        otlp = %collector.otlp_addr(),
        otlp_grpc = %collector.otlp_grpc_addr(),
        web = %collector.web_addr(),
        "the collector is up"
    );
    let failed = tokio::select! {
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
        () = collector.failed() => true,
    };
    tracing::info!("stopping");
    collector.shutdown().await;
    tracing::info!("stopped");
    if failed {
        return Err(
            "the journal's writer failed, as the log above says; what was acknowledged is kept, \
             start the collector again"
                .to_owned(),
        );
    }
    Ok(())
}

fn start_log() {
    let asked = std::env::var("BONGSU_LOG").unwrap_or_else(|_| "info".to_owned());
    let (filter, wrong) = match EnvFilter::try_new(&asked) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    if let Some(error) = wrong {
        tracing::warn!(
            "BONGSU_LOG is `{asked}`, which is no filter: {error}; using `info`, see --help"
        );
    }
}

/// What was asked for goes to standard output. Who reads no further, as `head` does, misses nothing
/// that was wanted, and ends no exporter.
fn show(text: &str) {
    let mut out = std::io::stdout().lock();
    let shown = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Err(error) = shown
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        complain(&format!("error: cannot write to standard output: {error}"));
    }
}

#[expect(
    clippy::print_stderr,
    reason = "mistakes go to the person who started the program"
)]
fn complain(text: &str) {
    if !text.is_empty() {
        eprintln!("{text}");
    }
}
