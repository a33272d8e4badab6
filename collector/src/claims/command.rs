//! `bongsu-collector claim`: hands claims in from a file, and lists what was said.

mod client;
mod import;
mod list;

use std::path::PathBuf;

pub(crate) use client::Client;

use clap::{Args, Subcommand};

use crate::config::{SecretError, SecretSource};

/// The environment variable of the token, when no file is named.
const TOKEN_VARIABLE: &str = "BONGSU_TOKEN";

/// What a command has to say, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// For standard output.
    pub out: String,
    /// For standard error.
    pub err: String,
    /// 0 done, 1 the collector could not be asked or refused, 2 the file or the usage is wrong.
    pub code: u8,
}

/// Hands in what the platform's owner says of its features, or lists it.
///
/// Claims are shown beside what is measured and never change it.
#[derive(Debug, Args)]
pub struct ClaimArguments {
    #[command(subcommand)]
    command: ClaimCommand,
}

#[derive(Debug, Subcommand)]
enum ClaimCommand {
    /// Hands in the claims of a file; those that are there already count once.
    ///
    /// FILE is read by its name:
    ///   .csv   columns ts_kst,track,feature,from,to,conf,source,note (times of Korea), or the
    ///          fields below; rows whose track is `fact` or `infer`, and those that give no state,
    ///          are passed over and told
    ///   .toml  [[claim]] tables, as deploy/config/claims.toml explains them
    ///   .json  what POST /api/v1/claims takes
    ///
    /// A claim has these fields:
    ///   feature     the id of a feature, or * for all
    ///   state       up, degraded, recovering, down, maintenance, unknown, unmeasured
    ///   as_of       the instant that it speaks of, RFC 3339
    ///   source      where it was made
    ///   published   when it was made public; as_of if it is left out
    ///   track       claim (the platform's owner, the default), observed (others)
    ///   confidence  high (the default), medium, low
    ///   note, target
    ///
    /// Every mistake is told with its line and how to mend it, and then nothing is handed in. More
    /// than 500 claims go in several requests, each of which is taken in whole or not at all.
    ///
    /// Exit codes: 0 done, 1 the collector did not answer or refused, 2 wrong file or usage.
    #[command(verbatim_doc_comment)]
    Import(ImportArguments),
    /// Lists what was said, the latest last, beside what was measured at that time.
    List(ListArguments),
}

/// Where the collector is.
#[derive(Debug, Args)]
pub(crate) struct Whom {
    /// The address of the collector's board and API.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8300")]
    collector: String,
    /// A private root certificate, for https.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The environment; without it the default one of the collector.
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
}

impl Whom {
    /// The environment that was named.
    pub(crate) fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }
}

#[derive(Debug, Args)]
struct ImportArguments {
    /// The claims.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    whom: Whom,
    /// The file with an operator's token; without it the variable BONGSU_TOKEN holds it.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Passes over claims about features that the collector's catalogue does not have, and tells
    /// them, instead of refusing the file.
    #[arg(long)]
    skip_unknown: bool,
}

impl ImportArguments {
    fn token(&self) -> Result<bongsu_model::Secret, SecretError> {
        let source = self.token_file.clone().map(SecretSource::File);
        source
            .unwrap_or_else(|| SecretSource::Env(TOKEN_VARIABLE.to_owned()))
            .resolve()
    }
}

#[derive(Debug, Args)]
struct ListArguments {
    #[command(flatten)]
    whom: Whom,
    /// Only what speaks of this feature, or of all.
    #[arg(long, value_name = "ID")]
    feature: Option<String>,
    /// Only this track: claim, or observed.
    #[arg(long, value_name = "TRACK")]
    track: Option<String>,
    /// Only what speaks of this time or later, RFC 3339.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most so many of the latest.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: u32,
}

impl ClaimArguments {
    /// Does what is asked for.
    pub async fn run(&self) -> Told {
        match &self.command {
            ClaimCommand::Import(arguments) => import::run(arguments).await,
            ClaimCommand::List(arguments) => list::run(arguments).await,
        }
    }
}

/// It could not be done: nothing was.
pub(crate) fn failed(code: u8, why: &str) -> Told {
    Told {
        out: String::new(),
        err: format!("error: {why}\n"),
        code,
    }
}
