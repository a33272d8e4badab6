//! The board: four sections, in each the services, in each service its features.

use std::time::Duration;

use bongsu_model::{FeatureState, Overlay, ServiceId};
use maud::{Markup, html};

use super::availability::availability_table;
use super::claims::{claim_lines, differences};
use super::icon::Icon;
use super::layout::{PageContext, freshness, page};
use super::regions::{region_chips, regions_table};
use super::{Lang, figures, torch};
use crate::web::answer::{
    BoardAnswer, FailureAnswer, FeatureAnswer, FleetAnswer, NamesAnswer, RegionAnswer, Time,
};

/// The four sections of the article, in the order in which a reader needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Outage,
    Recovering,
    Normal,
    Unmeasured,
}

impl Section {
    pub(super) const ALL: [Self; 4] = [
        Self::Outage,
        Self::Recovering,
        Self::Normal,
        Self::Unmeasured,
    ];

    pub(super) const fn of(feature: &FeatureAnswer) -> Self {
        match feature.state {
            FeatureState::Operational | FeatureState::Degraded => Self::Normal,
            FeatureState::Recovering => Self::Recovering,
            FeatureState::MajorOutage | FeatureState::PartialOutage => Self::Outage,
            FeatureState::Unknown if feature.blocked_by.is_some() => Self::Outage,
            FeatureState::Unknown | FeatureState::Unmeasured | FeatureState::Maintenance => {
                Self::Unmeasured
            }
        }
    }

    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Recovering => "recovering",
            Self::Normal => "normal",
            Self::Unmeasured => "unmeasured",
        }
    }

    pub(super) const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::Outage => lang.pick("장애", "Outage"),
            Self::Recovering => lang.pick("복구 중", "Recovering"),
            Self::Normal => lang.pick("정상화", "Working"),
            Self::Unmeasured => lang.pick("미측정", "Not measured"),
        }
    }

    const fn icon(self) -> Icon {
        match self {
            Self::Outage => Icon::Bad,
            Self::Recovering => Icon::Recovering,
            Self::Normal => Icon::Good,
            Self::Unmeasured => Icon::Unmeasured,
        }
    }
}

/// The board of a target.
pub fn board_page(context: &PageContext, board: &BoardAnswer) -> String {
    let lang = context.lang;
    let count = |section| {
        board
            .features
            .iter()
            .filter(|f| Section::of(f) == section)
            .count()
    };
    let content = html! {
        div.hero data-part="hero" {
            div {
                h1 { (headline(&board.fleet, &board.features, lang)) }
                p.fleet { (fleet_line(&board.fleet, lang)) }
            }
            (torch::ridge(torch::lit(&board.features), lang))
        }
        (freshness(context, board.as_of))
        (fleet_notice(&board.fleet, lang))
        nav.counts aria-label=(lang.pick("요약", "Summary")) data-part="counts" {
            @for section in Section::ALL {
                a class={ "count c-" (section.id()) } href={ "#" (section.id()) } {
                    (section.icon())
                    strong { (count(section)) }
                    span { (section.name(lang)) }
                }
            }
        }
        (differences(context, &board.features))
        @for section in Section::ALL {
            section class={ "section c-" (section.id()) } id=(section.id())
                aria-labelledby={ "h-" (section.id()) } {
                h2 id={ "h-" (section.id()) } {
                    (section.name(lang)) " "
                    span.number data-part={ "number-" (section.id()) } { (count(section)) }
                }
                @if count(section) == 0 {
                    p.none { (lang.pick("없음", "None")) }
                }
                (services(context, board, section))
            }
        }
    };
    let title = lang.pick("서비스 기능 현황", "What works");
    page(context, title, board.as_of, &content).into_string()
}

fn services(context: &PageContext, board: &BoardAnswer, section: Section) -> Markup {
    let of = |service: &ServiceId| {
        board
            .features
            .iter()
            .filter(|f| f.service == *service && Section::of(f) == section)
            .collect::<Vec<_>>()
    };
    html! {
        @for service in &board.services {
            @let features = of(&service.id);
            @if !features.is_empty() {
                h3 { (context.lang.name(&service.names)) }
                @for feature in features {
                    (feature_card(context, feature))
                }
            }
        }
    }
}

fn feature_card(context: &PageContext, feature: &FeatureAnswer) -> Markup {
    let lang = context.lang;
    let icon = Icon::of_feature(feature.state, feature.blocked_by.is_some());
    html! {
        article class={ "feature t-" (icon.name()) } id={ "f-" (feature.id) }
            data-part={ "f-" (feature.id) } {
            div.what {
                (icon)
                div {
                    h4 {
                        a id={ "a-" (feature.id) }
                            href=(context.link(&format!("/features/{}", feature.id))) {
                            (lang.name(&feature.names))
                        }
                    }
                    p.state { (state_line(context, feature)) }
                    (labels(context, feature))
                    (claim_lines(context, feature))
                    (basis(context, feature))
                }
            }
            (region_chips(lang, &feature.regions))
            (availability_table(lang, &feature.availability))
            @if !feature.regions.is_empty() {
                details id={ "d-" (feature.id) } {
                    summary { (lang.pick("지역별 근거", "Evidence by region")) }
                    (regions_table(context, &feature.regions))
                }
            }
        }
    }
}

fn headline(fleet: &FleetAnswer, features: &[FeatureAnswer], lang: Lang) -> String {
    if fleet.present == 0 {
        let text = lang.pick(
            "소식을 보내는 에이전트가 없어 알 수 없습니다",
            "No agent is heard from: nothing can be said",
        );
        return text.to_owned();
    }
    let count = |is: &dyn Fn(&FeatureAnswer) -> bool| features.iter().filter(|f| is(f)).count();
    let state = |state| count(&|f| f.state == state);
    let out = count(&|f| Section::of(f) == Section::Outage);
    let partial = state(FeatureState::PartialOutage);
    let (recovering, degraded) = (
        state(FeatureState::Recovering),
        state(FeatureState::Degraded),
    );
    let working = state(FeatureState::Operational);
    let unseen = count(&|f| f.state == FeatureState::Unknown && f.blocked_by.is_none());
    match lang {
        Lang::Ko if out > 0 => outage_ko(out, partial),
        Lang::En if out > 0 => outage_en(out, partial),
        Lang::Ko if recovering > 0 => format!("기능 {recovering}개가 복구 중입니다"),
        Lang::En if recovering == 1 => "1 feature is recovering".to_owned(),
        Lang::En if recovering > 0 => format!("{recovering} features are recovering"),
        Lang::Ko if degraded > 0 => format!("기능 {degraded}개가 느리거나 불안정합니다"),
        Lang::En if degraded == 1 => "1 feature is slow or unsteady".to_owned(),
        Lang::En if degraded > 0 => format!("{degraded} features are slow or unsteady"),
        Lang::Ko if working == 0 => "확인된 기능이 없습니다".to_owned(),
        Lang::En if working == 0 => "Nothing is seen".to_owned(),
        Lang::Ko if unseen > 0 => format!("확인된 기능은 정상, {unseen}개는 확인할 수 없습니다"),
        Lang::En if unseen > 0 => format!("What is seen works; {unseen} cannot be seen"),
        Lang::Ko => "측정 중인 모든 기능이 정상입니다".to_owned(),
        Lang::En => "Everything that is measured works".to_owned(),
    }
}

/// `out` features cannot be used, `partial` of them in some regions only.
fn outage_ko(out: usize, partial: usize) -> String {
    if partial == out {
        format!("기능 {out}개를 일부 지역에서 쓸 수 없습니다")
    } else if partial > 0 {
        format!("기능 {out}개를 쓸 수 없습니다 (그중 {partial}개는 일부 지역)")
    } else {
        format!("기능 {out}개를 쓸 수 없습니다")
    }
}

fn outage_en(out: usize, partial: usize) -> String {
    let (features, are) = if out == 1 {
        ("feature", "is")
    } else {
        ("features", "are")
    };
    if partial == out {
        format!("{out} {features} {are} out in some regions")
    } else if partial > 0 {
        format!("{out} {features} {are} out, {partial} of them in some regions")
    } else {
        format!("{out} {features} {are} out")
    }
}

fn fleet_line(fleet: &FleetAnswer, lang: Lang) -> String {
    let (present, agents) = (fleet.present, fleet.agents);
    match lang {
        Lang::Ko => format!("에이전트 {agents}개 중 {present}개가 지켜보고 있습니다"),
        Lang::En => format!("{present} of {agents} agents are watching"),
    }
}

fn fleet_notice(fleet: &FleetAnswer, lang: Lang) -> Markup {
    let blind = fleet.state == bongsu_availability::FleetState::Blind;
    html! {
        div data-part="fleet-notice" {
            @if blind {
                p.notice role="alert" {
                    (Icon::Warning)
                    (lang.pick(
                        "에이전트 여럿이 동시에 앞을 보지 못합니다. 기능보다 측정망을 먼저 의심하십시오.",
                        "Many agents are blind at once: suspect the fleet before the features.",
                    ))
                }
            }
        }
    }
}

/// The state with how long it lasts: `전면 장애 · 12분째 (16:03:01부터)`.
pub(super) fn state_line(context: &PageContext, feature: &FeatureAnswer) -> Markup {
    let lang = context.lang;
    let word = match (feature.state, &feature.blocked_by) {
        (FeatureState::Unknown, Some(_)) => lang.pick("차단됨", "Blocked"),
        (state, _) => lang.feature_state(state),
    };
    html! {
        strong { (word) }
        @if let Some(since) = feature.since {
            " · " (lasting(context, since))
        }
    }
}

/// How long something lasts and since when.
pub(super) fn lasting(context: &PageContext, since: Time) -> Markup {
    let length = context.now.since(since.0);
    let fresh = length < Duration::from_secs(60);
    let words = figures::duration(length, context.lang);
    let at = figures::time(since, context.now, &context.zone);
    html! {
        @match context.lang {
            Lang::Ko if fresh => { "방금 (" (at) "부터)" }
            Lang::Ko => { (words) "째 (" (at) "부터)" }
            Lang::En => { "for " (words) " (since " (at) ")" }
        }
    }
}

/// What blocks it and what is said beside its state.
pub(super) fn labels(context: &PageContext, feature: &FeatureAnswer) -> Markup {
    let lang = context.lang;
    html! {
        @if feature.blocked_by.is_some() || !feature.overlays.is_empty() {
            p.labels {
                @if let Some(by) = &feature.blocked_by {
                    @if context.is_copy {
                        span.label.blocked { (lang.blocked_by(context.feature_name(by))) }
                    } @else {
                        a.label.blocked href=(context.link(&format!("/features/{by}"))) {
                            (lang.blocked_by(context.feature_name(by)))
                        }
                    }
                }
                (overlay_labels(lang, &feature.overlays))
            }
        }
    }
}

pub(super) fn overlay_labels(lang: Lang, overlays: &[Overlay]) -> Markup {
    html! {
        @for overlay in overlays {
            span class={ "label o-" (overlay) } { (lang.overlay(*overlay)) }
        }
    }
}

/// What the state rests on: samples, and the last failure with a way to its run.
fn basis(context: &PageContext, feature: &FeatureAnswer) -> Markup {
    let lang = context.lang;
    let samples = feature.samples();
    let (valid, expected) = (samples.valid(), samples.expected());
    html! {
        @if expected > 0 || feature.last_failure.is_some() {
            p.basis {
                span title=(lang.pick("지난 1시간: 근거가 된 실행 / 예정된 실행", "Last hour: runs that are evidence / planned runs")) {
                    (lang.pick("표본", "Samples")) " " (valid) "/" (expected)
                }
                @if let Some(failure) = &feature.last_failure {
                    " · " (last_failure(context, failure, &feature.regions))
                }
            }
        }
    }
}

fn last_failure(
    context: &PageContext,
    failure: &FailureAnswer,
    regions: &[RegionAnswer],
) -> Markup {
    let lang = context.lang;
    let region = regions
        .iter()
        .find(|region| region.region == failure.region)
        .map_or(failure.region.as_str(), |region| lang.name(&region.names));
    html! {
        (lang.pick("마지막 실패", "Last failure")) " "
        a href=(context.link(&format!("/runs/{}", failure.run))) {
            (figures::time(failure.at, context.now, &context.zone))
            " · " (region) " · " (failure.class)
        }
    }
}

/// The name of a service of the board, or its id.
pub(super) fn service_name<'a>(board: &'a BoardAnswer, id: &'a ServiceId, lang: Lang) -> &'a str {
    board
        .services
        .iter()
        .find(|service| service.id == *id)
        .map_or(id.as_str(), |service| {
            let names: &NamesAnswer = &service.names;
            lang.name(names)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::page::torch::tests::feature;

    fn fleet(present: u32) -> FleetAnswer {
        FleetAnswer {
            state: bongsu_availability::FleetState::Sighted,
            agents: 9,
            present,
            blind: Vec::new(),
            outliers: Vec::new(),
            quarantined_cells: 0,
            incidents_open: 0,
        }
    }

    #[test]
    fn the_headline_says_no_more_than_the_cards() {
        use FeatureState::{
            Degraded, MajorOutage, Operational, PartialOutage, Recovering, Unknown, Unmeasured,
        };
        for (states, ko, en) in [
            (
                &[Operational, Unmeasured][..],
                "측정 중인 모든 기능이 정상입니다",
                "Everything that is measured works",
            ),
            (
                &[Operational, Unknown],
                "확인된 기능은 정상, 1개는 확인할 수 없습니다",
                "What is seen works; 1 cannot be seen",
            ),
            (
                &[Operational, Degraded],
                "기능 1개가 느리거나 불안정합니다",
                "1 feature is slow or unsteady",
            ),
            (
                &[Degraded, Recovering, Recovering],
                "기능 2개가 복구 중입니다",
                "2 features are recovering",
            ),
            (
                &[Operational, PartialOutage],
                "기능 1개를 일부 지역에서 쓸 수 없습니다",
                "1 feature is out in some regions",
            ),
            (
                &[MajorOutage, PartialOutage, Recovering],
                "기능 2개를 쓸 수 없습니다 (그중 1개는 일부 지역)",
                "2 features are out, 1 of them in some regions",
            ),
            (
                &[MajorOutage],
                "기능 1개를 쓸 수 없습니다",
                "1 feature is out",
            ),
            (
                &[Unknown, Unmeasured],
                "확인된 기능이 없습니다",
                "Nothing is seen",
            ),
        ] {
            let features: Vec<_> = states.iter().map(|state| feature(*state, None)).collect();
            assert_eq!(headline(&fleet(9), &features, Lang::Ko), ko);
            assert_eq!(headline(&fleet(9), &features, Lang::En), en);
        }
        let blocked = [feature(Unknown, Some("account.login"))];
        assert_eq!(headline(&fleet(9), &blocked, Lang::En), "1 feature is out");
        let silent = headline(&fleet(0), &blocked, Lang::En);
        assert!(silent.starts_with("No agent is heard from"));
    }
}
