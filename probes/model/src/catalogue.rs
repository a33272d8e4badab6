//! The catalogue: the features that a platform's users know.

use std::collections::BTreeSet;

use crate::closed_list::closed_list;
use crate::{FeatureId, ServiceId};

/// A name in the two languages that pages are shown in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Names {
    /// Korean.
    pub ko: String,
    /// English.
    pub en: String,
}

/// A service that features belong to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Service {
    /// Its id: `talk`.
    pub id: ServiceId,
    /// Its names.
    pub names: Names,
}

closed_list! {
    /// How users pay for a feature: notice duties depend on it.
    Paid: "payment kind" {
        /// Free of charge.
        Free = "free",
        /// By a periodic fee.
        Subscription = "subscription",
        /// For each use.
        PerUse = "per-use",
    }
}

closed_list! {
    /// How much a feature needs another.
    DependencyStrength: "dependency strength" {
        /// Without it the feature does not work.
        Hard = "hard",
        /// Without it the feature works less well.
        Soft = "soft",
    }
}

/// A feature that another one rests on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Dependency {
    /// The feature that is needed.
    pub on: FeatureId,
    /// How much.
    pub strength: DependencyStrength,
}

/// A rank from 0 (none) to 3 (highest).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "u8", into = "u8")]
pub struct Rank(u8);

impl Rank {
    /// None if `rank` is above 3.
    pub const fn new(rank: u8) -> Option<Self> {
        if rank <= 3 { Some(Self(rank)) } else { None }
    }

    /// The rank as a number, 0 to 3.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// A number that is no rank.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a rank; use 0 to 3")]
pub struct RankError(u8);

impl TryFrom<u8> for Rank {
    type Error = RankError;

    fn try_from(rank: u8) -> Result<Self, RankError> {
        Self::new(rank).ok_or(RankError(rank))
    }
}

impl From<Rank> for u8 {
    fn from(rank: Rank) -> Self {
        rank.get()
    }
}

/// A capability that users know by name.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Feature {
    /// Its id: `talk.message.text`.
    pub id: FeatureId,
    /// Its names.
    pub names: Names,
    /// The service that it belongs to.
    pub service: ServiceId,
    /// How much daily life rests on it.
    pub life_impact: Rank,
    /// How much harm its absence does, however few use it.
    pub absence_harm: Rank,
    /// Users a day, as the platform's owner states them or as estimated.
    pub daily_users: u64,
    /// How users pay for it.
    pub paid: Paid,
    /// What it rests on.
    pub depends_on: Vec<Dependency>,
    /// Features in which users first miss a part that this one rests on too: when both fail, they
    /// tell what failed; alone, none of them takes this one away.
    #[serde(default)]
    pub shares: Vec<FeatureId>,
    /// The availability that is aimed at, above 0 and below 1.
    pub objective: Option<f64>,
}

/// Why services and features do not make a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// Two services share an id.
    #[error("service `{0}` is listed twice")]
    ServiceTwice(ServiceId),
    /// Two features share an id.
    #[error("feature `{0}` is listed twice")]
    FeatureTwice(FeatureId),
    /// A feature names a service that is not listed.
    #[error("feature `{feature}` belongs to `{service}`, which is not a listed service")]
    ServiceUnknown {
        /// The feature.
        feature: FeatureId,
        /// The service it names.
        service: ServiceId,
    },
    /// A feature rests on one that is not listed.
    #[error("feature `{feature}` depends on `{on}`, which is not a listed feature")]
    DependencyUnknown {
        /// The feature.
        feature: FeatureId,
        /// What it names.
        on: FeatureId,
    },
    /// A feature shares a part with one that is not listed.
    #[error("feature `{feature}` shares a part with `{with}`, which is not a listed feature")]
    SharedUnknown {
        /// The feature.
        feature: FeatureId,
        /// What it names.
        with: FeatureId,
    },
    /// Features rest on each other in a circle.
    #[error("feature `{0}` depends on itself, directly or through others")]
    Circle(FeatureId),
    /// Of features that share a part, none is the one in which it shows first.
    #[error("feature `{feature}` names `{with}` in `shares`, which leads back to `{feature}`")]
    SharedCircle {
        /// The feature.
        feature: FeatureId,
        /// What it names.
        with: FeatureId,
    },
}

/// The features of a platform, each belonging to a listed service, without circles.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Parts")]
pub struct Catalogue {
    services: Vec<Service>,
    features: Vec<Feature>,
}

/// What a written catalogue holds before it is checked.
#[derive(serde::Deserialize)]
struct Parts {
    services: Vec<Service>,
    features: Vec<Feature>,
}

impl TryFrom<Parts> for Catalogue {
    type Error = CatalogueError;

    fn try_from(parts: Parts) -> Result<Self, CatalogueError> {
        Self::new(parts.services, parts.features)
    }
}

impl Catalogue {
    /// Checks that ids are unique, references exist, and neither dependencies nor what is shared
    /// lead in a circle.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn new(services: Vec<Service>, features: Vec<Feature>) -> Result<Self, CatalogueError> {
        let mut service_ids = BTreeSet::new();
        for service in &services {
            if !service_ids.insert(&service.id) {
                return Err(CatalogueError::ServiceTwice(service.id.clone()));
            }
        }
        let mut feature_ids = BTreeSet::new();
        for feature in &features {
            if !feature_ids.insert(&feature.id) {
                return Err(CatalogueError::FeatureTwice(feature.id.clone()));
            }
            if !service_ids.contains(&feature.service) {
                return Err(CatalogueError::ServiceUnknown {
                    feature: feature.id.clone(),
                    service: feature.service.clone(),
                });
            }
        }
        for feature in &features {
            if let Some(unlisted) = feature
                .depends_on
                .iter()
                .find(|dependency| !feature_ids.contains(&dependency.on))
            {
                return Err(CatalogueError::DependencyUnknown {
                    feature: feature.id.clone(),
                    on: unlisted.on.clone(),
                });
            }
            if let Some(unlisted) = feature.shares.iter().find(|id| !feature_ids.contains(id)) {
                return Err(CatalogueError::SharedUnknown {
                    feature: feature.id.clone(),
                    with: unlisted.clone(),
                });
            }
        }
        let catalogue = Self { services, features };
        let mut listed = catalogue.features.iter();
        if let Some(feature) = listed.find(|f| catalogue.upstream(&f.id).contains(&f.id)) {
            return Err(CatalogueError::Circle(feature.id.clone()));
        }
        let below = |feature: &Feature| {
            let needed = feature.depends_on.iter().map(|dependency| &dependency.on);
            needed.chain(&feature.shares).cloned().collect()
        };
        let leads_back = |feature: &FeatureId, with: &FeatureId| {
            with == feature || catalogue.reach(with, below).contains(feature)
        };
        let shared = catalogue.features.iter();
        let mut shared = shared.flat_map(|f| f.shares.iter().map(move |with| (&f.id, with)));
        match shared.find(|(feature, with)| leads_back(feature, with)) {
            Some((feature, with)) => Err(CatalogueError::SharedCircle {
                feature: feature.clone(),
                with: with.clone(),
            }),
            None => Ok(catalogue),
        }
    }

    /// The services, in the order of the file.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The features, in the order of the file.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The feature of this id.
    pub fn feature(&self, id: &FeatureId) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.id == *id)
    }

    /// The service of this id.
    pub fn service(&self, id: &ServiceId) -> Option<&Service> {
        self.services.iter().find(|service| service.id == *id)
    }

    /// Every feature that `id` rests on, directly or through others.
    pub fn upstream(&self, id: &FeatureId) -> BTreeSet<FeatureId> {
        self.reach(id, |feature| {
            let needed = feature.depends_on.iter();
            needed.map(|dependency| dependency.on.clone()).collect()
        })
    }

    /// Every feature that explains why `id` fails when it fails too: what `id` rests on, and those
    /// in which a part shows first that `id` rests on. What these share with others is no concern
    /// of `id`.
    pub fn explaining(&self, id: &FeatureId) -> BTreeSet<FeatureId> {
        let mut found = self.upstream(id);
        found.extend(self.shares(id).iter().cloned());
        found
    }

    /// Whether one of two features explains the other, or both rest on a part that shows first in
    /// the same feature.
    pub fn is_related(&self, one: &FeatureId, other: &FeatureId) -> bool {
        self.explaining(one).contains(other)
            || self.explaining(other).contains(one)
            || self
                .shares(one)
                .iter()
                .any(|part| self.shares(other).contains(part))
    }

    fn shares(&self, id: &FeatureId) -> &[FeatureId] {
        self.feature(id).map_or(&[], |feature| &feature.shares)
    }

    fn reach(
        &self,
        id: &FeatureId,
        below: impl Fn(&Feature) -> Vec<FeatureId>,
    ) -> BTreeSet<FeatureId> {
        let mut found = BTreeSet::new();
        let mut open = vec![id.clone()];
        while let Some(next) = open.pop() {
            let Some(feature) = self.feature(&next) else {
                continue;
            };
            for id in below(feature) {
                if found.insert(id.clone()) {
                    open.push(id);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Names {
        Names {
            ko: text.to_owned(),
            en: text.to_owned(),
        }
    }

    fn feature(id: &str, depends_on: &[&str]) -> Feature {
        Feature {
            id: FeatureId::new(id).unwrap(),
            names: names(id),
            service: ServiceId::new("talk").unwrap(),
            life_impact: Rank::new(3).unwrap(),
            absence_harm: Rank::new(0).unwrap(),
            daily_users: 1,
            paid: Paid::Free,
            depends_on: depends_on
                .iter()
                .map(|on| Dependency {
                    on: FeatureId::new(on).unwrap(),
                    strength: DependencyStrength::Hard,
                })
                .collect(),
            shares: Vec::new(),
            objective: Some(0.999),
        }
    }

    fn sharing(id: &str, depends_on: &[&str], shares: &[&str]) -> Feature {
        Feature {
            shares: shares
                .iter()
                .map(|id| FeatureId::new(id).unwrap())
                .collect(),
            ..feature(id, depends_on)
        }
    }

    fn catalogue(features: Vec<Feature>) -> Result<Catalogue, CatalogueError> {
        let talk = Service {
            id: ServiceId::new("talk").unwrap(),
            names: names("talk"),
        };
        Catalogue::new(vec![talk], features)
    }

    #[test]
    fn upstream_reaches_through_others() {
        let catalogue = catalogue(vec![
            feature("a", &[]),
            feature("b", &["a"]),
            feature("c", &["b"]),
        ])
        .unwrap();
        let upstream = catalogue.upstream(&FeatureId::new("c").unwrap());
        assert_eq!(
            upstream.iter().map(FeatureId::as_str).collect::<Vec<_>>(),
            ["a", "b"]
        );
    }

    #[test]
    fn what_is_shared_explains_and_relates_but_is_not_passed_on() {
        let catalogue = catalogue(vec![
            feature("login", &[]),
            feature("text", &["login"]),
            sharing("image", &["login"], &["text"]),
            sharing("video", &["login"], &["image", "text"]),
            sharing("streets", &[], &["image"]),
            feature("calendar", &["login"]),
        ])
        .unwrap();
        let id = |text: &str| FeatureId::new(text).unwrap();
        let explaining = |of: &str| {
            let found = catalogue.explaining(&id(of)).into_iter();
            found.map(|id| id.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(explaining("video"), ["image", "login", "text"]);
        assert_eq!(
            explaining("streets"),
            ["image"],
            "what images rest on besides is no concern of streets"
        );
        assert!(!catalogue.upstream(&id("streets")).contains(&id("image")));
        for (one, other, related) in [
            ("streets", "image", true),
            ("login", "calendar", true),
            ("streets", "video", true),
            ("streets", "text", false),
            ("calendar", "video", false),
            ("calendar", "unlisted", false),
        ] {
            assert_eq!(catalogue.is_related(&id(one), &id(other)), related);
            assert_eq!(catalogue.is_related(&id(other), &id(one)), related);
        }
    }

    #[test]
    fn what_does_not_hold_is_named() {
        let cases = [
            (
                vec![feature("a", &[]), feature("a", &[])],
                "feature `a` is listed twice",
            ),
            (
                vec![feature("a", &["z"])],
                "feature `a` depends on `z`, which is not a listed feature",
            ),
            (
                vec![feature("a", &["b"]), feature("b", &["a"])],
                "feature `a` depends on itself, directly or through others",
            ),
            (
                vec![sharing("a", &[], &["z"])],
                "feature `a` shares a part with `z`, which is not a listed feature",
            ),
            (
                vec![sharing("a", &["b"], &[]), sharing("b", &[], &["a"])],
                "feature `b` names `a` in `shares`, which leads back to `b`",
            ),
            (
                vec![sharing("a", &[], &["a"])],
                "feature `a` names `a` in `shares`, which leads back to `a`",
            ),
            (
                vec![
                    sharing("a", &[], &["b"]),
                    sharing("b", &[], &["c"]),
                    sharing("c", &[], &["b"]),
                ],
                "feature `b` names `c` in `shares`, which leads back to `b`",
            ),
            (
                vec![sharing("a", &["b"], &["b"]), feature("b", &["a"])],
                "feature `a` depends on itself, directly or through others",
            ),
        ];
        for (features, message) in cases {
            assert_eq!(catalogue(features).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_written_catalogue_reads_back_and_is_checked_again() {
        let talk = Service {
            id: ServiceId::new("talk").unwrap(),
            names: names("talk"),
        };
        let catalogue = Catalogue::new(vec![talk], vec![feature("a", &[]), feature("b", &["a"])]);
        let text = serde_json::to_string(&catalogue.unwrap()).unwrap();
        let again: Catalogue = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
        let older = text.replace("\"shares\":[],", "");
        assert_ne!(older, text);
        let older: Catalogue = serde_json::from_str(&older).unwrap();
        assert_eq!(serde_json::to_string(&older).unwrap(), text);
        let circle = text.replace(
            "\"depends_on\":[]",
            "\"depends_on\":[{\"on\":\"b\",\"strength\":\"hard\"}]",
        );
        assert!(serde_json::from_str::<Catalogue>(&circle).is_err());
        let rank = text.replace("\"life_impact\":3", "\"life_impact\":4");
        assert!(serde_json::from_str::<Catalogue>(&rank).is_err());
    }
}
