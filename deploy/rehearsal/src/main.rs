//! The binary `bongsu-rehearsal`: the demo, and the trials that need a whole fleet.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    cli::run(cli::Arguments::parse())
}
