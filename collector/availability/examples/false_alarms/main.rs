//! Replays healthy cells for years and counts how often the rule calls one down.

#![expect(unreachable_pub, reason = "an example has no readers of its interface")]

mod replay;

use std::io::Write;
use std::time::Duration;

use bongsu_availability::{Settings, TrialFleet};
use clap::Parser;

use replay::{Setup, Tally, replay};

const YEAR: Duration = Duration::from_secs(31_557_600);

/// How often does the rule call a healthy cell down?
#[derive(Debug, Parser)]
struct Args {
    /// Cells to watch, each for a year.
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    cell_years: u32,
    /// Agents that measure each.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    agents: u32,
    /// Seconds between two runs of an agent.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(10..=3_600))]
    every: u64,
    /// Probability that a run fails although the feature works.
    #[arg(long, default_value_t = 0.01, value_parser = probability)]
    noise: f64,
    /// Another seed gives other years.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn probability(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    if share > 0.0 && share < 1.0 {
        Ok(share)
    } else {
        Err("a probability lies between 0 and 1".to_owned())
    }
}

fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let setup = Setup {
        settings: Settings::default(),
        fleet: TrialFleet {
            agents: args.agents,
            period: Duration::from_secs(args.every),
            deadline: Duration::from_secs(9),
        },
        noise: args.noise,
        span: YEAR,
    };
    let mut tally = Tally::default();
    for cell in 0..u64::from(args.cell_years) {
        tally += replay(
            &setup,
            args.seed.wrapping_mul(1_000_003).wrapping_add(cell << 20),
        );
    }
    std::io::stdout().write_all(report(&args, tally).as_bytes())
}

fn report(args: &Args, tally: Tally) -> String {
    let years = f64::from(args.cell_years);
    let rate = if tally.false_alarms == 0 {
        // P(none) = e^(−rate·years) is 5 % at ln 20 alarms expected.
        let most = 20_f64.ln() / years;
        format!("at most {most:.4} per cell-year, at 95 % confidence")
    } else {
        #[expect(clippy::cast_precision_loss, reason = "a count that is printed")]
        let rate = tally.false_alarms as f64 / years;
        format!("{rate:.4} per cell-year")
    };
    let processor = cpu_seconds().map_or_else(
        || "not told by this system".to_owned(),
        |seconds| format!("{seconds:.1} s of one core"),
    );
    let lines = [
        format!(
            "{} cell-years of {} agents every {} s, noise {}, threshold {}",
            args.cell_years,
            args.agents,
            args.every,
            args.noise,
            Settings::default().h
        ),
        format!(
            "runs          {} ({} of them bursts)",
            tally.scheduled + tally.bursts,
            tally.bursts
        ),
        format!("failures      {}", tally.failures),
        format!("suspicions    {}", tally.suspicions),
        format!("quarantines   {}", tally.quarantines),
        format!("false alarms  {}, {rate}", tally.false_alarms),
        format!("processor     {processor}\n"),
    ];
    lines.join("\n")
}

/// Time that this process has run on a processor, from the Linux kernel's accounting in
/// nanoseconds.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanos: u64 = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos).as_secs_f64())
}
