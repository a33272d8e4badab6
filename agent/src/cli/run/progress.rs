//! What is under way, on a terminal that a person looks at: redrawn in place, and taken away before
//! anything else is printed.

mod frame;
mod screen;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bongsu_language::{Journey, Redactor, Step};
use bongsu_model::{Clock, Monotonic};
use bongsu_probes::{Account, StepWatch};
use tokio::time::{Interval, interval};

use super::crew::redactor_of;
use crate::cli::say_error;
use frame::{Frame, Row};
use screen::Screen;

/// What ends sooner is never drawn.
const FIRST_AFTER: Duration = Duration::from_millis(250);

/// How often it is drawn anew.
const EVERY: Duration = Duration::from_millis(100);

/// The step that has not begun yet.
const NO_STEP: u32 = u32::MAX;

/// How far one run is: its own shares it.
#[derive(Debug, Clone)]
pub(super) struct Place(Arc<AtomicU32>);

impl Default for Place {
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(NO_STEP)))
    }
}

impl StepWatch for Place {
    fn begins(&self, step: &Step) {
        self.0.store(step.index, Ordering::Relaxed);
    }
}

/// What is under way. Nothing is drawn, and next to nothing done, where nobody looks.
pub(super) struct Progress<'a> {
    screen: Option<Screen>,
    clock: &'a dyn Clock,
    began: Monotonic,
    total: u64,
    ended: u64,
    failed: u64,
    is_interrupted: bool,
    going: Vec<Going<'a>>,
}

/// A run that is under way.
struct Going<'a> {
    nth: u64,
    title: String,
    journey: &'a Journey,
    began: Monotonic,
    place: Place,
    /// Knows the secrets of its accounts.
    redactor: Redactor,
    /// The step that was shown last, without secrets.
    shown: (u32, String),
}

impl<'a> Progress<'a> {
    /// Of `total` runs.
    pub(super) fn new(clock: &'a dyn Clock, total: u64) -> Self {
        Self {
            screen: Screen::of_a_person(),
            clock,
            began: clock.monotonic(),
            total,
            ended: 0,
            failed: 0,
            is_interrupted: false,
            going: Vec::new(),
        }
    }

    /// A run begins.
    pub(super) fn begins(
        &mut self,
        nth: u64,
        title: impl FnOnce() -> String,
        journey: &'a Journey,
        accounts: &[Account],
    ) -> Place {
        let place = Place::default();
        if self.screen.is_some() {
            let redactor = redactor_of(accounts);
            self.going.push(Going {
                nth,
                // As steps do, it has names that its author may have written a secret into.
                title: redactor.redact(&title()),
                journey,
                began: self.clock.monotonic(),
                place: place.clone(),
                redactor,
                shown: (NO_STEP, String::new()),
            });
        }
        place
    }

    /// A run is over.
    pub(super) fn ends(&mut self, nth: u64, has_failed: bool) {
        self.ended += 1;
        self.failed += u64::from(has_failed);
        self.going.retain(|going| going.nth != nth);
    }

    /// The command was interrupted: what is under way cleans up.
    pub(super) fn interrupted(&mut self) {
        self.is_interrupted = true;
        if self.screen.is_none() {
            say_error(frame::INTERRUPTED);
        }
        self.draw();
    }

    /// When it is time to [`draw`](Self::draw); never where nobody looks.
    pub(super) fn ticks(&self) -> Option<Interval> {
        self.screen.as_ref().map(|_| {
            let mut ticks = interval(EVERY);
            ticks.reset_after(FIRST_AFTER);
            ticks
        })
    }

    /// Draws what is under way.
    pub(super) fn draw(&mut self) {
        let Some(screen) = &mut self.screen else {
            return;
        };
        let now = self.clock.monotonic();
        let size = screen.size();
        let rows = frame::rows_max(size);
        let shown = self.going.iter_mut().take(rows);
        let frame = Frame {
            rows: shown.map(|going| going.row(now)).collect(),
            more: self.going.len().saturating_sub(rows),
            total: self.total,
            ended: self.ended,
            failed: self.failed,
            took: now.since(self.began),
            is_interrupted: self.is_interrupted,
        };
        let lines = frame.lines(size.columns, screen.colour());
        screen.show(&lines);
    }

    /// Draws again what [`clear`](Self::clear) took away.
    pub(super) fn draw_again(&mut self) {
        if self.screen.as_ref().is_some_and(Screen::is_cleared) {
            self.draw();
        }
    }

    /// Takes the drawing away: something else is going to be printed.
    pub(super) fn clear(&mut self) {
        if let Some(screen) = &mut self.screen {
            screen.clear();
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Going<'_> {
    fn row(&mut self, now: Monotonic) -> Row {
        let index = self.place.0.load(Ordering::Relaxed);
        if self.shown.0 != index {
            self.shown = (index, self.name(index));
        }
        let steps = self.journey.steps.len();
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        let how_far = if index == NO_STEP {
            String::new()
        } else if at < steps {
            format!("{}/{steps}", at + 1)
        } else {
            "cleanup".to_owned()
        };
        Row {
            title: self.title.clone(),
            how_far,
            step: self.shown.1.clone(),
            took: now.since(self.began),
        }
    }

    /// The step's name; its author may have written a secret into it.
    fn name(&self, index: u32) -> String {
        let mut steps = self.journey.steps.iter().chain(&self.journey.cleanup);
        let step = steps.find(|step| step.index == index);
        step.map(|step| self.redactor.redact(&step.name))
            .unwrap_or_default()
    }
}
