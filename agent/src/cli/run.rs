//! `bongsu run`: journeys once or often, told in order, and an exit code that a script can trust.

mod arguments;
mod crew;
mod exit;
mod lease;
mod line;
mod pick;
mod report;
mod select;
mod stage;
mod tally;
mod tell;
mod vars;

use bongsu_model::Trigger;

use super::{Exit, say_error};
pub(super) use arguments::RunArguments;
use crew::Crew;
use lease::Leases;
use report::Reports;
use select::{Selected, select};
use stage::Stage;
use tell::Teller;

pub(super) fn main(arguments: &RunArguments) -> Exit {
    let selected = match select(arguments) {
        Ok(selected) => selected,
        Err(exit) => return exit,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(arguments, &selected)),
        Err(error) => {
            say_error(&format!("error: the runtime cannot start: {error}"));
            Exit::Blind
        }
    }
}

async fn run(arguments: &RunArguments, selected: &Selected) -> Exit {
    let trigger = if arguments.ci {
        Trigger::Ci
    } else {
        Trigger::Manual
    };
    let stage = Stage::new(selected.target.target.clone(), trigger);
    let crew = Crew {
        stage: &stage,
        pieces: &selected.pieces,
        arguments,
    };
    let reports = match Reports::open(&arguments.reports) {
        Ok(reports) => reports,
        Err(error) => {
            say_error(&format!("error: {error}"));
            return Exit::Usage;
        }
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
    let exit = teller.finish(took, not_run);
    if stage.cancel.is_cancelled() {
        Exit::Interrupted
    } else {
        exit
    }
}
