//! What a replay took of the machine, as the kernel counts it (proc(5)).

use std::time::Duration;

/// Time and memory of the whole process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// From the start to the end.
    pub wall: Duration,
    /// Of all processors together; none where the system does not tell.
    pub cpu: Option<Duration>,
    /// The most that was resident, in bytes; none where the system does not tell.
    pub peak_bytes: Option<u64>,
}

/// Clock ticks in a second: the kernel tells user space in hundredths (`USER_HZ`).
const TICKS: u64 = 100;

/// Reads what this process has used; `wall` is known already.
pub(super) fn read(wall: Duration) -> Usage {
    let file = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).ok();
    Usage {
        wall,
        cpu: file("stat").as_deref().and_then(cpu),
        peak_bytes: file("status").as_deref().and_then(peak),
    }
}

/// User and system time: fields 14 and 15, counted behind the command's closing bracket.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * (1000 / TICKS)))
}

fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 4 0 100 1 1";
        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(peak("VmPeak: 9 kB\nVmHWM:\t  2048 kB\n"), Some(2 << 20));
        assert_eq!(cpu("nothing"), None);
        assert_eq!(peak(""), None);
    }
}
