//! What happens beside the runs: signals, and the time to draw.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often the runtime looks up while runs are under way. A timer that is due before all others
/// makes the runtime rouse itself through the kernel; where this one is due first, the deadlines of
/// steps, which are mostly seconds away, do not.
const BEAT: Duration = Duration::from_millis(500);

/// Something that is no run's end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// The command was told to stop.
    Interrupted,
    /// It is time to draw what is under way.
    Draw,
    /// The runtime looked up.
    Beat,
}

/// Where events come from, without end.
#[derive(Debug)]
pub(super) enum Source {
    Signal(Signal),
    Ticks(Interval, Event),
}

impl Source {
    /// The next event.
    pub(super) async fn next(&mut self) -> Event {
        match self {
            Self::Signal(signal) => {
                let _ = signal.recv().await;
                Event::Interrupted
            }
            Self::Ticks(ticks, event) => {
                let _ = ticks.tick().await;
                *event
            }
        }
    }
}

/// All sources, `draw` as the time to draw.
///
/// # Errors
/// When signals cannot be received.
pub(super) fn sources(draw: Option<Interval>) -> io::Result<Vec<Source>> {
    let mut sources = vec![
        Source::Signal(signal(SignalKind::terminate())?),
        Source::Signal(signal(SignalKind::interrupt())?),
        every(interval(BEAT), Event::Beat),
    ];
    sources.extend(draw.map(|draw| every(draw, Event::Draw)));
    Ok(sources)
}

fn every(mut ticks: Interval, event: Event) -> Source {
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Source::Ticks(ticks, event)
}
