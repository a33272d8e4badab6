//! The configuration as it takes effect, for the control channel: every default filled in. Secrets
//! are named in it, as in the file.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Bursts, Config, ControlChannel};

/// As TOML.
pub(super) fn render(config: &Config) -> String {
    let mut out = String::new();
    write(config, &mut out).expect("writing to a String does not fail");
    out
}

fn write(config: &Config, out: &mut String) -> std::fmt::Result {
    let vantage = &config.vantage;
    writeln!(out, "format = 1\nid = \"{}\"", vantage.agent)?;
    writeln!(out, "region = \"{}\"", vantage.region)?;
    writeln!(out, "network = \"{}\"", vantage.network)?;
    writeln!(out, "data = {:?}", config.data)?;
    let plan = &config.plan;
    writeln!(out, "\n[plan]\njourneys = {:?}", plan.journeys)?;
    writeln!(out, "catalogue = {:?}", plan.catalogue)?;
    writeln!(out, "targets = {:?}", plan.targets)?;
    writeln!(out, "slice = \"{}\"", plan.slice)?;
    writeln!(out, "account_slice = \"{}\"", plan.account_slice)?;
    writeln!(out, "reload = \"{}\"", duration(plan.reload))?;
    writeln!(
        out,
        "\n[limits]\nconcurrency = {}",
        config.limits.concurrency
    )?;
    writeln!(
        out,
        "bursts = {}",
        config.limits.bursts == Bursts::LookAgain
    )?;
    for collector in &config.collectors {
        writeln!(out, "\n[[collector]]\nname = \"{}\"", collector.name)?;
        writeln!(out, "url = {:?}", collector.url)?;
        writeln!(out, "token = {}", collector.token.as_toml())?;
        if let Some(ca) = &collector.ca {
            writeln!(out, "ca = {ca:?}")?;
        }
        let is_open = collector.control == ControlChannel::Open;
        writeln!(out, "control = {is_open}")?;
    }
    writeln!(
        out,
        "\n[spool]\nbytes_max = \"{}KiB\"",
        config.spool_bytes_max >> 10
    )?;
    let controls = &config.controls;
    writeln!(
        out,
        "\n[controls]\nevery = \"{}\"",
        duration(controls.every)
    )?;
    writeln!(out, "timeout = \"{}\"", duration(controls.timeout))?;
    writeln!(out, "addresses = {:?}", controls.addresses)?;
    if let Some(resolver) = controls.resolver {
        writeln!(out, "resolver = \"{resolver}\"")?;
    }
    if let Some(address) = config.listen {
        writeln!(out, "\n[listen]\naddress = \"{address}\"")?;
        if !address.ip().is_loopback() {
            writeln!(out, "allow_remote = true")?;
        }
    }
    if let Some(telemetry) = &config.telemetry {
        writeln!(out, "\n[telemetry]\nurl = {:?}", telemetry.url)?;
        let headers = telemetry.headers.iter();
        let headers: Vec<String> = headers
            .map(|(name, source)| format!("{name:?} = {}", source.as_toml()))
            .collect();
        if !headers.is_empty() {
            writeln!(out, "headers = {{ {} }}", headers.join(", "))?;
        }
        if let Some(ca) = &telemetry.ca {
            writeln!(out, "ca = {ca:?}")?;
        }
        writeln!(out, "every = \"{}\"", duration(telemetry.every))?;
    }
    Ok(())
}

fn duration(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
        millis => format!("{millis}ms"),
    }
}
