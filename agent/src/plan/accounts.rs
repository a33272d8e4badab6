//! A target's accounts with their secrets. Accounts may share a secret, which is fetched once.

use std::collections::HashMap;
use std::path::Path;

use bongsu_language::{AccountSpec, FieldSource, TargetProfile};
use bongsu_model::{PoolName, Secret};
use bongsu_probes::Account;

use super::refusal::PlanProblem;
use crate::config::SecretSource;
use crate::units::Slice;

/// The accounts of a profile, whose secrets are found from `folder`.
pub(super) struct Accounts<'a> {
    profile: &'a TargetProfile,
    folder: &'a Path,
    /// Each secret, or why it could not be had.
    fetched: HashMap<SecretSource, Result<Secret, String>>,
}

impl<'a> Accounts<'a> {
    pub(super) fn of(profile: &'a TargetProfile, folder: &'a Path) -> Self {
        Self {
            profile,
            folder,
            fetched: HashMap::new(),
        }
    }

    /// The slice of each pool; what is wrong with their secrets goes to `problems`.
    pub(super) fn pools(
        &mut self,
        slice: Slice,
        problems: &mut Vec<PlanProblem>,
    ) -> Vec<(PoolName, Vec<Account>)> {
        let mut pools = Vec::new();
        for pool in &self.profile.pools {
            let mut accounts = Vec::new();
            for spec in &pool.accounts[slice.of_list(pool.accounts.len())] {
                match self.account(spec) {
                    Ok(account) => accounts.push(account),
                    Err(found) => problems.extend(found),
                }
            }
            pools.push((pool.name.clone(), accounts));
        }
        pools
    }

    /// The user and the password that the target's proxy wants, if it wants any.
    pub(super) fn proxy_login(
        &mut self,
        problems: &mut Vec<PlanProblem>,
    ) -> Option<(Secret, Secret)> {
        let profile = self.profile;
        let target = &profile.target;
        let login = profile.proxy.as_ref()?.login.as_ref()?;
        let mut part = |name: &str, source: &FieldSource| {
            let found = match source {
                FieldSource::Plain(text) => Ok(Secret::new(text.as_str())),
                FieldSource::Env(variable) => self.secret(SecretSource::Env(variable.clone())),
                FieldSource::File(path) => self.secret(SecretSource::File(self.folder.join(path))),
            };
            let told =
                |error| PlanProblem::plain(format!("target `{target}`, `proxy.{name}`: {error}"));
            found.map_err(|error| problems.push(told(error))).ok()
        };
        let user = part("user", &login.user);
        let password = part("password", &login.password);
        let (user, password) = (user?, password?);
        if user.expose().contains(':') {
            problems.push(PlanProblem::plain(format!(
                "target `{target}`, `proxy.user`: a user has no colon in it (RFC 7617)"
            )));
            return None;
        }
        Some((user, password))
    }

    fn account(&mut self, spec: &AccountSpec) -> Result<Account, Vec<PlanProblem>> {
        let mut account = Account {
            name: spec.name.clone(),
            fields: Vec::new(),
            secrets: Vec::new(),
        };
        let mut problems = Vec::new();
        for (field, source) in &spec.fields {
            let source = match source {
                FieldSource::Plain(text) => {
                    let value = serde_json::Value::String(text.clone());
                    account.fields.push((field.clone(), value));
                    continue;
                }
                FieldSource::Env(name) => SecretSource::Env(name.clone()),
                FieldSource::File(path) => SecretSource::File(self.folder.join(path)),
            };
            match self.secret(source) {
                Ok(secret) => account.secrets.push((field.clone(), secret)),
                Err(error) => problems.push(PlanProblem::plain(format!(
                    "target `{}`, account `{}`, `{field}`: {error}",
                    self.profile.target, spec.name
                ))),
            }
        }
        if problems.is_empty() {
            Ok(account)
        } else {
            Err(problems)
        }
    }

    fn secret(&mut self, source: SecretSource) -> Result<Secret, String> {
        let fetched = self.fetched.entry(source).or_insert_with_key(|source| {
            let fetched = source.resolve();
            fetched.map_err(|error| error.to_string())
        });
        fetched.clone()
    }
}
