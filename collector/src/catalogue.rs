//! Reads the catalogue's file.

use std::path::{Path, PathBuf};

use bongsu_model::{
    Catalogue, CatalogueError, Dependency, DependencyStrength, Feature, FeatureId, Names, Paid,
    Rank, Service, ServiceId,
};

/// Why there is no catalogue.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read the catalogue {file}: {source}; set `catalogue` in the configuration")]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML of a catalogue's shape.
    #[error("{file}: {reason}")]
    Shape {
        /// The file.
        file: PathBuf,
        /// What is wrong, with its place.
        reason: String,
    },
    /// Its services and features do not fit together.
    #[error("{file}: {source}")]
    Content {
        /// The file.
        file: PathBuf,
        /// What does not fit.
        source: CatalogueError,
    },
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueFile {
    #[expect(dead_code, reason = "one format is known so far")]
    format: u32,
    service: Vec<Service>,
    feature: Vec<FeatureFile>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FeatureFile {
    id: FeatureId,
    names: Names,
    service: ServiceId,
    life_impact: Rank,
    absence_harm: Rank,
    daily_users: u64,
    paid: Paid,
    depends_on: Vec<DependencyFile>,
    objective: Option<f64>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct DependencyFile {
    feature: FeatureId,
    strength: Option<DependencyStrength>,
}

/// Reads and checks the catalogue in `file`.
///
/// # Errors
/// When it cannot be read, or is no catalogue.
pub fn load(file: &Path) -> Result<Catalogue, LoadError> {
    let text = std::fs::read_to_string(file).map_err(|source| LoadError::Read {
        file: file.to_owned(),
        source,
    })?;
    let read: CatalogueFile = toml::from_str(&text).map_err(|error| LoadError::Shape {
        file: file.to_owned(),
        reason: error.to_string(),
    })?;
    let features = read.feature.into_iter().map(|feature| Feature {
        id: feature.id,
        names: feature.names,
        service: feature.service,
        life_impact: feature.life_impact,
        absence_harm: feature.absence_harm,
        daily_users: feature.daily_users,
        paid: feature.paid,
        depends_on: feature
            .depends_on
            .into_iter()
            .map(|dependency| Dependency {
                on: dependency.feature,
                strength: dependency.strength.unwrap_or(DependencyStrength::Hard),
            })
            .collect(),
        objective: feature.objective,
    });
    Catalogue::new(read.service, features.collect()).map_err(|source| LoadError::Content {
        file: file.to_owned(),
        source,
    })
}
