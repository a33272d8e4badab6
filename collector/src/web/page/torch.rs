//! The beacon row: one fire for peace, five for the worst, as on the hills of old.
//!
//! The signal code of the Joseon beacons (봉수): one torch by default, two when an enemy is seen,
//! three at the border, four across it, five in battle; no torch when nothing can be seen.

use bongsu_model::FeatureState;
use maud::{Markup, html};

use super::Lang;
use crate::web::answer::FeatureAnswer;

/// How many of the five torches burn: 0 nothing is seen, 1 all well, 2 something is slow, blurred
/// or recovering, 3 a partial outage, 4 a major outage, 5 at least half of what is seen is out.
pub(super) fn lit(features: &[FeatureAnswer]) -> usize {
    let any = |state| features.iter().any(|feature| feature.state == state);
    let blocked = features
        .iter()
        .any(|f| f.state == FeatureState::Unknown && f.blocked_by.is_some());
    let measured = features
        .iter()
        .filter(|f| f.state != FeatureState::Unmeasured)
        .count();
    let out = features
        .iter()
        .filter(|f| {
            f.state == FeatureState::MajorOutage
                || (f.state == FeatureState::Unknown && f.blocked_by.is_some())
        })
        .count();
    let seen = features
        .iter()
        .any(|f| !matches!(f.state, FeatureState::Unmeasured | FeatureState::Unknown));
    if !seen && !blocked {
        0
    } else if any(FeatureState::MajorOutage) && out * 2 >= measured {
        5
    } else if any(FeatureState::MajorOutage) {
        4
    } else if any(FeatureState::PartialOutage) || blocked {
        3
    } else if any(FeatureState::Degraded)
        || any(FeatureState::Recovering)
        || any(FeatureState::Unknown)
    {
        2
    } else {
        1
    }
}

/// The five towers on their ridge.
pub(super) fn ridge(lit: usize, lang: Lang) -> Markup {
    let label = match lang {
        Lang::Ko => format!("봉수 다섯 중 {lit}개 점화"),
        Lang::En => format!("{lit} of 5 beacons lit"),
    };
    html! {
        svg.ridge viewBox="0 0 300 84" role="img" aria-label=(label) {
            title { (label) }
            path.hill-far d="M0 84V62C40 48 62 58 96 50S158 34 196 46s66 2 104-8v46z" {}
            path.hill d="M0 84v-9c44-10 70-2 108-9s70-12 108-5 52 4 84-2v25z" {}
            @for tower in 0..5_usize {
                @let x = 38 + tower * 56;
                @let y = [70, 66, 62, 62, 64][tower];
                g class=(if tower < lit { "tower on" } else { "tower" })
                    transform={ "translate(" (x) " " (y) ")" } {
                    @if tower < lit {
                        circle.glow cx="0" cy="-24" r="17" {}
                        path.flame d="M0-41c3 6 9 9 8 17-.6 5-4 8-8 8s-8-3-8-8c0-5 3-7 4-11 2 2 3 3 3 5 2-3 2-7 1-11z" {}
                        path.core d="M0-29c2 3 4 5 4 8s-2 5-4 5-4-2-4-5 3-5 4-8z" {}
                    }
                    path.stone d="M-8 8-6-15H6L8 8z" {}
                    path.rim d="M-8-17H8v4H-8z" {}
                }
            }
        }
    }
}

/// One torch, as a mark beside the name.
pub(super) fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 24 24" aria-hidden="true" {
            path.flame d="M12 1c2 4 6.500 6.500 6 12-.4 3.500-3 5-6 5s-6-1.500-6-5c0-3.500 2-5 3-8 1.500 1 2 2.500 2 4 1.500-2 2-5 1-8z" {}
            path.stone d="M6 19h12l1.500 4h-15z" {}
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use bongsu_model::{FeatureId, ServiceId};

    use super::*;
    use crate::web::answer::{AvailabilityAnswer, NamesAnswer};

    pub(in crate::web::page) fn feature(
        state: FeatureState,
        blocked_by: Option<&str>,
    ) -> FeatureAnswer {
        FeatureAnswer {
            id: FeatureId::new("x").unwrap(),
            names: NamesAnswer {
                ko: String::new(),
                en: String::new(),
            },
            service: ServiceId::new("x").unwrap(),
            state,
            since: None,
            blocked_by: blocked_by.map(|by| FeatureId::new(by).unwrap()),
            overlays: Vec::new(),
            availability: AvailabilityAnswer::default(),
            claim: None,
            observed: None,
            regions: Vec::new(),
            last_failure: None,
            incident: None,
        }
    }

    fn lit_for(states: &[FeatureState]) -> usize {
        let features: Vec<_> = states.iter().map(|state| feature(*state, None)).collect();
        lit(&features)
    }

    #[test]
    fn the_worse_it_is_the_more_torches_burn() {
        use FeatureState::{
            Degraded, MajorOutage, Operational, PartialOutage, Recovering, Unknown, Unmeasured,
        };
        for (states, torches) in [
            (&[][..], 0),
            (&[Unmeasured, Unknown], 0),
            (&[Operational, Unmeasured], 1),
            (&[Operational, Unknown], 2),
            (&[Operational, Degraded], 2),
            (&[Operational, Recovering], 2),
            (&[Operational, PartialOutage, Recovering], 3),
            (&[Operational, Operational, MajorOutage], 4),
            (&[Operational, MajorOutage, Unmeasured], 5),
        ] {
            assert_eq!(lit_for(states), torches, "{states:?}");
        }
    }

    #[test]
    fn a_blocked_feature_is_out_for_its_users() {
        let blocked = || feature(FeatureState::Unknown, Some("account.login"));
        let up = || feature(FeatureState::Operational, None);
        let down = feature(FeatureState::MajorOutage, None);
        assert_eq!(lit(&[up(), up(), blocked()]), 3);
        assert_eq!(lit(&[up(), up(), blocked(), down]), 5);
    }
}
