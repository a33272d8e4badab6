//! What the platform is before the law, and duty profiles of one's own.

use std::path::{Path, PathBuf};

use super::document::{Section, Value};
use crate::report::profile::Word as _;
use crate::report::{Platform, Role, Shelf, Subject};

/// What reports and notices rest on beside what is measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Duties {
    /// The folder of profiles of one's own.
    pub folder: Option<PathBuf>,
    /// All profiles and contracts: those shipped, and those of the folder.
    pub shelf: Shelf,
    /// What the platform is.
    pub platform: Platform,
}

impl Duties {
    /// The profiles and contracts that `subject` rests on.
    pub fn shelf_on(&self, subject: &Subject) -> Shelf {
        self.shelf.only(&subject.papers)
    }
}

/// Reads `[duties]` and the files of its folder. None only after a problem was reported.
pub(super) fn read(root: &Section<'_>, base: &Path) -> Option<Duties> {
    let section = root.section("duties");
    let known = Platform::default();
    let folder = section.or("folder", None, |value| Ok(Some(base.join(value.text()?))));
    let roles = section.or("roles", known.roles, |value| {
        let mut roles = Vec::new();
        for item in value.items()? {
            roles.push(Role::parse(item.text()?)?);
        }
        if roles.is_empty() {
            return Err("name one role at least, or leave the key out".to_owned());
        }
        Ok(roles)
    });
    let designated = section.or("designated", None, |value| value.boolean().map(Some));
    let number = |key| section.or(key, None, |value| whole(&value).map(Some));
    let (revenue_won, daily_users, hall_m2) = (
        number("revenue_won"),
        number("daily_users"),
        number("hall_m2"),
    );
    let traffic_share = section.or("traffic_share", None, |value| {
        let share = value.number()?;
        if (0.0..=1.0).contains(&share) {
            Ok(Some(share))
        } else {
            Err("a share is 0 to 1: write 2 % as 0.02".to_owned())
        }
    });
    section.finish();
    let shelf = match Shelf::with_folder(folder.clone()?.as_deref()) {
        Ok(shelf) => shelf,
        Err(error) => {
            section.refuse("folder", error.to_string());
            return None;
        }
    };
    Some(Duties {
        folder: folder?,
        shelf,
        platform: Platform {
            roles: roles?,
            designated: designated?,
            revenue_won: revenue_won?,
            daily_users: daily_users?,
            traffic_share: traffic_share?,
            hall_m2: hall_m2?,
        },
    })
}

fn whole(value: &Value<'_>) -> Result<u64, String> {
    u64::try_from(value.integer()?).map_err(|_| "use a whole number, 0 or more".to_owned())
}
