//! The board: four sections, in each the services, in each service its features.

use std::time::Duration;

use bongsu_model::{FeatureState, Overlay, ServiceId};
use maud::{Markup, html};

use super::icon::Icon;
use super::layout::{PageContext, freshness, page};
use super::{Lang, figures, torch};
use crate::web::answer::{
    AvailabilityAnswer, BoardAnswer, FailureAnswer, FeatureAnswer, FleetAnswer, NamesAnswer,
    RegionAnswer, RunMention, Time,
};

/// Below this share of known time an availability is shown as insufficient
/// (`availability.md` 1.8).
const COVERAGE_ENOUGH: f64 = 0.9;

/// The four sections of the article, in the order in which a reader needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Outage,
    Recovering,
    Normal,
    Unmeasured,
}

impl Section {
    const ALL: [Self; 4] = [
        Self::Outage,
        Self::Recovering,
        Self::Normal,
        Self::Unmeasured,
    ];

    const fn of(feature: &FeatureAnswer) -> Self {
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

    const fn id(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Recovering => "recovering",
            Self::Normal => "normal",
            Self::Unmeasured => "unmeasured",
        }
    }

    const fn name(self, lang: Lang) -> &'static str {
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
                h1 role="status" { (headline(board, lang)) }
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
                    (feature_card(context, board, feature))
                }
            }
        }
    }
}

fn feature_card(context: &PageContext, board: &BoardAnswer, feature: &FeatureAnswer) -> Markup {
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
                    (labels(context, &board.features, feature))
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

fn headline(board: &BoardAnswer, lang: Lang) -> String {
    let count = |section| {
        board
            .features
            .iter()
            .filter(|f| Section::of(f) == section)
            .count()
    };
    let unseen = board
        .features
        .iter()
        .filter(|f| f.state == FeatureState::Unknown && f.blocked_by.is_none())
        .count();
    let (out, recovering, normal) = (
        count(Section::Outage),
        count(Section::Recovering),
        count(Section::Normal),
    );
    match (lang, out, recovering, normal, unseen) {
        (Lang::Ko, 0, 0, 0, _) => "아직 확인된 기능이 없습니다".to_owned(),
        (Lang::En, 0, 0, 0, _) => "Nothing has been seen yet".to_owned(),
        (Lang::Ko, 0, 0, _, 0) => "측정 중인 모든 기능이 정상입니다".to_owned(),
        (Lang::En, 0, 0, _, 0) => "Everything that is measured works".to_owned(),
        (Lang::Ko, 0, 0, _, n) => format!("확인된 기능은 정상, {n}개는 확인할 수 없습니다"),
        (Lang::En, 0, 0, _, n) => format!("What is seen works; {n} cannot be seen"),
        (Lang::Ko, 0, n, _, _) => format!("기능 {n}개가 복구 중입니다"),
        (Lang::En, 0, 1, _, _) => "1 feature is recovering".to_owned(),
        (Lang::En, 0, n, _, _) => format!("{n} features are recovering"),
        (Lang::Ko, n, _, _, _) => format!("기능 {n}개를 쓸 수 없습니다"),
        (Lang::En, 1, _, _, _) => "1 feature is out".to_owned(),
        (Lang::En, n, _, _, _) => format!("{n} features are out"),
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
pub(super) fn labels(
    context: &PageContext,
    features: &[FeatureAnswer],
    feature: &FeatureAnswer,
) -> Markup {
    let lang = context.lang;
    html! {
        @if feature.blocked_by.is_some() || !feature.overlays.is_empty() {
            p.labels {
                @if let Some(by) = &feature.blocked_by {
                    @let name = features.iter().find(|f| f.id == *by)
                        .map_or(by.as_str(), |f| lang.name(&f.names));
                    a.label.blocked href=(context.link(&format!("/features/{by}"))) {
                        (lang.blocked_by(name))
                    }
                }
                (overlay_labels(lang, &feature.overlays))
            }
        }
    }
}

fn overlay_labels(lang: Lang, overlays: &[Overlay]) -> Markup {
    html! {
        @for overlay in overlays {
            span class={ "label o-" (overlay) } { (lang.overlay(*overlay)) }
        }
    }
}

/// What the state rests on: samples, and the last failure with a way to its run.
fn basis(context: &PageContext, feature: &FeatureAnswer) -> Markup {
    let lang = context.lang;
    let mut samples = bongsu_availability::Ledger::default();
    for region in &feature.regions {
        samples += region.samples;
    }
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
        a href=(context.link(&format!("/runs/{}", failure.run_id))) {
            (figures::time(failure.at, context.now, &context.zone))
            " · " (region) " · " (failure.class)
        }
    }
}

fn region_chips(lang: Lang, regions: &[RegionAnswer]) -> Markup {
    html! {
        ul.regions aria-label=(lang.pick("지역", "Regions")) {
            @for region in regions {
                @let icon = Icon::of_cell(region.state, region.blocked_by.is_some());
                li class={ "chip t-" (icon.name()) } {
                    (icon)
                    span.where { (lang.name(&region.names)) }
                    span.word { (region_word(lang, region)) }
                }
            }
        }
    }
}

/// A cell's state, or that it is blocked.
pub(super) fn region_word(lang: Lang, region: &RegionAnswer) -> &'static str {
    if region.blocked_by.is_some() {
        lang.pick("차단됨", "Blocked")
    } else {
        lang.cell_state(region.state)
    }
}

/// Own, perceived and coverage over the three windows.
pub(super) fn availability_table(lang: Lang, availability: &AvailabilityAnswer) -> Markup {
    let windows = availability.named();
    html! {
        table.availability {
            caption.unseen { (lang.pick("가용성", "Availability")) }
            thead {
                tr {
                    td {}
                    @for (name, _) in windows { th scope="col" { (window_name(lang, name)) } }
                }
            }
            tbody {
                tr {
                    th scope="row" title=(lang.pick(
                        "다른 기능에 막힌 시간은 뺀 값", "Without time blocked by other features",
                    )) { (lang.pick("자체", "Own")) }
                    @for (_, window) in windows { (own_cell(lang, window.own, window.coverage)) }
                }
                tr {
                    th scope="row" title=(lang.pick(
                        "사용자가 겪은 값: 막힌 시간도 장애로 셈", "What users got: blocked time is down",
                    )) { (lang.pick("체감", "Perceived")) }
                    @for (_, window) in windows { td { (figures::percent(window.perceived)) } }
                }
                tr.coverage {
                    th scope="row" title=(lang.pick(
                        "측정으로 아는 시간의 비율", "Share of time that is known",
                    )) { (lang.pick("관측률", "Coverage")) }
                    @for (_, window) in windows { td { (figures::percent(Some(window.coverage))) } }
                }
            }
        }
    }
}

/// An own availability; marked when too little of the window is known to rely on it.
fn own_cell(lang: Lang, own: Option<f64>, coverage: f64) -> Markup {
    let thin = own.is_some() && coverage < COVERAGE_ENOUGH;
    let note = lang.pick(
        "관측이 부족한 값",
        "Insufficient data: little of the window is known",
    );
    html! {
        td class=[thin.then_some("thin")] title=[thin.then_some(note)] {
            (figures::percent(own))
            @if thin { span.unseen { " (" (note) ")" } }
        }
    }
}

const fn window_name(lang: Lang, name: &'static str) -> &'static str {
    match (lang, name.as_bytes()) {
        (Lang::Ko, b"5m") => "5분",
        (Lang::Ko, b"1h") => "1시간",
        (Lang::Ko, b"24h") => "24시간",
        (_, b"5m") => "5 min",
        (_, b"1h") => "1 h",
        (_, _) => "24 h",
    }
}

/// What each region's state rests on.
pub(super) fn regions_table(context: &PageContext, regions: &[RegionAnswer]) -> Markup {
    let lang = context.lang;
    let heads = [
        lang.pick("지역", "Region"),
        lang.pick("상태", "State"),
        lang.pick("보는 에이전트", "Agents that see"),
        lang.pick("표본 (1시간)", "Samples (1 h)"),
        lang.pick("자체 5분 · 1시간 · 24시간", "Own 5 min · 1 h · 24 h"),
        lang.pick("체감 5분 · 1시간 · 24시간", "Perceived 5 min · 1 h · 24 h"),
        lang.pick("마지막 실행", "Last run"),
        lang.pick("마지막 성공", "Last success"),
        lang.pick("마지막 실패", "Last failure"),
    ];
    html! {
        div.scroll tabindex="0" role="region" aria-label=(lang.pick("지역별 근거", "Evidence by region")) {
            table.rows {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { @for region in regions { (region_row(context, region)) } }
            }
        }
    }
}

fn region_row(context: &PageContext, region: &RegionAnswer) -> Markup {
    let lang = context.lang;
    let icon = Icon::of_cell(region.state, region.blocked_by.is_some());
    let windows = region.availability.named();
    let join = |ratios: [Option<f64>; 3]| ratios.map(figures::percent).join(" · ");
    html! {
        tr class={ "t-" (icon.name()) } {
            th scope="row" { (lang.name(&region.names)) }
            td {
                (icon) " " strong { (region_word(lang, region)) }
                @if let Some(by) = &region.blocked_by { " " (lang.blocked_by(by.as_str())) }
                @if let Some(since) = region.since { br; small { (lasting(context, since)) } }
                @if !region.overlays.is_empty() {
                    br; (overlay_labels(lang, &region.overlays))
                }
            }
            td {
                (region.seeing) " / " (region.agents)
                @if !region.quarantined.is_empty() {
                    br;
                    small {
                        (lang.pick("격리됨", "Quarantined")) ": "
                        (region.quarantined.iter().map(|a| a.as_str()).collect::<Vec<_>>().join(", "))
                    }
                }
            }
            td title=(samples_title(lang, region)) {
                (region.samples.valid()) " / " (region.samples.expected())
            }
            td.figures { (join(windows.map(|(_, w)| w.own))) }
            td.figures { (join(windows.map(|(_, w)| w.perceived))) }
            td { (mention(context, region.last_run.as_ref())) }
            td { (mention(context, region.last_success.as_ref())) }
            td {
                @match &region.last_failure {
                    Some(failure) => (last_failure_short(context, failure)),
                    None => "–",
                }
            }
        }
    }
}

fn samples_title(lang: Lang, region: &RegionAnswer) -> String {
    let samples = &region.samples;
    [
        ("pass", samples.pass),
        ("slow", samples.slow),
        ("fail", samples.fail),
        ("blocked", samples.blocked),
        ("blind", samples.blind),
        ("skipped", samples.skipped),
        ("missed", samples.missed),
    ]
    .map(|(word, count)| format!("{} {count}", lang.outcome(word)))
    .join(" · ")
}

fn mention(context: &PageContext, run: Option<&RunMention>) -> Markup {
    html! {
        @match run {
            Some(run) => {
                a href=(context.link(&format!("/runs/{}", run.run_id))) title=(run.agent) {
                    (figures::time(run.at, context.now, &context.zone))
                }
            }
            None => "–",
        }
    }
}

fn last_failure_short(context: &PageContext, failure: &FailureAnswer) -> Markup {
    html! {
        a href=(context.link(&format!("/runs/{}", failure.run_id))) title=(failure.agent) {
            (figures::time(failure.at, context.now, &context.zone)) " " (failure.class)
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
