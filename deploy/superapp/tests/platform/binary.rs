//! The binary itself, started by somebody who does not read what it says.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

/// Ended with the test, whatever it found.
struct Process(std::process::Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_standard_output_that_takes_nothing_does_not_end_the_platform() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_superapp"))
        .args(["--port", "0"])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn();
    let mut process = Process(child.unwrap());
    // Up to the end if it ends.
    let lines = BufReader::new(process.0.stderr.take().unwrap()).lines();
    let mut told = lines.map(|line| line.unwrap());
    let warned = told.find(|line| line.contains("cannot be written to standard output"));
    assert!(warned.is_some(), "it ended without a warning");
}
