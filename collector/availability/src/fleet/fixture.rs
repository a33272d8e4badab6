//! A small catalogue and its cells, for the tests of roots and incidents.

use bongsu_model::{
    Catalogue, CellKey, Dependency, DependencyStrength, Feature, FeatureId, Names, Paid, Rank,
    RegionId, Service, ServiceId, TargetName, Timestamp,
};

pub(crate) fn id(text: &str) -> FeatureId {
    FeatureId::new(text).unwrap()
}

fn names(text: &str) -> Names {
    Names {
        ko: text.to_owned(),
        en: text.to_owned(),
    }
}

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000 + seconds)
}

pub(crate) fn cell(feature: &str, region: &str) -> CellKey {
    CellKey {
        target: TargetName::new("superapp").unwrap(),
        feature: id(feature),
        region: RegionId::new(region).unwrap(),
    }
}

fn feature(of: &str, depends_on: &[&str], shares: &[&str]) -> Feature {
    let needs = |on: &&str| Dependency {
        on: id(on),
        strength: DependencyStrength::Hard,
    };
    Feature {
        id: id(of),
        names: names(of),
        service: ServiceId::new("talk").unwrap(),
        life_impact: Rank::new(3).unwrap(),
        absence_harm: Rank::new(0).unwrap(),
        daily_users: 1,
        paid: Paid::Free,
        depends_on: depends_on.iter().map(needs).collect(),
        shares: shares.iter().map(|id| self::id(id)).collect(),
        objective: None,
    }
}

/// Signing in, what rests on it, and what shares the relay and the media store.
pub(crate) fn catalogue() -> Catalogue {
    let talk = Service {
        id: ServiceId::new("talk").unwrap(),
        names: names("talk"),
    };
    let features = vec![
        feature("streets", &[], &["image"]),
        feature("wallet", &["login"], &[]),
        feature("calendar", &["login"], &[]),
        feature("login", &[], &[]),
        feature("text", &["login"], &[]),
        feature("image", &["login"], &["text"]),
        feature("video", &["login"], &["text", "image"]),
        feature("room", &["login"], &["text"]),
    ];
    Catalogue::new(vec![talk], features).unwrap()
}
