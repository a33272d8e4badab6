//! Whether a plan's files can have changed, told by their age and size alone: reading thousands of
//! files every few seconds would cost more than running them.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::Digest as _;

use super::digests::Digests;
use super::files::{FilesError, each_source};
use crate::config::PlanConfig;

/// Looks at unchanged files after which they are not read any more. At the first, a file may be
/// written again within the very tick of the file system's clock that its stamp shows; at the
/// second, that tick is over, and what is read is what the stamp stands for.
const LOOKS_UNTIL_QUIET: u32 = 2;

/// What the file system says of all files that a plan is made of, as one digest: there may be
/// thousands. Any change to a file sets its time of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamps([u8; 32]);

impl Stamps {
    /// Looks at the files of the plan, and at those that its targets name.
    pub(super) fn take<'a>(
        config: &PlanConfig,
        beside: impl Iterator<Item = &'a PathBuf>,
    ) -> Result<Self, FilesError> {
        let mut stamps = Digests::default();
        each_source(&config.journeys, &mut |path| {
            stamps.add(stamp(&path));
            Ok(())
        })?;
        let others = config.targets.iter().chain([&config.catalogue]);
        others.for_each(|path| stamps.add(stamp(path)));
        beside.for_each(|path| stamps.add(stamp(path)));
        Ok(Self(stamps.finish()))
    }
}

fn stamp(path: &Path) -> sha2::Sha256 {
    let mut digest = sha2::Sha256::new_with_prefix(path.as_os_str().as_bytes());
    let seen = std::fs::metadata(path).ok();
    // The end of the path, and whether there is a file that may be looked at.
    digest.update([0, u8::from(seen.is_some())]);
    let Some(seen) = seen else { return digest };
    for number in [seen.dev(), seen.ino(), seen.size()] {
        digest.update(number.to_le_bytes());
    }
    for number in [
        seen.ctime(),
        seen.ctime_nsec(),
        seen.mtime(),
        seen.mtime_nsec(),
    ] {
        digest.update(number.to_le_bytes());
    }
    digest
}

/// How long the stamps have been the same.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    stamps: Option<Stamps>,
    looks: u32,
}

impl Quiet {
    /// Whether the files need not be read. `stamps` are those of now, taken before any reading.
    pub(super) fn lasts(&mut self, stamps: Option<Stamps>) -> bool {
        if stamps.is_some() && stamps == self.stamps {
            self.looks = self.looks.saturating_add(1);
        } else {
            self.looks = 0;
            self.stamps = stamps;
        }
        self.looks >= LOOKS_UNTIL_QUIET
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::units::Slice;

    fn config(folder: &Path) -> PlanConfig {
        PlanConfig {
            journeys: vec![folder.join("journeys")],
            catalogue: folder.join("catalogue.toml"),
            targets: vec![folder.join("target.toml")],
            slice: Slice::WHOLE,
            account_slice: Slice::WHOLE,
            reload: Duration::from_secs(5),
        }
    }

    #[test]
    fn files_are_read_until_they_were_the_same_at_two_looks_and_again_after_any_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("journeys")).unwrap();
        for name in ["journeys/a.toml", "catalogue.toml", "target.toml", "secret"] {
            std::fs::write(path(name), "x").unwrap();
        }
        let secret = path("secret");
        let mut quiet = Quiet::default();
        let mut look = || {
            let config = config(folder.path());
            quiet.lasts(Stamps::take(&config, std::iter::once(&secret)).ok())
        };
        let changes: [&dyn Fn(); 6] = [
            &|| std::fs::write(path("journeys/a.toml"), "longer").unwrap(),
            &|| std::fs::write(path("journeys/b.toml"), "x").unwrap(),
            &|| std::fs::remove_file(path("journeys/b.toml")).unwrap(),
            &|| std::fs::write(path("secret"), "longer").unwrap(),
            &|| std::fs::remove_file(path("target.toml")).unwrap(),
            &|| {
                // The same size and age, another file.
                std::fs::write(path("new"), "x").unwrap();
                let age = std::fs::metadata(path("catalogue.toml"))
                    .unwrap()
                    .modified();
                let file = std::fs::File::options().write(true).open(path("new"));
                file.unwrap().set_modified(age.unwrap()).unwrap();
                std::fs::rename(path("new"), path("catalogue.toml")).unwrap();
            },
        ];
        assert_eq!([look(), look(), look(), look()], [false, false, true, true]);
        for change in changes {
            change();
            assert_eq!([look(), look(), look()], [false, false, true]);
        }
        std::fs::remove_dir_all(path("journeys")).unwrap();
        assert_eq!(
            [look(), look(), look()],
            [false; 3],
            "unreadable is not quiet"
        );
    }
}
