//! The configuration as it takes effect, for `--check-config`.

use std::fmt::Write as _;

use axum::http::HeaderName;

use super::quantity::{bytes, duration};
use super::{Compression, Config, Duties, FORMAT, ForeignPolicy, Forward, SecretSource};
use crate::report::profile::Word as _;

/// As TOML, with every default filled in and token hashes cut.
pub(super) fn render(config: &Config) -> String {
    let mut out = String::new();
    write(config, &mut out).expect("writing to a String does not fail");
    out
}

fn write(config: &Config, out: &mut String) -> std::fmt::Result {
    let zone = config.zone.iana_name().unwrap_or("UTC");
    writeln!(out, "format = {FORMAT}")?;
    writeln!(out, "data = {:?}", config.data)?;
    writeln!(out, "catalogue = {:?}", config.catalogue)?;
    writeln!(out, "default_target = \"{}\"", config.default_target)?;
    writeln!(out, "zone = \"{zone}\"")?;
    writeln!(out, "lateness = \"{}\"", duration(config.lateness))?;
    writeln!(out, "retention = \"{}\"", duration(config.retention))?;
    writeln!(out, "bytes_max = \"{}\"", bytes(config.bytes_max))?;
    writeln!(out, "\n[listen]")?;
    writeln!(out, "otlp = \"{}\"", config.listen.otlp)?;
    writeln!(out, "otlp_grpc = \"{}\"", config.listen.otlp_grpc)?;
    writeln!(out, "web = \"{}\"", config.listen.web)?;
    let limits = &config.limits;
    writeln!(out, "\n[limits]")?;
    writeln!(out, "body_bytes_max = \"{}\"", bytes(limits.body_bytes_max))?;
    writeln!(out, "requests_per_second = {}", limits.requests_per_second)?;
    writeln!(out, "clock_ahead = \"{}\"", duration(limits.clock_ahead))?;
    writeln!(out, "\n[recovery]")?;
    writeln!(out, "warn_after = \"{}\"", duration(config.rto.warn))?;
    writeln!(out, "breach_after = \"{}\"", duration(config.rto.breach))?;
    write_duties(&config.duties, out)?;
    if let Some(link) = &config.trace_link {
        writeln!(out, "\n[trace_link]\nurl = {:?}", link.as_str())?;
    }
    for region in config.roster.regions() {
        let (ko, en) = (&region.names.ko, &region.names.en);
        writeln!(out, "\n[[region]]\nid = \"{}\"", region.id)?;
        writeln!(
            out,
            "names = {{ ko = {ko:?}, en = {en:?} }}\nweight = {}",
            region.weight
        )?;
    }
    for agent in config.roster.agents() {
        let vantage = &agent.vantage;
        writeln!(out, "\n[[agent]]\nid = \"{}\"", vantage.agent)?;
        writeln!(
            out,
            "region = \"{}\"\nnetwork = \"{}\"",
            vantage.region, vantage.network
        )?;
        writeln!(out, "token_sha256 = \"{}…\"", &agent.token.to_hex()[..8])?;
    }
    for operator in config.operators.all() {
        writeln!(out, "\n[[operator]]\nid = \"{}\"", operator.id)?;
        writeln!(out, "token_sha256 = \"{}…\"", &operator.token.to_hex()[..8])?;
    }
    writeln!(out, "\n[foreign]")?;
    match config.forwarding.foreign {
        ForeignPolicy::Refuse => writeln!(out, "spans = \"refuse\"")?,
        ForeignPolicy::Forward { bytes_max } => {
            writeln!(out, "spans = \"forward\"")?;
            writeln!(out, "bytes_max = \"{}\"", bytes(bytes_max))?;
        }
    }
    for sender in config.forwarding.senders() {
        writeln!(out, "\n[[sender]]\nid = \"{}\"", sender.id)?;
        writeln!(out, "token_sha256 = \"{}…\"", &sender.token.to_hex()[..8])?;
    }
    for forward in &config.forwarding.forwards {
        write_forward(forward, out)?;
    }
    if let Some(telemetry) = &config.telemetry {
        writeln!(out, "\n[telemetry]\nurl = {:?}", telemetry.url)?;
        write_headers(&telemetry.headers, out)?;
        if let Some(ca) = &telemetry.ca {
            writeln!(out, "ca = {ca:?}")?;
        }
        writeln!(out, "every = \"{}\"", duration(telemetry.every))?;
    }
    Ok(())
}

fn write_duties(duties: &Duties, out: &mut String) -> std::fmt::Result {
    let platform = &duties.platform;
    let roles: Vec<_> = platform.roles.iter().map(|role| role.as_str()).collect();
    writeln!(out, "\n[duties]")?;
    if let Some(folder) = &duties.folder {
        writeln!(out, "folder = {folder:?}")?;
    }
    writeln!(out, "roles = {roles:?}")?;
    if let Some(designated) = platform.designated {
        writeln!(out, "designated = {designated}")?;
    }
    for (key, number) in [
        ("revenue_won", platform.revenue_won),
        ("daily_users", platform.daily_users),
        ("hall_m2", platform.hall_m2),
    ] {
        if let Some(number) = number {
            writeln!(out, "{key} = {number}")?;
        }
    }
    if let Some(share) = platform.traffic_share {
        writeln!(out, "traffic_share = {share:?}")?;
    }
    Ok(())
}

fn write_headers(headers: &[(HeaderName, SecretSource)], out: &mut String) -> std::fmt::Result {
    let headers: Vec<String> = headers
        .iter()
        .map(|(name, source)| match source {
            SecretSource::Env(variable) => format!("{name} = {{ env = {variable:?} }}"),
            SecretSource::File(file) => format!("{name} = {{ file = {file:?} }}"),
        })
        .collect();
    if headers.is_empty() {
        return Ok(());
    }
    writeln!(out, "headers = {{ {} }}", headers.join(", "))
}

fn write_forward(forward: &Forward, out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n[[forward]]\nname = \"{}\"", forward.name)?;
    writeln!(out, "url = {:?}", forward.url)?;
    write_headers(&forward.headers, out)?;
    if let Some(ca) = &forward.ca {
        writeln!(out, "ca = {ca:?}")?;
    }
    let compression = match forward.compression {
        Compression::Gzip => "gzip",
        Compression::None => "none",
    };
    writeln!(out, "compression = \"{compression}\"")?;
    writeln!(
        out,
        "runs = {}\nforeign = {}",
        forward.runs, forward.foreign
    )
}
