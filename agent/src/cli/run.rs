//! `bongsu run`: journeys once or often, told in order, and an exit code that a script can trust.

mod arguments;
mod crew;
mod event;
mod exit;
mod lease;
mod line;
mod pick;
mod progress;
mod report;
mod select;
mod stage;
mod tally;
mod tell;
mod vars;

use super::{Exit, say_error};
pub(super) use arguments::RunArguments;
use crew::Crew;
use lease::Leases;
use report::Reports;
pub(super) use select::find_target;
use select::{Selected, select};
use stage::Stage;
use tell::Teller;
pub(super) use vars::set_var;

pub(super) fn main(arguments: RunArguments) -> Exit {
    if let Some(why) = arguments.contradiction() {
        say_error(&format!("error: {why}"));
        return Exit::Usage;
    }
    let selected = match select(&arguments) {
        Ok(selected) => selected,
        Err(exit) => return exit,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(as_a_task(run(arguments, selected))),
        Err(error) => {
            say_error(&format!("error: the runtime cannot start: {error}"));
            Exit::Blind
        }
    }
}

/// Runs `work` as a task. The runtime's outermost future would do as well, but each waking of that
/// one goes through the kernel: a quarter of all system calls of a journey.
async fn as_a_task<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(ended) => std::panic::resume_unwind(ended.into_panic()),
    }
}

async fn run(arguments: RunArguments, selected: Selected) -> Exit {
    let (arguments, selected) = (&arguments, &selected);
    let target = selected.target.target.clone();
    let stage = Stage::new(target, arguments.trigger(), arguments.vantage());
    let reports = match Reports::open(&arguments.reports, &stage) {
        Ok(reports) => reports,
        Err(error) => {
            say_error(&format!("error: {error}"));
            return Exit::Usage;
        }
    };
    let crew = Crew {
        stage: &stage,
        pieces: &selected.pieces,
        arguments,
        rooms: reports.rooms(),
    };
    let mut teller = Teller::new(arguments, selected, crew.total(), reports);
    let mut leases = Leases::new(&selected.target.pools);
    let began = stage.clock.monotonic();
    let not_run = match crew.perform(&mut leases, &mut teller).await {
        Ok(not_run) => not_run,
        Err(error) => {
            say_error(&format!("error: signals cannot be received: {error}"));
            return Exit::Blind;
        }
    };
    let took = stage.clock.monotonic().since(began);
    let exit = teller.finish(took, not_run).await;
    if stage.cancel.is_cancelled() {
        Exit::Interrupted
    } else {
        exit
    }
}
