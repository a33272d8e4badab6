//! What the receiver spent, read from outside: `/proc` and `/metrics`.

use std::io::{self, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use bongsu_collector::clock::SystemClock;
use bongsu_model::Clock as _;

use crate::load::{Sent, answer};

/// How long the receiver may take to derive what it has kept.
const DERIVED_WITHIN: Duration = Duration::from_secs(120);

/// Jiffies of `/proc` in a second: `getconf CLK_TCK` on every Linux of today.
const TICKS: f64 = 100.0;

/// Whose cost is told.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Watched {
    /// The process of the receiver, on this machine.
    #[arg(long)]
    pid: Option<u32>,
    /// Where the collector serves `/metrics`: then the load ends when all runs are derived.
    #[arg(long)]
    web: Option<SocketAddr>,
}

/// A measurement that is going on.
pub(crate) struct Meter {
    watched: Watched,
    before: Option<Spent>,
    derived: u64,
}

#[derive(Debug, Clone, Default)]
struct Spent {
    user: f64,
    system: f64,
    threads: Vec<(String, f64)>,
}

impl Meter {
    /// Notes where the receiver stands.
    pub(crate) fn start(watched: &Watched) -> io::Result<Self> {
        Ok(Self {
            before: watched.pid.map(spent).transpose()?,
            derived: watched.web.map_or(Ok(0), derived)?,
            watched: watched.clone(),
        })
    }

    /// Waits until all is derived and prints what it took.
    pub(crate) fn report(&self, sent: &Sent, runs: u64, wall: Duration) -> io::Result<()> {
        if let Some(web) = self.watched.web {
            let clock = SystemClock::new();
            let started = clock.monotonic();
            while derived(web)? < self.derived + runs {
                if clock.monotonic().since(started) > DERIVED_WITHIN {
                    return Err(io::Error::other("the runs were not derived in time"));
                }
                std::thread::park_timeout(Duration::from_millis(250));
            }
        }
        let mspans = sent.spans as f64 / 1e6;
        let mut line = format!(
            "{{\"requests\": {}, \"spans\": {}, \"runs\": {runs}, \"bytes\": {}, \"refused\": {}, \
             \"wall_s\": {:.3}, \"spans_per_s\": {:.0}",
            sent.requests,
            sent.spans,
            sent.bytes,
            sent.refused,
            wall.as_secs_f64(),
            sent.spans as f64 / wall.as_secs_f64()
        );
        if let (Some(pid), Some(before)) = (self.watched.pid, &self.before) {
            let after = spent(pid)?;
            let (user, system) = (after.user - before.user, after.system - before.system);
            line += &format!(
                ", \"user_s\": {user:.2}, \"system_s\": {system:.2}, \"cpu_s_per_mspan\": {:.3}",
                (user + system) / mspans
            );
            for (name, cpu) in &after.threads {
                let known = before.threads.iter().find(|(known, _)| known == name);
                let cpu = cpu - known.map_or(0.0, |(_, cpu)| *cpu);
                line += &format!(", \"thread {name}\": {:.3}", cpu / mspans);
            }
            let (rss, peak) = memory(pid)?;
            line += &format!(", \"rss_mib\": {rss:.1}, \"peak_mib\": {peak:.1}");
        }
        say(&format!("{line}}}"));
        Ok(())
    }
}

/// Processor seconds of a process and of its living threads, by name.
fn spent(pid: u32) -> io::Result<Spent> {
    let (_, user, system) = stat(&PathBuf::from(format!("/proc/{pid}/stat")))?;
    let mut threads: Vec<(String, f64)> = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the two reads.
        let Ok((name, user, system)) = stat(&task?.path().join("stat")) else {
            continue;
        };
        match threads.iter_mut().find(|(known, _)| *known == name) {
            Some((_, cpu)) => *cpu += user + system,
            None => threads.push((name, user + system)),
        }
    }
    Ok(Spent {
        user,
        system,
        threads,
    })
}

fn stat(file: &std::path::Path) -> io::Result<(String, f64, f64)> {
    let text = std::fs::read_to_string(file)?;
    let broken = || io::Error::other("an unknown form of /proc stat");
    let (head, rest) = text.rsplit_once(')').ok_or_else(broken)?;
    let name = head.split_once('(').ok_or_else(broken)?.1.to_owned();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |i: usize| {
        let field: Option<f64> = fields.get(i).and_then(|field| field.parse().ok());
        field.map(|ticks| ticks / TICKS).ok_or_else(broken)
    };
    Ok((name, ticks(11)?, ticks(12)?))
}

/// Resident memory now and at its peak, in MiB.
fn memory(pid: u32) -> io::Result<(f64, f64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mib = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        kib.map_or(0.0, |kib| kib / 1024.0)
    };
    Ok((mib("VmRSS:"), mib("VmHWM:")))
}

/// Events that the collector says it has derived.
fn derived(web: SocketAddr) -> io::Result<u64> {
    let mut stream = TcpStream::connect(web)?;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: {web}\r\nConnection: close\r\n\r\n"
    )?;
    let (_, body) = answer(&mut BufReader::new(stream))?;
    let text = String::from_utf8_lossy(&body);
    let line = text
        .lines()
        .find(|line| line.starts_with("bongsu_collector_events_derived_total "));
    let count = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count"
    )]
    let count = count.map(|count| count as u64);
    count.ok_or_else(|| io::Error::other("/metrics does not tell the events derived"))
}

#[expect(clippy::print_stdout, reason = "the result goes to standard output")]
fn say(line: &str) {
    println!("{line}");
}
