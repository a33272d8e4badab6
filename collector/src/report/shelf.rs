//! The duty profiles and contracts that are at hand: those shipped, and those of a folder.

use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::{Contract, Profile, contract, profile};
use crate::config::ConfigError;

/// Files of a folder that are read, of each kind.
const FILES_MAX: usize = 64;

/// Longest file in bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;

macro_rules! shipped {
    ($kind:ident: $($file:literal),+ $(,)?) => {
        [$(Paper {
            kind: Kind::$kind,
            file: $file.to_owned(),
            text: include_str!(concat!("../../", $file)).to_owned(),
        }),+]
    };
}

/// What a paper says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A duty.
    Profile,
    /// A contract.
    Contract,
}

/// A profile or contract as it is written: a report carries those that it rests on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Paper {
    /// What it says.
    pub kind: Kind,
    /// Where it is from.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// Why profiles cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {source}; set `folder` in [duties] of the configuration")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is too much in it.
    #[error("{path} {what}; keep only profiles in the folder of [duties]")]
    TooMuch {
        /// Which.
        path: PathBuf,
        /// Of what.
        what: String,
    },
    /// A file has mistakes.
    #[error(transparent)]
    Wrong(#[from] ConfigError),
    /// Two files say who they are by one id.
    #[error("{first} and {second} have the same id `{id}`: give one of them another")]
    Twice {
        /// A file.
        first: String,
        /// Another.
        second: String,
        /// Their id.
        id: String,
    },
}

/// Profiles and contracts, each with the paper that it stands on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shelf {
    profiles: Vec<(Profile, Paper)>,
    contracts: Vec<(Contract, Paper)>,
}

impl Shelf {
    /// What is shipped.
    ///
    /// # Errors
    /// Never: a test reads them.
    pub fn shipped() -> Result<Self, ShelfError> {
        let profiles = shipped!(Profile:
            "duties/kr-notice-2019.toml", "duties/kr-notice-2025.toml",
            "duties/kr-damages-notice.toml", "duties/kr-regulator-vas.toml",
            "duties/kr-regulator-dc.toml", "duties/kr-efin.toml", "duties/internal-20min.toml");
        let contracts = shipped!(Contract: "contracts/kt-2021.toml");
        Self::of(profiles.into_iter().chain(contracts))
    }

    /// What is shipped, with what `folder` has in its place or beside it: profiles in its `.toml`
    /// files, contracts in those of its folder `contracts`. An id that is shipped takes its place.
    ///
    /// # Errors
    /// When a file cannot be read or has mistakes, which are told all.
    pub fn with_folder(folder: Option<&Path>) -> Result<Self, ShelfError> {
        let mut shelf = Self::shipped()?;
        let Some(folder) = folder else {
            return Ok(shelf);
        };
        let mut papers = papers(folder, Kind::Profile)?;
        let contracts = folder.join("contracts");
        if contracts.is_dir() {
            papers.extend(self::papers(&contracts, Kind::Contract)?);
        }
        let own = Self::of(papers)?;
        shelf
            .profiles
            .retain(|(known, _)| own.profiles.iter().all(|(mine, _)| mine.id != known.id));
        shelf
            .contracts
            .retain(|(known, _)| own.contracts.iter().all(|(mine, _)| mine.id != known.id));
        shelf.profiles.extend(own.profiles);
        shelf.contracts.extend(own.contracts);
        Ok(shelf)
    }

    /// What is written on `papers`.
    ///
    /// # Errors
    /// The mistakes of the first wrong one, or two of one id.
    pub fn of(papers: impl IntoIterator<Item = Paper>) -> Result<Self, ShelfError> {
        let mut shelf = Self::default();
        for paper in papers {
            let file = Path::new(&paper.file);
            match paper.kind {
                Kind::Profile => {
                    let read = profile::read(&paper.text, file)?;
                    let known = shelf.profiles.iter().find(|(known, _)| known.id == read.id);
                    twice(known.map(|(_, paper)| paper), &paper, read.id.as_str())?;
                    shelf.profiles.push((read, paper));
                }
                Kind::Contract => {
                    let read = contract::read(&paper.text, file)?;
                    let known = shelf
                        .contracts
                        .iter()
                        .find(|(known, _)| known.id == read.id);
                    twice(known.map(|(_, paper)| paper), &paper, read.id.as_str())?;
                    shelf.contracts.push((read, paper));
                }
            }
        }
        Ok(shelf)
    }

    /// The papers that an incident of `day` rests on: profiles in force then, and all contracts.
    pub fn papers_of(&self, day: Date) -> Vec<Paper> {
        let profiles = self.profiles.iter();
        let profiles = profiles.filter(|(profile, _)| profile.days.has(day));
        let profiles = profiles.map(|(_, paper)| paper.clone());
        let contracts = self.contracts.iter().map(|(_, paper)| paper.clone());
        profiles.chain(contracts).collect()
    }

    /// Only what is written on `papers`.
    pub fn only(&self, papers: &[Paper]) -> Self {
        let mut only = self.clone();
        only.profiles.retain(|(_, paper)| papers.contains(paper));
        only.contracts.retain(|(_, paper)| papers.contains(paper));
        only
    }

    /// The profiles.
    pub fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.iter().map(|(profile, _)| profile)
    }

    /// The contracts.
    pub fn contracts(&self) -> impl Iterator<Item = &Contract> {
        self.contracts.iter().map(|(contract, _)| contract)
    }
}

fn twice(known: Option<&Paper>, other: &Paper, id: &str) -> Result<(), ShelfError> {
    match known {
        None => Ok(()),
        Some(known) => Err(ShelfError::Twice {
            first: known.file.clone(),
            second: other.file.clone(),
            id: id.to_owned(),
        }),
    }
}

fn papers(folder: &Path, kind: Kind) -> Result<Vec<Paper>, ShelfError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| ShelfError::Read { path, source }
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    if files.len() > FILES_MAX {
        return Err(ShelfError::TooMuch {
            path: folder.to_owned(),
            what: format!("has {} files, more than {FILES_MAX}", files.len()),
        });
    }
    files.sort();
    let mut papers = Vec::new();
    for path in files {
        let bytes = std::fs::metadata(&path).map_err(unreadable(&path))?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(ShelfError::TooMuch {
                what: format!("has {bytes} bytes, more than {FILE_BYTES_MAX}"),
                path,
            });
        }
        let text = std::fs::read_to_string(&path).map_err(unreadable(&path))?;
        papers.push(Paper {
            kind,
            file: path.display().to_string(),
            text,
        });
    }
    Ok(papers)
}
