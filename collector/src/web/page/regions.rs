//! The regions of a feature: as chips, and as a table of what each state rests on.

use bongsu_availability::Confidence;
use bongsu_model::CellState;
use maud::{Markup, html};

use super::board::{lasting, overlay_labels};
use super::icon::Icon;
use super::layout::PageContext;
use super::{Lang, figures};
use crate::web::answer::{FailureAnswer, RegionAnswer, RunMention};

/// A chip for each region.
pub(super) fn region_chips(lang: Lang, regions: &[RegionAnswer]) -> Markup {
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
fn region_word(lang: Lang, region: &RegionAnswer) -> &'static str {
    if region.blocked_by.is_some() {
        lang.pick("차단됨", "Blocked")
    } else {
        lang.cell_state(region.state)
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
                @if let Some(by) = &region.blocked_by { " " (lang.blocked_by(context.feature_name(by))) }
                @if let Some(since) = region.since { br; small { (lasting(context, since)) } }
                @if region.state == CellState::Down && region.confidence == Confidence::Low {
                    br;
                    small { (lang.pick("에이전트 하나의 근거뿐", "On the word of one agent alone")) }
                }
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
                a href=(context.link(&format!("/runs/{}", run.run))) title=(run.agent) {
                    (figures::time(run.at, context.now, &context.zone))
                }
            }
            None => "–",
        }
    }
}

fn last_failure_short(context: &PageContext, failure: &FailureAnswer) -> Markup {
    html! {
        a href=(context.link(&format!("/runs/{}", failure.run))) title=(failure.agent) {
            (figures::time(failure.at, context.now, &context.zone)) " " (failure.class)
        }
    }
}
