//! The thread that owns the engine: it replays the journal, follows it, and publishes what it
//! sees. It learns everything from the journal's order, so that a replay gives the same.

mod event;

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bongsu_availability::{Engine, Settings, Strip};
use bongsu_model::{Monotonic, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::claims::{ClaimBook, MeasuredLog};
use crate::journal::{Event, Kind, Progress, ReadError};
use crate::published::Published;
use crate::state::Shared;
use crate::strips::StripWanted;

pub(crate) use event::{catalogue_record, roster_record};

/// Events that are read from the journal at a time.
const PAGE: usize = 1_000;

/// A picture is never older than this, in wall time, while the journal moves.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// Under a simulated clock agents beat no faster than this of the machine's time, so that less
/// is no sign of an agent that is lost.
const HEARTBEAT_REAL_MIN: Duration = Duration::from_millis(250);

/// Longest wait for a report: the writer tells ten times a second what time it is.
const NAP_MAX: Duration = Duration::from_secs(1);

/// The engine and how far it has come.
#[derive(Debug)]
pub(crate) struct Derive {
    engine: Engine,
    shared: Arc<Shared>,
    published: watch::Sender<Arc<Published>>,
    stop: CancellationToken,
    /// Up to here the engine has seen the journal.
    seq: u64,
    /// Transitions of the replay are old news: they are told to nobody.
    live: bool,
    version: u64,
    last_published: Option<(Timestamp, Monotonic)>,
    /// What people say. The engine never sees it.
    claims: Arc<ClaimBook>,
    /// Whether a claim came since the last picture.
    claims_news: bool,
    /// What claims are held against.
    measured: Arc<MeasuredLog>,
    /// When the oldest event of the journal was received.
    began: Option<Timestamp>,
    /// Strips that were made since the last picture: at most one for each question answered.
    strips: Vec<(StripWanted, Arc<Strip>)>,
}

impl Derive {
    pub(crate) fn new(
        shared: Arc<Shared>,
        published: watch::Sender<Arc<Published>>,
        stop: CancellationToken,
    ) -> Self {
        let usual = Settings::default();
        let speed = shared.clock.speed().max(0.0);
        let settings = Settings {
            lateness: shared.config.lateness,
            retention: shared.config.retention,
            rto: shared.config.rto,
            heartbeat: usual.heartbeat.max(HEARTBEAT_REAL_MIN.mul_f64(speed)),
            ..usual
        };
        Self {
            engine: Engine::new(settings),
            shared,
            published,
            stop,
            seq: 0,
            live: false,
            version: 0,
            last_published: None,
            claims: Arc::default(),
            claims_news: false,
            measured: Arc::default(),
            began: None,
            strips: Vec::new(),
        }
    }

    /// Follows the journal until its writer has ended or `stop` is called.
    pub(crate) fn run(mut self, progress: &Receiver<Progress>) {
        let _guard = Unready {
            published: self.published.clone(),
            stop: self.stop.clone(),
        };
        // Reports come ten times a second: only what changes is said.
        let mut behind = false;
        loop {
            let progress = match progress.recv_timeout(self.nap()) {
                Ok(progress) => progress,
                Err(RecvTimeoutError::Timeout) => {
                    self.ask();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let taken = self.take(progress);
            self.ask();
            let failed = taken.is_err();
            match taken {
                Ok(()) if behind => tracing::info!("deriving follows the journal again"),
                Err(error) if !behind => tracing::error!(%error, "deriving is behind"),
                Ok(()) | Err(_) => {}
            }
            behind = failed;
        }
    }

    /// Until somebody may have to be asked to look early.
    fn nap(&self) -> Duration {
        let clock = &self.shared.clock;
        let next = self.engine.next_ask().filter(|_| self.live);
        next.map_or(NAP_MAX, |at| {
            let speed = clock.speed().max(f64::MIN_POSITIVE);
            at.since(clock.wall()).div_f64(speed).min(NAP_MAX)
        })
    }

    /// Asks agents to look early at what is suspect. A replay asks nobody.
    fn ask(&mut self) {
        if !self.live {
            return;
        }
        let (now, control) = (self.shared.clock.wall(), &self.shared.control);
        for request in self.engine.ask(now, &|agent| control.is_reachable(agent)) {
            tracing::debug!(?request, "asked to look early");
            control.ask(request);
        }
    }

    fn take(&mut self, progress: Progress) -> Result<(), ReadError> {
        self.catch_up(progress.after)?;
        if self.stop.is_cancelled() {
            return Ok(());
        }
        for event in progress.events {
            self.handle(event);
        }
        self.engine.advance(progress.as_of);
        let changed = self.tell() || self.claims_news;
        self.live = true;
        if changed || self.is_stale(progress.as_of) {
            self.publish(progress.as_of);
            self.strips.clear();
        }
        self.answer_strips(progress.as_of);
        Ok(())
    }

    /// Answers readers who wait for strips. Equal questions get one answer until the next picture.
    fn answer_strips(&mut self, as_of: Timestamp) {
        for question in self.shared.strips().take() {
            let wanted = &question.wanted;
            let known = self.strips.iter().find(|(known, _)| known == wanted);
            let strip = known.map_or_else(
                || {
                    let (target, feature) = (&wanted.target, &wanted.feature);
                    Arc::new(self.engine.strip(target, feature, wanted.window, as_of))
                },
                |(_, strip)| Arc::clone(strip),
            );
            if known.is_none() {
                self.strips.push((wanted.clone(), Arc::clone(&strip)));
            }
            question.answer(strip);
        }
    }

    /// Reads what lies between the engine and `seq`: at the start the whole journal, later what
    /// was committed while this thread was behind.
    fn catch_up(&mut self, seq: u64) -> Result<(), ReadError> {
        if self.live && self.seq >= seq {
            return Ok(());
        }
        let started = self.shared.clock.monotonic();
        while self.seq < seq && !self.stop.is_cancelled() {
            let page = self.shared.reader().events_after(self.seq, PAGE)?;
            if page.is_empty() {
                break;
            }
            for event in page.into_iter().take_while(|event| event.seq <= seq) {
                self.handle(event);
            }
            self.tell();
        }
        self.seq = self.seq.max(seq);
        if !self.live {
            let took = self.shared.clock.monotonic().since(started);
            let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            self.shared.counters.replay_ms.set(ms);
            let events = self.shared.counters.events_derived.get();
            tracing::info!(events, ms, "the journal was replayed");
        }
        Ok(())
    }

    fn handle(&mut self, event: Event) {
        // After a failed read the same events may come both ways.
        if event.seq <= self.seq {
            return;
        }
        let (seq, received) = (event.seq, event.received);
        self.began.get_or_insert(received);
        match event.kind {
            Kind::Evidence | Kind::Words => {
                self.seq = seq;
                return;
            }
            Kind::Claim => {
                self.hear(&event);
                self.seq = seq;
                return;
            }
            Kind::Run | Kind::Plan | Kind::Heartbeat | Kind::Catalogue | Kind::Roster => {}
        }
        match event::decode(event) {
            Ok(event) => {
                if let bongsu_availability::Event::Run(run) = &event
                    && self.live
                {
                    self.shared.tally.count(run);
                }
                self.engine.handle(received, event);
                self.shared.counters.events_derived.add(1);
            }
            Err(error) => {
                self.shared.counters.events_unreadable.add(1);
                tracing::error!(seq, %error, "an event of the journal was passed over");
            }
        }
        self.seq = seq;
    }

    /// Writes down what somebody said. It moves nothing that is measured, not even engine time.
    fn hear(&mut self, event: &Event) {
        match event::claim(event) {
            Ok(stated) => {
                let stated = Arc::new(stated);
                let left = Arc::make_mut(&mut self.claims).add(Arc::clone(&stated));
                self.shared.counters.claims_pushed_out.add(left);
                self.claims_news = true;
                if self.live {
                    self.shared.announce_claim(stated);
                }
            }
            Err(error) => {
                self.shared.counters.events_unreadable.add(1);
                tracing::error!(seq = event.seq, %error, "a claim of the journal was passed over");
            }
        }
    }

    /// Passes transitions on; whether there were any.
    fn tell(&mut self) -> bool {
        let mut any = false;
        while let Some(transition) = self.engine.poll_transition() {
            any = true;
            Arc::make_mut(&mut self.measured).note(&transition);
            let transition = Arc::new(transition);
            self.shared.remember(Arc::clone(&transition));
            if self.live {
                self.shared.counters.transitions.add(1);
                tracing::info!(at = ?transition.at, change = ?transition.change, "transition");
                self.shared.announce(transition);
            }
        }
        any
    }

    /// By engine time, and by the monotonic clock for the case that engine time stands still.
    fn is_stale(&self, as_of: Timestamp) -> bool {
        let clock = &self.shared.clock;
        let every = PUBLISH_EVERY.mul_f64(clock.speed().max(0.0));
        self.last_published.is_none_or(|(shown, at)| {
            as_of.since(shown) >= every || clock.monotonic().since(at) >= every
        })
    }

    fn publish(&mut self, as_of: Timestamp) {
        self.version += 1;
        let kept_from = as_of - self.shared.config.retention;
        if self.claims.reaches_before(kept_from) {
            Arc::make_mut(&mut self.claims).forget_before(kept_from);
        }
        // What was in force when retention set in stays in the journal: one that is as old as that
        // has lost what was before.
        if self.began.is_some_and(|began| began < kept_from) {
            Arc::make_mut(&mut self.measured).forget_before(kept_from);
        }
        self.claims_news = false;
        let target = &self.shared.config.default_target;
        let said = (Arc::clone(&self.claims), Arc::clone(&self.measured));
        let picture = Published::of(&self.engine, target, said, as_of, self.version);
        self.published.send_replace(Arc::new(picture));
        let counted = self.engine.counters();
        *self
            .shared
            .counters
            .engine
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = counted;
        self.last_published = Some((as_of, self.shared.clock.monotonic()));
    }
}

/// Should deriving or the journal's writer panic, the last picture stays for people to read, but
/// the collector says that it is not ready. While the writer lives runs are still taken in: a
/// restart derives them.
struct Unready {
    published: watch::Sender<Arc<Published>>,
    stop: CancellationToken,
}

impl Drop for Unready {
    fn drop(&mut self) {
        // The writer outlives `stop`, unless it failed.
        if std::thread::panicking() || !self.stop.is_cancelled() {
            tracing::error!("deriving failed; what is shown stands still until a restart");
            self.published.send_modify(|picture| {
                *picture = Arc::new(Published {
                    ready: false,
                    ..Published::clone(picture)
                });
            });
        }
    }
}

#[cfg(test)]
mod claims_tests;
#[cfg(test)]
mod tests;
