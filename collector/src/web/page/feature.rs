//! A feature's page: its regions, its recent changes of state, its recent runs.

use maud::{Markup, html};

use super::availability::availability_table;
use super::board::{labels, service_name, state_line};
use super::icon::Icon;
use super::layout::{PageContext, freshness, page};
use super::regions::regions_table;
use super::{Lang, figures};
use crate::web::answer::{
    BoardAnswer, FeatureAnswer, FeatureDetailAnswer, RunAnswer, TransitionAnswer,
};

/// The page of one feature of `board`. `runs` is none when the journal could not be read.
pub fn feature_page(
    context: &PageContext,
    board: &BoardAnswer,
    detail: &FeatureDetailAnswer,
    runs: Option<&[RunAnswer]>,
) -> String {
    let lang = context.lang;
    let feature = &detail.feature;
    let content = html! {
        p.crumb {
            a href=(context.link("/")) { (lang.pick("현황판", "Board")) }
            " › " (service_name(board, &feature.service, lang))
        }
        (subject(context, board, feature))
        (freshness(context, detail.as_of))
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
        section.block aria-labelledby="h-runs" data-part="runs" {
            h2 #h-runs { (lang.pick("최근 실행", "Recent runs")) }
            (recent_runs(context, runs))
        }
    };
    page(context, lang.name(&feature.names), detail.as_of, &content).into_string()
}

fn subject(context: &PageContext, board: &BoardAnswer, feature: &FeatureAnswer) -> Markup {
    let lang = context.lang;
    let icon = Icon::of_feature(feature.state, feature.blocked_by.is_some());
    html! {
        div.split data-part="subject" {
            div class={ "subject t-" (icon.name()) } {
                (icon)
                div {
                    h1 { (lang.name(&feature.names)) }
                    p.state role="status" { (state_line(context, feature)) }
                    (labels(context, &board.features, feature))
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
    let place = transition.region.as_ref().map(|id| {
        feature
            .regions
            .iter()
            .find(|region| region.region == *id)
            .map_or(id.as_str(), |region| lang.name(&region.names))
    });
    html! {
        tr {
            td { (figures::time(transition.at, context.now, &context.zone)) }
            td { (place.unwrap_or_else(|| lang.pick("기능 전체", "The feature"))) }
            td {
                @if transition.kind == "quarantine" {
                    (quarantine_text(lang, transition))
                } @else {
                    @if let Some(from) = transition.from { (lang.state_word(from)) " → " }
                    strong { (lang.state_word(transition.to)) }
                    @if let Some(by) = &transition.blocked_by {
                        " · " (lang.blocked_by(by.as_str()))
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

fn quarantine_text(lang: Lang, transition: &TransitionAnswer) -> String {
    let agent = transition.agent.as_ref().map_or("", |agent| agent.as_str());
    match (lang, transition.to) {
        (Lang::Ko, "held") => format!("에이전트 {agent} 격리: 혼자만 실패함"),
        (Lang::En, "held") => format!("Agent {agent} quarantined: it fails alone"),
        (Lang::Ko, _) => format!("에이전트 {agent} 격리 해제"),
        (Lang::En, _) => format!("Agent {agent} released from quarantine"),
    }
}

fn recent_runs(context: &PageContext, runs: Option<&[RunAnswer]>) -> Markup {
    let lang = context.lang;
    html! {
        @match runs {
            None => {
                p.none.wrong {
                    (lang.pick("지금은 저널을 읽을 수 없습니다.", "The journal cannot be read now."))
                }
            }
            Some([]) => p.none { (lang.pick("없음", "None")) },
            Some(runs) => {
                div.card {
                    div.scroll tabindex="0" role="region" aria-labelledby="h-runs" {
                        table.rows {
                            thead {
                                tr {
                                    th scope="col" { (lang.pick("시작", "Started")) }
                                    th scope="col" { (lang.pick("결과", "Outcome")) }
                                    th scope="col" { (lang.pick("에이전트", "Agent")) }
                                    th scope="col" { (lang.pick("여정", "Journey")) }
                                    th scope="col" { (lang.pick("걸린 시간", "Took")) }
                                    th scope="col" { (lang.pick("정리", "Cleanup")) }
                                }
                            }
                            tbody { @for run in runs { (run_row(context, run)) } }
                        }
                    }
                }
            }
        }
    }
}

fn run_row(context: &PageContext, run: &RunAnswer) -> Markup {
    let lang = context.lang;
    let icon = Icon::of_outcome(run.verdict.outcome);
    html! {
        tr class={ "t-" (icon.name()) } {
            td {
                a href=(context.link(&format!("/runs/{}", run.id))) {
                    (figures::time(run.started, context.now, &context.zone))
                }
            }
            td { (icon) " " strong { (lang.outcome(run.verdict.outcome)) } (verdict_cause(run)) }
            td { (run.agent) " " small { (run.region) } }
            td { (run.journey) " " small { (run.variant) " · " (run.trigger) } }
            td { (figures::latency(run.ended.0.since(run.started.0).as_secs_f64())) }
            td { (run.cleanup) }
        }
    }
}

/// Why the verdict is what it is: ` (timeout)`, ` (account.login)`.
pub(super) fn verdict_cause(run: &RunAnswer) -> String {
    let verdict = &run.verdict;
    let cause = verdict
        .class
        .map(|class| class.as_str())
        .or_else(|| verdict.by.as_ref().map(|by| by.as_str()))
        .or(verdict.reason);
    cause.map(|cause| format!(" ({cause})")).unwrap_or_default()
}
