//! A feature's page: its regions, its recent changes of state, its recent runs.

use bongsu_availability::StripWindow;
use bongsu_model::RegionId;
use maud::{Markup, html};

use super::availability::availability_table;
use super::board::{labels, service_name, state_line};
use super::claims::{claim_lines, feature_claims};
use super::icon::Icon;
use super::layout::{PageContext, freshness, page};
use super::regions::regions_table;
use super::runs::{latency_line, runs_address, runs_table};
use super::strip::strip_section;
use super::{Lang, figures};
use crate::web::answer::{
    BoardAnswer, ClaimsAnswer, FeatureAnswer, FeatureDetailAnswer, NamesAnswer, RunAnswer,
    StripAnswer, TransitionAnswer, to_jiff,
};

/// What a feature's page shows beside the feature. None where it could not be read.
#[derive(Debug)]
pub struct FeatureMore {
    /// How far back the strip reaches.
    pub window: StripWindow,
    /// The feature over time.
    pub strip: Option<StripAnswer>,
    /// What was said of it.
    pub claims: ClaimsAnswer,
    /// Its newest runs.
    pub runs: Option<Vec<RunAnswer>>,
    /// Its newest runs that failed.
    pub failures: Option<Vec<RunAnswer>>,
}

/// The page of one feature of `board`.
pub fn feature_page(
    context: &PageContext,
    board: &BoardAnswer,
    detail: &FeatureDetailAnswer,
    more: &FeatureMore,
) -> String {
    let lang = context.lang;
    let feature = &detail.feature;
    let content = html! {
        p.crumb {
            a href=(context.link("/")) { (lang.pick("현황판", "Board")) }
            " › " (service_name(board, &feature.service, lang))
        }
        (subject(context, feature))
        (freshness(context, detail.as_of))
        (strip_section(context, more.window, more.strip.as_ref(), &more.claims))
        (feature_claims(context, feature, &more.claims))
        section.block aria-labelledby="h-regions" data-part="regions" {
            h2 #h-regions { (lang.pick("지역", "Regions")) }
            @if feature.regions.is_empty() {
                p.none {
                    (lang.pick(
                        "이 기능을 측정하는 에이전트의 계획이 없습니다.",
                        "No agent's plan measures this feature.",
                    ))
                }
            } @else {
                div.card { (regions_table(context, &feature.regions)) }
            }
        }
        section.block aria-labelledby="h-transitions" data-part="transitions" {
            h2 #h-transitions { (lang.pick("최근 상태 변화", "Recent changes of state")) }
            (transitions(context, feature, &detail.transitions))
        }
        section.block aria-labelledby="h-failures" data-part="failures" {
            h2 #h-failures { (lang.pick("최근 실패", "Last failures")) }
            (listed(context, more.failures.as_deref(), "h-failures"))
        }
        section.block aria-labelledby="h-runs" data-part="runs" {
            div.heading {
                h2 #h-runs { (lang.pick("최근 실행", "Recent runs")) }
                nav.ways aria-label=(lang.pick("더 보기", "More")) {
                    a href=(context.link(&runs_address(&[("feature", feature.id.as_str())]))) {
                        (lang.pick("모든 실행", "All runs"))
                    }
                }
            }
            @if let Some(line) = more.runs.as_deref().and_then(|runs| latency_line(lang, runs)) {
                p.hint { (line) }
            }
            (listed(context, more.runs.as_deref(), "h-runs"))
        }
    };
    page(context, lang.name(&feature.names), detail.as_of, &content).into_string()
}

fn subject(context: &PageContext, feature: &FeatureAnswer) -> Markup {
    let lang = context.lang;
    let icon = Icon::of_feature(feature.state, feature.blocked_by.is_some());
    html! {
        div.split data-part="subject" {
            div class={ "subject t-" (icon.name()) } {
                (icon)
                div {
                    h1 { (lang.name(&feature.names)) }
                    p.state role="status" { (state_line(context, feature)) }
                    (labels(context, feature))
                    (claim_lines(context, feature))
                    p { small.mono { (feature.id) } }
                }
            }
            (availability_table(lang, &feature.availability))
        }
    }
}

fn transitions(
    context: &PageContext,
    feature: &FeatureAnswer,
    transitions: &[TransitionAnswer],
) -> Markup {
    let lang = context.lang;
    html! {
        @if transitions.is_empty() {
            p.none {
                (lang.pick("수집기가 시작된 뒤로 변화가 없습니다.", "None since the collector started."))
            }
        } @else {
            div.card {
                div.scroll tabindex="0" role="region" aria-labelledby="h-transitions" {
                    table.rows {
                        thead {
                            tr {
                                th scope="col" { (lang.pick("시각", "When")) }
                                th scope="col" { (lang.pick("어디", "Where")) }
                                th scope="col" { (lang.pick("변화", "Change")) }
                                th scope="col" { (lang.pick("근거가 된 실행", "Runs behind it")) }
                            }
                        }
                        tbody {
                            @for transition in transitions {
                                (transition_row(context, feature, transition))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn transition_row(
    context: &PageContext,
    feature: &FeatureAnswer,
    transition: &TransitionAnswer,
) -> Markup {
    let lang = context.lang;
    let regions = feature.regions.iter().map(|r| (&r.region, &r.names));
    html! {
        tr {
            td { (figures::time(transition.at, context.now, &context.zone)) }
            td { (place(lang, transition, regions)) }
            td {
                @if matches!(transition.kind, "quarantine" | "incident") {
                    (what_changed(lang, transition))
                } @else {
                    @if let Some(from) = transition.from { (lang.state_word(from)) " → " }
                    strong { (lang.state_word(transition.to)) }
                    @if let Some(by) = &transition.blocked_by {
                        " · " (lang.blocked_by(context.feature_name(by)))
                    }
                }
            }
            td {
                @if transition.evidence.is_empty() { "–" }
                @for (i, run) in transition.evidence.iter().enumerate() {
                    @if i > 0 { " " }
                    a.mono href=(context.link(&format!("/runs/{run}"))) {
                        (run.to_string().get(24..).unwrap_or_default())
                    }
                }
            }
        }
    }
}

/// Where something changed: a region's name, or the feature as a whole.
fn place<'a>(
    lang: Lang,
    transition: &'a TransitionAnswer,
    mut regions: impl Iterator<Item = (&'a RegionId, &'a NamesAnswer)>,
) -> &'a str {
    let Some(id) = &transition.region else {
        return lang.pick("기능 전체", "The feature");
    };
    let known = regions.find(|(region, _)| *region == id);
    known.map_or(id.as_str(), |(_, names)| lang.name(names))
}

/// A change in one line: `14:17:48 서울 정상 → 장애`.
pub(super) fn change_text(
    context: &PageContext,
    strip: &StripAnswer,
    change: &TransitionAnswer,
) -> String {
    let lang = context.lang;
    let at = to_jiff(change.at.0).to_zoned(context.zone.clone());
    let regions = strip.regions.iter().map(|r| (&r.region, &r.names));
    let (place, what) = (place(lang, change, regions), what_changed(lang, change));
    format!("{} {place} {what}", at.strftime("%H:%M:%S"))
}

fn what_changed(lang: Lang, change: &TransitionAnswer) -> String {
    match change.kind {
        "quarantine" => quarantine_text(lang, change),
        "incident" => lang.incident_step(change.to).to_owned(),
        _ => {
            let from = change
                .from
                .map(|from| format!("{} → ", lang.state_word(from)));
            from.unwrap_or_default() + lang.state_word(change.to)
        }
    }
}

fn quarantine_text(lang: Lang, transition: &TransitionAnswer) -> String {
    let agent = transition.agent.as_ref().map_or("", |agent| agent.as_str());
    match (lang, transition.to) {
        (Lang::Ko, "held") => format!("에이전트 {agent} 격리: 혼자만 실패함"),
        (Lang::En, "held") => format!("Agent {agent} quarantined: it fails alone"),
        (Lang::Ko, _) => format!("에이전트 {agent} 격리 해제"),
        (Lang::En, _) => format!("Agent {agent} released from quarantine"),
    }
}

/// Runs as a table; none when the journal could not be read.
fn listed(context: &PageContext, runs: Option<&[RunAnswer]>, labelled_by: &str) -> Markup {
    html! {
        @match runs {
            None => p.none.wrong {
                (context.lang.pick("지금은 저널을 읽을 수 없습니다.", "The journal cannot be read now."))
            },
            Some(runs) => (runs_table(context, runs, labelled_by)),
        }
    }
}
