//! Target profiles with their roots, their accounts and what logs in at their proxy.

use std::path::Path;
use std::sync::Arc;

use bongsu_language::{ProxySpec, SourceFile, TargetProfile};
use bongsu_model::PoolName;
use bongsu_probes::{Account, Target};

use super::accounts::Accounts;
use super::files::read_source;
use super::refusal::{PlanProblem, PlanRefusal, refused, tell};
use crate::units::Slice;

/// A target with this agent's share of its accounts.
#[derive(Debug, Clone)]
pub struct LoadedTarget {
    /// The target, ready to be reached.
    pub target: Arc<Target>,
    /// The accounts of each pool.
    pub pools: Vec<(PoolName, Vec<Account>)>,
}

/// Loads one target profile with all of its accounts; with `proxy`, as if the profile named it
/// instead of its own.
///
/// # Errors
/// Every problem of the file, its roots and its secrets.
pub fn load_target_file(
    path: &Path,
    proxy: Option<&ProxySpec>,
) -> Result<LoadedTarget, PlanRefusal> {
    let file = read_source(path).map_err(refused)?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let mut profile = profile(&file).map_err(PlanRefusal)?;
    if let Some(proxy) = proxy {
        profile.proxy = Some(proxy.clone());
    }
    target(profile, &file, folder, Slice::WHOLE).map_err(PlanRefusal)
}

pub(super) fn profile(file: &SourceFile) -> Result<TargetProfile, Vec<PlanProblem>> {
    bongsu_language::load_target(file).map_err(|all| {
        let mut problems = Vec::new();
        tell(&mut problems, &all, std::slice::from_ref(file));
        problems
    })
}

pub(super) fn target(
    profile: TargetProfile,
    file: &SourceFile,
    folder: &Path,
    slice: Slice,
) -> Result<LoadedTarget, Vec<PlanProblem>> {
    let mut problems = Vec::new();
    let mut accounts = Accounts::of(&profile, folder);
    let pools = accounts.pools(slice, &mut problems);
    let login = accounts.proxy_login(&mut problems);
    let ca = profile.ca.as_ref().map(|ca| {
        let path = folder.join(ca);
        std::fs::read(&path).map_err(|error| {
            let path = path.display();
            PlanProblem::plain(format!("{}: cannot read `ca` {path}: {error}", file.path))
        })
    });
    let ca = match ca.transpose() {
        Ok(ca) => ca,
        Err(problem) => {
            problems.push(problem);
            return Err(problems);
        }
    };
    let target = Target::new(profile, ca.as_deref())
        .map_err(|error| problems.push(PlanProblem::plain(format!("{}: {error}", file.path))));
    match target {
        Ok(mut target) if problems.is_empty() => {
            if let Some((user, password)) = login {
                target.log_in_to_proxy(&user, password);
            }
            Ok(LoadedTarget {
                target: Arc::new(target),
                pools,
            })
        }
        Ok(_) | Err(()) => Err(problems),
    }
}
