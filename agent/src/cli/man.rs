//! `bongsu man`: the manual, made of what `--help` says.

use std::io;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use super::{Arguments, Exit, ManArguments, print, say_error};

pub(super) fn main(arguments: &ManArguments) -> Exit {
    // There is no page of `help`, so none must be named.
    let mut command = Arguments::command().disable_help_subcommand(true);
    // Pages of commands are called `bongsu-run` and know the whole synopsis.
    command.build();
    let done = match &arguments.into {
        Some(folder) => write_all(&command, folder).map_err(|error| {
            let folder = folder.display();
            format!("cannot write {folder}: {error}")
        }),
        None => match page(&command, &arguments.command) {
            Ok(page) => return print(&page),
            Err(error) => Err(error),
        },
    };
    match done {
        Ok(()) => Exit::Good,
        Err(error) => {
            say_error(&format!("error: {error}"));
            Exit::Usage
        }
    }
}

/// The page of one command, such as `import har`, or that of all together.
fn page(command: &Command, words: &[String]) -> Result<Vec<u8>, String> {
    let mut of = command;
    for word in words {
        let found = documented(of).find(|one| one.get_name() == word);
        of = found.ok_or_else(|| {
            let known: Vec<&str> = documented(of).map(Command::get_name).collect();
            let known = match known.as_slice() {
                [] => format!("`{}` has none", of.get_name()),
                known => format!("there are {}", known.join(", ")),
            };
            format!("there is no command `{}`: {known}", words.join(" "))
        })?;
    }
    render(of).map_err(|error| error.to_string())
}

/// `bongsu.1`, and one page a command, such as `bongsu-run.1` and `bongsu-import-har.1`.
fn write_all(command: &Command, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name());
    std::fs::write(folder.join(format!("{name}.1")), render(command)?)?;
    documented(command).try_for_each(|one| write_all(one, folder))
}

fn documented(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|one| !one.is_hide_set())
}

fn render(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let manual = "Bongsu Manual";
    Man::new(command.clone())
        .manual(manual)
        .source(format!("bongsu {}", env!("CARGO_PKG_VERSION")))
        .render(&mut page)?;
    Ok(page)
}
