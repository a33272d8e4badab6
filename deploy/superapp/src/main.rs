//! The binary `superapp`: starts a stand-in platform and says how to reach and break it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use bongsu_model::{PoolName, RegionId, TargetName};
use bongsu_superapp::{
    Fault, FaultPoint, Platform, PlatformConfig, Ports, StartError, SystemClock, write_profiles,
};
use clap::Parser;

/// A stand-in platform on loopback: real HTTPS, WebSocket and DNS, with faults to order.
#[derive(Debug, Parser)]
#[command(name = "superapp", version, after_help = AFTER_HELP)]
struct Arguments {
    /// The name of the platform in target profiles.
    #[arg(long, default_value = "superapp", value_name = "NAME")]
    target: TargetName,

    /// From where it is called: each region gets listeners and a DNS server of its own.
    #[arg(
        long = "region",
        value_name = "REGION",
        default_values = ["kr-seoul", "jp-tokyo", "us-oregon"]
    )]
    regions: Vec<RegionId>,

    /// First port. Region i has its DNS server at PORT + 100·i and the services behind it; the
    /// admin API is at PORT - 1. 0 takes free ports.
    #[arg(long, default_value_t = 21000, value_name = "PORT")]
    port: u16,

    /// A pool of test accounts and how many it has; without any, the pools are those that nine
    /// agents need for the shipped journeys.
    #[arg(
        long = "pool",
        value_name = "NAME=COUNT",
        value_parser = pool
    )]
    pools: Vec<(PoolName, usize)>,

    /// Passwords follow from this number.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,

    /// What is broken from the start; may be given many times.
    #[arg(long = "fault", value_name = "NAME:KIND[=VALUE][@REGION][@SHARE]")]
    faults: Vec<Fault>,

    /// Write ca.pem, a target profile per region and the accounts' password files here.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Names: components such as account, relay and pay-core; features such as talk.message.text and
pay.transfer.account. A name that is not known is answered with all that are.
Kinds:
  refuse             connections are refused
  reset              connections are reset
  hang               requests are never answered
  slow[=DELAY]       answers come late: slow=500ms, slow=3s (default 2s)
  error[=STATUS]     answers are errors, 500 to 599 (default 503)
  wrong-content      answers look well and say something wrong
  lost-delivery      messages, offers or money are accepted and never arrive
  duplicate          messages and other deliveries come twice
  large-payloads     what is longer than 1,400 bytes does not get through
  dns-failure[=HOW]  the name does not resolve: servfail (default) or nxdomain
  bad-certificate[=FLAW]  expired (default), wrong-name or untrusted

Behind a kind: @REGION for callers from there alone; @accounts=8% for a stable share of the
accounts, @requests=20% for a share of requests and deliveries, evenly spread.

Examples:
  superapp --dir /tmp/superapp
  superapp --fault account:refuse
  superapp --fault talk.message.text:lost-delivery@kr-seoul --fault relay:slow=3s
  superapp --fault relay:error=503@requests=20% --fault account:hang@accounts=8%";

fn pool(text: &str) -> Result<(PoolName, usize), String> {
    let (name, count) = text
        .split_once('=')
        .ok_or("write NAME=COUNT, as in chat-users=36")?;
    let name = PoolName::new(name).map_err(|error| error.to_string())?;
    let count = count
        .parse()
        .map_err(|_| format!("`{count}` is not a number of accounts"))?;
    Ok((name, count))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match serve(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the last word of a command line tool")]
            {
                eprintln!("superapp: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let clock = Arc::new(SystemClock::new());
    let mut config = PlatformConfig::new(arguments.target, arguments.regions, clock);
    if !arguments.pools.is_empty() {
        config.pools = arguments.pools;
    }
    let pools: Vec<PoolName> = config.pools.iter().map(|(name, _)| name.clone()).collect();
    config.seed = arguments.seed;
    config.ports = match arguments.port {
        0 => Ports::Free,
        base => Ports::From(base),
    };
    let platform = Platform::start(config).await?;
    for fault in arguments.faults {
        platform.inject(fault).map_err(StartError::Fault)?;
    }
    platform.settle().await;
    let mut profiles = Vec::new();
    if let Some(dir) = &arguments.dir {
        profiles = write_profiles(&platform, &pools, dir)?;
    }
    show(&summary(&platform, &profiles));
    stopped().await?;
    platform.shutdown().await;
    Ok(())
}

/// Comes back at Ctrl-C, and at SIGTERM where there is one.
async fn stopped() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let kind = tokio::signal::unix::SignalKind::terminate();
        let mut terminate = tokio::signal::unix::signal(kind)?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// For the person who started it. Who does not read it may still use the platform.
fn show(summary: &str) {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(summary.as_bytes())
        .and_then(|()| stdout.flush());
    if let Err(error) = written {
        tracing::warn!(%error, "the summary cannot be written to standard output");
    }
}

fn summary(platform: &Platform, profiles: &[PathBuf]) -> String {
    let mut lines = vec![format!(
        "The stand-in platform `{}` is up.\n",
        platform.name()
    )];
    for region in platform.regions() {
        let Some(endpoints) = platform.endpoints(region) else {
            continue;
        };
        lines.push(format!("  {region}"));
        lines.push(format!("    DNS   {}", endpoints.dns));
        for url in endpoints.base.values().chain(endpoints.ws.values()) {
            lines.push(format!("    {url}"));
        }
    }
    for profile in profiles {
        lines.push(format!("  wrote {}", profile.display()));
    }
    for (id, fault) in platform.faults() {
        lines.push(format!("  broken ({id}): {fault}"));
    }
    let admin = platform.admin();
    let names: Vec<_> = FaultPoint::all().map(FaultPoint::as_str).collect();
    lines.push(format!(
        "\nBreak and mend ({}):
  curl http://{admin}/admin/faults -d '{{\"on\":\"account\",\"kind\":\"refuse\"}}'
  curl -X DELETE 'http://{admin}/admin/faults?on=account'
Take power from a data centre, and fail a component over (then fail-back, power-on):
  curl http://{admin}/admin/facilities -d '{{\"act\":\"dc-a:power-off\"}}'
  curl http://{admin}/admin/facilities -d '{{\"act\":\"relay:fail-over\"}}'
Look:
  curl http://{admin}/admin/topology    curl http://{admin}/admin/audit
Ctrl-C stops it.\n",
        names.join(", ")
    ));
    lines.join("\n")
}
