//! What a plan's files are: it tells whether any of them changed, and gives the plan its revision.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bongsu_language::{FieldSource, SourceFile};
use bongsu_model::Revision;

use super::Plan;
use super::digests::{Digest, Digests, digest};
use super::files::{FilesError, descriptors_of, each_source, read_source};
use super::refusal::{PlanRefusal, refused};
use crate::config::PlanConfig;

/// What a plan was made from: it changes when any of its files does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// The content of journeys, catalogue and targets.
    revision: Revision,
    /// Age and size of descriptors, root certificates and secrets: what the last hold goes into no
    /// hash.
    beside: Vec<(PathBuf, Option<(SystemTime, u64)>)>,
}

impl Fingerprint {
    pub(super) fn is_of(&self, plan: &Plan) -> bool {
        self.revision == plan.revision
    }

    /// The files beside journeys, catalogue and targets.
    pub(super) fn beside(&self) -> impl Iterator<Item = &PathBuf> {
        self.beside.iter().map(|(path, _)| path)
    }
}

/// Reads the files and says what they are.
pub(crate) fn fingerprint(config: &PlanConfig) -> Result<Fingerprint, PlanRefusal> {
    look_at_each(config).map_err(refused)
}

/// Holds only one file at a time: there may be thousands.
fn look_at_each(config: &PlanConfig) -> Result<Fingerprint, FilesError> {
    let mut journeys = Vec::new();
    let mut beside = Vec::new();
    each_source(&config.journeys, &mut |path| {
        let file = read_source(&path)?;
        journeys.push(digest_of(&file));
        let descriptors = descriptors_of(&file).into_iter();
        beside.extend(descriptors.map(|(_, path)| seen(path)));
        Ok(())
    })?;
    // Folders are walked in no order.
    beside.sort();
    let catalogue = digest(&read_source(&config.catalogue)?.text);
    let mut targets = Vec::new();
    for path in &config.targets {
        // A profile that cannot be read refuses the plan anyway.
        let file = read_source(path)?;
        targets.push(digest(&file.text));
        let Ok(profile) = bongsu_language::load_target(&file) else {
            continue;
        };
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let accounts = profile.pools.iter().flat_map(|pool| &pool.accounts);
        let secrets = accounts.flat_map(|account| &account.fields);
        let secrets = secrets.map(|(_, source)| source);
        let login = profile
            .proxy
            .iter()
            .filter_map(|proxy| proxy.login.as_ref());
        let login = login.flat_map(|login| [&login.user, &login.password]);
        let secrets = secrets.chain(login).filter_map(|source| match source {
            FieldSource::File(path) => Some(folder.join(path)),
            FieldSource::Plain(_) | FieldSource::Env(_) => None,
        });
        let roots = profile.ca.iter().map(|path| folder.join(path));
        beside.extend(roots.chain(secrets).map(seen));
    }
    let content = Content {
        journeys,
        catalogue,
        targets,
    };
    Ok(Fingerprint {
        revision: content.revision(config),
        beside,
    })
}

fn seen(path: PathBuf) -> (PathBuf, Option<(SystemTime, u64)>) {
    let seen = std::fs::metadata(&path);
    let seen = seen
        .and_then(|seen| Ok((seen.modified()?, seen.len())))
        .ok();
    (path, seen)
}

/// What a journey's file holds, and the descriptors that it names.
pub(super) fn digest_of(file: &SourceFile) -> Digest {
    if file.descriptors.is_empty() {
        return digest(&file.text);
    }
    let mut content = file.text.clone();
    for (_, descriptor) in &file.descriptors {
        content.push('\0');
        content.push_str(Revision::of(descriptor).as_str());
    }
    digest(&content)
}

/// What a plan's files hold.
pub(super) struct Content {
    pub(super) journeys: Vec<Digest>,
    pub(super) catalogue: Digest,
    pub(super) targets: Vec<Digest>,
}

impl Content {
    /// The slice decides the phases, so that it is part of what the plan says.
    pub(super) fn revision(self, config: &PlanConfig) -> Revision {
        let mut all = format!("{} {}\n", config.slice, config.account_slice).into_bytes();
        all.extend(Digests::from(self.journeys).finish());
        all.extend(self.catalogue);
        all.extend(self.targets.as_flattened());
        Revision::of(&all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_changes_with_a_descriptor_of_its_journeys() {
        let file = SourceFile::new("a.toml", "text");
        let with =
            |content: &[u8]| digest_of(&file.clone().with_descriptor("x.binpb", content.into()));
        assert_eq!(digest_of(&file), digest("text"));
        assert_eq!(with(b"1"), with(b"1"));
        assert_ne!(with(b"1"), with(b"2"));
        assert_ne!(with(b"1"), digest_of(&file));
    }
}
