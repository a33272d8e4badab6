//! The agent from outside: the library against fakes, and the real binary against the stand-in.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "agent/action.rs"]
mod action;
#[path = "agent/budget.rs"]
mod budget;
#[path = "agent/cli.rs"]
mod cli;
#[path = "agent/cli_otlp.rs"]
mod cli_otlp;
#[path = "agent/cli_progress.rs"]
mod cli_progress;
#[path = "agent/cli_report.rs"]
mod cli_report;
#[path = "agent/cli_run.rs"]
mod cli_run;
#[path = "agent/cli_shell.rs"]
mod cli_shell;
#[path = "agent/collector.rs"]
mod collector;
#[path = "agent/control.rs"]
mod control;
#[path = "agent/crash.rs"]
mod crash;
#[path = "agent/examples.rs"]
mod examples;
#[path = "agent/import.rs"]
mod import;
#[path = "agent/parity.rs"]
mod parity;
#[path = "agent/recorder.rs"]
mod recorder;
#[path = "agent/secrets.rs"]
mod secrets;
#[path = "agent/shipping.rs"]
mod shipping;
#[path = "agent/shop.rs"]
mod shop;
#[path = "agent/stage.rs"]
mod stage;
#[path = "agent/start.rs"]
mod start;
#[path = "agent/telemetry.rs"]
mod telemetry;
#[path = "agent/warm.rs"]
mod warm;
