//! The command line: what can be said, and what is printed.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where a person is told")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Clock, TargetName};
use bongsu_probes::SystemClock;
use bongsu_rehearsal::command::Command;
use bongsu_rehearsal::console;
use bongsu_rehearsal::detect::{self, Detection, FaultClass};
use bongsu_rehearsal::fleet::{self, Fleet, FleetConfig};
use bongsu_rehearsal::region::{REGIONS, RehearsalAgent};
use bongsu_rehearsal::summary;
use clap::{Parser, Subcommand};
use tokio_util::sync::CancellationToken;

/// A whole Bongsu fleet in one process: a stand-in platform, the collector, and nine agents in
/// three regions, over real sockets on loopback. Without a command it starts the demo.
#[derive(Debug, Parser)]
#[command(name = "bongsu-rehearsal", version, args_conflicts_with_subcommands = true)]
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
    /// Break a component, a feature or an agent of the running rehearsal.
    Break {
        /// account, relay, account.login, talk.message.text, or agent:seoul-1 to cut an agent off.
        what: String,
        /// refuse, reset, hang, slow[=2s], error[=503], wrong-content, lost-delivery,
        /// dns-failure[=nxdomain], bad-certificate[=wrong-name].
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
        /// What to mend; everything unless said.
        what: Option<String>,
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
    },
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    bongsu_language::parse_duration(text).map_err(|error| error.to_string())
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
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        match arguments.command {
            None => demo(arguments.demo).await,
            Some(Action::Break { what, kind, region, console }) => {
                tell(console, &Command::Break { what, kind, region }).await
            }
            Some(Action::Mend { what, console }) => tell(console, &Command::Mend { what }).await,
            Some(Action::Status { console }) => tell(console, &Command::Status).await,
            Some(Action::Detect { classes, faults, targets }) => {
                detect(classes, faults, targets).await
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
    println!("{}", console::tell(console, command).await.map_err(|error| error.to_string())?);
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
            let folder =
                std::env::temp_dir().join(format!("bongsu-rehearsal-{}", std::process::id()));
            (folder.clone(), Some(folder))
        }
    }
}

async fn demo(demo: Demo) -> Result<(), String> {
    let console = tokio::net::TcpListener::bind(demo.console).await.map_err(|error| {
        format!(
            "cannot listen on {}: {error}; is another rehearsal running? choose another address \
             with --console",
            demo.console
        )
    })?;
    let (folder, temporary) = folder(demo.dir.as_ref());
    let config = FleetConfig {
        targets: vec![fleet::superapp()],
        otlp: demo.otlp,
        web: demo.web,
        folder: folder.clone(),
        seed: 1,
    };
    let fleet = Fleet::start(config, clock()).await.map_err(|error| explain(&error))?;
    let fleet = Arc::new(fleet);
    print_welcome(&fleet, &folder, demo.headless);
    let stop = CancellationToken::new();
    let serving = tokio::spawn(console::serve(console, Arc::clone(&fleet), stop.clone()));
    let printing = tokio::spawn(print_transitions(Arc::clone(&fleet)));
    wait_for_the_end(&fleet, &demo, &stop).await;
    stop.cancel();
    printing.abort();
    // The listener's own end is all that is waited for; it answers nobody any more.
    let _ = (serving.await, printing.await);
    print_summary(&fleet);
    if let Some(fleet) = Arc::into_inner(fleet) {
        fleet.shutdown().await;
    }
    if let Some(folder) = temporary {
        // What is left behind lies in the system's own folder for temporary files.
        let _ = std::fs::remove_dir_all(folder);
    }
    Ok(())
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

async fn wait_for_the_end(fleet: &Fleet, demo: &Demo, stop: &CancellationToken) {
    let timer = async {
        match demo.duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    let terminal = async {
        let print = |text: &str| println!("{text}");
        // The end of the input is not the end of the rehearsal: it may run without a terminal.
        if demo.headless || !console::read_terminal(fleet, print, stop).await {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = timer => {}
        () = terminal => {}
        _ = tokio::signal::ctrl_c() => println!(),
    }
}

fn print_welcome(fleet: &Fleet, folder: &std::path::Path, headless: bool) {
    println!("Bongsu rehearsal: {} agents in {} regions", RehearsalAgent::count(), REGIONS.len());
    println!("  board      http://{}/", fleet.collector.web_addr());
    println!("  API        http://{}/api/v1/board", fleet.collector.web_addr());
    println!("  OTLP/HTTP  http://{}/v1/traces", fleet.collector.otlp_addr());
    println!("  files      {}", folder.display());
    if headless {
        println!("Ctrl-C ends it.");
    } else {
        println!("Type `break account`, `mend account`, `status`, `help` or `quit`.");
    }
}

async fn print_transitions(fleet: Arc<Fleet>) {
    let mut transitions = fleet.collector.shared().transitions();
    let start = clock();
    let origin = start.monotonic();
    loop {
        match transitions.recv().await {
            Ok(transition) => {
                let default = fleet.default_target().as_str();
                if let Some(line) = summary::transition_line(&transition, default) {
                    let elapsed = start.monotonic().since(origin);
                    println!("{:>8}  {line}", summary::seconds(elapsed));
                }
            }
            Err(tokio::sync::broadcast::error::RecvError::Lagged(lost)) => {
                println!("          {lost} changes not shown: the terminal is too slow");
            }
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
        }
    }
}

fn print_summary(fleet: &Fleet) {
    let published = fleet.collector.shared().published();
    println!("\nSummary");
    if let Some(board) = published.boards.get(fleet.default_target()) {
        print!("{}", summary::board_lines(board));
    }
    println!("  agents present: {} of {}", published.fleet.present, published.fleet.agents);
    println!("  runs accepted:  {}", fleet.collector.shared().counters.runs_accepted.get());
}

async fn detect(classes: Vec<FaultClass>, faults: usize, targets: u8) -> Result<(), String> {
    let all = [FaultClass::Refuse, FaultClass::Error, FaultClass::Hang, FaultClass::LostDelivery];
    let classes = if classes.is_empty() { all.to_vec() } else { classes };
    let (folder, temporary) = folder(None);
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let names = (1..=targets)
        .map(|n| TargetName::new(&format!("superapp-{n:02}")).expect("digits make a name"));
    let config = FleetConfig {
        targets: names.collect(),
        otlp: loopback,
        web: loopback,
        folder,
        seed: 1,
    };
    let fleet = Fleet::start(config, clock()).await.map_err(|error| explain(&error))?;
    println!(
        "{} agents in {} regions, {targets} targets, cadence {}; {faults} faults a class",
        RehearsalAgent::count(),
        REGIONS.len(),
        summary::seconds(detect::PERIOD),
    );
    let fleet = Arc::new(fleet);
    for class in classes {
        wait_until_up(&fleet).await?;
        let detection = detect::run(&fleet, class, faults, &clock(), |done, time| {
            eprintln!("  {done:>3}  {}", summary::seconds(time));
        })
        .await;
        print_detection(&detection);
    }
    if let Some(fleet) = Arc::into_inner(fleet) {
        fleet.shutdown().await;
    }
    if let Some(folder) = temporary {
        // As in the demo: nothing depends on it.
        let _ = std::fs::remove_dir_all(folder);
    }
    Ok(())
}

/// Waits until every cell of every target is up: at the start, and between two classes.
async fn wait_until_up(fleet: &Fleet) -> Result<(), String> {
    let mut pictures = fleet.collector.shared().watch();
    let targets = fleet.platforms.len();
    let all_up = pictures.wait_for(|picture| {
        picture.boards.len() == targets
            && picture.boards.values().all(|board| {
                board.features.len() >= 2
                    && board.features.iter().all(|feature| {
                        feature.state == bongsu_model::FeatureState::Operational
                            && feature.regions.len() == REGIONS.len()
                    })
            })
    });
    match tokio::time::timeout(Duration::from_secs(300), all_up).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err("not every feature became operational within 300 s".to_owned()),
    }
}

fn print_detection(detection: &Detection) {
    let Detection { class, times, missed } = detection;
    println!("\n{}: {} faults found, {missed} missed", class.as_str(), times.count());
    let figure = |percent| times.percentile(percent).map_or("–".to_owned(), summary::seconds);
    println!(
        "  fault to down: min {}  p50 {}  p95 {}  max {}",
        figure(0),
        figure(50),
        figure(95),
        figure(100)
    );
    let floor = detect::PERIOD / 6;
    println!(
        "  a failing run takes D = {}; first run after a fault T/2N = {} (mean)",
        summary::seconds(class.run_time()),
        summary::seconds(floor)
    );
    for (from, count) in times.histogram(Duration::from_secs(1)) {
        println!("  {:>6}  {}", summary::seconds(from), "#".repeat(count));
    }
}
