//! The keys of `agent.toml`: which there are, and how each is read.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bongsu_model::{AgentId, NetworkId, RegionId, Vantage};
use toml::de::DeTable;

use super::conceal::shown;
use super::source::{Mistake, Mistakes, Section};
use super::{
    Bursts, CollectorConfig, Config, ControlChannel, ControlsConfig, LimitsConfig, PlanConfig,
    SecretSource, Slice, TelemetryConfig,
};
use crate::units;

/// The format number that this version reads.
const FORMAT: u64 = 1;

/// Runs at a time when the file does not say.
const CONCURRENCY: usize = 32;

/// Most runs at a time: each may hold a dozen sockets, and 1,000 of those is a common limit.
const CONCURRENCY_MAX: u64 = 4096;

/// Spool bytes when the file does not say: 43 features once a minute for 127.5 hours at 1.5 KiB.
const SPOOL_BYTES: u64 = 512 << 20;

/// Smallest spool: a few segments of a few runs.
const SPOOL_BYTES_MIN: u64 = 64 << 10;

/// Fewest controls that can have a majority when one of them is down.
const CONTROLS_MIN: usize = 3;

/// Shortest `controls.every`: each look opens a connection to every control, and a failed run
/// looks at once anyway.
const CONTROLS_EVERY_MIN: Duration = Duration::from_secs(1);

/// Shortest `telemetry.every`.
const TELEMETRY_EVERY_MIN: Duration = Duration::from_secs(1);

/// How often own metrics are pushed when the file does not say.
const TELEMETRY_EVERY: Duration = Duration::from_secs(60);

/// Shortest `plan.reload`: each look reads and hashes every file of the plan.
const RELOAD_MIN: Duration = Duration::from_millis(100);

pub(super) fn config(text: &str, folder: &Path) -> Result<Config, Vec<Mistake>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mistakes = Mistakes::default();
    for error in &errors {
        mistakes.add(error.span().unwrap_or(0..0), error.message().trim());
    }
    if !errors.is_empty() {
        return Err(mistakes.into_sorted());
    }
    let config = read(&mistakes, document.get_ref(), folder);
    let mistakes = mistakes.into_sorted();
    match config {
        Some(config) if mistakes.is_empty() => Ok(config),
        _ => Err(mistakes),
    }
}

fn read(mistakes: &Mistakes, document: &DeTable<'_>, folder: &Path) -> Option<Config> {
    let top = Section::new(mistakes, document, 0..0, "");
    match top.integer("format", 0..1000) {
        Some(FORMAT) => {}
        Some(other) => mistakes.add_with(
            top.span_of("format"),
            format!("format {other} is not known"),
            format!("this version reads format {FORMAT}"),
        ),
        None => mistakes.add_with(
            top.span_of("format"),
            "`format` is missing",
            format!("begin the file with `format = {FORMAT}`"),
        ),
    }
    let id = top.required("id", AgentId::new);
    let region = top.required("region", RegionId::new);
    let network = top.required("network", NetworkId::new);
    let data = top.required("data", |text| path_in(folder, text));
    let plan = top
        .required_section("plan", "[plan]")
        .and_then(|section| plan(mistakes, section, folder));
    let limits = top.section("limits", "[limits]").map_or(
        Some(LimitsConfig {
            concurrency: NonZeroUsize::new(CONCURRENCY).expect("not zero"),
            bursts: Bursts::LookAgain,
        }),
        limits,
    );
    let collectors = collectors(mistakes, &top, folder);
    let spool_bytes_max = top
        .section("spool", "[spool]")
        .map_or(Some(SPOOL_BYTES), |section| spool(mistakes, section));
    let controls = top
        .required_section("controls", "[controls]")
        .and_then(|section| controls(mistakes, section));
    let listen = top
        .section("listen", "[listen]")
        .and_then(|section| listen(mistakes, section));
    let telemetry = match top.section("telemetry", "[telemetry]") {
        Some(section) => Some(telemetry(mistakes, section, folder)?),
        None => None,
    };
    top.finish();
    Some(Config {
        vantage: Vantage {
            region: region?,
            network: network?,
            agent: id?,
        },
        data: data?,
        plan: plan?,
        limits: limits?,
        collectors: collectors?,
        spool_bytes_max: spool_bytes_max?,
        controls: controls?,
        listen,
        telemetry,
    })
}

fn path_in(folder: &Path, text: &str) -> Result<PathBuf, &'static str> {
    if text.is_empty() {
        Err("a path cannot be empty")
    } else {
        Ok(folder.join(text))
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not an address and port, as in 127.0.0.1:8310"))
}

/// The pages tell of targets, accounts and problems, and ask nobody who he is.
fn listen(mistakes: &Mistakes, section: Section<'_>) -> Option<SocketAddr> {
    let address = section.required("address", address);
    let is_remote_allowed = section.boolean("allow_remote") == Some(true);
    if let Some(address) = address
        && !address.ip().is_loopback()
        && !is_remote_allowed
    {
        mistakes.add_with(
            section.span_of("address"),
            format!("{address} is not on loopback, and the pages ask nobody for a token"),
            format!(
                "write 127.0.0.1:{}, or `allow_remote = true` beside it if only those can reach \
                 it who may",
                address.port()
            ),
        );
    }
    section.finish();
    address
}

/// Refuses a duration below its least, with the reason.
fn at_least(
    mistakes: &Mistakes,
    section: &Section<'_>,
    key: &'static str,
    (min, reason): (Duration, &str),
) -> Option<Duration> {
    let duration = section.optional(key, units::duration);
    if duration.is_some_and(|duration| duration < min) {
        mistakes.add_with(
            section.span_of(key),
            format!("`{key}` is shorter than {min:?}"),
            format!("{reason}; write {min:?} or longer"),
        );
    }
    duration
}

fn plan(mistakes: &Mistakes, section: Section<'_>, folder: &Path) -> Option<PlanConfig> {
    let journeys = section.list("journeys", |text| path_in(folder, text));
    let catalogue = section.required("catalogue", |text| path_in(folder, text));
    let targets = section.list("targets", |text| path_in(folder, text));
    for (key, list) in [("journeys", &journeys), ("targets", &targets)] {
        if let Some((paths, span)) = list
            && paths.is_empty()
        {
            mistakes.add(span.clone(), format!("`{key}` names no file"));
        }
    }
    let slice = section.optional("slice", str::parse::<Slice>);
    let account_slice = section.optional("account_slice", str::parse::<Slice>);
    let bound = (RELOAD_MIN, "each look reads every file of the plan");
    let reload = at_least(mistakes, &section, "reload", bound);
    section.finish();
    Some(PlanConfig {
        journeys: journeys?.0,
        catalogue: catalogue?,
        targets: targets?.0,
        slice: slice.unwrap_or(Slice::WHOLE),
        account_slice: account_slice.unwrap_or(Slice::WHOLE),
        reload: reload.unwrap_or(Duration::from_secs(5)),
    })
}

fn limits(section: Section<'_>) -> Option<LimitsConfig> {
    let concurrency = section.integer("concurrency", 1..CONCURRENCY_MAX + 1);
    let bursts = section.boolean("bursts");
    section.finish();
    Some(LimitsConfig {
        concurrency: concurrency
            .and_then(|n| NonZeroUsize::new(usize::try_from(n).ok()?))
            .or(NonZeroUsize::new(CONCURRENCY))?,
        bursts: match bursts {
            Some(false) => Bursts::Off,
            Some(true) | None => Bursts::LookAgain,
        },
    })
}

fn collectors(
    mistakes: &Mistakes,
    top: &Section<'_>,
    folder: &Path,
) -> Option<Vec<CollectorConfig>> {
    let sections = top.sections("collector", "[[collector]]");
    if sections.is_empty() {
        mistakes.add(0..0, "no [[collector]]: where shall results go?");
    }
    let mut collectors: Vec<CollectorConfig> = Vec::new();
    let mut complete = true;
    for section in sections {
        let name_span = section.span_of("name");
        match collector(section, folder) {
            Some(one) if collectors.iter().any(|other| other.name == one.name) => {
                mistakes.add(
                    name_span,
                    format!("two collectors are named `{}`", one.name),
                );
            }
            Some(one) => collectors.push(one),
            None => complete = false,
        }
    }
    complete.then_some(collectors)
}

fn collector(section: Section<'_>, folder: &Path) -> Option<CollectorConfig> {
    // A collector's name becomes a file name in the spool, so it obeys the rule of all names.
    let name = section.required("name", |text| {
        AgentId::new(text)
            .map(|name| name.as_str().to_owned())
            .map_err(|error| format!("`{text}` is not a collector's name: {}", error.rule))
    });
    let url = section.required("url", base_url);
    let token = match section.section("token", "token") {
        Some(token) => secret_source(token, folder),
        None => section.required::<SecretSource, _>("token", |_| {
            Err("a token is named, never written: { file = \"…\" } or { env = \"…\" }")
        }),
    };
    let ca = section.optional("ca", |text| path_in(folder, text));
    let control = section.boolean("control");
    section.finish();
    Some(CollectorConfig {
        name: name?,
        url: url?,
        token: token?,
        ca,
        control: match control {
            Some(false) => ControlChannel::Off,
            Some(true) | None => ControlChannel::Open,
        },
    })
}

pub(crate) fn base_url(text: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text)
        .map_err(|error| format!("{} is not a URL: {error}", shown(text)))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!(
            "{} is not an http:// or https:// address",
            shown(text)
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL carries no credentials here; use `token`".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() || url.path().contains("/v1/") {
        return Err("give the address only; /v1/traces and /v1/logs are added".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn telemetry(mistakes: &Mistakes, section: Section<'_>, folder: &Path) -> Option<TelemetryConfig> {
    let url = section.required("url", base_url);
    let bound = (TELEMETRY_EVERY_MIN, "metrics are no stream");
    let every = at_least(mistakes, &section, "every", bound);
    let ca = section.optional("ca", |text| path_in(folder, text));
    let mut headers = Vec::new();
    let mut complete = true;
    let tables = section
        .section("headers", "headers")
        .map(|all| all.tables());
    for (name, source) in tables.unwrap_or_default() {
        match secret_source(source, folder) {
            Some(source) => headers.push((name.to_owned(), source)),
            None => complete = false,
        }
    }
    section.finish();
    complete.then_some(TelemetryConfig {
        url: url?,
        headers,
        ca,
        every: every.unwrap_or(TELEMETRY_EVERY),
    })
}

fn secret_source(section: Section<'_>, folder: &Path) -> Option<SecretSource> {
    let env = section.optional("env", |text| Ok::<_, Infallible>(text.to_owned()));
    let file = section.optional("file", |text| path_in(folder, text));
    let source = match (env, file) {
        (Some(name), None) => Some(SecretSource::Env(name)),
        (None, Some(path)) => Some(SecretSource::File(path)),
        (Some(_), Some(_)) | (None, None) => section.required("file` or `env", |_| Err("")),
    };
    section.finish();
    source
}

fn spool(mistakes: &Mistakes, section: Section<'_>) -> Option<u64> {
    let bytes_max = section.optional("bytes_max", units::bytes);
    if bytes_max.is_some_and(|bytes| bytes < SPOOL_BYTES_MIN) {
        mistakes.add(section.span_of("bytes_max"), "a spool has at least 64KiB");
    }
    section.finish();
    Some(bytes_max.unwrap_or(SPOOL_BYTES))
}

fn controls(mistakes: &Mistakes, section: Section<'_>) -> Option<ControlsConfig> {
    let bound = (
        CONTROLS_EVERY_MIN,
        "each look opens a connection to every control, and a failed run looks at once anyway",
    );
    let every = at_least(mistakes, &section, "every", bound);
    let timeout = section.optional("timeout", units::duration);
    let addresses = section.list("addresses", host_and_port);
    let resolver = section.optional("resolver", address);
    if let Some((addresses, span)) = &addresses
        && addresses.len() < CONTROLS_MIN
    {
        mistakes.add_with(
            span.clone(),
            match addresses.len() {
                1 => "1 control is too few".to_owned(),
                few => format!("{few} controls are too few"),
            },
            "name at least three hosts that share nothing with the target: with fewer there is \
             no majority when one of them is down"
                .to_owned(),
        );
    }
    if let Some((addresses, span)) = &addresses
        && let Some((_, twice)) = addresses
            .iter()
            .enumerate()
            .find(|(at, address)| addresses[..*at].contains(address))
    {
        mistakes.add_with(
            span.clone(),
            format!("the control `{twice}` is named twice"),
            "name hosts that differ: one that is down must not count as two".to_owned(),
        );
    }
    section.finish();
    Some(ControlsConfig {
        every: every.unwrap_or(Duration::from_secs(5)),
        timeout: timeout.unwrap_or(Duration::from_secs(2)),
        addresses: addresses?.0,
        resolver,
    })
}

fn host_and_port(text: &str) -> Result<String, String> {
    text.rsplit_once(':')
        .filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
        .map(|_| text.to_owned())
        .ok_or_else(|| format!("`{text}` is not host:port, as in one.one.one.one:443"))
}
