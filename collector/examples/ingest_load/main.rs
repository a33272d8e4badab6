//! Loads a collector with runs as agents send them, and tells what it cost the collector.
//!
//! `ingest_load prepare FOLDER` writes a configuration and a catalogue for a fleet;
//! `ingest_load send FOLDER --otlp ADDRESS …` ships the fleet's plans, then the backlog of runs
//! that it has after the collector was away: every run has an id of its own, and none comes
//! twice. With `--pid` and `--web` it waits until the collector has derived what it kept and
//! prints its processor time and memory as one line of JSON.

mod fleet;
mod load;
mod meter;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Loads a collector with runs and tells what it cost.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Writes collector.toml and catalogue.toml into a folder.
    Prepare {
        /// The folder, made if it is not there; `data` in it becomes the collector's.
        folder: PathBuf,
        /// Agents of the fleet, in regions of five.
        #[arg(long, default_value_t = 40)]
        agents: usize,
        /// Port of OTLP; the next one is that of the board.
        #[arg(long, default_value_t = 24318)]
        port: u16,
    },
    /// Writes one request of runs into a file, for other tools.
    Write {
        /// The file.
        file: PathBuf,
        /// What is sent.
        #[command(flatten)]
        shape: fleet::Shape,
    },
    /// Reads a written request so many times: what callgrind counts.
    Read {
        /// The file.
        file: PathBuf,
        /// How many times.
        #[arg(long, default_value_t = 20)]
        times: usize,
        /// By the full decode instead of in place.
        #[arg(long)]
        whole: bool,
    },
    /// Tells by its exit code whether something listens.
    Ping {
        /// Where.
        address: SocketAddr,
    },
    /// Sends runs to a receiver of OTLP/HTTP.
    Send(load::Send),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().act {
        Act::Prepare {
            folder,
            agents,
            port,
        } => fleet::prepare(&folder, agents, SocketAddr::from(([127, 0, 0, 1], port))),
        Act::Write { file, shape } => load::write(&file, &shape),
        Act::Read { file, times, whole } => load::read(&file, times, whole),
        Act::Ping { address } => std::net::TcpStream::connect(address).map(drop),
        Act::Send(send) => send.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "told to the person at the terminal")]
fn complain(error: &str) {
    eprintln!("error: {error}");
}
