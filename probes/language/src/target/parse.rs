//! Reads a target profile: secrets are named, never written.

use std::net::SocketAddr;

use bongsu_model::{AccountName, PoolName, TargetName};

use super::{
    AccountSpec, Budget, FieldSource, HostPattern, KillSwitch, Pool, Reach, TargetProfile,
};
use crate::diagnostic::Diagnostic;
use crate::document::{Entry, Node, Table, parse_within};
use crate::keys;
use crate::parse::is_secret_name;
use crate::parser::{Parser, shown};
use crate::rule::Rule;
use crate::source::{Source, SourceFile};

/// Most accounts of one pool.
const ACCOUNTS_MAX: usize = 10_000;

/// Largest profile in bytes: a pool of as many accounts as there may be, with 200 bytes for each.
const BYTES_MAX: usize = 2_000_000;

/// The words of `kill_switch`.
pub(crate) const KILL_SWITCH: &[(&str, KillSwitch)] = &[
    ("off", KillSwitch::Off),
    ("side-effects", KillSwitch::SideEffects),
    ("everything", KillSwitch::Everything),
];

/// Reads a target profile.
///
/// # Errors
/// Every mistake of the file, in file order.
pub fn load_target(file: &SourceFile) -> Result<TargetProfile, Vec<Diagnostic>> {
    let source = Source::new(file);
    let remedy = "list fewer accounts, or write a profile for each part of the agents";
    let table = parse_within(&source, BYTES_MAX, remedy)?;
    let mut parser = Parser::new(&source);
    let target = parse_target(&mut parser, &table);
    let mut diagnostics = parser.diagnostics;
    diagnostics.sort_by_key(|diagnostic| diagnostic.position.span.start);
    match target {
        Some(target) if !diagnostics.iter().any(Diagnostic::is_error) => Ok(target),
        _ => Err(diagnostics),
    }
}

pub(crate) fn parse_target(parser: &mut Parser<'_>, table: &Table) -> Option<TargetProfile> {
    let top = table
        .entry("target")
        .map_or(0..0, |entry| entry.key_span.clone());
    parser.check_keys(table, &top, &keys::TARGET);
    parser.check_format(table);
    let target = table
        .get("target")
        .and_then(|node| parser.name(node, TargetName::new));
    let hosts = parser.hosts(table);
    let base = parser.addresses(table, "base", &["http://", "https://"], &hosts);
    let ws = parser.addresses(table, "ws", &["ws://", "wss://"], &hosts);
    let resolver = parser.resolver(table);
    let allow_private = table.get("allow_private").and_then(Node::as_bool) == Some(true);
    let proxy = parser.proxy(table);
    let kill_switch = table
        .get("kill_switch")
        .and_then(|node| parser.word(node, "a state of the kill switch", KILL_SWITCH));
    let mut pools = Vec::new();
    for entry in table.table("pool").map_or(&[][..], |pools| &pools.entries) {
        pools.extend(parser.accounts(entry));
    }
    if parser.diagnostics.iter().any(Diagnostic::is_error) {
        return None;
    }
    Some(TargetProfile {
        target: target?,
        base,
        ws,
        resolver,
        ca: table.text("ca").map(|(path, _)| path.to_owned()),
        hosts,
        reach: if allow_private {
            Reach::Private
        } else {
            Reach::Public
        },
        proxy,
        pools,
        kill_switch: kill_switch.unwrap_or(KillSwitch::Off),
    })
}

impl Parser<'_> {
    fn hosts(&mut self, table: &Table) -> Vec<HostPattern> {
        let Some((node, items)) = table
            .get("hosts")
            .and_then(|node| Some((node, node.items()?)))
        else {
            return Vec::new();
        };
        if items.is_empty() {
            let _ = self
                .error(&node.span, "no host may be reached")
                .help("list the platform's hosts, as in [\"*.superapp.test\"]");
        }
        let mut hosts = Vec::new();
        for item in items {
            let Some(text) = item.as_text() else { continue };
            match HostPattern::parse(text) {
                Some(host) => hosts.push(host),
                None => {
                    let _ = self
                        .error(&item.span, format!("`{}` is not a host", shown(text)))
                        .help("write \"talk.superapp.test\", or \"*.superapp.test\" for all below");
                }
            }
        }
        hosts
    }

    fn addresses(
        &mut self,
        table: &Table,
        key: &str,
        schemes: &[&str; 2],
        hosts: &[HostPattern],
    ) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in table.table(key).map_or(&[][..], |list| &list.entries) {
            if !self.check_variable_name(&entry.key, &entry.key_span, "an address") {
                continue;
            }
            let Some(url) = entry.node.as_text() else {
                let _ = self
                    .error(
                        &entry.node.span,
                        format!("`{key}.{}` must be a URL", entry.key),
                    )
                    .label(format!("this is {}", entry.node.kind()));
                continue;
            };
            let [plain, secure] = schemes;
            match host_of(url, schemes) {
                None => {
                    let _ = self
                        .error(
                            &entry.node.span,
                            format!("`{}` is no address for `{key}`", shown(url)),
                        )
                        .help(format!(
                            "begin with {plain} or {secure} and a host; no user, no query"
                        ));
                }
                Some(host) if !hosts.is_empty() && !hosts.iter().any(|h| h.matches(host)) => {
                    let _ = self
                        .error(
                            &entry.node.span,
                            format!("`{}` may not be reached", shown(host)),
                        )
                        .label("no entry of `hosts` allows it")
                        .help("add the host to `hosts`");
                }
                Some(_) => found.push((entry.key.clone(), url.to_owned())),
            }
        }
        found
    }

    fn resolver(&mut self, table: &Table) -> Option<SocketAddr> {
        let (text, node) = table.text("resolver")?;
        let address = text.parse().ok();
        if address.is_none() {
            let _ = self
                .error(
                    &node.span,
                    format!("`{}` is not an address with a port", shown(text)),
                )
                .help("write it as in \"127.0.0.1:53\" or \"[::1]:53\"");
        }
        address
    }

    fn accounts(&mut self, entry: &Entry) -> Option<Pool> {
        let name = match PoolName::new(&entry.key) {
            Ok(name) => name,
            Err(error) => {
                let _ = self
                    .error(
                        &entry.key_span,
                        format!("`{}` is not a pool name", shown(&entry.key)),
                    )
                    .rule(Rule::InvalidName)
                    .help(error.rule);
                return None;
            }
        };
        let Some(pool) = entry.node.as_table() else {
            let _ = self
                .error(&entry.node.span, format!("pool `{name}` must be a table"))
                .rule(Rule::WrongType);
            return None;
        };
        self.check_keys(pool, &entry.key_span, &keys::POOL);
        let tables = pool.tables("accounts");
        if let Some(node) = pool.get("accounts")
            && (tables.is_empty() || tables.len() > ACCOUNTS_MAX)
        {
            let _ = self
                .error(
                    &node.span,
                    format!("pool `{name}` has {} accounts", tables.len()),
                )
                .help(format!("list 1 to {ACCOUNTS_MAX} accounts"));
            return None;
        }
        let mut accounts: Vec<AccountSpec> = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        for (table, node) in tables {
            let Some(account) = self.account(table, node) else {
                continue;
            };
            if !names.insert(account.name.clone()) {
                let _ = self
                    .error(
                        &node.span,
                        format!("account `{}` is listed twice", account.name),
                    )
                    .rule(Rule::DuplicateName)
                    .help("two runs would play it at once: remove one");
            }
            accounts.push(account);
        }
        Some(Pool {
            name,
            accounts,
            budget: self.budget(pool),
        })
    }

    fn budget(&mut self, pool: &Table) -> Budget {
        let Some(entry) = pool.entry("budget") else {
            return Budget::default();
        };
        let Some(table) = entry.node.as_table() else {
            return Budget::default();
        };
        self.check_keys(table, &entry.key_span, &keys::BUDGET);
        if table.entries.is_empty() {
            let _ = self
                .error(&entry.node.span, "this budget bounds nothing")
                .help("say `runs`, `money` or `uncleaned`, or remove it");
        }
        Budget {
            runs: self.budget_bound(table, "runs"),
            money: self.budget_bound(table, "money"),
            uncleaned: self.budget_bound(table, "uncleaned"),
        }
    }

    fn budget_bound(&mut self, table: &Table, key: &str) -> Option<u64> {
        let node = table.get(key)?;
        match u64::try_from(node.as_integer()?) {
            Ok(bound) if bound > 0 => Some(bound),
            _ => {
                let _ = self
                    .error(&node.span, format!("`{key}` must be 1 or more"))
                    .help("to hold a whole target back use `kill_switch`");
                None
            }
        }
    }

    fn account(&mut self, table: &Table, node: &Node) -> Option<AccountSpec> {
        let Some(name) = table.get("name") else {
            let _ = self
                .error(&node.span, "`name` is missing")
                .rule(Rule::MissingKey)
                .label("an account needs it")
                .help("add name = \"…\", unique in the pool");
            return None;
        };
        if name.as_text().is_none() {
            let _ = self
                .error(&name.span, "`name` must be text in quotes")
                .rule(Rule::WrongType);
        }
        let name = self.name(name, AccountName::new);
        let mut fields = Vec::new();
        for entry in table.entries.iter().filter(|entry| entry.key != "name") {
            if self.check_variable_name(&entry.key, &entry.key_span, "a field")
                && let Some(field) = self.field(entry)
            {
                fields.push((entry.key.clone(), field));
            }
        }
        Some(AccountSpec {
            name: name?,
            fields,
        })
    }

    pub(super) fn field(&mut self, entry: &Entry) -> Option<FieldSource> {
        if let Some(text) = entry.node.as_text() {
            if is_secret_name(&entry.key) {
                let _ = self
                    .error(
                        &entry.node.span,
                        format!(
                            "`{}` is a secret, and secrets do not stand in files",
                            entry.key
                        ),
                    )
                    .rule(Rule::SecretLiteral)
                    .label("written in plain text")
                    .help("name where it is: { file = \"…\" } or { env = \"…\" }");
                return None;
            }
            return Some(FieldSource::Plain(text.to_owned()));
        }
        let Some(source) = entry.node.as_table() else {
            let _ = self
                .error(
                    &entry.node.span,
                    format!("field `{}` must be text in quotes", entry.key),
                )
                .rule(Rule::WrongType)
                .label(format!("this is {}", entry.node.kind()))
                .help("or, for a secret, { file = \"…\" } or { env = \"…\" }");
            return None;
        };
        self.check_keys(source, &entry.key_span, &keys::SECRET);
        match (source.text("file"), source.text("env")) {
            (Some((path, _)), None) if !path.is_empty() => Some(FieldSource::File(path.to_owned())),
            (None, Some((name, _))) if !name.is_empty() => Some(FieldSource::Env(name.to_owned())),
            _ => {
                let _ = self
                    .error(
                        &entry.node.span,
                        format!("`{}` does not say where it is", entry.key),
                    )
                    .help("write { file = \"…\" } or { env = \"…\" }, one of them");
                None
            }
        }
    }
}

/// The host of an absolute URL of one of these schemes; none if it has none, names a user, or has
/// a query or fragment that a path could not be put behind.
fn host_of<'a>(url: &'a str, schemes: &[&str; 2]) -> Option<&'a str> {
    let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme))?;
    if rest.contains(|c: char| c.is_whitespace() || c.is_control() || "?#@{}".contains(c)) {
        return None;
    }
    let authority = rest.split('/').next()?;
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => {
            let (host, port) = authority.split_once(':').unwrap_or((authority, "0"));
            let _: u16 = port.parse().ok()?;
            host
        }
    };
    (!host.is_empty()).then_some(host)
}
