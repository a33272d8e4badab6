//! The words of `bongsu run`.

use std::num::NonZero;
use std::path::PathBuf;

use bongsu_language::ProxySpec;
use bongsu_model::{AgentId, NetworkId, RegionId, Trigger, Vantage};

use super::report::ReportSpec;

/// Most journeys at the same time: each has an account, a socket or two, and a report in memory.
const JOBS_MAX: i64 = 256;

/// What `bongsu run` is told.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RunArguments {
    /// Journey files, folders of them, or patterns such as `'journeys/**/*.toml'`; `fragments/`
    /// beside one, or one folder up from a file, is read too.
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// The target profile: a file, or a name to be looked up in `--targets`.
    #[arg(long, value_name = "FILE|NAME")]
    pub(super) target: String,
    /// A folder of target profiles.
    #[arg(long, value_name = "DIR")]
    pub(super) targets: Option<PathBuf>,
    /// The HTTP proxy to use instead of the target's, as http://host:port; one that wants a login
    /// is named in the target. Nothing of the environment is heeded (HTTP_PROXY and the like).
    #[arg(long, value_name = "URL", value_parser = proxy)]
    pub(super) proxy: Option<ProxySpec>,
    /// Sets a variable that the journey declares in `vars`; may be repeated.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub(super) vars: Vec<String>,
    /// Of journeys with `[[case]]`, runs this case only; may be repeated. Without it each is run.
    #[arg(long = "case", value_name = "NAME")]
    pub(super) cases: Vec<String>,
    /// Runs only journeys with one of these `tags`, and none with a tag behind a `!`.
    #[arg(long, value_name = "TAG,!TAG", value_delimiter = ',')]
    pub(super) tags: Vec<String>,
    /// Runs every journey this often.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(super) repeat: NonZero<u64>,
    /// Runs journeys that say `warm = true` as their warm variant, the others cold: the first run
    /// of an account signs in, and those behind it (`--repeat`) begin with its session, which is
    /// left open at the end.
    #[arg(long)]
    pub(super) warm: bool,
    /// Runs this many at the same time; no account is ever in two of them.
    #[arg(long, value_name = "N", default_value = "1", value_parser = jobs())]
    pub(super) jobs: u16,
    /// Starts no further run after one that failed or proved nothing; those under way end first.
    #[arg(long)]
    pub(super) fail_fast: bool,
    /// A slow run is a failed one.
    #[arg(long)]
    pub(super) strict: bool,
    /// Prints one JSON object a run instead of text.
    #[arg(long)]
    pub(super) json: bool,
    /// Shows every step also of runs that passed, where there are several.
    #[arg(long, short, conflicts_with = "json")]
    pub(super) verbose: bool,
    /// Writes what was seen elsewhere too; may be repeated. `junit=FILE`, `jsonl=FILE` (the
    /// objects of `--json`), `html=FILE` (one page, nothing else needed), `github` (annotations),
    /// `otlp=URL` (a collector; the token is taken from BONGSU_OTLP_TOKEN, and the runs count as
    /// those of a CI job: they are seen there and never part of an availability).
    ///
    /// A file is there only when it is whole, `jsonl` apart. A report that cannot be written ends
    /// the command with 2 where it would have ended with 0.
    #[arg(long = "report", value_name = "KIND=WHERE", value_delimiter = ',')]
    pub(super) reports: Vec<ReportSpec>,
    /// Marks the runs as those of a CI job.
    #[arg(long)]
    pub(super) ci: bool,
    #[command(flatten)]
    pub(super) vantage: VantageArguments,
}

/// Whose runs these are: what a collector lists for the token.
#[derive(Debug, clap::Args)]
pub(super) struct VantageArguments {
    /// The agent that runs are of.
    #[arg(long, value_name = "ID", default_value = "command-line")]
    pub(super) agent: AgentId,
    /// The region that they are made from.
    #[arg(long, value_name = "ID", default_value = "local")]
    pub(super) region: RegionId,
    /// The network that they are made from.
    #[arg(long, value_name = "ID", default_value = "local")]
    pub(super) network: NetworkId,
}

impl RunArguments {
    /// What starts the runs. What a collector is sent never counts for an availability.
    pub(super) fn trigger(&self) -> Trigger {
        let is_shipped = self.reports.iter().any(|spec| spec.otlp().is_some());
        if self.ci || is_shipped {
            Trigger::Ci
        } else {
            Trigger::Manual
        }
    }

    /// Why these words cannot stand together, if they cannot.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let prints_annotations = self.reports.contains(&ReportSpec::GitHub);
        (self.json && prints_annotations).then_some(
            "`--json` and `--report github` both print to standard output; `--report jsonl=FILE` \
             writes the same objects to a file",
        )
    }

    pub(super) fn vantage(&self) -> Vantage {
        Vantage {
            region: self.vantage.region.clone(),
            network: self.vantage.network.clone(),
            agent: self.vantage.agent.clone(),
        }
    }
}

fn proxy(url: &str) -> Result<ProxySpec, String> {
    ProxySpec::parse(url).ok_or_else(|| {
        "write http://host:port; a login belongs into the target's `proxy`, where nobody sees it"
            .to_owned()
    })
}

fn jobs() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=JOBS_MAX)
}
