//! Performs the runs: some at the same time, told in order.

use std::io;

use bongsu_agent::direct::Room;
use bongsu_language::Redactor;
use bongsu_model::{RunReport, StepOutcome};
use bongsu_probes::Account;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};

use super::arguments::RunArguments;
use super::event::{Event, Source, sources};
use super::exit::{ends_all, exit_of};
use super::lease::Leases;
use super::line::Line;
use super::progress::{Place, Progress};
use super::stage::{Piece, Stage};
use super::tell::Teller;
use crate::cli::{Exit, say_error};

/// Most results that can come at once: those that waited for an older one, and those of the runs
/// that are under way.
const BURST_MAX: usize = 512;

/// How a run ended, and which.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its place among all runs, from 0.
    pub(super) nth: u64,
    pub(super) end: End,
}

/// How a run ended.
#[derive(Debug)]
pub(super) enum End {
    /// It was made.
    Ran {
        report: Box<RunReport>,
        /// Knows the secrets of its accounts, where texts of files are to be shown.
        redactor: Option<Box<Redactor>>,
    },
    /// The kill switch of the target holds the journey back.
    HeldBack,
}

/// Those who perform.
#[derive(Debug)]
pub(super) struct Crew<'a> {
    pub(super) stage: &'a Stage,
    pub(super) pieces: &'a [Piece],
    pub(super) arguments: &'a RunArguments,
    /// Where results wait to be sent: nothing is started that they would have no room for.
    pub(super) rooms: Vec<Room>,
}

impl Crew<'_> {
    /// How many runs there are.
    pub(super) fn total(&self) -> u64 {
        let pieces = self.pieces.len() as u64;
        pieces.saturating_mul(self.arguments.repeat.get())
    }

    /// Performs everything; gives back how many runs were not made, because one before them
    /// failed or because the command was interrupted.
    ///
    /// # Errors
    /// When signals cannot be received.
    pub(super) async fn perform(
        &self,
        leases: &mut Leases,
        teller: &mut Teller<'_>,
    ) -> io::Result<u64> {
        let mut line: Line<Ended> = Line::new(self.total());
        let mut progress = Progress::new(self.stage.clock.as_ref(), self.total());
        // All in one, and each looked at only once it was woken: runs make progress thousands of
        // times a second, and beside them next to nothing happens.
        let mut awaited = FuturesUnordered::new();
        awaited.extend(sources(progress.ticks())?.into_iter().map(next_of));
        let mut going = 0;
        let mut is_over = false;
        loop {
            while !is_over && going < usize::from(self.arguments.jobs) && self.has_room() {
                match line.start(|nth| self.begin(nth, leases)) {
                    Some(Begun::With(nth, accounts)) => {
                        let piece = self.piece(nth);
                        let title = || teller.title(piece, nth);
                        let place = progress.begins(nth, title, &piece.journey, &accounts);
                        awaited.push(self.run(nth, accounts, place).boxed());
                        going += 1;
                    }
                    Some(Begun::HeldBack(nth)) => {
                        let ended = Happened::Ended(Ended::held_back(nth), Vec::new());
                        awaited.push(std::future::ready(ended).boxed());
                        going += 1;
                    }
                    None => break,
                }
            }
            // Before more is polled: whoever reads may be slow, and with one run at a time that is
            // no time of the platform's.
            while let Some(ended) = line.tell() {
                progress.clear();
                teller.tell(self.piece(ended.nth), ended);
            }
            progress.draw_again();
            let must_wait = !is_over && !self.has_room();
            if going == 0 && !must_wait {
                break;
            }
            let happened = tokio::select! {
                () = self.room(), if must_wait => continue,
                Some(happened) = awaited.next() => happened,
            };
            match happened {
                Happened::Ended(ended, accounts) => {
                    // Where no run waits for anything, signals are heard all the same.
                    tokio::task::consume_budget().await;
                    going -= 1;
                    leases.give_back(&self.piece(ended.nth).journey, accounts);
                    let exit = ended.exit(self.arguments);
                    is_over |= self.arguments.fail_fast && ends_all(exit);
                    progress.ends(ended.nth, exit != Exit::Good);
                    line.end(ended.nth, ended);
                }
                Happened::Beside(event, source) => {
                    match event {
                        Event::Interrupted => {
                            self.interrupt(&mut progress);
                            is_over = true;
                        }
                        Event::Draw => progress.draw(),
                        Event::Beat => {}
                    }
                    awaited.push(next_of(source));
                }
            }
        }
        drop(progress);
        while let Some(ended) = line.tell_rest() {
            teller.tell(self.piece(ended.nth), ended);
        }
        Ok(line.waiting())
    }

    fn has_room(&self) -> bool {
        self.rooms.iter().all(|room| room.has(BURST_MAX))
    }

    async fn room(&self) {
        for room in &self.rooms {
            room.wait(BURST_MAX).await;
        }
    }

    fn piece(&self, nth: u64) -> &Piece {
        let pieces = self.pieces.len() as u64;
        let at = usize::try_from(nth % pieces).expect("below the number of pieces");
        &self.pieces[at]
    }

    fn begin(&self, nth: u64, leases: &mut Leases) -> Option<Begun> {
        let journey = &self.piece(nth).journey;
        let switch = self.stage.target.profile().kill_switch;
        if switch.holds_back(journey) {
            return Some(Begun::HeldBack(nth));
        }
        leases
            .take(journey)
            .map(|accounts| Begun::With(nth, accounts))
    }

    async fn run(&self, nth: u64, accounts: Vec<Account>, place: Place) -> Happened {
        let piece = self.piece(nth);
        let (report, accounts) = self.stage.run(piece, accounts, nth, &place).await;
        let shows_files = is_drawn(&report) || !self.arguments.reports.is_empty();
        let redactor = shows_files.then(|| Box::new(redactor_of(&accounts)));
        let end = End::Ran {
            report: Box::new(report),
            redactor,
        };
        Happened::Ended(Ended { nth, end }, accounts)
    }

    /// What is under way cleans up and ends; a second signal ends the process at once.
    fn interrupt(&self, progress: &mut Progress<'_>) {
        if self.stage.cancel.is_cancelled() {
            progress.clear();
            say_error(
                "interrupted again: ended at once; what was under way may have left something \
                 behind",
            );
            std::process::exit(Exit::Interrupted as i32);
        }
        self.stage.cancel.cancel();
        progress.interrupted();
    }
}

/// What is waited for has come.
enum Happened {
    /// A run is over; its accounts come back.
    Ended(Ended, Vec<Account>),
    /// Something else, from a source that has more.
    Beside(Event, Source),
}

fn next_of<'a>(mut source: Source) -> BoxFuture<'a, Happened> {
    async move { Happened::Beside(source.next().await, source) }.boxed()
}

enum Begun {
    With(u64, Vec<Account>),
    HeldBack(u64),
}

impl Ended {
    fn held_back(nth: u64) -> Self {
        Self {
            nth,
            end: End::HeldBack,
        }
    }

    /// What it means for a script.
    pub(super) fn exit(&self, arguments: &RunArguments) -> Exit {
        match &self.end {
            End::Ran { report, .. } => exit_of(report, arguments.strict),
            End::HeldBack => Exit::Blind,
        }
    }
}

/// Whether a place in a file is shown for it.
fn is_drawn(report: &RunReport) -> bool {
    let mut outcomes = report.steps.iter().map(|step| step.outcome);
    outcomes.any(|outcome| matches!(outcome, StepOutcome::Fail(_) | StepOutcome::Blind(_)))
}

/// What knows the secrets of these accounts.
pub(super) fn redactor_of<'a>(accounts: impl IntoIterator<Item = &'a Account>) -> Redactor {
    let mut redactor = Redactor::new();
    let accounts = accounts.into_iter();
    for (_, secret) in accounts.flat_map(|account| &account.secrets) {
        redactor.learn(secret);
    }
    redactor
}
