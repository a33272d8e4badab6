//! The shipped catalogue, and what a feature of it rests on.

use bongsu_language::{Diagnostic, SourceFile, load_catalogue};
use bongsu_model::{Catalogue, DependencyStrength, FeatureId};
use bongsu_superapp::PlatformFeature;

/// The catalogue that comes with the journeys.
///
/// # Errors
/// Its mistakes.
pub fn shipped() -> Result<Catalogue, Vec<Diagnostic>> {
    let text = include_str!("../../../probes/journeys/catalogue.toml");
    load_catalogue(&SourceFile::new("catalogue.toml", text))
}

/// The features that `feature` rests on with how strongly, itself first: hard where everything
/// between is. A feature in which only a part shows first that both rest on is none of them: a
/// machine at a gate takes money and signs nobody in.
pub fn rests_on(
    catalogue: &Catalogue,
    feature: &FeatureId,
) -> Vec<(PlatformFeature, DependencyStrength)> {
    use DependencyStrength::{Hard, Soft};
    let mut found = vec![(feature.clone(), Hard)];
    // First all that is hard: what also lies behind something soft is no softer for it.
    follow(catalogue, &mut found, Hard);
    follow(catalogue, &mut found, Soft);
    let offered = |id: &FeatureId| {
        let mut all = PlatformFeature::ALL.iter();
        all.find(|offered| offered.as_str() == id.as_str()).copied()
    };
    let found = found.iter();
    let offered = found.filter_map(|(id, strength)| Some((offered(id)?, *strength)));
    offered.collect()
}

/// Adds what is not found yet and lies behind what is: over hard dependencies alone, or over all.
fn follow(
    catalogue: &Catalogue,
    found: &mut Vec<(FeatureId, DependencyStrength)>,
    strength: DependencyStrength,
) {
    let is_followed = |one| strength == DependencyStrength::Soft || one == strength;
    let mut at = 0;
    while let Some((id, _)) = found.get(at) {
        let below = catalogue.feature(id).map(|feature| &feature.depends_on);
        for dependency in below.into_iter().flatten() {
            let is_new = found.iter().all(|(known, _)| *known != dependency.on);
            if is_new && is_followed(dependency.strength) {
                found.push((dependency.on.clone(), strength));
            }
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_a_feature_rests_on_is_what_it_fails_with() {
        let catalogue = shipped().unwrap();
        let on = |id: &str| -> Vec<_> {
            let all = rests_on(&catalogue, &FeatureId::new(id).unwrap());
            all.iter().map(|(on, _)| on.as_str()).collect()
        };
        assert_eq!(on("talk.wallet"), ["talk.wallet", "account.login"]);
        let transfer = ["pay.transfer.account", "account.login", "pay.core"];
        assert_eq!(on("pay.transfer.account"), transfer);
        // It takes money without anybody who signs in.
        assert_eq!(on("mobility.parking-kiosk"), ["mobility.parking-kiosk"]);
        // What takes away what a feature depends on takes the feature away as well: else the
        // catalogue may say that they share a part, and no more.
        for feature in PlatformFeature::ALL {
            let hard = |of: PlatformFeature| {
                let needs = of.needs().iter();
                let needs = needs.filter(|(_, strength)| *strength == DependencyStrength::Hard);
                needs.map(|(need, _)| *need).collect::<BTreeSet<_>>()
            };
            let id = FeatureId::new(feature.as_str()).unwrap();
            for (on, strength) in rests_on(&catalogue, &id) {
                let fails_with = hard(on).is_subset(&hard(*feature));
                let is_soft = strength == DependencyStrength::Soft;
                assert!(fails_with || is_soft, "{feature:?} on {on:?}");
            }
        }
    }

    #[test]
    fn what_lies_behind_something_soft_and_something_hard_is_hard() {
        let feature = |(id, depends_on): (&str, &str)| {
            format!(
                "[[feature]]\nid = \"{id}\"\nnames = {{ ko = \"가\", en = \"A\" }}\n\
                 service = \"a\"\nlife_impact = 1\nabsence_harm = 1\ndaily_users = 1\n\
                 paid = \"free\"\nobjective = 0.9\ndepends_on = [{depends_on}]\n"
            )
        };
        let on_login = "{ feature = \"account.login\" }";
        let on_both =
            "{ feature = \"talk.wallet\", strength = \"soft\" }, { feature = \"pay.core\" }";
        let features = [
            ("account.login", ""),
            ("talk.wallet", on_login),
            ("pay.core", on_login),
            ("talk.message.text", on_both),
        ];
        let text = "format = 1\n[[service]]\nid = \"a\"\nnames = { ko = \"가\", en = \"A\" }\n"
            .to_owned()
            + &features.map(feature).concat();
        let catalogue = load_catalogue(&SourceFile::new("catalogue.toml", text)).unwrap();
        let found = rests_on(&catalogue, &FeatureId::new("talk.message.text").unwrap());
        use DependencyStrength::{Hard, Soft};
        let strength = |of| found.iter().find(|(on, _)| *on == of).unwrap().1;
        assert_eq!(found.len(), features.len());
        assert_eq!(strength(PlatformFeature::AccountLogin), Hard);
        assert_eq!(strength(PlatformFeature::TalkWallet), Soft);
    }
}
