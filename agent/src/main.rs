//! The binary `bongsu`: `agent` measures without end, `run` once; `check`, `plan`, `fmt` and `schema`
//! only read or lay out, `import` writes journeys; `completions` and `man` are made of the command line.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

/// A journey of six requests takes hundreds of pieces of memory and gives them back, many of them too
/// large for what the C library keeps at hand: with this one it takes fewer instructions, for some
/// more memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    // ring everywhere: its first random bytes come at once.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        cli::say_error("another TLS provider is installed already");
        return ExitCode::FAILURE;
    }
    cli::main(arguments)
}
