//! `bongsu completions`: what a shell needs to complete commands, options and files.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Arguments, Exit, print};

pub(super) fn main(shell: Shell) -> Exit {
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    print(&script)
}
